package crash

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// referee holds against each other what the fakes saw of a round.
type referee struct {
	h        *history
	ledger   []dianpingtest.Effect // of the round
	requests []dianpingtest.Request
	views    []view
	calls    map[string]wecomtest.Delivery // by id
	group    map[string][]string           // code → codes of its order
	found    []string
}

func (f *referee) violation(format string, args ...any) {
	f.found = append(f.found, fmt.Sprintf(format, args...))
}

func (f *referee) judge() []string {
	f.platform()
	f.callbacks()
	f.truth()
	f.pending()
	return f.found
}

// consumeCall is one consume request as the platform got it.
type consumeCall struct {
	dianpingtest.Request
	id, code string
	count    int
	again    bool // the request id was sent before
}

// definite reports whether the platform sent an answer that settles the matter. What
// something between answers does not, nor what is not documented; the refusal of a
// repeat says nothing of the call before.
func (c consumeCall) definite() bool {
	switch c.Fault {
	case "", dianpingtest.WrongContentType, dianpingtest.SessionExpired:
	case dianpingtest.ProxyRepeat: // a refusal may be that of the repeat
		if !succeeded(c.Answer) {
			return false
		}
	case dianpingtest.Throttle:
		if c.Dialect == dianpingtest.Dianping { // the first generation's code is not known
			return false
		}
	case dianpingtest.Delay:
		if c.late() {
			return false
		}
	default:
		return false
	}
	return c.State == dianpingtest.RequestAnswered && c.Status == 200 && !keptBack.MatchString(c.Answer) && (!c.again || succeeded(c.Answer))
}

// refusedAlone reports whether an answer would settle the matter, had the request not been
// sent before.
func (c consumeCall) refusedAlone() bool {
	c.again = false
	return c.definite()
}

// keptBack is Douyin's answer to a verify that risk control decides on later.
var keptBack = regexp.MustCompile(`:"?1229"?[,}]`)

// late: the answer came when whoever asked may have given up, or just not yet.
func (c consumeCall) late() bool {
	return c.Fault == dianpingtest.Delay && c.State == dianpingtest.RequestAnswered && c.Took >= callTimeout*2/3
}

func consumeCalls(all []dianpingtest.Request) []consumeCall {
	var calls []consumeCall
	for _, r := range all {
		c := consumeCall{Request: r}
		fields := map[string]string{}
		for _, f := range r.Fields {
			fields[f.Name] = f.Value
		}
		switch r.Call {
		case "consume":
		case "verify":
			calls = append(calls, verifyCall(c, fields))
			continue
		default:
			continue
		}
		if biz := fields["biz"]; biz != "" {
			var in map[string]any
			if json.Unmarshal([]byte(biz), &in) == nil {
				for k, v := range in {
					fields[strings.ToLower(k)] = fmt.Sprint(v)
				}
			}
		}
		c.id = fields["requestid"]
		c.code = fields["receipt_code"] + fields["receiptcode"]
		c.count, _ = strconv.Atoi(fields["count"])
		calls = append(calls, c)
	}
	return calls
}

// verifyCall is one of Douyin's: the token is its id, and of the coupons the first.
func verifyCall(c consumeCall, fields map[string]string) consumeCall {
	c.id = fields["verify_token"]
	if len(c.Codes) > 0 {
		c.code = c.Codes[0]
	}
	var coupons []string
	if json.Unmarshal([]byte(fields["encrypted_codes"]), &coupons) == nil {
		c.count = len(coupons)
	}
	return c
}

