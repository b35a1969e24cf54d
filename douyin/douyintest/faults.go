package douyintest

import (
	"cmp"
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
	Throttle         = fakeserver.Throttle       // 2119003, or 10020 where a token was asked for
	SessionExpired   = fakeserver.SessionExpired // 2190008
	AnswerCode       = fakeserver.AnswerCode     // put where [Knobs.Refusals] says; behind a slash may stand a sub_error_code, as in "3000001/2034000910"
	AnswerBody       = fakeserver.AnswerBody     // see [RowlessSuccesses]
	RowRefusal       = fakeserver.RowRefusal     // as result of a verify, as result_code of a cancel
	OtherCode        = fakeserver.OtherCode      // for every code of a coupon, plain and encrypted, and as verify_id of a cancel; without an Answer "100000000000"
	Partly           = fakeserver.Partly         // a verify consumes the first only; the other rows have the result 2100004
	ProxyRepeat      = fakeserver.ProxyRepeat
	ProxyStatus      = fakeserver.ProxyStatus
)

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

// RowlessSuccesses are answers for [AnswerBody] that begin like a success and tell
// of no voucher.
var RowlessSuccesses = []string{
	`{}`,
	`{"data":null,"extra":{"error_code":0}}`,
	`{"data":{},"extra":{}}`,
	`{"data":{"error_code":0,"description":"success"},"extra":{"error_code":0,"description":""}}`,
	`{"data":{"error_code":0,"description":"success","verify_results":[]},"extra":{"error_code":0}}`,
	`{"data":{"error_code":0,"description":"success","verify_results":null},"extra":{"error_code":0}}`,
	`{"data":{"error_code":0,"verify_results":[{}]},"extra":{"error_code":0}}`,
	`{"extra":{"error_code":0,"description":"success"}}`,
	`{"err_no":0,"err_msg":"success"}`,
}

// faultKinds are those that the platform has its own way.
var faultKinds = map[FaultKind]fakeserver.Kind{
	Throttle:       {Play: throttle},
	SessionExpired: {Play: func(in fakeserver.Injection) fakeserver.Outcome { return in.Coded("2190008", "") }},
	AnswerCode:     {Play: fakeserver.Injection.AnswerCode, Check: answersCode, Late: true},
	RowRefusal:     {Play: rowRefusal, Check: answersCode, Late: true},
	OtherCode:      {Play: otherCode, Late: true},
	ProxyRepeat: {Play: fakeserver.Injection.Repeat, Check: func(f *Fault) error {
		if f.Answer == "" {
			return nil
		}
		return answersCode(f)
	}},
}

func throttle(in fakeserver.Injection) fakeserver.Outcome {
	if in.Call.Name() == callToken {
		return in.Coded("10020", "")
	}
	return in.Coded("2119003", "")
}

func answersCode(f *Fault) error {
	if _, err := parseCode(f.Answer); err != nil {
		return fmt.Errorf("the answer %q is no code", f.Answer)
	}
	return nil
}

// parseCode reads "1208" and "3000001/2034000910".
func parseCode(text string) (*refusal, error) {
	code, sub, found := strings.Cut(text, "/")
	n, err := strconv.Atoi(code)
	if err != nil {
		return nil, err
	}
	r := refuse(n)
	if found {
		r.sub, err = strconv.Atoi(sub)
	}
	return r, err
}

// Meant says whether a fault is for a call.
func (c *call) Meant(f Fault) bool {
	return f.Code == "" || f.Code == c.text("code") || slices.Contains(c.p.named(c), c.p.byCode[f.Code])
}

// Coded answers with a code, in words that are the platform's own where none are
// given.
func (c *call) Coded(code, words string) fakeserver.Outcome {
	r, _ := parseCode(code) // checked by Fail
	r.msg = cmp.Or(words, r.msg)
	if c.name == callToken {
		return c.p.tokenAnswer(nil, r)
	}
	return c.p.enveloped(nil, r)
}

// Promise is the answer to a call as if it had taken effect. Nothing is judged,
// and an unknown coupon is told by its code alone.
func (c *call) Promise() fakeserver.Outcome {
	p := c.p
	if c.name == callToken {
		return p.tokenAnswer(p.tokenData("clt."+p.hex()+p.hex()), nil)
	}
	data := object{}
	if c.name == callVerify {
		rows, again := []any{}, map[*coupon]int{}
		for _, code := range c.body().list("encrypted_codes") {
			v := cmp.Or(p.encrypted[code], &coupon{})
			u := &usage{Use: Use{VerifyID: p.id("73", 19)}, v: v}
			if v.Visits > 0 {
				u.Serial = min(v.freeSerial()+again[v], v.Visits)
			}
			again[v]++
			rows = append(rows, p.usedRow(useRow{encrypted: code, v: v, use: u}))
		}
		data["verify_results"] = rows
	}
	for _, v := range p.named(c) {
		if c.name == callCancel {
			data = p.cancelData(v.OrderID, c.text("verify_id"))
		}
	}
	return p.enveloped(data, nil)
}

// edited is an answer that tells success, with its data changed; any other is
// left as it is.
func edited(out fakeserver.Outcome, change func(data object)) fakeserver.Outcome {
	return out.Edited(func(answer map[string]any) bool {
		data, _ := answer["data"].(object)
		success := fmt.Sprint(data["error_code"]) == "0" // a number or text
		if success {
			change(data)
		}
		return success
	})
}

// rowRefusal hides a refusal in a success.
func rowRefusal(in fakeserver.Injection) fakeserver.Outcome {
	r, _ := parseCode(in.Fault.Answer) // checked by Fail
	words := cmp.Or(in.Fault.Msg, r.msg)
	return edited(in.Success(), func(data object) {
		if in.Call.Name() == callCancel {
			data["cancel_results"] = []any{object{"result_code": r.code, "result_msg": words}}
			return
		}
		rows, _ := data["verify_results"].([]any)
		for _, row := range rows {
			if row, ok := row.(object); ok {
				row["result"], row["msg"] = r.code, words
			}
		}
	})
}

// otherCode tells of another voucher than was asked about.
func otherCode(in fakeserver.Injection) fakeserver.Outcome {
	other := cmp.Or(in.Fault.Answer, "100000000000")
	return edited(in.Success(), func(data object) {
		if in.Call.Name() == callCancel {
			data["cancel_results"] = []any{object{"verify_id": other, "result_code": 0, "result_msg": "success"}}
		}
		recode(data, other)
	})
}

// recode replaces a voucher's codes wherever they are told.
func recode(in any, to string) {
	switch v := in.(type) {
	case []any:
		for _, e := range v {
			recode(e, to)
		}
	case object:
		for name, value := range v {
			if slices.Contains([]string{"code", "origin_code", "encrypted_code"}, name) {
				v[name] = to
			} else {
				recode(value, to)
			}
		}
	}
}
