package simulation

import (
	"cmp"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

// Judges of how much and how often: of order, of calls, and of growth.

// holds: what risk control keeps back comes to its end for the person who asked, and the end is
// told once. Nothing tells that it was let go but that two days are over.
func (w *world) holds() {
	for _, h := range w.ledger {
		if h.Kind != effectHeld {
			continue
		}
		i := slices.IndexFunc(w.ledger, func(e effect) bool { return e.token == h.token && e.Code == h.Code && e.Seq > h.Seq })
		if i < 0 {
			continue // it goes on
		}
		end := w.ledger[i]
		due := w.due(h.Time.Add(49*time.Hour + 10*time.Minute))
		ends, verified := 0, end.Kind == dianpingtest.EffectConsumed
		for _, v := range w.views {
			if v.shown.Replaced > 0 || v.at.Before(end.Time) || v.place.Group == "" && !slices.Contains(w.whose(h), v.place.User) {
				continue
			}
			if slices.ContainsFunc(v.told, func(s statement) bool {
				return s.about(h.Code) && s.verdict != "" && s.verdict != held && !s.pending() && (s.verdict == success) == verified
			}) {
				ends++
			}
		}
		asked := 0
		for _, a := range w.asks {
			if w.about(a, h) && a.sentAt.After(end.Time.Add(-time.Minute)) {
				asked += a.sent
			}
		}
		switch {
		case ends > 1+asked+w.wrongsBetween(end.Time, end.Time.Add(time.Hour)):
			w.finding("%s: the end of a hold at %s was told %d times", h.Code, clock(end.Time), ends)
		case ends == 0 && !verified && !w.hides() && due.Before(w.ends()) && !w.asked(h, end.Time):
			w.finding("%s was held at %s and let go at %s, which was not told by %s", h.Code, clock(h.Time), clock(end.Time), clock(due))
		}
	}
}

// asked reports whether there was an ask about what an effect befell after a time.
func (w *world) asked(e effect, since time.Time) bool {
	return slices.ContainsFunc(w.asks, func(a *ask) bool { return w.about(a, e) && a.sentAt.After(since) })
}

// wrongsBetween counts the troubles in a time: those of some kinds, or all.
func (w *world) wrongsBetween(from, to time.Time, kinds ...string) (n int) {
	for _, s := range w.troubles {
		if s.to.After(from) && s.from.Before(to) && (len(kinds) == 0 || slices.Contains(kinds, s.what)) {
			n++
		}
	}
	return n
}

var alarmLine = regexp.MustCompile(`(\d{8,20}) ¥[\d,.]+（(平台没有|平台已撤销)）`)

// alarms: what a reconciliation says that a platform has not, or has undone, is so.
func (w *world) alarms() {
	for _, v := range w.views {
		if v.place.User != boss || v.shown.Card == nil || v.shown.Card.Title != "对账发现问题" {
			continue
		}
		for _, m := range alarmLine.FindAllStringSubmatch(inWords(v.shown), -1) {
			missing := slices.ContainsFunc(w.ledger, func(e effect) bool {
				return e.Kind == dianpingtest.EffectUndone && !e.Time.After(v.at) && w.of(e, m[1])
			})
			if !missing {
				w.finding("a reconciliation says of %s %s at %s, and nothing of it was undone", m[1], m[2], clock(v.at))
			}
		}
	}
}

// refunds: of what was given back after its use the manager is told, once the platform
// has said so.
func (w *world) refunds() {
	for _, n := range w.douyin().Notices() {
		if n.Action != "refund_success" || !n.Taken || !w.stands(n.Code, n.Sent) || w.underWay(n.Code, n.Sent) {
			continue
		}
		due, told := w.due(n.Sent), 0
		for _, v := range w.views {
			if v.place.User == boss && v.shown.Replaced == 0 && v.says(gone, n.Code) {
				if told++; v.at.After(due) {
					w.finding("the refund of %s at %s was told only at %s", n.Code, clock(n.Sent), clock(v.at))
				}
			}
		}
		if told == 0 && due.Before(w.ends()) || told > 1+w.wrongsBetween(n.Sent.Add(-time.Minute), n.Sent.Add(time.Hour)) {
			w.finding("the refund of %s at %s was told %d times", n.Code, clock(n.Sent), told)
		}
	}
}

// underWay reports whether an ask about a code was under way at a time.
func (w *world) underWay(code string, at time.Time) bool {
	return slices.ContainsFunc(w.asks, func(a *ask) bool {
		return strings.Contains(a.Text+a.Code, code) && at.Sub(a.sentAt).Abs() < 5*time.Minute
	})
}

// order: a person with two messages is answered the first one first, as far as it was
// accepted before the second was sent, by the same replica, and without a doubt.
func (w *world) order() {
	if w.Replicas > 1 {
		return
	}
	for _, a := range w.asks {
		for _, b := range w.asks {
			if a.Code == "" || b.Code == "" || a.Who != b.Who || a.place != b.place || a.Do != say || b.Do != say || strings.Contains(a.Text+b.Text, "撤") {
				continue
			}
			if a.accepted.IsZero() || !a.accepted.Before(b.said) || b.first.IsZero() || strings.HasSuffix(a.Code, b.Code[len(b.Code)-4:]) {
				continue
			}
			doubtful := slices.ContainsFunc(w.requests, func(r fakeserver.Request) bool { // the next is begun while it is asked about
				return r.Fault != "" && !r.Time.Before(a.said) && r.Time.Before(b.first) && tells(r, a.Code)
			})
			if !doubtful && (a.first.IsZero() || a.first.After(b.first)) && w.wrongsBetween(a.said.Add(-time.Minute), b.first.Add(time.Minute), ofOurs...) == 0 {
				w.finding("%s: %q of %s was answered at %s, after %q of %s at %s", names[a.Who], a.Text, clock(a.said), clock(a.first), b.Text, clock(b.said), clock(b.first))
			}
		}
	}
}

// follows: what is to be undone as soon as it is to be verified is undone, for what a person
// sends is worked on in its order.
func (w *world) follows() {
	if w.Replicas > 1 {
		return
	}
	for _, a := range w.asks {
		for _, b := range w.asks {
			if a.Do != say || !a.verifies() || b.Text != "撤 "+a.Code || a.Who != b.Who || a.place != b.place || !w.single(a.Code) {
				continue
			}
			if a.accepted.IsZero() || !a.accepted.Before(b.said) || b.said.Sub(a.said) > 3*time.Second || b.accepted.IsZero() || w.wrongsBetween(a.said.Add(-time.Minute), b.said.Add(time.Minute)) > 0 {
				continue
			}
			within := func(kind dianpingtest.EffectKind, d time.Duration) bool {
				return slices.ContainsFunc(w.ledger, func(e effect) bool {
					return e.Kind == kind && w.byUs(e) && w.of(e, a.Code) && e.Time.After(a.said) && e.Time.Before(b.said.Add(d))
				})
			}
			if within(dianpingtest.EffectConsumed, 10*time.Second) && !within(dianpingtest.EffectUndone, promise) {
				w.finding("%s: %q of %s is not undone, though asked for at %s", names[a.Who], a.Text, clock(a.said), clock(b.said))
			}
		}
	}
}

// ending is the white space by which the app tells one message from another.
var ending = regexp.MustCompile(`\n[ \t]{32}$`)

// doubles: what the app sends again, because it was not told that it was sent, is not shown
// again within a minute, from which on WeCom may not know it any more.
func (w *world) doubles() {
	type key struct {
		place wecomtest.Where
		what  string
	}
	type bubble struct {
		id string
		at time.Time
	}
	shown := map[key]bubble{}
	for _, v := range w.views {
		k := key{v.place, ending.FindString(v.shown.Text)}
		if v.shown.Card != nil {
			k.what = v.shown.Card.TaskID
		}
		if k.what == "" || v.place.Group != "" || v.shown.Replaced > 0 {
			continue
		}
		if was, ok := shown[k]; ok && was.id != v.shown.ID && v.at.Sub(was.at) < time.Minute {
			w.finding("%s was shown one message twice, at %s and %s", v.place, clock(was.at), clock(v.at))
		}
		shown[k] = bubble{v.shown.ID, v.at}
	}
}

// changes: what a pressed card of the app says now, because of the press, is not said by
// another card as well. That its change was not told to the app is no reason.
func (w *world) changes() {
	for i, v := range w.views {
		if v.place.Group != "" || v.shown.Card == nil || v.shown.Replaced == 0 || len(v.told) == 0 {
			continue
		}
		for _, b := range w.views[i+1:] {
			if b.at.Sub(v.at) > time.Minute {
				break
			}
			if b.place != v.place || b.shown.Replaced > 0 || b.shown.Card == nil || b.shown.ID == v.shown.ID || b.shown.Card.Title != v.shown.Card.Title || !slices.Equal(b.told, v.told) {
				continue
			}
			asked, pressed := 0, false
			for _, a := range w.asks {
				if v.told[0].about(a.Code) && a.sentAt.After(v.at.Add(-time.Minute)) && a.said.Before(b.at) {
					asked += a.sent
					pressed = pressed || a.Do == press && a.said.Before(v.at)
				}
			}
			if pressed && asked < 2 && w.wrongsBetween(v.at.Add(-time.Minute), b.at, "death", "standstill", "commits", "clock") == 0 {
				w.finding("%s was told %q of %s by a changed card at %s, and again by another at %s", v.place, v.shown.Card.Title, v.told[0].code, clock(v.at), clock(b.at))
			}
		}
	}
}

// idle is how long nobody may be at work on what somebody waits for, while nothing is
// wrong: an answer that a callback may fetch waits for six seconds of it.
const idle = 10 * time.Second

// ofOrder are the codes of a code's order, which an undo may have given.
func (w *world) ofOrder(code string) []string {
	all := []string{code}
	for _, codes := range w.orders {
		if slices.Contains(codes, code) {
			all = append(all, codes...)
		}
	}
	return all
}

// byLease is how long what a dead replica holds waits for another.
const byLease = 15 * time.Second

// atOnce: what is known is told, whoever has found it out, and what is accepted is begun,
// whoever has it: nothing waits for the lease of somebody who is not at work on it.
func (w *world) atOnce() {
	for _, a := range w.asks {
		if a.Do == say && !a.verifies() && !strings.HasPrefix(a.Text, "撤") || a.Code == "" || a.accepted.IsZero() || a.answered.IsZero() {
			continue
		}
		var begun, known time.Time
		for _, r := range w.requests {
			switch {
			case r.Time.Before(a.said) || r.Time.After(a.answered):
				continue
			case begun.IsZero():
				begun = r.Time
			}
			if len(r.Codes) == 0 || slices.ContainsFunc(w.ofOrder(a.Code), func(code string) bool { return tells(r, code) }) { // a list may be asked for because of it
				known = latest(known, r.Time.Add(r.Took))
			}
		}
		if known.IsZero() {
			continue
		}
		again := slices.ContainsFunc(w.asks, func(b *ask) bool { return b.Code == a.Code && b.sentAt.After(known) && b.said.Before(a.answered) })
		if a.answered.Sub(known) > idle && !again && !a.left && !w.behind(a, known) && w.undisturbed(known.Add(-time.Second), a.answered) {
			w.finding("%s: the answer to %q of %s was known at %s, and told only at %s", names[a.Who], a.Text, clock(a.said), clock(known), clock(a.answered))
		}
		if begun.Sub(a.accepted) > idle && w.undisturbed(a.said.Add(-time.Second), begun) && !w.inLine(a) {
			w.finding("%s: %q of %s was accepted at %s, and begun only at %s", names[a.Who], a.Text, clock(a.said), clock(a.accepted), clock(begun))
		}
	}
}

// undisturbed reports whether nothing of ours went wrong in a time. What a replica that died
// before has left is known by its lease. A token that WeCom refused is asked for anew within
// the minute.
func (w *world) undisturbed(from, to time.Time) bool {
	return w.wrongsBetween(from, to, "standstill", "clock")+w.wrongsBetween(from.Add(-time.Minute), to, "WeCom") == 0 && !w.died(from, to)
}

// died reports whether a replica did in a time.
func (w *world) died(from, to time.Time) bool {
	return slices.ContainsFunc(w.killed, func(t time.Time) bool { return t.After(from) && t.Before(to) })
}

// inLine reports whether the person had another message under way.
func (w *world) inLine(a *ask) bool {
	return slices.ContainsFunc(w.asks, func(b *ask) bool {
		return a != b && a.Who == b.Who && b.said.Before(a.answered) && (b.answered.IsZero() || b.answered.After(a.said))
	})
}

// behind reports whether an earlier message of the person was not answered yet, as far as the
// replicas know that live: answers go out in their order, and one that a dead replica was
// sending waits for its lease.
func (w *world) behind(a *ask, at time.Time) bool {
	return slices.ContainsFunc(w.asks, func(b *ask) bool {
		return a.Who == b.Who && b.said.Before(a.said) && (b.answered.After(at) || w.died(latest(b.said, at.Add(-byLease)), at))
	})
}

// overtaken: no line says that something is in doubt whose outcome was known before: then
// the platform was asked after it, or there is a reason of ours.
func (w *world) overtaken() {
	for i, v := range w.views {
		if v.shown.Replaced > 0 || v.place.Group != "" || len(v.told) != 1 || v.told[0].verdict != verifying && v.told[0].verdict != undoing {
			continue
		}
		code := v.told[0].code
		j := slices.IndexFunc(w.views[i+1:], func(b view) bool {
			return b.place == v.place && slices.ContainsFunc(b.told, func(s statement) bool {
				return s.about(code) && !s.pending() && s.verdict != busy && s.verdict != undoBusy
			})
		})
		if j < 0 {
			continue
		}
		end := w.views[i+1+j]
		asked := slices.ContainsFunc(w.requests, func(r fakeserver.Request) bool {
			done := r.Time.Add(r.Took)
			return done.After(v.at.Add(-time.Second)) && !done.After(end.at)
		})
		slow := slices.ContainsFunc(w.Events, func(e event) bool { // it may have been on its way already
			from := w.began.Add(e.At)
			return e.Do == trouble && (e.WeCom.Delay > 0 || e.WeCom.Hang) && from.Before(end.at) && from.Add(e.For+time.Minute).After(v.at)
		})
		if !asked && !slow && w.wrongsBetween(v.at.Add(-time.Minute), end.at, "death", "standstill", "commits", "clock") == 0 {
			w.finding("%s: %s was told as in doubt at %s, and its outcome was known: it was told at %s", v.place, code, clock(v.at), clock(end.at))
		}
	}
}

// keys: an operation at Douyin has one key, which is repeated as the vendor advises and
// for ten minutes at most.
func (w *world) keys() {
	type life struct {
		first, last time.Time
		sent        int
	}
	lives, byOrder := map[string]*life{}, map[string][]string{}
	for _, r := range w.requests {
		key := fieldOf(r, "verify_token")
		if r.Dialect != atDouyin || r.Call != "verify" || key == "" {
			continue
		}
		if lives[key] == nil {
			lives[key] = &life{first: r.Time}
			id := string(atDouyin) + " " + fieldOf(r, "order_id")
			byOrder[id] = append(byOrder[id], key)
		}
		lives[key].last = r.Time
		lives[key].sent++
	}
	for id, keys := range byOrder {
		asked := 0
		for _, a := range w.asks {
			if a.verifies() && slices.ContainsFunc(w.orders[id], func(code string) bool { return a.Code == code || strings.Contains(a.Text, code) }) {
				asked += a.sent
			}
		}
		if len(keys) > asked {
			w.finding("%s: %d keys, asked for %d times", id, len(keys), asked)
		}
		for _, key := range keys {
			if l := lives[key]; l.sent > 25 || l.last.Sub(l.first) > 11*time.Minute {
				w.finding("%s: sent %d times with one key, from %s to %s", id, l.sent, clock(l.first), clock(l.last))
			}
		}
	}
}

func fieldOf(r fakeserver.Request, name string) string {
	i := slices.IndexFunc(r.Fields, func(f fakeserver.Field) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return r.Fields[i].Value
}

// renewals: the application's token is renewed ahead of its end, by one replica.
func (w *world) renewals() {
	n, asked := 0, 0
	for _, t := range w.douyin().Tokens() {
		if !t.Elsewhere {
			n++
		}
	}
	life := cmp.Or(w.Douyin.TokenLife, 2*time.Hour)
	asked = 2 + int(time.Duration(w.Days)*day/(life-min(10*time.Minute, life/4)))
	for _, s := range w.troubles {
		if s.what == "death" || s.what == "token" || s.what == "commits" || s.what == "outage" {
			asked += 2
		}
	}
	for _, r := range w.requests {
		if r.Dialect == atDouyin && r.Fault != "" {
			asked++
		}
	}
	if n > asked {
		w.finding("%d access tokens of Douyin, %d would do", n, asked)
	}
}

// calls: where nothing is wrong, a code takes a few calls.
func (w *world) calls() {
	of := map[string][]fakeserver.Request{}
	for _, r := range w.requests {
		for id, codes := range w.orders {
			if strings.HasPrefix(id, string(r.Dialect)+" ") && slices.ContainsFunc(codes, func(c string) bool { return tells(r, c) }) {
				of[id] = append(of[id], r)
			}
		}
	}
	for id, all := range of {
		if len(all) == 0 {
			continue
		}
		sent := 1 // the reconciliation
		for _, a := range w.asks {
			if slices.ContainsFunc(w.orders[id], func(code string) bool { return a.Code == code || strings.Contains(a.Text, code) }) {
				sent += a.sent + 1
			}
		}
		first, last := all[0].Time, all[len(all)-1].Time
		doubtful := w.unclear() || w.hides() || w.wrongsBetween(first.Add(-time.Minute), last) > 0 ||
			slices.ContainsFunc(w.ledger, func(e effect) bool { return e.Kind == effectHeld && e.OrderID == id })
		switch most := 12*sent + 300 + 40*int(last.Sub(first)/time.Hour); {
		case !doubtful && len(all) > 8*sent*w.Days:
			w.finding("%v of %s: %d calls, asked for %d times, and nothing was wrong", w.orders[id], id, len(all), sent)
		case len(all) > most:
			w.finding("%v of %s: %d calls, asked for %d times", w.orders[id], id, len(all), sent)
		}
	}
}

// tells reports whether a request names a code.
func tells(r fakeserver.Request, code string) bool {
	return slices.Contains(r.Codes, code) || slices.ContainsFunc(r.Fields, func(f fakeserver.Field) bool { return strings.Contains(f.Value, code) })
}

// goroutines counts those of this world's bubble.
func goroutines() int {
	of := func(stack []byte) string {
		head, _, _ := strings.Cut(string(stack), "\n")
		if _, bubble, found := strings.Cut(head, "synctest bubble "); found {
			return strings.TrimRight(bubble, "]:")
		}
		return ""
	}
	own := of(stack(false))
	n := 0
	for one := range strings.SplitSeq(string(stack(true)), "\n\n") {
		if of([]byte(one)) == own {
			n++
		}
	}
	return n
}

func stack(all bool) []byte {
	for size := 1 << 16; ; size *= 4 {
		b := make([]byte, size)
		if n := runtime.Stack(b, all); n < size {
			return b[:n]
		}
	}
}

// grown: what a day leaves behind is bounded by what happened on it. It is the one judge
// that looks into the database, for how much there is.
func (w *world) grown() {
	most := 40*w.Replicas + 40
	if w.goroutines > most {
		w.finding("%d goroutines at the end, with %d replicas", w.goroutines, w.Replicas)
	}
	done := len(w.requests) + 20*len(w.Events) + 20*w.starts + 300*w.Days + 500
	for table, n := range w.agenda.rows() {
		if n > done {
			w.finding("%d rows in %s, after %d calls and %d events", n, table, len(w.requests), len(w.Events))
		}
	}
}
