package douyintest_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
)

// knobTests show what each value of each knob does; the fakes' facts are tested
// with the defaults.
var knobTests = map[string]map[douyintest.Choice]func(*rig){
	"repeat_answer": only(factRepeat), "prepares": {"latest": knobPreparesLatest}, "refusals": {
		"sub": knobRefusals("3000001", "3000001", "1208"), "data": knobRefusals("1208", "0", "0"), "extra": knobRefusals("0", "1208", "0"), "rows": knobRows,
	},
	"dead_token":       {"refused": knobDeadTokenRefused, "forgotten": knobDeadTokenForgotten},
	"unknown":          {"empty": knobUnknownEmpty},
	"used_code":        {"empty": knobUsedCodeEmpty, "siblings": knobUsedCodeSiblings},
	"wrong_shop":       {"verify": knobWrongShopAtVerify},
	"expired":          only(factExpiredListed),
	"stale_qr":         only(factQRRotates),
	"encrypted_codes":  {"fresh": knobEncrypted(false), "constant": knobEncrypted(true)},
	"lists":            {"first": knobLists("1 absent"), "v2": knobLists("0 1")},
	"empty_lists":      {"null": knobEmptyLists("<nil>"), "absent": knobEmptyLists("absent")},
	"numbers":          {"text": knobNumbers(false), "all_text": knobNumbers(true)},
	"ids":              {"number": knobIDs},
	"times":            {"milliseconds": knobTimes},
	"held_status":      only(factHold),
	"held_type":        {"untold": knobHeldType("0", ""), "named": knobHeldType("1", "开放平台API"), "unnamed": knobHeldType("1", "")},
	"card_status":      {"used": knobCardStatus},
	"visit_rows":       {"per_code": knobVisitRows},
	"origin_code":      {"order": knobOriginCode},
	"undo_code":        {"changed": knobUndoCode},
	"repeat_undo":      only(factUndoOne),
	"cancel_results":   only(factUndoOne),
	"can_cancel":       only(factUndoEarly),
	"no_verify":        {"null": knobNoVerify("<nil>"), "zero": knobNoVerify("")},
	"undone_verify":    {"kept": knobUndoneVerify},
	"record_order":     only(factRecords),
	"kicked_token":     only(factTokenGrace),
	"notice_signature": only(knobNotices),
	"notice_content":   only(knobNotices),
	"notices":          only(knobNotices),
	"notice_ids":       only(knobNoticeIDs),
	"notice_shops":     only(knobNoticeShops),
}

// only is a test that turns the knob by itself.
func only(test func(*rig)) map[douyintest.Choice]func(*rig) {
	return map[douyintest.Choice]func(*rig){"": test}
}

func TestKnobs(t *testing.T) {
	t.Parallel()
	for _, d := range douyintest.Doubts {
		tests := knobTests[d.Name]
		if tests[""] != nil {
			t.Run(d.Name, func(t *testing.T) {
				t.Parallel()
				tests[""](setup(t))
			})
			continue
		}
		for _, value := range d.Values {
			t.Run(d.Name+"="+string(value), func(t *testing.T) {
				t.Parallel()
				r := setup(t)
				r.knobs(func(k *douyintest.Knobs) { d.Set(k, value) })
				test := tests[value]
				switch {
				case test != nil:
					test(r)
				case value == d.Values[0]:
					story(r) // the default, named
				default:
					t.Error("has no test")
				}
			})
		}
	}
	if len(knobTests) != len(douyintest.Doubts) {
		t.Errorf("%d knobs have tests, there are %d", len(knobTests), len(douyintest.Doubts))
	}
}

// story is a verification and its undo.
func story(r *rig) {
	v := r.sell(douyintest.Voucher{})
	_, a := r.consume(v.Code, 1)
	r.want(r.do("cancel", undo(a, 0)), "ok")
	r.effects(v.Code, 1, 1)
}

func knobPreparesLatest(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	first, second := r.prepare(order[0].Code), r.prepare(order[0].Code)
	r.want(r.do("verify", first.verify(first.encrypted[0])), "2100005")
	r.want(r.do("verify", second.verify(second.encrypted[0])), "ok")
	r.prepare(order[1].Code)
	r.want(r.do("verify", second.verify(second.encrypted[0])), "ok") // a repeat
}

