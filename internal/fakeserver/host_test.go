package fakeserver

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
)

// Two ports of one number are free at two hosts.
func TestHost(t *testing.T) {
	t.Parallel()
	first, err := net.Listen("tcp", net.JoinHostPort(Host(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if runtime.GOOS != "linux" {
		return
	}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	for range 100 {
		host := Host()
		if ip := netip.MustParseAddr(host); !ip.IsLoopback() || host == "127.0.0.1" {
			t.Fatal(host)
		}
		second, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		second.Close()
	}
}
