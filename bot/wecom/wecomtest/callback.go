package wecomtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Delivery is one callback with all its attempts.
type Delivery struct {
	ID       string        `json:"id"`
	Bot      string        `json:"bot"`                // "app/main", "robot/group"
	Kind     string        `json:"kind"`               // "message", "card event", "event", "stream poll"
	MsgID    string        `json:"msgid,omitempty"`    // the MsgId or msgid inside; an app's events have none
	ShownID  string        `json:"shown_id,omitempty"` // the message, or the card that was pressed
	Plain    []byte        `json:"plain"`              // what was encrypted
	Request  SealedRequest `json:"request"`
	Attempts []Attempt     `json:"attempts"`
	Answer   []byte        `json:"answer,omitempty"`  // Answer of the last attempt
	Refused  string        `json:"refused,omitempty"` // Refused of the last attempt
	// Replies are the frames that answered it, of a robot with a long connection.
	Replies []Reply `json:"replies,omitempty"`
}

// Attempt is one HTTP request, or one frame of a long connection.
type Attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`           // 0: no answer, or a frame
	ReqID  string    `json:"req_id,omitempty"` // of a frame
	Body   []byte    `json:"body,omitempty"`
	Err    string    `json:"err,omitempty"`

	// Answer is the passive answer, decrypted; nil: none or unreadable. Of a frame it
	// is the body of the last that answered it.
	Answer  []byte `json:"answer,omitempty"`
	Refused string `json:"refused,omitempty"` // why the answer was not taken
}

// Accepted reports whether the last attempt was answered with 200 in time. A frame
// of a long connection is accepted once it is written: it has no ack.
func (d Delivery) Accepted() bool {
	if len(d.Attempts) == 0 {
		return false
	}
	last := d.Attempts[len(d.Attempts)-1]
	return last.Err == "" && (last.Status == http.StatusOK || last.ReqID != "")
}

type callbackKind string

const (
	onMessage   callbackKind = "message"
	onCardEvent callbackKind = "card event"
	onEvent     callbackKind = "event" // opened the conversation, scanned
	onPoll      callbackKind = "stream poll"
)

// callback is a delivery under way.
type callback struct {
	id     string
	bot    *bot
	kind   callbackKind
	where  Where
	user   string // folded
	post   *post  // the message; the card
	stream *stream
	msgID  string
	taskID string // of the card
	menu   bool   // a card event of the action menu
	plain  []byte
	req    SealedRequest
	once   bool // no retries
	mute   bool // an event that takes no passive answer

	// Guarded by mu.
	attempts []Attempt
	answered bool // an answer has taken effect
	replies  []Reply
}

// newCallback seals a plaintext. Callers hold mu.
func (w *WeCom) newCallback(c *callback) (*callback, error) {
	if !c.bot.long() {
		req, err := w.seal(c.bot, c.plain, Knobs{})
		if err != nil {
			return nil, err
		}
		c.req = req
	}
	c.id = w.newID(16)
	w.callbacks = append(w.callbacks, c)
	return c, nil
}

func (c *callback) delivery() Delivery {
	d := Delivery{ID: c.id, Bot: c.bot.String(), Kind: string(c.kind), MsgID: c.msgID, Plain: slices.Clone(c.plain),
		Request: c.req, Attempts: slices.Clone(c.attempts), Replies: slices.Clone(c.replies)}
	if n := len(d.Attempts); n > 0 {
		d.Answer, d.Refused = d.Attempts[n-1].Answer, d.Attempts[n-1].Refused
	}
	if c.post != nil {
		d.ShownID = c.post.id
	}
	return d
}

// Deliveries lists all callbacks, oldest first.
func (w *WeCom) Deliveries() []Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Delivery, 0, len(w.callbacks))
	for _, c := range w.callbacks {
		out = append(out, c.delivery())
	}
	return out
}

// deliver tries, and tries again with the same bytes, until the answer is 200
// (page 90238). An error only says that ctx or the fake ended.
func (w *WeCom) deliver(ctx context.Context, c *callback) (Delivery, error) {
	if c.bot.long() {
		return longConnection{w}.deliverFrame(ctx, c)
	}
	delays := w.opt.RetryDelays
	if c.once {
		delays = nil
	}
	for i := 0; ; i++ {
		if w.attempt(ctx, c) {
			break
		}
		if err := w.over(ctx); err != nil {
			return w.report(c), err
		}
		if i == len(delays) {
			w.mu.Lock()
			w.drop(c.bot, c.user, fmt.Sprintf("callback given up after %d attempts", i+1), string(c.kind))
			w.mu.Unlock()
			break
		}
		pause, stop := w.within(ctx, 0)
		err := w.opt.Sleep(pause, delays[i])
		stop()
		if err != nil {
			if over := w.over(ctx); over != nil {
				err = over
			}
			return w.report(c), err
		}
	}
	return w.report(c), nil
}

func (w *WeCom) over(ctx context.Context) error {
	if w.ctx.Err() != nil {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wecomtest: delivery: %w", err)
	}
	return nil
}

func (w *WeCom) report(c *callback) Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.delivery()
}

// attempt makes one request and applies a passive answer; over a long connection
// it sends one frame.
func (w *WeCom) attempt(ctx context.Context, c *callback) bool {
	if c.bot.long() {
		return longConnection{w}.pushFrame(ctx, c)
	}
	a := Attempt{At: w.opt.Now()}
	w.mu.Lock()
	req := c.req
	req.URL = c.bot.url // it may have moved since
	w.mu.Unlock()

	status, body, err := w.Post(ctx, req)
	a.Status, a.Body = status, body
	if err != nil {
		a.Err = err.Error()
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	accepted := err == nil && status == http.StatusOK
	if accepted && len(body) > 0 { // an empty body says nothing
		var refusal *apiError
		if a.Answer, refusal = w.takeAnswer(c, body); refusal != nil {
			a.Refused = refusal.Error()
			w.refused(c.bot, "passive answer", refusal)
		}
	}
	c.attempts = append(c.attempts, a)
	w.bump()
	return accepted
}

// takeAnswer opens a passive answer and gives effect to it. Callers hold mu.
func (w *WeCom) takeAnswer(c *callback, body []byte) ([]byte, *apiError) {
	plain, refusal := answers{w}.openAnswer(c, body)
	if refusal != nil {
		return nil, refusal
	}
	if c.bot.isApp() {
		return plain, answers{w}.applyToApp(c, plain)
	}
	return plain, answers{w}.applyToRobot(c, plain)
}

// Resend sends the same callback once more: same bytes, same signature, same
// message id, to where the bot's callbacks go now; over a long connection with
// another req_id. What the bot answers takes effect only where no earlier answer
// has; over a long connection every answer to a message does.
func (w *WeCom) Resend(ctx context.Context, deliveryID string) (Delivery, error) {
	w.mu.Lock()
	i := slices.IndexFunc(w.callbacks, func(c *callback) bool { return c.id == deliveryID })
	if i < 0 {
		w.mu.Unlock()
		return Delivery{}, fmt.Errorf("%w: delivery %q", ErrNotThere, deliveryID)
	}
	c := w.callbacks[i]
	w.mu.Unlock()
	w.attempt(ctx, c)
	return w.report(c), w.over(ctx)
}
