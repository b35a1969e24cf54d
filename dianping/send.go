package dianping

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanquan/internal/httpcall"
	"yanquan/internal/scrub"
)

// client is both generations; they differ in their dialect only.
type client struct {
	dialect  dialect
	base     string
	authBase string // of the pages for merchants; empty: not configured
	calls    *httpcall.Client
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
	scrub    scrub.Scrubber
}

func (c *client) reporter(r request) reporter {
	_, number, _ := strings.Cut(r.mobile.Mobile, "_")
	return reporter{
		platform: c.Platform(),
		call:     r.call,
		code:     r.code,
		count:    r.count,
		scrub: scrub.New(r.shop.Session, c.dialect.secret(), r.mobile.Mobile, number, r.qr,
			r.authCode, r.grant.AccessToken, r.grant.RefreshToken),
	}
}

func (p reporter) fail(class Class, cause error) *Error {
	e := &Error{Platform: p.platform, Call: p.call, Class: class}
	if cause != nil {
		e.Err = p.scrub.Cause(cause)
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
	status, body, lost := c.calls.Do(ctx, w.request(c.base, report.call))
	if lost != nil {
		e := report.fail(Class(lost.Class), lost.Err)
		e.HTTPStatus = lost.Status
		return e
	}
	return conclude(report, status, body, read)
}

// request encodes exactly the fields that were signed.
func (w wire) request(base string, call Call) httpcall.Request {
	r := httpcall.Request{Method: w.method, URL: base + w.path, Changes: call.Changes()}
	if w.method == http.MethodGet {
		r.Query = w.values()
	} else {
		r.ContentType, r.Body = "application/x-www-form-urlencoded", []byte(httpcall.Encode(w.values()))
	}
	return r
}

// values is the fields as a query or form.
func (w wire) values() url.Values {
	values := make(url.Values, len(w.fields))
	for name, value := range w.fields {
		values.Set(name, value)
	}
	return values
}
