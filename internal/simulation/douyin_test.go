package simulation

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

// What people and the platform do at Douyin alone, and with codes of two platforms.

func (p *plan) sells(at dialect) bool {
	return slices.ContainsFunc(p.Shops, func(s shop) bool { return slices.Contains(s.accounts(), at) })
}

// douyinKnobs choose among what no public source settles of Douyin.
func (m *maker) douyinKnobs() {
	for _, d := range douyintest.Doubts {
		if m.chance(0.5) {
			d.Set(&m.Douyin, pick(m, d.Values...))
		}
	}
	left := pick(m, "origin_code", "verify_type", "verifier_unique_id", "poi_id", "verify", "verify_records", "original_amount", "account_id", "serial_numb", "extra")
	switch m.IntN(6) {
	case 0:
		m.Douyin.Absent = []string{left}
	case 1:
		m.Douyin.Null = []string{left}
	}
	m.Douyin.Unguarded = m.chance(0.3)
	if m.chance(0.3) {
		m.Douyin.VerifyTokenLife = m.between(time.Minute, time.Hour)
	}
	if m.chance(0.3) {
		m.Douyin.UndoEnds = m.between(time.Minute, time.Hour)
	}
	if m.chance(0.2) {
		m.Douyin.TokenLife = m.between(time.Minute, 2*time.Hour)
	}
	if m.Douyin.TokenLife == 0 && m.chance(0.2) {
		m.Douyin.TokenLimit = 1 + m.IntN(3)
	}
}

// hides reports whether Douyin's answers have lost the place that says why something is
// refused, a hold among it.
func (p *plan) hides() bool {
	return slices.Contains(p.Douyin.Absent, "extra") && slices.Contains([]douyintest.Choice{douyintest.RefusalSub, douyintest.RefusalExtra}, p.Douyin.Refusals)
}

// atDouyin makes of a voucher what only Douyin has.
func (m *maker) atDouyin(t time.Duration, v sold) sold {
	switch m.IntN(4) {
	case 0, 1: // risk control
		v.Hold = &douyintest.Hold{For: m.between(20*time.Second, 48*time.Hour), Verified: m.chance(0.6)}
		if end := t + v.Hold.For + time.Minute; end < time.Duration(m.Days)*day-opens {
			m.add(event{At: end, Do: look})
		}
	case 2:
		v.Refusal = pick(m, 2119006, 2119007, 1263, 1265)
	case 3: // the money goes back, before the use or after it
		when := m.between(time.Second, time.Hour) - 2*time.Minute
		if m.chance(0.5) {
			when = 10*time.Minute + m.between(time.Second, 2*time.Hour)
		}
		m.add(event{At: t + when, Do: turn, Code: v.Code, State: dianpingtest.Refunded})
	}
	return v
}

// theLink stands in a text for the short link that the customer's app shows then.
const theLink = "{link}"

// spoken is a text as it is said: with the link in it that a code has now.
func (w *world) spoken(e event) string {
	if !strings.Contains(e.Text, theLink) {
		return e.Text
	}
	v, _ := w.douyin().Voucher(e.Code)
	link := strings.TrimSuffix(v.QR, "/")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links[linkShown+link[len(link)-4:]] = e.Code
	return strings.Replace(e.Text, theLink, v.QR, 1)
}

// linkShown is how a link begins on a screen, before its last four characters.
const linkShown = "抖音链接 …"

// byLink carries calls to platforms, and short links to Douyin's fake, whatever their host.
type byLink struct{ host string }

func (l byLink) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "v.douyin.com" {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = "http", l.host
		r.Host = ""
	}
	return http.DefaultTransport.RoundTrip(r)
}

