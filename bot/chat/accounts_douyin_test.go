package chat

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// followed sends what is asked of Douyin's short links to the fake.
type followed struct{ to string }

func (f followed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(f.to, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

// withDouyin runs a test with a store at Dianping and Douyin, on both databases or on one.
func withDouyin(t *testing.T, test func(b *pair, other *douyintest.Platform)) {
	t.Helper()
	t.Parallel()
	for _, driver := range databases(t) {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			b := &pair{bench: setup(t, modelstest.On(t, driver, modelstest.WithClock(clock)), clock, dianping.Dianping)}
			other := douyintest.New(douyintest.Options{Now: clock.Now, ClientKey: "aw1", ClientSecret: "client-secret"})
			srv := httptest.NewServer(other)
			t.Cleanup(srv.Close)
			t.Cleanup(other.Close)
			b.must(other.AddShop(douyintest.Shop{ID: poi(1), Name: "人民广场店"}))
			client, err := douyin.New(douyin.Config{
				APIURL: srv.URL, ClientKey: "aw1", ClientSecret: "client-secret", Timeout: time.Minute, HTTP: &http.Client{Transport: other.Impatient(httpcall.NewTransport())}, Now: clock.Now, Sleep: b.bot.Sleep, Links: followed{srv.URL},
			})
			b.must(err)
			b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{
				Platform: dianping.Dianping, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Chats: []string{group},
				Accounts: []models.ConfiguredAccount{{Platform: platform.DouyinName, ShopID: poi(1), AccountID: douyintest.DefaultAccount}},
				Staff: []models.Member{
					{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}, {UserID: "wangwu", Name: "王五", Role: models.RoleLead},
				},
			}}))
			b.configure(func(o *Options) {
				o.Guard = Guard{Codes: 3, Within: 10 * time.Minute}
				o.Douyin = Douyin{Client: client, AccountID: douyintest.DefaultAccount, Token: func(ctx context.Context) (models.AppToken, error) { return b.db.AppTokens.Get(ctx, "douyin/aw1") }}
			})
			test(b, other)
		})
	}
}

// A link is verified at Douyin without a question, whichever way it is written or shown;
// the same link is the same code, and the journal answers for it once it is used.
func TestLinkOfTwoAccounts(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"})
		b.must(err)
		link := v.QR
		b.tells(b.say("zhangsan", "查 "+link), "可以核销", "抖音双人餐", "人民广场店（抖音）", "[确认核销]", "!"+link)
		b.tells(b.photo("zhangsan", "验", link), "核销成功", "人民广场店（抖音）")
		for _, text := range []string{"验 " + link, "验 " + strings.TrimSuffix(link, "/") + "?from=share", "验 " + v.Code} {
			b.tells(b.say("wangwu", text), "此券已核销", "张三", "!不存在")
		}
		b.clock.Advance(2 * time.Hour)
		for _, text := range []string{"查 " + link, "查 " + v.Code, "查 抖音 " + v.Code} {
			b.tells(b.say("wangwu", text), "张三", "人民广场店（抖音）", "!不存在")
		}
		if n := len(b.platform.Requests()); n > 2*2 { // for the typed code alone, which both may know
			b.t.Errorf("Dianping was asked %d times", n)
		}
		if n := b.guesses(); n != 0 {
			b.t.Errorf("%d guesses", n)
		}
	})
}

// A link is undone by what it is.
func TestUndoOfALink(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"})
		b.must(err)
		link := v.QR
		b.tells(b.say("zhangsan", "验 "+link), "核销成功")
		b.tells(b.say("zhangsan", "撤 "+link), "已撤销", "人民广场店（抖音）")
	})
}

