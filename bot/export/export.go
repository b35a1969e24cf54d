// Package export lists vouchers for an accountant, and what was refused for a manager, as
// a workbook or as CSV, page by page: it does not know where they come from, nor who asked.
package export

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Format of a file.
type Format string

const (
	XLSX Format = "xlsx"
	CSV  Format = "csv" // with a BOM: Excel takes it for its local encoding otherwise
)

// Source is where vouchers, and what was refused, are listed; [models.HistoryStore] is one.
type Source interface {
	Vouchers(ctx context.Context, p models.VoucherPage, operations int) (list []models.Voucher, next models.VoucherPage, done bool, err error)
	Refused(ctx context.Context, p models.VoucherPage, operations int) (list []models.Operation, next models.VoucherPage, done bool, err error)
}

// Request is what is to be listed. All fields are required but Beat.
type Request struct {
	Source   Source
	Title    string // of the period
	From, To time.Time
	Stores   []models.Store // in their order
	By       string         // who asked
	At       time.Time      // when it is made
	Location *time.Location // of the times shown
	// Beat is called for every page, so that the holder of a lease can prolong it.
	// An error ends the work.
	Beat func(ctx context.Context) error

	rowsPerSheet int // a test may want fewer
}

// Sums are what a list adds up to.
type Sums struct {
	models.Tally
	Refused int // listed in a workbook only
}

// Write writes the list and returns what it adds up to.
func (r Request) Write(ctx context.Context, w io.Writer, f Format) (Sums, error) {
	if r.Beat == nil {
		r.Beat = func(context.Context) error { return nil }
	}
	if f == CSV {
		all, err := r.writeCSV(ctx, w)
		return Sums{Tally: all}, err
	}
	return r.writeWorkbook(ctx, w)
}

// operationsPerPage bounds what is in memory at once, and how long the one
// connection of SQLite is held.
const operationsPerPage = 1000

// page is a part of an account's list.
type page[T any] struct {
	list []T
	err  error
}

// pager reads a part of an account's list.
type pager[T any] func(ctx context.Context, p models.VoucherPage, operations int) (list []T, next models.VoucherPage, done bool, err error)

// accounts are those of the stores, named like them.
func (r Request) accounts() (list []models.Account) {
	for _, s := range r.Stores {
		for _, a := range s.All() {
			a.Name = s.Name
			list = append(list, a)
		}
	}
	return list
}

