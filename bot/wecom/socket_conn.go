package wecom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/silenceper/wechat/v2/util"
)

// Commands of the long connection (page 101463).
const (
	cmdSubscribe = "aibot_subscribe"
	cmdPing      = "ping"
	cmdMessage   = "aibot_msg_callback"
	cmdEvent     = "aibot_event_callback"
	cmdRespond   = "aibot_respond_msg"
	cmdWelcome   = "aibot_respond_welcome_msg"
	cmdUpdate    = "aibot_respond_update_msg"
	cmdPush      = "aibot_send_msg"
)

const (
	dialWithin  = 10 * time.Second
	writeWithin = 5 * time.Second
	ackWithin   = 5 * time.Second
	pingEvery   = 30 * time.Second
	pingsMissed = 2       // in a row: the connection is dead
	maxFrame    = 1 << 20 // bytes; WeCom's own are a few KB
)

// Why a connection ended.
var (
	errKicked        = errors.New("another program has subscribed")
	errNotSubscribed = errors.New("the subscription is lost") // 846609
	errSilent        = errors.New("nothing is heard any more")
	errEnded         = errors.New("connection lost")
	errRefused       = errors.New("subscription refused")
)

// errNoAck: a frame was sent, and no answer to it has come in time.
var errNoAck = fmt.Errorf("no answer: %w", context.DeadlineExceeded)

// inFrame is what WeCom sends: a callback, or the answer to one of ours, which has
// no cmd and the req_id of what it answers.
type inFrame struct {
	Cmd     string
	Headers frameHeaders
	Body    []byte // nil also where there are two
	ErrCode *int64
	ErrMsg  string
	whole   bool // read to its end, and nothing is said twice
}

// readFrame reads a frame as far as it can be read; false: it says nothing.
func readFrame(data []byte) (f inFrame, ok bool) {
	o := readJSON(data)
	headers := o.object("headers")
	f = inFrame{
		Cmd: o.value("cmd"), Headers: frameHeaders{headers.value("req_id")},
		ErrMsg: o.value("errmsg"), whole: o.whole && !headers.torn(),
	}
	if !o.twice["body"] { // else the sender is not certain
		f.Body = o.raw("body")
	}
	if code, err := strconv.ParseInt(o.value("errcode"), 10, 64); err == nil {
		f.ErrCode = &code
	}
	return f, len(o.values) > 0
}

type outFrame struct {
	Cmd     string       `json:"cmd"`
	Headers frameHeaders `json:"headers"`
	Body    any          `json:"body,omitempty"`
}

type frameHeaders struct {
	ReqID string `json:"req_id"`
}

// connection is one WebSocket. Calls may come from many goroutines; of those with
// the same req_id one is under way at a time, because answers bear no other mark.
type connection struct {
	ws     *websocket.Conn
	log    *slog.Logger
	secret string // kept out of errors

	mu    sync.Mutex
	acks  map[string]chan inFrame // by req_id
	lanes map[string]*lane

	heard   atomic.Int64 // frames
	probing atomic.Bool
	over    chan struct{} // closed at the end
	once    sync.Once
	why     error // after over
}

// lane is where calls with one req_id queue.
type lane struct {
	turn chan struct{} // holds one
	n    int           // in the queue, or having their turn
}

func newConnection(ws *websocket.Conn, log *slog.Logger, secret string) *connection {
	ws.SetReadLimit(maxFrame)
	return &connection{
		ws: ws, log: log, secret: secret,
		acks: map[string]chan inFrame{}, lanes: map[string]*lane{}, over: make(chan struct{}),
	}
}

// end gives the connection up. The first reason counts.
func (c *connection) end(why error) {
	c.once.Do(func() {
		c.why = why
		close(c.over)
		_ = c.ws.CloseNow()
	})
}

// listen goes on reading for some time, or until the connection ends.
func (c *connection) listen(most time.Duration) {
	select {
	case <-c.over:
	case <-time.After(most):
	}
}

// leave says goodbye, so that WeCom does not wait for us.
func (c *connection) leave() {
	late := time.AfterFunc(time.Second, func() { _ = c.ws.CloseNow() })
	defer late.Stop()
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
	c.end(errEnded)
}

// read hands every callback to handle, in order, until the connection ends.
func (c *connection) read(ctx context.Context, handle func(inFrame)) {
	for {
		_, data, err := c.ws.Read(ctx)
		if err != nil {
			c.end(fmt.Errorf("%w: %w", errEnded, err))
			return
		}
		c.heard.Add(1)
		f, ok := readFrame(data)
		switch {
		case !ok:
			c.log.Warn("a frame that is not understood is left out", "bytes", len(data))
		case f.Cmd == cmdMessage || f.Cmd == cmdEvent:
			handle(f)
		case f.ErrCode != nil:
			c.acknowledge(f)
		default:
			c.log.Warn("a frame of an unknown kind is left out", "cmd", shorten(f.Cmd, 40))
		}
	}
}

