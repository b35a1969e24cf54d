package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
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
			s.Also = dialects[1-slices.Index(dialects, s.Dialect)]
		}
		m.Shops = append(m.Shops, s)
		if i == 1 && m.chance(0.5) { // somebody works in two
			m.Shops[1].Staff = append(m.Shops[1].Staff, "lisi")
		}
	}
	m.knobs()
	for d := range m.Days {
		for _, s := range m.Shops {
			for _, h := range []float64{10, 11, 12, 12, 12, 13, 14, 16, 17.5, 18, 18, 18.5, 19, 19, 20, 21} { // rush hours
				if m.chance(0.7) {
					m.customer(s, at(d, h, 60*m.Float64()))
				}
			}
			m.add(event{At: at(d, 10+11*m.Float64(), 0), Do: say, Who: pick(m, s.Staff...), Text: pick(m, "帮助", "记录", "记录 20", "今日", "撤", "你好")})
		}
		for range 1 + m.IntN(3) {
			m.add(event{At: at(d, 11+10.9*m.Float64(), 0), Do: say, Who: boss, Text: pick(m, "今日", "今日", "昨日", "门店", "员工")})
		}
		m.troubles(d)
		for _, h := range []float64{22, 27, 28} { // the summary; closed days are held against the platform's list
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
		m.Knobs.RequestLife = m.between(time.Second, time.Hour)
	}
	if m.chance(0.2) {
		m.Knobs.Prices = pick(m, dianpingtest.PriceForms...)
	}
}

func (m *maker) code(at dianpingtest.Dialect) string {
	n := 10
	if at == dianpingtest.Meituan {
		n = 12
	}
	for {
		code := []byte(fmt.Sprint(1 + m.IntN(9)))
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
	v := sold{dianpingtest.Voucher{Code: m.code(where), Title: deals[d].title, Price: deals[d].fen, DealID: int64(1001 + d), DealGroupID: int64(2001 + d), Shops: []string{s.Name}}, 1, where}
	count := ""
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
		then(time.Duration(m.IntN(1500))*time.Millisecond, func(n *event) { n.Text = "撤 " + v.Code })
	case 5: // somebody is as quick
		then(time.Duration(m.IntN(1500))*time.Millisecond, func(n *event) { n.Who = colleague })
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
	case 10: // two at once
		w := sold{dianpingtest.Voucher{Code: m.code(v.At), Title: "小食", Price: 990, DealID: 1099, DealGroupID: 2099, Shops: []string{s.Name}}, 1, v.At}
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
		when := pick(m, m.Events...).At
		if when < at(d, 9, 0) || when > at(d, 21, 50) {
			continue
		}
		m.add(event{At: when - time.Duration(m.IntN(800))*time.Millisecond, Do: fault, Fault: m.fault()})
	}
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
	if m.chance(0.4) {
		f := pick(m, wecomtest.Fault{Status: 502}, wecomtest.Fault{Drop: true}, wecomtest.Fault{Drop: true, After: true}, wecomtest.Fault{Hang: true}, wecomtest.Fault{Hang: true, After: true},
			wecomtest.Fault{Code: -1}, wecomtest.Fault{Code: 45009}, wecomtest.Fault{Code: 45033}, wecomtest.Fault{Code: 42001}, wecomtest.Fault{Body: "<html>"}, wecomtest.Fault{Delay: 4 * time.Second})
		f.API, f.Times = pick(m, "message/send", "message/send", "gettoken", "message/update_template_card", "aibot/response"), m.IntN(4)
		m.add(event{At: moment(), Do: trouble, WeCom: &f, For: m.between(5*time.Second, 30*time.Minute)})
	}
}

// outage takes the platform away. It may come back in parts, with odd answers about its
// records first.
func (m *maker) outage(t time.Duration) {
	e := event{At: t, Do: outage, Text: string(pick(m, dianpingtest.PauseHang, dianpingtest.PauseRefuse)), For: m.between(10*time.Second, 15*time.Minute)}
	if m.chance(0.05) { // each doubt is asked for every ten seconds
		e.For = m.between(15*time.Minute, 3*time.Hour)
	}
	if m.chance(0.4) {
		e.Platform = pick(m, dialects...)
	}
	m.add(e)
	if m.chance(0.5) {
		m.add(event{At: e.At + e.For - time.Millisecond, Do: fault, Platform: e.Platform, Fault: &dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "getconsumed", Answer: pick(m, "611", "1999", "1001"), Times: 1 + m.IntN(3)}})
	}
	if m.chance(0.5) { // something is under way when it goes
		m.add(event{At: e.At - 5*time.Second, Do: fault, Platform: e.Platform, Fault: &dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: pick(m, "consume", "consume", "reverseconsume"), Times: 1}})
	}
}

// fault is one of the platform's.
func (m *maker) fault() *dianpingtest.Fault {
	kind := pick(m,
		dianpingtest.ApplyThenHang, dianpingtest.HangThenDrop, dianpingtest.ApplyThenDrop, dianpingtest.ApplyLate, dianpingtest.Status5xx,
		dianpingtest.HalfBody, dianpingtest.HTML, dianpingtest.WrongContentType, dianpingtest.Delay, dianpingtest.Throttle,
		dianpingtest.SessionExpired, dianpingtest.AnswerCode, dianpingtest.AnswerBody, dianpingtest.ProxyRepeat, dianpingtest.ProxyStatus,
		dianpingtest.RowRefusal, dianpingtest.OtherCode, dianpingtest.Partly)
	f := &dianpingtest.Fault{Kind: kind, Call: pick(m, "consume", "consume", "consume", "prepare", "getconsumed", "reverseconsume"), Times: 1 + m.IntN(3)}
	switch kind {
	case dianpingtest.Status5xx, dianpingtest.HTML, dianpingtest.HalfBody, dianpingtest.ProxyStatus, dianpingtest.AnswerBody, dianpingtest.AnswerCode, dianpingtest.RowRefusal, dianpingtest.OtherCode:
		f.Applied = m.chance(0.5)
	}
	switch kind {
	case dianpingtest.HangThenDrop, dianpingtest.ApplyLate, dianpingtest.Delay:
		f.Delay = m.between(100*time.Millisecond, 20*time.Second)
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
