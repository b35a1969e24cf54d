package words

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// Line is one operation in a list, with its coupons. The mark is one rune: with four
// digits it fills the name of a field.
func (w *Words) Line(s models.Store, op models.Operation, coupons []models.Coupon) (mark, text string) {
	switch op.State {
	case models.Done:
		n, stand := redeem.Consumed(op, coupons), Stand(op, coupons)
		text = strings.TrimSpace("核销成功 " + costStanding(op, coupons).text(unitOf(op)))
		if n < op.Count {
			text += fmt.Sprintf("，不是 %d 张", op.Count)
		}
		if left := leftAfter(op, stand); left != "" {
			text += "，" + left
		}
		if refused := undoRefused(s, op, coupons); refused != "" {
			text += "，" + refused
		}
		return "✅", text
	case models.Undone:
		return "↩", StateWords(op)
	case models.Rejected:
		text = TitleOf(op.Outcome.Reason)
		switch {
		case op.Outcome.Reason == redeem.ReasonTooMany && tooMany(op) != "":
			text = tooMany(op)
		case op.UsedBy != "":
			text += "（" + op.UsedBy + "）"
		}
		if left := more(op); left != "" {
			text += "，" + left
		}
		return "❌", text
	}
	switch {
	case op.NeedsHuman:
		return "❗", "需要人工确认"
	case op.State == models.Held:
		return "⏳", "风控核验中，先不要提供服务"
	}
	if op.State == models.Undoing || op.State == models.UndoUnknown { // by another message; not what this list waits for
		return "⏳", "核销成功，正在撤销"
	}
	return "⏳", "核验中"
}

// Batch answers a message with several codes: a card with the first six
// lines, and the whole list as text where there are more. left are those that were
// given up before they were begun.
func (w *Words) Batch(s models.Store, ops []models.Operation, coupons map[string][]models.Coupon, left []command.Item) bot.Reply {
	l := list{Words: w, store: s, card: bot.Card{TaskID: w.NewID(), Source: Source(s)}}
	var codes []string
	for _, op := range ops {
		codes = append(codes, op.Code)
	}
	for _, it := range left {
		codes = append(codes, it.Code)
	}
	l.ends = ends(codes)
	for _, op := range ops {
		l.add(op, coupons[op.ID])
	}
	for _, it := range left {
		const again = "没有处理，请再发一次"
		l.line("❗", it.Code, l.told(it.Code, "", again), again)
	}
	l.head(len(ops)+len(left), len(left))
	l.card.Text = l.money()
	if said := l.refused + l.returned() + l.ask; said != "" {
		if l.card.Text != "" {
			l.card.Text += "。"
		}
		l.card.Text += said
	}
	if len(l.card.Keys) == 0 && w.Link != nil && len(ops) > 0 {
		l.card.URL = w.Link(ops[0].ID)
	}
	r := bot.Reply{Card: &l.card, Pending: l.pending > 0, Open: l.pending == 0 && l.human+l.held > 0}
	if len(l.lines) > bot.MaxFields {
		r.Text = strings.Join(l.lines, "\n")
	}
	return r
}

// list is the answer to a message with several codes, as it is put together.
type list struct {
	*Words
	store models.Store
	card  bot.Card
	lines []string
	ends  map[string]string // of codes, by which people tell them apart

	done, pending   int
	human           int // that only a person can end
	held            int // kept back by the platform
	undone, visits  int // of which something was undone; visits of those
	reopened        int // of those undone, at a platform that shows their code anew
	fen             int64
	priced, unknown int       // coupons
	until           time.Time // the first window to close
	ask             string    // how to go on with a code whose platform is not certain
	refused         string    // what the last undo left, why, and what to do
	refusedAt       time.Time // when that undo was asked for
}

// line adds a result, in the few words of a field and in the many of a text.
func (l *list) line(mark, code, few, many string) {
	if len(l.card.Fields) < bot.MaxFields {
		l.card.Fields = append(l.card.Fields, bot.Field{Key: mark + Tail(code), Value: few})
	}
	l.lines = append(l.lines, fmt.Sprintf("%s **%s** %s", mark, CodeText(code), bot.Escaped(many)))
}

// told is a result as the value of a field, which has more of the code where its last
// digits are not enough.
func (l *list) told(code, deal, text string) string {
	if end := l.ends[code]; end != Tail(code) {
		text = strings.TrimSpace(end + " " + text)
	}
	return Named(deal, text)
}