func knobRefusals(code, extra, sub string) func(*rig) {
	return func(r *rig) {
		v := r.sell(douyintest.Voucher{})
		got := r.prepare(v.Code)
		r.ok(r.p.ConsumeElsewhere(v.Code, "店长"))
		a := r.do("verify", got.verify(got.encrypted[0]))
		r.same([]string{a.code, a.extra, a.sub}, []string{code, extra, sub})
		r.same(field(a.data, "verify_results"), "absent")
		if (code == "0") != (a.words == "success") {
			r.Errorf("words %q", a.words)
		}
		got.token = "unknown" // not about a coupon: no finer code
		if a = r.do("verify", got.verify(got.encrypted[0])); a.code == "3000001" || a.told() != "2100005" {
			r.Errorf("%v", a.envelope)
		}
	}
}

func knobRows(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	got := r.prepare(order[0].Code)
	r.ok(r.p.ConsumeElsewhere(order[0].Code, "店长"))
	a := r.want(r.do("verify", got.verify(got.encrypted...)), "ok")
	r.same([]string{field(a.data, "verify_results.0.result"), field(a.data, "verify_results.0.verify_id"), field(a.data, "verify_results.1.result")}, []string{"1208", "absent", "0"})
	r.effects(order[0].Code, 1, 0)
	r.effects(order[1].Code, 1, 0)
	v := r.sell(douyintest.Voucher{})
	got = r.prepare(v.Code)
	r.ok(r.p.ConsumeElsewhere(v.Code, "店长"))
	r.want(r.do("verify", got.verify(got.encrypted[0])), "ok") // refused, and spends no token
	r.ok(r.p.UndoElsewhere(v.Code, "店长"))
	a = r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
	r.same(field(a.data, "verify_results.0.result"), "0")

	card := r.prepare(r.sell(douyintest.Voucher{Visits: 1}).Code)
	a = r.want(r.do("verify", card.verify(card.encrypted[0], card.encrypted[0])), "ok")
	r.same([]string{field(a.data, "verify_results.0.result"), field(a.data, "verify_results.1.result")}, []string{"1241", "1241"})

	held := r.sell(douyintest.Voucher{Hold: &douyintest.Hold{}})
	got = r.prepare(held.Code)
	a = r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
	r.same(field(a.data, "verify_results.0.result"), "1229")
	r.same(r.p.Effects(held.Code), douyintest.Count{Held: 1})
}

func knobDeadTokenRefused(r *rig) { knobDeadToken(r, "2100005", "2100005") }

// The token counts as a new one: the coupon is used, but a times card is used once
// more.
func knobDeadTokenForgotten(r *rig) { knobDeadToken(r, "1208", "ok") }

func knobDeadToken(r *rig, coupon, card string) {
	r.knobs(func(k *douyintest.Knobs) { k.VerifyTokenLife = time.Minute })
	for visits, want := range map[int]string{0: coupon, 2: card} {
		v := r.sell(douyintest.Voucher{Visits: visits})
		got, _ := r.consume(v.Code, 1)
		r.clock.Add(time.Minute - time.Second)
		r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
		r.effects(v.Code, 1, 0)
		r.clock.Add(time.Second)
		r.want(r.do("verify", got.verify(got.encrypted[0])), want)
		consumed := 1
		if want == "ok" {
			consumed = 2
		}
		r.effects(v.Code, consumed, 0)
	}
}

func knobUnknownEmpty(r *rig) {
	a := r.want(r.do("prepare", fields{"code": "100000000000", "poi_id": shopA}), "ok")
	r.same([]string{field(a.data, "certificates"), field(a.data, "certificates_v2"), field(a.data, "verify_token"), field(a.data, "order_id")}, []string{"[]", "[]", "", ""})
}

func knobUsedCodeEmpty(r *rig) {
	v := r.sellOrder(douyintest.Voucher{}, 2)[0]
	r.ok(r.p.ConsumeElsewhere(v.Code, "店长"))
	r.same(len(r.prepare(v.Code).encrypted), 0)
}

func knobUsedCodeSiblings(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	r.ok(r.p.ConsumeElsewhere(order[0].Code, "店长"))
	r.same(field(r.prepare(order[0].Code).data, "certificates.0.certificate_id"), order[1].CertificateID)
	r.ok(r.p.ConsumeElsewhere(order[1].Code, "店长"))
	r.same(len(r.prepare(order[0].Code).encrypted), 0)
}

func knobWrongShopAtVerify(r *rig) {
	got := r.prepare(r.sell(douyintest.Voucher{Shops: []string{shopB}}).Code)
	r.want(r.do("verify", got.verify(got.encrypted[0])), "3000002")
}

func knobEncrypted(constant bool) func(*rig) {
	return func(r *rig) {
		v := r.sell(douyintest.Voucher{})
		first, second := r.prepare(v.Code), r.prepare(v.Code)
		r.same(first.encrypted[0] == second.encrypted[0], constant)
		r.want(r.do("verify", second.verify(first.encrypted[0])), "ok")
	}
}

