package douyin

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerifySendsWhatPrepareGave(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(rows(row("0"), row("0"))))
	got, err := verifyN(context.Background(), b.client(t), 2, false)
	if err != nil {
		t.Fatal(err)
	}
	r := b.only(t)
	wantBody := map[string]any{
		"verify_token": testToken, "poi_id": testShop.ID, "order_id": "800", "encrypted_codes": []any{testCoded, testCoded},
	}
	if diff := cmp.Diff(wantBody, r.body); diff != "" || r.method != "POST" || r.path != "/goodlife/v1/fulfilment/certificate/verify/" {
		t.Errorf("%s %s: %s", r.method, r.path, diff)
	}
	if r.header.Get("access-token") != testAccess || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.header)
	}
	one := Verified{
		EncryptedCode: testCoded, ID: "7091478021421631519", CertificateID: "7091180835810052103", OrderID: "800",
		Code: "104686126200130", AccountID: "123456", Result: "0", Message: "履约成功",
	}
	if diff := cmp.Diff([]Verified{one, one}, got); diff != "" {
		t.Error(diff)
	}
}

func TestVerifyForAChain(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(rows(row("0"))))
	shop := testShop
	shop.Chain, shop.Root = "55", "66"
	if _, err := b.client(t).Verify(context.Background(), shop, VerifyRequest{Token: testToken, Codes: []Secret{testCoded}}); err != nil {
		t.Fatal(err)
	}
	r := b.only(t)
	if _, has := r.body["order_id"]; has || r.body["account_id"] != "55" || r.header.Get("Rpc-Transit-Life-Account") != "66" {
		t.Errorf("%v %v", r.body, r.header)
	}
}

func TestVerifyOfATimesCard(t *testing.T) {
	t.Parallel()
	use := strings.Replace(row("0"), `"result"`, `"verify_amount_info":{"time_card_amount":{"amount":{"pay_amount":9900}},"times_card_serial_amount":{"serial_numb":"3","amount":{"original_amount":"3300","pay_amount":null}}},"result"`, 1)
	whole := strings.Replace(row("0"), `"result"`, `"verify_amount_info":{"time_card_amount":{"amount":{"pay_amount":9900}}},"result"`, 1)
	got, err := verifyN(context.Background(), answering(t, 200, ok(rows(use, whole))).client(t), 2, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Amount{"original_amount": 3300}, got[0].Amount); diff != "" || got[0].Serial != 3 {
		t.Errorf("%+v", got[0])
	}
	if got[1].Amount["pay_amount"] != 9900 {
		t.Errorf("%+v", got[1])
	}
}

