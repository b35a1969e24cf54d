package chat

import (
	"testing"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// undoneThere is a verification by zhangsan that was undone at the platform, by hand, and
// whose voucher zhangsan verified again, on the day before.
func (b *bench) undoneThere() {
	b.t.Helper()
	b.voucher(Code)
	has(b.t, b.say("zhangsan", "验 "+Code), "核销成功")
	b.clock.Advance(3 * time.Minute)
	b.must(b.platform.UndoElsewhere(Code, "boss"))
	for _, v := range b.platform.Vouchers() {
		if v.State == dianpingtest.Usable {
			has(b.t, b.say("zhangsan", "验 "+v.Code), "核销成功")
		}
	}
	b.clock.Advance(24 * time.Hour)
}

// closings are the entries of the audit about it.
func (b *bench) closings() (n int) {
	b.t.Helper()
	audit, err := b.db.Audit.List(b.t.Context(), models.AuditFilter{Limit: 100})
	b.must(err)
	for _, e := range audit {
		if e.Action == "undone there" {
			n++
			if e.UserID != "boss" || e.Subject != Code || e.StoreID != 1 || e.Before != string(models.Done) || e.After != string(models.Undone) {
				b.t.Errorf("%+v", e)
			}
		}
	}
	return n
}

// What was undone at the platform leaves the takings by a manager's word, where
// reconciliation has found it and the platform, asked again, does not have it: once, and as
// what it is. Nothing is undone there.
func TestManagerEndsWhatWasUndoneThere(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.undoneThere()
		confirm := "确认 " + Code + " 已撤销"
		has(t, b.in("", "boss", confirm), "没有改动", "对账 "+firstDay)
		has(t, b.say("wangwu", "对账 昨日"), "平台 1 笔 = 机器人 1", "平台没有 1 笔", "请店长发「确认 券码 已撤销」")
		has(t, b.say("wangwu", "昨日"), "2 张 ¥99.80")
		for _, user := range []string{"zhangsan", "wangwu"} {
			has(t, b.in("", user, confirm), "只有这家门店的店长或管理员可以确认")
		}
		has(t, b.in("", "qianqi", confirm), "没有在这里核销过")
		has(t, b.in("", "boss", "确认 "+Code+" 已核销"), "核销成功")
		if n := b.closings(); n > 0 {
			t.Fatalf("%d entries too early", n)
		}
		for range 2 { // again: nothing more is done
			r := b.in("", "boss", confirm)
			has(t, r, "已在平台上撤销", "不是机器人撤的", Code)
			hasNot(t, r, "撤销人")
			if n := b.closings(); n != 1 {
				t.Fatalf("%d entries", n)
			}
		}
		has(t, b.say("wangwu", "昨日"), "1 张 ¥49.90", "撤销: 1 张 ¥49.90")
		if b.calls("reverseconsume") > 0 {
			t.Error("an undo was sent")
		}
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, Code)
		b.must(err)
		if op.UndoUser != "" || op.UndoUserID != "" || op.State != models.Undone {
			t.Errorf("kept as %+v", op)
		}
		d, err := b.bot.desks.Desk(t.Context(), "boss")
		b.must(err)
		found, _, err := b.bot.desks.History(t.Context(), d, desk.Search{State: "undone", Days: command.Yesterday})
		b.must(err)
		if len(found) != 1 || found[0].Says != "在平台上撤销" {
			t.Errorf("the page has %+v", found)
		}
		b.until(3, 30)
		b.looks()
		has(t, b.say("wangwu", "对账 "+firstDay), "平台 1 笔 = 机器人 1")
	})
}

// The platform has the last word: what it has again, or says nothing of, stands.
func TestUndoneThereIsAskedAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.undoneThere()
		has(t, b.say("wangwu", "对账 昨日"), "平台没有 1 笔")
		confirm := "确认 " + Code + " 已撤销"
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, Code)
		b.must(err)
		b.must(b.platform.Pause(dianpingtest.PauseRefuse))
		has(t, b.in("", "boss", confirm), "没有改动", "过几分钟")
		b.platform.Resume()
		o := b.bend()
		o.getConsumed = func(dianping.Record, error) (dianping.Record, error) {
			return dianping.Record{Code: Code, DealID: op.DealID, VerifyAccount: "zhangsan", VerifyChannel: "15", VerifyTime: op.ConsumedAt}, nil
		}
		has(t, b.in("", "boss", confirm), "没有改动", "还是已核销")
		o.getConsumed = nil
		has(t, b.say("wangwu", "昨日"), "2 张 ¥99.80")
		if n := b.closings(); n > 0 {
			t.Errorf("%d entries", n)
		}
		has(t, b.in("", "boss", confirm), "已在平台上撤销")
		has(t, b.say("wangwu", "昨日"), "1 张 ¥49.90")
	})
}

