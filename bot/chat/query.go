package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// query shows what codes are worth, with a button that consumes. It consumes
// nothing itself.
func (x *money) query(ctx context.Context, row models.Inbox, m bot.Message, p access.Place, items []command.Item) (bot.Reply, error) {
	t := till{row: row, msg: m, place: p}
	var err error
	if t.client, t.shop, err = x.open(ctx, p.Store); err != nil {
		return bot.Reply{}, err
	}
	if len(items) == 1 {
		reply, calls, err := x.queryOne(ctx, t, items[0])
		if err != nil {
			return bot.Reply{}, err
		}
		return reply, x.DB.Tx(ctx, func(tx *models.DB) error {
			if err := tx.LogCalls(ctx, calls); err != nil {
				return fmt.Errorf("bot: calls: %w", err)
			}
			return x.out.Answer(ctx, tx, t.row, m, reply)
		})
	}
	var lines []string
	for i, it := range items {
		if i > 0 {
			if t.row, err = x.turns.extend(ctx, t.row, x.turns.lease(callsPerCode)); err != nil {
				return bot.Reply{}, err
			}
		}
		reply, _, err := x.queryOne(ctx, t, it)
		if err != nil {
			return bot.Reply{}, err
		}
		line := reply.Text
		if c := reply.Card; c != nil {
			line = strings.TrimSpace(fmt.Sprintf("**%s** %s %s", it.Code, c.Title, c.Desc))
		}
		lines = append(lines, line)
	}
	return x.turns.finish(ctx, t.row, m, bot.Reply{Text: strings.Join(lines, "\n") + "\n要核销请发：验 加券码"})
}

func (x *money) queryOne(ctx context.Context, t till, it command.Item) (bot.Reply, []models.Call, error) {
	s := t.place.Store
	other, err := x.DB.OperationByCoupon(ctx, s.ID, it.Code)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return bot.Reply{}, nil, fmt.Errorf("bot: earlier operation: %w", err)
	}
	known := err == nil && other.State != models.Rejected
	if known && other.State != models.Undone && (other.State != models.Done || x.Now().Before(other.UndoUntil)) {
		reply, err := x.views.snapshotReply(ctx, x.DB, other) // ours, and still moving or undoable
		return reply, nil, err
	}

	op := models.Operation{ID: x.NewID(), StoreID: s.ID, Code: it.Code, Count: it.Count, State: models.Rejected,
		UserID: t.place.Member.UserID, User: t.place.Member.Name}
	j := journal{op: op}
	j.op.ID = "" // a query is nobody's operation
	if t.client == nil {
		op.Outcome = models.Outcome{Reason: redeem.ReasonNoPlatform}
		return x.refusal(s, op), nil, nil
	}
	receipt, err := x.prepare(ctx, t, &j, it.Code)
	if e := platformError(err); e != nil {
		if known && e.Class == dianping.Refused {
			reply, err := x.views.operationReply(ctx, x.DB, other)
			return reply, j.calls, err
		}
		if e.Receipt != nil {
			op = described(op, *e.Receipt)
		}
		op.Outcome = words.OutcomeOf(e)
		return x.refusal(s, x.usedBy(ctx, t.client, t.shop, &j, op, e)), j.calls, nil
	}

	c := bot.Card{
		TaskID: x.NewID(), Source: words.Source(s), Title: "可以核销", Desc: receipt.Title,
		Fields: bot.Fields(
			bot.Field{Key: "券码", Value: it.Code}, bot.Field{Key: "售价", Value: receipt.Price.String()},
			bot.Field{Key: "可用张数", Value: fmt.Sprint(receipt.Count)}, bot.Field{Key: "手机", Value: receipt.Mobile},
			bot.Field{Key: "有效期至", Value: x.words.Day(receipt.Expires)}, bot.Field{Key: "门店", Value: s.Name},
		),
		Text: "还没有核销，确认后才核销。",
	}
	if known {
		c.Text = fmt.Sprintf("注意：这个券码 %s 已由 %s 核销过一次；平台说还能再用 %d 张。", x.words.When(other.ConsumedAt), other.User, receipt.Count)
	}
	if receipt.Count > 0 && it.Count > receipt.Count {
		c.Text = fmt.Sprintf("这个订单只剩 %d 张可用。", receipt.Count)
		it.Count = 1
	}
	again := ""
	if known {
		again = other.ID
	}
	c.Keys = []bot.CardKey{confirmKey(s.ID, it, again, bot.Primary)}
	c.Until, c.About = x.Now().Add(outbox.CodeLife), models.LookSubject(s.ID, it.Code)
	if it.Count == 1 && receipt.Count > 1 {
		all := command.Item{Code: it.Code, Count: min(receipt.Count, command.MaxCount)}
		c.Keys = append(c.Keys, confirmKey(s.ID, all, again, bot.Quiet))
	}
	return bot.Reply{Card: &c}, j.calls, nil
}

// confirmKey is a button that verifies. What follows another verification of the same
// code is not to be had by a text, which might be a repeat.
func confirmKey(store int64, it command.Item, again string, style bot.KeyStyle) bot.CardKey {
	k := bot.CardKey{Text: confirmText(it.Count), Key: command.VerifyKey(store, it, again), Style: style}
	if again == "" {
		k.Say = command.Command{Verb: command.VerbVerify, Items: []command.Item{it}}.String()
	}
	return k
}

func confirmText(count int) string {
	if count > 1 {
		return fmt.Sprintf("核销 %d 张", count)
	}
	return "确认核销"
}

func (x *money) refusal(s models.Store, op models.Operation) bot.Reply {
	c := x.words.Operation(s, op, nil)
	c.URL = "" // there is no operation to show
	return bot.Reply{Card: &c}
}

// offerUndo shows the sender's last verification that can still be undone.
func (x *money) offerUndo(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place) (bot.Reply, error) {
	op, err := x.DB.LastUndoable(ctx, access.IDs(places), places[0].Member.UserID, x.Now())
	if errors.Is(err, models.ErrNotFound) {
		return x.turns.finish(ctx, row, m, bot.Reply{Text: "您最近没有可以撤销的核销。核销超过 10 分钟就不能撤销了。"})
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("bot: last operation: %w", err)
	}
	reply, err := x.views.operationReply(ctx, x.DB, op)
	if err != nil {
		return bot.Reply{}, err
	}
	reply.Card.Title, reply.Card.Tone = askUndoTitle, bot.Plain
	return x.turns.finish(ctx, row, m, reply)
}