func knobLists(want string) func(*rig) {
	return func(r *rig) {
		v := r.sell(douyintest.Voucher{})
		count := func(data any, name string) string {
			if _, ok := at(data, name); !ok {
				return "absent"
			}
			return strconv.Itoa(len(list(data, name)))
		}
		a := r.prepare(v.Code)
		r.same(count(a.data, "certificates")+" "+count(a.data, "certificates_v2"), want)
		r.ok(r.p.ConsumeElsewhere(v.Code, "店长"))
		records := r.do("verify_record", fields{"account_id": v.Account, "cursor": "0", "size": 1})
		r.same(count(records.data, "records")+" "+count(records.data, "records_v2"), want)
	}
}

func knobEmptyLists(want string) func(*rig) {
	return func(r *rig) {
		v := r.sell(douyintest.Voucher{})
		object, _ := r.follow("GET", v.QR)
		r.same(field(r.prepare(v.Code).data, "certificates.0.verify_records"), want)
		r.ok(r.p.SetState(v.Code, douyintest.Refunded))
		a := r.want(r.do("prepare", fields{"encrypted_data": object, "poi_id": shopA}), "ok")
		r.same([]string{field(a.data, "certificates"), field(a.data, "certificates_v2")}, []string{want, want})
	}
}

func knobNumbers(all bool) func(*rig) {
	return func(r *rig) {
		v := r.sell(douyintest.Voucher{})
		got := r.prepare(v.Code)
		price, _ := at(got.data, "certificates.0.amount.original_amount")
		r.same(price, any("9900"))
		a := r.do("verify", got.verify(got.encrypted[0]))
		result, _ := at(a.data, "verify_results.0.result")
		sub, _ := at(a.envelope, "extra.sub_error_code")
		if all {
			r.same([]any{result, a.data["error_code"], sub}, []any{"0", "0", "0"})
		} else {
			r.same([]any{result, a.data["error_code"], sub}, []any{json.Number("0"), json.Number("0"), json.Number("0")})
		}
	}
}

func knobIDs(r *rig) {
	v := r.sell(douyintest.Voucher{})
	_, a := r.consume(v.Code, 1)
	id, _ := at(a.data, "verify_results.0.certificate_id")
	code, _ := at(a.data, "verify_results.0.origin_code")
	r.same([]any{id, code}, []any{json.Number(v.CertificateID), v.Code})
	records := r.do("verify_record", fields{"account_id": v.Account, "cursor": "0", "size": 1})
	cursor, _ := at(records.data, "records.0.cursor")
	if _, ok := cursor.(json.Number); !ok {
		r.Errorf("cursor %#v", cursor)
	}
}

func knobTimes(r *rig) {
	v := r.sell(douyintest.Voucher{})
	r.same(field(r.prepare(v.Code).data, "certificates.0.expire_time"), strconv.FormatInt(v.Expires.UnixMilli(), 10))
}

func knobCardStatus(r *rig) {
	v := r.sell(douyintest.Voucher{Visits: 2})
	r.consume(v.Code, 1)
	got := r.prepare(v.Code) // still there
	r.same(field(got.data, "certificates.0.status"), "2")
}

func knobVisitRows(r *rig) {
	order := r.sellOrder(douyintest.Voucher{Visits: 3}, 2)
	got := r.prepare(order[0].Code)
	a := r.want(r.do("verify", got.verify(got.encrypted[0], got.encrypted[1], got.encrypted[0])), "ok")
	rows := list(a.data, "verify_results")
	r.same([]string{field(rows[0], "certificate_id"), field(rows[1], "certificate_id"), strconv.Itoa(len(rows))}, []string{order[1].CertificateID, order[0].CertificateID, "2"})
	r.effects(order[0].Code, 2, 0)
}

func knobOriginCode(r *rig) {
	order := r.sellOrder(douyintest.Voucher{}, 2)
	got := r.prepare(order[1].Code)
	a := r.want(r.do("verify", got.verify(got.encrypted...)), "ok")
	rows := list(a.data, "verify_results")
	r.same([]string{field(rows[0], "origin_code"), field(rows[1], "origin_code"), strconv.Itoa(len(rows))}, []string{order[0].Code, order[0].Code, "2"})
}

