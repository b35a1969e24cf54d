package dianpingtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gen2Answer is the second generation's envelope.
type gen2Answer struct {
	Code    any    `json:"code"` // OP_… as text; a business code by knob
	Msg     string `json:"msg"`
	TraceID string `json:"traceId"` // text: the number is too large for a double
	Data    any    `json:"data,omitempty"`
}

// gen2Detail is data of a gateway or business failure.
type gen2Detail struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

var gatewayTexts = map[string]string{
	"OP_API_NOT_EXIST":                 "接口不存在",
	"OP_HTTP_UNSUPPORTED_METHOD_TYPE":  "不支持的HttpMethod",
	"OP_HTTP_UNSUPPORTED_CONTENT_TYPE": "不支持的ContentType",
	"OP_SYSTEM_PARAM_ERROR":            "缺少系统参数",
	"OP_API_GRANT_FAILED":              "没有Api权限",
	"OP_UNIAUTH_FAILED":                "鉴权失败",
	"OP_BIZ_ERROR":                     "业务错误",
	"OP_SYSTEM_ERROR":                  "网关错误",
	"OP_LIMITATION_REJECT":             "限流拒绝",
	"OP_TIMEOUT":                       "请求超时",
}

// Sub-codes of OP_UNIAUTH_FAILED.
const (
	subBadSign = 3
	subExpired = 4
	subUnknown = 5
	subNoGrant = 19
	subRevoked = 22
)

var subTexts = map[int]string{
	subBadSign: "签名错误",
	subExpired: "令牌已过期, 请使用 refresh_token 刷新",
	subUnknown: "非法令牌, 请重新授权",
	subNoGrant: "无接口权限",
	subRevoked: "授权已过期, 请商家重新授权",
}

// gateway is a failure told by the gateway; sub 0 stands for none.
func (p gen2) gateway(code string, sub int) gen2Answer {
	answer := gen2Answer{Code: code, Msg: gatewayTexts[code], TraceID: p.opts.Digits(19)}
	if sub != 0 {
		answer.Data = gen2Detail{sub, subTexts[sub]}
	}
	return answer
}

// refusal is a failure told by the business behind the gateway.
func (p gen2) refusal(r *refusal, rows any) gen2Answer {
	answer := gen2Answer{Msg: r.msg, TraceID: p.opts.Digits(19), Data: rows}
	switch p.knobs.Gen2Refusals {
	case RefusalCodeText:
		answer.Code = strconv.Itoa(r.code)
	case RefusalCodeNumber:
		answer.Code = r.code
	default:
		answer.Code, answer.Msg = "OP_BIZ_ERROR", gatewayTexts["OP_BIZ_ERROR"]
		answer.Data = struct {
			gen2Detail
			Result any `json:"result,omitempty"`
		}{gen2Detail{r.code, r.msg}, resultOf(rows)}
	}
	return answer
}

// gen2List is how the second generation wraps most lists.
type gen2List struct {
	Result any `json:"result"`
}

func resultOf(rows any) any {
	if list, ok := rows.(gen2List); ok {
		return list.Result
	}
	return nil
}

// gen2Request is a call that passed the gate.
type gen2Request struct {
	bizArgs
	session *Session
	shop    string
	now     time.Time
	partly  bool
}

// gen2 is the platform as its second generation of calls shows it. The caller holds the lock.
type gen2 struct{ *Platform }

// gen2Calls answer with data, with a refusal, or with both where a refusal
// carries data.
var gen2Calls = map[string]func(gen2, *gen2Request) (any, *refusal){
	callPrepare:         gen2.prepare,
	callConsume:         gen2.consume,
	callReverseConsume:  gen2.reverseConsume,
	callGetConsumed:     gen2.getConsumed,
	callQueryListByDate: gen2.queryListByDate,
	callQueryByMobile:   gen2.queryByMobile,
	callQueryShopDeal:   gen2.queryShopDeal,
	callShops:           gen2.pageQueryPoiList,
}

// answer answers a call of the second generation. The caller holds the lock.
func (p gen2) answer(c *call, partly bool, now time.Time) gen2Answer {
	sess, refused := p.gate(c, c.came)
	if refused != nil {
		return *refused
	}
	q := &gen2Request{c.biz, sess, sess.Shops[0], now, partly}
	data, r := gen2Calls[c.name](p, q)
	if r != nil {
		return p.refusal(r, data)
	}
	return gen2Answer{"OP_SUCCESS", "success", p.opts.Digits(19), data}
}

func (p gen2) prepare(q *gen2Request) (any, *refusal) {
	code := q.text("receiptCode")
	if r := q.malformed(); r != nil {
		return nil, r
	}
	v, count, r := p.Platform.prepare(code, q.shop, q.now)
	if r != nil {
		return nil, r
	}
	return p.prepared(v, count), nil
}

