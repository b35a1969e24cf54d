package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPersonName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" 张  三 ": "张 三", "李四2": "李四2", "Anne Marie": "Anne Marie", "阿依古丽•买买提": "阿依古丽·买买提", "ئالىم": "ئالىم", "。张三。": "张三",
		"": "", "张*三": "", "<@boss>": "", "张\x1b三": "", "张\u202e三": "", "[张三](http://a.cn)": "", "张_三": "", "张\u3164三": "", "123": "", "张三😀": "", "张\u200b三": "",
	} {
		if got, problem := PersonName(text); got != want || (problem == "") != (want != "") {
			t.Errorf("%q: %q %q", text, got, problem)
		}
	}
	for text, want := range map[string]string{"张三(店长)": "张三店长", "*\u202e<>": "", "Tom\tLee": "Tom Lee", strings.Repeat("长", 30): strings.Repeat("长", maxPersonName)} {
		if got := NameOf(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	const c = "7992697494"
	one := func(v Verb) Command { return Command{Verb: v, Items: []Item{{c, 1, "", ""}}} }
	for text, want := range map[string]Command{
		"验 7992697494":  one(VerbVerify),
		"验7992697494":   one(VerbVerify),
		"核销 7992697494": one(VerbVerify),
		"核 7992697494。": one(VerbVerify),
		"验券：7992697494": one(VerbVerify),
		"  验　７９９２６９７４９４  ！":             one(VerbVerify),
		"@验券助手 验 7992697494":            one(VerbVerify),
		"@验券助手\u2005验 7992697494":       one(VerbVerify),
		"@a @b\u00a0验 7992697494":       one(VerbVerify),
		"验 7992697494 @验券助手":            one(VerbVerify),
		"验 7992 6974 94":                one(VerbVerify),
		"验 799-269-7494":                one(VerbVerify),
		"验 799–269–7494":                one(VerbVerify),
		"验\n7992697494\n":               one(VerbVerify),
		"验\u200b 79926\u200b97494":      one(VerbVerify),
		"验 7992697494?":                 one(VerbVerify),
		"7992697494":                    one(VerbQuery),
		"7992 697 494":                  one(VerbQuery),
		"查 7992697494":                  one(VerbQuery),
		"查询7992697494":                  one(VerbQuery),
		"撤 7992697494":                  one(VerbUndo),
		"撤销 7992697494":                 one(VerbUndo),
		"撤":                             {Verb: VerbUndo},
		"撤销。":                           {Verb: VerbUndo},
		"记录":                            {Verb: VerbRecent, N: defRecent},
		"对账":                            {Verb: VerbReconcile, Period: Yesterday},
		"@验券助手 对账。":                     {Verb: VerbReconcile, Period: Yesterday},
		"对账 今天":                         {Verb: VerbReconcile, Period: Today},
		"对账11月20日":                      {Verb: VerbReconcile, Period: "11-20"},
		"对账：２０２６－１１－２０":                 {Verb: VerbReconcile, Period: "2026-11-20"},
		"对账 2月30日":                      {Verb: VerbReconcile, Problem: "「对账」后面写日期，例如：对账 昨日，对账 11-20"},
		"记录 20":                         {Verb: VerbRecent, N: 20},
		"记录20条":                         {Verb: VerbRecent, N: 20},
		"今日":                            {Verb: VerbTotals, Period: Today},
		"上周":                            {Verb: VerbTotals, Period: LastWeek},
		"9月":                            {Verb: VerbTotals, Period: "09"},
		"2026-11-20":                    {Verb: VerbTotals, Period: "2026-11-20"},
		"２０２６年１１月２０日":                   {Verb: VerbTotals, Period: "2026-11-20"},
		"统计 上个月":                        {Verb: VerbTotals, Period: LastMonth},
		"日报 2月30日":                      {},
		"昨日":                            {Verb: VerbTotals, Period: Yesterday},
		"切换":                            {Verb: VerbSwitch},
		"绑定":                            {Verb: VerbBind},
		"绑定 静安店":                        {Verb: VerbBind, Name: "静安店"},
		"解绑：静安店。":                       {Verb: VerbUnbind, Name: "静安店"},
		"员工 静安店":                        {Verb: VerbPeople, Name: "静安店"},
		"切换：徐家汇店。":                      {Verb: VerbSwitch, Name: "徐家汇店"},
		"本月":                            {Verb: VerbTotals, Period: ThisMonth},
		"日报":                            {Verb: VerbTotals, Period: Today},
		"统计！":                           {Verb: VerbTotals, Period: Today},
		"导出 本月":                         {Verb: VerbExport, Period: ThisMonth},
		"导出上周。":                         {Verb: VerbExport, Period: LastWeek},
		"导出 9月 CSV":                     {Verb: VerbExport, Period: "09", CSV: true},
		"导出 2026-11-20 csv！":            {Verb: VerbExport, Period: "2026-11-20", CSV: true},
		"导出 昨日 excel":                   {Verb: VerbExport, Period: Yesterday},
		"帮助":                            {Verb: VerbHelp},
		"?":                             {Verb: VerbHelp},
		"？":                             {Verb: VerbHelp},
		"HELP":                          {Verb: VerbHelp},
		"":                              {},
		"😀":                             {},
		"你好":                            {},
		"@验券助手":                         {},
		"今日天气":                          {},
		"3点开会吗":                         {},
		"验 7992697494 x2":               {Verb: VerbVerify, Items: []Item{{c, 2, "", ""}}},
		"7992697494 验":                  one(VerbVerify),
		"7992697494 撤销。":                one(VerbUndo),
		"验 7992697494 x 2":              {Verb: VerbVerify, Items: []Item{{c, 2, "", ""}}},
		"验 7992697494 2张":               {Verb: VerbVerify, Items: []Item{{c, 2, "", ""}}},
		"验 7992697494×2":                {Verb: VerbVerify, Items: []Item{{c, 2, "", ""}}},
		"验 7992 697 494 X３":             {Verb: VerbVerify, Items: []Item{{c, 3, "", ""}}},
		"7992697494 x2":                 {Verb: VerbQuery, Items: []Item{{c, 2, "", ""}}},
		"验 7992697494 8992697494":       {Verb: VerbVerify, Items: []Item{{c, 1, "", ""}, {"8992697494", 1, "", ""}}},
		"验 7992697494，8992697494":       {Verb: VerbVerify, Items: []Item{{c, 1, "", ""}, {"8992697494", 1, "", ""}}},
		"验 7992697494 x2\n899 269 7494": {Verb: VerbVerify, Items: []Item{{c, 2, "", ""}, {"8992697494", 1, "", ""}}},
		"验 7992697494\n验 8992697494":    {Verb: VerbVerify, Items: []Item{{c, 1, "", ""}, {"8992697494", 1, "", ""}}},
		"验 美团 7992697494":               {Verb: VerbVerify, Items: []Item{{c, 1, OnMeituan, ""}}},
		"验美团7992697494":                 {Verb: VerbVerify, Items: []Item{{c, 1, OnMeituan, ""}}},
		"验 美團：7992 697 494 x2":          {Verb: VerbVerify, Items: []Item{{c, 2, OnMeituan, ""}}},
		"验 7992697494 点评":               {Verb: VerbVerify, Items: []Item{{c, 1, OnDianping, ""}}},
		"大众点评 7992697494":               {Verb: VerbQuery, Items: []Item{{c, 1, OnDianping, ""}}},
		"抖音 7992697494 验":               {Verb: VerbVerify, Items: []Item{{c, 1, OnDouyin, ""}}},
		"撤 点评 7992697494":               {Verb: VerbUndo, Items: []Item{{c, 1, OnDianping, ""}}},
		"验 美团 7992697494 抖音 8992697494":           {Verb: VerbVerify, Items: []Item{{c, 1, OnMeituan, ""}, {"8992697494", 1, OnDouyin, ""}}},
		"验 7992697494，8992697494 美团":              {Verb: VerbVerify, Items: []Item{{c, 1, OnMeituan, ""}, {"8992697494", 1, OnMeituan, ""}}},
		"美团":                                      {},
		"验 美团":                                    {Verb: VerbVerify, Problem: noCode(VerbVerify)},
		"验 0123456789":                            {Verb: VerbVerify, Items: []Item{{"0123456789", 1, "", ""}}},
		"验 104930181552 商品0001":                   {Verb: VerbVerify, Items: []Item{{"104930181552", 1, "", "0001"}}},
		"验 抖音 104930181552x2 商品 0001。":            {Verb: VerbVerify, Items: []Item{{"104930181552", 2, OnDouyin, "0001"}}},
		"验 " + short + "/ 商品：1760000000000000001": {Verb: VerbVerify, Items: []Item{{short, 1, OnDouyin, "1760000000000000001"}}},
		"验 104930181552商品#0001 x2，7992697494":     {Verb: VerbVerify, Items: []Item{{"104930181552", 2, "", "0001"}, {"7992697494", 1, "", ""}}},
		"查 104930181552 商品0001":                   {Verb: VerbQuery, Items: []Item{{"104930181552", 1, "", "0001"}}},
		"验 12345678":                              {Verb: VerbVerify, Items: []Item{{"12345678", 1, "", ""}}},
		"验 12345678901234567890":                  {Verb: VerbVerify, Items: []Item{{"12345678901234567890", 1, "", ""}}},
	} {
		got := Parse(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

// A count, and a product, belong to the code before them in the same part of a text.
func TestCountsBehindCodes(t *testing.T) {
	t.Parallel()
	const a, b = "7992697494", "8992697494"
	for text, want := range map[string][]Item{
		"验 " + a + " x2，" + b + " x3":       {{a, 2, "", ""}, {b, 3, "", ""}},
		"验 " + a + " 2张，" + b:               {{a, 2, "", ""}, {b, 1, "", ""}},
		"验 " + a + " 两张、" + b + " 十二张":      {{a, 2, "", ""}, {b, 12, "", ""}},
		"验 " + a + " 兩張":                    {{a, 2, "", ""}},
		"验\n" + a + " 2张\n" + b + " 3份":     {{a, 2, "", ""}, {b, 3, "", ""}},
		"验 " + a + "x2 " + b + "x3":         {{a, 2, "", ""}, {b, 3, "", ""}}, // in one word
		"验 " + a + " " + b + " x3":          {{a, 1, "", ""}, {b, 3, "", ""}},
		"验 799 269 7494 x2/899 269 7494 2张": {{a, 2, "", ""}, {b, 2, "", ""}},
		"验 " + short + " x2，" + b:           {{short, 2, OnDouyin, ""}, {b, 1, "", ""}},
		"验 " + a + "，" + short + " x2":      {{a, 1, "", ""}, {short, 2, OnDouyin, ""}},
		"验 104930181552 x2 商品0001，" + b:     {{"104930181552", 2, "", "0001"}, {b, 1, "", ""}},
		"验 美团 " + a + " x2，抖音 " + b + " x3": {{a, 2, OnMeituan, ""}, {b, 3, OnDouyin, ""}},
		"验 " + a + " x2\n验 " + b + " x3":    {{a, 2, "", ""}, {b, 3, "", ""}},
		"验 " + a + " 2张。":                   {{a, 2, "", ""}},
		"验 " + a + "，2张":                    {{a, 2, "", ""}}, // there is no other
		"验 " + a + "\n2张":                   {{a, 2, "", ""}},
		a + " x2 验":                         {{a, 2, "", ""}},
	} {
		got := Parse(text)
		if diff := cmp.Diff(Command{Verb: VerbVerify, Items: want}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if again := Parse(got.String()); cmp.Diff(got, again) != "" {
			t.Errorf("%q is written as %q, which is %+v", text, got.String(), again)
		}
	}
	for text, say := range map[string]string{
		"验 " + a + "，2张 " + b:               "写在券码后面",
		"验 " + a + "，x2 " + b:               "写在券码后面",
		"验 " + a + "，两张 " + b:               "写在券码后面",
		"验 " + a + "\nx2\n" + b:             "写在券码后面",
		"验 2张 " + a:                         "写在券码后面",
		"验 " + a + " x2 " + b:               "写在券码后面",
		"验 " + a + " x2 899 269 7494":       "写在券码后面",
		"验 " + a + " 2张 " + short:           "写在券码后面",
		"验 " + short + "，2张 " + short + "2": "写在券码后面",
		"验 2张 " + short:                     "写在券码后面",
		"验 " + a + " x2 x3":                 "两个张数",
		"验 " + a + "x2 3张":                  "两个张数",
		"查 " + a + "，2张 " + b:               "写在券码后面",
		"撤 1张":                              "例如：撤 7992697494 x2",
		"撤 2张 " + a:                         "写在券码后面",
		"验 " + a + "，商品0001 " + b:           "写在券码后面",
		"验 " + a + " 商品0001 " + b:           "写在券码后面",
		"验 " + a + " 商品0001 商品0002":         "两个商品",
	} {
		if got := Parse(text); !strings.Contains(got.Problem, say) || got.Items != nil {
			t.Errorf("%q: %+v, want a problem that says %q", text, got, say)
		}
	}
}

func TestParseProblems(t *testing.T) {
	t.Parallel()
	many := "验"
	for i := range 21 {
		many += fmt.Sprintf(" 79926974%02d", i)
	}
	for text, say := range map[string]string{
		"验":                             "请带上券码",
		"验 7992-6974-9412 8992-6974-94": "22 位", // short groups on one line are one code
		"查":                             "请带上券码",
		"验 1234567":                     "7 位",
		"验 123456789012345678901":       "21 位",
		"1234567":                       "7 位",
		"验 79926A7494":                  "别的字符",
		"验 7992697494 你好":               "看不懂「你好」",
		"验 7992697494 7992697494":       "两次",
		"验 x2":                          "写在券码后面",
		"验 商品0001 104930181552":         "写在券码后面",
		"验 104930181552 商品12":           "别的字符",
		"验 104930181552 商品":             "看不懂",
		"验 7992697494 x0":               "张数",
		"验 7992697494 x101":             "张数",
		"验 7992697494 x99999999999999":  "张数",
		"验 79926974 94":                 "2 位",
		"撤 7992697494 8992697494":       "一次只能撤销一个",
		"验 7992697494\n撤 8992697494":    "看不懂「撤」",
		"记录 0":                          "条数",
		"记录 abc":                        "条数",
		"导出":                            "后面写时间",
		"导出 csv":                        "后面写时间",
		"导出 7992697494":                 "后面写时间",
		many:                            "最多 20 个",
		"验 " + strings.Repeat("7992697494 ", 10000): "最多 20 个",
	} {
		got := Parse(text)
		if !strings.Contains(got.Problem, say) || got.Items != nil {
			t.Errorf("%.40q: %+v, want a problem that says %q and no items", text, got, say)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"验 7992697494", "@a 验 7992 6974 94 x2", "撤", "？", "7992697494x2\n1", "验 104930181552 商品0001", "验-x2--", "验\n1. 799 269 7494\n2) 899 269 7494", "验 799 2697 494 (2) #2", "验 7992697494，2张 8992697494", "验 7992697494x2 8992697494 两张", "\xff\xfe", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cmd := Parse(s)
		if len(cmd.Items) > MaxCodes {
			t.Fatalf("%d items", len(cmd.Items))
		}
		if cmd.Problem != "" && len(cmd.Items) > 0 {
			t.Fatal("a problem must not come with items")
		}
		if again := Parse(cmd.String()); len(cmd.Items) > 0 && takesCodes(cmd.Verb) && cmp.Diff(cmd.Items, again.Items) != "" {
			t.Fatalf("%+v is written as %q, which is %+v", cmd, cmd.String(), again)
		}
		for _, it := range cmd.Items {
			if len(it.Code) < MinCodeLen || len(it.Code) > MaxCodeLen || leadingDigits(it.Code) != it.Code || it.Count < 1 || it.Count > MaxCount || it.Product != "" && !IsProduct(it.Product) {
				t.Fatalf("bad item %+v", it)
			}
		}
	})
}
