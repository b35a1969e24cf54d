package chat

import (
	"slices"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/bot/words"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// privately texts to the app.
func (b *bench) privately(user, text string) bot.Reply {
	b.t.Helper()
	m := b.at(app, "", user)
	m.Kind, m.Text = bot.Text, text
	return b.give(m)
}

// pressPrivately presses a button of a card that the app has sent.
func (b *bench) pressPrivately(user string, c *bot.Card, key string) bot.Reply {
	b.t.Helper()
	m := b.at(app, "", user)
	m.Kind, m.Button = bot.Click, &bot.Button{TaskID: c.TaskID, Key: key}
	m.Way.Wire = wire("response_code", "pressed-"+m.ID)
	return b.give(m)
}

// changes lists the changes of cards that nobody has pressed.
func (b *bench) changes() (list []bot.Delivery) {
	for _, d := range b.courier.all() {
		if d.Change {
			list = append(list, d)
		}
	}
	return list
}

// pass lets so much time go by, a little at a time, with the background work.
func (b *bench) pass(d time.Duration) {
	for range d / time.Second {
		b.clock.Advance(time.Second)
		b.bot.Pass(b.t.Context())
	}
	b.bot.Pass(b.t.Context())
}

// theChange fails unless there was exactly one, of a card to what shows the texts.
func (b *bench) theChange(c *bot.Card, code string, texts ...string) bot.Delivery {
	b.t.Helper()
	list := b.changes()
	if len(list) != 1 {
		b.t.Fatalf("%d changes, want one", len(list))
	}
	d := list[0]
	if d.Form != bot.AsUpdate || d.Card != c.TaskID || d.Code != code {
		b.t.Errorf("changed %s as %s by %s, want %s by %s", d.Card, d.Form, d.Code, c.TaskID, code)
	}
	has(b.t, d.Reply, texts...)
	if len(d.Reply.Card.Keys) > 0 {
		b.t.Errorf("it still offers something:\n%s", show(d.Reply))
	}
	return d
}

func TestCardWhenTheWindowCloses(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		r := b.privately("zhangsan", "验 "+Code)
		b.pass(10 * time.Second)
		if n := len(b.changes()); n != 0 {
			t.Fatalf("changed %d times within the window", n)
		}
		b.clock.Advance(9*time.Minute + 50*time.Second)
		b.pass(outbox.CardsEvery)
		b.theChange(r.Card, "code-1", "核销成功", "已过撤销时间", Code)
		b.pass(time.Minute)
		b.theChange(r.Card, "code-1") // once
	})
}

func TestCardWhenOthersUndo(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for code, undo := range map[string]func(code string) bot.Reply{
			"4000000001": func(code string) bot.Reply { return b.privately("zhangsan", "撤 "+code) },
			"4000000002": func(code string) bot.Reply { return b.privately("wangwu", "撤 "+code) },
			"4000000003": func(code string) bot.Reply { return b.say("zhangsan", "撤 "+code) },
		} {
			b.courier.sent, b.courier.codes = nil, 0
			b.voucher(code)
			r := b.privately("zhangsan", "验 "+code)
			b.bot.Pass(t.Context())
			has(t, undo(code), "已撤销")
			b.pass(2 * time.Second)
			d := b.theChange(r.Card, "code-1", "已撤销", "新的券码")
			if d.User != "zhangsan" || d.Channel != app {
				t.Errorf("changed for %s at %s", d.User, d.Channel)
			}
			b.clock.Advance(11 * time.Minute)
			b.pass(10 * time.Second)
			b.theChange(r.Card, "code-1")
		}
	})
}

// A press changes the card by its own code; that of the sending is left for later.
func TestCardThatWasPressed(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		q := b.privately("zhangsan", Code)
		b.bot.Pass(t.Context())
		r := b.pressPrivately("zhangsan", q.Card, b.key(q, "确认核销"))
		has(t, r, "核销成功", "[撤销]")
		b.pass(10 * time.Second)
		if n := len(b.changes()); n != 0 {
			t.Fatalf("changed %d times although it was pressed", n)
		}
		sent := b.courier.all()
		if last := sent[len(sent)-1]; last.Form != bot.AsUpdate || last.Card != q.Card.TaskID || last.Change {
			t.Errorf("the press is answered by %+v", last)
		}
		b.pass(10 * time.Minute)
		b.theChange(q.Card, "code-1", "核销成功", "已过撤销时间")
	})
}

