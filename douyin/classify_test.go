package douyin

import (
	"fmt"
	"strings"
	"testing"

	"yanquan/internal/scrub"
)

// What every documented code says about the effect, written down once more.
var documented = map[string]verdict{
	"2100001": {UnknownOutcome, ""}, "2100004": {UnknownOutcome, ""}, "2119002": {UnknownOutcome, ""}, "6001001": {UnknownOutcome, ""},
	"2119003": {Throttled, ""}, "10020": {Throttled, ""},
	"2100005": {Misconfigured, BadRequest}, "2119001": {Misconfigured, BadRequest}, "200002": {Misconfigured, BadRequest},
	"1502": {Misconfigured, BadRequest}, "4000001": {Misconfigured, BadRequest}, "4000002": {Misconfigured, BadRequest},
	"2190002": {SessionExpired, ""}, "2190008": {SessionExpired, ""},
	"2190004": {Misconfigured, NotGranted}, "2119005": {Reauthorize, ""}, "1508": {Reauthorize, ""},
	"2119008": {Misconfigured, Banned}, "2119010": {Misconfigured, Withdrawn},
	"3000001": {UnknownOutcome, Other}, "5000001": {UnknownOutcome, PlatformFault}, "3000002": {Refused, WrongShop},
	"1212": {Refused, NotFound}, "1263": {Refused, NotFound}, "1033000519": {Refused, NotFound}, "3100101": {Refused, NotFound},
	"1208": {Refused, AlreadyUsed}, "1221": {Refused, Undecryptable}, "1229": {Held, RiskHeld}, "1241": {Refused, CountTooLarge},
	"1250": {Refused, Expired}, "1265": {Refused, HasUndone}, "2119006": {Refused, GivenAway}, "2119007": {Refused, Unpaid},
	"45005117": {Refused, CodeOutdated}, "2034000910": {Refused, UndoTooLate},
}

// conclude judges an answer as the call does, without a server.
func conclude(call Call, status int, body string) error {
	p := reporter{douyinDialect.platform, call, scrub.New()}
	return asError(p.conclude(status, []byte(body), func(p reporter, a answer, failure *Error) *Error {
		switch call {
		case CallVerify:
			_, failure = p.judgeVerify(VerifyRequest{Token: testToken, OrderID: "800", Codes: []Secret{testCoded}}, a, failure)
		case CallCancel:
			failure = p.judgeCancel("7091478021421631519", a, failure)
		}
		return failure
	}))
}

func asError(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}

func TestEveryDocumentedCode(t *testing.T) {
	t.Parallel()
	for code := range knownCodes {
		if _, has := documented[code]; !has {
			t.Errorf("%s has a class and is not documented", code)
		}
	}
	for code, v := range documented {
		bodies := []string{
			no(code, "0"), no(`"`+code+`"`, "0"), `{"data":{"error_code":` + code + `}}`,
			`{"data":null,"extra":{"error_code":` + code + `}}`, `{"extra":{"error_code":0},"data":{"error_code":` + code + `}}`,
		}
		if code != codeBusiness && code != codeFault {
			bodies = append(bodies, no(codeBusiness, code), no(codeFault, `"`+code+`"`))
		}
		for _, body := range bodies {
			for _, call := range []Call{CallPrepare, CallVerify, CallCancel, CallGet} {
				v := v
				switch unnamed := v.class == UnknownOutcome && v.reason != ""; {
				case code == codeBusiness && !call.Changes():
					v = verdict{Refused, Other}
				case unnamed && call == CallVerify && !strings.Contains(body, "extra"): // which would name it
					v.reason = Incomplete
				}
				for _, status := range []int{200, 400} {
					e := want(t, fmt.Sprint(call, status, body), conclude(call, status, body), v.class, v.reason)
					if e.Code == "" || e.HTTPStatus != status {
						t.Errorf("%s: %+v", body, e)
					}
				}
			}
		}
		if v.class == SessionExpired {
			v = verdict{UnknownOutcome, Other}
		}
		if e := want(t, "row "+code, conclude(CallVerify, 200, ok(rows(row(code)))), v.class, v.reason); e.Code != code {
			t.Errorf("row %s: %v", code, e)
		}
	}
}

// What stands in between does not decide about a call with an effect.
func TestAnswersThatAreNotThePlatforms(t *testing.T) {
	t.Parallel()
	page := `<html>Forbidden</html>`
	for _, tt := range []struct {
		status   int
		body     string
		question Class
		reason   Reason
	}{
		{200, page, UnknownOutcome, ""}, {200, ``, UnknownOutcome, ""}, {200, `[]`, UnknownOutcome, ""}, {200, `{}`, UnknownOutcome, ""}, {200, `null`, UnknownOutcome, ""},
		{200, ok("") + ok(""), UnknownOutcome, ""}, {200, `{"code":0,"message":"maintenance"}`, UnknownOutcome, ""}, {200, ok("")[:40], UnknownOutcome, ""},
		{401, page, Unavailable, ""}, {403, page, Unavailable, ""}, {429, page, Throttled, ""}, {404, page, Misconfigured, ""},
		{500, page, UnknownOutcome, ""}, {502, page, UnknownOutcome, ""}, {503, ``, UnknownOutcome, ""}, {504, no("77", "0"), UnknownOutcome, ""},
		{502, ok(rows(row("0"))), UnknownOutcome, ""}, {404, ok(rows(row("0"))), UnknownOutcome, ""},
		{500, no("1212", "0"), Refused, NotFound}, {429, no("77", "0"), Throttled, ""}, {400, no("77", "0"), Refused, Other},
		{302, no("1212", "0"), Misconfigured, ""},
	} {
		what := fmt.Sprint(tt.status, " ", tt.body)
		for _, call := range []Call{CallVerify, CallCancel} {
			reason := Reason("")
			if tt.reason == Other || tt.question == Throttled && tt.body != page {
				reason = Other
			}
			want(t, what, conclude(call, tt.status, tt.body), UnknownOutcome, reason)
		}
		want(t, what, conclude(CallPrepare, tt.status, tt.body), tt.question, tt.reason)
	}
}
