package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"yanquan/dianping"
	"yanquan/douyin/douyintest"
	"yanquan/internal/config"
)

// douyinPlatform is the fake Douyin: one for all of its shops, as the application has
// one access token.
type douyinPlatform struct {
	*douyintest.Platform
	url   string
	shops []*douyinShop
	mood  string // mischief that was chosen last; guarded by the first shop's lock
}

// douyinShop is a store's shop at Douyin.
type douyinShop struct {
	tray
	platform *douyinPlatform
}

func (w *world) openDouyin() (err error) {
	p := &douyinPlatform{mood: calm}
	p.Platform = douyintest.New(douyintest.Options{Now: w.clock.now, ClientKey: demoClientKey, ClientSecret: demoClientSecret})
	w.douyin = p
	if p.url, err = w.serve(p); err != nil {
		return err
	}
	for _, s := range douyinStores {
		one := &douyinShop{newTray(s, w.clock), p}
		p.shops = append(p.shops, one)
		if err := errors.Join(p.AddShop(douyintest.Shop{ID: s.poi, Name: s.Name}), one.stock(w.clock.now())); err != nil {
			return fmt.Errorf("demo: %s: %w", s.Name, err)
		}
	}
	known, err := w.shop("xujiahui")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	// One code that both platforms of a store know.
	both, here := known.codes+"77", p.shops[0]
	return errors.Join(
		known.sell(known.voucher(coffee, "77", []string{known.ID}), "这个码美团和抖音都有"),
		here.sell(douyintest.Voucher{Code: both, Title: hotpot.title, Price: hotpot.price, MarketPrice: hotpot.market}, "这个码美团和抖音都有"),
	)
}

// stock sells a voucher of each kind.
func (s *douyinShop) stock(now time.Time) error {
	card := s.voucher(coffee, "31")
	card.Title, card.Price, card.Visits, card.GroupType = "手冲咖啡十次卡", 15900, 10, 3
	held := s.voucher(banquet, "47")
	held.Hold = &douyintest.Hold{For: 40 * time.Second, Verified: true}
	old := s.voucher(family, "36")
	old.Expires = lastMonth(now)
	err := errors.Join(
		s.sell(s.voucher(afternoonTea, "12"), "普通的一张券，也能拍二维码"),
		s.sell(card, "次卡，一次可以验几次"),
		s.sell(held, "风控会先扣住，40 秒后放行"),
		s.sell(old, "有效期到 "+lastMonth(now).In(beijing).Format(time.DateOnly)),
	)
	for i, end := range []string{"51", "52"} {
		v := s.voucher(quickLunch, end)
		v.OrderID = "80" + s.codes + "00"
		err = errors.Join(err, s.sell(v, fmt.Sprintf("两张同一单，这是第 %d 张", i+1)))
	}
	return err
}

func (s *douyinShop) voucher(d deal, end string) douyintest.Voucher {
	return douyintest.Voucher{Code: s.codes + end, Title: d.title, Price: d.price, MarketPrice: d.market}
}

func (s *douyinShop) sell(v douyintest.Voucher, hint string) error {
	v.Shops = []string{s.poi}
	v, err := s.platform.AddVoucher(v)
	if err == nil {
		s.put(v.Code, hint)
	}
	return err
}

func (s *douyinShop) sellAnother() error {
	v := s.voucher(s.next(), "")
	v.Code = "" // the platform makes one up
	return s.sell(v, "刚刚卖出")
}

func (s *douyinShop) tickets() []ticket {
	list, left := []ticket{}, map[string]int{}
	now := s.clock.now()
	for _, v := range s.platform.Vouchers() {
		if state, _ := douyinState(v, now); state == "ok" {
			left[v.OrderID] += max(v.Visits-len(v.Uses), 1)
		}
		hint, mine := s.has(v.Code)
		if !mine {
			continue
		}
		t := ticket{Code: v.Code, Title: v.Title, Price: dianping.Fen(v.Price).String(), Count: 1, Hint: hint, Times: v.Visits > 0, Photo: v.QR != ""}
		t.State, t.Label = douyinState(v, now)
		list = append(list, t)
	}
	for i, t := range list {
		if v, _ := s.platform.Voucher(t.Code); t.State == "ok" {
			list[i].Count = left[v.OrderID]
		}
	}
	return list
}

func douyinState(v douyintest.Voucher, now time.Time) (state, label string) {
	switch v.State {
	case douyintest.Consumed:
		return "used", "已核销"
	case douyintest.Held:
		return "odd", "风控核验中"
	case douyintest.RefundRequested, douyintest.Refunding, douyintest.RefundFailed:
		return "odd", "退款中"
	case douyintest.Refunded:
		return "odd", "已退款"
	}
	switch {
	case v.Expires.Before(now):
		return "odd", "已过期"
	case v.Visits > 0:
		return "ok", fmt.Sprintf("还剩 %d 次", v.Visits-len(v.Uses))
	}
	return "ok", "可用"
}

