package wecomtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// A repeat that overtakes the first: the answer that comes first counts, the other
// is kept with its attempt and not shown.
func TestRepeatWhileTheFirstIsUnderWay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	first := true
	w.robot.handle(func(rw http.ResponseWriter, _ *http.Request, in received) {
		task := "second"
		if first {
			first, task = false, "first"
			close(arrived)
			<-release
		}
		_, _ = io.WriteString(rw, w.robot.keys.robotAnswer(in.query["nonce"], cardMessage(task, task)))
	})
	done := make(chan wecomtest.Outcome, 1)
	go func() {
		out, err := w.Say(ctx, robotChat, "lisi", "验 1")
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	<-arrived
	pending := w.Deliveries()
	if len(pending) != 1 || len(pending[0].Attempts) != 0 || pending[0].Accepted() {
		t.Fatalf("under way: %+v", pending)
	}
	again, err := w.Resend(ctx, pending[0].ID)
	must(t, err)
	if string(again.Answer) != cardMessage("second", "second") {
		t.Errorf("repeat: %s", again.Answer)
	}
	close(release)
	out := <-done
	if a := out.Delivery().Attempts; len(a) != 2 || string(a[1].Answer) != cardMessage("first", "first") || a[1].Refused != "" {
		t.Errorf("attempts: %+v", a)
	}
	screen := w.Screen(robotChat)
	if len(screen) != 2 || screen[1].Card.Title != "second" {
		t.Errorf("screen: %+v", screen)
	}
	w.wantNoRefusals(t)
}

// A repeat of a message whose stream is still running is a frame of it.
func TestRepeatOfAStream(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.robot.answers(`{"msgtype":"stream","stream":{"id":"s","finish":false,"content":"核验中"}}`)
	d := w.say(t, robotChat, "lisi", "验 1").Delivery()
	for range 2 {
		_, err := w.Resend(ctx, d.ID)
		must(t, err)
	}
	if s := w.Screen(robotChat); len(s) != 2 || s[1].Replaced != 0 || s[1].Finished {
		t.Errorf("screen: %+v", s)
	}
	w.robot.answers(`{"msgtype":"stream","stream":{"id":"s","finish":true,"content":"完成"}}`)
	_, err := w.Resend(ctx, d.ID)
	must(t, err)
	if s := w.Screen(robotChat); len(s) != 2 || s[1].Text != "完成" || !s[1].Finished {
		t.Errorf("screen: %+v", s)
	}
	if n, _ := w.Poll(ctx); n != 0 {
		t.Error("still polled")
	}
	w.wantNoRefusals(t)
}

func TestSayEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c, cancel := context.WithCancel(ctx)
	w.app.handle(func(_ http.ResponseWriter, r *http.Request, _ received) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := w.Say(c, wecomtest.InApp("main", ""), "lisi", "验 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := w.Deliveries(); len(got) != 1 || len(got[0].Attempts) != 1 {
		t.Errorf("%+v", got)
	}
	c, cancel = context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := w.WaitFor(c, robotChat, func([]wecomtest.Shown) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// Whom the rate limit kept a card from is still a receiver of it.
func TestUpdateOfASwallowedCard(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range 30 {
		wantCode(t, w.send(t, textTo("lisi", fmt.Sprint(i))), 0)
	}
	code := w.appCard(t, "lisi", buttonCard("t", "x"))
	if d := w.Dropped(); len(d) != 1 || d[0].Text != "x" {
		t.Fatalf("dropped: %+v", d)
	}
	wantCode(t, w.post(t, "/cgi-bin/message/update_template_card?access_token="+w.token(t),
		fmt.Sprintf(`{"userids":["lisi"],"agentid":1000002,"response_code":%q,"button":{"replace_name":"x"}}`, code)), 0)
}

func TestOtherMessageTypes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	textcard := func(title, desc, url string) string {
		return fmt.Sprintf(`{"touser":"lisi","agentid":1000002,"msgtype":"textcard","textcard":{"title":%q,"description":%q,"url":%q}}`, title, desc, url)
	}
	wantCode(t, w.send(t, textcard("日报", "3 张", "https://a")), 0)
	wantCode(t, w.send(t, textcard("", "3 张", "https://a")), 41016)
	wantCode(t, w.send(t, textcard("日报", "", "https://a")), 44004)
	wantCode(t, w.send(t, textcard("日报", "3 张", "")), 42028)
	wantCode(t, w.send(t, `{"touser":"lisi","agentid":1000002,"msgtype":"markdown","markdown":{"content":"**好**"}}`), 0)
	s := w.Screen(wecomtest.InApp("main", "lisi"))
	if len(s) != 2 || s[0].Kind != "textcard" || s[0].Text != "日报\n3 张" || s[1].Kind != wecomtest.KindMarkdown {
		t.Errorf("screen: %+v", s)
	}
}
