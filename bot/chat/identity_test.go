package chat

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/dianping/dianpingtest"
)

// directory knows some members, and counts who asks.
type directory struct {
	ids, names map[string]string
	err        error
	asked      int
}

func (d *directory) Name(_ context.Context, user string) (string, error) {
	d.asked++
	return d.names[user], d.err
}

func (d *directory) UserIDs(_ context.Context, openIDs []string) (map[string]string, error) {
	d.asked++
	if d.err != nil {
		return nil, d.err
	}
	found := map[string]string{}
	for _, id := range openIDs {
		if user, ok := d.ids[id]; ok {
			found[id] = user
		}
	}
	return found, nil
}

const encrypted = "woAJ2GCAAAXtWyujaWJHDDGi0mACHAAA"

// A robot that names people by encrypted ids still finds them on the list.
func TestEncryptedIDs(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		known := &directory{ids: map[string]string{encrypted: "ZhangSan"}}
		b.configure(func(o *Options) { o.Directory = known })
		b.voucher(Code)
		ask := func(text string) bot.Reply {
			m := b.at(robot, group, strings.ToLower(encrypted))
			m.SentAs, m.Kind, m.Text = encrypted, bot.Text, text
			return b.give(m)
		}
		has(t, ask("验 "+Code), "核销成功", "张三")
		has(t, ask("撤"), "要撤销这一次吗")
		if known.asked != 1 {
			t.Errorf("asked %d times", known.asked)
		}
		// Not permitted (48002, of which wecom.Sender makes no error): the person is known
		// by the encrypted id, after a while.
		b.clock.Advance(access.DirectoryTells)
		known.ids = nil
		has(t, ask("验 "+Code), "您还不在名单里", strings.ToLower(encrypted))
	})
}

// The userid that an encrypted id stands for outlasts trouble at WeCom, which is asked again
// within seconds. Where no userid was known yet, nothing is done under the encrypted one.
func TestDirectoryFails(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		known := &directory{ids: map[string]string{encrypted: "ZhangSan"}, err: errors.New("no answer")}
		b.configure(func(o *Options) { o.Directory, o.AccessByGroup = known, true })
		b.voucher(Code)
		ask := func(text string) bot.Reply {
			m := b.at(robot, group, strings.ToLower(encrypted))
			m.SentAs, m.Kind, m.Text = encrypted, bot.Text, text
			return b.give(m)
		}
		has(t, ask("验 "+Code), "现在认不出您")
		has(t, ask("我是 张三"), "现在认不出您")
		press := b.at(robot, group, strings.ToLower(encrypted))
		press.SentAs, press.Kind, press.Button = encrypted, bot.Click, &bot.Button{TaskID: "t", Key: command.Button{Action: command.ActStore, Store: 1, Command: command.Parse("验 " + Code)}.Key()}
		has(t, b.give(press), "现在认不出您")
		if known.asked != 1 {
			t.Errorf("asked %d times at once", known.asked)
		}
		b.effects(Code, 0, 0)

		b.clock.Advance(10 * time.Second)
		known.err = nil
		has(t, ask("今天"), "今日")
		b.clock.Advance(access.DirectoryTells)
		known.err = errors.New("no answer")
		has(t, ask("验 "+Code), "核销成功", "张三")
		known.err, known.asked = nil, 0
		b.clock.Advance(10 * time.Second)
		if has(t, ask("撤"), "要撤销这一次吗"); known.asked != 1 {
			t.Errorf("asked %d times after trouble", known.asked)
		}
	})
}

// What a settling tells goes to the person, by whichever way is left, and to no id that
// only the robot knows.
func TestEncryptedIDsToldLater(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Directory = &directory{ids: map[string]string{encrypted: "ZhangSan"}} })
		b.voucher(Code)
		for _, call := range []string{"consume", "getconsumed"} {
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: call, Applied: true, Times: 1000}))
		}
		m := b.at(robot, group, strings.ToLower(encrypted))
		m.SentAs, m.Kind, m.Text = encrypted, bot.Text, "验 "+Code
		b.start(m)
		wait := func(whole time.Duration) {
			for range whole / (30 * time.Second) {
				b.clock.Advance(30 * time.Second)
				b.bot.Pass(t.Context())
			}
		}
		wait(4 * time.Minute)
		b.platform.ClearFaults()
		b.clock.Advance(2 * time.Hour) // the reply address is over
		wait(5 * time.Minute)
		told := map[string]int{}
		for _, d := range b.courier.all() {
			if told[d.User]++; strings.EqualFold(d.User, encrypted) {
				t.Errorf("%s was told by %s: %+v", d.User, d.Channel, d.Reply)
			}
		}
		if told["zhangsan"] < 2 {
			t.Errorf("told: %v", told)
		}
	})
}

// Who is on no list is called by the directory's name, or by the userid.
func TestNames(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		known := &directory{names: map[string]string{"boss": "老板"}}
		b.configure(func(o *Options) { o.Directory = known })
		b.voucher(Code)
		b.voucher("10000001")
		has(t, b.say("boss", "验 "+Code), "核销成功", "老板")
		has(t, b.say("zhangsan", "验 10000001"), "核销成功", "张三")
		if known.asked != 1 {
			t.Errorf("asked %d times", known.asked)
		}
		b.clock.Advance(access.DirectoryTells + time.Second)
		known.err = errors.New("no answer")
		known.names = nil
		b.voucher("10000002")
		has(t, b.say("boss", "验 10000002"), "核销成功", "老板")
	})
}
