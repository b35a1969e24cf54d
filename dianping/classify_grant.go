package dianping

import "regexp"

// spentInWords finds the platform's words for a code or a refresh token that
// serves no more. No public source has the numbers.
var spentInWords = regexp.MustCompile(`(?i)(refresh_?\s?token|auth_?\s?code|\bcode\b|授权码|刷新令牌|令牌|授权).*(过期|失效|无效|非法|不存在|已使用|已被使用|invalid|expired|used|not exist)`)

// classifyGrant judges an answer to [CallToken] or [CallRefresh] that has a code
// and is not a success.
//
// Which codes these calls use is public for success only. The sub-codes of
// OP_UNIAUTH_FAILED are taken as top-level numbers too. A code that nobody has
// documented is a refusal here, unlike with vouchers: no pair came with it, and
// the worst of being wrong is a merchant who authorises again.
func classifyGrant(call Call, status int, a answer) (Class, Reason) {
	spent := RefreshSpent
	if call == CallToken {
		spent = CodeSpent
	}
	sub := a.sub
	if sub == "" && authorisation[a.code] != "" {
		sub = a.code
	}
	known, documented := knownCodes[a.code]
	switch {
	case status >= 500, isSuccess(a.code):
		return UnknownOutcome, ""
	case isRedirect(status):
		return classifyBare(call, status), ""
	case authorisation[sub] == SessionExpired, authorisation[sub] == Reauthorize, a.code == "608":
		return Reauthorize, spent
	case authorisation[sub] != "":
		return authorisation[sub], ""
	case documented && known.class != Refused:
		return known.class, ""
	case status == 429:
		return Throttled, ""
	case spentInWords.MatchString(a.msg):
		return Reauthorize, spent
	default:
		return Refused, Other
	}
}
