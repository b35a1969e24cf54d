// Package douyin is a client for the group-buy vouchers (团购券) of Douyin 来客
// (抖音生活服务): open.douyin.com, paths below /goodlife/.
//
// A voucher is verified in two calls: [Client.Prepare] turns a code that was
// typed, or what a customer's QR code stands for, into the coupons that can be
// used and a verify token; [Client.Verify] uses them. The token keeps a verify
// from taking effect twice, and one prepare serves one verify.
//
// The application has one access token for all of its shops. The client obtains
// and renews it; a [TokenStore] is where all replicas of a program share it.
//
// Every failure is an [*Error] whose [Class] says what is known about the
// effect: a verify whose answer was lost is [UnknownOutcome], never a refusal,
// and one that the platform's risk control keeps back is [Held].
package douyin

import (
	"log/slog"
	"time"
)

// Shop says for whom a call is made.
type Shop struct {
	ID      string // poi_id
	Account string // account_id of 来客, which lists of records and of shops need
	Chain   string // account_id of a 云连锁, sent with a verify and an undo; empty for all others
	Root    string // the root account, for the header Rpc-Transit-Life-Account; empty: not sent
}

// Prepared is what can be used of an order now.
type Prepared struct {
	OrderID      string
	VerifyToken  Secret // of one verify, however often that is sent
	Certificates []Certificate
	At           time.Time // when this was so, by the platform's clock; zero: not told
}

// Certificate is one coupon of an order. Fields that the platform left out are
// zero.
type Certificate struct {
	ID              string // certificate_id
	EncryptedCode   Secret // what verify takes, and what stands for the coupon later
	Code            string // in plain; told once the coupon is used and cannot be undone
	Status          Status
	Starts, Expires time.Time
	SKU             SKU
	Amount          Amount
	TimesCard       *TimesCard     // nil: it is not a 次卡
	Last            *Verification  // nil: not told
	Records         []Verification // of a 次卡, one for each use
}

// Left is how often the coupon can be used now, as far as is told.
func (c Certificate) Left() int {
	switch {
	case c.TimesCard != nil && c.TimesCard.Count > 0:
		return max(0, c.TimesCard.Count-c.TimesCard.Used)
	case c.Status == StatusUnknown, c.Status == Unused:
		return 1
	}
	return 0
}

// UsePrice is the price of one use: of a 次卡 the one with the serial number, 1 for
// the first. share is true where the card does not tell it, and it is that use's
// share of the card's price; the shares add up to it.
func (c Certificate) UsePrice(serial int) (price Fen, share, known bool) {
	price, known = c.Amount.Price()
	if c.TimesCard == nil {
		return price, false, known
	}
	if own, told := c.TimesCard.Serial[serial].Price(); told {
		return own, false, true
	}
	n := Fen(c.TimesCard.Count)
	if !known || serial < 1 || serial > c.TimesCard.Count {
		return 0, true, false
	}
	s := Fen(serial)
	return price/n + (price%n*s/n - price%n*(s-1)/n), true, true
}

// Status of a coupon.
type Status int

const (
	StatusUnknown   Status = iota - 1 // not told
	StatusInitial                     // 0
	Unused                            // 1
	Used                              // 2
	RefundRequested                   // 3
	Refunded                          // 4
	RefundFailed                      // 5
	Refunding                         // 6
)

// SKU is what was sold.
type SKU struct {
	ID, ProductID, AccountID string
	Title                    string
	GrouponType              int // 1 团餐券, 2 代金券, 3 次卡
	MarketPrice              Fen // 0: not told
}

// TimesCard is how often a 次卡 can be used.
type TimesCard struct {
	Count, Used int
	Serial      map[int]Amount // of single uses, by serial number
}

// Verification is one use of a coupon.
type Verification struct {
	ID            string // verify_id
	CertificateID string
	At            time.Time
	CanCancel     *bool  // whether it can be undone now; nil: not told
	Type          int    // 1 the customer, 2 scanned, 3 typed, 4 an interface like this one
	Verifier      string // verifier_unique_id
	ShopID        string // poi_id
	Serial        int    // of a 次卡's use
}

// VerifyRequest is one verify.
type VerifyRequest struct {
	Token   Secret   // of the prepare
	OrderID string   // of the prepare
	Codes   []Secret // encrypted codes of one order; a 次卡's n times for n uses

	// Again says that a verify with this token was sent before. Coupons that are
	// answered as used already are then taken for used by it, as the platform
	// advises; their rows may lack all but the code, and the order has the rest.
	Again bool
}

// Verified is one use that a verify made.
type Verified struct {
	EncryptedCode Secret // as sent
	ID            string // verify_id: with CertificateID what an undo needs
	CertificateID string
	OrderID       string
	Code          string // origin_code: in plain
	AccountID     string
	ProductID     string
	Serial        int    // of a 次卡's use
	Amount        Amount // of a 次卡's use
	Result        string // the platform's code of the row, "0" for success
	Message       string // the platform's words, for operators
}

// Record is one verification in the history.
type Record struct {
	Verification
	Cursor            string
	Code              string    // in plain; told once it cannot be undone
	Undone            bool      // status 2, or a time of the undo
	UndoneAt          time.Time // zero: not told
	CertificateStatus Status
	SKU               SKU
	Amount            Amount // of the coupon
	UseAmount         Amount // of a 次卡's use; nil: not told
}

// TimesCard reports whether the record is of a use of a 次卡.
func (r Record) TimesCard() bool { return r.Serial > 0 || r.SKU.GrouponType == timesCard }

// UsePrice is the price of the use. Of a 次卡 the coupon's is none: it is the card's.
func (r Record) UsePrice() (Fen, bool) {
	if r.TimesCard() {
		return r.UseAmount.Price()
	}
	return r.Amount.Price()
}

// RecordQuery selects a part of the history. The zero value is today.
type RecordQuery struct{ From, To time.Time }

// ShopQuery selects shops: all of an account, or one.
type ShopQuery struct{ Account, ShopID string }

// ShopInfo is a shop as the platform knows it.
type ShopInfo struct {
	ID, Name, Address                      string
	RootAccount, ParentAccount, POIAccount string // ids
}

// Ledger is what a used coupon brings. One coupon may have several, and they add
// up.
type Ledger struct {
	ID, VerifyID, CertificateID, OrderID string
	VerifiedAt                           time.Time
	Amount                               Amount // e.g. pay, goods
	Funds                                Amount // fund_amount
}

// LogValue keeps codes and tokens out of logs.
func (p Prepared) LogValue() slog.Value { return slog.StringValue("order " + p.OrderID) }