func knobUndoCode(r *rig) {
	v := r.sell(douyintest.Voucher{})
	_, a := r.consume(v.Code, 1)
	r.want(r.do("cancel", undo(a, 0)), "ok")
	fresh := r.p.Ledger()[1].NewCode
	r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), "1212")
	got, _ := r.p.Voucher(v.Code)
	r.same([]any{got.Code, got.FormerCodes, got.CertificateID}, []any{fresh, []string{v.Code}, v.CertificateID})
	r.consume(fresh, 1)
	r.effects(v.Code, 1, 1)
	r.effects(fresh, 1, 0)
	r.same(r.p.TwiceConsumed(), []string{})
	card := r.sell(douyintest.Voucher{Visits: 2})
	_, a = r.consume(card.Code, 1)
	r.want(r.do("cancel", undo(a, 0)), "ok")
	r.prepare(card.Code) // keeps its code
}

func knobNoVerify(want string) func(*rig) {
	return func(r *rig) {
		c := list(r.prepare(r.sell(douyintest.Voucher{}).Code).data, "certificates")[0]
		if want == "" {
			r.same(field(c, "verify.verify_id"), "")
		} else {
			r.same(field(c, "verify"), want)
		}
	}
}

func knobUndoneVerify(r *rig) {
	v := r.sell(douyintest.Voucher{})
	got, a := r.consume(v.Code, 1)
	r.want(r.do("cancel", undo(a, 0)), "ok")
	c, _ := at(r.do("get", fields{"encrypted_code": got.encrypted[0]}).data, "certificate")
	r.same([]any{field(c, "status"), field(c, "verify.verify_id"), field(c, "verify.can_cancel")}, []any{"1", undo(a, 0)["verify_id"], "false"})
	r.knobs(func(k *douyintest.Knobs) { k.CanCancel = douyintest.CanCancelHour })
	r.same(field(r.do("get", fields{"encrypted_code": got.encrypted[0]}).data, "certificate.verify.can_cancel"), "false")
}

// Fields can be missing or null wherever they stand.
func TestAbsentFields(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.knobs(func(k *douyintest.Knobs) {
		k.Absent, k.Null = []string{"origin_code", "original_amount", "extra"}, []string{"verify_amount_info", "title"}
	})
	v := r.sell(douyintest.Voucher{Visits: 2})
	got, a := r.consume(v.Code, 1)
	r.same([]string{field(a.data, "verify_results.0.origin_code"), field(a.data, "verify_results.0.verify_amount_info"), field(a.envelope, "extra")}, []string{"absent", "<nil>", "absent"})
	r.same([]string{field(got.data, "certificates.0.amount.original_amount"), field(got.data, "certificates.0.sku.title"), field(got.data, "certificates.0.amount.pay_amount")}, []string{"absent", "<nil>", "9900"})
}

// Without the guard a client that consumes twice is found out.
func TestUnguarded(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.knobs(func(k *douyintest.Knobs) { k.Unguarded = true })
	v, card := r.sell(douyintest.Voucher{}), r.sell(douyintest.Voucher{Visits: 2})
	got, _ := r.consume(v.Code, 1)
	r.want(r.do("verify", got.verify(got.encrypted[0])), "ok") // a repeat is none
	r.same(r.p.TwiceConsumed(), []string{})
	r.consume(v.Code, 1)
	r.consume(card.Code, 2)
	r.same(r.p.TwiceConsumed(), []string{v.Code})
	r.consume(card.Code, 1)
	r.same(r.p.TwiceConsumed(), []string{v.Code, card.Code})
}

func TestKnobsAreChecked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for _, d := range douyintest.Doubts {
		var k douyintest.Knobs
		d.Set(&k, "nonsense")
		if err := r.p.SetKnobs(k); err == nil || !strings.Contains(err.Error(), d.Name) {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	for _, k := range []douyintest.Knobs{{TokenLife: -1}, {UndoEnds: -1}, {TokenLimit: -1}} {
		if r.p.SetKnobs(k) == nil {
			t.Errorf("took %+v", k)
		}
	}
}

func knobHeldType(kind, verifier string) func(*rig) {
	return func(r *rig) {
		r.knobs(func(k *douyintest.Knobs) {
			k.HeldType = map[string]douyintest.Choice{"0": douyintest.HeldTypeUntold, "1开放平台API": douyintest.HeldTypeNamed, "1": douyintest.HeldTypeUnnamed}[kind+verifier]
		})
		v := r.sell(douyintest.Voucher{Hold: &douyintest.Hold{}})
		got := r.prepare(v.Code)
		r.want(r.do("verify", got.verify(got.encrypted[0])), "1229")
		r.ok(r.p.EndHold(v.Code, true))
		c := r.do("query", fields{"order_id": got.order}).data
		r.same([]string{field(c, "certificates.0.verify.verify_type"), field(c, "certificates.0.verify.verifier_unique_id")}, []string{kind, verifier})
		r.ok(r.p.ConsumeElsewhere(r.sell(douyintest.Voucher{}).Code, "till-3"))
	}
}
