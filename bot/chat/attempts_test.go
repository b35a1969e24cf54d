package chat

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/dianping"
	"yanquan/models"
)

// attempts is what a person finds of what was not verified.
func (b *bench) attempts(user string, q desk.AttemptSearch) desk.Attempts {
	b.t.Helper()
	d, err := b.bot.desks.Desk(b.t.Context(), user)
	b.must(err)
	a, err := b.bot.desks.Attempts(b.t.Context(), d, q)
	b.must(err)
	return a
}

// tried are the rows, each in one line.
func tried(a desk.Attempts) (rows []string) {
	for _, r := range a.Rows {
		rows = append(rows, fmt.Sprintf("%s %s %s %s ×%d", r.Store, r.User, r.Code, r.Says, r.Times))
	}
	return rows
}

// What was not verified is listed for those who lead or manage the store, by reason, and
// a person who sends the same code again within a minute is one row.
func TestAttempts(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		const wrong, good = "7000000099", "7000000001"
		b.voucher(good)
		has(t, b.say("zhangsan", "验 "+good), "核销成功")
		for _, pause := range []time.Duration{0, 50 * time.Second, 50 * time.Second} {
			b.clock.Advance(pause)
			has(t, b.say("zhangsan", "验 "+wrong), "券码不存在")
		}
		b.clock.Advance(time.Second)
		has(t, b.say("lisi", "验 "+wrong), "券码不存在")
		b.clock.Advance(61 * time.Second)
		has(t, b.say("zhangsan", "验 "+wrong), "券码不存在")
		b.clock.Advance(time.Second)
		has(t, b.say("lisi", "验 "+good), "此券已核销")
		b.clock.Advance(time.Second)
		has(t, b.in(both, "qianqi", "验 "+wrong), "券码不存在")

		first := []string{
			"人民广场店 李四 " + good + " 此券已核销 ×1", "人民广场店 张三 " + wrong + " 券码不存在 ×1",
			"人民广场店 李四 " + wrong + " 券码不存在 ×1", "人民广场店 张三 " + wrong + " 券码不存在 ×3",
		}
		second := "徐家汇店 钱七 " + wrong + " 券码不存在 ×1"
		for _, tt := range []struct {
			user  string
			q     desk.AttemptSearch
			rows  []string
			times int
		}{
			{"wangwu", desk.AttemptSearch{Days: command.Today}, first, 6},
			{"wangwu", desk.AttemptSearch{Days: command.Today, Store: 2}, nil, 0}, // not theirs
			{"wangwu", desk.AttemptSearch{Days: command.Today, Cause: "此券已核销"}, first[:1], 6},
			{"wangwu", desk.AttemptSearch{Days: command.Today, Cause: "券码不存在"}, first[1:], 6},
			{"wangwu", desk.AttemptSearch{Days: command.Today, Cause: "券已过期"}, nil, 6}, // none was
			{"wangwu", desk.AttemptSearch{Days: command.Yesterday}, nil, 0},
			{"boss", desk.AttemptSearch{Days: command.ThisMonth}, append([]string{second}, first...), 7},
			{"boss", desk.AttemptSearch{Days: command.ThisMonth, Store: 2}, []string{second}, 1},
			{"zhangsan", desk.AttemptSearch{Days: command.Today}, nil, 0}, // leads nothing
		} {
			a := b.attempts(tt.user, tt.q)
			if got := tried(a); !cmp.Equal(got, tt.rows) && len(got)+len(tt.rows) > 0 || a.Times != tt.times || a.Next != nil {
				t.Errorf("%s, %+v: %d times, %v\n%s", tt.user, tt.q, a.Times, a.Next, cmp.Diff(tt.rows, got))
			}
		}
		var causes []string
		for _, r := range b.attempts("wangwu", desk.AttemptSearch{Days: command.Today}).Refused {
			causes = append(causes, fmt.Sprint(r.What, r.Times))
		}
		if diff := cmp.Diff([]string{"券码不存在5", "此券已核销1"}, causes); diff != "" {
			t.Error(diff)
		}
		d, err := b.bot.desks.Desk(t.Context(), "boss")
		b.must(err)
		if _, err := b.bot.desks.Attempts(t.Context(), d, desk.AttemptSearch{Days: "nonsense"}); !errors.Is(err, desk.ErrNoPeriod) {
			t.Errorf("of no period: %v", err)
		}
	})
}

// Page by page comes everything, once; reasons that people call the same are one cause.
func TestAttemptsPages(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		reasons := []string{string(dianping.NotFound), string(dianping.NoRecord), string(dianping.Expired)}
		for i := range 75 {
			_, err := b.db.Journal.Refuse(t.Context(), models.Operation{
				ID: fmt.Sprint("op", i), StoreID: 1, Code: fmt.Sprint(7000000000 + i), Count: 1, InboxID: fmt.Sprint("in", i), UserID: "lisi", User: "李四",
				CreatedAt: b.clock.Now(), Outcome: models.Outcome{Reason: reasons[i%3]},
			})
			b.must(err)
			if i%4 == 0 {
				b.clock.Advance(time.Second)
			}
		}
		for cause, want := range map[string]int{"": 75, "券码不存在": 50, "券已过期": 25} {
			q, seen := desk.AttemptSearch{Days: command.Today, Cause: cause}, map[string]int{}
			for pages := 1; ; pages++ {
				a := b.attempts("wangwu", q)
				if a.Times != 75 || len(a.Refused) != 2 {
					t.Fatalf("page %d of %q counts %+v", pages, cause, a.Refused)
				}
				for _, r := range a.Rows {
					seen[r.ID]++
				}
				if a.Next == nil {
					break
				}
				q.After = *a.Next
			}
			if len(seen) != want {
				t.Errorf("%q: %d, want %d", cause, len(seen), want)
			}
		}
	})
}