// platform judges the ledger and the requests alone: nothing is consumed twice,
// an operation has one request id from its first call to its last.
func (f *referee) platform() {
	type voucher struct{ shop, code string } // two platforms may have sold one code
	standing := map[voucher][]dianpingtest.Effect{}
	byID := map[string][]dianpingtest.Effect{}
	for _, e := range f.ledger {
		v := voucher{e.Shop, e.Code}
		switch e.Kind {
		case dianpingtest.EffectConsumed:
			f.meant(e)
		case dianpingtest.EffectUndone:
			standing[v] = slices.DeleteFunc(standing[v], func(c dianpingtest.Effect) bool { return c.Seq == e.Undoes })
			continue
		default:
			continue // held by risk control, or let go
		}
		if before := standing[v]; len(before) > 0 && !f.mayVisitAgain(e, before[len(before)-1]) {
			f.violation("%s consumed twice, by requests %s and %s", e.Code, before[len(before)-1].RequestID, e.RequestID)
		}
		standing[v] = append(standing[v], e)
		if e.Dialect == "" {
			continue // at the till
		}
		if e.RequestID == "" {
			f.violation("%s consumed without a request id", e.Code)
		}
		byID[e.RequestID] = append(byID[e.RequestID], e)
	}

	asked := f.oneAtATime()
	for id, effects := range byID {
		want := max(asked[id].count, 1)
		some := f.h.douyin.Refusals == douyintest.RefusalRows && effects[0].Dialect == douyin // those that can be
		if len(effects) > want || len(effects) < want && !some {
			f.violation("request %s for %d coupons consumed %d", id, want, len(effects))
		}
	}
}

// oneAtATime judges the consume requests: while nobody can know the outcome of one, none
// with another id is sent. It gives the first request of each id.
func (f *referee) oneAtATime() map[string]consumeCall {
	asked := map[string]consumeCall{}
	unknown := map[bool]map[string]string{false: {}, true: {}} // at Douyin or not: code → request id whose outcome nobody can know yet
	for _, r := range f.requests {
		f.booksTell(unknown[true], r)
		open := unknown[r.Call == "verify"]
		for _, c := range consumeCalls([]dianpingtest.Request{r}) {
			if c.id == "" || c.code == "" {
				f.violation("consume request %d without request id or code", c.Seq)
			}
			first, again := asked[c.id]
			if c.again = again; again && (first.code != c.code || first.count != c.count) {
				f.violation("request id %s used for %s x%d and for %s x%d", c.id, first.code, first.count, c.code, c.count)
			}
			if !again {
				asked[c.id] = c
			}
			if f.undoneBefore(open[c.code], r.Time) {
				delete(open, c.code)
			}
			if id := open[c.code]; id != "" && id != c.id && f.card(c.code) == 0 { // of a card the records tell, too
				f.violation("%s: request %s sent while the outcome of %s was not known", c.code, c.id, id)
			}
			switch {
			case c.late(): // says nothing about what is known
			case c.again && open[c.code] != c.id && c.refusedAlone(): // no call before it is unknown
			case !c.definite():
				open[c.code] = c.id
			case open[c.code] == c.id:
				delete(open, c.code)
			}
		}
	}
	return asked
}

// undoneBefore reports whether what a request consumed was undone by then: who undoes it
// knows of it.
func (f *referee) undoneBefore(id string, at time.Time) bool {
	return slices.ContainsFunc(f.ledger, func(e dianpingtest.Effect) bool {
		return e.Kind == dianpingtest.EffectUndone && e.Dialect != "" && e.Time.Before(at) && slices.ContainsFunc(f.ledger, func(c dianpingtest.Effect) bool {
			return c.Seq == e.Undoes && c.Kind == dianpingtest.EffectConsumed && c.Code == e.Code && c.RequestID == id
		})
	})
}

// booksTell ends what Douyin's answer to a question for an order tells the outcome of: it
// has every use, unless the effect is yet to come.
func (f *referee) booksTell(open map[string]string, r dianpingtest.Request) {
	told := r.Fault == "" || r.Fault == douyintest.WrongContentType || r.Fault == douyintest.Delay
	if r.Call != "query" || r.State != dianpingtest.RequestAnswered || r.Status != 200 || !told {
		return
	}
	for _, code := range r.Codes {
		if !slices.ContainsFunc(f.ledger, func(e dianpingtest.Effect) bool {
			return e.Kind == dianpingtest.EffectConsumed && e.RequestID == open[code] && e.Time.After(r.Time)
		}) {
			delete(open, code)
		}
	}
}

