package chat

import (
	"fmt"
	"strings"
	"testing"

	"yanquan/bot"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// Who may do what, where: every cell is what a person of a role gets for an
// action. The store is 静安店; "elsewhere" is the group of another store.
func TestWhoMayDoWhat(t *testing.T) {
	const (
		stranger, staff, lead, manager, boss = "stranger", "cstaff", "clead", "cmanager", "boss"

		out        = "您还不在名单里"
		onlyBoss   = "只有管理员"
		inPrivate  = "请打开和我的单聊"
		notLeading = "只有组长和店长可以看后台"
		inGroup    = "请在门店的群里"
		which      = "请选择门店"
		silence    = "" // the answer comes by itself
	)
	roles := []string{stranger, staff, lead, manager, boss}
	type row struct {
		action string // %s is a fresh code
		here   [5]string
		alone  [5]string // in 1:1; there boss has several stores
		away   [5]string // elsewhere
	}
	rows := []row{
		{"验 %s", [5]string{out, "核销成功", "核销成功", "核销成功", "核销成功"},
			[5]string{out, "核销成功", "核销成功", "核销成功", which}, [5]string{out, out, out, out, "不能在本店使用"}},
		{"查 %s", [5]string{out, "可以核销", "可以核销", "可以核销", "可以核销"},
			[5]string{out, "可以核销", "可以核销", "可以核销", which}, [5]string{out, out, out, out, "不能在本店使用"}},
		{"撤 ANOTHER", [5]string{out, "只有本人、组长或店长", "已撤销", "已撤销", "已撤销"},
			[5]string{out, "只有本人、组长或店长", "已撤销", "已撤销", "已撤销"}, [5]string{out, out, out, out, "没有在这里核销过"}},
		{"今日", [5]string{out, "本人", "今日", "今日", "今日"},
			[5]string{out, "本人", "今日", "今日", "今日"}, [5]string{out, out, out, out, "今日"}},
		{"对账", [5]string{out, "只有组长和店长可以对账", "平台 0 笔", "平台 0 笔", "平台 0 笔"},
			[5]string{out, "只有组长和店长可以对账", "平台 0 笔", "平台 0 笔", "平台 0 笔"}, [5]string{out, out, out, out, "平台 0 笔"}},
		{"导出 今日", [5]string{out, "只有组长和店长可以导出", "今日", "今日", "今日"},
			[5]string{out, "只有组长和店长可以导出", silence, silence, silence}, [5]string{out, out, out, out, "今日"}},
		{"员工", [5]string{out, "只有组长和店长", "位员工", "位员工", "位员工"},
			[5]string{out, "只有组长和店长", "位员工", "位员工", "看哪家门店的人"}, [5]string{out, out, out, out, "位员工"}},
		{"门店", [5]string{onlyBoss, onlyBoss, onlyBoss, "1 家门店", "4 家门店"},
			[5]string{onlyBoss, onlyBoss, onlyBoss, "1 家门店", "4 家门店"}, [5]string{onlyBoss, onlyBoss, onlyBoss, "1 家门店", "4 家门店"}},
		{"授权", [5]string{onlyBoss, onlyBoss, onlyBoss, inPrivate, inPrivate},
			[5]string{onlyBoss, onlyBoss, onlyBoss, "10 分钟", "10 分钟"}, [5]string{onlyBoss, onlyBoss, onlyBoss, inPrivate, inPrivate}},
		{"后台", [5]string{notLeading, notLeading, inPrivate, inPrivate, inPrivate},
			[5]string{notLeading, notLeading, "打开后台", "打开后台", "打开后台"}, [5]string{notLeading, notLeading, inPrivate, inPrivate, inPrivate}},
		{"绑定", [5]string{onlyBoss, onlyBoss, onlyBoss, "没有可以绑定的门店", "为哪家门店"},
			[5]string{inGroup, inGroup, inGroup, inGroup, inGroup}, [5]string{onlyBoss, onlyBoss, onlyBoss, "为哪家门店", "为哪家门店"}},
		{"解绑", [5]string{onlyBoss, onlyBoss, onlyBoss, "解除哪家门店", "解除哪家门店"},
			[5]string{inGroup, inGroup, inGroup, inGroup, inGroup}, [5]string{onlyBoss, onlyBoss, onlyBoss, onlyBoss, "解除哪家门店"}},
	}
	everywhere(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		c, d := b.authorized("shop-c", "静安店"), b.authorized("shop-d", "虹口店")
		b.must(b.db.Directory.BindChat(ctx, c.ID, newGroup))
		b.must(b.db.Directory.BindChat(ctx, d.ID, "wrElsewhere"))
		for user, role := range map[string]models.Role{staff: models.RoleStaff, "another": models.RoleStaff, lead: models.RoleLead, manager: models.RoleManager} {
			b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: c.ID, UserID: user, Name: user, Role: role}))
		}
		codes := 0
		fresh := func() string {
			codes++
			code := fmt.Sprintf("70000%05d", codes)
			_, err := b.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "下午茶", Shops: []string{"shop-c"}})
			b.must(err)
			return code
		}
		for _, r := range rows {
			for place, want := range map[string][5]string{newGroup: r.here, "": r.alone, "wrElsewhere": r.away} {
				for i, user := range roles {
					text := r.action
					switch text {
					case "撤 ANOTHER":
						code := fresh()
						has(t, b.in(newGroup, "another", "验 "+code), "核销成功")
						text = "撤 " + code
					case "验 %s", "查 %s":
						text = fmt.Sprintf(text, fresh())
					}
					if got := b.in(place, user, text); !contains(got, want[i]) || want[i] == silence && !got.Empty() {
						t.Errorf("%s by %s in %q: want %q, got\n%s", r.action, user, place, want[i], show(got))
					}
					if text == "导出 今日" { // one at a time
						b.bot.Pass(ctx)
					}
				}
			}
		}
	})
}

func contains(r bot.Reply, text string) bool { return strings.Contains(show(r), text) }