// acknowledge wakes the waiter for this answer, if there is one.
func (c *connection) acknowledge(f inFrame) {
	c.mu.Lock()
	waiting := c.acks[f.Headers.ReqID]
	delete(c.acks, f.Headers.ReqID)
	c.mu.Unlock()
	if waiting == nil {
		c.log.Debug("an answer that nobody waits for", "errcode", *f.ErrCode)
		return
	}
	waiting <- f // has room
}

// call sends a frame and waits for the answer to it. A refusal is a
// [*util.CommonError].
func (c *connection) call(ctx context.Context, cmd, reqID string, body any) error {
	return c.callWithin(ctx, ackWithin, cmd, reqID, body)
}

// callWithin is call where the answer has to come within some time: [errNoAck].
func (c *connection) callWithin(ctx context.Context, within time.Duration, cmd, reqID string, body any) error {
	leave, err := c.enter(ctx, reqID)
	if err != nil {
		return callError(cmd, err)
	}
	defer leave()
	heard := c.heard.Load()
	answer, err := c.post(ctx, cmd, reqID, body)
	if err != nil {
		return err
	}
	select {
	case f := <-answer:
		return c.verdict(cmd, f)
	case <-c.over:
		err = c.why
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(within):
		err = errNoAck
		c.probe(heard)
	}
	c.forget(reqID)
	return callError(cmd, err, c.secret)
}

// post sends a frame, and tells where the answer will come.
func (c *connection) post(ctx context.Context, cmd, reqID string, body any) (<-chan inFrame, error) {
	data := encodeFrame(outFrame{cmd, frameHeaders{reqID}, body})
	answer := make(chan inFrame, 1)
	c.mu.Lock()
	c.acks[reqID] = answer
	c.mu.Unlock()
	// Not with ctx: a write that is given up takes the connection down with it.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	if err := c.ws.Write(limit, websocket.MessageText, data); err != nil {
		c.forget(reqID)
		c.end(fmt.Errorf("%w: %w", errEnded, err))
		return nil, callError(cmd, errEnded)
	}
	return answer, nil
}

// subscribe makes the connection the robot's.
func (c *connection) subscribe(ctx context.Context, botID, secret, id string) error {
	err := c.call(ctx, cmdSubscribe, cmdSubscribe+"_"+id, struct {
		BotID  string `json:"bot_id"`
		Secret string `json:"secret"`
	}{botID, secret})
	if apiCode(err) != 0 {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

func (c *connection) forget(reqID string) {
	c.mu.Lock()
	delete(c.acks, reqID)
	c.mu.Unlock()
}

func (c *connection) verdict(cmd string, f inFrame) error {
	switch *f.ErrCode {
	case 0:
		return nil
	case codeNotSubscribed:
		c.end(errNotSubscribed)
	}
	return util.NewCommonError(cmd, *f.ErrCode, redact(f.ErrMsg, c.secret))
}

// probe finds out whether the peer is still there, where an answer did not come and
// nothing else has since; a ping would tell only after a minute and a half.
func (c *connection) probe(heard int64) {
	if c.heard.Load() != heard || c.probing.Swap(true) {
		return
	}
	go func() {
		defer c.probing.Store(false)
		reqID := cmdPing + "_probe"
		answer, err := c.post(context.Background(), cmdPing, reqID, nil)
		if err != nil {
			return
		}
		defer c.forget(reqID)
		select {
		case <-answer:
		case <-c.over:
		case <-time.After(ackWithin):
			if c.heard.Load() == heard {
				c.end(errSilent)
			}
		}
	}()
}

// enter waits for one's turn among the calls with the same req_id.
func (c *connection) enter(ctx context.Context, reqID string) (leave func(), err error) {
	c.mu.Lock()
	l := c.lanes[reqID]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		c.lanes[reqID] = l
	}
	l.n++
	c.mu.Unlock()
	gone := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.n--; l.n == 0 {
			delete(c.lanes, reqID)
		}
	}
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; gone() }, nil
	case <-c.over:
		err = c.why
	case <-ctx.Done():
		err = ctx.Err()
	}
	gone()
	return nil, err
}

// ping asks from time to time whether the peer is there, until the connection ends.
func (c *connection) ping(ctx context.Context, newID func() string) {
	tick := time.Tick(pingEvery)
	var answer <-chan inFrame
	reqID, missed := "", 0
	for {
		select {
		case <-tick:
		case f := <-answer:
			answer, missed = nil, 0
			_ = c.verdict(cmdPing, f) // a lost subscription shows here, too
			continue
		case <-c.over:
			return
		}
		if answer != nil {
			c.forget(reqID)
			if missed++; missed == pingsMissed {
				c.end(errSilent)
				return
			}
		}
		reqID = cmdPing + "_" + newID()
		var err error
		if answer, err = c.post(ctx, cmdPing, reqID, nil); err != nil {
			return
		}
	}
}
