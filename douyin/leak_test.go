package douyin

import (
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

// logged writes a value in every form that logs use.
func logged(v any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v|%+v|%#v|%s\n", v, v, v, v)
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
	return b.String()
}

// carried is all that a request tells: its address, its token, its body.
func carried(r *http.Request) string {
	said := []string{r.Header.Get("access-token"), r.URL.String(), r.URL.Path}
	for _, values := range r.URL.Query() {
		said = append(said, values...)
	}
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		var fields map[string]any
		_ = json.Unmarshal(body, &fields)
		said = append(said, fmt.Sprint(fields))
	}
	return strings.Join(said, " , ")
}

func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	secrets := []string{testSecret, testAccess, testToken, testCoded, testData, "eHHc1ft"}
	// A server that repeats what it was sent, as JSON text.
	echo := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			all, _ := json.Marshal(carried(r))
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "ALL", string(all)))
		}
	}
	says := func(code string) string {
		return `{"data":{"error_code":` + code + `,"description":ALL},"extra":{"error_code":` + code + `,"sub_error_code":ALL,"sub_description":ALL,"logid":ALL}}`
	}
	servers := map[string]http.HandlerFunc{
		"refusal that repeats all": echo(200, says("1208")),
		"strange code":             echo(200, says("ALL")),
		"token refused":            echo(200, says("2190008")),
		"row":                      echo(200, ok(rows(`{"result":ALL,"msg":ALL,"code":"`+testCoded+`"}`))),
		"row of an undo":           echo(200, ok(`"cancel_results":[{"result_code":ALL,"result_msg":ALL}]`)),
		"success":                  echo(200, ok(`"order_id":"800","verify_token":"`+testToken+`","certificates":[`+coupon+`],"certificate":`+coupon+`,`+rows(row("0")))),
		"page":                     echo(502, "ALL"),
		"hang up": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(conn, "HTTP/9 %s\r\n\r\n", carried(r)) // net/http quotes it
			conn.Close()
		},
	}
	leaky := transportFunc(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: fmt.Errorf("proxy said: %s", carried(r))}
	})
	for name, handle := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, handle)
			over, _ := leading(302, "https://h/?object_id="+url.QueryEscape(testData))
			clients := []*Client{
				b.client(t, func(c *Config) { c.Links = over }),
				b.client(t, func(c *Config) { c.Links = leaky }),
				b.client(t, func(c *Config) { c.Links, c.Tokens, c.HTTP = over, kept(), &http.Client{Transport: leaky} }),
				b.client(t, func(c *Config) { c.Links, c.HTTP = over, &http.Client{Transport: leaky} }),
			}
			var seen strings.Builder
			for _, c := range clients {
				seen.WriteString(logged(c) + logged(c.tokens.store))
				for _, do := range allCalls {
					seen.WriteString(chain(do(context.Background(), c)))
				}
				p, err := c.PrepareEncrypted(context.Background(), testShop, testData)
				seen.WriteString(logged(p) + chain(err))
				list, err := verifyN(context.Background(), c, 2, true)
				seen.WriteString(logged(list) + chain(err))
				one, err := c.Certificate(context.Background(), testShop, testCoded)
				seen.WriteString(logged(one) + chain(err))
				data, err := c.ResolveLink(context.Background(), shortLink)
				seen.WriteString(logged(data) + chain(err))
			}
			seen.WriteString(logged(VerifyRequest{Token: testToken, Codes: []Secret{testCoded}}))
			seen.WriteString(logged(Config{ClientKey: testKey, ClientSecret: testSecret}))
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.observed) == 0 {
				t.Fatal("nothing was observed")
			}
			for _, o := range b.observed {
				fmt.Fprintf(&seen, "%v|%+v|%#v\n", o, o, o)
				if o.Err != nil {
					seen.WriteString(chain(o.Err))
				}
			}
			for _, secret := range secrets {
				for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
					if at := strings.Index(seen.String(), form); at >= 0 {
						from, to := max(0, at-200), min(seen.Len(), at+100)
						t.Errorf("%q is told: …%s…", secret, seen.String()[from:to])
					}
				}
			}
		})
	}
}
