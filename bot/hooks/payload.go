package hooks

import (
	"time"

	"yanquan/bot/platform"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/internal/scrub"
	"yanquan/models"
)

// What events say is what the console shows: no token, phones masked, a link as people
// read it. Money is in fen; what is not known is null. docs/hooks.openapi.yaml is the
// schema.

// payload is the body of a request.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it happened
	Data      any       `json:"data"`
}

type store struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type at struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type person struct {
	UserID string `json:"userid"`
	Name   string `json:"name"`
}

type sum struct {
	Count    int   `json:"count"`
	Fen      int64 `json:"amount_fen"`
	Unpriced int   `json:"unpriced"` // of Count: in no amount
}

type coupon struct {
	Code   string     `json:"code"`
	Visit  int        `json:"visit"`
	Fen    *int64     `json:"price_fen"`
	Share  bool       `json:"price_is_share"`
	Undone *time.Time `json:"undone_at"`
}

// verification is what redeemed and undone say.
type verification struct {
	Operation  string     `json:"operation_id"`
	Store      store      `json:"store"`
	Platform   at         `json:"platform"`
	Code       string     `json:"code"`
	Order      string     `json:"order_id"`
	Title      string     `json:"title"`
	Phone      string     `json:"phone"`
	Coupons    []coupon   `json:"coupons"`
	Total      sum        `json:"total"` // of what stands
	RedeemedAt time.Time  `json:"redeemed_at"`
	RedeemedBy person     `json:"redeemed_by"`
	UndoUntil  *time.Time `json:"undo_until"`

	*reversal
}

// reversal is what undone says beside.
type reversal struct {
	UndoneAt time.Time `json:"undone_at"`
	UndoneBy person    `json:"undone_by"`
	Complete bool      `json:"complete"`
}

type refund struct {
	Operation  string     `json:"operation_id"`
	Store      store      `json:"store"`
	Platform   at         `json:"platform"`
	Code       string     `json:"code"`
	Order      string     `json:"order_id"`
	Title      string     `json:"title"`
	Fen        *int64     `json:"price_fen"`
	RefundedAt time.Time  `json:"refunded_at"`
	RedeemedAt *time.Time `json:"redeemed_at"` // null: it is in doubt
	RedeemedBy person     `json:"redeemed_by"`
}

type comparison struct {
	Store     store     `json:"store"`
	Platform  at        `json:"platform"`
	Day       string    `json:"day"`
	Look      int       `json:"look"`
	Final     bool      `json:"final"`
	CheckedAt time.Time `json:"checked_at"`
	Even      bool      `json:"even"`
	Alarming  bool      `json:"alarming"`

	Listed         sum   `json:"listed"`
	Matched        sum   `json:"matched"`
	InShop         sum   `json:"in_shop"`
	OtherSystem    sum   `json:"other_system"`
	DoubtfulListed sum   `json:"doubtful_listed"`
	Undone         sum   `json:"undone"`
	UndoFailed     sum   `json:"undo_failed"`
	OnlyOurs       sum   `json:"only_ours"`
	UndoneThere    sum   `json:"undone_there"`
	Unlisted       sum   `json:"unlisted"`
	Refunded       sum   `json:"refunded"`
	Doubtful       int   `json:"doubtful"`
	AmountDiffers  int   `json:"amount_differs"`
	Difference     int64 `json:"difference_fen"`
	Partial        bool  `json:"partial"`
	Money          money `json:"money"`
}

type money struct {
	Customer  int64  `json:"customer_fen"`
	Merchant  int64  `json:"merchant_fen"`
	Due       int64  `json:"due_fen"`
	Certainty string `json:"certainty"`
}

type day struct {
	Store     store     `json:"store"`
	Day       string    `json:"day"`
	Zone      string    `json:"timezone"`
	Verified  sum       `json:"verified"` // and not undone
	Undone    sum       `json:"undone"`
	Refunded  sum       `json:"refunded"` // on this day, whenever it was verified
	Unsettled int       `json:"unsettled"`
	Accounts  []account `json:"accounts"`
}

