package dianping

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/internal/httpcall"
	"yanquan/internal/loose"
)

// answer is the envelope {code, msg, data, traceId} of either generation.
type answer struct {
	code  string // as text, whatever it was
	sub   string // data.code of an authorisation failure
	msg   string
	trace string
	data  any

	byRow  bool // code is that of a voucher's row
	partly bool // code is that of a row, and others are a success
}

// readAnswer decodes an envelope. An answer without a code is none.
func readAnswer(report reporter, body []byte) (answer, error) {
	v, err := loose.Decode(body)
	if err != nil {
		return answer{}, fmt.Errorf("the answer: %w", err)
	}
	o, ok := asObject(v)
	if !ok {
		return answer{}, errors.New("the answer is not a JSON object")
	}
	a := answer{
		code:  codeText(o["code"]),
		msg:   o.text("msg", "message"),
		trace: o.text("traceid"),
		data:  o["data"],
	}
	if a.code == "" {
		return answer{}, errors.New("the answer has no code")
	}
	a.lookInside(report)
	if o.text("accesstoken") != "" {
		a.data = v // the first generation's tokens stand beside the code
	}
	return a, nil
}

// successCodes: 200 in the first generation, OP_SUCCESS in the second, 0 in its
// authorisation calls. Either is taken from both.
var successCodes = []string{"200", "0", "OP_SUCCESS"}

func isSuccess(code string) bool { return slices.Contains(successCodes, code) }

// codeText gives a code in one form: 1008, 1008.0 and "1008" are the same.
func codeText(v any) string { return strings.ToUpper(loose.Code(v)) }

// ownSuccess is the code of success of each generation's calls.
var ownSuccess = map[string]string{Dianping: "200", Meituan: "OP_SUCCESS"}

// conclude judges an answer that arrived whole. nil is success, and read has
// had the data.
func conclude(report reporter, status int, body []byte, read func(data any) error) *Error {
	a, err := readAnswer(report, body)
	if err != nil {
		e := report.fail(classifyBare(report.call, status), err)
		e.HTTPStatus = status
		return e
	}
	return judge(report, status, a, read)
}

// judge is conclude for an envelope, or for what counts as one: an item of a
// batch.
func judge(report reporter, status int, a answer, read func(data any) error) *Error {
	call, clean := report.call, report.scrub
	e := report.fail(UnknownOutcome, nil)
	e.HTTPStatus = status
	e.Code, e.Message, e.TraceID = report.cleanCode(a.code), clean.Sentence(a.msg), clean.ID(a.trace)
	if a.sub != "" {
		e.Message = strings.TrimSpace(e.Message + " (" + clean.ID(a.sub) + ")")
	}
	switch {
	case isSuccess(a.code) && httpcall.IsOK(status):
		err := report.succeed(a, read)
		if err == nil {
			return nil
		}
		e.Class, e.Reason = classifyUnread(err)
		e.Err = clean.Cause(err)
	case call.grants():
		e.Class, e.Reason = classifyGrant(report.platform, call, status, a)
	default:
		code := a.code
		if a.partly {
			code = codePartly
		}
		e.Class, e.Reason = classify(call, status, code, a.sub)
		report.tell(e, a)
	}
	return e
}

// cleanCode cleans a code. A documented one holds no secret, even where it happens to
// contain a token that short.
func (p reporter) cleanCode(code string) string {
	if isDocumented(code) || isSuccess(code) {
		return code
	}
	return p.scrub.ID(code)
}

// succeed reads the data of a success. The other generation's code of success
// may mean anything: it counts only with data.
func (p reporter) succeed(a answer, read func(data any) error) error {
	err := read(a.data)
	if a.code == ownSuccess[p.platform] {
		return err
	}
	if errors.Is(err, errNoRecord) || err == nil && (a.data == nil || a.data == "") {
		return errNoData("data, and its code is not of this generation")
	}
	return err
}

// tell notes what a refusal tells about the vouchers that were asked for.
func (p reporter) tell(e *Error, a answer) {
	if e.Reason == AlreadyUsed {
		e.UsedAt = timeOfUse(a)
	}
	if e.Reason == PartlyConsumed {
		e.Receipts = p.consumed(a.data)
		return
	}
	told := receipts(a.data)
	i := rowOf(told, codeOf, p.code)
	if p.code == "" {
		i = min(0, len(told)-1)
	}
	switch {
	case i >= 0:
		e.Receipt = &told[i]
	case len(told) > 0 && a.byRow && p.call.Changes():
		e.Class, e.Reason = UnknownOutcome, OtherCode
	}
}

// consumed gives the vouchers of a partial success.
func (p reporter) consumed(data any) []Receipt {
	if p.code == "" {
		return batchConsumed(data)
	}
	list, _ := ofOne(p.code, p.count, consumed(data))
	return list
}
