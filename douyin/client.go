package douyin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanquan/internal/httpcall"
)

// Config makes a client; see [New].
type Config struct {
	APIURL       string // empty: https://open.douyin.com; a path is kept as a prefix
	ClientKey    string
	ClientSecret string
	Tokens       TokenStore // nil: in memory, for a program of one process

	Timeout time.Duration                              // one request with its answer; 0: 3 s
	HTTP    *http.Client                               // only its Transport is used; nil: one of its own
	Links   http.RoundTripper                          // for short links; nil: one of its own that refuses private addresses
	Now     func() time.Time                           // nil: time.Now
	Sleep   func(context.Context, time.Duration) error // nil: real time
	Observe func(Observation)                          // told of every request; may be nil
}

// String keeps the secret out of formatted text.
func (c Config) String() string { return "douyin.Config{" + c.APIURL + " " + c.ClientKey + "}" }

// GoString keeps the secret out of %#v.
func (c Config) GoString() string { return c.String() }

// LogValue keeps the secret out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Observation is one request to the platform, for metrics and the journal. A call
// that takes several pages is one observation for each page, and so is one that is
// sent again with a newer access token; arguments that were refused before a
// request was made are none. It holds no token and no encrypted code.
type Observation struct {
	Platform string
	Call     Call
	ShopID   string
	Code     string // as typed, where the call has one
	OrderID  string // verify, query
	Started  time.Time
	Took     time.Duration
	Err      *Error // nil: success
}

// Client verifies and undoes vouchers. It is safe for concurrent use.
type Client struct {
	dialect dialect
	base    string
	key     string
	secret  Secret
	calls   *httpcall.Client
	links   http.RoundTripper
	tokens  *keeper
	now     func() time.Time
	observe func(Observation)
}

// dialect is what a platform with the same interfaces has of its own.
type dialect struct {
	platform string
	host     string
	slash    string // what every path ends in
	signIn   func(key string, secret Secret) request
}

var douyinDialect = dialect{
	platform: "douyin",
	host:     "https://open.douyin.com",
	slash:    "/",
	signIn: func(key string, secret Secret) request {
		return request{call: CallToken, secrets: []Secret{secret}, body: map[string]any{
			"client_key": key, "client_secret": string(secret), "grant_type": "client_credential",
		}}
	},
}

// New makes a client.
func New(cfg Config) (*Client, error) { return newClient(douyinDialect, cfg) }

