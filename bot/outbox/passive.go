package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// An answer that a callback may fetch has a second way, a delivery that is due some
// seconds later. The process that commits it knows both until then: it neither looks
// for the answer, nor whether the second way was gone, and records together what
// callbacks have fetched at about the same time.

// mostFetchable bounds what a process knows of answers. What it does not know is looked
// for.
const mostFetchable = 10_000

// RecordEvery is the least time between two records of what was fetched, so that many
// share a commit.
const RecordEvery = 100 * time.Millisecond

// fetchable is a final answer whose second way this process has committed.
type fetchable struct {
	inboxID string
	reply   bot.Reply
	id      string    // of the delivery
	due     time.Time // from then on it may be on its second way
	fetched bool
}

// passive is what a process knows of answers that callbacks may fetch.
type passive struct {
	mu       sync.Mutex
	answers  map[string]*fetchable // by inbox id
	fetched  []*fetchable          // not yet recorded
	recorded time.Time             // when others were
}

func (p *passive) keep(f fetchable) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil {
		p.answers = map[string]*fetchable{}
	}
	if len(p.answers) < mostFetchable {
		p.answers[f.inboxID] = &f
	}
}

// hasShown reports whether a delivery is the second way of an answer that was fetched,
// which is still to be recorded: however late that is, it is not sent.
func (p *passive) hasShown(o models.Outgoing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.answers[o.InboxID]
	return f != nil && f.fetched && f.id == o.ID
}

// forget drops answers that were not fetched in time.
func (p *passive) forget(now time.Time) {
	for id, f := range p.answers {
		if !f.fetched && !f.due.After(now) {
			delete(p.answers, id)
		}
	}
}

// Fetchable gives the final answer to a message where this process knows that it is on
// no other way for some time. Otherwise it has to be looked for.
func (q *Outbox) Fetchable(inboxID string, within time.Duration) (bot.Reply, bool) {
	q.passive.mu.Lock()
	defer q.passive.mu.Unlock()
	f := q.passive.answers[inboxID]
	if f == nil || !f.due.After(q.Now().Add(within)) {
		return bot.Reply{}, false
	}
	return f.reply, true
}

// Fetched notes that a callback has got the answer to a message; false: this process
// does not know it. [Outbox.RecordFetched] makes that durable.
func (q *Outbox) Fetched(inboxID string) bool {
	p := &q.passive
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.answers[inboxID]
	if f != nil && !f.fetched {
		f.fetched = true
		p.fetched = append(p.fetched, f)
	}
	return f != nil
}

// RecordIn says in how long what was fetched is to be recorded; false: there is nothing
// to record.
func (q *Outbox) RecordIn(now time.Time) (time.Duration, bool) {
	p := &q.passive
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	since := now.Sub(p.recorded)
	if since < 0 { // the clock has stepped back
		since = RecordEvery
	}
	return max(0, RecordEvery-since), len(p.fetched) > 0
}

// RecordFetched records that what callbacks have fetched need not go another way. What
// cannot be recorded now is left for the next call.
func (q *Outbox) RecordFetched(ctx context.Context) error {
	p := &q.passive
	p.mu.Lock()
	fetched := p.fetched
	p.fetched, p.recorded = nil, q.Now()
	p.mu.Unlock()
	if len(fetched) == 0 {
		return nil
	}
	ids := make([]string, len(fetched))
	for i, f := range fetched {
		ids[i] = f.id
	}
	_, err := q.DB.Outbox.MarkPassive(ctx, ids...)
	if err == nil {
		failpoint.Hit("passive.recorded")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.fetched = append(fetched, p.fetched...)
		return fmt.Errorf("outbox: record what was fetched: %w", err)
	}
	for _, f := range fetched {
		delete(p.answers, f.inboxID)
	}
	return nil
}

// Shown takes an answer out of the queue that has been shown another way, with the
// lines that only stood for it, and says whether there was any. An answer that was
// queued since is another one, and stays.
func (q *Outbox) Shown(ctx context.Context, tx *models.DB, inboxID string, shown bot.Reply) (bool, error) {
	rows, err := tx.Outbox.QueuedAnswersTo(ctx, inboxID)
	if err != nil {
		return false, fmt.Errorf("outbox: shown: %w", err)
	}
	want, err := json.Marshal(shown)
	if err != nil {
		return false, fmt.Errorf("outbox: reply: %w", err)
	}
	var ids []string
	for _, o := range rows {
		var d bot.Delivery
		if json.Unmarshal(o.Payload, &d) != nil {
			continue // its own try sets it aside
		}
		if have, err := json.Marshal(d.Reply); d.Reply.Pending || err == nil && bytes.Equal(have, want) {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	n, err := tx.Outbox.MarkPassive(ctx, ids...)
	return n > 0, err
}
