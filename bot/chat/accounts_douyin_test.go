package chat

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
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

// withDouyin runs a test with a store at Dianping and Douyin, on both databases.
func withDouyin(t *testing.T, test func(b *pair, other *douyintest.Platform)) {
	t.Helper()
	t.Parallel()
	for driver, open := range map[string]func(testing.TB, ...modelstest.Option) *models.DB{models.SQLite: modelstest.SQLite, models.MySQL: modelstest.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			b := &pair{bench: setup(t, open(t, modelstest.WithClock(clock)), clock, dianping.Dianping)}
			other := douyintest.New(douyintest.Options{Now: clock.Now, ClientKey: "aw1", ClientSecret: "client-secret"})
			srv := httptest.NewServer(other)
			t.Cleanup(srv.Close)
			t.Cleanup(other.Close)
			b.must(other.AddShop(douyintest.Shop{ID: poi(1), Name: "人民广场店"}))
			client, err := douyin.New(douyin.Config{
				APIURL: srv.URL, ClientKey: "aw1", ClientSecret: "client-secret", Timeout: timeout, Now: clock.Now, Sleep: b.bot.Sleep, Links: followed{srv.URL},
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
