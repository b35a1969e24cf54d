package words

import (
	"yanquan/bot"
	"yanquan/models"
)

// refunded is what managers read of a coupon whose money the customer got back, by the
// state of the operation that used it.
var refunded = map[models.State]string{
	models.Done:        "这张券核销以后，钱退给了顾客。请到抖音来客里看这笔订单的售后；有疑问请联系平台客服。",
	models.Undoing:     "这张券的钱退给了顾客，它的撤销还没有结果，我在继续确认。请到抖音来客里看这笔订单。",
	models.UndoUnknown: "这张券的钱退给了顾客，它的撤销还没有结果，我在继续确认。请到抖音来客里看这笔订单。",
}

// A verification in doubt, and a 次卡, of which a part may have been refunded.
const (
	refundedInDoubt = "这张券的钱退给了顾客，它的核销还没有结果，我在继续确认。请到抖音来客里看这笔订单。"
	refundedPass    = "这张次卡退款了。退了几次、退了多少，平台没有说，请到抖音来客里看这笔订单的售后。"
)

// Refunded tells managers of a coupon that an operation has used, or may have, and whose
// money the platform gave back to the customer.
func (w *Words) Refunded(s models.Store, op models.Operation, r models.Refund) bot.Card {
	paid := models.Sum{}
	paid.Add(r.Price())
	code := r.Code
	if code == "" {
		code = op.Code
	}
	who, when, at := "核销人", "核销时间", op.ConsumedAt
	if at.IsZero() { // perhaps it was none
		who, when, at = "操作人", "时间", op.CalledAt
	}
	c := bot.Card{
		Source: Source(s), Title: "顾客退款了", Tone: bot.Bad, Text: refunded[op.State],
		Fields: bot.Fields(
			bot.Field{Key: "券码", Value: CodeText(code)}, bot.Field{Key: "团购", Value: r.Title}, price(Amount(paid)),
			bot.Field{Key: who, Value: op.User}, where(s, op), bot.Field{Key: when, Value: w.When(at)},
		),
	}
	switch {
	case op.Reusable:
		c.Text = refundedPass
	case c.Text == "":
		c.Text = refundedInDoubt
	}
	return c
}
