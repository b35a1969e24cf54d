package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Voucher is one coupon that was consumed and the operation that did it: a line
// of the accounts.
type Voucher struct {
	OperationID    string
	StoreID        int64 // its [Account]
	Code           string
	OrderID        string
	DealID         int64
	Title          string
	Price          Price
	PriceShare     bool   // of one use, computed from the price of a 次卡
	MarketFen      int64  // 0: not known
	Mobile         string // masked
	VoucherExpires time.Time
	ConsumedAt     time.Time
	UserID, User   string
	Channel        string
	UndoneAt       time.Time // zero: it stands
	UndoUser       string
	RefundedAt     time.Time // zero: not after it was used; see [Refund]
}

// VoucherPage asks for what an account consumed, or was refused, from a time until before
// another, after some operation of that time; see [HistoryStore.Vouchers] and
// [HistoryStore.Refused].
type VoucherPage struct {
	StoreID  int64 // the account
	From, To time.Time
	after    string
}

// Vouchers lists coupons in the order in which they were consumed, those of at
// most so many operations, and says what to ask for next; done says that there
// is no more. A page costs the same wherever it is.
func (s HistoryStore) Vouchers(ctx context.Context, p VoucherPage, operations int) (list []Voucher, next VoucherPage, done bool, err error) {
	const what = "list vouchers"
	// In two steps: an order over both tables would be a sort of everything for
	// every page.
	err = s.read(ctx, what, func(g *gorm.DB) (err error) {
		list, next, done, err = vouchers(g, p, operations)
		return err
	})
	if err != nil {
		return nil, VoucherPage{}, false, err
	}
	return list, next, done, nil
}

func vouchers(g *gorm.DB, p VoucherPage, operations int) (list []Voucher, next VoucherPage, done bool, err error) {
	rows, err := g.Raw(`SELECT id, title, market_fen, mobile, voucher_expires, consumed_at, user_id, user_name, channel, undo_user_name
		FROM operations WHERE store_id = ? AND consumed_at >= ? AND consumed_at < ? AND (consumed_at > ? OR id > ?)
		ORDER BY consumed_at, id LIMIT ?`, p.StoreID, stamp(p.From), stamp(p.To), stamp(p.From), p.after, operations).Rows()
	if err != nil {
		return nil, p, false, err
	}
	defer rows.Close()
	ids := make([]string, 0, operations)
	at := make(map[string]int, operations)
	var ops []Voucher
	for rows.Next() {
		v := Voucher{StoreID: p.StoreID}
		if err := rows.Scan(&v.OperationID, &v.Title, &v.MarketFen, &v.Mobile, (*instant)(&v.VoucherExpires), (*instant)(&v.ConsumedAt),
			&v.UserID, &v.User, &v.Channel, &v.UndoUser); err != nil {
			return nil, p, false, err
		}
		at[v.OperationID] = len(ops)
		ids, ops = append(ids, v.OperationID), append(ops, v)
	}
	if err := rows.Err(); err != nil {
		return nil, p, false, err
	}
	if err := rows.Close(); err != nil {
		return nil, p, false, err
	}
	if next = p; len(ops) > 0 {
		last := ops[len(ops)-1]
		next.From, next.after = last.ConsumedAt, last.OperationID
	}
	list, err = withCoupons(g, ids, ops, at)
	if err == nil {
		err = withRefunds(g, ids, list)
	}
	return list, next, len(ops) < operations, err
}

// withRefunds notes which of the coupons were refunded; those of an operation are together.
func withRefunds(g *gorm.DB, ids []string, list []Voucher) error {
	if len(ids) == 0 {
		return nil
	}
	var rows []Refund
	if err := g.Where("operation_id IN ?", ids).Order("refunded_at, certificate_id").Find(&rows).Error; err != nil {
		return err
	}
	refunds := map[string][]Refund{}
	for _, r := range rows {
		refunds[r.OperationID] = append(refunds[r.OperationID], r)
	}
	for len(list) > 0 && len(refunds) > 0 {
		id := list[0].OperationID
		var coupons []Coupon
		for _, v := range list {
			if v.OperationID != id {
				break
			}
			coupons = append(coupons, Coupon{Code: v.Code, UndoneAt: v.UndoneAt})
		}
		for i, r := range RefundsOf(coupons, refunds[id]) {
			if r != nil {
				list[i].RefundedAt = r.RefundedAt
			}
		}
		list = list[len(coupons):]
	}
	return nil
}

