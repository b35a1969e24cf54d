package fakeserver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Message is what is posted to an address of the program's.
type Message struct {
	To     string
	Header http.Header // with the Content-Type
	Body   []byte
}

// Post posts a message in the background until it is taken, after pauses of 1, 2, 4, …
// seconds, so many times at the most. taken judges the answer, note is told under the
// lock of each attempt. The caller holds the lock.
func (c *Core) Post(m Message, attempts int, taken func(status int, body []byte) bool, note func(taken bool)) {
	if m.To == "" || c.ctx.Err() != nil {
		return
	}
	c.posting.Go(func() {
		for attempt := range attempts {
			if attempt > 0 && c.opts.Wait(c.ctx, time.Second<<(attempt-1)) != nil {
				return
			}
			status, body, err := m.Post(c.ctx)
			was := err == nil && taken(status, body)
			c.Lock()
			note(was)
			c.Bump()
			c.mu.Unlock()
			if was || c.ctx.Err() != nil {
				return
			}
		}
	})
}

// Post posts the message once.
func (m Message) Post(ctx context.Context) (status int, body []byte, err error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.DisableKeepAlives = nil, true
	client := &http.Client{
		Timeout:       5 * time.Second,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.To, bytes.NewReader(m.Body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = m.Header.Clone()
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	return resp.StatusCode, body, err
}
