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

// sending is a connected socket behind a Sender.
type sending struct {
	*rig
	p      *peer
	sender *Sender
	socket *Socket
}

func sends(t *testing.T, test func(t *testing.T, s *sending)) {
	scripted(t, func(t *testing.T, r *rig) {
		run := r.run(r.socket("one"))
		defer run.finish()
		sender, err := NewSender(SenderConfig{Sockets: []*Socket{run.Socket}, FallbackURL: "https://example.com/"})
		if err != nil {
			t.Fatal(err)
		}
		if away := sender.Away(); !reflect.DeepEqual(away, []string{"socket/group"}) {
			t.Errorf("away before it is connected: %v", away)
		}
		s := &sending{r, r.subscribed(time.Second), sender, run.Socket}
		if away := sender.Away(); away != nil {
			t.Errorf("away: %v", away)
		}
		test(t, s)
	})
}

// verdict is what became of a try.
type verdict struct {
	err *bot.DeliveryError
}

// deliver makes a try beside the test.
func (s *sending) deliver(d bot.Delivery) <-chan verdict {
	done := make(chan verdict, 1)
	if d.Form == "" {
		d.Form = s.sender.FirstForm(d)
	}
	go func() {
		_, err := s.sender.Deliver(s.t.Context(), d)
		var e *bot.DeliveryError
		if err != nil && !errors.As(err, &e) {
			s.t.Errorf("not a DeliveryError: %v", err)
		}
		done <- verdict{e}
	}()
	return done
}

// sentAs delivers and takes every frame with the code that answers it.
func (s *sending) sentAs(d bot.Delivery, codes ...int) ([]inTest, *bot.DeliveryError) {
	s.t.Helper()
	done := s.deliver(d)
	var frames []inTest
	for {
		synctest.Wait()
		select {
		case f := <-s.p.frames:
			code := 0
			if len(codes) > 0 {
				code, codes = codes[0], codes[1:]
			}
			frames = append(frames, f)
			s.p.ack(f, code)
		case v := <-done:
			if v.err != nil && strings.Contains(v.err.Error(), "s3cret") {
				s.t.Errorf("the secret is in %v", v.err)
			}
			return frames, v.err
		}
	}
}

func shape(frames []inTest) string {
	var lines []string
	for _, f := range frames {
		body, _ := json.Marshal(f.Body)
		id := f.Headers.ReqID
		if strings.HasPrefix(id, cmdPush) {
			id = "*"
		}
		lines = append(lines, f.Cmd+" "+id+" "+string(body))
	}
	return strings.Join(lines, "\n")
}

func socketReply(text string, keys ...bot.CardKey) bot.Reply {
	return bot.Reply{Card: &bot.Card{TaskID: "t9", Title: "核销成功", Tone: bot.Good, Keys: keys}, Text: text}
}

// message answers a message, click a press.
func answers(chat string, reply bot.Reply) bot.Delivery {
	return bot.Delivery{ID: "d1", Channel: "socket/group", Chat: chat, User: "zhangsan", SentAs: "ZhangSan", Reply: reply,
		Way: wayOfSocket("r1", bot.Text), Answers: bot.Text, Asked: time.Now(), Stream: "in1"}
}

func presses(chat string, reply bot.Reply) bot.Delivery {
	d := answers(chat, reply)
	d.Answers, d.Stream, d.Card, d.Way = bot.Click, "", "t1", wayOfSocket("r1", bot.Click)
	return d
}

const (
	noticeJSON = `"template_card":{"card_action":{"type":1,"url":"https://example.com/"},"card_type":"text_notice","main_title":{"title":"核销成功"},"task_id":"t9"}`
	buttonJSON = `"template_card":{"button_list":[{"key":"undo x","style":1,"text":"撤销"}],"card_type":"button_interaction","main_title":{"title":"核销成功"},"task_id":"t9"}`
	button1    = `"template_card":{"button_list":[{"key":"undo x","style":1,"text":"撤销"}],"card_type":"button_interaction","main_title":{"title":"核销成功"},"task_id":"t1"}`
)