// meant judges a consumption of a code that two platforms of a store know: a message or a
// press before it says which is meant, unless an undo has changed the code of one, or the
// till has used it up, so that one platform alone has it still.
func (f *referee) meant(e dianpingtest.Effect) {
	twin := slices.ContainsFunc(f.h.vouchers, func(v voucher) bool { return v.twin && v.code == e.Code })
	told := slices.ContainsFunc(f.h.deeds, func(d deed) bool {
		named := strings.Contains(d.text, "抖音") || strings.Contains(d.text, "美团")
		return (named || d.press && strings.HasPrefix(d.key, "verify ")) && slices.Contains(d.codes, e.Code) && d.began.Before(e.Time)
	})
	used := slices.ContainsFunc(f.ledger, func(o dianpingtest.Effect) bool {
		return o.Kind == dianpingtest.EffectConsumed && o.Code == e.Code && o.RequestID == "" && o.Time.Before(e.Time)
	})
	if e.Dialect != "" && twin && !told && !used && !f.effectBefore(dianpingtest.EffectUndone, []string{e.Code}, e.Time) {
		f.violation("%s consumed by request %s, and nobody has said at which platform", e.Code, e.RequestID)
	}
}

// card is how many visits a code is good for, 0 where it is no times card.
func (f *referee) card(code string) int {
	for _, v := range f.h.vouchers {
		if v.code == code {
			return v.visits
		}
	}
	return 0
}

// mayVisitAgain reports whether a visit of a times card may follow one that stands: it
// is of the same request for several, or somebody has pressed a button for it.
func (f *referee) mayVisitAgain(e, before dianpingtest.Effect) bool {
	return f.card(e.Code) > 0 && (e.RequestID == before.RequestID || slices.ContainsFunc(f.h.deeds, func(d deed) bool {
		return d.press && strings.HasPrefix(d.key, "verify ") && slices.Contains(d.codes, e.Code) && d.began.Before(e.Time)
	}))
}

// accepted reports whether WeCom ever got a 200 for a callback.
func accepted(d wecomtest.Delivery) bool {
	return slices.ContainsFunc(d.Attempts, func(a wecomtest.Attempt) bool { return a.Status == 200 && a.Err == "" })
}

func sameTalk(a, b wecomtest.Where) bool {
	if a.Group != "" || b.Group != "" {
		return a.Group == b.Group
	}
	return a.App == b.App && a.Robot == b.Robot && strings.EqualFold(a.User, b.User)
}

// bubbles are the bubbles of a conversation that gave a terminal answer about a
// code, one verdict each, and how many of them are answers of their own: not those
// that said before that one will follow, and were changed once it had.
func (f *referee) bubbles(talk wecomtest.Where, code string) (all map[string]verdict, own map[string]verdict) {
	all, own = map[string]verdict{}, map[string]verdict{}
	waited := map[string]bool{}
	for _, v := range f.views {
		if !sameTalk(v.place, talk) {
			continue
		}
		id := v.shown.ID
		for _, s := range v.told {
			switch {
			case !s.about(code) || all[id] != "":
			case s.interim:
				waited[id] = true
			default:
				all[id] = s.verdict
				if !waited[id] {
					own[id] = s.verdict
				}
			}
		}
	}
	return all, own
}

