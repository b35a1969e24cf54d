package douyintest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

const (
	clientKey, clientSecret = "awkey0123456789", "client-secret-0123456789"

	shopA = "6600000000000000001"
	shopB = "6600000000000000002"
	shopC = "6600000000000000003" // of somebody else

	otherAccount = "7100000000000000002"
)

var zone = time.FixedZone("Beijing", 8*60*60)

// rig is a platform with three shops behind a real listener, and an access token.
type rig struct {
	*testing.T
	p      *douyintest.Platform
	srv    *httptest.Server
	client *http.Client // follows no redirect
	clock  *fakeserver.Clock
	token  string
}

func setup(t *testing.T, change ...func(*douyintest.Options)) *rig {
	t.Helper()
	c := fakeserver.NewClock(time.Date(2026, 10, 1, 12, 0, 0, 0, zone))
	opts := douyintest.Options{Now: c.Now, Seed: 1, ClientKey: clientKey, ClientSecret: clientSecret}
	for _, f := range change {
		f(&opts)
	}
	r := &rig{T: t, p: douyintest.New(opts), clock: c}
	r.srv = httptest.NewServer(r.p)
	client := *r.srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.client = &client
	t.Cleanup(r.srv.Close)
	t.Cleanup(r.p.Close)
	for _, s := range []douyintest.Shop{
		{ID: shopA, Name: "人民广场店", Address: "西藏中路1号", Latitude: 31.23, Longitude: 121.47, POIAccount: "7200000000000000001"},
		{ID: shopB, Name: "五角场店"},
		{ID: shopC, Account: otherAccount},
	} {
		r.ok(r.p.AddShop(s))
	}
	r.token = r.newToken()
	return r
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) same(got, want any) {
	r.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("(-want +got)\n%s", diff)
	}
}

func (r *rig) knobs(turn func(*douyintest.Knobs)) {
	r.Helper()
	k := r.p.Knobs()
	turn(&k)
	r.ok(r.p.SetKnobs(k))
}

func (r *rig) fail(f douyintest.Fault) {
	r.Helper()
	r.ok(r.p.Fail(f))
}

// sell adds one voucher of shop A.
func (r *rig) sell(v douyintest.Voucher) douyintest.Voucher {
	r.Helper()
	return r.sellOrder(v, 1)[0]
}

func (r *rig) sellOrder(v douyintest.Voucher, n int) []douyintest.Voucher {
	r.Helper()
	if v.Shops == nil {
		v.Shops = []string{shopA}
	}
	made, err := r.p.AddOrder(v, n)
	r.ok(err)
	return made
}

// await waits for the platform, not for time to pass.
func (r *rig) await(cond func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	if err := r.p.Await(ctx, cond); err != nil {
		r.Fatalf("waiting: %v", err)
	}
}

func (r *rig) last() douyintest.Request {
	r.Helper()
	all := r.p.Requests()
	return all[len(all)-1]
}

// effects fails unless the ledger says exactly this of a code.
func (r *rig) effects(code string, consumed, undone int) {
	r.Helper()
	if got := r.p.Effects(code); got.Consumed != consumed || got.Undone != undone {
		r.Errorf("effects on %s: %+v, want consumed %d, undone %d", code, got, consumed, undone)
	}
}

// fields are parameters.
type fields map[string]any

var paths = map[string]string{
	"token": "/oauth/client_token/", "prepare": "/goodlife/v1/fulfilment/certificate/prepare/",
	"verify": "/goodlife/v1/fulfilment/certificate/verify/", "cancel": "/goodlife/v1/fulfilment/certificate/cancel/",
	"get": "/goodlife/v1/fulfilment/certificate/get/", "query": "/goodlife/v1/fulfilment/certificate/query/",
	"verify_record": "/goodlife/v1/fulfilment/certificate/verify_record/query/",
	"ledger":        "/goodlife/v1/settle/ledger/query_record_by_cert/", "shops": "/goodlife/v1/shop/poi/query/",
}

