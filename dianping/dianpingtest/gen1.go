package dianpingtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// gen1Answer is the first generation's envelope.
type gen1Answer struct {
	Code any    `json:"code"` // a number
	Msg  string `json:"msg"`
	Data any    `json:"data,omitempty"`
}

// gen1Refusal is the answer to a call that is refused.
func gen1Refusal(r *refusal, data any) gen1Answer {
	if data == nil {
		data = null
	}
	return gen1Answer{r.code, r.msg, data}
}

// gen1Shop is the shop of a call, and by which of its ids it was named.
type gen1Shop struct {
	*Shop
	byAppShopID bool
}

// gen1Request is a call that passed the gate.
type gen1Request struct {
	formArgs
	shop   gen1Shop
	now    time.Time
	partly bool
}

// gen1 is the platform as its first generation of calls shows it. The caller holds the lock.
type gen1 struct{ *Platform }

// gen1Calls answer with data, with a refusal, or with both where a refusal
// carries data.
var gen1Calls = map[string]func(gen1, *gen1Request) (any, *refusal){
	callPrepare:         gen1.prepare,
	callScanPrepare:     gen1.scanPrepare,
	callConsume:         gen1.consume,
	callBatchConsume:    gen1.batchConsume,
	callReverseConsume:  gen1.reverseConsume,
	callGetConsumed:     gen1.getConsumed,
	callQueryListByDate: gen1.queryListByDate,
	callQueryByMobile:   gen1.queryByMobile,
	callQueryShopDeal:   gen1.queryShopDeal,
}

// answer answers a call of the first generation. The caller holds the lock.
func (p gen1) answer(c *call, partly bool, now time.Time) gen1Answer {
	sess, r := p.gate(c, c.came)
	if r != nil {
		return gen1Refusal(r, nil)
	}
	if c.name == callShops {
		data, r := p.scope(&formArgs{fields: c.fields}, sess)
		if r != nil {
			return gen1Refusal(r, nil)
		}
		return gen1Answer{200, "success", data}
	}
	shop, r := p.shop(c, sess)
	if r != nil {
		return gen1Refusal(r, nil)
	}
	q := &gen1Request{formArgs{fields: c.fields}, shop, now, partly}
	data, r := gen1Calls[c.name](p, q)
	if r != nil {
		return gen1Refusal(r, data)
	}
	return gen1Answer{200, "success", data}
}

func (p gen1) prepare(q *gen1Request) (any, *refusal) {
	code := q.text("receipt_code")
	if r := q.malformed(); r != nil {
		return nil, r
	}
	v, count, r := p.Platform.prepare(code, q.shop.ID, q.now)
	if v == nil {
		return nil, r
	}
	return p.prepared(v, count), r
}

func (p gen1) scanPrepare(q *gen1Request) (any, *refusal) {
	qr := q.text("qr_code")
	if r := q.malformed(); r != nil {
		return nil, r
	}
	found, r := p.scan(qr, q.shop.ID, q.now)
	if r != nil {
		return nil, r
	}
	rows := []any{}
	for _, v := range found {
		rows = append(rows, p.scanned(v, len(p.takable(v, q.shop.ID, q.now))))
	}
	return rows, nil
}

