package wecom

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to create it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func pretty(t *testing.T, v any) []byte {
	t.Helper()
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

const testFallback = "https://yanquan.example.com/"

// replies are the shapes the bot answers in.
func replies() map[string]bot.Reply {
	return map[string]bot.Reply{
		"success": {Card: &bot.Card{
			TaskID: "v-01", Source: "验券 · 人民广场店", Title: "核销成功", Desc: "双人下午茶套餐（周末通用）", Tone: bot.Good,
			Fields: []bot.Field{
				{Key: "券码", Value: "7992697494"},
				{Key: "售价", Value: "¥49.90"},
				{Key: "手机号", Value: "138****0000"},
				{Key: "有效期至", Value: "2026-12-31"},
				{Key: "核销人", Value: "张三", User: "zhangsan"},
				{Key: "可撤销至", Value: "14:12:09"},
			},
			Keys: []bot.CardKey{{Text: "撤销", Key: "undo:v-01", Style: bot.Danger}},
			URL:  "https://yanquan.example.com/v/abc",
		}},
		"refusal": {Card: &bot.Card{
			TaskID: "r-01", Source: "验券 · 人民广场店", Title: "没有核销：这张券已经用过了", Tone: bot.Bad,
			Quote:  &bot.Quote{Title: "李四 在 12-11 13:50 核销", Text: "人民广场店"},
			Text:   "请顾客在“我的订单”里确认券码。",
			Fields: []bot.Field{{Key: "券码", Value: "7992697494"}},
		}},
		"confirm": {Card: &bot.Card{
			TaskID: "q-01", Source: "验券 · 人民广场店", Title: "可以核销", Desc: "双人下午茶套餐",
			Fields: []bot.Field{{Key: "券码", Value: "7992697494"}, {Key: "售价", Value: "¥49.90"}},
			Keys: []bot.CardKey{
				{Text: "确认核销", Key: "verify:q-01", Style: bot.Primary},
				{Text: "先不核销", Key: "cancel:q-01", Style: bot.Quiet},
			},
		}},
		"undo": {Card: &bot.Card{
			TaskID: "u-01", Source: "验券 · 人民广场店", Title: "已撤销", Tone: bot.Good,
			Text:   "券码已经更换，请顾客在 App 里查看新的券码。",
			Fields: []bot.Field{{Key: "原券码", Value: "7992697494"}, {Key: "撤销人", Value: "张三"}},
		}},
		"pending": {Pending: true, Card: &bot.Card{
			TaskID: "p-01", Source: "验券 · 人民广场店", Title: "核验中", Text: "平台还没有答复，结果稍后发出。请先不要重复核销。",
			Fields: []bot.Field{{Key: "券码", Value: "7992697494"}},
		}},
		"help": {Text: "**可以发送**\n\n- 验 7992697494：核销\n- 撤 7992697494：十分钟内撤销\n- 今日：今天的核销"},
		"list": {
			Card: &bot.Card{
				TaskID: "l-01", Source: "验券 · 人民广场店", Title: "7 张券：6 张成功，1 张没有核销", Desc: "合计 ¥299.40",
				Fields: []bot.Field{
					{Key: "7992697491", Value: "成功"}, {Key: "7992697492", Value: "成功"}, {Key: "7992697493", Value: "成功"},
					{Key: "7992697494", Value: "成功"}, {Key: "7992697495", Value: "成功"}, {Key: "7992697496", Value: "成功"},
				},
			},
			Text: "- 7992697497：**没有核销**，已过期",
		},
		"long": {Card: &bot.Card{
			TaskID: "x-01", Source: "验券 · 人民广场来福士购物中心负一层美食广场旗舰店", Title: "核销成功，但是这张券的标题长得不像话，长到一行根本放不下去", Tone: bot.Good,
			Desc: "工作日午市四人海鲜自助火锅套餐（含饮料、甜品、停车两小时，节假日不可用）",
			Text: strings.Repeat("请把小票交给顾客。", 20) + "金额 ¥1234.56",
			Fields: []bot.Field{
				{Key: "消费门店名称", Value: "人民广场来福士购物中心负一层美食广场旗舰店，券码 7992697494"},
				{Key: "备注", Value: "*加粗* <@zhangsan> [链接](https://example.com)"},
			},
		}},
	}
}

func TestGoldenCards(t *testing.T) {
	t.Parallel()
	for name, reply := range replies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if reply.Card != nil {
				for _, ch := range []Channel{AppChannel, RobotChannel} {
					card, err := checkedCard(ch, *reply.Card, testFallback)
					if err != nil {
						t.Errorf("%s: %v", ch, err)
						continue
					}
					golden(t, "cards/"+name+"."+string(ch)+".json", pretty(t, card))
				}
			}
			golden(t, "cards/"+name+".md", []byte(markdown(reply)+"\n"))
			golden(t, "cards/"+name+".txt", []byte(plainText(reply)+"\n"))
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	notice := func() *TemplateCard {
		return &TemplateCard{
			CardType: textNotice, TaskID: "t", MainTitle: &CardTitle{Title: "题"},
			CardAction: &CardAction{Type: 1, URL: testFallback},
		}
	}
	buttons := func() *TemplateCard {
		return &TemplateCard{
			CardType: buttonInteraction, TaskID: "t", MainTitle: &CardTitle{Title: "题"},
			Buttons: []CardButton{{Text: "好", Key: "k"}},
		}
	}
	for _, card := range []*TemplateCard{notice(), buttons()} {
		for _, ch := range []Channel{AppChannel, RobotChannel} {
			if err := card.Validate(ch); err != nil {
				t.Errorf("%s %s: %v", ch, card.CardType, err)
			}
		}
	}

	tests := []struct {
		name   string
		card   *TemplateCard
		change func(*TemplateCard)
		want   string // code
	}{
		{"type", notice(), func(c *TemplateCard) { c.CardType = "news" }, "42031"},
		{"no action", notice(), func(c *TemplateCard) { c.CardAction = nil }, "42045"},
		{"action to nowhere", notice(), func(c *TemplateCard) { c.CardAction.URL = "" }, "42045"},
		{"action to a script", notice(), func(c *TemplateCard) { c.CardAction.URL = "javascript:alert(1)" }, "42045"},
		{"no title and text", notice(), func(c *TemplateCard) { c.MainTitle = nil }, "42033"},
		{"notice with buttons", notice(), func(c *TemplateCard) { c.Buttons = buttons().Buttons }, "42036"},
		{"title of a button card", buttons(), func(c *TemplateCard) { c.MainTitle.Title = "" }, "41016"},
		{"no task id", buttons(), func(c *TemplateCard) { c.TaskID = "" }, "42014"},
		{"long task id", buttons(), func(c *TemplateCard) { c.TaskID = strings.Repeat("a", 129) }, "42014"},
		{"letters of task id", notice(), func(c *TemplateCard) { c.TaskID = "a:b" }, "42014"},
		{"seven fields", notice(), func(c *TemplateCard) {
			for range 7 {
				c.Fields = append(c.Fields, CardField{KeyName: "键", Value: "值"})
			}
		}, "42037"},
		{"field without key", notice(), func(c *TemplateCard) { c.Fields = []CardField{{Value: "值"}} }, "42027"},
		{"member without id", notice(), func(c *TemplateCard) { c.Fields = []CardField{{KeyName: "键", Type: 3}} }, "42050"},
		{"no buttons", buttons(), func(c *TemplateCard) { c.Buttons = nil }, "42036"},
		{"seven buttons", buttons(), func(c *TemplateCard) {
			for _, k := range "123456" {
				c.Buttons = append(c.Buttons, CardButton{Text: "好", Key: string(k)})
			}
		}, "42036"},
		{"button without text", buttons(), func(c *TemplateCard) { c.Buttons[0].Text = "" }, "42039"},
		{"button without key", buttons(), func(c *TemplateCard) { c.Buttons[0].Key = "" }, "42038"},
		{"long key", buttons(), func(c *TemplateCard) { c.Buttons[0].Key = strings.Repeat("k", 1025) }, "42038"},
		{"same key twice", buttons(), func(c *TemplateCard) { c.Buttons = append(c.Buttons, c.Buttons[0]) }, "42038"},
	}
	for _, tt := range tests {
		tt.change(tt.card)
		if err := tt.card.Validate(AppChannel); err == nil || !strings.Contains(err.Error(), "("+tt.want+")") {
			t.Errorf("%s: err = %v, want %s", tt.name, err, tt.want)
		}
	}
	if err := notice().Validate("mail"); err == nil {
		t.Error("a card for an unknown channel")
	}
}
