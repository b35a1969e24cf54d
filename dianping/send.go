package dianping

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxBody is the longest answer that is read, after decompression.
const maxBody = 4 << 20

// client is both generations; they differ in their dialect only.
type client struct {
	dialect  dialect
	base     string
	authBase string // of the pages for merchants; empty: not configured
	http     *http.Client
	timeout  time.Duration
	now      func() time.Time
	observe  func(Observation)
}

func (c *client) Platform() string { return c.dialect.platform() }

// String keeps the secrets inside out of formatted text.
func (c *client) String() string { return "dianping.Client{" + c.Platform() + "}" }

// GoString keeps the secrets inside out of %#v.
func (c *client) GoString() string { return c.String() }

// reporter makes the errors of one call.
type reporter struct {
	platform string
	call     Call
	code     string // of the voucher that the call is about; "" where there is none, or several
	count    int
	scrub    scrubber
}

func (c *client) reporter(r request) reporter {
	_, number, _ := strings.Cut(r.mobile.Mobile, "_")
	return reporter{
		platform: c.Platform(),
		call:     r.call,
		code:     r.code,
		count:    r.count,
		scrub: newScrubber(r.shop.Session, c.dialect.secret(), r.mobile.Mobile, number, r.qr,
			r.authCode, r.grant.AccessToken, r.grant.RefreshToken),
	}
}

func (p reporter) fail(class Class, cause error) *Error {
	e := &Error{Platform: p.platform, Call: p.call, Class: class}
	if cause != nil {
		e.Err = p.scrub.cause(cause)
	}
	return e
}

// call is the one way out: every request of every call passes here, once, and
// is observed once. read turns the data of a success into the caller's result;
// where it fails, the answer told nothing that can be used and the outcome is
// unknown.
func (c *client) call(ctx context.Context, r request, read func(data any) error) *Error {
	report := c.reporter(r)
	if !c.dialect.offers(r.call) {
		return report.fail(Unsupported, errors.New("this generation of the platform has no such call"))
	}
	if err := r.check(c.dialect.needsShopID()); err != nil {
		return report.fail(Misconfigured, err)
	}
	started := c.now()
	failure := c.exchange(ctx, c.dialect.wire(r, started), report, read)
	c.observe(Observation{
		Platform:  c.Platform(),
		Call:      r.call,
		ShopID:    r.shop.ID,
		RequestID: r.requestID,
		Code:      r.code,
		Started:   started,
		Took:      c.now().Sub(started),
		Err:       failure,
	})
	return failure
}

// exchange sends w once and judges what came back.
func (c *client) exchange(ctx context.Context, w wire, report reporter, read func(data any) error) *Error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return report.fail(Unavailable, fmt.Errorf("not sent: %w", err))
	}
	var progress progress
	req, err := newHTTPRequest(httptrace.WithClientTrace(ctx, progress.trace()), c.base, report.call, w)
	if err != nil {
		return report.fail(Misconfigured, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if progress.neverSent(err) {
			return report.fail(Unavailable, err)
		}
		return report.fail(UnknownOutcome, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("the answer is longer than %d bytes", maxBody)
	}
	if err != nil {
		e := report.fail(UnknownOutcome, err)
		e.HTTPStatus = resp.StatusCode
		return e
	}
	return conclude(report, resp.StatusCode, body, read)
}

// newHTTPRequest encodes exactly the fields that were signed.
func newHTTPRequest(ctx context.Context, base string, call Call, w wire) (*http.Request, error) {
	encoded := w.encoded()
	address, body := base+w.path, io.Reader(nil)
	if w.method == http.MethodGet {
		address += "?" + encoded
	} else {
		body = bytes.NewReader([]byte(encoded))
	}
	req, err := http.NewRequestWithContext(ctx, w.method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "yanquan")
	if w.method != http.MethodGet {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if call.Changes() {
		// net/http may send a request again by itself on a connection that turned
		// out to be dead. It cannot where the body cannot be had a second time.
		req.GetBody = nil
	}
	return req, nil
}

// encoded is the fields as a query or form.
func (w wire) encoded() string {
	values := make(url.Values, len(w.fields))
	for name, value := range w.fields {
		values.Set(name, value)
	}
	// A space as %20 is read alike everywhere; a plus is not.
	return strings.ReplaceAll(values.Encode(), "+", "%20")
}

// progress follows how far a request came.
type progress struct{ asked, connected atomic.Bool }

// trace marks a request as possibly sent as soon as it has a connection. The
// later hooks (WroteHeaders, WroteRequest) run on another goroutine: when a
// cancelled request returns, they may be still to come, with the bytes.
func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
	}
}

// neverSent reports whether a failed request certainly did not leave: it never
// got a connection (name not found, refused, TLS, time-out in between). A
// transport that does not call the hooks is believed for what only happens while
// connecting.
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
