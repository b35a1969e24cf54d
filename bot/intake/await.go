package intake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// What another process works on is looked at after pauses that grow from the first
// to the last.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
)

// tooOld answers a stream from before the inbox was purged, or nobody's.
var tooOld = bot.Reply{Text: "这条消息太旧了，请重新发一次。"}

// Await waits for the final reply to a message until the context ends. Where
// there is none yet it returns false, and the pending reply if there is one.
func (q *Intake) Await(ctx context.Context, id string) (pending bot.Reply, final bool) {
	woken, forget := q.watchers.watch(id)
	defer forget()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if f := q.flight(id); f != nil {
			select {
			case <-f.done:
			case <-ctx.Done():
				return pending, false
			}
			if f.final {
				return f.reply, true
			}
			pending = f.reply
		}
		reply, final, err := q.answer(ctx, id)
		switch {
		case err != nil: // not now
		case final:
			return reply, true
		case !reply.Empty():
			pending = reply
		}
		if jobs.Pause(ctx, q.Sleep, pause, woken); ctx.Err() != nil {
			return pending, false
		}
	}
}

// answer is what this process knows of, or the inbox has.
func (q *Intake) answer(ctx context.Context, id string) (reply bot.Reply, final bool, err error) {
	if reply, ok := q.Out.Fetchable(id, 0); ok {
		return reply, true, nil
	}
	row, err := q.DB.Inbox.Get(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound) && !q.isNew(id):
		return tooOld, true, nil
	case err != nil || row.AnsweredAt.IsZero():
		return bot.Reply{}, false, err
	}
	err = json.Unmarshal(row.Reply, &reply)
	return reply, row.Final && err == nil, err
}

// isNew reports whether an id was made so little ago that the database server which
// was asked may not have its row yet, but another of its cluster.
func (q *Intake) isNew(id string) bool {
	made, err := strconv.ParseInt(id[:min(len(id), idTime)], 16, 64)
	return err == nil && len(id) > idTime && q.Now().Sub(time.UnixMilli(made)).Abs() < streamLife
}

// Notify wakes those who wait for the answer to a message: it may be there.
func (q *Intake) Notify(id string) { q.watchers.notify(id) }

// watchers wait for something to become of a message.
type watchers struct {
	mu sync.Mutex
	by map[string][]chan struct{} // by inbox id
}

// watch gives a channel that says that something has become of a message.
func (w *watchers) watch(id string) (woken <-chan struct{}, forget func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	w.by[id] = append(w.by[id], c)
	w.mu.Unlock()
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.by[id] = slices.DeleteFunc(w.by[id], func(o chan struct{}) bool { return o == c })
		if len(w.by[id]) == 0 {
			delete(w.by, id)
		}
	}
}

func (w *watchers) notify(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.by[id] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
