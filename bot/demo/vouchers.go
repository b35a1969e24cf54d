package demo

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
)

// beijing is where the shops are.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// deal is something the shops sell. Money is in fen.
type deal struct {
	id            int64
	title         string
	price, market int64
}

var (
	afternoonTea = deal{1001, "双人下午茶套餐", 4990, 9800}
	quickLunch   = deal{1002, "工作日单人简餐", 2990, 4500}
	coffee       = deal{1003, "手冲咖啡一杯", 1990, 3200}
	family       = deal{1004, "亲子周末套餐", 12800, 19800}
	banquet      = deal{1005, "四人聚餐套餐", 26800, 39800}
	hotpot       = deal{1006, "冬季暖锅双人餐", 9900, 16800}
)

// stock fills a shop's platform: vouchers to use, and one of each kind of trouble.
func (s *shop) stock(now time.Time) error {
	here := []string{s.ID}
	mobile := func(v dianpingtest.Voucher, number string) dianpingtest.Voucher {
		v.Mobile = number
		return v
	}
	plain := s.voucher(afternoonTea, "94", here)
	lunch := s.voucher(quickLunch, "02", here)
	old := s.voucher(hotpot, "36", here)
	old.Expires = lastMonth(now)
	leaving := s.voucher(family, "51", here)
	leaving.State = dianpingtest.Refunding

	err := errors.Join(
		s.sell(mobile(plain, "138****0001"), "普通的一张券"),
		s.sell(mobile(lunch, "139****0002"), ""),
	)
	order := fmt.Sprintf("%024d", now.UnixMilli())
	for i, end := range []string{"11", "12", "13"} {
		v := s.voucher(coffee, end, here)
		v.OrderID, v.Mobile = order, "137****0003"
		err = errors.Join(err, s.sell(v, fmt.Sprintf("三张同一单，这是第 %d 张", i+1)))
	}
	used := s.voucher(banquet, "28", here)
	y, m, d := now.In(beijing).AddDate(0, 0, -1).Date()
	err = errors.Join(err,
		s.clock.at(time.Date(y, m, d, 18, 32, 10, 0, beijing), func() error {
			return errors.Join(
				s.sell(used, "昨天 18:32 在收银台用掉了"),
				s.platform.ConsumeElsewhere(used.Code, "收银台", ""),
			)
		}),
		s.sell(old, "有效期到 "+lastMonth(now).In(beijing).Format(time.DateOnly)),
		s.sell(leaving, "顾客正在退款"),
	)
	return err
}

func (s *shop) voucher(d deal, end string, shops []string) dianpingtest.Voucher {
	return dianpingtest.Voucher{
		Code: s.codes + end, Title: d.title, DealID: d.id, DealGroupID: d.id + 1000,
		Price: d.price, MarketPrice: d.market, Shops: shops,
	}
}

func (s *shop) sell(v dianpingtest.Voucher, hint string) error {
	v, err := s.platform.AddVoucher(v)
	if err != nil {
		return err
	}
	s.put(v.Code, hint)
	return nil
}

func (s *shop) sellAnother() error {
	v := s.voucher(s.next(), "", []string{s.ID})
	v.Code = "" // the platform makes one up
	return s.sell(v, "刚刚卖出")
}

// ticket is a voucher as the page shows it.
type ticket struct {
	Code     string `json:"code"`
	Title    string `json:"title"`
	Price    string `json:"price"`
	Count    int    `json:"count"` // coupons of its order that can be used, itself among them
	State    string `json:"state"` // ok, used, replaced or odd
	Label    string `json:"label"` // the state in words
	Hint     string `json:"hint,omitempty"`
	Replaced string `json:"replaced,omitempty"` // the code that took its place
	Times    bool   `json:"times,omitempty"`    // Count are uses of a times card
	Photo    bool   `json:"photo,omitempty"`    // it has a QR code to photograph
}

// tickets are the vouchers of a shop as they are now. Of a coupon that was undone
// again and again, only the last two codes are shown.
func (s *shop) tickets() []ticket {
	all := s.platform.Vouchers()
	byCode := map[string]dianpingtest.Voucher{}
	for _, v := range all {
		byCode[v.Code] = v
	}
	now := s.clock.now()
	list := []ticket{}
	for _, v := range all {
		if _, mine := s.has(v.Code); v.Replaces != "" || !mine {
			continue // comes after the one it replaces, or belongs to another tray
		}
		chain := []ticket{s.ticket(v, all, now)}
		for v.ReplacedBy != "" {
			v = byCode[v.ReplacedBy]
			chain = append(chain, s.ticket(v, all, now))
		}
		list = append(list, chain[max(0, len(chain)-2):]...)
	}
	return list
}

func (s *shop) ticket(v dianpingtest.Voucher, all []dianpingtest.Voucher, now time.Time) ticket {
	hint, _ := s.has(v.Code)
	t := ticket{
		Code: v.Code, Title: v.Title, Price: dianping.Fen(v.Price).String(), Count: 1,
		Hint: hint, Replaced: v.ReplacedBy,
	}
	if v.Replaces != "" {
		t.Hint = "撤销后换的新码"
	}
	t.State, t.Label = s.state(v, now)
	if t.State == "ok" {
		t.Count = 0
		for _, o := range all {
			if state, _ := s.state(o, now); state == "ok" && o.OrderID == v.OrderID {
				t.Count++
			}
		}
	}
	return t
}

func (s *shop) state(v dianpingtest.Voucher, now time.Time) (state, label string) {
	switch v.State {
	case dianpingtest.Consumed:
		return "used", "已核销"
	case dianpingtest.Replaced:
		return "replaced", "已换码"
	case dianpingtest.Refunding:
		return "odd", "退款中"
	case dianpingtest.RefundRequested:
		return "odd", "已申请退款"
	case dianpingtest.Refunded:
		return "odd", "已退款"
	}
	switch {
	case len(v.Shops) > 0 && !slices.Contains(v.Shops, s.ID):
		return "odd", "别店"
	case v.Expires.Before(now):
		return "odd", "已过期"
	}
	return "ok", "可用"
}

// photo is for platforms whose customers show a QR code.
func (s *shop) photo(string) (string, error) { return "", badRequest("这张券没有二维码。") }
