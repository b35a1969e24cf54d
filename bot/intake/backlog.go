package intake

import (
	"slices"

	"yanquan/models"
)

// backlog knows what this process has left in the inbox, so that nothing that comes
// later is begun before it.
type backlog struct {
	look    int                        // counts looks into the inbox
	all     absence                    // somebody waits for a slot
	senders map[models.Sender]*absence // somebody's earlier messages wait
}

// absence is of messages that are in the inbox, and not under way here.
type absence struct {
	storing int // about to be stored
	since   int // the first look that can have found them all; zero: none is there
}

func (a *absence) is() bool { return a.storing > 0 || a.since > 0 }

// of is the absence of a sender's messages.
func (b *backlog) of(s models.Sender) *absence {
	if b.senders[s] == nil {
		b.senders[s] = &absence{}
	}
	return b.senders[s]
}

// holdsUp reports whether a new message has to wait for earlier ones.
func (b *backlog) holdsUp(s models.Sender) bool {
	mine := b.senders[s]
	return b.all.is() || mine != nil && mine.is()
}

// leave notes messages that a look under way need not find.
func (b *backlog) leave(a *absence) { a.since = b.look + 1 }

// looked notes that a look has found all that is due, but for some senders, and
// that what it found is under way, unless it was left since.
func (b *backlog) looked(look int, except []models.Sender) {
	if b.all.since <= look {
		b.all.since = 0
	}
	for s, a := range b.senders {
		if a.since <= look && !slices.Contains(except, s) {
			a.since = 0
		}
		if !a.is() {
			delete(b.senders, s)
		}
	}
}

// admit gives a new message a place in its sender's line: the first with a slot, or
// behind others of theirs. Without room for it, or while others wait for room, it
// is left in the inbox, where it takes no memory.
func (q *Intake) admit(s models.Sender) (p *place, left []*absence) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.left.holdsUp(s):
	case q.line[s] != nil && q.line.waiting() < q.Limit:
		return q.line.join(s), nil
	case q.line[s] == nil && !q.line.crowded(s) && q.takeSlot():
		p = q.line.join(s)
		p.slot = true
		return p, nil
	}
	left = []*absence{q.left.of(s)}
	if q.line[s] == nil && !q.line.crowded(s) { // it would begin, if there was a slot
		left = append(left, &q.left.all)
	}
	for _, a := range left {
		a.storing++
	}
	return nil, left
}

// leave says that a message that was not admitted is in the inbox now, if it is
// going to be.
func (q *Intake) leave(left []*absence) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range left {
		a.storing--
		q.left.leave(a)
	}
}