// withCoupons makes a line of each coupon of the operations, in their order.
func withCoupons(g *gorm.DB, ids []string, ops []Voucher, at map[string]int) ([]Voucher, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := g.Raw("SELECT operation_id, code, order_id, deal_id, price_fen, price_unknown, price_share, undone_at FROM coupons WHERE operation_id IN ? ORDER BY operation_id, code, visit", ids).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	lines := make([][]Voucher, len(ops))
	total := 0
	for rows.Next() {
		var c Voucher
		if err := rows.Scan(&c.OperationID, &c.Code, &c.OrderID, &c.DealID, &c.Price.Fen, &c.Price.Unknown, &c.PriceShare, (*instant)(&c.UndoneAt)); err != nil {
			return nil, err
		}
		i := at[c.OperationID]
		v := ops[i]
		v.Code, v.OrderID, v.DealID, v.Price, v.PriceShare, v.UndoneAt = c.Code, c.OrderID, c.DealID, c.Price, c.PriceShare, c.UndoneAt
		if v.UndoneAt.IsZero() {
			v.UndoUser = "" // of a try that was refused
		}
		lines[i] = append(lines[i], v)
		total++
	}
	list := make([]Voucher, 0, total)
	for _, of := range lines {
		list = append(list, of...)
	}
	return list, rows.Err()
}

// CountConsumed counts the operations that consumed something at an account from a
// time until before another, but not beyond a limit.
func (s HistoryStore) CountConsumed(ctx context.Context, account int64, from, to time.Time, limit int) (n int, err error) {
	err = s.read(ctx, "count what was consumed", func(g *gorm.DB) error {
		return g.Raw("SELECT COUNT(*) FROM (SELECT 1 FROM operations WHERE store_id = ? AND consumed_at >= ? AND consumed_at < ? LIMIT ?) AS some",
			account, stamp(from), stamp(to), limit).Scan(&n).Error
	})
	return n, err
}

// instant reads a time column without GORM, whose serializers cost more than
// the rest of a row.
type instant time.Time

var _ sql.Scanner = (*instant)(nil)

// Scan implements [sql.Scanner].
func (i *instant) Scan(value any) error {
	var t time.Time
	var err error
	switch v := value.(type) {
	case nil:
	case time.Time:
		t = v.UTC()
	case string:
		t, err = time.Parse(stampLayout, v)
	case []byte:
		t, err = time.Parse(stampLayout, string(v))
	default:
		err = fmt.Errorf("models: cannot read a time from %T", value)
	}
	*i = instant(t)
	return err
}

// Entry is a coupon of the journal with what its operation says of it.
type Entry struct {
	Coupon
	Asked      string `gorm:"column:asked_code"` // the code that was asked for with it
	State      State
	Title      string
	Left       int  `gorm:"column:left_count"` // see [Operation.Left]
	Reusable   bool // the code stays good after a visit (次卡)
	UserID     string
	User       string    `gorm:"column:user_name"`
	ConsumedAt time.Time `gorm:"serializer:utc"`
}

// Entries lists an account's coupons that were consumed from a time until before
// another, undone ones too, oldest first.
func (s HistoryStore) Entries(ctx context.Context, account int64, from, to time.Time) ([]Entry, error) {
	var rows []Entry
	err := s.read(ctx, "list entries", func(g *gorm.DB) error {
		return g.Scopes(entries).Where("operations.store_id = ? AND operations.consumed_at >= ? AND operations.consumed_at < ?", account, stamp(from), stamp(to)).Scan(&rows).Error
	})
	return rows, err
}

func entries(g *gorm.DB) *gorm.DB {
	return g.Table("operations").
		Select("coupons.*", "operations.code AS asked_code", "operations.state", "operations.title", "operations.left_count", "operations.reusable", "operations.user_id", "operations.user_name", "operations.consumed_at").
		Joins("JOIN coupons ON coupons.operation_id = operations.id").
		Order("operations.consumed_at, coupons.operation_id, coupons.code, coupons.visit")
}

// OfOrders is [HistoryStore.Entries] of orders, whenever they were consumed.
func (s HistoryStore) OfOrders(ctx context.Context, account int64, orders []string) (all []Entry, err error) {
	for some := range slices.Chunk(orders, accountsAtOnce) {
		var rows []Entry
		err := s.read(ctx, "list entries of orders", func(g *gorm.DB) error {
			rows = nil
			return g.Scopes(entries).Where("operations.order_id IN ? AND operations.store_id = ?", some, account).Scan(&rows).Error
		})
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// Undecided lists an account's operations of which it is not known whether they
// consumed, begun from a time until before another.
func (s HistoryStore) Undecided(ctx context.Context, account int64, from, to time.Time) ([]Operation, error) {
	return listOperations(ctx, s.core, "created_at, id", 0, "store_id = ? AND created_at >= ? AND created_at < ? AND state IN ?",
		account, stamp(from), stamp(to), consuming)
}

// OfSeveral lists an account's consumes of several coupons, begun since a time, of which
// it is not known which they used: as [HistoryStore.Undecided], or done with a reason that
// says so.
func (s HistoryStore) OfSeveral(ctx context.Context, account int64, since time.Time, reason string) ([]Operation, error) {
	return listOperations(ctx, s.core, "created_at, id", 0,
		"store_id = ? AND created_at >= ? AND coupon_count > 1 AND (state IN ? OR state = ? AND outcome_reason = ?)",
		account, stamp(since), consuming, Done, reason)
}
