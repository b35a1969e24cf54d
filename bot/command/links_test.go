package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
)

const short = "https://v.douyin.com/eHHc1fT"

// However a link is written, it is one code, with its case, and names its platform.
func TestLinks(t *testing.T) {
	t.Parallel()
	of := func(v Verb, codes ...string) Command {
		c := Command{Verb: v}
		for _, code := range codes {
			c.Items = append(c.Items, Item{Code: code, Count: 1, Platform: platformOf(code, "")})
		}
		return c
	}
	twice := of(VerbVerify, short)
	twice.Items[0].Count = 2
	for text, want := range map[string]Command{
		"验 https://v.douyin.com/eHHc1fT/":                             of(VerbVerify, short),
		"验https://v.douyin.com/eHHc1fT":                               of(VerbVerify, short),
		"验 HTTPS://V.DOUYIN.com/eHHc1fT/?a=1&b=%20x#y":                of(VerbVerify, short),
		"验券 http://v.douyin.com/eHHc1fT/":                             of(VerbVerify, short),
		"验 v.douyin.com/eHHc1fT":                                      of(VerbVerify, short),
		"核销：ｈｔｔｐｓ：／／ｖ．ｄｏｕｙｉｎ．ｃｏｍ／eHHc1fT／。":                           of(VerbVerify, short),
		"@验券助手 验 https://v.douyin.com/eHHc1fT/":                       of(VerbVerify, short),
		"@验券助手 https://v.douyin.com/eHHc1fT/":                         of(VerbQuery, short),
		"https://v.douyin.com/eHHc1fT/":                               of(VerbQuery, short),
		"https://v.douyin.com/eHHc1fT/ 验":                             of(VerbVerify, short),
		"查 https://v.douyin.com/eHHc1fT/":                             of(VerbQuery, short),
		"撤 https://v.douyin.com/eHHc1fT/":                             of(VerbUndo, short),
		"验 抖音 https://v.douyin.com/eHHc1fT/":                          of(VerbVerify, short),
		"验 美团 https://v.douyin.com/eHHc1fT/":                          of(VerbVerify, short), // the link says it
		"验 https://v.douyin.com/eHHc1fT/ x2":                          twice,
		"验 https://v.douyin.com/eHHc1fT/\n7992697494":                 of(VerbVerify, short, "7992697494"),
		"验 7992697494，https://v.douyin.com/a-b_c/ 8992697494":         of(VerbVerify, "7992697494", "https://v.douyin.com/a-b_c", "8992697494"),
		"查 104930181552，https://v.douyin.com/a-b_c/":                  of(VerbQuery, "104930181552", "https://v.douyin.com/a-b_c"),
		"验 https://v.douyin.com/12345678/":                            of(VerbVerify, "https://v.douyin.com/12345678"),
		"确认 https://v.douyin.com/eHHc1fT/ 已核销":                        {Verb: VerbClose, Items: of(VerbVerify, short).Items, Used: true},
		"确认 抖音 104930181552 未核销":                                      {Verb: VerbClose, Items: []Item{{"104930181552", 1, OnDouyin, ""}}},
		"确认 抖音 已核销":                                                   {},
		"https://example.com/7992697494":                              {},
		"https://v.douyin.com/":                                       {},
		"看 https://v.douyin.com/eHHc1fT/":                             {},
		"验 https://v.douyin.com/eHHc1fT https://v.douyin.com/ehhc1ft": of(VerbVerify, short, "https://v.douyin.com/ehhc1ft"),
	} {
		got := Parse(text)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
		for _, it := range got.Items {
			if again := Parse(got.String()); takesCodes(got.Verb) && cmp.Diff(got, again) != "" {
				t.Errorf("%s: %s is read as %+v", text, got.String(), again)
			}
			if len(it.Code) > 64 {
				t.Errorf("%s: %s cannot be kept", text, it.Code)
			}
		}
		if !takesCodes(got.Verb) {
			continue
		}
		if back, err := DecodeCommand(got.Encode()); err != nil || cmp.Diff(got, back) != "" {
			t.Errorf("%s: %s comes back as %+v, %v", text, got.Encode(), back, err)
		}
	}
	for text, problem := range map[string]string{
		"验 https://v.douyin.com/" + strings.Repeat("a", 44):                       "链接太长",
		"验 https://v.douyin.com/eHHc1fT/ https://v.douyin.com/eHHc1fT?from=share": "出现了两次",
		"验 7992697494，https://v.douyin.com/a-b_c/ 104930181552":                   "可能是同一张券",
		"验 抖音 104930181552 https://v.douyin.com/a-b_c/":                           "请只发一个，例如：验 104930181552",
		"验 https://example.com/7992697494":                                        "验",
	} {
		if got := Parse(text); !strings.Contains(got.Problem, problem) || len(got.Items) > 0 {
			t.Errorf("%s: %+v", text, got)
		}
	}
	b := Button{Action: ActVerify, Store: 7, Item: Item{Code: short, Count: 2}, Operation: "op"}
	if back, err := ReadButton(b.Key()); err != nil || cmp.Diff(b, back) != "" {
		t.Errorf("%s: %+v, %v", b.Key(), back, err)
	}
}

// A scanned link is a code; other addresses are none.
func TestScannedLinks(t *testing.T) {
	t.Parallel()
	codes, others := SortOut([]string{"https://v.douyin.com/eHHc1fT/", short + "?x=1", "https://example.com/1", "799269749412", "https://www.douyin.com/eHHc1fT"})
	if cmp.Diff(codes, []string{short, "799269749412"}) != "" || len(others) != 2 {
		t.Errorf("%v, %v", codes, others)
	}
	caption, _ := CaptionOf(bot.Message{Kind: bot.Text, Text: "验 美团"})
	if cmd := caption.About(codes); cmd.Items[0].Platform != OnDouyin || cmd.Items[1].Platform != OnMeituan {
		t.Errorf("%+v", cmd)
	}
}

// A quoted link is the code; the digits of its path are none.
func TestQuotedLinks(t *testing.T) {
	t.Parallel()
	got := ParseReply("验", "券 https://v.douyin.com/12345678/ 谢谢")
	want := Command{Verb: VerbVerify, Items: []Item{{"https://v.douyin.com/12345678", 1, OnDouyin, ""}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A platform is named where people name it: before the word, behind it, as what is sold
// there.
func TestPlatformBeforeTheWord(t *testing.T) {
	t.Parallel()
	want := Command{Verb: VerbVerify, Items: []Item{{"104930181552", 1, OnDouyin, ""}}}
	for _, text := range []string{"抖音验 104930181552", "抖音 验104930181552", "抖音核销：104930181552", "验 抖音券 104930181552", "验抖音的104930181552", "验抖音的券 104930181552", "验 抖音团购券 104930181552", "抖音券 104930181552 验"} {
		if d := cmp.Diff(want, Parse(text)); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
	for text, verb := range map[string]Verb{"美团撤 104930181552": VerbUndo, "大众点评查 104930181552": VerbQuery, "抖音核销怎么弄": VerbNone, "抖音": VerbNone, "美团今日": VerbNone} {
		if got := Parse(text); got.Verb != verb || got.Problem != "" {
			t.Errorf("%s: %+v", text, got)
		}
	}
	if d := cmp.Diff(want, ParseSpeech("核销抖音的券一零四九三零一八一五五二")); d != "" {
		t.Error(d)
	}
}
