package chat

import (
	"slices"
	"strings"
	"testing"

	"yanquan/bot"
	"yanquan/models"
)

// pushed are the deliveries to a group, or to a person where there is none, by what they
// say.
func (b *bench) pushed(chat, user, text string) []bot.Delivery {
	b.t.Helper()
	b.settle()
	return slices.DeleteFunc(b.courier.all(), func(d bot.Delivery) bool {
		return d.Chat != chat || chat == "" && d.User != user || !strings.Contains(show(d.Reply), text)
	})
}

// Without a channel for notices, the card with 同意 and 拒绝 is the answer in the group.
func TestJoinWithoutNotices(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.NoticeChannel = "" })
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		card := b.in(newGroup, "sunba", "我是 孙八")
		has(t, card, "有人申请加入", "孙八", "静安店", "[同意][拒绝]")
		hasNot(t, card, "已经告诉", "会通知")
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "有人申请加入", "[同意][拒绝]") // the first one has scrolled away
		has(t, b.pressIn(newGroup, "sunba", card, "同意"), "只有这家门店的店长或管理员")
		has(t, b.in(newGroup, "sunba", "今天"), "您还不在名单里")
		has(t, b.pressIn(newGroup, "boss", card, "同意"), "已同意", "孙八")
		has(t, b.in(newGroup, "sunba", "今天"), "今日")
	})
}

// A robot's notice does not reach a manager without a conversation with it: the card is
// shown in the group as well, and so is the decision.
func TestJoinByRobot(t *testing.T) {
	const robotToo = "socket/group"
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.NoticeChannel, o.NoticeRobot = robotToo, true })
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		say := func(user, text string) bot.Reply {
			m := b.at(robotToo, newGroup, user)
			m.Way = bot.Way{Robot: true, Streams: true}
			m.Kind, m.Text = bot.Text, text
			return b.give(m)
		}
		card := say("sunba", "我是 孙八")
		has(t, card, "有人申请加入", "孙八", "静安店", "[同意][拒绝]")
		hasNot(t, card, "已经告诉", "会通知")
		if n := len(b.pushed("", "boss", "有人申请加入")); n != 1 {
			t.Errorf("the manager was told %d times", n)
		}
		has(t, b.pressIn(newGroup, "boss", card, "同意"), "已同意", "孙八")
		if got := b.pushed(newGroup, "", "您已加入"); len(got) != 1 || got[0].Channel != robotToo || got[0].User != "sunba" {
			t.Errorf("the group was told %+v", got)
		}
		if n := len(b.pushed("", "sunba", "您已加入")); n != 0 {
			t.Errorf("told %d times where the person may never have written", n)
		}
	})
}

// In a store without leads and managers, a request is not stored and nothing is promised.
func TestJoinNobodyDecides(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		b.configure(func(o *Options) { o.Managers = nil })
		reply := b.in(newGroup, "sunba", "我是 孙八")
		has(t, reply, "还没有", "managers")
		hasNot(t, reply, "已经告诉")
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: s.ID, UserID: "zhoujiu", Name: "周九", Role: models.RoleLead}))
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "已经告诉管理员")
	})
}
