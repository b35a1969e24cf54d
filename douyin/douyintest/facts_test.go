package douyintest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
)

// The facts about the platform, each with its test.
func TestFacts(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		fact string
		test func(*rig)
	}{
		{"every path ends in a slash", factSlash},
		{"a request has an access token and is JSON", factHeaders},
		{"the envelope tells in data and extra, at status 200", factEnvelope},
		{"ids are text, money is in fen, times are seconds", factForms},
		{"a token lives two hours", factTokenLife},
		{"a new token leaves its predecessor five minutes; the two newest live", factTokenGrace},
		{"more than 500 tokens in five minutes are 10020", factTokenLimit},
		{"another environment with the secret kicks the token", factTokenElsewhere},
		{"prepare lists all unused coupons of the order, without plain codes, and has no effect", factPrepare},
		{"a verify_token is fresh each time and of one verify", factVerifyToken},
		{"a coupon that is expired may be listed and fails at verify", factExpiredListed},
		{"a short link leads to object_id; slash and method do not matter", factShortLink},
		{"after a verification the QR code is void and another one is shown", factQRRotates},
		{"codes have 12 or 15 digits", factCodes},
		{"verify answers with what an undo needs and with the plain code", factVerify},
		{"all codes of a verify are of one order", factOneOrder},
		{"an order holds at most ten coupons of one deal", factOrder},
		{"coupons of an order tell their SKU, and may be of several", factSKUs},
		{"a times card is used as often as its code is repeated", factTimesCard},
		{"a repeat of a verify has no second effect", factRepeat},
		{"a coupon can be undone within the hour", factUndoWindow},
		{"the window may close early, and can_cancel says so", factUndoEarly},
		{"an undo is of one verification, by both ids", factUndoOne},
		{"a cancel_token is remembered for an hour", factCancelToken},
		{"get tells of one coupon; its code only when it can no longer be undone", factGet},
		{"query tells of the order by encrypted code or order id", factQuery},
		{"each state has its status", factStatus},
		{"verify_record pages by a cursor, 20 at most, today unless told otherwise", factRecords},
		{"verify_record is by shop and keeps what was undone", factRecordsOfShops},
		{"the ledger is there an hour after use", factLedger},
		{"shops are listed by account, 50 at most, or asked for by id", factShops},
		{"1229 holds: neither consumed nor usable, decided later", factHold},
		{"1229 holds all of a verify", factHoldTogether},
		{"the documented refusals", factRefusals},
		{"a merchant that does not authorise is 2119005, a capability not granted 2190004", factGrants},
	} {
		t.Run(strings.ReplaceAll(f.fact, " ", "_"), func(t *testing.T) {
			t.Parallel()
			f.test(setup(t))
		})
	}
}

func factSlash(r *rig) {
	for call, path := range paths {
		req := r.request(r.Context(), call, fields{})
		req.URL.Path = strings.TrimSuffix(path, "/")
		if w := r.send(req); w.status != http.StatusNotFound {
			r.Errorf("%s without slash: %d", call, w.status)
		}
		req = r.request(r.Context(), call, fields{})
		req.Method = http.MethodPut
		if w := r.send(req); w.status != http.StatusNotFound {
			r.Errorf("PUT %s: %d", call, w.status)
		}
	}
}

func factHeaders(r *rig) {
	v := r.sell(douyintest.Voucher{})
	for _, tt := range []struct{ name, value, want string }{
		{"access-token", r.token, "ok"},
		{"access-token", "", "2190002"},
		{"access-token", "clt.unknown", "2190002"},
		{"Content-Type", "", "2119001"},
		{"Content-Type", "application/x-www-form-urlencoded", "2119001"},
		{"Content-Type", "application/json; charset=gbk", "2119001"},
		{"Content-Type", "application/json; charset=UTF-8", "ok"},
		{"Rpc-Transit-Life-Account", douyintest.DefaultAccount, "ok"},
		{"Rpc-Transit-Life-Account", "1", "2119005"},
		{"x-from", "openapi-sdk", "ok"},
	} {
		req := r.request(r.Context(), "prepare", fields{"code": v.Code, "poi_id": shopA})
		req.Header.Set(tt.name, tt.value)
		if a := r.read(r.send(req)); a.told() != tt.want {
			r.Errorf("%s %q: %s (%s), want %s", tt.name, tt.value, a.told(), a.words, tt.want)
		}
	}
	odd := r.request(r.Context(), "prepare", fields{"code": v.Code, "poi_id": shopA})
	odd.URL.RawQuery += "&x=%zz"
	r.want(r.read(r.send(odd)), "2100005")
	odd = r.request(r.Context(), "verify", fields{})
	odd.URL.RawQuery = "poi_id=" + shopA
	r.want(r.read(r.send(odd)), "2100005")
	withBody, err := http.NewRequestWithContext(r.Context(), "GET", r.srv.URL+paths["shops"], strings.NewReader("{}"))
	r.ok(err)
	withBody.Header = odd.Header
	r.want(r.read(r.send(withBody)), "2119001")
	large, err := http.NewRequestWithContext(r.Context(), "POST", r.srv.URL+paths["verify"], strings.NewReader(`{"x":"`+strings.Repeat("x", 1<<20)+`"}`))
	r.ok(err)
	large.Header = odd.Header
	r.want(r.read(r.send(large)), "2119001")
	for body, want := range map[string]string{"": "2119001", "[]": "2119001", "null": "2119001", `{"verify_token":`: "2119001", `{}`: "2100005"} {
		req := r.request(r.Context(), "verify", nil)
		req.Body, req.ContentLength = http.NoBody, 0
		if body != "" {
			fresh, err := http.NewRequestWithContext(r.Context(), "POST", req.URL.String(), strings.NewReader(body))
			r.ok(err)
			fresh.Header = req.Header
			req = fresh
		}
		if a := r.read(r.send(req)); a.told() != want {
			r.Errorf("body %q: %s, want %s", body, a.told(), want)
		}
	}
}

