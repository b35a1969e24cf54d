package wecomtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
)

// Poll asks for the next frame of every unfinished stream once, as WeCom does
// until a stream is finished or six minutes old (page 100719), and returns how
// many it asked for. Streams that are too old are given up here.
func (w *WeCom) Poll(ctx context.Context) (int, error) {
	w.mu.Lock()
	now := w.opt.Now()
	var polls []*callback
	for _, s := range slices.SortedFunc(maps.Keys(w.running), func(a, b *stream) int { return cmp.Compare(a.post.seq, b.post.seq) }) {
		switch {
		case s.polling:
			continue
		case s.tooOld(now):
			w.expire(s)
			continue
		case s.key.bot.long():
			continue // it pushes its frames unasked
		}
		c := &callback{bot: s.key.bot, kind: onPoll, where: s.of.where, user: s.of.user, stream: s, post: s.of.post,
			msgID: w.newID(32), once: true}
		c.plain = forms{w}.robotJSON(c, nil, func(o object) {
			o["msgtype"] = "stream"
			o["stream"] = object{"id": s.key.id}
		})
		c, err := w.newCallback(c)
		if err != nil {
			w.mu.Unlock()
			return 0, err
		}
		s.polling = true
		polls = append(polls, c)
	}
	w.mu.Unlock()

	var wg sync.WaitGroup
	for _, c := range polls {
		wg.Go(func() {
			w.attempt(ctx, c)
			w.mu.Lock()
			c.stream.polling = false
			w.mu.Unlock()
		})
	}
	wg.Wait()
	return len(polls), w.over(ctx)
}

// expire gives up a stream that was not finished in time. Callers hold mu.
func (w *WeCom) expire(s *stream) {
	w.end(s)
	w.change(s.post, nil, func(v *view) { v.running, v.expired = false, true })
	w.drop(s.key.bot, s.of.user, "stream not finished within 6 minutes", s.post.base.text)
}

// Run polls streams at the interval of the options until Close. More than one
// call is one.
func (w *WeCom) Run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.runStarted {
		return
	}
	w.runStarted = true
	w.wg.Go(func() {
		for w.opt.Sleep(w.ctx, w.opt.PollEvery) == nil && w.ctx.Err() == nil {
			if _, err := w.Poll(w.ctx); err != nil {
				return
			}
		}
	})
}
