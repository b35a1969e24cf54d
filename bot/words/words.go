// Package words writes what people read about vouchers: cards, answers and refusals,
// in plain Chinese. It knows the journal and the reasons, and no channel and no call.
package words

import (
	"cmp"
	"strings"

	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/models"
)

// StateWords say what became of an operation, in a few.
func StateWords(op models.Operation) string {
	switch {
	case op.State == models.Done:
		return "已核销"
	case op.State == models.Undone && redeem.UndoneThere(op):
		return "在平台上撤销"
	case op.State == models.Undone:
		return "已撤销"
	case op.State == models.Rejected:
		return TitleOf(op.Outcome.Reason)
	case op.State == models.Held:
		return heldTitle
	case op.NeedsHuman:
		return "需要人工确认"
	}
	return "确认中"
}

// RoleNames are what people call the roles.
var RoleNames = map[models.Role]string{models.RoleStaff: "店员", models.RoleLead: "组长", models.RoleManager: "店长", models.RoleGuest: "群里", models.RoleBarred: "已移出"}

// windows are how long platforms allow an undo, at most.
var windows = map[string]string{platform.DouyinName: "1 小时"}

// saying is what staff read: what is wrong, and what to do next; one plain
// sentence each. {后台} stands for [platform.Backend], {时限} for the time in which the platform
// allows an undo. Titles are the same at each platform.
type saying struct {
	Title string
	Cause string // a part of a sentence
	So    string // what became of the voucher, which other words may say already; the rest of it, or ""
	Next  string
}

// What is what is wrong, as a sentence.
func (s saying) What() string {
	if s.So == "" {
		return s.Cause + "。"
	}
	return s.Cause + "，" + s.So + "。"
}

func (s saying) at(name string) saying {
	fill := strings.NewReplacer("{后台}", platform.Backend(name), "{时限}", cmp.Or(windows[name], "10 分钟"))
	return saying{s.Title, fill.Replace(s.Cause), fill.Replace(s.So), fill.Replace(s.Next)}
}

