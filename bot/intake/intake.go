// Package intake makes a message durable, sees to it that it is worked on once,
// and lets who asked wait for its answer.
package intake

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Options of an [Intake]. All are required.
type Options struct {
	DB  *models.DB
	Out *outbox.Outbox
	// Work does what a message asks and commits its answer. After a crash it is
	// called again for the same message.
	Work func(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error)
	// Conclude looks whether a pending answer can be replaced by the final one.
	Conclude func(ctx context.Context, row models.Inbox) error
	// Awaited says which of these messages wait for what is under way, and is concluded
	// with it.
	Awaited func(ctx context.Context, ids []string) ([]string, error)

	Lease time.Duration   // after which work on a message may be taken for dead
	Limit int             // of messages worked on at once
	Base  context.Context // of the work
	Wake  func(jobs ...string)

	Now   func() time.Time
	NewID func() string
	Sleep func(ctx context.Context, d time.Duration) error // ends early with the context's error
	Log   *slog.Logger
}

// Intake takes messages in. It is safe for concurrent use, and any number of
// processes may run one on the same database.
type Intake struct {
	Options
	working  sync.WaitGroup // what is to end before the process does
	queue    *queue
	watchers watchers
	held     chan struct{} // one for each answer that is held back
	ending   context.Context
	end      context.CancelFunc // of ending, at the stop

	mu       sync.Mutex // guards what follows
	stopping bool
	flights  map[string]*flight      // by inbox id
	doubts   map[string]models.Inbox // not known whether they were stored, by inbox id
}

// New makes an intake.
func New(o Options) *Intake {
	q := &Intake{
		Options: o, queue: newQueue(o.Limit, func() { o.Wake(JobMessages) }, o.Now), watchers: watchers{by: map[string][]chan struct{}{}},
		held: make(chan struct{}, mostHeld), flights: map[string]*flight{}, doubts: map[string]models.Inbox{},
	}
	q.ending, q.end = context.WithCancel(context.Background())
	return q
}

const (
	maxMessageID = 128             // longer ids are kept as their hash
	idTime       = 12              // hex digits of an id that are the time it was made, in milliseconds
	streamLife   = 6 * time.Minute // how long WeCom asks for the rest of a stream (pages 101031, 101463)
)

// NewID makes an id of 32 hex digits that sorts by the time it was made.
func NewID() string {
	var raw [16]byte
	ms := time.Now().UnixMilli()
	for i := range 6 {
		raw[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(raw[6:])
	return hex.EncodeToString(raw[:])
}

// Accept makes a message durable and begins to work on it. After a nil error it
// will be answered, whatever happens to this process. A repeat of a message is
// not worked on again: it gets the id of the first.
func (q *Intake) Accept(ctx context.Context, m bot.Message) (string, error) {
	if !q.begin() {
		return "", bot.ErrStopping
	}
	defer q.working.Done()
	failpoint.Hit("accept.before")
	p, left := q.queue.admit(senderOf(m))
	due := q.Now()
	if p != nil {
		due = due.Add(q.Lease)
	}
	row, fresh, err := q.keep(ctx, &m, due)
	q.queue.leave(left, err == nil && fresh)
	if err != nil {
		q.queue.release(p)
		q.doubt(row)
		return "", err
	}
	failpoint.Hit("accept.after")
	if !fresh {
		row = q.found(ctx, row)
	}
	switch {
	case p == nil:
		q.Wake(JobMessages)
	case fresh:
		q.launch(row, m, p)
	default:
		q.again(ctx, row, p)
	}
	return row.ID, nil
}

// Keep makes a message durable and leaves the work on it to another process, or
// to the next start of this one: for a bot that is stopping, on a channel that
// does not send again.
func (q *Intake) Keep(ctx context.Context, m bot.Message) error {
	_, _, err := q.keep(ctx, &m, q.Now())
	return err
}

// keep stores a message under an id that the inbox can hold.
func (q *Intake) keep(ctx context.Context, m *bot.Message, due time.Time) (models.Inbox, bool, error) {
	if len(m.ID) > maxMessageID || strings.ContainsRune(m.ID, 0) {
		sum := sha256.Sum256([]byte(m.ID))
		m.ID = "sha256-" + hex.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return models.Inbox{}, false, fmt.Errorf("bot: message: %w", err)
	}
	in := models.Inbox{
		ID: q.NewID(), Channel: m.Channel, MessageID: m.ID, Chat: m.Chat, User: m.User,
		Payload: payload, DueAt: due, ReceivedAt: cmp.Or(m.Came, q.Now()), Attempt: 1,
	}
	row, fresh, err := q.DB.Inbox.Accept(ctx, in)
	if err != nil {
		return in, false, fmt.Errorf("bot: accept: %w", err)
	}
	return row, fresh, nil
}

// again takes up a message that came once more, where nobody works on it.
func (q *Intake) again(ctx context.Context, row models.Inbox, p *place) {
	var m bot.Message
	if row.AnsweredAt.IsZero() && !row.DueAt.After(q.Now()) && !q.Holds(row.ID) {
		claimed, err := q.DB.Inbox.Claim(ctx, row, q.Now().Add(q.Lease))
		if err == nil && json.Unmarshal(claimed.Payload, &m) == nil { // with what its worker had found out
			q.launch(claimed, m, p)
			return
		}
	}
	q.queue.release(p)
}

// begin counts one piece of work, unless the process is stopping.
func (q *Intake) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopping {
		return false
	}
	q.working.Add(1)
	return true
}

// Stopping reports whether no more messages are taken.
func (q *Intake) Stopping() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stopping
}

// Stop takes no more messages, and returns when nothing is under way.
func (q *Intake) Stop() {
	q.mu.Lock()
	q.stopping = true
	q.mu.Unlock()
	q.end()
	q.Wait()
}

// Wait returns when nothing is under way that began with [Intake.Accept].
func (q *Intake) Wait() { q.working.Wait() }