// What a press has undone needs no further change.
func TestCardUndoneByItsButton(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		r := b.privately("zhangsan", "验 "+Code)
		b.bot.Pass(t.Context())
		has(t, b.pressPrivately("zhangsan", r.Card, b.key(r, "撤销")), "已撤销")
		b.pass(11 * time.Minute)
		if list := b.changes(); len(list) != 0 {
			t.Errorf("changed to\n%s", show(list[0].Reply))
		}
	})
}

func TestLookWhenOthersVerify(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.voucher("8000000001")
		q := b.privately("lisi", Code)
		other := b.privately("lisi", "8000000001")
		b.pass(time.Minute)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.pass(outbox.CardsEvery)
		b.theChange(q.Card, "code-1", "这张券用过了", "张三")
		b.pass(time.Minute)
		b.theChange(q.Card, "code-1")
		has(t, b.pressPrivately("lisi", other.Card, b.key(other, "确认核销")), "核销成功")
	})
}

// A list is changed where one of it is undone, and again at the end of the window,
// if the first change has brought a code for it.
func TestListThatIsChanged(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher("2000000001")
		b.voucher("2000000002")
		r := b.privately("zhangsan", "验 2000000001 2000000002")
		b.bot.Pass(t.Context())
		b.courier.again = true
		has(t, b.privately("zhangsan", "撤 2000000001"), "已撤销")
		b.pass(2 * time.Second)
		list := b.changes()
		if len(list) != 1 || list[0].Card != r.Card.TaskID {
			t.Fatalf("%d changes", len(list))
		}
		has(t, list[0].Reply, "2 个券码，成功 1 个", "↩0001: 双人下午茶 已撤销", "[撤 尾号0002]")
		hasNot(t, list[0].Reply, "[撤 尾号0001]")
		b.pass(11 * time.Minute)
		if list = b.changes(); len(list) != 2 {
			t.Fatalf("%d changes after the window", len(list))
		}
		has(t, list[1].Reply, "2 个券码，成功 1 个")
		if len(list[1].Reply.Card.Keys) > 0 {
			t.Errorf("it still offers\n%s", show(list[1].Reply))
		}
	})
}

// A refused change is recorded and forgotten: it never becomes a message, and does
// not hold up the conversation.
func TestChangeThatIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.privately("zhangsan", "验 "+Code)
		b.pass(time.Second)
		before := len(b.courier.all())
		b.courier.fail = []error{&bot.DeliveryError{Reason: "update_refused", Downgrade: bot.AsCard}}
		b.clock.Advance(10 * time.Minute)
		b.pass(time.Minute)
		if n := len(b.courier.all()) - before; n != 0 {
			t.Errorf("%d messages for a change that was refused", n)
		}
		has(t, b.privately("zhangsan", "撤 "+Code), "已过撤销时间")
		b.pass(time.Second)
		if n := len(b.courier.all()) - before; n != 1 {
			t.Errorf("%d answers after it", n)
		}
		ops, err := b.db.History.OfCode(t.Context(), Code)
		b.must(err)
		_, _, _, out, err := b.db.History.Story(t.Context(), Code)
		b.must(err)
		if !slices.ContainsFunc(out, func(o models.Outgoing) bool {
			return o.OperationID == ops[0].ID && o.Form == string(bot.AsUpdate) && o.State == models.Failed && o.Reason == "update_refused"
		}) {
			t.Errorf("the refusal is not recorded: %+v", out)
		}
	})
}

// A card that was not looked at for so long that WeCom takes no change of it any more is
// left as it is.
func TestCardThatIsTooOld(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.privately("zhangsan", "验 "+Code)
		b.pass(time.Second)
		b.clock.Advance(outbox.CodeLife)
		b.pass(time.Minute)
		if n := len(b.changes()); n != 0 {
			t.Errorf("%d changes that WeCom would refuse", n)
		}
	})
}

