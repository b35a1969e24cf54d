package wecomtest

import (
	"time"

	"github.com/coder/websocket"
)

// Commands of the long connection (page 101463).
const (
	subscribeCmd    = "aibot_subscribe"
	pingCmd         = "ping"
	respondCmd      = "aibot_respond_msg"
	welcomeCmd      = "aibot_respond_welcome_msg"
	updateCmd       = "aibot_respond_update_msg"
	sendCmd         = "aibot_send_msg"
	messageCallback = "aibot_msg_callback"
	eventCallback   = "aibot_event_callback"
)

// clientFrame is {"cmd","headers":{"req_id"},"body"} of a client.
type clientFrame struct {
	cmd, reqID string
	body       object
}

func parseFrame(kind websocket.MessageType, data []byte) (clientFrame, *apiError) {
	if kind != websocket.MessageText {
		return clientFrame{}, refusef(40058, "a frame is text")
	}
	o, err := parseObject(data)
	if err != nil {
		return clientFrame{}, refusef(40058, "the frame is %s", err)
	}
	r := &reader{}
	headers, _ := r.object(o, "headers")
	f := clientFrame{cmd: r.str(o, "cmd"), reqID: r.str(headers, "req_id")}
	f.body, _ = r.object(o, "body")
	switch {
	case r.err != nil:
		return f, r.err
	case f.cmd == "":
		return f, refusef(40058, "missing cmd")
	case f.reqID == "":
		return f, refusef(40058, "missing headers.req_id")
	}
	return f, nil
}

func isSend(cmd string) bool {
	return cmd == respondCmd || cmd == welcomeCmd || cmd == updateCmd || cmd == sendCmd
}

func isFrame(cmd string) bool { return cmd == subscribeCmd || cmd == pingCmd || isSend(cmd) }

// takeFrame gives effect to a frame and acks it, with the faults a test asked
// for. It reports whether the connection goes on.
func (w longConnection) takeFrame(s *socket, kind websocket.MessageType, data []byte) bool {
	f, refusal := parseFrame(kind, data)
	w.mu.Lock()
	defer w.mu.Unlock()
	var fault Fault
	if f.cmd != "" {
		fault = w.takeFault(f.cmd)
	}
	if fault.Delay > 0 && !fault.After {
		w.mu.Unlock() // what comes behind it waits as well
		err := w.opt.Sleep(s.ctx, fault.Delay)
		w.mu.Lock()
		if err != nil {
			return false
		}
	}
	if fault.instead() && !fault.After {
		return w.playFrame(s, f, fault)
	}
	var then func()
	if refusal == nil {
		then, refusal = w.handleFrame(s, f)
	}
	if refusal != nil {
		w.refused(s.bot, f.what(), refusal)
	}
	switch {
	case fault.Delay > 0 && fault.After:
		w.ackLater(s, f, refusal, fault)
	case fault.instead():
		if !w.playFrame(s, f, fault) {
			return false
		}
	case fault.Swap:
		s.held = ack(f, refusal)
	default:
		w.ack(s, ack(f, refusal))
	}
	if then != nil {
		then()
	}
	return true
}

// what names a frame in Refusals.
func (f clientFrame) what() string {
	if f.cmd == "" {
		return "frame"
	}
	return f.cmd
}

// ack is {"headers":{"req_id"},"errcode","errmsg"}, without a cmd.
func ack(f clientFrame, refusal *apiError) []byte {
	o := object{"headers": object{"req_id": f.reqID}, "errcode": 0, "errmsg": "ok"}
	if refusal != nil {
		o["errcode"], o["errmsg"] = refusal.Code, refusal.Text
	}
	return encodeJSON(o)
}

// ack sends an ack, and one that was held back behind it. Callers hold mu.
func (w longConnection) ack(s *socket, data []byte) {
	w.enqueue(s, outgoing{data: data})
	if s.held != nil {
		w.enqueue(s, outgoing{data: s.held})
		s.held = nil
	}
}

