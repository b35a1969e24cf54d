package chat

import (
	"strings"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
)

// A merchant takes the authorisation at Douyin away, of which the platform tells nothing: a
// refused call says so to the cashier, managers are told once, and 门店 shows it until
// something is verified again.
func TestDouyinAuthorisationTakenAway(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		_, err := other.AddVoucher(douyintest.Voucher{Code: "104930181551", Title: "双人餐", Price: 4990, Shops: []string{poi(1)}})
		b.must(err)
		told := func() (n int) {
			b.settle()
			for _, d := range b.courier.all() {
				if d.User == "boss" && strings.Contains(show(d.Reply), "在抖音的授权失效了") {
					n++
				}
			}
			return n
		}
		has(b.t, b.in("", "boss", "门店"), "抖音: 人民广场店 已接通")
		b.must(other.Authorize(douyintest.DefaultAccount, false))
		for range 2 {
			has(b.t, b.in(group, "zhangsan", "验 抖音 104930181551"), "门店授权失效")
		}
		if n := told(); n != 1 {
			b.t.Errorf("told %d times", n)
		}
		has(b.t, b.in("", "boss", "门店"), "抖音: 人民广场店 授权失效", "大众点评: 人民广场店 已接通")
		b.clock.Advance(25 * time.Hour)
		b.in(group, "zhangsan", "查 抖音 104930181551")
		if n := told(); n != 2 {
			b.t.Errorf("told %d times in two days", n)
		}
		b.clock.Advance(8 * 24 * time.Hour) // nobody verifies, and old alerts are forgotten
		b.must(b.bot.purge(b.t.Context()))
		has(b.t, b.in("", "boss", "门店"), "抖音: 人民广场店 授权失效")
		b.must(other.Authorize(douyintest.DefaultAccount, true))
		has(b.t, b.in(group, "zhangsan", "验 抖音 104930181551"), "核销成功")
		has(b.t, b.in("", "boss", "门店"), "抖音: 人民广场店 已接通")
		b.clock.Advance(time.Minute)
		b.must(other.Authorize(douyintest.DefaultAccount, false)) // once more on that day
		has(b.t, b.in(group, "zhangsan", "撤 104930181551"), "没有撤销", "授权")
		if n := told(); n != 3 {
			b.t.Errorf("told %d times", n)
		}
		has(b.t, b.in("", "boss", "门店"), "抖音: 人民广场店 授权失效")
	})
}
