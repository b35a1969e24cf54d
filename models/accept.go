package models

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// What is accepted at the same moment shares a statement and its commit: WeCom waits
// for each, and a disk takes so many commits a second.
const (
	acceptRows  = 64      // of one statement
	acceptBytes = 1 << 20 // of their payloads, but for the first
)

const acceptMessage = "accept message"

// acceptQueue holds the messages that wait for a connection to be stored by.
type acceptQueue struct {
	mu      sync.Mutex
	waiting []*acceptance
	writers int // under way
	storing int // messages that they store
}

// acceptance is one message that is to be stored.
type acceptance struct {
	ctx    context.Context // of who waits for it
	row    Inbox
	sealed []byte
	err    error
	done   chan struct{}
}

// join puts a message into the queue, and reports whether a writer has to begin.
func (q *acceptQueue) join(a *acceptance, writers int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, a)
	if q.writers == writers {
		return false
	}
	q.writers++
	return true
}

// next takes what goes into a writer's next statement, after one with so many. Where
// there is nothing, the writer has ended.
func (q *acceptQueue) next(stored int) []*acceptance {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.storing -= stored
	n, size := 0, 0
	for n < min(len(q.waiting), acceptRows) {
		if size += len(q.waiting[n].sealed); n > 0 && size > acceptBytes {
			break
		}
		n++
	}
	if n == 0 {
		q.writers--
	}
	q.storing += n
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// store stores a message, with those that wait at the same moment. Where its context
// ends before, it may be stored all the same.
func (s InboxStore) store(ctx context.Context, in Inbox, sealed []byte) error {
	a := &acceptance{ctx: ctx, row: in, sealed: sealed, done: make(chan struct{})}
	if s.tx != nil {
		return s.insert(ctx, a)
	}
	writers := 1 // SQLite has one connection
	if s.cfg.Driver == MySQL {
		writers = s.budget.parts[1].size
	}
	if s.accepts.join(a, writers) {
		go s.storeWaiting()
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return s.explain(acceptMessage, ctx.Err(), true)
	}
}

// storeWaiting stores messages until none waits.
func (s InboxStore) storeWaiting() {
	for batch := s.accepts.next(0); len(batch) > 0; batch = s.accepts.next(len(batch)) {
		s.storeBatch(batch)
		for _, a := range batch {
			close(a.done)
		}
	}
}

// storeBatch stores messages in one commit. Where one of them cannot be stored, each
// goes by itself; what is unknown of the commit is unknown of each.
func (s InboxStore) storeBatch(batch []*acceptance) {
	ctx, cancel := whileAwaited(batch)
	defer cancel()
	err := s.insert(ctx, batch...)
	if err == nil || len(batch) == 1 || isAny(err, ErrUnavailable, ErrCommitUnknown) {
		for _, a := range batch {
			a.err = err
		}
		return
	}
	for _, a := range batch {
		a.err = s.insert(a.ctx, a)
	}
}

// whileAwaited is a context that ends when those of all messages have.
func whileAwaited(batch []*acceptance) (context.Context, func()) {
	if len(batch) == 1 {
		return batch[0].ctx, func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	var awaited atomic.Int32
	awaited.Store(int32(len(batch)))
	stops := make([]func() bool, len(batch))
	for i, a := range batch {
		stops[i] = context.AfterFunc(a.ctx, func() {
			if awaited.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		cancel()
		for _, stop := range stops {
			stop()
		}
	}
}

// insert stores messages with one statement. It is in SQL, because WeCom waits for it:
// building it from the struct takes as long as the round trip.
func (s InboxStore) insert(ctx context.Context, batch ...*acceptance) error {
	args := make([]any, 0, 10*len(batch))
	for _, a := range batch {
		in := a.row
		args = append(args, in.ID, in.Channel, in.MessageID, in.Chat, in.User, a.sealed, false, in.Attempt, stamp(in.DueAt), stamp(in.ReceivedAt))
	}
	values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?), ", len(batch)), ", ")
	return s.write(ctx, acceptMessage, func(g *gorm.DB) error {
		if s.tx == nil && s.accept != nil {
			g.Statement.ConnPool = s.accept
		}
		return g.Exec("INSERT INTO inbox (id, channel, message_id, chat, user_id, payload, final, attempt, due_at, received_at) VALUES "+values, args...).Error
	})
}
