package wecom

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot"
)

// What people do over the long connection becomes messages, whatever else is sent
// in between.
func TestSocketReceives(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one", func(c *SocketConfig) { c.DisplayName = "验券 机器人" }))
		defer run.finish()
		p := r.peer(time.Second)
		if run.Live() {
			t.Error("live before it is subscribed")
		}
		f := p.next(cmdSubscribe)
		if f.Body["bot_id"] != "aib1" || f.Body["secret"] != "s3cret-of-the-socket" || len(f.Body) != 2 || f.Headers.ReqID == "" {
			t.Errorf("subscribed by %s", f.raw)
		}
		p.say("r0", "m0", "", "ZhangSan", "验 1") // before the ack
		p.ack(f, 0)
		for _, odd := range []string{
			`{"headers":{"req_id":"nobody"},"errcode":0,"errmsg":"ok"}`, `{"headers":{},"errcode":846605}`, `{}`, `[]`, `null`, `not JSON`, ``,
			`{"cmd":"aibot_new_thing","headers":{"req_id":"x"},"body":{"secret":"do not log"}}`,
			`{"cmd":"aibot_msg_callback","headers":{"req_id":"x"},"body":"text"}`,
			`{"cmd":"aibot_msg_callback","headers":{"req_id":"x"}}`,
			`{"cmd":"aibot_msg_callback","headers":{"req_id":"x"},"body":{"msgid":"m","chattype":"group","from":{"userid":"a"},"msgtype":"text"}}`,
			`{"cmd":"aibot_msg_callback","headers":{"req_id":"x"},"body":{"msgid":"m","chattype":"single","from":{"userid":"a"},"msgtype":"stream","stream":{"id":"s"}}}`,
		} {
			p.write(odd)
		}
		p.event(`{"eventtype":"feedback_event"}`)
		p.event(`{"eventtype":"enter_chat"}`)
		p.event(`{"eventtype":"template_card_event","template_card_event":{"card_type":"button_interaction","event_key":"undo x","task_id":"t1"}}`)
		p.say("r1", "m1", "wrAbC", "ZhangSan", "@验券 机器人 验 7992697494")
		now := time.Now().UTC()
		want := []bot.Message{
			{Channel: "socket/group", ID: "m0", User: "zhangsan", SentAs: "ZhangSan", Kind: bot.Text, Text: "验 1", Way: wayOfSocket("r0", bot.Text)},
			{Channel: "socket/group", ID: "m", User: "a", Kind: bot.Other, Text: nowhere, Way: wayOfSocket("x", bot.Other)},
			{Channel: "socket/group", ID: "ev1", User: "zhangsan", SentAs: "ZhangSan", Kind: bot.Enter, Way: wayOfSocket("ev", bot.Enter)},
			{Channel: "socket/group", ID: "ev1", User: "zhangsan", SentAs: "ZhangSan", Kind: bot.Click, Way: wayOfSocket("ev", bot.Click),
				Button: &bot.Button{TaskID: "t1", Key: "undo x", CardType: "button_interaction"}},
			{Channel: "socket/group", ID: "m1", Chat: "wrAbC", User: "zhangsan", SentAs: "ZhangSan", Kind: bot.Text, Text: "验 7992697494", Way: wayOfSocket("r1", bot.Text)},
		}
		got := r.inbox.all()
		for i := range got {
			if now.Sub(got[i].At).Abs() > time.Second { // the events' own times are far from now
				t.Errorf("message %d is of %s", i, got[i].At)
			}
			if now.Sub(got[i].Came).Abs() > time.Second {
				t.Errorf("message %d came at %s", i, got[i].Came)
			}
			got[i].At, got[i].Came = time.Time{}, time.Time{}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if !run.Live() || p.closed() {
			t.Error("not connected any more")
		}
		p.quiet() // nothing is answered here
	})
}

