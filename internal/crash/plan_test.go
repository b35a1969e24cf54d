package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// round is everything that a seed decides.
type round struct {
	seed     uint64
	world    world
	cohort   int
	knobs    dianpingtest.Knobs
	douyin   douyintest.Knobs
	vouchers []voucher
	people   []string
	steps    []step
	chaos    []chaos
}

// voucher is one code that people will name, and what it is at first.
type voucher struct {
	code    string
	at      string // platform
	twin    bool   // the store's other platform has sold the same code
	coupons int    // of its order, this one included
	visits  int    // of a times card; 0: it is none
	state   string
	hold    *douyintest.Hold
}

// step is one thing that a person does.
type step struct {
	at     time.Duration
	who    string
	where  wecomtest.Where
	text   string   // said; "" means a press
	key    string   // press: what the button's key begins with
	codes  []string // that it is about
	resend time.Duration
}

// chaos is one thing that goes wrong.
type chaos struct {
	at       time.Duration
	what     string
	platform string // whose trouble it is
	replica  int
	signal   syscall.Signal
	down     time.Duration // until the replica is started again, or the platform or database is back
	mode     dianpingtest.PauseMode
	call     dianpingtest.Fault
	api      wecomtest.Fault

	statement string        // at which a connection is cut
	after     bool          // cut once the server has answered, rather than before it is asked
	lag       time.Duration // of a slow database
	spare     bool          // another node stands in for the one that is killed
}

const actionTime = 2500 * time.Millisecond

// planned makes the round of a seed. Codes come from the lane, for they must be
// new in it.
func planned(seed uint64, cohort int, code func(*rand.Rand, string) string, clustered bool) round {
	random := rand.New(rand.NewPCG(seed, 0x79616e7175616e))
	chance := func(percent int) bool { return random.IntN(100) < percent }
	moment := func() time.Duration { return time.Duration(random.Int64N(int64(actionTime))) }

	r := round{seed: seed, cohort: cohort, world: pickOf(random, worlds), knobs: randomKnobs(random), douyin: douyinKnobs(random)}
	for i := range peoplePerCohort {
		r.people = append(r.people, r.world.user(cohort, i))
	}
	for i := range 4 + random.IntN(4) {
		r.vouchers = append(r.vouchers, r.plannedVoucher(random, i == 0, code))
	}

	say := func(at time.Duration, who, text string, codes ...string) {
		s := step{at: at, who: who, text: text, codes: codes}
		switch n := random.IntN(100); {
		case n < 45:
			s.where = wecomtest.InApp("main", who)
		case n < 80:
			s.where = wecomtest.InGroup(r.world.chat(cohort)).Mention("group")
		default:
			s.where = wecomtest.InRobot("group", who)
		}
		if chance(25) {
			s.resend = 1 + time.Duration(random.IntN(1500))*time.Millisecond
		}
		r.steps = append(r.steps, s)
	}
	for range 9 + random.IntN(9) {
		v, who, at := pickOf(random, r.vouchers), pickOf(random, r.people), moment()
		switch n := random.IntN(100); {
		case n < 32:
			say(at, who, "验 "+r.platformNamed(random, v)+v.code, v.code)
			if v.twin { // the answer asks which
				r.steps = append(r.steps, step{at: at + 1500*time.Millisecond, who: who, where: r.steps[len(r.steps)-1].where, key: "verify ", codes: []string{v.code}})
			}
		case n < 47:
			say(at, who, "撤 "+v.code, v.code)
		case n < 55:
			say(at, who, v.code, v.code)
			r.steps = append(r.steps, step{at: at + 500*time.Millisecond, who: who, where: r.steps[len(r.steps)-1].where, key: "verify ", codes: []string{v.code}})
		case n < 63:
			r.steps = append(r.steps, step{at: at, who: who, where: pickOf(random, []wecomtest.Where{
				wecomtest.InApp("main", who), wecomtest.InGroup(r.world.chat(cohort)), wecomtest.InRobot("group", who),
			}), key: pickOf(random, []string{"undo ", "undo ", "verify ", "show "}), codes: []string{v.code}})
		case n < 71 && r.vouchers[0].coupons > 1 && v.visits == 0, n < 71 && v.visits > 0:
			if v.visits == 0 {
				v = r.vouchers[0]
			}
			say(at, who, fmt.Sprintf("验 %s x2", v.code), v.code)
		case n < 80:
			w := pickOf(random, r.vouchers)
			if w.code != v.code {
				say(at, who, "验 "+v.code+" "+w.code, v.code, w.code)
			}
		default: // several people at the same code at the same time
			for _, p := range r.people[:2+random.IntN(2)] {
				near := at + time.Duration(random.IntN(20))*time.Millisecond
				if chance(65) {
					say(near, p, "验 "+v.code, v.code)
				} else {
					say(near, p, "撤 "+v.code, v.code)
				}
			}
		}
	}
	slices.SortStableFunc(r.steps, func(a, b step) int { return int(a.at - b.at) })

	if chance(80) {
		for range 2 + random.IntN(8) {
			r.chaos = append(r.chaos, troubled(random, r.world.platforms, moment()))
		}
	}
	if chance(20) {
		r.chaos = append(r.chaos, randomOutage(random, pickOf(random, r.world.platforms), moment(), 200*time.Millisecond+moment()/2)...)
	}
	if chance(50) {
		for range 1 + random.IntN(3) {
			r.chaos = append(r.chaos, chaos{at: moment(), what: "wecom fault", api: randomAPIFault(random)})
		}
	}
	if chance(65) {
		for range 1 + random.IntN(4) {
			r.chaos = append(r.chaos, chaos{at: moment(), what: "signal", replica: random.IntN(replicas), signal: syscall.SIGKILL,
				down: 50*time.Millisecond + time.Duration(random.IntN(700))*time.Millisecond})
		}
	}
	if chance(20) {
		r.chaos = append(r.chaos, chaos{at: moment(), what: "signal", replica: random.IntN(replicas), signal: syscall.SIGTERM,
			down: 50 * time.Millisecond})
	}
	r.chaos = append(r.chaos, databaseTrouble(random, clustered)...)
	slices.SortStableFunc(r.chaos, func(a, b chaos) int { return int(a.at - b.at) })
	return r
}

