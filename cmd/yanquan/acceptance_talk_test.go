package main

import (
	"cmp"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

// answer is what the bot has shown in reaction to one act.
type answer struct {
	user     string
	since    int64 // bubbles above this Seq are of the answer
	bubbles  []wecomtest.Shown
	delivery wecomtest.Delivery
}

// where a person talks to the bot.
func (w *world) where(user string) wecomtest.Where {
	if w.group && w.room == private {
		return wecomtest.InRobot("group", user)
	}
	if w.group {
		return wecomtest.InGroup(w.room).Mention("group")
	}
	return wecomtest.InApp("main", user)
}

// screen is what that person sees there.
func (w *world) screen(user string) wecomtest.Where {
	if w.group && w.room != private {
		return wecomtest.InGroup(w.room).As(user)
	}
	return w.where(user)
}

// screenName is the same for all who see the same.
func (w *world) screenName(user string) string { return w.screen(user).String() }

// legible is all that can be read on a bubble.
func legible(s wecomtest.Shown) string {
	lines := []string{s.Text}
	if c := s.Card; c != nil {
		lines = append(lines, c.Source, c.Title, c.Desc)
		if c.Quote != nil {
			lines = append(lines, c.Quote.Title, c.Quote.Text)
		}
		for _, f := range c.Fields {
			lines = append(lines, f.Key+" "+f.Value)
		}
		lines = append(lines, c.Text)
		for _, b := range c.Buttons {
			lines = append(lines, "["+b.Text+"]")
		}
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	return strings.Join(lines, "\n")
}

func legibles(bubbles []wecomtest.Shown) string {
	var parts []string
	for _, s := range bubbles {
		parts = append(parts, legible(s))
	}
	return strings.Join(parts, "\n")
}

func (a answer) text() string { return legibles(a.bubbles) }

// card is the one card of the answer.
func (w *world) card(a answer) wecomtest.Shown {
	w.Helper()
	i := slices.IndexFunc(a.bubbles, func(s wecomtest.Shown) bool { return s.Card != nil })
	if i < 0 {
		w.Fatalf("no card in:\n%s", a.text())
	}
	return a.bubbles[i]
}

// asksToWait is what a bubble says that another one follows: on a slow machine any
// answer may take so long.
var asksToWait = regexp.MustCompile(`(?m)(^|[*> ])(核验中|撤销中)(\*\*)?$`)

// final are the bubbles that no other follows.
func final(bubbles []wecomtest.Shown) (last []wecomtest.Shown) {
	for i, s := range bubbles {
		if i == len(bubbles)-1 || !asksToWait.MatchString(legible(s)) {
			last = append(last, s)
		}
	}
	return last
}

// answers counts bubbles; a stream that a card came with is one with it, and so is
// what asked to wait for another.
func answers(bubbles []wecomtest.Shown) int {
	cards, streams, others := 0, 0, 0
	for _, s := range final(bubbles) {
		switch s.Kind {
		case wecomtest.KindCard:
			cards++
		case wecomtest.KindStream:
			streams++
		default:
			others++
		}
	}
	return max(cards, streams) + others
}

// say says something and waits for the answer: one, in which all of want can be
// read.
func (w *world) say(user, text string, want ...string) answer {
	w.Helper()
	return w.sayFor(1, user, text, want...)
}

// sayFor is say for an answer of n bubbles; 0: any number.
func (w *world) sayFor(n int, user, text string, want ...string) answer {
	w.Helper()
	a := w.utter(user, text)
	if !a.delivery.Accepted() {
		w.Fatalf("%s says %q: callback refused: %+v", user, text, a.delivery.Attempts)
	}
	return w.await(n, a, want...)
}

// utter says something and waits for no more than the callback.
func (w *world) utter(user, text string, how ...wecomtest.SayOption) answer {
	w.Helper()
	w.note(user, text)
	out, err := w.wecom.Say(w.soon(), w.where(user), user, text, how...)
	w.must(err)
	said, ok := w.wecom.Find(out.Shown, user)
	if !ok {
		w.Fatalf("what %s said is not on the screen", user)
	}
	return answer{user: user, since: said.Seq, delivery: out.Delivery()}
}

// note keeps who was the first to type a code.
func (w *world) note(user, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, code := range longDigits.FindAllString(text, -1) {
		if w.asked[code] == "" {
			w.asked[code] = user
		}
	}
}

var longDigits = regexp.MustCompile(`[0-9]{8,}`)

// await waits until all of want can be read in the answer and nothing of it is
// still growing.
func (w *world) await(n int, a answer, want ...string) answer {
	w.Helper()
	w.glimpse(a, true, want...)
	w.delivered(a.user)
	a = w.glimpse(a, true, want...)
	if got := answers(a.bubbles); n > 0 && got != n {
		w.Errorf("%d answers, want %d:\n%s", got, n, a.text())
	}
	w.mu.Lock()
	w.expected[w.screenName(a.user)] += len(a.bubbles)
	w.mu.Unlock()
	return a
}

// glimpse waits until all of want can be read in the answer; whole: and no
// stream is open.
func (w *world) glimpse(a answer, whole bool, want ...string) answer {
	w.Helper()
	pick := func(screen []wecomtest.Shown) []wecomtest.Shown {
		var mine []wecomtest.Shown
		for _, s := range screen {
			if s.FromBot && s.Seq > a.since {
				mine = append(mine, s)
			}
		}
		return mine
	}
	screen, err := w.wecom.WaitFor(w.soon(), w.screen(a.user), func(screen []wecomtest.Shown) bool {
		mine := pick(screen)
		open := slices.ContainsFunc(mine, func(s wecomtest.Shown) bool { return !s.Finished })
		return len(mine) > 0 && !(whole && open) && readable(legibles(mine), want)
	})
	a.bubbles = pick(screen)
	if err != nil {
		w.Fatalf("%v: want %q, got:\n%s\ncallback: %s", err, want, a.text(), attempts(a.delivery))
	}
	return a
}

// delivered waits until a person's messages are answered and nothing is on its way to
// them any more: an answer may be read in part before all of it is there, on the line that
// said that it takes time before its card, or on an older card before the message below it.
func (w *world) delivered(user string) {
	w.Helper()
	db, err := sql.Open(w.driver, w.dsn)
	w.must(err)
	defer db.Close()
	now := w.now(new(atomic.Int64)) // a clock that stands makes due what is due by it
	w.until(func() bool {
		rows, err := db.Query("SELECT 1 FROM outbox WHERE state = 'queued' AND user_id = '" + user + "' AND (attempt > 0 OR due_at < '" + now().UTC().Format("2006-01-02 15:04:05.000000") + "')" +
			" UNION ALL SELECT 1 FROM inbox WHERE answered_at IS NULL AND user_id = '" + user + "'")
		if err != nil {
			return false // the database is away
		}
		defer rows.Close()
		return !rows.Next() && rows.Err() == nil
	})
}

func readable(text string, want []string) bool {
	return !slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(text, s) })
}

