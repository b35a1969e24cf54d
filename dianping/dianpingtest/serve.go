package dianpingtest

import (
	"net/http"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

const typeJSON = "application/json;charset=UTF-8"

func jsonOutcome(answer any) fakeserver.Outcome {
	out := fakeserver.JSON(answer)
	if out.ContentType == fakeserver.TypeJSON {
		out.ContentType = typeJSON
	}
	return out
}

// CarryOut judges a call, has its effect and composes the true answer.
func (c *call) CarryOut(partly bool, now time.Time) (out fakeserver.Outcome, effect string) {
	p := c.p
	before := len(p.ledger)
	var answer any
	switch {
	case c.dialect == "" || c.dialect == Dianping && c.name == "":
		return fakeserver.ErrorPage(http.StatusNotFound), ""
	case c.name == callAuthorize:
		return authorizer{p}.page(c, now), ""
	case c.grants() && c.dialect == Meituan:
		answer, effect = gen2{p}.tokens(c, now)
	case c.grants():
		answer, effect = gen1{p}.tokens(c, now)
	case c.dialect == Meituan:
		answer = gen2{p}.answer(c, partly, now)
	default:
		answer = gen1{p}.answer(c, partly, now)
	}
	if effects := p.ledger[before:]; len(effects) > 0 {
		effect = describe(effects)
	}
	return jsonOutcome(answer), effect
}

// describe puts effects in words, e.g. "consumed 0123456789, 0123456790".
func describe(effects []Effect) string {
	codes := make([]string, len(effects))
	for i, e := range effects {
		codes[i] = e.Code
		if e.NewCode != "" {
			codes[i] += " (now " + e.NewCode + ")"
		}
	}
	return string(effects[0].Kind) + " " + strings.Join(codes, ", ")
}
