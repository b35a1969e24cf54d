package chat

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// let waits until a seat is let in, or says that it is not.
func (s *seat) let() bool {
	select {
	case <-s.turn:
		return true
	default:
		return false
	}
}

// wait puts a picture into the queue.
func (q *queue) wait(person string, bytes int) *seat {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &seat{queue: q, person: person, bytes: bytes, turn: make(chan struct{})}
	q.waiting = append(q.waiting, s)
	q.admit()
	return s
}

func TestPeopleTakeTurnsWithPictures(t *testing.T) {
	t.Parallel()
	q := newQueue(10)
	first := q.wait("a", 10)
	seats := map[string]*seat{}
	for _, name := range []string{"a2", "a3", "b1", "c1", "b2"} {
		seats[name] = q.wait(name[:1], 10)
	}
	var order []string
	for out := first; ; {
		if !out.let() {
			t.Fatal("not let in")
		}
		out.leave()
		var next string
		for name, s := range seats {
			if s.let() {
				next = name
			}
		}
		if next == "" {
			break
		}
		order, out = append(order, next), seats[next]
		delete(seats, next)
	}
	if want := []string{"b1", "c1", "a2", "b2", "a3"}; !slices.Equal(order, want) {
		t.Errorf("let in %v, want %v", order, want)
	}
	if q.free != 10 || len(q.in) > 0 || len(q.waiting) > 0 {
		t.Errorf("left over: %+v", q)
	}
}

func TestBytesOfPicturesAreCounted(t *testing.T) {
	t.Parallel()
	q := newQueue(25)
	a, b, c, d := q.wait("a", 10), q.wait("b", 10), q.wait("c", 10), q.wait("d", 1)
	if !a.let() || !b.let() || c.let() || d.let() { // d does not overtake c
		t.Fatal("20 of 25 bytes: two are let in")
	}
	a.holds(4)
	if !c.let() || !d.let() {
		t.Error("a small picture leaves room")
	}
	for _, s := range []*seat{a, b, c, d} {
		s.leave()
	}
	if q.free != 25 {
		t.Errorf("%d bytes are free", q.free)
	}
}

func TestWhoGoesAwayLeavesTheQueue(t *testing.T) {
	t.Parallel()
	q := newQueue(10)
	a := q.wait("a", 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.enter(ctx, "b", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	a.leave()
	if c := q.wait("c", 10); !c.let() || q.free != 0 {
		t.Error("somebody who is gone holds the queue up")
	}
}
