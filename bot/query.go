package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/dianping"
	"yanquan/models"
)

// query shows what codes are worth, with a button that consumes. It consumes
// nothing itself.
func (b *Bot) query(ctx context.Context, row models.Inbox, m Message, p place, items []Item) (Reply, error) {
	t := till{row: row, msg: m, place: p}
	var err error
	if t.client, t.shop, err = b.open(ctx, p.Store); err != nil {
		return Reply{}, err
	}
	if len(items) == 1 {
		reply, calls, err := b.queryOne(ctx, t, items[0])
		if err != nil {
			return Reply{}, err
		}
		return reply, b.DB.Tx(ctx, func(tx *models.DB) error {
			if err := tx.LogCalls(ctx, calls); err != nil {
				return fmt.Errorf("bot: calls: %w", err)
			}
			return b.answer(ctx, tx, t.row, m, reply)
		})
	}
	var lines []string
	for i, it := range items {
		if i > 0 {
			if t.row, err = b.extend(ctx, t.row, b.lease(callsPerCode)); err != nil {
				return Reply{}, err
			}
		}
		reply, _, err := b.queryOne(ctx, t, it)
		if err != nil {
			return Reply{}, err
		}
		line := reply.Text
		if c := reply.Card; c != nil {
			line = strings.TrimSpace(fmt.Sprintf("**%s** %s %s", it.Code, c.Title, c.Desc))
		}
		lines = append(lines, line)
	}
	return b.finish(ctx, t.row, m, Reply{Text: strings.Join(lines, "\n") + "\n要核销请发：验 加券码"})
}

func (b *Bot) queryOne(ctx context.Context, t till, it Item) (Reply, []models.Call, error) {
	s := t.place.Store
	other, err := b.DB.OperationByCoupon(ctx, s.ID, it.Code)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return Reply{}, nil, fmt.Errorf("bot: earlier operation: %w", err)
	}
	known := err == nil && other.State != models.Rejected
	if known && other.State != models.Undone && (other.State != models.Done || b.Now().Before(other.UndoUntil)) {
		reply, err := b.snapshotReply(ctx, b.DB, other) // ours, and still moving or undoable
		return reply, nil, err
	}

	op := models.Operation{ID: b.NewID(), StoreID: s.ID, Code: it.Code, Count: it.Count, State: models.Rejected,
		UserID: t.place.member.UserID, User: t.place.member.Name}
	j := journal{op: op}
	j.op.ID = "" // a query is nobody's operation
	if t.client == nil {
		op.Outcome = models.Outcome{Reason: reasonNoPlatform}
		return b.refusal(s, op), nil, nil
	}
	receipt, err := b.prepare(ctx, t, &j, it.Code)
	if e := platformError(err); e != nil {
		if known && e.Class == dianping.Refused {
			reply, err := b.operationReply(ctx, b.DB, other)
			return reply, j.calls, err
		}
		if e.Receipt != nil {
			op = described(op, *e.Receipt)
		}
		op.Outcome = outcomeOf(e)
		return b.refusal(s, b.usedBy(ctx, t.client, t.shop, &j, op, e)), j.calls, nil
	}

	c := Card{
		TaskID: b.NewID(), Source: source(s), Title: "可以核销", Desc: receipt.Title,
		Fields: fields(
			Field{Key: "券码", Value: it.Code}, Field{Key: "售价", Value: receipt.Price.String()},
			Field{Key: "可用张数", Value: fmt.Sprint(receipt.Count)}, Field{Key: "手机", Value: receipt.Mobile},
			Field{Key: "有效期至", Value: b.day(receipt.Expires)}, Field{Key: "门店", Value: s.Name},
		),
		Text: "还没有核销，确认后才核销。",
	}
	if known {
		c.Text = fmt.Sprintf("注意：这个券码 %s 已由 %s 核销过一次；平台说还能再用 %d 张。", b.when(other.ConsumedAt), other.User, receipt.Count)
	}
	if receipt.Count > 0 && it.Count > receipt.Count {
		c.Text = fmt.Sprintf("这个订单只剩 %d 张可用。", receipt.Count)
		it.Count = 1
	}
	again := ""
	if known {
		again = other.ID
	}
	c.Keys = []CardKey{confirmKey(s.ID, it, again, Primary)}
	c.Until, c.About = b.Now().Add(codeLife), models.LookSubject(s.ID, it.Code)
	if it.Count == 1 && receipt.Count > 1 {
		all := Item{Code: it.Code, Count: min(receipt.Count, MaxCount)}
		c.Keys = append(c.Keys, confirmKey(s.ID, all, again, Quiet))
	}
	return Reply{Card: &c}, j.calls, nil
}

