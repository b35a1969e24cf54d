package dianpingtest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

// State says what has become of a voucher.
type State string

// The states of a voucher.
const (
	Usable          State = "usable"
	Consumed        State = "consumed"
	Refunding       State = "refunding"        // 1010
	RefundRequested State = "refund_requested" // 1011
	Refunded        State = "refunded"
	Replaced        State = "replaced" // undone; the coupon has a new code
)

// Voucher is one coupon under one code. Money is in fen.
type Voucher struct {
	Code          string    `json:"code"`
	OrderID       string    `json:"order_id"` // 24 digits; coupons of one order share it
	DealID        int64     `json:"deal_id"`
	DealGroupID   int64     `json:"dealgroup_id"`
	ProductItemID int64     `json:"product_item_id,omitempty"`
	ProductType   int64     `json:"product_type,omitempty"`
	Title         string    `json:"title"`
	Price         int64     `json:"price"`
	MarketPrice   int64     `json:"market_price"`
	BizType       int       `json:"biz_type"` // 0 团购, 203 拼团, 205 次卡, 217 通兑标品
	Mobile        string    `json:"mobile"`   // full or masked; always masked on the wire
	QR            string    `json:"qr"`       // what the customer's QR code says; shared by an order
	ValidFrom     time.Time `json:"valid_from,omitzero"`
	Expires       time.Time `json:"expires"`
	Shops         []string  `json:"shops,omitempty"`    // where it may be used; empty: at every shop
	Payments      []Payment `json:"payments,omitempty"` // of the whole order; default: the user paid it all
	State         State     `json:"state"`
	// Visits is how often a times card's code can be consumed: the code stays when
	// a visit is taken or given back. 0: an ordinary coupon.
	Visits int `json:"visits,omitempty"`
	// Refusal is a business code (1016, 1023, 1024, …) with which prepare and
	// consume refuse this voucher while it is otherwise usable. 0: none.
	Refusal int `json:"refusal,omitempty"`

	// Set by the platform.
	Replaces   string `json:"replaces,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
	Use        *Use   `json:"use,omitempty"`  // its verification, kept when it is undone; of a times card the latest that stands
	Uses       []Use  `json:"uses,omitempty"` // of a times card: all that stand, oldest first
}

// Payment is a line of payment_detail. Amount is in fen; for the types see the
// platform's table of amount_type (10: paid by the user).
type Payment struct {
	ID     string `json:"id"`
	Amount int64  `json:"amount"`
	Type   int    `json:"type"`
}

// Use is a verification of a voucher.
type Use struct {
	Seq         int       `json:"seq,omitempty"` // of its line in the ledger; set by the platform
	Time        time.Time `json:"time,omitzero"`
	Shop        string    `json:"shop"`
	Account     string    `json:"account"`
	AccountName string    `json:"account_name,omitempty"`
	Channel     string    `json:"channel"` // 15: through the interface
	RequestID   string    `json:"request_id,omitempty"`
}

func (v *Voucher) clone() Voucher {
	c := *v
	c.Shops = slices.Clone(v.Shops)
	c.Payments = slices.Clone(v.Payments)
	c.Uses = slices.Clone(v.Uses)
	if v.Use != nil {
		use := *v.Use
		c.Use = &use
	}
	return c
}

func (v *Voucher) validAt(shop string) bool {
	return len(v.Shops) == 0 || slices.Contains(v.Shops, shop)
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

// AddOrder sells n coupons of one order, all like v; the first has v's code, if
// that is given.
func (p *Platform) AddOrder(v Voucher, n int) ([]Voucher, error) {
	p.core.Lock()
	defer p.core.Unlock()
	if n < 1 || n > 1000 {
		return nil, fmt.Errorf("dianpingtest: an order of %d coupons", n)
	}
	if p.byCode[v.Code] != nil {
		return nil, fmt.Errorf("dianpingtest: voucher %s exists", v.Code)
	}
	if strings.TrimSpace(v.Code) != v.Code {
		return nil, fmt.Errorf("dianpingtest: voucher code %q has spaces around it", v.Code)
	}
	switch v.State {
	case "", Usable, Refunding, RefundRequested, Refunded:
	default:
		return nil, fmt.Errorf("dianpingtest: a voucher cannot be made in state %q; ConsumeElsewhere consumes", v.State)
	}
	if v.Price < 0 || v.MarketPrice < 0 {
		return nil, errors.New("dianpingtest: a price below zero")
	}
	if v.Visits < 0 || v.Visits > 1000 {
		return nil, fmt.Errorf("dianpingtest: a card of %d visits", v.Visits)
	}
	if err := p.knownShops(v.Shops); err != nil {
		return nil, err
	}
	v.Use, v.Uses, v.Replaces, v.ReplacedBy = nil, nil, "", ""
	p.fill(&v)
	made := make([]Voucher, n)
	for i := range made {
		c := v.clone()
		if i > 0 || c.Code == "" {
			c.Code = p.newCode(max(len(v.Code), 10))
		}
		p.keep(&c)
		made[i] = c.clone()
	}
	p.core.Bump()
	return made, nil
}

func (p *Platform) fill(v *Voucher) {
	now := p.core.Now()
	fakeserver.Default(&v.DealID, 1001)
	fakeserver.Default(&v.DealGroupID, 2001)
	fakeserver.Default(&v.Title, "双人套餐")
	fakeserver.Default(&v.Price, 9900)
	fakeserver.Default(&v.MarketPrice, max(16800, v.Price))
	fakeserver.Default(&v.Mobile, "138****0000")
	fakeserver.Default(&v.State, Usable)
	if v.OrderID == "" {
		v.OrderID = p.opts.Digits(24)
	}
	if v.Expires.IsZero() {
		y, m, d := now.In(beijing).AddDate(0, 0, 90).Date()
		v.Expires = time.Date(y, m, d, 23, 59, 59, 0, beijing)
	}
	if v.QR == "" {
		v.QR = base64.StdEncoding.EncodeToString([]byte("order "+v.OrderID)) + fmt.Sprintf("@%d", v.DealID)
	}
}

// newCode finds a code that was never used. The caller holds the lock.
func (p *Platform) newCode(length int) string {
	return fakeserver.Unique(p.opts.Digits(length), func(code string) bool { return p.byCode[code] != nil })
}

func (p *Platform) keep(v *Voucher) {
	p.vouchers = append(p.vouchers, v)
	p.byCode[v.Code] = v
	p.byOrder[v.OrderID] = append(p.byOrder[v.OrderID], v)
}

// SetState changes a voucher as if the customer or the platform did: a refund
// asked for, begun, done or withdrawn.
func (p *Platform) SetState(code string, s State) error {
	p.core.Lock()
	defer p.core.Unlock()
	v := p.byCode[code]
	if v == nil {
		return fmt.Errorf("dianpingtest: no voucher %s", code)
	}
	switch s {
	case Refunding, RefundRequested, Refunded:
	case Usable:
		if v.Use != nil {
			return fmt.Errorf("dianpingtest: voucher %s was consumed", code)
		}
	default:
		return fmt.Errorf("dianpingtest: state %q cannot be set", s)
	}
	if v.State == Replaced {
		return fmt.Errorf("dianpingtest: voucher %s was replaced", code)
	}
	v.State = s
	p.core.Bump()
	return nil
}

// Vouchers returns all of them as they are now, in the order of their making.
func (p *Platform) Vouchers() []Voucher {
	p.core.Lock()
	defer p.core.Unlock()
	all := make([]Voucher, len(p.vouchers))
	for i, v := range p.vouchers {
		all[i] = v.clone()
	}
	return all
}

// Voucher returns one voucher as it is now.
func (p *Platform) Voucher(code string) (Voucher, bool) {
	p.core.Lock()
	defer p.core.Unlock()
	v := p.byCode[code]
	if v == nil {
		return Voucher{}, false
	}
	return v.clone(), true
}

// usableOfOrder returns the coupons of one order and deal that could be consumed at a
// shop now, first added first.
func (p *Platform) usableOfOrder(v *Voucher, shop string, now time.Time) []*Voucher {
	var found []*Voucher
	for _, o := range p.byOrder[v.OrderID] {
		if o.DealID == v.DealID && p.unusable(o, shop, now) == nil {
			found = append(found, o)
		}
	}
	return found
}

// paymentsOf tells how an order was paid, all its coupons together. A coupon that
// got a new code counts once.
func (p *Platform) paymentsOf(v *Voucher) []Payment {
	if len(v.Payments) > 0 {
		return v.Payments
	}
	total := int64(0)
	for _, o := range p.byOrder[v.OrderID] {
		if o.Replaces == "" {
			total += o.Price
		}
	}
	return []Payment{{ID: "p" + v.OrderID, Amount: total, Type: 10}}
}

// maskMobile hides the middle of a number: 138****0000.
func maskMobile(number string) string {
	if number == "" || strings.Contains(number, "*") {
		return number
	}
	if len(number) < 8 {
		return "****"
	}
	return number[:3] + "****" + number[len(number)-4:]
}
