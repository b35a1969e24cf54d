package platform

import (
	"cmp"
	"slices"
	"strings"

	"yanquan/douyin"
)

// What the answers of Douyin prove. nil is success.

// douyinLook judges prepare. An empty list says that nothing can be used now: the code
// may be used, and the platform has no other word for that than for one it never knew.
func douyinLook(e *douyin.Error) Proof {
	switch {
	case e == nil:
		return Usable
	case e.Class == douyin.Held:
		return Held
	case e.Class != douyin.Refused:
		return Unclear
	case e.Reason == douyin.AlreadyUsed:
		return Used
	case slices.Contains([]douyin.Reason{
		douyin.NotFound, douyin.NoRecord, douyin.Expired, douyin.HasUndone, douyin.GivenAway, douyin.Unpaid,
	}, e.Reason):
		return Void
	}
	return Unclear
}

// douyinConsume judges verify. Its rows are believed where each says success and has what
// an undo needs; all else is for the order to say, which has every use. Where risk control
// keeps a coupon back, the verify has no end yet, whatever became of the others.
func douyinConsume(e *douyin.Error, rows []douyin.Verified, again bool) Proof {
	switch {
	case e == nil:
		for _, r := range rows {
			if r.Result != "0" || r.ID == "" || r.CertificateID == "" {
				return Used
			}
		}
		return Consumed
	case e.Class == douyin.Held, slices.ContainsFunc(e.Rows, func(v douyin.Verified) bool { return v.Result == rowHeld }):
		return Held
	case e.Reason == douyin.PartlyVerified, e.Reason == douyin.OtherCode: // something was used
		return Used
	case again, e.Class == douyin.UnknownOutcome, e.Reason == douyin.NoRecord:
		return Unclear
	case e.Class == douyin.Refused && e.Reason == douyin.AlreadyUsed:
		return Used
	}
	return Refused
}

// rowHeld is the result of a coupon that risk control keeps back.
const rowHeld = "1229"

// DouyinVerify is the name of the call that consumes.
const DouyinVerify = string(douyin.CallVerify)

// DouyinMayHold judges, by the answers to a verify and its repeats, whether risk control
// may keep it back: one told so, or was lost, or a part of it. A refusal of a repeat proves nothing: the
// key may be spent by the call that was lost.
func DouyinMayHold(answers []Said) bool {
	return slices.ContainsFunc(answers, func(s Said) bool {
		class := douyin.Class(s.Class)
		lost := s.Reason == "" || s.Reason == string(douyin.Incomplete)
		return class == douyin.Held || class == douyin.UnknownOutcome && lost
	})
}

// douyinEcho: a refusal that the same verify, sent twice on its way, may meet the second
// time: the token is spent, and with it the encrypted codes; or it is one call too many.
func douyinEcho(e *douyin.Error) bool {
	return e != nil && (e.Class == douyin.Throttled || slices.Contains([]douyin.Reason{
		douyin.BadRequest, douyin.NotFound, douyin.CountTooLarge, douyin.Undecryptable, douyin.CodeOutdated, douyin.HasUndone,
	}, e.Reason))
}

// douyinReverse judges cancel. Before it is sent again, the use is known to stand; so a
// refusal for a reason of the coupon's counts. That a use is undone already has no code
// of its own.
func douyinReverse(e *douyin.Error, again bool) Proof {
	switch {
	case e == nil:
		return Undone
	case e.Class == douyin.UnknownOutcome, e.Class == douyin.Held, e.Reason == douyin.NoRecord:
		return Unclear
	case !again, e.Class == douyin.Refused && e.Reason == douyin.UndoTooLate:
		return Refused
	}
	return Unclear
}

// douyinBooks judges the question for an order by its certificates: the uses that stand,
// all of them, or that it cannot be told.
func douyinBooks(e *douyin.Error, asked []douyin.Certificate, whole bool) (Proof, []douyin.Verification) {
	if e != nil || !whole {
		return Unclear, nil
	}
	var all []douyin.Verification
	for _, c := range asked {
		uses, certain := standing(c)
		if !certain {
			return Unclear, nil
		}
		all = append(all, uses...)
	}
	if len(all) == 0 {
		return NotConsumed, nil
	}
	return Consumed, all
}

// douyinRemaining judges the question for an order of which something was used: what can
// be used now of a deal, 0 being any. An order that shows no use, and nothing that is left,
// is not told whole.
func douyinRemaining(e *douyin.Error, list []douyin.Certificate, deal int64) (proof Proof, left int, card bool) {
	books, _ := douyinBooks(e, list, len(list) > 0)
	if books == Unclear {
		return Unclear, 0, false
	}
	for _, c := range list {
		if id := number(c.SKU.ID); id != 0 && deal != 0 && id != deal {
			continue
		}
		if uses, _ := standing(c); c.TimesCard == nil && len(uses) > 0 { // whose status may not be told
			continue
		}
		left += c.Left()
		card = card || c.TimesCard != nil
	}
	switch {
	case left > 0:
		return Usable, left, card
	case books == Consumed:
		return Used, 0, card
	}
	return Void, 0, card
}

