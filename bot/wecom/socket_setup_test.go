package wecom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"yanquan/bot"
)

// rig is the other end of long connections, by script: every connection is a peer
// that says what the test tells it to. All of it lives in the time of a bubble.
type rig struct {
	t     *testing.T
	http  *http.Client
	peers chan *peer
	dials atomic.Int64
	down  atomic.Bool // no connection comes about
	lease *leaseTable
	inbox *testInbox
	ids   atomic.Int64
}

// scripted runs a test in a bubble, with nothing left over.
func scripted(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, peers: make(chan *peer, 100), lease: &leaseTable{}, inbox: &testInbox{}}
		ln := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		var handling sync.WaitGroup
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			handling.Add(1)
			defer handling.Done()
			ws, err := websocket.Accept(w, req, nil)
			if err != nil {
				t.Error(err)
				return
			}
			ws.SetReadLimit(1 << 20)
			p := &peer{t: t, ws: ws, frames: make(chan inTest, 1000), gone: make(chan struct{})}
			r.peers <- p
			p.read()
		})}
		go srv.Serve(ln)
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			r.dials.Add(1)
			if r.down.Load() {
				return nil, errors.New("no route")
			}
			return ln.dial(ctx)
		}}
		r.http = &http.Client{Transport: transport}
		defer func() {
			transport.CloseIdleConnections()
			srv.Close()
			handling.Wait()
		}()
		test(t, r)
	})
}

// socket makes a client of the rig.
func (r *rig) socket(holder string, edit ...func(*SocketConfig)) *Socket {
	cfg := SocketConfig{
		Name: "group", BotID: "aib1", Secret: "s3cret-of-the-socket", URL: "ws://wecom.test/ws", FallbackURL: "https://example.com/",
		Lease: &testLease{table: r.lease, holder: holder}, HTTP: r.http,
		NewID: func() string { return fmt.Sprint(holder, r.ids.Add(1)) }, Jitter: func() float64 { return 1 },
	}
	for _, e := range edit {
		e(&cfg)
	}
	s, err := NewSocket(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// running is a socket that runs until it is stopped.
type running struct {
	*Socket
	stop, end context.CancelFunc
	done      chan struct{}
}

func (r *rig) run(s *Socket) *running {
	ctx, stop := context.WithCancel(context.Background())
	life, end := context.WithCancel(context.Background())
	run := &running{s, stop, end, make(chan struct{})}
	go func() { defer close(run.done); s.Run(ctx, life, r.inbox) }()
	return run
}

func (r *running) finish() { r.stop(); r.end(); <-r.done }

// peer waits for the next connection.
func (r *rig) peer(within time.Duration) *peer {
	r.t.Helper()
	select {
	case p := <-r.peers:
		return p
	case <-time.After(within):
		r.t.Fatal("nobody connects")
		return nil
	}
}

// subscribed waits for the next connection and lets it subscribe.
func (r *rig) subscribed(within time.Duration) *peer {
	r.t.Helper()
	p := r.peer(within)
	p.ack(p.next(cmdSubscribe), 0)
	synctest.Wait()
	return p
}

// inTest is a frame that the client has sent.
type inTest struct {
	Cmd     string
	Headers frameHeaders
	Body    map[string]any
	raw     string
	at      time.Time
}

// peer is one connection, seen from WeCom. It acks pings by itself.
type peer struct {
	t      *testing.T
	ws     *websocket.Conn
	frames chan inTest
	mute   atomic.Bool // acks no pings
	pings  atomic.Int64

	pingCode atomic.Int64  // that pings are acked with
	gone     chan struct{} // closed with the connection
}

func (p *peer) read() {
	defer p.ws.CloseNow()
	defer close(p.gone)
	for {
		_, data, err := p.ws.Read(context.Background())
		if err != nil {
			return
		}
		f := inTest{raw: string(data), at: time.Now()}
		if err := json.Unmarshal(data, &f); err != nil {
			p.t.Errorf("not a frame: %s", data)
			return
		}
		if f.Cmd == cmdPing {
			if p.pings.Add(1); !p.mute.Load() {
				p.ack(f, int(p.pingCode.Load()))
			}
			continue
		}
		p.frames <- f
	}
}

// next waits for a frame of the client.
func (p *peer) next(cmd string) inTest {
	p.t.Helper()
	select {
	case f := <-p.frames:
		if f.Cmd != cmd {
			p.t.Fatalf("frame is %s, want %s", f.raw, cmd)
		}
		return f
	case <-time.After(time.Hour):
		p.t.Fatalf("no frame %s", cmd)
		return inTest{}
	}
}

// quiet fails if the client has sent anything.
func (p *peer) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case f := <-p.frames:
		p.t.Fatalf("unexpected frame %s", f.raw)
	default:
	}
}

