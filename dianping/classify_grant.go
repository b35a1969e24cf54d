package dianping

import "yanquan/internal/httpcall"

// classifyGrant judges an answer to [CallToken] or [CallRefresh] that has a code
// and is not a success.
//
// Which codes these calls use is public for success only. A code or a refresh
// token is spent where a documented code says so; the second generation's
// sub-codes of OP_UNIAUTH_FAILED are taken as top-level numbers too. Nothing else
// is proof, in whatever words: the outcome is unknown, with [Other] where the
// code is not documented, and the pair is to be tried again.
func classifyGrant(platform string, call Call, status int, a answer) (Class, Reason) {
	spent := RefreshSpent
	if call == CallToken {
		spent = CodeSpent
	}
	sub := a.sub
	if sub == "" && platform == Meituan && authorisation[a.code] != "" {
		sub = a.code
	}
	known, documented := knownCodes[a.code]
	switch {
	case status >= 500, httpcall.IsRedirect(status), isSuccess(a.code):
		return UnknownOutcome, ""
	case authorisation[sub] == SessionExpired, authorisation[sub] == Reauthorize, known.class == SessionExpired:
		return Reauthorize, spent
	case authorisation[sub] != "":
		return authorisation[sub], ""
	case documented && known.class != Refused:
		return known.class, ""
	default:
		return UnknownOutcome, Other
	}
}
