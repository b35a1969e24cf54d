// Package douyintest is a stand-in for the open platform of Douyin 来客: a
// [Platform] is an [http.Handler] with shops, a token, vouchers, a ledger of
// effects, its own clock and faults on demand. It takes the place of the sandbox
// that the platform does not offer.
//
// It serves POST /oauth/client_token/ and below /goodlife/v1
//
//	GET  fulfilment/certificate/prepare/
//	POST fulfilment/certificate/verify/
//	POST fulfilment/certificate/cancel/
//	GET  fulfilment/certificate/get/
//	GET  fulfilment/certificate/query/
//	GET  fulfilment/certificate/verify_record/query/
//	GET  settle/ledger/query_record_by_cert/
//	GET  shop/poi/query/
//
// as well as the short links of QR codes (GET or HEAD of one word, whatever the
// host), and it posts life_trade_certificate_notify. It is stricter than the
// platform is likely to be: anything that a careful client would not send (a
// repeated or unknown parameter, a number where the documents say text) is
// refused.
//
// # Use
//
//	p := douyintest.New(douyintest.Options{ClientKey: "k", ClientSecret: "s"})
//	srv := httptest.NewServer(p)
//	defer srv.Close()
//	defer p.Close() // before srv.Close: it lets go of hanging requests
//	p.AddShop(douyintest.Shop{ID: "6600000000000000001"})
//	v, err := p.AddVoucher(douyintest.Voucher{Shops: []string{"6600000000000000001"}})
//
// # Doubts
//
// What no public source settles is a knob in [Knobs]; [Doubts] lists them for tests
// that play every value. The first value is the default.
//
//	RepeatAnswer     what a verify gets whose token had an effect: same_answer; result_1208,
//	                 result_2 (success, in the rows, with the ids); bare_1208, bare_2 (the same
//	                 without); refused (1208); token_refused (2100005)
//	DeadToken        a verify_token past VerifyTokenLife is refused (2100005), or forgotten: it
//	                 serves as if it had not been used
//	Prepares         each prepare's token serves, or only that of the latest of an order
//	Refusals         a refusal is told both in data.error_code and extra.error_code; as sub: 3000001
//	                 in both and the code in extra.sub_error_code; in data or in extra only; in rows:
//	                 verify succeeds, and each row has its own result
//	Unknown          an unknown code or order is refused (1212, 3100101), or empty
//	UsedCode         prepare of a used coupon's code is refused (1208), is empty, or lists the
//	                 unused siblings of its order
//	WrongShop        3000002 is found out at prepare, or at verify only
//	Expired          an expired coupon is listed by prepare, or hidden
//	StaleQR          the object_id of a QR code that was replaced is dynamic (45005117) or
//	                 undecipherable (1221); gone: the short link is 404
//	EncryptedCodes   fresh with each answer (older ones go on serving), or constant
//	Lists            prepare and verify_record have both lists, only the first, or the first empty
//	                 and all in _v2
//	EmptyLists       a list, null, or absent
//	Numbers          number; text (but for codes and results); all_text
//	IDs              text; number
//	Times            seconds; milliseconds
//	HeldStatus       a held coupon's status: unused (1), initial (0), used (2)
//	HeldType         a verification that was held has the verify_type of the interface (4), none (0)
//	                 and no verifier; another (1) and is named as the interface's, or unnamed
//	CardStatus       that of a card with uses taken and uses left: unused (1), used (2)
//	VisitRows        a row per_visit of a card, each with its verify_id, or one per_code: the last
//	OriginCode       a row of verify has the plain code of each coupon, or that of the order's first
//	UndoCode         after an undo the plain code is kept, or changed (never a card's)
//	RepeatUndo       a second cancel of a verification is refused (3000001), or a success
//	CancelResults    absent; told
//	CanCancel        true: as the platform will judge; hour: by the hour, whatever it judges
//	NoVerify         verify of a coupon without a verification is absent, null, or zero
//	UndoneVerify     verifications that were undone are gone from get and query, or kept
//	RecordOrder      verify_record begins with the newest, or the oldest
//	KickedToken      an access token that others replaced is invalid (2190002), or expired (2190008)
//	NoticeSignature  right; wrong; absent
//	NoticeContent    text with JSON in it; object
//	Notices          sent; lost
//	NoticeIDs        each notice has a Msg-Id of its own; or a coupon's of an action have one
//	Absent, Null     fields of any answer's data, and "extra", that are missing or null
//	VerifyTokenLife  for ever, or so long after prepare
//	UndoEnds         the undo window is over earlier than the hour; see also [Platform.CloseUndo]
//	TokenLife, TokenGrace, TokenLimit
//	                 2 hours, 5 minutes, 500 in 5 minutes
//
// # What is invented
//
// No public source tells the following; another choice would be as good, and a
// client must not depend on them.
//
//   - Codes: 2119001 for a body that is no JSON object and for a wrong content
//     type; 2100005 for everything else that is wrong with parameters, an unknown
//     poi_id and a verify_token that is unknown or used for something else; 10003
//     for a wrong client_key or client_secret; 1250 for coupons that are expired,
//     refunded or about to be; 3000001 for one that is not valid yet and for an undo
//     of what is undone or refunded; 1212 for an undo by ids that do not match;
//     4000002 for a cursor that is not one. A path without its slash, or with
//     another method, is 404.
//   - All texts but those of the facts. The settlement's fee, and account names.
//   - A verify that is refused spends no token. One coupon that is refused has all
//     of a verify refused, unless refusals stand in rows. A repeat must name the
//     same shop and codes. After an undo a repeat is answered as before it.
//   - A verify that meets one coupon to be held has all its coupons held. The hold
//     ends by [Hold] or [Platform.EndHold]: verified then, with a notice, or usable
//     again, with the same token too. While it lasts, prepare of its code, verify
//     and SetState are refused, and an undo has nothing to undo.
//   - A use of a times card that was undone is the next to be taken. What does not
//     divide of its price is in the last use.
//   - Exactly at the undo window's end an undo is still accepted.
//   - prepare needs poi_id, and refuses a code together with encrypted_data; query
//     refuses order_id together with encrypted_code. verify_record needs size. An
//     account_id may be the root account or a shop's own.
//   - The long link's address but for object_id.
//   - Retries of notices come after 1, 2 and 4 s, until the answer's status is 200.
//     The handshake is not signed.
//   - A request is judged by the access token's life when it came, also where its
//     effect is late ([Fault.After]).
//
// # What it does not do
//
// Merchants' consent and its notice, several applications, codes of third parties,
// times_card_cancel_count and batches of cancels (refused: shops that settle by
// themselves must not send them), orders and bills, and real rate limits but for
// tokens.
package douyintest