// Codes that Douyin does not know are counted, in whatever form it says so: an empty list
// is the documented one. A code of the journal is no guess, though it is told alike.
func TestGuardAtDouyin(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"})
		b.must(err)
		b.tells(b.say("zhangsan", "验 抖音 "+v.Code), "核销成功")
		b.tells(b.say("zhangsan", "撤 "+v.Code), "已撤销")
		b.must(other.SetState(v.Code, douyintest.Refunded))
		for _, k := range []douyintest.Knobs{
			{Unknown: douyintest.UnknownRefused},
			{Unknown: douyintest.UnknownRefused, Refusals: douyintest.RefusalData},
			{Unknown: douyintest.UnknownRefused, Refusals: douyintest.RefusalExtra},
			{Unknown: douyintest.UnknownEmpty},
			{Unknown: douyintest.UnknownEmpty, EmptyLists: douyintest.EmptyListNull},
			{Unknown: douyintest.UnknownEmpty, EmptyLists: douyintest.EmptyListAbsent},
			{Unknown: douyintest.UnknownEmpty, Lists: douyintest.ListsFirst},
			{Unknown: douyintest.UnknownEmpty, Lists: douyintest.ListsV2},
		} {
			b.clock.Advance(2 * time.Hour)
			k.UsedCode = douyintest.UsedCodeEmpty
			b.must(other.SetKnobs(k))
			for _, text := range []string{"验 抖音 " + v.Code, "查 抖音 " + v.Code, "验 " + v.Code, "查 " + v.Code} {
				b.say("zhangsan", text)
			}
			if n := b.guesses(); n != 0 {
				b.t.Errorf("%+v: %d guesses with a code of the journal", k, n)
			}
			for i, text := range []string{"验 抖音 104930181501", "查 抖音 104930181502", "验 104930181503"} {
				b.tells(b.say("zhangsan", text), "不存在")
				if n := b.guesses(); n != i+1 {
					b.t.Errorf("%+v: %d guesses after %q, want %d", k, n, text, i+1)
				}
			}
			b.tells(b.say("zhangsan", "验 抖音 104930181504"), "再试")
		}
	})
}

// What was verified before a platform was switched off is found by its name, by its link
// and by its code, and undone as the switch has promised.
func TestAccountTakenOffIsStillKnown(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		var codes, says []string
		for _, link := range []bool{false, true, false} {
			v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"})
			b.must(err)
			asked := "抖音 " + v.Code
			if link {
				asked = v.QR
			}
			b.tells(b.say("zhangsan", "验 "+asked), "核销成功")
			codes, says = append(codes, v.Code), append(says, asked)
		}
		s, err := b.db.Directory.Store(b.t.Context(), 1)
		b.must(err)
		_, err = b.db.Accounts.TakeOff(b.t.Context(), s.Accounts()[1].ID)
		b.must(err)
		b.clock.Advance(time.Minute)
		for i, say := range says {
			b.tells(b.say("wangwu", "查 "+say), "核销成功", "张三")
			b.tells(b.say("zhangsan", "撤 "+say), "已撤销")
			if n := other.Effects(codes[i]); n.Consumed != 1 || n.Undone != 1 {
				b.t.Errorf("%s: %+v", codes[i], n)
			}
		}
	})
}

// A doubt at a platform that was switched off is ended by the words of its own notice.
func TestDoubtOfAnAccountTakenOff(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sell(twice)
		b.loses(b.other, twice)
		b.doubtful("zhangsan", "验 美团 "+twice)
		for range 5 {
			b.bot.Pass(b.t.Context())
		}
		say := b.to("boss").Card.Keys[0].Say
		s, err := b.db.Directory.Store(b.t.Context(), 1)
		b.must(err)
		_, err = b.db.Accounts.TakeOff(b.t.Context(), s.Accounts()[1].ID)
		b.must(err)
		b.tells(b.privately("boss", say), "核销成功")
	})
}

// A page of Douyin shows a QR code and digits: both in one message are one voucher for all
// that is known, and nothing is verified. A code of Meituan beside a link is another.
func TestLinkAndCodeOfOnePage(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		b.voucher(Code)
		for _, absent := range [][]string{nil, {"origin_code"}} {
			b.must(other.SetKnobs(douyintest.Knobs{Absent: absent}))
			for n := range 2 {
				v, err := other.AddOrder(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"}, 2)
				b.must(err)
				link, code := v[0].QR, v[n].Code
				for _, reply := range []bot.Reply{
					b.photo("zhangsan", "验", link, "|"+code), b.photo("zhangsan", "验", "|"+code, link),
					b.say("zhangsan", "验 "+link+" "+code), b.say("zhangsan", "验 抖音 "+code+" "+link),
				} {
					b.tells(reply, "可能是同一张券", "请只发一个", "验 "+code)
				}
				if n := other.Effects(v[0].Code).Consumed + other.Effects(v[1].Code).Consumed; n > 0 {
					t.Errorf("%d consumed", n)
				}
				b.tells(b.say("zhangsan", "验 "+link), "核销成功")
			}
		}
		v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"})
		b.must(err)
		b.tells(b.say("zhangsan", "验 "+v.QR+" "+Code), "2 个券码，成功 2 个")
	})
}
