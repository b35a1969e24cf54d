package wecomtest

import (
	"bytes"
	"context"
	"slices"
)

// pushFrame delivers a callback over the long connection: once, as there is no ack of
// callbacks. It reports whether the frame went out.
func (w longConnection) pushFrame(ctx context.Context, c *callback) bool {
	done := make(chan error, 1)
	w.mu.Lock()
	i := w.sendCallback(c, done)
	w.mu.Unlock()
	ctx, stop := w.within(ctx, 0)
	defer stop()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.attempts[i].Err = err.Error()
	if w.opt.KeepUndelivered && !c.once && w.ctx.Err() == nil {
		c.bot.waiting = append(c.bot.waiting, c)
	} else {
		w.drop(c.bot, c.user, "callback not delivered: "+err.Error(), string(c.kind))
	}
	w.bump()
	return false
}

// sendCallback queues a callback under a fresh req_id and tells which attempt it
// is. Callers hold mu.
func (w longConnection) sendCallback(c *callback, done chan error) int {
	a := Attempt{At: w.opt.Now(), ReqID: w.newID(24)}
	c.attempts = append(c.attempts, a)
	w.bump()
	o := outgoing{done: done, data: c.frame(a.ReqID)}
	switch {
	case c.bot.socket != nil:
		w.requests[a.ReqID] = &request{of: c, at: a.At}
		w.enqueue(c.bot.socket, o)
	case c.bot.elsewhere:
		o.tell(errElsewhere)
	default:
		o.tell(errNoSocket)
	}
	return len(c.attempts) - 1
}

// frame is a callback as it goes over the wire.
func (c *callback) frame(reqID string) []byte {
	cmd := messageCallback
	if c.kind != onMessage {
		cmd = eventCallback
	}
	head := bytes.TrimSuffix(encodeJSON(object{"cmd": cmd, "headers": object{"req_id": reqID}}), []byte("}"))
	return slices.Concat(head, []byte(`,"body":`), c.plain, []byte("}")) // not parsed: it may be edited
}

// deliverFrame is deliver over a long connection.
func (w longConnection) deliverFrame(ctx context.Context, c *callback) (Delivery, error) {
	ok := w.pushFrame(ctx, c)
	w.mu.Lock()
	again := ok && c.bot.duplicates > 0
	if again {
		c.bot.duplicates--
	}
	w.mu.Unlock()
	if again {
		w.pushFrame(ctx, c)
	}
	return w.report(c), w.over(ctx)
}
