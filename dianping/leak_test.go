package dianping

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// chain writes an error and everything below it in every form that logs use.
func chain(err error) string {
	var b strings.Builder
	for err != nil {
		fmt.Fprintf(&b, "%v|%+v|%#v|%q|%s\n", err, err, err, err.Error(), err)
		if text, e := json.Marshal(err); e == nil {
			b.Write(text)
		}
		err = errors.Unwrap(err)
	}
	return b.String()
}

func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	secrets := []string{testSession, url.QueryEscape(testSession), url.PathEscape(testSession), testSecret, testMobile}
	echo := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	all, _ := json.Marshal(strings.Join(secrets, " , ") + " 86" + testMobile)
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(conn, "HTTP/9 %s %s\r\n\r\n", testSession, testMobile) // net/http quotes it
		conn.Close()
	}
	servers := map[string]http.HandlerFunc{
		"refusal that repeats all": echo(200, fmt.Sprintf(`{"code":1008,"msg":%s,"traceId":%s,"data":{"receipt_code":"1","mobile":%q}}`, all, all, testMobile)),
		"strange code":             echo(200, fmt.Sprintf(`{"code":%q,"msg":%s}`, "E"+testSession+testSecret, all)),
		"authorisation":            echo(200, fmt.Sprintf(`{"code":"OP_UNIAUTH_FAILED","msg":"x","data":{"code":%q,"msg":%s}}`, testSession, all)),
		"batch row":                echo(200, fmt.Sprintf(`{"code":200,"data":[{"single_consume_code":%q,"single_consume_msg":%s},{"single_consume_code":1}]}`, testSession, all)),
		"success with phone":       echo(200, fmt.Sprintf(`{"code":200,"data":{"receipt_code":"0123456789","mobile":%q,"verify_time":"2024-01-02 03:04:05"}}`, testMobile)),
		"page":                     echo(502, string(all)),
		"hang up":                  hangUp,
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.example/?"+r.Form.Encode(), http.StatusFound)
		},
		"time-out": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, handle := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, handle)
			timeout := 10 * time.Second
			if name == "time-out" {
				timeout = 20 * time.Millisecond
			}
			clients := []Client{
				b.dianping(t, func(c *Config) { c.Timeout = timeout }),
				b.meituan(t, func(c *MeituanConfig) { c.Timeout = timeout }),
				b.dianping(t, func(c *Config) {
					c.HTTP = failing(&url.Error{Op: "Get", URL: "https://h/?session=" + testSession, Err: &url.Error{Op: "Get", URL: "/" + testMobile, Err: io.EOF}})
				}),
				b.meituan(t, func(c *MeituanConfig) {
					c.HTTP = failing(fmt.Errorf("proxy said: %s %s", testSecret, testMobile))
				}),
			}
			var seen strings.Builder
			for _, c := range clients {
				fmt.Fprintf(&seen, "%v|%+v|%#v|%s\n", c, c, c, c)
				for call, do := range allCalls {
					err := do(context.Background(), c, testShop)
					seen.WriteString(chain(err))
					var leaked *url.Error
					if errors.As(err, &leaked) {
						t.Errorf("%s: a *url.Error with its address is in the chain", call)
					}
					if name == "time-out" && err != nil && !errors.Is(err, Unsupported) && strings.Contains(err.Error(), "deadline") != errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v is not the deadline any more", call, err)
					}
				}
				list, err := c.BatchConsume(context.Background(), testShop, BatchConsumeRequest{RequestID: "r", Items: []BatchItem{{"1", 1}, {"2", 1}}})
				fmt.Fprintf(&seen, "%+v %s", list, chain(err))
				for _, r := range list {
					if r.Err != nil {
						seen.WriteString(chain(r.Err))
					}
				}
				receipt, err := c.Prepare(context.Background(), testShop, "0123456789")
				fmt.Fprintf(&seen, "%+v %s", receipt, chain(err))
			}
			for _, o := range b.observed {
				fmt.Fprintf(&seen, "%v|%+v|%#v\n", o, o, o)
				if o.Err != nil {
					seen.WriteString(chain(o.Err))
				}
			}
			for _, secret := range secrets {
				if at := strings.Index(strings.ToUpper(seen.String()), strings.ToUpper(secret)); at >= 0 {
					from, to := max(0, at-200), min(seen.Len(), at+100)
					t.Errorf("%q is told: …%s…", secret, seen.String()[from:to])
				}
			}
		})
	}
}