type account struct {
	ID       int64 `json:"id"`
	Platform at    `json:"platform"`
	Verified sum   `json:"verified"`
	Undone   sum   `json:"undone"`
}

func platformOf(name string) at { return at{name, platform.Name(name)} }

func sumOf(s models.Sum) sum { return sum{s.Count, s.Fen, s.Unpriced} }

func priceOf(p models.Price) *int64 {
	if p.Unknown {
		return nil
	}
	return &p.Fen
}

// timeOf is null where it is not known.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// place is a store with one of its accounts.
type place struct {
	store    store
	platform at
}

func verificationOf(p place, op models.Operation, coupons []models.Coupon) verification {
	v := verification{
		Operation: op.ID, Store: p.store, Platform: p.platform, Code: words.CodeText(op.Code), Order: op.OrderID, Title: op.Title, Phone: scrub.Mobile(op.Mobile),
		Coupons: []coupon{}, RedeemedAt: op.ConsumedAt.UTC(), RedeemedBy: person{op.UserID, op.User}, UndoUntil: timeOf(op.UndoUntil),
	}
	var stands models.Sum
	for _, c := range coupons {
		if c.UndoneAt.IsZero() {
			stands.Add(c.Price())
		}
		v.Coupons = append(v.Coupons, coupon{words.CodeText(c.Code), c.Visit, priceOf(c.Price()), c.PriceShare, timeOf(c.UndoneAt)})
	}
	v.Total = sumOf(stands)
	return v
}

func refundOf(p place, op models.Operation, r models.Refund) refund {
	code := r.Code
	if code == "" {
		code = op.Code
	}
	return refund{
		Operation: r.OperationID, Store: p.store, Platform: p.platform, Code: words.CodeText(code), Order: r.OrderID, Title: r.Title, Fen: priceOf(r.Price()),
		RefundedAt: r.RefundedAt.UTC(), RedeemedAt: timeOf(op.ConsumedAt), RedeemedBy: person{op.UserID, op.User},
	}
}

func comparisonOf(p place, r models.Reconciliation, f reconcile.Figures) comparison {
	return comparison{
		Store: p.store, Platform: p.platform, Day: r.Day, Look: r.Looks, Final: r.DueAt.IsZero(), CheckedAt: r.CheckedAt.UTC(), Even: f.Even(), Alarming: f.Alarming(),
		Listed: sumOf(f.Listed), Matched: sumOf(f.Matched), InShop: sumOf(f.InShop), OtherSystem: sumOf(f.OtherSystem), DoubtfulListed: sumOf(f.DoubtfulListed),
		Undone: sumOf(f.Undone), UndoFailed: sumOf(f.UndoFailed), OnlyOurs: sumOf(f.OnlyOurs), UndoneThere: sumOf(f.UndoneThere), Unlisted: sumOf(f.Unlisted), Refunded: sumOf(f.Refunded),
		Doubtful: f.Doubtful, AmountDiffers: f.AmountDiffers, Difference: int64(f.Difference), Partial: f.Partial,
		Money: money{int64(f.Money.Customer), int64(f.Money.Merchant), int64(f.Money.Due), string(f.Money.Certainty())},
	}
}

// dayOf adds up what a store has verified on a day.
func dayOf(s models.Store, name, zone string, f *models.Figures, refunds []models.Refund, unsettled int) day {
	all := f.All()
	var refunded models.Sum
	for _, r := range refunds {
		refunded.Add(r.Price())
	}
	d := day{
		Store: store{s.ID, s.Name}, Day: name, Zone: zone, Verified: sumOf(all.Verified), Undone: sumOf(all.Undone), Refunded: sumOf(refunded),
		Unsettled: unsettled, Accounts: []account{},
	}
	for _, a := range s.All() {
		if t := f.ByAccount[a.ID]; a.Active || !t.Empty() {
			d.Accounts = append(d.Accounts, account{a.ID, platformOf(a.Platform), sumOf(t.Verified), sumOf(t.Undone)})
		}
	}
	return d
}