// Nothing is sent twice here: what cannot be read whole is read in part, and answered
// where there is a sender.
func TestSocketReadsInPart(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one", func(c *SocketConfig) { c.CorpID = "wwours" }))
		defer run.finish()
		p := r.subscribed(time.Second)
		body := `{"msgid":"m","aibotid":"aib1","chattype":"single","from":{"userid":"ZhangSan"},"msgtype":"text","text":{"content":"验 7992697494"}}`
		frame := func(body string) string {
			return `{"cmd":"aibot_msg_callback","headers":{"req_id":"r"},"body":` + body + `}`
		}
		quoted, _ := json.Marshal(body)
		for _, tt := range []struct {
			name, frame string
			kind        bot.Kind // "": nobody to answer
			user        string
		}{
			{"control characters", frame(strings.Replace(body, "7494", "7494\b\x1d\xf0\x9f\x98", 1)), bot.Text, "zhangsan"},
			{"JSON in a text", frame(string(quoted)), bot.Text, "zhangsan"},
			{"fields it does not need", frame(strings.Replace(body, "{", `{"quote":"","mixed":"{}","create_time":1760000000000,`, 1)), bot.Text, "zhangsan"},
			{"its own corp", frame(strings.Replace(body, `"userid"`, `"corpid":"wwOurs","userid"`, 1)), bot.Text, "zhangsan"},
			{"another corp", frame(strings.Replace(body, `"userid"`, `"corpid":"wwother","userid"`, 1)), bot.Text, "wwother/zhangsan"},
			{"cut off", frame(body)[:len(frame(body))-20], bot.Other, "zhangsan"},
			{"two bodies", strings.Replace(frame(body), `"body":`, `"body":`+strings.Replace(body, "7494", "7495", 1)+`,"body":`, 1), "", ""},
			{"cut off behind it", strings.TrimSuffix(frame(body), "}"), bot.Other, "zhangsan"},
			{"two req_ids", strings.Replace(frame(body), `"req_id":"r"`, `"req_id":"r","req_id":"other"`, 1), bot.Other, "zhangsan"},
			{"no msgid", frame(strings.Replace(body, `"msgid":"m",`, "", 1)), bot.Other, "zhangsan"},
			{"two senders", frame(strings.Replace(body, "{", `{"from":{"userid":"boss"},`, 1)), "", ""},
			{"a body of words", frame(`"hello"`), "", ""},
			{"no body", `{"cmd":"aibot_msg_callback","headers":{"req_id":"r"}}`, "", ""},
		} {
			before := len(r.inbox.all())
			p.write(tt.frame)
			synctest.Wait()
			got := r.inbox.all()[before:]
			switch {
			case tt.kind == "" && len(got) == 0:
			case tt.kind == "" || len(got) != 1:
				t.Errorf("%s: %+v", tt.name, got)
			case got[0].Kind != tt.kind || got[0].User != tt.user || got[0].ID == "" || wireOf(got[0].Way).ReqID != "r":
				t.Errorf("%s: %+v", tt.name, got[0])
			case tt.kind == bot.Text && got[0].Text != "验 7992697494":
				t.Errorf("%s: %q", tt.name, got[0].Text)
			}
		}
		if !run.Live() {
			t.Error("not connected any more")
		}
	})
}

// The connection dies unnoticed: nobody acks pings. It is given up and made again.
func TestSocketHalfDead(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		time.Sleep(10*time.Minute + time.Second)
		if n := p.pings.Load(); n != 20 || p.closed() {
			t.Fatalf("%d pings in ten minutes, closed %t", n, p.closed())
		}
		p.mute.Store(true)
		began := time.Now()
		q := r.subscribed(5 * time.Minute)
		if took := time.Since(began); took > 95*time.Second || took < 60*time.Second {
			t.Errorf("given up after %s", took)
		}
		if !p.closed() || !run.Live() {
			t.Error("the old connection is not closed")
		}
		time.Sleep(time.Minute)
		if q.closed() {
			t.Error("the new one is")
		}
	})
}

// Where nobody can be reached, the pauses double up to half a minute, and the lease
// is free in between: another process may get through.
func TestSocketReconnects(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		r.down.Store(true)
		run := r.run(r.socket("one"))
		defer run.finish()
		var gaps []time.Duration
		last, seen := time.Now(), int64(1)
		for len(gaps) < 8 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if n := r.dials.Load(); n > seen {
				gaps, last, seen = append(gaps, time.Since(last).Round(time.Second)), time.Now(), n
			}
			if r.lease.held() {
				t.Fatal("the lease is held by one who is not connected")
			}
		}
		want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}
		for i := range want {
			if gaps[i] != want[i]*time.Second {
				t.Fatalf("pauses %v, want %v s", gaps, want)
			}
		}
		if n := len(r.inbox.notices()); n != 0 {
			t.Errorf("%d notices of a network that comes and goes", n)
		}
		r.down.Store(false)
		p := r.subscribed(time.Minute)
		time.Sleep(2 * time.Minute) // a good one
		p.ws.CloseNow()
		began := time.Now()
		r.subscribed(time.Minute)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("connected again after %s", took)
		}
	})
}

// A connection that breaks at once each time does not make a tight loop.
func TestSocketBreaksAgainAndAgain(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		began := time.Now()
		for range 8 {
			r.subscribed(time.Minute).ws.CloseNow()
		}
		if took := time.Since(began).Round(time.Second); took != (1+2+4+8+16+30+30)*time.Second {
			t.Errorf("eight connections in %s", took)
		}
	})
}

