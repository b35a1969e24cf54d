package chat

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// queue lets in so many bytes of pictures at once. People take turns: each has one
// picture in at a time, and stands behind all who wait when it is out again.
type queue struct {
	mu      sync.Mutex
	free    int // bytes
	in      map[string]bool
	waiting []*seat
}

// seat is one picture's, in the queue or let in.
type seat struct {
	queue  *queue
	person string
	bytes  int
	turn   chan struct{} // closed when it is let in
}

func newQueue(bytes int) *queue { return &queue{free: bytes, in: map[string]bool{}} }

// enter waits for a person's turn to have up to so many bytes in memory.
func (q *queue) enter(ctx context.Context, person string, bytes int) (*seat, error) {
	s := &seat{queue: q, person: person, bytes: bytes, turn: make(chan struct{})}
	q.mu.Lock()
	q.waiting = append(q.waiting, s)
	q.admit()
	q.mu.Unlock()
	select {
	case <-s.turn:
		return s, nil
	case <-ctx.Done():
		s.leave()
		return nil, fmt.Errorf("chat: turn for a picture: %w", ctx.Err())
	}
}

// holds says how many bytes a picture takes after all.
func (s *seat) holds(bytes int) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.free += s.bytes - bytes
	s.bytes = bytes
	s.queue.admit()
}

// leave gives a seat back, or a place in the queue.
func (s *seat) leave() {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, s); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	} else {
		q.free += s.bytes
		delete(q.in, s.person)
		slices.SortStableFunc(q.waiting, func(a, b *seat) int { return after(a.person == s.person) - after(b.person == s.person) })
	}
	q.admit()
}

func after(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// admit lets in whose turn it is, as far as there is room. Nobody overtakes who only
// waits for room.
func (q *queue) admit() {
	for i := 0; i < len(q.waiting); {
		s := q.waiting[i]
		switch {
		case q.in[s.person]:
			i++
		case s.bytes > q.free:
			return
		default:
			q.waiting = slices.Delete(q.waiting, i, i+1)
			q.free -= s.bytes
			q.in[s.person] = true
			close(s.turn)
		}
	}
}
