package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

// maker makes a plan from a seed.
type maker struct {
	*rand.Rand
	*plan
	codes map[string]bool
}

var shopNames = []string{"人民广场店", "徐家汇店", "五角场店", "静安店"}

// newPlan makes the plan of a seed. The same seed gives the same plan.
func newPlan(seed uint64) *plan {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 14)), plan: &plan{Seed: seed, Days: 1, Replicas: 1}, codes: map[string]bool{}}
	if m.chance(0.4) {
		m.Replicas = 2 + m.IntN(2)
	}
	staff := [][]string{{"zhangsan", "lisi"}, {"wangwu", "zhaoliu"}, {"sunqi"}}
	for i := range 1 + m.IntN(3) {
		s := shop{Name: shopNames[i], Dialect: pick(m, dialects...), Staff: staff[i]}
		if m.chance(0.3) {
			s.Also = pick(m, slices.DeleteFunc(slices.Clone(dialects), func(d dialect) bool { return d == s.Dialect })...)
		}
		m.Shops = append(m.Shops, s)
		if i == 1 && m.chance(0.5) { // somebody works in two
			m.Shops[1].Staff = append(m.Shops[1].Staff, "lisi")
		}
	}
	m.knobs()
	m.douyinKnobs()
	m.blank()
	if m.sells(atDouyin) && m.chance(0.1) { // what is held on the first day ends on the third
		m.Days = 4
	}
	m.lives()
	for d := range m.Days {
		busy := 0.7
		if d > 0 {
			busy = 0.1
		}
		for _, s := range m.Shops {
			for _, h := range []float64{10, 11, 12, 12, 12, 13, 14, 16, 17.5, 18, 18, 18.5, 19, 19, 20, 21} { // rush hours
				if m.chance(busy) {
					m.customer(s, at(d, h, 60*m.Float64()))
				}
			}
			m.add(event{At: at(d, 10+11*m.Float64(), 0), Do: say, Who: pick(m, s.Staff...), Text: pick(m, "帮助", "记录", "记录 20", "今日", "撤", "你好")})
		}
		for range 1 + m.IntN(3) {
			m.add(event{At: at(d, 11+10.9*m.Float64(), 0), Do: say, Who: boss, Text: pick(m, "今日", "今日", "昨日", "门店", "员工")})
		}
		m.troubles(d)
		m.scenes(d)
		for _, h := range []float64{22, 22.05, 27, 28} { // the summary, also by a clock that is late; closed days are held against the platform's list
			m.add(event{At: at(d, h, 0), Do: look})
		}
	}
	m.sort()
	return m.plan
}

func pick[T any](m *maker, of ...T) T { return of[m.IntN(len(of))] }

func (m *maker) chance(p float64) bool { return m.Float64() < p }

// between is a duration from low to high, the small ones as likely as the big ones.
func (m *maker) between(low, high time.Duration) time.Duration {
	for span := low; ; span *= 4 {
		if span*4 >= high || m.chance(0.4) {
			return min(span+time.Duration(m.Int64N(int64(3*span))), high)
		}
	}
}

// knobs choose among what no public source settles.
func (m *maker) knobs() {
	m.Knobs = dianpingtest.Knobs{
		RepeatAnswer: pick(m, dianpingtest.RepeatAnswers...), NoRecord: pick(m, dianpingtest.NoRecords...),
		VisitRecord: pick(m, dianpingtest.VisitRecords...), VisitRows: pick(m, dianpingtest.VisitRowForms...),
		VerifyTime: pick(m, dianpingtest.VerifyTimes...), VerifyAccount: pick(m, dianpingtest.VerifyAccounts...),
		Gen1ListPaging: pick(m, dianpingtest.PagingRows, dianpingtest.PagingPages),
		Gen2Refusals:   pick(m, dianpingtest.RefusalBizError, dianpingtest.RefusalCodeText, dianpingtest.RefusalCodeNumber),
		Unguarded:      m.chance(0.3),
	}
	if m.chance(0.3) {
		life := m.between(time.Second, time.Hour)
		if !m.Knobs.Unguarded { // or nothing would tell a repeat from another consume
			m.Knobs.RequestLife = life
		}
	}
	if m.chance(0.2) {
		m.Knobs.Prices = pick(m, dianpingtest.PriceForms...)
	}
}

