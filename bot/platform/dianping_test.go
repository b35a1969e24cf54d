package platform

import (
	"fmt"
	"slices"
	"testing"

	"yanquan/dianping"
)

// classes and reasons are all that the client can say.
var classes = []dianping.Class{
	dianping.Refused, dianping.SessionExpired, dianping.Reauthorize, dianping.Throttled, dianping.Unavailable,
	dianping.UnknownOutcome, dianping.Misconfigured, dianping.Unsupported,
}

var reasons = []dianping.Reason{
	"", dianping.AlreadyUsed, dianping.NotFound, dianping.Expired, dianping.NotYetValid, dianping.WrongShop, dianping.Refunding,
	dianping.RefundRequested, dianping.UndoTooLate, dianping.CodeReplaced, dianping.CountTooLarge, dianping.BadCount,
	dianping.PartlyConsumed, dianping.OutOfStock, dianping.WrongPassword, dianping.Duplicate, dianping.ShopLinkWrong,
	dianping.ThirdParty, dianping.WrongAccountKind, dianping.ShopMissing, dianping.BadOperator, dianping.Marketing,
	dianping.AccountFrozen, dianping.BadRequest, dianping.VerifyFailed, dianping.ShopNotGranted, dianping.NoRecord,
	dianping.OtherCode, dianping.Other,
}

// every judges all that the client can say to a call: nothing is proven but by the
// refusals that are named.
func every(t *testing.T, judge func(*dianping.Error) Proof, refused map[dianping.Reason]Proof) {
	t.Helper()
	for _, c := range classes {
		for _, r := range reasons {
			want := Unclear
			if p, ok := refused[r]; ok && c == dianping.Refused {
				want = p
			}
			if got := judge(&dianping.Error{Class: c, Reason: r}); got != want {
				t.Errorf("%s %s proves %q, want %q", string(c), r, got, want)
			}
		}
	}
}

func TestLookProof(t *testing.T) {
	t.Parallel()
	every(t, lookProof, map[dianping.Reason]Proof{
		dianping.AlreadyUsed: Used,
		dianping.NotFound:    Void, dianping.Expired: Void, dianping.NotYetValid: Void, dianping.Refunding: Void, dianping.RefundRequested: Void,
		dianping.CodeReplaced: Void, dianping.ThirdParty: Void, dianping.Marketing: Void, dianping.AccountFrozen: Void,
	})
	if p := lookProof(nil); p != Usable {
		t.Errorf("success proves %q", p)
	}
}

// A first consume is refused for good by what the platform decided, and by what
// did not let it through; not by what could be the echo of the call itself.
func TestConsumeProof(t *testing.T) {
	t.Parallel()
	first := func(e *dianping.Error) Proof { return consumeProof(e, false) }
	for _, c := range classes {
		for _, r := range reasons {
			want := Refused
			switch {
			case c == dianping.UnknownOutcome, r == dianping.NoRecord:
				want = Unclear
			case c == dianping.Refused && slices.Contains([]dianping.Reason{dianping.AlreadyUsed, dianping.Duplicate, dianping.CountTooLarge}, r):
				want = Used
			}
			if got := first(&dianping.Error{Class: c, Reason: r}); got != want {
				t.Errorf("%s %s proves %q, want %q", string(c), r, got, want)
			}
		}
	}
	again := func(e *dianping.Error) Proof { return consumeProof(e, true) }
	every(t, again, nil)
	part := &dianping.Error{Class: dianping.UnknownOutcome, Reason: dianping.PartlyConsumed, Receipts: []dianping.Receipt{{Code: "7992697494"}}}
	for name, judge := range map[string]func(*dianping.Error) Proof{"first": first, "again": again} {
		if p := judge(nil); p != Consumed {
			t.Errorf("%s: success proves %q", name, p)
		}
		if p := judge(part); p != Partly {
			t.Errorf("%s: a part proves %q", name, p)
		}
	}
}

func TestRecordProof(t *testing.T) {
	t.Parallel()
	every(t, recordProof, map[dianping.Reason]Proof{
		dianping.NoRecord: NotConsumed, dianping.NotFound: NotConsumed, dianping.VerifyFailed: NotConsumed, dianping.CodeReplaced: Replaced,
	})
	if p := recordProof(nil); p != Consumed {
		t.Errorf("success proves %q", p)
	}
}

func TestReverseProof(t *testing.T) {
	t.Parallel()
	first := func(e *dianping.Error) Proof { return reverseProof(e, false) }
	for _, c := range classes {
		for _, r := range reasons {
			want := Refused
			switch {
			case c == dianping.Refused && r == dianping.CodeReplaced:
				want = Undone
			case c == dianping.UnknownOutcome, r == dianping.NoRecord:
				want = Unclear
			}
			if got := first(&dianping.Error{Class: c, Reason: r}); got != want {
				t.Errorf("%s %s proves %q, want %q", string(c), r, got, want)
			}
		}
	}
	every(t, func(e *dianping.Error) Proof { return reverseProof(e, true) }, map[dianping.Reason]Proof{
		dianping.CodeReplaced: Undone, dianping.UndoTooLate: Refused, dianping.Expired: Refused, dianping.NotYetValid: Refused,
		dianping.Refunding: Refused, dianping.RefundRequested: Refused, dianping.ThirdParty: Refused, dianping.Marketing: Refused,
		dianping.AccountFrozen: Refused,
	})
	if p := first(nil); p != Undone {
		t.Errorf("success proves %q", p)
	}
}

// What people are told, and how what follows is timed.
func TestSaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		class                 dianping.Class
		reason                dianping.Reason
		why                   string
		silent, decided, lost bool
	}{
		{dianping.Refused, dianping.Expired, "expired", false, true, false},
		{dianping.Refused, dianping.Other, "other", false, true, false},
		{dianping.SessionExpired, "", Session, false, false, false},
		{dianping.Reauthorize, "", Session, false, false, false},
		{dianping.Throttled, "", Throttled, true, false, false},
		{dianping.Unavailable, "", Unreachable, true, false, true},
		{dianping.UnknownOutcome, "", Unreachable, true, false, true},
		{dianping.UnknownOutcome, dianping.OtherCode, Unreachable, false, false, true},
		{dianping.Misconfigured, "", Config, false, false, false},
		{dianping.Unsupported, "", Config, false, false, false},
	} {
		t.Run(fmt.Sprint(string(tt.class), tt.reason), func(t *testing.T) {
			s := said(dianping.CallPrepare, &dianping.Error{Class: tt.class, Reason: tt.reason, Code: "1", Message: " words ", TraceID: "t"})
			want := Said{
				Call: "prepare", Class: string(tt.class), Reason: string(tt.reason), Code: "1", Message: "words", TraceID: "t",
				Why: tt.why, Silent: tt.silent, Decided: tt.decided, Lost: tt.lost,
			}
			if s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
		})
	}
	if s := said(dianping.CallConsume, nil); s != (Said{Call: "consume"}) {
		t.Errorf("%+v", s)
	}
}

func TestCodeLike(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"7992697494": true, "12345678": true, "12345678901234567890": true,
		"1234567": false, "123456789012345678901": false, "79926974a4": false, " 7992697494": false, "": false,
	} {
		if CodeLike(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
