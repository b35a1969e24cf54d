package words

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

const longDeal = "【工作日午市】海鲜自助火锅套餐，含饮料、甜品、停车两小时，节假日不可用（4人餐）"

// Whatever deals are called, and however many coupons there are, each result names the
// deal within what a client shows.
func TestEachResultNamesItsDealWithinTheLimits(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	var ops []models.Operation
	for i := range command.MaxCodes {
		op := done(now, fmt.Sprintf("123456789012345%05d", i), longDeal, 129900)
		switch i % 5 {
		case 1:
			op.Count = 2
		case 2:
			op.State, op.Outcome.Reason, op.UsedBy = models.Rejected, string(dianping.AlreadyUsed), "收银台"
		case 3:
			op.State = models.Unknown
		case 4:
			op.State, op.Outcome.Reason, op.Left, op.Count = models.Rejected, "count_left", 1, 2
		}
		ops = append(ops, op)
	}
	r := w.Batch(models.Store{Account: models.Account{ID: 1}}, ops, nil, nil)
	if len(r.Card.Fields) != bot.MaxFields || len(r.Card.Keys) > bot.MaxKeys {
		t.Errorf("%d fields, %d keys", len(r.Card.Fields), len(r.Card.Keys))
	}
	for _, f := range r.Card.Fields {
		if utf8.RuneCountInString(f.Key) > 5 || utf8.RuneCountInString(f.Value) > bot.MaxValue || !strings.Contains(f.Value, "【工作日") || !strings.Contains(f.Value, "人餐）") {
			t.Errorf("%+v", f)
		}
	}
	if got, want := r.Card.Fields[1].Value, "【工作日午市】海…4人餐） 2 张 ¥2598.00"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	const app = 4 * 2000 // bytes of what an app sends of one answer, in its five messages, and room for the card
	if lines := strings.Split(r.Text, "\n"); len(r.Text) > app || len(lines) != len(ops) {
		t.Errorf("%d bytes in %d lines", len(r.Text), len(lines))
	}
	var vouchers []platform.Voucher
	for range 50 {
		vouchers = append(vouchers, platform.Voucher{Code: "12345678901234567890", Title: longDeal, PriceFen: 129900, PriceKnown: true, Left: 10})
	}
	r = w.Choose(models.Store{Account: models.Account{ID: 1}}, vouchers)
	if f := r.Card.Fields[0]; utf8.RuneCountInString(f.Value) > bot.MaxValue || !strings.HasSuffix(f.Value, "¥1299.00 可用 10 张") {
		t.Errorf("%q", f.Value)
	}
	if len(r.Text) > app {
		t.Errorf("%d bytes", len(r.Text))
	}
	var looks []string
	for range command.MaxCodes {
		looks = append(looks, LookLine("12345678901234567890", w.Usable(models.Store{}, command.Item{Code: "12345678901234567890", Count: 1}, ops[0], nil)))
	}
	if r := Looks(looks); len(r.Text) > app || !strings.Contains(r.Text, "人餐）") {
		t.Errorf("%d bytes: %s", len(r.Text), r.Text)
	}
}

// A list tells what an undo left, and sums up what stands.
func TestListTellsWhatAnUndoLeft(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	s := models.Store{Account: models.Account{ID: 1, Platform: dianping.Meituan}}
	refused := func(code string, count int, reason string, after time.Duration) models.Operation {
		op := done(now, code, "双人下午茶", 4990)
		op.ID, op.StoreID, op.Count, op.UndoReason, op.UndoCalledAt = code, 1, count, reason, now.Add(after)
		return op
	}
	whole := refused("7992697494", 1, redeem.ReasonUnavailable, time.Second)
	partly := refused("8992697495", 3, redeem.ReasonUndoLate, 2*time.Second)
	visits := refused("8992697496", 2, redeem.ReasonCovered, 0)
	visits.Reusable = true
	coupons := map[string][]models.Coupon{
		partly.ID: {
			{Code: "1", PriceFen: 4990, UndoneAt: now}, {Code: "2", PriceFen: 4990, UndoReason: redeem.ReasonUndoLate}, {Code: "3", PriceFen: 4990, UndoReason: redeem.ReasonUndoLate},
		},
		visits.ID: {{Code: visits.Code, PriceFen: 4990, UndoneAt: now}, {Code: visits.Code, PriceFen: 4990, UndoReason: redeem.ReasonCovered}},
	}
	c := w.Batch(s, []models.Operation{whole, partly, visits, done(now, "8992697497", "烤鱼", 100)}, coupons, nil).Card
	for i, want := range []string{"双人下午茶 没有撤销 ¥49.90", "双人下午茶 撤销 1 张余 ¥99.80", "双人下午茶 撤销 1 次余 ¥49.90", "烤鱼 ¥1.00"} {
		if c.Fields[i].Value != want || c.Fields[i].Key != "✅"+[]string{"7494", "7495", "7496", "7497"}[i] {
			t.Errorf("%+v, want %q", c.Fields[i], want)
		}
	}
	for _, want := range []string{
		"合计 ¥200.60，可撤销至", "尾号7495 撤销 1 张，其余没有撤销：核销超过 10 分钟，平台不再允许撤销。需要退款请顾客在 App 里联系客服。",
		"撤销的次数还给了顾客，券码不变。", "撤销的其他券码已作废，顾客在 App 里看新的券码。",
	} {
		if !strings.Contains(c.Text, want) {
			t.Errorf("%q is not in %q", want, c.Text)
		}
	}
	if c.Tone == bot.Good {
		t.Error("all is said to be well")
	}
	for _, tt := range []struct {
		op   models.Operation
		want string
	}{
		{whole, "核销成功 ¥49.90，没有撤销：连不上平台"},
		{partly, "核销成功 ¥49.90 × 2 = ¥99.80，撤销 1 张，其余没有撤销：核销超过 10 分钟，平台不再允许撤销"},
		{visits, "核销成功 ¥49.90，撤销 1 次，其余没有撤销：这个券码后来又核销过一次，现在撤销会撤掉后面那一次"},
	} {
		if mark, text := w.Line(s, tt.op, coupons[tt.op.ID]); mark != "✅" || text != tt.want {
			t.Errorf("%s %q, want %q", mark, text, tt.want)
		}
	}
}

