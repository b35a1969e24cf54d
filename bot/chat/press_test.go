package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/models"
)

// Whatever has happened since a card was shown, a press on it is answered by an
// update with the truth, and what that offers can be done.
func TestPressTellsTheTruth(t *testing.T) {
	const (
		first, second = "5000000001", "5000000002"
		me            = "zhangsan"
	)
	type button struct {
		say, key string // key: the button's text; empty: 查看结果, which the card has not
	}
	buttons := map[string]button{
		"undo": {"验 " + first, "撤销"},
		"list": {"验 " + first + " " + second, "撤 尾号0001"},
		"look": {first, "确认核销"},
		"show": {"验 " + first, ""},
	}
	undoText := func(user string) func(*bench) {
		return func(b *bench) { has(b.t, b.privately(user, "撤 "+first), "已撤销") }
	}
	operation := func(b *bench) models.Operation {
		op, err := b.db.Journal.ByCoupon(b.t.Context(), 1, first)
		b.must(err)
		return op
	}
	states := map[string]struct {
		becomes func(*bench)
		want    map[string][]string // by button; "": any other
	}{
		"fresh": {func(*bench) {}, map[string][]string{
			"undo": {"已撤销", "新的券码"}, "list": {"成功 1 个", "↩0001: 双人下午茶 已撤销", "[撤 尾号0002]"},
			"look": {"核销成功", "[撤销]"}, "show": {"核销成功", "[撤销]"},
		}},
		"undone by me": {undoText(me), map[string][]string{
			"": {"已撤销", "张三"}, "list": {"成功 1 个", "↩0001: 双人下午茶 已撤销", "[撤 尾号0002]"}, "look": nil,
		}},
		"undone by another": {undoText("wangwu"), map[string][]string{
			"": {"已撤销", "王五"}, "list": {"成功 1 个", "↩0001: 双人下午茶 已撤销", "[撤 尾号0002]"}, "look": nil,
		}},
		"window closed": {func(b *bench) { b.clock.Advance(11 * time.Minute) }, map[string][]string{
			"": {"核销成功", "已过撤销时间"}, "list": {"成功 2 个"}, "look": {"核销成功", "[撤销]"},
		}},
		"superseded": {func(b *bench) { b.must(b.db.Journal.Supersede(b.t.Context(), operation(b))) }, map[string][]string{
			"": {"后来这个券码又核销过一次"}, "list": {"成功 2 个", "[撤 尾号0002]"}, "look": nil,
		}},
		"verified by another": {func(b *bench) { has(b.t, b.privately("lisi", "验 "+first), "核销成功") }, map[string][]string{
			"": nil, "look": {"此券已核销", "李四"},
		}},
		"store unbound": {func(b *bench) {
			_, err := b.db.Directory.UnbindChat(b.t.Context(), 1, group)
			b.must(err)
			_, err = b.db.Directory.RemoveMember(b.t.Context(), 1, me) // an app has no groups
			b.must(err)
		}, map[string][]string{"": {"不能在这里"}}},
		"role lost": {func(b *bench) {
			_, err := b.db.Directory.RemoveMember(b.t.Context(), 1, me)
			b.must(err)
		}, map[string][]string{"": {"不在名单里"}}},
	}
	for channel, chat := range map[string]string{robot: group, app: ""} {
		for name, s := range states {
			for which, press := range buttons {
				want, ok := s.want[which]
				if !ok {
					want = s.want[""]
				}
				if want == nil { // it does not come to this
					continue
				}
				t.Run(channel+"/"+name+"/"+which, func(t *testing.T) {
					here(t, func(t *testing.T, b *bench) {
						b.voucher(first)
						b.voucher(second)
						shown := b.in(chat, me, press.say)
						b.bot.Pass(t.Context())
						m := b.at(channel, chat, me)
						m.Kind, m.Button = bot.Click, &bot.Button{TaskID: shown.Card.TaskID}
						m.Way.Wire = wire("response_code", "pressed")
						if press.key == "" {
							m.Button.Key = command.Button{Action: command.ActShow, Operation: operation(b).ID}.Key()
						} else {
							m.Button.Key = b.key(shown, press.key)
						}
						s.becomes(b)
						calls := b.calls("reverseconsume")
						r := b.give(m)
						has(t, r, want...)
						b.canBeDone(r, me, chat)
						if name != "fresh" && b.calls("reverseconsume") != calls {
							t.Error("the platform was asked to undo")
						}
						if twice := b.platform.TwiceConsumed(); len(twice) > 0 {
							t.Errorf("consumed twice: %v", twice)
						}
						if channel == app {
							b.pass(time.Second)
							b.answersPress(shown.Card.TaskID)
						} else if r.Card != nil && which == "list" {
							has(t, r, "2 个券码") // what all see stays a list
						}
					})
				})
			}
		}
	}
}

// canBeDone fails where a reply offers what its reader cannot do.
func (b *bench) canBeDone(r bot.Reply, user, chat string) {
	b.t.Helper()
	if r.Card == nil {
		return
	}
	m := bot.Message{User: user, Chat: chat}
	places, _, err := b.bot.access.Of(b.t.Context(), b.db, m)
	b.must(err)
	for _, k := range r.Card.Keys {
		if pressed, err := command.ReadButton(k.Key); err == nil && pressed.Action == command.ActUndo {
			op, err := b.db.Journal.Get(b.t.Context(), pressed.Operation)
			b.must(err)
			p, ok := access.Find(places, op.StoreID)
			if !ok || !p.MayUndo(op) || !b.bot.words.Undoable(op) {
				b.t.Errorf("%q is offered, and cannot be done:\n%s", k.Text, show(r))
			}
			continue
		}
		b.t.Errorf("%q is offered", k.Text)
	}
}

// answersPress fails unless a press on the app's card was answered by one change of
// that card, and by nothing else.
func (b *bench) answersPress(taskID string) {
	b.t.Helper()
	n := 0
	for _, d := range b.courier.all() {
		if d.Way.Wire != wire("response_code", "pressed") {
			continue
		}
		n++
		if d.Form != bot.AsUpdate || d.Card != taskID || d.Change {
			b.t.Errorf("the press is answered by %+v", d)
		}
	}
	if n != 1 {
		b.t.Errorf("%d answers to the press", n)
	}
}

// Who may not undo is told so on the card, which goes on saying what it said.
func TestPressByWhoMayNot(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.privately("zhangsan", "验 "+Code)
		r := b.privately("lisi", Code)
		no := b.pressPrivately("lisi", r.Card, b.key(r, "撤销"))
		has(t, no, "您不能撤销", "只有本人、组长或店长", Code, "双人下午茶")
		b.canBeDone(no, "lisi", "")
		has(t, b.press("zhangsan", &bot.Card{TaskID: "old"}, "nonsense"), "按钮已经失效")
		b.effects(Code, 1, 0)
	})
}