// standing are the uses of a coupon that were not undone, oldest first. The platform may
// go on showing those that were; certain says that the others are all there are.
func standing(c douyin.Certificate) (uses []douyin.Verification, certain bool) {
	uses = told(c)
	slices.SortStableFunc(uses, func(a, b douyin.Verification) int { return a.At.Compare(b.At) })
	if c.TimesCard != nil {
		return ofCard(c, uses)
	}
	switch c.Status {
	case douyin.Unused, douyin.StatusInitial:
		return nil, true
	case douyin.Used:
		return latest(uses), len(uses) > 0 // without: risk control holds it, or more is to come
	case douyin.StatusUnknown:
		return latest(uses), len(uses) == 0 || canCancel(uses[len(uses)-1])
	}
	return latest(uses), true // refunded, whether used or not
}

// told are the uses that are told of a coupon: of the last one in a place of its own, where
// the others may not be.
func told(c douyin.Certificate) []douyin.Verification {
	uses := slices.Clone(c.Records)
	if c.Last != nil && !slices.ContainsFunc(uses, func(v douyin.Verification) bool { return v.ID == c.Last.ID }) {
		uses = append(uses, *c.Last)
	}
	return uses
}

// ofCard are those of a 次卡, by the number that it counts. Of two uses with one serial
// number the first was undone; so was one that cannot be undone any more while as many
// as are counted can.
func ofCard(c douyin.Certificate, uses []douyin.Verification) ([]douyin.Verification, bool) {
	if c.TimesCard.Count <= 0 {
		return uses, false
	}
	bySerial := slices.DeleteFunc(slices.Clone(uses), func(v douyin.Verification) bool {
		return v.Serial > 0 && slices.ContainsFunc(uses, func(o douyin.Verification) bool {
			return o.ID != v.ID && o.Serial == v.Serial && later(uses, o, v)
		})
	})
	open := slices.DeleteFunc(slices.Clone(uses), func(v douyin.Verification) bool { return !canCancel(v) })
	for _, list := range [][]douyin.Verification{uses, bySerial, open} {
		if len(list) == c.TimesCard.Used {
			return list, true
		}
	}
	return uses, false
}

func later(uses []douyin.Verification, a, b douyin.Verification) bool {
	at := func(v douyin.Verification) int {
		return slices.IndexFunc(uses, func(o douyin.Verification) bool { return o.ID == v.ID })
	}
	return at(a) > at(b)
}

func latest(uses []douyin.Verification) []douyin.Verification { return uses[max(0, len(uses)-1):] }

func canCancel(v douyin.Verification) bool { return v.CanCancel != nil && *v.CanCancel }

// throughInterface is the verify_type of interfaces like this one; 0 is not told.
const throughInterface = 4

// interfaceName is the verifier of such a use.
const interfaceName = "开放平台API"

func byInterface(v douyin.Verification) bool {
	return v.Type == throughInterface || v.Verifier == interfaceName
}

// elsewhere reports whether a use was certainly made otherwise than by us at a shop.
func elsewhere(v douyin.Verification, shop string) bool {
	return v.Type != 0 && !byInterface(v) || v.ShopID != "" && v.ShopID != shop
}

// unnamed reports whether a use at a shop was made in another way, by no named person. How one
// is told that was held by risk control is not known.
func unnamed(v douyin.Verification, shop string) bool {
	return v.Type != 0 && !byInterface(v) && v.Verifier == "" && (v.ShopID == "" || v.ShopID == shop)
}

// verifier is who is told of a use; the interface names itself.
func verifier(v douyin.Verification) string {
	if byInterface(v) {
		return ""
	}
	return v.Verifier
}

// douyinSaid notes an answer for the record.
func douyinSaid(call douyin.Call, e *douyin.Error) Said {
	if e == nil {
		return Said{Call: string(call)}
	}
	s := Said{
		Call: string(call), Class: string(e.Class), Reason: string(e.Reason), Why: string(e.Reason),
		Code: cmp.Or(e.SubCode, e.Code), Message: strings.TrimSpace(e.Message), TraceID: e.TraceID,
	}
	switch e.Class {
	case douyin.Refused:
		s.Decided = true
		if e.Reason == douyin.NoRecord {
			s.Why = NotFound
		}
		if e.Reason == douyin.NoRecord && call == douyin.CallPrepare { // as of a code that was never one
			s.Reason = NotFound
		}
	case douyin.Held:
		s.Why, s.Decided = RiskHeld, true
	case douyin.Reauthorize:
		s.Why = Session
	case douyin.Misconfigured:
		s.Why = Config
	case douyin.SessionExpired: // the application's own token, which is renewed by itself
		s.Why, s.Silent = Unreachable, true
	case douyin.Throttled:
		s.Why, s.Silent = Throttled, true
	default:
		s.Why, s.Silent = Unreachable, e.Reason == ""
		s.Lost = !call.Changes() && e.Reason == ""
	}
	return s
}
