// Package dianping is a client for the group-buy voucher (团购券) interfaces of
// Meituan and Dianping.
//
// The platform has had two generations. Both are spoken here behind one
// [Client]:
//
//   - dianping (北极星, openapi.dianping.com): form fields, MD5 signature, one
//     session for many shops, snake_case. Withdrawn in July 2025; private
//     gateways still speak it.
//   - meituan (技术服务合作中心, api-open-cater.meituan.com, businessId 58): a
//     form with a JSON "biz" field, SHA-1 signature, one token per shop,
//     camelCase.
//
// What both need from a merchant, a session that renews itself, is obtained
// through an [Authorizer].
//
// Every failure is an [*Error] whose [Class] says what is known about the
// effect: a consume whose answer was lost is [UnknownOutcome], never a refusal.
package dianping

import (
	"context"
	"log/slog"
	"time"
)

// Names of the two generations, as used in configuration and errors.
const (
	Dianping = "dianping"
	Meituan  = "meituan"
)

// Client verifies and undoes vouchers on behalf of a shop. Implementations are
// safe for concurrent use. Errors are of type [*Error].
type Client interface {
	// Platform is [Dianping] or [Meituan].
	Platform() string

	// Prepare checks a typed code (输码验券校验). It has no effect. A refusal may
	// carry data: Error.Receipt then holds what the platform told, among it the
	// deal id that an undo needs. A success with nothing in it is [NoRecord].
	Prepare(ctx context.Context, shop Shop, code string) (Receipt, error)

	// ScanPrepare checks the text of a customer's QR code (扫码验券校验); one row
	// for each voucher that could be consumed. First generation only: the second
	// answers with class [Unsupported].
	ScanPrepare(ctx context.Context, shop Shop, qr string) ([]Receipt, error)

	// Consume verifies (验券). One row for each coupon consumed, at most as many as
	// were asked for and one of them with the asked code; with a count above one
	// the others name further codes of the same order. A success without any row,
	// or with others than these ([OtherCode]), is [UnknownOutcome].
	Consume(ctx context.Context, shop Shop, req ConsumeRequest) ([]Receipt, error)

	// BatchConsume verifies several codes of 次卡 in one call. There is one result
	// for each item of the request, in its order, with an outcome of its own; an
	// item the answer does not speak of is [UnknownOutcome]. First generation
	// only: the second generation's shape is not public, so it answers with class
	// [Unsupported].
	BatchConsume(ctx context.Context, shop Shop, req BatchConsumeRequest) ([]BatchResult, error)

	// ReverseConsume undoes a verification (撤销验券) within the platform's ten
	// minutes. The code is void afterwards; the customer's app shows a new one.
	// It has no idempotency key: after a doubt ask GetConsumed first. A success
	// without a row of the code or of its deal is [UnknownOutcome].
	ReverseConsume(ctx context.Context, shop Shop, req ReverseRequest) ([]Receipt, error)

	// GetConsumed tells who consumed a code and when (查询已验券信息). How the
	// platform says that a code is not consumed is not documented: as a success
	// with nothing in it ([NoRecord]), or as a refusal, with whatever code.
	// Refusals that speak of the shop ([WrongShop], [ShopNotGranted], …) do not
	// say that the code is unused.
	GetConsumed(ctx context.Context, shop Shop, code string) (Record, error)

	// QueryListByDate returns every verification of a Beijing calendar day, all
	// channels, all pages, without repeats.
	QueryListByDate(ctx context.Context, shop Shop, q ListQuery) ([]Record, error)

	// QueryByMobile returns the codes a customer holds for a deal.
	QueryByMobile(ctx context.Context, shop Shop, q MobileQuery) ([]string, error)

	// QueryShopDeal returns the shop's deals, all pages.
	QueryShopDeal(ctx context.Context, shop Shop) ([]Deal, error)
}

// Shop says for whom a call is made.
type Shop struct {
	ID      string // open_shop_uuid (first generation) or opBizCode (second; not sent)
	Session string // access token: session (first) or appAuthToken (second)
}

