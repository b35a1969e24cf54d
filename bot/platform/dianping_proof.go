package platform

import (
	"slices"
	"strings"

	"yanquan/dianping"
)

// What the answers of Meituan/Dianping prove. nil is success.

// lookProof judges prepare.
func lookProof(e *dianping.Error) Proof {
	switch {
	case e == nil:
		return Usable
	case e.Class != dianping.Refused:
		return Unclear
	case e.Reason == dianping.AlreadyUsed:
		return Used
	case ofTheCode(e.Reason):
		return Void
	}
	return Unclear
}

// consumeProof judges consume. Prepare has just said that the coupon can be
// consumed. So a first answer that says otherwise may be the echo of the same
// call, repeated on the way, after it took effect.
func consumeProof(e *dianping.Error, again bool) Proof {
	switch {
	case e == nil:
		return Consumed
	case e.Reason == dianping.PartlyConsumed && len(e.Receipts) > 0:
		return Partly
	case again || e.Class == dianping.UnknownOutcome || e.Reason == dianping.NoRecord:
		return Unclear
	case e.Class == dianping.Refused && taken(e.Reason):
		return Used
	}
	return Refused
}

// recordProof judges getconsumed. How it says that a coupon is not consumed is
// not documented: by nothing at all, or by a refusal. An undocumented code
// may mean that, or anything.
func recordProof(e *dianping.Error) Proof {
	switch {
	case e == nil:
		return Consumed
	case e.Class != dianping.Refused:
		return Unclear
	case e.Reason == dianping.CodeReplaced:
		return Replaced
	}
	switch e.Reason {
	case dianping.NoRecord, dianping.NotFound, dianping.VerifyFailed:
		return NotConsumed
	}
	return Unclear
}

// reverseProof judges reverseconsume. Before it is sent again, the coupon is
// known to be consumed still; so a refusal for a reason of the coupon's counts.
func reverseProof(e *dianping.Error, again bool) Proof {
	switch {
	case e == nil:
		return Undone
	case e.Class == dianping.Refused && e.Reason == dianping.CodeReplaced: // by whomever
		return Undone
	case e.Class == dianping.UnknownOutcome, e.Reason == dianping.NoRecord:
		return Unclear
	case !again, e.Class == dianping.Refused && (e.Reason == dianping.UndoTooLate || ofTheCode(e.Reason) && !echo(e.Reason)):
		return Refused
	}
	return Unclear
}

// ofTheCode: a refusal that speaks of the coupon as such, so that no shop can
// consume it and we cannot have.
func ofTheCode(r dianping.Reason) bool {
	return slices.Contains([]dianping.Reason{
		dianping.NotFound, dianping.Expired, dianping.NotYetValid, dianping.Refunding, dianping.RefundRequested,
		dianping.CodeReplaced, dianping.ThirdParty, dianping.Marketing, dianping.AccountFrozen,
	}, r)
}

// taken: a refusal that says that what was to be consumed is gone.
func taken(r dianping.Reason) bool {
	return r == dianping.AlreadyUsed || r == dianping.Duplicate || r == dianping.CountTooLarge
}

// repeated: a refusal that a second consume with the same request id may meet where
// the first took effect, or as one call too many; what it is answered with is not
// documented.
func repeated(e *dianping.Error) bool {
	return e != nil && (e.Class == dianping.Throttled || e.Class == dianping.Refused && slices.Contains([]dianping.Reason{
		dianping.VerifyFailed, dianping.OutOfStock, dianping.WrongPassword, dianping.NotFound,
	}, e.Reason))
}

// echo: a refusal that a second reverseconsume meets where the first took effect.
func echo(r dianping.Reason) bool {
	return r == dianping.VerifyFailed || r == dianping.NotFound || r == dianping.Other
}

// said notes an answer for the record.
func said(call dianping.Call, e *dianping.Error) Said {
	if e == nil {
		return Said{Call: string(call)}
	}
	s := Said{
		Call: string(call), Class: string(e.Class), Reason: string(e.Reason), Why: string(e.Reason),
		Code: e.Code, Message: strings.TrimSpace(e.Message), TraceID: e.TraceID,
	}
	switch e.Class {
	case dianping.Refused:
		s.Decided = true
	case dianping.SessionExpired, dianping.Reauthorize:
		s.Why = Session
	case dianping.Throttled:
		s.Why, s.Silent = Throttled, true
	case dianping.Misconfigured, dianping.Unsupported:
		s.Why = Config
	default:
		s.Why, s.Silent = Unreachable, e.Reason == ""
		s.Lost, _ = dianping.Repeatable(call, e)
	}
	return s
}
