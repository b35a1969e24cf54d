package crash

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"yanquan/dianping/dianpingtest"
)

// randomKnobs chooses among what the platform may do where no source says what it does.
// Left out is what no client could settle: a repeat that is refused by a platform that
// does not tell who verified, or forgets that anybody has.
func randomKnobs(random *rand.Rand) (k dianpingtest.Knobs) {
	k.RepeatAnswer = pickOf(random, dianpingtest.RepeatAnswers)
	k.Gen2Refusals = pickOf(random, []dianpingtest.RefusalShape{dianpingtest.RefusalBizError, dianpingtest.RefusalCodeText, dianpingtest.RefusalCodeNumber})
	k.NoRecord = pickOf(random, dianpingtest.NoRecords)
	k.VisitRecord = pickOf(random, dianpingtest.VisitRecords)
	k.VisitRows = pickOf(random, dianpingtest.VisitRowForms)
	k.Prices = pickOf(random, dianpingtest.PriceForms)
	switch n := random.IntN(100); {
	case n < 35: // does not stop a client from consuming twice
		// A repeat must be known as one, and an order of several coupons would have
		// used ones consumed in place of fresh ones.
		k.Unguarded, k.RepeatAnswer = true, dianpingtest.SameAnswer
	case n < 55:
		k.RepeatAnswer = dianpingtest.SameAnswer
		k.VerifyTime = pickOf(random, dianpingtest.VerifyTimes)
		k.VerifyAccount = pickOf(random, dianpingtest.VerifyAccounts)
	}
	return k
}

// undocumented are codes that mean nothing to a client, or nothing certain.
var undocumented = []string{"1999", "4711", "611"}

// refusing are statuses of something between that says no.
var refusing = []int{401, 403, 404, 429}

// randomCallFault lets a call to a platform go wrong.
func randomCallFault(random *rand.Rand, platform string) dianpingtest.Fault {
	if platform == douyin {
		return douyinCallFault(random)
	}
	return dianpingCallFault(random, dianpingtest.Dialect(platform))
}

// dianpingCallFault lets a call go wrong. Left out are answers that are documented and
// not true.
func dianpingCallFault(random *rand.Rand, dialect dianpingtest.Dialect) dianpingtest.Fault {
	f := dianpingtest.Fault{
		Dialect: dialect,
		Call:    pickOf(random, []string{"consume", "consume", "consume", "consume", "reverseconsume", "reverseconsume", "getconsumed", "prepare", ""}),
		Applied: random.IntN(2) == 0,
		Times:   1 + random.IntN(2),
		Kind: pickOf(random, []dianpingtest.FaultKind{
			dianpingtest.ApplyThenHang, dianpingtest.HangThenDrop, dianpingtest.ApplyThenDrop, dianpingtest.ApplyLate,
			dianpingtest.Status5xx, dianpingtest.HalfBody, dianpingtest.HTML, dianpingtest.Delay, dianpingtest.WrongContentType,
			dianpingtest.Throttle, dianpingtest.ProxyStatus, dianpingtest.ProxyRepeat, dianpingtest.AnswerCode,
			dianpingtest.AnswerBody, dianpingtest.OtherCode, dianpingtest.RowRefusal,
		}),
	}
	switch f.Kind {
	case dianpingtest.AnswerCode:
		f.Answer = pickOf(random, undocumented)
	case dianpingtest.AnswerBody:
		f.Call, f.Answer = "consume", pickOf(random, dianpingtest.RowlessSuccesses)
	case dianpingtest.OtherCode:
		f.Call, f.Answer = "consume", "8000000001"
	case dianpingtest.RowRefusal:
		f.Call, f.Answer, f.RowCode = "consume", pickOf(random, []string{"1008", "1013"}), pickOf(random, dianpingtest.RowCodes)
	case dianpingtest.ProxyRepeat:
		if f.Call == "reverseconsume" || f.Call == "" { // else it would take two visits back
			f.Answer = "1002"
		} else if random.IntN(2) == 0 {
			f.Answer = "1013"
		}
	}
	return lasting(random, f)
}

// lasting chooses what faults of any platform have: how long they take, and what something
// between says.
func lasting(random *rand.Rand, f dianpingtest.Fault) dianpingtest.Fault {
	switch f.Kind {
	case dianpingtest.HangThenDrop, dianpingtest.ApplyLate:
		f.Delay = time.Duration(random.IntN(1500)) * time.Millisecond
	case dianpingtest.Delay:
		f.Delay = time.Duration(100+random.IntN(500)) * time.Millisecond
	case dianpingtest.Status5xx:
		f.Status, f.Page = pickOf(random, []int{500, 502, 503, 504}), pickOf(random, dianpingtest.Pages)
	case dianpingtest.ProxyStatus:
		f.Status, f.Page = pickOf(random, refusing), pickOf(random, dianpingtest.Pages)
	}
	if f.Kind == dianpingtest.ApplyThenHang || f.Kind == dianpingtest.ApplyThenDrop || f.Applied && f.Kind == dianpingtest.ProxyStatus {
		if random.IntN(2) == 0 { // later, but within the time that the platform has for a call
			f.After = time.Duration(random.Int64N(int64(3 * callTimeout)))
		}
	}
	return f
}

// randomOutage is a time in which a platform is down. It may throttle when it comes
// back.
func randomOutage(random *rand.Rand, platform string, at, down time.Duration) []chaos {
	all := []chaos{{at: at, what: "pause", platform: platform, down: down, mode: pickOf(random, []dianpingtest.PauseMode{dianpingtest.PauseRefuse, dianpingtest.PauseHang})}}
	if random.IntN(2) == 0 {
		all = append(all, chaos{at: at, what: "platform fault", platform: platform, call: dianpingtest.Fault{
			Kind: dianpingtest.Throttle, For: time.Duration(200+random.IntN(1000)) * time.Millisecond,
		}})
	}
	return all
}

// rowOfSuccess is a row of Douyin's answer to a verify.
var rowOfSuccess = regexp.MustCompile(`"result":"?0"?[,}]`)

// succeeded reports whether an answer says so.
func succeeded(answer string) bool {
	return strings.Contains(answer, `"code":200`) || strings.Contains(answer, `"OP_SUCCESS"`) || rowOfSuccess.MatchString(answer)
}