// ackLater acks after the delay of a fault; what comes behind overtakes it.
// Callers hold mu.
func (w longConnection) ackLater(s *socket, f clientFrame, refusal *apiError, fault Fault) {
	w.wg.Go(func() {
		if w.opt.Sleep(s.ctx, fault.Delay) != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !fault.instead() {
			w.ack(s, ack(f, refusal))
		} else if !w.playFrame(s, f, fault) {
			w.cut(s)
		}
	})
}

// playFrame answers a frame as a fault says, and reports whether the connection
// goes on. Callers hold mu.
func (w longConnection) playFrame(s *socket, f clientFrame, fault Fault) bool {
	switch {
	case fault.Hang: // not acked, ever
	case fault.Drop, fault.Status != 0:
		return false
	case fault.Body != "":
		w.enqueue(s, outgoing{data: []byte(fault.Body)})
	default:
		w.ack(s, ack(f, refusef(fault.Code, "%s", codeText(fault.Code))))
	}
	return true
}

// handleFrame gives effect to a frame. What it returns first is done behind the
// ack. Callers hold mu.
func (w longConnection) handleFrame(s *socket, f clientFrame) (func(), *apiError) {
	switch {
	case f.cmd == subscribeCmd:
		return w.subscribe(s, f)
	case f.cmd == pingCmd:
		return nil, nil
	case !isSend(f.cmd):
		return nil, refusef(40058, "invalid cmd %q", f.cmd)
	case s.bot == nil || s.bot.socket != s:
		return nil, refusef(846609, "aibot websocket not subscribed")
	case f.cmd == sendCmd:
		return nil, w.pushByRobot(s.bot, f.body)
	}
	return nil, w.answerByFrame(s.bot, f)
}

// subscribeRate is how often a robot may subscribe within a minute. The page only
// says that there is a limit.
const subscribeRate = 10

// subscribe binds a connection to a robot and kicks the one that had it before.
// Callers hold mu.
func (w longConnection) subscribe(s *socket, f clientFrame) (func(), *apiError) {
	r := &reader{}
	id, secret := r.str(f.body, "bot_id"), r.str(f.body, "secret")
	if r.err != nil {
		return nil, r.err
	}
	var b *bot
	for _, other := range w.robots {
		if other.robot.ID == id {
			b = other
		}
	}
	if b == nil {
		return nil, refusef(40001, "invalid bot_id or secret")
	}
	now := w.opt.Now()
	b.subscribed = recentOf(b.subscribed, now, time.Minute)
	if w.opt.SubscribeRate > 0 && len(b.subscribed) >= w.opt.SubscribeRate {
		return nil, refusef(45009, "aibot_subscribe freq out of limit")
	}
	b.subscribed = append(b.subscribed, now)
	switch {
	case !b.robot.LongConnection:
		return nil, refusef(48002, "the robot is in URL callback mode")
	case secret != b.robot.Secret:
		return nil, refusef(40001, "invalid bot_id or secret")
	}
	if s.bot != nil && s.bot != b && s.bot.socket == s {
		s.bot.socket = nil
	}
	old := b.socket
	s.bot, b.socket, b.elsewhere = b, s, false
	if old != nil && old != s {
		w.kick(old)
	}
	w.bump()
	return func() { w.afterSubscribe(b, s) }, nil
}

func (w longConnection) afterSubscribe(b *bot, s *socket) {
	if b.kicks > 0 {
		b.kicks--
		w.kick(s)
		b.elsewhere = true
		return
	}
	waiting := b.waiting
	b.waiting = nil
	for _, c := range waiting {
		w.sendCallback(c, nil)
	}
}

// recentOf keeps the times that are younger than d.
func recentOf(times []time.Time, now time.Time, d time.Duration) []time.Time {
	out := times[:0]
	for _, t := range times {
		if now.Sub(t) < d {
			out = append(out, t)
		}
	}
	return out
}
