package douyintest

import (
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

// The calls, as in [Fault.Call] and [Request.Call].
const (
	callToken         = "token"
	callPrepare       = "prepare"
	callVerify        = "verify"
	callCancel        = "cancel"
	callGet           = "get"
	callQuery         = "query"
	callVerifyRecords = "verify_record"
	callLedger        = "ledger"
	callShops         = "shops"
	callLink          = "link"
)

// Calls are all of them.
var Calls = []string{
	callToken, callPrepare, callVerify, callCancel, callGet, callQuery, callVerifyRecords, callLedger, callShops, callLink,
}

var routes = map[string]struct{ method, name string }{
	"/oauth/client_token/":                                     {http.MethodPost, callToken},
	"/goodlife/v1/fulfilment/certificate/prepare/":             {http.MethodGet, callPrepare},
	"/goodlife/v1/fulfilment/certificate/verify/":              {http.MethodPost, callVerify},
	"/goodlife/v1/fulfilment/certificate/cancel/":              {http.MethodPost, callCancel},
	"/goodlife/v1/fulfilment/certificate/get/":                 {http.MethodGet, callGet},
	"/goodlife/v1/fulfilment/certificate/query/":               {http.MethodGet, callQuery},
	"/goodlife/v1/fulfilment/certificate/verify_record/query/": {http.MethodGet, callVerifyRecords},
	"/goodlife/v1/settle/ledger/query_record_by_cert/":         {http.MethodGet, callLedger},
	"/goodlife/v1/shop/poi/query/":                             {http.MethodGet, callShops},
}

var linkPath = regexp.MustCompile(`^/([A-Za-z0-9]+)/?$`)

// object is one of JSON's on the wire.
type object = map[string]any

// call is a request as it came over the wire.
type call struct {
	p       *Platform
	name    string // empty: no such call
	method  string
	came    time.Time
	token   string                     // access-token
	account string                     // Rpc-Transit-Life-Account
	fields  map[string]json.RawMessage // of the query as JSON texts, or of the body
	link    string                     // the short link's id
	trouble *refusal                   // why the request cannot be read
}

// Name is the call's.
func (c *call) Name() string { return c.name }

// Changes says whether the call has an effect.
func (c *call) Changes() bool {
	return c.name == callVerify || c.name == callCancel || c.name == callToken
}

// readCall reads a request whole, so that the server notices when the client
// leaves while the answer is being held back.
func (p *Platform) readCall(w http.ResponseWriter, r *http.Request) fakeserver.Call {
	c := &call{
		p: p, method: r.Method, token: r.Header.Get("access-token"), account: r.Header.Get("Rpc-Transit-Life-Account"),
		fields: map[string]json.RawMessage{},
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, fakeserver.MaxBody))
	if to := routes[r.URL.Path]; to.method == r.Method {
		c.name = to.name
	}
	if m := linkPath.FindStringSubmatch(r.URL.Path); m != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		c.name, c.link = callLink, m[1]
		return c
	}
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := media == "application/json" && (params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8"))
	switch {
	case err != nil:
		c.trouble = refuseFor(codeBadBody, "无法读取")
	case !isJSON:
		c.trouble = refuseFor(codeBadBody, "content-type应为application/json")
	case r.Method == http.MethodGet && len(body) > 0:
		c.trouble = refuseFor(codeBadBody, "GET请求不应有请求体")
	case r.Method == http.MethodGet:
		c.readQuery(r.URL.RawQuery)
	case r.URL.RawQuery != "":
		c.trouble = refuseFor(codeBadParameters, "POST请求的参数应在请求体中")
	case json.Unmarshal(body, &c.fields) != nil || c.fields == nil:
		c.trouble = refuseFor(codeBadBody, "不是JSON对象")
	}
	return c
}

