package douyin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// maxBody is the longest answer that is read, after decompression.
const maxBody = 4 << 20

// request is one request. Either query or body is set.
type request struct {
	call    Call
	shop    Shop
	code    string // as typed; for whoever observes
	order   string // for whoever observes
	query   url.Values
	body    map[string]any
	secrets []Secret // kept out of everything that leaves the package
	refused error    // why it cannot be sent
}

// require refuses arguments that no platform could serve.
func (r *request) require(ok bool, otherwise string) {
	if !ok && r.refused == nil {
		r.refused = errors.New(otherwise)
	}
}

const goodlife = "/goodlife/v1/"

var paths = map[Call]string{
	CallToken:   "/oauth/client_token",
	CallPrepare: goodlife + "fulfilment/certificate/prepare",
	CallVerify:  goodlife + "fulfilment/certificate/verify",
	CallCancel:  goodlife + "fulfilment/certificate/cancel",
	CallGet:     goodlife + "fulfilment/certificate/get",
	CallQuery:   goodlife + "fulfilment/certificate/query",
	CallRecords: goodlife + "fulfilment/certificate/verify_record/query",
	CallShops:   goodlife + "shop/poi/query",
	CallLedger:  goodlife + "settle/ledger/query_record_by_cert",
}

// reporter makes the errors of one call.
type reporter struct {
	platform string
	call     Call
	scrub    scrubber
}

func (c *Client) reporter(r request) reporter {
	secrets := append([]Secret{c.secret}, r.secrets...)
	return reporter{c.Platform(), r.call, newScrubber(secrets)}
}

func (p reporter) fail(class Class, cause error) *Error {
	e := &Error{Platform: p.platform, Call: p.call, Class: class}
	if cause != nil {
		e.Err = p.scrub.cause(cause)
	}
	return e
}

// reading turns an answer, and how its envelope failed, into the call's outcome.
type reading func(p reporter, a answer, failure *Error) *Error

// call makes a request with the access token. Where that is refused, the platform
// did nothing, and the call is made once more with a newer one.
func (c *Client) call(ctx context.Context, r request, read reading) *Error {
	if r.refused != nil {
		return c.reporter(r).fail(Misconfigured, r.refused)
	}
	secrets := r.secrets
	token, failure := c.tokens.get(ctx)
	if failure != nil {
		return failure
	}
	for attempt := 1; ; attempt++ {
		r.secrets = append(slices.Clip(secrets), token)
		failure := c.send(ctx, r, token, read)
		if failure == nil || failure.Class != SessionExpired {
			return failure
		}
		c.tokens.refuse(token)
		newer, none := c.tokens.get(ctx)
		if none != nil || attempt == 2 {
			return failure
		}
		token = newer
	}
}

// send is the one way out: every request passes here, once, and is observed once.
func (c *Client) send(ctx context.Context, r request, token Secret, read reading) *Error {
	started := c.now()
	failure := c.exchange(ctx, r, token, read)
	c.observe(Observation{
		Platform: c.Platform(), Call: r.call, ShopID: r.shop.ID, Code: r.code, OrderID: r.order,
		Started: started, Took: c.now().Sub(started), Err: failure,
	})
	return failure
}

// exchange sends r once and judges what came back.
func (c *Client) exchange(ctx context.Context, r request, token Secret, read reading) *Error {
	report := c.reporter(r)
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return report.fail(Unavailable, fmt.Errorf("not sent: %w", err))
	}
	var progress progress
	req, err := c.httpRequest(httptrace.WithClientTrace(ctx, progress.trace()), r, token)
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
	return report.conclude(resp.StatusCode, body, read)
}

func (c *Client) httpRequest(ctx context.Context, r request, token Secret) (*http.Request, error) {
	method, address, body := http.MethodGet, c.base+paths[r.call]+c.dialect.slash, io.Reader(nil)
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		method, body = http.MethodPost, bytes.NewReader(encoded)
	} else {
		// A space as %20 is read alike everywhere; a plus is not.
		address += "?" + strings.ReplaceAll(r.query.Encode(), "+", "%20")
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "yanquan")
	if token != "" {
		req.Header.Set("access-token", string(token))
	}
	if r.shop.Root != "" {
		req.Header.Set("Rpc-Transit-Life-Account", r.shop.Root)
	}
	if r.call.Changes() {
		// net/http may send a request again by itself on a connection that turned
		// out to be dead. It cannot where the body cannot be had a second time.
		req.GetBody = nil
	}
	return req, nil
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

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
