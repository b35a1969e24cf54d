package douyin

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"yanquan/internal/httpcall"
	"yanquan/internal/loose"
)

// answer is the envelope {data: {error_code, …}, extra: {error_code, logid, …}}.
type answer struct {
	codes   []string // those that are there: data's, extra's; or err_no alone
	sub     string   // extra.sub_error_code; "" for 0
	finer   bool     // it has the place of that
	words   string
	trace   string
	whole   bool      // it has all the codes that a success needs
	sibling bool      // it has err_no alone, as interfaces of other families
	now     time.Time // by the platform's clock; zero: not told
	data    object
}

// readAnswer decodes an envelope. An answer without a code is none.
func readAnswer(call Call, body []byte) (answer, error) {
	v, err := loose.Decode(body)
	if err != nil {
		return answer{}, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return answer{}, errors.New("the answer is not a JSON object")
	}
	o := object(m)
	data, extra := o.object("data"), o.object("extra")
	a := answer{data: data, now: extra.moment("now"), sub: extra.id("sub_error_code"), finer: extra != nil, trace: cmp.Or(extra.text("logid", "log_id"), data.text("log_id", "logid"))}
	for _, part := range []object{data, extra} {
		if code := part.code("error_code"); code != "" {
			a.codes = append(a.codes, code)
		}
	}
	a.whole = len(a.codes) == 2 || call == CallToken && len(a.codes) == 1 // a token has no extra
	if len(a.codes) == 0 {
		// Sibling interfaces say it so, and something in front of this one might.
		for _, part := range []object{data, o} {
			if code := part.code("err_no"); code != "" {
				a.codes, a.sibling = []string{code}, true
				break
			}
		}
	}
	if len(a.codes) == 0 {
		return answer{}, errors.New("the answer has no error code")
	}
	a.words = cmp.Or(extra.text("sub_description"), data.text("description", "err_msg"), extra.text("description"), o.text("err_msg"))
	return a, nil
}

// code is the one that says that it is no success, else "0".
func (a answer) code() string {
	for _, code := range a.codes {
		if code != "0" {
			return code
		}
	}
	return "0"
}

func (a answer) success() bool { return a.code() == "0" && !a.held() }

// held reports whether one of its places says that risk control keeps a verify back,
// whatever the others say: until that has ended, nothing else is certain.
func (a answer) held() bool { return a.sub == codeHeld || slices.Contains(a.codes, codeHeld) }

// conclude judges an answer that arrived whole.
func (p reporter) conclude(status int, body []byte, read reading) *Error {
	a, err := readAnswer(p.call, body)
	if err != nil {
		e := p.fail(classifyBare(p.call, status), err)
		e.HTTPStatus = status
		return e
	}
	return read(p, a, p.judge(status, a))
}

// judge says how an answer failed by its envelope; nil is success.
func (p reporter) judge(status int, a answer) *Error {
	e := p.fail("", nil)
	e.HTTPStatus = status
	e.Code, e.SubCode = p.scrub.ID(a.code()), p.scrub.ID(a.sub)
	e.Message, e.TraceID = p.scrub.Sentence(a.words), p.scrub.ID(a.trace)
	switch {
	case !a.success() || !httpcall.IsOK(status):
		e.Class, e.Reason = classify(p.call, status, a)
		if p.call.Changes() && a.sibling && !a.held() {
			e.Class, e.Reason = UnknownOutcome, Other
		}
		return e
	case p.call.Changes() && !a.whole:
		e.Class, e.Err = UnknownOutcome, errors.New("the answer says success in one of its two places only")
		if p.call != CallToken {
			e.Reason = Incomplete
		}
		return e
	}
	return nil
}

// unread is the failure of a success whose data cannot be used.
func (p reporter) unread(a answer, err error) *Error {
	e := p.fail(UnknownOutcome, err)
	e.HTTPStatus, e.Code, e.TraceID = 200, a.code(), p.scrub.ID(a.trace)
	switch {
	case errors.Is(err, errNoRecord):
		e.Class, e.Reason = Refused, NoRecord
	case errors.Is(err, errOtherCode):
		e.Reason = OtherCode
	}
	return e
}

var (
	// errNoRecord is the success of a question with nothing in it.
	errNoRecord = errors.New("the answer says success and has no record")
	// errOtherCode is a success that tells of other coupons than were asked for.
	errOtherCode = errors.New("the answer is about other coupons than were asked for")
)

// errNoData is a success that did not tell what it must.
func errNoData(what string) error {
	return errors.New("the answer says success but has no " + what)
}
