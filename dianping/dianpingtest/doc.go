// Package dianpingtest is a stand-in for both generations of the
// Meituan/Dianping voucher platform: a [Platform] is an [http.Handler] with
// shops, sessions, vouchers, a ledger of effects, its own clock and faults on
// demand. It takes the place of the sandbox that the platform does not offer.
//
// One handler speaks both dialects, told apart by path:
//
//   - [Dianping], first generation: /router/tuangou/receipt/{prepare,
//     scanprepare, consume, batchconsume, reverseconsume, getconsumed,
//     querylistbydate, querybymobile} and /tuangou/deal/queryshopdeal. MD5 (or
//     HMAC-MD5) signature, session, snake_case.
//   - [Meituan], second generation, businessId 58: /ddzh/tuangou/receipt/{prepare,
//     consume, reverseconsume, getconsumed, querylistbydate, querybymobile} and
//     /ddzh/tuangou/deal/queryshopdeal. SHA-1 signature, appAuthToken, camelCase
//     in a JSON field "biz".
//
// Merchants authorise in both. The pages /dz-open/merchant/auth and /general/auth
// (businessId 58 and 59) list the shops; who posts the choice back (form field
// "shop") is redirected with a code. It is exchanged, and the tokens refreshed, at
// /router/oauth/token, /oauth/token and /oauth/refresh. The shops granted are at
// /router/oauth/session/scope and /ddzhkh/auth/token/pageQueryPoiList. A session
// that is revoked is told by a signed notice, msgType 510001, in the second
// generation. [Platform.Authorizations] counts the refreshes that took effect.
//
// It is stricter than the platform is likely to be: requests are judged by what
// is publicly known of the wire, and anything a careful client would not send
// (a repeated field, parameters in the query of a POST, a number where the
// documents say text) is refused.
//
// # Use
//
//	p := dianpingtest.New(dianpingtest.Options{AppKey: "k", AppSecret: "s"})
//	srv := httptest.NewServer(p)
//	defer srv.Close()
//	defer p.Close() // before srv.Close: it lets go of hanging requests
//	p.AddShop(dianpingtest.Shop{ID: "shop-1"})
//	p.AddSession(dianpingtest.Session{Token: "t", Dialect: dianpingtest.Dianping, Shops: []string{"shop-1"}})
//	v, err := p.AddVoucher(dianpingtest.Voucher{Shops: []string{"shop-1"}})
//
// # What is invented
//
// No public source tells the following; another choice would be as good, and a
// client must not depend on them.
//
//   - First generation: code 601 for a wrong method, 602 unknown app_key, 603
//     wrong signature, 604 timestamp off by more than 30 minutes, 611 throttled.
//     An unknown session is answered like an expired one (608). Gateway failures
//     come with HTTP status 200.
//   - Second generation: 30 minutes of clock tolerance too, told as
//     OP_SYSTEM_PARAM_ERROR; an unknown developerId is a signature failure
//     (OP_UNIAUTH_FAILED, 3); a businessId that is not the call's is
//     OP_API_GRANT_FAILED; a token of the other business is unknown; faults inside
//     "biz" are the business refusal 1001. The place of a business code is a knob
//     ([Knobs.Gen2Refusals]), by default data.code of an OP_BIZ_ERROR.
//   - A refusal carries data only on prepare of a used voucher in the first
//     generation (code 1008), where an answer of the real platform is known.
//   - getconsumed of a voucher that is not consumed: a knob ([Knobs.NoRecord]), by
//     default 1002. Of one consumed at another shop of those where it is valid:
//     answered, with that shop's id. How it tells who and when are knobs too
//     ([Knobs.VerifyAccount], [Knobs.VerifyTime]).
//   - A times card ([Voucher.Visits]) keeps its code when a visit is given back;
//     count says how many visits are left, and consume with count=n takes n of them.
//     An undo takes the latest back, of any shop. Which visit getconsumed tells
//     and how many rows a consume answers with are knobs ([Knobs.VisitRecord],
//     [Knobs.VisitRows]). A repeat of its requestid after an undo gets the first
//     answer again.
//   - How prices are written is a knob ([Knobs.Prices]), and which of a times card
//     are told ([Knobs.VisitPrice]).
//   - reverseconsume of a voucher that is not consumed, or with a deal id that is
//     not the voucher's: 1002. From another shop than the one that consumed it:
//     1012. What was consumed at the till can be undone through the interface.
//     Exactly at the window's end it is still accepted.
//   - A refunded voucher is answered with 1011, like one whose refund was
//     requested.
//   - requestid: remembered per dialect, for as long as a knob says
//     ([Knobs.RequestLife], by default for ever); used again with another shop, code
//     or count it is refused with 1002; after an undo of one of its coupons with
//     1141. A refused call is not remembered. The answer to a repeat is a knob
//     ([Knobs.RepeatAnswer]).
//   - consume with count=n takes the named code and the n-1 coupons of the same
//     order and deal that were added first.
//   - batchconsume: top-level code 200 even where every row failed; the same code
//     twice is refused whole with 1013.
//   - scanprepare: one row for each coupon that could be consumed, each saying
//     how many of its order can be. The text of the QR code is base64, "@" and
//     digits.
//   - querylistbydate: oldest first; verifications that were undone are absent;
//     type 0 means bizType 0, 201 and 203, type 1 the rest; a bizType that is sent
//     must match. Default limits: 10 (first generation), 20 (second).
//   - queryshopdeal: the deals of the vouchers known at the shop, their dates
//     taken from the vouchers.
//   - payment_detail, unless given: one line, paid by the user, for the whole
//     order.
//   - verify_channel of a verification at the till: "1".
//   - Pages for merchants: what is wrong with the address is told with status 400.
//     state must be there. A consent replaces the same merchant's earlier one: of
//     the shop (businessId 58), else of the customer. Consent cannot be refused.
//   - A code of the first generation lives ten minutes too. redirect_url, where it
//     is sent with the code, must be that of the page.
//   - Calls for tokens, first generation: POST only; 602 also for a wrong
//     app_secret, 612 for a code and 613 for a refresh token that does not serve.
//     Second generation: 3, 5 (unknown or spent) and 22 (withdrawn or too old), the
//     sub-codes of OP_UNIAUTH_FAILED; where they stand is a knob
//     ([Knobs.OAuthRefusals]), by default they are the top-level code.
//   - What a refresh makes of the pair it replaces: knobs ([Knobs.OldToken],
//     [Knobs.OldRefresh]), by default both die. The second generation's refresh
//     tokens live 35 days; the first's are only counted. With the last of the
//     allowance there comes no refresh token any more.
//   - session/scope of another customer than the session's: 645. At most 100 shops
//     at a time in both lists; what offset means is a knob ([Knobs.ShopPaging]).
//   - Number codes of [AnswerCode] to the second generation's calls for tokens stand
//     where [Knobs.OAuthRefusals] puts theirs.
//   - A request is judged by the time when it came (timestamp, life of its token),
//     also where its effect is late ([Fault.After]).
//   - The first generation's data with a code beside its row ([RowCodeResult]).
//   - Notices: "message" is "{}"; five attempts, with pauses of 1, 2, 4 and 8 s,
//     until the answer is status 200 with code 0.
//
// # What it does not do
//
// The page to unbind, session/query and session/shopidmapping, tokens for whole
// platforms, the rest of businessId 59, product queries, refunds, finance, traffic
// data, other push callbacks, the second generation's batch calls (their shapes
// are not public: OP_API_NOT_EXIST, like scanprepare, which that generation does
// not have) and real rate limits.
// Device fields (third_*) are accepted and ignored.
package dianpingtest