// Connections that worked and were cut, again and again, are back at once each time:
// what is said in a pause is lost. So is one that worked after a time without any.
func TestSocketCutAgainAndAgain(t *testing.T) {
	for _, held := range []time.Duration{aMoment, 10 * time.Second, 59 * time.Second} {
		t.Run(held.String(), func(t *testing.T) {
			scripted(t, func(t *testing.T, r *rig) {
				run := r.run(r.socket("one"))
				defer run.finish()
				p := r.subscribed(time.Second)
				for i := range brisk - 1 {
					if i == 3 { // 20 s of 503
						r.down.Store(true)
					}
					time.Sleep(held)
					p.ws.CloseNow()
					if i == 3 {
						time.Sleep(20 * time.Second)
						r.down.Store(false)
						p = r.subscribed(time.Minute)
						continue
					}
					cut := time.Now()
					p = r.subscribed(time.Minute)
					if pause := time.Since(cut).Round(time.Second); pause > lostPause {
						t.Errorf("cut %d: back after %s", i, pause)
					}
				}
			})
		})
	}
}

// Connections cut every second do not use up what WeCom allows: ten subscriptions in a
// minute are not reached.
func TestSocketSubscribesRarely(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one", func(c *SocketConfig) { c.Jitter = func() float64 { return 0 } }))
		defer run.finish()
		var at []time.Time
		for range 40 {
			p := r.subscribed(time.Minute)
			at = append(at, time.Now())
			if n := len(at) - 11; n >= 0 && at[len(at)-1].Sub(at[n]) < time.Minute {
				t.Fatalf("eleven subscriptions in %s", at[len(at)-1].Sub(at[n]))
			}
			time.Sleep(aMoment)
			p.ws.CloseNow()
		}
	})
}

// Another program that wants the connection, too, gets it: we come back ever more
// rarely, and the managers hear of it.
func TestSocketKicked(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		for _, pause := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
			kicked := time.Now()
			p.kick()
			if !p.closed() || run.Live() {
				t.Fatal("still connected")
			}
			p = r.subscribed(time.Hour)
			if got := time.Since(kicked).Round(time.Second); got != pause*time.Second {
				t.Fatalf("back after %s, want %d s", got, pause)
			}
		}
		told := r.inbox.notices()
		if len(told) != 7 || !strings.HasPrefix(told[0], "socket/group 机器人被别的程序占用 ") { // the bot tells once
			t.Errorf("told %q", told)
		}
		time.Sleep(time.Hour)
		kicked := time.Now()
		p.kick()
		r.subscribed(time.Hour)
		if got := time.Since(kicked).Round(time.Second); got != 30*time.Second {
			t.Errorf("back after %s, though it was quiet for an hour", got)
		}
	})
}

// While one waits after having been kicked, no other replica takes up the fight.
func TestSocketKickedKeepsTheLease(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		one, two := r.run(r.socket("one")), (*running)(nil)
		defer one.finish()
		p := r.subscribed(time.Second)
		two = r.run(r.socket("two"))
		defer two.finish()
		for range 3 {
			p.kick()
			p = r.subscribed(time.Hour)
			if two.Live() || !one.Live() {
				t.Fatal("the other replica is connected")
			}
		}
	})
}

// A secret that WeCom refuses is not tried again and again.
func TestSocketRefused(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		last := time.Time{}
		for i, pause := range []time.Duration{0, 30, 60, 120, 240, 480, 600, 600} {
			p := r.peer(time.Hour)
			if now := time.Now(); i > 0 && now.Sub(last).Round(time.Second) != pause*time.Second {
				t.Fatalf("tried again after %s, want %d s", now.Sub(last), pause)
			}
			p.ack(p.next(cmdSubscribe), 40001)
			last = time.Now()
			if !p.closed() || run.Live() {
				t.Fatal("the connection stays")
			}
			if told := r.inbox.notices(); i == 0 && len(told) != 0 || i == 1 && (len(told) != 1 || !strings.Contains(told[0], "错误码 40001")) {
				t.Fatalf("told %q after %d refusals", told, i+1)
			}
		}
		r.subscribed(time.Hour)
		if !run.Live() {
			t.Error("not connected in the end")
		}
	})
}

