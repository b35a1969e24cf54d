package words

import (
	"fmt"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// Usable is the card of a voucher that can be consumed. earlier is a verification of
// the same code that the person should know of, undone or not; or nil.
func (w *Words) Usable(s models.Store, it command.Item, op models.Operation, earlier *models.Operation) bot.Reply {
	again, note := "", ""
	switch {
	case earlier == nil:
	case earlier.State == models.Undone:
		note = fmt.Sprintf("这个券码 %s 由 %s 核销过，已经撤销了。", w.When(earlier.ConsumedAt), earlier.User)
	default:
		again = earlier.ID
		note = fmt.Sprintf("注意：这个券码 %s 已由 %s 核销过一次；平台说还能再用%s。", w.When(earlier.ConsumedAt), earlier.User, pieces(op.Left))
	}
	return w.usable(s, it, op, again, note)
}

// UsableBeside is Usable of a code that another account of the store has verified, or may
// have.
func (w *Words) UsableBeside(s models.Store, it command.Item, op, other models.Operation) bot.Reply {
	note := fmt.Sprintf("注意：%s 已在%s核销过同样的券码，时间 %s。顾客另外用这张券，才确认核销。", other.User, On(s, other), w.When(other.ConsumedAt))
	if !other.State.Terminal() {
		note = fmt.Sprintf("注意：%s 正在%s核销同样的券码，还没有结果。顾客另外用这张券，才确认核销。", other.User, On(s, other))
	}
	return w.usable(s, it, op, other.ID, note)
}

// usable is the card; its buttons name the operation that it tells of.
func (w *Words) usable(s models.Store, it command.Item, op models.Operation, again, note string) bot.Reply {
	if redeem.AsksProduct(op.Outcome) {
		op.OtherID, op.Count = again, it.Count
		reply := w.Refusal(s, op)
		reply.Card.Text = note + reply.Card.Text
		return reply
	}
	left := ""
	if op.Left > 0 {
		left = fmt.Sprint(op.Left)
	}
	c := bot.Card{
		TaskID: w.NewID(), Source: Source(s), Title: "可以核销", Desc: op.Title,
		Fields: bot.Fields(
			bot.Field{Key: "券码", Value: CodeText(it.Code)}, price(priceOfOne(op)),
			bot.Field{Key: "可用张数", Value: left}, bot.Field{Key: "手机", Value: op.Mobile},
			bot.Field{Key: until, Value: w.Day(op.VoucherExpires)}, where(s, op),
		),
		Text: "还没有核销，确认后才核销。",
	}
	if note != "" {
		c.Text = note
	}
	if op.Left > 0 && it.Count > op.Left {
		c.Text = fmt.Sprintf("这个订单只剩 %d 张可用。", op.Left)
		it.Count = 1
	}
	c.Keys = []bot.CardKey{confirmKey(op.StoreID, it, again, bot.Primary)}
	c.Until, c.About = w.Now().Add(bot.CardLife), models.LookSubject(op.StoreID, it.Code)
	if it.Count == 1 && op.Left > 1 {
		all := command.Item{Code: it.Code, Count: min(op.Left, command.MaxCount), Product: it.Product}
		c.Keys = append(c.Keys, confirmKey(op.StoreID, all, again, bot.Quiet))
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
func confirmKey(account int64, it command.Item, again string, style bot.KeyStyle) bot.CardKey {
	b := command.Button{Action: command.ActVerify, Store: account, Item: it, Operation: again}
	if it.Product != "" {
		b.Action = command.ActProduct
	}
	k := bot.CardKey{Text: consumeText(it.Count), Key: b.Key(), Style: style}
	if it.Count <= 1 {
		k.Text = "确认" + k.Text
	}
	if again == "" {
		k.Say = command.Command{Verb: command.VerbVerify, Items: []command.Item{it}}.String()
	}
	return k
}

// consumeText says on a button that it verifies so many.
func consumeText(n int) string {
	if n > 1 {
		return fmt.Sprintf("核销 %d 张", n)
	}
	return "核销"
}

// VerifiedHere is the card of a code that an operation of ours has consumed, and that
// other accounts, listed as in an outcome, know as well.
func (w *Words) VerifiedHere(s models.Store, op models.Operation, also string) bot.Reply {
	asked := op
	asked.OtherID, asked.UsedBy, asked.UsedAt = op.ID, op.User, op.ConsumedAt
	asked.Outcome = models.Outcome{Reason: redeem.ReasonHere, Code: also}
	return w.Refusal(s, asked)
}

// Refusal is the card of what was asked and is no operation.
func (w *Words) Refusal(s models.Store, op models.Operation) bot.Reply {
	op.State = models.Rejected
	c := w.Operation(s, op, nil)
	c.URL = "" // there is no operation to show
	return bot.Reply{Card: &c}
}

// LookLine is what was found out about one of several codes, in a line.
func LookLine(code string, found bot.Reply) string {
	if c := found.Card; c != nil {
		return strings.TrimSpace(fmt.Sprintf("**%s** %s %s", CodeText(code), bot.Escaped(c.Title), bot.Escaped(Short(c.Desc, dealInList))))
	}
	return found.Text
}

// Looks is what was found out about several codes.
func Looks(lines []string) bot.Reply {
	return bot.Reply{Text: strings.Join(lines, "\n") + "\n要核销请发：验 加券码"}
}

// LooksCut is what was found out until the sender was told to wait; left codes were
// not asked about.
func LooksCut(lines []string, left int, wait bot.Reply) bot.Reply {
	return bot.Say("%s\n其余 %d 个没有查。%s", bot.Exact(strings.Join(lines, "\n")), left, bot.Exact(wait.Text))
}
