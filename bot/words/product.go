package words

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// maxKeyText is how many characters of a button's text are shown.
const maxKeyText = 10

// fillProducts lists the products that a code stands for, with a button for each that can
// be named. Line and button have the same number, as products may have the same title.
func fillProducts(c *bot.Card, s models.Store, op models.Operation) {
	all, more := redeem.ProductsIn(op.Outcome)
	if len(all) == 0 {
		return
	}
	if len(all) == 1 && op.Outcome.Reason == redeem.ReasonProduct {
		c.Text = "这个订单剩下的是另一种商品，没有核销。顾客要用它，才点下面的按钮。"
	}
	if more || len(all) > maxChoices {
		all = all[:min(len(all), maxChoices)]
		c.Text += "这里放不下的，请到" + platform.Backend(platformOf(s, op)) + "里核销。"
	}
	on := On(s, op)
	c.Desc = ""
	c.Fields = bot.Fields(bot.Field{Key: "券码", Value: strings.TrimSpace(CodeText(op.Code) + " " + on)})
	for i, p := range all {
		number := strconv.Itoa(i + 1)
		c.Fields = append(c.Fields, bot.Field{Key: number, Value: Named(p.Title, costAndLeft(p))})
		if b, ok := productButton(op, p, all); ok {
			c.Keys = append(c.Keys, bot.CardKey{
				Text: numbered(number, p.Title, b.Item.Count, op.Count), Key: b.Key(), Say: sayProduct(s, op, b.Item, endOf(p, all)), Style: bot.Primary,
			})
		}
	}
	switch {
	case len(c.Keys) > 0:
	case len(all) == 1:
		c.Text = SayingOf(platformOf(s, op), op.Outcome.Reason).What() + "请不写商品，再发一次券码。"
	default:
		c.Text = "这个券码有几种商品，平台没有说怎么选，没有核销。请到" + platform.Backend(platformOf(s, op)) + "里核销。"
	}
}

// productButton verifies one product, as many as were asked for and are left; false:
// nothing names it.
func productButton(op models.Operation, p redeem.Product, all []redeem.Product) (command.Button, bool) {
	it := command.Item{Code: op.Code, Count: max(op.Count, 1), Product: p.ID}
	if p.Left > 0 {
		it.Count = min(it.Count, p.Left)
	}
	if p.Code != "" { // which is of this product alone
		it.Code, it.Product = p.Code, ""
		return command.Button{Action: command.ActVerify, Store: op.StoreID, Item: it, Operation: op.OtherID}, true
	}
	return command.Button{Action: command.ActProduct, Store: op.StoreID, Item: it, Operation: op.OtherID}, endOf(p, all) != ""
}

// sayProduct is the text that means the same; "": what follows another verification is not
// to be had by one.
func sayProduct(s models.Store, op models.Operation, it command.Item, end string) string {
	if op.OtherID != "" {
		return ""
	}
	if a, ok := s.AccountOf(op.StoreID); ok && On(s, op) != "" && !command.IsLink(it.Code) {
		it.Platform = command.Platform(a.Platform)
	}
	it.Product = end
	return command.Command{Verb: command.VerbVerify, Items: []command.Item{it}}.String()
}

// endOf is as much of the end of a product's id as tells it from others; "": nothing does.
func endOf(p redeem.Product, all []redeem.Product) string {
	if p.Code != "" || !command.IsProduct(p.ID) {
		return ""
	}
	for n := command.MinProduct; n <= len(p.ID); n++ {
		end, same := p.ID[len(p.ID)-n:], 0
		for _, o := range all {
			if strings.HasSuffix(o.ID, end) {
				same++
			}
		}
		if same == 1 {
			return end
		}
	}
	return ""
}

// costAndLeft is what a product costs and how many are left, as far as they are known.
func costAndLeft(p redeem.Product) string {
	text := ""
	if p.Priced {
		text = dianping.Fen(p.PriceFen).String()
	}
	if p.Left > 0 {
		text += fmt.Sprintf(" 剩 %d 张", p.Left)
	}
	return strings.TrimSpace(text)
}

// numbered is the text of a button for one of several, and how many of it where several
// were asked for.
func numbered(number, title string, count, asked int) string {
	pieces := ""
	if asked > 1 {
		pieces = fmt.Sprintf(" %d张", count)
	}
	room := maxKeyText - utf8.RuneCountInString(number+" "+pieces)
	return number + " " + Short(title, room) + pieces
}