// LogValue keeps the token out of logs.
func (s Shop) LogValue() slog.Value { return slog.StringValue(s.ID) }

// String keeps the token out of formatted text.
func (s Shop) String() string { return s.ID }

// GoString keeps the token out of %#v.
func (s Shop) GoString() string { return "dianping.Shop{ID:" + s.ID + "}" }

// Operator is the person at the till; the platform records the two values and
// gives the account back in [Record].
type Operator struct {
	Account string // app_shop_account
	Name    string // app_shop_accountname
}

// ConsumeRequest is one verification.
type ConsumeRequest struct {
	RequestID string // idempotency key; at most 32 ASCII letters and digits; fixed for the life of the operation
	Code      string
	Count     int // coupons of the same order, 1 to 100
	Operator  Operator
}

// BatchConsumeRequest verifies several codes at once.
type BatchConsumeRequest struct {
	RequestID string
	Items     []BatchItem
	Operator  Operator
}

// BatchItem is one code of a batch.
type BatchItem struct {
	Code  string
	Count int
}

// BatchResult is the outcome for one code of a batch: Err is nil where it was
// consumed.
type BatchResult struct {
	Receipts []Receipt
	Err      *Error
}

// ReverseRequest undoes one code.
type ReverseRequest struct {
	Code     string
	DealID   int64 // deal_id (套餐), not the dealgroup's
	Operator Operator
}

// Receipt is a voucher as prepare, consume and reverseconsume tell it. Fields
// the platform left out are zero.
type Receipt struct {
	Code          string
	Count         int    // prepare: coupons of this order that can be consumed now; 1 where a success does not say
	OrderID       string // up to 24 digits
	DealID        int64
	DealGroupID   int64
	ProductItemID int64
	ProductType   int64
	Title         string
	Price         Fen  // of one coupon; of a 次卡 a visit's where the platform tells it, else the deal's
	PriceKnown    bool // false: no price was told that can be read, and Price is 0; a price of 0 is one
	MarketPrice   Fen  // 0: not known
	BizType       int  // 0 团购, 203 拼团, 205 次卡, 217 通兑标品
	TimesCard     bool // 次卡, or a 团购次卡 that is told as such: the code stays good from visit to visit
	Expires       time.Time
	Mobile        string // always masked, e.g. 138****0000
	Payments      []Payment
	ShopID        string
}

// Payment is one line of payment_detail. It is told per order: rows of several
// coupons of one order repeat the same list.
type Payment struct {
	ID         string
	Amount     Fen
	AmountType int
}

// Record is one verification in the platform's history.
type Record struct {
	Code          string
	DealID        int64
	DealGroupID   int64
	Title         string
	Price         Fen  // of the deal; whether that is a 次卡's or a visit's is not documented
	PriceKnown    bool // false: no price was told that can be read, and Price is 0; a price of 0 is one
	MarketPrice   Fen  // 0: not known
	VerifyAccount string
	VerifyChannel string // 15: a third-party system
	VerifyTime    time.Time
	BizType       int
	FlowID        string
	RefundStatus  string // second generation: 0 未使用, 1 已使用, 4 未消费退, 6 已消费退; empty: not told
}

// ListQuery selects a day of history.
type ListQuery struct {
	Date    time.Time // its calendar day in Beijing counts
	Type    int       // 0 团购, 1 非团购
	BizType int
}

// MobileQuery selects a customer's codes of one deal.
type MobileQuery struct {
	Mobile      string // 11 digits, or area code and number joined by "_"
	DealGroupID int64
	DealID      int64
	Platform    int // 1 点评, 2 美团
}

// Deal is something the shop sells.
type Deal struct {
	DealID         int64
	DealGroupID    int64
	Title          string
	Price          Fen // 0: not known
	MarketPrice    Fen
	Begins, Ends   time.Time
	ReceiptBegins  time.Time
	ReceiptExpires time.Time
	SaleStatus     string // 1 未开始, 2 售卖中, 3 售卖结束
}
