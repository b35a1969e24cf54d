package chat

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

const socket = "socket/group"

// over makes a message of the long connection.
func (b *bench) over(chat, user, text string) bot.Message {
	m := b.at(socket, chat, user)
	m.Kind, m.Text, m.Way = bot.Text, text, bot.Way{Robot: true, Streams: true, Wire: wire("req_id", m.ID)}
	return m
}

// slow lets whoever waits for the answer wait, or not, while the platform works.
func (b *bench) slow(wait bool) {
	b.t.Helper()
	asked := make(chan struct{})
	b.configure(func(o *Options) {
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			switch {
			case d != outbox.WaitDelay:
				b.clock.Advance(d)
				return ctx.Err()
			case !wait:
				<-ctx.Done()
				return ctx.Err()
			}
			<-asked
			b.clock.Advance(d)
			return ctx.Err()
		}
	})
	if !wait {
		return
	}
	first := true
	hold := func(r *http.Request) {
		if !first {
			return
		}
		first = false
		close(asked)
		for { // the line that asks to wait is in the outbox
			out, err := b.db.Outbox.Due(b.t.Context(), b.clock.Now(), 10, nil, time.Time{})
			if err != nil || len(out) > 0 {
				return
			}
		}
	}
	b.before.Store(&hold)
}

// What comes in over the long connection is answered by the outbox alone, at once
// and by what the message brought along.
func TestSocketAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.slow(false)
		b.voucher(Code)
		m := b.over(group, "zhangsan", "验 "+Code)
		m.SentAs = "ZhangSan"
		id := b.start(m)
		b.bot.Pass(t.Context())
		sent := b.courier.all()
		if len(sent) != 1 {
			t.Fatalf("sent %d deliveries, want the card alone: %+v", len(sent), sent)
		}
		has(t, sent[0].Reply, "核销成功")
		d := sent[0]
		d.Reply, d.ID = bot.Reply{}, ""
		if d != (bot.Delivery{Channel: socket, Chat: group, User: "zhangsan", Form: bot.AsCard, Way: m.Way, Answers: bot.Text, Asked: d.Asked, SentAs: "ZhangSan", Stream: id}) || d.Asked.IsZero() {
			t.Errorf("delivery is %+v", d)
		}
		b.start(m) // the same once more
		b.settle()
		if n := len(b.courier.all()); n != 1 {
			t.Errorf("a repeat made %d deliveries of one", n)
		}
		b.effects(Code, 1, 0)
	})
}

// Who waits for longer than a second sees that we are at it; the answer finishes
// what was begun, and once.
func TestSocketStream(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.slow(true)
		b.voucher(Code)
		id := b.start(b.over(group, "zhangsan", "验 "+Code))
		for range 3 {
			b.bot.Pass(t.Context())
		}
		sent := b.courier.all()
		if len(sent) != 1 {
			t.Fatalf("sent %+v", sent)
		}
		has(t, sent[0].Reply, "核销成功") // it came before the line was sent
		if sent[0].Open {
			t.Error("a stream is to be finished that was never begun")
		}

		const second = "7992697495"
		b.slow(false)
		b.voucher(second)
		release := make(chan struct{})
		first := true
		hold := func(r *http.Request) {
			if first {
				first = false
				<-release
			}
		}
		inner := b.bot.Sleep
		b.configure(func(o *Options) {
			o.Sleep = func(ctx context.Context, d time.Duration) error {
				if d == outbox.WaitDelay {
					b.clock.Advance(d)
					return nil
				}
				return inner(ctx, d)
			}
		})
		b.before.Store(&hold)
		later, err := b.bot.Accept(t.Context(), b.over(group, "zhangsan", "验 "+second))
		b.must(err)
		for len(b.courier.all()) < 2 {
			b.bot.Pass(t.Context())
		}
		close(release)
		b.bot.Wait()
		b.bot.Pass(t.Context())
		sent = b.courier.all()
		if len(sent) != 3 {
			t.Fatalf("sent %+v", sent)
		}
		if d := sent[1]; d.Form != bot.AsStream || d.Stream != later || d.Stream == id || d.Way.Wire == "" {
			t.Errorf("the line is %+v", d)
		}
		has(t, sent[1].Reply, "核验中，请稍候…")
		has(t, sent[2].Reply, "核销成功")
		if !sent[2].Open {
			t.Error("the stream is not finished")
		}
		b.clock.Advance(outbox.StreamEnd)
		b.bot.Pass(t.Context())
		if n := len(b.courier.all()); n != 3 {
			t.Errorf("%d deliveries in the end, want 3", n)
		}
	})
}