var undoKey = bot.CardKey{Text: "撤销", Key: "undo x", Style: bot.Primary}

// Every form of an answer, as it is sent, and what is made of refusals.
func TestSocketSends(t *testing.T) {
	with := func(d bot.Delivery, edit func(*bot.Delivery)) bot.Delivery { edit(&d); return d }
	bad := socketReply("")
	bad.Card.Tone, bad.Card.Title = bot.Bad, "不能撤销"
	notice := func(d bot.Delivery) bot.Delivery {
		d.Way, d.Answers, d.Stream, d.SentAs = bot.Way{}, "", "", ""
		return d
	}
	for name, tt := range map[string]struct {
		d     func() bot.Delivery
		codes []int
		want  string

		mention bool
		fails   bot.DeliveryError // without Err
	}{
		"a card": {
			d:    func() bot.Delivery { return answers("", socketReply("", undoKey)) },
			want: `aibot_respond_msg r1 {"msgtype":"template_card",` + buttonJSON + `}`,
		},
		"a card with words": {
			d: func() bot.Delivery { return answers("", socketReply("**多**")) },
			want: `aibot_respond_msg r1 {"msgtype":"template_card",` + noticeJSON + `}` + "\n" +
				`aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"**多**","finish":true,"id":"d1"}}`,
		},
		"words": {
			d:    func() bot.Delivery { return answers("wrA", bot.Reply{Text: "没看懂。<&>"}) },
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"没看懂。\u003c\u0026\u003e","finish":true,"id":"d1"}}`,
		},
		"please wait": {
			d: func() bot.Delivery {
				return with(answers("wrA", bot.Reply{Text: "核验中，请稍候…", Pending: true}), func(d *bot.Delivery) { d.Form = bot.AsStream })
			},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"核验中，请稍候…","finish":false,"id":"in1"}}`,
		},
		"please wait, too late": {
			d: func() bot.Delivery {
				return with(answers("wrA", bot.Reply{Text: "核验中，请稍候…", Pending: true}), func(d *bot.Delivery) { d.Form = bot.AsStream })
			},
			codes: []int{846608},
			want:  `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"核验中，请稍候…","finish":false,"id":"in1"}}`,
			fails: bot.DeliveryError{Reason: "stream_over"},
		},
		"a card after please wait": {
			d: func() bot.Delivery {
				return with(answers("", socketReply("")), func(d *bot.Delivery) { d.Open = true })
			},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"核销成功","finish":true,"id":"in1"}}` + "\n" +
				`aibot_respond_msg r1 {"msgtype":"template_card",` + noticeJSON + `}`,
		},
		"a card with words after please wait": {
			d: func() bot.Delivery {
				return with(answers("", socketReply("多")), func(d *bot.Delivery) { d.Open = true })
			},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"多","finish":true,"id":"in1"}}` + "\n" +
				`aibot_respond_msg r1 {"msgtype":"template_card",` + noticeJSON + `}`,
		},
		"words after please wait": {
			d: func() bot.Delivery {
				return with(answers("", bot.Reply{Text: "好"}), func(d *bot.Delivery) { d.Open = true })
			},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"好","finish":true,"id":"in1"}}`,
		},
		"a card after a stream that is over": {
			d: func() bot.Delivery {
				return with(answers("wrA", socketReply("")), func(d *bot.Delivery) { d.Open = true })
			},
			codes: []int{846608},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"核销成功","finish":true,"id":"in1"}}` + "\n" +
				`aibot_send_msg * {"chat_type":2,"chatid":"wrA","msgtype":"template_card",` + noticeJSON + `}`,
		},
		"words after a stream that is over": {
			d: func() bot.Delivery {
				return with(answers("wrA", bot.Reply{Text: "好"}), func(d *bot.Delivery) { d.Open = true })
			},
			codes: []int{846608},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"好","finish":true,"id":"in1"}}` + "\n" +
				`aibot_send_msg * {"chat_type":2,"chatid":"wrA","markdown":{"content":"好"},"msgtype":"markdown"}`,
		},
		"a message that cannot be answered any more": {
			d:     func() bot.Delivery { return answers("", socketReply("多")) },
			codes: []int{846605},
			want: `aibot_respond_msg r1 {"msgtype":"template_card",` + noticeJSON + `}` + "\n" +
				`aibot_send_msg * {"chat_type":1,"chatid":"ZhangSan","msgtype":"template_card",` + noticeJSON + `}` + "\n" +
				`aibot_send_msg * {"chat_type":1,"chatid":"ZhangSan","markdown":{"content":"多"},"msgtype":"markdown"}`,
		},
		"a card that is refused": {
			d:     func() bot.Delivery { return answers("", socketReply("")) },
			codes: []int{42045},
			want:  `aibot_respond_msg r1 {"msgtype":"template_card",` + noticeJSON + `}`,
			fails: bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown},
		},
		"a card that a group does not take": {
			d:     func() bot.Delivery { return answers("wrA", socketReply("")) },
			codes: []int{40008},
			want:  `aibot_respond_msg r1 {"msgtype":"template_card",` + noticeJSON + `}`,
			fails: bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsMarkdown},
		},
		"as markdown": {
			d: func() bot.Delivery {
				return with(answers("wrA", socketReply("多")), func(d *bot.Delivery) { d.Form = bot.AsMarkdown })
			},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"✅ **核销成功**\n\n多","finish":true,"id":"d1"}}`,
		},
		"markdown that is refused": {
			d: func() bot.Delivery {
				return with(answers("wrA", socketReply("多")), func(d *bot.Delivery) { d.Form = bot.AsMarkdown })
			},
			codes: []int{40058},
			want:  `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"✅ **核销成功**\n\n多","finish":true,"id":"d1"}}`,
			fails: bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsText},
		},
		"words that call the asker": {
			d:       func() bot.Delivery { return answers("wrA", bot.Reply{Text: "好"}) },
			mention: true,
			want:    `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"\u003c@ZhangSan\u003e 好","finish":true,"id":"d1"}}`,
		},
		"as text": {
			d: func() bot.Delivery {
				return with(answers("wrA", socketReply("**多**")), func(d *bot.Delivery) { d.Form = bot.AsText })
			},
			want: `aibot_respond_msg r1 {"markdown":{"content":"✅ 核销成功\n\n多"},"msgtype":"markdown"}`,
		},
		"a link to a file": {
			d: func() bot.Delivery {
				return answers("", bot.Reply{Text: "好了", File: &bot.File{ID: "f", Name: "11月.xlsx", Kind: bot.AnyFile, Size: 100, URL: "https://example.com/f"}})
			},
			want: `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"好了\n\n[下载 11月.xlsx](https://example.com/f)\n链接一天内有效，只有第一个打开的人能下载，请不要转发。","finish":true,"id":"d1"}}`,
		},
		"a notice": {
			d:    func() bot.Delivery { return notice(answers("", socketReply("", undoKey))) },
			want: `aibot_send_msg * {"chat_type":1,"chatid":"zhangsan","msgtype":"template_card",` + buttonJSON + `}`,
		},
		"a notice to who never wrote": {
			d:     func() bot.Delivery { return notice(answers("", bot.Reply{Text: "好"})) },
			codes: []int{93006},
			want:  `aibot_send_msg * {"chat_type":1,"chatid":"zhangsan","markdown":{"content":"好"},"msgtype":"markdown"}`,
			fails: bot.DeliveryError{Reason: "no_receiver"},
		},
		"a notice without what a card needs": {
			d:     func() bot.Delivery { return notice(answers("", socketReply("", undoKey))) },
			codes: []int{41016},
			want:  `aibot_send_msg * {"chat_type":1,"chatid":"zhangsan","msgtype":"template_card",` + buttonJSON + `}`,
			fails: bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown},
		},
		"too many messages, says WeCom": {
			d:     func() bot.Delivery { return answers("", bot.Reply{Text: "好"}) },
			codes: []int{45009},
			want:  `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"好","finish":true,"id":"d1"}}`,
			fails: bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate},
		},
		"busy": {
			d:     func() bot.Delivery { return answers("", bot.Reply{Text: "好"}) },
			codes: []int{-1},
			want:  `aibot_respond_msg r1 {"msgtype":"stream","stream":{"content":"好","finish":true,"id":"d1"}}`,
			fails: bot.DeliveryError{Reason: "busy", Retry: true},
		},
		"a press": {
			d:    func() bot.Delivery { return presses("wrA", socketReply("", undoKey)) },
			want: `aibot_respond_update_msg r1 {"response_type":"update_template_card",` + button1 + `}`,
		},
		"a press with words": {
			d: func() bot.Delivery { return presses("wrA", socketReply("多", undoKey)) },
			want: `aibot_respond_update_msg r1 {"response_type":"update_template_card",` + button1 + `}` + "\n" +
				`aibot_send_msg * {"chat_type":2,"chatid":"wrA","markdown":{"content":"多"},"msgtype":"markdown"}`,
		},
		"a press that is refused a card": {
			d:    func() bot.Delivery { return presses("wrA", bad) },
			want: `aibot_respond_update_msg r1 {"response_type":"update_template_card","template_card":{"card_action":{"type":1,"url":"https://example.com/"},"card_type":"text_notice","main_title":{"title":"不能撤销"},"task_id":"t1"},"userids":["ZhangSan"]}`,
		},
		"a press that is refused in words": {
			d:    func() bot.Delivery { return presses("wrA", bot.Reply{Text: "不是您的门店"}) },
			want: `aibot_send_msg * {"chat_type":2,"chatid":"wrA","markdown":{"content":"不是您的门店"},"msgtype":"markdown"}`,
		},
		"a press too long ago": {
			d: func() bot.Delivery {
				return with(presses("wrA", socketReply("", undoKey)), func(d *bot.Delivery) { d.Asked = time.Now().Add(-5 * time.Second) })
			},
			fails: bot.DeliveryError{Reason: "update_refused", Downgrade: bot.AsCard},
		},
		"a press whose update is refused": {
			d:     func() bot.Delivery { return presses("wrA", socketReply("", undoKey)) },
			codes: []int{846605},
			want:  `aibot_respond_update_msg r1 {"response_type":"update_template_card",` + button1 + `}`,
			fails: bot.DeliveryError{Reason: "update_refused", Downgrade: bot.AsCard},
		},
		"a press in place of an update": {
			d: func() bot.Delivery {
				return with(presses("", socketReply("", undoKey)), func(d *bot.Delivery) { d.Form = bot.AsCard })
			},
			want: `aibot_send_msg * {"chat_type":1,"chatid":"ZhangSan","msgtype":"template_card",` + buttonJSON + `}`,
		},
		"a welcome": {
			d: func() bot.Delivery {
				return with(answers("", socketReply("")), func(d *bot.Delivery) { d.Answers, d.Stream = bot.Enter, "" })
			},
			want: `aibot_respond_welcome_msg r1 {"msgtype":"template_card",` + noticeJSON + `}`,
		},
		"a welcome in words": {
			d: func() bot.Delivery {
				return with(answers("", socketReply("")), func(d *bot.Delivery) { d.Answers, d.Stream, d.Form = bot.Enter, "", bot.AsMarkdown })
			},
			want: `aibot_respond_welcome_msg r1 {"msgtype":"text","text":{"content":"✅ 核销成功"}}`,
		},
		"a welcome too late": {
			d: func() bot.Delivery {
				return with(answers("", socketReply("")), func(d *bot.Delivery) {
					d.Answers, d.Stream, d.Asked = bot.Enter, "", time.Now().Add(-5*time.Second)
				})
			},
			fails: bot.DeliveryError{Reason: "too_late"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sends(t, func(t *testing.T, s *sending) {
				s.socket.Mention = tt.mention
				frames, err := s.sentAs(tt.d(), tt.codes...)
				if got := shape(frames); got != tt.want {
					t.Errorf("sent\n%s\nwant\n%s", got, tt.want)
				}
				got := bot.DeliveryError{}
				if err != nil {
					got, got.Err = *err, nil
				}
				if got != tt.fails {
					t.Errorf("error %+v, want %+v (%v)", got, tt.fails, err)
				}
			})
		})
	}
}