// callbacks holds each accepted callback against the screen it belongs to.
func (f *referee) callbacks() {
	type key struct {
		talk wecomtest.Where
		code string
	}
	type count struct{ accepted, others, presses int }
	counts := map[key]*count{}
	for _, d := range f.h.deeds {
		call, ok := f.calls[d.delivery]
		if !ok {
			f.violation("%s in %s: no callback", d.who, d.where)
			continue
		}
		f.repeats(d, call)
		talk := d.where
		if talk.Group != "" {
			talk = wecomtest.InGroup(talk.Group)
		}
		for _, code := range d.codes {
			k := key{talk, code}
			c := counts[k]
			if c == nil {
				c = &count{}
				counts[k] = c
			}
			switch {
			case d.press:
				c.presses++
				if accepted(call) && !f.answeredSince(talk, code, d.began) {
					f.violation("%s pressed %q about %s in %s at %s: no answer", d.who, d.key, code, talk, clock(d.began))
				}
			case accepted(call):
				c.accepted++
			default:
				c.others++
			}
		}
	}
	for k, c := range counts {
		all, got := f.bubbles(k.talk, k.code)
		most := c.accepted + c.others + c.presses + f.onLists(k.talk, k.code) + f.keptBack(k.talk, k.code)
		if len(all) < c.accepted {
			f.violation("%s in %s: %d messages accepted, %d answers", k.code, k.talk, c.accepted, len(all))
		}
		switch extra := len(got) - most; {
		case extra <= 0:
		case extra > f.h.losses():
			f.violation("%s in %s: %d messages and presses, %d answers", k.code, k.talk, most, len(got))
		default: // a repeat must say the same as what it repeats
			times := map[verdict]int{}
			for _, v := range got {
				times[v]++
			}
			same := 0
			for _, n := range times {
				same += n - 1
			}
			if same < extra {
				f.violation("%s in %s: %d answers to %d messages, and they differ: %v", k.code, k.talk, len(got), most, times)
			}
		}
	}
}

// keptBack counts the bubbles of a conversation about a code that say that risk control
// keeps it, or another beside it, back: the outcome is told by one more.
func (f *referee) keptBack(talk wecomtest.Where, code string) int {
	bubbles := map[string]bool{}
	for _, v := range f.views {
		for _, s := range v.told {
			if sameTalk(v.place, talk) && s.verdict == waits && says(v.told, code) {
				bubbles[v.shown.ID] = true
			}
		}
	}
	return len(bubbles)
}

// repeats: whoever sends a callback again gets the same card again.
func (f *referee) repeats(d deed, call wecomtest.Delivery) {
	var first []byte
	for _, a := range call.Attempts {
		if a.Refused != "" {
			f.violation("%s %q in %s: answer refused: %s", d.who, d.text+d.key, d.where, a.Refused)
		}
		if !strings.Contains(string(a.Answer), `"template_card"`) {
			continue
		}
		if first == nil {
			first = a.Answer
		} else if string(first) != string(a.Answer) && strings.Contains(string(first), `"msgtype":"template_card"`) == strings.Contains(string(a.Answer), `"msgtype":"template_card"`) {
			f.violation("%s %q in %s: a repeat got another answer:\n%s\n%s", d.who, d.text+d.key, d.where, first, a.Answer)
		}
	}
}

func (f *referee) answeredSince(talk wecomtest.Where, code string, since time.Time) bool {
	for _, v := range f.views {
		if !sameTalk(v.place, talk) {
			continue
		}
		for _, s := range v.told {
			if s.about(code) && !s.interim && !s.at().Before(since) {
				return true
			}
		}
	}
	return false
}

// effectBefore finds an effect of a kind on a code not later than a moment.
func (f *referee) effectBefore(kind dianpingtest.EffectKind, codes []string, at time.Time) bool {
	return slices.ContainsFunc(f.ledger, func(e dianpingtest.Effect) bool {
		return e.Kind == kind && e.Dialect != "" && slices.Contains(codes, e.Code) && !e.Time.After(at)
	})
}

