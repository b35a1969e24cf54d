package httpcall

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/internal/fakeserver"
)

// A call after a quiet minute shakes no hands, and one after a quiet night does.
func TestConnectionsStayWarm(t *testing.T) {
	for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(proto, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var handshakes int
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.WriteString(w, r.Proto)
				}))
				listener := fakeserver.Listen()
				server.Listener.Close()
				server.Listener, server.EnableHTTP2 = listener, http2
				server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
					handshakes++
					return nil, nil
				}}
				server.StartTLS()
				defer server.Close()
				transport := NewTransport()
				defer transport.CloseIdleConnections()
				transport.DialContext = listener.Dial
				transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
				c := client(t, &http.Client{Transport: transport}, 0)
				for i, quiet := range []time.Duration{0, time.Minute, 4 * time.Minute, 8 * time.Hour} {
					time.Sleep(quiet) // by the clock of the bubble
					if _, body, lost := c.Do(t.Context(), change("https://example.com")); lost != nil || string(body) != proto {
						t.Fatalf("got %q, %+v", body, lost)
					}
					if want := 1 + i/3; handshakes != want {
						t.Errorf("%d handshakes after %s, want %d", handshakes, quiet, want)
					}
				}
			})
		})
	}
}

// An HTTP/2 connection that died in silence is found out before a call meets it.
func TestDeadConnectionIsFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := fakeserver.Listen()
		var accepted atomic.Int32
		certificate, roots := certificates(t)
		go accept(listener, func(conn net.Conn) {
			accepted.Add(1)
			rawServer{}.serve(tls.Server(conn, certificate))
		})
		defer listener.Close()
		transport := NewTransport()
		defer transport.CloseIdleConnections()
		transport.DialContext, transport.TLSClientConfig.RootCAs = listener.Dial, roots.RootCAs
		c := client(t, &http.Client{Transport: transport}, 0)
		for range 2 {
			if status, _, lost := c.Do(t.Context(), change("https://example.com")); lost != nil || status != 200 {
				t.Fatalf("http %d, %+v", status, lost)
			}
			time.Sleep(time.Minute) // by the clock of the bubble
		}
		if n := accepted.Load(); n != 2 {
			t.Errorf("%d connections, want a new one for the second call", n)
		}
	})
}

// certificates are the server's and the client's side of TLS with HTTP/2.
func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	return s.TLS.Clone(), s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

// rawServer speaks HTTP/2 by the byte. It reads each request whole; the first it
// answers by odd, all others with status 200.
type rawServer struct {
	pings bool // it answers pings
	odd   func(stream uint32) []byte
	seen  *atomic.Int32
}

const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7

	flagEnd, flagAck, flagHeadersEnd = 1, 1, 4
)

// frame is one frame, RFC 9113 section 4.1.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := []byte{0, 0, byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

func reset(code uint32) func(uint32) []byte {
	return func(stream uint32) []byte {
		return frame(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
	}
}

func (s rawServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	out := make(chan []byte, 16) // who reads must not wait for its own writes
	defer close(out)
	go func() {
		for b := range out {
			_, _ = conn.Write(b)
		}
	}()
	out <- frame(frameSettings, 0, 0, nil)
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			out <- frame(frameSettings, flagAck, 0, nil)
		case kind == framePing && flags&flagAck == 0 && s.pings:
			out <- frame(framePing, flagAck, 0, payload)
		case (kind == frameHeaders || kind == frameData) && flags&flagEnd != 0:
			if s.odd != nil && s.seen.Add(1) == 1 {
				out <- s.odd(stream)
			} else {
				out <- frame(frameHeaders, flagEnd|flagHeadersEnd, stream, []byte{0x88}) // :status 200
			}
		}
	}
}

