package dianping

import (
	"slices"
	"strconv"
	"strings"

	"yanquan/internal/loose"
	"yanquan/internal/scrub"
)

// receipts reads the vouchers in data, also those that failed.
func receipts(data any) []Receipt {
	objects, _ := rows(data)
	return vouchers(objects)
}

// consumed reads the vouchers in data that do not say of themselves that they
// failed.
func consumed(data any) []Receipt {
	objects, _ := sound(data)
	return vouchers(objects)
}

func vouchers(objects []object) []Receipt {
	var list []Receipt
	for _, o := range objects {
		if o.text("receiptcode", "orderid", "dealid", "dealtitle") != "" {
			list = append(list, readReceipt(o))
		}
	}
	return list
}

// timesCard is the biz_type of 次卡.
const timesCard = 205

func readReceipt(o object) Receipt {
	card := o.number("biztype") == timesCard || slices.Contains([]string{"true", "1"}, o.text("tgtimescardflag"))
	price, known := o.money("dealprice")
	if visit, told := o.money("timescardunitprice"); card && told && (visit > 0 || price == 0) {
		price, known = visit, true
	}
	return Receipt{
		Code:          o.text("receiptcode"),
		Count:         int(max(0, o.number("count", "availablecount"))),
		OrderID:       o.text("orderid"),
		DealID:        o.number("dealid"),
		DealGroupID:   o.number("dealgroupid"),
		ProductItemID: o.number("productitemid"),
		ProductType:   o.number("producttype"),
		Title:         scrub.Plain(o.text("dealtitle"), maxTitle),
		Price:         price,
		PriceKnown:    known,
		MarketPrice:   o.fen("dealmarketprice"),
		BizType:       int(o.number("biztype")),
		TimesCard:     card,
		Expires:       o.moment("receiptenddate", "reveiptenddate"),
		Mobile:        scrub.Mobile(o.text("mobile")),
		Payments:      readPayments(o["paymentdetail"]),
		ShopID:        o.text("openshopuuid", "appshopid"),
	}
}

// readPayments reads the lines of an order. A sum of some of them would be wrong,
// so that without the amount of one there are none.
func readPayments(v any) []Payment {
	objects, _ := rows(v)
	var list []Payment
	for _, o := range objects {
		fen, known := o.money("amount")
		if !known {
			return nil
		}
		list = append(list, Payment{
			ID:         o.text("paymentdetailid"),
			Amount:     fen,
			AmountType: int(o.number("amounttype")),
		})
	}
	return list
}

// names reports whether a code that was told can be the asked one: they are
// equal up to leading zeros, which a number loses; or it is not told, or masked.
func names(told, asked string) bool {
	told = codeSeparators.Replace(told)
	if n, ok := loose.Integer(told); ok { // 1.23456789E8, too
		told = strconv.FormatInt(n, 10)
	}
	return untold(told) || strings.TrimLeft(told, "0") == strings.TrimLeft(asked, "0")
}

// untold reports whether a code is not told, or not all of it.
func untold(code string) bool { return code == "" || strings.Contains(code, "*") }

// rowOf finds the row of the asked code: the first that tells it, or else the first that
// does not tell its own. -1: there is none.
func rowOf[T any](rows []T, code func(T) string, asked string) int {
	i := slices.IndexFunc(rows, func(r T) bool { return !untold(code(r)) && names(code(r), asked) })
	if i < 0 {
		i = slices.IndexFunc(rows, func(r T) bool { return untold(code(r)) })
	}
	return i
}

func codeOf(r Receipt) string { return r.Code }

var codeSeparators = strings.NewReplacer(" ", "", "-", "")

// readPrepared reads the answer of prepare. Data without a voucher tells nothing
// that could be shown or undone, so it counts as lost.
func readPrepared(code string, data any) (Receipt, error) {
	objects, whole := sound(data)
	list := vouchers(objects)
	if len(list) == 0 {
		return Receipt{}, nothing(objects, whole, "voucher")
	}
	i := rowOf(list, codeOf, code)
	if i < 0 {
		return Receipt{}, errOtherCode
	}
	receipt := list[i]
	receipt.Code = code
	if receipt.Count == 0 && countless(objects) {
		receipt.Count = 1 // it can be consumed, the platform said
	}
	return receipt, nil
}

// nothing tells a question about one record that has no answer in it from one
// whose answer cannot be read.
func nothing(objects []object, whole bool, what string) error {
	if whole && len(objects) == 0 {
		return errNoRecord
	}
	return errNoData(what + " that can be read")
}

// countless reports whether no row says a count.
func countless(objects []object) bool {
	for _, o := range objects {
		if o.text("count", "availablecount") != "" {
			return false
		}
	}
	return true
}

