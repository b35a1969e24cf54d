package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanquan/dianping"
	"yanquan/douyin"
)

// DouyinName is the platform's in accounts.
const DouyinName = "douyin"

// Douyin is a shop of Douyin 来客. A code is what the customer reads out, or the short
// link in the QR code: both stand for an order, of which as many coupons are used as are
// asked for.
func Douyin(client *douyin.Client, shop douyin.Shop) Shop { return douyinShop{client, shop} }

type douyinShop struct {
	client *douyin.Client
	shop   douyin.Shop
}

// DouyinWindow is how long an undo is possible. The platform may end it early, and says
// so then.
const DouyinWindow = time.Hour

func (d douyinShop) UndoWindow() time.Duration { return DouyinWindow }

// douyinTicket is what a verify, its repeats and the questions after it need of a
// prepare.
type douyinTicket struct {
	Token   string        `json:"t"`
	OrderID string        `json:"o"`
	Coupons []preparation `json:"c"`
}

type preparation struct {
	ID   string   `json:"i"`
	Code string   `json:"e"` // encrypted
	Left int      `json:"n"` // uses
	Used []string `json:"u,omitempty"`
}

func readTicket(text string) (t douyinTicket) {
	if json.Unmarshal([]byte(text), &t) != nil {
		return douyinTicket{}
	}
	return t
}

// take gives the coupons of so many uses, each as often as it is used: always the same.
func (t douyinTicket) take(count int) (list []preparation) {
	for _, c := range t.Coupons {
		for range min(c.Left, max(count, 1)-len(list)) {
			list = append(list, c)
		}
	}
	return list
}

func (d douyinShop) Look(ctx context.Context, code string) Looked {
	prepared, call, err := d.prepare(ctx, code)
	e := douyinFailure(err)
	looked := Looked{Said: douyinSaid(call, e), Proves: douyinLook(e)}
	if e != nil {
		return looked
	}
	usable, reason := douyinUsable(prepared)
	if len(usable) == 0 {
		looked.Proves, looked.Reason, looked.Why, looked.Decided = Void, reason, reason, true
		return looked
	}
	looked.Voucher = prepare(code, prepared, usable)
	return looked
}

func (d douyinShop) prepare(ctx context.Context, code string) (douyin.Prepared, douyin.Call, error) {
	if !douyin.IsLink(code) {
		prepared, err := d.client.Prepare(ctx, d.shop, code)
		return prepared, douyin.CallPrepare, err
	}
	data, err := d.client.ResolveLink(ctx, code)
	if err != nil {
		return douyin.Prepared{}, douyin.CallLink, err
	}
	prepared, err := d.client.PrepareEncrypted(ctx, d.shop, data)
	return prepared, douyin.CallPrepare, err
}

// prepare is the voucher that a code stands for. An order is of one deal, and each of its
// coupons tells what it is of: where that differs, nothing says which the customer means.
func prepare(code string, p douyin.Prepared, usable []douyin.Certificate) Voucher {
	var products []Voucher
	for len(usable) > 0 {
		product, others := usable[0].SKU.ID, []douyin.Certificate(nil)
		var of []douyin.Certificate
		for _, c := range usable {
			if c.SKU.ID == product {
				of = append(of, c)
			} else {
				others = append(others, c)
			}
		}
		products, usable = append(products, prepareOne(code, p, of)), others
	}
	if len(products) == 1 {
		return products[0]
	}
	return Voucher{Code: code, OrderID: p.OrderID, OfOrder: true, Products: products, Title: titles(products)}
}

// titles are those of products, one after the other.
func titles(products []Voucher) string {
	var all []string
	for _, v := range products {
		if v.Title != "" && !slices.Contains(all, v.Title) {
			all = append(all, v.Title)
		}
	}
	return strings.Join(all, "；")
}

// prepareOne is the voucher of coupons of one product.
func prepareOne(code string, p douyin.Prepared, usable []douyin.Certificate) Voucher {
	first := usable[0]
	v := Voucher{
		Code: code, OrderID: p.OrderID, Title: first.SKU.Title, Expires: first.Expires, DealID: number(first.SKU.ID), Product: first.SKU.ID,
		Reusable: first.TimesCard != nil, OfOrder: true, MarketFen: int64(first.SKU.MarketPrice),
	}
	price, share, known := first.UsePrice(nextUse(first))
	v.PriceFen, v.PriceKnown, v.PriceShare = int64(price), known, share && known
	t := douyinTicket{Token: string(p.VerifyToken), OrderID: p.OrderID}
	for _, c := range usable {
		one := preparation{ID: c.ID, Code: string(c.EncryptedCode), Left: c.Left()}
		for _, use := range told(c) {
			one.Used = append(one.Used, use.ID)
		}
		t.Coupons = append(t.Coupons, one)
		v.Left += one.Left
	}
	data, err := json.Marshal(t)
	if err != nil {
		return v // plain numbers and text: cannot fail
	}
	v.Ticket = string(data)
	return v
}