func attempts(d wecomtest.Delivery) string {
	var b strings.Builder
	for _, a := range d.Attempts {
		fmt.Fprintf(&b, "%d %s %.200s; ", a.Status, a.Err, a.Answer)
	}
	return b.String()
}

// press presses a button and waits until all of want can be read on the bubbles
// that changed or came.
func (w *world) press(user string, card wecomtest.Shown, button string, want ...string) answer {
	w.Helper()
	a, before := w.push(user, card, button)
	return w.pressed(a, before, want...)
}

// push presses a button and waits for no more than the callback.
func (w *world) push(user string, card wecomtest.Shown, button string) (a answer, before int64) {
	w.Helper()
	before = w.wecom.Version()
	out, err := w.wecom.Press(w.soon(), w.where(user), user, card.ID, w.key(card, button))
	w.must(err)
	if !out.Delivery().Accepted() {
		w.Fatalf("%s presses %q: callback refused: %+v", user, button, out.Delivery().Attempts)
	}
	return answer{user: user, delivery: out.Delivery()}, before
}

func (w *world) pressed(a answer, before int64, want ...string) answer {
	w.Helper()
	var fresh int
	pick := func(screen []wecomtest.Shown) []wecomtest.Shown {
		var changed []wecomtest.Shown
		fresh = 0
		for _, s := range screen {
			if !s.FromBot || s.Version <= before {
				continue
			}
			if s.Seq > before {
				fresh++
			} else if s.ID != a.delivery.ShownID {
				continue // an older card is changed when what it offers has ended
			}
			changed = append(changed, s)
		}
		return changed
	}
	screen, err := w.wecom.WaitFor(w.soon(), w.screen(a.user), func(screen []wecomtest.Shown) bool {
		changed := pick(screen)
		return len(changed) > 0 && readable(legibles(changed), want)
	})
	if err == nil {
		w.delivered(a.user)
		screen = w.wecom.Screen(w.screen(a.user))
	}
	a.bubbles = pick(screen)
	if err != nil {
		w.Fatalf("%v: want %q, got:\n%s\ncallback: %s", err, want, a.text(), attempts(a.delivery))
	}
	if n := len(final(a.bubbles)); n != 1 {
		w.Errorf("a press changed %d bubbles:\n%s", n, a.text())
	}
	w.mu.Lock()
	w.expected[w.screenName(a.user)] += fresh
	w.mu.Unlock()
	return a
}

