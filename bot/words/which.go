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
	if len(s.All()) < 2 || len(s.Accounts()) < 2 && a.Active {
		return s.Name
	}
	return s.Name + "（" + platform.Name(a.Platform) + "）"
}

// On is the platform of an operation, where its store has several; "": it has not, or
// the operation is of none.
func On(s models.Store, op models.Operation) string {
	if len(s.Accounts()) < 2 && len(usedAt(s, op)) != 1 {
		return ""
	}
	return At(s, op)
}

// At is the platform of an operation; "": it is of none.
func At(s models.Store, op models.Operation) string {
	switch op.Outcome.Reason {
	case redeem.ReasonWhich, redeem.ReasonUnsure, redeem.ReasonUnheard, redeem.ReasonNowhere, redeem.ReasonAbsent, redeem.ReasonSlowed:
		return ""
	}
	if at := usedAt(s, op); len(at) == 1 {
		return platform.Name(at[0].Platform)
	}
	if a, ok := s.AccountOf(op.StoreID); ok {
		return platform.Name(a.Platform)
	}
	return ""
}

// sayCode is the code of an operation in a text that means just this one.
func sayCode(s models.Store, op models.Operation) string {
	if on := On(s, op); on != "" && !command.IsLink(op.Code) {
		return on + " " + op.Code
	}
	return op.Code
}

// usedAt is the account whose operation stands in the way of another's; none: it is none.
func usedAt(s models.Store, op models.Operation) []models.Account {
	if !standsInTheWay(op) {
		return nil
	}
	return redeem.AccountsIn(s, op.Outcome.Message)
}

func standsInTheWay(op models.Operation) bool {
	reason := op.Outcome.Reason
	return redeem.Here(reason) || reason == redeem.ReasonBusy || reason == platform.RiskHeld && op.OtherID != ""
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
	case o.Reason == redeem.ReasonAbsent && command.IsLink(op.Code):
		c.Text = fmt.Sprintf("这是%s的券，这家门店没有接通%[1]s，没有核销。请管理员接通；急用可到抖音来客里核销。", platform.Name(o.Code))
		return
	case o.Reason == redeem.ReasonAbsent && platform.Known(o.Code):
		c.Text = fmt.Sprintf("这家门店没有接通%s，没有核销。%s", platform.Name(o.Code), next)
		return
	case standsInTheWay(op) && len(known) > 0:
		if len(silent) == 0 { // they were asked; else it is the journal that says where the code stands
			c.Text += platforms(known) + "也有这个券码；"
		}
		c.Text += fmt.Sprintf("如果顾客另外用了%s的券，请点下面的按钮。", platforms(known))
	default:
		return
	}
	for _, a := range known {
		it := command.Item{Code: op.Code, Count: max(op.Count, 1), Platform: command.Platform(a.Platform)}
		key := confirmKey(a.ID, it, "", bot.Primary)
		if standsInTheWay(op) { // the one who presses has read what stands
			key = confirmKey(a.ID, it, op.OtherID, bot.Quiet)
			key.Text = "也" + consumeText(it.Count)
		}
		key.Text = platform.Name(a.Platform) + key.Text
		c.Keys = append(c.Keys, key)
	}
}

// byText says how to go on with a code where there is no room for buttons: how its
// platform or product is chosen, or more of it consumed; "": it need not be said.
func byText(s models.Store, op models.Operation) string {
	if op.Outcome.Reason == redeem.ReasonHereMore {
		return fmt.Sprintf("还要再用的，请单独发一次，例如：验 %s", sayCode(s, op))
	}
	if redeem.AsksProduct(op.Outcome) {
		return fmt.Sprintf("要选商品的，请单独发一次，例如：验 %s", sayCode(s, op))
	}
	if op.Outcome.Reason != redeem.ReasonWhich && op.Outcome.Reason != redeem.ReasonUnsure {
		return ""
	}
	known := redeem.AccountsIn(s, op.Outcome.Code)
	if len(known) == 0 {
		return ""
	}
	return fmt.Sprintf("要选平台的，请写上平台再发，例如：验 %s %s", platform.Name(known[0].Platform), op.Code)
}

