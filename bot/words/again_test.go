package words

import (
	"strings"
	"testing"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// What is left is said where it was told, of a card or an order, and not once it is old.
func TestLeftAfter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op   models.Operation
		n    int
		want string
	}{
		"not told":           {models.Operation{Reusable: true}, 1, ""},
		"one coupon":         {models.Operation{Left: 1}, 1, ""},
		"of an order":        {models.Operation{Left: 3}, 2, "还剩 1 张"},
		"a card":             {models.Operation{Left: 9, Reusable: true}, 1, "还剩 8 次"},
		"the last of a card": {models.Operation{Left: 2, Reusable: true}, 2, "用完了"},
		"more than was told": {models.Operation{Left: 1, Reusable: true}, 2, ""},
		"since then":         {models.Operation{Left: 9, Reusable: true, Superseded: true}, 1, ""},
	} {
		if got := leftAfter(c.op, c.n); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A card has room for six fields: what is left has one of its own where there is room.
func TestLeftOnCards(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	op := done(now, "7992697494", "十次卡", 4990)
	op.StoreID, op.Reusable, op.Left, op.VoucherExpires = 1, true, 9, now.AddDate(0, 1, 0)
	s := models.Store{Account: models.Account{ID: 1, Name: "人民广场店"}}
	field := func(key string) string {
		for _, f := range w.Operation(s, op, nil).Fields {
			if f.Key == key {
				return f.Value
			}
		}
		return ""
	}
	if got := field("剩余"); got != "还剩 8 次" {
		t.Errorf("%q", got)
	}
	op.Mobile = "138****0000"
	if got := field(until); got != "2026-12-23，还剩 8 次" || field("剩余") != "" || field("门店") == "" {
		t.Errorf("%q", got)
	}
	r := w.Batch(s, []models.Operation{op, op, op, op, op, op, op}, nil, nil)
	if f := r.Card.Fields[0]; !strings.HasSuffix(f.Value, "还剩 8 次") || utf8.RuneCountInString(f.Value) > bot.MaxValue || !strings.Contains(r.Text, "还剩 8 次") {
		t.Errorf("%+v\n%s", f, r.Text)
	}
}

// More of what was verified is offered as many times as was asked for, as far as it is
// left; and nowhere else.
func TestAgainText(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	for want, op := range map[string]models.Operation{
		"再用一次": {Left: 8, Reusable: true}, "再用 2 次": {Count: 2, Reusable: true}, "再核销一张": {Left: 1, Count: 3}, "再核销 3 张": {Left: 7, Count: 3},
	} {
		op.Code, op.State, op.StoreID, op.OtherID, op.UsedBy, op.UsedAt = "7992697494", models.Rejected, 1, "op-1", "张三", now
		for reason, offers := range map[string]bool{
			redeem.ReasonHereMore: true, redeem.ReasonHere: false, redeem.ReasonHereUnsure: false, redeem.ReasonHereSince: false, redeem.ReasonHereSpent: false,
			redeem.ReasonBusy: false, platform.RiskHeld: false,
		} {
			op.Outcome.Reason = reason
			keys := w.Operation(models.Store{Account: models.Account{ID: 1}}, op, nil).Keys
			if offers != (len(keys) == 1) || offers && (keys[0].Text != want || keys[0].Say != "") {
				t.Errorf("%s: %+v, want %q", reason, keys, want)
			}
		}
	}
}
