package hooks

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"yanquan/bot"
	"yanquan/internal/failpoint"
	"yanquan/internal/httpcall"
	"yanquan/internal/jobs"
	"yanquan/internal/scrub"
	"yanquan/models"
)

// Options of a Sender. All are needed, but Carry.
type Options struct {
	DB    *models.DB
	Hooks []Hook
	// Tell tells the managers of all stores, once for each key.
	Tell     func(ctx context.Context, tx *models.DB, key string, card bot.Card) error
	Observe  func(hook, reason string) // counts tries; reason is "" where it was taken
	Location *time.Location            // of the times that managers read
	Now      func() time.Time
	Clock    func() time.Time  // the machine's, by which who is called judges a signature
	Jitter   func() float64    // in [0,1)
	Carry    http.RoundTripper // for tests; nil: the network, of which only public addresses unless a hook is private
	Log      *slog.Logger
}

// Sender sends events to hooks. It is safe for concurrent use, and any number of
// processes may run one on the same database.
type Sender struct {
	Options
	hooks []*target

	mu      sync.Mutex
	resting map[string]bool // hooks of which one try at a time is enough
}

// target is a hook with what it is called by.
type target struct {
	Hook
	signers []*standardwebhooks.Webhook
	client  *http.Client
	hides   scrub.Scrubber
}

const (
	// Job is the name of the job that sends.
	Job = "hook"

	atOnce      = 4                // tries of one hook
	timeout     = 10 * time.Second // of one, with its answer
	lease       = timeout + 5*time.Second
	leaseRest   = 2 * time.Second // of a lease, to record how its try went
	maxAnswer   = 64 << 10        // that is read, and thrown away
	longestWait = 24 * time.Hour  // that a Retry-After is followed

	restAfter   = 3 // failures in a row
	firstRest   = 5 * time.Second
	longestRest = 5 * time.Minute
	deadAfter   = 5 * time.Minute // managers are told
	givenUpRest = time.Hour       // after its time, without a try

	upkeepEvery = 5 * time.Minute
)

// pauses are those between tries of one event, the last of which is repeated.
var pauses = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 12 * time.Hour,
}

// New makes a Sender.
func New(o Options) (*Sender, error) {
	s := &Sender{Options: o, resting: map[string]bool{}}
	public, private := httpcall.NewPublic(timeout, maxAnswer), httpcall.NewTransport()
	for _, h := range o.Hooks {
		t := &target{Hook: h, hides: scrub.New(append([]string{h.URL}, h.Secrets...)...)}
		for _, text := range h.Secrets {
			signer, err := ParseSecret(text)
			if err != nil {
				return nil, fmt.Errorf("hooks: secret of %s: %w", h.Name, err)
			}
			t.signers = append(t.signers, signer)
		}
		t.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		switch {
		case o.Carry != nil:
			t.client.Transport = o.Carry
		case h.Private:
			t.client.Transport = private
		default:
			t.client.Transport = public
		}
		s.hooks = append(s.hooks, t)
	}
	return s, nil
}

// Jobs are the background work.
func (s *Sender) Jobs() []jobs.Job {
	return []jobs.Job{
		{Name: Job, Limit: atOnce * len(s.hooks), PerKey: s.atOnce, Due: s.due},
		jobs.Periodic("hook upkeep", upkeepEvery, s.upkeep),
	}
}

// atOnce is how many tries of a hook are under way: one where it fails, so that who is in
// trouble is not run over.
func (s *Sender) atOnce(hook string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resting[hook] {
		return 1
	}
	return atOnce
}

// due lists what may be sent now, hook by hook: what waits for one that fails stands in
// no other's way.
func (s *Sender) due(ctx context.Context, l jobs.Look) (tasks []jobs.Task, err error) {
	rows, err := s.DB.Hooks.List(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]models.Hook{}
	s.mu.Lock()
	for _, row := range rows {
		known[row.Name] = row
		s.resting[row.Name] = row.Failures >= restAfter
	}
	s.mu.Unlock()
	for _, t := range s.hooks {
		row, ok := known[t.Name]
		if !ok || !row.GoneAt.IsZero() || row.NextAt.After(l.Now) {
			continue
		}
		due, err := s.DB.HookEvents.Due(ctx, t.Name, l.Now, min(l.Room, s.atOnce(t.Name)))
		if err != nil {
			return tasks, err
		}
		for _, d := range due {
			tasks = append(tasks, jobs.Task{ID: t.Name + "/" + d.EventID, Key: t.Name, Do: func(ctx context.Context) error { return s.deliver(ctx, t, row, d) }})
		}
	}
	return tasks, nil
}

