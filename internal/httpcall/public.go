package httpcall

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrNotPublic: an address is not on the public internet, and is not called.
var ErrNotPublic = errors.New("dial: the address is not public")

// Public makes requests to addresses that this program has from elsewhere. It goes by the
// proxy where the environment has one for the address; what a name stands for is then
// the proxy's to judge. Else it calls public addresses only.
type Public struct {
	Proxy           func(*http.Request) (*url.URL, error)
	Direct, Proxied *http.Transport
}

// NewPublic makes one that connects within a time and reads so many bytes of headers.
func NewPublic(timeout time.Duration, maxHeader int64) *Public {
	transport := func() *http.Transport {
		return &http.Transport{
			DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
			TLSHandshakeTimeout: timeout, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: maxHeader, ForceAttemptHTTP2: true,
		}
	}
	p := &Public{Proxy: http.ProxyFromEnvironment, Direct: transport(), Proxied: transport()}
	p.Direct.DialContext = (&net.Dialer{Timeout: timeout, Control: publicOnly}).DialContext
	p.Proxied.Proxy = http.ProxyFromEnvironment
	return p
}

// RoundTrip implements [http.RoundTripper].
func (p *Public) RoundTrip(req *http.Request) (*http.Response, error) {
	proxy, err := p.Proxy(req)
	switch {
	case err != nil:
		return nil, err
	case proxy != nil:
		return p.Proxied.RoundTrip(req)
	}
	return p.Direct.RoundTrip(req)
}

// publicOnly refuses to dial what is not on the public internet, after the name was
// looked up: what a name stood for before does not count.
func publicOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	if !IsPublic(to.Addr()) {
		return ErrNotPublic
	}
	return nil
}

// notPublic are ranges beside those that netip knows: carriers' NAT, protocol
// assignments, relays to IPv6, benchmarks, reserved, and IPv6 that holds IPv4 inside.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-compatible and -translated
	netip.MustParsePrefix("fec0::/10"), // site-local
}

// IsPublic reports whether an address is on the public internet.
func IsPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}
