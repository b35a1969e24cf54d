package words

import (
	"fmt"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// leftOf says how much can still be consumed, by visits of a 次卡 or coupons of an order.
func leftOf(n int, reusable bool) string {
	if reusable {
		return fmt.Sprintf("还剩 %d 次", n)
	}
	return fmt.Sprintf("还剩 %d 张", n)
}

// leftAfter says what an operation has left, of which n stand; "": it was not told, or
// there is nothing to say. A later one has left less.
func leftAfter(op models.Operation, n int) string {
	left := op.Left - n
	switch {
	case op.Left == 0 || left < 0 || op.Superseded || left == 0 && !op.Reusable:
		return ""
	case left == 0:
		return "用完了"
	}
	return leftOf(left, op.Reusable)
}

// withLeft adds a field for what is left; where there is no room, it stands beside the
// date until when.
func withLeft(fields []bot.Field, left string) []bot.Field {
	if left == "" {
		return fields
	}
	if len(fields) < bot.MaxFields {
		return append(fields, bot.Field{Key: "剩余", Value: left})
	}
	for i, f := range fields {
		if f.Key == until {
			fields[i].Value += "，" + left
		}
	}
	return fields
}

// until is the name of the field with the date that a voucher is good until.
const until = "有效期至"

// more says how much is left of what was consumed before, where more can be.
func more(op models.Operation) string {
	switch {
	case op.Outcome.Reason != redeem.ReasonHereMore:
		return ""
	case op.Left > 0:
		return leftOf(op.Left, op.Reusable)
	}
	return "还能再用"
}

// fillAgain offers to consume more of what was consumed before, as many as were asked
// for. The button names the operation that the card tells of.
func fillAgain(c *bot.Card, op models.Operation) {
	if op.Outcome.Reason != redeem.ReasonHereMore {
		return
	}
	it := command.Item{Code: op.Code, Count: max(op.Count, 1)}
	if op.Left > 0 {
		it.Count = min(it.Count, op.Left)
	}
	key := confirmKey(op.StoreID, it, op.OtherID, bot.Quiet)
	key.Text = againText(it.Count, op.Reusable)
	c.Keys = append(c.Keys, key)
}

func againText(n int, reusable bool) string {
	switch {
	case reusable && n == 1:
		return "再用一次"
	case reusable:
		return fmt.Sprintf("再用 %d 次", n)
	case n == 1:
		return "再核销一张"
	}
	return fmt.Sprintf("再核销 %d 张", n)
}