// Anothers reports whether an error only says that another process was quicker.
func Anothers(err error) bool { return errors.Is(err, models.ErrStale) }

// deliver makes one try to send an event.
func (s *Sender) deliver(ctx context.Context, t *target, row models.Hook, d models.DueDelivery) error {
	claimed, err := s.DB.HookEvents.Claim(ctx, d.HookDelivery, s.Now().Add(lease))
	if err != nil {
		return err
	}
	left := claimed.DueAt.Sub(s.Now()) - leaseRest
	if left <= 0 {
		return fmt.Errorf("hooks: the lease is over: %w", models.ErrStale)
	}
	within, cancel := context.WithTimeout(ctx, min(left, timeout))
	defer cancel()
	failpoint.Hit("hook.before")
	a := t.post(within, d, s.Clock())
	failpoint.Hit("hook.after")
	if a.reason == "" {
		s.Observe(t.Name, a.reason)
		if err := s.DB.HookEvents.MarkSent(context.WithoutCancel(ctx), claimed, a.status); err != nil {
			return err
		}
		failpoint.Hit("hook.recorded")
		return s.succeeded(ctx, t, row)
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopped: it is tried again when the lease has ended
	}
	s.Observe(t.Name, a.reason)
	s.Log.Warn("hook failed", "hook", t.Name, "event", d.EventID, "kind", d.Kind, "tries", d.Tries+1, "reason", a.reason, "status", a.status, "error", a.err)
	return s.failed(ctx, t, claimed, a)
}

// Reasons of failures.
const (
	timedOut    = "timeout"
	unreachable = "unreachable"
	noName      = "no_such_name"
	badTLS      = "tls"
	notPublic   = "not_public"
	badStatus   = "status"
	redirected  = "redirect"
	gone        = "gone"
	expired     = "expired"
)

// answer is how a try went.
type answer struct {
	reason string // "": it was taken
	status int    // 0: there was no answer
	after  time.Duration
	err    error
}

// post sends an event once. What the hook says is not looked at, beside the status.
func (t *target) post(ctx context.Context, d models.DueDelivery, now time.Time) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(d.Payload))
	if err != nil {
		return answer{reason: unreachable, err: t.hides.Cause(err)}
	}
	signatures := make([]string, len(t.signers))
	for i, signer := range t.signers {
		if signatures[i], err = signer.Sign(d.EventID, now, d.Payload); err != nil {
			return answer{reason: unreachable, err: t.hides.Cause(err)}
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "yanquan")
	req.Header.Set(standardwebhooks.HeaderWebhookID, d.EventID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	resp, err := t.client.Do(req)
	if err != nil {
		return answer{reason: whyLost(err), err: t.hides.Cause(err)}
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // so that the connection can be used again
	resp.Body.Close()
	a := answer{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"), now)}
	switch {
	case httpcall.IsOK(resp.StatusCode):
	case resp.StatusCode == http.StatusGone:
		a.reason = gone
	case httpcall.IsRedirect(resp.StatusCode):
		a.reason = redirected
	default:
		a.reason = badStatus
	}
	return a
}

// whyLost is why there is no answer.
func whyLost(err error) string {
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.Is(err, httpcall.ErrNotPublic):
		return notPublic
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return badTLS
	case errors.As(err, &name) && !name.IsTimeout:
		return noName
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return timedOut
	}
	return unreachable
}

// retryAfter is how long a hook wants to be left alone: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		wait = time.Duration(min(max(seconds, 0), int64(longestWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}

// spread shortens a pause by up to a quarter, so that not all come back at once.
func (s *Sender) spread(d time.Duration) time.Duration {
	return d - time.Duration(s.Jitter()*float64(d/4))
}

// rest is how long a hook is left alone after so many failures in a row.
func (s *Sender) rest(failures int) time.Duration {
	if failures < restAfter {
		return 0
	}
	return s.spread(min(firstRest<<min(failures-restAfter, 10), longestRest))
}

// again is when an event is tried again; last says that there is no more time for it. The
// last try is made when its time ends.
func (s *Sender) again(d models.HookDelivery, a answer) (at time.Time, last bool) {
	now := s.Now()
	if !now.Before(d.ExpiresAt) {
		return time.Time{}, true
	}
	at = now.Add(max(s.spread(pauses[min(d.Tries, len(pauses)-1)]), a.after))
	if at.After(d.ExpiresAt) {
		at = d.ExpiresAt
	}
	return at, false
}

// reasonOf is why the last event was not taken, for people.
func reasonOf(h models.Hook) string { return cmp.Or(h.Reason, unreachable) }
