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
	"yanquan/bot/redeem"
	"yanquan/models"
)

// Each product that can be named has a line and a button with its number, of as many as
// were asked for and are left; the text that stands for it names it alone.
func TestProductButtons(t *testing.T) {
	t.Parallel()
	w := &Words{Location: time.UTC, Now: time.Now, NewID: func() string { return "card" }}
	shop := models.Store{Account: models.Account{ID: 3, Name: "人民广场店", Platform: "douyin", Active: true}}
	for name, c := range map[string]struct {
		list  string
		count int
		seen  string
		keys  []string // text, key and what to text instead
		says  string
	}{
		"two": {
			"1760000000000000001||1990|2|手冲咖啡一杯\n1760000000000000002|||0|芝士蛋糕", 2, "",
			[]string{
				"1 手冲…一杯 2张|product 3 104930181552 2 1760000000000000001|验 104930181552 x2 商品0001",
				"2 芝士蛋糕 2张|product 3 104930181552 2 1760000000000000002|验 104930181552 x2 商品0002",
			}, "",
		},
		"less is left": {"1760000000000000001|||1|A\n1760000000000000002|||9|B", 3, "", []string{
			"1 A 1张|product 3 104930181552 1 1760000000000000001|验 104930181552 商品0001", "2 B 3张|product 3 104930181552 3 1760000000000000002|验 104930181552 x3 商品0002",
		}, ""},
		"alike": {"17610001||1990|1|咖啡\n17620001||2990|1|咖啡", 1, "", []string{
			"1 咖啡|product 3 104930181552 1 17610001|验 104930181552 商品10001", "2 咖啡|product 3 104930181552 1 17620001|验 104930181552 商品20001",
		}, ""},
		"seen before":     {"17610001||1990|1|咖啡\n17620002||2990|1|茶", 1, "op1", []string{"1 咖啡|product 3 104930181552 1 17610001 op1|", "2 茶|product 3 104930181552 1 17620002 op1|"}, ""},
		"own codes":       {"31|7992697494|1990|1|咖啡\n32|7992697495|2990|1|茶", 1, "", []string{"1 咖啡|verify 3 7992697494 1|验 7992697494", "2 茶|verify 3 7992697495 1|验 7992697495"}, ""},
		"one has no id":   {"|||1|咖啡\n17620002||2990|1|茶", 1, "", []string{"2 茶|product 3 104930181552 1 17620002|验 104930181552 商品0002"}, ""},
		"none has":        {"|||1|咖啡\nabcd||2990|1|茶", 1, "", nil, "平台没有说怎么选"},
		"the same id":     {"17620002|||1|咖啡\n17620002||2990|1|茶", 1, "", nil, "平台没有说怎么选"},
		"one that is new": {"17620002||2990|1|茶", 1, "op1", []string{"1 茶|product 3 104930181552 1 17620002 op1|"}, "另一种商品"},
		"one, without id": {"|||1|咖啡", 1, "", nil, "请不写商品"},
		"no list":         {"", 1, "", nil, "请问顾客要用哪一种"},
	} {
		op := models.Operation{ID: "op2", StoreID: 3, Code: "104930181552", Count: c.count, State: models.Rejected, OtherID: c.seen, PriceUnknown: true,
			Outcome: models.Outcome{Reason: redeem.ReasonProduct, Message: c.list}}
		card := w.Operation(shop, op, nil)
		var keys []string
		for _, k := range card.Keys {
			keys = append(keys, k.Text+"|"+k.Key+"|"+k.Say)
			if _, err := command.ReadButton(k.Key); err != nil || utf8.RuneCountInString(k.Text) > maxKeyText {
				t.Errorf("%s: %q, %v", name, k.Text, err)
			}
		}
		if !slices.Equal(keys, c.keys) || !strings.Contains(card.Text, c.says) || card.Title != "请选择商品" {
			t.Errorf("%s: %s: %s\n%s", name, card.Title, card.Text, strings.Join(keys, "\n"))
		}
	}
	var many []string
	for i := range 5 {
		many = append(many, fmt.Sprintf("1760000000000000%03d||1990|1|商品名字很长很长很长很长很长很长很长很长%d", i, i))
	}
	card := w.Operation(shop, models.Operation{StoreID: 3, Code: "104930181552", Outcome: models.Outcome{Reason: redeem.ReasonProduct, Message: strings.Join(many, "\n") + "\n"}, State: models.Rejected}, nil)
	if len(card.Keys) != maxChoices || len(card.Fields) != bot.MaxFields || !strings.Contains(card.Text, "放不下") {
		t.Errorf("%d buttons, %d fields, %s", len(card.Keys), len(card.Fields), card.Text)
	}
	for _, f := range card.Fields {
		if utf8.RuneCountInString(f.Value) > bot.MaxValue {
			t.Errorf("%q is cut", f.Value)
		}
	}
}
