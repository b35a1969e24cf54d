package words

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// Words writes cards.
type Words struct {
	Location *time.Location                  // of the times shown
	Link     func(operationID string) string // page of one verification; may be nil
	Now      func() time.Time
	NewID    func() string
}

// Formats of times.
const (
	ClockFormat  = "15:04:05"
	MinuteFormat = "01-02 15:04"
	DateFormat   = "2006-01-02"
)

// OutcomeAgain is when to look whether the outcome that a card waits for is there.
const OutcomeAgain = 5 * time.Second

// In is a time in the zone of the times shown.
func (w *Words) In(t time.Time) time.Time { return t.In(w.Location) }

// When shows a time as a person at the till wants it: the clock if it was
// today, otherwise with the date.
func (w *Words) When(t time.Time) string {
	if w.In(t).Format(DateFormat) == w.In(w.Now()).Format(DateFormat) {
		return w.In(t).Format(ClockFormat)
	}
	return w.In(t).Format(DateFormat + " " + ClockFormat)
}

// Source is the line on top of a card of a store.
func Source(s models.Store) string { return "验券 · " + s.Name }

func price(text string) bot.Field { return bot.Field{Key: "售价", Value: text, Fact: bot.Price} }

// Day shows a date; nothing for one that is not known.
func (w *Words) Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return w.In(t).Format(DateFormat)
}

// Operation shows the truth about an operation as it is now.
func (w *Words) Operation(s models.Store, op models.Operation, coupons []models.Coupon) bot.Card {
	c := bot.Card{TaskID: w.NewID(), Source: Source(s), Desc: op.Title}
	if w.Link != nil {
		c.URL = w.Link(op.ID)
	}
	switch op.State {
	case models.Done:
		w.fillDone(&c, s, op, coupons)
	case models.Undone:
		if redeem.UndoneThere(op) {
			w.fillUndoneThere(&c, s, op, coupons)
			return c
		}
		c.Title, c.Tone = "已撤销", bot.Plain
		code := "券码"
		switch {
		case platformOf(s, op) == platform.DouyinName:
			c.Text = "核销已撤销，券还给了顾客。再用时，请顾客在抖音 App 里重新打开订单页，用那里的码。"
		case op.Reusable:
			c.Text = "核销已撤销，这一次还给了顾客；券码不变，可以再用。"
		default:
			code, c.Text = "原券码", "核销已撤销，原券码已经作废；顾客可以在 App 里看到新的券码。"
		}
		c.Fields = bot.Fields(
			bot.Field{Key: code, Value: CodeText(op.Code)}, price(PriceOf(op, coupons)),
			bot.Field{Key: "核销人", Value: op.User, User: op.UserID}, bot.Field{Key: "撤销人", Value: op.UndoUser, User: op.UndoUserID},
			bot.Field{Key: "撤销时间", Value: w.When(op.UndoneAt)}, where(s, op),
		)
		c.Quote = couponQuote(op, coupons)
	case models.Calling, models.Unknown:
		c.Title = "核验中"
		c.Text = "平台还没有给出结果，我在继续确认，请先不要重复核销。"
		if op.NeedsHuman {
			c.Title, c.Tone = "需要人工确认", bot.Bad
			c.Text = whyHuman(op) + "请到" + platform.Backend(platformOf(s, op)) + "里查这个券码是否已核销；有了结果我也会再发消息。"
		}
		w.fillPending(&c, s, op, coupons)
	case models.Held:
		c.Title, c.Text = heldTitle, heldTitle+"，先不要提供服务，有结果会马上告诉您。"
		w.fillPending(&c, s, op, coupons)
	case models.Undoing, models.UndoUnknown:
		c.Title = "撤销中"
		c.Text = "平台还没有给出撤销的结果，我在继续确认，请稍等。"
		if op.NeedsHuman {
			c.Title, c.Tone = "需要人工确认", bot.Bad
			c.Text = whyHuman(op) + "请到" + platform.Backend(platformOf(s, op)) + "里查这张券是否已撤销；有了结果我也会再发消息。"
		}
		w.fillPending(&c, s, op, coupons)
	default:
		w.fillRejected(&c, s, op)
	}
	return c
}