// net/http sends a request again by itself where an HTTP/2 server says that it did not
// process it, or that it broke the protocol, though the server has read it whole. A
// call with an effect is not among them; a question shows that the server provokes it.
func TestHTTP2SendsNothingTwice(t *testing.T) {
	t.Parallel()
	goAway := func(uint32) []byte { return frame(frameGoAway, 0, 0, make([]byte, 8)) } // no stream was processed
	for name, odd := range map[string]func(uint32) []byte{
		"PROTOCOL_ERROR": reset(1), "REFUSED_STREAM": reset(7), "GOAWAY": goAway,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, changes := range []bool{true, false} {
				certificate, roots := certificates(t)
				listener, err := tls.Listen("tcp", "127.0.0.1:0", certificate)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { listener.Close() })
				var seen atomic.Int32
				go accept(listener, rawServer{pings: true, odd: odd, seen: &seen}.serve)
				transport := NewTransport()
				transport.TLSClientConfig.RootCAs = roots.RootCAs
				t.Cleanup(transport.CloseIdleConnections)
				r := change("https://" + listener.Addr().String())
				r.Changes = changes
				status, _, lost := client(t, &http.Client{Transport: transport}, patience).Do(context.Background(), r)
				switch {
				case changes && (lost == nil || lost.Class != UnknownOutcome || seen.Load() != 1):
					t.Errorf("with an effect: sent %d times, %+v; want once, and an unknown outcome", seen.Load(), lost)
				case !changes && (status != 200 || seen.Load() != 2):
					t.Errorf("a question: sent %d times, http %d, %+v; want twice", seen.Load(), status, lost)
				}
			}
		})
	}
}

func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

// The server answers the first request of a connection and hangs up on the second,
// having read it whole. net/http sends a GET again, and nothing with an effect.
func TestHTTP1SendsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, changes := range []bool{true, false} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		var seen atomic.Int32
		go accept(listener, func(conn net.Conn) {
			defer conn.Close()
			in := bufio.NewReader(conn)
			for n := range 2 {
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				seen.Add(1)
				if n == 0 {
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
				}
			}
		})
		c := client(t, nil, patience)
		address := "http://" + listener.Addr().String()
		if _, _, lost := c.Do(context.Background(), ask(address)); lost != nil {
			t.Fatal(lost)
		}
		r := ask(address)
		if changes {
			r = change(address)
		}
		_, _, lost := c.Do(context.Background(), r)
		switch n := seen.Load(); {
		case changes && (lost == nil || lost.Class != UnknownOutcome || n != 2):
			t.Errorf("with an effect: %d requests, %+v; want two, and an unknown outcome", n, lost)
		case !changes && (lost != nil || n != 3):
			t.Errorf("a question: %d requests, %+v; want three", n, lost)
		}
	}
}

// shut is a connection that takes nothing more after its first request.
type shut struct {
	net.Conn
	writes int
}

func (s *shut) Write(b []byte) (int, error) {
	if s.writes++; s.writes > 1 {
		return 0, errors.New("closed")
	}
	return s.Conn.Write(b)
}

// A kept connection that is found closed before the first byte is written: net/http
// sends a POST again where its body can be had twice. With an effect it cannot.
func TestClosedConnectionSendsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, changes := range []bool{true, false} {
		address, seen := serve(t, says(good))
		transport := NewTransport()
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return &shut{Conn: conn}, err
		}
		c := client(t, &http.Client{Transport: transport}, patience)
		if _, _, lost := c.Do(context.Background(), ask(address)); lost != nil {
			t.Fatal(lost)
		}
		r := change(address)
		r.Changes = changes
		_, _, lost := c.Do(context.Background(), r)
		switch n := seen.Load(); {
		case changes && (lost == nil || lost.Class != UnknownOutcome || n != 1):
			t.Errorf("with an effect: %d requests, %+v; want one, and an unknown outcome", n, lost)
		case !changes && (lost != nil || n != 2):
			t.Errorf("a question: %d requests, %+v; want two", n, lost)
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(says(good))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := client(t, nil, patience)
	for range 5 {
		if _, _, lost := c.Do(context.Background(), change(server.URL)); lost != nil {
			t.Fatal(lost)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for five calls", n)
	}
}

func TestBodyCannotBeHadTwice(t *testing.T) {
	t.Parallel()
	for _, changes := range []bool{true, false} {
		r := change("https://h/p")
		r.Changes = changes
		req, err := r.build(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if changes != (req.GetBody == nil) || req.ContentLength != 9 {
			t.Errorf("with an effect: %v, GetBody is there: %v, %d bytes", changes, req.GetBody != nil, req.ContentLength)
		}
	}
}
