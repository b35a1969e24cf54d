// Package platform says what the bot needs of any voucher platform, and adapts
// each platform's client to it: what a code may be, what an answer proves.
//
// A [Shop] answers every call with a value that says what it proves, never with
// an error to be judged elsewhere. What is proven is judged by pure functions,
// one for each kind of call, with a table over everything the client can say.
// What only the platform understands travels as data: [Voucher.Ticket] from a
// look to the consume, [Coupon.Handle] from the consume to the undo.
package platform

import (
	"context"
	"regexp"
	"time"

	"yanquan/dianping"
)

// Shop is a shop at its platform, with its session. It is safe for concurrent
// use and repeats nothing by itself.
type Shop interface {
	// Look asks what a code is worth. It has no effect.
	Look(ctx context.Context, code string) Looked

	// Remaining asks what can still be consumed with the code of a coupon that was
	// consumed here: Usable, with what is left; Used or Void, where nothing is. It has no
	// effect.
	Remaining(ctx context.Context, c Coupon) Looked

	// Scan asks which vouchers a customer's QR code stands for. It has no effect.
	Scan(ctx context.Context, qr string) Scanned

	// Consume verifies. again says that a call with the same RequestID may have
	// taken effect: then a refusal proves nothing.
	Consume(ctx context.Context, o Order, again bool) Consumption

	// Record asks for the verification of a coupon. It has no effect.
	Record(ctx context.Context, c Coupon) Recorded

	// Reverse undoes the verification of a coupon. again says that an earlier call
	// may have taken effect: no platform promises to tell the two apart, so it is
	// for the caller to know that the coupon is still consumed.
	Reverse(ctx context.Context, c Coupon, by Operator, again bool) Reversal

	// History lists what was verified at the shop, through any channel, on the
	// days of these times. It has no effect.
	History(ctx context.Context, on ...time.Time) Listed

	// Day lists a day for the accounts: what was verified at the shop, through any
	// channel, also what was undone since, where the platform goes on telling that. It
	// has no effect.
	Day(ctx context.Context, day time.Time) Listed

	// Shares tells who pays what for single coupons that were consumed, by their Handle;
	// what the platform does not tell, or not yet, is left out. It has no effect.
	Shares(ctx context.Context, handles []string) (map[string]Paid, Said)

	// UndoWindow is how long after a verification it can be undone.
	UndoWindow() time.Duration
}

// Proof is what an answer proves. The zero value is no proof.
type Proof string

const (
	// Unclear: the answer was lost, contradicts itself, or speaks of something
	// else than the coupon.
	Unclear Proof = ""

	// Usable (look): the coupon can be consumed now.
	Usable Proof = "usable"
	// Void (look): no shop can consume the coupon, for a reason of its
	// own, and is not consumed either.
	Void Proof = "void"
	// Used (look, consume): the coupon is consumed, by whomever. As the answer to
	// a consume it may be the echo of that very call, sent twice by a proxy.
	Used Proof = "used"

	// Held (look, consume): the platform keeps it back. It is not consumed, may be by
	// itself until the platform lets it go, and no other call consumes it.
	Held Proof = "held"

	// Consumed (consume, record): it is consumed: by this request; as the record
	// says.
	Consumed Proof = "consumed"
	// Partly (consume): the coupons that are told are consumed by this request,
	// the others are not.
	Partly Proof = "partly"
	// NotConsumed (record): the platform knows of no verification.
	NotConsumed Proof = "not_consumed"
	// Replaced (record): the verification was undone, and the code died with it.
	Replaced Proof = "replaced"

	// Undone (reverse): it is not consumed any more.
	Undone Proof = "undone"

	// Refused (consume, reverse): nothing was changed, and nothing will be.
	Refused Proof = "refused"
)

// Said is what the platform said to a call, for the record.
type Said struct {
	Call                   string // the platform's name of it
	Class, Reason          string // of the failure, as the client has them; Class "" for success
	Code, Message, TraceID string // the platform's own; not for staff

	// Why is the reason for people: one of this package's, or Reason.
	Why string
	// Silent: it was no answer of the platform's business: lost, not reached,
	// turned away for the load.
	Silent bool
	// Decided: the platform's business understood the call and refused it.
	Decided bool
	// Lost: an answer may come if a call without effect is sent again at once.
	Lost bool
}

// Reasons beside the platforms' own, where a call failed for what has nothing to
// do with the coupon.
const (
	Session     = "session"       // the merchant's authorisation must be renewed
	Throttled   = "throttled"     // too many calls
	Unreachable = "unavailable"   // no answer
	Config      = "misconfigured" // our request is wrong, or the platform has no such call
)

// Reasons of the platforms that the bot acts upon.
const (
	NotFound     = "not_found"
	CodeReplaced = "code_replaced"
	PartlyDone   = "partly_consumed"
	UndoTooLate  = "undo_too_late"
	AlreadyUsed  = "already_used"
	WrongShop    = "wrong_shop"
	RiskHeld     = "risk_held"     // see [Held]
	Refunded     = "refunded"      // its money was given back
	RefundFailed = "refund_failed" // …was to be, and could not
	NoHandle     = "undo_ids_lost" // the ids by which it would be undone are lost
	TooMany      = "count_left"    // more than is left was asked for
)

