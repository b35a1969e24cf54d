package dianping

import (
	"context"
	"fmt"
	"testing"
)

var everyCall = []Call{
	CallPrepare, CallScanPrepare, CallConsume, CallBatchConsume, CallReverseConsume,
	CallGetConsumed, CallQueryListByDate, CallQueryByMobile, CallQueryShopDeal,
}

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status      int
		code, sub   string
		class       Class // of a query
		reason      Reason
		changing    Class // of a call with an effect
		changReason Reason
	}{
		{200, "1001", "", Refused, BadRequest, Refused, BadRequest},
		{200, "1002", "", Refused, VerifyFailed, Refused, VerifyFailed},
		{200, "1003", "", Refused, OutOfStock, Refused, OutOfStock},
		{200, "1004", "", Refused, PartlyConsumed, UnknownOutcome, PartlyConsumed},
		{200, "1005", "", Refused, Other, UnknownOutcome, ""},
		{200, "1006", "", Refused, NotFound, Refused, NotFound},
		{200, "1007", "", Refused, WrongPassword, Refused, WrongPassword},
		{200, "1008", "", Refused, AlreadyUsed, Refused, AlreadyUsed},
		{200, "1009", "", Refused, Expired, Refused, Expired},
		{200, "1010", "", Refused, Refunding, Refused, Refunding},
		{200, "1011", "", Refused, RefundRequested, Refused, RefundRequested},
		{200, "1012", "", Refused, WrongShop, Refused, WrongShop},
		{200, "1013", "", Refused, Duplicate, Refused, Duplicate},
		{200, "1014", "", Refused, ShopLinkWrong, Refused, ShopLinkWrong},
		{200, "1015", "", Refused, NotYetValid, Refused, NotYetValid},
		{200, "1016", "", Refused, ThirdParty, Refused, ThirdParty},
		{200, "1017", "", Refused, CountTooLarge, Refused, CountTooLarge},
		{200, "1018", "", Refused, BadCount, Refused, BadCount},
		{200, "1019", "", Refused, WrongAccountKind, Refused, WrongAccountKind},
		{200, "1020", "", Refused, ShopMissing, Refused, ShopMissing},
		{200, "1021", "", Refused, BadOperator, Refused, BadOperator},
		{200, "1022", "", Refused, BadOperator, Refused, BadOperator},
		{200, "1023", "", Refused, Marketing, Refused, Marketing},
		{200, "1024", "", Refused, AccountFrozen, Refused, AccountFrozen},
		{200, "1025", "", Refused, ShopMissing, Refused, ShopMissing},
		{200, "1029", "", Refused, UndoTooLate, Refused, UndoTooLate},
		{200, "1141", "", Refused, CodeReplaced, Refused, CodeReplaced},
		{200, "645", "", Refused, ShopNotGranted, Refused, ShopNotGranted},
		{200, "608", "", SessionExpired, "", SessionExpired, ""},
		{200, "4711", "", Refused, Other, UnknownOutcome, ""},
		{200, "-1", "", Refused, Other, UnknownOutcome, ""},

		{200, "OP_UNIAUTH_FAILED", "3", Misconfigured, "", Misconfigured, ""},
		{200, "OP_UNIAUTH_FAILED", "4", SessionExpired, "", SessionExpired, ""},
		{200, "OP_UNIAUTH_FAILED", "5", Reauthorize, "", Reauthorize, ""},
		{200, "OP_UNIAUTH_FAILED", "19", Misconfigured, "", Misconfigured, ""},
		{200, "OP_UNIAUTH_FAILED", "22", Reauthorize, "", Reauthorize, ""},
		{200, "OP_UNIAUTH_FAILED", "", Misconfigured, "", Misconfigured, ""},
		{200, "OP_UNIAUTH_FAILED", "77", Misconfigured, "", Misconfigured, ""},
		{200, "OP_API_NOT_EXIST", "", Misconfigured, "", Misconfigured, ""},
		{200, "OP_API_GRANT_FAILED", "", Misconfigured, "", Misconfigured, ""},
		{200, "OP_SYSTEM_PARAM_ERROR", "", Misconfigured, "", Misconfigured, ""},
		{200, "OP_HTTP_UNSUPPORTED_METHOD_TYPE", "", Misconfigured, "", Misconfigured, ""},
		{200, "OP_UNIAUTH_REMOTE_ERROR", "", Unavailable, "", Unavailable, ""},
		{200, "OP_API_GRANT_REMOTE_ERROR", "", Unavailable, "", Unavailable, ""},
		{200, "OP_LIMITATION_REJECT", "", Throttled, "", Throttled, ""},
		{200, "OP_LIMITATION_ERROR", "", Throttled, "", Throttled, ""},
		{200, "OP_SYSTEM_ERROR", "", UnknownOutcome, "", UnknownOutcome, ""},
		{200, "OP_TIMEOUT", "", UnknownOutcome, "", UnknownOutcome, ""},
		{200, "OP_REMOTE_ERROR", "", UnknownOutcome, "", UnknownOutcome, ""},
		{200, "OP_RESULT_DSL_ERROR", "", UnknownOutcome, "", UnknownOutcome, ""},
		{200, "OP_CIRCUITBREAK", "", UnknownOutcome, "", UnknownOutcome, ""},
		{200, "OP_BIZ_ERROR", "", Refused, Other, UnknownOutcome, ""},
		{200, "OP_BRAND_NEW", "", Refused, Other, UnknownOutcome, ""},

		// Other statuses.
		{400, "1008", "", Refused, AlreadyUsed, Refused, AlreadyUsed},
		{403, "OP_API_GRANT_FAILED", "", Misconfigured, "", Misconfigured, ""},
		{403, "4711", "", Refused, Other, UnknownOutcome, ""},
		{404, "200", "", UnknownOutcome, "", UnknownOutcome, ""},
		{401, "OP_SUCCESS", "", UnknownOutcome, "", UnknownOutcome, ""},
		{429, "4711", "", Throttled, "", UnknownOutcome, ""},
		{429, "OP_LIMITATION_REJECT", "", Throttled, "", Throttled, ""},
		{403, "4711", "", Refused, Other, UnknownOutcome, ""},
		{429, "1008", "", Refused, AlreadyUsed, Refused, AlreadyUsed},
		{302, "1008", "", Misconfigured, "", UnknownOutcome, ""},
		{302, "200", "", UnknownOutcome, "", UnknownOutcome, ""},
		{500, "1008", "", Refused, AlreadyUsed, UnknownOutcome, ""},
		{500, "4711", "", UnknownOutcome, "", UnknownOutcome, ""},
		{503, "OP_LIMITATION_REJECT", "", Throttled, "", UnknownOutcome, ""},
		{500, "200", "", UnknownOutcome, "", UnknownOutcome, ""},
	}
	for _, tt := range tests {
		for _, call := range everyCall {
			wantClass, wantReason := tt.class, tt.reason
			if call.Changes() {
				wantClass, wantReason = tt.changing, tt.changReason
			}
			class, reason := classify(call, tt.status, tt.code, tt.sub)
			if class != wantClass || reason != wantReason {
				t.Errorf("%s, http %d, code %s/%s: got %q %q, want %q %q",
					call, tt.status, tt.code, tt.sub, string(class), reason, string(wantClass), wantReason)
			}
		}
	}
}

