package server

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener for connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error { close(p); return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A connection over which nothing was asked does not hold up the end.
func TestStopsDespiteSilentConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(o *Options) { o.Grace = time.Minute })
		ln := make(pipes)
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- b.server.Serve(ctx, ln, nil) }()
		quiet, theirs := net.Pipe()
		defer quiet.Close()
		ln <- theirs
		synctest.Wait()
		stop()
		began := time.Now()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(began); took > time.Second { // net/http's own patience is five
			t.Errorf("stopped after %s", took)
		}
		if _, err := quiet.Read(make([]byte, 1)); err == nil {
			t.Error("the quiet connection is still open")
		}
	})
}