func factEnvelope(r *rig) {
	v := r.sell(douyintest.Voucher{})
	a := r.prepare(v.Code)
	r.same([]string{a.code, a.words, a.extra, a.sub}, []string{"0", "success", "0", "0"})
	r.same(field(a.envelope, "extra.now"), strconv.FormatInt(r.clock.Now().Unix(), 10))
	if logid := field(a.envelope, "extra.logid"); !regexp.MustCompile(`^20261001120000[0-9A-F]{18}$`).MatchString(logid) {
		r.Errorf("logid %q", logid)
	}
	refused := r.do("prepare", fields{"code": "100000000000", "poi_id": shopA})
	r.same([]string{refused.code, refused.extra, refused.sub}, []string{"1212", "1212", "0"})
	if refused.words == "" || field(refused.envelope, "extra.description") != refused.words {
		r.Errorf("words %v", refused.envelope)
	}
}

func factForms(r *rig) {
	v := r.sell(douyintest.Voucher{Price: 12345, Pay: 12000, MarketPrice: 20000})
	c := list(r.prepare(v.Code).data, "certificates")[0]
	for path, want := range map[string]string{
		"amount.original_amount": "12345", "amount.pay_amount": "12000", "amount.coupon_pay_amount": "12000", "amount.list_market_amount": "20000",
		"amount.platform_discount_amount": "345", "expire_time": strconv.FormatInt(v.Expires.Unix(), 10), "certificate_id": v.CertificateID,
		"sku.title": "双人套餐", "sku.groupon_type": "1", "sku.account_id": douyintest.DefaultAccount,
	} {
		if got := field(c, path); got != want {
			r.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{"certificate_id", "sku.sku_id", "sku.account_id"} {
		if id, _ := at(c, path); len(id.(string)) != 19 {
			r.Errorf("%s is %v", path, id)
		}
	}
}

func factTokenLife(r *rig) {
	a := r.do("token", fields{"client_key": clientKey, "client_secret": clientSecret, "grant_type": "client_credential"})
	r.same([]string{field(a.data, "expires_in"), field(a.envelope, "message"), a.code, field(a.data, "captcha"), field(a.data, "desc_url")},
		[]string{"7200", "success", "0", "", ""})
	r.token = field(a.data, "access_token")
	if !strings.HasPrefix(r.token, "clt.") {
		r.Errorf("token %q", r.token)
	}
	r.clock.Add(2*time.Hour - time.Second)
	r.want(r.do("shops", fields{"poi_id": shopA}), "ok")
	r.clock.Add(time.Second)
	r.want(r.do("shops", fields{"poi_id": shopA}), "2190008")
	for name, value := range map[string]string{"client_key": "x", "client_secret": "x", "grant_type": "x", "more": "x"} {
		f := fields{"client_key": clientKey, "client_secret": clientSecret, "grant_type": "client_credential"}
		f[name] = value
		a := r.do("token", f)
		if a.told() == "ok" || field(a.envelope, "message") != "error" {
			r.Errorf("%s: %v", name, a.envelope)
		}
	}
}

func factTokenGrace(r *rig) {
	tokens := []string{r.token, r.newToken(), r.newToken()}
	live := func() (codes []string) {
		for _, r.token = range tokens {
			codes = append(codes, r.do("shops", fields{"poi_id": shopA}).told())
		}
		return codes
	}
	r.same(live(), []string{"2190002", "ok", "ok"})
	r.clock.Add(5*time.Minute - time.Second)
	r.same(live(), []string{"2190002", "ok", "ok"})
	r.clock.Add(time.Second)
	r.same(live(), []string{"2190002", "2190002", "ok"})
	r.knobs(func(k *douyintest.Knobs) { k.KickedToken = douyintest.KickedExpired })
	r.same(live(), []string{"2190008", "2190008", "ok"})
	r.p.ExpireTokens()
	r.same(live(), []string{"2190008", "2190008", "2190008"})
	old := r.newToken()
	r.clock.Add(2*time.Hour - time.Minute)
	r.newToken()
	r.clock.Add(time.Minute)
	r.token = old
	r.want(r.do("shops", fields{"poi_id": shopA}), "2190008") // grace does not lengthen a life
}

func factTokenLimit(r *rig) {
	for range 499 { // one was taken by the rig
		r.newToken()
	}
	f := fields{"client_key": clientKey, "client_secret": clientSecret, "grant_type": "client_credential"}
	r.want(r.do("token", f), "10020")
	r.same(len(r.p.Tokens()), 500)
	r.clock.Add(5 * time.Minute)
	r.want(r.do("token", f), "ok")
}

func factTokenElsewhere(r *rig) {
	other := r.p.TakeTokenElsewhere()
	r.want(r.do("shops", fields{"poi_id": shopA}), "ok")
	r.clock.Add(5 * time.Minute)
	r.want(r.do("shops", fields{"poi_id": shopA}), "2190002")
	r.token = other.Value
	r.want(r.do("shops", fields{"poi_id": shopA}), "ok")
}

func factPrepare(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 3)
	r.ok(r.p.ConsumeElsewhere(order[1].Code, "店长"))
	a := r.prepare(order[2].Code)
	ids := []string{}
	for _, c := range list(a.data, "certificates") {
		ids = append(ids, field(c, "certificate_id"))
		r.same([]string{field(c, "code"), field(c, "status"), field(c, "verify")}, []string{"absent", "1", "absent"})
	}
	r.same(ids, []string{order[0].CertificateID, order[2].CertificateID})
	r.same(a.data["certificates_v2"], a.data["certificates"])
	r.same(a.order, order[0].OrderID)
	for _, v := range order {
		if strings.Contains(r.last().Answer, v.Code) {
			r.Errorf("tells the plain code %s", v.Code)
		}
	}
	r.same(len(r.p.Ledger()), 1)
	given, err := r.p.AddVoucher(douyintest.Voucher{OrderID: order[0].OrderID, Refusal: 2119006})
	r.ok(err)
	_, err = r.p.AddVoucher(douyintest.Voucher{OrderID: order[0].OrderID, Shops: []string{shopB}})
	r.ok(err)
	r.same(len(r.prepare(order[2].Code).encrypted), 2)
	r.want(r.do("prepare", fields{"code": given.Code, "poi_id": shopA}), "2119006")
	r.want(r.do("prepare", fields{"poi_id": shopA}), "1502")
	r.want(r.do("prepare", fields{"code": order[0].Code}), "2100005")
	r.want(r.do("prepare", fields{"code": order[0].Code, "encrypted_data": "x", "poi_id": shopA}), "2100005")
	r.want(r.do("prepare", fields{"code": order[0].Code, "poi_id": shopA, "more": "x"}), "2100005")
	r.want(r.do("prepare", fields{"code": order[0].Code, "poi_id": "1"}), "2100005")
	twice := r.request(r.Context(), "prepare", fields{"code": order[0].Code, "poi_id": shopA})
	twice.URL.RawQuery += "&code=1"
	r.want(r.read(r.send(twice)), "2100005")
}

func factVerifyToken(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	first, second := r.prepare(order[0].Code), r.prepare(order[0].Code)
	if first.token == second.token {
		r.Error("the same token twice")
	}
	r.want(r.do("verify", first.verify(first.encrypted[0])), "ok")
	r.want(r.do("verify", first.verify(first.encrypted[1])), "2100005") // one verify
	r.want(r.do("verify", second.verify(second.encrypted[0])), "1208")
	r.want(r.do("verify", second.verify(second.encrypted[1])), "ok") // a refusal spends nothing
	second.token = "unknown"
	r.want(r.do("verify", second.verify(second.encrypted[0])), "2100005")
	r.effects(order[0].Code, 1, 0)
	r.effects(order[1].Code, 1, 0)
}

func factExpiredListed(r *rig) {
	v := r.sell(douyintest.Voucher{Expires: r.clock.Now().Add(-time.Second)})
	got := r.prepare(v.Code)
	r.want(r.do("verify", got.verify(got.encrypted[0])), "1250")
	r.knobs(func(k *douyintest.Knobs) { k.Expired = douyintest.ExpiredHidden })
	r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), "1250")
	r.same(len(list(r.want(r.scan(v.QR), "ok").data, "certificates")), 0)
	r.effects(v.Code, 0, 0)
}

