package douyin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Token is the application's access token and what is known about its renewal, as a
// [TokenStore] keeps it. The platform lets the two newest tokens of a secret live,
// the older one for five minutes.
type Token struct {
	Version   int64     // raised by each Swap; 0: nothing was kept yet
	Access    Secret    // to be sealed at rest
	Obtained  time.Time // before it was asked for
	Expires   time.Time
	Lease     time.Time // one process is asking for a newer one, until then
	NotBefore time.Time // no newer one is asked for before
	InDoubt   bool      // a newer one was asked for and its answer is lost
	Displaced time.Time // when a token was refused that no newer one of ours had ended
}

// TokenStore keeps the one token where all processes find it.
//
// A Displaced that is not zero says that another program obtains tokens with the same
// secret, another environment say; its people must be told.
type TokenStore interface {
	// Load gives what is kept; the zero Token where nothing is.
	Load(ctx context.Context) (Token, error)
	// Swap keeps next if the Version of what is kept is next.Version-1, and reports
	// whether it was.
	Swap(ctx context.Context, next Token) (bool, error)
}

// MemoryTokens is a [TokenStore] for one process. The zero value is ready.
type MemoryTokens struct {
	mu   sync.Mutex
	kept Token
}

// String keeps the token inside out of formatted text.
func (m *MemoryTokens) String() string { return "douyin.MemoryTokens" }

// GoString keeps the token inside out of %#v.
func (m *MemoryTokens) GoString() string { return m.String() }

func (m *MemoryTokens) Load(context.Context) (Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept, nil
}

func (m *MemoryTokens) Swap(_ context.Context, next Token) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept.Version != next.Version-1 {
		return false, nil
	}
	m.kept = next
	return true, nil
}

// RenewToken renews the access token where that is due; calls do so too, but those
// who come first wait for it. Its error tells whether there is one.
func (c *Client) RenewToken(ctx context.Context) error {
	if _, failure := c.tokens.get(ctx); failure != nil {
		return failure
	}
	return nil
}

const (
	tokenLife  = 2 * time.Hour    // where the platform does not say
	renewAhead = 10 * time.Minute // before its end a token is due
	grace      = 5 * time.Minute  // a token goes on after a newer one was obtained
	// reread is how long a process goes on with a token before it looks whether there
	// is a newer one. Within the grace, it need not wait for the look.
	reread    = time.Minute
	graceUsed = grace - time.Minute
	// tryAgain is how long a refusal counts of a token that by the platform's rules lives,
	// as within the grace: it may have been a mistake.
	tryAgain   = 5 * time.Second
	waitLease  = 100 * time.Millisecond
	pauseBrief = 2 * time.Second  // after a failure, with no token left
	pauseLong  = 30 * time.Second // after a failure, with one
	pauseBusy  = time.Minute      // after 10020
)

// due is when a token is to be renewed.
func (t Token) due() time.Time {
	return t.Expires.Add(-min(renewAhead, t.Expires.Sub(t.Obtained)/4))
}

// serves reports whether a token can be used, as far as is known.
func (t Token) serves(now time.Time, refused Secret) bool {
	return t.Access != "" && t.Access != refused && now.Before(t.Expires)
}

// keeper has the token of the process. It asks the store and the platform on a goroutine
// of its own, once at a time: a caller with a token does not wait, and a caller who gives up
// does not end the request.
type keeper struct {
	store  TokenStore
	obtain func(context.Context) (Token, *Error)
	fail   func(Class, error) *Error
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	lease  time.Duration // longer than obtain takes

	mu      sync.Mutex
	token   Token
	looked  time.Time // when token was last seen in the store
	refused Secret    // by the platform
	since   time.Time // when it was refused
	flight  *flight   // nil: none
}

type flight struct {
	done    chan struct{}
	failure *Error
}

// get gives the access token.
func (k *keeper) get(ctx context.Context) (Secret, *Error) {
	for range 3 { // a flight may have begun before the last token was refused
		token, f := k.look(ctx)
		if f == nil {
			return token, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", k.fail(Unavailable, fmt.Errorf("no access token: %w", ctx.Err()))
		}
		if f.failure != nil {
			copied := *f.failure
			return "", &copied
		}
	}
	return "", k.fail(SessionExpired, errors.New("each access token is refused"))
}

// look gives the token or the flight to wait for. It starts one where the
// token may not be the newest.
func (k *keeper) look(ctx context.Context) (Secret, *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if k.refused == k.token.Access && now.Before(k.token.Obtained.Add(grace)) && !now.Before(k.since.Add(tryAgain)) {
		k.refused = ""
	}
	age, serves := now.Sub(k.looked), k.token.serves(now, k.refused)
	if serves && age < reread && now.Before(k.token.due()) {
		return k.token.Access, nil
	}
	if k.flight == nil {
		k.flight = &flight{done: make(chan struct{})}
		go k.fly(context.WithoutCancel(ctx), k.flight, k.refused)
	}
	if serves && age < graceUsed {
		return k.token.Access, nil
	}
	return "", k.flight
}

