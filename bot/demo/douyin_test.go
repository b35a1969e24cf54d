package demo

import (
	"slices"
	"testing"

	"yanquan/bot/wecom/wecomtest"
)

// cardOf finds the newest card of a title about a code.
func cardOf(s snapshot, title, code string) (message, bool) {
	for _, m := range slices.Backward(s.Messages) {
		if m.Card != nil && m.Card.Title == title && slices.ContainsFunc(m.Card.Fields, func(f wecomtest.Field) bool { return f.Value == code }) {
			return m, true
		}
	}
	return message{}, false
}

// Codes of both platforms of a store, a times card, and one that both know.
func TestDouyin(t *testing.T) {
	t.Parallel()
	r := start(t)
	const who, group, shop = "xiaoli", "wrXujiahui", "xujiahui-douyin"
	about := func(title, code string) message {
		t.Helper()
		s := r.await(who, title+" "+code, func(s snapshot) bool { _, ok := cardOf(s, title, code); return ok })
		m, _ := cardOf(s, title, code)
		return m
	}
	press := func(m message, i int) {
		t.Helper()
		r.must("/api/press", pressIn{Person: who, Chat: m.Chat, Message: m.ID, Key: m.Card.Buttons[i].Key})
	}
	for shop, code := range map[string]string{"xujiahui": "100520267794", shop: "104930181512"} {
		r.must("/api/say", sayIn{Person: who, Chat: group, Text: "验 " + code, Mention: true})
		about("核销成功", code)
		if got := r.state(who, "").ticket(t, shop, code); got.State != "used" {
			t.Errorf("%s: %+v", shop, got)
		}
	}

	const timesCard = "104930181531"
	r.must("/api/say", sayIn{Person: who, Chat: group, Text: "验 " + timesCard + " x2", Mention: true})
	card := about("核销成功", timesCard)
	if got := r.state(who, "").ticket(t, shop, timesCard); got.Label != "还剩 8 次" {
		t.Errorf("after two uses: %+v", got)
	}
	press(card, 0)
	about("已撤销", timesCard)
	if got := r.state(who, "").ticket(t, shop, timesCard); got.Label != "还剩 10 次" {
		t.Errorf("after the undo: %+v", got)
	}

	const both = "100520267777"
	r.must("/api/say", sayIn{Person: who, Chat: group, Text: "验 " + both, Mention: true})
	which := about("请选择平台", both)
	press(which, slices.IndexFunc(which.Card.Buttons, func(b wecomtest.Button) bool { return b.Text == "抖音确认核销" }))
	about("核销成功", both)
	if got := r.state(who, ""); got.ticket(t, shop, both).State != "used" || got.ticket(t, "xujiahui", both).State != "ok" {
		t.Errorf("chosen at Douyin: %+v, %+v", got.ticket(t, shop, both), got.ticket(t, "xujiahui", both))
	}
}

// A QR code is photographed for the app, where the sender says for which store.
func TestDouyinPhoto(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.must("/api/photo", photoIn{Person: "xiaoli", Shop: "huaihai", Code: "104930182212"})
	s := r.await("xiaoli", "the question for the store", showsCard("请选择门店"))
	m, _ := lastCard(s)
	i := slices.IndexFunc(m.Card.Buttons, func(b wecomtest.Button) bool { return b.Text == "淮海路店" })
	if i < 0 {
		t.Fatalf("buttons: %+v", m.Card.Buttons)
	}
	r.must("/api/press", pressIn{Person: "xiaoli", Chat: m.Chat, Message: m.ID, Key: m.Card.Buttons[i].Key})
	m, _ = lastCard(r.await("xiaoli", "the voucher", func(s snapshot) bool {
		m, ok := lastCard(s)
		return ok && m.Card.Desc == afternoonTea.title
	}))
	r.must("/api/press", pressIn{Person: "xiaoli", Chat: m.Chat, Message: m.ID, Key: m.Card.Buttons[0].Key})
	r.await("xiaoli", "the verification", showsCard("核销成功"))
	if got := r.state("xiaoli", "").ticket(t, "huaihai", "104930182212"); got.State != "used" {
		t.Errorf("%+v", got)
	}
}
