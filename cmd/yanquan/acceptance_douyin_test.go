package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanquan/bot/reconcile"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/breadth"
	"yanquan/models"
)

const (
	poiC     = "7100000000000000001"
	linkHost = "v.douyin.com"
)

// openDouyin adds the fake Douyin to the world, where that is wanted: its API, and the
// host of short links, which the program reaches by a proxy and trusts by a certificate
// of the environment.
func (w *world) openDouyin() (url string) {
	w.Helper()
	if !w.withDouyin && w.dialect != douyin && w.also != douyin {
		return ""
	}
	w.douyin = douyintest.New(douyintest.Options{
		ClientKey: secrets["DOUYIN_CLIENT_KEY"], ClientSecret: secrets["DOUYIN_CLIENT_SECRET"], UndoWindow: w.platformWindow,
		KeepRequests: 1 << 16, Now: w.now(&w.shopTime),
	})
	api := httptest.NewServer(w.douyin)
	w.Cleanup(api.Close)
	w.Cleanup(w.douyin.Close)
	for shop, name := range map[string]string{shopA: storeA, shopB: storeB, poiC: "抖音" + storeC} {
		if shop == poiC || w.dialect == douyin || w.also == douyin {
			w.must(w.douyin.AddShop(douyintest.Shop{ID: shop, Name: name}))
		}
	}

	certificate, file := w.certificate(linkHost)
	links := httptest.NewUnstartedServer(w.douyin)
	links.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	links.StartTLS()
	w.Cleanup(links.Close)
	proxy := httptest.NewServer(tunnel(linkHost+":443", links.Listener.Addr().String()))
	w.Cleanup(proxy.Close)
	w.env = append(w.env, "HTTPS_PROXY="+proxy.URL, "SSL_CERT_FILE="+file)
	return api.URL
}

// certificate is one for a host, that signs itself, and the file with it.
func (w *world) certificate(host string) (tls.Certificate, string) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	w.must(err)
	file := filepath.Join(w.TempDir(), "roots.pem")
	w.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// tunnel is an HTTP proxy that connects to one address, which is elsewhere.
func tunnel(address, to string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != address {
			http.Error(rw, "not from here", http.StatusForbidden)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(rw, "not reached", http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		if _, err := io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		go func() { _, _ = io.Copy(there, here); there.Close() }()
		_, _ = io.Copy(here, there)
	})
}

// sellDouyin sells a voucher there.
func (w *world) sellDouyin(v douyintest.Voucher) string {
	w.Helper()
	v.Shops, v.Price = []string{poiC}, priceFen
	if v.Title == "" {
		v.Title = "抖音双人餐"
	}
	v, err := w.douyin.AddVoucher(v)
	w.must(err)
	return v.Code
}

// atDouyin holds the ledger there against what must be true.
func (w *world) atDouyin(code string, consumed, undone int) {
	w.Helper()
	if n := w.douyin.Effects(code); n.Consumed != consumed || n.Undone != undone {
		w.Errorf("%s at Douyin: %+v, want %d and %d", code, n, consumed, undone)
	}
}

// One shop at two platforms, from nothing, by chat alone.
func TestTwoPlatformsFromTheChat(t *testing.T) {
	t.Parallel()
	cells := []setting{
		{dialect: dianpingtest.Meituan, driver: models.SQLite, empty: true, withDouyin: true, afternoon: true},
		{dialect: dianpingtest.Dianping, driver: models.MySQL, empty: true, withDouyin: true, afternoon: true},
	}
	for _, cell := range breadth.Of(t.Name(), cells...) {
		t.Run(cell.String(), func(t *testing.T) {
			t.Parallel()
			twoPlatforms(newWorld(t, cell))
		})
	}
}

func twoPlatforms(w *world) {
	app, room := *w, *w
	app.group = false
	room.group, room.room = true, roomC
	connectBoth(w, &app, &room)
	verifyAtBoth(w, &app, &room)
	troubleAtBoth(w, &app, &room)
	booksOfBoth(w, &app)

	if codes := append(w.platform.TwiceConsumed(), w.douyin.TwiceConsumed()...); len(codes) > 0 {
		w.Errorf("consumed twice: %v", codes)
	}
	if n := len(w.douyin.Tokens()); n != 1 {
		w.Errorf("%d access tokens", n)
	}
	w.noRefusals()
	w.noSecrets()
}

// connectBoth has the manager connect the shop at either platform, and staff join.
func connectBoth(w, app, room *world) {
	w.must(w.platform.AddShop(dianpingtest.Shop{ID: shopC, Name: storeC, Customer: "customer-c"}))
	w.platform.SetRegistration(dianpingtest.Registration{CallbackURL: publicURL + "/auth/" + string(w.dialect) + "/callback"})
	w.must(w.douyin.Subscribe(w.soon(), w.url()+"/auth/douyin/notice"))

	link := app.linkFor(w.dialect)
	before := w.wecom.Version()
	w.authorized(link, shopC)
	app.await(1, answer{user: "boss", since: before}, "门店已接通", storeC)
	shops := app.press("boss", app.card(app.say("boss", "授权", "授权哪个平台")), "抖音", "接通哪家抖音店")
	which := app.press("boss", app.card(shops), "抖音"+storeC, "是哪家门店", "[新门店]", "["+storeC+"]")
	app.press("boss", app.card(which), storeC, "门店已接通", storeC, "抖音")
	app.say("boss", "门店", "1 家门店", storeC, "抖音")

	room.press("boss", room.card(room.say("boss", "绑定", "["+storeC+"]")), storeC, "已绑定")
	before = w.wecom.Version()
	room.say("zhoujiu", "我是 周九", "已经告诉管理员")
	ask := app.card(app.await(1, answer{user: "boss", since: before}, "有人申请加入", "周九"))
	app.press("boss", ask, "同意", "已同意")
}

