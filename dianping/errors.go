package dianping

import (
	"time"

	"yanquan/internal/httpcall"
)

// Class says what kind of failure an [Error] is, which is to say: what is known
// about the call's effect.
type Class string

const (
	// Refused: the platform decided, nothing was changed. Reason says why.
	Refused Class = "refused"
	// SessionExpired: the access token must be refreshed; nothing was changed.
	SessionExpired Class = "session_expired"
	// Reauthorize: the merchant must authorise again; nothing was changed.
	Reauthorize Class = "reauthorize"
	// Throttled: rate limit; nothing was changed.
	Throttled Class = "throttled"
	// Unavailable: the call certainly did not reach the platform's business
	// logic (no connection, or the gateway says so); nothing was changed.
	Unavailable Class = "unavailable"
	// UnknownOutcome: the call may or may not have had its effect: time-out,
	// connection lost after sending, 5xx, a body that is not the platform's or
	// cannot be read, an undocumented code, a success that tells
	// nothing or of others ([OtherCode]), or a part of it only ([PartlyConsumed]).
	// A call that has no effect (see [Call.Changes]) can end so too: its answer is
	// lost, nothing else.
	UnknownOutcome Class = "unknown_outcome"
	// Misconfigured: our request is wrong (signature, permission, parameters);
	// nothing was changed and no repeat will help.
	Misconfigured Class = "misconfigured"
	// Unsupported: this generation of the platform has no such call.
	Unsupported Class = "unsupported"
)

// Error makes a Class a sentinel: errors.Is(err, dianping.UnknownOutcome).
func (c Class) Error() string { return "dianping: " + string(c) }

// Reason says why the platform refused.
type Reason string

const (
	AlreadyUsed      Reason = "already_used"     // 1008
	NotFound         Reason = "not_found"        // 1006
	Expired          Reason = "expired"          // 1009
	NotYetValid      Reason = "not_yet_valid"    // 1015
	WrongShop        Reason = "wrong_shop"       // 1012
	Refunding        Reason = "refunding"        // 1010
	RefundRequested  Reason = "refund_requested" // 1011
	UndoTooLate      Reason = "undo_too_late"    // 1029
	CodeReplaced     Reason = "code_replaced"    // 1141
	CountTooLarge    Reason = "count_too_large"  // 1017
	BadCount         Reason = "bad_count"        // 1018
	PartlyConsumed   Reason = "partly_consumed"  // 1004, class UnknownOutcome: Error.Receipts has the rows; the rest must be asked for
	OutOfStock       Reason = "out_of_stock"     // 1003
	WrongPassword    Reason = "wrong_password"   // 1007
	Duplicate        Reason = "duplicate"        // 1013
	ShopLinkWrong    Reason = "shop_link_wrong"  // 1014
	ThirdParty       Reason = "third_party"      // 1016
	WrongAccountKind Reason = "wrong_account"    // 1019
	ShopMissing      Reason = "shop_missing"     // 1020, 1025
	BadOperator      Reason = "bad_operator"     // 1021, 1022
	Marketing        Reason = "marketing"        // 1023
	AccountFrozen    Reason = "account_frozen"   // 1024
	BadRequest       Reason = "bad_request"      // 1001
	VerifyFailed     Reason = "verify_failed"    // 1002
	ShopNotGranted   Reason = "shop_not_granted" // 645
	CodeSpent        Reason = "code_spent"       // class Reauthorize: the callback's code was used before, is too old or is none
	RefreshSpent     Reason = "refresh_spent"    // class Reauthorize: the refresh token was used before, is too old or is none
	NoRecord         Reason = "no_record"        // a success with nothing in it: the platform has no such record
	OtherCode        Reason = "other_code"       // class UnknownOutcome: a success that tells of other codes, or of more than were asked for
	Other            Reason = "other"            // an undocumented code; class UnknownOutcome where tokens were asked for
)

// Error is every failure of a call. It never contains a token, a secret or a
// full phone number.
type Error struct {
	Platform string
	Call     Call
	Class    Class
	Reason   Reason // where Class is Refused; also where the reason says another class

	Code       string // the platform's code as text, "" where there was no answer
	Message    string // the platform's words, for operators; not for staff
	TraceID    string // to quote in a ticket
	HTTPStatus int

	Receipt  *Receipt  // what a refusal told about the voucher, or nil
	UsedAt   time.Time // AlreadyUsed: when, where the platform told; Beijing zone
	Receipts []Receipt // rows of a partial success

	Err error // the cause below, already free of secrets
}

func (e *Error) Error() string {
	return httpcall.Report{
		Platform: e.Platform, Call: string(e.Call), Class: string(e.Class), Reason: string(e.Reason),
		Code: e.Code, Message: e.Message, TraceID: e.TraceID, HTTPStatus: e.HTTPStatus, Err: e.Err,
	}.String()
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
	CallPrepare         Call = "prepare"
	CallScanPrepare     Call = "scanprepare"
	CallConsume         Call = "consume"
	CallBatchConsume    Call = "batchconsume"
	CallReverseConsume  Call = "reverseconsume"
	CallGetConsumed     Call = "getconsumed"
	CallQueryListByDate Call = "querylistbydate"
	CallQueryByMobile   Call = "querybymobile"
	CallQueryShopDeal   Call = "queryshopdeal"

	CallAuthorize Call = "authorize" // the page, and the way back from it
	CallToken     Call = "token"     // /oauth/token: a code into tokens
	CallRefresh   Call = "refresh"   // the same path in the first generation, /oauth/refresh in the second
	CallShops     Call = "shops"     // session/scope, pageQueryPoiList
	CallNotice    Call = "notice"    // a message from the platform
)

// Changes reports whether the call has an effect: on vouchers, or on tokens.
func (c Call) Changes() bool {
	return c == CallConsume || c == CallBatchConsume || c == CallReverseConsume || c.grants()
}

// aboutVoucher reports whether the rows of the call's answer are vouchers whose
// own codes say what became of the call. A batch's rows have outcomes apart.
func (c Call) aboutVoucher() bool {
	switch c {
	case CallPrepare, CallScanPrepare, CallConsume, CallReverseConsume, CallGetConsumed:
		return true
	}
	return false
}

// grants reports whether the call hands out tokens.
func (c Call) grants() bool { return c == CallToken || c == CallRefresh }
