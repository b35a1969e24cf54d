package app

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/config"
)

const poi = "7000000000000000001"

// withDouyin gives the world's store an account at Douyin.
func withDouyin(t *testing.T) (*douyintest.Platform, func(*config.Config)) {
	t.Helper()
	p := douyintest.New(douyintest.Options{ClientKey: "aw1", ClientSecret: "client-secret"})
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	p.AddShop(douyintest.Shop{ID: poi})
	return p, func(cfg *config.Config) {
		cfg.Douyin = &config.Douyin{APIURL: srv.URL, ClientKey: "aw1", ClientSecret: "client-secret", AccountID: douyintest.DefaultAccount}
		cfg.Stores[0].Accounts = []config.Account{{Platform: "douyin", ShopID: poi}}
	}
}

// A store's codes are verified and undone at whichever of its platforms they are from.
func TestDouyinBesideMeituan(t *testing.T) {
	t.Parallel()
	p, configure := withDouyin(t)
	w := setup(t, configure)
	for name, where := range map[string]wecomtest.Where{"app": wecomtest.InApp("main", "zhangsan"), "robot": wecomtest.InGroup("wrAbC").Mention("group")} {
		v, err := p.AddVoucher(douyintest.Voucher{Shops: []string{poi}, Title: "抖音双人餐 " + name})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct{ text, title string }{{"验 " + v.Code, "核销成功"}, {"撤 " + v.Code, "已撤销"}} {
			if _, err := w.wecom.Say(t.Context(), where, "zhangsan", step.text); err != nil {
				t.Fatal(err)
			}
			w.card(t, where, step.title)
		}
		if n := p.Effects(v.Code); n.Consumed != 1 || n.Undone != 1 {
			t.Errorf("%s: %+v", name, n)
		}
		code := w.voucher(t)
		if _, err := w.wecom.Say(t.Context(), where, "zhangsan", "验 "+code); err != nil {
			t.Fatal(err)
		}
		if err := w.platform.Await(t.Context(), func() bool { return w.platform.Effects(code).Consumed == 1 }); err != nil {
			t.Errorf("%s: Meituan's code: %v", name, err)
		}
	}
	if n := len(p.Tokens()); n != 1 {
		t.Errorf("%d access tokens", n)
	}
}

// A refund after use that Douyin posts is told to managers.
func TestDouyinRefundIsTold(t *testing.T) {
	t.Parallel()
	p, configure := withDouyin(t)
	w := setup(t, configure, func(cfg *config.Config) { cfg.Managers = []string{"zhangsan"} })
	if err := p.Subscribe(t.Context(), w.url+"/auth/douyin/notice"); err != nil {
		t.Fatal(err)
	}
	v, err := p.AddVoucher(douyintest.Voucher{Shops: []string{poi}, Title: "抖音双人餐"})
	if err != nil {
		t.Fatal(err)
	}
	where := wecomtest.InApp("main", "zhangsan")
	if _, err := w.wecom.Say(t.Context(), where, "zhangsan", "验 "+v.Code); err != nil {
		t.Fatal(err)
	}
	w.card(t, where, "核销成功")
	if err := p.SetState(v.Code, douyintest.Refunded); err != nil {
		t.Fatal(err)
	}
	if shown := w.card(t, where, "顾客退款了"); !strings.Contains(fmt.Sprint(shown.Card), v.Code) {
		t.Errorf("the card is %+v", shown.Card)
	}
}

// The access token outlives the process that obtained it.
func TestDouyinTokenIsKept(t *testing.T) {
	t.Parallel()
	p, configure := withDouyin(t)
	dsn := t.TempDir() + "/kept.db"
	for range 2 {
		w := setup(t, configure, func(cfg *config.Config) { cfg.Database.DSN = dsn })
		v, err := p.AddVoucher(douyintest.Voucher{Shops: []string{poi}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.wecom.Say(t.Context(), wecomtest.InApp("main", "zhangsan"), "zhangsan", "验 "+v.Code); err != nil {
			t.Fatal(err)
		}
		w.card(t, wecomtest.InApp("main", "zhangsan"), "核销成功")
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	}
	if n := len(p.Tokens()); n != 1 {
		t.Errorf("%d access tokens", n)
	}
}
