package dianping_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
	"yanquan/internal/httpcall"
)

// A verification after a quiet minute waits for no handshake with the platform.
func TestVerificationsAfterQuietMinutes(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := dianpingtest.New(dianpingtest.Options{DeveloperID: "100000", SignKey: "sign-key"})
			handshakes, listener := 0, fakeserver.Listen()
			server := httptest.NewUnstartedServer(p)
			server.Listener.Close()
			server.Listener, server.EnableHTTP2 = listener, http2
			server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				handshakes++
				return nil, nil
			}}
			server.StartTLS()
			defer server.Close()
			defer p.Close()
			transport := httpcall.NewTransport() // the client's own, but for the network
			defer transport.CloseIdleConnections()
			transport.DialContext = listener.Dial
			transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			client, err := dianping.NewMeituan(dianping.MeituanConfig{
				APIURL: "https://example.com", DeveloperID: "100000", SignKey: "sign-key", HTTP: &http.Client{Transport: transport},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{
				p.AddShop(dianpingtest.Shop{ID: "shop-1"}),
				p.AddSession(dianpingtest.Session{Token: "token", Dialect: dianpingtest.Meituan, Shops: []string{"shop-1"}}),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			vouchers, err := p.AddOrder(dianpingtest.Voucher{}, 3)
			if err != nil {
				t.Fatal(err)
			}
			shop := dianping.Shop{ID: "shop-1", Session: "token"}
			for i, v := range vouchers {
				if _, err := client.Prepare(t.Context(), shop, v.Code); err != nil {
					t.Fatal(err)
				}
				rows, err := client.Consume(t.Context(), shop, dianping.ConsumeRequest{
					RequestID: fmt.Sprint("r", i), Code: v.Code, Count: 1, Operator: dianping.Operator{Account: "a01", Name: "王"},
				})
				if err != nil || len(rows) != 1 {
					t.Fatal(rows, err)
				}
				time.Sleep(time.Minute) // by the clock of the bubble
			}
			if n := len(p.Requests()); n != 6 || handshakes != 1 {
				t.Errorf("HTTP/2: %v: %d handshakes for %d requests, want one for six", http2, handshakes, n)
			}
		})
	}
}
