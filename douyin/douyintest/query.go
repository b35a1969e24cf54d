package douyintest

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// What can be asked without an effect, and how the wire tells it. All of this runs
// under the lock.

// addLists puts a list into an answer under its name, its name with _v2, or both.
func (p *Platform) addLists(data object, name string, list []any) {
	first, second := list, list
	switch p.knobs.Lists {
	case ListsFirst:
		data[name] = list
		return
	case ListsV2:
		first = []any{}
	}
	data[name], data[name+"_v2"] = first, second
}

// status is that of a certificate.
func (p *Platform) status(v *coupon) int64 {
	switch {
	case v.State == Held:
		return map[Choice]int64{StatusUnused: 1, StatusInitial: 0, StatusUsed: 2}[cmp.Or(p.knobs.HeldStatus, StatusUnused)]
	case v.State == Usable && v.Visits > 0 && len(v.standing()) > 0 && p.knobs.CardStatus == StatusUsed:
		return 2
	}
	return int64(statusOf[v.State])
}

// certificate is a coupon as prepare, get and query tell it. Its plain code is told
// once it is used and can no longer be undone.
func (p *Platform) certificate(v *coupon, encrypted string, now time.Time) object {
	c := object{
		"encrypted_code": encrypted, "certificate_id": v.CertificateID, "status": p.status(v), "used_status_type": int64(0),
		"start_time": seconds(v.ValidFrom), "expire_time": v.Expires.Unix(), "sku": sku(v), "amount": amount(v.Price, v.MarketPrice, v.Pay),
		"not_available_time_info": object{"can_no_use_week_day": []any{}, "can_no_use_date": []any{}, "fulfil_enable": true},
	}
	standing := v.standing()
	if v.Visits > 0 {
		serials := []any{}
		for n := 1; n <= v.Visits; n++ {
			serials = append(serials, serial(v, n))
		}
		c["time_card"] = object{"times_count": int64(v.Visits), "times_used": int64(len(standing)), "serial_amount_list": serials}
	}
	told := standing
	if p.knobs.UndoneVerify == UndoneVerifyKept {
		told = v.uses
	}
	records := []any{}
	for _, u := range told {
		records = append(records, p.verification(u, now))
	}
	c["verify_records"] = records
	switch n := len(records); {
	case n > 0:
		c["verify"] = records[n-1]
	case p.knobs.NoVerify == NoVerifyNull:
		c["verify"] = nil
	case p.knobs.NoVerify == NoVerifyZero:
		c["verify"] = object{
			"verify_id": "", "certificate_id": "", "verify_time": int64(0), "can_cancel": false, "verify_type": int64(0), "verifier_unique_id": "", "poi_id": "",
		}
	}
	if n := len(standing); v.State == Consumed && !p.canCancel(standing[n-1], now) {
		c["code"] = v.Code
	}
	return c
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func sku(v *coupon) object {
	return object{
		"sku_id": v.SKUID, "product_id": v.ProductID, "title": v.Title, "groupon_type": int64(v.GroupType), "market_price": v.MarketPrice,
		"sold_start_time": int64(1700000000), "third_sku_id": "", "account_id": v.Account,
	}
}

func amount(price, market, pay int64) object {
	return object{
		"original_amount": price, "list_market_amount": market, "pay_amount": pay, "coupon_pay_amount": pay, "payment_discount_amount": int64(0),
		"platform_discount_amount": price - pay, "merchant_ticket_amount": int64(0), "brand_ticket_amount": int64(0),
		"origin_list_market_amount": market, "original_currency": "CNY",
	}
}

// serial is one use of a times card. What does not divide is in the last.
func serial(v *coupon, n int) object {
	share := func(whole int64) int64 {
		each := whole / int64(v.Visits)
		if n == v.Visits {
			return whole - each*int64(v.Visits-1)
		}
		return each
	}
	return object{"serial_numb": int64(n), "amount": amount(share(v.Price), share(v.MarketPrice), share(v.Pay))}
}

func (p *Platform) canCancel(u *usage, now time.Time) bool {
	if p.knobs.CanCancel == CanCancelHour {
		return u.stands() && now.Sub(u.Time) <= p.opts.UndoWindow
	}
	return p.undoable(u, now) == nil
}

func (p *Platform) verification(u *usage, now time.Time) object {
	told := object{
		"verify_id": u.VerifyID, "certificate_id": u.v.CertificateID, "verify_time": u.Time.Unix(), "can_cancel": p.canCancel(u, now),
		"verify_type": int64(u.Type), "verifier_unique_id": u.Verifier, "poi_id": u.Shop,
	}
	if u.Serial > 0 {
		told["times_card_serial_num"] = int64(u.Serial)
	}
	return told
}

// usedRows are verify_results.
func (p *Platform) usedRows(rows []useRow) []any {
	all := []any{}
	for i, row := range rows {
		if row.refused != nil {
			all = append(all, object{"result": int64(row.refused.code), "msg": row.refused.msg, "code": row.encrypted})
			continue
		}
		later := slices.ContainsFunc(rows[i+1:], func(o useRow) bool { return o.v == row.v && o.refused == nil })
		if p.knobs.VisitRows == RowPerCode && later {
			continue
		}
		all = append(all, p.usedRow(row))
	}
	return all
}

func (p *Platform) usedRow(row useRow) object {
	v := row.v
	told := object{
		"result": int64(0), "msg": "验券成功", "code": row.encrypted, "verify_id": row.use.VerifyID, "certificate_id": v.CertificateID,
		"order_id": v.OrderID, "origin_code": v.Code, "account_id": v.Account, "product_id": v.ProductID,
	}
	if o := p.orders[v.OrderID]; o != nil && p.knobs.OriginCode == OriginCodeOrder {
		told["origin_code"] = o.vouchers[0].Code
	}
	if row.use.Serial > 0 {
		told["verify_amount_info"] = amountInfo(row.use)
	}
	return told
}

func amountInfo(u *usage) object {
	one := serial(u.v, u.Serial)
	return object{"time_card_amount": object{"amount": one["amount"]}, "times_card_serial_amount": one}
}

// get tells of one coupon.
func (p *Platform) get(c *call, now time.Time) (object, *refusal) {
	a := c.query("encrypted_code")
	code := a.text("encrypted_code")
	v, r := p.decrypted(code, a)
	if r != nil {
		return nil, r
	}
	return object{"certificate": p.certificate(v, code, now)}, nil
}

func (p *Platform) decrypted(code string, a *args) (*coupon, *refusal) {
	if r := a.malformed(); r != nil {
		return nil, r
	}
	v := p.encrypted[code]
	if v == nil {
		return nil, refuse(codeUndecipherable)
	}
	if p.refused[v.Account] {
		return nil, refuse(codeNotAuthorized)
	}
	return v, nil
}

// query tells of all coupons of an order.
func (p *Platform) query(c *call, now time.Time) (object, *refusal) {
	a := c.query("encrypted_code", "order_id")
	code, id := a.optional("encrypted_code"), a.optional("order_id")
	if code != "" && id != "" {
		a.fail("参数只能有一个", "encrypted_code, order_id")
	}
	if code == "" && id == "" && a.malformed() == nil {
		return nil, refuse(codeNoQuery)
	}
	if code != "" {
		v, r := p.decrypted(code, a)
		if r != nil {
			return nil, r
		}
		id = v.OrderID
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	certificates := []any{}
	o := p.orders[id]
	switch {
	case o == nil && p.knobs.Unknown != UnknownEmpty:
		return nil, refuse(codeNoOrder)
	case o != nil && p.refused[o.vouchers[0].Account]:
		return nil, refuse(codeNotAuthorized)
	case o != nil:
		for _, v := range o.vouchers {
			certificates = append(certificates, p.certificate(v, p.encrypt(v), now))
		}
	}
	return object{"certificates": certificates}, nil
}

// verifyRecords is the history of a merchant or of some of its shops.
func (p *Platform) verifyRecords(c *call, now time.Time) (object, *refusal) {
	a := c.query("account_id", "cursor", "size", "start_time", "end_time", "poi_ids")
	y, m, d := now.In(beijing).Date()
	const latest = 1_000_000_000_000 // from here on it would be milliseconds
	account, cursor, size := a.text("account_id"), a.text("cursor"), a.number("size", 0, 1, 20)
	from, to := a.number("start_time", time.Date(y, m, d, 0, 0, 0, 0, beijing).Unix(), 0, latest), a.number("end_time", math.MaxInt64, 0, latest)
	pois := a.list("poi_ids")
	if size == 0 {
		a.fail("缺少参数", "size")
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	shops, r := p.accountFor(account)
	if r != nil {
		return nil, r
	}
	for _, poi := range pois {
		if !slices.ContainsFunc(shops, func(s *Shop) bool { return s.ID == poi }) {
			return nil, refuseFor(codeBadParameters, "poi_ids")
		}
	}
	found := slices.DeleteFunc(slices.Clone(p.uses), func(u *usage) bool {
		at := u.Time.Unix()
		return at < from || at > to || len(pois) > 0 && !slices.Contains(pois, u.Shop) ||
			!slices.ContainsFunc(shops, func(s *Shop) bool { return s.ID == u.Shop })
	})
	if p.knobs.RecordOrder != RecordsOldest {
		slices.Reverse(found)
	}
	total := int64(len(found))
	if cursor != "0" {
		i := slices.IndexFunc(found, func(u *usage) bool { return u.cursor == cursor })
		if i < 0 {
			return nil, refuse(codeUseCursor)
		}
		found = found[i+1:]
	}
	records := []any{}
	for _, u := range found[:min(int(size), len(found))] {
		records = append(records, p.record(u, now))
	}
	data := object{"total": total}
	p.addLists(data, "records", records)
	return data, nil
}

func (p *Platform) record(u *usage, now time.Time) object {
	v := u.v
	told := object{
		"cursor": u.cursor, "verify_id": u.VerifyID, "certificate_id": v.CertificateID, "verify_time": u.Time.Unix(), "verify_type": int64(u.Type),
		"can_cancel": p.canCancel(u, now), "status": 1 + b2i(!u.stands()), "cancel_time": seconds(u.Undone), "certificate_status": p.status(v),
		"amount": amount(v.Price, v.MarketPrice, v.Pay), "sku": sku(v),
	}
	if u.Serial > 0 {
		told["verify_amount_info"] = amountInfo(u)
	}
	if !p.canCancel(u, now) && u.stands() {
		told["code"] = v.Code
	}
	return told
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// settlements tells what the merchant gets for coupons, from an hour after use.
func (p *Platform) settlements(c *call, now time.Time) (object, *refusal) {
	a := c.query("certificate_ids")
	ids := a.list("certificate_ids")
	if len(ids) == 0 || len(ids) > 50 {
		a.fail("数量应为1～50", "certificate_ids")
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	records := []any{}
	for _, u := range p.uses {
		v := u.v
		if !slices.Contains(ids, v.CertificateID) || !u.stands() || now.Sub(u.Time) < time.Hour || p.refused[v.Account] {
			continue
		}
		price, pay := v.Price, v.Pay
		if u.Serial > 0 {
			one := serial(v, u.Serial)["amount"].(object)
			price, pay = one["original_amount"].(int64), one["pay_amount"].(int64)
		}
		fee := price * 3 / 100
		records = append(records, object{
			"cursor": u.cursor, "ledger_id": "l" + u.cursor, "certificate_id": v.CertificateID, "order_id": v.OrderID, "verify_id": u.VerifyID, "verify_time": u.Time.Unix(),
			"code": v.Code, "status": int64(1), "sku": sku(v),
			"amount":      object{"original": price, "pay": pay, "pay_discount": int64(0), "merchant_ticket": int64(0)},
			"fund_amount": object{"goods": price - fee, "total_merchant_platform_service": fee, "talent_commission": int64(0), "total_agent_merchant": int64(0)},
		})
	}
	return object{"records": records}, nil
}

// pois lists shops.
func (p *Platform) pois(c *call) (object, *refusal) {
	a := c.query("account_id", "poi_id", "page", "size", "relation_type")
	account, poi := a.optional("account_id"), a.optional("poi_id")
	page, size := a.number("page", 1, 1, math.MaxInt32), a.number("size", 20, 1, 50)
	a.number("relation_type", 0, 0, 0)
	if account == "" && poi == "" {
		a.fail("缺少参数", "account_id")
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	shops := p.shops
	if account != "" {
		var r *refusal
		if shops, r = p.accountFor(account); r != nil {
			return nil, r
		}
	}
	if poi != "" {
		shop, r := p.shopFor(poi)
		if r != nil {
			return nil, r
		}
		shops = slices.DeleteFunc(slices.Clone(shops), func(s *Shop) bool { return s != shop })
	}
	n := int64(len(shops))
	from := min((page-1)*size, n)
	list := []any{}
	for _, s := range shops[from:min(from+size, n)] {
		list = append(list, object{
			"poi":          object{"poi_id": s.ID, "poi_name": s.Name, "address": s.Address, "latitude": s.Latitude, "longitude": s.Longitude},
			"root_account": object{"account_id": s.Account, "account_name": "商户" + s.Account},
			"account": object{
				"parent_account": object{"account_id": s.Account, "account_name": "商户" + s.Account},
				"poi_account":    object{"account_id": s.POIAccount, "account_name": s.Name},
			},
		})
	}
	return object{"total": n, "pois": list}, nil
}