// Remaining asks for the order: a prepare would begin a verify, and tells nothing of a code
// that has changed since.
func (d douyinShop) Remaining(ctx context.Context, c Coupon) Looked {
	list, told, err := d.order(ctx, c.OrderID, douyinTicket{})
	if !told {
		return Looked{}
	}
	e := douyinFailure(err)
	looked := Looked{Said: douyinSaid(douyin.CallQuery, e), Voucher: Voucher{Code: c.Code, OrderID: c.OrderID, DealID: c.DealID, OfOrder: true}}
	v := &looked.Voucher
	looked.Proves, v.Left, v.Reusable = douyinRemaining(e, list, c.DealID)
	if looked.Proves == Used || looked.Proves == Void { // of what was used; the order may have another product
		if proves, left, card := douyinRemaining(e, list, 0); proves == Usable {
			looked.Proves, v.Left, v.Reusable = proves, left, card
		}
	}
	return looked
}

// douyinUsable are the coupons of an order that can be used now, and why there are none:
// one may be listed that a verify would refuse for its dates, which are judged by the
// platform's own clock.
func douyinUsable(p douyin.Prepared) (usable []douyin.Certificate, reason string) {
	reason = NotFound
	for _, c := range p.Certificates {
		switch {
		case c.EncryptedCode == "" || c.Left() == 0:
		case !c.Expires.IsZero() && p.At.After(c.Expires):
			reason = string(douyin.Expired)
		case !p.At.IsZero() && p.At.Before(c.Starts):
			reason = string(dianping.NotYetValid)
		default:
			usable = append(usable, c)
		}
	}
	return usable, reason
}

func nextUse(c douyin.Certificate) int {
	if c.TimesCard == nil {
		return 0
	}
	return c.TimesCard.Used + 1
}

// number is an id as a number, 0 where it is none of 64 bits.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Scan takes the link in a QR code, which then stands for the voucher as its code does.
func (d douyinShop) Scan(ctx context.Context, qr string) Scanned {
	qr = strings.TrimSpace(qr)
	if !douyin.IsLink(qr) {
		return Scanned{Said: Said{Call: string(douyin.CallLink), Class: string(douyin.Refused), Reason: NotFound, Why: NotFound, Decided: true}}
	}
	looked := d.Look(ctx, qr)
	scanned := Scanned{Said: looked.Said}
	if looked.Voucher.Code != "" {
		scanned.Vouchers = []Voucher{looked.Voucher}
	}
	return scanned
}

func (d douyinShop) Consume(ctx context.Context, o Order, again bool) Consumption {
	t := readTicket(o.Ticket)
	list := t.take(o.Count)
	switch {
	case t.Token == "" && again:
		return Consumption{Said: Said{Why: Config}}
	case t.Token == "":
		return Consumption{Said: Said{Why: Config}, Proves: Refused}
	case len(list) < max(o.Count, 1):
		return Consumption{Said: Said{Why: TooMany}, Proves: Refused}
	}
	request := douyin.VerifyRequest{Token: douyin.Secret(t.Token), OrderID: t.OrderID, Again: again}
	for _, c := range list {
		request.Codes = append(request.Codes, douyin.Secret(c.Code))
	}
	rows, err := d.client.Verify(ctx, d.shop, request)
	e := douyinFailure(err)
	answer := Consumption{Said: douyinSaid(douyin.CallVerify, e), Proves: douyinConsume(e, rows, again), Doubtful: douyinEcho(e)}
	if answer.Proves == Consumed {
		answer.Coupons = verified(o, rows)
	}
	return answer
}

func verified(o Order, rows []douyin.Verified) (list []Coupon) {
	for _, r := range rows {
		c := Coupon{
			Code: cmp.Or(r.Code, stand(o.Code, r.CertificateID, rows[0].CertificateID)), OrderID: cmp.Or(r.OrderID, o.OrderID),
			Handle: handle(r.ID, r.CertificateID),
		}
		if price, known := r.Amount.Price(); known {
			c.PriceFen, c.PriceKnown = int64(price), true
		}
		list = append(list, c)
	}
	return list
}

// stand is what stands for a coupon whose code is not told: the one that was asked with,
// or for further ones their ids.
func stand(code, id, first string) string {
	if id == first {
		return code
	}
	return id
}

