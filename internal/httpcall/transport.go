package httpcall

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// idle is how long an unused connection is kept, so that a call after some
// quiet minutes does not wait for a handshake. A platform that closes it earlier is
// noticed at once.
const idle = 5 * time.Minute

// NewTransport keeps connections to one host warm. Keep-alive probes and, over
// HTTP/2, pings find out those that died in silence, before a call with an effect
// meets one and becomes a doubt.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		TLSClientConfig:        &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)},
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        idle,
		TLSHandshakeTimeout:    3 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// progress follows how far a request came.
type progress struct{ asked, connected atomic.Bool }

// trace marks a request as possibly sent as soon as it has a connection. The later
// hooks (WroteHeaders, WroteRequest) run on another goroutine: when a cancelled
// request returns, they may be still to come, with the bytes.
func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
	}
}

// neverSent reports whether a failed request certainly did not leave: it never got a
// connection (name not found, refused, TLS, time-out in between). A transport that
// does not call the hooks is believed for what only happens while connecting.
func (p *progress) neverSent(err error) bool {
	if p.connected.Load() {
		return false
	}
	if p.asked.Load() {
		return true
	}
	var op *net.OpError
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &name) || errors.As(err, &cert)
}