// Of a verification of two of which one was undone at the platform, the other stands.
func TestUndoneThereInPart(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		codes := []string{}
		for _, v := range b.order(Code, 2) {
			codes = append(codes, v.Code)
		}
		has(t, b.say("zhangsan", "验 "+Code+" x2"), "核销成功")
		b.must(b.platform.UndoElsewhere(codes[1], "boss"))
		b.clock.Advance(24 * time.Hour)
		has(t, b.say("wangwu", "对账 昨日"), "平台 1 笔 = 机器人 1", "平台没有 1 笔")
		has(t, b.in("", "boss", "确认 "+Code+" 已撤销"), "在平台上撤销")
		has(t, b.say("wangwu", "昨日"), "1 张 ¥49.90", "撤销: 1 张 ¥49.90")
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, Code)
		b.must(err)
		coupons, err := b.db.Journal.Coupons(t.Context(), op.ID)
		b.must(err)
		for _, c := range coupons {
			if c.UndoneAt.IsZero() != (c.Code == codes[0]) {
				t.Errorf("%+v", c)
			}
		}
		if op.State != models.Done {
			t.Errorf("%s", op.State)
		}
		has(t, b.in("", "boss", "确认 "+Code+" 已撤销"), "有一部分在平台上撤销了", "其余 1 张")
		audit, err := b.db.Audit.List(t.Context(), models.AuditFilter{Limit: 100})
		b.must(err)
		if len(audit) != 1 || audit[0].After != string(models.Done) {
			t.Errorf("%+v", audit)
		}
	})
}

// Douyin's list names what was undone, and so does the voucher.
func TestUndoneThereAtDouyin(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		var codes []string
		for range 2 {
			v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐", Price: 4990, Pay: 4990})
			b.must(err)
			b.tells(b.say("zhangsan", "验 抖音 "+v.Code), "核销成功")
			codes = append(codes, v.Code)
		}
		b.must(other.UndoElsewhere(codes[0], "till-1"))
		b.clock.Advance(24 * time.Hour)
		confirm := "确认 抖音 " + codes[0] + " 已撤销"
		b.tells(b.in("", "boss", confirm), "没有改动", "对账 "+firstDay)
		b.tells(b.say("wangwu", "昨日"), "2 张 ¥99.80")
		b.tells(b.say("wangwu", "对账 昨日"), "已撤销 1 笔", "请店长发「确认 券码 已撤销」")
		b.tells(b.in("", "boss", "确认 抖音 "+codes[1]+" 已撤销"), "没有改动")
		for range 2 {
			b.tells(b.in("", "boss", confirm), "已在平台上撤销", "不是机器人撤的", codes[0], "抖音")
		}
		b.tells(b.say("wangwu", "昨日"), "1 张 ¥49.90", "撤销: 1 张 ¥49.90")
	})
}

// Of two visits of a 次卡 in one verification, one was undone there, and which does not matter.
func TestUndoneThereOfTwoVisits(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		const card = "104930181552"
		_, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Code: card, Title: "十次卡", Price: 50000, Visits: 10})
		b.must(err)
		b.tells(b.say("zhangsan", "验 抖音 "+card+" x2"), "核销成功")
		b.must(other.UndoElsewhere(card, "till-1"))
		b.clock.Advance(24 * time.Hour)
		b.tells(b.say("wangwu", "对账 昨日"), "已撤销 1 笔", "请店长发「确认 券码 已撤销」")
		confirm := "确认 抖音 " + card + " 已撤销"
		for range 2 { // again: nothing more is done
			b.tells(b.in("", "boss", confirm), "有一部分在平台上撤销了", "其余 1 次")
			b.tells(b.say("wangwu", "昨日"), "1 张 ¥50.00", "撤销: 1 张 ¥50.00")
		}
	})
}

// The later visit of a 次卡 that was undone there leaves the takings, and the earlier stays.
func TestUndoneThereOfALaterVisit(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.sellPass(Code, 10)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.clock.Advance(3 * time.Minute)
		again := b.in("", "zhangsan", "验 "+Code)
		has(t, b.pressPrivately("zhangsan", again.Card, b.key(again, "再用一次")), "核销成功")
		b.must(b.platform.UndoElsewhere(Code, "boss"))
		b.clock.Advance(24 * time.Hour)
		has(t, b.say("wangwu", "对账 昨日"), "平台没有 1 笔", "请店长发「确认 券码 已撤销」")
		has(t, b.in("", "boss", "确认 "+Code+" 已撤销"), "在平台上撤销")
		has(t, b.say("wangwu", "昨日"), "昨日 11-23 1 张", "撤销: 1 张")
	})
}
