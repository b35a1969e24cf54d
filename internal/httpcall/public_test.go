package httpcall

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.8", "240.0.0.1",
		"::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "fe80::1%eth0", "fec0::1", "::ffff:0:127.0.0.1", "192.88.99.1",
	} {
		if IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	for _, text := range []string{"8.8.8.8", "110.43.0.1", "::ffff:8.8.8.8", "2400:3200::1"} {
		if !IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	if publicOnly("tcp", "not an address", nil) == nil || publicOnly("tcp", "127.0.0.1:443", nil) == nil || publicOnly("tcp", "8.8.8.8:443", nil) != nil {
		t.Error("dials what it must not")
	}
}

// A private address is not dialled, by whatever name.
func TestPublicDialsNothingElse(t *testing.T) {
	t.Parallel()
	served := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	t.Cleanup(server.Close)
	p := NewPublic(patience, 1<<10)
	p.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	at, _ := url.Parse(server.URL)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		req, _ := http.NewRequest("GET", "http://"+host+":"+at.Port(), nil)
		if resp, err := p.RoundTrip(req); !errors.Is(err, ErrNotPublic) {
			t.Errorf("%s: %v %v", host, resp, err)
		}
	}
	if served != 0 {
		t.Errorf("served %d times", served)
	}
}
