package dianping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// answer is the envelope {code, msg, data, traceId} of either generation.
type answer struct {
	code  string // as text, whatever it was
	sub   string // data.code of an authorisation failure
	msg   string
	trace string
	data  any
}

// readAnswer decodes an envelope. An answer without a code is none.
func readAnswer(body []byte) (answer, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return answer{}, fmt.Errorf("the answer of %d bytes is not JSON", len(body))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return answer{}, errors.New("the answer has something behind its JSON")
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
	a.lookInside()
	if o.text("accesstoken") != "" {
		a.data = v // the first generation's tokens stand beside the code
	}
	return a, nil
}

// lookInside finds the code that counts where the envelope's own is not it. How
// the second generation tells a business refusal is not public: the number may
// be the envelope's code, or data's below OP_BIZ_ERROR; gateways in between add
// an envelope of their own.
func (a *answer) lookInside() {
	inner, isObject := single(a.data)
	isVoucher := inner.text("receiptcode") != "" // which may have a "code" that is nothing of the kind
	var code string
	if isObject {
		code = codeText(first(inner, "code", "bizcode", "errorcode", "errcode"))
	} else if a.code == "OP_BIZ_ERROR" {
		code = codeText(a.data)
	}
	_, documented := knownCodes[a.code]
	switch {
	case a.code == "OP_UNIAUTH_FAILED":
		a.sub = code
		if words := inner.text("msg", "message"); words != "" {
			a.msg = words
		}
		return
	case isSuccess(a.code) && isSuccess(code) && !isVoucher:
		if data, has := inner["data"]; has {
			a.data = data
		}
		return
	case fourDigits.MatchString(code) && (isSuccess(a.code) && !isVoucher || a.code == "OP_BIZ_ERROR"),
		isBusinessCode(code) && !documented:
		a.code = code
		if words := inner.text("msg", "message"); words != "" {
			a.msg = words
		}
		if data, has := inner["data"]; has {
			a.data = data
		}
		return
	}
	if !documented && !isSuccess(a.code) {
		// The last resort: a number set apart in the words.
		for _, m := range codeInWords.FindAllStringSubmatch(a.msg, -1) {
			if found := m[1] + m[2]; isBusinessCode(found) {
				a.code = found
				return
			}
		}
	}
}

var (
	fourDigits  = regexp.MustCompile(`^[0-9]{4}$`)
	codeInWords = regexp.MustCompile(`\[([0-9]{4})\]|^\s*([0-9]{4})\s*[::]`)
)

// successCodes: 200 in the first generation, OP_SUCCESS in the second, 0 in its
// authorisation calls. Either is taken from both.
var successCodes = []string{"200", "0", "OP_SUCCESS"}

func isSuccess(code string) bool { return slices.Contains(successCodes, code) }

// codeText gives a code in one form: 1008, 1008.0 and "1008" are the same.
func codeText(v any) string {
	text := strings.ToUpper(scalar(v))
	if n, ok := integer(text); ok {
		return fmt.Sprint(n)
	}
	return text
}

// conclude judges an answer that arrived whole. nil is success, and read has
// had the data.
func conclude(report reporter, status int, body []byte, read func(data any) error) *Error {
	call, scrub := report.call, report.scrub
	e := report.fail(UnknownOutcome, nil)
	e.HTTPStatus = status
	a, err := readAnswer(body)
	if err != nil {
		e.Class, e.Err = classifyBare(call, status), err
		return e
	}
	e.Code, e.Message, e.TraceID = scrub.code(a.code), scrub.sentence(a.msg), scrub.token(a.trace)
	if a.sub != "" {
		e.Message = strings.TrimSpace(e.Message + " (" + scrub.token(a.sub) + ")")
	}
	if isSuccess(a.code) && isOK(status) {
		if err := read(a.data); err != nil {
			e.Err = scrub.cause(err)
			return e
		}
		return nil
	}
	if call.grants() {
		e.Class, e.Reason = classifyGrant(report.platform, call, status, a)
		return e
	}
	e.Class, e.Reason = classify(call, status, a.code, a.sub)
	told, _ := receipts(a.data)
	if call == CallBatchConsume {
		told = consumedRows(a.data)
	}
	if e.Reason == PartlyConsumed {
		e.Receipts = told
	} else if len(told) > 0 {
		e.Receipt = &told[0]
	}
	if e.Reason == AlreadyUsed {
		e.UsedAt = timeOfUse(a)
	}
	return e
}
