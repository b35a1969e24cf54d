package models

import (
	"context"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"
)

// What is accepted at the same moment shares a statement: WeCom waits for each.
const (
	acceptRows  = 64      // of one statement
	acceptBytes = 1 << 20 // of their payloads, but for the first
)

const acceptMessage = "accept message"

// acceptance is one message that is to be stored.
type acceptance struct {
	ctx    context.Context // of who waits for it
	row    Inbox
	sealed []byte
	err    error
	done   chan struct{}
}

// nextMessages takes what goes into a writer's next statement.
func (q *commits) nextMessages() []*acceptance {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < min(len(q.accepts), acceptRows) {
		if size += len(q.accepts[n].sealed); n > 0 && size > acceptBytes {
			break
		}
		n++
	}
	q.storing += n
	batch := q.accepts[:n:n]
	q.accepts = q.accepts[n:]
	return batch
}

// stored says that so many messages of nextMessages are not under way any more.
func (q *commits) stored(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.storing -= n
}

// store stores a message, with what waits at the same moment. Where its context ends
// before, it may be stored all the same.
func (s InboxStore) store(ctx context.Context, in Inbox, sealed []byte) error {
	if s.tx != nil {
		return s.write(ctx, acceptMessage, func(g *gorm.DB) error { return insertMessages(g, []*acceptance{{row: in, sealed: sealed}}) })
	}
	writers := 1 // of a SQLite file
	if s.cfg.Driver == MySQL {
		writers = s.budget.parts[1].size
	}
	return s.again(ctx, acceptMessage, func() error {
		a := &acceptance{ctx: ctx, row: in, sealed: sealed, done: make(chan struct{})}
		if s.commits.join(func() { s.commits.accepts = append(s.commits.accepts, a) }, writers) {
			go s.commitWaiting()
		}
		select {
		case <-a.done:
			return a.err
		case <-ctx.Done():
			return s.explain(acceptMessage, ctx.Err(), true)
		}
	})
}

// storeWaiting stores messages in a commit of their own.
func (c *core) storeWaiting() {
	batch := c.commits.nextMessages()
	if len(batch) == 0 { // another writer was faster
		return
	}
	defer c.commits.stored(len(batch))
	pool := c.accept
	if pool == nil {
		pool = c.pool
	}
	storeEach(batch, func(some ...*acceptance) error {
		ctx, cancel := whileAwaited(some)
		defer cancel()
		return c.explain(acceptMessage, insertMessages(c.on(ctx, pool), some), true)
	})
	for _, a := range batch {
		close(a.done)
	}
}

// storeEach stores messages together. Where one of them cannot be stored, each goes by
// itself; what is unknown of all is unknown of each.
func storeEach(batch []*acceptance, store func(some ...*acceptance) error) {
	err := store(batch...)
	alone := err != nil && len(batch) > 1 && !isAny(err, ErrUnavailable, ErrCommitUnknown)
	for _, a := range batch {
		if a.err = err; alone {
			a.err = store(a)
		}
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

// insertMessages is in SQL, because WeCom waits for it: building it from the struct
// takes as long as the round trip.
func insertMessages(g *gorm.DB, batch []*acceptance) error {
	args := make([]any, 0, 10*len(batch))
	for _, a := range batch {
		in := a.row
		args = append(args, in.ID, in.Channel, in.MessageID, in.Chat, in.User, a.sealed, false, in.Attempt, stamp(in.DueAt), stamp(in.ReceivedAt))
	}
	values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?), ", len(batch)), ", ")
	return g.Exec("INSERT INTO inbox (id, channel, message_id, chat, user_id, payload, final, attempt, due_at, received_at) VALUES "+values, args...).Error
}