// key is what a button calls back with.
func (w *world) key(card wecomtest.Shown, button string) string {
	w.Helper()
	for _, b := range card.Card.Buttons {
		if b.Text == button {
			return b.Key
		}
	}
	w.Fatalf("no button %q on:\n%s", button, legible(card))
	return ""
}

// lacks checks that something cannot be read in an answer.
func (w *world) lacks(a answer, not ...string) {
	w.Helper()
	for _, s := range not {
		if strings.Contains(a.text(), s) {
			w.Errorf("says %q:\n%s", s, a.text())
		}
	}
}

// Every voucher has this title and price; the platform shows the phone as
// 138****5678.
const (
	title    = "双人下午茶"
	priceFen = 4990
	phone    = "13812345678"
	masked   = "138****5678"
)

// sell sells a voucher for store A, or one for each of shops.
func (w *world) sell(shops ...string) string {
	w.Helper()
	return w.order(1, shops...)[0]
}

// order sells n coupons of one order. Where stores have several accounts, each sells in
// its turn.
func (w *world) order(n int, shops ...string) []string {
	w.Helper()
	w.mu.Lock()
	m := w.markets[w.sold%len(w.markets)]
	w.sold++
	w.mu.Unlock()
	return w.sellAt(m, voucher{shops: shops}, n)
}

// sellAt sells n coupons of one order at a platform. What is left out of the voucher is
// filled in.
func (w *world) sellAt(m market, v voucher, n int) []string {
	w.Helper()
	if len(v.shops) == 0 {
		v.shops = []string{shopA}
	}
	if v.expires.IsZero() {
		v.expires = time.Now().AddDate(0, 3, 0)
	}
	codes, err := m.sell(v, n)
	w.must(err)
	for _, code := range codes {
		w.ledger(code, 0, 0)
	}
	return codes
}

// at is the platform that has a code; the first, where none has it.
func (w *world) at(code string) market {
	for _, m := range w.markets {
		if _, ok := m.voucher(code); ok {
			return m
		}
	}
	return w.markets[0]
}

// voucher is what its platform knows of a code.
func (w *world) voucher(code string) voucher {
	v, _ := w.at(code).voucher(code)
	return v
}

// ledger checks what has happened to a code, now and again at the end.
func (w *world) ledger(code string, consumed, undone int) {
	w.Helper()
	if got, want := w.at(code).effects(code), (effects{consumed, undone}); got != want {
		w.Errorf("%s: consumed %d and undone %d times, want %d and %d", code, got.consumed, got.undone, consumed, undone)
	}
	w.mu.Lock()
	w.effects[code] = effects{consumed, undone}
	w.mu.Unlock()
}