// follow reads where a short link leads.
func (r *rig) follow(method, qr string) (object string, status int) {
	r.Helper()
	link, err := url.Parse(qr)
	r.ok(err)
	if link.Host != "v.douyin.com" {
		r.Errorf("short link %q", qr)
	}
	req, err := http.NewRequestWithContext(r.Context(), method, r.srv.URL+link.Path, nil)
	r.ok(err)
	w := r.send(req)
	r.ok(w.err)
	long, err := url.Parse(w.location)
	r.ok(err)
	return long.Query().Get("object_id"), w.status
}

func (r *rig) scan(qr string) answer {
	r.Helper()
	object, _ := r.follow(http.MethodGet, qr)
	return r.do("prepare", fields{"encrypted_data": object, "poi_id": shopA})
}

func factShortLink(r *rig) {
	v := r.sellOrder(douyintest.Voucher{}, 2)[0]
	object, status := r.follow(http.MethodGet, v.QR)
	head, _ := r.follow(http.MethodHead, strings.TrimSuffix(v.QR, "/"))
	r.same([]any{head, status}, []any{object, http.StatusFound})
	if !strings.ContainsAny(object, "+/=") {
		r.Errorf("%q needs no escape", object)
	}
	got := r.read1(r.want(r.scan(v.QR), "ok"))
	r.same(len(got.encrypted), 2)
	a := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
	r.same(field(a.data, "verify_results.0.origin_code"), v.Code)
	_, status = r.follow(http.MethodGet, "https://v.douyin.com/nobody/")
	r.same(status, http.StatusNotFound)
	r.want(r.do("prepare", fields{"encrypted_data": "nonsense", "poi_id": shopA}), "1221")
}

func factQRRotates(r *rig) {
	v := r.sellOrder(douyintest.Voucher{}, 2)[0]
	now := func() string {
		got, _ := r.p.Voucher(v.Code)
		return got.QR
	}
	_, a := r.consume(v.Code, 1)
	after := now()
	if after == v.QR {
		r.Error("the same QR code after a verification")
	}
	r.want(r.scan(v.QR), "45005117")
	r.want(r.scan(after), "ok")
	r.want(r.do("cancel", undo(a, 0)), "ok")
	if now() == after {
		r.Error("the same QR code after an undo")
	}
	r.want(r.scan(after), "45005117")
	stale := now()
	r.ok(r.p.RotateQR(v.OrderID))
	r.want(r.scan(stale), "45005117")
	r.knobs(func(k *douyintest.Knobs) { k.StaleQR = douyintest.StaleQRUndecipherable })
	r.want(r.scan(stale), "1221")
	r.knobs(func(k *douyintest.Knobs) { k.StaleQR = douyintest.StaleQRGone })
	_, status := r.follow(http.MethodGet, stale)
	r.same(status, http.StatusNotFound)
}

func factCodes(r *rig) {
	short, long := r.sell(douyintest.Voucher{}), r.sell(douyintest.Voucher{Code: "102539929601123"})
	r.same([]int{len(short.Code), len(long.Code)}, []int{12, 15})
	r.same(short.Code[:2], "10")
	for _, v := range []douyintest.Voucher{short, long} {
		r.consume(v.Code, 1)
		r.effects(v.Code, 1, 0)
	}
	r.same(len(r.sellOrder(douyintest.Voucher{Code: "102539929601124"}, 2)[1].Code), 15)
	same := setup(r.T)
	r.same(same.sell(douyintest.Voucher{}).Code, short.Code) // from one seed
}

