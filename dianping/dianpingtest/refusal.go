package dianpingtest

// Business codes, common to both generations (facts: table of the public client
// coldblader/meituan; 1029 and 1141 from a first generation client).
const (
	codeUnreadable      = 1001
	codeFailed          = 1002
	codeNoStock         = 1003
	codePartly          = 1004
	codeNotFound        = 1006
	codeBadPassword     = 1007
	codeUsed            = 1008
	codeExpired         = 1009
	codeRefunding       = 1010
	codeRefundRequested = 1011
	codeWrongShop       = 1012
	codeDuplicate       = 1013
	codeNotYetValid     = 1015
	codeTooMany         = 1017
	codeBadCount        = 1018
	codeNoShop          = 1020
	codeUndoTooLate     = 1029
	codeReplaced        = 1141
)

// Gateway codes of the first generation. 608 and 645 are the platform's, the
// others are invented.
const (
	codeBadMethod      = 601
	codeBadApp         = 602
	codeBadSign        = 603
	codeBadTime        = 604
	codeSessionExpired = 608
	codeThrottled      = 611
	codeBadAuthCode    = 612
	codeBadRefresh     = 613
	codeShopNotGranted = 645
)

var codeTexts = map[int]string{
	codeBadMethod:      "不支持的请求方法",
	codeBadApp:         "app_key不存在",
	codeBadSign:        "签名错误",
	codeBadTime:        "时间戳超出允许范围",
	codeSessionExpired: "session已过期",
	codeThrottled:      "请求过于频繁",
	codeBadAuthCode:    "auth_code无效",
	codeBadRefresh:     "refresh_token无效",
	codeShopNotGranted: "该门店未授权给当前应用",

	codeUnreadable:      "报文解析失败",
	codeFailed:          "验证失败",
	codeNoStock:         "库存不足",
	codePartly:          "部分验证成功",
	codeNotFound:        "此券号不存在，请与消费者确认提供的券号是否正确",
	codeBadPassword:     "验证密码错误",
	codeUsed:            "此券码已被验证",
	codeExpired:         "此团购券已过期",
	codeRefunding:       "退券中的消费券",
	codeRefundRequested: "该券码已申请退款",
	codeWrongShop:       "此团购券不可在本店消费，请让消费者打开购买App查看该订单详情页中的可适用商户",
	codeDuplicate:       "消费券重复",
	1014:                "商家和门店关联错误，烦请联系责任销售进行修改",
	codeNotYetValid:     "团购券有效期未开始",
	1016:                "此团购由【第三方】提供，请在【第三方】后台进行验券",
	codeTooMany:         "极速验证可验张数不足",
	codeBadCount:        "请输入正确的验券数量",
	1019:                "您登录的管理员账号无权验证此团购券,请使用门店账号进行验证",
	codeNoShop:          "你未选择任何门店进行验证，请选择一个正确的门店",
	1021:                "操作人信息不正确，请尝试使用管理员账号重新登录",
	1022:                "操作人信息不正确，请尝试使用管理员账号重新登录",
	1023:                "营销类活动团购券，不能当做正常团购券验证，请与消费者核对团购券信息",
	1024:                "当前券码所属用户账号已被冻结，请尝试拨打点评客服电话咨询",
	1025:                "获取门店账号失败",
	codeUndoTooLate:     "已超过可撤销时间",
	codeReplaced:        "该券码已被撤销验证，请在团购平台查看新生成的券码",
}

// refusal is a "no" in either dialect: a business code, or in the first
// generation also a gateway code.
type refusal struct {
	code int
	msg  string
}

// refuse makes a refusal with the platform's own words for the code.
func refuse(code int) *refusal {
	msg, ok := codeTexts[code]
	if !ok {
		msg = "未知错误"
	}
	return &refusal{code, msg}
}

// refuseFor adds the particulars that help the author of a client.
func refuseFor(code int, detail string) *refusal {
	r := refuse(code)
	r.msg += "：" + detail
	return r
}