// What a verify proves, by its envelope and its rows.
func TestVerifyOutcomes(t *testing.T) {
	t.Parallel()
	other := strings.Replace(row("0"), testCoded, "another", 1)
	otherOrder := strings.Replace(row("0"), `"800"`, `"801"`, 1)
	unnamed := strings.Replace(row("0"), testCoded, "", 1)
	tests := []struct {
		name, body string
		n          int
		again      bool
		class      Class // "": success
		reason     Reason
	}{
		{"done", ok(rows(row("0"))), 1, false, "", ""},
		{"numbers as text", strings.ReplaceAll(ok(rows(row(`"0"`))), `"error_code":0`, `"error_code":"0"`), 1, false, "", ""},
		{"ids as numbers", ok(rows(strings.ReplaceAll(row("0"), `"7091478021421631519"`, `7091478021421631519`))), 1, false, "", ""},
		{"a row that does not name its code", ok(rows(unnamed)), 1, false, "", ""},
		{"nulls beside the outcome", ok(rows(`{"result":0,"code":null,"verify_id":null,"verify_amount_info":null}`)), 1, false, "", ""},
		{"twice a times card", ok(rows(row("0"), row("0"))), 2, false, "", ""},

		{"used", ok(rows(row("1208"))), 1, false, Refused, AlreadyUsed},
		{"used, in a row's own word", ok(rows(row("2"))), 1, false, Refused, AlreadyUsed},
		{"used, by our first verify", ok(rows(row("1208"))), 1, true, "", ""},
		{"used, by our first verify, in a row's own word", ok(rows(row("2"))), 1, true, "", ""},
		{"a repeat refused as a whole is none of ours", no("1208", "0"), 1, true, Refused, AlreadyUsed},
		{"a repeat of two, one used in the meantime", ok(rows(row("0"), row("2"))), 2, true, "", ""},
		{"held", ok(rows(row("1229"))), 1, false, Held, RiskHeld},
		{"held, both", ok(rows(row("1229"), row("1229"))), 2, false, Held, RiskHeld},
		{"held as a whole", no("1229", "0"), 1, false, Held, RiskHeld},
		{"held as a whole, below a business error", no("3000001", "1229"), 1, false, Held, RiskHeld},
		{"held, says the finer code of what else is a success", `{"data":{"error_code":0},"extra":{"error_code":0,"sub_error_code":1229}}`, 1, false, Held, RiskHeld},
		{"held, and busy", `{"data":{"error_code":2100004},"extra":{"error_code":1229}}`, 1, false, Held, RiskHeld},
		{"held, and unknown", `{"data":{"error_code":77},"extra":{"error_code":0,"sub_error_code":"1229"}}`, 1, false, Held, RiskHeld},
		{"held, as a sibling family says it", `{"err_no":1229}`, 1, false, Held, RiskHeld},
		{"a business error that has lost its finer code", `{"data":{"error_code":3000001}}`, 1, false, UnknownOutcome, Incomplete},
		{"a fault that has lost its finer code", `{"data":{"error_code":5000001},"extra":null}`, 1, false, UnknownOutcome, Incomplete},
		{"held, one", ok(rows(row("0"), row("1229"))), 2, false, UnknownOutcome, PartlyVerified},
		{"one of two", ok(rows(row("0"), row("1241"))), 2, false, UnknownOutcome, PartlyVerified},
		{"none of two", ok(rows(row("1241"), row("1241"))), 2, false, Refused, CountTooLarge},
		{"fresh code", ok(rows(row("45005117"))), 1, false, Refused, CodeOutdated},
		{"a row's unknown code", ok(rows(row("77"))), 1, false, UnknownOutcome, Other},
		{"a row's unknown code beside a known one", ok(rows(row("77"), row("1208"))), 2, false, UnknownOutcome, PartlyVerified},
		{"a row without an outcome", ok(rows(row("null"))), 1, false, UnknownOutcome, Other},

		{"no rows", ok(""), 1, false, UnknownOutcome, ""},
		{"empty rows", ok(rows()), 1, false, UnknownOutcome, ""},
		{"rows that are none", ok(rows("7")), 1, false, UnknownOutcome, ""},
		{"rows that are words", ok(`"verify_results":"processing"`), 1, false, UnknownOutcome, ""},
		{"too few", ok(rows(row("0"))), 2, false, UnknownOutcome, OtherCode},
		{"too many", ok(rows(row("0"), row("0"))), 1, false, UnknownOutcome, OtherCode},
		{"another's", ok(rows(other)), 1, false, UnknownOutcome, OtherCode},
		{"another order's", ok(rows(otherOrder)), 1, false, UnknownOutcome, OtherCode},
		{"another's refusal", ok(rows(strings.Replace(row("1208"), testCoded, "another", 1))), 1, false, UnknownOutcome, OtherCode},

		{"success in data only", `{"data":{"error_code":0,` + rows(row("0")) + `}}`, 1, false, UnknownOutcome, Incomplete},
		{"success of a part in data only", `{"data":{"error_code":0,` + rows(row("0"), row("2100004")) + `}}`, 2, false, UnknownOutcome, PartlyVerified},
		{"success in extra only", `{"data":{` + rows(row("0")) + `},"extra":{"error_code":0}}`, 1, false, UnknownOutcome, Incomplete},
		{"success in data, a refusal in extra", `{"data":{"error_code":0},"extra":{"error_code":1212}}`, 1, false, Refused, NotFound},
		{"success in data and row, a refusal in extra", `{"data":{"error_code":0,` + rows(row("0")) + `},"extra":{"error_code":1212}}`, 1, false, UnknownOutcome, PartlyVerified},
		{"a refusal with a row that is done", strings.Replace(no("3000002", "0"), `"data":{`, `"data":{`+rows(row("0"))+`,`, 1), 1, false, UnknownOutcome, PartlyVerified},
		{"a refusal with a row that is refused", strings.Replace(no("1208", "0"), `"data":{`, `"data":{`+rows(row("1208"))+`,`, 1), 1, false, Refused, AlreadyUsed},
		{"two codes, one of them busy", `{"data":{"error_code":1208},"extra":{"error_code":2100004}}`, 1, false, UnknownOutcome, ""},
		{"two codes, one of them unknown", `{"data":{"error_code":1208},"extra":{"error_code":77}}`, 1, false, UnknownOutcome, Other},
		{"a sibling family's refusal", `{"err_no":1208,"err_msg":"x"}`, 1, false, UnknownOutcome, Other},
		{"a sibling family's success", `{"err_no":0,"data":{` + rows(row("0")) + `}}`, 1, false, UnknownOutcome, Incomplete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := answering(t, 200, tt.body)
			got, err := verifyN(context.Background(), b.client(t), tt.n, tt.again)
			if tt.class == "" {
				if err != nil || len(got) != tt.n {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			e := want(t, tt.name, err, tt.class, tt.reason)
			if len(got) > 0 {
				t.Errorf("made up %v", got)
			}
			if strings.Contains(tt.body, "verify_results\":[{") && len(e.Rows) == 0 && e.Reason != "" {
				t.Errorf("%v has no rows", e)
			}
			b.only(t) // sent once
		})
	}
}

func TestVerifyIsNotSentWithoutWhatItNeeds(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(rows(row("0"))))
	c := b.client(t)
	for name, f := range map[string]func(*Shop, *VerifyRequest){
		"shop":       func(s *Shop, _ *VerifyRequest) { s.ID = "" },
		"token":      func(_ *Shop, r *VerifyRequest) { r.Token = "" },
		"codes":      func(_ *Shop, r *VerifyRequest) { r.Codes = nil },
		"empty code": func(_ *Shop, r *VerifyRequest) { r.Codes = append(r.Codes, "") },
		"too many":   func(_ *Shop, r *VerifyRequest) { r.Codes = make([]Secret, 101) },
	} {
		shop, req := testShop, VerifyRequest{Token: testToken, Codes: []Secret{testCoded}}
		f(&shop, &req)
		_, err := c.Verify(context.Background(), shop, req)
		want(t, name, err, Misconfigured, "")
	}
	for _, ids := range [][2]string{{"", "1"}, {"1", ""}, {"0", "1"}, {"1", "0"}, {"00", "1"}} {
		want(t, "cancel", c.Cancel(context.Background(), testShop, ids[0], ids[1]), Misconfigured, "")
	}
	if len(b.requests)+len(b.tokens) > 0 {
		t.Errorf("sent %v", b.requests)
	}
}

