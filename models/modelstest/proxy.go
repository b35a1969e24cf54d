package modelstest

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Proxy stands between the store and its server and breaks the line on demand.
type Proxy struct {
	listener net.Listener

	mu     sync.Mutex
	server string
	down   bool
	lag    time.Duration
	conns  map[net.Conn]bool
	cut    []byte // cut the connection around this text
	after  bool   // once the server has answered it; else before it is passed on
	fired  chan struct{}
}

// NewProxy makes a proxy for the server of a DSN and returns the DSN through it.
func NewProxy(tb testing.TB, dsn string) (*Proxy, string) {
	tb.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: l, server: cfg.Addr, conns: map[net.Conn]bool{}}
	go p.accept()
	tb.Cleanup(func() {
		l.Close()
		p.Down()
	})
	return p, strings.Replace(dsn, "("+cfg.Addr+")", "("+l.Addr().String()+")", 1)
}

// Down cuts all connections and admits no more: the database is gone.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	p.cutAll()
}

// Up admits connections again.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Cut cuts all connections; new ones are admitted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAll()
}

// Slow delays every answer of the server.
func (p *Proxy) Slow(lag time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag = lag
}

// To leads to the server of another DSN from now on.
func (p *Proxy) To(dsn string) error {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != cfg.Addr {
		p.server = cfg.Addr
		p.cutAll()
	}
	return nil
}

// Heal ends all trouble on the line, also what has not come yet.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.lag, p.cut = false, 0, nil
}

func (p *Proxy) cutAll() {
	for c := range p.conns {
		c.Close()
	}
}

// CutBefore cuts the next connection on which a statement with this text comes
// by, without passing it on: the server never sees it.
func (p *Proxy) CutBefore(text string) <-chan struct{} { return p.arm(text, false) }

// CutAfter cuts it when the server has answered, without passing the answer on:
// the server has done it, and the client does not know. The channel is closed
// when that has happened.
func (p *Proxy) CutAfter(text string) <-chan struct{} { return p.arm(text, true) }

func (p *Proxy) arm(text string, after bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.after, p.fired = []byte(text), after, make(chan struct{})
	return p.fired
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		address := p.server
		p.mu.Unlock()
		server, err := net.Dial("tcp", address)
		if err != nil || !p.add(client, server) {
			client.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		line := &line{proxy: p, client: client, server: server}
		go line.requests()
		go line.answers()
	}
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

// match reports whether the connection is to be cut because of a request, and
// when. It does so once.
func (p *Proxy) match(request []byte) (fired chan struct{}, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cut) == 0 || !bytes.Contains(request, p.cut) {
		return nil, false
	}
	p.cut = nil
	return p.fired, p.after
}

func (p *Proxy) late() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lag
}

// line is one proxied connection.
type line struct {
	proxy          *Proxy
	client, server net.Conn

	mu    sync.Mutex
	fired chan struct{} // set: cut at the next answer
}

func (l *line) requests() {
	defer l.close()
	buf := make([]byte, 1<<16)
	for {
		n, err := l.client.Read(buf)
		if err != nil {
			return
		}
		if fired, after := l.proxy.match(buf[:n]); fired != nil {
			if !after {
				close(fired)
				return
			}
			l.mu.Lock()
			l.fired = fired
			l.mu.Unlock()
		}
		if _, err := l.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *line) answers() {
	defer l.close()
	buf := make([]byte, 1<<16)
	for {
		n, err := l.server.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		fired := l.fired
		l.mu.Unlock()
		if fired != nil {
			close(fired)
			return
		}
		if lag := l.proxy.late(); lag > 0 {
			time.Sleep(lag)
		}
		if _, err := l.client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *line) close() {
	l.client.Close()
	l.server.Close()
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	delete(l.proxy.conns, l.client)
	delete(l.proxy.conns, l.server)
}
