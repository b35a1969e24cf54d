package chat

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// deliveries counts them by channel and reason.
type deliveries struct {
	noObserver
	mu   sync.Mutex
	seen []string
}

func (d *deliveries) Delivered(channel, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, channel+" "+reason)
}

// Each rung that is refused is recorded by its reason, in the outbox and for the
// metrics, and the next one is tried at once.
func TestLadderIsRecorded(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		counted := &deliveries{}
		b.configure(func(o *Options) { o.Observer = counted })
		b.voucher(Code)
		r := b.privately("zhangsan", Code)
		b.pass(time.Second)
		counted.seen = nil
		rungs := []bot.DeliveryError{
			{Reason: "update_refused", Downgrade: bot.AsCard}, {Reason: "card_refused", Downgrade: bot.AsMarkdown},
			{Reason: "form_refused", Downgrade: bot.AsText}, {Reason: "content_refused"},
		}
		b.courier.mu.Lock()
		for i := range rungs {
			b.courier.fail = append(b.courier.fail, &rungs[i])
		}
		b.courier.mu.Unlock()
		has(t, b.pressPrivately("zhangsan", r.Card, b.key(r, "确认核销")), "核销成功") // the first try
		_, _, _, before, err := b.db.History.Story(t.Context(), Code)
		b.must(err)
		var want []string
		for i, rung := range rungs {
			if i > 0 {
				b.bot.Pass(t.Context())
			}
			_, _, _, out, err := b.db.History.Story(t.Context(), Code)
			b.must(err)
			want = append(want, app+" "+rung.Reason)
			i := slices.IndexFunc(out, func(o models.Outgoing) bool { return o.Reason == rung.Reason })
			switch {
			case i < 0 || len(out) != len(before):
				t.Fatalf("%s is not recorded: %+v", rung.Reason, out)
			case rung.Downgrade != "" && (out[i].Form != string(rung.Downgrade) || out[i].State != models.Queued):
				t.Errorf("after %s: %+v", rung.Reason, out[i])
			case rung.Downgrade == "" && out[i].State != models.Failed:
				t.Errorf("after the last rung: %+v", out[i])
			}
		}
		if !slices.Equal(counted.seen, want) {
			t.Errorf("counted %q, want %q", counted.seen, want)
		}
	})
}

// A webhook takes 20 messages a minute, of all replicas together; a delivery is up
// to six of them.
func TestWebhookPaceOfReplicas(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		const hook, messages = "webhook/day", 6
		second, err := New(b.bot.Options)
		b.must(err)
		b.must(b.db.Tx(t.Context(), func(tx *models.DB) error {
			for i := range 20 {
				d := bot.Delivery{ID: fmt.Sprintf("summary-%d", i), Channel: hook, Reply: bot.Reply{Text: "日报"}}
				if err := b.bot.out.Enqueue(t.Context(), tx, d, "", "", b.clock.Now()); err != nil {
					return err
				}
			}
			return nil
		}))
		var at []time.Time
		for range 600 {
			var wg sync.WaitGroup
			for _, replica := range []*Bot{b.bot, second} {
				wg.Go(func() { replica.Pass(context.WithoutCancel(t.Context())) })
			}
			wg.Wait()
			for range len(b.courier.all()) - len(at) {
				at = append(at, b.clock.Now())
			}
			if len(at) == 20 {
				break
			}
			b.clock.Advance(time.Second)
		}
		if len(at) != 20 {
			t.Fatalf("%d of 20 were sent", len(at))
		}
		for i, from := range at {
			n := 0
			for _, x := range at[i:] {
				if x.Sub(from) < time.Minute {
					n += messages
				}
			}
			if n > 20 {
				t.Fatalf("%d messages within a minute: %v", n, at)
			}
		}
		if slow := at[19].Sub(at[0]); slow > 7*time.Minute {
			t.Errorf("20 took %v", slow)
		}
	})
}

// Of several replicas, one changes a card.
func TestReplicasChangeACardOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		second, err := New(b.bot.Options)
		b.must(err)
		b.voucher(Code)
		r := b.privately("zhangsan", "验 "+Code)
		b.bot.Pass(t.Context())
		b.clock.Advance(10 * time.Minute)
		for range 20 {
			var wg sync.WaitGroup
			for _, replica := range []*Bot{b.bot, second} {
				wg.Go(func() { replica.Pass(context.WithoutCancel(t.Context())) })
			}
			wg.Wait()
			b.clock.Advance(time.Second)
		}
		b.theChange(r.Card, "code-1", "已过撤销时间")
	})
}
