package wecom

import (
	"slices"
	"testing"

	"yanquan/bot"
)

// A process that died after sending is followed by one that sends all of it again:
// nobody sees anything twice. The same answer to a second question is seen.
func TestRepeatIsSwallowed(t *testing.T) {
	t.Parallel()
	files := shelf{"p": picture}
	s, fake := mediaSetup(t, files)
	summary := appDelivery(bot.Reply{Card: &bot.Card{TaskID: "s1", Title: "11-23 2 张"}, Text: "- 人民广场店 2 张"}, bot.AsCard)
	summary.ID = "s1"
	hint := appDelivery(bot.Reply{Text: "没看懂。"}, bot.AsMarkdown)
	hint.ID, hint.Answers = "h1", bot.Text
	plain := appDelivery(bot.Reply{Text: "没看懂。"}, bot.AsText)
	plain.ID, plain.Answers = "p1", bot.Text
	for _, d := range []bot.Delivery{summary, hint, plain} {
		for range 2 {
			if err := deliver(t, s, d); err != nil {
				t.Fatal(err)
			}
			s.part = map[string]progress{} // of the process that died
			d.Lost = true
		}
	}
	want := []string{"template_card 11-23 2 张", "markdown - 人民广场店 2 张", "markdown 没看懂。", "text 没看懂。"}
	if got := seen(fake); len(got) != len(want) || !slices.Equal(got[1:], want[1:]) {
		t.Errorf("seen %q, want %q", got, want)
	}
	hint.ID = "h2"
	if err := deliver(t, s, hint); err != nil {
		t.Fatal(err)
	}
	if got := seen(fake); len(got) != len(want)+1 {
		t.Errorf("the answer to the second question is swallowed: %q", got)
	}
}

// The update of a card that was refused because an earlier try has made it is made;
// otherwise it goes down the ladder.
func TestUpdateThatWasMade(t *testing.T) {
	t.Parallel()
	for _, change := range []bool{false, true} {
		api := newFakeAPI(t)
		s := testSender(t, api)
		d := bot.Delivery{ID: "d", Channel: "app/main", User: "zhangsan", Form: bot.AsUpdate, Card: "v-00", Change: change,
			Reply: bot.Reply{Card: &bot.Card{TaskID: "v-01", Title: "核销成功"}}}
		if d.Way = wayOfApp(testResponseCode); change {
			d.Way, d.Code = bot.Way{}, testResponseCode
		}
		api.then(apiUpdate, cut)
		deliveryError(t, s, d, bot.DeliveryError{Reason: reasonNetwork, Retry: true, Lost: true})
		api.then(apiUpdate, code(60140))
		deliveryError(t, s, d, bot.DeliveryError{Reason: reasonUpdate, Downgrade: bot.AsCard}) // nothing was lost, as far as it is told
		d.Lost = true
		api.then(apiUpdate, code(60140))
		if sent, err := s.Deliver(t.Context(), d); err != nil || sent != (bot.Sent{}) {
			t.Errorf("change %v: %+v, %v", change, sent, err)
		}
		api.then(apiUpdate, code(45009))
		deliveryError(t, s, d, bot.DeliveryError{Reason: reasonRate, Retry: true, After: afterRate})
	}
}

// A try for which there was no token has sent nothing.
func TestNoTokenIsNotLost(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	api.Close()
	deliveryError(t, s, appDelivery(bot.Reply{Text: "好"}, bot.AsMarkdown), bot.DeliveryError{Reason: reasonNetwork, Retry: true})
}

// Notices leave room for answers.
func TestNoticesLeaveRoom(t *testing.T) {
	t.Parallel()
	s := testSender(t, newFakeAPI(t))
	for _, channel := range []string{"app/main", "bot/group", "socket/group"} {
		notice, answer := bot.Delivery{Channel: channel}, bot.Delivery{Channel: channel, Answers: bot.Text}
		if n, a := s.PerMinute(notice), s.PerMinute(answer); n >= a || a >= 30 {
			t.Errorf("%s: %d notices, %d answers", channel, n, a)
		}
	}
}

// Over the long connection an answer's way is told by what was done.
func TestWays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		way                         bot.Way
		passive, late, streams, bot bool
		wire                        wire
	}{
		{wayOfApp(""), false, true, false, false, wire{}},
		{wayOfApp("rc"), false, true, false, false, wire{ResponseCode: "rc"}},
		{RobotWay(""), true, false, false, true, wire{}},
		{RobotWay("https://example.com/"), true, true, false, true, wire{ReplyURL: "https://example.com/"}},
		{wayOfSocket("r", bot.Text), false, true, true, true, wire{ReqID: "r"}},
		{wayOfSocket("r", bot.Photo), false, true, true, true, wire{ReqID: "r"}},
		{wayOfSocket("r", bot.Click), false, true, false, true, wire{ReqID: "r"}},
		{wayOfSocket("r", bot.Enter), false, true, false, true, wire{ReqID: "r"}},
	} {
		w := tt.way
		if w.Passive != tt.passive || w.Late() != tt.late || w.Streams != tt.streams || w.Robot != tt.bot || wireOf(w) != tt.wire {
			t.Errorf("%+v, want %+v", w, tt)
		}
	}
	if got := wireOf(bot.Way{Wire: "{"}); got != (wire{}) {
		t.Errorf("%+v", got)
	}
}
