package dianping

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// beijing is the platform's wall clock. A fixed zone: China has no summer time,
// and the machine may have no zone data.
var beijing = time.FixedZone("CST", 8*60*60)

// dianpingDialect writes requests of the first generation.
type dianpingDialect struct{ appKey, appSecret string }

func (d dianpingDialect) platform() string  { return Dianping }
func (d dianpingDialect) secret() string    { return d.appSecret }
func (d dianpingDialect) offers(Call) bool  { return true }
func (d dianpingDialect) needsShopID() bool { return true }

// dianpingCalls gives method and path, with the number of the (withdrawn) page
// open.dianping.com/document/v2?docId=….
var dianpingCalls = map[Call]struct{ method, path string }{
	CallPrepare:         {http.MethodPost, "/router/tuangou/receipt/prepare"},        // 6000176
	CallScanPrepare:     {http.MethodPost, "/router/tuangou/receipt/scanprepare"},    // 6000181
	CallConsume:         {http.MethodPost, "/router/tuangou/receipt/consume"},        // 6000177
	CallBatchConsume:    {http.MethodPost, "/router/tuangou/receipt/batchconsume"},   // 6000521
	CallReverseConsume:  {http.MethodPost, "/router/tuangou/receipt/reverseconsume"}, // 6000180
	CallGetConsumed:     {http.MethodGet, "/router/tuangou/receipt/getconsumed"},     // 6000178
	CallQueryListByDate: {http.MethodGet, "/router/tuangou/receipt/querylistbydate"}, // 6000179
	CallQueryByMobile:   {http.MethodGet, "/router/tuangou/receipt/querybymobile"},   // 6000682
	CallQueryShopDeal:   {http.MethodGet, "/tuangou/deal/queryshopdeal"},             // 6000182; no /router
	CallToken:           {http.MethodPost, "/router/oauth/token"},                    // 6000341
	CallRefresh:         {http.MethodPost, "/router/oauth/token"},                    // 6000342
	CallShops:           {http.MethodGet, "/router/oauth/session/scope"},             // 6000344
}

func (d dianpingDialect) wire(r request, now time.Time) wire {
	if r.call.grants() {
		return d.tokenWire(r)
	}
	fields := map[string]string{
		"app_key":        d.appKey,
		"timestamp":      now.In(beijing).Format("2006-01-02 15:04:05"),
		"session":        r.shop.Session,
		"format":         "json",
		"v":              "1",
		"sign_method":    "MD5",
		"open_shop_uuid": r.shop.ID,
	}
	operator := func() {
		fields["app_shop_account"] = r.operator.Account
		fields["app_shop_accountname"] = r.operator.Name
	}
	page := func() {
		fields["offset"] = strconv.Itoa(r.offset)
		fields["limit"] = strconv.Itoa(r.limit)
	}
	switch r.call {
	case CallPrepare, CallGetConsumed:
		fields["receipt_code"] = r.code
	case CallScanPrepare:
		fields["qr_code"] = r.qr
	case CallConsume:
		fields["requestid"] = r.requestID
		fields["receipt_code"] = r.code
		fields["count"] = strconv.Itoa(r.count)
		operator()
	case CallBatchConsume:
		fields["requestid"] = r.requestID
		fields["receipt_code_infos"] = receiptCodeInfos(r.items)
		operator()
	case CallReverseConsume:
		fields["app_deal_id"] = strconv.FormatInt(r.dealID, 10)
		fields["receipt_code"] = r.code
		operator()
	case CallQueryListByDate:
		fields["date"] = r.list.Date.In(beijing).Format("2006-01-02")
		// The two came later and default to 0; a gateway older than they are
		// should not see them without need.
		if r.list.Type != 0 || r.list.BizType != 0 {
			fields["type"] = strconv.Itoa(r.list.Type)
			fields["biz_type"] = strconv.Itoa(r.list.BizType)
		}
		page()
	case CallQueryByMobile:
		fields["mobile"] = r.mobile.Mobile
		fields["deal_group_id"] = strconv.FormatInt(r.mobile.DealGroupID, 10)
		fields["deal_id"] = strconv.FormatInt(r.mobile.DealID, 10)
		fields["platform"] = strconv.Itoa(r.mobile.Platform)
		page()
	case CallQueryShopDeal:
		page()
	case CallShops:
		fields["bid"] = r.grant.CustomerID
		page()
	}
	tidy(fields)
	fields["sign"] = SignMD5(d.appSecret, fields)
	to := dianpingCalls[r.call]
	return wire{method: to.method, path: to.path, fields: fields}
}

// receiptCodeInfos is the JSON text of a batch; count is text in the official SDK.
func receiptCodeInfos(items []BatchItem) string {
	type info struct {
		Code  string `json:"receipt_code"`
		Count string `json:"count"`
	}
	infos := make([]info, len(items))
	for i, item := range items {
		infos[i] = info{item.Code, strconv.Itoa(item.Count)}
	}
	return jsonText(infos)
}

// tidy trims the values and drops empty ones, so that what is sent is what the
// platform's rule says is signed.
func tidy(fields map[string]string) {
	for name, value := range fields {
		if value = strings.TrimSpace(value); value == "" {
			delete(fields, name)
		} else {
			fields[name] = value
		}
	}
}
