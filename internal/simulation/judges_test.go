package simulation

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

// promise is how long an answer or the end of a doubt may take once nothing is wrong:
// 30 s, and what a lease of a dead process lasts.
const promise = 30 * time.Second

// waiting reports whether somebody waits for an answer. The caller holds the lock.
func (w *world) waiting() bool {
	for _, open := range w.doubts {
		if open {
			return true
		}
	}
	for _, a := range w.asks {
		if a.answered.IsZero() && (!a.accepted.IsZero() || time.Since(a.said) < 3*time.Minute) { // it may be stored without a 200
			return true
		}
	}
	return false
}

// calm waits until nobody waits any more, or too long.
func (w *world) calm() {
	w.agenda.stir()
	for range 60 {
		time.Sleep(5 * time.Second)
		w.mu.Lock()
		waiting := w.waiting()
		w.mu.Unlock()
		if !waiting {
			return
		}
	}
}

// judge holds the ledger, the screens and what people did against each other.
func (w *world) judge() {
	w.wrongs()
	w.once()
	w.fresh()
	w.truth()
	w.settled()
	w.answers()
	w.atOnce()
	w.holds()
	w.order()
	w.follows()
	w.sums()
	w.alarms()
	w.refunds()
	w.limits()
	w.doubles()
	w.changes()
	w.overtaken()
	w.keys()
	w.renewals()
	w.grantsKept()
	w.calls()
	w.grown()
}

func (w *world) finding(format string, args ...any) {
	w.found = append(w.found, fmt.Sprintf(format, args...))
}

// wrongs adds to the troubles the calls that met a fault.
func (w *world) wrongs() {
	for _, r := range w.requests {
		switch {
		case r.Fault != "":
			w.troubles = append(w.troubles, span{r.Time, r.Time.Add(max(r.Took, 3*time.Second)), string(r.Fault)})
		case r.Call == "token" && strings.Contains(r.Answer, "10020"): // too many; it goes by five minutes
			w.troubles = append(w.troubles, span{r.Time, r.Time.Add(6 * time.Minute), "token"})
		case r.Call == "cancel" && strings.Contains(r.Answer, "3000001") && !strings.Contains(r.Answer, "2034000910"): // no word why: it counts after three minutes only
			w.troubles = append(w.troubles, span{r.Time, r.Time.Add(15 * time.Second), "cancel"})
		}
	}
	slices.SortFunc(w.troubles, func(a, b span) int { return a.from.Compare(b.from) })
}

// due is until when something that began at a time has come to its end: the promise
// counts from the end of whatever went wrong meanwhile.
func (w *world) due(from time.Time) time.Time {
	if w.unclear() {
		return w.dueWithin(from, promise+byPeople)
	}
	return w.dueWithin(from, promise)
}

// byPeople is how much longer it takes until people are told that it is theirs to end.
const byPeople = 4 * time.Minute

func (w *world) dueWithin(from time.Time, promised time.Duration) time.Time {
	until := from.Add(promised)
	for _, s := range w.troubles {
		if s.to.After(from) && s.from.Before(until) {
			after := 15 * time.Second
			if s.what == "WeCom" { // with the promise: a minute's pause, and the end of the attempt before
				after = 45 * time.Second
			}
			until = latest(until, s.to.Add(promised+after))
		}
	}
	return until
}

// unclear reports whether the platform's records do not say whose a verification is:
// then a doubt is a person's to end, who is told so after three minutes.
func (w *world) unclear() bool {
	if !w.sells(atDianping) && !w.sells(atMeituan) {
		return false
	}
	switch w.Knobs.VerifyAccount {
	case "", dianpingtest.VerifyAccountLogin, dianpingtest.VerifyAccountName:
		return false
	}
	return true
}

// holdsBack reports whether a coupon is held back: where that was not told, nothing tells
// that it was let go, and it is a person's to look.
func (w *world) holdsBack(code string) bool {
	return slices.ContainsFunc(w.Sold, func(s sold) bool { return s.Code == code && s.Hold != nil })
}

// unnamed reports whether a consumption is one of risk control's that the platform's record
// may not give to the interface: then it is a person's to say whose it is.
func (w *world) unnamed(e effect) bool {
	return w.Douyin.HeldType != "" && w.Douyin.HeldType != douyintest.HeldTypeInterface && e.Kind == dianpingtest.EffectConsumed && w.wasHeld(e)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *world) byUs(e effect) bool { return e.ours }

