package dianping

import "errors"

// Repeatable reports whether a call that ended with err may be sent again with
// the same arguments, its RequestID among them, and says why, for logs. It does
// not say when: after [Throttled] and [Unavailable] a pause is due.
//
// The client itself repeats nothing.
func Repeatable(call Call, err error) (bool, string) {
	if err == nil {
		return false, "the call succeeded"
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false, "the failure is not the platform client's"
	}
	switch e.Class {
	case Refused:
		return false, "the platform decided"
	case SessionExpired:
		return false, "the access token must be refreshed first"
	case Reauthorize:
		return false, "the merchant must authorise again first"
	case Misconfigured:
		return false, "the request is wrong and would be again"
	case Unsupported:
		return false, "this generation of the platform has no such call"
	case Throttled:
		return true, "the platform did not take the call: too many"
	case Unavailable:
		return true, "the call did not reach the platform"
	case UnknownOutcome:
		switch {
		case !call.Changes():
			return true, "the call has no effect"
		case e.Reason == PartlyConsumed:
			return false, "some coupons are consumed: ask getconsumed for each first"
		case e.Reason == OtherCode:
			return false, "the answer is about other codes: ask getconsumed first"
		case call == CallReverseConsume:
			return false, "an undo has no idempotency key: ask getconsumed first"
		case call == CallToken:
			return false, "a code serves once: the merchant must authorise again"
		case call == CallRefresh:
			return true, "the old refresh token is taken again or refused"
		default:
			return true, "the request id keeps it from taking effect twice"
		}
	default:
		return false, "the class of the failure is not known"
	}
}
