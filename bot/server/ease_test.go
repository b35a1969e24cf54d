package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot"
)

// slow takes its time to store a message.
type slow struct {
	*fakeEngine
	takes time.Duration
}

func (e slow) Accept(ctx context.Context, m bot.Message) (string, error) {
	time.Sleep(e.takes)
	return e.fakeEngine.Accept(ctx, m)
}

// While the work is behind, an app's callback is held, but for half of WeCom's time at
// most, and for no longer than callbacks may take altogether. A message without a worker, one that
// is looked at, and one that is held anyway are not.
func TestEase(t *testing.T) {
	t.Parallel()
	app := func(typed string) func() (target, body string) {
		return func() (target, body string) {
			return appSeal().xml(fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>ZhangSan</FromUserName><CreateTime>%d</CreateTime>%s<AgentID>1000002</AgentID></xml>", testCorp, time.Now().Unix(), typed))
		}
	}
	text := app("<MsgType>text</MsgType><Content>验 7992697494</Content><MsgId>m1</MsgId>")
	for name, of := range map[string]struct {
		callback func() (target, body string)
		idle     bool // the work is not behind
		storing  time.Duration
		refused  error
		deadline time.Duration
		held     time.Duration
		status   int
	}{
		"a text":                   {callback: text, held: 2500 * time.Millisecond},
		"a text that waits little": {callback: text, deadline: time.Second, held: time.Second},
		"a text stored late":       {callback: text, storing: time.Second, held: 2500 * time.Millisecond},
		"a text stored too late":   {callback: text, storing: 3 * time.Second, held: 3 * time.Second},
		"a text, nothing behind":   {callback: text, idle: true},
		"a text not stored":        {callback: text, refused: errors.New("no database"), status: http.StatusServiceUnavailable},
		"a click":                  {callback: app("<MsgType>event</MsgType><Event>template_card_event</Event><EventKey>undo:1</EventKey><TaskId>v-01</TaskId>")},
		"an event without work":    {callback: app("<MsgType>event</MsgType><Event>LOCATION</Event>")},
		"a robot's text":           {callback: func() (target, body string) { return robotSeal().json(robotText("m1", "@Bot 验 7992697494")) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, func(o *Options) {
					o.Engine = slow{o.Engine.(*fakeEngine), of.storing}
					o.ReplyDeadline = of.deadline // as configured, or 4s
				})
				b.engine.behind, b.engine.acceptErr = !of.idle, of.refused
				b.engine.reply("m1", doneCard)
				target, body := of.callback()
				began := time.Now()
				rec := b.do("POST", target, strings.NewReader(body))
				if held := time.Since(began); held != of.held {
					t.Errorf("held for %s, not %s", held, of.held)
				}
				taken := of.refused == nil && name != "an event without work"
				if n := b.engine.count(); n > 1 || (n == 1) != taken {
					t.Errorf("%d messages were taken", n)
				}
				if want := max(of.status, http.StatusOK); rec.Code != want {
					t.Errorf("status %d, not %d", rec.Code, want)
				}
			})
		})
	}
}