func factVerify(r *rig) {
	v := r.sell(douyintest.Voucher{})
	got, a := r.consume(v.Code, 1)
	use := r.use(v.Code)
	row := list(a.data, "verify_results")[0]
	r.same(row, map[string]any{
		"result": row.(map[string]any)["result"], "msg": "验券成功", "code": got.encrypted[0], "verify_id": use.VerifyID,
		"certificate_id": v.CertificateID, "order_id": v.OrderID, "origin_code": v.Code, "account_id": v.Account, "product_id": v.SKUID,
	})
	r.same([]any{use.Shop, use.Type, use.Verifier, use.Token, use.Time}, []any{shopA, 4, "开放平台API", got.token, r.clock.Now()})
	e := r.p.Ledger()[0]
	r.same([]any{e.Kind, e.Code, e.Shop, e.VerifyToken, e.VerifyID, e.Type}, []any{douyintest.EffectConsumed, v.Code, shopA, got.token, use.VerifyID, 4})
	r.same(r.last().Effect, "consumed "+v.Code)

	other := r.prepare(r.sell(douyintest.Voucher{}).Code)
	for name, value := range map[string]any{
		"verify_token": nil, "poi_id": "", "order_id": v.OrderID, "account_id": otherAccount, "codes": []string{v.Code}, "encrypted_codes": other.encrypted[0],
	} {
		f := other.verify(other.encrypted[0])
		f[name] = value
		if a := r.do("verify", f); a.told() != "2100005" {
			r.Errorf("%s: %s", name, a.told())
		}
	}
	r.want(r.do("verify", other.verify()), "1502")
	r.want(r.do("verify", other.verify("nonsense")), "1221")
	r.want(r.do("verify", other.verify(other.encrypted[0], other.encrypted[0])), "2100005")
	f := other.verify(other.encrypted[0])
	delete(f, "order_id") // optional
	f["account_id"] = douyintest.DefaultAccount
	r.want(r.do("verify", f), "ok")
}

func (r *rig) use(code string) douyintest.Use {
	r.Helper()
	v, _ := r.p.Voucher(code)
	if v.Use == nil {
		r.Fatalf("%s is not used", code)
	}
	return *v.Use
}

func factOneOrder(r *rig) {
	one, two := r.prepare(r.sell(douyintest.Voucher{}).Code), r.prepare(r.sell(douyintest.Voucher{}).Code)
	r.want(r.do("verify", one.verify(one.encrypted[0], two.encrypted[0])), "2100005")
	r.want(r.do("verify", one.verify(two.encrypted[0])), "2100005")
	r.same(len(r.p.Ledger()), 0)
}

func factOrder(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 10)
	got := r.prepare(order[0].Code)
	a := r.want(r.do("verify", got.verify(got.encrypted...)), "ok")
	r.same(len(list(a.data, "verify_results")), 10)
	for _, v := range order {
		r.effects(v.Code, 1, 0)
	}
	for _, v := range []douyintest.Voucher{{OrderID: order[0].OrderID}, {OrderID: r.sell(douyintest.Voucher{}).OrderID, SKUID: "1760000000000000002"}} {
		if _, err := r.p.AddVoucher(v); err == nil {
			r.Errorf("sold %+v", v)
		}
	}
}

// factSKUs: the page says of how many deals an order is, and nothing of SKUs, which each
// coupon tells.
func factSKUs(r *rig) {
	one := r.sell(douyintest.Voucher{})
	other, err := r.p.AddVoucher(douyintest.Voucher{OrderID: one.OrderID, SKUID: "1760000000000000002", ProductID: one.ProductID})
	if err != nil {
		r.Fatal(err)
	}
	got := r.prepare(one.Code)
	for i, sku := range []string{one.SKUID, other.SKUID} {
		c := list(got.data, "certificates")[i]
		r.same(field(c, "sku.sku_id"), sku)
		r.same(field(c, "sku.product_id"), one.ProductID)
	}
	r.want(r.do("verify", got.verify(got.encrypted[1])), "ok")
	r.effects(one.Code, 0, 0)
	r.effects(other.Code, 1, 0)
	for _, product := range []string{"", other.SKUID} {
		if _, err := r.p.AddVoucher(douyintest.Voucher{OrderID: one.OrderID, SKUID: "1760000000000000003", ProductID: product}); err == nil {
			r.Errorf("sold of product %q", product)
		}
	}
}

func factTimesCard(r *rig) {
	v := r.sell(douyintest.Voucher{Visits: 3, Price: 10000})
	got := r.prepare(v.Code)
	card := list(got.data, "certificates")[0]
	for path, want := range map[string]string{
		"sku.groupon_type": "3", "time_card.times_count": "3", "time_card.times_used": "0", "time_card.serial_amount_list.0.serial_numb": "1",
		"time_card.serial_amount_list.0.amount.original_amount": "3333", "time_card.serial_amount_list.2.amount.original_amount": "3334",
	} {
		if said := field(card, path); said != want {
			r.Errorf("%s is %s, want %s", path, said, want)
		}
	}
	e := got.encrypted[0]
	r.want(r.do("verify", got.verify(e, e, e, e)), "1241")
	r.effects(v.Code, 0, 0) // refused whole
	a := r.want(r.do("verify", got.verify(e, e)), "ok")
	rows := list(a.data, "verify_results")
	r.same([]string{field(rows[0], "verify_amount_info.times_card_serial_amount.serial_numb"), field(rows[1], "verify_amount_info.times_card_serial_amount.serial_numb")}, []string{"1", "2"})
	r.same(field(rows[0], "verify_amount_info.time_card_amount.amount.original_amount"), "3333")
	if field(rows[0], "verify_id") == field(rows[1], "verify_id") {
		r.Error("two uses have one verify_id")
	}
	c := list(r.prepare(v.Code).data, "certificates")[0]
	r.same([]string{field(c, "time_card.times_used"), field(c, "status")}, []string{"2", "1"})

	r.want(r.do("cancel", undo(a, 0)), "ok") // just that use
	r.same(r.use(v.Code).Serial, 2)
	_, again := r.consume(v.Code, 2)
	r.same(field(again.data, "verify_results.0.verify_amount_info.times_card_serial_amount.serial_numb"), "1") // it is free again
	r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), "1208")
	r.effects(v.Code, 4, 1)
	r.same(r.p.TwiceConsumed(), []string{})
}