// of reports whether an effect is on a coupon that a code stands for: at Douyin one of
// its order.
func (w *world) of(e effect, code string) bool {
	if e.Dialect == atDouyin {
		return slices.ContainsFunc(w.orders[e.OrderID], func(c string) bool { return strings.HasSuffix(c, code) })
	}
	return strings.HasSuffix(e.Code, code) || strings.HasSuffix(e.NewCode, code)
}

// visits tells times cards from other vouchers.
func (w *world) visits(code string) int {
	for _, s := range w.Sold {
		if s.Code == code {
			return s.Visits
		}
	}
	return 0
}

// once: nothing is consumed twice (I2, I3).
func (w *world) once() {
	standing := map[string][]effect{}
	for _, e := range w.ledger {
		coupon := e.OrderID + " " + e.Code
		if e.Kind == dianpingtest.EffectUndone {
			standing[coupon] = slices.DeleteFunc(standing[coupon], func(c effect) bool { return c.Seq == e.Undoes })
		}
		if e.Kind != dianpingtest.EffectConsumed {
			continue
		}
		for _, b := range standing[coupon] {
			again := slices.ContainsFunc(w.asks, func(a *ask) bool { return a.Text == "再" && w.about(a, e) && a.said.Before(e.Time) })
			if w.byUs(e) && w.byUs(b) && w.visits(e.Code) == 0 && !again { // which a platform may offer that does not guard it
				w.finding("%s consumed twice, at %s and %s", e.Code, clock(b.Time), clock(e.Time))
			}
		}
		standing[coupon] = append(standing[coupon], e)
	}
	w.asOften()
	w.undoneAsOften()
	w.chosen()
}

// undoneAsOften: of an order, and of a times card, no more is undone than each undo that was
// asked for can have meant: what was verified at once.
func (w *world) undoneAsOften() {
	undos := map[string]int{}
	for _, e := range w.ledger {
		if e.Kind != dianpingtest.EffectUndone || !w.byUs(e) {
			continue
		}
		undos[e.OrderID]++
		asked, once := 0, 1
		for _, a := range w.asks {
			switch {
			case a.said.After(e.Time) || !w.about(a, e):
			case strings.HasPrefix(a.Text, "撤"):
				asked += a.sent
			case a.verifies():
				once = max(once, a.count)
			}
		}
		if undos[e.OrderID] > asked*once {
			w.finding("%s: %d of its order are undone at %s, asked for %d times", e.Code, undos[e.OrderID], clock(e.Time), asked)
		}
	}
}

// asOften: of an order, and of a times card, no more stands than was asked for at once;
// what is asked for again counts only by the button that says so.
func (w *world) asOften() {
	standing := map[string]int{}
	for _, e := range w.ledger {
		switch {
		case !w.byUs(e):
			continue
		case e.Kind == dianpingtest.EffectUndone:
			standing[e.OrderID]--
			continue
		case e.Kind != dianpingtest.EffectConsumed:
			continue
		}
		standing[e.OrderID]++
		once, more := 0, 0
		for _, a := range w.asks {
			switch {
			case !a.verifies() || a.said.After(e.Time) || !w.about(a, e):
			case a.Text == "再":
				more += a.count
			default:
				once = max(once, a.count)
			}
		}
		if standing[e.OrderID] > once+more {
			w.finding("%s: %d of its order stand at %s, %d were asked for", e.Code, standing[e.OrderID], clock(e.Time), once+more)
		}
	}
}

// about reports whether an ask is about what an effect befell.
func (w *world) about(a *ask, e effect) bool {
	return slices.ContainsFunc(w.orders[e.OrderID], func(code string) bool { return a.Code == code || strings.Contains(a.Text, code) })
}

// chosen: a code that two platforms know is consumed where a person said (I11).
func (w *world) chosen() {
	first := map[string]bool{}
	for _, e := range w.ledger {
		if e.Kind != dianpingtest.EffectConsumed || !w.byUs(e) || !w.shared(e.Code) || first[e.Code] {
			continue
		}
		first[e.Code] = true
		said := slices.ContainsFunc(w.asks, func(a *ask) bool { return a.Code == e.Code && a.named() == e.Dialect && a.said.Before(e.Time) })
		hidden := slices.ContainsFunc(w.requests, func(r fakeserver.Request) bool { // one may have seemed not to know it
			return r.Call == "prepare" && r.Fault != "" && slices.Contains(r.Codes, e.Code)
		})
		if !said && !hidden {
			w.finding("%s was consumed at %s at %s, and is known to two platforms", e.Code, e.Dialect, clock(e.Time))
		}
	}
}