// TestStatusesOnTheWire: an answer without an envelope, an HTML page as the body.
func TestStatusesOnTheWire(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 301, 400, 401, 403, 404, 429, 500, 502} {
		b := answering(t, status, "<html>"+testSession+"</html>")
		for name, c := range b.both(t) {
			for call, do := range allCalls {
				e := failure(t, do(context.Background(), c, testShop))
				if e.Class == Unsupported {
					continue
				}
				if want := classifyBare(call, status); e.Class != want || e.HTTPStatus != status || e.Code != "" || e.Message != "" {
					t.Errorf("%s %s, http %d: got %v, want %s", name, call, status, e, string(want))
				}
			}
		}
		for _, o := range b.observed {
			if o.Err == nil {
				t.Errorf("http %d: observed a success of %s", status, o.Call)
			}
		}
	}
}

func TestAuthorisationFailureOnTheWire(t *testing.T) {
	t.Parallel()
	const body = `{"code":"OP_UNIAUTH_FAILED","msg":"鉴权失败","traceId":8531422235710213260,"data":{"code":4,"msg":"令牌已过期, 请使用 refresh_token 刷新"}}`
	for _, c := range answering(t, 200, body).both(t) {
		_, err := c.Prepare(context.Background(), testShop, "0123456789")
		e := failure(t, err)
		if e.Class != SessionExpired || e.Code != "OP_UNIAUTH_FAILED" || e.TraceID != "8531422235710213260" ||
			e.Message != "令牌已过期, 请使用 refresh_token 刷新 (4)" {
			t.Errorf("got %+v", e)
		}
	}
}

func TestRepeatable(t *testing.T) {
	t.Parallel()
	never := map[Class]bool{}
	always := map[Class]bool{}
	for _, c := range []Class{Refused, SessionExpired, Reauthorize, Misconfigured, Unsupported, Class("new")} {
		never[c] = true
	}
	for _, c := range []Class{Throttled, Unavailable} {
		always[c] = true
	}
	for _, call := range everyCall {
		for _, class := range []Class{Refused, SessionExpired, Reauthorize, Throttled, Unavailable, UnknownOutcome, Misconfigured, Unsupported, "new"} {
			want := always[class]
			if !never[class] && !always[class] { // unknown outcome
				want = call != CallReverseConsume
			}
			got, why := Repeatable(call, fmt.Errorf("wrapped: %w", &Error{Call: call, Class: class}))
			if got != want || why == "" {
				t.Errorf("%s after %s: got %v (%s), want %v", call, string(class), got, why, want)
			}
		}
		if got, _ := Repeatable(call, nil); got {
			t.Errorf("%s after success is repeatable", call)
		}
		if got, _ := Repeatable(call, context.Canceled); got {
			t.Errorf("%s after a foreign error is repeatable", call)
		}
		partly := &Error{Class: UnknownOutcome, Reason: PartlyConsumed}
		if got, _ := Repeatable(call, partly); got != !call.Changes() {
			t.Errorf("%s after a partial success: got %v", call, got)
		}
		other := &Error{Class: UnknownOutcome, Reason: OtherCode}
		if got, _ := Repeatable(call, other); got != !call.Changes() {
			t.Errorf("%s after an answer about another code: got %v", call, got)
		}
	}
}
