package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// leaveDoubts puts into the database what a process leaves that has lost the platform's
// answers, told people so, and died. The platform has consumed every second code.
func (b *bench) leaveDoubts(n, people int) {
	b.t.Helper()
	pending, err := json.Marshal(bot.Reply{Text: "核验中", Pending: true})
	b.must(err)
	for i := range n {
		id, code, who, now := NewID(), fmt.Sprintf("79926%05d", i), fmt.Sprintf("staff%03d", i%people), b.clock.Now()
		b.voucher(code)
		if i%2 == 0 {
			_, err := b.bot.Platforms[b.dialect].Consume(b.t.Context(), dianping.Shop{ID: "shop-a", Session: "token-shop-a"},
				dianping.ConsumeRequest{RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: who, Name: who}})
			b.must(err)
		}
		m := b.at(app, "", who)
		m.Kind, m.Text = bot.Text, "验 "+code
		payload, err := json.Marshal(m)
		b.must(err)
		b.must(b.db.Tx(b.t.Context(), func(tx *models.DB) error {
			row, _, err := tx.Inbox.Accept(b.t.Context(), models.Inbox{ID: NewID(), Channel: m.Channel, MessageID: m.ID, User: who, Payload: payload, DueAt: now, ReceivedAt: now})
			if err != nil {
				return err
			}
			op, err := tx.Journal.Begin(b.t.Context(), models.Operation{
				ID: id, StoreID: 1, Code: code, Count: 1, Channel: m.Channel, UserID: who, User: who,
				Title: "双人套餐", PriceFen: 4990, CreatedAt: now, CalledAt: now, DueAt: now,
			}, row)
			if err != nil {
				return err
			}
			if _, err = tx.Journal.DoubtConsume(b.t.Context(), op); err != nil {
				return err
			}
			_, err = tx.Inbox.Answer(b.t.Context(), row, pending, false)
			return err
		}))
	}
}

// tally counts what was sent, and says when that is all.
type tally struct {
	noObserver
	left atomic.Int64
	all  chan struct{}
}

func (s *tally) Delivered(string, string) {
	if s.left.Add(-1) == 0 {
		close(s.all)
	}
}

// Many doubts at once cost the database little more than each by itself: neither is a list
// read again for each, nor is there a look at a message whose outcome is not known yet.
func TestManyDoubtsAtOnce(t *testing.T) {
	t.Parallel()
	const n = 200
	limit := struct{ statements, commits, looks float64 }{23, 4.7, 0.25}
	for _, driver := range []string{models.SQLite, models.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock, rec := noon(), &modelstest.Recorder{}
			b := setup(t, modelstest.On(t, driver, modelstest.WithClock(clock), modelstest.WithRecorder(rec)), clock, dianping.Meituan)
			sent := &tally{all: make(chan struct{})}
			sent.left.Store(n)
			b.configure(func(o *Options) {
				o.Observer = sent
				// What is done wakes what is left. A look for its time's sake would come the
				// more often, the longer this takes.
				o.Pause = func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }
			})
			b.leaveDoubts(n, n)
			rec.Take()
			asked := len(b.platform.Requests())
			ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
			var running sync.WaitGroup
			running.Go(func() { b.bot.Run(ctx, time.Second) })
			select {
			case <-sent.all:
			case <-ctx.Done():
			}
			stop()
			running.Wait()
			seen := rec.Take()
			own, looks, touched := 0, 0, 0
			for _, s := range seen {
				switch word, _, _ := strings.Cut(s.Text, " "); word {
				case "BEGIN", "SAVEPOINT", "RELEASE", "COMMIT": // how many depends on what is written together
				default:
					own++
				}
				switch {
				case strings.HasPrefix(s.Text, "SELECT * FROM `operations` WHERE due_at <= ?"):
					looks++
				case strings.HasPrefix(s.Text, "UPDATE `inbox` SET `told`"):
					touched++
				}
			}
			each := func(of int) float64 { return float64(of) / n }
			statements, commits := each(own), each(modelstest.Commits(seen))
			t.Logf("of each doubt %.2f statements, %.2f commits, %.2f looks for others", statements, commits, each(looks))
			if statements > limit.statements || commits > limit.commits || each(looks) > limit.looks || touched > n {
				t.Errorf("of each doubt %.2f statements, %.2f commits, %.2f looks for others, %.2f for its message; at most %v and 1:\n%s",
					statements, commits, each(looks), each(touched), limit, listed(seen[:min(len(seen), 200)]))
			}
			if got := len(b.platform.Requests()) - asked; got > 2*n {
				t.Errorf("%d calls, at most 2 for each", got)
			}
			told := map[string]bool{}
			for _, d := range b.courier.all() {
				has(t, d.Reply, "核销成功")
				told[d.User] = true
			}
			if len(told) != n {
				t.Errorf("%d of %d people were told", len(told), n)
			}
			for i := range n {
				b.effects(fmt.Sprintf("79926%05d", i), 1, 0)
			}
		})
	}
}
