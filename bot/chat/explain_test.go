package chat

import (
	"strings"
	"testing"
	"time"

	"yanquan/bot/desk"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// The story of a code is told in the order it happened, without secrets.
func TestExplain(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
		b.start(b.private("zhangsan", "验 "+Code))
		b.clock.Advance(time.Second)
		b.settle()
		b.clock.Advance(time.Minute)
		b.start(b.private("wangwu", "撤 "+Code))
		b.settle()
		var out strings.Builder
		b.must(desk.Explain(t.Context(), &out, b.db, b.bot.Location, Code))
		at := 0
		for _, want := range []string{
			"张三（zhangsan）在 app/main 请求核销 " + Code, "平台 prepare", "平台 consume", "unknown_outcome", "平台 getconsumed",
			"王五（wangwu）请求撤销", "平台 reverseconsume", "已撤销", "消息发给 app/main wangwu：已送达",
		} {
			i := strings.Index(out.String()[at:], want)
			if i < 0 {
				t.Fatalf("no %q after byte %d of:\n%s", want, at, out.String())
			}
			at += i
		}
		for _, secret := range []string{"token-shop-a", "app-secret", "sign-key", "response_code"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%q is in the story", secret)
			}
		}
		out.Reset()
		b.must(desk.Explain(t.Context(), &out, b.db, b.bot.Location, "8888888888"))
		if !strings.Contains(out.String(), "没有记录") {
			t.Errorf("of an unknown code: %s", out.String())
		}
	})
}

func TestVoucherPage(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.say("zhangsan", "验 "+Code)
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, Code)
		b.must(err)
		v, err := b.bot.desks.Voucher(t.Context(), op.ID)
		b.must(err)
		if v.Store != "人民广场店" || v.State != models.Done || !v.UndoUntil.Equal(op.UndoUntil) {
			t.Errorf("%+v", v)
		}
		b.clock.Advance(11 * time.Minute)
		if v, err = b.bot.desks.Voucher(t.Context(), op.ID); err != nil || !v.UndoUntil.IsZero() {
			t.Errorf("after the window: %+v %v", v, err)
		}
		if _, err := b.bot.desks.Voucher(t.Context(), "nobody's"); err == nil {
			t.Error("a page of nothing")
		}
	})
}
