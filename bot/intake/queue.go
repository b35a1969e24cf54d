package intake

import (
	"context"
	"slices"
	"sync"
	"time"

	"yanquan/models"
)

// queue decides which message is worked on next. Messages of one sender go one after
// another, all of them share the slots, and what came first is begun first, also where
// it was left in the inbox for want of room.
type queue struct {
	limit int           // of messages worked on at once
	slots chan struct{} // one for each
	more  func()        // called when there is room for what was left
	now   func() time.Time

	mu   sync.Mutex // guards what follows
	line line
	left backlog
	pace pace
}

func newQueue(limit int, more func(), now func() time.Time) *queue {
	return &queue{
		limit: limit, slots: make(chan struct{}, limit), more: more, now: now,
		line: line{}, left: backlog{senders: map[models.Sender]*absence{}},
	}
}

// admit gives a new message a place in its sender's line: the first with a slot, or
// behind others of theirs. Without room for it, or while others wait for room, it
// is left in the inbox, where it takes no memory.
func (q *queue) admit(s models.Sender) (p *place, left []*absence) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.left.holdsUp(s):
	case q.line[s] != nil && q.line.waiting() < q.limit:
		return q.line.join(s), nil
	case q.line[s] == nil && !q.line.crowded(s, nil) && q.takeSlot():
		p = q.line.join(s)
		q.begin(p)
		return p, nil
	}
	left = []*absence{q.left.of(s)}
	q.left.add(left[0], q.now())
	if q.line[s] == nil && !q.line.crowded(s, nil) { // it would begin, if there was a slot
		left = append(left, &q.left.all)
	}
	for _, a := range left {
		a.storing++
	}
	return nil, left
}

// leave says that a message that was not admitted is in the inbox now, or is not
// going to be: it was not stored, or had been before.
func (q *queue) leave(left []*absence, stored bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range left {
		a.storing--
		q.left.leave(a)
	}
	if len(left) > 0 && !stored {
		q.left.drop(left[0])
	}
}

// wait is how long the last message of a sender that is left in the inbox is going to
// wait, were people served in turn; zero where none is.
func (q *queue) wait(s models.Sender, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pace.of(q.left.ahead(s), q.limit, now)
}

// begin notes that a message has a slot.
func (q *queue) begin(p *place) {
	now := q.now()
	p.slot, p.begun = true, now
	q.pace.began(now)
}

// takeSlot takes a slot that is free.
func (q *queue) takeSlot() bool {
	select {
	case q.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// release gives a place back, and its slot.
func (q *queue) release(p *place) {
	if p == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.leave(p)
	if p.slot {
		<-q.slots
		now := q.now()
		q.pace.ended(now.Sub(p.begun), now, q.limit)
	}
	if q.left.any() {
		q.more()
	}
}

// takeTurn waits until a message is the first of its line, and for a slot.
func (q *queue) takeTurn(ctx context.Context, p *place) error {
	select {
	case <-p.first:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.slot { // only its own goroutine gives it one
		return nil
	}
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.begin(p)
	return nil
}

// beginLook counts a look, and says how many messages it may find, and of whom none.
func (q *queue) beginLook(room int) (look, most int, busy []models.Sender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.look++
	free, waiting := q.limit-len(q.slots), 0
	for s, places := range q.line {
		if !places[0].slot {
			waiting++
		}
		if len(places) > 1 {
			busy = append(busy, s)
		}
	}
	most = min(room, free+q.limit/2-waiting)
	if free == 0 && waiting > q.limit/4 { // later, for more at once
		most = 0
	}
	return q.left.look, most, busy
}

// choose leaves out messages that are held, and those whose sender has two
// that come first; these are busy.
func (q *queue) choose(rows []models.Inbox, busy *[]models.Sender, held func(id string) bool) (chosen []models.Inbox) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines := map[models.Sender]int{}
	for _, row := range rows {
		s := row.Sender()
		switch {
		case held(row.ID):
		case !row.AnsweredAt.IsZero():
			chosen = append(chosen, row)
			continue
		case len(q.line[s])+lines[s] < 2 && !q.line.crowded(s, lines):
			lines[s]++
			chosen = append(chosen, row)
			continue
		default:
			q.left.leave(q.left.of(s))
		}
		if !slices.Contains(*busy, s) {
			*busy = append(*busy, s)
		}
	}
	return chosen
}

// place gives a claimed message the last place in its sender's line; none where only
// its pending answer is to be concluded.
func (q *queue) place(row models.Inbox) *place {
	if !row.AnsweredAt.IsZero() {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s := row.Sender()
	if a := q.left.senders[s]; a != nil {
		q.left.drop(a)
	}
	return q.line.join(s)
}

// passed notes that the oldest message that a look has found became due then.
func (q *queue) passed(look int, due time.Time, except []models.Sender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.passed(look, due, except)
}

// cut notes that there may be more than there was room for.
func (q *queue) cut() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.leave(&q.left.all)
}

func (q *queue) looked(look int, except []models.Sender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.looked(look, except)
}