// Two replicas: one is connected. It loses the database: it lets go of the
// connection before the lease ends, and the other has it within 15 s.
func TestSocketTakeover(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		one := r.run(r.socket("one"))
		defer one.finish()
		p := r.subscribed(time.Second)
		two := r.run(r.socket("two"))
		defer two.finish()
		time.Sleep(10 * time.Minute)
		if !one.Live() || two.Live() || r.dials.Load() != 1 {
			t.Fatalf("one live %t, two live %t, %d connections", one.Live(), two.Live(), r.dials.Load())
		}
		r.lease.breakFor("one", true)
		cut := time.Now()
		for !p.closed() {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(cut); took > 9*time.Second || one.Live() {
			t.Errorf("let go after %s", took)
		}
		if two.Live() {
			t.Error("both were connected")
		}
		r.subscribed(time.Minute)
		if took := time.Since(cut); took > 15*time.Second || !two.Live() {
			t.Errorf("taken over after %s", took)
		}
		r.lease.breakFor("one", false)
		time.Sleep(time.Minute)
		if one.Live() || !two.Live() || r.dials.Load() != 2 {
			t.Error("the first came back")
		}
		if told := r.inbox.notices(); len(told) != 0 {
			t.Errorf("told %q", told)
		}
	})
}

// A moment without the database changes nothing.
func TestSocketSurvivesAHiccup(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		for range 5 {
			r.lease.breakFor("one", true)
			time.Sleep(4 * time.Second)
			r.lease.breakFor("one", false)
			time.Sleep(4 * time.Second)
		}
		if p.closed() || r.dials.Load() != 1 {
			t.Error("the connection was given up")
		}
	})
}

// The lease was taken away, by a process that has subscribed already: that is no
// stranger.
func TestSocketKickedByAReplica(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		time.Sleep(500 * time.Millisecond)
		r.lease.mu.Lock()
		r.lease.holder, r.lease.until = "two", time.Now().Add(time.Hour)
		r.lease.mu.Unlock()
		p.kick()
		time.Sleep(30 * time.Minute)
		if n := r.dials.Load(); n != 1 || len(r.inbox.notices()) != 0 {
			t.Errorf("%d connections, told %q", n, r.inbox.notices())
		}
	})
}

// At the end: answers under way still go out, what comes in is kept, and then the
// connection is another's at once.
func TestSocketStops(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		one := r.run(r.socket("one"))
		p := r.subscribed(time.Second)
		two := r.run(r.socket("two"))
		defer two.finish()
		r.inbox.failing(func(bot.Message) error { return bot.ErrStopping })
		one.stop()
		time.Sleep(5 * time.Second)
		p.say("r1", "m1", "", "zhangsan", "验 1")
		if r.inbox.mu.Lock(); len(r.inbox.kept) != 1 || wireOf(r.inbox.kept[0].Way).ReqID != "r1" {
			t.Errorf("kept %+v", r.inbox.kept)
		}
		r.inbox.mu.Unlock()
		if !one.Live() || two.Live() {
			t.Fatal("the connection is gone before the answers are out")
		}
		one.end()
		began := time.Now()
		r.subscribed(time.Minute)
		if took := time.Since(began); took > handOver {
			t.Errorf("another took over after %s", took)
		}
		if one.Live() || !two.Live() {
			t.Error("who listens still sends")
		}
		p.say("r2", "m2", "", "zhangsan", "验 2") // it crossed the other's subscription
		p.kick()
		<-one.done
		if r.inbox.mu.Lock(); len(r.inbox.kept) != 2 || wireOf(r.inbox.kept[1].Way).ReqID != "r2" {
			t.Errorf("kept %+v", r.inbox.kept)
		}
		r.inbox.mu.Unlock()
		if !p.closed() || len(r.inbox.notices()) != 0 {
			t.Error("the connection stays, or its successor is taken for a stranger")
		}
	})
}

// Where nobody takes over, the end does not wait for long.
func TestSocketStopsAlone(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		p := r.subscribed(time.Second)
		began := time.Now()
		run.stop()
		run.end()
		<-run.done
		if took := time.Since(began); !p.closed() || took < handOver || took > handOver+2*time.Second {
			t.Errorf("closed %t after %s", p.closed(), took)
		}
		if r.lease.held() {
			t.Error("the lease is not released")
		}
	})
}

// Who is stopped while connecting does not connect.
func TestSocketStopsWhileConnecting(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		p := r.peer(time.Second)
		p.next(cmdSubscribe) // never acked
		run.stop()
		began := time.Now()
		<-run.done
		if took := time.Since(began); took > 3*time.Second || run.Live() {
			t.Errorf("stopped after %s", took)
		}
		run.end()
	})
}