// What was sent of a delivery is not sent again by the next try; and what a lost
// answer left in doubt is taken for sent where WeCom knows the card.
func TestSocketGoesOn(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		d := answers("", socketReply("多"))
		frames, err := s.sentAs(d, 0, -1)
		if len(frames) != 2 || err == nil || !err.Retry {
			t.Fatalf("%d frames, %v", len(frames), err)
		}
		frames, err = s.sentAs(d)
		if err != nil || len(frames) != 1 || !strings.Contains(frames[0].raw, `"stream"`) {
			t.Errorf("then %s, %v", shape(frames), err)
		}

		d.ID = "d2"
		done := s.deliver(d)
		s.p.next(cmdRespond) // nobody acks
		if v := <-done; v.err == nil || v.err.Reason != "timeout" || !v.err.Retry {
			t.Fatalf("without an ack: %v", v.err)
		}
		frames, err = s.sentAs(d, 42014)
		if err != nil || len(frames) != 2 {
			t.Errorf("then %s, %v", shape(frames), err)
		}
		if s.p.closed() {
			t.Error("an ack that is lost is no reason to connect again: pings are acked")
		}
	})
}

// A press is answered, and the ack does not come: WeCom is asked again while it may still
// be, and what it says of the repeat tells of the first. Only where it says nothing, or
// says so over another connection, is a card of its own sent.
func TestSocketPressWhoseAckIsLost(t *testing.T) {
	const ack, silence = 0, -2
	update := bot.DeliveryError{Reason: "update_refused", Downgrade: bot.AsCard}
	for name, tt := range map[string]struct {
		codes []int // of the frames
		late  time.Duration
		fails bot.DeliveryError
		least time.Duration // until the verdict
	}{
		"taken":                   {codes: []int{ack}},
		"taken the second time":   {codes: []int{silence, ack}, least: eventWithin / 2},
		"taken the first time":    {codes: []int{silence, 846605}, least: eventWithin / 2},
		"first tried late":        {codes: []int{silence, 846605}, late: 4 * time.Second, least: 250 * time.Millisecond},
		"refused":                 {codes: []int{846605}, fails: update},
		"refused the second time": {codes: []int{silence, 42045}, fails: update, least: eventWithin / 2},
		"no word":                 {codes: []int{silence, silence}, fails: bot.DeliveryError{Reason: "timeout", Retry: true, Lost: true}, least: eventWithin/2 + ackWithin},
	} {
		t.Run(name, func(t *testing.T) {
			sends(t, func(t *testing.T, s *sending) {
				d := presses("wrA", socketReply("", undoKey))
				time.Sleep(tt.late)
				began := time.Now()
				done := s.deliver(d)
				for _, code := range tt.codes {
					if f := s.p.next(cmdUpdate); code != silence {
						s.p.ack(f, code)
					}
				}
				got := bot.DeliveryError{}
				if v := <-done; v.err != nil {
					got, got.Err = *v.err, nil
				}
				if took := time.Since(began); got != tt.fails || took < tt.least || took > tt.least+100*time.Millisecond {
					t.Errorf("after %s: %+v, want %+v", took, got, tt.fails)
				}
				s.p.quiet()
				if !got.Lost {
					return
				}
				d.Lost = true
				if frames, err := s.sentAs(d); err == nil || err.Downgrade != bot.AsCard || len(frames) > 0 {
					t.Errorf("then %s, %v", shape(frames), err)
				}
			})
		})
	}
}

