package wecomtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// socketPath is where robots open their long connection; the real service has a
// host of its own for it (page 101463).
const socketPath = "/ws"

// writeTimeout bounds the writing of one frame to a client that does not read.
const writeTimeout = 5 * time.Second

var (
	errNoSocket  = errors.New("the robot has no long connection")
	errElsewhere = errors.New("another subscriber has the robot's long connection")
	errCut       = errors.New("the long connection broke")
)

// socket is one connection of a client.
type socket struct {
	conn   *websocket.Conn
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	wake   chan struct{}

	// Guarded by mu.
	bot   *bot // of its last subscription; it is in force while bot.socket is this one
	queue []outgoing
	held  []byte // an ack that waits for the next one to overtake it
	gone  bool
}

// outgoing is a frame to a client.
type outgoing struct {
	data []byte
	done chan error // has room for one; nil: no waiter
	last bool       // the connection is closed behind it
}

// longConnection is the fake as robots with a long connection talk to it.
type longConnection struct{ *WeCom }

// SocketURL is where the long connection is, on the server of SetAPIURL.
func (w *WeCom) SocketURL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return "ws" + strings.TrimPrefix(w.apiURL, "http") + socketPath
}

// serveSocket accepts a connection and reads it to its end.
func (w longConnection) serveSocket(rw http.ResponseWriter, r *http.Request) {
	httpAPI(w).serve(rw, r, "ws", func() (func(), *apiError) { return func() { w.readSocket(rw, r) }, nil })
}

func (w longConnection) readSocket(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.wg.Add(1) // under mu, so that Close waits for it
	w.mu.Unlock()
	defer w.wg.Done()
	conn, err := websocket.Accept(rw, r, nil)
	if err != nil {
		return // it has answered
	}
	conn.SetReadLimit(maxBody)
	s := &socket{conn: conn, wake: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(w.ctx) // that of the request ends when it likes
	w.mu.Lock()
	w.sockets = append(w.sockets, s)
	w.bump()
	w.mu.Unlock()
	w.wg.Go(func() { w.writeSocket(s) })
	for {
		kind, data, err := conn.Read(s.ctx)
		if err != nil || !w.takeFrame(s, kind, data) {
			break
		}
	}
	w.mu.Lock()
	w.cut(s)
	w.mu.Unlock()
	_ = conn.CloseNow()
}

// writeSocket writes what is queued, in order.
func (w longConnection) writeSocket(s *socket) {
	for {
		w.mu.Lock()
		batch := s.queue
		s.queue = nil
		w.mu.Unlock()
		for i, o := range batch {
			ctx, stop := context.WithTimeout(s.ctx, writeTimeout)
			err := s.conn.Write(ctx, websocket.MessageText, o.data)
			stop()
			o.tell(err)
			if err != nil || o.last {
				for _, left := range batch[i+1:] {
					left.tell(errCut)
				}
				if o.last {
					_ = s.conn.Close(websocket.StatusNormalClosure, "")
				}
				w.mu.Lock()
				w.cut(s)
				w.mu.Unlock()
				return
			}
		}
		select {
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
	}
}

func (o outgoing) tell(err error) {
	if o.done != nil {
		o.done <- err
	}
}

// enqueue sends a frame as soon as those before it are out. Callers hold mu.
func (w longConnection) enqueue(s *socket, o outgoing) {
	if s.gone {
		o.tell(errCut)
		return
	}
	s.queue = append(s.queue, o)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// cut ends a connection without a word. Callers hold mu.
func (w longConnection) cut(s *socket) {
	if s.gone {
		return
	}
	s.gone = true
	w.sockets = slices.DeleteFunc(w.sockets, func(o *socket) bool { return o == s })
	if s.bot != nil && s.bot.socket == s {
		s.bot.socket = nil
	}
	for _, o := range s.queue {
		o.tell(errCut)
	}
	s.queue = nil
	s.cancel()
	w.bump()
}

// kick tells a connection that another one has taken its place, and closes it.
// Callers hold mu.
func (w longConnection) kick(s *socket) {
	body := object{"msgid": w.newID(32), "create_time": w.opt.Now().Unix(), "aibotid": s.bot.robot.ID,
		"msgtype": "event", "event": object{"eventtype": "disconnected_event"}}
	if s.bot.socket == s {
		s.bot.socket = nil
	}
	w.enqueue(s, outgoing{last: true, data: encodeJSON(object{"cmd": eventCallback,
		"headers": object{"req_id": w.newID(24)}, "body": body})})
	w.bump()
}