func TestCancelSendsOneUseAndNoCancelToken(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(`"transaction_id":"9"`))
	if err := allCalls[CallCancel](context.Background(), b.client(t)); err != nil {
		t.Fatal(err)
	}
	r := b.only(t)
	wantBody := map[string]any{"verify_id": "7091478021421631519", "certificate_id": "7091180835810052103"}
	if diff := cmp.Diff(wantBody, r.body); diff != "" || r.method != "POST" || r.path != "/goodlife/v1/fulfilment/certificate/cancel/" {
		t.Errorf("%s %s: %s", r.method, r.path, diff)
	}
}

func TestCancelOutcomes(t *testing.T) {
	t.Parallel()
	result := func(id, code string) string {
		return ok(`"cancel_results":[{"order_id":"800","verify_id":` + id + `,"result_code":` + code + `,"result_msg":"x"}]`)
	}
	const mine = `"7091478021421631519"`
	tests := []struct {
		name, body string
		class      Class
		reason     Reason
	}{
		{"done", ok(""), "", ""},
		{"done, with a row", result(mine, "0"), "", ""},
		{"done, numbers as text and ids as numbers", result(`7091478021421631519`, `"0"`), "", ""},
		{"done, null rows", ok(`"cancel_results":null`), "", ""},
		{"a row that is refused", result(mine, "2034000910"), Refused, UndoTooLate},
		{"a row with an unknown code", result(mine, "77"), UnknownOutcome, Other},
		{"a row without a code", result(mine, "null"), UnknownOutcome, Other},
		{"a row of another", result(`"1"`, "0"), UnknownOutcome, OtherCode},
		{"rows that are none", ok(`"cancel_results":[7]`), UnknownOutcome, ""},
		{"too late, as captured", `{"data":{"error_code":3000001,"description":"已超过可撤销时限，无法撤销核销"},"extra":{"error_code":3000001,"description":"x","sub_error_code":2034000910,"sub_description":"y","logid":"l","now":1}}`, Refused, UndoTooLate},
		{"a business error without a finer code", no("3000001", "0"), UnknownOutcome, Other},
		{"a business error with an unknown finer code", no("3000001", "2034000911"), UnknownOutcome, Other},
		{"the platform's fault", no("5000001", "0"), UnknownOutcome, PlatformFault},
		{"a refusal with a row that is done", strings.Replace(result(mine, "0"), `"error_code":0`, `"error_code":1208`, 1), UnknownOutcome, Other},
		{"success in data only", `{"data":{"error_code":0}}`, UnknownOutcome, Incomplete},
		{"success in extra only", `{"extra":{"error_code":0}}`, UnknownOutcome, Incomplete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := allCalls[CallCancel](context.Background(), answering(t, 200, tt.body).client(t))
			if tt.class == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want(t, tt.name, err, tt.class, tt.reason)
		})
	}
}
