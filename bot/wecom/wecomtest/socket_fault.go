package wecomtest

import (
	"context"
	"fmt"
	"slices"
)

// Values of [Fault].API that stand for several commands of the long connection.
// "ws" is the opening of the connection.
const (
	EverySend  = "sends"  // aibot_respond_msg, …_welcome_msg, …_update_msg and aibot_send_msg
	EveryFrame = "frames" // these, ping and aibot_subscribe
)

// GroupCards says whether robots with a long connection may show template cards in
// groups. The pages say no; one project reports that pushing works.
type GroupCards struct {
	Respond bool `json:"respond"` // aibot_respond_msg
	Push    bool `json:"push"`    // aibot_send_msg
}

// SetGroupCards changes Options.GroupCards.
func (w *WeCom) SetGroupCards(g GroupCards) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groupCards = g
}

// StreamCards is what becomes of stream_with_template_card over the long
// connection. Page 101463 contradicts itself.
type StreamCards string

const (
	StreamCardsRefused StreamCards = ""      // 40008, as the table of fields says
	StreamCardsShown   StreamCards = "shown" // as the prose says
	StreamCardsLost    StreamCards = "lost"  // acked, but the card is not shown: a field report
)

// Connected tells whether a robot's long connection is subscribed, and how many
// connections are open altogether, of all robots and of none.
func (w *WeCom) Connected(robot string) (subscribed bool, open int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.robots[robot]
	return b != nil && b.socket != nil, len(w.sockets)
}

// WaitConnected waits until a robot's long connection is subscribed.
func (w *WeCom) WaitConnected(ctx context.Context, robot string) error {
	for {
		w.mu.Lock()
		b, changed := w.robots[robot], w.changed
		ready := b != nil && b.socket != nil
		w.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wecomtest: waiting for the connection of %s: %w", robot, ctx.Err())
		case <-w.ctx.Done():
			return ErrClosed
		}
	}
}

// WaitReply waits until a robot has answered a callback over its long connection
// at least n times, refused answers included.
func (w *WeCom) WaitReply(ctx context.Context, deliveryID string, n int) (Delivery, error) {
	for {
		w.mu.Lock()
		i := slices.IndexFunc(w.callbacks, func(c *callback) bool { return c.id == deliveryID })
		if i < 0 {
			w.mu.Unlock()
			return Delivery{}, fmt.Errorf("%w: delivery %q", ErrNotThere, deliveryID)
		}
		d, changed := w.callbacks[i].delivery(), w.changed
		w.mu.Unlock()
		if len(d.Replies) >= n {
			return d, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return d, fmt.Errorf("wecomtest: waiting for an answer: %w", ctx.Err())
		case <-w.ctx.Done():
			return d, ErrClosed
		}
	}
}

// longRobot finds a robot with a long connection. Callers hold mu.
func (w *WeCom) longRobot(robot string) (*bot, error) {
	b := w.robots[robot]
	if b == nil || !b.robot.LongConnection {
		return nil, fmt.Errorf("%w: no robot %q with a long connection", ErrNotThere, robot)
	}
	return b, nil
}

// DropConnection breaks a robot's long connection without a word, as a lost
// network does.
func (w *WeCom) DropConnection(robot string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.longRobot(robot)
	if err == nil && b.socket != nil {
		longConnection{w}.cut(b.socket)
	}
	return err
}

// LoseSubscription lets the connection live, and answer pings, while its
// subscription is gone: what is sent gets 846609 and callbacks are lost, until it
// subscribes again.
func (w *WeCom) LoseSubscription(robot string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.longRobot(robot)
	if err == nil {
		b.socket = nil
		w.bump()
	}
	return err
}

// Kick lets another client subscribe to the robot: the connection gets
// disconnected_event and is closed, and callbacks go to the other one until the
// robot subscribes again. The times-1 subscribers after it are kicked as well.
func (w *WeCom) Kick(robot string, times int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.longRobot(robot)
	if err != nil {
		return err
	}
	b.kicks = times
	if b.socket != nil && times > 0 {
		b.kicks--
		longConnection{w}.kick(b.socket)
	}
	b.elsewhere = true
	return nil
}

// PushFrame sends any text over a robot's long connection, such as an unknown
// command.
func (w *WeCom) PushFrame(ctx context.Context, robot string, data []byte) error {
	w.mu.Lock()
	b, err := w.longRobot(robot)
	if err == nil && b.socket == nil {
		err = errNoSocket
	}
	if err != nil {
		w.mu.Unlock()
		return err
	}
	done := make(chan error, 1)
	longConnection{w}.enqueue(b.socket, outgoing{data: data, done: done})
	w.mu.Unlock()
	ctx, stop := w.within(ctx, 0)
	defer stop()
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
		return w.over(ctx)
	}
}

// Duplicate sends the next callbacks of a robot with a long connection twice: the
// same msgid, another req_id.
func (w *WeCom) Duplicate(robot string, times int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.longRobot(robot)
	if err == nil {
		b.duplicates = times
	}
	return err
}

// ForgetRequests makes all req_ids invalid that a robot has been given so far:
// 846605 from now on. The pages do not say whether they outlive a connection.
func (w *WeCom) ForgetRequests(robot string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.longRobot(robot)
	if err != nil {
		return err
	}
	for _, q := range w.requests {
		if q.of.bot == b {
			q.void = true
		}
	}
	return nil
}