// fillUndoneThere shows an operation that was undone at the platform, and not by us.
func (w *Words) fillUndoneThere(c *bot.Card, s models.Store, op models.Operation, coupons []models.Coupon) {
	c.Title, c.Tone = "已在平台上撤销", bot.Plain
	c.Text = "这次核销是在平台上撤销的，不是机器人撤的；店长或管理员确认以后，已经从营业额里减去。"
	c.Fields = bot.Fields(
		bot.Field{Key: "券码", Value: CodeText(op.Code)}, price(PriceOf(op, coupons)),
		bot.Field{Key: "核销人", Value: op.User, User: op.UserID},
		bot.Field{Key: "确认时间", Value: w.When(op.UndoneAt)}, where(s, op),
	)
	c.Quote = couponQuote(op, coupons)
}

// whyHuman says why an outcome is not known for so long.
func whyHuman(op models.Operation) string {
	switch op.Outcome.Reason {
	case redeem.ReasonSession, string(dianping.SessionExpired), string(dianping.Reauthorize):
		return "门店在平台的授权失效了，查不到结果，请告诉管理员。"
	case redeem.ReasonUnclear:
		return "平台的记录说不清是谁核销的。"
	case redeem.ReasonMayBeHeld:
		return "平台现在没有核销记录，但可能还在风控核验，48 小时内都可能变成已核销，先不要提供服务。"
	}
	return "超过 3 分钟还没有结果。"
}

// seen is what a person has seen of a voucher whose operation is in doubt.
func seen(op models.Operation, used bool) string {
	undo := op.State == models.Undoing || op.State == models.UndoUnknown
	switch {
	case undo && used:
		return "没有撤销"
	case undo:
		return "已撤销"
	case used:
		return "已核销"
	}
	return "未核销"
}

// NeedsHuman is the notice to managers about an operation that only a person can end
// now. It has the platform's code, which no card for staff has.
func (w *Words) NeedsHuman(s models.Store, op models.Operation) bot.Card {
	code := sayCode(s, op)
	return bot.Card{
		Source: Source(s), Title: "需要人工确认", Tone: bot.Bad,
		Fields: bot.Fields(bot.Field{Key: "券码", Value: CodeText(op.Code)}, bot.Field{Key: "操作人", Value: op.User}, bot.Field{Key: "时间", Value: w.When(op.CalledAt)},
			bot.Field{Key: "平台", Value: On(s, op)}, bot.Field{Key: "平台代码", Value: op.Outcome.Code}),
		Text: whyHuman(op) + "请到" + platform.Backend(platformOf(s, op)) + "里查这张券，再点下面告诉我；平台有了结果，我也会自己更新。",
		Keys: []bot.CardKey{
			{Text: seen(op, true), Key: command.Button{Action: command.ActClose, Operation: op.ID, Used: true}.Key(), Say: "确认 " + code + " 已核销", Style: bot.Primary},
			{Text: seen(op, false), Key: command.Button{Action: command.ActClose, Operation: op.ID}.Key(), Say: "确认 " + code + " 未核销", Style: bot.Quiet},
		},
	}
}

func (w *Words) fillDone(c *bot.Card, s models.Store, op models.Operation, coupons []models.Coupon) {
	c.Title, c.Tone = "核销成功", bot.Good
	c.Fields = bot.Fields(
		bot.Field{Key: "券码", Value: CodeText(op.Code)}, price(PriceOf(op, coupons)),
		bot.Field{Key: "手机", Value: op.Mobile}, bot.Field{Key: until, Value: w.Day(op.VoucherExpires)},
		bot.Field{Key: "核销人", Value: op.User, User: op.UserID}, where(s, op),
	)
	c.Fields = withLeft(c.Fields, leftAfter(op, redeem.Consumed(op, coupons)-UndoneOf(coupons)))
	c.Quote = couponQuote(op, coupons)
	if n := redeem.Consumed(op, coupons); n < op.Count {
		c.Title = fmt.Sprintf("核销成功 %d 张，不是 %d 张", n, op.Count)
	}
	refused := ""
	if op.UndoReason != "" {
		c.Title, c.Tone = "没有撤销", bot.Bad
		refused = UndoSayingOf(platformOf(s, op), op.UndoReason).What()
		if n := UndoneOf(coupons); n > 0 {
			unit := "张"
			if op.Reusable {
				unit = "次"
			}
			if redeem.UndoneThere(op) {
				c.Title, c.Tone = "有一部分在平台上撤销了", bot.Plain
			} else {
				c.Title = "只撤销了一部分"
			}
			refused = fmt.Sprintf("撤销了 %d %[3]s，其余 %[2]d %[3]s：%[4]s", n, redeem.Consumed(op, coupons)-n, unit, refused)
		}
	}
	switch {
	case w.Undoable(op):
		c.Text = refused + "可撤销至 " + w.In(op.UndoUntil).Format(ClockFormat)
		c.Keys = []bot.CardKey{{Text: "撤销", Key: command.Button{Action: command.ActUndo, Operation: op.ID}.Key(), Say: "撤 " + sayCode(s, op), Style: bot.Danger}}
		c.Until, c.About, c.Timed = op.UndoUntil, op.ID, refused == ""
	case op.UndoReason != "":
		c.Text = refused + UndoSayingOf(platformOf(s, op), op.UndoReason).Next
	case op.Superseded:
		c.Text = fmt.Sprintf("%s 核销，后来这个券码又核销过一次，%s。", w.When(op.ConsumedAt), w.beneath(op))
	default:
		c.Text = fmt.Sprintf("%s 核销，已过撤销时间。", w.When(op.ConsumedAt))
	}
	if n := len(told(coupons)); op.Outcome.Reason == redeem.ReasonCodesMissing && n > 0 && op.UndoReason == "" {
		c.Timed = false
		if w.Undoable(op) { // the other sentences have their end
			c.Text += "。"
		}
		c.Text += fmt.Sprintf("平台只告诉了 %d 张的券码，其余的要撤销请到%s。", n, platform.Backend(platformOf(s, op)))
	}
}

