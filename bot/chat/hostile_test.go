package chat

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/export"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// hostile is a name of a deal, a store or a person that would act wherever it is not
// escaped.
const hostile = "茶*点*<@boss>[看](http://e.vil)_x_\x1b[31m\u202e\n# 核销成功"

// harmless fails where markup, a mention or what steers a screen is in a text.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	for _, bad := range []string{"<@", "](", "*点*", "_x_", "\n#"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s has %q:\n%s", what, bad, text)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) }) {
		t.Errorf("%s steers the screen: %q", what, text)
	}
}

// Whatever deals, stores and people are called, an answer in words shows it and does
// nothing else.
func TestHostileNamesInAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		s := b.authorized("shop-c", hostile)
		b.must(b.db.Directory.BindChat(ctx, s.ID, newGroup))
		b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: "sunba", Name: hostile, Role: models.RoleManager}))
		var codes []string
		for i := range bot.MaxFields + 1 {
			codes = append(codes, Code[:9]+string(rune('0'+i)))
			_, err := b.platform.AddVoucher(dianpingtest.Voucher{Code: codes[i], Title: hostile, Shops: []string{"shop-c"}, Price: 100})
			b.must(err)
		}
		other := b.authorized("shop-d", "另一家")
		b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: other.ID, UserID: "sunba", Name: "孙八", Role: models.RoleManager}))
		all := strings.Join(codes, " ")
		for _, text := range []string{
			"查 " + all, "验 " + all, "验 " + codes[0], "撤 88888888", "记录 20", "今日", "员工", "解绑", "绑定", "我是 孙八", "对账 昨日", "撤 " + codes[0], "确认 " + codes[1] + " 已核销",
			"绑定 " + hostile, "切换 " + hostile, "我是 " + hostile, "对账 " + hostile, "导出 " + hostile, "记录 " + hostile,
		} {
			r := b.in(newGroup, "sunba", text)
			harmless(t, text, r.Text)
		}
		for _, text := range []string{"今日", "门店", "对账 昨日", "记录 20", "验 " + codes[0]} {
			harmless(t, "1:1 "+text, b.in("", "sunba", text).Text)
		}
		m := b.at(robot, newGroup, "sunba")
		m.Kind, m.Text = bot.Voice, "今天 "+hostile
		harmless(t, "speech", b.give(m).Text)
		has(t, b.in(newGroup, "wuyi", "我是 吴一"), "已经告诉管理员")
		b.clock.Advance(11 * time.Minute)
		harmless(t, "too late", b.in(newGroup, "sunba", "撤 "+codes[0]).Text)

		var out strings.Builder
		b.must(desk.Explain(ctx, &out, b.db, b.bot.Location, codes[0]))
		b.must(desk.WriteAudit(ctx, &out, b.db, b.bot.Location, time.Time{}))
		if strings.Contains(out.String(), "\n#") || strings.ContainsAny(out.String(), "\x1b\u202e") || !strings.Contains(out.String(), `\u001b`) {
			t.Errorf("on a terminal:\n%q", out.String())
		}
	})
}

// A file's name cannot be turned round, so that it seems to end otherwise.
func TestHostileNameOfFile(t *testing.T) {
	t.Parallel()
	got := exportName(command.Span{Title: "9月"}, []access.Place{{Store: models.Store{Account: models.Account{Name: "店\u202exslx.exe\x7f/"}}}}, export.XLSX)
	if want := "验券_9月_店xslx.exe_.xlsx"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Names that people tell hold letters, digits, blanks and the middle dot.
func TestHostileNameIsNotTaken(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		has(t, b.in(newGroup, "sunba", "我是 老#板"), "姓名里只能有")
		has(t, b.in(newGroup, "sunba", "我是 阿依古丽·买买提"), "已经告诉管理员：阿依古丽·买买提")
		known := &directory{names: map[string]string{"lisi2": "李\u202e四*<@boss> "}}
		b.configure(func(o *Options) { o.Directory, o.AccessByGroup = known, true })
		b.voucher(Code)
		has(t, b.say("lisi2", "验 "+Code), "核销成功", "核销人: 李四boss\n")
	})
}
