package dianpingtest

import (
	"encoding/json"
	"strconv"
	"time"
)

// The shapes of the second generation's answers. Mind what the platform does
// not do alike everywhere: dealGroupId and dealgroupId, receiptEndDate as number
// and as text.

type gen2Payment struct {
	ID     string `json:"paymentDetailId"`
	Amount string `json:"amount"` // text, yuan
	Type   int    `json:"amountType"`
}

type gen2Product struct {
	ProductType   int64 `json:"productType,omitempty"`
	ProductItemID int64 `json:"productItemId,omitempty"`
}

type gen2PreparedData struct {
	Count           int             `json:"count"`
	OrderID         string          `json:"orderId"`
	ReceiptCode     string          `json:"receiptCode"`
	DealID          int64           `json:"dealId"`
	DealGroupID     int64           `json:"dealGroupId"`
	DealTitle       string          `json:"dealTitle"`
	DealPrice       json.RawMessage `json:"dealPrice"` // number, yuan
	DealMarketPrice json.RawMessage `json:"dealMarketPrice"`
	Mobile          string          `json:"mobile"`
	BizType         int             `json:"bizType"`
	PaymentDetail   []gen2Payment   `json:"paymentDetail"`
	ReceiptEndDate  int64           `json:"receiptEndDate"` // ms, a number here
	gen2Product
	TimesCard bool `json:"tgTimesCardFlag"`
}

type gen2ConsumedRow struct {
	OrderID         string          `json:"orderId"`
	ReceiptCode     string          `json:"receiptCode"`
	DealID          int64           `json:"dealId"`
	DealGroupID     int64           `json:"dealgroupId"`
	DealTitle       string          `json:"dealTitle"`
	DealPrice       json.RawMessage `json:"dealPrice"`
	DealMarketPrice json.RawMessage `json:"dealMarketPrice"`
	Mobile          string          `json:"mobile"`
	BizType         int             `json:"bizType"`
	PaymentDetail   []gen2Payment   `json:"paymentDetail"`  // of the order, the same in each row
	ReceiptEndDate  string          `json:"receiptEndDate"` // ms, text here
	gen2Product
	TimesCard bool `json:"tgTimesCardFlag"`
}

type gen2UndoneRow struct {
	OrderID         string          `json:"orderId"`
	ReceiptCode     string          `json:"receiptCode"`
	DealID          int64           `json:"dealId"`
	DealGroupID     int64           `json:"dealgroupId"`
	DealTitle       string          `json:"dealTitle"`
	DealPrice       json.RawMessage `json:"dealPrice"`
	DealMarketPrice json.RawMessage `json:"dealMarketPrice"`
	Mobile          string          `json:"mobile"`
}

type gen2Verified struct {
	ReceiptCode     string          `json:"receiptCode"`
	DealID          int64           `json:"dealId"`
	DealGroupID     int64           `json:"dealGroupId"`
	DealTitle       string          `json:"dealTitle"`
	DealPrice       json.RawMessage `json:"dealPrice"`
	DealMarketPrice json.RawMessage `json:"dealMarketPrice"`
	gen2Product
	VerifyAccount string `json:"verifyAccount"`
	VerifyChannel string `json:"verifyChannel"`
	VerifyTime    string `json:"verifyTime"`
	BizType       int    `json:"bizType"`
}

type gen2ConsumedInfo struct {
	gen2Verified
	ShopPromoAmount  json.RawMessage `json:"orderShopPromoAmount"`
	ShopPromoDetails []any           `json:"orderShopPromoDetails"`
}

type gen2Record struct {
	gen2Verified
	FlowID       string `json:"flowId"`
	RefundStatus int    `json:"refundStatus"` // 1 已使用, 6 已消费退
}

type gen2DayData struct {
	TotalCount int          `json:"totalCount"`
	Records    []gen2Record `json:"records"`
}

type gen2DealRow struct {
	DealID           int64           `json:"dealId"`
	DealGroupID      int64           `json:"dealGroupId"`
	BeginDate        string          `json:"beginDate"`
	EndDate          string          `json:"endDate"`
	Title            string          `json:"title"`
	Price            json.RawMessage `json:"price"`
	MarketPrice      json.RawMessage `json:"marketPrice"`
	ReceiptBeginDate string          `json:"receiptBeginDate"`
	ReceiptEndDate   string          `json:"receiptEndDate"`
	SaleStatus       int             `json:"saleStatus"`
}