// told are the coupons whose codes the platform told.
func told(coupons []models.Coupon) []models.Coupon {
	return slices.DeleteFunc(slices.Clone(coupons), models.Coupon.Untold)
}

// UndoneOf counts the coupons that an undo was successful for.
func UndoneOf(coupons []models.Coupon) (n int) {
	for _, c := range coupons {
		if !c.UndoneAt.IsZero() {
			n++
		}
	}
	return n
}

// Undoable reports whether an operation can still be undone.
func (w *Words) Undoable(op models.Operation) bool {
	return redeem.CanUndo(op, w.Now()) == redeem.Undoable
}

// beneath says how an operation that was followed by another can be undone.
func (w *Words) beneath(op models.Operation) string {
	if !w.Now().Before(op.UndoUntil) {
		return "这一次不能再撤销"
	}
	return w.In(op.UndoUntil).Format(ClockFormat) + " 之前要撤销这一次，请先撤销后来那一次"
}

// CannotUndo says why an operation that is done, with its coupons, cannot be undone any
// more.
func (w *Words) CannotUndo(s models.Store, op models.Operation, coupons []models.Coupon) bot.Reply {
	say := UndoSayingOf(platformOf(s, op), op.UndoReason)
	switch {
	case op.Superseded:
		return bot.Say("券码 %s 在 %s 由 %s 核销，后来又核销过一次，%s。没有撤销。", CodeText(op.Code), w.When(op.ConsumedAt), op.User, w.beneath(op))
	case redeem.NothingToUndoBy(op.UndoReason) && UndoneOf(coupons) > 0:
		return bot.Say("券码 %s 已经撤销了一部分。其余的没有撤销：%s%s", CodeText(op.Code), say.What(), say.Next)
	case redeem.NothingToUndoBy(op.UndoReason):
		return bot.Say("券码 %s 没有撤销：%s%s", CodeText(op.Code), say.What(), say.Next)
	}
	return bot.Say("券码 %s 在 %s 由 %s 核销，已过撤销时间，没有撤销。%s", CodeText(op.Code), w.When(op.ConsumedAt), op.User, SayingOf(platformOf(s, op), redeem.ReasonUndoLate).Next)
}

func (w *Words) fillPending(c *bot.Card, s models.Store, op models.Operation, coupons []models.Coupon) {
	c.Fields = bot.Fields(
		bot.Field{Key: "券码", Value: CodeText(op.Code)}, price(PriceOf(op, coupons)),
		bot.Field{Key: "核销人", Value: op.User, User: op.UserID}, where(s, op),
	)
	c.Keys = []bot.CardKey{{Text: "查看结果", Key: command.Button{Action: command.ActShow, Operation: op.ID}.Key(), Say: "查 " + sayCode(s, op), Style: bot.Primary}}
	c.Until, c.About = w.Now().Add(OutcomeAgain), op.ID
}