func factRepeat(r *rig) {
	for _, tt := range []struct {
		knob             douyintest.Choice
		told, result, id string
	}{
		{"", "ok", "0", "told"}, {douyintest.Result1208, "ok", "1208", "told"}, {douyintest.Result2, "ok", "2", "told"},
		{douyintest.Bare1208, "ok", "1208", "absent"}, {douyintest.Bare2, "ok", "2", "absent"},
		{douyintest.RepeatRefused, "1208", "absent", "absent"}, {douyintest.TokenRefused, "2100005", "absent", "absent"},
	} {
		r.knobs(func(k *douyintest.Knobs) { k.RepeatAnswer = tt.knob })
		v := r.sell(douyintest.Voucher{})
		got, first := r.consume(v.Code, 1)
		again := r.want(r.do("verify", got.verify(got.encrypted[0])), tt.told)
		id := field(again.data, "verify_results.0.verify_id")
		if tt.id == "told" {
			r.same(id, field(first.data, "verify_results.0.verify_id"))
		} else {
			r.same(id, tt.id)
		}
		r.same(field(again.data, "verify_results.0.result"), tt.result)
		r.effects(v.Code, 1, 0)
		r.want(r.do("cancel", undo(first, 0)), "ok")
		r.want(r.do("verify", got.verify(got.encrypted[0])), tt.told) // not even after an undo
		r.effects(v.Code, 1, 1)
	}
}

func factUndoWindow(r *rig) {
	v := r.sellOrder(douyintest.Voucher{}, 2)
	_, in := r.consume(v[0].Code, 1)
	got := r.prepare(v[1].Code)
	out := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
	r.clock.Add(time.Hour)
	a := r.want(r.do("cancel", undo(in, 0)), "ok")
	r.same(field(a.data, "cancel_results"), "absent")
	r.same(r.p.Effects(v[0].Code), douyintest.Count{Consumed: 1, Undone: 1})
	e := r.p.Ledger()
	r.same([]any{e[2].Undoes, e[2].Shop, e[2].NewCode}, []any{e[0].Seq, shopA, ""})
	r.clock.Add(time.Second)
	late := r.want(r.do("cancel", undo(out, 0)), "3000001")
	r.same([]string{late.extra, late.sub, late.words}, []string{"3000001", "2034000910", "已超过可撤销时限，无法撤销核销"})
	r.effects(v[1].Code, 1, 0)
	r.consume(v[0].Code, 1) // it can be used again
}

func factUndoEarly(r *rig) {
	v := r.sell(douyintest.Voucher{})
	got, a := r.consume(v.Code, 1)
	can := func() string {
		return field(r.do("get", fields{"encrypted_code": got.encrypted[0]}).data, "certificate.verify.can_cancel")
	}
	r.same(can(), "true")
	r.knobs(func(k *douyintest.Knobs) { k.UndoEnds = 2 * time.Minute })
	r.clock.Add(2*time.Minute + 9*time.Second)
	r.same(can(), "false")
	r.same(r.want(r.do("cancel", undo(a, 0)), "3000001").sub, "2034000910")
	r.knobs(func(k *douyintest.Knobs) { k.CanCancel = douyintest.CanCancelHour })
	r.same(can(), "true") // by the hour only
	r.knobs(func(k *douyintest.Knobs) { k.UndoEnds, k.CanCancel = 0, "" })
	r.ok(r.p.CloseUndo(v.Code))
	r.same(can(), "false")
	r.same(r.want(r.do("cancel", undo(a, 0)), "3000001").sub, "2034000910")
}

func factUndoOne(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	got := r.prepare(order[0].Code)
	a := r.want(r.do("verify", got.verify(got.encrypted...)), "ok")
	mixed := undo(a, 0)
	mixed["certificate_id"] = order[1].CertificateID
	r.want(r.do("cancel", mixed), "1212")
	for name, value := range map[string]any{"verify_id": "", "certificate_id": nil, "times_card_cancel_count": 1, "batch_cancel_info": fields{}, "account_id": 7} {
		f := undo(a, 0)
		f[name] = value
		r.want(r.do("cancel", f), "2100005")
	}
	other := undo(a, 1)
	other["account_id"] = "1"
	r.want(r.do("cancel", other), "2119005")
	other["account_id"] = douyintest.DefaultAccount
	r.want(r.do("cancel", other), "ok")
	r.effects(order[0].Code, 1, 0)
	r.effects(order[1].Code, 1, 1)
	r.want(r.do("cancel", undo(a, 1)), "3000001")
	r.knobs(func(k *douyintest.Knobs) {
		k.RepeatUndo, k.CancelResults = douyintest.RepeatUndoSuccess, douyintest.CancelResultsTold
	})
	again := r.want(r.do("cancel", undo(a, 1)), "ok")
	r.same(field(again.data, "cancel_results.0.verify_id"), field(a.data, "verify_results.1.verify_id"))
	r.effects(order[1].Code, 1, 1)
	r.ok(r.p.SetState(order[0].Code, douyintest.Refunded))
	r.want(r.do("cancel", undo(a, 0)), "3000001")
	r.effects(order[0].Code, 1, 0)
}

func factCancelToken(r *rig) {
	v := r.sell(douyintest.Voucher{Visits: 2})
	_, a := r.consume(v.Code, 2)
	f := undo(a, 0)
	f["cancel_token"] = "ours"
	r.want(r.do("cancel", f), "ok")
	r.want(r.do("cancel", f), "ok")
	r.effects(v.Code, 2, 1)
	r.clock.Add(time.Hour)
	r.want(r.do("cancel", f), "3000001")
}

