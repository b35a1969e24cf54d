package dianpingtest

import (
	"encoding/json"
	"strconv"
	"time"
)

// The shapes of the first generation's answers. Key names, among them the
// camelCase receiptEndDate, are the platform's.

type gen1Payment struct {
	ID     string          `json:"payment_detail_id"`
	Amount json.RawMessage `json:"amount,omitempty"` // number, yuan
	Type   int             `json:"amount_type"`
}

// gen1Voucher has the fields that most answers share.
type gen1Voucher struct {
	ReceiptCode   string          `json:"receipt_code"`
	DealID        int64           `json:"deal_id"`
	DealGroupID   int64           `json:"dealgroup_id"`
	ProductItemID int64           `json:"product_item_id,omitempty"`
	ProductType   int64           `json:"product_type,omitempty"`
	DealTitle     string          `json:"deal_title"`
	DealPrice     json.RawMessage `json:"deal_price,omitempty"` // number, yuan
	MarketPrice   json.RawMessage `json:"deal_marketprice,omitempty"`
	BizType       int             `json:"biz_type"`
}

type gen1ShopID struct {
	OpenShopUUID string `json:"open_shop_uuid,omitempty"`
	AppShopID    string `json:"app_shop_id,omitempty"`
}

type gen1Receipt struct {
	gen1Voucher
	Mobile         string        `json:"mobile"`
	PaymentDetail  []gen1Payment `json:"payment_detail"`
	ReceiptEndDate int64         `json:"receiptEndDate"` // ms
}

type gen1PreparedData struct {
	Count int `json:"count"`
	gen1Receipt
	ReceiptInfoMap any `json:"receipt_info_map"` // null for a single deal
}

type gen1ConsumedRow struct {
	OrderID string `json:"order_id"`
	gen1ShopID
	gen1Receipt
}

type gen1BatchRowData struct {
	Code    int               `json:"single_consume_code"`
	Msg     string            `json:"single_consume_msg"`
	Details []gen1ConsumedRow `json:"consume_detail_list"`
}

type gen1UndoneRow struct {
	ReceiptCode string `json:"receipt_code"`
	gen1ShopID
	DealID      int64           `json:"deal_id"`
	DealGroupID int64           `json:"dealgroup_id"`
	DealTitle   string          `json:"deal_title"`
	DealPrice   json.RawMessage `json:"deal_price,omitempty"`
	MarketPrice json.RawMessage `json:"deal_marketprice,omitempty"`
	Mobile      string          `json:"mobile"`
}

type gen1Verified struct {
	gen1Voucher
	VerifyAccount *string `json:"verify_account,omitempty"`
	VerifyChannel string  `json:"verify_channel"`
	VerifyTime    *string `json:"verify_time,omitempty"`
}

type gen1ConsumedInfo struct {
	gen1ShopID
	gen1Verified
	ShopPromoAmount  json.RawMessage `json:"order_shoppromo_amount,omitempty"`
	ShopPromoDetails []any           `json:"order_shoppromo_details"`
}

type gen1DayData struct {
	TotalCount int            `json:"total_count"`
	Records    []gen1Verified `json:"records"`
}

type gen1DealRow struct {
	DealID       int64           `json:"deal_id"`
	DealGroupID  int64           `json:"dealgroup_id"`
	BeginDate    string          `json:"begin_date"`
	EndDate      string          `json:"end_date"`
	Title        string          `json:"title"`
	Price        json.RawMessage `json:"price,omitempty"`
	MarketPrice  json.RawMessage `json:"marketprice,omitempty"`
	ReceiptBegin string          `json:"receipt_begin_date"`
	ReceiptEnd   string          `json:"receipt_end_date"`
	SaleStatus   string          `json:"sale_status"`
}