// testGrant holds one of each token.
var testGrant = Grant{AccessToken: testSession, RefreshToken: testRefresh, CustomerID: "b1"}

// TestGrantCallsDoNotLeak: a server may repeat all that a call sent it.
func TestGrantCallsDoNotLeak(t *testing.T) {
	t.Parallel()
	calls := map[Call]struct {
		secrets []string
		do      func(API) (any, error)
	}{
		CallToken: {[]string{testAuthCode, testSecret}, func(c API) (any, error) {
			return c.Exchange(context.Background(), testAsked, testCallback)
		}},
		CallRefresh: {[]string{testSession, testRefresh, testSecret}, func(c API) (any, error) {
			return c.Refresh(context.Background(), testGrant)
		}},
		CallShops: {[]string{testSession, testSecret}, func(c API) (any, error) {
			return c.Shops(context.Background(), testGrant)
		}},
	}
	for call, tt := range calls {
		var secrets []string
		for _, secret := range tt.secrets {
			secrets = append(secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
		all, _ := json.Marshal(strings.Join(secrets, " , "))
		for _, body := range []string{
			fmt.Sprintf(`{"code":4711,"msg":%s,"traceId":%s}`, all, all),
			fmt.Sprintf(`{"code":%s,"msg":"x"}`, all),
			fmt.Sprintf(`{"code":"OP_UNIAUTH_FAILED","msg":"x","data":{"code":%s,"msg":%s}}`, all, all),
			fmt.Sprintf(`{"code":200,"msg":%s,"data":{"accessToken":%q,"bid":"of somebody else"}}`, all, tt.secrets[0]),
			string(all),
		} {
			b := answering(t, 200, body)
			clients := append([]API{}, b.dianping(t), b.meituan(t), b.dianping(t, func(c *Config) {
				c.HTTP = failing(&url.Error{Op: "Get", URL: "https://h/?x=" + strings.Join(secrets, "&"), Err: io.EOF})
			}))
			var seen strings.Builder
			for _, c := range clients {
				value, err := tt.do(c)
				fmt.Fprintf(&seen, "%v|%+v|%#v %s", value, value, value, chain(err))
			}
			for _, o := range b.observed {
				fmt.Fprintf(&seen, "%v|%+v|%#v", o, o, o)
				if o.Err != nil {
					seen.WriteString(chain(o.Err))
				}
			}
			for _, secret := range secrets {
				if strings.Contains(strings.ToUpper(seen.String()), strings.ToUpper(secret)) {
					t.Errorf("%s: %q is told:\n%s", call, secret, seen.String())
				}
			}
		}
	}
}

func TestValuesDoNotLeak(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	values := []any{
		testShop, &testShop, Config{AppSecret: testSecret}, &Config{AppSecret: testSecret},
		MeituanConfig{SignKey: testSecret}, &MeituanConfig{SignKey: testSecret},
		struct{ Shop Shop }{testShop}, []Shop{testShop},
		testGrant, &testGrant, []Grant{testGrant}, testCallback, &testCallback, testAsked, struct{ R AuthorizeRequest }{testAsked},
	}
	for _, v := range values {
		fmt.Fprintf(&logged, "%v %+v %#v %s\n", v, v, v, v)
		logger.Info("x", "v", v)
	}
	if _, err := NewDianping(Config{APIURL: "https://user:" + testSecret + "@h", AppKey: "k", AppSecret: testSecret}); err == nil {
		t.Error("an API URL with a password is accepted")
	} else {
		logged.WriteString(err.Error())
	}
	for _, secret := range []string{testSession, testSecret, testRefresh, testAuthCode, testState} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("%q is told:\n%s", secret, logged.String())
		}
	}
}
