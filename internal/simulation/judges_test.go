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
	w.sums()
	w.limits()
}

func (w *world) finding(format string, args ...any) {
	w.found = append(w.found, fmt.Sprintf(format, args...))
}

// wrongs adds to the troubles the calls that met a fault.
func (w *world) wrongs() {
	for _, r := range w.requests {
		if r.Fault != "" {
			w.troubles = append(w.troubles, span{r.Time, r.Time.Add(max(r.Took, 3*time.Second)), string(r.Fault)})
		}
	}
	slices.SortFunc(w.troubles, func(a, b span) int { return a.from.Compare(b.from) })
}

// due is until when something that began at a time has come to its end: the promise
// counts from the end of whatever went wrong meanwhile.
func (w *world) due(from time.Time) time.Time {
	until := from.Add(promise)
	for _, s := range w.troubles {
		if s.to.After(from) && s.from.Before(until) {
			until = latest(until, s.to.Add(promise+15*time.Second))
		}
	}
	if w.unclear() {
		until = until.Add(4 * time.Minute)
	}
	return until
}

// unclear reports whether the platform's records do not say whose a verification is:
// then a doubt is a person's to end, who is told so after three minutes.
func (w *world) unclear() bool {
	switch w.Knobs.VerifyAccount {
	case "", dianpingtest.VerifyAccountLogin, dianpingtest.VerifyAccountName:
		return false
	}
	return true
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *world) byUs(e dianpingtest.Effect) bool { return e.Dialect != "" }

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
	standing := map[string][]dianpingtest.Effect{}
	for _, e := range w.ledger {
		if e.Kind == dianpingtest.EffectUndone {
			standing[e.Code] = slices.DeleteFunc(standing[e.Code], func(c dianpingtest.Effect) bool { return c.Seq == e.Undoes })
			continue
		}
		for _, b := range standing[e.Code] {
			if w.byUs(e) && w.byUs(b) && w.visits(e.Code) == 0 {
				w.finding("%s consumed twice, at %s and %s", e.Code, clock(b.Time), clock(e.Time))
			}
		}
		standing[e.Code] = append(standing[e.Code], e)
	}
	// Of a times card, each visit was asked for.
	for _, s := range w.Sold {
		if s.Visits == 0 {
			continue
		}
		asked, took := 0, 0
		for _, a := range w.asks {
			if a.Code == s.Code && strings.Contains(a.Text, " x2") {
				asked += a.sent
			}
			if a.Code == s.Code && a.verifies() {
				asked += a.sent
			}
		}
		for _, e := range w.ledger {
			if e.Code == s.Code && w.byUs(e) && e.Kind == dianpingtest.EffectConsumed {
				took++
			}
		}
		if took > asked {
			w.finding("%s: %d visits taken, %d asked for", s.Code, took, asked)
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
		if r.Fault != "" && r.Call == "consume" {
			for _, s := range w.Sold {
				late[s.Code] = late[s.Code] || slices.ContainsFunc(r.Fields, func(f dianpingtest.Field) bool { return strings.Contains(f.Value, s.Code) })
			}
		}
	}
	for _, e := range w.ledger {
		if e.Kind != dianpingtest.EffectConsumed || !w.byUs(e) || late[e.Code] {
			continue
		}
		var last time.Time
		for _, a := range w.asks {
			if a.Code == e.Code && a.verifies() && a.sentAt.Before(e.Time) {
				last = latest(last, a.sentAt)
			}
		}
		if !last.IsZero() && e.Time.Sub(last) > staleness {
			w.finding("%s was consumed at %s, asked for last at %s", e.Code, clock(e.Time), clock(last))
		}
	}
}

func (a *ask) verifies() bool {
	return strings.HasPrefix(a.Text, "验") || strings.HasPrefix(a.Text, "核销") || a.Text == "确认核销" || a.Text == "再"
}

// effect finds an effect on one of the codes not later than a time.
func (w *world) effect(kind dianpingtest.EffectKind, code string, by time.Time) bool {
	return slices.ContainsFunc(w.ledger, func(e dianpingtest.Effect) bool {
		return e.Kind == kind && w.byUs(e) && !e.Time.After(by) && (strings.HasSuffix(e.Code, code) || strings.HasSuffix(e.NewCode, code))
	})
}