// each hands out an account's list. The next page is read while the last one is
// written.
func each[T any](ctx context.Context, r Request, read pager[T], account int64, use func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pages := make(chan page[T], 1)
	go func() {
		defer close(pages)
		ask := models.VoucherPage{StoreID: account, From: r.From, To: r.To}
		for done := false; !done; {
			var p page[T]
			p.list, ask, done, p.err = read(ctx, ask, operationsPerPage)
			select {
			case pages <- p:
			case <-ctx.Done():
				return
			}
			if p.err != nil {
				return
			}
		}
	}()
	for p := range pages {
		if p.err != nil {
			return fmt.Errorf("export: %w", p.err)
		}
		if err := r.Beat(ctx); err != nil {
			return err
		}
		for _, v := range p.list {
			if err := use(v); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// kind of a column's values.
type kind int

const (
	text   kind = iota
	money       // fen
	number      // a count
	moment      // date and time
)

// value is what stands in a cell.
type value struct {
	text    string
	n       int64 // fen, or a count
	unknown bool  // n is
	at      time.Time
}

// price is an amount, or none where the platform did not tell it.
func price(p models.Price) value { return value{n: p.Fen, unknown: p.Unknown} }

// marketPrice is an amount, or none where it is 0.
func marketPrice(fen int64) value { return value{n: fen, unknown: fen == 0} }

// blank reports whether the value leaves its cell empty.
func (v value) blank(k kind) bool {
	return k == text && v.text == "" || k == moment && v.at.IsZero() || v.unknown
}

// heading of a column. Text and width, in characters, are as people see them.
type heading struct {
	text  string
	width int
	kind  kind
}

// column of a list.
type column[T any] struct {
	heading
	of func(a models.Account, v T) value
}

func headingsOf[T any](columns []column[T]) (all []heading) {
	for _, c := range columns {
		all = append(all, c.heading)
	}
	return all
}

var columns = []column[models.Voucher]{
	{heading{"门店", 18, text}, func(a models.Account, _ models.Voucher) value { return value{text: a.Name} }},
	{heading{"平台", 10, text}, func(a models.Account, _ models.Voucher) value { return value{text: platform.Name(a.Platform)} }},
	{heading{"核销时间", 20, moment}, func(_ models.Account, v models.Voucher) value { return value{at: v.ConsumedAt} }},
	{heading{"券码", 22, text}, func(_ models.Account, v models.Voucher) value { return value{text: cmp.Or(v.Code, untold)} }},
	{heading{"团购名称", 32, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.Title} }},
	{heading{"状态", 8, text}, func(_ models.Account, v models.Voucher) value { return value{text: state(v)} }},
	{heading{"售价(元)", 12, money}, func(_ models.Account, v models.Voucher) value { return price(v.Price) }},
	{heading{"计入金额(元)", 14, money}, func(_ models.Account, v models.Voucher) value { return counted(v) }},
	{heading{"门市价(元)", 12, money}, func(_ models.Account, v models.Voucher) value { return marketPrice(v.MarketFen) }},
	{heading{"核销人", 12, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.User} }},
	{heading{"核销人账号", 16, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.UserID} }},
	{heading{"手机号", 14, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.Mobile} }},
	{heading{"订单号", 24, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.OrderID} }},
	{heading{"团购编号", 16, text}, func(_ models.Account, v models.Voucher) value { return value{text: positive(v.DealID)} }},
	{heading{"券有效期至", 20, moment}, func(_ models.Account, v models.Voucher) value { return value{at: v.VoucherExpires} }},
	{heading{"撤销时间", 20, moment}, func(_ models.Account, v models.Voucher) value { return value{at: v.UndoneAt} }},
	{heading{"撤销人", 12, text}, func(_ models.Account, v models.Voucher) value { return value{text: undoneBy(v)} }},
	{heading{"渠道", 14, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.Channel} }},
	{heading{"操作编号", 36, text}, func(_ models.Account, v models.Voucher) value { return value{text: v.OperationID} }},
	{heading{"售价说明", 14, text}, func(_ models.Account, v models.Voucher) value { return value{text: explained(v)} }},
	{heading{"平台门店编号", 20, text}, func(a models.Account, _ models.Voucher) value { return value{text: a.ShopID} }},
	{heading{"退款时间", 20, moment}, func(_ models.Account, v models.Voucher) value { return value{at: v.RefundedAt} }},
}

// line is what is listed as the values of its columns, in line's own memory.
func line[T any](into []value, columns []column[T], a models.Account, v T) []value {
	into = into[:0]
	for i := range columns {
		into = append(into, columns[i].of(a, v))
	}
	return into
}

// untold stands for a code that the platform did not tell.
const untold = "券码不详"

func state(v models.Voucher) string {
	if v.UndoneAt.IsZero() {
		return "已核销"
	}
	return "已撤销"
}

// explained says what is to be known of a price.
func explained(v models.Voucher) string {
	if v.PriceShare {
		return "次卡均摊"
	}
	return ""
}

// undoneBy is who undid a coupon; "" where that was at the platform.
func undoneBy(v models.Voucher) string {
	if !v.UndoneAt.IsZero() && v.UndoUser == "" {
		return "在平台上撤销"
	}
	return v.UndoUser
}

// counted is what a voucher adds to the takings.
func counted(v models.Voucher) value {
	if v.UndoneAt.IsZero() {
		return price(v.Price)
	}
	return value{}
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprint(n)
}
