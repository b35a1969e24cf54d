package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/reconcile"
	"yanquan/models"
)

// fakeDesk is what a test puts on one.
type fakeDesk struct {
	stores []models.Store
	found  []desk.Found
	next   *models.HistoryMark
	sheet  desk.Sheet
	err    error
	asked  desk.Search
	story  *desk.VoucherView

	attempts desk.Attempts
	sought   desk.AttemptSearch

	checked  []desk.DayChecked
	store    int64 // that was asked for
	notFound bool
	roster   []desk.StoreSheet
	changes  []desk.Change
	hooks    []desk.HookSheet
	managed  bool
}

func (d *fakeDesk) Desk(_ context.Context, user string) (desk.Desk, error) {
	mine := desk.Desk{User: user, Name: "王店长", Stores: d.stores}
	if d.managed {
		mine.Managed = d.stores
	}
	return mine, d.err
}

func (d *fakeDesk) Sheet(context.Context, desk.Desk, int64, command.Period) (desk.Sheet, error) {
	return d.sheet, nil
}

func (d *fakeDesk) History(_ context.Context, _ desk.Desk, q desk.Search) ([]desk.Found, *models.HistoryMark, error) {
	d.asked = q
	return d.found, d.next, nil
}

func (d *fakeDesk) Attempts(_ context.Context, _ desk.Desk, q desk.AttemptSearch) (desk.Attempts, error) {
	d.sought = q
	if q.Days == "nonsense" {
		return desk.Attempts{}, desk.ErrNoPeriod
	}
	return d.attempts, nil
}

