package douyin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"yanquan/internal/httpcall"
)

const shortLink = "https://v.douyin.com/eHHc1ft/"

// leading answers a short link with a status and a Location.
func leading(status int, location string) (http.RoundTripper, *[]string) {
	asked := new([]string)
	return transportFunc(func(r *http.Request) (*http.Response, error) {
		*asked = append(*asked, r.Method+" "+r.URL.String())
		h := http.Header{}
		if location != "" {
			h.Set("Location", location)
		}
		return &http.Response{StatusCode: status, Header: h, Body: unread{}}, nil
	}), asked
}

// unread is a body that nobody reads.
type unread struct{}

func (unread) Read([]byte) (int, error) { return 0, errors.New("the body was read") }
func (unread) Close() error             { return nil }

func linked(t *testing.T, over http.RoundTripper) *Client {
	t.Helper()
	c, err := New(Config{ClientKey: testKey, ClientSecret: testSecret, Links: over, HTTP: failing(errors.New("not by this way"))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestResolveLink(t *testing.T) {
	t.Parallel()
	long := "https://www.iesdouyin.com/share/x?a=1&object_id=" + url.QueryEscape(testData) + "&b=2"
	for _, tt := range []struct{ name, link, location string }{
		{"as in the facts", shortLink, long},
		{"no slash at its end", "https://v.douyin.com/eHHc1ft", long},
		{"another length", "https://v.douyin.com/eHHc1ft3_-xYz/", long},
		{"capitals", "HTTPS://V.DOUYIN.COM/eHHc1ft/", long},
		{"white space", " " + shortLink + "\n", long},
		{"port", "https://v.douyin.com:443/eHHc1ft/", long},
		{"another host of Douyin", "https://m.iesdouyin.com/x/", long},
		{"leads to any host and scheme", shortLink, "snssdk1128://poi?object_id=" + url.QueryEscape(testData)},
		{"leads to a path", shortLink, "/x?object_id=" + url.QueryEscape(testData)},
		{"leads to a private address, which is not fetched", shortLink, "http://169.254.169.254/?object_id=" + url.QueryEscape(testData)},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			over, asked := leading(status, tt.location)
			got, err := linked(t, over).ResolveLink(context.Background(), tt.link)
			if err != nil || got != testData || len(*asked) != 1 || !strings.HasPrefix((*asked)[0], "GET https://") {
				t.Errorf("%s: %q %v, asked %v", tt.name, string(got), err, *asked)
			}
		}
	}
	over, asked := leading(302, long)
	if got, err := linked(t, over).ResolveLink(context.Background(), long); err != nil || got != testData || len(*asked) > 0 {
		t.Errorf("a long link: %q %v, asked %v", string(got), err, *asked)
	}
}

func TestLinksThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		"", "x", "v.douyin.com/eHHc1ft/", "http://v.douyin.com/eHHc1ft/", "ftp://v.douyin.com/", "https:v.douyin.com/x", "https://",
		"https://example.com/", "https://v.douyin.com.evil.example/", "https://evildouyin.com/", "https://douyin.com.example/", "https://.evil/",
		"https://v.douyin.com@evil.example/", "https://evil.example#@v.douyin.com/", "https://user@v.douyin.com/", "https://v.douyin.com:8443/x",
		"https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://v.douyin.com%00.evil/", "https://v.douyin.com\\@evil.example/",
		"https://v.douyin.com/" + strings.Repeat("x", maxLink), "https://v.douyin.com./x", "https://evil.example/?v.douyin.com",
	} {
		over, asked := leading(302, "https://h/?object_id=x")
		_, err := linked(t, over).ResolveLink(context.Background(), link)
		want(t, link, err, Refused, BadLink)
		if len(*asked) > 0 || IsLink(link) {
			t.Errorf("%s: asked %v", link, *asked)
		}
	}
	if !IsLink(shortLink) {
		t.Error("a link is none")
	}
}

func TestLinksThatLeadNowhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status   int
		location string
		class    Class
		reason   Reason
	}{
		{302, "", Refused, BadLink}, {302, "https://h/?object_id=", Refused, BadLink}, {302, "https://h/?object=1", Refused, BadLink}, {302, "://", Refused, BadLink},
		{302, "https://h/?object_id=" + strings.Repeat("x", maxCode+1), Refused, BadLink}, {302, "https://h/?x=" + strings.Repeat("x", maxLink), Refused, BadLink},
		{404, "", Refused, BadLink}, {410, "", Refused, BadLink}, {200, "https://h/?object_id=x", UnknownOutcome, ""}, {403, "", UnknownOutcome, ""}, {502, "", UnknownOutcome, ""},
	} {
		over, _ := leading(tt.status, tt.location)
		_, err := linked(t, over).ResolveLink(context.Background(), shortLink)
		want(t, fmt.Sprint(tt.status, tt.location), err, tt.class, tt.reason)
	}
	_, err := linked(t, failing(io.ErrUnexpectedEOF).Transport).ResolveLink(context.Background(), shortLink)
	want(t, "no answer", err, Unavailable, "")
}

// The own transport does not dial what is not public, whatever the name says, and
// leaves that to a proxy where there is one.
func TestLinkDialsNoPrivateAddress(t *testing.T) {
	t.Parallel()
	served := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served++
		http.Redirect(w, r, "https://h/?object_id=x", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	l := newLinks(nil).(*httpcall.Public)
	l.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	req, _ := http.NewRequest("GET", server.URL, nil)
	if resp, err := l.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("%v %v", resp, err)
	}
	if l.Direct.MaxResponseHeaderBytes != maxLink {
		t.Error("headers have no bound")
	}

	// A proxy may be at a private address. It gets CONNECT by name.
	connected := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connected <- r.Method + " " + r.Host
		conn, _, _ := w.(http.Hijacker).Hijack()
		upstream, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(upstream, conn) }()
		_, _ = io.Copy(conn, upstream)
	}))
	t.Cleanup(proxy.Close)
	at, _ := url.Parse(proxy.URL)
	by := func(*http.Request) (*url.URL, error) { return at, nil }
	l.Proxy = by
	proxied := l.Proxied
	proxied.Proxy = by
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	proxied.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "example.com"}
	t.Cleanup(proxied.CloseIdleConnections)
	c := linked(t, l)
	got, err := c.ResolveLink(context.Background(), shortLink)
	if err != nil || got != "x" || served != 1 || <-connected != "CONNECT v.douyin.com:443" {
		t.Errorf("%q %v, served %d", string(got), err, served)
	}
}