// staleness is how long after the last time it was asked for something may still be
// consumed: what is not begun within three minutes is not begun any more, and what is in
// doubt for three is not sent again.
const staleness = 6*time.Minute + promise

// fresh: nothing is consumed that was asked for long ago.
func (w *world) fresh() {
	late := map[string]bool{} // codes whose calls a fault delays
	for _, r := range w.requests {
		if r.Fault == "" || r.Call != "consume" && r.Call != "verify" {
			continue
		}
		for _, code := range r.Codes {
			late[code] = true
		}
		for _, s := range w.Sold {
			late[s.Code] = late[s.Code] || slices.ContainsFunc(r.Fields, func(f fakeserver.Field) bool { return strings.Contains(f.Value, s.Code) })
		}
	}
	for _, e := range w.ledger {
		if e.Kind != dianpingtest.EffectConsumed || !w.byUs(e) || late[e.Code] || w.wasHeld(e) {
			continue
		}
		var last time.Time
		for _, a := range w.asks {
			if w.about(a, e) && a.verifies() && a.sentAt.Before(e.Time) {
				last = latest(last, a.sentAt)
			}
		}
		if !last.IsZero() && e.Time.Sub(last) > staleness {
			w.finding("%s was consumed at %s, asked for last at %s", e.Code, clock(e.Time), clock(last))
		}
	}
}

func (a *ask) verifies() bool {
	return strings.HasPrefix(a.Text, "验") || strings.HasPrefix(a.Text, "核销") || a.Text == "确认核销" || a.Text == "再" || a.named() != ""
}

// effect finds an effect on one of the codes not later than a time.
func (w *world) effect(kind dianpingtest.EffectKind, code string, by time.Time) bool {
	return slices.ContainsFunc(w.ledger, func(e effect) bool {
		return e.Kind == kind && w.byUs(e) && !e.Time.After(by) && w.of(e, code)
	})
}

// single reports whether a code is that of a coupon that was sold alone, at one platform.
func (w *world) single(code string) bool {
	return slices.ContainsFunc(w.Sold, func(s sold) bool { return s.Code == code && s.Coupons == 1 && s.Visits == 0 }) && !w.shared(code)
}

// stands reports whether a coupon that was sold alone is consumed by us at a time.
func (w *world) stands(code string, by time.Time) bool {
	single, stands := w.single(code), false
	for _, e := range w.ledger {
		if single && e.Code == code && w.byUs(e) && !e.Time.After(by) {
			stands = e.Kind == dianpingtest.EffectConsumed || e.Kind == effectRefunded && stands
		}
	}
	return stands
}

// settled: no bubble that appears after the outcome says that there is none.
func (w *world) settled() {
	type key struct {
		place wecomtest.Where
		code  string
	}
	told := map[key]time.Time{}
	began := map[string]bool{} // bubbles
	for _, v := range w.views {
		fresh := !began[v.shown.ID]
		began[v.shown.ID] = true
		for _, s := range v.told {
			k := key{v.place, s.code}
			switch {
			case s.verdict == success:
				told[k] = v.at
			case !told[k].IsZero() && fresh && s.verdict == verifying && !slices.ContainsFunc(w.asks, func(a *ask) bool { return s.about(a.Code) && a.sentAt.After(told[k].Add(-time.Minute)) }):
				w.finding("%s: %s was told as verified at %s, and as in doubt at %s", v.place, s.code, clock(told[k]), clock(v.at))
			}
		}
	}
}

