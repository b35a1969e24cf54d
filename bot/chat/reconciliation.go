package chat

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/models"
)

const (
	looksPerReply = 3  // stores whose day is looked at while somebody waits
	daysBack      = 90 // that can be asked for
	itemsShown    = 20
)

// reconcile shows how a closed day of the places compares with the platform's
// list, and makes the comparison where there is none yet.
func (l *lists) reconcile(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, period command.Period) (bot.Reply, error) {
	day, span, ok := l.dayOf(period)
	if ok {
		var err error
		if places, err = l.during(ctx, m, places, span); err != nil {
			return bot.Reply{}, err
		}
	}
	mine := access.Led(places)
	if len(mine) == 0 {
		return l.turns.finish(ctx, row, m, bot.Reply{Text: "只有组长和店长可以对账。"})
	}
	if !ok {
		return l.turns.finish(ctx, row, m, bot.Reply{Text: "一次对一天的账，例如：对账 昨日，对账 11-20"})
	}
	sheets, err := l.sheetsOf(ctx, access.Stores(mine), day)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(sheets) == 0 {
		return l.turns.finish(ctx, row, m, bot.Reply{Text: "这一天没有要对的账。"})
	}
	if problem := l.tooEarlyOrLate(day, sheets); problem != "" {
		return l.turns.finish(ctx, row, m, bot.Reply{Text: problem})
	}
	row, known, err := l.results(ctx, row, sheets, day)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(sheets) == 1 {
		return l.turns.finish(ctx, row, m, l.reconciledStore(ctx, sheets[0], day, known))
	}
	reply := l.reconciledStores(sheets, day, known)
	if len(mine) > 1 { // one that has ended has no group in which to ask for it alone
		sheets = slices.DeleteFunc(sheets, func(s sheet) bool { return s.store.Live() })
	}
	if err := l.addItems(ctx, &reply, sheets, day, known); err != nil {
		return bot.Reply{}, err
	}
	return l.turns.finish(ctx, row, m, reply)
}

// sheet is an account in a comparison, with what it is called.
type sheet struct {
	models.Account
	store models.Store
	name  string
}

// sheetsOf are the accounts of stores in the comparison of a day.
func (l *lists) sheetsOf(ctx context.Context, stores []models.Store, day string) (all []sheet, err error) {
	accounts, err := l.reconciliation.Accounts(ctx, stores, day)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	for _, s := range stores {
		for _, a := range accounts[s.ID] {
			all = append(all, sheet{a, s, words.AccountName(s, a)})
		}
	}
	return all, nil
}

// results are what is known of a day, by account; the first of those of which nothing
// is are looked at now.
func (l *lists) results(ctx context.Context, row models.Inbox, sheets []sheet, day string) (models.Inbox, map[int64]reconcile.Result, error) {
	known := map[int64]reconcile.Result{}
	if len(sheets) > 1 {
		ids := make([]int64, len(sheets))
		for i, s := range sheets {
			ids[i] = s.ID
		}
		results, err := l.reconciliation.Results(ctx, ids, day, day)
		if err != nil {
			return row, nil, fmt.Errorf("bot: %w", err)
		}
		for _, r := range results {
			known[r.StoreID] = r
		}
	}
	looks := 0
	for _, s := range sheets {
		if _, ok := known[s.ID]; ok || looks == looksPerReply {
			continue
		}
		looks++
		var err error
		if row, err = l.turns.extend(ctx, row, reconcile.LookLasts+l.core.Lease(0)); err != nil {
			return row, nil, err
		}
		result, ok, err := l.reconciliation.Look(ctx, s.ID, day)
		if err != nil {
			return row, nil, fmt.Errorf("bot: %w", err)
		}
		if ok {
			known[s.ID] = result
		}
	}
	return row, known, nil
}

// dayOf is the day that a period means; false: it is not one.
func (l *lists) dayOf(period command.Period) (day string, span command.Span, ok bool) {
	span, ok = period.Span(l.Now(), reconcile.Zone)
	return reconcile.DayOf(span.From), span, ok && span.To.Sub(span.From) == 24*time.Hour
}