func handle(verifyID, certificateID string) string { return verifyID + "/" + certificateID }

// DouyinCertificate is the platform's id of a coupon, by the handle that its consume gave;
// "": it was not told.
func DouyinCertificate(handle string) string {
	_, certificate, _ := strings.Cut(handle, "/")
	return certificate
}

// DouyinCertificates are the platform's ids of the coupons of which a consume takes so
// many uses, by the ticket of its look.
func DouyinCertificates(ticket string, count int) (ids []string) {
	for _, c := range readTicket(ticket).take(count) {
		ids = append(ids, c.ID)
	}
	return ids
}

func (d douyinShop) Record(ctx context.Context, c Coupon) Recorded {
	t := readTicket(c.Ticket)
	use, certificate, _ := strings.Cut(c.Handle, "/")
	asked := []string{certificate}
	used := map[string]bool{}
	if c.Handle == "" {
		asked = nil
		for _, p := range t.take(c.Count) {
			asked = append(asked, p.ID)
			for _, id := range p.Used {
				used[id] = true
			}
		}
	}
	list, told, err := d.order(ctx, cmp.Or(c.OrderID, t.OrderID), t)
	if !told {
		return Recorded{Complete: true}
	}
	list, whole := of(list, asked)
	e := douyinFailure(err)
	proves, uses := douyinBooks(e, list, whole)
	uses = slices.DeleteFunc(uses, func(v douyin.Verification) bool { return used[v.ID] || use != "" && v.ID != use })
	if proves == Consumed && len(uses) == 0 {
		proves = NotConsumed
	}
	recorded := Recorded{Said: douyinSaid(douyin.CallQuery, e), Proves: proves, Complete: true}
	for _, one := range list {
		recorded.Left += one.Left()
		recorded.Why = cmp.Or(recorded.Why, gone[one.Status])
	}
	for _, v := range uses {
		recorded.Uses = append(recorded.Uses, d.useOf(c, list, v))
	}
	if n := len(recorded.Uses); n > 0 {
		recorded.Record = recorded.Uses[n-1]
	}
	return recorded
}

// gone is why an unused coupon cannot be used any more.
var gone = map[douyin.Status]string{
	douyin.RefundRequested: "refund_requested", douyin.Refunding: "refunding", douyin.Refunded: Refunded, douyin.RefundFailed: RefundFailed,
}

// order asks for an order by its id, or by one of its coupons; told says that there is
// something to ask by.
func (d douyinShop) order(ctx context.Context, id string, t douyinTicket) (list []douyin.Certificate, told bool, err error) {
	switch {
	case id != "":
		list, err = d.client.Order(ctx, d.shop, id)
	case len(t.Coupons) > 0:
		list, err = d.client.OrderOf(ctx, d.shop, douyin.Secret(t.Coupons[0].Code))
	default:
		return nil, false, nil
	}
	return list, true, err
}

// of gives the coupons that were asked about, or all, and whether none is missing.
func of(list []douyin.Certificate, asked []string) (found []douyin.Certificate, whole bool) {
	if len(asked) == 0 {
		return list, true
	}
	asked = slices.Compact(asked)
	for _, id := range asked {
		i := slices.IndexFunc(list, func(c douyin.Certificate) bool { return c.ID == id })
		if i >= 0 {
			found = append(found, list[i])
		}
	}
	return found, len(found) == len(asked)
}

// useOf is one use of the coupons that were asked about.
func (d douyinShop) useOf(c Coupon, list []douyin.Certificate, v douyin.Verification) Record {
	r := Record{At: v.At, Account: verifier(v), Foreign: elsewhere(v, d.shop.ID), Unnamed: unnamed(v, d.shop.ID)}
	for _, one := range list {
		if !slices.ContainsFunc(one.Records, func(o douyin.Verification) bool { return o.ID == v.ID }) && (one.Last == nil || one.Last.ID != v.ID) {
			continue
		}
		price, share, known := one.UsePrice(v.Serial)
		r.Code, r.Title, r.DealID = cmp.Or(one.Code, stand(c.Code, one.ID, list[0].ID)), one.SKU.Title, number(one.SKU.ID)
		r.PriceFen, r.PriceKnown, r.PriceShare, r.Reusable = int64(price), known, share && known, one.TimesCard != nil
		r.Handle = handle(v.ID, one.ID)
	}
	return r
}