func (m *maker) code(at dialect) string {
	n := 10
	switch at {
	case atMeituan:
		n = 12
	case atDouyin:
		n = pick(m, 12, 12, 15)
	}
	for {
		code := []byte(fmt.Sprint(1 + m.IntN(9)))
		if at == atDouyin {
			code = []byte("10")
		}
		for len(code) < n {
			code = append(code, byte('0'+m.IntN(10)))
		}
		if tail := string(code[len(code)-4:]); !m.codes[tail] { // people tell them apart by their ends
			m.codes[tail] = true
			return string(code)
		}
	}
}

var deals = []struct {
	title string
	fen   int64
}{{"双人套餐", 9900}, {"四人烤肉", 25800}, {"下午茶", 4990}, {"洗剪吹", 3880}, {"单人午餐", 1990}}

// customer comes with a voucher and meets a cashier with a habit.
func (m *maker) customer(s shop, t time.Duration) {
	d, where := m.IntN(len(deals)), pick(m, s.accounts()...)
	v := sold{Voucher: dianpingtest.Voucher{Code: m.code(where), Title: deals[d].title, Price: deals[d].fen, DealID: int64(1001 + d), DealGroupID: int64(2001 + d), Shops: []string{s.Name}}, Coupons: 1, At: where}
	if slices.Contains(s.accounts(), atDouyin) && s.Also != "" && m.chance(0.2) {
		m.known2(s, t, v)
		return
	}
	count := ""
	if where == atDouyin && m.chance(0.3) {
		m.Sold = append(m.Sold, m.atDouyin(t, v))
		m.cashier(s, t, v, "")
		return
	}
	switch m.IntN(20) {
	case 0, 1:
		v.Coupons = 2 + m.IntN(3)
		count = fmt.Sprintf(" x%d", 1+m.IntN(v.Coupons))
	case 2, 3:
		v.Visits, v.BizType = 2+m.IntN(4), 205
		if m.chance(0.4) {
			count = " x2"
		}
	case 4:
		v.State = pick(m, dianpingtest.Refunding, dianpingtest.RefundRequested, dianpingtest.Refunded)
	case 5:
		v.ValidFrom, v.Expires = time.Date(1999, 11, 1, 0, 0, 0, 0, beijing), time.Date(1999, 12, 1, 0, 0, 0, 0, beijing)
	case 6:
		m.add(event{At: t + m.between(time.Second, time.Hour) - time.Minute, Do: useTill, Code: v.Code})
	case 7:
		m.add(event{At: t + m.between(time.Second, 5*time.Minute) - time.Minute, Do: turn, Code: v.Code, State: dianpingtest.RefundRequested})
	case 8:
		if o := pick(m, m.Shops...); slices.Contains(o.accounts(), where) {
			v.Shops = []string{o.Name}
		}
	}
	m.Sold = append(m.Sold, v)
	m.cashier(s, t, v, count)
}

