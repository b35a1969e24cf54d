package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSpeech(t *testing.T) {
	t.Parallel()
	const code = "7992697494"
	one := func(v Verb, of string, count int) Command {
		return Command{Verb: v, Items: []Item{{Code: of, Count: count}}}
	}
	verify := one(VerbVerify, code, 1)
	for heard, want := range map[string]Command{
		"验 七九九二六九七四九四":      verify,
		"核销7992697494":      verify,
		"核销7992697494。":     verify,
		"验券，七九九二，六九七，四九四。":  verify,
		"验证七九九二六九七四九四":      verify,
		"请帮我核销一下七九九二六九七四九四": verify,
		"帮我把7992697494核销了吧": verify,
		"核销券码7992 697 494":  verify,
		"验券码是：７９９２６９７４９４":   verify,
		"验7992减697杠494":     verify,
		"验七九九二6九七四九四":       verify,
		"七九九二六九七四九四":        one(VerbQuery, code, 1),
		"七九九二六九七四九四核销":      verify,
		"7992697494":        one(VerbQuery, code, 1),
		"查一下七九九二六九七四九四":     one(VerbQuery, code, 1),
		"查询 7992697494":     one(VerbQuery, code, 1),
		"核销幺零零零零零零洞洞两":      one(VerbVerify, "1000000002", 1),
		"验〇一二三四五六七八九":       one(VerbVerify, "0123456789", 1),
		"验 7992697494 两张":   one(VerbVerify, code, 2),
		"验七九九二六九七四九四三张":     one(VerbVerify, code, 3),
		"验七九九二六九七四九四，十二张。":  one(VerbVerify, code, 12),
		"核销 7992697494，3张":  one(VerbVerify, code, 3),
		"撤销七九九二六九七四九四":      one(VerbUndo, code, 1),
		"撤回7992697494":      one(VerbUndo, code, 1),
		"撤销。":               {Verb: VerbUndo},
		"记录。":               {Verb: VerbRecent, N: defRecent},
		"今日。":               {Verb: VerbTotals, Period: Today},
		"帮助":                {Verb: VerbHelp},
		"查1807":             {Verb: VerbPhone, Phone: "1807"},
		"查一八零七":             {Verb: VerbPhone, Phone: "1807"},
		"我是张三":              {Verb: VerbJoin, Name: "张三"},

		"验 7992697494，2025112800": {Verb: VerbVerify, Items: []Item{{code, 1, "", ""}, {"2025112800", 1, "", ""}}},

		"验7992697494和2025112800": {},
		"验79926974943张":          {}, // three of one code, or another code
		"核销":                     {},
		"核销那张券":                  {},
		"验七十九亿":                  {},
		"验七九九":                   {},
		"今天天气不错":                 {},
		"":                       {},
		"一二三":                    {},
	} {
		if diff := cmp.Diff(want, ParseSpeech(heard)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", heard, diff)
		}
	}
}