// A doubt that nobody resolves does not keep the stream open for longer than WeCom
// allows, and its outcome comes all the same, as a message of its own.
func TestSocketStreamEnds(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.slow(false)
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Times: 1}))
		id := b.start(b.over("", "zhangsan", "验 "+Code))
		row, err := b.db.Inbox.Get(t.Context(), id)
		b.must(err)
		// Nothing but deliveries, as if the platform were silent for good.
		send := func() {
			t.Helper()
			out, err := b.bot.out.Due(t.Context(), b.clock.Now())
			b.must(err)
			for _, o := range out {
				b.must(b.bot.out.Deliver(t.Context(), o))
			}
		}
		b.clock.Advance(outbox.InterimDelay)
		send()
		b.clock.Advance(outbox.StreamEnd - outbox.InterimDelay - time.Microsecond)
		send()
		if sent := b.courier.all(); len(sent) != 1 || sent[0].Form != bot.AsStream || sent[0].Stream != id {
			t.Fatalf("sent %+v", sent)
		}
		b.clock.Advance(time.Microsecond)
		send()
		sent := b.courier.all()
		if len(sent) != 2 || !sent[1].Open || sent[1].Stream != id || sent[1].Form != bot.AsMarkdown {
			t.Fatalf("sent %+v", sent)
		}
		has(t, sent[1].Reply, "还在核验", "请不要重复核销")
		b.settle()
		sent = b.courier.all()
		last := sent[len(sent)-1]
		has(t, last.Reply, "核销成功")
		if last.Open || last.Way.Wire != wire("req_id", row.MessageID) {
			t.Errorf("the outcome is delivered as %+v", last)
		}
	})
}

// The press of a button is answered by an update of the card, or else anew: what it
// brought along serves once.
func TestSocketPress(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.slow(false)
		b.voucher(Code)
		b.start(b.over("", "zhangsan", Code))
		b.bot.Pass(t.Context())
		c := b.courier.all()[0].Reply
		press := b.over("", "zhangsan", "")
		press.Way.Streams = false
		press.Kind, press.Button = bot.Click, &bot.Button{TaskID: c.Card.TaskID, Key: b.key(c, "确认核销")}
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Times: 1}))
		b.start(press)
		b.clock.Advance(outbox.InterimDelay)
		out, err := b.bot.out.Due(t.Context(), b.clock.Now())
		b.must(err)
		for _, o := range out {
			b.must(b.bot.out.Deliver(t.Context(), o))
		}
		b.settle()
		sent := b.courier.all()
		if len(sent) != 3 {
			t.Fatalf("sent %+v", sent)
		}
		pending, final := sent[1], sent[2]
		if !pending.Reply.Pending || pending.Way != press.Way || pending.Answers != bot.Click || pending.Card != c.Card.TaskID || pending.Stream != "" {
			t.Errorf("under way: %+v", pending)
		}
		has(t, final.Reply, "核销成功")
		if final.Answers != bot.Click || final.Card != "" {
			t.Errorf("the update is used up: %+v", final)
		}
	})
}

// A message that is answered by nothing but a file ends its stream, too.
func TestSocketStreamWithoutWords(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.slow(false)
		for wait, want := range map[time.Duration]int{0: 0, outbox.WaitDelay: 1} {
			row, _, err := b.db.Inbox.Accept(t.Context(), models.Inbox{
				Channel: socket, MessageID: wait.String(), User: "zhangsan", DueAt: b.clock.Now().Add(time.Minute), ReceivedAt: b.clock.Now(),
			})
			b.must(err)
			m := b.over("", "zhangsan", "导出 今日")
			b.clock.Advance(wait)
			if wait > 0 {
				b.must(b.db.Tx(t.Context(), func(tx *models.DB) error {
					return b.bot.out.Progress(t.Context(), tx, row, m, outbox.PleaseWait, b.clock.Now())
				}))
				b.bot.Pass(t.Context())
			}
			before := len(b.courier.all())
			_, err = b.bot.turns.finish(t.Context(), row, m, bot.Reply{})
			b.must(err)
			b.bot.Pass(t.Context())
			sent := b.courier.all()[before:]
			if len(sent) != want || want == 1 && (!sent[0].Open || sent[0].Stream != row.ID) {
				t.Errorf("after %s: sent %+v", wait, sent)
			}
			b.clock.Advance(outbox.StreamEnd)
			b.bot.Pass(t.Context())
			if n := len(b.courier.all()) - before; n != want {
				t.Errorf("after %s: %d deliveries in the end", wait, n)
			}
		}
	})
}