// tooEarlyOrLate says why a day cannot be compared: it must be over at all of the
// accounts.
func (l *lists) tooEarlyOrLate(day string, sheets []sheet) string {
	var closed time.Time
	for _, s := range sheets {
		closed = words.Latest(closed, l.reconciliation.Schedule.Of(s.Platform).Closed(day))
	}
	if closed.After(l.Now()) {
		return fmt.Sprintf("%s 还能核销和撤销，%s 以后才能对账。", day, l.words.In(closed).Format(words.MinuteFormat))
	}
	if from, _, err := reconcile.Bounds(day); err != nil || from.Before(l.Now().AddDate(0, 0, -daysBack)) {
		return fmt.Sprintf("只能对最近 %d 天的账。", daysBack)
	}
	return ""
}

const notReconciled = "暂时没有对上：平台没有给出完整的清单。我会再试，请过几分钟再发一次「对账」。"

// reconciledStore is the answer for the one account of a store.
func (l *lists) reconciledStore(ctx context.Context, s sheet, day string, known map[int64]reconcile.Result) bot.Reply {
	c := bot.Card{TaskID: l.NewID(), Source: words.Source(s.store), Title: "对账 " + day}
	r, ok := known[s.ID]
	if !ok {
		c.Tone, c.Text = bot.Bad, notReconciled
		if help := l.helpWith(ctx, s.Account, day); help != "" {
			c.Text = "没有对账：" + help
		}
		return bot.Reply{Card: &c}
	}
	f := r.Figures
	c.Desc, c.Tone = sumShown(f), desk.ToneOf(f)
	sum := func(s models.Sum) string { return fmt.Sprintf("%d 笔 %s", s.Count, words.Amount(s)) }
	c.Fields = []bot.Field{
		{Key: "平台", Value: sum(f.Listed)}, {Key: "机器人", Value: sum(f.Matched)},
		{Key: "店内", Value: sum(f.InShop.Plus(f.OtherSystem))},
	}
	for _, note := range f.Notes() {
		c.Text += note + "。"
	}
	c.Text += moneySaid(f.Money)
	if m := f.Money; m.Exact+m.Estimated > 0 {
		c.Fields = append(c.Fields,
			bot.Field{Key: "顾客付", Value: m.Customer.String()}, bot.Field{Key: "商家承担", Value: m.Merchant.String()}, bot.Field{Key: "应收", Value: m.Due.String()})
	}
	c.Text += undoneSaid(f)
	c.Text += fmt.Sprintf("对账时间 %s。", l.words.When(r.CheckedAt))
	reply := bot.Reply{Card: &c}
	if len(r.Items) > 0 {
		reply.Text = l.itemLines(r)
	}
	return reply
}

// helpWith is what to do where a day was not looked at; "": to wait.
func (l *lists) helpWith(ctx context.Context, a models.Account, day string) string {
	row, err := l.DB.Reconciliations.Get(ctx, a.ID, day)
	if err != nil {
		return ""
	}
	return reconcile.Help(a.Platform, row.Reason)
}

// sumShown is the sum as it fits a card.
func sumShown(f reconcile.Figures) string {
	if s := f.Sum(); utf8.RuneCountInString(s) <= 30 {
		return s
	}
	return fmt.Sprintf("平台 %d 笔 = 机器人 %d + 其他 %d", f.Listed.Count, f.Matched.Count, f.Listed.Count-f.Matched.Count)
}

// inShort is a store's result in a few words, for a line of a card.
func inShort(f reconcile.Figures) string {
	switch {
	case f.Alarming():
		return fmt.Sprintf("%d 笔要核对", f.Alarms())
	case !f.Even():
		return "有差异"
	}
	return fmt.Sprintf("%d 笔，一致", f.Listed.Count)
}

