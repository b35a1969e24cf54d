package douyintest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The rules for checking, consuming and undoing. All of this runs under the lock.

// prepared is what a verify_token stands for.
type prepared struct {
	token string
	order *order
	at    time.Time
	void  bool     // a later prepare of the order took its place
	asked string   // what was verified with it; a repeat must ask for the same
	rows  []useRow // its answer, once it had an effect
}

// useRow is the outcome for one code that a verify names.
type useRow struct {
	encrypted string
	v         *coupon
	use       *usage
	refused   *refusal
}

// unusable says why a voucher cannot be used at a shop now, or nil.
func (p *Platform) unusable(v *coupon, shop *Shop, now time.Time) *refusal {
	if !v.validAt(shop) {
		return refuse(codeWrongShop)
	}
	switch v.State {
	case Usable:
	case Consumed:
		if !p.knobs.Unguarded {
			return refuse(codeUsed)
		}
	case Held:
		return refuse(codeHeld)
	default:
		return refuse(codeVoid)
	}
	switch {
	case now.After(v.Expires):
		return refuse(codeVoid)
	case now.Before(v.ValidFrom):
		return refuseFor(codeBusiness, "券未到可用时间")
	case v.Refusal != 0:
		return refuse(v.Refusal)
	}
	return nil
}

