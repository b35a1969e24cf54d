package simulation

import (
	"cmp"
	"slices"

	"yanquan/dianping/dianpingtest"
)

// platforms are the worlds of vouchers, each of its own: Dianping and Meituan. A store
// has an account at one of them or at both.
type platforms map[dianpingtest.Dialect]*dianpingtest.Platform

var dialects = []dianpingtest.Dialect{dianpingtest.Dianping, dianpingtest.Meituan}

// accounts are the platforms where a shop sells.
func (s shop) accounts() []dianpingtest.Dialect {
	if s.Also == "" {
		return []dianpingtest.Dialect{s.Dialect}
	}
	return []dianpingtest.Dialect{s.Dialect, s.Also}
}

func session(s shop, d dianpingtest.Dialect) string {
	return "session of " + s.Name + " at " + string(d)
}

// openPlatforms makes the fakes of the platforms, with what is sold there.
func (w *world) openPlatforms() {
	w.platforms = platforms{}
	for _, d := range dialects {
		codes, others := newStream(w.Seed, "codes of "+string(d)), newStream(w.Seed, "others of "+string(d))
		w.platforms[d] = dianpingtest.New(dianpingtest.Options{
			AppKey: appKey, AppSecret: appSecret, DeveloperID: developer, SignKey: signKey, KeepRequests: 1 << 20, Knobs: w.Knobs,
			Digits: func(n int) string {
				if n <= 12 {
					return codes.digits(n)
				}
				return others.digits(n)
			},
		})
	}
	for _, s := range w.Shops {
		for _, d := range s.accounts() {
			w.must(w.platforms[d].AddShop(dianpingtest.Shop{ID: s.Name}))
			w.must(w.platforms[d].AddSession(dianpingtest.Session{Token: session(s, d), Dialect: d, Shops: []string{s.Name}}))
		}
	}
	for _, s := range w.Sold {
		_, err := w.platforms.of(w.plan, s).AddOrder(s.Voucher, s.Coupons)
		w.must(err)
	}
}

// of is where a voucher was sold.
func (p platforms) of(in *plan, s sold) *dianpingtest.Platform {
	if s.At != "" {
		return p[s.At]
	}
	i := slices.IndexFunc(in.Shops, func(shop shop) bool { return slices.Contains(s.Shops, shop.Name) })
	return p[in.Shops[i].Dialect]
}

// selling is where a code was sold; any, where it was not.
func (w *world) selling(code string) *dianpingtest.Platform {
	for _, s := range w.Sold {
		if s.Code == code {
			return w.platforms.of(w.plan, s)
		}
	}
	return w.platforms[dianpingtest.Dianping]
}

// meant are the platforms that something befalls: one, or all.
func (p platforms) meant(d dianpingtest.Dialect) []*dianpingtest.Platform {
	if d != "" {
		return []*dianpingtest.Platform{p[d]}
	}
	return []*dianpingtest.Platform{p[dianpingtest.Dianping], p[dianpingtest.Meituan]}
}

// gather takes what the platforms have seen, as one ledger.
func (w *world) gather() {
	w.prices = map[string]int64{}
	for _, d := range dialects {
		p, first := w.platforms[d], len(w.ledger)
		for _, e := range p.Ledger() {
			e.Seq += first
			if e.Undoes > 0 {
				e.Undoes += first
			}
			w.ledger = append(w.ledger, e)
		}
		w.requests = append(w.requests, p.Requests()...)
		for _, v := range p.Vouchers() {
			w.prices[v.OrderID] = v.Price
			if d == dianpingtest.Meituan && v.Visits > 0 { // what a visit costs
				w.prices[v.OrderID] = v.Price / int64(v.Visits)
			}
		}
	}
	slices.SortStableFunc(w.ledger, func(a, b dianpingtest.Effect) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq)) })
	slices.SortStableFunc(w.requests, func(a, b dianpingtest.Request) int { return a.Time.Compare(b.Time) })
}