// request makes a call's request.
func (r *rig) request(ctx context.Context, call string, f fields) *http.Request {
	r.Helper()
	method, to, body := http.MethodGet, r.srv.URL+paths[call], []byte(nil)
	if call == "token" || call == "verify" || call == "cancel" {
		method = http.MethodPost
		var err error
		body, err = json.Marshal(f)
		r.ok(err)
	} else {
		query := url.Values{}
		for name, value := range f {
			query.Set(name, fmt.Sprint(value))
		}
		to += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	r.ok(err)
	req.Header.Set("Content-Type", "application/json")
	if call != "token" {
		req.Header.Set("access-token", r.token)
	}
	return req
}

// wire is an answer as it came.
type wire struct {
	status      int
	contentType string
	body        string
	location    string
	err         error // of the connection, also while the body was read
}

// send may be used from several goroutines.
func (r *rig) send(req *http.Request) wire {
	resp, err := r.client.Do(req)
	if err != nil {
		return wire{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return wire{resp.StatusCode, resp.Header.Get("Content-Type"), string(body), resp.Header.Get("Location"), err}
}

// answer is an answer with an envelope. Numbers are json.Number.
type answer struct {
	code, extra, sub string // as the wire writes them; "" where absent
	words            string
	data             map[string]any
	envelope         map[string]any
}

// told is the code of a refusal, or "ok".
func (a answer) told() string {
	switch {
	case a.code != "0":
		return a.code
	case a.extra != "0" && a.extra != "":
		return a.extra
	default:
		return "ok"
	}
}

func (r *rig) read(w wire) answer {
	r.Helper()
	if w.err != nil {
		r.Fatalf("no answer: %v", w.err)
	}
	if w.status != http.StatusOK || w.contentType != "application/json; charset=utf-8" {
		r.Fatalf("answered %d %s: %s", w.status, w.contentType, w.body)
	}
	var a answer
	dec := json.NewDecoder(strings.NewReader(w.body))
	dec.UseNumber()
	if err := dec.Decode(&a.envelope); err != nil {
		r.Fatalf("answer %q: %v", w.body, err)
	}
	a.data, _ = a.envelope["data"].(map[string]any)
	extra, _ := a.envelope["extra"].(map[string]any)
	a.code, a.words = field(a.data, "error_code"), field(a.data, "description")
	if extra != nil {
		a.extra, a.sub = field(extra, "error_code"), field(extra, "sub_error_code")
	}
	return a
}

// field reads a field of an object by its path, as in "verify.can_cancel"; a list
// by its index.
func field(object any, path string) string {
	v, ok := at(object, path)
	if !ok {
		return "absent"
	}
	return fmt.Sprint(v)
}

func at(v any, path string) (any, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			inner, ok := in[name]
			if !ok {
				return nil, false
			}
			v = inner
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func list(object any, path string) []any {
	v, _ := at(object, path)
	l, _ := v.([]any)
	return l
}

func (r *rig) do(call string, f fields) answer {
	r.Helper()
	return r.read(r.send(r.request(r.Context(), call, f)))
}

func (r *rig) want(a answer, code string) answer {
	r.Helper()
	if a.told() != code {
		r.Errorf("got code %s (%s), want %s", a.told(), a.words, code)
	}
	return a
}

func (r *rig) newToken() string {
	r.Helper()
	a := r.want(r.do("token", fields{"client_key": clientKey, "client_secret": clientSecret, "grant_type": "client_credential"}), "ok")
	return field(a.data, "access_token")
}

// prep is what a prepare gave.
type prep struct {
	token, order string
	encrypted    []string
	answer
}

func (r *rig) prepare(code string) prep {
	r.Helper()
	return r.read1(r.want(r.do("prepare", fields{"code": code, "poi_id": shopA}), "ok"))
}

func (r *rig) read1(a answer) prep {
	r.Helper()
	got := prep{token: field(a.data, "verify_token"), order: field(a.data, "order_id"), answer: a}
	for _, c := range list(a.data, "certificates") {
		got.encrypted = append(got.encrypted, field(c, "encrypted_code"))
	}
	return got
}

func (p prep) verify(codes ...string) fields {
	return fields{"verify_token": p.token, "poi_id": shopA, "encrypted_codes": append([]string{}, codes...), "order_id": p.order}
}

// consume prepares and verifies the first coupon of a code's order n times.
func (r *rig) consume(code string, n int) (prep, answer) {
	r.Helper()
	got := r.prepare(code)
	codes := []string{}
	for range n {
		codes = append(codes, got.encrypted[0])
	}
	return got, r.want(r.do("verify", got.verify(codes...)), "ok")
}

// undo is a cancel of a row of a verify.
func undo(a answer, row int) fields {
	rows := list(a.data, "verify_results")
	return fields{"verify_id": field(rows[row], "verify_id"), "certificate_id": field(rows[row], "certificate_id")}
}
