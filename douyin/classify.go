package douyin

import "yanquan/internal/httpcall"

// verdict is what a code means.
type verdict struct {
	class  Class
	reason Reason
}

// knownCodes are the documented codes,
// https://developer.open-douyin.com/docs/resource/zh-CN/local-life/connect/returns-a-status-code.
// What is not here is unknown, which for a call with an effect is a doubt, never a
// refusal.
var knownCodes = map[string]verdict{
	"1208":       {Refused, AlreadyUsed},
	"1212":       {Refused, NotFound},
	"1263":       {Refused, NotFound},
	"1033000519": {Refused, NotFound},
	"3100101":    {Refused, NotFound},
	"1221":       {Refused, Undecryptable},
	"1241":       {Refused, CountTooLarge},
	"1250":       {Refused, Expired},
	"1265":       {Refused, HasUndone},
	"2119006":    {Refused, GivenAway},
	"2119007":    {Refused, Unpaid},
	"45005117":   {Refused, CodeOutdated},
	"3000002":    {Refused, WrongShop},
	"2034000910": {Refused, UndoTooLate},

	codeHeld: {Held, RiskHeld},

	"2190002": {SessionExpired, ""},
	"2190008": {SessionExpired, ""},
	"2119005": {Reauthorize, ""},
	"1508":    {Reauthorize, ""},
	"2119003": {Throttled, ""},
	"10020":   {Throttled, ""},

	"2100005": {Misconfigured, BadRequest},
	"2119001": {Misconfigured, BadRequest},
	"200002":  {Misconfigured, BadRequest},
	"1502":    {Misconfigured, BadRequest},
	"4000001": {Misconfigured, BadRequest},
	"4000002": {Misconfigured, BadRequest},
	"2190004": {Misconfigured, NotGranted},
	"2119008": {Misconfigured, Banned},
	"2119010": {Misconfigured, Withdrawn},

	// The platform's own failures. None of them tells that nothing happened.
	"2100001": {UnknownOutcome, ""},
	"2100004": {UnknownOutcome, ""},
	"2119002": {UnknownOutcome, ""},
	"6001001": {UnknownOutcome, ""},

	// A refusal whose finer code or words say which; see classify.
	codeBusiness: {UnknownOutcome, Other},
	codeFault:    {UnknownOutcome, PlatformFault},
}

const (
	codeHeld     = "1229"
	codeBusiness = "3000001"
	codeFault    = "5000001"
	codeRowUsed  = "2" // the result of a row: used already
)

// classify judges an answer that has a code and is not a success.
//
// A 5xx never is an answer about a call with an effect, whatever its body says: it
// may come from a proxy, or from the last of several tries behind it. With other
// statuses a documented code counts. An undocumented one leaves a call with an
// effect in doubt and refuses a question.
func classify(call Call, status int, a answer) (Class, Reason) {
	if httpcall.IsRedirect(status) || status >= 500 && call.Changes() {
		return classifyBare(call, status), ""
	}
	v, documented := a.verdict()
	switch {
	case a.held():
		return Held, RiskHeld
	case a.success(): // that is not 2xx: it contradicts itself
		return UnknownOutcome, ""
	case call == CallVerify && v.class == UnknownOutcome && v.reason != "" && !a.finer: // what would say which is lost
		return UnknownOutcome, Incomplete
	case documented && (v.class != UnknownOutcome || v.reason != Other || call.Changes()):
		return v.class, v.reason
	case call.Changes():
		return UnknownOutcome, Other
	case status >= 500:
		return UnknownOutcome, ""
	case status == 429:
		return Throttled, ""
	}
	return Refused, Other
}

// verdict looks the codes up. Where the two error codes differ, one that leaves the
// outcome open wins. A business error is refined by its finer code.
func (a answer) verdict() (v verdict, documented bool) {
	for _, code := range a.codes {
		if code == "0" {
			continue
		}
		next, known := knownCodes[code]
		if (code == codeBusiness || code == codeFault) && a.sub != "" {
			if finer, ok := knownCodes[a.sub]; ok {
				next = finer
			}
		}
		if !known {
			return verdict{UnknownOutcome, Other}, false
		}
		if !documented || next.class == UnknownOutcome {
			v = next
		}
		documented = true
	}
	return v, documented
}

// classifyRow judges the code of a row. An access token is refused for a whole call.
func classifyRow(code string) verdict {
	if code == codeRowUsed {
		return verdict{Refused, AlreadyUsed}
	}
	if v, known := knownCodes[code]; known && v.class != SessionExpired {
		return v
	}
	return verdict{UnknownOutcome, Other}
}

// classifyBare judges an answer that has no envelope, or one that cannot be believed.
func classifyBare(call Call, status int) Class { return Class(httpcall.Bare(call.Changes(), status)) }