// truth: no success is told before the platform has it (I5), nothing that is consumed
// is told as failed, whatever was done for a person is told to that person, and nobody
// acts on a shop that is not theirs.
func (w *world) truth() {
	for _, v := range w.views {
		for _, s := range v.told {
			switch {
			case len(v.told) == 1 && saysNot(v.shown) && w.stands(s.code, v.at.Add(-w.fetching(s.code, v.at))):
				w.finding("%s: %s was told as not verified at %s, and is in the ledger", v.place, s.code, clock(v.at))
			case s.verdict == success && !w.effect(dianpingtest.EffectConsumed, s.code, v.at),
				s.verdict == success && s.on != "" && !w.effectAt(s.on, s.code, v.at):
				w.finding("%s: %s was told as verified at %s, and is not in the ledger", v.place, s.code, clock(v.at))
			case s.verdict == undone && !w.effect(dianpingtest.EffectUndone, s.code, v.at):
				w.finding("%s: %s was told as undone at %s, and is not in the ledger", v.place, s.code, clock(v.at))
			}
		}
	}
	for _, e := range w.ledger {
		if !w.byUs(e) {
			continue
		}
		who := w.whose(e)
		if len(who) == 0 {
			w.finding("%s was %s at %s at %s, for nobody who works there", e.Code, e.Kind, e.Shop, clock(e.Time))
		}
		want := []string{success, undone, partly}
		switch {
		case e.Kind == effectReleased || e.Kind == effectRefunded:
			continue // nothing is done for any person
		case e.Kind == effectHeld:
			want = append(want, held, human) // which says that it may be
		case e.Kind == dianpingtest.EffectUndone:
			want = want[1:]
		}
		since := e.Time
		if w.unclear() && e.Dialect != atDouyin || w.unnamed(e) {
			want = append(want, human)
			since = since.Add(-staleness) // it may have been a person's before, and stays so
			if w.unnamed(e) {
				since = w.heldAt(e)
			}
		}
		due := w.due(e.Time)
		if w.wasHeld(e) && (!w.noticed(e) || w.wrongsBetween(e.Time, due) > 0) { // it is looked at from time to time
			due = w.due(e.Time.Add(10 * time.Minute))
		}
		if e.Kind == effectHeld && w.hides() {
			due = w.dueWithin(e.Time, promise+byPeople)
		}
		if due.Before(w.ends()) && !slices.ContainsFunc(w.views, func(v view) bool {
			return slices.ContainsFunc(who, func(user string) bool { return w.sees(user, v.place) }) &&
				!v.at.Before(since) && !v.at.After(due) && slices.ContainsFunc(v.told, func(s statement) bool {
				return slices.Contains(want, s.verdict) && slices.ContainsFunc(w.orders[e.OrderID], s.about)
			})
		}) {
			w.finding("%s was %s for %s at %s, who was not told by %s", e.Code, e.Kind, strings.Join(who, ", "), clock(e.Time), clock(due))
		}
	}
}

// fetching is how old what a bubble says of a code may be, where somebody has asked twice
// just now: what one of the answers says may have changed by the other when it is fetched.
func (w *world) fetching(code string, at time.Time) time.Duration {
	n := 0
	for _, a := range w.asks {
		if strings.HasSuffix(a.Code, code) && a.said.Before(at) && at.Sub(a.said) < 10*time.Second {
			n++
		}
	}
	if n < 2 {
		return 0
	}
	return time.Second
}

// saysNot reports whether a bubble says that something was not verified. Of what risk
// control holds it says how it was when the platform was asked last.
func saysNot(b wecomtest.Shown) bool {
	text := strings.ReplaceAll(inWords(b), "有没有核销", "")
	return strings.Contains(text, "没有核销") && !strings.Contains(text, "还在平台风控核验中")
}

// effectAt finds a consumption at a platform not later than a time.
func (w *world) effectAt(on dialect, code string, by time.Time) bool {
	return slices.ContainsFunc(w.ledger, func(e effect) bool {
		return e.Dialect == on && e.Kind == dianpingtest.EffectConsumed && w.byUs(e) && !e.Time.After(by) && w.of(e, code)
	})
}

// whose are the people of the shop for whom something was done: whom the ledger names, or
// where it names no person, who asked for it.
func (w *world) whose(e effect) (who []string) {
	for user := range names {
		asked := e.Account == user
		if e.Account == "" {
			asked = slices.ContainsFunc(w.asks, func(a *ask) bool {
				return a.Who == user && w.about(a, e) && !a.said.After(e.Time) && a.verifies() != (e.Kind == dianpingtest.EffectUndone)
			})
		}
		if asked && slices.Contains(w.shopsOf(user), e.Shop) {
			who = append(who, user)
		}
	}
	slices.Sort(who)
	return who
}

// wasHeld reports whether a consumption is one that risk control had kept back.
func (w *world) wasHeld(e effect) bool { return !w.heldAt(e).IsZero() }

// heldAt is since when risk control had held what was then consumed.
func (w *world) heldAt(e effect) time.Time {
	i := slices.IndexFunc(w.ledger, func(h effect) bool { return h.Kind == effectHeld && h.token == e.token && h.Code == e.Code })
	if e.token == "" || i < 0 {
		return time.Time{}
	}
	return w.ledger[i].Time
}

