package douyintest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

// State says what has become of a voucher.
type State string

// The states of a voucher, and the status that the wire tells.
const (
	Usable          State = "usable"           // 1; of a card: with uses left
	Consumed        State = "consumed"         // 2; of a card: with none
	RefundRequested State = "refund_requested" // 3
	Refunded        State = "refunded"         // 4
	RefundFailed    State = "refund_failed"    // 5
	Refunding       State = "refunding"        // 6
	Held            State = "held"             // by risk control; its status is [Knobs.HeldStatus]
)

var statusOf = map[State]int{Usable: 1, Consumed: 2, RefundRequested: 3, Refunded: 4, RefundFailed: 5, Refunding: 6}

// Voucher is one coupon. Money is in fen.
type Voucher struct {
	Code          string    `json:"code"`     // as typed: 12 or 15 digits
	OrderID       string    `json:"order_id"` // coupons of one order share it
	CertificateID string    `json:"certificate_id"`
	SKUID         string    `json:"sku_id"`
	ProductID     string    `json:"product_id"` // the deal that the SKU is of; left out: one of its own
	Title         string    `json:"title"`
	GroupType     int       `json:"groupon_type"` // 1 团餐券, 2 代金券, 3 次卡
	Price         int64     `json:"price"`        // original_amount
	MarketPrice   int64     `json:"market_price"` // list_market_amount
	Pay           int64     `json:"pay"`          // pay_amount, at most Price; the platform pays the rest
	ValidFrom     time.Time `json:"valid_from,omitzero"`
	Expires       time.Time `json:"expires"`
	Account       string    `json:"account"`         // the merchant that sells it
	Shops         []string  `json:"shops,omitempty"` // where it may be used; empty: at every shop of the merchant
	State         State     `json:"state"`
	// Visits is how often a times card (次卡) can be used. 0: an ordinary coupon.
	Visits int `json:"visits,omitempty"`
	// Refusal is a code (2119006, 2119007, 1263, …) with which prepare and verify
	// refuse this voucher while it is otherwise usable. 0: none.
	Refusal int `json:"refusal,omitempty"`
	// Hold makes risk control hold the first verification: 1229.
	Hold *Hold `json:"hold,omitempty"`

	// Set by the platform.
	QR          string   `json:"qr"` // the short link that the customer's app shows now; shared by an order
	FormerCodes []string `json:"former_codes,omitempty"`
	Use         *Use     `json:"use,omitempty"`  // its latest verification that stands
	Uses        []Use    `json:"uses,omitempty"` // all that stand, oldest first
}

// coupon is a voucher as the platform knows it.
type coupon struct {
	Voucher
	uses     []*usage // all that ever were
	closed   bool     // it can no longer be undone
	holding  *holding
	constant string // its encrypted code where that is always the same
}

// Hold says what becomes of a verification that risk control holds.
type Hold struct {
	// For is how long it is held by the platform's clock. 0: until [Platform.EndHold].
	For      time.Duration `json:"for_ns,omitempty"`
	Verified bool          `json:"verified,omitempty"` // how it ends then
}

func (h *Hold) clone() *Hold {
	if h == nil {
		return nil
	}
	c := *h
	return &c
}

