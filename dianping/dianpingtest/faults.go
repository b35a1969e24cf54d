package dianpingtest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"yanquan/internal/fakeserver"
)

// What goes wrong, and when.
type (
	FaultKind = fakeserver.FaultKind
	Fault     = fakeserver.Fault
	RowCode   = fakeserver.RowCode
	Page      = fakeserver.Page
	PauseMode = fakeserver.PauseMode
)

// The kinds of faults; package fakeserver explains them.
const (
	ApplyThenHang    = fakeserver.ApplyThenHang
	HangThenDrop     = fakeserver.HangThenDrop
	ApplyThenDrop    = fakeserver.ApplyThenDrop
	ApplyLate        = fakeserver.ApplyLate
	Status5xx        = fakeserver.Status5xx
	HalfBody         = fakeserver.HalfBody
	HTML             = fakeserver.HTML
	WrongContentType = fakeserver.WrongContentType
	Delay            = fakeserver.Delay
	Throttle         = fakeserver.Throttle // OP_LIMITATION_REJECT, or the invented 611
	SessionExpired   = fakeserver.SessionExpired
	AnswerCode       = fakeserver.AnswerCode // a number is a business code, put where the dialect puts them; "OP_UNIAUTH_FAILED/19" is a gateway code with sub-code
	AnswerBody       = fakeserver.AnswerBody // see [RowlessSuccesses]
	RowRefusal       = fakeserver.RowRefusal // in the field that RowCode names
	OtherCode        = fakeserver.OtherCode  // without an Answer the same code less its leading zeros
	Partly           = fakeserver.Partly     // a consume of several coupons consumes the named code only and answers 1004 with that one row
	// ProxyRepeat answers a consume that took effect with 1008, unless Answer tells the
	// second's code. A reverseconsume is carried out twice, which gives two visits of a
	// times card back.
	ProxyRepeat = fakeserver.ProxyRepeat
	ProxyStatus = fakeserver.ProxyStatus
)

// The places of a row's code. The second generation spells the fields in camelCase.
const (
	RowCodePlain  RowCode = "code"                // code and msg, in each row
	RowCodeSingle RowCode = "single_consume_code" // singleConsumeCode, in each row
	RowCodeResult RowCode = "result_code"         // data.resultCode, beside the rows; the first generation's data is then the row itself
)

// RowCodes are all of them, the default first.
var RowCodes = []RowCode{RowCodePlain, RowCodeSingle, RowCodeResult}

// The pages.
const (
	PageHTML  = fakeserver.PageHTML
	PageEmpty = fakeserver.PageEmpty
	PageText  = fakeserver.PageText
	PageJSON  = fakeserver.PageJSON
)

// Pages are all of them, the default first.
var Pages = fakeserver.Pages

// The ways to be down.
const (
	PauseRefuse = fakeserver.PauseRefuse
	PauseHang   = fakeserver.PauseHang
)

// RowlessSuccesses are answers for [AnswerBody] that begin like the success of
// one generation or the other and tell of no voucher.
var RowlessSuccesses = []string{
	`{"code":0,"msg":"maintenance"}`,
	`{"code":0,"msg":"success","data":{}}`,
	`{"code":200,"data":null}`,
	`{"code":200,"msg":"success","data":[]}`,
	`{"code":200,"msg":"success","data":""}`,
	`{"code":"OP_SUCCESS","msg":"success"}`,
	`{"code":"OP_SUCCESS","msg":"success","data":{"result":[]}}`,
}

// faultKinds are those that the platform has its own way.
var faultKinds = map[FaultKind]fakeserver.Kind{
	Throttle:       {Play: throttle},
	SessionExpired: {Play: sessionExpired},
	ProxyRepeat:    {Play: repeat},
	RowRefusal:     {Play: rowRefusal, Check: answersNumber, Late: true},
	OtherCode:      {Play: otherCode, Late: true},
}

func answersNumber(f *Fault) error {
	if _, err := strconv.Atoi(f.Answer); err != nil {
		return errors.New("it needs a number as answer")
	}
	return nil
}

// byDialect gives what the call's generation says.
func byDialect(in fakeserver.Injection, gen1, gen2 string) string {
	if in.Call.(*call).dialect == Dianping {
		return gen1
	}
	return gen2
}

func throttle(in fakeserver.Injection) fakeserver.Outcome {
	return in.Coded(byDialect(in, strconv.Itoa(codeThrottled), "OP_LIMITATION_REJECT"), "")
}

func sessionExpired(in fakeserver.Injection) fakeserver.Outcome {
	return in.Coded(byDialect(in, strconv.Itoa(codeSessionExpired), fmt.Sprintf("OP_UNIAUTH_FAILED/%d", subExpired)), "")
}

func repeat(in fakeserver.Injection) fakeserver.Outcome {
	if name := in.Call.Name(); name == callConsume || name == callBatchConsume {
		in.Fault.Answer = cmp.Or(in.Fault.Answer, strconv.Itoa(codeUsed))
	}
	return in.Repeat()
}

// Meant says whether a fault is for a call.
func (c *call) Meant(f Fault) bool {
	return (f.Dialect == "" || f.Dialect == c.dialect) && (f.Code == "" || slices.Contains(c.codes(), f.Code))
}

// Coded answers with a code of the call's dialect, in words that are the platform's
// own where none are given.
func (c *call) Coded(code, words string) fakeserver.Outcome {
	p := c.p
	n, err := strconv.Atoi(code)
	if c.dialect == Dianping {
		r := refuse(n)
		answer := gen1Refusal(&refusal{n, cmp.Or(words, r.msg)}, nil)
		if err != nil {
			answer.Code = code
		}
		return jsonOutcome(answer)
	}
	if err == nil {
		r := refuse(n)
		if c.grants() {
			return jsonOutcome(gen2{p}.tokenRefusal(n, cmp.Or(words, subTexts[n], r.msg)))
		}
		r.msg = cmp.Or(words, r.msg)
		return jsonOutcome(gen2{p}.refusal(r, nil))
	}
	name, sub, _ := strings.Cut(code, "/")
	n, _ = strconv.Atoi(sub) // no sub-code, no data
	answer := gen2{p}.gateway(name, n)
	answer.Msg = cmp.Or(words, answer.Msg)
	return jsonOutcome(answer)
}
