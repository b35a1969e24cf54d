package simulation

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

// dialect names a platform.
type dialect = fakeserver.Dialect

// Where shops sell: a store has an account at one of them, or at two.
const (
	atDianping = dianpingtest.Dianping
	atMeituan  = dianpingtest.Meituan
	atDouyin   = dialect("douyin")
)

var dialects = []dialect{atDianping, atMeituan, atDouyin}

// onScreen is what people call them.
var onScreen = map[dialect]string{atDianping: "大众点评", atMeituan: "美团", atDouyin: "抖音"}

// fake is a platform's stand-in, each a world of vouchers of its own.
type fake interface {
	http.Handler
	Fail(fakeserver.Fault) error
	Pause(fakeserver.PauseMode) error
	Resume()
	Requests() []fakeserver.Request
	Close()

	open(s shop, session string) error
	sell(s sold) error
	useTill(code string) error
	turn(code string, to dianpingtest.State) error
	effects() []effect
}

// effect is a line of any platform's ledger: with its Dialect also where it was none of
// ours, and with a Seq of its own among all.
type effect struct {
	dianpingtest.Effect
	ours  bool
	fen   int64  // of a consumption: what it costs
	token string // Douyin's key of it
}

// What only Douyin's ledger has.
const (
	effectHeld     = dianpingtest.EffectKind(douyintest.EffectHeld)
	effectReleased = dianpingtest.EffectKind(douyintest.EffectReleased)
	effectRefunded = dianpingtest.EffectKind(douyintest.EffectRefunded)
)

// accounts are the platforms where a shop sells.
func (s shop) accounts() []dialect {
	if s.Also == "" {
		return []dialect{s.Dialect}
	}
	return []dialect{s.Dialect, s.Also}
}

func (p *plan) session(s shop, d dialect) string {
	if d == atDouyin || p.granted() {
		return ""
	}
	return "session of " + s.Name + " at " + string(d)
}

// idAt is how a platform calls a shop.
func idAt(s shop, d dialect) string {
	if d == atDouyin {
		return fmt.Sprintf("66%017d", 1+slices.Index(shopNames, s.Name))
	}
	return s.Name
}

// openPlatforms makes the fakes of the platforms, with what is sold there.
func (w *world) openPlatforms() {
	w.platforms = map[dialect]fake{}
	for _, d := range dialects {
		codes, others := newStream(w.Seed, "codes of "+string(d)), newStream(w.Seed, "others of "+string(d))
		digits := func(n int) string {
			if n <= 12 {
				return codes.digits(n)
			}
			return others.digits(n)
		}
		if d == atDouyin {
			w.platforms[d] = douyinFake{douyintest.New(douyintest.Options{
				ClientKey: clientKey, ClientSecret: clientSecret, KeepRequests: 1 << 20, Knobs: w.Douyin, Digits: digits,
				NoticeURL: "http://" + w.host("bot") + "/auth/douyin/notice",
			})}
			continue
		}
		w.platforms[d] = dianpingFake{dianpingtest.New(dianpingtest.Options{
			AppKey: appKey, AppSecret: appSecret, DeveloperID: developer, SignKey: signKey, KeepRequests: 1 << 20, Knobs: w.Knobs, Digits: digits,
		}), d}
	}
	for _, s := range w.Shops {
		for _, d := range s.accounts() {
			w.must(w.platforms[d].open(s, w.session(s, d)))
		}
	}
	for _, s := range w.Sold {
		w.must(w.platforms[w.where(s)].sell(s))
	}
}

// where a voucher was sold.
func (p *plan) where(s sold) dialect {
	if s.At != "" {
		return s.At
	}
	i := slices.IndexFunc(p.Shops, func(shop shop) bool { return slices.Contains(s.Shops, shop.Name) })
	return p.Shops[i].Dialect
}

// selling is where a code was sold first; any, where it was not.
func (w *world) selling(code string) fake {
	for _, s := range w.Sold {
		if s.Code == code {
			return w.platforms[w.where(s)]
		}
	}
	return w.platforms[atDianping]
}

// shared reports whether a code was sold at two platforms.
func (p *plan) shared(code string) bool {
	n := 0
	for _, s := range p.Sold {
		if s.Code == code {
			n++
		}
	}
	return n > 1
}

// meant are the platforms that something befalls: one, or all that can know it.
func (w *world) meant(e event) (all []fake) {
	for _, d := range dialects {
		if e.Platform == d || e.Platform == "" && (d != atDouyin || e.Do == outage) {
			all = append(all, w.platforms[d])
		}
	}
	return all
}

