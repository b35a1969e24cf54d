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
	"yanquan/models"
)

// query shows what codes are worth, with a button that consumes. It consumes
// nothing itself.
func (v *vouchers) query(ctx context.Context, row models.Inbox, m bot.Message, p access.Place, items []command.Item) (bot.Reply, error) {
	var lines []string
	var calls []models.Call
	for i, it := range items {
		if i > 0 {
			var err error
			if row, err = v.turns.extend(ctx, row, v.core.Lease(redeem.LookCalls)); err != nil {
				return bot.Reply{}, err
			}
		}
		reply, made, err := v.queryOne(ctx, p, it)
		if err != nil {
			return bot.Reply{}, err
		}
		if calls = append(calls, made...); len(items) == 1 {
			return v.turns.finishCalls(ctx, row, m, reply, calls)
		}
		line := reply.Text
		if c := reply.Card; c != nil {
			line = strings.TrimSpace(fmt.Sprintf("**%s** %s %s", it.Code, c.Title, c.Desc))
		}
		lines = append(lines, line)
	}
	return v.turns.finishCalls(ctx, row, m, bot.Reply{Text: strings.Join(lines, "\n") + "\n要核销请发：验 加券码"}, calls)
}

func (v *vouchers) queryOne(ctx context.Context, p access.Place, it command.Item) (bot.Reply, []models.Call, error) {
	earlier, err := v.DB.OperationByCoupon(ctx, p.ID, it.Code)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return bot.Reply{}, nil, fmt.Errorf("chat: earlier operation: %w", err)
	}
	known := err == nil && earlier.State != models.Rejected
	if known && earlier.State != models.Undone && (earlier.State != models.Done || v.Now().Before(earlier.UndoUntil)) {
		reply, err := v.views.snapshotReply(ctx, v.DB, earlier) // ours, and under way or undoable
		return reply, nil, err
	}
	found, err := v.core.Look(ctx, redeem.Question{Store: p.Store, UserID: p.Member.UserID, User: p.Member.Name, Code: it.Code, Count: it.Count})
	switch {
	case err != nil:
		return bot.Reply{}, nil, err
	case found.Usable && known:
		return v.usable(p.Store, it, found.Op, &earlier), found.Calls, nil
	case found.Usable:
		return v.usable(p.Store, it, found.Op, nil), found.Calls, nil
	case known && found.Decided:
		reply, err := v.views.operationReply(ctx, v.DB, earlier)
		return reply, found.Calls, err
	}
	return v.refusal(p.Store, found.Op), found.Calls, nil
}

// usable is the card of a voucher that can be consumed. earlier is a verification of
// the same code that the person should know of, or nil.
func (v *vouchers) usable(s models.Store, it command.Item, op models.Operation, earlier *models.Operation) bot.Reply {
	left := ""
	if op.Left > 0 {
		left = fmt.Sprint(op.Left)
	}
	c := bot.Card{
		TaskID: v.NewID(), Source: words.Source(s), Title: "可以核销", Desc: op.Title,
		Fields: bot.Fields(
			bot.Field{Key: "券码", Value: it.Code}, bot.Field{Key: "售价", Value: words.PriceOf(op, 1)},
			bot.Field{Key: "可用张数", Value: left}, bot.Field{Key: "手机", Value: op.Mobile},
			bot.Field{Key: "有效期至", Value: v.words.Day(op.VoucherExpires)}, bot.Field{Key: "门店", Value: s.Name},
		),
		Text: "还没有核销，确认后才核销。",
	}
	again := ""
	if earlier != nil {
		again = earlier.ID
		c.Text = fmt.Sprintf("注意：这个券码 %s 已由 %s 核销过一次；平台说还能再用%s。", v.words.When(earlier.ConsumedAt), earlier.User, pieces(op.Left))
	}
	if op.Left > 0 && it.Count > op.Left {
		c.Text = fmt.Sprintf("这个订单只剩 %d 张可用。", op.Left)
		it.Count = 1
	}
	c.Keys = []bot.CardKey{confirmKey(s.ID, it, again, bot.Primary)}
	c.Until, c.About = v.Now().Add(outbox.CodeLife), models.LookSubject(s.ID, it.Code)
	if it.Count == 1 && op.Left > 1 {
		all := command.Item{Code: it.Code, Count: min(op.Left, command.MaxCount)}
		c.Keys = append(c.Keys, confirmKey(s.ID, all, again, bot.Quiet))
	}
	return bot.Reply{Card: &c}
}

// pieces is a number of coupons, where it is known.
func pieces(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %d 张", n)
}

// confirmKey is a button that verifies. What follows another verification of the same
// code is not to be had by a text, which might be a repeat.
func confirmKey(store int64, it command.Item, again string, style bot.KeyStyle) bot.CardKey {
	k := bot.CardKey{Text: "确认核销", Key: command.VerifyKey(store, it, again), Style: style}
	if it.Count > 1 {
		k.Text = fmt.Sprintf("核销 %d 张", it.Count)
	}
	if again == "" {
		k.Say = command.Command{Verb: command.VerbVerify, Items: []command.Item{it}}.String()
	}
	return k
}

// refusal is the card of what was asked and is no operation.
func (v *vouchers) refusal(s models.Store, op models.Operation) bot.Reply {
	op.State = models.Rejected
	c := v.words.Operation(s, op, nil)
	c.URL = "" // there is no operation to show
	return bot.Reply{Card: &c}
}
