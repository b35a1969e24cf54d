package dianping

import (
	"maps"
	"testing"
)

// with returns a copy of fields with more of them.
func with(fields map[string]string, more ...string) map[string]string {
	fields = maps.Clone(fields)
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	return fields
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	v2 := map[string]string{
		"app_key": "testkey", "timestamp": "2024-01-02 03:04:05", "session": "sess", "format": "json",
		"v": "1", "sign_method": "MD5", "receipt_code": "0123456789", "open_shop_uuid": "uuid1",
	}
	w3 := map[string]string{
		"appAuthToken": "tok", "biz": `{"receiptCode":"0123456789"}`, "businessId": "58",
		"charset": "UTF-8", "developerId": "100000", "timestamp": "1700000000", "version": "2",
	}
	tests := []struct {
		name   string
		sign   func(string, map[string]string) string
		secret string
		fields map[string]string
		want   string
	}{
		{"V1", SignMD5, "aaaa111222aaa", map[string]string{
			"appkey": "as3d4fas4s", "method": "md5", "session": "aus3hdyrb46gsh2321dee5",
			"shop_id": "12224", "timestamp": "2018-09-04 10:44:33", "v": "1",
		}, "0a99288b0358ae31871118aedf2b980f"},
		{"V2", SignMD5, "testsecret", v2, "7cad799b33599cce6e2b887adb75def3"},
		{"V2, spaced, with empty values and an old signature", SignMD5, "testsecret",
			with(v2, "receipt_code", " 0123456789\n", "sign", "x", "count", "", "blank", "  "), "7cad799b33599cce6e2b887adb75def3"},
		{"V4", SignMD5, "testsecret", with(v2, "requestid", "req-1", "count", "1",
			"app_shop_account", "a01", "app_shop_accountname", "前台小王"), "dd9dba5e68694cfd39a2a094393b41b9"},
		{"V5", SignMD5, "123456", map[string]string{"appKey": "123456"}, "28ce54148e20df0a01117edf1bef913a"},

		{"W1", SignSHA1, "test-sign-key", map[string]string{
			"businessId": "59", "developerId": "123456", "message": `{"productId":1000}`,
			"msgId": "callback-1", "msgType": "5910003", "timestamp": "1711592316",
		}, "19e3e56e35030ae84f85122cdf5d73f5283bbef7"},
		{"W2", SignSHA1, "123456", map[string]string{
			"appAuthToken": "123", "biz": `{'req':100}`, "charset": "utf-8", "timestamp": "1577771730", "version": "1",
		}, "7ea14892f3c2094e4e2085b89bbbd9db55f77768"},
		{"W3", SignSHA1, "test-sign-key", w3, "dd4e241170e5424826a8289b692a1b1e50ea0311"},
		{"W4", SignSHA1, "test-sign-key", with(w3, "biz",
			`{"receiptCode":"0123456789","count":1,"requestId":"req-1","appShopAccount":"a01","appShopAccountName":"前台小王"}`),
			"8b18faa153d2a1b2e9dfa4565bc1d6ab8138f86e"},
		{"W5", SignSHA1, "test", map[string]string{
			"appkey": "test", "boolean": "true", "double": "123.123", "empty": "", "number": "123",
			"string": "测试", "timestamp": "1477395862", "version": "1.0",
		}, "8943ba698f4b009f80dc2fd69ff9b313381263bd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.sign(tt.secret, tt.fields); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if SignSHA1("k", map[string]string{"a": " 1 "}) == SignSHA1("k", map[string]string{"a": "1"}) {
		t.Error("SHA-1: spaces around a value must count")
	}
}
