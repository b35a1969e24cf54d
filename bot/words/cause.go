package words

import "yanquan/bot/redeem"

// causes replace titles that tell a cashier what to do, or only that nothing was
// verified, where a manager looks back and asks why.
var causes = map[string]string{
	redeem.ReasonNotConsumed:  "平台确认没有核销",
	redeem.ReasonClosedUnused: "管理员确认没有核销",
	redeem.ReasonLetGo:        "平台风控没有通过",
	redeem.ReasonWhich:        "几个平台都有这个券码",
	redeem.ReasonUnsure:       "有的平台查不了",
	redeem.ReasonUnheard:      "有的平台查不了",
	redeem.ReasonSlowed:       "输错券码太多次",
	redeem.ReasonInTheWay:     "同时有别人在操作",
	redeem.ReasonProduct:      "这个券码有几种商品",
}

// CauseOf says in a few words why something was not verified.
func CauseOf(reason string) string {
	if cause, ok := causes[reason]; ok {
		return cause
	}
	return TitleOf(reason)
}
