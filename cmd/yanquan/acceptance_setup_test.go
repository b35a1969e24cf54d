package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/internal/fakeserver"
)

// A store from nothing, by chat and browser alone: authorised, bound to a group,
// with a person who joins; its session expires, and in the end the merchant
// withdraws the authorisation.
func TestSetUpFromTheChat(t *testing.T) {
	t.Parallel()
	for _, cell := range breadth.Of(t.Name(), faultCells...) {
		t.Run(cell.String(), func(t *testing.T) {
			t.Parallel()
			setUp(newWorld(t, cell))
		})
	}
}

func setUp(w *world) {
	w.must(w.platform.AddShop(dianpingtest.Shop{ID: shopC, Name: storeC, Customer: "customer-c"}))
	w.platform.SetRegistration(dianpingtest.Registration{
		CallbackURL: publicURL + "/auth/meituan/callback", NoticeURL: w.url() + "/auth/meituan/notice",
	})
	app, room := *w, *w
	app.group = false
	room.group, room.room = true, roomC

	// The link is for managers, in private, once.
	app.say("zhangsan", "授权", "只有管理员")
	room.say("boss", "授权", "单聊")
	link := app.linkFor(w.dialect)
	before := w.wecom.Version()
	if page := w.authorized(link, shopC); !strings.Contains(page, "授权成功") || !strings.Contains(page, storeC) {
		w.Fatalf("the page at the end: %s", page)
	}
	app.await(1, answer{user: "boss", since: before}, "门店已接通", storeC)
	if status, _ := get(w.T, w.local(link)); status != http.StatusGone {
		w.Errorf("the used link answers %d", status)
	}
	app.say("boss", "门店", "3 家门店", storeC+" 已接通")

	// The group, and who works there.
	code := w.sell(shopC)
	room.say("zhoujiu", "验 "+code, "还没有绑定门店")
	room.press("boss", room.card(room.say("boss", "绑定", "["+storeC+"]")), storeC, "已绑定")
	room.say("zhoujiu", "验 "+code, "您还不在名单里")
	before = w.wecom.Version()
	room.say("zhoujiu", "我是 周九", "已经告诉管理员")
	ask := app.card(app.await(1, answer{user: "boss", since: before}, "有人申请加入", "周九", storeC))
	app.press("boss", ask, "同意", "已同意")
	w.ledger(code, 0, 0)
	room.say("zhoujiu", "验 "+code, "核销成功", storeC, "周九")
	w.ledger(code, 1, 0)

	// The session expires: nobody notices.
	w.must(w.platform.ExpireSession(w.platform.Authorizations()[0].Token))
	code = w.sell(shopC)
	room.say("zhoujiu", "验 "+code, "核销成功", storeC)
	w.ledger(code, 1, 0)
	if a := w.platform.Authorizations()[0]; a.Refreshes != 1 {
		w.Errorf("%d renewals", a.Refreshes)
	}

	// The merchant withdraws: the second generation says so, the first is found out.
	before = w.wecom.Version()
	w.must(w.platform.RevokeSession(w.platform.Authorizations()[0].Token))
	told := func() {
		app.await(1, answer{user: "boss", since: before}, "门店授权失效", storeC, "[重新授权]")
	}
	if w.dialect == dianpingtest.Meituan { // not to be found out as well, which is told in other words
		told()
	}
	code = w.sell(shopC)
	room.say("zhoujiu", "验 "+code, "门店授权失效", "重新授权")
	if w.dialect == dianpingtest.Dianping {
		told()
	}
	w.ledger(code, 0, 0)
	app.say("boss", "门店", storeC+" 授权失效")
	room.say("zhangsan", "验 "+w.sell(), "您还不在名单里") // of another store

	out, err := audit(w)
	if err != nil {
		w.Fatal(err)
	}
	written := out
	for _, p := range w.logs {
		written += p.stderr.String()
	}
	for _, a := range w.platform.Authorizations() {
		if strings.Contains(written, a.Token) || strings.Contains(written, a.RefreshToken) {
			w.Error("a token stands in a log")
		}
	}
	found := map[dianpingtest.Dialect]string{dianpingtest.Meituan: "end", dianpingtest.Dianping: "session refused"}[w.dialect]
	for _, action := range []string{"authorize", "bind", "ask to join", "member", "renew", found} {
		if !strings.Contains(out, "  "+action+"  ") {
			w.Errorf("no %q in the audit log:\n%s", action, out)
		}
	}
}

// linkFor asks for the link by which a manager authorises a new store.
func (w *world) linkFor(dialect dianpingtest.Dialect) string {
	w.Helper()
	choose := w.card(w.say("boss", "授权", "授权哪个平台"))
	button := map[dianpingtest.Dialect]string{dianpingtest.Dianping: "大众点评", dianpingtest.Meituan: "美团"}[dialect]
	next := w.press("boss", choose, button)
	if strings.Contains(next.text(), "是哪家门店") { // there are some that it could be
		next = w.press("boss", w.card(next), "新门店")
	}
	if !strings.Contains(next.text(), "10 分钟内有效") {
		w.Fatalf("no link in:\n%s", next.text())
	}
	return w.card(next).Card.URL
}

// local is an address of the program as this machine reaches it.
func (w *world) local(address string) string {
	w.Helper()
	path, ours := strings.CutPrefix(address, publicURL)
	if !ours {
		w.Fatalf("%q is not an address of ours", address)
	}
	return w.url() + path
}

// authorized follows a link through the platform's page to the end, as the
// manager's browser does.
func (w *world) authorized(link, shop string) string {
	w.Helper()
	status, page := get(w.T, w.local(link))
	if status != http.StatusOK || !strings.Contains(page, "授权") {
		w.Fatalf("the link answers %d: %s", status, page)
	}
	u, err := url.Parse(link)
	w.must(err)
	platform := w.sentOn(w.local(publicURL+u.Path), url.Values{"t": {u.Query().Get("t")}})
	back := w.sentOn(platform, url.Values{"shop": {shop}})
	status, page = get(w.T, w.local(back))
	if status != http.StatusOK {
		w.Fatalf("the way back answers %d: %s", status, page)
	}
	return page
}

// sentOn posts a form and says where that leads.
func (w *world) sentOn(address string, form url.Values) string {
	w.Helper()
	answer, err := fakeserver.Browser().PostForm(address, form)
	w.must(err)
	defer answer.Body.Close()
	to := answer.Header.Get("Location")
	if to == "" {
		body, _ := io.ReadAll(answer.Body)
		w.Fatalf("%s answers %d: %s", address, answer.StatusCode, body)
	}
	return to
}

// audit runs the command of that name.
func audit(w *world) (string, error) {
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, builtProgram(w.T, ""), "audit", "--config", w.config)
	cmd.Env = append(cmd.Environ(), w.env...)
	out, err := cmd.Output()
	return string(out), err
}
