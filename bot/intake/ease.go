package intake

import (
	"context"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// A message is stored sooner than it is worked on. Where more is left than can soon be
// worked on, the answers to callbacks come later: whatever waits for one before it sends
// more comes down to the rate of the work. A message is durable and has its place before
// its callback waits, so no work waits with it.
const (
	easyWait = 2 * time.Second // until a message is begun; up to here no answer is held back
	longWait = 5 * time.Second // from here on each is, for the whole time; half of the ten seconds in which all is told after a load

	lookAgain = 100 * time.Millisecond
	mostHeld  = 256 // answers at once: a proxy has so many connections for callbacks
)

// Ease returns when the callback of a message that was accepted had best be answered: at
// once, or later where much is left, and before the context ends. What one person has
// sent is no reason to hold up another.
func (q *Intake) Ease(ctx context.Context, m bot.Message) {
	deadline, ok := ctx.Deadline()
	sender := senderOf(m)
	if !ok || q.strain(sender) == 0 {
		return
	}
	select {
	case q.held <- struct{}{}:
		defer func() { <-q.held }()
	default: // their sender does not wait for answers
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.ending, cancel)()
	began := time.Now()
	for most := deadline.Sub(began); ; {
		rest := time.Duration(q.strain(sender)*float64(most)) - time.Since(began)
		if rest <= 0 || q.Sleep(ctx, min(rest, lookAgain)) != nil {
			return
		}
	}
}

// strain is how much is left ahead of a sender's last message: from 0, where it is soon
// worked on, to 1. In between it rises slowly enough for a loop of senders, each of whom
// learns of it one answer later, to settle.
func (q *Intake) strain(s models.Sender) float64 {
	wait := q.queue.wait(s, q.Now())
	return min(max(float64(wait-easyWait)/float64(longWait-easyWait), 0), 1)
}

// pace is how fast messages are worked on. That is not counted from those that are
// finished: of these there are few where few come.
type pace struct {
	takes time.Duration // a message holds its slot, of late on average
	moved time.Time     // when a slot was last taken or given back
}

// unknownPace is what a message is taken to need before one has ended.
const unknownPace = time.Second

func (p *pace) began(now time.Time) { p.moved = now }

// ended takes one more message into the average, which is of about as many as there are slots.
func (p *pace) ended(took time.Duration, now time.Time, slots int) {
	p.moved = now
	if p.takes == 0 {
		p.takes = took
	}
	p.takes += (took - p.takes) / time.Duration(slots)
}

// of is the time in which so many messages are worked on. Where all slots hang, it grows.
func (p *pace) of(messages, slots int, now time.Time) time.Duration {
	each := p.takes
	switch {
	case messages == 0 || p.moved.IsZero():
		return 0
	case each == 0:
		each = unknownPace
	}
	return time.Duration(float64(max(each, now.Sub(p.moved))) * float64(messages) / float64(slots))
}