func (p gen2) consume(q *gen2Request) (any, *refusal) {
	a := consumeArgs{
		operator: q.operator(), dialect: Meituan, requestID: q.text("requestId"),
		code: q.text("receiptCode"), count: clampInt(q.mustNumber("count")), partly: q.partly,
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	row := p.Platform.consume(a, q.now)
	if len(row.consumed) == 0 {
		return nil, row.refused
	}
	return gen2List{p.consumed(row.consumed)}, row.refused
}

func (p gen2) reverseConsume(q *gen2Request) (any, *refusal) {
	op, code := q.operator(), q.text("receiptCode")
	dealID, err := strconv.ParseInt(q.text("dealId"), 10, 64)
	if err != nil {
		q.fail("参数格式错误", "dealId")
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	v, r := p.undo(code, dealID, op, Meituan, q.now)
	if r != nil {
		return nil, r
	}
	return gen2List{[]any{p.undone(v)}}, nil
}

func (p gen2) getConsumed(q *gen2Request) (any, *refusal) {
	code := q.text("receiptCode")
	if r := q.malformed(); r != nil {
		return nil, r
	}
	v, use, r := p.record(code, q.shop)
	if use == nil {
		return p.knobs.NoRecord.data(), r
	}
	return p.consumedInfo(v, *use), nil
}

func (p gen2) queryListByDate(q *gen2Request) (any, *refusal) {
	day := dayQuery{shop: q.shop, date: q.text("date"), typ: q.number("type", -1), bizType: q.number("bizType", -1)}
	offset, limit := q.number("offset", 0), q.number("limit", 20)
	if _, err := time.Parse(time.DateOnly, day.date); err != nil {
		q.fail("参数格式错误", "date")
	}
	if offset < 0 || limit < 1 || limit > 300 {
		q.fail("参数超出范围", "offset, limit")
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	all := p.Platform.day(day)
	return p.day(len(all), page(all, offset, limit)), nil
}

func (p gen2) queryByMobile(q *gen2Request) (any, *refusal) {
	mobile, platform := q.text("mobile"), q.number("platform", 1)
	group, deal := q.number("dealGroupId", 0), q.number("dealId", 0)
	offset, limit := q.number("offset", 0), q.number("limit", 30)
	if offset < 0 || limit < 1 || limit > 30 || platform < 1 || platform > 2 {
		q.fail("参数超出范围", "offset, limit, platform")
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	rows := []any{}
	for _, code := range page(p.codesOf(mobile, group, deal, q.shop, q.now), offset, limit) {
		rows = append(rows, map[string]string{"serialNumber": code})
	}
	return gen2List{rows}, nil
}

func (p gen2) queryShopDeal(q *gen2Request) (any, *refusal) {
	offset, limit := q.number("offset", 1), q.number("limit", 100)
	if r := q.malformed(); r != nil {
		return nil, r
	}
	rows := []any{}
	for _, d := range pageNumber(p.dealsAt(q.shop), offset, limit) {
		rows = append(rows, p.deal(d, q.now))
	}
	return gen2List{rows}, nil
}

// gate is what comes before the business: path, transport, common
// parameters, signature, time, token.
func (p gen2) gate(c *call, now time.Time) (*Session, *gen2Answer) {
	no := func(code string, sub int, detail ...string) (*Session, *gen2Answer) {
		answer := p.gateway(code, sub)
		if len(detail) > 0 {
			answer.Msg += "：" + strings.Join(detail, " ")
		}
		return nil, &answer
	}
	switch {
	case c.name == "":
		return no("OP_API_NOT_EXIST", 0)
	case c.method != http.MethodPost:
		return no("OP_HTTP_UNSUPPORTED_METHOD_TYPE", 0)
	case !c.form:
		return no("OP_HTTP_UNSUPPORTED_CONTENT_TYPE", 0)
	case c.trouble != "":
		return no("OP_SYSTEM_PARAM_ERROR", 0, c.trouble)
	}
	for _, name := range []string{"developerId", "businessId", "appAuthToken", "timestamp", "charset", "version", "biz", "sign"} {
		if c.fields[name] == "" {
			return no("OP_SYSTEM_PARAM_ERROR", 0, name)
		}
	}
	if !strings.EqualFold(c.fields["charset"], "utf-8") || c.fields["version"] != "2" {
		return no("OP_SYSTEM_PARAM_ERROR", 0, "charset应为UTF-8，version应为2")
	}
	if !sameText(c.fields["developerId"], p.opts.DeveloperID) ||
		!sameText(c.fields["sign"], signSHA1(p.opts.SignKey, c.fields)) {
		return no("OP_UNIAUTH_FAILED", subBadSign)
	}
	seconds, err := strconv.ParseInt(c.fields["timestamp"], 10, 64)
	if err != nil {
		return no("OP_SYSTEM_PARAM_ERROR", 0, "timestamp")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > clockTolerance || off < -clockTolerance {
		return no("OP_SYSTEM_PARAM_ERROR", 0, "timestamp超出允许范围")
	}
	business := businessVouchers
	if c.name == callShops {
		business = businessShopList
	}
	if c.fields["businessId"] != strconv.Itoa(business) {
		return no("OP_API_GRANT_FAILED", 0)
	}
	s := p.sessions[c.fields["appAuthToken"]]
	switch {
	case s == nil || s.Dialect != Meituan || s.BusinessID != business:
		return no("OP_UNIAUTH_FAILED", subUnknown)
	case s.Revoked:
		return no("OP_UNIAUTH_FAILED", subRevoked)
	case s.expired(now):
		return no("OP_UNIAUTH_FAILED", subExpired)
	}
	s.used()
	return s, nil
}

func (q *gen2Request) operator() operator {
	return operator{shop: q.shop, account: q.text("appShopAccount"), name: q.text("appShopAccountName")}
}