// noticed reports whether the platform has told us of a consumption by itself, at once.
func (w *world) noticed(e effect) bool {
	return slices.ContainsFunc(w.douyin().Notices(), func(n douyintest.Notice) bool {
		return n.Taken && n.Attempts == 1 && n.Code == e.Code && n.Sent.Equal(e.Time)
	})
}

// ends is when the play is over.
func (w *world) ends() time.Time { return w.began.Add(time.Duration(w.Days)*day - opens) }

func (w *world) sees(user string, place wecomtest.Where) bool {
	return place.Group != "" || strings.EqualFold(place.User, user)
}

// answers: each accepted message is answered (I4), in time (I6), and as often as it was
// sent at most.
func (w *world) answers() {
	type key struct {
		place wecomtest.Where
		code  string
	}
	asked := map[key]int{}
	for _, a := range w.asks {
		if a.Code != "" {
			asked[key{a.place, a.Code}] += a.sent
		}
		if a.accepted.IsZero() {
			continue
		}
		due := w.due(a.accepted)
		if w.mayBeHeld(a) {
			due = w.dueWithin(a.accepted, promise+byPeople)
		}
		switch {
		case w.mayBeHeld(a) && w.leftBy(a, due):
		case a.answered.IsZero():
			w.finding("%s never got an answer to %q of %s", names[a.Who], a.Text, clock(a.said))
		case a.answered.After(due):
			w.finding("%s got the answer to %q of %s only at %s, not by %s", names[a.Who], a.Text, clock(a.said), clock(a.answered), clock(due))
		}
	}
	for k, n := range asked {
		own := map[string]bool{} // bubbles that are answers of their own
		waited := map[string]bool{}
		for _, v := range w.views {
			if canonical(v.place) != k.place {
				continue
			}
			interim := slices.ContainsFunc(v.told, statement.pending) // of several codes; the rest is said again with the last
			for _, s := range v.told {
				switch {
				case !s.about(k.code) || s.verdict == "" || s.verdict == gone: // a list of records is no answer about one
				case interim, s.verdict == held, s.verdict == sure, s.verdict == earlier: // which answers a 撤 without a code
					waited[v.shown.ID] = true
				case !waited[v.shown.ID]:
					own[v.shown.ID] = true
				}
			}
		}
		if len(own) > n+w.wrongsAround(k.code) {
			w.finding("%s in %s: sent %d times, answered %d times", k.code, k.place, n, len(own))
		}
	}
}

// mayBeHeld reports whether an answer to a verify at Douyin, or what it says, was lost: it
// may have been that risk control holds it. What then is not verified is a person's to end after three minutes.
func (w *world) mayBeHeld(a *ask) bool {
	return slices.ContainsFunc(w.requests, func(r fakeserver.Request) bool {
		return r.Dialect == atDouyin && r.Call == "verify" && (r.Fault != "" || w.hides()) && slices.ContainsFunc(r.Codes, func(code string) bool {
			return code == a.Code || strings.Contains(a.Text, code)
		})
	})
}

// leftBy reports whether people were told by then that an ask is theirs to end.
func (w *world) leftBy(a *ask, due time.Time) bool {
	return slices.ContainsFunc(w.views, func(v view) bool {
		return w.sees(a.Who, v.place) && v.at.After(a.said) && !v.at.After(due) && v.says(human, a.Code)
	})
}

// wrongsAround counts the troubles while somebody had to do with a code, of the kinds that
// may have led to one answer more each.
func (w *world) wrongsAround(code string) (n int) {
	var from, to time.Time
	for _, a := range w.asks {
		if a.Code == code {
			if from.IsZero() || a.said.Before(from) {
				from = a.said
			}
			to = latest(to, latest(a.sentAt, a.answered))
		}
	}
	return w.wrongsBetween(from.Add(-time.Minute), to.Add(time.Minute), ofOurs...)
}

// ofOurs are the troubles that a platform has no part in.
var ofOurs = []string{"death", "standstill", "commits", "WeCom", "clock"}

var (
	summaryTitle = regexp.MustCompile(`^(补发：)?(今日 |昨日 )?(\d\d-\d\d) (?:没有核销|(\d+) 张 ¥([\d,.]+))$`)
	partSum      = regexp.MustCompile(`^(\S+) (\d+ 张 ¥[\d,.]+)$`)
	untold       = []dianpingtest.PriceForm{dianpingtest.PriceNull, dianpingtest.PriceEmpty, dianpingtest.PriceAbsent}
)