// What undos have left has room on a card and in the messages of an app, however many.
func TestRefusedUndosWithinTheLimits(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	var ops []models.Operation
	coupons := map[string][]models.Coupon{}
	for i := range command.MaxCodes {
		op := done(now, fmt.Sprintf("123456789012345%05d", i), longDeal, 129900)
		op.ID, op.StoreID, op.Count, op.UndoReason = op.Code, 1, 2, redeem.ReasonCovered
		if i%2 == 0 {
			coupons[op.ID] = []models.Coupon{{Code: op.Code, PriceFen: 129900, UndoneAt: now}, {Code: "2", PriceFen: 129900, UndoReason: redeem.ReasonCovered}}
		}
		ops = append(ops, op)
	}
	r := w.Batch(models.Store{Account: models.Account{ID: 1, Platform: dianping.Meituan}}, ops, coupons, nil)
	for _, f := range r.Card.Fields {
		if utf8.RuneCountInString(f.Value) > bot.MaxValue || !strings.Contains(f.Value, "撤销") || !strings.HasSuffix(f.Value, ".00") {
			t.Errorf("%+v", f)
		}
	}
	if len(r.Text) > 4*2000 {
		t.Errorf("%d bytes", len(r.Text))
	}
}

// Codes that end alike are told apart, above all on the buttons that undo.
func TestCodesThatEndAlikeAreToldApart(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	c := w.Batch(models.Store{Account: models.Account{ID: 1}}, []models.Operation{done(now, "7992697494", "双人下午茶", 4990), done(now, "8992617494", "烤鱼", 9900)}, nil, nil).Card
	for i, want := range []string{"双人下午茶 97494 ¥49.90", "烤鱼 17494 ¥99.00"} {
		if c.Fields[i].Value != want {
			t.Errorf("%q, want %q", c.Fields[i].Value, want)
		}
	}
	if a, b := c.Keys[0].Text, c.Keys[1].Text; a != "撤 97494" || b != "撤 17494" {
		t.Errorf("%q, %q", a, b)
	}
	c = w.Batch(models.Store{Account: models.Account{ID: 1}}, []models.Operation{done(now, "7992697494", "", 0), done(now, "7892697494", "", 0)}, nil, nil).Card
	if a, b := c.Keys[0].Text, c.Keys[1].Text; a != "撤 992…7494" || b != "撤 892…7494" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		most int
		want string
	}{
		{"双人下午茶", 5, "双人下午茶"},
		{"双人下午茶套餐", 5, "双人…套餐"},
		{"工作日午市四人餐", 6, "工作日…人餐"},
		{"12345678代金券", 6, "…金券"}, // half a number would be another one
		{"代金券面值12345678", 6, "代金券…"},
		{"", 3, ""},
	} {
		if got := Short(tt.name, tt.most); got != tt.want {
			t.Errorf("%q to %d: %q, want %q", tt.name, tt.most, got, tt.want)
		}
	}
	for most := 2; most < 40; most++ {
		if n := utf8.RuneCountInString(Short(longDeal, most)); n > most {
			t.Errorf("%d characters for %d", n, most)
		}
	}
	if !slices.Equal(strings.Fields(Named("双人 下午茶", "")), []string{"双人", "下午茶"}) {
		t.Error("a name alone stays")
	}
}