func (d *fakeDesk) Story(context.Context, desk.Desk, string) (desk.VoucherView, []desk.Event, error) {
	if d.story == nil {
		return desk.VoucherView{}, nil, models.ErrNotFound
	}
	return *d.story, nil, nil
}
func (d *fakeDesk) Checked(_ context.Context, _ desk.Desk, store int64, _ command.Period) (string, []desk.DayChecked, error) {
	if d.store = store; d.notFound {
		return "", nil, models.ErrNotFound
	}
	return "2026-11-23", d.checked, nil
}
func (d *fakeDesk) Roster(context.Context, desk.Desk, int) ([]desk.StoreSheet, int, error) {
	return d.roster, 20, nil
}
func (d *fakeDesk) Hooks(context.Context, desk.Desk) ([]desk.HookSheet, error) { return d.hooks, nil }
func (d *fakeDesk) Changes(context.Context, desk.Desk) ([]desk.Change, error)  { return d.changes, nil }
func (d *fakeDesk) OfferedSignIn(context.Context, string) (string, error)      { return "wang", nil }
func (d *fakeDesk) SignIn(context.Context, string) (string, time.Time, error) {
	return "the-session", now.Add(12 * time.Hour), nil
}
func (d *fakeDesk) Admit(context.Context, string) (string, time.Time, error) {
	return "the-session", now.Add(12 * time.Hour), nil
}
func (d *fakeDesk) SignedIn(_ context.Context, session string) (string, error) {
	if session != "the-session" {
		return "", bot.ErrSignInOver
	}
	return "wang", nil
}
func (d *fakeDesk) SignOut(context.Context, string) error { return nil }

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func get(t *testing.T, d *fakeDesk, public, path string) *httptest.ResponseRecorder {
	t.Helper()
	c, err := New(Options{Desk: d, SignIns: d, PublicURL: public, Location: time.UTC, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.AddCookie(&http.Cookie{Name: c.cookie(), Value: "the-session"})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

var store = []models.Store{{Account: models.Account{ID: 1, Name: `<b>"店"</b>`}}, {Account: models.Account{ID: 2, Name: "乙店"}}}

// Whatever the platform and people call things is shown as text.
func TestHostileNames(t *testing.T) {
	const hostile = "\x1b[31m\u202e\"><script>alert(1)</script>"
	line := []desk.Line{{Name: hostile, Tally: models.Tally{Verified: models.Sum{Count: 1}}}}
	d := &fakeDesk{
		stores: store, managed: true,
		checked: []desk.DayChecked{{Store: store[0], Name: hostile, Says: hostile, Result: &reconcile.Result{
			Figures: reconcile.Figures{Money: reconcile.Money{Due: 4990, Estimated: 1}},
			Items:   []reconcile.Item{{Kind: reconcile.AmountDiffers, Code: hostile, Title: hostile, Account: hostile, Channel: hostile}}}}},
		roster:  []desk.StoreSheet{{Store: store[0], Accounts: []desk.AccountSheet{{Platform: hostile, State: hostile}}, People: []desk.Person{{Member: models.Member{Name: hostile, UserID: hostile}, Role: hostile}}}},
		hooks:   []desk.HookSheet{{Hook: models.Hook{Name: hostile, Host: hostile}, State: hostile}},
		changes: []desk.Change{{Who: hostile, Where: hostile, What: hostile}},
		sheet:   desk.Sheet{ByStore: line, ByPerson: line, ByDeal: line, Refused: []desk.Refused{{What: hostile, Times: 1}}, Outlook: []string{hostile}, Span: command.Span{From: now, To: now, Title: hostile}},
		found:   slices.Repeat([]desk.Found{{Operation: models.Operation{ID: hostile, Title: hostile, Code: hostile, User: hostile}, Store: hostile, Says: hostile}}, 2),
		attempts: desk.Attempts{Span: command.Span{Title: hostile}, Times: 1, Refused: []desk.Refused{{What: hostile, Times: 1}},
			Rows: []desk.Attempt{{Found: desk.Found{Operation: models.Operation{ID: hostile, Code: hostile, User: hostile, UserID: hostile}, Store: hostile, Platform: hostile, Says: hostile}}}},
	}
	for _, path := range []string{"/console/", "/console/reconcile?store=1", "/console/stores", "/console/audit", "/console/scan?q=7992697494", "/console/attempts?days=" + url.QueryEscape(hostile) + "&cause=" + url.QueryEscape(hostile), "/console/history?q=" + url.QueryEscape(hostile) + "&state=" + url.QueryEscape(hostile)} {
		w := get(t, d, "https://example.com", path)
		page := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(page, "<script") || strings.Contains(page, "<b>\"店") || !strings.Contains(page, "alert(1)") || strings.ContainsAny(page, "\x1b\u202e") {
			t.Errorf("%s: %d\n%s", path, w.Code, page)
		}
	}
}

// slowDesk reads history for as long as it may.
type slowDesk struct{ fakeDesk }

func (d *slowDesk) History(ctx context.Context, _ desk.Desk, _ desk.Search) ([]desk.Found, *models.HistoryMark, error) {
	<-ctx.Done()
	return nil, nil, errors.New("interrupted (9)") // as SQLite says it
}

// A page that takes too long is given up, and says what to do.
func TestPageTakesTooLong(t *testing.T) {
	d := &slowDesk{fakeDesk{stores: store}}
	c, err := New(Options{Desk: d, SignIns: d, PublicURL: "https://example.com", Location: time.UTC, Now: func() time.Time { return now }, PageTime: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/console/history?state=open", nil)
	r.AddCookie(&http.Cookie{Name: c.cookie(), Value: "the-session"})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "请选一家门店，或者选短一点的时间") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

// The address of the next page leads to where this one ended, with the same filter.
func TestNextPage(t *testing.T) {
	mark := models.HistoryMark{At: now.Add(-123456 * time.Microsecond), ID: "01a2"}
	d := &fakeDesk{stores: store, next: &mark, found: []desk.Found{{Operation: models.Operation{ID: "x"}}}}
	page := get(t, d, "https://example.com", "/console/history?state=done&store=2").Body.String()
	next := regexp.MustCompile(`href="(\?[^"]*)">更早的`).FindStringSubmatch(page)
	if next == nil {
		t.Fatalf("no next page:\n%s", page)
	}
	get(t, d, "https://example.com", "/console/history"+strings.ReplaceAll(next[1], "&amp;", "&"))
	if d.asked.After != mark || d.asked.State != "done" || d.asked.Store != 2 {
		t.Errorf("asked for %+v", d.asked)
	}
}

// What was not verified is listed with its reasons, and each reason, here and among the
// figures, leads to what is listed for it alone.
func TestAttempts(t *testing.T) {
	mark := models.HistoryMark{At: now.Add(-time.Minute), ID: "01a2"}
	refused := []desk.Refused{{What: "券码不存在", Times: 40}, {What: "券已过期", Times: 2}}
	d := &fakeDesk{stores: store, sheet: desk.Sheet{Refused: refused}, attempts: desk.Attempts{
		Span: command.Span{Title: "本月"}, Times: 42, Refused: refused, Next: &mark,
		Rows: []desk.Attempt{
			{Found: desk.Found{Operation: models.Operation{ID: "x", Code: "https://v.douyin.com/eHHc1ft", UserID: "zhangsan", CreatedAt: now}, Store: "乙店", Platform: "抖音", Says: "券已过期"}, Times: 3},
			{Found: desk.Found{Operation: models.Operation{ID: "y", Code: "7992697494", Count: 2, User: "李四", CreatedAt: now}, Store: "甲店", Says: "券码不存在"}, Times: 1},
		}}}
	links := regexp.MustCompile(`<a href="(attempts\?[^"]*)"[^>]*>([^<]*)`)
	follow := func(page, text string) string {
		t.Helper()
		for _, m := range links.FindAllStringSubmatch(page, -1) {
			if strings.HasPrefix(m[2], text) {
				return get(t, d, "https://example.com", "/console/"+strings.ReplaceAll(m[1], "&amp;", "&")).Body.String()
			}
		}
		t.Fatalf("no link to %s:\n%s", text, page)
		return ""
	}
	page := follow(get(t, d, "https://example.com", "/console/?period=month&store=2").Body.String(), "券码不存在")
	if want := (desk.AttemptSearch{Store: 2, Days: command.ThisMonth, Cause: "券码不存在"}); d.sought != want {
		t.Errorf("asked for %+v", d.sought)
	}
	for _, want := range []string{"全部 <b>42</b>", `class="on" aria-current="page">券码不存在 <b>40</b>`, `<option value="month" selected>本月`, `<option value="2" selected>乙店`,
		"11-24 06:00:00", "抖音链接 …c1ft", "zhangsan", "抖音", "连续 3 次", "7992697494</span> × 2 · 李四", `href="voucher/x"`} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %s:\n%s", want, page)
		}
	}
	if strings.Contains(page, "v.douyin.com") || strings.Contains(page, "连续 1 次") || strings.Contains(page, "· 甲店") {
		t.Errorf("too much:\n%s", page)
	}
	next := regexp.MustCompile(`href="(\?[^"]*)">更早的`).FindStringSubmatch(page)
	if next == nil {
		t.Fatalf("no next page:\n%s", page)
	}
	page = get(t, d, "https://example.com", "/console/attempts"+strings.ReplaceAll(next[1], "&amp;", "&")).Body.String()
	if want := (desk.AttemptSearch{Store: 2, Days: command.ThisMonth, Cause: "券码不存在", After: mark}); d.sought != want {
		t.Errorf("asked for %+v", d.sought)
	}
	follow(page, "全部")
	if want := (desk.AttemptSearch{Store: 2, Days: command.ThisMonth}); d.sought != want {
		t.Errorf("asked for %+v", d.sought)
	}
	d.attempts = desk.Attempts{Span: command.Span{Title: "11-20"}}
	page = get(t, d, "https://example.com", "/console/attempts?days=11-20").Body.String()
	if !strings.Contains(page, "没有未成功的") || !strings.Contains(page, `<option value="11-20" selected>11-20`) || strings.Contains(page, "全部 <b>") {
		t.Errorf("nothing failed:\n%s", page)
	}
	for path, status := range map[string]int{"attempts?store=3": http.StatusNotFound, "attempts?store=x": http.StatusNotFound, "attempts?days=nonsense": http.StatusBadRequest} {
		if w := get(t, d, "https://example.com", "/console/"+path); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// A store that is closed since is on the page of a day with its own link, also beside a
// single other one, and is chosen there.
func TestReconciledClosedStore(t *testing.T) {
	closed := models.Store{Account: models.Account{ID: 9, Name: "丙店"}}
	known := func(s models.Store, code string) desk.DayChecked {
		return desk.DayChecked{Store: s, Name: s.Name, Says: "平台没有 1 笔", Result: &reconcile.Result{StoreID: s.ID, Items: []reconcile.Item{{Kind: reconcile.OnlyOurs, Code: code}}}}
	}
	d := &fakeDesk{stores: store[:1], checked: []desk.DayChecked{known(store[0], "7992697494"), known(closed, "7992697495")}}
	page := get(t, d, "https://example.com", "/console/reconcile").Body.String()
	for _, want := range []string{`href="?day=2026-11-23&amp;store=9"`, `href="?day=2026-11-23&amp;store=1"`, `<option value="9">丙店`} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %s:\n%s", want, page)
		}
	}
	if d.store != 0 || strings.Contains(page, "7992697494") {
		t.Errorf("store %d:\n%s", d.store, page)
	}
	d.checked = d.checked[1:]
	page = get(t, d, "https://example.com", "/console/reconcile?store=9").Body.String()
	if d.store != 9 || !strings.Contains(page, "7992697495") || !strings.Contains(page, `<option value="9" selected>丙店`) || !strings.Contains(page, `<option value="1">`) {
		t.Errorf("store %d:\n%s", d.store, page)
	}
	d.checked = nil
	page = get(t, d, "https://example.com", "/console/reconcile?store=9&day=2026-11-22").Body.String()
	if !strings.Contains(page, "没有要对的账") {
		t.Errorf("nothing is there:\n%s", page)
	}
	d.notFound = true
	for _, which := range []string{"3", "x"} {
		if w := get(t, d, "https://example.com", "/console/reconcile?store="+which); w.Code != http.StatusNotFound {
			t.Errorf("store %s: %d", which, w.Code)
		}
	}
}

// A code that a scanner types leads to its one verification, and to the field for the
// next; several are listed, and none is said. Nothing but the history is asked.
func TestScan(t *testing.T) {
	of := func(ids ...string) (all []desk.Found) {
		for _, id := range ids {
			all = append(all, desk.Found{Operation: models.Operation{ID: id, Code: "7992697494", Title: "双人套餐"}, Says: "已核销"})
		}
		return all
	}
	attempt := desk.Found{Operation: models.Operation{ID: "01a9", Code: "7992697494", State: models.Rejected}, Says: "此券已核销"}
	const field = `name="q" placeholder="扫券码，或输入后按回车"`
	for _, c := range []struct {
		query  string
		found  []desk.Found
		asked  string
		status int
		says   []string
	}{
		{"", nil, "", http.StatusOK, []string{"这里只查，不会核销"}},
		{"?q=+", nil, "", http.StatusOK, []string{"这里只查，不会核销"}},
		{"?q=7992697494", of("01a2"), "7992697494", http.StatusSeeOther, nil},
		{"?q=7992697494", append(of("01a2"), attempt, attempt), "7992697494", http.StatusSeeOther, nil},
		{"?q=7992697494", []desk.Found{attempt, attempt}, "7992697494", http.StatusOK, []string{"2 次记录"}},
		{"?q=" + url.QueryEscape("７９９２ 6974 94\r\n"), of("01a2"), "7992697494", http.StatusSeeOther, nil},
		{"?q=" + url.QueryEscape("https://v.douyin.com/eHHc1fT/"), of("01a2"), "https://v.douyin.com/eHHc1fT", http.StatusSeeOther, nil},
		{"?q=7992697494", nil, "7992697494", http.StatusOK, []string{"7992697494", "没有核销记录", "验 7992697494"}},
		{"?q=7992697494", of("01a2", "01a3"), "7992697494", http.StatusOK, []string{`href="voucher/01a2?scan=1"`, `href="voucher/01a3?scan=1"`, "2 次记录"}},
		{"?q=1807", nil, "", http.StatusBadRequest, []string{"1807", "没有找到一个券码"}},
		{"?q=" + url.QueryEscape("7992697494 7992697495"), of("01a2"), "", http.StatusBadRequest, []string{"没有找到一个券码"}},
		{"?q=" + url.QueryEscape("https://example.com/<script>"), of("01a2"), "", http.StatusBadRequest, []string{"没有找到一个券码", "&lt;scr"}},
	} {
		d := &fakeDesk{stores: store, found: c.found}
		w := get(t, d, "https://example.com/yq", "/console/scan"+c.query)
		page := w.Body.String()
		if w.Code != c.status || d.asked != (desk.Search{Text: c.asked}) {
			t.Errorf("%s: %d, asked for %+v", c.query, w.Code, d.asked)
		}
		if c.status == http.StatusSeeOther {
			if to := w.Header().Get("Location"); to != "/yq/console/voucher/01a2?scan=1" {
				t.Errorf("%s leads to %s", c.query, to)
			}
			continue
		}
		for _, want := range append(c.says, field, "autofocus", `action="scan"`, `method="get"`) {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s:\n%s", c.query, want, page)
			}
		}
		if strings.Contains(page, "value=") {
			t.Errorf("%s: the field is not empty:\n%s", c.query, page)
		}
	}
	d := &fakeDesk{stores: store, next: &models.HistoryMark{At: now, ID: "x"}, found: of("01a2")}
	if w := get(t, d, "https://example.com", "/console/scan?q=7992697494"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `href="history?q=7992697494"`) {
		t.Errorf("one of several pages: %d\n%s", w.Code, w.Body)
	}
	d = &fakeDesk{stores: store, story: &desk.VoucherView{}}
	for path, want := range map[string]bool{"/console/voucher/01a2?scan=1": true, "/console/voucher/01a2": false} {
		page := get(t, d, "https://example.com", path).Body.String()
		if !strings.Contains(page, "经过") || strings.Contains(page, field) != want || strings.Contains(page, `action="../scan"`) != want {
			t.Errorf("%s:\n%s", path, page)
		}
	}
}

// Trouble is told plainly, and no more of it than that.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		d      fakeDesk
		status int
		says   string
	}{
		{fakeDesk{}, http.StatusForbidden, "只有组长和店长"},
		{fakeDesk{err: errors.New("dial tcp 10.0.0.1:3306")}, http.StatusServiceUnavailable, "过一会儿"},
	} {
		w := get(t, &c.d, "https://example.com", "/console/")
		if page := w.Body.String(); w.Code != c.status || !strings.Contains(page, c.says) || strings.Contains(page, "10.0.0.1") {
			t.Errorf("%d\n%s", w.Code, page)
		}
	}
}