func (d douyinShop) Reverse(ctx context.Context, c Coupon, _ Operator, again bool) Reversal {
	use, certificate, told := strings.Cut(c.Handle, "/")
	if !told {
		return Reversal{Said: Said{Why: NoHandle}, Proves: Refused}
	}
	e := douyinFailure(d.client.Cancel(ctx, d.shop, use, certificate))
	return Reversal{Said: douyinSaid(douyin.CallCancel, e), Proves: douyinReverse(e, again), Doubtful: douyinEcho(e)}
}

func (d douyinShop) History(ctx context.Context, on ...time.Time) Listed {
	listed, asked := Listed{Known: true, Said: douyinSaid(douyin.CallRecords, nil)}, map[string]bool{}
	for _, t := range on {
		day := t.In(beijing).Format(time.DateOnly)
		if t.IsZero() || asked[day] {
			continue
		}
		asked[day] = true
		of := d.Day(ctx, t)
		if !of.Known {
			return of
		}
		listed.Records = append(listed.Records, slices.DeleteFunc(of.Records, func(r Record) bool { return r.Undone })...)
	}
	return listed
}

func (d douyinShop) Day(ctx context.Context, day time.Time) Listed {
	y, m, n := day.In(beijing).Date()
	from := time.Date(y, m, n, 0, 0, 0, 0, beijing)
	rows, err := d.client.VerifyRecords(ctx, d.shop, douyin.RecordQuery{From: from, To: from.AddDate(0, 0, 1).Add(-time.Second)})
	e := douyinFailure(err)
	listed := Listed{Known: e == nil, Said: douyinSaid(douyin.CallRecords, e)}
	for _, r := range rows {
		listed.Records = append(listed.Records, d.recordOf(r))
	}
	return listed
}

func (d douyinShop) recordOf(r douyin.Record) Record {
	price, known := r.UsePrice()
	one := Record{
		Code: cmp.Or(r.Code, r.CertificateID), At: r.At, Account: verifier(r.Verification), Foreign: elsewhere(r.Verification, d.shop.ID),
		Title: r.SKU.Title, DealID: number(r.SKU.ID), PriceFen: int64(price), PriceKnown: known, Reusable: r.TimesCard(),
		Handle: handle(r.ID, r.CertificateID), Undone: r.Undone, Interface: r.Type == throughInterface,
	}
	if r.Type != 0 {
		one.Channel = strconv.Itoa(r.Type)
	}
	// The state of a 次卡 is that of what is left of it: it says nothing of a use.
	if !one.Reusable && r.CertificateStatus > douyin.Used {
		one.RefundStatus, one.Refunded = strconv.Itoa(int(r.CertificateStatus)), r.CertificateStatus == douyin.Refunded
	}
	return one
}

// ledgersAtOnce is how many coupons are asked about in one call.
const ledgersAtOnce = 50

// Shares are the ledgers of uses, which are there an hour after the use. A use of which
// not all is told, or that has several ledgers with a part of it, has none.
func (d douyinShop) Shares(ctx context.Context, handles []string) (map[string]Paid, Said) {
	var certificates []string
	for _, h := range handles {
		if _, id, told := strings.Cut(h, "/"); told && !slices.Contains(certificates, id) {
			certificates = append(certificates, id)
		}
	}
	shares, untold := map[string]Paid{}, map[string]bool{}
	for ids := range slices.Chunk(certificates, ledgersAtOnce) {
		rows, err := d.client.Ledgers(ctx, d.shop, ids...)
		if e := douyinFailure(err); e != nil {
			return shares, douyinSaid(douyin.CallLedger, e)
		}
		for _, l := range rows {
			use := handle(l.VerifyID, l.CertificateID)
			paid, told := paidOf(l)
			untold[use] = untold[use] || !told
			sum := shares[use]
			shares[use] = Paid{sum.Customer + paid.Customer, sum.Merchant + paid.Merchant, sum.Total + paid.Total}
		}
	}
	for use := range untold {
		if untold[use] {
			delete(shares, use)
		}
	}
	return shares, douyinSaid(douyin.CallLedger, nil)
}

// paidOf reads a ledger; told says that it has what it takes.
func paidOf(l douyin.Ledger) (paid Paid, told bool) {
	original, whole := l.Amount["original"]
	pay, payTold := l.Amount["pay"]
	return Paid{Customer: int64(pay), Merchant: int64(l.Amount["merchant_ticket"]), Total: int64(original)}, whole && payTold && l.VerifyID != ""
}

// douyinFailure gives the client's error; anything else is a fault of ours and is
// treated as the worst that it can be.
func douyinFailure(err error) *douyin.Error {
	if err == nil {
		return nil
	}
	var e *douyin.Error
	if errors.As(err, &e) {
		return e
	}
	return &douyin.Error{Class: douyin.UnknownOutcome, Err: err}
}