func factGet(r *rig) {
	v := r.sell(douyintest.Voucher{})
	got := r.prepare(v.Code)
	ask := func() any {
		c, _ := at(r.want(r.do("get", fields{"encrypted_code": got.encrypted[0]}), "ok").data, "certificate")
		return c
	}
	r.same([]string{field(ask(), "status"), field(ask(), "verify"), field(ask(), "code")}, []string{"1", "absent", "absent"})
	r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
	c := ask()
	r.same([]string{field(c, "status"), field(c, "code"), field(c, "verify.verify_type"), field(c, "verify.verifier_unique_id"), field(c, "verify.poi_id"), field(c, "verify.verify_id"), field(c, "verify.can_cancel"), field(c, "verify.verify_time")},
		[]string{"2", "absent", "4", "开放平台API", shopA, r.use(v.Code).VerifyID, "true", strconv.FormatInt(r.clock.Now().Unix(), 10)})
	r.same(field(c, "verify_records.0.verify_id"), r.use(v.Code).VerifyID)
	r.clock.Add(time.Hour + time.Second)
	r.same([]string{field(ask(), "code"), field(ask(), "verify.can_cancel")}, []string{v.Code, "false"})
	r.want(r.do("get", fields{"encrypted_code": "nonsense"}), "1221")
	r.want(r.do("get", fields{}), "2100005")
}

func factQuery(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	got, _ := r.consume(order[0].Code, 1)
	for _, f := range []fields{{"order_id": got.order}, {"encrypted_code": got.encrypted[1]}} {
		all := list(r.want(r.do("query", f), "ok").data, "certificates")
		r.same([]string{field(all[0], "status"), field(all[1], "status"), field(all[0], "certificate_id")}, []string{"2", "1", order[0].CertificateID})
		// The encrypted codes that it tells serve as well.
		r.same(field(r.do("get", fields{"encrypted_code": field(all[0], "encrypted_code")}).data, "certificate.certificate_id"), order[0].CertificateID)
	}
	r.want(r.do("query", fields{}), "4000001")
	r.want(r.do("query", fields{"order_id": got.order, "encrypted_code": got.encrypted[0]}), "2100005")
	r.want(r.do("query", fields{"order_id": "1"}), "3100101")
	r.want(r.do("query", fields{"encrypted_code": "1"}), "1221")
	r.knobs(func(k *douyintest.Knobs) { k.Unknown = douyintest.UnknownEmpty })
	r.same(len(list(r.want(r.do("query", fields{"order_id": "1"}), "ok").data, "certificates")), 0)
}

func factStatus(r *rig) {
	for state, want := range map[douyintest.State]string{
		douyintest.Usable: "1", douyintest.RefundRequested: "3", douyintest.Refunded: "4", douyintest.RefundFailed: "5", douyintest.Refunding: "6",
	} {
		v := r.sell(douyintest.Voucher{State: state})
		r.same(field(r.do("query", fields{"order_id": v.OrderID}).data, "certificates.0.status"), want)
		told := "1250"
		if state == douyintest.Usable {
			told = "ok"
		}
		r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), told)
	}
}

func factRecords(r *rig) {
	yesterday := r.sell(douyintest.Voucher{})
	r.ok(r.p.UseElsewhere(yesterday.Code, douyintest.Use{Time: r.clock.Now().Add(-24 * time.Hour)}))
	codes := []string{}
	for range 45 {
		v := r.sell(douyintest.Voucher{})
		r.clock.Add(time.Second)
		r.consume(v.Code, 1)
		codes = append(codes, v.CertificateID)
	}
	page := func(f fields) (ids []string, cursor string) {
		f["account_id"], f["size"] = douyintest.DefaultAccount, 20
		a := r.want(r.do("verify_record", f), "ok")
		for _, rec := range list(a.data, "records") {
			ids, cursor = append(ids, field(rec, "certificate_id")), field(rec, "cursor")
		}
		r.same(a.data["records_v2"], a.data["records"])
		if f["start_time"] == nil {
			r.same(field(a.data, "total"), "45")
		}
		return ids, cursor
	}
	for _, order := range []douyintest.Choice{douyintest.RecordsOldest, douyintest.RecordsNewest} {
		r.knobs(func(k *douyintest.Knobs) { k.RecordOrder = order })
		all, cursor := []string{}, "0"
		for range 3 {
			var ids []string
			ids, cursor = page(fields{"cursor": cursor})
			all = append(all, ids...)
		}
		r.same(all, codes)
		slices.Reverse(codes)
		ids, _ := page(fields{"cursor": cursor})
		r.same(len(ids), 0)
	}
	start := r.clock.Now().Add(-25 * time.Hour).Unix()
	ids, _ := page(fields{"cursor": "0", "start_time": start, "end_time": start + 7200})
	r.same(ids, []string{yesterday.CertificateID})
	for name, value := range map[string]any{"size": 21, "cursor": "", "account_id": "", "start_time": start * 1000, "page": 2} {
		f := fields{"account_id": douyintest.DefaultAccount, "cursor": "0", "size": 20, name: value}
		r.want(r.do("verify_record", f), "2100005")
	}
	r.want(r.do("verify_record", fields{"account_id": douyintest.DefaultAccount, "cursor": "7", "size": 20}), "4000002")
	r.want(r.do("verify_record", fields{"account_id": "1", "cursor": "0", "size": 20}), "2119005")
	r.want(r.do("verify_record", fields{"account_id": douyintest.DefaultAccount, "cursor": "0"}), "2100005")
	r.want(r.do("verify_record", fields{"account_id": douyintest.DefaultAccount, "cursor": "0", "size": 1, "poi_ids": "[7]"}), "2100005")
}