// The connection ends before the ack of a press: nothing more goes over it, and a refusal
// over the next one proves nothing.
func TestSocketPressOverAnotherConnection(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		d := presses("wrA", socketReply("", undoKey))
		done := s.deliver(d)
		s.p.next(cmdUpdate)
		s.p.ws.CloseNow()
		if v := <-done; v.err == nil || !v.err.Lost || !v.err.Retry {
			t.Fatalf("verdict %v", v.err)
		}
		s.p = s.subscribed(2 * time.Second)
		d.Lost = true
		frames, err := s.sentAs(d, 846605)
		if len(frames) != 1 || err == nil || err.Downgrade != bot.AsCard {
			t.Errorf("then %s, %v", shape(frames), err)
		}
	})
}

// A group that has refused a card gets words from then on, without being asked each
// time; a person still gets cards.
func TestSocketGroupsWithoutCards(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		d := answers("wrA", socketReply("", undoKey))
		if _, err := s.sentAs(d, 40008); err == nil || err.Downgrade != bot.AsMarkdown {
			t.Fatalf("verdict %v", err)
		}
		for _, chat := range []string{"wrA", "wrB", ""} {
			d = answers(chat, socketReply("", undoKey))
			d.ID = "d" + chat
			frames, err := s.sentAs(d)
			if err != nil || len(frames) != 1 || strings.Contains(frames[0].raw, "template_card") != (chat == "") {
				t.Errorf("chat %q: %s, %v", chat, shape(frames), err)
			}
		}
		time.Sleep(cardsAgain)
		d.ID, d.Chat = "later", "wrA"
		if frames, _ := s.sentAs(d); !strings.Contains(shape(frames), "template_card") {
			t.Errorf("an hour later: %s", shape(frames))
		}
	})
}