// photo is the link in the QR code that the customer's app shows now.
func (s *douyinShop) photo(code string) (string, error) {
	v, known := s.platform.Voucher(code)
	if _, mine := s.has(code); !known || !mine || v.QR == "" {
		return "", badRequest("这张券没有二维码。")
	}
	return v.QR, nil
}

// photo has a person photograph a voucher's QR code and send it to the app.
func (w *world) photo(ctx context.Context, in photoIn) error {
	c, err := w.counter(in.Shop)
	if err != nil {
		return err
	}
	at, err := chatOf(appChat, in.Person)
	if err != nil {
		return err
	}
	link, err := c.photo(in.Code)
	if err != nil {
		return err
	}
	matrix, err := qrcode.NewQRCodeWriter().Encode(link, gozxing.BarcodeFormat_QR_CODE, 360, 360, nil)
	if err != nil {
		return fmt.Errorf("demo: QR code: %w", err)
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, matrix); err != nil {
		return fmt.Errorf("demo: QR code: %w", err)
	}
	_, err = w.wecom.SendPicture(ctx, where(at, in.Person), in.Person, picture.Bytes())
	return err
}

// declare writes the section and the shops that config.yaml would have.
func (p *douyinPlatform) declare(c *config.Config) {
	c.Douyin = &config.Douyin{APIURL: p.url, ClientKey: demoClientKey, ClientSecret: demoClientSecret, AccountID: douyintest.DefaultAccount}
	for _, s := range p.shops {
		i := slices.IndexFunc(c.Stores, func(o config.Store) bool { return slices.Contains(o.Chats, s.Chat) })
		if i < 0 {
			c.Stores = append(c.Stores, config.Store{Name: s.Name, Platform: "douyin", ShopID: s.poi, Chats: []string{s.Chat}, Staff: staffOf(s.Chat)})
			continue
		}
		c.Stores[i].Accounts = append(c.Stores[i].Accounts, config.Account{Platform: "douyin", ShopID: s.poi})
	}
}

// way carries the bot's calls to the platforms. Short links, whose host is Douyin's,
// lead to the fake.
func (p *douyinPlatform) way() http.RoundTripper {
	return shortLinks{http.DefaultTransport.(*http.Transport).Clone(), p.url}
}

type shortLinks struct {
	*http.Transport
	to string
}

func (s shortLinks) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Hostname(), ".douyin.com") {
		u, err := url.Parse(s.to)
		if err != nil {
			return nil, fmt.Errorf("demo: short link: %w", err)
		}
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	}
	return s.Transport.RoundTrip(r)
}

// douyinFaults are the mischiefs in Douyin's calls.
func douyinFaults(m mischief) (faults []douyintest.Fault) {
	calls := map[string]string{"consume": "verify", "reverseconsume": "cancel"}
	for _, f := range m.faults {
		faults = append(faults, douyintest.Fault{Kind: douyintest.FaultKind(f.Kind), Call: calls[f.Call], Times: f.Times, Status: f.Status, Delay: f.Delay})
	}
	return faults
}

func (s *douyinShop) misbehave(id string) error {
	i := slices.IndexFunc(mischiefs, func(m mischief) bool { return m.ID == id })
	if i < 0 {
		return badRequest("没有这种捣乱。")
	}
	first := s.platform.shops[0]
	first.mu.Lock()
	defer first.mu.Unlock()
	s.platform.ClearFaults()
	s.platform.mood = id
	for _, f := range douyinFaults(mischiefs[i]) {
		if err := s.platform.Fail(f); err != nil {
			return fmt.Errorf("demo: mischief: %w", err)
		}
	}
	return nil
}

func (s *douyinShop) mischief() string {
	first := s.platform.shops[0]
	first.mu.Lock()
	defer first.mu.Unlock()
	if len(s.platform.Faults()) == 0 {
		return calm
	}
	return s.platform.mood
}

// douyinNames are Douyin's calls in words.
var douyinNames = map[string]string{
	"token": "取应用凭证", "prepare": "验券准备", "verify": "核销", "cancel": "撤销", "get": "查券", "query": "查订单的券",
	"verify_record": "查核销记录", "link": "展开短链", "shops": "查门店", "ledger": "查结算",
}

// douyinEntry is the bot calling Douyin.
func douyinEntry(r douyintest.Request) wireEntry {
	e := platformEntry(r, douyinNames[r.Call], strings.Join(r.Codes, " "), douyinResult)
	e.ID, e.To = fmt.Sprintf("d%d", r.Seq), "抖音平台"
	return e
}

// douyinResult is the code that an answer carries.
func douyinResult(r douyintest.Request) (text string, bad bool) {
	if r.Status >= 300 && r.Status < 400 {
		return fmt.Sprint(r.Status), false
	}
	if r.Status != http.StatusOK {
		return fmt.Sprintf("HTTP %d", r.Status), true
	}
	var answer struct {
		Data, Extra struct {
			Code int `json:"error_code"`
		}
	}
	if json.Unmarshal([]byte(r.Answer), &answer) != nil {
		return "看不懂", true
	}
	code := max(answer.Data.Code, answer.Extra.Code)
	return fmt.Sprint(code), code != 0
}