func factRecordsOfShops(r *rig) {
	a, b := r.sell(douyintest.Voucher{}), r.sell(douyintest.Voucher{Shops: []string{shopB}, Visits: 2})
	_, done := r.consume(a.Code, 1)
	r.want(r.do("cancel", undo(done, 0)), "ok")
	r.ok(r.p.ConsumeElsewhere(b.Code, "店长"))
	at := func(f fields) []any {
		f["account_id"], f["size"], f["cursor"] = nonEmpty(f["account_id"]), 20, "0"
		return list(r.want(r.do("verify_record", f), "ok").data, "records")
	}
	r.same(len(at(fields{})), 2)
	for _, f := range []fields{{"poi_ids": shopA}, {"poi_ids": `["` + shopA + `"]`}, {"account_id": "7200000000000000001"}} {
		rec := at(f)
		r.same([]string{field(rec, "0.certificate_id"), field(rec, "0.status"), field(rec, "0.certificate_status"), field(rec, "0.cancel_time"), field(rec, "1")},
			[]string{a.CertificateID, "2", "1", strconv.FormatInt(r.clock.Now().Unix(), 10), "absent"})
	}
	rec := at(fields{"poi_ids": shopB + "," + shopA})
	r.same([]string{field(rec, "0.status"), field(rec, "0.verify_type"), field(rec, "0.verify_amount_info.times_card_serial_amount.serial_numb"), field(rec, "0.poi_id"), field(rec, "0.code")},
		[]string{"1", "3", "1", "absent", "absent"})
	r.want(r.do("verify_record", fields{"account_id": douyintest.DefaultAccount, "cursor": "0", "size": 20, "poi_ids": shopC}), "2100005")
}

func nonEmpty(v any) any {
	if v == nil {
		return douyintest.DefaultAccount
	}
	return v
}

func factLedger(r *rig) {
	v, unused := r.sell(douyintest.Voucher{Price: 10000}), r.sell(douyintest.Voucher{})
	r.consume(v.Code, 1)
	ask := func() []any {
		return list(r.want(r.do("ledger", fields{"certificate_ids": v.CertificateID + "," + unused.CertificateID}), "ok").data, "records")
	}
	r.same(len(ask()), 0)
	r.clock.Add(time.Hour)
	records := ask()
	r.same([]string{field(records, "0.certificate_id"), field(records, "0.amount.original"), field(records, "0.fund_amount.goods"), field(records, "1")},
		[]string{v.CertificateID, "10000", "9700", "absent"})
	card := r.sell(douyintest.Voucher{Visits: 2, Price: 10000})
	r.consume(card.Code, 1)
	r.clock.Add(time.Hour)
	r.token = r.newToken()
	one := list(r.do("ledger", fields{"certificate_ids": card.CertificateID}).data, "records")
	r.same([]string{field(one, "0.amount.original"), field(one, "1")}, []string{"5000", "absent"})
	undone := r.sell(douyintest.Voucher{})
	r.ok(r.p.ConsumeElsewhere(undone.Code, "店长"))
	r.ok(r.p.UndoElsewhere(undone.Code, "店长"))
	r.clock.Add(time.Hour)
	r.same(len(list(r.do("ledger", fields{"certificate_ids": undone.CertificateID}).data, "records")), 0)
	r.want(r.do("ledger", fields{}), "2100005")
	r.want(r.do("ledger", fields{"certificate_ids": strings.Repeat("1,", 50) + "1"}), "2100005")
}

func factShops(r *rig) {
	for i := range 60 {
		r.ok(r.p.AddShop(douyintest.Shop{ID: "66100000000000000" + strconv.Itoa(10+i)}))
	}
	page := func(n int) []any {
		a := r.want(r.do("shops", fields{"account_id": douyintest.DefaultAccount, "page": n, "size": 50, "relation_type": 0}), "ok")
		r.same(field(a.data, "total"), "62")
		return list(a.data, "pois")
	}
	r.same([]int{len(page(1)), len(page(2)), len(page(3))}, []int{50, 12, 0})
	first := page(1)[0]
	for path, want := range map[string]string{
		"poi.poi_id": shopA, "poi.poi_name": "人民广场店", "poi.address": "西藏中路1号", "poi.latitude": "31.23",
		"root_account.account_id": douyintest.DefaultAccount, "account.parent_account.account_id": douyintest.DefaultAccount, "account.poi_account.account_id": "7200000000000000001",
	} {
		if got := field(first, path); got != want {
			r.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	one := r.want(r.do("shops", fields{"poi_id": shopC}), "ok")
	r.same([]string{field(one.data, "total"), field(one.data, "pois.0.root_account.account_id")}, []string{"1", otherAccount})
	r.want(r.do("shops", fields{}), "2100005")
	r.want(r.do("shops", fields{"account_id": douyintest.DefaultAccount, "size": 51}), "2100005")
	r.want(r.do("shops", fields{"poi_id": "1"}), "2100005")
	r.want(r.do("shops", fields{"account_id": "1"}), "2119005")
}

func factHold(r *rig) {
	for _, verified := range []bool{true, false} {
		for _, byItself := range []bool{true, false} {
			hold := &douyintest.Hold{Verified: verified}
			if byItself {
				hold.For = 40 * time.Hour
			}
			v := r.sell(douyintest.Voucher{Hold: hold})
			got := r.prepare(v.Code)
			r.want(r.do("verify", got.verify(got.encrypted[0])), "1229")
			r.same(r.last().Effect, "held "+v.Code)
			r.want(r.do("verify", got.verify(got.encrypted[0])), "1229")
			r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), "1229")
			r.same(r.p.Effects(v.Code), douyintest.Count{Held: 1})
			status := func() string {
				return field(r.do("query", fields{"order_id": got.order}).data, "certificates.0.status")
			}
			for knob, want := range map[douyintest.Choice]string{"": "1", douyintest.StatusInitial: "0", douyintest.StatusUsed: "2"} {
				r.knobs(func(k *douyintest.Knobs) { k.HeldStatus = knob })
				r.same(status(), want)
			}
			r.knobs(func(k *douyintest.Knobs) { k.HeldStatus = "" })

			r.clock.Add(40 * time.Hour)
			r.p.ExpireTokens()
			r.token = r.newToken()
			if !byItself {
				r.same(r.p.Effects(v.Code), douyintest.Count{Held: 1})
				r.ok(r.p.EndHold(v.Code, verified))
			}
			repeat := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
			r.same(r.p.Effects(v.Code), douyintest.Count{Held: 1, Consumed: 1}) // by the hold's end, or now
			r.same(status(), "2")
			r.same(field(repeat.data, "verify_results.0.verify_id"), r.use(v.Code).VerifyID)
			kinds := []douyintest.EffectKind{}
			for _, e := range r.p.Ledger() {
				if e.Code == v.Code {
					kinds = append(kinds, e.Kind)
				}
			}
			want := []douyintest.EffectKind{douyintest.EffectHeld, douyintest.EffectConsumed}
			if !verified {
				want = slices.Insert(want, 1, douyintest.EffectReleased)
			}
			r.same(kinds, want)
			if r.p.EndHold(v.Code, true) == nil {
				r.Error("ended twice")
			}
		}
	}
	v := r.sell(douyintest.Voucher{Hold: &douyintest.Hold{For: time.Hour, Verified: true}})
	got := r.prepare(v.Code)
	r.want(r.do("verify", got.verify(got.encrypted[0])), "1229")
	r.ok(r.p.EndHold(v.Code, false)) // before its time
	r.clock.Add(time.Hour)
	r.same(r.p.Effects(v.Code), douyintest.Count{Held: 1})
}

