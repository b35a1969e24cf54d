package server

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/desk"
	"yanquan/models"
)

// views are pages of every kind; [TestPages] renders them.
func views(now time.Time) map[string]desk.VoucherView {
	fields := []bot.Field{
		{Key: "券码", Value: "7992697494"}, {Key: "售价", Value: "¥49.90", Fact: bot.Price}, {Key: "手机", Value: "138****0000"},
		{Key: "有效期至", Value: "2026-12-31"}, {Key: "核销人", Value: "张三", User: "zhangsan"}, {Key: "门店", Value: "人民广场店"},
	}
	card := func(title, text string) bot.Card {
		return bot.Card{Timed: strings.HasPrefix(text, "可撤销至"), Title: title, Desc: "双人下午茶套餐（周末通用）", Text: text, Fields: fields, Keys: []bot.CardKey{{Text: "撤销", Key: "undo"}}}
	}
	return map[string]desk.VoucherView{
		"fresh":    {Store: "人民广场店", State: models.Done, Card: card("核销成功", "可撤销至 14:12:09"), UndoUntil: now.Add(9*time.Minute + 48*time.Second)},
		"soon":     {Store: "人民广场店", State: models.Done, Card: card("核销成功", "可撤销至 14:12:09"), UndoUntil: now.Add(49 * time.Second)},
		"done":     {Store: "人民广场店", State: models.Done, Card: card("核销成功", "13:02:09 核销，已过撤销时间。")},
		"undone":   {Store: "人民广场店", State: models.Undone, Card: card("已撤销", "核销已撤销，原券码已经作废；顾客可以在 App 里看到新的券码。")},
		"unknown":  {Store: "人民广场店", State: models.Unknown, Card: card("核验中", "平台还没有给出结果，我在继续确认，请先不要重复核销。")},
		"undoing":  {Store: "人民广场店", State: models.UndoUnknown, Card: card("撤销中", "平台还没有给出撤销的结果，我在继续确认，请稍等。")},
		"human":    {Store: "人民广场店", State: models.Unknown, NeedsHuman: true, Card: card("需要人工确认", "平台超过 3 分钟没有给出结果。请到开店宝里查这个券码是否已核销；有了结果我也会再发消息。")},
		"rejected": {Store: "人民广场店", State: models.Rejected, Card: card("券已使用", "这张券已由 李四 在 2026-03-01 13:00:00 核销。请和顾客确认。")},
		"several": {Store: "人民广场店", State: models.Done, UndoUntil: now.Add(5 * time.Minute), Card: bot.Card{Title: "核销成功", Desc: "双人下午茶套餐", Fields: fields,
			Quote: &bot.Quote{Title: "共 2 张", Text: "7992697494\n7992697495 已撤销"}}},
		"hostile": {Store: `<script>alert(1)</script>`, State: models.Done, Card: bot.Card{Title: `"><img src=x onerror=alert(1)>`, Desc: `{{.}}`, Text: "</script>"}},
	}
}

func voucherPage(t *testing.T, b *bundle, id string) (int, string, string) {
	t.Helper()
	token, err := b.links.Sign(ToVoucher, id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	rec := b.do("GET", "/v/"+token, nil)
	return rec.Code, rec.Body.String(), rec.Header().Get("Content-Security-Policy")
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Vouchers = fakeVouchers{views: views(time.Now())} })
	want := map[string][]string{
		"fresh":    {"核销成功", "¥49.90", "双人下午茶套餐", "799****494", "138****0000", "2026-12-31", "张三", "人民广场店", "还可以撤销", `data-left="58`, "<script nonce="},
		"soon":     {"还可以撤销", "00:4"},
		"done":     {"核销成功", "已过撤销时间", `class="good done"`},
		"undone":   {"已撤销", "新的券码", `class="plain undone"`},
		"unknown":  {"核验中", `http-equiv="refresh" content="3"`, "自动更新"},
		"undoing":  {"撤销中", `http-equiv="refresh"`},
		"human":    {"需要人工确认", `class="bad unknown"`, `content="30"`},
		"rejected": {"券已使用", "李四", `class="bad rejected"`},
		"several":  {"共 2 张", "799****495 已撤销"},
		"hostile":  {"&lt;script&gt;", "{{.}}"},
	}
	for id := range views(time.Now()) {
		code, body, csp := voucherPage(t, b, id)
		if code != 200 {
			t.Errorf("%s: status %d", id, code)
		}
		for _, text := range want[id] {
			if !strings.Contains(body, text) {
				t.Errorf("%s lacks %q", id, text)
			}
		}
		if strings.Contains(body, "7992697494") || strings.Contains(body, "<img") || strings.Contains(body, "alert(1)</script>") {
			t.Errorf("%s shows what it must not:\n%s", id, body)
		}
		if hasClock := strings.Contains(body, "<script"); hasClock != (id == "fresh" || id == "soon" || id == "several") {
			t.Errorf("%s: undo clock %v", id, hasClock)
		}
		if strings.Contains(body, "src=") && id != "hostile" || regexp.MustCompile(`https?://`).MatchString(body) {
			t.Errorf("%s loads something from elsewhere", id)
		}
		nonce := regexp.MustCompile(`nonce="([^"]+)"`).FindStringSubmatch(body)
		if nonce == nil || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "'nonce-"+nonce[1]+"'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q, nonce %v", id, csp, nonce)
		}
	}
	_, one, _ := voucherPage(t, b, "fresh")
	_, two, _ := voucherPage(t, b, "fresh")
	nonce := regexp.MustCompile(`nonce="([^"]+)"`)
	if nonce.FindString(one) == nonce.FindString(two) {
		t.Error("a nonce was used twice")
	}
}

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := b.do("GET", "/v/nonsense", nil)
	for header, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"X-Robots-Tag": "noindex, nofollow", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := rec.Header().Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}

func TestPageNotices(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past, err := NewLinks([]byte(strings.Repeat("\a", 32)), func() time.Time { return now.Add(-31 * 24 * time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	b := setup(t)
	broken := setup(t, func(o *Options) { o.Vouchers = fakeVouchers{err: errors.New("dial root:hunter2@db")} })
	sign := func(l *Links, p Purpose) string {
		token, err := l.Sign(p, "op", VoucherLinkLife)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, tt := range []struct {
		name, token string
		bundle      *bundle
		status      int
		want        string
	}{
		{"nonsense", "nonsense", b, 404, "没有这个页面"},
		{"another purpose", sign(b.links, "auth"), b, 404, "没有这个页面"},
		{"expired", sign(past, ToVoucher), b, 410, "链接已过期"},
		{"gone", sign(b.links, ToVoucher), b, 404, "没有这次核销"},
		{"database lost", sign(b.links, ToVoucher), broken, 503, "暂时打不开"},
	} {
		rec := tt.bundle.do("GET", "/v/"+tt.token, nil)
		if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) || strings.Contains(rec.Body.String(), "hunter2") {
			t.Errorf("%s: status %d\n%s", tt.name, rec.Code, rec.Body)
		}
	}
}

func TestHomePage(t *testing.T) {
	t.Parallel()
	rec := setup(t).do("GET", "/", nil)
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "请回到企业微信") {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
}
