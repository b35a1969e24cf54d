package fakeserver

import "net/http"

// Browser returns a client that shows a redirect in place of following it. Its connections
// are its own: each httptest.Server that closes ends the idle ones of http.DefaultTransport,
// and with them a request whose answer has no body.
func Browser() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