// ByLength lists the platforms, by their names in accounts, whose codes have so many
// digits; none: the length says nothing.
func ByLength(digits int) []string {
	switch digits {
	case 10:
		return []string{dianping.Dianping, dianping.Meituan}
	case 15:
		return []string{DouyinName}
	}
	return nil
}

// Looked is the answer to a look: Usable, Used, Void, Held or Unclear.
type Looked struct {
	Said
	Proves  Proof
	Voucher Voucher   // Code "": nothing was told
	UsedAt  time.Time // Used: when, where that was told
}

// Scanned is the answer to a scan; vouchers of one order and deal are one.
type Scanned struct {
	Said
	Vouchers    []Voucher
	Unsupported bool // the platform knows no QR codes
}

// Consumption is the answer to a consume. The first with a RequestID proves
// Consumed, Partly, Used, Held, Refused or Unclear; one sent again Consumed, Partly,
// Held or Unclear, or Used where the platform says so of coupons that may be its own.
type Consumption struct {
	Said
	Proves   Proof
	Doubtful bool     // Refused, as a consume sent twice would be the second time, by a proxy say
	Coupons  []Coupon // Consumed: at least one; Partly: what was consumed
}

// Recorded is the answer to the question for a record: Consumed, NotConsumed,
// Replaced or Unclear.
//
// Complete: the platform tells every use of what was asked about that stands, ours or
// not (Uses), and how many of it can be used now (Left). Then neither a look nor a list
// could add to it. Without Complete, Record is the one that was told.
type Recorded struct {
	Said
	Proves   Proof
	Record   Record
	Complete bool
	Uses     []Record
	Left     int
}

// Reversal is the answer to an undo: Undone, Refused or Unclear. Doubtful: a
// refusal that an undo sent twice, by a proxy say, would meet as well.
type Reversal struct {
	Said
	Proves   Proof
	Doubtful bool
}

// Listed is the answer to the question for a history.
type Listed struct {
	Said
	Known   bool // the list could be read
	Partial bool // a part of it was refused
	Records []Record
}

// Voucher is what a platform tells of a coupon before it is consumed.
type Voucher struct {
	Code                string
	Left                int  // how many of its order, or visits, can be consumed now; 0: not told
	Reusable            bool // known to stay good after a visit (次卡)
	OfOrder             bool // the code stands for its order: what is used next may be another coupon
	OrderID             string
	DealID, DealGroupID int64 // what is sold
	Title, Mobile       string
	PriceFen, MarketFen int64 // 0: not told
	PriceKnown          bool
	PriceShare          bool // of one use, computed from the price of the whole card
	Expires             time.Time
	Ticket              string // what consume needs of this look

	// Where a code stands for coupons of several products, each is a voucher of its own here,
	// and what they are in has no ticket: which is used is for a person to say. One with
	// another Code is consumed by that.
	Products []Voucher
	Product  string // the platform's id of what is sold, digits; "": not told
}

// Coupon is one code of what was consumed.
type Coupon struct {
	Code                string
	OrderID             string
	DealID, DealGroupID int64
	PriceFen            int64
	PriceKnown          bool
	PriceShare          bool   // as in [Voucher]
	Payments            string // JSON, of the whole order
	Ticket              string // of the look before the consume
	Handle              string // what an undo needs of the consume; a record is then that of this very use
	Count               int    // asked for together with it; 0 is 1
}

// Order is one verification.
type Order struct {
	RequestID string // fixed for life; 32 characters [0-9a-z]
	Code      string
	Count     int
	OrderID   string
	Ticket    string
	By        Operator
}

// Record is one verification in a platform's books.
type Record struct {
	Code                string
	At                  time.Time // zero: not told
	Account             string    // of the operator
	Channel             string    // how it was made, in the platform's words
	Interface           bool      // known to be made through an interface like this one
	Foreign             bool      // known to be made otherwise
	Unnamed             bool      // Foreign, by no named person, at our shop: risk control may have let it through
	Title               string
	DealID, DealGroupID int64
	PriceFen            int64
	PriceKnown          bool
	PriceShare          bool // as in [Voucher]
	Reusable            bool
	Handle              string
	Undone              bool   // since; only a Day has such
	RefundStatus        string // the platform's; "": not told
	Refunded            bool   // the platform says that the money was given back
}

// Paid is who pays what, in fen, before the platform's commission.
type Paid struct {
	Customer, Merchant int64 // what the customer paid, and the merchant bears
	Total              int64 // with what the platform bears
}

// Operator is the person at the counter, as the platform records them.
type Operator struct{ Account, Name string }

// CodeLike reports whether a text has the form of a voucher code.
func CodeLike(text string) bool { return codeForm.MatchString(text) }

var codeForm = regexp.MustCompile(`^[0-9]{8,20}$`)
