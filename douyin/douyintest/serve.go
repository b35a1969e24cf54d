package douyintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	typeJSON = "application/json; charset=utf-8"
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
)

// outcome is what a client gets to see.
type outcome struct {
	status      int
	contentType string
	body        []byte
	cut         bool // only the first half of the body arrives
	drop        bool // no answer: the connection is closed
	location    string
}

var dropped = outcome{drop: true}

func errorPage(status int) outcome {
	text := fmt.Sprintf("<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	return outcome{status: status, contentType: typeHTML, body: []byte(text)}
}

func jsonOutcome(answer any) outcome {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		return errorPage(http.StatusInternalServerError)
	}
	return outcome{status: http.StatusOK, contentType: typeJSON, body: bytes.TrimSpace(b.Bytes())}
}

// ServeHTTP answers a request.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := readCall(w, r)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	seq := p.requestCame(c)
	out := p.serve(ctx, c, seq)
	// Recorded first, so that whoever has the answer finds the record complete.
	p.requestDone(seq, out)
	out.send(w)
}

// serve decides what becomes of a request. ctx ends when the client leaves or the
// platform is closed.
func (p *Platform) serve(ctx context.Context, c *call, seq uint64) outcome {
	if p.ctx.Err() != nil {
		return errorPage(http.StatusServiceUnavailable)
	}
	if out, down := p.whileDown(ctx, seq); down {
		return out
	}
	if c.name == "" {
		return errorPage(http.StatusNotFound)
	}
	if f := p.takeFault(c, seq); f != nil {
		return p.serveFault(ctx, c, seq, *f)
	}
	out, _ := p.apply(c, seq, false)
	return out
}

// apply carries a call out, composes the true answer and says whether the call had
// an effect.
func (p *Platform) apply(c *call, seq uint64, partly bool) (outcome, bool) {
	p.lock()
	defer p.mu.Unlock()
	return p.carryOut(c, seq, partly, p.opts.Now())
}

// carryOut is apply at a time. The caller holds the lock.
func (p *Platform) carryOut(c *call, seq uint64, partly bool, now time.Time) (outcome, bool) {
	before, issued := len(p.ledger), len(p.tokens)
	out := p.answer(c, partly, now)
	effect := describe(p.ledger[before:])
	if len(p.tokens) > issued {
		effect = "issued a token"
	}
	if effect != "" {
		p.note(seq, func(r *Request) { r.Effect = strings.TrimPrefix(r.Effect+"; "+effect, "; ") })
	}
	return out, effect != ""
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
func (p *Platform) answer(c *call, partly bool, now time.Time) outcome {
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
func (p *Platform) redirect(c *call) outcome {
	l := p.links[c.link]
	if l == nil || l.dead && p.knobs.StaleQR == StaleQRGone {
		return errorPage(http.StatusNotFound)
	}
	out := outcome{status: http.StatusFound, contentType: typeHTML}
	out.location = "https://www.iesdouyin.com/share/life/voucher/?from=app&object_id=" + url.QueryEscape(l.object) + "&utm_source=copy"
	return out
}

// enveloped is a business answer. Which of the places tell a refusal is a knob.
func (p *Platform) enveloped(data object, r *refusal) outcome {
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
		"logid": p.opts.Now().In(beijing).Format("20060102150405") + strings.ToUpper(p.hex()[:18]), "now": p.opts.Now().Unix(),
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
	return jsonOutcome(answer)
}

// tokenAnswer is the answer to a call for a token, whose envelope is another.
func (p *Platform) tokenAnswer(data object, r *refusal) outcome {
	message := "success"
	if r != nil {
		data, message = object{"error_code": int64(r.code), "description": r.msg}, "error"
	} else {
		data["error_code"], data["description"] = int64(0), ""
	}
	data["captcha"], data["desc_url"], data["log_id"] = "", "", strings.ToUpper(p.hex())
	return jsonOutcome(object{"data": p.shaped(data, "data"), "message": message})
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

func (o outcome) send(w http.ResponseWriter) {
	if o.drop {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
			return
		}
		panic(http.ErrAbortHandler) // net/http's own way to close a connection
	}
	h := w.Header()
	h.Set("Content-Type", o.contentType)
	if o.location != "" {
		h.Set("Location", o.location)
	}
	h.Set("Content-Length", strconv.Itoa(len(o.body)))
	w.WriteHeader(o.status)
	body := o.body
	if o.cut {
		body = body[:len(body)/2] // net/http closes the connection over the rest
	}
	_, _ = w.Write(body) // a client that left is no concern of ours
}
