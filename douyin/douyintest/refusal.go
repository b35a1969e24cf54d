package douyintest

// The platform's codes (facts: the page of return codes). A code of a refusal
// that no public source tells is one of these too; see the package's comment.
const (
	codeUnknown        = 2100001
	codeBusy           = 2100004
	codeBadParameters  = 2100005
	codeBadBody        = 2119001
	codeThrottled      = 2119003
	codeNotAuthorized  = 2119005
	codeTokenInvalid   = 2190002
	codeNotGranted     = 2190004
	codeTokenExpired   = 2190008
	codeNoCode         = 1502
	codeNoQuery        = 4000001
	codeUseCursor      = 4000002
	codeBusiness       = 3000001
	codeWrongShop      = 3000002
	codeUsed           = 1208
	codeNotFound       = 1212
	codeUndecipherable = 1221
	codeHeld           = 1229
	codeTooFewVisits   = 1241
	codeVoid           = 1250
	codeNoOrder        = 3100101
	codeDynamicExpired = 45005117
	codeTokenTooOften  = 10020
	codeBadClient      = 10003 // invented

	subUndoTooLate = 2034000910
)

var codeTexts = map[int]string{
	codeUnknown:        "未知错误",
	codeBusy:           "系统繁忙，请稍后再试",
	codeBadParameters:  "参数不合法",
	codeBadBody:        "请求体不合法",
	codeThrottled:      "请求过于频繁，请稍后再试",
	codeNotAuthorized:  "商家未授权",
	codeTokenInvalid:   "access_token无效",
	codeNotGranted:     "应用未获得该能力",
	codeTokenExpired:   "access_token已过期",
	codeNoCode:         "券码与加密数据不能同时为空",
	codeNoQuery:        "encrypted_code与order_id不能同时为空",
	codeUseCursor:      "请使用游标查询",
	codeBusiness:       "请对照接口文档规范参数并重试",
	codeWrongShop:      "当前门店不在商品适用门店范围内",
	codeUsed:           "该券已核销",
	codeNotFound:       "券不存在",
	codeUndecipherable: "加密券码解密失败",
	codeHeld:           "风控核验中，48小时内放行或核验",
	codeTooFewVisits:   "次卡剩余次数不足",
	codeVoid:           "券码已失效",
	codeNoOrder:        "订单不存在",
	codeDynamicExpired: "动态码已过期，请顾客重新打开订单页面",
	codeTokenTooOften:  "请求过于频繁",
	codeBadClient:      "client_key或client_secret错误",

	200002: "参数不合法", 1033000519: "凭证不存在", 1263: "子履约单不存在", 1265: "包含已撤销的券", 1508: "商家未授权", 2119002: "服务内部错误",
	2119006: "券转赠中", 2119007: "顾客下单未支付", 2119008: "平台封禁", 2119010: "接口已下线", 5000001: "请联系抖音处理", 6001001: "系统异常",
	subUndoTooLate: "已超过可撤销时限，无法撤销核销",
}

// refusal is a "no": a code, and for some a finer one below it.
type refusal struct {
	code, sub int
	msg       string
}

func refuse(code int) *refusal {
	msg, ok := codeTexts[code]
	if !ok {
		msg = "未知错误"
	}
	return &refusal{code: code, msg: msg}
}

// refuseFor adds the particulars that help the author of a client.
func refuseFor(code int, detail string) *refusal {
	r := refuse(code)
	r.msg += "：" + detail
	return r
}

// ofCoupon says whether a code is about a coupon or order, so that it can also be
// told as a finer code or in a row.
func ofCoupon(code int) bool {
	return code < 2000 || code == codeWrongShop || code == codeNoOrder || code == codeDynamicExpired || code == 1033000519
}