// plannedVoucher is one that the first, or another, code of a round stands for.
func (r round) plannedVoucher(random *rand.Rand, first bool, code func(*rand.Rand, string) string) voucher {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	v := voucher{at: pickOf(random, r.world.platforms), coupons: 1}
	v.code = code(random, v.at)
	guarded, visits := !r.knobs.Unguarded, r.knobs.VerifyAccount == "" && r.knobs.VerifyTime == ""
	if v.at == douyin {
		v.twin = len(r.world.platforms) > 1 && len(v.code) == ambiguous && chance(40)
		v.hold = hold(random)
		guarded, visits = !r.douyin.Unguarded, true
	}
	switch {
	case !guarded:
	case first && chance(50):
		v.coupons = 2 + random.IntN(2)
	case chance(15) && visits:
		v.visits = 3 + random.IntN(2)
	case chance(8):
		v.state = "used"
	case chance(5):
		v.state = "refund"
	}
	return v
}

// platformNamed is the word for a voucher's platform that a person may say before its
// code, where a store has several; it may be the wrong one.
func (r round) platformNamed(random *rand.Rand, v voucher) string {
	if len(r.world.platforms) == 1 || random.IntN(100) >= 25 {
		return ""
	}
	if (v.at == douyin) != (random.IntN(6) == 0) {
		return "抖音 "
	}
	return "美团 "
}

// troubled lets a call to one of some platforms go wrong.
func troubled(random *rand.Rand, platforms []string, at time.Duration) chaos {
	p := pickOf(random, platforms)
	return chaos{at: at, what: "platform fault", platform: p, call: randomCallFault(random, p)}
}

func pickOf[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }

func randomAPIFault(random *rand.Rand) wecomtest.Fault {
	f := wecomtest.Fault{
		API:   pickOf(random, []string{"message/send", "message/send", "message/send", "message/update_template_card", "aibot/response"}),
		Times: 1 + random.IntN(2),
		After: random.IntN(3) == 0,
	}
	switch n := random.IntN(20); {
	case n < 5:
		f.Status = pickOf(random, []int{500, 502, 503})
	case n < 9:
		f.Drop = true
	case n < 13:
		f.Code, f.After = -1, false
	case n < 15:
		f.Body = "<html>502</html>"
	case n < 16:
		f.Hang = true
	case n < 17 && f.API == "message/send":
		f.Code, f.After = 42001, false // the token is refused
	default:
		f.Delay = time.Duration(random.IntN(1500)) * time.Millisecond
	}
	return f
}

// losses counts what in a round can make an answer be sent once more: a process
// dies between sending and recording, or the answer to the sending is lost, or
// the database does not take the record. Each can strike the same answer.
func (r round) losses() int {
	n := 0
	for _, c := range r.chaos {
		switch {
		case c.what == "signal" && c.signal == syscall.SIGKILL, c.ofDatabase():
			n++
		case c.what == "wecom fault" && (c.api.After || c.api.Hang):
			n += c.api.Times
		}
	}
	return n
}