// platforms are those of accounts, by name.
func platforms(accounts []models.Account) string {
	var names []string
	for _, a := range accounts {
		names = append(names, platform.Name(a.Platform))
	}
	return strings.Join(names, "和")
}

// maxChoices is how many operations a card has room for: a button and a line each, beside
// the line of the code.
const maxChoices = min(bot.MaxKeys, bot.MaxFields-1)

// WhichUndo lets a person choose which of several verifications of a code is undone: one
// of those that can be, beside the newest, which may be none of them.
func (w *Words) WhichUndo(stores []models.Store, newest models.Operation, ops []models.Operation) bot.Reply {
	c := bot.Card{TaskID: w.NewID(), Source: source(stores), Title: "请选择平台", Text: "这个券码核销过几次，还没有撤销。请点要撤销的那一次。"}
	if at := named(stores, newest); ops[0].ID != newest.ID {
		c.Text = w.notThat(newest, at) + "要撤销另外那一次，请点按钮。"
	}
	c.Fields = bot.Fields(bot.Field{Key: "券码", Value: CodeText(newest.Code)})
	for _, op := range ops[:min(len(ops), maxChoices)] {
		at := named(stores, op)
		c.Fields = append(c.Fields, bot.Field{Key: "核销", Value: Named(op.Title, at+" "+w.When(op.ConsumedAt))})
		c.Keys = append(c.Keys, bot.CardKey{
			Text: "撤销 " + at, Key: command.Button{Action: command.ActUndo, Operation: op.ID}.Key(), Style: bot.Danger,
		})
	}
	return bot.Reply{Card: &c}
}

// notThat says why the newest verification of a code is not undone.
func (w *Words) notThat(op models.Operation, at string) string {
	switch {
	case op.State == models.Undoing || op.State == models.UndoUnknown:
		return fmt.Sprintf("最近的一次是 %s 在%s核销的，正在撤销，还没有结果。", op.User, at)
	case !op.State.Terminal():
		return fmt.Sprintf("最近的一次是 %s 在%s核销的，还没有结果，现在不能撤销。", op.User, at)
	case w.Undoable(op):
		return fmt.Sprintf("最近的一次是 %s 在%s核销的，只有本人、组长或店长能撤销。", op.User, at)
	}
	return fmt.Sprintf("最近的一次是 %s 在 %s 在%s核销的，不能再撤销。", op.User, w.When(op.ConsumedAt), at)
}

// WhichDoubt lets a manager choose which of several doubts about a code is ended.
func (w *Words) WhichDoubt(stores []models.Store, ops []models.Operation, used bool) bot.Reply {
	c := bot.Card{TaskID: w.NewID(), Source: source(stores), Title: "请选择平台", Text: "这个券码有几次核销还没有结果。请点您要确认的那一次。"}
	c.Fields = bot.Fields(bot.Field{Key: "券码", Value: CodeText(ops[0].Code)})
	for _, op := range ops[:min(len(ops), maxChoices)] {
		at := named(stores, op)
		c.Fields = append(c.Fields, bot.Field{Key: "核销人", Value: op.User + " " + at + " " + w.When(op.CalledAt)})
		c.Keys = append(c.Keys, bot.CardKey{
			Text: at + " " + seen(op, used), Key: command.Button{Action: command.ActClose, Operation: op.ID, Used: used}.Key(), Style: bot.Primary,
		})
	}
	return bot.Reply{Card: &c}
}

// named is what tells an operation from others of its code: the platform, or where the
// stores are several, the store.
func named(stores []models.Store, op models.Operation) string {
	for _, s := range stores {
		a, ok := s.AccountOf(op.StoreID)
		switch {
		case ok && len(stores) > 1:
			return AccountName(s, a)
		case ok:
			return platform.Name(a.Platform)
		}
	}
	return ""
}

func source(stores []models.Store) string {
	if len(stores) == 1 {
		return Source(stores[0])
	}
	return "验券"
}