// sums: what the manager is told of a day is what the ledger says, to the fen, and each
// day is summed up once (I8, I9).
func (w *world) sums() {
	told := map[string]int{}
	for _, v := range w.views {
		if v.shown.Card == nil || v.shown.Replaced > 0 || v.place.User != boss {
			continue
		}
		m := summaryTitle.FindStringSubmatch(v.shown.Card.Title)
		if m == nil || slices.Contains(untold, w.Knobs.Prices) {
			continue
		}
		if m[2] == "" {
			told[m[3]]++
		}
		ended := slices.ContainsFunc(w.ledger, func(e effect) bool { // a hold, which is looked at from time to time
			return e.Kind == dianpingtest.EffectConsumed && w.wasHeld(e) && !e.Time.After(v.at) && v.at.Sub(e.Time) < 11*time.Minute
		})
		if ended || w.unclear() || slices.ContainsFunc(w.ledger, w.unnamed) || w.due(v.at.Add(-10*time.Minute)).After(v.at) { // what is in doubt may be missing
			continue
		}
		w.sumOf("all", m[3], cmp.Or(m[4], "0")+" 张 ¥"+cmp.Or(m[5], "0.00"), v.at, func(effect) bool { return true })
		for _, f := range v.shown.Card.Fields {
			if part := partSum.FindStringSubmatch(f.Value); part != nil && (f.Key == "平台" || f.Key == "门店") {
				w.sumOf(part[1], m[3], part[2], v.at, func(e effect) bool { return onScreen[e.Dialect] == part[1] || e.Shop == part[1] })
			}
		}
	}
	for d := range w.Days {
		date := w.began.Add(at(d, 22, 0)).In(beijing).Format("01-02")
		if n := told[date]; n > 1+w.deaths+len(w.troubles) || n == 0 && !slices.Contains(untold, w.Knobs.Prices) && w.due(w.began.Add(at(d, 22, 0))).Before(w.ends()) {
			w.finding("%d summaries of %s", n, date)
		}
	}
}

// sumOf holds a sum, of all or of a part, against the ledger.
func (w *world) sumOf(what, date, says string, at time.Time, part func(effect) bool) {
	says = strings.ReplaceAll(says, ",", "")
	if early, late := w.sum(date, at.Add(-2*time.Second), part), w.sum(date, at, part); says != early && says != late {
		w.finding("the sum of %s on %s is told as %s at %s; the ledger says %s", what, date, says, clock(at), late)
	}
}

// sum is what was verified through the interface on a day and stands at a time.
func (w *world) sum(date string, by time.Time, part func(effect) bool) string {
	n, fen := 0, int64(0)
	for _, e := range w.ledger {
		gone := slices.ContainsFunc(w.ledger, func(u effect) bool {
			return u.Kind == dianpingtest.EffectUndone && u.Undoes == e.Seq && !u.Time.After(by)
		})
		if e.Kind == dianpingtest.EffectConsumed && w.byUs(e) && part(e) && !gone && !e.Time.After(by) && e.Time.In(beijing).Format("01-02") == date {
			n++
			fen += e.fen
		}
	}
	return fmt.Sprintf("%d 张 ¥%d.%02d", n, fen/100, fen%100)
}

// limits: WeCom refuses nothing and swallows nothing of ours.
func (w *world) limits() {
	for _, r := range w.wecom.Refusals() {
		if w.wrongsBetween(r.At.Add(-5*time.Minute), r.At, ofOurs...) > 0 && (r.Used || r.Code == 42014) {
			continue // tried again, for its answer was lost
		}
		if r.Code == 60140 && slices.ContainsFunc(w.ledger, func(e effect) bool { return e.Kind == effectHeld && r.At.Sub(e.Time) > time.Hour }) {
			continue // the end of a hold: a robot's one answer is given, or its hour is over, and the app says it
		}
		if slices.ContainsFunc(w.troubles, func(s span) bool {
			return s.what == "death" && s.to.Sub(s.from) > time.Hour && r.At.Sub(s.to).Abs() < 5*time.Minute
		}) {
			continue // the hour of what was asked before is over
		}
		w.finding("WeCom refused %s of %s at %s: %d %s", r.What, r.Bot, clock(r.At), r.Code, r.Why)
	}
}