func (p gen1) voucherOf(v *Voucher) gen1Voucher {
	return gen1Voucher{
		ReceiptCode: v.Code, DealID: v.DealID, DealGroupID: v.DealGroupID,
		ProductItemID: v.ProductItemID, ProductType: v.ProductType, DealTitle: v.Title,
		DealPrice: p.dealPrice(v), MarketPrice: p.price(v.MarketPrice), BizType: v.BizType,
	}
}

func (p gen1) receipt(v *Voucher) gen1Receipt {
	r := gen1Receipt{gen1Voucher: p.voucherOf(v), Mobile: maskMobile(v.Mobile), ReceiptEndDate: v.Expires.UnixMilli()}
	for _, pay := range p.paymentsOf(v) {
		r.PaymentDetail = append(r.PaymentDetail, gen1Payment{pay.ID, p.price(pay.Amount), pay.Type})
	}
	return r
}

func (s gen1Shop) id() gen1ShopID {
	if s.byAppShopID {
		return gen1ShopID{AppShopID: s.AppShopID}
	}
	return gen1ShopID{OpenShopUUID: s.ID}
}

func (p gen1) prepared(v *Voucher, count int) gen1PreparedData {
	return gen1PreparedData{Count: count, gen1Receipt: p.receipt(v)}
}

func (p gen1) scanned(v *Voucher, available int) any {
	row := struct {
		AvailableCount int `json:"available_count"`
		gen1Voucher
	}{available, p.voucherOf(v)}
	row.MarketPrice = nil // not among the documented fields of this call
	return row
}

func (p gen1) consumed(all []*Voucher, shop gen1Shop) []gen1ConsumedRow {
	rows := []gen1ConsumedRow{}
	for _, v := range p.rowsOf(all) {
		rows = append(rows, gen1ConsumedRow{v.OrderID, shop.id(), p.receipt(v)})
	}
	return rows
}

func (p gen1) batchRow(o consumeRow, shop gen1Shop) gen1BatchRowData {
	if o.refused != nil {
		return gen1BatchRowData{o.refused.code, o.refused.msg, []gen1ConsumedRow{}}
	}
	return gen1BatchRowData{200, "success", p.consumed(o.consumed, shop)}
}

func (p gen1) undone(v *Voucher, shop gen1Shop) gen1UndoneRow {
	return gen1UndoneRow{
		ReceiptCode: v.Code, gen1ShopID: shop.id(), DealID: v.DealID, DealGroupID: v.DealGroupID,
		DealTitle: v.Title, DealPrice: p.dealPrice(v), MarketPrice: p.price(v.MarketPrice), Mobile: maskMobile(v.Mobile),
	}
}

func (p gen1) verified(v *Voucher, as verified) gen1Verified {
	return gen1Verified{p.voucherOf(v), as.account, as.channel, as.time}
}

func (p gen1) consumedInfo(v *Voucher, use Use, asked gen1Shop) gen1ConsumedInfo {
	at := asked
	if use.Shop != asked.ID {
		at = gen1Shop{p.Platform.shop(use.Shop), asked.byAppShopID}
	}
	return gen1ConsumedInfo{
		gen1ShopID:       at.id(),
		gen1Verified:     p.verified(v, p.inRecord(use)),
		ShopPromoAmount:  p.price(0),
		ShopPromoDetails: []any{},
	}
}

func (p gen1) day(total int, rows []dayRecord) gen1DayData {
	data := gen1DayData{total, []gen1Verified{}}
	for _, r := range rows {
		data.Records = append(data.Records, p.verified(r.Voucher, p.inHistory(r.use)))
	}
	return data
}

func (p gen1) deal(d deal, now time.Time) gen1DealRow {
	begins, ends := d.dates()
	return gen1DealRow{
		DealID: d.first.DealID, DealGroupID: d.first.DealGroupID, Title: d.first.Title,
		Price: p.price(d.first.Price), MarketPrice: p.price(d.first.MarketPrice),
		BeginDate: begins, EndDate: ends, ReceiptBegin: begins, ReceiptEnd: ends,
		SaleStatus: strconv.Itoa(d.saleStatus(now)),
	}
}