func (k *keeper) fly(ctx context.Context, f *flight, refused Secret) {
	ctx, cancel := context.WithTimeout(ctx, 2*k.lease)
	defer cancel()
	token, err := k.renewed(ctx, refused)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.token, k.looked = token, k.now()
	} else {
		f.failure = err
	}
	k.flight = nil
	close(f.done)
}

// refuse notes that the platform does not take a token.
func (k *keeper) refuse(token Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.since = token, k.now()
}

// renewed gives the token that is kept, or a newer one where that is due.
func (k *keeper) renewed(ctx context.Context, refused Secret) (Token, *Error) {
	for {
		kept, err := k.store.Load(ctx)
		if err != nil {
			return Token{}, k.fail(Unavailable, fmt.Errorf("the access token cannot be looked up: %w", err))
		}
		now := k.now()
		serves := kept.serves(now, refused)
		if serves && (now.Before(kept.due()) || now.Before(kept.Lease) || now.Before(kept.NotBefore)) {
			return kept, nil
		}
		displaced := !serves && kept.Access != "" && kept.Access == refused && now.Before(kept.Expires) && !kept.InDoubt
		switch {
		case now.Before(kept.Lease):
			if err := k.sleep(ctx, waitLease); err != nil {
				return Token{}, k.fail(Unavailable, fmt.Errorf("no access token: %w", err))
			}
			continue
		case displaced && now.Before(kept.Obtained.Add(grace)):
			// By the platform's rules it lives. To ask again would end the other's token, and
			// so on in turn.
			return Token{}, k.fail(SessionExpired, errors.New("the newest access token is refused"))
		case now.Before(kept.NotBefore):
			return Token{}, k.fail(Unavailable, errors.New("no access token, and the last attempt to obtain one failed just now"))
		}
		claim := kept
		claim.Version, claim.Lease, claim.InDoubt = kept.Version+1, now.Add(k.lease), true
		if displaced {
			claim.Displaced = now
		}
		switch ok, err := k.store.Swap(ctx, claim); {
		case err != nil:
			return Token{}, k.fail(Unavailable, fmt.Errorf("the access token cannot be renewed: %w", err))
		case !ok:
			continue // another process was first
		}
		return k.ask(ctx, claim, kept.InDoubt, serves)
	}
}

// ask obtains a token under the lease of claim and keeps it. A failure ends nothing
// while the token before it serves.
func (k *keeper) ask(ctx context.Context, claim Token, doubted, serves bool) (Token, *Error) {
	next, failure := k.obtain(ctx)
	next.Version, next.Displaced = claim.Version+1, claim.Displaced
	if failure != nil {
		pause := pauseBrief
		switch {
		case failure.Class == Throttled:
			pause = pauseBusy
		case serves:
			pause = pauseLong
		}
		lost := failure.Class == UnknownOutcome
		next = claim
		next.Version, next.Lease, next.NotBefore = claim.Version+1, time.Time{}, k.now().Add(pause)
		next.InDoubt = doubted || lost
		if lost { // the call that wants the token is not sent
			copied := *failure
			copied.Class, failure = Unavailable, &copied
		}
	}
	// Where this fails, the token lives all the same; the next one to ask, after the
	// lease, leaves it the grace.
	swapped, err := k.store.Swap(ctx, next)
	if failure == nil && err == nil && !swapped {
		k.overtaken(ctx, claim, next)
	}
	if failure != nil && !serves {
		return Token{}, failure
	}
	return next, nil
}

// overtaken keeps a token whose lease ran out before it was there, so that another
// process may have asked as well. Which of the two is the newer one is unknown.
func (k *keeper) overtaken(ctx context.Context, claim, next Token) {
	for swapped := false; !swapped; {
		kept, err := k.store.Load(ctx)
		if err != nil {
			return
		}
		if kept.Access == claim.Access { // the other one is not there yet
			kept.Access, kept.Obtained, kept.Expires = next.Access, next.Obtained, next.Expires
		}
		kept.Version, kept.InDoubt = kept.Version+1, true
		if swapped, err = k.store.Swap(ctx, kept); err != nil {
			return
		}
	}
}

// obtainToken asks the platform for a token. Its time counts from before the request,
// so that a slow answer does not lengthen it.
func (c *Client) obtainToken(ctx context.Context) (Token, *Error) {
	asked := c.now()
	r := c.dialect.signIn(c.key, c.secret)
	var token Token
	failure := c.send(ctx, r, "", func(p reporter, a answer, failure *Error) *Error {
		access := Secret(a.data.text("access_token"))
		switch {
		case failure != nil && failure.Class == UnknownOutcome && failure.Reason == Other && failure.HTTPStatus < 500:
			// The platform understood and does not want: key or secret, most likely.
			failure.Class = Misconfigured
		case failure != nil && failure.Class != UnknownOutcome && failure.Class != Throttled:
			failure.Class = Misconfigured
		case failure != nil:
		case access == "":
			return p.unread(a, errNoData("access token"))
		default:
			life := time.Duration(a.data.number("expires_in")) * time.Second
			if life <= 0 || life > 30*24*time.Hour {
				life = tokenLife
			}
			token = Token{Access: access, Obtained: asked, Expires: asked.Add(life)}
		}
		return failure
	})
	return token, failure
}
