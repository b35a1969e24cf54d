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
	ID     string          `json:"paymentDetailId"`
	Amount json.RawMessage `json:"amount,omitempty"` // text, yuan
	Type   int             `json:"amountType"`
}

type gen2Product struct {
	ProductType   int64 `json:"productType,omitempty"`
	ProductItemID int64 `json:"productItemId,omitempty"`
}

type gen2TimesCard struct {
	Flag      bool            `json:"tgTimesCardFlag"`
	Visits    string          `json:"purchaseToConsumeRatio,omitempty"` // text
	UnitPrice json.RawMessage `json:"timesCardUnitPrice,omitempty"`     // text, yuan
}

// gen2Named has the fields that all answers about a voucher share.
type gen2Named struct {
	ReceiptCode     string          `json:"receiptCode"`
	DealID          int64           `json:"dealId"`
	DealTitle       string          `json:"dealTitle"`
	DealPrice       json.RawMessage `json:"dealPrice,omitempty"` // number, yuan
	DealMarketPrice json.RawMessage `json:"dealMarketPrice,omitempty"`
}

type gen2Receipt struct {
	OrderID string `json:"orderId"`
	gen2Named
	Mobile        string        `json:"mobile"`
	BizType       int           `json:"bizType"`
	PaymentDetail []gen2Payment `json:"paymentDetail"` // of the order, the same in each row
	gen2Product
	gen2TimesCard
}

type gen2PreparedData struct {
	Count int `json:"count"`
	gen2Receipt
	DealGroupID    int64 `json:"dealGroupId"`
	ReceiptEndDate int64 `json:"receiptEndDate"` // ms, a number here
}

type gen2ConsumedRow struct {
	gen2Receipt
	DealGroupID    int64  `json:"dealgroupId"`
	ReceiptEndDate string `json:"receiptEndDate"` // ms, text here
}

type gen2UndoneRow struct {
	OrderID string `json:"orderId"`
	gen2Named
	DealGroupID int64  `json:"dealgroupId"`
	Mobile      string `json:"mobile"`
}

type gen2Verified struct {
	gen2Named
	DealGroupID int64 `json:"dealGroupId"`
	gen2Product
	VerifyAccount *string `json:"verifyAccount,omitempty"`
	VerifyChannel string  `json:"verifyChannel"`
	VerifyTime    *string `json:"verifyTime,omitempty"`
	BizType       int     `json:"bizType"`
}

type gen2ConsumedInfo struct {
	gen2Verified
	ShopPromoAmount  json.RawMessage `json:"orderShopPromoAmount,omitempty"`
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
	Price            json.RawMessage `json:"price,omitempty"`
	MarketPrice      json.RawMessage `json:"marketPrice,omitempty"`
	ReceiptBeginDate string          `json:"receiptBeginDate"`
	ReceiptEndDate   string          `json:"receiptEndDate"`
	SaleStatus       int             `json:"saleStatus"`
}

func (p gen2) payments(v *Voucher) []gen2Payment {
	var all []gen2Payment
	for _, pay := range p.paymentsOf(v) {
		all = append(all, gen2Payment{pay.ID, p.amount(pay.Amount), pay.Type})
	}
	return all
}

func (p gen2) timesCard(v *Voucher) gen2TimesCard {
	if v.Visits == 0 {
		return gen2TimesCard{Flag: v.BizType == 205}
	}
	return gen2TimesCard{true, strconv.Itoa(v.Visits), p.visitPrice(v)}
}

func (p gen2) namedOf(v *Voucher) gen2Named {
	return gen2Named{v.Code, v.DealID, v.Title, p.dealPrice(v), p.price(v.MarketPrice)}
}

func (p gen2) receiptOf(v *Voucher) gen2Receipt {
	return gen2Receipt{
		OrderID: v.OrderID, gen2Named: p.namedOf(v), Mobile: maskMobile(v.Mobile), BizType: v.BizType, PaymentDetail: p.payments(v),
		gen2Product: gen2Product{v.ProductType, v.ProductItemID}, gen2TimesCard: p.timesCard(v),
	}
}

func (p gen2) prepared(v *Voucher, count int) gen2PreparedData {
	return gen2PreparedData{count, p.receiptOf(v), v.DealGroupID, v.Expires.UnixMilli()}
}

func (p gen2) consumed(all []*Voucher) []gen2ConsumedRow {
	rows := []gen2ConsumedRow{}
	for _, v := range p.rowsOf(all) {
		rows = append(rows, gen2ConsumedRow{p.receiptOf(v), v.DealGroupID, strconv.FormatInt(v.Expires.UnixMilli(), 10)})
	}
	return rows
}

func (p gen2) undone(v *Voucher) gen2UndoneRow {
	return gen2UndoneRow{v.OrderID, p.namedOf(v), v.DealGroupID, maskMobile(v.Mobile)}
}

func (p gen2) verified(v *Voucher, as verified) gen2Verified {
	return gen2Verified{
		gen2Named: p.namedOf(v), DealGroupID: v.DealGroupID, gen2Product: gen2Product{v.ProductType, v.ProductItemID},
		VerifyAccount: as.account, VerifyChannel: as.channel, VerifyTime: as.time, BizType: v.BizType,
	}
}

func (p gen2) consumedInfo(v *Voucher, use Use) gen2ConsumedInfo {
	return gen2ConsumedInfo{
		gen2Verified:    p.verified(v, p.inRecord(use)),
		ShopPromoAmount: p.price(0), ShopPromoDetails: []any{},
	}
}

func (p gen2) day(total int, rows []dayRecord) gen2DayData {
	data := gen2DayData{total, []gen2Record{}}
	for _, r := range rows {
		rec := gen2Record{
			gen2Verified: p.verified(r.Voucher, p.inHistory(r.use)),
			FlowID:       strconv.Itoa(r.use.Seq), RefundStatus: 1,
		}
		if r.State == Refunded {
			rec.RefundStatus = 6
		}
		data.Records = append(data.Records, rec)
	}
	return data
}

func (p gen2) deal(d deal, now time.Time) gen2DealRow {
	begins, ends := d.dates()
	return gen2DealRow{
		DealID: d.first.DealID, DealGroupID: d.first.DealGroupID, Title: d.first.Title,
		Price: p.price(d.first.Price), MarketPrice: p.price(d.first.MarketPrice),
		BeginDate: begins, EndDate: ends, ReceiptBeginDate: begins, ReceiptEndDate: ends,
		SaleStatus: d.saleStatus(now),
	}
}