// A change whose answer was lost is tried again; one that was sent after the
// window, in spite of WeCom's trouble, follows the card at once.
func TestCardThatIsSentLate(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for range 12 {
			b.courier.fail = append(b.courier.fail, &bot.DeliveryError{Reason: "timeout", Retry: true, After: time.Minute})
		}
		r := b.privately("zhangsan", "验 "+Code)
		b.pass(11 * time.Minute)
		if n := len(b.changes()); n != 0 {
			t.Fatalf("a card that is not out was changed %d times", n)
		}
		b.pass(4 * time.Minute)
		sent := b.courier.all()
		if len(sent) != 2 || sent[0].Change || !sent[1].Change {
			t.Fatalf("%d deliveries: %+v", len(sent), sent)
		}
		b.theChange(r.Card, "code-1", "已过撤销时间")
	})
}

// The changes of one person's cards do not count as messages of the minute.
func TestChangesAreNoMessages(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for i := range 3 {
			c := "300000000" + string(rune('0'+i))
			b.voucher(c)
			b.privately("zhangsan", "验 "+c)
		}
		b.pass(3 * time.Second)
		b.clock.Advance(10 * time.Minute)
		b.pass(2 * outbox.CardsEvery)
		if n := len(b.changes()); n != 3 {
			t.Fatalf("%d changes", n)
		}
		row, err := b.db.Outbox.Due(t.Context(), b.clock.Now().Add(time.Hour), 10, nil, time.Time{})
		b.must(err)
		if len(row) != 0 {
			t.Errorf("left in the queue: %+v", row)
		}
		nth, err := b.db.Outbox.SentBack(t.Context(), app+"/zhangsan", 4, b.clock.Now().Add(-time.Hour))
		b.must(err)
		if !nth.IsZero() {
			t.Error("changes count as messages to the person")
		}
	})
}

// A card about a doubt that people have to end is looked at as rarely as the platform is
// asked, and changed at once when a manager ends it.
func TestCardOfLongDoubt(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.doubted()
		for range 40 {
			b.clock.Advance(time.Minute)
			b.bot.Pass(t.Context())
		}
		var op models.Operation
		for tries := 0; op.DueAt.Sub(b.clock.Now()) < time.Minute; tries++ {
			if tries == 200 {
				t.Fatalf("the platform is asked again in %s already", op.DueAt.Sub(b.clock.Now()))
			}
			b.pass(time.Second)
			var err error
			op, err = b.db.Journal.ByCoupon(t.Context(), 1, Code)
			b.must(err)
		}
		b.pass(outbox.CardAgain + outbox.CardsEvery)
		cards, err := b.db.Cards.Due(t.Context(), op.DueAt.Add(-time.Second), 10)
		b.must(err)
		if len(cards) != 0 || len(b.changes()) != 0 {
			t.Errorf("%d cards are looked at before the platform is asked, %d were changed", len(cards), len(b.changes()))
		}
		has(t, b.privately("boss", "确认 "+Code+" 已核销"), Code)
		b.pass(2 * outbox.CardsEvery)
		if len(b.changes()) == 0 {
			t.Error("no card shows the end")
		}
	})
}

// A card that waits for an outcome does not go on saying so when it has come.
func TestCardThatWaited(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		b.start(m)
		b.must(b.platform.Pause(dianpingtest.PauseRefuse))
		b.pass(20 * time.Second)
		sent := b.courier.all()
		if len(sent) != 1 || len(b.changes()) != 0 {
			t.Fatalf("%d deliveries while nothing is known, want the card that says so", len(sent))
		}
		pending := sent[0].Reply
		has(t, pending, "核验中", "[查看结果]")
		b.platform.Resume()
		b.settle()
		b.pass(2 * words.OutcomeAgain)
		b.theChange(pending.Card, "code-1", "核销成功", Code)
		has(t, sent[len(sent)-1].Reply, "核验中")
		told := slices.DeleteFunc(b.courier.all(), func(d bot.Delivery) bool { return d.Change }) // which may go out first
		if len(told) != 2 {
			t.Fatalf("%d messages", len(told))
		}
		has(t, told[1].Reply, "核销成功", "[撤销]") // of its own: people are told
		b.clock.Advance(11 * time.Minute)
		b.pass(10 * time.Second)
		if n := len(b.changes()); n != 2 { // that card's button, too
			t.Errorf("%d changes in the end", n)
		}
	})
}
