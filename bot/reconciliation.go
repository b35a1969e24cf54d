package bot

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"yanquan/bot/reconcile"
	"yanquan/models"
)

// Reconciliations is what is known of closed days, for pages and summaries.
func (b *Bot) Reconciliations() *reconcile.Keeper { return b.ledger }

const (
	looksAtOnce = 4 // at closed days: they are long, and nobody waits
	planEvery   = 5 * time.Minute
	idleEvery   = 10 * time.Second
)

const (
	looksPerReply = 3  // stores whose day is looked at while somebody waits
	daysBack      = 90 // that can be asked for
	itemsShown    = 20
)

func (b *Bot) newLedger() *reconcile.Keeper {
	o := reconcile.Options{
		DB: b.DB, Open: b.open, Nightly: b.ReconcileAt != nil,
		Schedule: reconcile.Schedule{Location: b.Location, UndoWindow: b.UndoWindow},
		Now:      b.Now, Jitter: b.Jitter, Log: b.Log,
		Tell: func(ctx context.Context, tx *models.DB, n reconcile.Notice) error {
			return b.tellOf(ctx, tx, n.Key, []int64{n.Store.ID}, Card{Source: source(n.Store), Title: n.Title, Text: n.Text, Tone: Bad})
		},
	}
	if o.Nightly {
		o.Schedule.At = *b.ReconcileAt
	}
	return reconcile.New(o)
}

// reconciledLine is the last closed day of these stores in one line, for a
// summary: "" where it was not compared.
func (b *Bot) reconciledLine(ctx context.Context, stores []models.Store) (string, error) {
	day := reconcile.DayOf(b.Now().Add(-24 * time.Hour))
	line, err := b.ledger.Line(ctx, models.StoreIDs(stores), day)
	if err != nil {
		return "", fmt.Errorf("bot: %w", err)
	}
	if line == "" {
		return "", nil
	}
	return day[len("2006-"):] + " 对账：" + line, nil
}

// reconcileDue plans the looks at closed days from time to time, and starts
// those that are due.
func (b *Bot) reconcileDue(ctx context.Context, wg *sync.WaitGroup, now time.Time) {
	if !now.Before(b.planned.Add(planEvery)) {
		if err := b.ledger.Plan(ctx); err != nil {
			b.Log.Warn("reconciliations not planned", "error", err)
		} else {
			b.planned = now
		}
	}
	if now.Before(b.idle.Add(idleEvery)) {
		return
	}
	due, err := b.ledger.Due(ctx, batch)
	if err != nil {
		b.Log.Warn("due reconciliations not found", "error", err)
		return
	}
	if len(due) == 0 {
		b.idle = now
	}
	for _, r := range due {
		b.start(wg, reconcileWork, fmt.Sprint(r.StoreID, " ", r.Day), func() error { return b.ledger.Run(ctx, r) })
	}
}

// parseReconcile reads the day after 对账; without one it is yesterday.
func parseReconcile(rest string) Command {
	cmd := Command{Verb: VerbReconcile, Period: Yesterday}
	if onlyPunctuation(rest) {
		return cmd
	}
	var ok bool
	if cmd.Period, ok = ReadPeriod(rest); !ok {
		cmd.Problem = "「对账」后面写日期，例如：对账 昨日，对账 11-20"
	}
	return cmd
}

// reconcile shows how a closed day of the places compares with the platform's
// list, and makes the comparison where there is none yet.
func (b *Bot) reconcile(ctx context.Context, row models.Inbox, m Message, places []place, period Period) (Reply, error) {
	var mine []place
	for _, p := range places {
		if p.member.Role != models.RoleStaff {
			mine = append(mine, p)
		}
	}
	if len(mine) == 0 {
		return b.finish(ctx, row, m, Reply{Text: "只有组长和店长可以对账。"})
	}
	day, problem := b.closedDay(period)
	if problem != "" {
		return b.finish(ctx, row, m, Reply{Text: problem})
	}
	known := map[int64]reconcile.Result{}
	if len(mine) > 1 {
		results, err := b.ledger.Results(ctx, storeIDs(mine), day, day)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: %w", err)
		}
		for _, r := range results {
			known[r.StoreID] = r
		}
	}
	looks := 0
	for _, p := range mine {
		if _, ok := known[p.ID]; ok || looks == looksPerReply {
			continue
		}
		looks++
		var err error
		if row, err = b.extend(ctx, row, reconcile.LookLasts+b.lease(0)); err != nil {
			return Reply{}, err
		}
		result, ok, err := b.ledger.Look(ctx, p.ID, day)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: %w", err)
		}
		if ok {
			known[p.ID] = result
		}
	}
	if len(mine) == 1 {
		return b.finish(ctx, row, m, b.reconciledStore(ctx, mine[0].Store, day, known))
	}
	return b.finish(ctx, row, m, b.reconciledStores(mine, day, known))
}

// closedDay is the day that a period means, or why it cannot be compared.
func (b *Bot) closedDay(period Period) (day, problem string) {
	span, ok := period.Span(b.Now(), reconcile.Zone)
	if !ok || span.To.Sub(span.From) != 24*time.Hour {
		return "", "一次对一天的账，例如：对账 昨日，对账 11-20"
	}
	day = reconcile.DayOf(span.From)
	schedule := b.ledger.Schedule
	if closed := schedule.Closed(day); closed.After(b.Now()) {
		return "", fmt.Sprintf("%s 还能核销和撤销，%s 以后才能对账。", day, b.in(closed).Format(minute))
	}
	if span.From.Before(b.Now().AddDate(0, 0, -daysBack)) {
		return "", fmt.Sprintf("只能对最近 %d 天的账。", daysBack)
	}
	return day, ""
}

