// Package httpcall makes one HTTP request to a platform, and says what is known of
// its effect where there is no answer of the platform's.
package httpcall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// Class is what is known of the effect of a request that has no answer which could
// be read. A client's classes of the same names have the same meaning.
type Class string

const (
	// Unavailable: the request certainly did not reach the platform.
	Unavailable Class = "unavailable"
	// UnknownOutcome: it may have had its effect.
	UnknownOutcome Class = "unknown_outcome"
	// Misconfigured: it was wrong, or went to a wrong address, and would again.
	Misconfigured Class = "misconfigured"
	// Throttled: whatever stands before the platform turned it away.
	Throttled Class = "throttled"
)

// MaxBody is the longest answer that is read, after decompression, in bytes.
const MaxBody = 4 << 20

// defaultTimeout is that of a request with its answer.
const defaultTimeout = 3 * time.Second

// Request is one request. Changes says that it has an effect.
type Request struct {
	Method, URL string
	Query       url.Values  // of a GET
	Header      http.Header // beside those that every request has; nil: none
	ContentType string      // empty: not sent
	Body        []byte
	Changes     bool
}

// Failure is a request without an answer. Err may hold the request's address.
type Failure struct {
	Class  Class
	Status int // of an answer whose body was lost; 0: there was none
	Err    error
}

// Client makes requests, each once. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// New makes a client. Of hc only the Transport is used; nil is [NewTransport]. A
// timeout of 0 is 3 s, for one request with its answer.
func New(hc *http.Client, timeout time.Duration) (*Client, error) {
	if timeout < 0 {
		return nil, fmt.Errorf("time-out %s is negative", timeout)
	}
	if timeout == 0 {
		timeout = defaultTimeout
	}
	var transport http.RoundTripper
	if hc != nil {
		transport = hc.Transport
	} else {
		transport = NewTransport()
	}
	return &Client{timeout: timeout, http: &http.Client{
		Transport: transport,
		// A platform does not redirect, and a token or a signature is not shown to
		// another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Timeout is how long a request with its answer takes at most.
func (c *Client) Timeout() time.Duration { return c.timeout }

// Do sends a request once and reads its answer whole.
func (c *Client) Do(ctx context.Context, r Request) (status int, body []byte, _ *Failure) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return 0, nil, &Failure{Class: Unavailable, Err: fmt.Errorf("not sent: %w", err)}
	}
	var progress progress
	req, err := r.build(httptrace.WithClientTrace(ctx, progress.trace()))
	if err != nil {
		return 0, nil, &Failure{Class: Misconfigured, Err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if progress.neverSent(err) {
			return 0, nil, &Failure{Class: Unavailable, Err: err}
		}
		return 0, nil, &Failure{Class: UnknownOutcome, Err: err}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err == nil && len(body) > MaxBody {
		err = fmt.Errorf("the answer is longer than %d bytes", MaxBody)
	}
	if err != nil {
		return 0, nil, &Failure{Class: UnknownOutcome, Status: resp.StatusCode, Err: err}
	}
	return resp.StatusCode, body, nil
}

func (r Request) build(ctx context.Context) (*http.Request, error) {
	address, body := r.URL, io.Reader(nil)
	if len(r.Query) > 0 {
		address += "?" + Encode(r.Query)
	}
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, err
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "yanquan")
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if r.Changes {
		// net/http sends some requests again by itself: over HTTP/1 on a kept connection
		// that turned out to be dead, over HTTP/2 after GOAWAY, REFUSED_STREAM and
		// PROTOCOL_ERROR, though the server may have read them whole. It cannot where the
		// body cannot be had a second time.
		req.GetBody = nil
	}
	return req, nil
}

// Encode writes a query or a form. A space as %20 is read alike everywhere; a plus
// is not.
func Encode(values url.Values) string { return strings.ReplaceAll(values.Encode(), "+", "%20") }

// BaseURL reads a configured address, and returns it without a trailing slash. Its
// errors do not repeat the address, which could hold credentials; what names it.
func BaseURL(what, text string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return "", errors.New("the " + what + " cannot be read")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("the " + what + " must begin with https:// or http://")
	case u.Hostname() == "":
		return "", errors.New("the " + what + " has no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("the " + what + " must be scheme, host and path only")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Bare judges an answer by its HTTP status alone: it has no envelope of the
// platform's, or one that cannot be believed. For a request with an effect that
// proves nothing: who answered may stand before the platform or behind it, and after
// the effect. To a question, 401, 403 and 429 come from what stands before the
// platform; another 4xx or a redirect most likely means a wrong address.
func Bare(changes bool, status int) Class {
	switch {
	case changes:
		return UnknownOutcome
	case status == 429:
		return Throttled
	case status == 401, status == 403:
		return Unavailable
	case status >= 300 && status < 500:
		return Misconfigured
	}
	return UnknownOutcome
}

// IsOK reports whether a status is of 2xx, IsRedirect whether it is of 3xx.
func IsOK(status int) bool       { return status >= 200 && status < 300 }
func IsRedirect(status int) bool { return status >= 300 && status < 400 }