func (p gen1) consume(q *gen1Request) (any, *refusal) {
	a := consumeArgs{
		operator: q.operator(), dialect: Dianping, requestID: q.text("requestid"),
		code: q.text("receipt_code"), count: clampInt(q.mustNumber("count")), partly: q.partly,
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	row := p.Platform.consume(a, q.now)
	if len(row.consumed) == 0 {
		return nil, row.refused
	}
	return p.consumed(row.consumed, q.shop), row.refused
}

func (p gen1) batchConsume(q *gen1Request) (any, *refusal) {
	op, id := q.operator(), q.text("requestid")
	infos, err := batchItems(q.text("receipt_code_infos"))
	if err != nil {
		q.fail("参数格式错误", "receipt_code_infos")
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	var items []consumeArgs
	for _, i := range infos {
		items = append(items, consumeArgs{operator: op, dialect: Dianping, requestID: id, code: i.code, count: i.count})
	}
	outcomes, r := p.Platform.batchConsume(items, q.now)
	if r != nil {
		return nil, r
	}
	rows := []any{}
	for _, o := range outcomes {
		rows = append(rows, p.batchRow(o, q.shop))
	}
	return rows, nil
}

func (p gen1) reverseConsume(q *gen1Request) (any, *refusal) {
	op, code, dealID := q.operator(), q.text("receipt_code"), q.mustNumber("app_deal_id")
	if r := q.malformed(); r != nil {
		return nil, r
	}
	v, r := p.undo(code, dealID, op, Dianping, q.now)
	if r != nil {
		return nil, r
	}
	return []any{p.undone(v, q.shop)}, nil
}

func (p gen1) getConsumed(q *gen1Request) (any, *refusal) {
	code := q.text("receipt_code")
	if r := q.malformed(); r != nil {
		return nil, r
	}
	v, use, r := p.record(code, q.shop.ID)
	if use == nil {
		return p.knobs.NoRecord.data(), r
	}
	return p.consumedInfo(v, *use, q.shop), nil
}

func (p gen1) queryListByDate(q *gen1Request) (any, *refusal) {
	day := dayQuery{shop: q.shop.ID, date: q.text("date"), typ: q.number("type", -1), bizType: q.number("biz_type", -1)}
	offset, limit := q.number("offset", 0), q.number("limit", 10)
	if _, err := time.Parse(time.DateOnly, day.date); err != nil {
		q.fail("参数格式错误", "date")
	}
	if offset < 0 || limit < 1 {
		q.fail("参数超出范围", "offset, limit")
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	all := p.Platform.day(day)
	rows := page(all, offset, limit)
	if p.knobs.Gen1ListPaging == PagingPages {
		rows = pageNumber(all, offset, limit)
	}
	return p.day(len(all), rows), nil
}

func (p gen1) queryByMobile(q *gen1Request) (any, *refusal) {
	mobile := q.text("mobile")
	dealGroup, deal := q.number("deal_group_id", 0), q.number("deal_id", 0)
	offset, limit := q.number("offset", 0), q.number("limit", 30)
	if r := q.malformed(); r != nil {
		return nil, r
	}
	rows := []any{}
	for _, code := range page(p.codesOf(mobile, dealGroup, deal, q.shop.ID, q.now), offset, limit) {
		rows = append(rows, map[string]string{"serial_number": code})
	}
	return rows, nil
}

func (p gen1) queryShopDeal(q *gen1Request) (any, *refusal) {
	offset, limit := q.number("offset", 1), q.number("limit", 100)
	if r := q.malformed(); r != nil {
		return nil, r
	}
	rows := []any{}
	for _, d := range pageNumber(p.dealsAt(q.shop.ID), offset, limit) {
		rows = append(rows, p.deal(d, q.now))
	}
	return rows, nil
}

// gate is what comes before the business: transport, common parameters,
// signature, time, session.
func (p gen1) gate(c *call, now time.Time) (*Session, *refusal) {
	read := c.name == callGetConsumed || c.name == callQueryListByDate ||
		c.name == callQueryByMobile || c.name == callQueryShopDeal || c.name == callShops
	if c.method != http.MethodPost && (c.method != http.MethodGet || !read) {
		return nil, refuse(codeBadMethod)
	}
	if c.method == http.MethodPost && !c.form {
		return nil, refuseFor(codeUnreadable, "Content-Type应为application/x-www-form-urlencoded")
	}
	if c.trouble != "" {
		return nil, refuseFor(codeUnreadable, c.trouble)
	}
	for _, name := range []string{"app_key", "timestamp", "session", "format", "v", "sign_method", "sign"} {
		if c.fields[name] == "" {
			return nil, refuseFor(codeUnreadable, "缺少参数 "+name)
		}
	}
	if c.fields["format"] != "json" || c.fields["v"] != "1" {
		return nil, refuseFor(codeUnreadable, "format应为json，v应为1")
	}
	if !sameText(c.fields["app_key"], p.opts.AppKey) {
		return nil, refuse(codeBadApp)
	}
	var want string
	switch c.fields["sign_method"] {
	case "MD5":
		want = signMD5(p.opts.AppSecret, c.fields)
	case "HMAC":
		want = signHMAC(p.opts.AppSecret, c.fields)
	default:
		return nil, refuseFor(codeUnreadable, "sign_method应为MD5")
	}
	if !sameText(c.fields["sign"], want) {
		return nil, refuse(codeBadSign)
	}
	sent, err := time.ParseInLocation(time.DateTime, c.fields["timestamp"], beijing)
	if err != nil {
		return nil, refuseFor(codeBadTime, "格式应为yyyy-MM-dd HH:mm:ss")
	}
	if off := now.Sub(sent); off > clockTolerance || off < -clockTolerance {
		return nil, refuse(codeBadTime)
	}
	s := p.sessions[c.fields["session"]]
	if s == nil || s.Dialect != Dianping || s.Revoked || s.expired(now) {
		return nil, refuse(codeSessionExpired)
	}
	s.used()
	return s, nil
}

func (s *Session) expired(now time.Time) bool { return !s.Expires.IsZero() && !now.Before(s.Expires) }

// shop finds the shop that a call names, by exactly one of two parameters.
func (p gen1) shop(c *call, sess *Session) (gen1Shop, *refusal) {
	uuid, old := c.fields["open_shop_uuid"], c.fields["app_shop_id"]
	switch {
	case uuid == "" && old == "":
		return gen1Shop{}, refuse(codeNoShop)
	case uuid != "" && old != "":
		return gen1Shop{}, refuseFor(codeUnreadable, "open_shop_uuid与app_shop_id只能传一个")
	}
	for _, s := range p.shops {
		if (uuid != "" && s.ID == uuid || old != "" && s.AppShopID == old) && slices.Contains(sess.Shops, s.ID) {
			return gen1Shop{s, old != ""}, nil
		}
	}
	return gen1Shop{}, refuse(codeShopNotGranted)
}

func (q *gen1Request) operator() operator {
	return operator{shop: q.shop.ID, account: q.text("app_shop_account"), name: q.text("app_shop_accountname")}
}

// batchItem is one of receipt_code_infos.
type batchItem struct {
	code  string
	count int
}

// batchItems reads receipt_code_infos: a JSON array as text. The official SDK
// sends the count as text; a number is taken too.
func batchItems(text string) ([]batchItem, error) {
	var infos []struct {
		Code  string `json:"receipt_code"`
		Count any    `json:"count"`
	}
	if err := json.Unmarshal([]byte(text), &infos); err != nil {
		return nil, fmt.Errorf("receipt_code_infos: %w", err)
	}
	if len(infos) == 0 {
		return nil, fmt.Errorf("receipt_code_infos: empty")
	}
	items := make([]batchItem, len(infos))
	for i, info := range infos {
		n, err := strconv.Atoi(fmt.Sprint(info.Count))
		if err != nil || info.Code == "" {
			return nil, fmt.Errorf("receipt_code_infos: entry %d", i)
		}
		items[i] = batchItem{info.Code, n}
	}
	return items, nil
}

// clampInt brings a number into int's safe range; what is cut is out of every
// documented range.
func clampInt(n int64) int { return int(min(max(n, -1<<30), 1<<30)) }