// moneySaid says how far the amounts of what the bot verified can be relied on.
func moneySaid(m reconcile.Money) string {
	switch {
	case m.Certainty() == reconcile.Untold:
		return "平台没有告诉付款明细或售价。"
	case m.Exact+m.Estimated == 0:
		return ""
	case m.Untold > 0:
		return fmt.Sprintf("金额是估算，不含没有付款明细或售价的 %d 张；应收没有扣佣金。", m.Untold)
	case m.Estimated > 0:
		return fmt.Sprintf("金额里有 %d 张是按订单分摊的估算；应收没有扣佣金。", m.Estimated)
	}
	return "金额只算机器人核销的；应收没有扣佣金。"
}

// undoneSaid says what to do about what the platform does not have any more.
func undoneSaid(f reconcile.Figures) string {
	if f.OnlyOurs.Count+f.UndoneThere.Count == 0 {
		return ""
	}
	return "在平台上撤销了的，请店长发「确认 券码 已撤销」，就从营业额里减去。"
}

// itemLines lists what is worth a look, the worst first.
func (l *lists) itemLines(r reconcile.Result) string {
	var lines []string
	for _, i := range r.Items[:min(itemsShown, len(r.Items))] {
		who := "账号 " + cmp.Or(i.Account, "未说明")
		if i.OperationID == "" && i.Channel != "" {
			who += "，渠道 " + i.Channel
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("**%s** %s %s %s %s %s", i.Kind.Name(), l.words.In(i.At).Format(words.MinuteFormat), i.Code, bot.Escaped(i.Title), i.Amount(), bot.Escaped(who))))
	}
	if more := len(r.Items) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("还有 %d 笔没有列出。", more))
	}
	return strings.Join(lines, "\n")
}

// addItems adds the details of accounts to the answer for several, and what to do where
// there are none.
func (l *lists) addItems(ctx context.Context, reply *bot.Reply, sheets []sheet, day string, known map[int64]reconcile.Result) error {
	for _, s := range sheets {
		if _, ok := known[s.ID]; !ok {
			if help := l.helpWith(ctx, s.Account, day); help != "" {
				reply.Text += fmt.Sprintf("\n**%s**\n没有对账：%s", bot.Escaped(s.name), help)
			}
			continue
		}
		r, ok, err := l.reconciliation.Result(ctx, s.ID, day)
		if err != nil {
			return fmt.Errorf("bot: %w", err)
		}
		if ok && len(r.Items) > 0 {
			reply.Text += fmt.Sprintf("\n**%s**\n%s", bot.Escaped(s.name), l.itemLines(r))
		}
	}
	return nil
}

// reconciledStores is the answer for several accounts.
func (l *lists) reconciledStores(sheets []sheet, day string, known map[int64]reconcile.Result) bot.Reply {
	c := bot.Card{TaskID: l.NewID(), Source: "验券", Title: "对账 " + day}
	var sum reconcile.Figures
	var lines []string
	for _, p := range sheets {
		line, brief := "还没有对账", "还没有对账"
		if r, ok := known[p.ID]; ok {
			sum, line, brief = sum.Plus(r.Figures), r.Figures.Line(), inShort(r.Figures)
		}
		if len(c.Fields) < bot.MaxFields {
			c.Fields = append(c.Fields, bot.Field{Key: "门店", Value: p.name + " " + brief})
		}
		lines = append(lines, fmt.Sprintf("**%s** %s", bot.Escaped(p.name), bot.Escaped(line)))
	}
	c.Desc = sumShown(sum)
	if len(known) > 0 {
		c.Tone = desk.ToneOf(sum)
	}
	for _, note := range sum.Notes() {
		c.Text += note + "。"
	}
	c.Text += undoneSaid(sum)
	if missing := len(sheets) - len(known); missing > 0 {
		if c.Tone == bot.Good {
			c.Tone = bot.Plain
		}
		c.Text += fmt.Sprintf("还有 %d 个没有对账，请过几分钟再发一次。", missing)
	} else if sheets[0].StoreID() != sheets[len(sheets)-1].StoreID() {
		c.Text += "要看一家门店的明细，请在它的群里发「对账」。"
	}
	return bot.Reply{Card: &c, Text: strings.Join(lines, "\n")}
}
