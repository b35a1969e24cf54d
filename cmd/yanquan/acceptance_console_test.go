package main

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
	"yanquan/models"
)

// Those who lead or manage stores get a link by 后台 and see their stores, and
// nobody else's.
func TestConsole(t *testing.T) {
	inCells(t, []setting{
		{driver: models.SQLite, dialect: dianpingtest.Dianping, afternoon: true},
		{driver: models.MySQL, dialect: dianpingtest.Meituan, afternoon: true},
		{driver: models.SQLite, dialect: douyin, afternoon: true},
	}, func(w *world) {
		kept, undone, other := w.sell(), w.sell(), w.sell(shopB)
		w.say("zhangsan", "验 "+kept, "核销成功")
		w.say("zhangsan", "验 "+undone, "核销成功")
		w.say("zhangsan", "撤 "+undone, "已撤销")
		w.say("qianqi", "验 "+other, "核销成功")
		w.say("zhangsan", "验 "+kept, "已核销") // once more
		w.say("qianqi", "验 "+other, "已核销")
		w.ledger(kept, 1, 0)
		w.ledger(undone, 1, 1)
		w.ledger(other, 1, 0)

		if w.at(kept).traits().phones {
			w.say("zhangsan", "查 "+tail(phone), "今天 2 次核销", tail(kept), tail(undone))
			w.say("qianqi", "查"+tail(phone)+"。", "今天 1 次核销", tail(other))
		} else {
			w.say("zhangsan", "查 "+tail(phone), "今天没有核销过")
		}
		w.say("zhangsan", "查 0001", "今天没有核销过")
		w.say("zhangsan", "后台", "只有组长和店长")
		group := *w
		group.group = true
		group.say("boss", "后台", "单聊")
		nobody := &browser{world: w}
		nobody.get("", http.StatusUnauthorized, "请先登录")
		nobody.get("in?t=x", http.StatusUnauthorized, "请先登录")
		nobody.get("nothing", http.StatusNotFound, "没有这个页面")

		boss := w.signIn("boss")
		boss.get("", http.StatusOK, "¥99.80", "撤销 1 张", storeA, storeB, "张三", "钱七", "<rect")
		history := boss.get("history", http.StatusOK, kept, undone, other, "已核销", "已撤销")
		stores := regexp.MustCompile(`<option value="(\d+)">` + storeB).FindStringSubmatch(history)
		ofOther := regexp.MustCompile(`href="(voucher/[0-9a-z]+)">\s*<span class="soft">[^<]*</span><span class="r good">已核销</span>\s*<span>[^<]*<br><span class="soft"><span class="code">` + other).FindStringSubmatch(history)
		if stores == nil || ofOther == nil {
			w.Fatalf("no store or voucher to choose:\n%s", middle([]byte(history)))
		}
		onlyB := "?store=" + stores[1]
		boss.get(onlyB, http.StatusOK, "¥49.90", "钱七")
		boss.get(ofOther[1], http.StatusOK, "核销成功", "经过", "平台 "+w.at(other).traits().call("consume"), "消息发给", other)
		boss.lacks("history?state=undone", kept, other)
		boss.lacks("history?q="+kept, undone, other)
		if w.at(kept).traits().phones {
			boss.get("history?q="+tail(phone), http.StatusOK, kept, other) // the end of the phone
		} else {
			boss.lacks("history?q="+tail(phone), kept, other)
		}
		boss.lacks("history?days=yesterday", kept)
		boss.get("attempts", http.StatusOK, kept, other, "张三", "钱七", storeA, storeB, "此券已核销", "全部 <b>2</b>")
		boss.lacks("attempts"+onlyB, kept)
		boss.lacks("attempts?days=yesterday", kept, other)
		boss.lacks("attempts?cause="+url.QueryEscape("券已过期"), kept, other)
		boss.get("reconcile", http.StatusOK, storeA, storeB, "还没有对账")
		boss.get("stores", http.StatusOK, storeA, storeB, "钱七")
		boss.get("audit", http.StatusOK, "变更")

		// A scanner's code leads to the one verification of it; what was verified and undone
		// is one, and nothing is verified by looking.
		unsold := w.sell()
		for _, code := range []string{kept, undone, other} {
			boss.get("scan?q="+url.QueryEscape(" "+code+"\r\n"), http.StatusSeeOther)
			boss.get(strings.TrimPrefix(boss.location, "/console/"), http.StatusOK, code, "经过", `action="../scan"`)
		}
		boss.get("scan?q="+unsold, http.StatusOK, unsold, "没有核销记录")
		w.ledger(unsold, 0, 0)

		for path, status := range map[string]int{
			"scan": http.StatusOK, "scan?q=123": http.StatusBadRequest,
			"?period=nonsense": http.StatusBadRequest, "?day=2099-01-01": http.StatusBadRequest, "?store=x": http.StatusNotFound,
			"history?q=abc": http.StatusBadRequest, "history?q=123": http.StatusBadRequest, "history?after=x": http.StatusOK,
			"history?state=x%27":     http.StatusOK,
			"attempts?days=nonsense": http.StatusBadRequest, "attempts?days=2099-01-01": http.StatusBadRequest, "attempts?store=x": http.StatusNotFound,
			"attempts?after=x": http.StatusOK, "attempts?cause=x%27": http.StatusOK, "voucher/nothing": http.StatusNotFound, "voucher/": http.StatusNotFound,
			"reconcile?day=2099-01-01": http.StatusBadRequest, "reconcile?day=2026-10": http.StatusBadRequest, "stores?from=-1": http.StatusOK, "stores?from=99": http.StatusOK,
		} {
			boss.get(path, status)
		}

		for _, user := range []string{"wangwu", "sunba"} { // lead and manager of store A
			b := w.signIn(user)
			b.get("", http.StatusOK, "¥49.90", "撤销 1 张")
			b.lacks("", storeB, "钱七")
			b.lacks("history", other, storeB)
			b.lacks("history?q="+other, "已核销</span>")
			b.get(onlyB, http.StatusNotFound)
			b.get("history"+onlyB, http.StatusNotFound)
			b.get("attempts", http.StatusOK, kept, "张三", "此券已核销", "全部 <b>1</b>")
			b.lacks("attempts", other, storeB, "钱七")
			b.get("attempts"+onlyB, http.StatusNotFound)
			b.get(ofOther[1], http.StatusNotFound, "没有这次核销")
			b.get("reconcile", http.StatusOK, storeA, "还没有对账")
			b.lacks("reconcile", storeB)
			b.get("reconcile"+onlyB, http.StatusNotFound)
			b.get("scan?q="+kept, http.StatusSeeOther)
			b.get("scan?q="+other, http.StatusOK, "没有核销记录")
			b.lacks("scan?q="+other, storeB, "已核销</span>")
			if user == "wangwu" {
				b.get("stores", http.StatusForbidden, "只给店长看")
				b.get("audit", http.StatusForbidden, "只给店长看")
				continue
			}
			b.get("stores", http.StatusOK, storeA, "孙八", "店长", "王五", "组长")
			b.lacks("stores", storeB, "qianqi")
			b.get("audit", http.StatusOK)
		}

		// Another site's form does nothing; one's own signs out, for good.
		boss.post("out", nil, http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
		boss.get("", http.StatusOK)
		session := boss.cookie
		boss.post("out", nil, http.StatusOK)
		if boss.cookie == nil || boss.cookie.MaxAge >= 0 {
			w.Error("signing out leaves the cookie")
		}
		boss.cookie = session
		boss.get("", http.StatusUnauthorized, "请先登录")
	})
}

// WeCom itself signs members in, by its own browser and by a code to scan, and
// they get the page they came for. What comes back serves one browser, once.
func TestConsoleByWeCom(t *testing.T) {
	inCells(t, []setting{{driver: models.SQLite, dialect: dianpingtest.Meituan}}, func(w *world) {
		const wanted = "history?state=undone"
		enter := func(user, agent, page string) (b *browser, back string) {
			b = &browser{world: w, agent: agent}
			b.get("wecom?next="+url.QueryEscape(page), http.StatusSeeOther)
			address, err := w.wecom.Authorize(user, b.location)
			w.must(err)
			return b, strings.TrimPrefix(address, publicURL+"/console/")
		}
		for agent, host := range map[string]string{
			"Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 wxwork/4.1.30 MicroMessenger/7.0.1 Language/zh": "open.weixin.qq.com",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36":  "login.work.weixin.qq.com",
		} {
			nobody := &browser{world: w, agent: agent}
			nobody.get(wanted, http.StatusUnauthorized, "用企业微信登录", `href="/console/wecom?next=history%3Fstate%3Dundone"`)
			b, back := enter("boss", agent, wanted)
			if u, err := url.Parse(b.location); err != nil || u.Host != host {
				w.Errorf("%s is sent to %s", agent, b.location)
			}
			state := b.cookie
			nobody.get(back, http.StatusUnauthorized) // another browser
			b.cookie = state
			b.get(back, http.StatusSeeOther)
			if b.location != "/console/"+wanted {
				w.Errorf("ends at %s", b.location)
			}
			b.get(wanted, http.StatusOK, "历史", storeA)
			session := b.cookie
			b.cookie = state
			b.get(back, http.StatusUnauthorized) // the state was used, and WeCom is not asked
			b.cookie = session
			b.get("", http.StatusOK)
		}
		staff, back := enter("zhangsan", "", "")
		staff.get(back, http.StatusSeeOther)
		staff.get("", http.StatusForbidden, "只有组长和店长")
		customer, back := enter("a-customer", "", "")
		customer.get(back, http.StatusForbidden, "只有组长和店长")
		_, back = enter("boss", "", "")
		forger, _ := enter("boss", "", "")
		forger.get(back, http.StatusUnauthorized) // the state is another's
	})
}

// browser is a manager's, at the console.
type browser struct {
	*world
	agent    string // User-Agent
	cookie   *http.Cookie
	location string // of the last redirect
}

// signIn asks for a link and opens it.
func (w *world) signIn(user string) *browser {
	w.Helper()
	link := w.card(w.say(user, "后台", "打开后台", "10 分钟")).Card.URL
	u, err := url.Parse(link)
	w.must(err)
	b := &browser{world: w}
	path := strings.TrimPrefix(link, publicURL+"/console/")
	b.get(path, http.StatusOK, "登录后台") // looking does not use it up
	b.get(path, http.StatusOK, user)
	form := url.Values{"t": {u.Query().Get("t")}}
	b.post("in", form, http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
	b.post("in", form, http.StatusSeeOther)
	if k := b.cookie; k == nil || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(k.Name, "__Host-") || k.Path != "/" {
		w.Fatalf("cookie %+v", k)
	}
	thief := &browser{world: w}
	thief.post("in", form, http.StatusUnauthorized)
	thief.get(path, http.StatusUnauthorized)
	return b
}

func (b *browser) get(path string, status int, want ...string) string {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.url()+"/console/"+path, nil)
	b.must(err)
	return b.do(req, status, want...)
}

func (b *browser) lacks(path string, unwanted ...string) {
	b.Helper()
	page := middle([]byte(b.get(path, http.StatusOK)))
	for _, text := range unwanted {
		if strings.Contains(page, text) {
			b.Errorf("%s shows %q:\n%s", path, text, page)
		}
	}
}

func (b *browser) post(path string, form url.Values, status int, header ...string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.url()+"/console/"+path, strings.NewReader(form.Encode()))
	b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	b.do(req, status)
}

func (b *browser) do(req *http.Request, status int, want ...string) string {
	b.Helper()
	if b.cookie != nil {
		req.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	}
	req.Header.Set("User-Agent", b.agent)
	answer, err := fakeserver.Browser().Do(req)
	b.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	b.must(err)
	if answer.StatusCode != status {
		b.Fatalf("%s %s answers %d, not %d:\n%s", req.Method, req.URL.Path, answer.StatusCode, status, middle(body))
	}
	for _, text := range want {
		if !strings.Contains(string(body), text) {
			b.Errorf("%s does not show %q:\n%s", req.URL.Path, text, middle(body))
		}
	}
	if status != http.StatusSeeOther && (!strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") || answer.Header.Get("Cache-Control") != "no-store") {
		b.Errorf("%s: headers %v", req.URL.Path, answer.Header)
	}
	b.location = answer.Header.Get("Location")
	for _, k := range answer.Cookies() {
		b.cookie = k
	}
	return string(body)
}

// middle is what differs from page to page.
func middle(page []byte) string {
	_, main, _ := strings.Cut(string(page), "<main>")
	return main
}