const notReconciled = "暂时没有对上：平台没有给出完整的清单。我会再试，请过几分钟再发一次「对账」。"

// reconciledStore is the answer for one store.
func (b *Bot) reconciledStore(ctx context.Context, s models.Store, day string, known map[int64]reconcile.Result) Reply {
	c := Card{TaskID: b.NewID(), Source: source(s), Title: "对账 " + day}
	r, ok := known[s.ID]
	if !ok {
		c.Tone, c.Text = Bad, notReconciled
		if row, err := b.DB.Reconciliation(ctx, s.ID, day); err == nil && row.Reason == reconcile.ReasonSession {
			c.Text = "没有对账：平台不再接受这家门店的授权。请管理员给我发「授权」，或者更新配置里的 session。"
		}
		return Reply{Card: &c}
	}
	f := r.Figures
	c.Desc, c.Tone = sumShown(f), toneOf(f)
	tally := func(t reconcile.Tally) string { return fmt.Sprintf("%d 笔 %v", t.Count, t.Fen) }
	c.Fields = []Field{
		{Key: "平台", Value: tally(f.Listed)}, {Key: "机器人", Value: tally(f.Matched)},
		{Key: "店内", Value: tally(reconcile.Tally{Count: f.InShop.Count + f.OtherSystem.Count, Fen: f.InShop.Fen + f.OtherSystem.Fen})},
	}
	for _, note := range f.Notes() {
		c.Text += note + "。"
	}
	c.Text += moneySaid(f.Money)
	if m := f.Money; m.Exact+m.Estimated > 0 {
		c.Fields = append(c.Fields,
			Field{Key: "顾客付", Value: m.Customer.String()}, Field{Key: "商家承担", Value: m.Merchant.String()}, Field{Key: "应收", Value: m.Due.String()})
	}
	c.Text += fmt.Sprintf("对账时间 %s。", b.when(r.CheckedAt))
	reply := Reply{Card: &c}
	if len(r.Items) > 0 {
		reply.Text = b.itemLines(r)
	}
	return reply
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
		return fmt.Sprintf("%d 笔要核对", f.OnlyOurs.Count+f.UndoFailed.Count)
	case !f.Even():
		return "有差异"
	}
	return fmt.Sprintf("%d 笔，一致", f.Listed.Count)
}

func toneOf(f reconcile.Figures) Tone {
	switch {
	case f.Alarming():
		return Bad
	case f.Even():
		return Good
	}
	return Plain
}

// moneySaid says how far the amounts of what the bot verified can be relied on.
func moneySaid(m reconcile.Money) string {
	switch {
	case m.Certainty() == reconcile.Untold:
		return "平台没有告诉付款明细。"
	case m.Exact+m.Estimated == 0:
		return ""
	case m.Untold > 0:
		return fmt.Sprintf("金额是估算，不含没有付款明细的 %d 张；应收没有扣佣金。", m.Untold)
	case m.Estimated > 0:
		return fmt.Sprintf("金额里有 %d 张是按订单分摊的估算；应收没有扣佣金。", m.Estimated)
	}
	return "金额只算机器人核销的；应收没有扣佣金。"
}

// itemLines lists what is worth a look, the worst first.
func (b *Bot) itemLines(r reconcile.Result) string {
	var lines []string
	for _, i := range r.Items[:min(itemsShown, len(r.Items))] {
		amount := fmt.Sprint(max(i.OursFen, i.PlatformFen))
		if i.Kind == reconcile.AmountDiffers {
			amount = fmt.Sprintf("平台 %v，机器人 %v", i.PlatformFen, i.OursFen)
		}
		who := "账号 " + cmp.Or(i.Account, "未说明")
		if i.OperationID == "" && i.Channel != "" {
			who += "，渠道 " + i.Channel
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("**%s** %s %s %s %s %s", i.Kind.Name(), b.in(i.At).Format(minute), i.Code, i.Title, amount, who)))
	}
	if more := len(r.Items) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("还有 %d 笔没有列出。", more))
	}
	return strings.Join(lines, "\n")
}

// reconciledStores is the answer for several stores.
func (b *Bot) reconciledStores(places []place, day string, known map[int64]reconcile.Result) Reply {
	c := Card{TaskID: b.NewID(), Source: "验券", Title: "对账 " + day}
	var sum reconcile.Figures
	var lines []string
	for _, p := range places {
		line, brief := "还没有对账", "还没有对账"
		if r, ok := known[p.ID]; ok {
			sum, line, brief = sum.Plus(r.Figures), r.Figures.Line(), inShort(r.Figures)
		}
		if len(c.Fields) < maxFields {
			c.Fields = append(c.Fields, Field{Key: "门店", Value: p.Name + " " + brief})
		}
		lines = append(lines, fmt.Sprintf("**%s** %s", p.Name, line))
	}
	c.Desc = sumShown(sum)
	if len(known) > 0 {
		c.Tone = toneOf(sum)
	}
	for _, note := range sum.Notes() {
		c.Text += note + "。"
	}
	if missing := len(places) - len(known); missing > 0 {
		if c.Tone == Good {
			c.Tone = Plain
		}
		c.Text += fmt.Sprintf("%d 家还没有对账，请过几分钟再发一次。", missing)
	} else {
		c.Text += "要看一家门店的明细，请在它的群里发「对账」。"
	}
	return Reply{Card: &c, Text: strings.Join(lines, "\n")}
}
