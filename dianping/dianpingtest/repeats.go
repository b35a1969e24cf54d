package dianpingtest

import "time"

// RepeatAnswer is a value of [Knobs].
type RepeatAnswer string

// What a repeated requestid is answered with.
const (
	SameAnswer        RepeatAnswer = "same_answer"  // the first answer again
	AlreadyUsed       RepeatAnswer = "already_used" // 1008, as if it came from someone else
	RepeatDuplicate   RepeatAnswer = "duplicate"    // 1013
	RepeatFailed      RepeatAnswer = "failed"       // 1002
	RepeatNoStock     RepeatAnswer = "no_stock"     // 1003
	RepeatBadPassword RepeatAnswer = "bad_password" // 1007
)

// RepeatAnswers are all of them, the default first.
var RepeatAnswers = []RepeatAnswer{SameAnswer, AlreadyUsed, RepeatDuplicate, RepeatFailed, RepeatNoStock, RepeatBadPassword}

// repeatCodes are the codes of those that say nothing of the first call.
var repeatCodes = map[RepeatAnswer]int{
	RepeatDuplicate: codeDuplicate, RepeatFailed: codeFailed, RepeatNoStock: codeNoStock, RepeatBadPassword: codeBadPassword,
}

// requestKey is what a requestid must be unique in.
type requestKey struct {
	dialect Dialect
	id      string
}

// doneRequest is what a requestid stands for once it had an effect.
type doneRequest struct {
	at    time.Time
	asked string // the parameters; a repeat must have the same
	rows  []consumeRow
}

// repeated finds the answer that a requestid got before. All results are zero
// where the call is to be carried out; again says that it was before.
func (p *Platform) repeated(key requestKey, asked string, now time.Time) (rows []consumeRow, again bool, r *refusal) {
	d := p.done[key]
	if d == nil || p.knobs.RequestLife > 0 && now.Sub(d.at) >= p.knobs.RequestLife {
		return nil, false, nil
	}
	if d.asked != asked {
		return nil, true, refuseFor(codeFailed, "requestid已用于其他请求")
	}
	if code := repeatCodes[p.knobs.RepeatAnswer]; code != 0 {
		return nil, true, refuse(code)
	}
	if p.knobs.RepeatAnswer == AlreadyUsed {
		return nil, true, nil
	}
	for _, row := range d.rows {
		for _, v := range row.consumed {
			if v.State == Replaced {
				return nil, true, refuse(codeReplaced)
			}
		}
	}
	return d.rows, true, nil
}
