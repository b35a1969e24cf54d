package douyin

import "yanquan/internal/httpcall"

// Class says what kind of failure an [Error] is, which is to say: what is known
// about the call's effect.
type Class string

const (
	// Refused: the platform decided, nothing was changed. Reason says why.
	Refused Class = "refused"
	// Held: the platform's risk control keeps the verify back (1229). It is not
	// done and not refused: within 48 hours it is done by itself, or let go.
	Held Class = "held"
	// SessionExpired: the access token is not taken, nor was a newer one; nothing
	// was changed.
	SessionExpired Class = "session_expired"
	// Reauthorize: the merchant must authorise the application; nothing was changed.
	Reauthorize Class = "reauthorize"
	// Throttled: rate limit; nothing was changed.
	Throttled Class = "throttled"
	// Unavailable: the call certainly did not reach the platform's business logic
	// (no connection, no access token to be had); nothing was changed.
	Unavailable Class = "unavailable"
	// UnknownOutcome: the call may or may not have had its effect: time-out,
	// connection lost after sending, an answer that is not the platform's or cannot
	// be read, an undocumented code, a success that tells nothing or of
	// others ([OtherCode]), or a part of it only ([PartlyVerified]). A call that has
	// no effect (see [Call.Changes]) can end so too: its answer is lost, nothing else.
	UnknownOutcome Class = "unknown_outcome"
	// Misconfigured: our request is wrong (parameters, key, capability); nothing was
	// changed and no repeat will help.
	Misconfigured Class = "misconfigured"
)

// Error makes a Class a sentinel: errors.Is(err, douyin.UnknownOutcome).
func (c Class) Error() string { return "douyin: " + string(c) }

// Reason says why.
type Reason string

const (
	AlreadyUsed    Reason = "already_used"    // 1208, and 2 as the result of a row
	NotFound       Reason = "not_found"       // 1212, 1263, 1033000519, 3100101
	Undecryptable  Reason = "undecryptable"   // 1221: the QR code must be scanned again
	RiskHeld       Reason = "risk_held"       // 1229, class Held
	CountTooLarge  Reason = "count_too_large" // 1241
	Expired        Reason = "expired"         // 1250: expired or void
	HasUndone      Reason = "has_undone"      // 1265: one of the coupons was undone
	GivenAway      Reason = "given_away"      // 2119006: on its way to a friend
	Unpaid         Reason = "unpaid"          // 2119007: the customer is ordering and has not paid
	CodeOutdated   Reason = "code_outdated"   // 45005117: the customer must open the order's page again
	WrongShop      Reason = "wrong_shop"      // 3000002
	UndoTooLate    Reason = "undo_too_late"   // 2034000910
	BadRequest     Reason = "bad_request"     // class Misconfigured
	NotGranted     Reason = "not_granted"     // 2190004, class Misconfigured: the application lacks the capability
	Banned         Reason = "banned"          // 2119008, class Misconfigured
	Withdrawn      Reason = "withdrawn"       // 2119010, class Misconfigured: no such interface any more
	PlatformFault  Reason = "platform_fault"  // 5000001, class UnknownOutcome: the platform must be asked, with the trace id
	PartlyVerified Reason = "partly_verified" // class UnknownOutcome: Error.Rows has what is told of each coupon
	NoRecord       Reason = "no_record"       // a success with nothing in it
	OtherCode      Reason = "other_code"      // class UnknownOutcome: a success that tells of others, or of more or fewer
	Incomplete     Reason = "incomplete"      // class UnknownOutcome: the answer to a verify or a cancel without the part that would say which refusal, or that it is a success
	BadLink        Reason = "bad_link"        // not the link of a voucher
	Other          Reason = "other"           // an undocumented code
)

// Error is every failure of a call. It never contains a token, a secret or an
// encrypted code.
type Error struct {
	Platform string
	Call     Call // CallToken where no access token could be had for a call that was not sent
	Class    Class
	Reason   Reason

	Code       string // the platform's code as text, "" where there was no answer
	SubCode    string // the finer one
	Message    string // the platform's words, for operators; not for staff
	TraceID    string // logid, to quote in a ticket
	HTTPStatus int

	Rows []Verified // verify: what the answer tells of each coupon

	Err error // the cause below, already free of secrets
}

func (e *Error) Error() string {
	r := httpcall.Report{
		Platform: e.Platform, Call: string(e.Call), Class: string(e.Class), Reason: string(e.Reason),
		Code: e.Code, Message: e.Message, TraceID: e.TraceID, HTTPStatus: e.HTTPStatus, Err: e.Err,
	}
	if e.SubCode != "" {
		r.Code += "/" + e.SubCode
	}
	return r.String()
}

// Unwrap gives the cause, e.g. context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the error's [Class].
func (e *Error) Is(target error) bool {
	c, ok := target.(Class)
	return ok && c == e.Class
}

// Call names one interface of the platform.
type Call string

const (
	CallToken   Call = "client_token"
	CallPrepare Call = "prepare"
	CallVerify  Call = "verify"
	CallCancel  Call = "cancel"
	CallGet     Call = "get"
	CallQuery   Call = "query"
	CallRecords Call = "verify_record"
	CallShops   Call = "shops"
	CallLedger  Call = "ledger"
	CallLink    Call = "link" // a short link, followed one step
)

// Changes reports whether the call has an effect: on coupons, or on the token.
func (c Call) Changes() bool { return c == CallVerify || c == CallCancel || c == CallToken }