// Coupons that are verified with one to be held are held as well.
func factHoldTogether(r *rig) {
	card := r.sell(douyintest.Voucher{Visits: 2, Hold: &douyintest.Hold{}})
	plain, err := r.p.AddVoucher(douyintest.Voucher{OrderID: card.OrderID, Shops: []string{shopA}})
	r.ok(err)
	got := r.prepare(card.Code)
	codes := []string{got.encrypted[0], got.encrypted[0], got.encrypted[1]}
	r.want(r.do("verify", got.verify(codes...)), "1229")
	r.same([]douyintest.Count{r.p.Effects(card.Code), r.p.Effects(plain.Code)}, []douyintest.Count{{Held: 1}, {Held: 1}})
	r.ok(r.p.EndHold(plain.Code, true))
	r.same([]douyintest.Count{r.p.Effects(card.Code), r.p.Effects(plain.Code)}, []douyintest.Count{{Held: 1, Consumed: 2}, {Held: 1, Consumed: 1}})
	r.same(len(list(r.want(r.do("verify", got.verify(codes...)), "ok").data, "verify_results")), 3)
}

func factRefusals(r *rig) {
	soon := r.clock.Now().Add(time.Hour)
	for _, tt := range []struct {
		v               douyintest.Voucher
		prepare, verify string
	}{
		{douyintest.Voucher{}, "ok", "ok"},
		{douyintest.Voucher{Shops: []string{shopB}}, "3000002", ""},
		{douyintest.Voucher{Shops: []string{shopC}}, "3000002", ""},
		{douyintest.Voucher{ValidFrom: soon}, "ok", "3000001"},
		{douyintest.Voucher{Expires: r.clock.Now().Add(-time.Hour)}, "ok", "1250"},
		{douyintest.Voucher{State: douyintest.Refunded}, "1250", ""},
		{douyintest.Voucher{State: douyintest.Refunding}, "1250", ""},
		{douyintest.Voucher{State: douyintest.Refunded, Expires: r.clock.Now().Add(-time.Hour)}, "1250", ""},
		{douyintest.Voucher{Refusal: 2119006}, "2119006", ""},
		{douyintest.Voucher{Refusal: 2119007}, "2119007", ""},
		{douyintest.Voucher{Refusal: 1265}, "1265", ""},
	} {
		v := r.sell(tt.v)
		a := r.do("prepare", fields{"code": v.Code, "poi_id": shopA})
		r.want(a, tt.prepare)
		if tt.verify != "" {
			got := r.read1(a)
			r.want(r.do("verify", got.verify(got.encrypted[0])), tt.verify)
		}
	}
	r.want(r.scan(r.sell(douyintest.Voucher{Shops: []string{shopB}}).QR), "3000002")
	r.want(r.scan(r.sell(douyintest.Voucher{Shops: []string{}, Account: otherAccount}).QR), "3000002")
	r.want(r.scan(r.sell(douyintest.Voucher{Shops: []string{}}).QR), "ok") // at all shops of the merchant
	v := r.sell(douyintest.Voucher{})
	r.consume(v.Code, 1)
	r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), "1208")
	for _, code := range []string{
		"2100001", "2100004", "2119002", "6001001", "2119003", "2100005", "2119001", "200002", "1502", "4000001", "4000002", "2190002", "2190008",
		"2190004", "2119005", "1508", "2119008", "2119010", "3000001", "5000001", "3000002", "1212", "1263", "1033000519", "3100101", "1208", "1221",
		"1229", "1241", "1250", "1265", "2119006", "2119007", "45005117", "10020",
	} {
		r.fail(douyintest.Fault{Kind: douyintest.AnswerCode, Answer: code})
		a := r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), code)
		if a.words == "未知错误" && code != "2100001" {
			r.Errorf("%s has no words", code)
		}
	}
}

func factGrants(r *rig) {
	v := r.sell(douyintest.Voucher{})
	got, a := r.consume(v.Code, 1)
	r.ok(r.p.Authorize(douyintest.DefaultAccount, false))
	for call, f := range map[string]fields{
		"prepare": {"code": v.Code, "poi_id": shopA}, "verify": got.verify(got.encrypted[0]), "cancel": undo(a, 0), "get": {"encrypted_code": got.encrypted[0]},
		"query": {"order_id": got.order}, "verify_record": {"account_id": v.Account, "cursor": "0", "size": 1}, "shops": {"account_id": v.Account},
	} {
		r.want(r.do(call, f), "2119005")
	}
	r.want(r.do("shops", fields{"poi_id": shopC}), "ok")
	r.ok(r.p.Authorize(douyintest.DefaultAccount, true))
	r.ok(r.p.Grant("ledger", false))
	r.want(r.do("ledger", fields{"certificate_ids": v.CertificateID}), "2190004")
	r.ok(r.p.Grant("ledger", true))
	r.want(r.do("ledger", fields{"certificate_ids": v.CertificateID}), "ok")
	r.effects(v.Code, 1, 0)
}