// verifyAtBoth: codes of both, a 次卡 twice, a QR code by photo, a code that both know,
// and an undo at either.
func verifyAtBoth(w, app, room *world) {
	code, there := w.sell(shopC), w.sellDouyin(douyintest.Voucher{})
	room.say("zhoujiu", "验 "+code, "核销成功", code, storeC)
	w.ledger(code, 1, 0)
	room.say("zhoujiu", "验 "+there, "核销成功", "抖音双人餐", "¥49.90", "抖音", "可撤销至")
	w.atDouyin(there, 1, 0)

	card := w.sellDouyin(douyintest.Voucher{Title: "洗剪吹十次卡", Visits: 10, GroupType: 3})
	room.say("zhoujiu", "验 "+card+" x2", "核销成功", "洗剪吹十次卡")
	w.atDouyin(card, 2, 0)
	room.say("zhoujiu", "撤 "+card, "已撤销")
	w.atDouyin(card, 2, 2)

	shown := w.sellDouyin(douyintest.Voucher{Title: "照片里的券"})
	v, _ := w.douyin.Voucher(shown)
	found := app.await(1, app.snap("zhoujiu", "", w.drawn(v.QR)), "[确认核销]", "照片里的券")
	w.atDouyin(shown, 0, 0)
	app.press("zhoujiu", app.card(found), "确认核销", "核销成功", "照片里的券")
	w.atDouyin(shown, 1, 0)

	both := w.sellDouyin(douyintest.Voucher{Code: "104930181552", Title: "哪家的券"})
	_, err := w.platform.AddVoucher(dianpingtest.Voucher{Code: both, Title: title, Price: priceFen, Shops: []string{shopC}})
	w.must(err)
	q := room.say("zhoujiu", "验 "+both, "请选择平台", "[抖音确认核销]")
	w.ledger(both, 0, 0)
	w.atDouyin(both, 0, 0)
	room.press("zhoujiu", room.card(q), "抖音确认核销", "核销成功", both)
	w.ledger(both, 0, 0)
	w.atDouyin(both, 1, 0)

	room.say("zhoujiu", "撤 "+code, "已撤销", code)
	w.ledger(code, 1, 1)
	room.say("zhoujiu", "撤 "+there, "已撤销")
	w.atDouyin(there, 1, 1)
}

// troubleAtBoth: an answer that is lost at either, and a verification that risk control
// holds.
func troubleAtBoth(w, app, room *world) {
	code, there := w.sell(shopC), w.sellDouyin(douyintest.Voucher{})
	w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Code: code})
	w.must(w.douyin.Fail(douyintest.Fault{Kind: douyintest.ApplyThenDrop, Call: "verify", Code: there}))
	room.sayFor(0, "zhoujiu", "验 "+code, "核销成功", code)
	room.sayFor(0, "zhoujiu", "验 "+there, "核销成功", there)
	w.ledger(code, 1, 0)
	w.atDouyin(there, 1, 0)

	held := w.sellDouyin(douyintest.Voucher{Title: "被风控的券", Hold: &douyintest.Hold{}})
	before := w.wecom.Version()
	app.say("zhoujiu", "验 "+held, "平台风控核验中，先不要提供服务")
	app.say("zhoujiu", "验 "+held, "平台风控核验中")
	w.atDouyin(held, 0, 0)
	w.must(w.douyin.EndHold(held, true)) // which the platform tells by a message
	app.glimpse(answer{user: "zhoujiu", since: before}, true, "核销成功", "被风控的券")
	w.atDouyin(held, 1, 0)
}

// booksOfBoth: the day's sums by platform, its rows, and the day before held against
// either platform's list.
func booksOfBoth(w, app *world) {
	sums := app.say("boss", "今日", "抖音", "¥")
	if !strings.Contains(sums.text(), "美团") && !strings.Contains(sums.text(), "大众点评") {
		w.Errorf("no sum of the other platform:\n%s", sums.text())
	}
	w.utter("boss", "导出 今日 csv")
	var table string
	w.until(func() bool {
		for _, s := range w.wecom.Screen(wecomtest.InApp("main", "boss")) {
			if m, ok := w.wecom.Medium(s.Text); ok && s.Kind == wecomtest.KindFile {
				table = string(m.Data)
			}
		}
		return table != ""
	})
	for _, want := range []string{"平台", "抖音", "洗剪吹十次卡", "照片里的券", "被风控的券"} {
		if !strings.Contains(table, want) {
			w.Errorf("the export lacks %q:\n%s", want, table)
		}
	}

	yesterday := time.Now().Add(-48 * time.Hour).In(reconcile.Zone) // days are the platforms', not the bot's
	w.shopTime.Store(int64(-48 * time.Hour))
	code, there := w.sell(shopC), w.sellDouyin(douyintest.Voucher{})
	w.must(w.platform.ConsumeElsewhere(code, "收银台", ""))
	w.must(w.douyin.ConsumeElsewhere(there, "收银台"))
	w.shopTime.Store(0)
	app.sayFor(0, "boss", "对账 "+yesterday.Format("01-02"), "平台 2 笔", "抖音）** 平台 1 笔")
	w.effects[code] = effects{consumed: 1}
}