// Answers are matched by their req_id, in whatever order they come; with one req_id
// a frame waits for the answer to the one before.
func TestSocketMatchesAnswers(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		var done []<-chan verdict
		frames := map[string]inTest{}
		for i := range 5 {
			d := answers(fmt.Sprint("wr", i), bot.Reply{Text: "好"})
			d.ID, d.Way = fmt.Sprint("d", i), wayOfSocket(fmt.Sprint("r", i), bot.Text)
			done = append(done, s.deliver(d))
			f := s.p.next(cmdRespond)
			frames[f.Headers.ReqID] = f
		}
		same := answers("wr0", bot.Reply{Text: "还有"})
		same.ID, same.Way = "d9", wayOfSocket("r0", bot.Text)
		done = append(done, s.deliver(same))
		s.p.quiet()
		for i := 4; i >= 0; i-- {
			code := 0
			if i == 3 {
				code = 93006
			}
			s.p.ack(frames[fmt.Sprint("r", i)], code)
		}
		for i := range 5 {
			if v := <-done[i]; (v.err != nil) != (i == 3) {
				t.Errorf("delivery %d: %v", i, v.err)
			}
		}
		f := s.p.next(cmdRespond)
		if !strings.Contains(f.raw, "还有") {
			t.Errorf("then %s", f.raw)
		}
		s.p.ack(f, 0)
		if v := <-done[5]; v.err != nil {
			t.Error(v.err)
		}
	})
}

