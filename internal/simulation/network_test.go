package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
)

// wires are the hosts that the process's HTTP clients reach, by name. Each world gives
// its hosts names of their own, so that worlds can be played side by side.
var wires = struct {
	sync.Mutex
	hosts map[string]*host
	last  int
}{hosts: map[string]*host{}}

// All of the bot's clients go by the default transport or by clones of it. Connections
// are not kept: one of another world could not be used.
func init() {
	t := http.DefaultTransport.(*http.Transport)
	t.Proxy, t.DisableKeepAlives = nil, true
	t.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		wires.Lock()
		h := wires.hosts[strings.TrimSuffix(address, ":80")]
		wires.Unlock()
		if h == nil {
			return nil, fmt.Errorf("no such host %s", address)
		}
		return h.dial(ctx)
	}
}

// host is a listener in memory, and the line by which somebody reaches it.
type host struct {
	name string
	come chan net.Conn
	gone chan struct{} // closed with it

	mu    sync.Mutex
	conns map[*line]bool // nil: closed
}

func newHost(name string) *host {
	h := &host{name: name, come: make(chan net.Conn), gone: make(chan struct{}), conns: map[*line]bool{}}
	wires.Lock()
	defer wires.Unlock()
	wires.hosts[name] = h
	return h
}

// serve answers by a handler until the host is closed.
func (h *host) serve(handler http.Handler) *http.Server {
	s := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.Serve(h) }()
	return s
}

func (h *host) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	l := &line{near, h}
	h.mu.Lock()
	if h.conns != nil {
		h.conns[l] = true
	}
	h.mu.Unlock()
	select {
	case h.come <- far:
		return l, nil
	case <-h.gone:
	case <-ctx.Done():
	}
	_ = l.Close()
	return nil, errors.Join(fmt.Errorf("%s: connection refused", h.name), ctx.Err())
}

// line is a connection that its host can cut.
type line struct {
	net.Conn
	of *host
}

func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.conns, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// Accept makes it a [net.Listener], with Close and Addr.
func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.come:
		return c, nil
	case <-h.gone:
		return nil, net.ErrClosed
	}
}

// Close refuses connections from now on. Those that there are stay; see [host.cut].
func (h *host) Close() error {
	wires.Lock()
	defer wires.Unlock()
	if wires.hosts[h.name] == h {
		delete(wires.hosts, h.name)
		close(h.gone)
	}
	return nil
}

// cut closes it, and breaks all connections.
func (h *host) cut() {
	_ = h.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.conns {
		_ = l.Conn.Close()
	}
	h.conns = nil
}

func (h *host) Addr() net.Addr { return address(h.name) }

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) + ":80" }