// confirmKey is a button that verifies. What follows another verification of the same
// code is not to be had by a text, which might be a repeat.
func confirmKey(store int64, it Item, again string, style KeyStyle) CardKey {
	k := CardKey{Text: confirmText(it.Count), Key: verifyKey(store, it, again), Style: style}
	if again == "" {
		k.Say = Command{Verb: VerbVerify, Items: []Item{it}}.String()
	}
	return k
}

func confirmText(count int) string {
	if count > 1 {
		return fmt.Sprintf("核销 %d 张", count)
	}
	return "确认核销"
}

func (b *Bot) refusal(s models.Store, op models.Operation) Reply {
	c := b.operationCard(s, op, nil)
	c.URL = "" // there is no operation to show
	return Reply{Card: &c}
}

// offerUndo shows the sender's last verification that can still be undone.
func (b *Bot) offerUndo(ctx context.Context, row models.Inbox, m Message, places []place) (Reply, error) {
	op, err := b.DB.LastUndoable(ctx, storeIDs(places), places[0].member.UserID, b.Now())
	if errors.Is(err, models.ErrNotFound) {
		return b.finish(ctx, row, m, Reply{Text: "您最近没有可以撤销的核销。核销超过 10 分钟就不能撤销了。"})
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: last operation: %w", err)
	}
	reply, err := b.operationReply(ctx, b.DB, op)
	if err != nil {
		return Reply{}, err
	}
	reply.Card.Title, reply.Card.Tone = askUndoTitle, Plain
	return b.finish(ctx, row, m, reply)
}

// recent lists the last verifications of the stores.
func (b *Bot) recent(ctx context.Context, row models.Inbox, m Message, places []place, n int, after models.HistoryMark) (Reply, error) {
	f := models.HistoryFilter{StoreIDs: storeIDs(places), States: touched}
	ops, next, err := b.DB.History(ctx, f, after, n)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: history: %w", err)
	}
	title := fmt.Sprintf("最近 %d 次核销", len(ops))
	switch {
	case len(ops) == 0 && after == models.HistoryMark{}:
		return b.finish(ctx, row, m, Reply{Text: "这里还没有核销记录。"})
	case len(ops) == 0:
		return b.finish(ctx, row, m, Reply{Text: "没有更早的核销了。"})
	case after != models.HistoryMark{}:
		title = fmt.Sprintf("更早的 %d 次核销", len(ops))
	}
	var keys []CardKey
	if next != nil {
		keys = []CardKey{{Text: "更早的", Key: olderKey(n, *next), Say: fmt.Sprintf("记录 %d", min(n+len(ops), maxRecent)), Style: Quiet}}
	}
	return b.list(ctx, row, m, places, ops, title, keys...)
}

// touched are the states of operations that touched a voucher, or may have.
var touched = []models.State{models.Calling, models.Unknown, models.Done, models.Undoing, models.UndoUnknown, models.Undone}

// olderKey makes the key of a button that shows the next page of a list.
func olderKey(n int, after models.HistoryMark) string {
	return fmt.Sprintf("%s%d %d %s", keyOlder, n, after.At.UnixMicro(), after.ID)
}

// parseOlderKey reads what olderKey made, trusting nothing.
func parseOlderKey(rest string) (n int, after models.HistoryMark, err error) {
	var at int64
	if _, err = fmt.Sscanf(rest, "%d %d %s", &n, &at, &after.ID); err != nil || n < 1 || n > maxRecent {
		return 0, models.HistoryMark{}, errOldKey
	}
	after.At = time.UnixMicro(at).UTC()
	return n, after, nil
}

// byPhone lists today's verifications for a customer's phone.
func (b *Bot) byPhone(ctx context.Context, row models.Inbox, m Message, places []place, phone string) (Reply, error) {
	span, _ := Today.Span(b.Now(), b.Location)
	ops, more, err := b.DB.History(ctx, models.HistoryFilter{
		StoreIDs: storeIDs(places), Phone: phone, From: span.From, To: span.To, States: touched,
	}, models.HistoryMark{}, maxRecent)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: history: %w", err)
	}
	if len(ops) == 0 {
		return b.finish(ctx, row, m, say("今天没有核销过手机尾号 %s 的券。要查券码，请发：%s", phone, example(VerbQuery)))
	}
	title := fmt.Sprintf("尾号 %s 今天 %d 次核销", phone, len(ops))
	if more != nil {
		title = fmt.Sprintf("尾号 %s 今天最近 %d 次核销", phone, len(ops))
	}
	return b.list(ctx, row, m, places, ops, title)
}

