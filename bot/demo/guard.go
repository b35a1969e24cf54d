package demo

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard keeps other web sites out of a server that trusts every client.
//
// A page from elsewhere may not post (its origin is not ours), and may not reach
// us under a name of its own (DNS rebinding): the Host of a request must be an
// address, localhost, or the name that the server was told to listen on. A
// browser sends an address as Host only where the user's page is on that address.
func guard(listen string, next http.Handler) http.Handler {
	own, _, err := net.SplitHostPort(listen)
	if err != nil {
		own = ""
	}
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		refuse(rw, http.StatusForbidden, "只接受从本页面发来的请求。")
	}))
	inner := origins.Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !trustedHost(r.Host, own) {
			refuse(rw, http.StatusForbidden, "请用 http://localhost 或 IP 地址打开演示页。")
			return
		}
		inner.ServeHTTP(rw, r)
	})
}

// strict lets the chat page load nothing from elsewhere.
func strict(page http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		page.ServeHTTP(rw, r)
	})
}

func trustedHost(hostport, own string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || own != "" && host == strings.ToLower(own)
}