// cashier verifies a voucher by habit.
func (m *maker) cashier(s shop, t time.Duration, v sold, count string) {
	e := event{At: t, Do: say, Who: pick(m, s.Staff...), Code: v.Code, Text: pick(m, "验 ", "验", "核销 ") + v.Code + count}
	if m.chance(0.5) || len(m.shopsOf(e.Who)) > 1 {
		e.Shop = s.Name
	}
	if m.chance(0.6) { // the impatient
		e.Again = 5*time.Second + time.Duration(m.Int64N(int64(20*time.Second)))
	}
	if m.chance(0.1) {
		e.Resend = m.between(time.Second, time.Minute)
	}
	then := func(after time.Duration, change func(*event)) {
		n := e
		n.At, n.Again, n.Resend = t+after, 0, 0
		change(&n)
		m.add(n)
	}
	if v.At == atDouyin && m.chance(0.2) { // scans, and sends what it says
		e.Text, e.Again = "验 "+theLink+count, 0
		if m.chance(0.5) {
			then(m.between(10*time.Second, 20*time.Minute), func(n *event) { n.Do, n.Text = press, "撤销" })
		}
		m.add(e)
		return
	}
	colleague := pick(m, s.Staff...)
	undo := m.between(5*time.Second, 15*time.Minute)
	switch m.IntN(16) {
	case 0: // looks first
		e.Text = v.Code
		then(m.between(3*time.Second, 5*time.Minute), func(n *event) { n.Do, n.Text = press, "确认核销" })
	case 1: // mistypes
		then(-20*time.Second, func(n *event) {
			n.Code = m.code(v.At)
			n.Text = "验 " + n.Code
		})
	case 2:
		then(undo, func(n *event) { n.Text = "撤 " + v.Code })
	case 3:
		then(undo, func(n *event) { n.Do, n.Text = press, "撤销" })
	case 4: // undoes at once
		then(time.Duration(1+m.IntN(pick(m, 120, 1500)))*time.Millisecond, func(n *event) { n.Text = "撤 " + v.Code })
	case 5: // somebody is as quick
		then(m.between(time.Millisecond, 1500*time.Millisecond), func(n *event) { n.Who = colleague })
		if e.Shop == "" && len(m.shopsOf(colleague)) > 1 { // who is asked which shop it is
			then(m.between(3*time.Second, time.Minute), func(n *event) { n.Do, n.Who, n.Text = press, colleague, s.Name })
		}
	case 6: // verified twice, to be sure
		then(m.between(10*time.Second, 3*time.Hour), func(n *event) { n.Who = colleague })
	case 7:
		then(m.between(time.Minute, 3*time.Hour), func(n *event) { n.Text = "查 " + v.Code })
	case 8: // presses an old card
		then(m.between(20*time.Minute, 5*time.Hour), func(n *event) { n.Do, n.Text = press, "撤销" })
	case 9: // another's, by the manager
		then(undo, func(n *event) { n.Who, n.Text = boss, "撤 "+v.Code })
	case 12: // two guests, one message after the other
		w := sold{Voucher: dianpingtest.Voucher{Code: m.code(v.At), Title: "小食", Price: 990, DealID: 1099, DealGroupID: 2099, Shops: []string{s.Name}}, Coupons: 1, At: v.At}
		m.Sold = append(m.Sold, w)
		then(time.Duration(100+m.IntN(1500))*time.Millisecond, func(n *event) { n.Text, n.Code = "验 "+w.Code, w.Code })
	case 11: // once more, by the button
		then(m.between(10*time.Second, 3*time.Hour), func(*event) {})
		then(m.between(3*time.Hour, 4*time.Hour), func(n *event) { n.Do, n.Text = press, "再" })
	case 10: // two at once
		w := sold{Voucher: dianpingtest.Voucher{Code: m.code(v.At), Title: "小食", Price: 990, DealID: 1099, DealGroupID: 2099, Shops: []string{s.Name}}, Coupons: 1, At: v.At}
		m.Sold = append(m.Sold, w)
		e.Text = strings.TrimSuffix(e.Text, count) + " " + w.Code
	}
	m.add(e)
}

// shopsOf are the shops in which a person works.
func (p *plan) shopsOf(who string) (all []string) {
	for _, s := range p.Shops {
		if who == boss || slices.Contains(s.Staff, who) {
			all = append(all, s.Name)
		}
	}
	return all
}

