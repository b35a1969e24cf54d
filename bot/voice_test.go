package bot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSpeech(t *testing.T) {
	t.Parallel()
	one := func(v Verb, code string, count int) Command {
		return Command{Verb: v, Items: []Item{{Code: code, Count: count}}}
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

		"验 7992697494，2025112800": {Verb: VerbVerify, Items: []Item{{code, 1}, {"2025112800", 1}}},

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

func FuzzParseSpeech(f *testing.F) {
	for _, s := range []string{"验 七九九二六九七四九四", "核销7992697494两张", "撤销", "请把十二张", "验x2张", "\xff一"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, heard string) {
		cmd := ParseSpeech(heard)
		if cmd.Problem != "" || cmd.Verb == VerbVerify && len(cmd.Items) == 0 {
			t.Errorf("%+v", cmd)
		}
		for _, it := range cmd.Items {
			if n := len(it.Code); n < MinCodeLen || n > MaxCodeLen || it.Count < 1 || it.Count > MaxCount {
				t.Errorf("%+v", it)
			}
		}
	})
}

func TestVoice(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(code)
		b.order("7100000001", 2)
		say := func(user, heard string) Reply {
			m := b.at(robot, "", user)
			m.Kind, m.Text, m.Quote = Voice, heard, "7100000001"
			return b.give(m)
		}
		press := func(user string, r Reply, text string) Reply {
			m := b.at(robot, "", user)
			m.Kind, m.Button = Click, &Button{TaskID: r.Card.TaskID, Key: b.key(r, text)}
			return b.give(m)
		}
		for _, heard := range []string{"验 七九九二六九七四九四", "核销7992697494", "请核销一下，7992697494。"} {
			has(t, say("zhangsan", heard), "可以核销", "还没有核销", code, "[确认核销]")
		}
		b.effects(code, 0, 0)
		has(t, press("zhangsan", say("zhangsan", "核销7992697494"), "确认核销"), "核销成功")
		b.effects(code, 1, 0)

		r := say("zhangsan", "撤销七九九二六九七四九四")
		has(t, r, "要撤销这一次吗", code, "[撤销]")
		b.effects(code, 1, 0)
		has(t, say("zhangsan", "撤销"), "要撤销这一次吗") // the last one, whatever the message answers to
		has(t, press("lisi", r, "撤销"), "只有本人")
		has(t, press("zhangsan", r, "撤销"), "已撤销")
		b.effects(code, 1, 1)
		has(t, say("zhangsan", "撤销七九九二六九七四九四"), "已撤销")
		has(t, say("zhangsan", "撤销幺零零零零零零零零零"), "没有在这里核销过")

		has(t, say("zhangsan", "核销七一零零零零零零零一两张"), "可以核销", "[核销 2 张]")
		b.effects("7100000001", 0, 0)
		has(t, say("zhangsan", "核销"), "听到的是：「核销」", "请打字")
		has(t, say("zhangsan", "今天天气不错"), "听到的是：「今天天气不错」", "什么都没有做")
		has(t, say("zhangsan", "记录。"), "最近 1 次核销")
		has(t, say("zhangsan", "帮助"), "可以这样发")

		has(t, b.say("zhangsan", "验 7100000001"), "核销成功")
		b.clock.Advance(11 * time.Minute)
		has(t, say("zhangsan", "撤销七一零零零零零零零一"), "已过撤销时间")
		b.effects("7100000001", 1, 0)
	})
}

func TestOtherKinds(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for word, want := range map[string]string{
			"image": "没有收到", "voice": "听不懂", "video": "视频", "file": "作为图片发", "location": "位置", "link": "链接", "novelty": "看不懂",
		} {
			m := b.at(app, "", "zhangsan")
			m.Kind, m.Text = Other, word
			has(t, b.give(m), want, "发券码，例如：验 7992697494")
		}
	})
}
