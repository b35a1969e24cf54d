package dianping

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	prefix      = "/gate/way" // an address built without the configured prefix misses the server
	testSecret  = "AppSecretThatNobodyMaySee"
	testSession = "SessionThatNobodyMaySee+/="
	testMobile  = "13812345678"
)

var (
	testShop     = Shop{ID: "uuid1", Session: testSession}
	testOperator = Operator{Account: "a01", Name: "前台小王"}
	// A zone far from Beijing, and a moment at which the two have different days.
	testNow = time.Date(2024, 1, 1, 13, 4, 5, 0, time.FixedZone("EST", -5*60*60))
)

// sent is a request as a server saw it.
type sent struct {
	method, path string
	header       http.Header
	body         string
	fields       url.Values
}

// bench is a server, and clients of both generations that talk to it.
type bench struct {
	server *httptest.Server

	mu       sync.Mutex
	requests []sent
	observed []Observation
}

// setup starts a server that answers by handle, below the prefix only.
func setup(t *testing.T, handle http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, prefix)
		if !ok {
			t.Errorf("request to %s, outside of the configured prefix", r.URL.Path)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		_ = r.ParseForm()
		b.mu.Lock()
		b.requests = append(b.requests, sent{r.Method, path, r.Header.Clone(), string(body), r.Form})
		b.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(b.server.Close)
	return b
}

// answering is setup with one fixed answer.
func answering(t *testing.T, status int, body string) *bench {
	t.Helper()
	return setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (b *bench) observe(o Observation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.observed = append(b.observed, o)
}

func (b *bench) dianping(t *testing.T, change ...func(*Config)) API {
	t.Helper()
	cfg := Config{
		APIURL: b.server.URL + prefix + "/", AuthURL: "https://auth.example/pages/", AppKey: "testkey", AppSecret: testSecret, Timeout: 10 * time.Second,
		Now: func() time.Time { return testNow }, Observe: b.observe,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := NewDianping(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) meituan(t *testing.T, change ...func(*MeituanConfig)) API {
	t.Helper()
	cfg := MeituanConfig{
		APIURL: b.server.URL + prefix, AuthURL: "https://auth.example/pages", DeveloperID: "100000", SignKey: testSecret, Timeout: 10 * time.Second,
		Now: func() time.Time { return testNow }, Observe: b.observe,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := NewMeituan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// both gives the clients of both generations by name.
func (b *bench) both(t *testing.T) map[string]Client {
	t.Helper()
	return map[string]Client{Dianping: b.dianping(t), Meituan: b.meituan(t)}
}

// only returns the one request the server saw.
func (b *bench) only(t *testing.T) sent {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != 1 {
		t.Fatalf("the server saw %d requests, want 1", len(b.requests))
	}
	return b.requests[0]
}

// allCalls makes each call with good arguments and returns only its error.
var allCalls = map[Call]func(context.Context, Client, Shop) error{
	CallPrepare: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.Prepare(ctx, s, "0123456789")
		return err
	},
	CallScanPrepare: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.ScanPrepare(ctx, s, "bXk=@12")
		return err
	},
	CallConsume: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.Consume(ctx, s, ConsumeRequest{RequestID: "req1", Code: "0123456789", Count: 1, Operator: testOperator})
		return err
	},
	CallBatchConsume: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.BatchConsume(ctx, s, BatchConsumeRequest{RequestID: "req1", Operator: testOperator,
			Items: []BatchItem{{"0123456789", 1}, {"0123456790", 2}}})
		return err
	},
	CallReverseConsume: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.ReverseConsume(ctx, s, ReverseRequest{Code: "0123456789", DealID: 1001, Operator: testOperator})
		return err
	},
	CallGetConsumed: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.GetConsumed(ctx, s, "0123456789")
		return err
	},
	CallQueryListByDate: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.QueryListByDate(ctx, s, ListQuery{Date: testNow})
		return err
	},
	CallQueryByMobile: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.QueryByMobile(ctx, s, MobileQuery{Mobile: testMobile, DealGroupID: 2001, DealID: 1001, Platform: 2})
		return err
	},
	CallQueryShopDeal: func(ctx context.Context, c Client, s Shop) error {
		_, err := c.QueryShopDeal(ctx, s)
		return err
	},
}

// failure unwraps an *Error or ends the test.
func failure(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	return e
}