// readScanned reads the answer of scanprepare; a row without a code is none.
func readScanned(data any) ([]Receipt, error) {
	objects, whole := sound(data)
	var usable []Receipt
	for _, receipt := range vouchers(objects) {
		if receipt.Code != "" {
			usable = append(usable, receipt)
		}
	}
	if len(usable) == 0 && (!whole || len(objects) > 0) {
		return nil, errNoData("voucher that can be read")
	}
	return usable, nil
}

// readConsumed reads the answer of consume. Its rows are what the platform says
// it did: without any, a success may be that of whatever stands in between, and
// getconsumed is cheap.
func readConsumed(code string, count int, data any) ([]Receipt, error) {
	list := consumed(data)
	if len(list) == 0 {
		return nil, errNoData("voucher that can be read")
	}
	return ofOne(code, count, list)
}

// ofOne checks the rows of a consume: one is of the asked code, the others of as
// many coupons of its order as were asked for. Of several that do not tell their code,
// one can be the asked code's; which the others are is not known.
func ofOne(code string, count int, list []Receipt) ([]Receipt, error) {
	i := rowOf(list, codeOf, code)
	asked := i >= 0
	if !asked || len(list) > count {
		return nil, errOtherCode
	}
	for j, r := range list {
		switch {
		case j == i, !untold(r.Code) && names(r.Code, code):
			list[j].Code = code
		case untold(r.Code):
			list[j].Code = ""
		}
	}
	return list, nil
}

// readReversed reads the answer of reverseconsume. No source says whether its
// row has the code that was undone or the customer's new one, so that the deal
// counts as well.
func readReversed(code string, dealID int64, data any) ([]Receipt, error) {
	list := consumed(data)
	if len(list) == 0 {
		return nil, errNoData("voucher that can be read")
	}
	for i, r := range list {
		switch {
		case names(r.Code, code):
			list[i].Code = code
		case r.DealID != dealID:
			return nil, errOtherCode
		}
	}
	return list, nil
}

// readRecord reads the answer of getconsumed. It settles doubts, so it must be
// about the code that was asked for.
func readRecord(code string, data any) (Record, error) {
	objects, whole := sound(data)
	var list []Record
	for _, o := range objects {
		if r := recordOf(o); r.Code != "" || !r.VerifyTime.IsZero() || r.VerifyAccount != "" {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return Record{}, nothing(objects, whole, "record")
	}
	i := rowOf(list, func(r Record) string { return r.Code }, code)
	if i < 0 {
		return Record{}, errOtherCode
	}
	list[i].Code = code
	return list[i], nil
}

func recordOf(o object) Record {
	price, known := o.money("dealprice")
	return Record{
		Code:          o.text("receiptcode"),
		DealID:        o.number("dealid"),
		DealGroupID:   o.number("dealgroupid"),
		Title:         scrub.Plain(o.text("dealtitle"), maxTitle),
		Price:         price,
		PriceKnown:    known,
		MarketPrice:   o.fen("dealmarketprice"),
		VerifyAccount: o.text("verifyaccount"),
		VerifyChannel: o.text("verifychannel"),
		VerifyTime:    o.moment("verifytime"),
		BizType:       int(o.number("biztype")),
		FlowID:        o.text("flowid"),
		RefundStatus:  o.text("refundstatus"),
	}
}

// readHistory reads one page of querylistbydate.
func readHistory(data any) (page[Record], error) {
	list, total, told := listIn(data, "records")
	p, err := readPage(list, "history", func(o object) (Record, bool) {
		r := recordOf(o)
		return r, r.Code != ""
	})
	p.total, p.told = total, told
	return p, err
}

// readSerials reads one page of querybymobile.
func readSerials(data any) (page[string], error) {
	return readPage(data, "codes", func(o object) (string, bool) {
		code := o.text("serialnumber", "receiptcode")
		return code, code != ""
	})
}

// readDeals reads one page of queryshopdeal.
func readDeals(data any) (page[Deal], error) {
	return readPage(data, "deals", func(o object) (Deal, bool) {
		deal := Deal{
			DealID:         o.number("dealid"),
			DealGroupID:    o.number("dealgroupid"),
			Title:          scrub.Plain(o.text("title", "dealtitle"), maxTitle),
			Price:          o.fen("price", "dealprice"),
			MarketPrice:    o.fen("marketprice", "dealmarketprice"),
			Begins:         o.moment("begindate"),
			Ends:           o.moment("enddate"),
			ReceiptBegins:  o.moment("receiptbegindate"),
			ReceiptExpires: o.moment("receiptenddate", "reveiptenddate"),
			SaleStatus:     o.text("salestatus"),
		}
		return deal, deal.DealID != 0 || deal.DealGroupID != 0 || strings.TrimSpace(deal.Title) != ""
	})
}
