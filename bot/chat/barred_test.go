package chat

import "testing"

// The role barred refuses a person where a store's group makes staff of its members, until a
// manager gives another role.
func TestTakenOffStaysOut(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.AccessByGroup = true })
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "这个群")
		has(t, b.in(newGroup, "sunba", "查 10000001"), "券码不存在")
		off := func() {
			t.Helper()
			one := b.pressIn("", "boss", b.in("", "boss", "员工 静安店"), "孙八")
			has(t, b.pressIn("", "boss", one, "移出门店"), "已移出", "不能再在 静安店 验券", "我是")
			for _, text := range []string{"查 10000001", "验 10000001", "今天", "撤"} {
				has(t, b.in(newGroup, "sunba", text), "您还不在名单里", "我是")
			}
			has(t, b.in(newGroup, "zhoujiu", "查 10000001"), "券码不存在") // the others stay
		}
		off()
		loose, err := b.db.Directory.LooseEnds(t.Context())
		b.must(err)
		if len(loose.StoresWithoutStaff) != 1 {
			t.Errorf("without staff: %v", loose.StoresWithoutStaff)
		}

		has(t, b.in(newGroup, "sunba", "我是 老板"), "已经告诉管理员")
		has(t, b.in(newGroup, "sunba", "查 10000001"), "您还不在名单里")
		has(t, b.pressIn("", "boss", b.to("boss"), "拒绝"), "已拒绝")
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "已经告诉管理员")
		has(t, b.pressIn("", "boss", b.to("boss"), "同意"), "已同意")
		has(t, b.in(newGroup, "sunba", "查 10000001"), "券码不存在")

		off()
		list := b.in("", "boss", "员工 静安店")
		has(t, list, "0 位员工", "已移出: 孙八")
		one := b.pressIn("", "boss", list, "孙八")
		hasNot(t, one, "移出门店")
		has(t, b.pressIn("", "boss", one, "设为店员"), "店员")
		has(t, b.in(newGroup, "sunba", "查 10000001"), "券码不存在")

		off()
		b.configure(func(o *Options) { o.AccessByGroup = false })
		has(t, b.in("", "sunba", "今天"), "您还不在名单里")
		one = b.pressIn("", "boss", b.in("", "boss", "员工 静安店"), "孙八")
		has(t, b.pressIn("", "boss", one, "移出门店"), "已移出")
		has(t, b.in("", "boss", "员工 静安店"), "还没有人")
	})
}
