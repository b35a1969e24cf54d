package chat

import (
	"testing"
	"time"

	"yanquan/bot"
)

// event hands over an event of the app.
func (b *bench) event(kind bot.Kind, user, text string) bot.Reply {
	b.t.Helper()
	m := b.at(app, "", user)
	m.Kind, m.Text = kind, text
	return b.give(m)
}

func TestGreetingOnceADay(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for user, want := range map[string]string{"zhangsan": "可以这样发", "nobody": "不在名单里", "boss": "可以这样发"} {
			has(t, b.event(bot.Enter, user, ""), want)
			for range 3 {
				if r := b.event(bot.Enter, user, ""); !r.Empty() {
					t.Errorf("%s is greeted again:\n%s", user, show(r))
				}
			}
			b.pass(time.Second)
			n := 0
			for _, d := range b.courier.all() {
				if d.User == user {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s got %d greetings", user, n)
			}
		}
		b.clock.Advance(10 * time.Hour) // midnight in Beijing
		has(t, b.event(bot.Enter, "zhangsan", ""), "可以这样发")
	})
}

func TestUsageIsToldToManagers(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for text := range usageSayings {
			for range 2 { // WeCom may say it twice
				if r := b.event(bot.Usage, "sys", text); !r.Empty() {
					t.Errorf("the system is answered:\n%s", show(r))
				}
			}
		}
		b.event(bot.Usage, "", "something_new")
		b.pass(10 * time.Second)
		sent := b.courier.all()
		if len(sent) != len(usageSayings) {
			t.Errorf("%d notices, want %d", len(sent), len(usageSayings))
		}
		for _, d := range sent {
			if d.User != "boss" || d.Channel != app {
				t.Errorf("told to %s at %s", d.User, d.Channel)
			}
			has(t, d.Reply, "2026-11-23")
			hasNot(t, d.Reply, "%!")
		}
	})
}