// Nothing is heard any more: a frame that is not acked shows it sooner than pings do,
// and the delivery goes out by the next connection.
func TestSocketSilence(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		s.p.mute.Store(true)
		began := time.Now()
		d := answers("", bot.Reply{Text: "好"})
		v := <-s.deliver(d)
		if v.err == nil || v.err.Reason != "timeout" || time.Since(began) != ackWithin {
			t.Errorf("after %s: %v", time.Since(began), v.err)
		}
		s.p.next(cmdRespond)
		s.p = s.subscribed(time.Minute)
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("connected again after %s", took)
		}
		if frames, err := s.sentAs(d); err != nil || len(frames) != 1 {
			t.Errorf("then %s, %v", shape(frames), err)
		}
	})
}

// WeCom has forgotten the subscription: whoever learns of it, by a send or by a
// ping, connects anew, and what was to be sent is tried again.
func TestSocketSubscriptionLost(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		d := answers("", bot.Reply{Text: "好"})
		for range 3 {
			_, err := s.sentAs(d, codeNotSubscribed)
			if err == nil || err.Reason != "not_subscribed" || !err.Retry || err.After != time.Second {
				t.Fatalf("verdict %v", err)
			}
			if !s.p.closed() || len(s.sender.Away()) != 1 {
				t.Fatal("the connection stays")
			}
			if _, err := s.sentAs(d); err == nil || err.Reason != "not_connected" || !err.Retry {
				t.Fatalf("without a connection: %v", err)
			}
			s.p = s.subscribed(time.Minute)
		}
		if frames, err := s.sentAs(d); err != nil || len(frames) != 1 {
			t.Errorf("then %s, %v", shape(frames), err)
		}
		s.p.pingCode.Store(codeNotSubscribed)
		time.Sleep(pingEvery + time.Second)
		if !s.p.closed() {
			t.Error("a ping does not tell")
		}
		s.subscribed(time.Minute)
	})
}