// troubles are what goes wrong on a day.
func (m *maker) troubles(d int) {
	for range m.IntN(7) {
		struck := pick(m, m.Events...)
		when := struck.At
		if when < at(d, 9, 0) || when > at(d, 21, 50) {
			continue
		}
		e := event{At: when - time.Duration(m.IntN(800))*time.Millisecond, Do: fault}
		if i := slices.IndexFunc(m.Sold, func(s sold) bool { return s.Code == struck.Code }); i >= 0 && m.Sold[i].At == atDouyin {
			e.Platform, e.Fault = atDouyin, m.douyinFault()
		} else {
			e.Fault = m.fault()
		}
		m.add(e)
		if m.chance(0.3) { // an answer that takes long meets nobody who fetches it
			m.add(event{At: e.At + m.between(time.Second, 5*time.Second), Do: silence, For: m.between(15*time.Second, time.Minute)})
		}
	}
	if m.chance(0.5) {
		m.late(d)
	}
	m.tokens(d)
	if m.chance(0.3) {
		m.outage(at(d, 10+11*m.Float64(), 0))
	}
	moment := func() time.Duration { return pick(m, m.Events...).At - time.Duration(m.IntN(500))*time.Millisecond }
	for range m.IntN(3) {
		down := m.between(time.Second, 10*time.Hour)
		m.add(event{At: moment(), Do: die, Replica: m.IntN(3), Steps: 1 + m.IntN(60), For: down})
	}
	if m.chance(0.3) {
		m.add(event{At: moment(), Do: freeze, Replica: m.IntN(3), For: m.between(time.Second, 90*time.Second)})
	}
	if m.chance(0.4) {
		m.add(event{At: moment(), Do: lose, Replica: m.IntN(3), Steps: 1 + m.IntN(3), For: time.Minute})
	}
	if m.chance(0.1) {
		d := m.between(100*time.Millisecond, 2*time.Minute)
		m.add(event{At: moment(), Do: step, For: pick(m, d, -d)})
	}
	if m.chance(0.4) {
		f := pick(m, wecomtest.Fault{Status: 502}, wecomtest.Fault{Drop: true}, wecomtest.Fault{Drop: true, After: true}, wecomtest.Fault{Hang: true}, wecomtest.Fault{Hang: true, After: true},
			wecomtest.Fault{Code: -1}, wecomtest.Fault{Code: 45009}, wecomtest.Fault{Code: 45033}, wecomtest.Fault{Code: 42001}, wecomtest.Fault{Body: "<html>"}, wecomtest.Fault{Delay: 4 * time.Second})
		f.API, f.Times = pick(m, "message/send", "message/send", "gettoken", "message/update_template_card", "aibot/response"), m.IntN(4)
		m.add(event{At: moment(), Do: trouble, WeCom: &f, For: m.between(5*time.Second, 30*time.Minute)})
	}
}

// late has a verification that is not answered come about only when the bot has looked
// for it, and has perhaps sent it again; of a 次卡 rather than of another voucher, for its
// next visit would not be refused.
func (m *maker) late(d int) {
	var any, cards []event
	for _, e := range m.Events {
		i := slices.IndexFunc(m.Sold, func(s sold) bool { return s.Code == e.Code })
		if i < 0 || e.Do != say || e.At < at(d, 0, 0) || m.Sold[i].At == atDouyin || !strings.HasSuffix(e.Text, e.Code) {
			continue
		}
		any = append(any, e)
		if m.Sold[i].Visits > 0 {
			cards = append(cards, e)
		}
	}
	if len(cards) > 0 && m.chance(0.5) {
		any = cards
	}
	if len(any) == 0 || m.Knobs.RequestLife > 0 { // the repeat would be another consume to the platform
		return
	}
	e := pick(m, any...)
	m.add(event{At: e.At - time.Minute, Do: fault, Fault: &dianpingtest.Fault{
		Kind: pick(m, dianpingtest.ApplyThenDrop, dianpingtest.ApplyThenHang), Call: "consume", Code: e.Code, Times: 1 + m.IntN(2), After: m.between(100*time.Millisecond, 2*time.Minute),
	}})
}

