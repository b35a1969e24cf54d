package douyin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"yanquan/internal/httpcall"
	"yanquan/internal/scrub"
)

// request is one request. Either query or body is set.
type request struct {
	call    Call
	shop    Shop
	code    string // as typed; for Observe
	order   string // for Observe
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
	scrub    scrub.Scrubber
}

func (c *Client) reporter(r request) reporter {
	secrets := []string{string(c.secret)}
	for _, secret := range r.secrets {
		secrets = append(secrets, string(secret))
	}
	return reporter{c.Platform(), r.call, scrub.New(secrets...)}
}

func (p reporter) fail(class Class, cause error) *Error {
	e := &Error{Platform: p.platform, Call: p.call, Class: class}
	if cause != nil {
		e.Err = p.scrub.Cause(cause)
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
	req, err := c.httpRequest(r, token)
	if err != nil {
		return report.fail(Misconfigured, err)
	}
	status, body, lost := c.calls.Do(ctx, req)
	if lost != nil {
		e := report.fail(Class(lost.Class), lost.Err)
		e.HTTPStatus = lost.Status
		return e
	}
	return report.conclude(status, body, read)
}

func (c *Client) httpRequest(r request, token Secret) (req httpcall.Request, err error) {
	req = httpcall.Request{
		Method: http.MethodGet, URL: c.base + paths[r.call] + c.dialect.slash, Query: r.query, Header: http.Header{},
		ContentType: "application/json", Changes: r.call.Changes(),
	}
	if r.body != nil {
		req.Method = http.MethodPost
		req.Body, err = json.Marshal(r.body)
	}
	if token != "" {
		req.Header.Set("access-token", string(token))
	}
	if r.shop.Root != "" {
		req.Header.Set("Rpc-Transit-Life-Account", r.shop.Root)
	}
	return req, err
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
