package words

import (
	"strings"
	"testing"

	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// A cause says why: it asks nothing of a cashier, and says more than that nothing was verified.
func TestCauses(t *testing.T) {
	t.Parallel()
	for _, reason := range allReasons(t) {
		if cause := CauseOf(reason); cause == "" || cause == "没有核销" || strings.HasPrefix(cause, "请") {
			t.Errorf("the cause of %q is %q", reason, cause)
		}
	}
	for reason := range causes {
		if _, known := Sayings[reason]; !known {
			t.Errorf("%q is no reason", reason)
		}
	}
	if got := CauseOf("something new"); got != "平台拒绝" {
		t.Errorf("of what is not known: %q", got)
	}
}

// Where a store has one platform, its operations are at that one, though cards need not
// say it; what was refused before a platform was known is at none.
func TestAt(t *testing.T) {
	t.Parallel()
	one := models.Store{Account: models.Account{ID: 1, Platform: platform.DouyinName, Active: true}}
	two := one
	two.Further = []models.Account{{ID: 2, BelongsTo: 1, Platform: "meituan", Active: true}}
	for _, tt := range []struct {
		store   models.Store
		account int64
		reason  string
		at, on  string
	}{
		{one, 1, platform.NotFound, "抖音", ""}, {one, 1, redeem.ReasonSlowed, "", ""}, {one, 9, platform.NotFound, "", ""},
		{two, 1, platform.NotFound, "抖音", "抖音"}, {two, 2, platform.NotFound, "美团", "美团"}, {two, 2, redeem.ReasonNowhere, "", ""},
	} {
		op := models.Operation{StoreID: tt.account, Outcome: models.Outcome{Reason: tt.reason}}
		if at, on := At(tt.store, op), On(tt.store, op); at != tt.at || on != tt.on {
			t.Errorf("%+v: at %q, on %q", tt, at, on)
		}
	}
}
