package douyin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/internal/fakeserver"
)

const (
	prefix     = "/gate/way" // an address built without the configured prefix misses the server
	testKey    = "awtestkey"
	testSecret = "ClientSecretThatNobodyMaySee+/="
	testAccess = "clt.AccessTokenThatNobodyMaySee"
	testToken  = "VerifyTokenThatNobodyMaySee+/="
	testCoded  = "EncryptedCodeThatNobodyMaySee+/="
	testData   = "EncryptedDataThatNobodyMaySee+/="
)

var (
	testShop = Shop{ID: "7102345678901234567", Account: "7012345678901234567"}
	testNow  = time.Date(2026, 11, 30, 23, 4, 5, 0, time.FixedZone("EST", -5*60*60))
)

// sent is a request as the server saw it.
type sent struct {
	method, path string
	header       http.Header
	query        url.Values
	body         map[string]any
	raw          string
}

// bench is a server that gives out tokens and answers all else by a handler, and
// clients that talk to it.
type bench struct {
	server *httptest.Server
	clock  *fakeserver.Clock

	mu       sync.Mutex
	tokens   []sent
	requests []sent
	observed []Observation
}

func setup(t *testing.T, handle http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{clock: fakeserver.NewClock(testNow)}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, prefix)
		if !ok {
			t.Errorf("request to %s, outside of the configured prefix", r.URL.Path)
		}
		raw, _ := io.ReadAll(r.Body)
		s := sent{method: r.Method, path: path, header: r.Header.Clone(), query: r.URL.Query(), raw: string(raw)}
		_ = json.Unmarshal(raw, &s.body)
		r.Body = io.NopCloser(strings.NewReader(s.raw))
		if path == "/oauth/client_token/" {
			b.mu.Lock()
			b.tokens = append(b.tokens, s)
			b.mu.Unlock()
			_, _ = io.WriteString(w, tokenAnswer(testAccess, 7200))
			return
		}
		b.mu.Lock()
		b.requests = append(b.requests, s)
		b.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(b.server.Close)
	return b
}

func tokenAnswer(access string, life int) string {
	text, _ := json.Marshal(map[string]any{"message": "success", "data": map[string]any{
		"access_token": access, "expires_in": life, "error_code": 0, "description": "", "captcha": "", "desc_url": "", "log_id": "t1",
	}})
	return string(text)
}

// answering is setup with one fixed answer.
func answering(t *testing.T, status int, body string) *bench {
	t.Helper()
	return setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (b *bench) client(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		APIURL: b.server.URL + prefix + "/", ClientKey: testKey, ClientSecret: testSecret, Timeout: 10 * time.Second,
		Now: b.clock.Now, Sleep: b.clock.Sleep, HTTP: b.server.Client(),
		Observe: func(o Observation) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.observed = append(b.observed, o)
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// only returns the one request, tokens aside, that the server saw.
func (b *bench) only(t *testing.T) sent {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != 1 {
		t.Fatalf("the server saw %d requests, want 1", len(b.requests))
	}
	return b.requests[0]
}

// ok wraps the members of a success's data.
func ok(data string) string {
	if data != "" {
		data = "," + data
	}
	return `{"data":{"error_code":0,"description":"success"` + data + `},"extra":{"error_code":0,"description":"","sub_error_code":0,"sub_description":"","logid":"log1","now":1742893299}}`
}

// no is a refusal.
func no(code, sub string) string {
	return `{"data":{"error_code":` + code + `,"description":"不行"},"extra":{"error_code":` + code + `,"description":"不行","sub_error_code":` + sub + `,"sub_description":"","logid":"log2","now":1742893299}}`
}

// row is one row of a verify.
func row(result string) string {
	return `{"result":` + result + `,"msg":"履约成功","code":"` + testCoded + `","verify_id":"7091478021421631519","certificate_id":"7091180835810052103","order_id":"800","origin_code":"104686126200130","account_id":"123456"}`
}

func rows(list ...string) string { return `"verify_results":[` + strings.Join(list, ",") + `]` }

func verifyN(ctx context.Context, c *Client, n int, again bool) ([]Verified, error) {
	req := VerifyRequest{Token: testToken, OrderID: "800", Again: again}
	for range n {
		req.Codes = append(req.Codes, testCoded)
	}
	return c.Verify(ctx, testShop, req)
}

// allCalls makes each call with good arguments and returns only its error.
var allCalls = map[Call]func(context.Context, *Client) error{
	CallPrepare: func(ctx context.Context, c *Client) error {
		_, err := c.Prepare(ctx, testShop, "104686126200130")
		return err
	},
	CallVerify: func(ctx context.Context, c *Client) error {
		_, err := verifyN(ctx, c, 1, false)
		return err
	},
	CallCancel: func(ctx context.Context, c *Client) error {
		return c.Cancel(ctx, testShop, "7091478021421631519", "7091180835810052103")
	},
	CallGet: func(ctx context.Context, c *Client) error {
		_, err := c.Certificate(ctx, testShop, testCoded)
		return err
	},
	CallQuery: func(ctx context.Context, c *Client) error {
		_, err := c.Order(ctx, testShop, "800")
		return err
	},
	CallRecords: func(ctx context.Context, c *Client) error {
		_, err := c.VerifyRecords(ctx, testShop, RecordQuery{})
		return err
	},
	CallShops: func(ctx context.Context, c *Client) error {
		_, err := c.Shops(ctx, ShopQuery{Account: testShop.Account})
		return err
	},
	CallLedger: func(ctx context.Context, c *Client) error {
		_, err := c.Ledgers(ctx, testShop, "1", "2")
		return err
	},
}

// want ends a comparison of an error's class and reason.
func want(t *testing.T, what string, err error, class Class, reason Reason) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s: got %v, want %s %s", what, err, string(class), reason)
		return new(Error)
	}
	if e.Class != class || e.Reason != reason {
		t.Errorf("%s: got %v, want %s %s", what, err, string(class), reason)
	}
	return e
}
