package simulation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

// Scenes are several events that go together, as chance alone would not put them in a
// hundred days: an answer is lost just when something else goes wrong, or has happened
// before. They have a source of chance of their own, so that a plan stays what it is when
// one is added.

// scene is how likely each of them is on a day.
const scene = 0.2

// scenes adds those of a day.
func (m *maker) scenes(d int) {
	plain := m.Rand
	defer func() { m.Rand = plain }()
	for i, play := range []func(d int){
		m.secondVisit, m.answersLost, m.updateLost, m.refusedLine, m.goneAtOnce, m.pressedInDoubt,
		m.outlived, m.diesAtWork, m.storedUntold, m.nightBlank,
	} {
		m.Rand = rand.New(rand.NewPCG(m.Seed, uint64(100*(d+1)+i)))
		if m.chance(scene) {
			play(d)
		}
	}
	if m.hides() && d == 0 {
		m.heldUntold()
	}
}

// some is one of the day's events of a kind, in working hours; none: there is none.
func (m *maker) some(d int, of func(event) bool) (e event, found bool) {
	all := slices.DeleteFunc(slices.Clone(m.Events), func(e event) bool {
		return e.At < at(d, 9, 0) || e.At > at(d, 21, 30) || !of(e)
	})
	if len(all) == 0 {
		return e, false
	}
	return pick(m, all...), true
}

// soldAt is where the voucher of an event was sold; "": nowhere, or at two places.
func (m *maker) soldAt(e event) dialect {
	i := slices.IndexFunc(m.Sold, func(s sold) bool { return s.Code == e.Code })
	if i < 0 || m.shared(e.Code) {
		return ""
	}
	return m.where(m.Sold[i])
}

// asks reports whether somebody asks for a verification of a code that is sold somewhere.
func (m *maker) asks(e event) bool {
	return e.Do == say && m.soldAt(e) != "" && (strings.HasPrefix(e.Text, "验") || strings.HasPrefix(e.Text, "核销"))
}

// lost has the answer to a call with an effect on a code be lost.
func (m *maker) lost(e event, undo bool) {
	f := &fakeserver.Fault{Kind: pick(m, fakeserver.ApplyThenDrop, fakeserver.ApplyThenHang), Call: "consume", Code: e.Code, Times: 1}
	at := m.soldAt(e)
	switch {
	case at == atDouyin && undo:
		f.Call = "cancel"
	case at == atDouyin: // whose call names the ticket alone
		f.Call, f.Code = "verify", ""
	case undo:
		f.Call = "reverseconsume"
	}
	m.add(event{At: e.At - time.Second, Do: fault, Platform: at, Fault: f})
}

// secondVisit: of a 次卡 with two visits, by the button, the undo of the second is in doubt.
func (m *maker) secondVisit(d int) {
	s := pick(m, m.Shops...)
	where := pick(m, s.accounts()...)
	if where == atDouyin { // where an undo names the use
		return
	}
	v := sold{Voucher: dianpingtest.Voucher{
		Code: m.code(where), Title: "三次卡", Price: 29700, DealID: 1098, DealGroupID: 2098, Shops: []string{s.Name}, Visits: 3 + m.IntN(3), BizType: 205,
	}, Coupons: 1, At: where}
	m.Sold = append(m.Sold, v)
	e := event{At: at(d, 10+10*m.Float64(), 0), Do: say, Who: pick(m, s.Staff...), Shop: s.Name, Code: v.Code, Text: "验 " + v.Code}
	m.add(e)
	e.At += m.between(time.Minute, 2*time.Hour)
	m.add(e)
	e.At += 30 * time.Second
	e.Do, e.Text = press, "再"
	m.add(e)
	e.At += m.between(30*time.Second, 8*time.Minute)
	e.Do, e.Text = say, "撤 "+v.Code
	m.add(e)
	m.lost(e, true)
}

// answersLost: a message by the app is sent, and the app is not told.
func (m *maker) answersLost(d int) {
	e, found := m.some(d, func(e event) bool { return e.Do == say && e.Shop == "" && e.Code != "" })
	if !found {
		return
	}
	f := wecomtest.Fault{API: "message/send", Drop: true, After: true, Times: 1 + m.IntN(2)}
	if m.chance(0.5) {
		f.Drop, f.Hang = false, true
	}
	m.add(event{At: e.At - time.Millisecond, Do: trouble, WeCom: &f, For: m.between(5*time.Second, time.Minute)})
}

// updateLost: a pressed card of the app changes, and the app is not told.
func (m *maker) updateLost(d int) {
	e, found := m.some(d, func(e event) bool { return e.Do == press && e.Shop == "" })
	if !found {
		return
	}
	f := wecomtest.Fault{API: "message/update_template_card", Drop: true, After: true, Times: 1}
	if m.chance(0.5) {
		f.Drop, f.Hang = false, true
	}
	m.add(event{At: e.At - time.Millisecond, Do: trouble, WeCom: &f, For: m.between(5*time.Second, time.Minute)})
}

// refusedLine: WeCom refuses the line that says that a verification is in doubt.
func (m *maker) refusedLine(d int) {
	e, found := m.some(d, func(e event) bool { return m.asks(e) && e.Shop == "" })
	if !found {
		return
	}
	m.lost(e, false)
	call := "getconsumed"
	if m.soldAt(e) == atDouyin {
		call = "query"
	}
	m.add(event{At: e.At - time.Second, Do: fault, Platform: m.soldAt(e), Fault: &fakeserver.Fault{Kind: fakeserver.HTML, Call: call, Times: 1 + m.IntN(3)}})
	f := wecomtest.Fault{API: "message/send", Code: pick(m, 45009, 45033, -1), Times: 1 + m.IntN(2)}
	m.add(event{At: e.At - time.Millisecond, Do: trouble, WeCom: &f, For: m.between(5*time.Second, time.Minute)})
}