// Sayings by reason: a [dianping.Reason], a [douyin.Reason] or one of ours. Never an
// error's text.
var Sayings = map[string]saying{
	string(dianping.AlreadyUsed):      {"此券已被使用", "这张券已经核销过了", "", "请顾客在 App 里查看订单，换一张没用过的券。"},
	string(dianping.NotFound):         {"券码不存在", "平台上没有这个券码", "", "请和顾客核对券码，重新输入。"},
	string(dianping.Expired):          {"券已过期", "这张券过了有效期", "", "请顾客在 App 里申请退款或重新购买。"},
	string(dianping.NotYetValid):      {"还没到使用日期", "这张券的有效期还没有开始", "", "请顾客在有效期内再来使用。"},
	string(dianping.WrongShop):        {"不能在本店使用", "这张券不适用于本店", "", "请顾客在 App 的订单详情里查看适用门店。"},
	string(dianping.Refunding):        {"券正在退款", "这张券正在退款，不能核销", "", "请顾客换一张券，或等退款结束后重新购买。"},
	string(dianping.RefundRequested):  {"券已申请退款", "顾客已经为这张券申请了退款，不能核销", "", "请顾客取消退款或换一张券。"},
	string(dianping.UndoTooLate):      {"超过撤销时间", "核销超过 {时限}，平台不再允许撤销", "", "需要退款请顾客在 App 里联系客服。"},
	string(dianping.CodeReplaced):     {"券码已更换", "这个券码撤销过，已经作废", "", "请顾客在 App 里查看新的券码。"},
	string(dianping.CountTooLarge):    {"可用张数不够", "这个订单剩下的张数不够", "", "请减少张数再试。"},
	string(dianping.BadCount):         {"张数不对", "平台不接受这个张数", "", "请核对张数再试。"},
	string(dianping.OutOfStock):       {"库存不足", "平台提示库存不足", "", "请联系平台的业务经理。"},
	string(dianping.WrongPassword):    {"验证密码错误", "平台提示验证密码错误", "", "请联系管理员检查平台设置。"},
	string(dianping.Duplicate):        {"券码重复", "平台提示券码重复", "", "请核对后只发一次。"},
	string(dianping.ShopLinkWrong):    {"门店关联有误", "平台上的商家和门店关联有误", "", "请联系平台的业务经理修改。"},
	string(dianping.ThirdParty):       {"第三方的团购", "这个团购由第三方提供，不能在这里核销", "", "请到第三方的后台核销。"},
	string(dianping.WrongAccountKind): {"账号不能核销", "当前授权的账号不能核销这张券", "", "请管理员改用门店账号授权。"},
	string(dianping.ShopMissing):      {"门店信息缺失", "平台没有找到核销的门店", "", "请管理员检查门店设置。"},
	string(dianping.BadOperator):      {"操作人信息有误", "平台不接受操作人信息", "", "请管理员检查门店授权。"},
	string(dianping.Marketing):        {"营销活动券", "这是营销活动的券，不能当普通团购券核销", "", "请和顾客核对券的种类。"},
	string(dianping.AccountFrozen):    {"顾客账号被冻结", "这张券所属的顾客账号被平台冻结", "", "请顾客联系平台客服。"},
	string(dianping.ShopNotGranted):   {"门店没有授权", "平台提示这家门店没有授权给我们", "", "请管理员重新授权。"},
	string(dianping.VerifyFailed):     {"核销失败", "平台没有接受这次核销", "", "请稍后再试，或到{后台}里核销。"},
	string(dianping.BadRequest):       {"平台不接受", "平台看不懂这次请求", "", "请把券码发给管理员处理。"},
	string(dianping.Other):            {"平台拒绝", "平台没有接受，但没有说明常见的原因", "", "请到{后台}里查看这张券。"},

	redeem.ReasonBusy:          {"正在核销", "这张券正在核销，还没有结果", "", "请稍等一下再查。"},
	redeem.ReasonInTheWay:      {"没有核销", "刚才还有人在核销或撤销这个券码，现在已经结束", "您这次没有核销", "请再发一次券码。"},
	redeem.ReasonHere:          {"此券已核销", "这张券已经在这里核销过了", "", "请不要再次提供服务。"},
	redeem.ReasonHereMore:      {"此券已核销", "这张券已经在这里核销过了", "", "顾客另外还要用，才点下面的按钮。"},
	redeem.ReasonHereUnsure:    {"此券已核销", "这张券已经在这里核销过了", "", "平台现在没有说还能不能再用；顾客另外还要用，请过一会儿再发一次。"},
	redeem.ReasonHereSince:     {"此券已核销", "您看到那张卡片以后，这个券码又核销过一次", "", "这一次按下没有生效；顾客另外还要用，请再发一次这个券码。"},
	redeem.ReasonHereSpent:     {"此券已核销", "这张券已经在这里核销过了", "", "这个码不能再用了；顾客还有没用的，请他在 App 里重新打开订单页，把那里的码发来。"},
	redeem.ReasonTooMany:       {"可用张数不够", "这个订单剩下的张数不够", "一张都没有核销", "请减少张数再试。"},
	redeem.ReasonSession:       {"门店授权失效", "这家门店在平台的授权已失效", "券没有核销", "请告诉管理员重新授权；急用可到{后台}里核销。"},
	redeem.ReasonThrottled:     {"平台限流", "平台现在太忙", "券没有核销", "请过一分钟再试。"},
	redeem.ReasonUnavailable:   {"平台没有回应", "连不上平台", "券没有核销", "请稍后再试；急用可到{后台}里核销。"},
	redeem.ReasonConfig:        {"设置有误", "我们发给平台的请求不被接受", "券没有核销", "请告诉管理员检查平台设置。"},
	redeem.ReasonNotConsumed:   {"没有核销", "平台确认这张券没有核销", "", "请重新发一次券码。"},
	redeem.ReasonUndoneThere:   {"有一部分在平台上撤销了", "有在平台上撤销的，不是机器人撤的", "", "没有撤销的还算在营业额里。"},
	redeem.ReasonNotUndone:     {"没有撤销", "平台没有撤销这次核销", "", "请再按一次撤销。"},
	string(dianping.NoRecord):  {"券码不存在", "平台上没有这个券码的记录", "", "请和顾客核对券码，重新输入。"},
	redeem.ReasonUndoUnsure:    {"没有撤销", "这个券码能用多次，平台的记录说不清现在撤销会撤掉哪一次", "所以没有撤销", "请过一分钟再按一次撤销；急用可到{后台}里撤销。"},
	redeem.ReasonCovered:       {"没有撤销", "这个券码后来又核销过一次，现在撤销会撤掉后面那一次", "所以没有撤销", "请到{后台}里处理。"},
	redeem.ReasonClosedUnused:  {"没有核销", "管理员确认这张券没有核销", "", "请重新发一次券码。"},
	redeem.ReasonClosedUsed:    {"没有撤销", "管理员确认这次核销没有撤销", "", "要撤销请到{后台}里处理。"},
	string(douyin.Incomplete):  {"平台的回答不清楚", "平台的回答缺了一部分，看不出结果", "", "请到{后台}里查看这张券。"},
	string(dianping.OtherCode): {"平台的回答不清楚", "平台回答的是别的券码", "", "请到{后台}里查看这张券。"},
	redeem.ReasonPartly:        {"只核销了一部分", "平台只核销了一部分", "", "请到{后台}里查看这张券。"},
	platform.NoHandle:          {"没有撤销", "核销时平台给的编号没有留下来，在这里撤销不了", "", "要撤销请到{后台}里处理。"},
	redeem.ReasonCodesMissing:  {"券码不全", "平台没有告诉每一张的券码", "", "要撤销请到{后台}里处理。"},
	redeem.ReasonUnclear:       {"需要人工确认", "平台的记录说不清是谁核销的", "", "请到{后台}里查这张券。"},

	string(dianping.CodeSpent):    {"授权没有完成", "授权的链接用过了，或者太旧了", "", "请管理员重新发「授权」。"},
	string(dianping.RefreshSpent): {"门店授权失效", "这家门店在平台的授权不能再续了", "", "请管理员重新授权。"},

	redeem.ReasonSlowed: {"请等一等再试", "您输入了好几个不存在的券码", "这张券没有核销", "请核对后过几分钟再试；急用请找店长。"},

	redeem.ReasonWhich:   {"请选择平台", "这个券码在几个平台都有", "没有核销", "请问顾客在哪个 App 买的，再点那个平台。"},
	redeem.ReasonUnsure:  {"请确认平台", "有的平台现在查不了，不能确定这是哪个平台的券", "没有核销", "请问顾客在哪个 App 买的，再确认。"},
	redeem.ReasonUnheard: {"还不能确定", "有的平台现在查不了", "没有核销", "请稍后再试；急用可到平台的商家 App 里核销。"},
	redeem.ReasonNowhere: {"券码不存在", "各个平台上都没有这个券码", "", "请和顾客核对券码，重新输入。"},
	redeem.ReasonAbsent:  {"平台没有接通", "这家门店没有接通这个平台", "没有核销", "请不带平台名再发一次，或请管理员接通。"},

	redeem.ReasonProduct:   {"请选择商品", "这个券码有几种商品", "没有核销", "请问顾客要用哪一种，再点那一种。"},
	redeem.ReasonNoProduct: {"没有这种商品", "这个券码里现在没有您选的那种商品", "没有核销", "请问顾客要用哪一种，再点那一种。"},

	redeem.ReasonNoPlatform: {"平台没有接通", "这家门店的平台还没有设置好", "", "请告诉管理员检查配置。"},

	platform.RiskHeld:             {heldTitle, "平台正在对这张券做风控核验", "这次没有核销", "先不要提供服务；请过一会儿再查，或请顾客换一张券。"},
	redeem.ReasonMayBeHeld:        {"需要人工确认", "平台现在没有这张券的核销记录，但可能还在风控核验", "", "先不要提供服务，请到{后台}里查这张券。"},
	redeem.ReasonLetGo:            {"没有核销", "平台的风控核验结束了", "这张券没有核销", "请重新发一次券码。"},
	platform.Refunded:             {"券已退款", "这张券已经退款，不能再用", "", "请顾客换一张券，或重新购买。"},
	platform.RefundFailed:         {"退款没有成功", "顾客为这张券申请过退款，平台没有退成，现在不能用", "", "请顾客在 App 里查看订单，或联系平台客服。"},
	string(douyin.GivenAway):      {"券正在转赠", "顾客正在把这张券转赠给朋友，现在不能用", "", "请顾客取消转赠，或请收到券的朋友来使用。"},
	string(douyin.Unpaid):         {"顾客还没有付款", "顾客正在下单，这一单还没有付款", "", "请顾客付款以后再出示券码。"},
	string(douyin.HasUndone):      {"有撤销过的券", "这一单里有撤销过的券，平台没有接受", "", "请顾客在 App 里重新打开订单页，把那里的码发来。"},
	string(douyin.CodeOutdated):   {"动态码过期了", "顾客出示的动态码已经过期", "", "请顾客在 App 里重新打开订单页，把新的码发来。"},
	string(douyin.Undecryptable):  {"二维码失效了", "平台读不出这个二维码，它可能已经换过", "", "请顾客在 App 里重新打开订单页，再扫一次。"},
	string(douyin.BadLink):        {"不是券的链接", "这个链接里没有券", "", "请顾客在 App 里打开订单页，扫那里的二维码，或者发券码。"},
	string(douyin.PartlyVerified): {"只核销了一部分", "平台只核销了一部分", "", "请到{后台}里查看这张券。"},
	string(douyin.PlatformFault):  {"平台出错了", "平台内部出错，没有给出结果", "", "请过几分钟再查；还不行，请告诉管理员联系平台。"},
	string(douyin.NotGranted):     {"平台没有开通", "平台没有给我们开通这项能力", "券没有核销", "请告诉管理员到平台开通；急用可到{后台}里核销。"},
	string(douyin.Banned):         {"平台停用了应用", "平台停用了我们的应用", "券没有核销", "请告诉管理员联系平台；急用可到{后台}里核销。"},
	string(douyin.Withdrawn):      {"平台停用了接口", "平台停用了这个接口", "券没有核销", "请告诉管理员；急用可到{后台}里核销。"},
}

