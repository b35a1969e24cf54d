package server

import (
	"net"
	"net/http"
	"sync"
)

// silent are the connections over which nothing has been asked yet, as browsers and
// proxies open them in advance. [http.Server.Shutdown] gives them five seconds to
// say something; a server that stops has no time for that.
type silent struct {
	mu       sync.Mutex
	conns    map[net.Conn]bool
	stopping bool
}

// track is the [http.Server]'s ConnState. A connection is new until its first byte.
func (s *silent) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.conns, c)
	case s.stopping:
		c.Close()
	default:
		s.conns[c] = true
	}
}

// stop closes them, and those that still come.
func (s *silent) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for c := range s.conns {
		c.Close()
	}
}