func (l *list) add(op models.Operation, coupons []models.Coupon) {
	mark, text := l.Line(l.store, op, coupons)
	few := text
	switch {
	case op.State == models.Done && op.UndoReason != "": // why is said below
		few = leftByUndo(op, coupons)
	case op.State == models.Done && op.Title != "": // the mark says that it is
		few = paid(op, coupons)
		if left := leftAfter(op, Stand(op, coupons)); left != "" && utf8.RuneCountInString(few+left)+2+dealLeast <= bot.MaxValue {
			few = strings.TrimSpace(few + " " + left)
		}
	case op.State == models.Rejected && op.Outcome.Reason == redeem.ReasonTooMany && op.Left > 0:
		few = fmt.Sprintf("只剩 %d 张可用", op.Left)
	}
	if on := On(l.store, op); on != "" {
		few, text = strings.TrimSpace(few+" "+on), strings.TrimSpace(text+" "+on)
	}
	l.line(mark, op.Code, l.told(op.Code, op.Title, few), strings.TrimSpace(text+" "+Short(op.Title, dealInList)))
	if l.ask == "" {
		l.ask = byText(l.store, op)
	}
	switch op.State {
	case models.Done:
		l.done++
		l.addDone(op, coupons)
	case models.Undone:
		l.gaveBack(op)
	case models.Held:
		l.held++
	case models.Calling, models.Unknown:
		if op.NeedsHuman {
			l.human++
		} else {
			l.pending++
		}
	}
}

// gaveBack counts an operation of which something was undone.
func (l *list) gaveBack(op models.Operation) {
	l.undone++
	switch {
	case platformOf(l.store, op) == platform.DouyinName:
		l.reopened++
	case op.Reusable:
		l.visits++
	}
}

func (l *list) addDone(op models.Operation, coupons []models.Coupon) {
	cost := costStanding(op, coupons)
	l.unknown += cost.Unpriced
	l.priced += cost.Count - cost.Unpriced
	l.fen += cost.Fen
	if UndoneOf(coupons) > 0 {
		l.gaveBack(op)
	}
	if op.UndoReason != "" && (l.refused == "" || op.UndoCalledAt.After(l.refusedAt)) {
		l.refused = "尾号" + l.ends[op.Code] + " " + undoRefused(l.store, op, coupons) + "。" + UndoSayingOf(platformOf(l.store, op), op.UndoReason).Next
		l.refusedAt = op.UndoCalledAt
	}
	if !l.Undoable(op) {
		return
	}
	l.card.Until = Latest(l.card.Until, op.UndoUntil)
	if l.until.IsZero() || op.UndoUntil.Before(l.until) {
		l.until = op.UndoUntil
	}
	if len(l.card.Keys) < bot.MaxKeys {
		l.card.Keys = append(l.card.Keys, bot.CardKey{Text: l.undo(op.Code), Key: command.Button{Action: command.ActUndo, Operation: op.ID}.Key(), Style: bot.Quiet})
	}
}

// undo is the text of a button, which holds eight digits. The first of an end is the
// one in which it differs.
func (l *list) undo(code string) string {
	end := l.ends[code]
	switch {
	case end == Tail(code):
		return "撤 尾号" + end
	case len(end) > 8:
		end = end[:3] + "…" + Tail(end)
	}
	return "撤 " + end
}

func (l *list) head(all, left int) {
	l.card.Title = fmt.Sprintf("%d 个券码，成功 %d 个", all, l.done)
	var open []string
	if l.pending > 0 {
		open = append(open, fmt.Sprintf("%d 个还在核验中", l.pending))
	}
	if l.held > 0 {
		open = append(open, fmt.Sprintf("%d 个在平台风控核验中", l.held))
	}
	if left > 0 {
		open = append(open, fmt.Sprintf("%d 个没有处理", left))
	}
	l.card.Desc = strings.Join(open, "，")
	if l.done == all && l.refused == "" {
		l.card.Tone = bot.Good
	}
}

// money sums up what was verified, and says until when it can be undone; without a full
// stop.
func (l *list) money() string {
	var said []string
	if l.priced > 0 {
		said = append(said, fmt.Sprintf("合计 %v", dianping.Fen(l.fen)))
	}
	switch {
	case l.unknown > 0 && l.priced > 0:
		said = append(said, fmt.Sprintf("另有 %d 张金额不详", l.unknown))
	case l.unknown > 0:
		said = append(said, fmt.Sprintf("%d 张金额不详", l.unknown))
	}
	if !l.until.IsZero() {
		said = append(said, "可撤销至 "+l.In(l.until).Format(ClockFormat))
	}
	return strings.Join(said, "，")
}

// returned says what became of the codes that were undone.
func (l *list) returned() string {
	text, other := "", ""
	if l.reopened > 0 {
		text, other = "撤销的抖音券还给了顾客，再用时请顾客在抖音 App 里重新打开订单页。", "其他"
	}
	if l.visits > 0 {
		text, other = text+"撤销的次数还给了顾客，券码不变。", "其他"
	}
	if l.undone > l.visits+l.reopened {
		text += "撤销的" + other + "券码已作废，顾客在 App 里看新的券码。"
	}
	return text
}

