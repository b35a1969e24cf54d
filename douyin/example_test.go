package douyin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"yanquan/douyin"
)

// platform stands in for Douyin.
func platform() *httptest.Server {
	answers := map[string]string{
		"client_token": `{"data":{"access_token":"clt.x","expires_in":7200,"error_code":0},"message":"success"}`,
		"prepare":      `{"data":{"error_code":0,"order_id":"800","verify_token":"t1","certificates":[{"encrypted_code":"e1","certificate_id":"7","sku":{"title":"双人餐"},"amount":{"original_amount":9900}}]},"extra":{"error_code":0}}`,
		"verify":       `{"data":{"error_code":0,"verify_results":[{"result":0,"code":"e1","verify_id":"9","certificate_id":"7","order_id":"800","origin_code":"104686126200130"}]},"extra":{"error_code":0}}`,
		"cancel":       `{"data":{"error_code":3000001,"description":"已超过可撤销时限"},"extra":{"error_code":3000001,"sub_error_code":2034000910,"logid":"2025"}}`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		_, _ = io.WriteString(w, answers[parts[len(parts)-1]])
	}))
}

// A code that a customer shows is looked at, used, and its use undone.
func Example() {
	server := platform()
	defer server.Close()
	client, err := douyin.New(douyin.Config{APIURL: server.URL, ClientKey: "aw…", ClientSecret: "…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, shop := context.Background(), douyin.Shop{ID: "7102345678901234567"}

	prepared, err := client.Prepare(ctx, shop, "104686126200130")
	if err != nil {
		fmt.Println(err)
		return
	}
	coupon := prepared.Certificates[0]
	price, _ := coupon.Amount.Price()
	fmt.Println(coupon.SKU.Title, price)

	// Keep token, order and encrypted code before the call: they settle a doubt.
	used, err := client.Verify(ctx, shop, douyin.VerifyRequest{
		Token: prepared.VerifyToken, OrderID: prepared.OrderID, Codes: []douyin.Secret{coupon.EncryptedCode},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("used", used[0].Code)

	err = client.Cancel(ctx, shop, used[0].ID, used[0].CertificateID)
	fmt.Println(err)
	// Output:
	// 双人餐 ¥99.00
	// used 104686126200130
	// douyin cancel: refused (undo_too_late): code 3000001/2034000910 已超过可撤销时限 [trace 2025]
}

// The class of an error says what is known about the effect.
func ExampleClass() {
	err := error(&douyin.Error{Platform: "douyin", Call: douyin.CallVerify, Class: douyin.Held, Reason: douyin.RiskHeld, Code: "1229"})
	switch {
	case errors.Is(err, douyin.UnknownOutcome):
		fmt.Println("send the same token again, or query the order")
	case errors.Is(err, douyin.Held):
		fmt.Println("do not serve yet: it is decided within 48 hours")
	case errors.Is(err, douyin.Refused):
		fmt.Println("nothing was used")
	}
	// Output: do not serve yet: it is decided within 48 hours
}

// A webhook answers the platform's question and takes what is signed.
func ExampleClient_ReadNotice() {
	client, err := douyin.New(douyin.Config{ClientKey: "aw…", ClientSecret: "…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := []byte(`{"event":"verify_webhook","client_key":"","content":{"challenge":12345}}`)
	notice, err := client.ReadNotice(http.Header{}, body)
	fmt.Println(string(notice.Answer), err)

	body = []byte(`{"event":"life_trade_certificate_notify","content":"{\"action\":\"refund_success\"}"}`)
	_, err = client.ReadNotice(http.Header{"X-Douyin-Signature": {"0000"}}, body)
	fmt.Println(err)
	// Output:
	// {"challenge":12345} <nil>
	// douyin: not signed by the platform
}