func (w *Words) fillRejected(c *bot.Card, s models.Store, op models.Operation) {
	say := SayingOf(platformOf(s, op), op.Outcome.Reason)
	c.Title, c.Tone, c.Text = say.Title, bot.Bad, say.What()+say.Next
	usedAt := ""
	if !op.UsedAt.IsZero() {
		usedAt = w.When(op.UsedAt)
	}
	switch {
	case op.Outcome.Reason == redeem.ReasonTooMany && tooMany(op) != "":
		c.Text = tooMany(op) + "。一张都没有核销。" + say.Next
	case op.UsedBy != "" && usedAt != "" && more(op) != "":
		c.Text = fmt.Sprintf("这张券已由 %s 在 %s 核销过，%s。%s", op.UsedBy, usedAt, more(op), say.Next)
	case op.UsedBy != "" && usedAt != "" && op.Outcome.Reason == redeem.ReasonHereSince:
		c.Text = fmt.Sprintf("%s：由 %s 在 %s 核销。%s", say.Cause, op.UsedBy, usedAt, say.Next)
	case op.UsedBy != "" && usedAt != "":
		c.Text = fmt.Sprintf("这张券已由 %s 在 %s 核销。%s", op.UsedBy, usedAt, say.Next)
	case usedAt != "":
		c.Text = fmt.Sprintf("这张券已在 %s 核销。%s", usedAt, say.Next)
	case op.UsedBy != "" && op.Outcome.Reason == platform.RiskHeld:
		c.Text = HeldFor(op.UsedBy)
	case op.UsedBy != "" && op.Outcome.Reason == redeem.ReasonBusy:
		c.Text = fmt.Sprintf("%s 正在核销这张券，还没有结果。%s", op.UsedBy, say.Next)
	case op.UsedBy != "":
		c.Text = fmt.Sprintf("这张券已由 %s 核销。%s", op.UsedBy, say.Next)
	}
	fillAgain(c, op)
	w.fillWhich(c, s, op)
	cost := "" // of what nothing was told, nothing
	if op.Title != "" {
		cost = priceOfOne(op)
	}
	c.Fields = bot.Fields(
		bot.Field{Key: "券码", Value: CodeText(op.Code)}, price(cost),
		bot.Field{Key: "使用人", Value: op.UsedBy}, bot.Field{Key: "使用时间", Value: usedAt},
		where(s, op),
	)
	fillProducts(c, s, op)
}

// HeldFor says that the verification of a person is kept back.
func HeldFor(who string) string {
	return fmt.Sprintf("%s 核销的这张券还在平台风控核验中，先不要提供服务；有结果会马上告诉 %[1]s。", who)
}

// HeldUndo says that what is kept back cannot be undone.
func HeldUndo(op models.Operation) bot.Reply {
	return bot.Say("券码 %s 还在平台风控核验中，还没有核销，不能撤销。先不要提供服务；有结果会马上告诉 %s。", op.Code, op.User)
}

// tooMany says how many are left of what was asked for, where that is known.
func tooMany(op models.Operation) string {
	if op.Left == 0 {
		return ""
	}
	return fmt.Sprintf("这个订单只剩 %d 张可用，您要核销 %d 张", op.Left, op.Count)
}

// couponQuote lists the other codes of an operation with several coupons, and
// what became of each.
func couponQuote(op models.Operation, coupons []models.Coupon) *bot.Quote {
	n := redeem.Consumed(op, coupons)
	coupons = told(coupons)
	if n < 2 || op.Reusable || len(coupons) < 2 && UndoneOf(coupons) == 0 {
		return nil
	}
	var lines []string
	times := map[string]int{} // a platform may tell one code for several
	for _, c := range coupons {
		line := c.Code
		switch {
		case !c.UndoneAt.IsZero():
			line += " 已撤销"
		case c.UndoReason != "":
			line += " 未撤销"
		}
		if times[line]++; times[line] == 1 {
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		if times[line] > 1 {
			lines[i] = fmt.Sprintf("%s × %d", line, times[line])
		}
	}
	return &bot.Quote{Title: fmt.Sprintf("共 %d 张", n), Text: strings.Join(lines, "\n")}
}

// Help is what can be texted.
func (w *Words) Help() bot.Reply {
	return bot.Reply{Card: &bot.Card{
		TaskID: w.NewID(), Source: "验券", Title: "可以这样发", Desc: "群里请先 @我",
		Fields: []bot.Field{
			{Key: "验 券码", Value: "核销，一次最多 20 个"},
			{Key: "券码", Value: "先查看，确认后再核销"},
			{Key: "撤 券码", Value: "撤销核销，平台限时"},
			{Key: "撤", Value: "撤销我最近的一次"},
			{Key: "记录 20", Value: "最近的核销"},
			{Key: "今日", Value: "汇总，还有昨日、上周、9月"},
		},
		Text: "一个订单核销两张：验 7992697494 x2。也可以拍二维码或条形码发来。",
	}}
}

// Latest is the later of two times.
func Latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
