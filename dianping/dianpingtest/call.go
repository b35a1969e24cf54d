package dianpingtest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

// The calls, as in [Fault.Call] and [Request.Call].
const (
	callPrepare         = "prepare"
	callScanPrepare     = "scanprepare"
	callConsume         = "consume"
	callBatchConsume    = "batchconsume"
	callReverseConsume  = "reverseconsume"
	callGetConsumed     = "getconsumed"
	callQueryListByDate = "querylistbydate"
	callQueryByMobile   = "querybymobile"
	callQueryShopDeal   = "queryshopdeal"

	callAuthorize = "authorize" // the page for merchants
	callToken     = "token"
	callRefresh   = "refresh"
	callShops     = "shops" // session/scope, pageQueryPoiList
)

// knownCalls are all of them.
var knownCalls = []string{
	callPrepare, callScanPrepare, callConsume, callBatchConsume, callReverseConsume, callGetConsumed,
	callQueryListByDate, callQueryByMobile, callQueryShopDeal, callAuthorize, callToken, callRefresh, callShops,
}

// route is where a path leads.
type route struct {
	dialect Dialect
	name    string
}

// authPaths are the paths of authorisation. The first generation has one for both
// calls for tokens; see readCall.
var authPaths = map[string]route{
	"/dz-open/merchant/auth":              {Dianping, callAuthorize},
	"/router/oauth/token":                 {Dianping, callToken},
	"/router/oauth/session/scope":         {Dianping, callShops},
	"/general/auth":                       {Meituan, callAuthorize},
	"/oauth/token":                        {Meituan, callToken},
	"/oauth/refresh":                      {Meituan, callRefresh},
	"/ddzhkh/auth/token/pageQueryPoiList": {Meituan, callShops},
}

// callPaths are the ends of the paths. The second generation has no scanprepare
// and its batchconsume is not known well enough to be imitated.
var callPaths = map[string]string{
	"receipt/prepare":         callPrepare,
	"receipt/scanprepare":     callScanPrepare,
	"receipt/consume":         callConsume,
	"receipt/batchconsume":    callBatchConsume,
	"receipt/reverseconsume":  callReverseConsume,
	"receipt/getconsumed":     callGetConsumed,
	"receipt/querylistbydate": callQueryListByDate,
	"receipt/querybymobile":   callQueryByMobile,
	"deal/queryshopdeal":      callQueryShopDeal,
}

// call is a request as it came over the wire.
type call struct {
	p       *Platform
	dialect Dialect // empty: a path of neither
	name    string  // empty: no such call
	method  string
	came    time.Time
	form    bool              // the body is form-urlencoded
	fields  map[string]string // each field once
	trouble string            // why the fields cannot be trusted
	biz     bizArgs           // second generation: the parsed biz
	picked  []string          // on the page for merchants: the shops that were ticked
}

// Name is the call's.
func (c *call) Name() string { return c.name }

// Changes says whether the call has an effect.
func (c *call) Changes() bool {
	return c.name == callConsume || c.name == callBatchConsume || c.name == callReverseConsume || c.grants()
}

// grants says whether the call hands out tokens.
func (c *call) grants() bool { return c.name == callToken || c.name == callRefresh }

// codes returns the voucher codes that the call names.
func (c *call) codes() []string {
	if c.dialect == Meituan {
		biz := c.biz // a copy: what is wrong is for the call to find
		return []string{biz.text("receiptCode")}
	}
	codes := []string{c.fields["receipt_code"]}
	items, _ := batchItems(c.fields["receipt_code_infos"])
	for _, item := range items {
		codes = append(codes, item.code)
	}
	return codes
}

// routeOf tells dialect and call from a path.
func routeOf(p string) (Dialect, string) {
	// A path that is not clean ("//", "..") belongs to no dialect.
	if path.Clean(p) != p {
		return "", ""
	}
	if to, ok := authPaths[p]; ok {
		return to.dialect, to.name
	}
	if strings.HasPrefix(p, "/ddzhkh/") {
		return Meituan, ""
	}
	if rest, ok := strings.CutPrefix(p, "/ddzh/"); ok {
		name := callPaths[strings.TrimPrefix(rest, "tuangou/")]
		if !strings.HasPrefix(rest, "tuangou/") || name == callScanPrepare || name == callBatchConsume {
			name = ""
		}
		return Meituan, name
	}
	// The list of deals is the only call of the first generation outside /router.
	if p == "/tuangou/deal/queryshopdeal" {
		return Dianping, callQueryShopDeal
	}
	if rest, ok := strings.CutPrefix(p, "/router/tuangou/"); ok {
		if strings.HasPrefix(rest, "receipt/") && callPaths[rest] != "" {
			return Dianping, callPaths[rest]
		}
		return Dianping, ""
	}
	return "", ""
}

// readCall reads a request whole, so that the server notices when the client
// leaves while the answer is being held back.
func (p *Platform) readCall(w http.ResponseWriter, r *http.Request) fakeserver.Call {
	c := &call{p: p, method: r.Method}
	c.dialect, c.name = routeOf(r.URL.Path)
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	c.form = media == "application/x-www-form-urlencoded" && (charset == "" || strings.EqualFold(charset, "utf-8"))

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, fakeserver.MaxBody))
	text := string(body)
	switch {
	case err != nil:
		c.trouble, text = "请求体无法读取", ""
	case r.Method == http.MethodGet:
		text = r.URL.RawQuery
	case c.name == callAuthorize:
		form, _ := url.ParseQuery(text)
		c.picked, text = form["shop"], r.URL.RawQuery
	case !c.form:
		text = ""
	case r.URL.RawQuery != "":
		c.trouble = "POST请求的参数应在请求体中"
	}
	c.readFields(text)
	if c.dialect == Dianping && c.name == callToken && c.fields["grant_type"] == "refresh_token" {
		c.name = callRefresh
	}
	if c.dialect == Meituan {
		c.biz.parse(c.fields["biz"])
	}
	return c
}

func (c *call) readFields(text string) {
	c.fields = map[string]string{}
	values, err := url.ParseQuery(text)
	if err != nil && c.trouble == "" {
		c.trouble = "参数编码错误"
	}
	for name, given := range values {
		c.fields[name] = given[0]
		if len(given) > 1 && c.trouble == "" {
			c.trouble = "参数重复 " + name
		}
	}
}
