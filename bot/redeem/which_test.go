package redeem

import (
	"context"
	"testing"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// What several platforms say of a code comes to one account, or to why it does not.
func TestJudge(t *testing.T) {
	t.Parallel()
	var (
		usable    = platform.Looked{Proves: platform.Usable}
		used      = platform.Looked{Proves: platform.Used, Said: platform.Said{Why: platform.AlreadyUsed}}
		expired   = platform.Looked{Proves: platform.Void, Said: platform.Said{Why: string(dianping.Expired)}}
		wrongShop = platform.Looked{Said: platform.Said{Why: platform.WrongShop, Decided: true}}
		unknown   = platform.Looked{Proves: platform.Void, Said: platform.Said{Why: platform.NotFound, Decided: true}}
		silent    = platform.Looked{Said: platform.Said{Why: platform.Unreachable, Silent: true}}
		ended     = platform.Looked{Said: platform.Said{Why: platform.Session}}
	)
	for name, c := range map[string]struct {
		first, second platform.Looked // of accounts 1, of Meituan, and 2, of Douyin
		one           int64
		outcome       models.Outcome
		guess         bool
	}{
		"usable":            {usable, unknown, 1, models.Outcome{}, false},
		"used":              {unknown, used, 2, models.Outcome{}, false},
		"expired":           {unknown, expired, 2, models.Outcome{}, false},
		"of another shop":   {wrongShop, unknown, 1, models.Outcome{}, false},
		"both":              {usable, usable, 0, models.Outcome{Reason: ReasonWhich, Code: "1,2"}, false},
		"one of both used":  {used, usable, 0, models.Outcome{Reason: ReasonWhich, Code: "1,2"}, false},
		"one, one silent":   {usable, silent, 0, models.Outcome{Reason: ReasonUnsure, Code: "1", Message: "2"}, false},
		"one, one ended":    {ended, usable, 0, models.Outcome{Reason: ReasonUnsure, Code: "2", Message: "1"}, false},
		"neither":           {unknown, unknown, 0, models.Outcome{Reason: ReasonNowhere, Code: "1,2"}, true},
		"one not, a silent": {unknown, silent, 0, models.Outcome{Reason: ReasonUnheard, Code: "1", Message: "2"}, false},
		"all silent":        {silent, ended, 0, models.Outcome{Reason: ReasonUnheard, Message: "1,2"}, false},
	} {
		seen := []lookResult{
			{&talk{shop: platform.Dianping(nil, dianping.Shop{}, 0)}, models.Account{ID: 1, Platform: dianping.Meituan}, c.first, ""},
			{&talk{shop: platform.Dianping(nil, dianping.Shop{}, 0)}, models.Account{ID: 2, Platform: "douyin"}, c.second, ""},
		}
		for _, s := range seen {
			s.calls = []models.Call{{Outcome: models.Outcome{Reason: s.looked.Why}}}
		}
		v := judge(seen)
		if v.one == nil != (c.one == 0) || v.one != nil && v.one.account.ID != c.one || v.outcome != c.outcome {
			t.Errorf("%s: %+v, one %+v", name, v.outcome, v.one)
		}
		guess := false
		for _, call := range v.calls() {
			guess = guess || call.Reason == platform.NotFound
		}
		if guess != c.guess {
			t.Errorf("%s: a guess: %v", name, guess)
		}
	}
}

// An account that nobody has connected knows nothing; and where the length says whose a
// code is, its platform alone is asked.
func TestLookLikeliestFirst(t *testing.T) {
	t.Parallel()
	clock := noon()
	r := newRig(t, modelstest.SQLite(t, modelstest.WithClock(clock)), clock, dianping.Meituan)
	accounts := []models.Account{{ID: 2, Platform: "douyin", ShopID: "shop-b"}, r.store.Account}
	r.voucher("7992697494")
	for code, asked := range map[string]int{"7992697494": 1, "7992697495": 2, "799269749412": 2} {
		before := len(r.platform.Requests())
		seen, err := r.core.lookAll(context.Background(), Question{Code: code}, accounts)
		r.must(err)
		if n := len(r.platform.Requests()) - before; n != asked || len(seen) != asked {
			t.Errorf("%s: %d calls, %d looks, want %d", code, n, len(seen), asked)
		}
	}
	r.core.Shops.(*shops).gone = true
	seen, err := r.core.lookAll(context.Background(), Question{Code: "799269749412"}, accounts)
	r.must(err)
	if v := judge(seen); v.outcome.Reason != ReasonUnheard || v.outcome.Message != "2,1" {
		t.Errorf("%+v", v.outcome)
	}
}