// known2 sells one code at both of a shop's platforms. Who verifies it says which, when
// she is asked or at once.
func (m *maker) known2(s shop, t time.Duration, v sold) {
	v.At = s.Dialect
	v.Code = m.code(atMeituan)
	other := v
	other.At, other.Title, other.Price = s.Also, "别家的"+v.Title, v.Price+110
	m.Sold = append(m.Sold, v, other)
	first := event{At: t, Do: say, Who: pick(m, s.Staff...), Code: v.Code, Text: "验 " + v.Code}
	if m.chance(0.5) || len(m.shopsOf(first.Who)) > 1 {
		first.Shop = s.Name
	}
	then := func(after time.Duration, change func(*event)) {
		n := first
		n.At = t + after
		change(&n)
		m.add(n)
	}
	means, also := onScreen[s.Dialect], onScreen[s.Also]
	if m.chance(0.5) {
		means, also = also, means
	}
	if m.chance(0.3) {
		first.Text = "验 " + means + " " + v.Code
	} else {
		then(m.between(3*time.Second, time.Minute), func(n *event) { n.Do, n.Text = press, means })
	}
	if m.chance(0.3) {
		first.Again = 5*time.Second + time.Duration(m.Int64N(int64(20*time.Second)))
	}
	m.add(first)
	switch m.IntN(5) {
	case 0: // the other one as well
		then(m.between(2*time.Minute, time.Hour), func(*event) {})
		then(m.between(time.Hour, 2*time.Hour), func(n *event) { n.Do, n.Text = press, also })
	case 1:
		then(m.between(2*time.Minute, 10*time.Minute), func(n *event) { n.Text = "撤 " + v.Code })
	case 2:
		then(m.between(2*time.Minute, 10*time.Minute), func(n *event) { n.Do, n.Text = press, "撤销" })
	}
}

// named is the platform that a press or a text says; "": none.
func (a *ask) named() (d dialect) {
	for d, name := range onScreen {
		if a.Text == name || strings.HasPrefix(a.Text, "验 "+name+" ") {
			return d
		}
	}
	return ""
}

// tokens are what befalls the application's access token on a day.
func (m *maker) tokens(d int) {
	if !m.sells(atDouyin) {
		return
	}
	for range m.IntN(3) {
		m.add(event{At: at(d, 9+12*m.Float64(), 0), Do: token, Text: pick(m, "elsewhere", "end")})
	}
}

// fail adds a fault of a platform, each in its own words.
func (m *maker) fail(t time.Duration, at dialect, others, douyin fakeserver.Fault) {
	if at != atDouyin {
		m.add(event{At: t, Do: fault, Platform: at, Fault: &others})
	}
	if at == atDouyin || at == "" && m.sells(atDouyin) {
		m.add(event{At: t, Do: fault, Platform: atDouyin, Fault: &douyin})
	}
}

// douyinFault is one of Douyin's.
func (m *maker) douyinFault() *fakeserver.Fault {
	kind := pick(m,
		douyintest.ApplyThenHang, douyintest.HangThenDrop, douyintest.ApplyThenDrop, douyintest.ApplyLate, douyintest.Status5xx,
		douyintest.HalfBody, douyintest.HTML, douyintest.WrongContentType, douyintest.Delay, douyintest.Throttle,
		douyintest.SessionExpired, douyintest.AnswerCode, douyintest.AnswerBody, douyintest.ProxyRepeat, douyintest.ProxyStatus,
		douyintest.RowRefusal, douyintest.OtherCode, douyintest.Partly)
	f := &fakeserver.Fault{Kind: kind, Call: pick(m, "verify", "verify", "verify", "prepare", "query", "cancel", "token"), Times: 1 + m.IntN(3)}
	switch kind {
	case douyintest.Status5xx, douyintest.HTML, douyintest.HalfBody, douyintest.ProxyStatus, douyintest.AnswerBody, douyintest.AnswerCode, douyintest.RowRefusal, douyintest.OtherCode:
		f.Applied = m.chance(0.5)
	}
	switch kind {
	case douyintest.HangThenDrop, douyintest.ApplyLate, douyintest.Delay:
		f.Delay = m.between(100*time.Millisecond, 20*time.Second)
	case douyintest.AnswerBody:
		f.Call, f.Answer = pick(m, "verify", "query"), pick(m, douyintest.RowlessSuccesses...) // which is a success of a cancel
	case douyintest.RowRefusal:
		if f.Call, f.Answer = "verify", pick(m, "1208", "2", "2100004", "1212"); m.chance(0.4) {
			f.Call, f.Answer = "cancel", pick(m, "3000001", "2100004", "2100001")
		}
	case douyintest.OtherCode:
		f.Call, f.Answer = pick(m, "verify", "cancel", "query"), "100000000000"
	case douyintest.Partly:
		f.Call = "verify"
	case douyintest.AnswerCode:
		f.Answer = pick(m, "2100004", "2100001", "5000001", "2119002", "6001001")
	case douyintest.ProxyStatus:
		f.Status, f.Page = pick(m, 401, 403, 429), pick(m, douyintest.Pages...)
	case douyintest.ApplyThenDrop, douyintest.ApplyThenHang:
		if m.chance(0.3) && !m.Douyin.Unguarded {
			f.After = m.between(100*time.Millisecond, 10*time.Minute)
		}
	}
	return f
}
