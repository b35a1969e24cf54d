package chat

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"yanquan/bot"
	"yanquan/models"
)

// names are the stores on the buttons of a list, one card after the other.
func (b *bench) names(chat, user string, r bot.Reply) (names []string) {
	b.t.Helper()
	for range 5 {
		if r.Card == nil || len(r.Card.Keys) > bot.MaxKeys {
			b.t.Fatalf("no list of stores: %s", show(r))
		}
		more := false
		for _, k := range r.Card.Keys {
			if k.Text == "其他门店" {
				more = true
				continue
			}
			if slices.Contains(names, k.Text) {
				return names
			}
			names = append(names, k.Text)
		}
		if !more {
			return names
		}
		r = b.pressIn(chat, user, r, "其他门店")
	}
	b.t.Fatalf("the list does not end: %v", names)
	return nil
}

// Every list of stores is sorted and leads to all of them, and a name in the text
// does without it.
func TestEveryListOfStoresHasAWayOn(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		var want []string
		for i := range 9 {
			name := fmt.Sprintf("A%d店", (i*4)%9) // not in their order
			b.authorized(fmt.Sprint("many-", i), name)
			want = append(want, name)
		}
		slices.Sort(want)
		all := slices.Concat(want, []string{"人民广场店", "徐家汇店"})
		for text, c := range map[string]struct {
			chat string
			want []string
		}{
			"绑定": {newGroup, want}, "切换": {"", all}, "员工": {"", all}, "验 " + Code: {"", all},
		} {
			if got := b.names(c.chat, "boss", b.in(c.chat, "boss", text)); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", text, got, c.want)
			}
		}
		has(t, b.in("", "boss", "员工 徐家汇店"), "徐家汇店", "位员工")
		has(t, b.in("", "boss", "员工 没有这家"), "没有叫「没有这家」的门店", "「员工」")
		has(t, b.in(newGroup, "boss", "绑定 A7店"), "已绑定", "A7店")
		has(t, b.in(newGroup, "boss", "绑定 A7店"), "没有叫") // it is bound
		for _, name := range want {
			if name != "A7店" {
				has(t, b.in(newGroup, "boss", "绑定 "+name), "已绑定", name)
			}
		}
		for text, user := range map[string]string{"解绑": "boss", "我是 孙八": "sunba"} {
			if got := b.names(newGroup, user, b.in(newGroup, user, text)); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", text, got, want)
			}
		}
		second := b.pressIn(newGroup, "sunba", b.in(newGroup, "sunba", "我是 孙八"), "其他门店")
		has(t, b.pressIn(newGroup, "sunba", second, "A8店"), "孙八", "申请加入 A8店")
		has(t, b.in(newGroup, "boss", "解绑 A8店"), "已解绑", "A8店")
		has(t, b.in(newGroup, "sunba", "解绑 A7店"), "只有管理员")
	})
}

// Where two stores have one name, it is asked which, and each has a name of its own.
func TestTwoStoresOfOneName(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		one, two := b.authorized("twin-1", "静安店"), b.authorized("twin-2", "静安店")
		for _, s := range []models.Store{one, two} {
			b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
			b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: s.ID, UserID: "sunba", Name: "孙八", Role: models.RoleStaff}))
		}
		asked := b.in(newGroup, "sunba", "切换 静安店")
		has(t, asked, "有 2 家叫「静安店」")
		if len(asked.Card.Keys) != 2 || asked.Card.Keys[0].Text == asked.Card.Keys[1].Text {
			t.Fatalf("not told apart: %s", show(asked))
		}
		for i, s := range []models.Store{one, two} {
			for _, answer := range []func() bot.Reply{
				func() bot.Reply { return b.pressIn(newGroup, "sunba", asked, asked.Card.Keys[i].Text) },
				func() bot.Reply { return b.in(newGroup, "sunba", asked.Card.Keys[i].Say) },
			} {
				has(t, answer(), "静安店", "您今天在这里为")
				if id, err := b.db.Choices.Get(t.Context(), "sunba", newGroup); err != nil || id != s.ID {
					t.Errorf("store %d, want %d; %v", id, s.ID, err)
				}
			}
		}
		b.authorized("twin-3", "星巴克（静安店）")
		has(t, b.in("", "boss", "切换 星巴克（静安店）"), "星巴克（静安店）", "您今天在这里为")
		if !strings.HasPrefix(b.names("", "boss", b.in("", "boss", "切换"))[0], "人民") {
			t.Error("not sorted")
		}
	})
}