// prepare lists the unused coupons of an order and gives a token to verify them.
func (p *Platform) prepare(c *call, now time.Time) (object, *refusal) {
	a := c.query("code", "encrypted_data", "poi_id")
	code, data, poi := a.optional("code"), a.optional("encrypted_data"), a.text("poi_id")
	if code != "" && data != "" {
		a.fail("参数只能有一个", "code, encrypted_data")
	}
	if code == "" && data == "" && a.malformed() == nil {
		return nil, refuse(codeNoCode)
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	shop, r := p.shopFor(poi)
	if r != nil {
		return nil, r
	}
	o, r := p.orderFor(code, data, shop, now)
	if r != nil {
		return nil, r
	}
	return p.listed(o, shop, now), nil
}

// orderFor finds the order that a code or the data of a QR code belongs to. A nil
// order is an empty list.
func (p *Platform) orderFor(code, data string, shop *Shop, now time.Time) (*order, *refusal) {
	if data != "" {
		l := p.objects[data]
		switch {
		case l == nil, l.dead && p.knobs.StaleQR == StaleQRUndecipherable:
			return nil, refuse(codeUndecipherable)
		case l.dead:
			return nil, refuse(codeDynamicExpired)
		}
		if p.knobs.WrongShop != WrongShopAtVerify && !slices.ContainsFunc(l.order.vouchers, func(v *coupon) bool { return v.validAt(shop) }) {
			return nil, refuse(codeWrongShop)
		}
		return l.order, nil
	}
	v := p.byCode[code]
	if v == nil || v.Code != code {
		if p.knobs.Unknown == UnknownEmpty {
			return nil, nil
		}
		return nil, refuse(codeNotFound)
	}
	o := p.orders[v.OrderID]
	r := p.unusable(v, shop, now)
	switch {
	case r == nil,
		r.code == codeWrongShop && p.knobs.WrongShop == WrongShopAtVerify,
		r.code == codeUsed && p.knobs.UsedCode == UsedCodeSiblings,
		v.State == Usable && now.Before(v.ValidFrom),
		v.State == Usable && now.After(v.Expires) && p.knobs.Expired != ExpiredHidden:
		return o, nil
	case r.code == codeUsed && p.knobs.UsedCode == UsedCodeEmpty:
		return nil, nil
	default:
		return nil, r
	}
}

// listed is the answer of prepare. A nil order has no coupons.
func (p *Platform) listed(o *order, shop *Shop, now time.Time) object {
	certificates := []any{}
	id := ""
	if o != nil {
		id = o.id
		for _, v := range o.vouchers {
			usable := v.State == Usable || v.State == Consumed && p.knobs.Unguarded
			if usable && v.Refusal == 0 && (!now.After(v.Expires) || p.knobs.Expired != ExpiredHidden) &&
				(v.validAt(shop) || p.knobs.WrongShop == WrongShopAtVerify) {
				certificates = append(certificates, p.certificate(v, p.encrypt(v), now))
			}
		}
	}
	data := object{"order_id": id, "verify_token": ""}
	if len(certificates) > 0 {
		data["verify_token"] = p.newToken(o, now)
	}
	p.addLists(data, "certificates", certificates)
	return data
}

func (p *Platform) newToken(o *order, now time.Time) string {
	if p.knobs.Prepares == PreparesLatest {
		for _, t := range p.prepared {
			t.void = t.void || t.order == o && t.rows == nil
		}
	}
	t := &prepared{token: p.hex(), order: o, at: now}
	p.prepared[t.token] = t
	return t.token
}

// encrypt gives an encrypted code of a coupon.
func (p *Platform) encrypt(v *coupon) string {
	if p.knobs.EncryptedCodes == EncryptedConstant && v.constant != "" {
		return v.constant
	}
	code := p.base64()
	v.constant, p.encrypted[code] = code, v
	return code
}

// verify consumes the coupons that it names, each once for every time that it
// does, and once for each verify_token.
func (p *Platform) verify(c *call, partly bool, now time.Time) (object, *refusal) {
	a := c.body("verify_token", "poi_id", "encrypted_codes", "order_id", "account_id")
	token, poi, orderID, account := a.text("verify_token"), a.text("poi_id"), a.optional("order_id"), a.optional("account_id")
	codes := a.list("encrypted_codes")
	if len(codes) == 0 && a.malformed() == nil {
		return nil, refuse(codeNoCode)
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	shop, r := p.shopFor(poi)
	if r != nil {
		return nil, r
	}
	if account != "" && account != shop.Account && account != shop.POIAccount {
		return nil, refuseFor(codeBadParameters, "account_id")
	}
	t, r := p.tokenFor(token, now)
	if r != nil {
		return nil, r
	}
	if orderID != "" && orderID != t.order.id {
		return nil, refuseFor(codeBadParameters, "order_id")
	}
	asked := shop.ID + " " + strings.Join(codes, ",")
	if t.rows != nil {
		return p.repeated(t, asked)
	}
	rows, r := p.judged(codes, t, shop, now)
	if r != nil {
		return nil, r
	}
	return p.consume(t, asked, rows, shop, partly, now)
}

// tokenFor finds what a verify_token stands for, if it serves.
func (p *Platform) tokenFor(token string, now time.Time) (*prepared, *refusal) {
	t := p.prepared[token]
	if t == nil || t.void {
		return nil, refuseFor(codeBadParameters, "verify_token")
	}
	if life := p.knobs.VerifyTokenLife; life > 0 && now.Sub(t.at) >= life {
		if p.knobs.DeadToken != DeadTokenForgotten {
			return nil, refuseFor(codeBadParameters, "verify_token已失效")
		}
		t.rows, t.asked = nil, ""
	}
	return t, nil
}

// repeated answers a verify whose token had an effect before.
func (p *Platform) repeated(t *prepared, asked string) (object, *refusal) {
	if asked != t.asked {
		return nil, refuseFor(codeBadParameters, "verify_token已用于其他请求")
	}
	rows := p.usedRows(t.rows)
	result := map[Choice]int64{Result1208: codeUsed, Bare1208: codeUsed, Result2: 2, Bare2: 2}[p.knobs.RepeatAnswer]
	switch p.knobs.RepeatAnswer {
	case RepeatRefused:
		return nil, refuse(codeUsed)
	case TokenRefused:
		return nil, refuseFor(codeBadParameters, "verify_token")
	}
	for i, row := range rows {
		row := row.(object)
		if result != 0 {
			row["result"], row["msg"] = result, codeTexts[codeUsed]
		}
		if k := p.knobs.RepeatAnswer; k == Bare1208 || k == Bare2 {
			rows[i] = object{"result": row["result"], "msg": row["msg"], "code": row["code"]}
		}
	}
	return object{"verify_results": rows}, nil
}

// judged finds the coupons that a verify names, and judges each.
func (p *Platform) judged(codes []string, t *prepared, shop *Shop, now time.Time) (rows []useRow, r *refusal) {
	count := map[*coupon]int{}
	for _, code := range codes {
		v := p.encrypted[code]
		switch {
		case v == nil:
			return nil, refuse(codeUndecipherable)
		case v.OrderID != t.order.id:
			return nil, refuseFor(codeBadParameters, "券码不属于同一订单")
		}
		count[v]++
		row := useRow{encrypted: code, v: v, refused: p.unusable(v, shop, now)}
		switch {
		case row.refused != nil:
		case v.Visits == 0 && count[v] > 1:
			return nil, refuseFor(codeBadParameters, "券码重复")
		case v.Visits > 0 && count[v] > v.left() && !p.knobs.Unguarded:
			row.refused = refuse(codeTooFewVisits)
		}
		rows = append(rows, row)
	}
	if p.knobs.Refusals == RefusalRows {
		for i := range rows { // a card is refused whole
			for _, other := range rows {
				if other.v == rows[i].v && other.refused != nil {
					rows[i].refused = other.refused
				}
			}
		}
		return rows, nil
	}
	for _, row := range rows {
		if row.refused != nil {
			return nil, row.refused
		}
	}
	return rows, nil
}

// consume takes what was judged, or has it held.
func (p *Platform) consume(t *prepared, asked string, rows []useRow, shop *Shop, partly bool, now time.Time) (object, *refusal) {
	if slices.ContainsFunc(rows, func(row useRow) bool { return row.refused == nil && row.v.Hold != nil }) {
		return p.hold(t, asked, rows, shop, now)
	}
	for i := range rows {
		switch {
		case rows[i].refused != nil:
		case partly && i > 0:
			rows[i].refused = refuse(codeBusy)
		default:
			p.take(t, &rows[i], shop.ID, now)
		}
	}
	if slices.ContainsFunc(rows, func(row useRow) bool { return row.use != nil }) {
		t.rows, t.asked = rows, asked
	}
	return object{"verify_results": p.usedRows(rows)}, nil
}

func (p *Platform) take(t *prepared, row *useRow, shop string, now time.Time) {
	row.use = p.applyConsume(row.v, Use{Time: now, Shop: shop, Type: typeInterface, Verifier: openPlatform, Token: t.token})
}

// holding is a verification that risk control holds.
type holding struct {
	t     *prepared
	asked string
	rows  []useRow
	shop  string
}

// hold is 1229: all that a verify names is neither consumed nor usable until
// that is decided.
func (p *Platform) hold(t *prepared, asked string, rows []useRow, shop *Shop, now time.Time) (object, *refusal) {
	h := &holding{t: t, asked: asked, shop: shop.ID}
	var how Hold
	for i, row := range rows {
		if row.refused != nil {
			continue
		}
		rows[i].refused = refuse(codeHeld)
		h.rows = append(h.rows, useRow{encrypted: row.encrypted, v: row.v})
		if row.v.Hold != nil {
			how, row.v.Hold = *row.v.Hold, nil
		}
		if row.v.holding == nil {
			row.v.State, row.v.holding = Held, h
			p.enter(row.v, Effect{Time: now, Kind: EffectHeld, Shop: shop.ID, VerifyToken: t.token})
		}
	}
	if how.For > 0 {
		p.core.Later(now.Add(how.For), func(at time.Time) { p.endHold(h, how.Verified, at) })
	}
	if p.knobs.Refusals == RefusalRows {
		return object{"verify_results": p.usedRows(rows)}, nil
	}
	return nil, refuse(codeHeld)
}

// EndHold decides on what risk control holds: verified, or usable again.
func (p *Platform) EndHold(code string, verified bool) error {
	return p.changeVoucher(code, func(v *coupon, now time.Time) error {
		if v.holding == nil {
			return failed("voucher %s is not held", code)
		}
		p.endHold(v.holding, verified, now)
		return nil
	})
}

func (p *Platform) endHold(h *holding, verified bool, now time.Time) {
	if h.rows[0].v.holding != h {
		return // decided by a test before its time
	}
	for _, row := range h.rows {
		if row.v.holding != nil {
			row.v.holding = nil
			row.v.count()
			if !verified {
				p.enter(row.v, Effect{Time: now, Kind: EffectReleased, Shop: h.shop, VerifyToken: h.t.token})
			}
		}
	}
	if !verified {
		return
	}
	use := Use{Time: now, Shop: h.shop, Type: typeInterface, Verifier: openPlatform, Token: h.t.token}
	switch p.knobs.HeldType {
	case HeldTypeUntold:
		use.Type, use.Verifier = 0, ""
	case HeldTypeNamed:
		use.Type = typeCustomer
	case HeldTypeUnnamed:
		use.Type, use.Verifier = typeCustomer, ""
	}
	for i, row := range h.rows {
		h.rows[i].use = p.applyConsume(row.v, use)
	}
	h.t.rows, h.t.asked = h.rows, h.asked
}

// cancellation is what a cancel_token stands for.
type cancellation struct {
	use *usage
	at  time.Time
}

// cancelUse undoes one verification.
func (p *Platform) cancelUse(c *call, now time.Time) (object, *refusal) {
	a := c.body("verify_id", "certificate_id", "cancel_token", "account_id")
	id, certificate, token, account := a.text("verify_id"), a.text("certificate_id"), a.optional("cancel_token"), a.optional("account_id")
	if r := a.malformed(); r != nil {
		return nil, r
	}
	if account != "" {
		if _, r := p.accountFor(account); r != nil {
			return nil, r
		}
	}
	i := slices.IndexFunc(p.uses, func(u *usage) bool { return u.VerifyID == id && u.v.CertificateID == certificate })
	if i < 0 {
		return nil, refuse(codeNotFound)
	}
	u := p.uses[i]
	if p.refused[u.v.Account] {
		return nil, refuse(codeNotAuthorized)
	}
	data := p.cancelData(u.v.OrderID, u.VerifyID)
	if done, ok := p.cancelled[token]; token != "" && ok && done.use == u && now.Sub(done.at) < time.Hour {
		return data, nil
	}
	if !u.stands() && p.knobs.RepeatUndo == RepeatUndoSuccess {
		return data, nil
	}
	if r := p.undoable(u, now); r != nil {
		return nil, r
	}
	p.applyUndo(u, openPlatform, now)
	p.cancelled[token] = cancellation{u, now}
	return data, nil
}

func (p *Platform) cancelData(orderID, verifyID string) object {
	data := object{}
	if p.knobs.CancelResults == CancelResultsTold {
		data["cancel_results"] = []any{object{"order_id": orderID, "verify_id": verifyID, "result_code": int64(0), "result_msg": "success"}}
	}
	return data
}

// undoable says why a verification cannot be taken back now, or nil.
func (p *Platform) undoable(u *usage, now time.Time) *refusal {
	window := min(cmp.Or(p.knobs.UndoEnds, p.opts.UndoWindow), p.opts.UndoWindow)
	switch {
	case !u.stands():
		return refuseFor(codeBusiness, "该核销已撤销")
	case u.v.State != Usable && u.v.State != Consumed:
		return refuseFor(codeBusiness, fmt.Sprintf("券状态为%d", p.status(u.v)))
	case now.Sub(u.Time) > window, u.v.closed:
		return &refusal{code: codeBusiness, sub: subUndoTooLate, msg: codeTexts[subUndoTooLate]}
	}
	return nil
}