// InShort is what was paid for the coupons of an operation, in few words, or what an undo
// has left of it; "": that is not known.
func InShort(op models.Operation, coupons []models.Coupon) string {
	switch {
	case op.State == models.Done && op.UndoReason != "":
		return leftByUndo(op, coupons)
	case len(coupons) > 0 && redeem.Consumed(op, coupons) > 1:
		return paid(op, coupons)
	}
	return Price(op.Price())
}

// paid is what was paid for the coupons of an operation, in few words.
func paid(op models.Operation, coupons []models.Coupon) string {
	cost := costOf(op, coupons)
	var said []string
	switch n := cost.Count - cost.Unpriced; {
	case n == 0:
	case cost.Count > 1:
		said = append(said, fmt.Sprintf("%d 张 %v", n, dianping.Fen(cost.Fen)))
	default:
		said = append(said, dianping.Fen(cost.Fen).String())
	}
	if n := cost.Count; n < op.Count {
		said = append(said, fmt.Sprintf("不是 %d 张", op.Count))
	}
	return strings.Join(said, "，")
}

// Stand is how many coupons, or visits, of an operation that is done were not undone.
func Stand(op models.Operation, coupons []models.Coupon) int {
	return redeem.Consumed(op, coupons) - UndoneOf(coupons)
}

// undoneInShort says in few words what an undo did that the platform refused, in part or
// whole; "": there was none.
func undoneInShort(op models.Operation, coupons []models.Coupon) string {
	n := UndoneOf(coupons)
	switch {
	case op.State != models.Done || op.UndoReason == "":
		return ""
	case n > 0 && op.Reusable:
		return fmt.Sprintf("撤销 %d 次", n)
	case n > 0:
		return fmt.Sprintf("撤销 %d 张", n)
	}
	return "没有撤销"
}

// leftByUndo is [undoneInShort], with the price of what stands.
func leftByUndo(op models.Operation, coupons []models.Coupon) string {
	did := undoneInShort(op, coupons)
	cost := costStanding(op, coupons)
	price := dianping.Fen(cost.Fen)
	switch {
	case cost.Count == cost.Unpriced:
		return did
	case UndoneOf(coupons) > 0:
		return fmt.Sprintf("%s余 %v", did, price)
	}
	return fmt.Sprintf("%s %v", did, price)
}

// undoRefused says what an undo did that the platform refused, and why, without a full
// stop; "": there was none.
func undoRefused(s models.Store, op models.Operation, coupons []models.Coupon) string {
	did := undoneInShort(op, coupons)
	if did == "" {
		return ""
	}
	if UndoneOf(coupons) > 0 {
		did += "，其余没有撤销"
	}
	return did + "：" + UndoSayingOf(platformOf(s, op), op.UndoReason).Cause
}

const (
	dealInList = 30 // characters of a deal's name in a list: twenty lines fit into what an app sends
	dealLeast  = 9  // of one beside other words
)

// Named is the value of a field: the name of a deal, and what is said of it. The name
// gives way, for it is the longer one, but stays long enough to be known.
func Named(deal, text string) string {
	room := bot.MaxValue - utf8.RuneCountInString(text)
	if text != "" {
		room-- // a space
	}
	return strings.TrimSpace(Short(deal, max(room, dealLeast)) + " " + text)
}

// Short leaves the middle out of a name that is longer than most characters: what
// tells deals apart may be at either end. It never cuts within a number.
func Short(name string, most int) string {
	runes := []rune(strings.Join(strings.Fields(name), " "))
	if len(runes) <= most {
		return string(runes)
	}
	digits := func(i int) bool {
		return i > 0 && i < len(runes) && unicode.IsDigit(runes[i-1]) && unicode.IsDigit(runes[i])
	}
	head := (most - 1) * 2 / 3
	tail := len(runes) - (most - 1 - head)
	for head > 0 && digits(head) {
		head--
	}
	for tail < len(runes) && digits(tail) {
		tail++
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// ends are what tells each code from the others: its last four digits, or more where
// others end alike.
func ends(codes []string) map[string]string {
	told := map[string]string{}
	for _, code := range codes {
		n := len(Tail(code))
		for n < len(code) && slices.ContainsFunc(codes, func(o string) bool { return o != code && strings.HasSuffix(o, code[len(code)-n:]) }) {
			n++
		}
		told[code] = code[len(code)-n:]
	}
	return told
}

// CodeText is a code as people read it. A link would be long, and open at a touch.
func CodeText(code string) string {
	if command.IsLink(code) {
		return "抖音链接 …" + Tail(code)
	}
	return code
}

// Tail is the end of a code, by which people tell it from others.
func Tail(code string) string {
	if len(code) > 4 {
		return code[len(code)-4:]
	}
	return code
}