// Without a database: messages are stored when it is back, in order within each
// conversation, and none holds up another conversation.
func TestSocketStoresLater(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		lisi := errNoDatabase
		r.inbox.failing(func(m bot.Message) error {
			if m.User == "lisi" {
				return lisi
			}
			return nil
		})
		for _, m := range [][2]string{{"lisi", "1"}, {"lisi", "2"}, {"zhangsan", "3"}, {"lisi", "4"}} {
			p.say("r"+m[1], m[1], "", m[0], "验 1")
		}
		ids := func() (ids string) {
			for _, m := range r.inbox.all() {
				ids += m.ID
			}
			return ids
		}
		if got := ids(); got != "3" {
			t.Errorf("stored %s", got)
		}
		time.Sleep(50 * time.Second)
		r.inbox.failing(nil)
		time.Sleep(6 * time.Second)
		if got := ids(); got != "3124" {
			t.Errorf("stored %s", got)
		}
		p.quiet()
	})
}

// After a minute people are told that it is not known, never that it failed.
func TestSocketCannotStore(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		r.inbox.failing(func(bot.Message) error { return errors.New("commit unknown") })
		p.say("r1", "m1", "wrAbC", "zhangsan", "@x 验 1")
		f := p.next(cmdRespond)
		if !strings.Contains(f.raw, "不确定这条消息有没有收到") || f.Headers.ReqID != "r1" || strings.Contains(f.raw, "失败") {
			t.Errorf("answered by %s", f.raw)
		}
		p.ack(f, 0)
		p.event(`{"eventtype":"template_card_event","template_card_event":{"event_key":"k","task_id":"t1"}}`)
		f = p.next(cmdPush)
		if f.Body["chatid"] != "ZhangSan" || f.Body["chat_type"] != 1.0 {
			t.Errorf("answered by %s", f.raw)
		}
		p.ack(f, 0)
		p.event(`{"eventtype":"enter_chat"}`)
		time.Sleep(2 * time.Minute)
		p.quiet()
	})
}

// While the database is away for minutes, each of a conversation is told within a minute of
// its own arrival that it is not known, whatever waits before it, and is not stored later as
// if it had just come.
func TestSocketStoresWithinAMinuteOfArrival(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		came := time.Now()
		r.inbox.failing(func(bot.Message) error { return errNoDatabase })
		for i := range 6 {
			if i == 4 {
				time.Sleep(30 * time.Second)
			}
			p.say(fmt.Sprint("r", i), fmt.Sprint("m", i), "wrGroup", fmt.Sprint("user", i), "验 799269749"+fmt.Sprint(i))
		}
		told := map[string]bool{}
		for i := range 6 {
			f := p.next(cmdRespond)
			told[f.Headers.ReqID] = strings.Contains(f.raw, "不确定这条消息有没有收到")
			if late, most := time.Since(came), time.Minute+time.Duration(i/4)*30*time.Second; late > most+time.Second {
				t.Errorf("the answer %d comes after %v, want %v", i, late, most)
			}
			defer p.ack(f, 0) // which holds up no other
		}
		if len(told) != 6 {
			t.Errorf("told %v", told)
		}
		time.Sleep(time.Until(came.Add(3*time.Minute + 50*time.Second)))
		r.inbox.failing(nil)
		time.Sleep(10 * time.Second)
		if late := r.inbox.all(); len(late) > 0 {
			t.Errorf("%d messages are stored four minutes after they came", len(late))
		}
		p.quiet()
	})
}

// The time at which a message came is kept with it, however long it waited for the database.
func TestSocketKeepsTheArrival(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		r.inbox.failing(func(bot.Message) error { return errNoDatabase })
		came := time.Now()
		p.say("r1", "m1", "wrGroup", "zhangsan", "验 1")
		time.Sleep(40 * time.Second)
		r.inbox.failing(nil)
		time.Sleep(10 * time.Second)
		if all := r.inbox.all(); len(all) != 1 || !all[0].Came.Equal(came) {
			t.Errorf("stored %+v, want one of %v", all, came)
		}
	})
}

// Memory is bounded, whatever comes in.
func TestSocketTooMuch(t *testing.T) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		p := r.subscribed(time.Second)
		r.inbox.failing(func(bot.Message) error { return errNoDatabase })
		for range maxWaiting {
			p.say("r", "m", "", "zhangsan", "验 1")
		}
		p.quiet()
		p.say("rX", "m", "", "zhangsan", "验 1")
		f := p.next(cmdRespond)
		if f.Headers.ReqID != "rX" || !strings.Contains(f.raw, "不确定") {
			t.Errorf("answered by %s", f.raw)
		}
		p.ack(f, 0)
		r.inbox.failing(nil)
		time.Sleep(10 * time.Second)
		if n := len(r.inbox.all()); n != maxWaiting {
			t.Errorf("stored %d", n)
		}
	})
}