// gather takes what the platforms have seen, as one ledger.
func (w *world) gather() {
	w.orders = map[string][]string{}
	for _, d := range dialects {
		p, first := w.platforms[d], len(w.ledger)
		for _, e := range p.effects() {
			e.Seq += first
			if e.Undoes > 0 {
				e.Undoes += first
			}
			e.Dialect = d
			e.OrderID = string(d) + " " + e.OrderID
			w.ledger = append(w.ledger, e)
		}
		for _, r := range p.Requests() {
			r.Dialect = d
			w.requests = append(w.requests, r)
		}
	}
	slices.SortStableFunc(w.ledger, func(a, b effect) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq)) })
	slices.SortStableFunc(w.requests, func(a, b fakeserver.Request) int { return a.Time.Compare(b.Time) })
	for _, e := range w.ledger {
		for _, code := range []string{e.Code, e.NewCode} {
			if code != "" && !slices.Contains(w.orders[e.OrderID], code) {
				w.orders[e.OrderID] = append(w.orders[e.OrderID], code)
			}
		}
	}
	for _, v := range w.douyin().Vouchers() {
		id := string(atDouyin) + " " + v.OrderID
		for _, code := range append(v.FormerCodes, v.Code) {
			if !slices.Contains(w.orders[id], code) {
				w.orders[id] = append(w.orders[id], code)
			}
		}
	}
}

func (w *world) douyin() *douyintest.Platform { return w.platforms[atDouyin].(douyinFake).Platform }

// dianpingFake is one generation of Meituan and Dianping.
type dianpingFake struct {
	*dianpingtest.Platform
	speaks dialect
}

func (f dianpingFake) open(s shop, session string) error {
	if err := f.AddShop(dianpingtest.Shop{ID: s.Name}); err != nil || session == "" {
		return err
	}
	return f.AddSession(dianpingtest.Session{Token: session, Dialect: f.speaks, Shops: []string{s.Name}})
}

func (f dianpingFake) sell(s sold) error {
	_, err := f.AddOrder(s.Voucher, s.Coupons)
	return err
}

func (f dianpingFake) useTill(code string) error { return f.ConsumeElsewhere(code, till, "") }

func (f dianpingFake) turn(code string, to dianpingtest.State) error { return f.SetState(code, to) }

func (f dianpingFake) effects() (all []effect) {
	price := map[string]int64{}
	for _, v := range f.Vouchers() {
		price[v.OrderID] = v.Price
		if f.speaks == atMeituan && v.Visits > 0 { // what a visit costs
			price[v.OrderID] = v.Price / int64(v.Visits)
		}
	}
	for _, e := range f.Ledger() {
		all = append(all, effect{Effect: e, ours: e.Dialect != "", fen: price[e.OrderID]})
	}
	return all
}

const till = "收银台"

// douyinFake is Douyin 来客.
type douyinFake struct{ *douyintest.Platform }

func (f douyinFake) open(s shop, _ string) error {
	return f.AddShop(douyintest.Shop{ID: idAt(s, atDouyin), Name: s.Name})
}

func (f douyinFake) sell(s sold) error {
	v := douyintest.Voucher{
		Code: s.Code, Title: s.Title, Price: s.Price, SKUID: fmt.Sprintf("17600000000000%05d", s.DealID), ValidFrom: s.ValidFrom, Expires: s.Expires,
		State: douyintest.State(s.State), Visits: s.Visits, Refusal: s.Refusal, Hold: s.Hold,
	}
	for _, name := range s.Shops {
		v.Shops = append(v.Shops, idAt(shop{Name: name}, atDouyin))
	}
	_, err := f.AddOrder(v, s.Coupons)
	return err
}

func (f douyinFake) useTill(code string) error { return f.ConsumeElsewhere(code, till) }

func (f douyinFake) turn(code string, to dianpingtest.State) error {
	return f.SetState(code, douyintest.State(to))
}

func (f douyinFake) effects() (all []effect) {
	vouchers := map[string]douyintest.Voucher{}
	for _, v := range f.Vouchers() {
		vouchers[v.CertificateID] = v
	}
	for _, e := range f.Ledger() {
		v := vouchers[e.CertificateID]
		one := effect{Effect: dianpingtest.Effect{
			Seq: e.Seq, Time: e.Time, Kind: dianpingtest.EffectKind(e.Kind), Code: e.Code, NewCode: e.NewCode, OrderID: e.OrderID, Undoes: e.Undoes,
		}, token: e.VerifyToken, fen: v.Price}
		if v.Visits > 0 {
			one.fen = v.Price / int64(v.Visits)
			if e.Serial == v.Visits {
				one.fen += v.Price % int64(v.Visits)
			}
		}
		for _, name := range shopNames {
			if idAt(shop{Name: name}, atDouyin) == e.Shop {
				one.Shop = name
			}
		}
		switch e.Kind {
		case douyintest.EffectConsumed:
			one.ours = e.VerifyToken != "" // a hold may end under another type than ours
		case douyintest.EffectUndone:
			one.ours = e.Verifier != till
		default:
			one.ours = e.VerifyToken != ""
		}
		all = append(all, one)
	}
	return all
}