// goneAtOnce: the platform goes while a verification is under way, for longer than people
// wait, and its first answers about records are odd.
func (m *maker) goneAtOnce(d int) {
	e, found := m.some(d, m.asks)
	if !found {
		return
	}
	m.lost(e, false)
	where := m.soldAt(e)
	gone := event{At: e.At + 100*time.Millisecond + time.Duration(m.IntN(1500))*time.Millisecond, Do: outage, Platform: where, Text: string(pick(m, fakeserver.PauseHang, fakeserver.PauseRefuse)),
		For: 190*time.Second + time.Duration(m.IntN(150))*time.Second}
	m.add(gone)
	m.fail(gone.At+gone.For-time.Millisecond, where,
		fakeserver.Fault{Kind: fakeserver.AnswerCode, Call: "getconsumed", Answer: pick(m, "611", "1999", "1001"), Times: 1 + m.IntN(3)},
		fakeserver.Fault{Kind: fakeserver.AnswerCode, Call: "query", Answer: pick(m, "2100004", "5000001", "3100101", "2119002"), Times: 1 + m.IntN(3)})
}

// pressedInDoubt: the answer to an undo by a button is lost, and so are some about it.
func (m *maker) pressedInDoubt(d int) {
	e, found := m.some(d, func(e event) bool { return e.Do == press && e.Text == "撤销" && m.soldAt(e) != "" })
	if !found {
		return
	}
	m.lost(e, true)
	call := "getconsumed"
	if m.soldAt(e) == atDouyin {
		call = "query"
	}
	m.add(event{At: e.At - time.Second, Do: fault, Platform: m.soldAt(e), Fault: &fakeserver.Fault{Kind: fakeserver.HTML, Call: call, Times: 2 + m.IntN(3)}})
}

// outlived: a replica stands still just before its intent. The others are dead until the
// message is too old to be begun, and then say so.
func (m *maker) outlived(d int) {
	e, found := m.some(d, m.asks)
	if !found || m.Replicas < 2 {
		return
	}
	still := m.IntN(m.Replicas)
	for i := range m.Replicas {
		if i != still {
			m.add(event{At: e.At - 20*time.Second, Do: die, Replica: i, Steps: 1, For: 200*time.Second + time.Duration(m.IntN(20))*time.Second})
		}
	}
	m.add(event{At: e.At - time.Millisecond, Do: freeze, Replica: still, Text: "INSERT INTO operations", For: 205*time.Second + time.Duration(m.IntN(60))*time.Second})
}

// diesAtWork: a replica dies while it works on a message.
func (m *maker) diesAtWork(d int) {
	e, found := m.some(d, func(e event) bool { return m.asks(e) || e.Do == press && e.Text == "撤销" })
	if !found {
		return
	}
	m.lost(e, e.Do == press)
	m.add(event{At: e.At - time.Millisecond, Do: die, Replica: m.IntN(m.Replicas), Steps: 8 + m.IntN(16), For: m.between(time.Second, 10*time.Second)})
}

// storedUntold: the database takes a message, and the replica is not told.
func (m *maker) storedUntold(d int) {
	e, found := m.some(d, m.asks)
	if !found {
		return
	}
	for i := range m.Replicas {
		m.add(event{At: e.At - time.Millisecond, Do: lose, Replica: i, Steps: 1, For: time.Second})
	}
}

// nightBlank: the platform's books are empty for some minutes when a closed day is held
// against them, and so is one record that is asked for singly.
func (m *maker) nightBlank(d int) {
	if m.Knobs.Unguarded { // what is used looks good there
		return
	}
	blank := fakeserver.Fault{Kind: fakeserver.AnswerBody, Answer: pick(m, dianpingtest.RowlessSuccesses...)}
	list, one := blank, blank
	list.Call, list.For = "querylistbydate", m.between(time.Minute, 10*time.Minute)
	one.Call, one.Times = "getconsumed", 1
	m.add(event{At: at(d, 26, 0), Do: fault, Fault: &list})
	m.add(event{At: at(d, 26, 0), Do: fault, Fault: &one})
}

// blank: some seeds have the knobs by which Douyin refuses without saying why, a hold too.
func (m *maker) blank() {
	plain := m.Rand
	defer func() { m.Rand = plain }()
	m.Rand = rand.New(rand.NewPCG(m.Seed, 15))
	if m.sells(atDouyin) && m.chance(0.15) {
		m.Douyin.Absent, m.Douyin.Null = []string{"extra"}, nil
		m.Douyin.Refusals = pick(m, douyintest.RefusalSub, douyintest.RefusalExtra)
	}
}

// heldUntold: a voucher is held back where the answer does not say so.
func (m *maker) heldUntold() {
	for _, s := range m.Shops {
		if !slices.Contains(s.accounts(), atDouyin) {
			continue
		}
		v := sold{
			Voucher: dianpingtest.Voucher{Code: m.code(atDouyin), Title: "双人套餐", Price: 9900, DealID: 1001, DealGroupID: 2001, Shops: []string{s.Name}}, Coupons: 1, At: atDouyin,
			Hold: &douyintest.Hold{For: m.between(20*time.Second, 2*time.Hour), Verified: m.chance(0.7)},
		}
		m.Sold = append(m.Sold, v)
		e := event{At: at(0, 10+9*m.Float64(), 0), Do: say, Who: pick(m, s.Staff...), Shop: s.Name, Code: v.Code, Text: "验 " + v.Code}
		m.add(e)
		m.add(event{At: e.At + v.Hold.For + time.Minute, Do: look})
	}
}