// stands reports whether a coupon that was sold alone is consumed by us at a time.
func (w *world) stands(code string, by time.Time) bool {
	i := slices.IndexFunc(w.Sold, func(s sold) bool { return s.Code == code && s.Coupons == 1 && s.Visits == 0 })
	stands := false
	for _, e := range w.ledger {
		if i >= 0 && e.Code == code && w.byUs(e) && !e.Time.After(by) {
			stands = e.Kind == dianpingtest.EffectConsumed
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
			case len(v.told) == 1 && strings.Contains(inWords(v.shown), "没有核销") && w.stands(s.code, v.at):
				w.finding("%s: %s was told as not verified at %s, and is in the ledger", v.place, s.code, clock(v.at))
			case s.verdict == success && !w.effect(dianpingtest.EffectConsumed, s.code, v.at):
				w.finding("%s: %s was told as verified at %s, and is not in the ledger", v.place, s.code, clock(v.at))
			case s.verdict == undone && !w.effect(dianpingtest.EffectUndone, s.code, v.at):
				w.finding("%s: %s was told as undone at %s, and is not in the ledger", v.place, s.code, clock(v.at))
			}
		}
	}
	orders := map[string][]string{}
	for _, e := range w.ledger {
		orders[e.OrderID] = append(orders[e.OrderID], e.Code)
	}
	for _, e := range w.ledger {
		if !w.byUs(e) {
			continue
		}
		if !slices.Contains(w.shopsOf(e.Account), e.Shop) {
			w.finding("%s was %s at %s for %s, who does not work there", e.Code, e.Kind, e.Shop, e.Account)
		}
		want := []string{success, undone, partly}
		if e.Kind == dianpingtest.EffectUndone {
			want = want[1:]
		}
		if w.unclear() {
			want = append(want, human)
		}
		due := w.due(e.Time)
		if !slices.ContainsFunc(w.views, func(v view) bool {
			return w.sees(e.Account, v.place) && !v.at.Before(e.Time) && !v.at.After(due) && slices.ContainsFunc(v.told, func(s statement) bool {
				return slices.Contains(want, s.verdict) && slices.ContainsFunc(orders[e.OrderID], s.about)
			})
		}) {
			w.finding("%s was %s for %s at %s, who was not told by %s", e.Code, e.Kind, e.Account, clock(e.Time), clock(due))
		}
	}
}

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
		switch {
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
			for _, s := range v.told {
				switch {
				case !s.about(k.code) || s.verdict == "": // a list of records is no answer about one
				case s.pending():
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

// wrongsAround counts the troubles while somebody had to do with a code, each of which
// may have led to one answer more.
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
	for _, s := range w.troubles {
		if s.to.After(from.Add(-time.Minute)) && s.from.Before(to.Add(time.Minute)) {
			n++
		}
	}
	return n
}

var (
	summaryTitle = regexp.MustCompile(`^(补发：)?(今日 |昨日 )?(\d\d-\d\d) (?:没有核销|(\d+) 张 ¥([\d,.]+))$`)
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
		if w.unclear() || w.due(v.at.Add(-10*time.Minute)).After(v.at) { // what is in doubt may be missing
			continue
		}
		says := fmt.Sprintf("%s 张 ¥%s", cmp.Or(m[4], "0"), cmp.Or(strings.ReplaceAll(m[5], ",", ""), "0.00"))
		if early, late := w.sum(m[3], v.at.Add(-2*time.Second)), w.sum(m[3], v.at); says != early && says != late {
			w.finding("the sum of %s is told as %s at %s; the ledger says %s", m[3], says, clock(v.at), late)
		}
	}
	for d := range w.Days {
		date := w.began.Add(at(d, 22, 0)).In(beijing).Format("01-02")
		if n := told[date]; n > 1+w.deaths+len(w.troubles) || n == 0 && !slices.Contains(untold, w.Knobs.Prices) && w.due(w.began.Add(at(d, 22, 0))).Before(w.began.Add(time.Duration(w.Days)*day-opens)) {
			w.finding("%d summaries of %s", n, date)
		}
	}
}

// sum is what was verified through the interface on a day and stands at a time.
func (w *world) sum(date string, by time.Time) string {
	n, fen := 0, int64(0)
	for _, e := range w.ledger {
		gone := slices.ContainsFunc(w.ledger, func(u dianpingtest.Effect) bool {
			return u.Kind == dianpingtest.EffectUndone && u.Undoes == e.Seq && !u.Time.After(by)
		})
		if e.Kind == dianpingtest.EffectConsumed && w.byUs(e) && !gone && !e.Time.After(by) && e.Time.In(beijing).Format("01-02") == date {
			n++
			fen += w.prices[e.OrderID]
		}
	}
	return fmt.Sprintf("%d 张 ¥%d.%02d", n, fen/100, fen%100)
}

// limits: WeCom refuses nothing and swallows nothing of ours.
func (w *world) limits() {
	for _, r := range w.wecom.Refusals() {
		if r.Used || r.Code == 42014 && w.deaths+len(w.troubles) > 0 {
			continue // tried again, for its answer was lost
		}
		w.finding("WeCom refused %s of %s at %s: %d %s", r.What, r.Bot, clock(r.At), r.Code, r.Why)
	}
}