// truth holds what people were told against the ledger, and the ledger against
// what they were told.
func (f *referee) truth() {
	for _, v := range f.views {
		for _, s := range v.told {
			if s.code == "" {
				f.violation("a list in %s has a line without a code: %q", v.place, s.words)
			}
			for _, voucher := range f.h.vouchers {
				if !s.about(voucher.code) {
					continue
				}
				consumed := []string{voucher.code}
				if voucher.at == douyin { // a code stands for its order
					consumed = f.group[voucher.code]
				}
				switch s.verdict {
				case success:
					if !f.effectBefore(dianpingtest.EffectConsumed, consumed, s.at()) {
						f.violation("%s told %q about %s in %s at %s: not in the ledger by then", v.place.User, s.words, voucher.code, v.place, clock(s.at()))
					}
				case waits:
					if !slices.ContainsFunc(f.ledger, func(e dianpingtest.Effect) bool {
						return e.Kind == isHeld && slices.Contains(consumed, e.Code) && !e.Time.After(s.at())
					}) {
						f.violation("%s told %q about %s in %s at %s: risk control does not hold it", v.place.User, s.words, voucher.code, v.place, clock(s.at()))
					}
				case undone:
					if !f.effectBefore(dianpingtest.EffectUndone, f.group[voucher.code], s.at()) {
						f.violation("%s told %q about %s in %s at %s: not in the ledger by then", v.place.User, s.words, voucher.code, v.place, clock(s.at()))
					}
				}
			}
		}
	}
	for _, e := range f.ledger {
		if e.Dialect == "" {
			continue
		}
		codes := f.group[e.Code]
		want := []verdict{success, undone} // undone before success could be shown: that was the answer
		switch e.Kind {
		case dianpingtest.EffectUndone:
			want = []verdict{undone}
		case isHeld, isReleased: // a repeat may have met it when it was over
			want = []verdict{success, undone, letGo}
		}
		if !f.told(e.Account, codes, want, e.Time) {
			f.violation("%s %s for %s at %s (request %s), who never saw %v", e.Code, e.Kind, e.Account, clock(e.Time), e.RequestID, want)
		}
	}
}

// What risk control does is in Douyin's ledger.
const (
	isHeld     = dianpingtest.EffectKind(douyintest.EffectHeld)
	isReleased = dianpingtest.EffectKind(douyintest.EffectReleased)
)

// told reports whether a person, or where the ledger does not name one somebody who has
// asked about the codes, saw one of the verdicts about one of the codes.
func (f *referee) told(who string, codes []string, want []verdict, since time.Time) bool {
	for _, v := range f.views {
		if who != "" && !strings.EqualFold(v.place.User, who) || who == "" && !f.asked(v.place.User, codes) {
			continue
		}
		for _, s := range v.told {
			if slices.Contains(want, s.verdict) && slices.ContainsFunc(codes, s.about) && !s.at().Before(since) {
				return true
			}
		}
	}
	return false
}

// asked reports whether a person has said or pressed something about one of the codes.
func (f *referee) asked(who string, codes []string) bool {
	return slices.ContainsFunc(f.h.deeds, func(d deed) bool {
		return d.who == who && slices.ContainsFunc(d.codes, func(code string) bool { return slices.Contains(codes, code) })
	})
}

// onLists counts the presses about other codes on lists that tell of a code: what
// becomes of such a press is told as the list again.
func (f *referee) onLists(talk wecomtest.Where, code string) (n int) {
	for _, d := range f.h.deeds {
		if d.press && sameTalk(d.where, talk) && !slices.Contains(d.codes, code) && says(d.on, code) {
			n++
		}
	}
	return n
}

// pending: whoever was asked to wait has got the outcome, and no stream runs on.
func (f *referee) pending() {
	last := map[string]view{}
	for _, v := range f.views {
		last[v.place.String()+" "+v.place.User+" "+v.shown.ID] = v
	}
	for _, v := range last {
		if !v.shown.Finished || v.shown.Expired {
			f.violation("a stream in %s never ended: %q", v.place, v.shown.Text)
		}
		for _, s := range v.told {
			if s.verdict == human {
				f.violation("%s needs a human in %s", s.code, v.place)
			}
			if !s.verdict.pending() {
				continue
			}
			later := slices.ContainsFunc(f.views, func(w view) bool {
				return sameTalk(w.place, v.place) && slices.ContainsFunc(w.told, func(t statement) bool {
					return !t.interim && (t.about(s.code) || s.about(t.code)) && t.at().After(s.at())
				})
			})
			if !later {
				f.violation("%s is still %s in %s (told at %s)", s.code, s.verdict, v.place, clock(s.at()))
			}
		}
	}
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