func newClient(d dialect, cfg Config) (*Client, error) {
	key, secret := strings.TrimSpace(cfg.ClientKey), strings.TrimSpace(cfg.ClientSecret)
	if key == "" || secret == "" {
		return nil, errors.New("douyin: client key and client secret are required")
	}
	if strings.TrimSpace(cfg.APIURL) == "" {
		cfg.APIURL = d.host
	}
	base, err := httpcall.BaseURL("API URL", cfg.APIURL)
	if err != nil {
		return nil, fmt.Errorf("douyin: %w", err)
	}
	calls, err := httpcall.New(cfg.HTTP, cfg.Timeout)
	if err != nil {
		return nil, fmt.Errorf("douyin: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Observation) {}
	}
	if cfg.Tokens == nil {
		cfg.Tokens = new(MemoryTokens)
	}
	c := &Client{
		dialect: d, base: base, key: key, secret: Secret(secret), links: newLinks(cfg.Links),
		calls: calls, now: cfg.Now, observe: cfg.Observe,
	}
	c.tokens = &keeper{
		store: cfg.Tokens, now: cfg.Now, sleep: cfg.Sleep, lease: 2 * calls.Timeout(),
		obtain: c.obtainToken, fail: c.reporter(request{call: CallToken}).fail,
	}
	return c, nil
}

// Platform names the client in errors and observations.
func (c *Client) Platform() string { return c.dialect.platform }

// String keeps the secrets inside out of formatted text.
func (c *Client) String() string { return "douyin.Client{" + c.key + "}" }

// GoString keeps the secrets inside out of %#v.
func (c *Client) GoString() string { return c.String() }

// LogValue keeps the secrets inside out of logs.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Prepare asks what can be used of the order that a typed code is of: all of its
// unused coupons. It has no effect. An empty list is [NoRecord]: nothing can be
// used now, whatever the reason.
func (c *Client) Prepare(ctx context.Context, shop Shop, code string) (Prepared, error) {
	code = strings.TrimSpace(code)
	r := request{call: CallPrepare, shop: shop, code: code, query: url.Values{"code": {code}}}
	return c.prepare(ctx, r, code)
}

// PrepareEncrypted is Prepare with what a customer's QR code stands for, see
// [Client.ResolveLink].
func (c *Client) PrepareEncrypted(ctx context.Context, shop Shop, data Secret) (Prepared, error) {
	r := request{call: CallPrepare, shop: shop, secrets: []Secret{data}, query: url.Values{"encrypted_data": {string(data)}}}
	return c.prepare(ctx, r, string(data))
}

func (c *Client) prepare(ctx context.Context, r request, what string) (Prepared, error) {
	r.require(what != "" && len(what) <= maxCode, "a code is 1 to 4096 bytes")
	r.require(r.shop.ID != "", "the shop has no id")
	r.query.Set("poi_id", r.shop.ID)
	p, failure := ask(ctx, c, r, func(a answer) (Prepared, error) {
		p, err := readPrepared(a.data, a.whole)
		p.At = a.now
		return p, err
	})
	if failure != nil {
		return Prepared{}, failure
	}
	return p, nil
}

const maxCode = 4096

// Verify uses coupons. It gives one row for each code of the request, or an error:
// of [Held], of a part ([PartlyVerified]) and of a refusal, Error.Rows tells what
// the answer says of each. A success without these rows, or with others
// ([OtherCode]), is [UnknownOutcome].
func (c *Client) Verify(ctx context.Context, shop Shop, req VerifyRequest) ([]Verified, error) {
	codes := make([]string, len(req.Codes))
	for i, code := range req.Codes {
		codes[i] = string(code)
	}
	r := request{call: CallVerify, shop: shop, order: req.OrderID, secrets: append([]Secret{req.Token}, req.Codes...)}
	r.body = map[string]any{"verify_token": string(req.Token), "poi_id": shop.ID, "encrypted_codes": codes}
	r.optional("order_id", req.OrderID)
	r.optional("account_id", shop.Chain)
	r.require(shop.ID != "", "the shop has no id")
	r.require(req.Token != "", "a verify needs the token of its prepare")
	r.require(len(codes) > 0 && len(codes) <= maxUses, "a verify is 1 to 100 uses")
	for _, code := range codes {
		r.require(code != "", "an encrypted code is empty")
	}
	var rows []Verified
	failure := c.call(ctx, r, func(p reporter, a answer, failure *Error) *Error {
		rows, failure = p.judgeVerify(req, a, failure)
		return failure
	})
	if failure != nil {
		return nil, failure
	}
	return rows, nil
}

const maxUses = 100

// Cancel undoes one use (撤销核销), named by the verify id and certificate id of its
// verify, within the platform's hour, which it may end early. It has no idempotency
// key: after a doubt query the order first.
func (c *Client) Cancel(ctx context.Context, shop Shop, verifyID, certificateID string) error {
	r := request{call: CallCancel, shop: shop}
	r.body = map[string]any{"verify_id": verifyID, "certificate_id": certificateID}
	r.optional("account_id", shop.Chain)
	for _, id := range []string{verifyID, certificateID} { // "0" would mean several
		r.require(id != "" && strings.Trim(id, "0") != "", "an undo needs verify id and certificate id")
	}
	failure := c.call(ctx, r, func(p reporter, a answer, failure *Error) *Error {
		return p.judgeCancel(verifyID, a, failure)
	})
	if failure != nil {
		return failure
	}
	return nil
}

// Certificate tells the state of one coupon.
func (c *Client) Certificate(ctx context.Context, shop Shop, encryptedCode Secret) (Certificate, error) {
	r := request{call: CallGet, shop: shop, secrets: []Secret{encryptedCode}, query: url.Values{"encrypted_code": {string(encryptedCode)}}}
	r.require(encryptedCode != "", "the encrypted code is empty")
	return fetch(ctx, c, r, readCertificate)
}

// Order tells the state of all coupons of an order.
func (c *Client) Order(ctx context.Context, shop Shop, orderID string) ([]Certificate, error) {
	return c.query(ctx, request{order: orderID}, shop, "order_id", orderID)
}

// OrderOf is [Client.Order] for the order of a coupon.
func (c *Client) OrderOf(ctx context.Context, shop Shop, encryptedCode Secret) ([]Certificate, error) {
	return c.query(ctx, request{secrets: []Secret{encryptedCode}}, shop, "encrypted_code", string(encryptedCode))
}

func (c *Client) query(ctx context.Context, r request, shop Shop, by, value string) ([]Certificate, error) {
	r.call, r.shop, r.query = CallQuery, shop, url.Values{by: {value}}
	r.require(value != "", "the order has no id")
	return fetch(ctx, c, r, certificates)
}

// recordsLimit is how many records a page has at most.
const recordsLimit = 20

// VerifyRecords returns the verifications of a shop, made through any channel, all
// pages, without repeats. A record does not say its shop: without one in Shop, it is
// any of the account's.
func (c *Client) VerifyRecords(ctx context.Context, shop Shop, q RecordQuery) ([]Record, error) {
	r := request{call: CallRecords, shop: shop, query: url.Values{
		"account_id": {shop.Account}, "size": {strconv.Itoa(recordsLimit)},
	}}
	r.require(shop.Account != "", "the history needs the account id")
	if shop.ID != "" {
		r.query.Set("poi_ids", shop.ID)
	}
	if !q.From.IsZero() {
		r.query.Set("start_time", strconv.FormatInt(q.From.Unix(), 10))
	}
	if !q.To.IsZero() {
		r.query.Set("end_time", strconv.FormatInt(q.To.Unix(), 10))
	}
	cursor := "0"
	return pages(ctx, c, r, recordsLimit, readRecords, func(r *request, number int, last []Record) {
		if len(last) > 0 {
			cursor = last[len(last)-1].Cursor
		}
		r.query.Set("cursor", cursor)
	}, func(v Record) string { return v.ID + "/" + v.Cursor })
}

// shopsLimit is how many shops a page has at most.
const shopsLimit = 50

// Shops returns the shops of an account, all pages, or one shop.
func (c *Client) Shops(ctx context.Context, q ShopQuery) ([]ShopInfo, error) {
	r := request{call: CallShops, shop: Shop{ID: q.ShopID, Account: q.Account}, query: url.Values{
		"size": {strconv.Itoa(shopsLimit)}, "relation_type": {"0"},
	}}
	r.require(q.Account != "" || q.ShopID != "", "a list of shops needs an account id or a shop id")
	for name, value := range map[string]string{"account_id": q.Account, "poi_id": q.ShopID} {
		if value != "" {
			r.query.Set(name, value)
		}
	}
	return pages(ctx, c, r, shopsLimit, readShops, func(r *request, number int, _ []ShopInfo) {
		r.query.Set("page", strconv.Itoa(number))
	}, func(v ShopInfo) string { return v.ID })
}

// maxLedgers is how many coupons can be asked for at once.
const maxLedgers = 50

// Ledgers tells what used coupons bring, from an hour after their use. A coupon
// without one, or one that the application may not see, has none in the list.
func (c *Client) Ledgers(ctx context.Context, shop Shop, certificateIDs ...string) ([]Ledger, error) {
	r := request{call: CallLedger, shop: shop, query: url.Values{"certificate_ids": {strings.Join(certificateIDs, ",")}}}
	r.require(len(certificateIDs) > 0 && len(certificateIDs) <= maxLedgers, "ledgers are asked for of 1 to 50 coupons")
	return fetch(ctx, c, r, readLedgers)
}

// optional adds what is not empty.
func (r *request) optional(name, value string) {
	if value != "" {
		r.body[name] = value
	}
}

// fetch makes one request of a question and reads its answer.
func fetch[T any](ctx context.Context, c *Client, r request, read func(object, bool) (T, error)) (T, error) {
	value, failure := ask(ctx, c, r, ofData(read))
	if failure != nil {
		return value, failure
	}
	return value, nil
}

// ofData is a reading of the answer's data alone.
func ofData[T any](read func(data object, whole bool) (T, error)) func(answer) (T, error) {
	return func(a answer) (T, error) { return read(a.data, a.whole) }
}

func ask[T any](ctx context.Context, c *Client, r request, read func(answer) (T, error)) (value T, _ *Error) {
	failure := c.call(ctx, r, func(p reporter, a answer, failure *Error) *Error {
		if failure != nil {
			return failure
		}
		got, err := read(a)
		if err != nil {
			return p.unread(a, err)
		}
		value = got
		return nil
	})
	return value, failure
}

// maxPages ends a list that has no end.
const maxPages = 500

// page is one page of a list.
type page[T any] struct {
	rows  []T
	total int // of the whole list; -1: not told
}

// pages reads a list to its end: a page that is not full where the platform's total
// is reached, or one that brings nothing new.
func pages[T any](ctx context.Context, c *Client, r request, limit int, read func(object, bool) (page[T], error),
	turn func(r *request, number int, last []T), key func(T) string) ([]T, error) {
	var list, last []T
	seen := map[string]bool{}
	for number := 1; ; number++ {
		if number > maxPages {
			return nil, c.reporter(r).fail(UnknownOutcome, fmt.Errorf("the list does not end within %d pages", maxPages))
		}
		turn(&r, number, last)
		p, failure := ask(ctx, c, r, ofData(read))
		if failure != nil {
			return nil, failure
		}
		last = p.rows
		fresh := 0
		for _, row := range p.rows {
			if k := key(row); !seen[k] {
				seen[k] = true
				list, fresh = append(list, row), fresh+1
			}
		}
		if fresh == 0 || len(p.rows) < limit && p.total == len(list) {
			return list, nil
		}
	}
}