func (p *peer) write(text string) {
	_ = p.ws.Write(context.Background(), websocket.MessageText, []byte(text)) // the client may have gone
}

func (p *peer) ack(f inTest, code int) {
	p.write(fmt.Sprintf(`{"headers":{"req_id":%q},"errcode":%d,"errmsg":"said by s3cret-of-the-socket"}`, f.Headers.ReqID, code))
}

func (p *peer) say(reqID, msgID, chat, user, text string) {
	where := `"chattype":"single"`
	if chat != "" {
		where = fmt.Sprintf(`"chattype":"group","chatid":%q`, chat)
	}
	p.write(fmt.Sprintf(`{"cmd":"aibot_msg_callback","headers":{"req_id":%q},"body":{"msgid":%q,"aibotid":"aib1",%s,"from":{"userid":%q},"response_url":"https://example.com/response","msgtype":"text","text":{"content":%q}}}`,
		reqID, msgID, where, user, text))
	synctest.Wait()
}

func (p *peer) event(event string) {
	p.write(`{"cmd":"aibot_event_callback","headers":{"req_id":"ev"},"body":{"msgid":"ev1","create_time":1760000000,"aibotid":"aib1","chattype":"single","from":{"userid":"ZhangSan"},"msgtype":"event","event":` + event + `}}`)
	synctest.Wait()
}

func (p *peer) kick() { p.event(`{"eventtype":"disconnected_event"}`) }

func (p *peer) closed() bool {
	synctest.Wait()
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// pipes is a listener without a network, whose connections synctest sees through.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
	case <-ctx.Done():
	}
	return nil, net.ErrClosed
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// leaseTable is a lease of several processes.
type leaseTable struct {
	mu     sync.Mutex
	holder string
	until  time.Time
	broken map[string]bool // holders that do not reach it
}

type testLease struct {
	table  *leaseTable
	holder string
}

var errNoDatabase = errors.New("no database")

func (l *testLease) set(life time.Duration, free bool) (bool, error) {
	t := l.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken[l.holder] {
		return false, errNoDatabase
	}
	now := time.Now()
	if t.holder != l.holder && (!free || now.Before(t.until)) {
		return false, nil
	}
	t.holder, t.until = l.holder, now.Add(life)
	return true, nil
}

func (l *testLease) Take(_ context.Context, life time.Duration) (bool, error) {
	l.table.mu.Lock()
	taken := l.table.holder == l.holder && time.Now().Before(l.table.until)
	l.table.mu.Unlock()
	if taken {
		return false, nil
	}
	return l.set(life, true)
}
func (l *testLease) Renew(_ context.Context, life time.Duration) (bool, error) {
	return l.set(life, false)
}
func (l *testLease) Release(context.Context) error { _, err := l.set(0, false); return err }

func (t *leaseTable) held() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.until)
}

func (t *leaseTable) breakFor(holder string, broken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.broken = map[string]bool{}
	}
	t.broken[holder] = broken
}

// testInbox remembers what came in.
type testInbox struct {
	mu       sync.Mutex
	accepted []bot.Message
	kept     []bot.Message
	told     []string
	fail     func(m bot.Message) error // of Accept; nil: never
}

func (i *testInbox) Accept(_ context.Context, m bot.Message) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil {
		if err := i.fail(m); err != nil {
			return "", err
		}
	}
	i.accepted = append(i.accepted, m)
	return "in-" + m.ID, nil
}

func (i *testInbox) Keep(_ context.Context, m bot.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kept = append(i.kept, m)
	return nil
}

func (i *testInbox) ChannelTrouble(_ context.Context, channel, title, text string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.told = append(i.told, channel+" "+title+" "+text)
	return nil
}

func (i *testInbox) failing(f func(m bot.Message) error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = f
}

func (i *testInbox) all() []bot.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]bot.Message(nil), i.accepted...)
}

func (i *testInbox) notices() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.told...)
}