// outage takes the platform away. It may come back in parts, with odd answers about its
// records first.
func (m *maker) outage(t time.Duration) {
	e := event{At: t, Do: outage, Text: string(pick(m, fakeserver.PauseHang, fakeserver.PauseRefuse)), For: m.between(10*time.Second, 15*time.Minute)}
	if m.chance(0.05) { // each doubt is asked for every ten seconds
		e.For = m.between(15*time.Minute, 3*time.Hour)
	}
	if m.chance(0.4) {
		e.Platform = pick(m, dialects...)
	}
	m.add(e)
	if m.chance(0.5) {
		m.fail(e.At+e.For-time.Millisecond, e.Platform,
			fakeserver.Fault{Kind: fakeserver.AnswerCode, Call: "getconsumed", Answer: pick(m, "611", "1999", "1001"), Times: 1 + m.IntN(3)},
			fakeserver.Fault{Kind: fakeserver.AnswerCode, Call: "query", Answer: pick(m, "2100004", "5000001", "3100101", "2119002"), Times: 1 + m.IntN(3)})
	}
	if m.chance(0.5) { // something is under way when it goes
		m.fail(e.At-5*time.Second, e.Platform,
			fakeserver.Fault{Kind: fakeserver.ApplyThenHang, Call: pick(m, "consume", "consume", "reverseconsume"), Times: 1},
			fakeserver.Fault{Kind: fakeserver.ApplyThenHang, Call: pick(m, "verify", "verify", "cancel"), Times: 1})
	}
}

// fault is one of the platform's.
func (m *maker) fault() *dianpingtest.Fault {
	kind := pick(m,
		dianpingtest.ApplyThenHang, dianpingtest.HangThenDrop, dianpingtest.ApplyThenDrop, dianpingtest.ApplyLate, dianpingtest.Status5xx,
		dianpingtest.HalfBody, dianpingtest.HTML, dianpingtest.WrongContentType, dianpingtest.Delay, dianpingtest.Throttle,
		dianpingtest.SessionExpired, dianpingtest.AnswerCode, dianpingtest.AnswerBody, dianpingtest.ProxyRepeat, dianpingtest.ProxyStatus,
		dianpingtest.RowRefusal, dianpingtest.OtherCode, dianpingtest.Partly)
	f := &dianpingtest.Fault{Kind: kind, Call: pick(m, "consume", "consume", "consume", "prepare", "getconsumed", "reverseconsume", "refresh"), Times: 1 + m.IntN(3)}
	switch kind {
	case dianpingtest.Status5xx, dianpingtest.HTML, dianpingtest.HalfBody, dianpingtest.ProxyStatus, dianpingtest.AnswerBody, dianpingtest.AnswerCode, dianpingtest.RowRefusal, dianpingtest.OtherCode:
		f.Applied = m.chance(0.5)
	}
	switch kind {
	case dianpingtest.HangThenDrop, dianpingtest.ApplyLate, dianpingtest.Delay:
		f.Delay = m.between(100*time.Millisecond, 20*time.Second)
		if kind == dianpingtest.ApplyLate && m.Knobs.RequestLife > 0 && m.Knobs.RequestLife < 3*time.Minute { // to the platform the repeat would be another consume
			f.Kind = dianpingtest.HangThenDrop
		}
	case dianpingtest.AnswerBody:
		f.Answer = pick(m, dianpingtest.RowlessSuccesses...)
	case dianpingtest.RowRefusal:
		f.Call, f.Answer, f.RowCode = "consume", "1008", pick(m, dianpingtest.RowCodes...)
	case dianpingtest.OtherCode:
		f.Call, f.Answer = "consume", "1234567890"
	case dianpingtest.Partly:
		f.Call = "consume"
	case dianpingtest.AnswerCode:
		f.Answer = pick(m, "1999", "500")
	case dianpingtest.ProxyStatus:
		f.Status, f.Page = pick(m, 401, 403, 429), pick(m, dianpingtest.Pages...)
	case dianpingtest.ApplyThenDrop, dianpingtest.ApplyThenHang:
		if m.chance(0.3) {
			f.After = m.between(100*time.Millisecond, 10*time.Minute)
		}
	}
	return f
}