// list answers with operations: the first on a card, all in words where there are
// more.
func (b *Bot) list(ctx context.Context, row models.Inbox, m Message, places []place, ops []models.Operation, title string, keys ...CardKey) (Reply, error) {
	c := Card{TaskID: b.NewID(), Source: "验券", Title: title, Keys: keys}
	if len(places) == 1 {
		c.Source = source(places[0].Store)
	}
	var lines []string
	for _, op := range ops {
		coupons, err := b.DB.Coupons(ctx, op.ID)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: coupons: %w", err)
		}
		mark, text := b.line(op, consumed(op, coupons))
		at := b.in(op.CreatedAt).Format(minute)
		if len(c.Fields) < maxFields {
			c.Fields = append(c.Fields, Field{Key: b.in(op.CreatedAt).Format("15:04"), Value: fmt.Sprintf("%s%s %s %s", mark, tail(op.Code), dianping.Fen(op.PriceFen), op.User)})
		}
		lines = append(lines, fmt.Sprintf("%s %s **%s** %s %s %s", mark, at, op.Code, op.Title, text, op.User))
	}
	reply := Reply{Card: &c}
	if len(ops) > maxFields {
		reply.Text = strings.Join(lines, "\n")
	}
	return b.finish(ctx, row, m, reply)
}

// totals sums up a period: a manager's and lead's stores with all that is known of
// them, or one's own verifications.
func (b *Bot) totals(ctx context.Context, row models.Inbox, m Message, places []place, period Period) (Reply, error) {
	span, ok := period.Span(b.Now(), b.Location)
	if !ok {
		return b.finish(ctx, row, m, Reply{Text: "这个日期还没有到。可以发：今日、昨日、上周、本月、9月、2026-11-20。"})
	}
	if !slices.ContainsFunc(places, func(p place) bool { return p.member.Role == models.RoleStaff }) {
		s := summary{span: span}
		for _, p := range places {
			s.stores = append(s.stores, p.Store)
		}
		var err error
		if s.now, err = b.figuresOf(ctx, storeIDs(places), span); err != nil {
			return Reply{}, err
		}
		reply := b.summaryReply(s)
		if len(s.now.byStore) <= storesOnCard { // one answer is enough: the card says what was asked
			reply.Text = ""
		}
		return b.finish(ctx, row, m, reply)
	}
	var lines []string
	var sum models.Totals
	c := Card{TaskID: b.NewID(), Source: "验券", Title: span.Title}
	for _, p := range places {
		user, name := "", p.Name
		if p.member.Role == models.RoleStaff {
			user, name = p.member.UserID, p.Name+"（本人）"
		}
		rows, err := b.DB.Totals(ctx, []int64{p.ID}, user, span.From, span.To)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: totals: %w", err)
		}
		var one models.Totals
		for _, r := range rows {
			one.Verified += r.Verified
			one.AmountFen += r.AmountFen
			one.Undone += r.Undone
			one.UndoneFen += r.UndoneFen
		}
		sum.Verified += one.Verified
		sum.AmountFen += one.AmountFen
		sum.Undone += one.Undone
		value := fmt.Sprintf("%d 张 %v", one.Verified, dianping.Fen(one.AmountFen))
		if len(c.Fields) < maxFields {
			c.Fields = append(c.Fields, Field{Key: "门店", Value: name + " " + value})
		}
		lines = append(lines, fmt.Sprintf("**%s** %s，撤销 %d 张", name, value, one.Undone))
	}
	c.Desc = fmt.Sprintf("核销 %d 张，%v", sum.Verified, dianping.Fen(sum.AmountFen))
	c.Text = fmt.Sprintf("撤销 %d 张，已经从核销里扣除。", sum.Undone)
	reply := Reply{Card: &c}
	if len(places) > maxFields {
		reply.Text = strings.Join(lines, "\n")
	}
	return b.finish(ctx, row, m, reply)
}