// Opening the conversation shows what can be texted.
func TestSocketEnter(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		m := b.over("", "zhangsan", "")
		m.Kind, m.Way.Streams = bot.Enter, false
		b.start(m)
		b.bot.Pass(t.Context())
		sent := b.courier.all()
		if len(sent) != 1 || sent[0].Answers != bot.Enter || sent[0].Stream != "" {
			t.Fatalf("sent %+v", sent)
		}
		has(t, sent[0].Reply, "可以这样发")
	})
}

// Without a connection answers wait for one, uncounted; after an hour they go out
// by the app.
func TestSocketAway(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.slow(false)
		b.voucher(Code)
		b.courier.away = []string{socket}
		b.start(b.over(group, "zhangsan", "验 "+Code))
		for range 5 {
			b.bot.Pass(t.Context())
			b.clock.Advance(time.Minute)
		}
		out, err := b.db.Outbox.Due(t.Context(), b.clock.Now(), 10, nil, time.Time{})
		b.must(err)
		if len(out) != 1 || out[0].Attempt != 0 || len(b.courier.all()) != 0 {
			t.Fatalf("outbox %+v, sent %+v", out, b.courier.all())
		}
		b.courier.fail = []error{&bot.DeliveryError{Reason: "not_connected", Retry: true}}
		b.clock.Advance(outbox.DeliveryLife)
		b.bot.Pass(t.Context())
		b.bot.Pass(t.Context())
		sent := b.courier.all()
		if len(sent) != 1 || sent[0].Channel != app || sent[0].User != "zhangsan" || sent[0].Way != (bot.Way{}) {
			t.Fatalf("sent %+v", sent)
		}
		has(t, sent[0].Reply, "核销成功")
	})
}

// A line that cannot be shown is given up before it holds up the answer.
func TestSocketLineGivenUp(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.slow(false)
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Times: 1}))
		id := b.start(b.over("", "zhangsan", "验 "+Code))
		for range outbox.StreamTries {
			b.courier.fail = []error{&bot.DeliveryError{Reason: "timeout", Retry: true, After: time.Hour}}
			b.clock.Advance(5 * time.Second)
			out, err := b.bot.out.Due(t.Context(), b.clock.Now())
			b.must(err)
			if len(out) != 1 || bot.Form(out[0].Form) != bot.AsStream {
				t.Fatalf("due: %+v", out)
			}
			b.must(b.bot.out.Deliver(t.Context(), out[0]))
		}
		rows, err := b.db.Outbox.AnswersTo(t.Context(), id)
		b.must(err)
		for _, r := range rows {
			if bot.Form(r.Form) == bot.AsStream && r.State != models.Failed {
				t.Errorf("the line is %+v", r)
			}
		}
		b.settle()
		sent := b.courier.all()
		if len(sent) != 1 || !sent[0].Open { // it may have been shown
			t.Fatalf("sent %+v", sent)
		}
		has(t, sent[0].Reply, "核销成功")
	})
}

// A bot that stops keeps what comes in on a channel that does not send again.
func TestKeep(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.slow(false)
		b.voucher(Code)
		m := b.over(group, "zhangsan", "验 "+Code)
		b.must(b.bot.Keep(t.Context(), m))
		b.must(b.bot.Keep(t.Context(), m))
		b.bot.Wait()
		b.effects(Code, 0, 0)
		b.bot.Pass(t.Context()) // of another process
		b.bot.Pass(t.Context())
		b.effects(Code, 1, 0)
		if sent := b.courier.all(); len(sent) != 1 || sent[0].Way != m.Way {
			t.Errorf("sent %+v", sent)
		}
	})
}

// Managers hear of a channel's trouble once for a while.
func TestChannelTrouble(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for _, wait := range []time.Duration{0, time.Hour, notice.ChannelQuiet} {
			b.clock.Advance(wait)
			b.must(b.bot.notices.ChannelTrouble(t.Context(), socket, "机器人被别的程序占用", "请检查。"))
			b.must(b.bot.notices.ChannelTrouble(t.Context(), socket, "机器人的密钥不对", "请检查。"))
		}
		b.bot.Pass(t.Context())
		b.bot.Pass(t.Context())
		for range 4 {
			b.bot.Pass(t.Context())
		}
		var titles []string
		for _, d := range b.courier.all() {
			if d.Channel != app || d.User != "boss" {
				t.Errorf("sent %+v", d)
			}
			titles = append(titles, d.Reply.Card.Title)
		}
		if got := strings.Join(titles, ","); got != "机器人被别的程序占用,机器人的密钥不对,机器人被别的程序占用,机器人的密钥不对" {
			t.Errorf("managers were told %s", got)
		}
	})
}