// Without https, and below a path, links and cookies still work.
func TestWhere(t *testing.T) {
	for public, want := range map[string]struct{ cookie, to string }{
		"https://example.com/shop": {"__Host-yanquan=the-session; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax", "/shop/console/"},
		"http://127.0.0.1:8080":    {"yanquan=the-session; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax", "/console/"},
	} {
		c, err := New(Options{Desk: &fakeDesk{stores: store}, SignIns: &fakeDesk{stores: store}, PublicURL: public, Location: time.UTC, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/console/in", strings.NewReader("t=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if got := w.Header().Get("Set-Cookie"); got != want.cookie || w.Header().Get("Location") != want.to {
			t.Errorf("%s: %s to %s", public, got, w.Header().Get("Location"))
		}
	}
	if _, err := New(Options{PublicURL: "example.com"}); err == nil {
		t.Error("a public URL without a host")
	}
}

// members is a WeCom that knows two codes.
type members struct {
	asked int
	at    time.Time
}

func (*members) AuthorizeURL(back, state string, inWeCom bool) string {
	return "https://wecom.example.com/?" + url.Values{"back": {back}, "state": {state}}.Encode()
}

func (m *members) Visitor(_ context.Context, code string) (string, error) {
	m.asked++
	switch code {
	case "wang":
		return "Wang", nil
	case "guest":
		return "", nil
	}
	return "", bot.ErrSignInOver
}

// A browser that WeCom sends back gets the page it came for, on this host and
// below the console, if it is the one that was sent there.
func TestSignInByWeCom(t *testing.T) {
	c, _ := signingIn(t)
	visit := func(path string, cookies ...*http.Cookie) *http.Response {
		return visit(c, http.MethodGet, path, cookies...)
	}
	for next, want := range map[string]string{
		"":                                      "",
		"history?state=undone&q=1807":           "history?state=undone&q=1807",
		"voucher/01a2":                          "voucher/01a2",
		"https://evil.example.com/":             "",
		"//evil.example.com/":                   "",
		"/admin":                                "",
		"../auth/meituan":                       "",
		"in?t=stolen":                           "",
		"javascript:alert(1)":                   "",
		"history?q=" + strings.Repeat("1", 600): "",
	} {
		out := visit("/console/wecom?next=" + url.QueryEscape(next))
		to, err := out.Location()
		if err != nil || out.StatusCode != http.StatusSeeOther || to.Query().Get("back") != "https://example.com/yq/console/in/wecom" || !regexp.MustCompile(`^[A-Z2-7]{20,128}$`).MatchString(to.Query().Get("state")) {
			t.Fatalf("%d, %v, %v", out.StatusCode, to, err)
		}
		state := out.Cookies()[0]
		if !state.HttpOnly || !state.Secure || state.SameSite != http.SameSiteLaxMode || state.MaxAge != 600 {
			t.Fatalf("cookie %+v", state)
		}
		in := visit("/console/in/wecom?state="+to.Query().Get("state")+"&code=wang", state)
		if got := in.Header.Get("Location"); in.StatusCode != http.StatusSeeOther || got != "/yq/console/"+want {
			t.Errorf("%q leads to %d %q", next, in.StatusCode, got)
		}
		if k := in.Cookies(); len(k) != 2 || k[0].MaxAge >= 0 || k[1].Value != "the-session" {
			t.Errorf("cookies %v", k)
		}
	}
	for what, answer := range map[string]struct {
		query  string // without state and code; S is the state
		status int
		cookie bool
	}{
		"no cookie":     {"state=S&code=wang", http.StatusUnauthorized, false},
		"another state": {"state=" + c.states.sign() + "&code=wang", http.StatusUnauthorized, true},
		"no state":      {"code=wang", http.StatusUnauthorized, true},
		"a used code":   {"state=S&code=old", http.StatusUnauthorized, true},
		"no code":       {"state=S", http.StatusUnauthorized, true},
		"no member":     {"state=S&code=guest", http.StatusForbidden, true},
	} {
		state, cookies := begin(t, c)
		if !answer.cookie {
			cookies = nil
		}
		if out := visit("/console/in/wecom?"+strings.Replace(answer.query, "S&", state+"&", 1), cookies...); out.StatusCode != answer.status {
			t.Errorf("%s: %d", what, out.StatusCode)
		}
	}
}

// signingIn is a console whose members sign in by WeCom, and how often that was asked.
func signingIn(t *testing.T) (*Console, *members) {
	t.Helper()
	m := &members{at: now}
	c, err := New(Options{Desk: &fakeDesk{stores: store}, SignIns: &fakeDesk{stores: store}, Members: m, StateKey: make([]byte, 32),
		PublicURL: "https://example.com/yq", Location: time.UTC, Now: func() time.Time { return m.at }})
	if err != nil {
		t.Fatal(err)
	}
	return c, m
}

func visit(c *Console, method, path string, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for _, k := range cookies {
		r.AddCookie(k)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result()
}

// begin sends a browser to WeCom, with what it has from then on.
func begin(t *testing.T, c *Console) (state string, cookies []*http.Cookie) {
	t.Helper()
	out := visit(c, http.MethodGet, "/console/wecom")
	to, err := out.Location()
	if err != nil {
		t.Fatal(err)
	}
	return to.Query().Get("state"), out.Cookies()
}

// A state that we did not sign, that is used or too old costs no call to WeCom.
func TestStatesOfOthersAskNobody(t *testing.T) {
	c, m := signingIn(t)
	made := func(state string) []*http.Cookie {
		return []*http.Cookie{{Name: c.stateCookie(), Value: state + "."}}
	}
	state, _ := begin(t, c)
	other := newStates([]byte(strings.Repeat("k", 32)), c.Now).sign()
	for _, s := range []string{"a", "", strings.Repeat("A", len(state)), strings.ToLower(state), state[:len(state)-1], other} {
		if out := visit(c, http.MethodGet, "/console/in/wecom?state="+s+"&code=x", made(s)...); out.StatusCode != http.StatusUnauthorized {
			t.Errorf("state %q: %d", s, out.StatusCode)
		}
	}
	if m.asked != 0 {
		t.Errorf("asked %d times for states of others", m.asked)
	}
	back := "/console/in/wecom?state=" + state + "&code=x"
	visit(c, http.MethodHead, back, made(state)...)
	for range 3 {
		visit(c, http.MethodGet, back, made(state)...)
	}
	if m.asked != 1 {
		t.Errorf("asked %d times for one state", m.asked)
	}
	old, _ := begin(t, c)
	m.at = now.Add(stateLife)
	visit(c, http.MethodGet, "/console/in/wecom?state="+old+"&code=x", made(old)...)
	if m.asked != 1 {
		t.Error("asked for a state that is over")
	}
	if visit(c, http.MethodGet, back, made(state)...); len(c.states.used) != 0 || m.asked != 1 {
		t.Errorf("%d states are kept that are over", len(c.states.used))
	}
}

// Whoever asks with made-up codes has a few calls to WeCom, and members who do not
// make theirs up are not counted.
func TestMadeUpCodesAreFew(t *testing.T) {
	c, m := signingIn(t)
	try := func(code string) int {
		state, cookies := begin(t, c)
		return visit(c, http.MethodGet, "/console/in/wecom?state="+state+"&code="+code, cookies...).StatusCode
	}
	for range 3 * askBurst {
		if status := try("wang"); status != http.StatusSeeOther {
			t.Fatalf("a member: %d", status)
		}
	}
	m.asked = 0
	last := 0
	for range 400 {
		last = try("x")
	}
	if m.asked != askBurst || last != http.StatusTooManyRequests {
		t.Errorf("asked %d times, the last is answered %d", m.asked, last)
	}
	state, cookies := begin(t, c)
	back := "/console/in/wecom?state=" + state + "&code=wang"
	if out := visit(c, http.MethodGet, back, cookies...); out.StatusCode != http.StatusTooManyRequests || len(out.Cookies()) != 0 {
		t.Errorf("while it is too much: %d, cookies %v", out.StatusCode, out.Cookies())
	}
	m.at = m.at.Add(askEvery)
	if out := visit(c, http.MethodGet, back, cookies...); out.StatusCode != http.StatusSeeOther {
		t.Errorf("the same a little later: %d", out.StatusCode)
	}
	m.at, m.asked = m.at.Add(time.Hour), 0
	for range 400 {
		try("x")
	}
	if m.asked != askBurst {
		t.Errorf("asked %d times in the next hour", m.asked)
	}
}

// Other systems are shown with how they do, below the first stores and not the next.
func TestOtherSystems(t *testing.T) {
	d := &fakeDesk{stores: store, managed: true, hooks: []desk.HookSheet{
		{Hook: models.Hook{Name: "pos", Host: "pos.example.com"}, HookBacklog: models.HookBacklog{Queued: 3, Failed: 2}, State: "连不上", Tone: bot.Bad},
		{Hook: models.Hook{Name: "crm"}, HookBacklog: models.HookBacklog{SentAt: now}, State: "正常", Tone: bot.Good},
	}}
	page := get(t, d, "https://example.com", "/console/stores").Body.String()
	for _, want := range []string{"其他系统", "pos <small>pos.example.com</small>", `<span class="bad">连不上</span>`, "等待 3 条，没送到 2 条", "还没有发过", `<span class="good">正常</span>`, "上次 11-24 06:00:00", "等待 0 条<"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %s:\n%s", want, page)
		}
	}
	if page := get(t, d, "https://example.com", "/console/stores?from=20").Body.String(); strings.Contains(page, "其他系统") {
		t.Error("again on the next page")
	}
	d.hooks = nil
	if page := get(t, d, "https://example.com", "/console/stores").Body.String(); strings.Contains(page, "其他系统") {
		t.Error("there are none")
	}
}
