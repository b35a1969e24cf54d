package douyin_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is public about the platform, each fact with the tests that show that the
// client goes by it. A fact that the client has no part in says why.
var facts = []struct {
	fact  string
	tests string
	why   string
}{
	// Onboarding and authorisation.
	{"a merchant binds the application by itself, or a service provider gets a merchant's authorisation; IP list; acceptance", "", "steps of people"},
	{"one token per application; the merchant is chosen by poi_id and account_id", "TestVerifySendsWhatPrepareGave TestVerifyRecordsOfAllPages TestOneFlightOverAllReplicas", ""},
	{"solution and permission keys, and the signed link for merchants", "", "the consent of merchants of a service provider is not in the package"},
	{"a merchant's authorisation is told by life_saas_cooperate_auth_with_bind", "TestReadNotice", ""},
	{"a merchant that has not authorised is 2119005 or 1508, a capability not granted 2190004", "TestFakeGrants TestEveryDocumentedCode", ""},

	// Common rules.
	{"base https://open.douyin.com", "TestConfig", ""},
	{"every path ends in a slash", "TestPrepare TestVerifySendsWhatPrepareGave TestFakeLifeOfACoupon", ""},
	{"headers content-type and access-token", "TestVerifySendsWhatPrepareGave TestPrepare", ""},
	{"optional header Rpc-Transit-Life-Account", "TestVerifyForAChain", ""},
	{"no request is signed", "TestPrepare", ""},
	{"business errors have http status 200", "TestEveryDocumentedCode TestFakeRefusals", ""},
	{"success needs data.error_code and extra.error_code at zero", "TestVerifyOutcomes TestCancelOutcomes FuzzAnswer", ""},
	{"success of a verify needs each row's result at zero", "TestVerifyOutcomes FuzzAnswer", ""},
	{"extra.sub_error_code is the finer code", "TestEveryDocumentedCode TestCancelOutcomes", ""},
	{"logid is what support asks for", "Example", ""},
	{"err_no and err_msg are of sibling families", "TestVerifyOutcomes TestPrepareOutcomes", ""},
	{"ids are text of up to 19 digits, and may come as numbers", "TestIDs TestLooseCertificates TestFakeLifeOfACoupon", ""},
	{"money is whole fen", "TestPrepare TestLeftAndPrices", ""},
	{"times are seconds, or milliseconds from 10^12 on", "TestLooseCertificates TestFakeLifeOfACoupon", ""},
	{"numbers may come as text", "TestVerifyOutcomes TestFakeLifeOfACoupon", ""},

	// Token.
	{"POST /oauth/client_token/ with key, secret and grant_type", "TestTokenRequest", ""},
	{"the answer has data without extra", "TestTokenRequest TestFakeTokens", ""},
	{"a token lives two hours", "TestTokenLife TestRenewalBeforeTheEnd TestFakeTokens", ""},
	{"a new token leaves the one before it five minutes", "TestRenewalBeforeTheEnd TestAfterALongSleep TestFakeTokens", ""},
	{"only the two newest live", "TestSecondEnvironment TestLostRenewal TestTwoLostRenewals TestTwoRenewalsThatCross", ""},
	{"more than 500 calls in five minutes are 10020", "TestTokenRefusals TestBackOffWithATokenLeft TestFakeTokens", ""},
	{"a test environment with the production secret breaks production", "TestSecondEnvironment TestFakeTokens", ""},
	{"2190002 and 2190008: a newer token once, and the call again", "TestSecondEnvironment TestRefusedTokenThatAnotherReplicaReplaced TestRefusedCallIsMadeOnceMore TestFakeFaults", ""},

	// Prepare.
	{"GET prepare by code or encrypted_data, with poi_id; escaped", "TestPrepare TestFakeLinks", ""},
	{"of both given, which counts is not documented", "TestPrepare", ""},
	{"200 queries a second", "", "pacing is the caller's"},
	{"order_id, verify_token, certificates with sku, amount, time_card, verify, verify_records", "TestPrepare TestLooseCertificates", ""},
	{"certificates, or certificates_v2", "TestPrepare TestFakeLifeOfACoupon", ""},
	{"all unused coupons of the order, never plain codes", "TestFakeSeveralOfOneOrder TestFakeLinks", ""},
	{"expired ones may be listed and fail at verify", "TestFakeWhatPrepareKnows", ""},
	{"an empty list: nothing can be used now", "TestPrepareOutcomes TestFakeWhatPrepareKnows", ""},
	{"one prepare for one verify", "TestFakeLifeOfACoupon", ""},
	{"after a verify the QR code is void and a new one shown", "TestFakeLinks", ""},
	{"a QR code is https://v.douyin.com/…, any length, with or without a slash at its end", "TestResolveLink", ""},
	{"one step is enough, by GET; object_id is taken, all else ignored", "TestResolveLink TestLinksThatLeadNowhere", ""},
	{"only hosts v.douyin.com, *.iesdouyin.com, *.douyin.com", "TestLinksThatAreNotFollowed TestResolveLink", ""},
	{"no other host is fetched", "TestLinksThatAreNotFollowed TestLinkDialsNoPrivateAddress", ""},
	{"a typed code has 12 or 15 digits", "TestPrepare TestFakeLifeOfACoupon", ""},

	// Verify.
	{"POST verify: verify_token, poi_id, encrypted_codes, order_id", "TestVerifySendsWhatPrepareGave", ""},
	{"account_id for 云连锁 only", "TestVerifyForAChain TestVerifySendsWhatPrepareGave", ""},
	{"codes and code_with_time_list of third parties, and further options", "", "codes of third parties are not served"},
	{"all codes of one call are of one order, at most ten coupons of one deal", "TestFakeSeveralOfOneOrder TestVerifyOutcomes", ""},
	{"a 次卡's code n times for n uses", "TestVerifySendsWhatPrepareGave TestFakeTimesCard", ""},
	{"rows with result, code as sent, verify_id, certificate_id, order_id, origin_code", "TestVerifySendsWhatPrepareGave", ""},
	{"verify_amount_info for 次卡 only", "TestVerifyOfATimesCard TestFakeTimesCard", ""},
	{"verify_id and certificate_id are what an undo needs", "TestFakeLifeOfACoupon TestCancelSendsOneUseAndNoCancelToken", ""},
	{"origin_code is the plain code of a QR code too", "TestFakeLinks", ""},
	{"a repeat with the same token; result 1208 or 2 counts as success", "TestVerifyOutcomes TestFakeLifeOfACoupon TestFakeHangs", ""},
	{"when to repeat: 5 times every 5 s, then every 40 s", "", "when is the caller's"},
	{"how long a verify_token keeps its effect is not found", "TestFakeDeadVerifyToken", ""},
	{"whether a 次卡's n uses have n rows is not found", "TestFakeTimesCard", ""},

	// Cancel.
	{"POST cancel: verify_id and certificate_id", "TestCancelSendsOneUseAndNoCancelToken", ""},
	{"several at once by the id 0, and batches", "TestVerifyIsNotSentWithoutWhatItNeeds", ""},
	{"cancel_token and times_card_cancel_count are not sent", "TestCancelSendsOneUseAndNoCancelToken", ""},
	{"cancel_results are optional, each with result_code", "TestCancelOutcomes TestFakeLifeOfACoupon", ""},
	{"an hour; 3000001 with 2034000910 when it is over", "TestFakeUndoWindow TestCancelOutcomes", ""},
	{"the window may end early; can_cancel tells", "TestFakeUndoWindow", ""},
	{"afterwards the coupon is unused; whether its code changes is not found", "TestFakeLifeOfACoupon", ""},

	// Questions.
	{"GET get by encrypted_code; the plain code once it cannot be undone", "TestOrderAndCertificateRequests TestFakeUndoWindow", ""},
	{"GET query by order_id or encrypted_code", "TestOrderAndCertificateRequests TestFakeLifeOfACoupon", ""},
	{"status 0 to 6", "TestLeftAndPrices TestFakeHold", ""},
	{"verify_type, and 开放平台API for interfaces", "TestLooseCertificates TestFakeLifeOfACoupon", ""},
	{"a used code typed again: an error, an empty list or the rest of the order", "TestFakeWhatPrepareKnows", ""},

	// History and money.
	{"GET verify_record/query: account_id, cursor, size at most 20, start_time, end_time, poi_ids", "TestVerifyRecordsOfAllPages TestFakeRecordsByPages", ""},
	{"the cursor is the last record's; no start means today", "TestVerifyRecordsOfAllPages TestFakeRecordsByPages", ""},
	{"records, or records_v2", "TestVerifyRecordsThatWereUndone TestFakeRecordsByPages", ""},
	{"status 2 or a cancel_time: undone", "TestVerifyRecordsThatWereUndone TestFakeLifeOfACoupon", ""},
	{"no shop in a record: asked for shop by shop", "TestFakeRecordsByPages", ""},
	{"the price is original_amount, coupon_pay_amount, pay_amount; of a use serial_amount_list", "TestLeftAndPrices TestFakeTimesCard", ""},
	{"GET ledger/query_record_by_cert by certificate_ids, an hour after the verify", "TestLedgers TestFakeShopsAndLedgers", ""},
	{"bills of a day by composite_query", "", "not asked for"},
	{"GET shop/poi/query by account_id or poi_id, pages of 50", "TestShops TestFakeManyShops TestFakeShopsAndLedgers", ""},

	// Webhook.
	{"the handshake is answered with its challenge", "TestHandshake ExampleClient_ReadNotice TestFakeNotices", ""},
	{"content is JSON in text", "TestReadNotice TestFakeNotices", ""},
	{"actions verify, verify_cancel, refund_success", "TestReadNotice TestFakeNotices", ""},
	{"X-Douyin-Signature is hex of SHA-1 over secret and body", "TestReadNotice TestNoticesThatAreNotTaken TestFakeNotices FuzzReadNotice", ""},
	{"Msg-Id tells repeats", "TestReadNotice", ""},
	{"a coupon's notices of one action have one Msg-Id", "", "how notices are taken is the caller's"},
	{"5 s, three retries, no order, no promise", "", "how notices are taken is the caller's"},

	// Codes.
	{"2100001, 2100004, 2119002, 6001001: unknown", "TestEveryDocumentedCode TestFakeFaults", ""},
	{"2119003: too frequent", "TestEveryDocumentedCode TestFakeFaults", ""},
	{"2100005, 2119001, 200002, 1502, 4000001, 4000002: our request", "TestEveryDocumentedCode", ""},
	{"2119008, 2119010: the operator", "TestEveryDocumentedCode", ""},
	{"3000001 by its finer code; 5000001 to the platform with the logid", "TestEveryDocumentedCode TestCancelOutcomes", ""},
	{"3000002: another shop's", "TestEveryDocumentedCode TestFakeWhatPrepareKnows", ""},
	{"1212, 1263, 1033000519, 3100101: not found", "TestEveryDocumentedCode TestFakeRefusals", ""},
	{"1208 and result 2: used", "TestVerifyOutcomes TestFakeRefusals", ""},
	{"1221, 45005117: a fresh code", "TestEveryDocumentedCode TestFakeLinks", ""},
	{"1229: held, neither done nor refused", "TestVerifyOutcomes TestFakeHold ExampleClass", ""},
	{"1241: too few uses left", "TestEveryDocumentedCode TestFakeTimesCard", ""},
	{"1250, 1265, 2119006, 2119007: refused", "TestEveryDocumentedCode TestFakeRefusals", ""},
	{"a code that is not documented is a doubt to a call with an effect", "TestVerifyOutcomes TestCancelOutcomes TestFakeFaults", ""},
	{"what answers in between is a doubt to a call with an effect", "TestAnswersThatAreNotThePlatforms TestLostAnswers TestFakeFaults", ""},
	{"an echo of a verify that something sent twice is 1208; the order tells", "TestFakeProxyThatRepeats", ""},
	{"any field may be missing or null", "TestFakeMissingFields TestLooseCertificates", ""},
	{"2100005 to a verify after a good prepare was seen", "TestEveryDocumentedCode", ""},

	// Kuaishou.
	{"the same interfaces at another host, without the slash, with another way of signing in", "TestDialectIsOneValue", ""},
}

func TestFacts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				there = append(there, f.Name.Name)
			}
		}
	}
	var told []string
	for _, f := range facts {
		if (f.tests == "") == (f.why == "") || slices.Contains(told, f.fact) {
			t.Errorf("%q has both a test and a reason to have none, or neither, or stands here twice", f.fact)
		}
		told = append(told, f.fact)
		for _, test := range strings.Fields(f.tests) {
			if !slices.Contains(there, test) {
				t.Errorf("%q: there is no %s", f.fact, test)
			}
			told = append(told, test)
		}
	}
	for _, name := range there {
		if strings.HasPrefix(name, "TestFake") && !slices.Contains(told, name) {
			t.Errorf("%s shows no fact", name)
		}
	}
}