func (c *call) readQuery(query string) {
	values, err := url.ParseQuery(query)
	if err != nil {
		c.trouble = refuseFor(codeBadParameters, "参数编码错误")
	}
	for name, given := range values {
		if len(given) > 1 && c.trouble == nil {
			c.trouble = refuseFor(codeBadParameters, "参数重复 "+name)
		}
		c.fields[name], _ = json.Marshal(given[0])
	}
}

// args reads a call's parameters and keeps the first thing found wrong, so that
// they can be read one after the other and judged once.
type args struct {
	fields  map[string]json.RawMessage
	inQuery bool
	wrong   *refusal
}

// body reads the fields of a POST; types are taken at their word. query reads
// those of a GET. A field that is not known is wrong.
func (c *call) body(known ...string) *args  { return c.args(false, known) }
func (c *call) query(known ...string) *args { return c.args(true, known) }

func (c *call) args(inQuery bool, known []string) *args {
	a := &args{fields: c.fields, inQuery: inQuery, wrong: c.trouble}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		if !slices.Contains(known, name) {
			a.fail("未知参数", name)
		}
	}
	return a
}

func (a *args) fail(what, name string) {
	if a.wrong == nil {
		a.wrong = refuseFor(codeBadParameters, what+" "+name)
	}
}

// malformed is the refusal of bad parameters, or nil.
func (a *args) malformed() *refusal { return a.wrong }

func (a *args) read(name string, into any) bool {
	if a.fields[name] == nil {
		return false
	}
	if string(a.fields[name]) == "null" || json.Unmarshal(a.fields[name], into) != nil {
		a.fail("参数类型错误", name)
	}
	return true
}

// optional is a text; empty where it was not sent, and wrong where it was sent
// empty.
func (a *args) optional(name string) (s string) {
	if a.read(name, &s) && s == "" {
		a.fail("参数为空", name)
	}
	return s
}

// text is a text that must be there.
func (a *args) text(name string) string {
	s := a.optional(name)
	if s == "" {
		a.fail("缺少参数", name)
	}
	return s
}

// number is a whole number of the query, within bounds; def where it was not sent.
func (a *args) number(name string, def, least, most int64) int64 {
	text := a.optional(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		a.fail("参数超出范围", name)
	}
	return n
}

// list is a list of texts: of JSON in a body; in a query a JSON array, or joined
// by commas.
func (a *args) list(name string) (all []string) {
	if !a.inQuery {
		a.read(name, &all)
		return all
	}
	text := a.optional(name)
	if strings.HasPrefix(text, "[") {
		if json.Unmarshal([]byte(text), &all) != nil {
			a.fail("参数类型错误", name)
		}
		return all
	}
	if text != "" {
		all = strings.Split(text, ",")
	}
	return all
}

// text is a field as text, where it is one.
func (c *call) text(name string) (s string) {
	_ = json.Unmarshal(c.fields[name], &s)
	return s
}

// named are the vouchers that a call names. The caller holds the lock.
func (p *Platform) named(c *call) []*coupon {
	a := &args{fields: c.fields, inQuery: c.method == http.MethodGet}
	all := []*coupon{p.byCode[c.text("code")], p.encrypted[c.text("encrypted_code")]}
	if l := p.objects[c.text("encrypted_data")]; l != nil {
		all = append(all, l.order.vouchers...)
	}
	if l := p.links[c.link]; l != nil {
		all = append(all, l.order.vouchers...)
	}
	if o := p.orders[c.text("order_id")]; o != nil && c.name == callQuery {
		all = append(all, o.vouchers...)
	}
	for _, code := range a.list("encrypted_codes") {
		all = append(all, p.encrypted[code])
	}
	ids := append(a.list("certificate_ids"), c.text("certificate_id"))
	for _, v := range p.vouchers {
		if slices.Contains(ids, v.CertificateID) {
			all = append(all, v)
		}
	}
	all = slices.DeleteFunc(all, func(v *coupon) bool { return v == nil })
	slices.SortStableFunc(all, func(a, b *coupon) int { return slices.Index(p.vouchers, a) - slices.Index(p.vouchers, b) })
	return slices.Compact(all)
}
