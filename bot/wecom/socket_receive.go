package wecom

import (
	"context"
	"errors"
	"sync"
	"time"

	"yanquan/bot"
)

const (
	storeWithin = time.Minute // of its arrival, to make a message durable; WeCom does not send it again
	storeTry    = 10 * time.Second
	storePause  = 200 * time.Millisecond // doubling
	storeMost   = 5 * time.Second
	maxWaiting  = 500 // messages that wait to be stored
	unsureHands = 16
	intakeGrace = 2 * time.Second // for what is being stored when all else has ended
)

// unsureReply is all that can be said of a message that may be stored or not: the
// database may have taken it and only its answer been lost.
var unsureReply = bot.Reply{Text: "系统暂时出了故障，不确定这条消息有没有收到。请过几分钟先发「查 券码」看看有没有核销，没有再重发。"}

// intake is what has come in and is not stored yet, in order within each
// conversation.
type intake struct {
	mu      sync.Mutex
	waiting map[string][]bot.Message // by conversation; while there is an entry, a goroutine works on it
	n       int
	unsure  int // answers under way to messages that could not be stored
	working sync.WaitGroup
}

// wait waits for what is under way, but not for long.
func (i *intake) wait(most time.Duration) {
	done := make(chan struct{})
	go func() { i.working.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(most):
	}
}

// receive takes one callback. It must not block: answers come by the same way.
func (s *Socket) receive(c *connection, f inFrame) {
	in := robotMessage{readJSON(f.Body)}
	in.whole = in.whole && f.whole
	if f.Cmd == cmdEvent && in.object("event").value("eventtype") == "disconnected_event" {
		c.end(errKicked)
		return
	}
	got, err := s.robot.incoming(in, s.Now())
	if err != nil {
		s.Log.Warn("a callback leads to nobody", "cmd", f.Cmd, "error", err)
		return
	}
	if got.Ignore || got.Message.Kind == "" {
		return
	}
	m := got.Message
	m.Came = s.Now()
	if m.ID == "" { // nothing is repeated here but what came twice over the wire
		m.ID = madeID(f.Headers.ReqID, f.Body)
	}
	m.Way = wayOfSocket(f.Headers.ReqID, m.Kind)
	s.take(m)
}

// take lets a message be stored behind the others of its conversation.
func (s *Socket) take(m bot.Message) {
	i, key := &s.intake, conversationOf(m.Chat, m.User)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n >= maxWaiting {
		if i.unsure >= unsureHands {
			s.Log.Error("a message is lost: too many wait to be stored", "message", m.ID)
			return
		}
		i.unsure++
		i.working.Go(func() {
			s.unsure(m)
			i.mu.Lock()
			i.unsure--
			i.mu.Unlock()
		})
		return
	}
	i.n++
	queue, busy := i.waiting[key]
	i.waiting[key] = append(queue, m)
	if !busy {
		i.working.Go(func() { s.drain(key) })
	}
}

// drain stores the messages of a conversation one after the other. Each has a minute of
// its own: those whose minute is over are told so together, and hold up none.
func (s *Socket) drain(key string) {
	i := &s.intake
	for {
		i.mu.Lock()
		queue := i.waiting[key]
		if len(queue) == 0 {
			delete(i.waiting, key)
			i.mu.Unlock()
			return
		}
		m := queue[0]
		i.waiting[key] = queue[1:]
		i.mu.Unlock()
		if s.store(m) {
			i.left()
			continue
		}
		i.working.Go(func() {
			s.unsure(m)
			i.left()
		})
	}
}

// left counts a message that waits no more.
func (i *intake) left() {
	i.mu.Lock()
	i.n--
	i.mu.Unlock()
}

// store makes a message durable, and reports whether it certainly is. There is no status
// to answer with that would make WeCom send it again, so that it is tried for a while.
func (s *Socket) store(m bot.Message) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storeWithin-s.Now().Sub(m.Came))
	defer cancel()
	pause, warned := storePause, false
	for {
		err := ctx.Err()
		if err == nil {
			err = s.storeOnce(ctx, m)
		}
		if err == nil {
			return true
		}
		if !warned {
			warned = true
			s.Log.Error("message not stored; trying again", "message", m.ID, "error", err)
		}
		if !pauseFor(ctx, pause*3/4+time.Duration(s.Jitter()*float64(pause/4))) {
			s.Log.Error("message not stored, or not known to be", "message", m.ID, "error", err)
			return false
		}
		pause = min(pause*2, storeMost)
	}
}

func (s *Socket) storeOnce(ctx context.Context, m bot.Message) error {
	try, cancel := context.WithTimeout(ctx, storeTry)
	defer cancel()
	_, err := s.inbox.Accept(try, m)
	if errors.Is(err, bot.ErrStopping) {
		err = s.inbox.Keep(try, m)
	}
	return err
}

// unsure says that it is not known whether a message was taken.
func (s *Socket) unsure(m bot.Message) {
	if m.Kind == bot.Enter {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*ackWithin)
	defer cancel()
	d := bot.Delivery{
		ID: s.NewID(), Channel: s.channel, Chat: m.Chat, User: m.User, SentAs: m.SentAs,
		Way: m.Way, Answers: m.Kind, Reply: unsureReply, Form: bot.AsMarkdown,
	}
	if _, err := s.deliver(ctx, d, &progress{form: d.Form}, func() {}); err != nil {
		s.Log.Error("nobody could be told that a message may be lost", "message", m.ID, "error", err)
	}
}

func conversationOf(chat, user string) string {
	if chat != "" {
		return "chat/" + chat
	}
	return "user/" + user
}
