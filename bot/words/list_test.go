package words

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
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