// heldTitle says that a platform's risk control keeps a verification back.
const heldTitle = "平台风控核验中"

// douyinSayings replace the words of reasons that mean something else at Douyin.
var douyinSayings = map[string]saying{
	platform.NotFound:           {"券码不存在", "抖音没有这个券码，或者这一单的券都用完了", "", "请和顾客核对券码，或请顾客在抖音 App 里重新打开订单页。"},
	string(dianping.Expired):    {"券已过期", "这张券已经过期、退款或者失效", "", "请顾客在抖音 App 里查看订单。"},
	platform.UndoTooLate:        {"超过撤销时间", "核销后最多 {时限}内可以撤销，有的券更早截止；平台不再允许撤销", "", "需要退款请顾客在抖音 App 里联系客服。"},
	string(dianping.BadRequest): {"平台不接受", "平台不接受这次请求", "", "请顾客在抖音 App 里重新打开订单页，再发一次；还不行，请把券码发给管理员处理。"},
}

// undoSayings replace the words of reasons that mean something else for an undo.
var undoSayings = map[string]saying{
	redeem.ReasonSession:             {"没有撤销", "这家门店在平台的授权已失效", "没有撤销", "请告诉管理员重新授权；急用可到{后台}里撤销。"},
	redeem.ReasonThrottled:           {"没有撤销", "平台现在太忙", "没有撤销", "请过一分钟再试。"},
	redeem.ReasonUnavailable:         {"没有撤销", "连不上平台", "没有撤销", "请马上再试；急用可到{后台}里撤销。"},
	redeem.ReasonCodesMissing:        {"没有撤销", "平台没有单独的券码可以用来撤销", "", "请到{后台}里撤销其余的。"},
	redeem.ReasonConfig:              {"没有撤销", "我们发给平台的请求不被接受", "没有撤销", "请告诉管理员检查平台设置；急用可到{后台}里撤销。"},
	redeem.ReasonNotConsumed:         {"没有撤销", "平台说这张券现在不是已核销的，没有可以撤销的", "", "请到{后台}里查看这张券。"},
	redeem.ReasonClosedUnused:        notUndone,
	redeem.ReasonTooMany:             notUndone,
	redeem.ReasonBusy:                notUndone,
	redeem.ReasonInTheWay:            notUndone,
	redeem.ReasonPartly:              notUndone,
	redeem.ReasonSlowed:              notUndone,
	redeem.ReasonWhich:               notUndone,
	redeem.ReasonUnsure:              notUndone,
	redeem.ReasonUnheard:             notUndone,
	redeem.ReasonNowhere:             notUndone,
	redeem.ReasonAbsent:              notUndone,
	redeem.ReasonLetGo:               notUndone,
	redeem.ReasonProduct:             notUndone,
	redeem.ReasonNoProduct:           notUndone,
	string(douyin.PartlyVerified):    notUndone,
	string(douyin.HasUndone):         {"没有撤销", "平台说这里有已经撤销过的券", "", "请到{后台}里查看这张券。"},
	platform.RiskHeld:                {"没有撤销", "这张券还在平台风控核验中，现在不能撤销", "", "请过一会儿再试，或到{后台}里查看这张券。"},
	string(douyin.NotGranted):        {"没有撤销", "平台没有给我们开通这项能力", "没有撤销", "请告诉管理员到平台开通；急用可到{后台}里撤销。"},
	string(douyin.Banned):            {"没有撤销", "平台停用了我们的应用", "没有撤销", "请告诉管理员联系平台；急用可到{后台}里撤销。"},
	string(douyin.Withdrawn):         {"没有撤销", "平台停用了这个接口", "没有撤销", "请告诉管理员；急用可到{后台}里撤销。"},
	string(dianping.Other):           notUndone,
	string(dianping.VerifyFailed):    notUndone,
	string(dianping.ThirdParty):      notUndone,
	string(dianping.Marketing):       notUndone,
	string(dianping.Refunding):       {"没有撤销", "这张券正在退款", "没有撤销", "请到{后台}里查看这张券。"},
	string(dianping.RefundRequested): {"没有撤销", "顾客已经为这张券申请了退款", "没有撤销", "请到{后台}里查看这张券。"},

	string(dianping.WrongAccountKind): {"没有撤销", "当前授权的账号不能撤销这张券", "", "请管理员改用门店账号授权；急用可到{后台}里撤销。"},
}

var notUndone = saying{"没有撤销", "平台没有接受撤销", "", "请到{后台}里查看这张券。"}

// UndoSayingOf is what to say of an undo that a platform refused for a reason.
func UndoSayingOf(platform, reason string) saying {
	if s, ok := undoSayings[reason]; ok {
		return s.at(platform)
	}
	return SayingOf(platform, reason)
}

// SayingOf is what to say of a verification that a platform refused for a reason.
func SayingOf(name, reason string) saying {
	if s, ok := douyinSayings[reason]; ok && name == platform.DouyinName {
		return s.at(name)
	}
	if s, ok := Sayings[reason]; ok {
		return s.at(name)
	}
	return Sayings[string(dianping.Other)].at(name)
}

// TitleOf is a reason in a few words.
func TitleOf(reason string) string { return SayingOf("", reason).Title }

// platformOf is the platform of an operation.
func platformOf(s models.Store, op models.Operation) string {
	a, _ := s.AccountOf(op.StoreID)
	return a.Platform
}
