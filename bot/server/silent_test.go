package server

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// A connection over which nothing was asked does not hold up the end.
func TestStopsDespiteSilentConnections(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Grace = time.Minute })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served, ready := make(chan error, 1), make(chan struct{})
	go func() { served <- b.server.Serve(ctx, ln, func() { close(ready) }) }()
	<-ready
	quiet, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	// Connections are taken in their order: the quiet one has been, when this is answered.
	resp, err := http.Get("http://" + ln.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stop()
	began := time.Now()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second { // net/http's own patience is five
		t.Errorf("stopped after %s", took)
	}
	if _, err := quiet.Read(make([]byte, 1)); err == nil {
		t.Error("the quiet connection is still open")
	}
}
