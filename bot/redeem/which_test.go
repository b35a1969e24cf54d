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
		code          string
		first, second platform.Looked // of accounts 1, of Meituan, and 2, of Douyin
		one           int64
		outcome       models.Outcome
		guess         bool
	}{
		"usable":            {"799269749412", usable, unknown, 1, models.Outcome{}, false},
		"used":              {"799269749412", unknown, used, 2, models.Outcome{}, false},
		"expired":           {"799269749412", unknown, expired, 2, models.Outcome{}, false},
		"of another shop":   {"799269749412", wrongShop, unknown, 1, models.Outcome{}, false},
		"both":              {"799269749412", usable, usable, 0, models.Outcome{Reason: ReasonWhich, Code: "1,2"}, false},
		"one of both used":  {"799269749412", used, usable, 0, models.Outcome{Reason: ReasonWhich, Code: "1,2"}, false},
		"one, one silent":   {"799269749412", usable, silent, 0, models.Outcome{Reason: ReasonUnsure, Code: "1", Message: "2"}, false},
		"one, one ended":    {"799269749412", ended, usable, 0, models.Outcome{Reason: ReasonUnsure, Code: "2", Message: "1"}, false},
		"of its length":     {"7992697494", usable, silent, 1, models.Outcome{}, false},
		"of the others'":    {"799269749412345", usable, silent, 0, models.Outcome{Reason: ReasonUnsure, Code: "1", Message: "2"}, false},
		"of that length":    {"799269749412345", silent, usable, 2, models.Outcome{}, false},
		"neither":           {"799269749412", unknown, unknown, 0, models.Outcome{Reason: ReasonNowhere, Code: "1,2"}, true},
		"one not, a silent": {"799269749412", unknown, silent, 0, models.Outcome{Reason: ReasonUnheard, Code: "1", Message: "2"}, true},
		"all silent":        {"7992697494", silent, ended, 0, models.Outcome{Reason: ReasonUnheard, Message: "1,2"}, false},
	} {
		seen := []sighting{
			{&talk{shop: platform.Dianping(nil, dianping.Shop{}, 0)}, models.Account{ID: 1, Platform: dianping.Meituan}, c.first},
			{&talk{shop: platform.Dianping(nil, dianping.Shop{}, 0)}, models.Account{ID: 2, Platform: "douyin"}, c.second},
		}
		for _, s := range seen {
			s.calls = []models.Call{{Outcome: models.Outcome{Reason: s.looked.Why}}}
		}
		v := judge(c.code, seen)
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
func TestSightLikeliestFirst(t *testing.T) {
	t.Parallel()
	clock := noon()
	r := newRig(t, modelstest.SQLite(t, modelstest.WithClock(clock)), clock, dianping.Meituan)
	accounts := []models.Account{{ID: 2, Platform: "douyin", ShopID: "shop-b"}, r.store.Account}
	r.voucher("7992697494")
	for code, asked := range map[string]int{"7992697494": 1, "7992697495": 2, "799269749412": 2} {
		before := len(r.platform.Requests())
		seen, err := r.core.sight(context.Background(), Question{Code: code}, accounts)
		r.must(err)
		if n := len(r.platform.Requests()) - before; n != asked || len(seen) != asked {
			t.Errorf("%s: %d calls, %d sightings, want %d", code, n, len(seen), asked)
		}
	}
	r.core.Shops.(*shops).gone = true
	seen, err := r.core.sight(context.Background(), Question{Code: "799269749412"}, accounts)
	r.must(err)
	if v := judge("799269749412", seen); v.outcome.Reason != ReasonUnheard || v.outcome.Message != "2,1" {
		t.Errorf("%+v", v.outcome)
	}
}
