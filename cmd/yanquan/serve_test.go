package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom"
	"yanquan/dianping/dianpingtest"
)

func start(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := launch(t, self, []string{"YANQUAN_TEST_AS_PROGRAM=1"}, args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// robotSays posts a message as WeCom would, and gives the decrypted answer.
func robotSays(t *testing.T, base, plain string) string {
	t.Helper()
	c, err := wecom.NewCrypto("QDG6eK", testAES, "")
	if err != nil {
		t.Fatal(err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	encrypted, signature, err := c.Seal([]byte(plain), stamp, "nonce1")
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"msg_signature": {signature}, "timestamp": {stamp}, "nonce": {"nonce1"}}
	resp, err := http.Post(base+"/wecom/bot/group?"+q.Encode(), "application/json", strings.NewReader(`{"encrypt":"`+encrypted+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v: %s", resp.StatusCode, err, body)
	}
	answer := regexp.MustCompile(`"encrypt":"([^"]+)","msgsignature":"([^"]+)","timestamp":(\d+),"nonce":"([^"]+)"`).FindSubmatch(body)
	if answer == nil {
		t.Fatalf("answer %s", body)
	}
	text, err := c.Open(string(answer[2]), string(answer[3]), string(answer[4]), string(answer[1]))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The whole program on SQLite: start, verify a voucher, look at its page, stop on
// SIGTERM, start again and remember.
func TestServe(t *testing.T) {
	t.Parallel()
	platform := dianpingtest.New(dianpingtest.Options{AppKey: "k", AppSecret: "app-secret-value"})
	srv := httptest.NewServer(platform)
	defer srv.Close()
	defer platform.Close()
	platform.AddShop(dianpingtest.Shop{ID: "shop-1"})
	platform.AddSession(dianpingtest.Session{Token: "session-value", Dialect: dianpingtest.Dianping, Shops: []string{"shop-1"}})
	voucher, err := platform.AddVoucher(dianpingtest.Voucher{Shops: []string{"shop-1"}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := writeConfig(t, `
wecom: {bots: [{name: group, token: QDG6eK, encoding_aes_key: `+testAES+`}]}
dianping: {api_url: '`+srv.URL+`', app_key: k, app_secret: app-secret-value}
stores: [{name: 人民广场店, platform: dianping, shop_id: shop-1, session: session-value, chats: [wr1], staff: [{userid: zhangsan, name: 张三}]}]
log: {level: debug}
`)
	message := `{"msgid":"m1","aibotid":"a","chatid":"wr1","chattype":"group","from":{"userid":"ZhangSan"},"msgtype":"text","text":{"content":"@验券 验 ` + voucher.Code + `"}}`

	p := start(t, "serve", "--config", cfg)
	if status, body := get(t, p.url+"/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	card := robotSays(t, p.url, message)
	if !strings.Contains(card, "核销成功") || !strings.Contains(card, "人民广场店") {
		t.Fatalf("card: %s", card)
	}
	link := regexp.MustCompile(`"url":"([^"]+/v/[^"]+)"`).FindStringSubmatch(card)
	if link == nil {
		t.Fatalf("no link to the page: %s", card)
	}
	if status, page := get(t, link[1]); status != 200 || !strings.Contains(page, "核销成功") || !strings.Contains(page, "还可以撤销") || strings.Contains(page, voucher.Code) {
		t.Errorf("page: %d %s", status, page)
	}
	if _, metrics := get(t, p.url+"/metrics"); !strings.Contains(metrics, `yanquan_platform_call_duration_seconds_count{call="consume",class="ok",platform="dianping"} 1`) {
		t.Error("metrics do not count the consume")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.exited; err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	for _, secret := range []string{"app-secret-value", "session-value", testKey, testAES, voucher.Code} {
		if strings.Contains(p.stderr.String(), secret) {
			t.Errorf("log shows %q:\n%s", secret, p.stderr)
		}
	}

	p = start(t, "serve", "--config", cfg)
	if again := robotSays(t, p.url, message); !strings.Contains(again, "核销成功") {
		t.Errorf("a repeat after the restart: %s", again)
	}
	if counts := platform.TwiceConsumed(); len(counts) != 0 {
		t.Errorf("consumed twice: %v", counts)
	}
	var story, errs bytes.Buffer
	if status := run(context.Background(), []string{"explain", voucher.Code, "--config", cfg}, &story, &errs); status != 0 || !strings.Contains(story.String(), "张三") || !strings.Contains(story.String(), "平台 consume") {
		t.Errorf("explain: %d\n%s%s", status, &story, &errs)
	}
}

func TestServeAddressTaken(t *testing.T) {
	t.Parallel()
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	path := writeConfig(t, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("127.0.0.1:0"), []byte(strings.TrimPrefix(taken.URL, "http://")), 1)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := runCLI(t, "serve", "--config", path); status != 1 || !strings.Contains(stderr, "address already in use") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