// Use is a verification of a voucher.
type Use struct {
	Seq      int       `json:"seq,omitempty"` // of its line in the ledger; set by the platform
	VerifyID string    `json:"verify_id,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Shop     string    `json:"shop"`
	Type     int       `json:"type"`               // verify_type: 1 customer, 2 scanned, 3 typed, 4 through the interface
	Verifier string    `json:"verifier,omitempty"` // verifier_unique_id
	Token    string    `json:"verify_token,omitempty"`
	Serial   int       `json:"serial,omitempty"` // of a times card: which use, from 1
	Undone   time.Time `json:"undone,omitzero"`
}

// usage is a verification as the platform knows it.
type usage struct {
	Use
	v      *coupon
	cursor string // in verify_record
}

const (
	typeTyped     = 3
	typeCustomer  = 1
	typeInterface = 4
	openPlatform  = "开放平台API"
)

func (u *usage) stands() bool { return u.Undone.IsZero() }

// order is what a customer bought: coupons of one deal ("一笔订单只有 1 个团购", page
// verify-introduce). Whether they are all of one SKU is not said: each coupon tells its own.
type order struct {
	id       string
	vouchers []*coupon
	link     *link // what its QR code says now
}

// link is a short link and the object_id that it leads to.
type link struct {
	short, object string
	order         *order
	dead          bool // another one took its place
}

// copyOf is a voucher as a test gets to see it.
func (p *Platform) copyOf(v *coupon) Voucher {
	c := v.Voucher
	c.Shops, c.FormerCodes = slices.Clone(v.Shops), slices.Clone(v.FormerCodes)
	c.Hold = v.Hold.clone()
	c.QR = strings.TrimSuffix(p.opts.LinkURL, "/") + "/" + p.orders[v.OrderID].link.short + "/"
	for _, u := range v.standing() {
		c.Uses = append(c.Uses, u.Use)
		c.Use = &c.Uses[len(c.Uses)-1]
	}
	return c
}

// standing are the verifications that were not undone, oldest first.
func (v *coupon) standing() []*usage {
	return slices.DeleteFunc(slices.Clone(v.uses), func(u *usage) bool { return !u.stands() })
}

func (v *coupon) left() int { return max(1, v.Visits) - len(v.standing()) }

// freeSerial is the first use of a times card that is not taken.
func (v *coupon) freeSerial() int {
	n := 1
	for slices.ContainsFunc(v.standing(), func(u *usage) bool { return u.Serial == n }) {
		n++
	}
	return n
}

// count sets the state by the uses that stand.
func (v *coupon) count() {
	v.State = Usable
	if v.left() <= 0 {
		v.State = Consumed
	}
}

func (v *coupon) validAt(shop *Shop) bool {
	return v.Account == shop.Account && (len(v.Shops) == 0 || slices.Contains(v.Shops, shop.ID))
}

// AddVoucher sells a coupon. Everything left out is filled in; the result says
// with what. A voucher with the order id of others joins their order.
func (p *Platform) AddVoucher(v Voucher) (Voucher, error) {
	made, err := p.AddOrder(v, 1)
	if err != nil {
		return Voucher{}, err
	}
	return made[0], nil
}

// maxCoupons is the most that an order holds.
const maxCoupons = 10

// AddOrder sells n coupons of one order, all like v; the first has v's code and
// certificate id, if they are given.
func (p *Platform) AddOrder(v Voucher, n int) (made []Voucher, err error) {
	err = p.core.Change(func(now time.Time) error {
		if err := p.sellable(v, n); err != nil {
			return err
		}
		p.fill(&v, now)
		o := p.orders[v.OrderID]
		if o == nil {
			o = &order{id: v.OrderID}
			p.orders[o.id] = o
			p.rotate(o)
		}
		for i := range n {
			c := coupon{Voucher: v}
			c.Shops, c.Hold = slices.Clone(v.Shops), v.Hold.clone()
			if i > 0 || c.Code == "" {
				c.Code = p.id("10", max(len(v.Code), 12))
			}
			if i > 0 || c.CertificateID == "" {
				c.CertificateID = p.id("75", 19)
			}
			p.taken[c.Code], p.byCode[c.Code] = true, &c
			p.vouchers = append(p.vouchers, &c)
			o.vouchers = append(o.vouchers, &c)
			made = append(made, p.copyOf(&c))
		}
		return nil
	})
	return made, err
}

func (p *Platform) sellable(v Voucher, n int) error {
	o := p.orders[v.OrderID]
	switch {
	case n < 1 || o == nil && n > maxCoupons || o != nil && n+len(o.vouchers) > maxCoupons:
		return failed("an order holds 1 to %d coupons", maxCoupons)
	case o != nil && v.SKUID != "" && v.SKUID != o.vouchers[0].SKUID && v.ProductID != o.vouchers[0].ProductID:
		return failed("an order is of one deal")
	case p.byCode[v.Code] != nil:
		return failed("voucher %s exists", v.Code)
	case strings.TrimSpace(v.Code) != v.Code:
		return failed("voucher code %q has spaces around it", v.Code)
	case v.State != "" && v.State != Usable && !settable[v.State]:
		return failed("a voucher cannot be made in state %q; ConsumeElsewhere consumes", v.State)
	case v.Price < 0 || v.MarketPrice < 0 || v.Pay < 0:
		return failed("a price below zero")
	case v.Hold != nil && v.Hold.For < 0:
		return failed("a hold of %s", v.Hold.For)
	case v.Visits < 0 || v.Visits > 1000:
		return failed("a card of %d uses", v.Visits)
	}
	return p.knownShops(v.Shops)
}

func (p *Platform) fill(v *Voucher, now time.Time) {
	v.Use, v.Uses, v.FormerCodes = nil, nil, nil
	if o := p.orders[v.OrderID]; o != nil {
		fakeserver.Default(&v.SKUID, o.vouchers[0].SKUID)
		v.ProductID = o.vouchers[0].ProductID
	}
	fakeserver.Default(&v.SKUID, "1760000000000000001")
	fakeserver.Default(&v.ProductID, v.SKUID)
	fakeserver.Default(&v.Title, "双人套餐")
	fakeserver.Default(&v.Price, 9900)
	fakeserver.Default(&v.MarketPrice, max(16800, v.Price))
	fakeserver.Default(&v.Pay, v.Price)
	fakeserver.Default(&v.State, Usable)
	if len(v.Shops) > 0 {
		fakeserver.Default(&v.Account, p.shop(v.Shops[0]).Account)
	}
	fakeserver.Default(&v.Account, DefaultAccount)
	if v.Visits > 0 {
		fakeserver.Default(&v.GroupType, 3)
	}
	fakeserver.Default(&v.GroupType, 1)
	if v.OrderID == "" {
		v.OrderID = p.id("80", 19)
	}
	if v.Expires.IsZero() {
		y, m, d := now.In(beijing).AddDate(0, 0, 90).Date()
		v.Expires = time.Date(y, m, d, 23, 59, 59, 0, beijing)
	}
}

// rotate gives an order another QR code; the one before is void.
func (p *Platform) rotate(o *order) {
	if o.link != nil {
		o.link.dead = true
	}
	o.link = &link{short: p.shortID(), object: p.base64(), order: o}
	p.links[o.link.short], p.objects[o.link.object] = o.link, o.link
}

// RotateQR gives an order another QR code, as the customer's app does by itself
// after a while.
func (p *Platform) RotateQR(orderID string) error {
	return p.core.Change(func(time.Time) error {
		o := p.orders[orderID]
		if o == nil {
			return failed("no order %s", orderID)
		}
		p.rotate(o)
		return nil
	})
}

// settable are the states that the customer or the platform brings about.
var settable = map[State]bool{RefundRequested: true, Refunded: true, RefundFailed: true, Refunding: true}

// SetState changes a voucher as if the customer or the platform did: a refund
// asked for, begun, failed, done or withdrawn (Usable), also after use. Done is
// an effect, and told by a notice.
func (p *Platform) SetState(code string, s State) error {
	return p.changeVoucher(code, func(v *coupon, now time.Time) error {
		switch {
		case v.State == Held:
			return failed("voucher %s is held", code)
		case s == Usable:
			v.count()
			return nil
		case !settable[s]:
			return failed("state %q cannot be set", s)
		}
		v.State = s
		if s == Refunded {
			p.enter(v, Effect{Time: now, Kind: EffectRefunded})
			p.notify(actionRefund, v, now)
		}
		return nil
	})
}

// CloseUndo ends the time in which a voucher's verifications can be undone, now.
func (p *Platform) CloseUndo(code string) error {
	return p.changeVoucher(code, func(v *coupon, _ time.Time) error {
		v.closed = true
		return nil
	})
}

func (p *Platform) changeVoucher(code string, do func(*coupon, time.Time) error) error {
	return p.core.Change(func(now time.Time) error {
		v := p.byCode[code]
		if v == nil {
			return failed("no voucher %s", code)
		}
		return do(v, now)
	})
}

// Vouchers returns all of them as they are now, in the order of their making.
func (p *Platform) Vouchers() []Voucher {
	p.core.Lock()
	defer p.core.Unlock()
	all := make([]Voucher, len(p.vouchers))
	for i, v := range p.vouchers {
		all[i] = p.copyOf(v)
	}
	return all
}

// Voucher returns one voucher as it is now, by a code that it has or had.
func (p *Platform) Voucher(code string) (Voucher, bool) {
	p.core.Lock()
	defer p.core.Unlock()
	v := p.byCode[code]
	if v == nil {
		return Voucher{}, false
	}
	return p.copyOf(v), true
}

// ConsumeElsewhere consumes a voucher as if in the merchant's own app, now, at the
// first shop where it may be used.
func (p *Platform) ConsumeElsewhere(code, verifier string) error {
	return p.UseElsewhere(code, Use{Verifier: verifier})
}

// UseElsewhere is ConsumeElsewhere with a time, a shop, a verifier and a type
// (default: typed by the merchant); of a times card it takes a use.
func (p *Platform) UseElsewhere(code string, u Use) error {
	return p.changeVoucher(code, func(v *coupon, now time.Time) error {
		for _, s := range p.shops {
			if u.Shop == "" && v.validAt(s) {
				u.Shop = s.ID
			}
		}
		shop := p.shop(u.Shop)
		if shop == nil {
			return failed("no shop %q for voucher %s", u.Shop, code)
		}
		if u.Time.IsZero() {
			u.Time = now
		}
		if r := p.unusable(v, shop, u.Time); r != nil {
			return failed("voucher %s: %d %s", code, r.code, r.msg)
		}
		u.Type = cmp.Or(u.Type, typeTyped)
		p.applyConsume(v, u)
		return nil
	})
}

// UndoElsewhere takes a verification back as if in the merchant's own app, now; of
// a times card the latest.
func (p *Platform) UndoElsewhere(code, verifier string) error {
	return p.changeVoucher(code, func(v *coupon, now time.Time) error {
		standing := v.standing()
		if len(standing) == 0 {
			return failed("voucher %s is not consumed", code)
		}
		last := standing[len(standing)-1]
		if r := p.undoable(last, now); r != nil {
			return failed("voucher %s: %d %s", code, r.code, r.msg)
		}
		p.applyUndo(last, verifier, now)
		return nil
	})
}