func (p *Platform) gen2Payments(v *Voucher) []gen2Payment {
	var all []gen2Payment
	for _, pay := range p.paymentsOf(v) {
		all = append(all, gen2Payment{pay.ID, yuanText(pay.Amount), pay.Type})
	}
	return all
}

func (p *Platform) gen2Prepared(v *Voucher, count int) gen2PreparedData {
	return gen2PreparedData{
		Count: count, OrderID: v.OrderID, ReceiptCode: v.Code, DealID: v.DealID, DealGroupID: v.DealGroupID,
		DealTitle: v.Title, DealPrice: yuan(v.Price), DealMarketPrice: yuan(v.MarketPrice),
		Mobile: maskMobile(v.Mobile), BizType: v.BizType, PaymentDetail: p.gen2Payments(v),
		ReceiptEndDate: v.Expires.UnixMilli(), gen2Product: gen2Product{v.ProductType, v.ProductItemID},
		TimesCard: v.BizType == 205,
	}
}

func (p *Platform) gen2Consumed(all []*Voucher) []gen2ConsumedRow {
	rows := []gen2ConsumedRow{}
	for _, v := range all {
		rows = append(rows, gen2ConsumedRow{
			OrderID: v.OrderID, ReceiptCode: v.Code, DealID: v.DealID, DealGroupID: v.DealGroupID,
			DealTitle: v.Title, DealPrice: yuan(v.Price), DealMarketPrice: yuan(v.MarketPrice),
			Mobile: maskMobile(v.Mobile), BizType: v.BizType, PaymentDetail: p.gen2Payments(v),
			ReceiptEndDate: strconv.FormatInt(v.Expires.UnixMilli(), 10),
			gen2Product:    gen2Product{v.ProductType, v.ProductItemID}, TimesCard: v.BizType == 205,
		})
	}
	return rows
}

func gen2Undone(v *Voucher) gen2UndoneRow {
	return gen2UndoneRow{
		OrderID: v.OrderID, ReceiptCode: v.Code, DealID: v.DealID, DealGroupID: v.DealGroupID,
		DealTitle: v.Title, DealPrice: yuan(v.Price), DealMarketPrice: yuan(v.MarketPrice), Mobile: maskMobile(v.Mobile),
	}
}

func gen2VerifiedOf(v *Voucher, account, channel string, at time.Time) gen2Verified {
	return gen2Verified{
		ReceiptCode: v.Code, DealID: v.DealID, DealGroupID: v.DealGroupID, DealTitle: v.Title,
		DealPrice: yuan(v.Price), DealMarketPrice: yuan(v.MarketPrice),
		gen2Product:   gen2Product{v.ProductType, v.ProductItemID},
		VerifyAccount: account, VerifyChannel: channel, VerifyTime: wallTime(at), BizType: v.BizType,
	}
}

func gen2ConsumedInfoOf(v *Voucher) gen2ConsumedInfo {
	return gen2ConsumedInfo{
		gen2Verified:    gen2VerifiedOf(v, v.Use.Account, v.Use.Channel, v.Use.Time),
		ShopPromoAmount: yuan(0), ShopPromoDetails: []any{},
	}
}

func gen2Day(total int, rows []dayRecord) gen2DayData {
	data := gen2DayData{total, []gen2Record{}}
	for _, r := range rows {
		rec := gen2Record{
			gen2Verified: gen2VerifiedOf(r.Voucher, r.effect.Account, r.effect.Channel, r.effect.Time),
			FlowID:       strconv.Itoa(r.effect.Seq), RefundStatus: 1,
		}
		if r.State == Refunded {
			rec.RefundStatus = 6
		}
		data.Records = append(data.Records, rec)
	}
	return data
}

func gen2Deal(d deal, now time.Time) gen2DealRow {
	begins, ends := d.dates()
	return gen2DealRow{
		DealID: d.first.DealID, DealGroupID: d.first.DealGroupID, Title: d.first.Title,
		Price: yuan(d.first.Price), MarketPrice: yuan(d.first.MarketPrice),
		BeginDate: begins, EndDate: ends, ReceiptBeginDate: begins, ReceiptEndDate: ends,
		SaleStatus: d.saleStatus(now),
	}
}
