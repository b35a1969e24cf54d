package fakeserver

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

// An impatient client leaves what is held back until it leaves, and nothing else.
func TestImpatient(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *Options) { o.Wait = func(context.Context, time.Duration) error { return nil } })
	client := &http.Client{Transport: r.p.Impatient(http.DefaultTransport)}
	add := func() error {
		resp, err := client.Post(r.srv.URL+"/add", "", nil)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	r.ok(add())
	r.ok(r.p.Fail(Fault{Kind: Delay, Delay: time.Hour}))
	r.ok(add())
	r.same(r.count(), 4)
	for _, tt := range []struct {
		kind  FaultKind
		added int
	}{{ApplyThenHang, 2}, {ApplyLate, 2}} {
		before := r.count()
		r.ok(r.p.Fail(Fault{Kind: tt.kind}))
		if err := add(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the client saw %v", tt.kind, err)
		}
		r.await(func() bool { return r.last().State == RequestDropped })
		r.same(r.count(), before+tt.added)
	}
	r.ok(r.p.Pause(PauseHang))
	if err := add(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the platform is down, the client saw %v", err)
	}
}