// The connection is lost while an answer is awaited: the try fails at once.
func TestSocketLostMeanwhile(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		began := time.Now()
		done := s.deliver(answers("", bot.Reply{Text: "好"}))
		s.p.next(cmdRespond)
		s.p.ws.CloseNow()
		if v := <-done; v.err == nil || v.err.Reason != "network" || !v.err.Retry || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), v.err)
		}
	})
}

// Thirty a minute and a thousand an hour to one conversation, all together; lines
// that ask to wait give way to answers.
func TestSocketPace(t *testing.T) {
	sends(t, func(t *testing.T, s *sending) {
		send := func(chat, id string, form bot.Form) *bot.DeliveryError {
			d := answers(chat, bot.Reply{Text: "好"})
			d.ID, d.Form = id, form
			_, err := s.sentAs(d)
			return err
		}
		for i := range perMinute {
			if err := send("wrA", fmt.Sprint(i), bot.AsMarkdown); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if i == linesPerMinute {
				if err := send("wrA", "line", bot.AsStream); err == nil || err.Reason != "paced" || err.Retry {
					t.Errorf("a line: %v", err)
				}
			}
			time.Sleep(time.Second)
		}
		err := send("wrA", "more", bot.AsMarkdown)
		if err == nil || err.Reason != "paced" || !err.Retry || err.After != time.Minute-perMinute*time.Second {
			t.Fatalf("verdict %v", err)
		}
		if err := send("wrB", "other", bot.AsMarkdown); err != nil {
			t.Errorf("another group: %v", err)
		}
		time.Sleep(err.After)
		if err := send("wrA", "more", bot.AsMarkdown); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestPaceOfAnHour(t *testing.T) {
	t.Parallel()
	p := pace{sent: map[string][]time.Time{}}
	now := time.Unix(1_760_000_000, 0)
	sent := 0
	for ; now.Before(time.Unix(1_760_000_000, 0).Add(time.Hour)); now = now.Add(2500 * time.Millisecond) {
		if p.take("chat/a", now, perMinute) == 0 {
			sent++
		}
	}
	if sent != perHour {
		t.Errorf("%d messages in an hour", sent)
	}
	if wait := p.take("chat/a", now, perMinute); wait != 0 {
		t.Errorf("then another %s", wait)
	}
	p.take("chat/b", now.Add(2*time.Hour), perMinute)
	if _, kept := p.sent["chat/a"]; kept || len(p.sent) != 1 {
		t.Errorf("remembers %d conversations", len(p.sent))
	}
}

func TestNewSocketRefuses(t *testing.T) {
	t.Parallel()
	good := SocketConfig{Name: "g", BotID: "b", Secret: "hunter2-hunter2", URL: "wss://example.com", Lease: &testLease{}, NewID: func() string { return "" }}
	if _, err := NewSocket(good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*SocketConfig){
		"no URL":    func(c *SocketConfig) { c.URL = "" },
		"https":     func(c *SocketConfig) { c.URL = "https://example.com" },
		"no bot id": func(c *SocketConfig) { c.BotID = "" },
		"no secret": func(c *SocketConfig) { c.Secret = "" },
		"no lease":  func(c *SocketConfig) { c.Lease = nil },
		"no ids":    func(c *SocketConfig) { c.NewID = nil },
	} {
		cfg := good
		edit(&cfg)
		if _, err := NewSocket(cfg); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