// call is a call as the platform names it.
func (t traits) call(name string) string { return cmp.Or(t.calls[name], name) }

// requests counts the calls that the platforms got, all or of some names.
func (w *world) requests(calls ...string) int {
	n := 0
	for _, m := range w.markets {
		traits := m.traits()
		for _, r := range m.Requests() {
			is := func(call string) bool { return traits.call(call) == r.Call }
			if len(calls) == 0 || slices.ContainsFunc(calls, is) {
				n++
			}
		}
	}
	return n
}

// held reports whether the platform is holding back a call about a code.
func (w *world) held(call, code string) bool {
	m := w.at(code)
	return slices.ContainsFunc(m.Requests(), func(r request) bool {
		return r.Call == m.traits().call(call) && r.State == dianpingtest.RequestWaiting && names(r, code)
	})
}

// met reports whether a call about a code has met a fault, be it over or not.
func (w *world) met(call, code string) bool {
	m := w.at(code)
	return slices.ContainsFunc(m.Requests(), func(r request) bool {
		return r.Call == m.traits().call(call) && r.Fault != "" && names(r, code)
	})
}

// storedOf counts the messages and presses of a person that the program has stored.
func (w *world) storedOf(user string) (n int) {
	w.Helper()
	db, err := sql.Open(w.driver, w.dsn)
	w.must(err)
	defer db.Close()
	w.must(db.QueryRow("SELECT COUNT(*) FROM inbox WHERE user_id = '" + user + "'").Scan(&n))
	return n
}

func names(r request, code string) bool {
	return slices.Contains(r.Codes, code) ||
		slices.ContainsFunc(r.Fields, func(f dianpingtest.Field) bool { return strings.Contains(f.Value, code) })
}

var requestIDs = regexp.MustCompile(`"requestId":"([^"]+)"`)

// idOf is what a consume has in common with its repeats.
func (t traits) idOf(r request) string {
	for _, f := range r.Fields {
		if f.Name == t.id {
			return f.Value
		}
		if m := requestIDs.FindStringSubmatch(f.Value); f.Name == "biz" && m != nil {
			return m[1]
		}
	}
	return ""
}

// consumeIDs are the different ids with which a code was to be consumed.
func (w *world) consumeIDs(code string) []string {
	var ids []string
	m := w.at(code)
	traits := m.traits()
	for _, r := range m.Requests() {
		if id := traits.idOf(r); r.Call == traits.call("consume") && names(r, code) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// hold holds the calls of a name about a code until they are let go; applied: once they
// have taken effect.
func (w *world) hold(call, code string, applied bool) (release func()) {
	w.Helper()
	until := make(chan struct{})
	w.fail(fault{Kind: dianpingtest.Delay, Call: call, Code: code, Applied: applied, Until: until})
	return sync.OnceFunc(func() { close(until) })
}

// fail orders a fault of the platform that has the code which it names; else of all.
func (w *world) fail(f fault) {
	w.Helper()
	at := w.markets
	if f.Code != "" {
		at = []market{w.at(f.Code)}
	}
	for _, m := range at {
		its := f
		its.Call = m.traits().call(f.Call)
		w.must(m.Fail(its))
	}
}

// reached waits for something that changes at the platform that has a code.
func (w *world) reached(code string, cond func() bool) {
	w.Helper()
	w.must(w.at(code).Await(w.soon(), cond))
}

// elsewhere has a code consumed at the till.
func (w *world) elsewhere(code, till string) {
	w.Helper()
	w.must(w.at(code).elsewhere(code, till))
	w.ledger(code, 1, 0)
}

// unguarded lets the platforms forget what they have consumed until the chapter ends, so
// that they do not hide a second consumption.
func (w *world) unguarded() {
	w.Helper()
	for _, m := range w.markets {
		w.must(m.unguard(true))
		w.Cleanup(func() { w.must(m.unguard(false)) })
	}
}

// yuan is an amount as people read it.
func yuan(fen int) string { return fmt.Sprintf("¥%d.%02d", fen/100, fen%100) }
