package dianping

import (
	"regexp"
	"slices"

	"yanquan/internal/loose"
)

// An answer can tell what became of a call in more than one place: in the
// envelope, in an envelope inside it, beside a list of rows, in each row. This
// file finds the code that counts.

// outcomeKeys hold a code that tells the outcome of what stands beside it.
var outcomeKeys = []string{"code", "resultcode", "bizcode", "errorcode", "errcode"}

// rowKeys are those of a row.
var rowKeys = append([]string{"singleconsumecode"}, outcomeKeys...)

// wordKeys hold the words for it.
var wordKeys = []string{"msg", "message", "resultmsg", "singleconsumemsg", "errormsg", "errmsg"}

// envelopeKeys are what an envelope consists of, its data excepted.
var envelopeKeys = slices.Concat(outcomeKeys, wordKeys, []string{"success", "traceid"})

// longCode is a voucher's code or an order's, not an outcome.
var longCode = regexp.MustCompile(`^[0-9]{8,}$`)

// outcome is the code that an object has of its own: the first that is no
// success, "" where there is none.
func (o object) outcome(keys []string) string {
	found := ""
	for _, key := range keys {
		text := loose.Scalar(o[key])
		if text == "" || longCode.MatchString(text) || text == o.text("receiptcode") {
			continue
		}
		if found = codeText(text); !isSuccess(found) {
			break
		}
	}
	return found
}

// rowOutcome is the outcome of a row, which may stand in a result of its own.
func (o object) rowOutcome() string {
	if code := o.outcome(rowKeys); code != "" && !isSuccess(code) {
		return code
	}
	inner, _ := asObject(o["result"])
	return inner.outcome(rowKeys)
}

// failed reports whether a row says that it is no success.
func (o object) failed() bool {
	code := o.rowOutcome()
	return code != "" && !isSuccess(code)
}

// sound gives the rows that do not say of themselves that they failed.
func sound(data any) (list []object, whole bool) {
	objects, whole := rows(data)
	return slices.DeleteFunc(objects, object.failed), whole
}

// maxEnvelopes bounds how deep an answer is looked into.
const maxEnvelopes = 3

// lookInside finds the code that counts where the envelope's own is not it. How
// the second generation tells a business refusal is not public: the number may
// be the envelope's code, or data's below OP_BIZ_ERROR; gateways in between add
// an envelope of their own.
func (a *answer) lookInside(report reporter) {
	inside := false
	for range maxEnvelopes {
		if !a.unwrap(report) {
			break
		}
		inside = true
	}
	if report.call.aboutVoucher() {
		a.lookAtRows(report.call)
	}
	// A question's last resort is a number set apart in the words. They do not
	// prove that a call with an effect had none.
	if inside || report.call.Changes() || isDocumented(a.code) || isSuccess(a.code) {
		return
	}
	for _, m := range codeInWords.FindAllStringSubmatch(a.msg, -1) {
		if found := m[1] + m[2]; isBusinessCode(found) {
			a.code = found
			return
		}
	}
}

var (
	fourDigits  = regexp.MustCompile(`^[0-9]{4}$`)
	codeInWords = regexp.MustCompile(`\[([0-9]{4})\]|^\s*([0-9]{4})\s*[::]`)
)

// unwrap takes what is inside for the answer, if its code is the one that counts.
func (a *answer) unwrap(report reporter) bool {
	inner, isObject := single(a.data)
	code := inner.outcome(outcomeKeys)
	if !isObject && a.code == "OP_BIZ_ERROR" {
		code = codeText(a.data)
	}
	if a.code == "OP_UNIAUTH_FAILED" {
		a.sub = code
		a.speak(inner)
		return false
	}
	isVoucher := inner.text("receiptcode") != ""
	switch {
	case code == "":
		return false
	case isSuccess(a.code) && isSuccess(code):
		if a.code != ownSuccess[report.platform] { // either counts
			a.code = code
		}
	case isSuccess(a.code) && (isDocumented(code) || report.call.aboutVoucher()),
		isSuccess(a.code) && fourDigits.MatchString(code) && !isVoucher,
		a.code == "OP_BIZ_ERROR" && fourDigits.MatchString(code),
		!isDocumented(a.code) && isBusinessCode(code):
		a.code, a.byRow = code, isVoucher
	default:
		return false
	}
	a.speak(inner)
	if isObject {
		a.data = inner.contents()
	}
	return true
}

// speak takes the words of what is inside, where there are any.
func (a *answer) speak(inner object) {
	if words := inner.text(wordKeys...); words != "" {
		a.msg = words
	}
}

// contents is what an envelope holds: its data, or what stands beside its code.
func (o object) contents() any {
	if data, has := o["data"]; has {
		return data
	}
	rest := make(map[string]any, len(o))
	for key, value := range o {
		if !slices.Contains(envelopeKeys, key) {
			rest[key] = value
		}
	}
	return rest
}

// lookAtRows takes the code of a row that failed for the answer's; of several,
// one that is not a certain refusal. Where other rows are a success, a call with
// an effect had a part of it, and a question is answered by those.
func (a *answer) lookAtRows(call Call) {
	if !isSuccess(a.code) {
		return
	}
	objects, _ := rows(a.data)
	var bad object
	for _, o := range objects {
		if o.failed() && (bad == nil || knownCodes[bad.rowOutcome()].class == Refused) {
			bad = o
		}
	}
	good := len(consumed(a.data)) > 0
	if bad == nil || good && !call.Changes() {
		return
	}
	a.code, a.byRow, a.partly = bad.rowOutcome(), true, good
	a.speak(bad)
}
