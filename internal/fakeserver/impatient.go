package fakeserver

import (
	"context"
	"crypto/rand"
	"net/http"
)

// impatience is the header that names a request of [Server.Impatient].
const impatience = "Fake-Impatient"

// Impatient makes a client's transport, on top of another, that times out as soon as the
// platform holds a request back until the client leaves. A test need not wait for that,
// and its client's time-out can be one that no busy machine exceeds.
func (s *Server) Impatient(next http.RoundTripper) http.RoundTripper { return impatient{s.c, next} }

type impatient struct {
	core *Core
	next http.RoundTripper
}

func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, leave := context.WithCancelCause(r.Context())
	name := rand.Text()
	i.core.impatient.Store(name, func() { leave(context.DeadlineExceeded) })
	defer i.core.impatient.Delete(name)
	named := r.Clone(ctx)
	named.Header.Set(impatience, name)
	return i.next.RoundTrip(named)
}

// leaving is the key of what makes an impatient client leave.
type leaving struct{}

// mayLeave gives the context of a request a way to make its client leave, where that is
// impatient.
func (c *Core) mayLeave(ctx context.Context, r *http.Request) context.Context {
	leave, ok := c.impatient.Load(r.Header.Get(impatience))
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, leaving{}, leave)
}

// left is closed once the client has left or the platform is closed.
func left(ctx context.Context) <-chan struct{} {
	if leave, ok := ctx.Value(leaving{}).(func()); ok {
		leave()
	}
	return ctx.Done()
}
