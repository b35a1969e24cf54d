package words

import (
	"fmt"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// AccountName is a store with the platform of one of its accounts, where it has several.
func AccountName(s models.Store, a models.Account) string {
	if len(s.Accounts()) < 2 {
		return s.Name
	}
	return s.Name + "（" + platform.Name(a.Platform) + "）"
}

// On is the platform of an operation, where its store has several; "": it has not, or
// the operation is of none.
func On(s models.Store, op models.Operation) string {
	switch op.Outcome.Reason {
	case redeem.ReasonWhich, redeem.ReasonUnsure, redeem.ReasonUnheard, redeem.ReasonNowhere, redeem.ReasonAbsent, redeem.ReasonSlowed:
		return ""
	}
	if a, ok := s.AccountOf(op.StoreID); ok && len(s.Accounts()) > 1 {
		return platform.Name(a.Platform)
	}
	return ""
}

// where is the store of an operation, as the field of a card.
func where(s models.Store, op models.Operation) bot.Field {
	f := bot.Field{Key: "门店", Value: s.Name}
	if on := On(s, op); on != "" {
		f.Value += "（" + on + "）"
	}
	return f
}

// fillWhich says of a code whose platform is not certain, or that another has, too, which
// know it, and has a button for each that it may be verified at.
func (w *Words) fillWhich(c *bot.Card, s models.Store, op models.Operation) {
	o := op.Outcome
	next := SayingOf(platformOf(s, op), o.Reason).Next
	known, silent := redeem.AccountsIn(s, o.Code), redeem.AccountsIn(s, o.Message)
	switch {
	case o.Reason == redeem.ReasonWhich && len(known) > 0:
		c.Text = platforms(known) + "都有这个券码，没有核销。" + next
	case o.Reason == redeem.ReasonUnsure && len(known)*len(silent) > 0:
		c.Text = fmt.Sprintf("%s有这个券码；%s现在查不了，不能确定它有没有同样的券码。没有核销。请先问顾客：是%[1]s的券，才点下面的按钮。", platforms(known), platforms(silent))
	case o.Reason == redeem.ReasonUnheard && len(silent) > 0:
		c.Text = platforms(silent) + "现在查不了，所以还不能确定。没有核销。" + next
		if len(known) > 0 {
			c.Text = platforms(known) + "没有这个券码；" + c.Text
		}
		return
	case o.Reason == redeem.ReasonNowhere && len(known) > 1:
		c.Text = platforms(known) + "都没有这个券码。" + next
		return
	case o.Reason == redeem.ReasonAbsent && platform.Known(o.Code):
		c.Text = fmt.Sprintf("这家门店没有接通%s，没有核销。%s", platform.Name(o.Code), next)
		return
	case (o.Reason == redeem.ReasonHere || o.Reason == platform.RiskHeld && op.OtherID != "") && len(known) > 0:
		c.Text += fmt.Sprintf("%s也有这个券码；如果顾客用的是%[1]s的券，请点下面的按钮。", platforms(known))
	default:
		return
	}
	for _, a := range known {
		it := command.Item{Code: op.Code, Count: max(op.Count, 1), Platform: command.Platform(a.Platform)}
		key := confirmKey(a.ID, it, "", bot.Primary)
		key.Text = platform.Name(a.Platform) + key.Text
		c.Keys = append(c.Keys, key)
	}
}

// platforms are those of accounts, by name.
func platforms(accounts []models.Account) string {
	var names []string
	for _, a := range accounts {
		names = append(names, platform.Name(a.Platform))
	}
	return strings.Join(names, "和")
}

// WhichUndo lets a person choose which of several verifications of a code is undone.
func (w *Words) WhichUndo(s models.Store, ops []models.Operation) bot.Reply {
	c := bot.Card{TaskID: w.NewID(), Source: Source(s), Title: "请选择平台", Text: "这个券码在几个平台都核销过，还没有撤销。请点要撤销的那一个。"}
	for _, op := range ops[:min(len(ops), bot.MaxKeys)] {
		c.Fields = append(c.Fields, bot.Field{Key: On(s, op), Value: Named(op.Title, w.When(op.ConsumedAt))})
		c.Keys = append(c.Keys, bot.CardKey{
			Text: "撤销 " + On(s, op), Key: command.Button{Action: command.ActUndo, Operation: op.ID}.Key(), Style: bot.Danger,
		})
	}
	return bot.Reply{Card: &c}
}
