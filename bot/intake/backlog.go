package intake

import (
	"slices"
	"time"

	"yanquan/models"
)

// backlog knows what this process has left in the inbox, so that nothing that comes
// later is begun before it.
type backlog struct {
	look    int                        // counts looks into the inbox
	all     absence                    // somebody waits for a slot
	senders map[models.Sender]*absence // somebody's earlier messages wait
	turns   []int                      // how many senders have a first message left, a second, and so on
}

// absence is of messages that are in the inbox, and not under way here.
type absence struct {
	storing int // about to be stored
	since   int // the first look that can have found them all; zero: none is there

	n    int       // of a sender's, those that are stored or about to be
	last time.Time // when one was left last
}

func (a *absence) is() bool { return a.storing > 0 || a.since > 0 }

// any reports whether something may be left.
func (b *backlog) any() bool { return b.all.is() || len(b.senders) > 0 }

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
		if a.since == 0 {
			b.forget(a)
		}
		if !a.is() {
			delete(b.senders, s)
		}
	}
}

// passed forgets what other processes have taken up: what was left before the oldest
// message became due that a look has found. What holds up a new message stays.
func (b *backlog) passed(look int, due time.Time, except []models.Sender) {
	for s, a := range b.senders {
		if a.n > 0 && a.since <= look && a.last.Before(due) && !slices.Contains(except, s) {
			b.forget(a)
		}
	}
}

// add counts one more message of a sender.
func (b *backlog) add(a *absence, now time.Time) {
	if a.n == len(b.turns) {
		b.turns = append(b.turns, 0)
	}
	b.turns[a.n]++
	a.n++
	a.last = now
}

// drop counts one less.
func (b *backlog) drop(a *absence) {
	if a.n == 0 {
		return
	}
	a.n--
	if b.turns[a.n]--; b.turns[a.n] == 0 { // no sender has more than that
		b.turns = b.turns[:a.n]
	}
}

// forget counts none but those that are about to be stored.
func (b *backlog) forget(a *absence) {
	for a.n > a.storing {
		b.drop(a)
	}
}

// ahead counts what is left, up to a sender's last message, were all served in turn: of
// others no more than of them.
func (b *backlog) ahead(s models.Sender) (n int) {
	if a := b.senders[s]; a != nil {
		for _, senders := range b.turns[:a.n] {
			n += senders
		}
	}
	return n
}
