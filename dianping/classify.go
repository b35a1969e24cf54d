package dianping

import (
	"errors"

	"yanquan/internal/httpcall"
)

// verdict is what a code means.
type verdict struct {
	class  Class
	reason Reason
}

// knownCodes are the documented codes of both generations. What is not here is
// unknown, which for a call with an effect is a doubt, never a refusal.
//
// Voucher codes: vendor table as kept by public clients. Gateway codes:
// https://developer.meituan.com/docs/biz/comm-errcode1.
var knownCodes = map[string]verdict{
	"1001": {Refused, BadRequest},
	"1002": {Refused, VerifyFailed},
	"1003": {Refused, OutOfStock},
	"1004": {Refused, PartlyConsumed}, // see classify
	"1006": {Refused, NotFound},
	"1007": {Refused, WrongPassword},
	"1008": {Refused, AlreadyUsed},
	"1009": {Refused, Expired},
	"1010": {Refused, Refunding},
	"1011": {Refused, RefundRequested},
	"1012": {Refused, WrongShop},
	"1013": {Refused, Duplicate},
	"1014": {Refused, ShopLinkWrong},
	"1015": {Refused, NotYetValid},
	"1016": {Refused, ThirdParty},
	"1017": {Refused, CountTooLarge},
	"1018": {Refused, BadCount},
	"1019": {Refused, WrongAccountKind},
	"1020": {Refused, ShopMissing},
	"1021": {Refused, BadOperator},
	"1022": {Refused, BadOperator},
	"1023": {Refused, Marketing},
	"1024": {Refused, AccountFrozen},
	"1025": {Refused, ShopMissing},
	"1029": {Refused, UndoTooLate},
	"1141": {Refused, CodeReplaced},
	"645":  {Refused, ShopNotGranted},

	"608": {SessionExpired, ""},

	// Turned away at the gateway, before any business.
	"OP_UNIAUTH_FAILED":                {Misconfigured, ""}, // see authorisation
	"OP_API_NOT_EXIST":                 {Misconfigured, ""},
	"OP_API_GRANT_FAILED":              {Misconfigured, ""},
	"OP_HTTP_UNSUPPORTED_CONTENT_TYPE": {Misconfigured, ""},
	"OP_HTTP_UNSUPPORTED_METHOD_TYPE":  {Misconfigured, ""},
	"OP_HTTP_SYSTEM_PARAM_ERROR":       {Misconfigured, ""},
	"OP_HTTP_FILEUPLOAD_ERROR":         {Misconfigured, ""},
	"OP_SYSTEM_PARAM_ERROR":            {Misconfigured, ""},
	"OP_RPC_INVOKE_PARAM_EMPTY":        {Misconfigured, ""},
	"OP_UNIAUTH_REMOTE_ERROR":          {Unavailable, ""},
	"OP_API_GRANT_REMOTE_ERROR":        {Unavailable, ""},
	"OP_LIMITATION_REJECT":             {Throttled, ""},
	"OP_LIMITATION_ERROR":              {Throttled, ""},

	// The vendor's own failures. Where in the vendor's chain each is raised is
	// not documented (OP_RESULT_DSL_ERROR comes after the business), so none of
	// them tells that nothing happened.
	"OP_SYSTEM_ERROR":                     {UnknownOutcome, ""},
	"OP_THRIFT_INIT_ERROR":                {UnknownOutcome, ""},
	"OP_REMOTE_ERROR":                     {UnknownOutcome, ""},
	"OP_CONFIG_ERROR":                     {UnknownOutcome, ""},
	"OP_CONFIG_NOT_FOUND":                 {UnknownOutcome, ""},
	"OP_CONFIG_RPC_EMPTY":                 {UnknownOutcome, ""},
	"OP_SERVICE_CONFIG_EMPTY":             {UnknownOutcome, ""},
	"OP_RPC_REMOTE_ERROR":                 {UnknownOutcome, ""},
	"OP_RPC_INVOKE_ERROR":                 {UnknownOutcome, ""},
	"OP_CIRCUITBREAK":                     {UnknownOutcome, ""},
	"OP_CIRCUITBREAK_ERROR":               {UnknownOutcome, ""},
	"OP_DEGRADED_UNSUPPORTED_DEGRADETYPE": {UnknownOutcome, ""},
	"OP_DEGRADED_HANDLE_ERROR":            {UnknownOutcome, ""},
	"OP_RESULT_DSL_ERROR":                 {UnknownOutcome, ""},
	"OP_TIMEOUT":                          {UnknownOutcome, ""},
	"OP_SOCKET_TIMEOUT_EXCEPTION":         {UnknownOutcome, ""},
}

// authorisation gives the meaning of data.code below OP_UNIAUTH_FAILED.
var authorisation = map[string]Class{
	"3":  Misconfigured,  // signature
	"4":  SessionExpired, // 令牌已过期
	"5":  Reauthorize,    // illegal token
	"19": Misconfigured,  // no permission for this interface
	"22": Reauthorize,    // authorisation expired
}

// codePartly is the code for a consume of some of the coupons.
const codePartly = "1004"

func isDocumented(code string) bool {
	_, ok := knownCodes[code]
	return ok
}

// isBusinessCode reports whether a code is one of the four-digit voucher codes.
func isBusinessCode(code string) bool {
	return isDocumented(code) && fourDigits.MatchString(code)
}

// classify judges an answer that has a code and is not a success.
//
// A 5xx never is an answer about a call with an effect, whatever its body says:
// it may come from a proxy, or from the last of several tries behind it. With
// other statuses a documented code counts. An undocumented one leaves a call
// with an effect in doubt and refuses a query.
func classify(call Call, status int, code, sub string) (Class, Reason) {
	if status >= 500 && call.Changes() {
		return UnknownOutcome, ""
	}
	known, documented := knownCodes[code]
	switch {
	case isSuccess(code): // that is not 2xx: it contradicts itself
		return UnknownOutcome, ""
	case httpcall.IsRedirect(status): // not the platform's, whatever its body says
		return classifyBare(call, status), ""
	case code == "OP_UNIAUTH_FAILED" && authorisation[sub] != "":
		return authorisation[sub], ""
	case known.reason == PartlyConsumed && call.Changes():
		return UnknownOutcome, PartlyConsumed
	case documented:
		return known.class, known.reason
	case status >= 500, call.Changes():
		return UnknownOutcome, ""
	case status == 429:
		return Throttled, ""
	default:
		return Refused, Other
	}
}

// classifyBare judges an answer that has no envelope, or one that cannot be believed.
func classifyBare(call Call, status int) Class { return Class(httpcall.Bare(call.Changes(), status)) }

// classifyUnread judges a success whose data could not be used.
func classifyUnread(err error) (Class, Reason) {
	switch {
	case errors.Is(err, errNoRecord):
		return Refused, NoRecord
	case errors.Is(err, errOtherCode):
		return UnknownOutcome, OtherCode
	default:
		return UnknownOutcome, ""
	}
}
