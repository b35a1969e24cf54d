package douyintest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

// CarryOut judges a call, has its effect and composes the true answer.
func (c *call) CarryOut(partly bool, now time.Time) (out fakeserver.Outcome, effect string) {
	p := c.p
	if c.name == "" {
		return fakeserver.ErrorPage(http.StatusNotFound), ""
	}
	before, issued := len(p.ledger), len(p.tokens)
	out = p.answer(c, partly, now)
	if len(p.tokens) > issued {
		return out, "issued a token"
	}
	return out, describe(p.ledger[before:])
}

// describe puts effects in words, e.g. "consumed 104930181552, 104930181553".
func describe(effects []Effect) string {
	if len(effects) == 0 {
		return ""
	}
	codes := make([]string, len(effects))
	for i, e := range effects {
		codes[i] = e.Code
		if e.NewCode != "" {
			codes[i] += " (now " + e.NewCode + ")"
		}
	}
	return string(effects[0].Kind) + " " + strings.Join(codes, ", ")
}

// answer judges a call and carries it out.
func (p *Platform) answer(c *call, partly bool, now time.Time) fakeserver.Outcome {
	if c.name == callLink {
		return p.redirect(c)
	}
	var data object
	r := p.gate(c)
	if r == nil {
		data, r = p.business(c, partly, now)
	}
	if c.name == callToken {
		return p.tokenAnswer(data, r)
	}
	return p.enveloped(data, r)
}

// gate judges what all calls have in common.
func (p *Platform) gate(c *call) *refusal {
	if c.name == callToken {
		return nil
	}
	if r := p.judgeToken(c); r != nil {
		return r
	}
	if p.withheld[c.name] {
		return refuse(codeNotGranted)
	}
	if c.account != "" {
		_, r := p.accountFor(c.account)
		return r
	}
	return nil
}

func (p *Platform) business(c *call, partly bool, now time.Time) (object, *refusal) {
	switch c.name {
	case callToken:
		return p.clientToken(c, now)
	case callPrepare:
		return p.prepare(c, now)
	case callVerify:
		return p.verify(c, partly, now)
	case callCancel:
		return p.cancelUse(c, now)
	case callGet:
		return p.get(c, now)
	case callQuery:
		return p.query(c, now)
	case callVerifyRecords:
		return p.verifyRecords(c, now)
	case callLedger:
		return p.settlements(c, now)
	default:
		return p.pois(c)
	}
}

// redirect answers a short link. Only object_id in the long link means anything.
func (p *Platform) redirect(c *call) fakeserver.Outcome {
	l := p.links[c.link]
	if l == nil || l.dead && p.knobs.StaleQR == StaleQRGone {
		return fakeserver.ErrorPage(http.StatusNotFound)
	}
	out := fakeserver.Outcome{Status: http.StatusFound, ContentType: fakeserver.TypeHTML}
	out.Location = "https://www.iesdouyin.com/share/life/voucher/?from=app&object_id=" + url.QueryEscape(l.object) + "&utm_source=copy"
	return out
}

// enveloped is a business answer. Which of the places tell a refusal is a knob.
func (p *Platform) enveloped(data object, r *refusal) fakeserver.Outcome {
	inData, inExtra, text, sub, subText := 0, 0, "success", 0, ""
	if r != nil {
		inData, inExtra, text, data = r.code, r.code, r.msg, object{}
		if sub = r.sub; sub != 0 {
			subText = codeTexts[sub]
		}
		switch p.knobs.Refusals {
		case RefusalSub:
			if sub == 0 && ofCoupon(r.code) {
				inData, inExtra, sub, subText = codeBusiness, codeBusiness, r.code, r.msg
			}
		case RefusalData:
			inExtra = 0
		case RefusalExtra:
			inData = 0
		}
	}
	data["error_code"], data["description"] = int64(inData), text
	if inData == 0 {
		data["description"] = "success"
	}
	extra := object{
		"error_code": int64(inExtra), "description": "", "sub_error_code": int64(sub), "sub_description": subText,
		"logid": p.core.Now().In(beijing).Format("20060102150405") + strings.ToUpper(p.hex()[:18]), "now": p.core.Now().Unix(),
	}
	if inExtra != 0 {
		extra["description"] = text
	}
	answer := object{"data": p.shaped(data, "data"), "extra": extra}
	if p.knobs.Numbers == NumbersAll {
		answer = asText(answer, false).(object)
	}
	if slices.Contains(p.knobs.Absent, "extra") {
		delete(answer, "extra")
	}
	return fakeserver.JSON(answer)
}

// tokenAnswer is the answer to a call for a token, whose envelope is another.
func (p *Platform) tokenAnswer(data object, r *refusal) fakeserver.Outcome {
	message := "success"
	if r != nil {
		data, message = object{"error_code": int64(r.code), "description": r.msg}, "error"
	} else {
		data["error_code"], data["description"] = int64(0), ""
	}
	data["captcha"], data["desc_url"], data["log_id"] = "", "", strings.ToUpper(p.hex())
	return fakeserver.JSON(object{"data": p.shaped(data, "data"), "message": message})
}

// shaped gives an answer's data the forms that the knobs ask for.
func (p *Platform) shaped(value any, name string) any {
	k := p.knobs
	switch v := value.(type) {
	case object:
		shaped := object{}
		for field, inner := range v {
			list, isList := inner.([]any)
			empty := isList && len(list) == 0
			switch {
			case slices.Contains(k.Absent, field) || empty && k.EmptyLists == EmptyListAbsent:
			case slices.Contains(k.Null, field) || empty && k.EmptyLists == EmptyListNull:
				shaped[field] = nil
			default:
				shaped[field] = p.shaped(inner, field)
			}
		}
		if k.Numbers == NumbersText && name == "data" {
			return asText(shaped, true)
		}
		return shaped
	case []any:
		shaped := make([]any, len(v))
		for i, inner := range v {
			shaped[i] = p.shaped(inner, name)
		}
		return shaped
	case string:
		if _, err := strconv.ParseInt(v, 10, 64); err == nil && k.IDs == IDsNumber && (strings.HasSuffix(name, "_id") || name == "cursor") {
			return json.Number(v)
		}
	case int64:
		if k.Times == TimesMilliseconds && strings.HasSuffix(name, "_time") {
			return v * 1000
		}
	}
	return value
}

// asText writes numbers as texts; codes of refusals stay where keep says so.
func asText(value any, keep bool) any {
	switch v := value.(type) {
	case object:
		for name, inner := range v {
			if !keep || !slices.Contains([]string{"error_code", "result", "result_code"}, name) {
				v[name] = asText(inner, keep)
			}
		}
	case []any:
		for i := range v {
			v[i] = asText(v[i], keep)
		}
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return value
}
