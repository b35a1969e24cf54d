package dianping

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// meituanDialect writes requests of the second generation. Its pages are
// https://developer.meituan.com/docs/api/ and the path with dashes, e.g.
// ddzh-tuangou-receipt-prepare.
type meituanDialect struct {
	developerID, signKey string
	businessID           int
}

func (d meituanDialect) platform() string  { return Meituan }
func (d meituanDialect) secret() string    { return d.signKey }
func (d meituanDialect) needsShopID() bool { return false } // the token names the shop

// offers: there is no scanprepare, and the shape of batchconsume is not public.
func (d meituanDialect) offers(c Call) bool { return c != CallScanPrepare && c != CallBatchConsume }

func (d meituanDialect) wire(r request, now time.Time) wire {
	if r.call.grants() {
		return d.tokenWire(r, now)
	}
	fields := d.unsigned(r.grant.Purpose, now)
	fields["appAuthToken"] = r.shop.Session
	fields["version"] = "2"
	fields["biz"] = jsonText(meituanBiz(r)) // once: these bytes are signed and sent
	tidy(fields)
	fields["sign"] = SignSHA1(d.signKey, fields)
	path := "/ddzh/tuangou/receipt/" + string(r.call)
	switch r.call {
	case CallQueryShopDeal:
		path = "/ddzh/tuangou/deal/queryshopdeal"
	case CallShops:
		path = "/ddzhkh/auth/token/pageQueryPoiList"
	}
	return wire{method: http.MethodPost, path: path, fields: fields}
}

// meituanBiz returns the business parameters of a call.
func meituanBiz(r request) any {
	switch r.call {
	case CallConsume:
		return struct {
			ReceiptCode string `json:"receiptCode"`
			Count       int    `json:"count"`
			RequestID   string `json:"requestId"`
			Account     string `json:"appShopAccount"`
			Name        string `json:"appShopAccountName"`
		}{r.code, r.count, r.requestID, r.operator.Account, r.operator.Name}
	case CallReverseConsume:
		return struct {
			ReceiptCode string `json:"receiptCode"`
			DealID      string `json:"dealId"` // text, unlike everywhere else
			Account     string `json:"appShopAccount"`
			Name        string `json:"appShopAccountName"`
		}{r.code, strconv.FormatInt(r.dealID, 10), r.operator.Account, r.operator.Name}
	case CallQueryListByDate:
		return struct {
			Date    string `json:"date"`
			Offset  int    `json:"offset"`
			Limit   int    `json:"limit"`
			Type    int    `json:"type"` // sent even as 0: left out, the platform answers otherwise
			BizType int    `json:"bizType"`
		}{r.list.Date.In(beijing).Format("2006-01-02"), r.offset, r.limit, r.list.Type, r.list.BizType}
	case CallQueryByMobile:
		return struct {
			Mobile      string `json:"mobile"`
			DealGroupID int64  `json:"dealGroupId"`
			DealID      int64  `json:"dealId"`
			Offset      int    `json:"offset"`
			Limit       int    `json:"limit"`
			Platform    int    `json:"platform"`
		}{r.mobile.Mobile, r.mobile.DealGroupID, r.mobile.DealID, r.offset, r.limit, r.mobile.Platform}
	case CallQueryShopDeal, CallShops:
		return struct {
			Offset int `json:"offset"`
			Limit  int `json:"limit"`
		}{r.offset, r.limit}
	default: // prepare, getconsumed
		return struct {
			ReceiptCode string `json:"receiptCode"`
		}{r.code}
	}
}

// jsonText writes v without escaping of <, > and &. v is one of this package's
// own structs of text and numbers, so it cannot fail.
func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return strings.TrimSpace(b.String())
}
