package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yanquan/douyin"
)

// fakeEvents takes what is posted, and answers as told.
type fakeEvents struct {
	answer []byte
	err    error
	bodies []string
	header http.Header
	gaveUp error
	within time.Duration
}

func (e *fakeEvents) Take(ctx context.Context, header http.Header, body []byte) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	e.gaveUp, e.within = ctx.Err(), time.Until(deadline)
	e.header, e.bodies = header, append(e.bodies, string(body))
	return e.answer, e.err
}

// A platform with messages of its own has them taken as they are, with or without pages
// for merchants.
func TestEvents(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		err    error
		status int
		body   string
	}{
		"taken":         {"", nil, 200, ""},
		"handshake":     {`{"challenge":12345}`, nil, 200, `{"challenge":12345}`},
		"not authentic": {"", fmt.Errorf("x: %w", douyin.ErrNotAuthentic), 401, "Unauthorized\n"},
		"malformed":     {"", fmt.Errorf("x: %w", douyin.ErrMalformed), 400, "Bad Request\n"},
		"not stored":    {"", errors.New("dial root:hunter2@db"), 503, "Service Unavailable\n"},
	} {
		e := &fakeEvents{answer: []byte(tt.answer), err: tt.err}
		b := setup(t, func(o *Options) { o.Events = map[string]Events{"douyin": e} })
		const body = `{"event": "x",  "content":"券"}`
		rec := httptest.NewRecorder()
		req := httptest.NewRequest("POST", "/Auth/douyin/notice/", strings.NewReader(body))
		req.Header.Set("Msg-Id", "m1")
		gone, leave := context.WithCancel(t.Context())
		leave()
		b.server.Handler().ServeHTTP(rec, req.WithContext(gone))
		if rec.Code != tt.status || rec.Body.String() != tt.body {
			t.Errorf("%s: status %d: %q", name, rec.Code, rec.Body)
		}
		if tt.answer != "" && !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%s: type %s", name, rec.Header().Get("Content-Type"))
		}
		if len(e.bodies) != 1 || e.bodies[0] != body || e.header.Get("Msg-Id") != "m1" {
			t.Errorf("%s: passed on %q %v", name, e.bodies, e.header)
		}
		if e.gaveUp != nil || e.within <= 0 || e.within > acceptWithin {
			t.Errorf("%s: %s to store in, %v", name, e.within, e.gaveUp)
		}
		if rec := b.post("/auth/meituan/notice", nil); rec.Code != 404 {
			t.Errorf("%s: of a platform that is off: status %d", name, rec.Code)
		}
	}
}

func TestEventsTooLong(t *testing.T) {
	t.Parallel()
	e := &fakeEvents{}
	b := setup(t, func(o *Options) { o.Events = map[string]Events{"douyin": e} })
	for size, status := range map[int]int{maxBody: 200, maxBody + 1: 413} {
		if rec := b.postAs("application/json", "/auth/douyin/notice", strings.Repeat("x", size)); rec.Code != status {
			t.Errorf("%d bytes: status %d", size, rec.Code)
		}
	}
	if len(e.bodies) != 1 {
		t.Errorf("%d were passed on", len(e.bodies))
	}
	if rec := b.do("GET", "/auth/douyin/notice", nil); rec.Code != 405 {
		t.Errorf("a GET: status %d", rec.Code)
	}
}
