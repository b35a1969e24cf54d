package dianping

import (
	"errors"
	"strings"
)

// receipts reads the vouchers in data. whole is false where something there is
// neither a voucher nor nothing.
func receipts(data any) (list []Receipt, whole bool) {
	objects, whole := rows(data)
	for _, o := range objects {
		if o.text("receiptcode", "orderid", "dealid", "dealtitle") == "" {
			whole = false
			continue
		}
		list = append(list, readReceipt(o))
	}
	return list, whole
}

func readReceipt(o object) Receipt {
	return Receipt{
		Code:          o.text("receiptcode"),
		Count:         int(max(0, o.number("count", "availablecount"))),
		OrderID:       o.text("orderid"),
		DealID:        o.number("dealid"),
		DealGroupID:   o.number("dealgroupid"),
		ProductItemID: o.number("productitemid"),
		ProductType:   o.number("producttype"),
		Title:         o.text("dealtitle"),
		Price:         o.money("dealprice"),
		MarketPrice:   o.money("dealmarketprice"),
		BizType:       int(o.number("biztype")),
		Expires:       o.moment("receiptenddate", "reveiptenddate"),
		Mobile:        maskMobile(o.text("mobile")),
		Payments:      readPayments(o["paymentdetail"]),
		ShopID:        o.text("openshopuuid", "appshopid"),
	}
}

func readPayments(v any) []Payment {
	objects, _ := rows(v)
	var list []Payment
	for _, o := range objects {
		list = append(list, Payment{
			ID:         o.text("paymentdetailid"),
			Amount:     o.money("amount"),
			AmountType: int(o.number("amounttype")),
		})
	}
	return list
}

// readPrepared reads the answer of prepare. Without a voucher it told nothing
// that could be shown or undone, so it counts as lost.
func readPrepared(code string, data any) (Receipt, error) {
	list, _ := receipts(data)
	if len(list) == 0 {
		return Receipt{}, errNoData("voucher")
	}
	receipt := list[0]
	if receipt.Code == "" {
		receipt.Code = code
	}
	if objects, _ := rows(data); receipt.Count == 0 && countless(objects) {
		receipt.Count = 1 // it can be consumed, the platform said
	}
	return receipt, nil
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
	list, whole := receipts(data)
	var usable []Receipt
	for _, receipt := range list {
		if receipt.Code != "" {
			usable = append(usable, receipt)
		}
	}
	if len(usable) == 0 && (!whole || len(list) > 0) {
		return nil, errNoData("voucher that can be read")
	}
	return usable, nil
}

// readConsumed reads the answer of consume or reverseconsume for one code.
//
// The code of the answer is what says that the platform did it, so an empty list
// (null, "", [], {"result": []}) is a success all the same: to call it a failure
// would be wrong, to call it a doubt would only ask what was just answered. The
// one row then is what the request says. Data that is there but cannot be read
// is another matter: such an answer is not the platform's as it is known, and
// getconsumed is cheap.
func readConsumed(asked Receipt, data any) ([]Receipt, error) {
	list, whole := receipts(data)
	switch {
	case len(list) > 0:
	case whole:
		return []Receipt{asked}, nil
	default:
		return nil, errNoData("voucher that can be read")
	}
	if len(list) == 1 && list[0].Code == "" {
		list[0].Code = asked.Code
	}
	return list, nil
}

// readRecord reads the answer of getconsumed. It settles doubts, so it must be
// about the code that was asked for.
func readRecord(code string, data any) (Record, error) {
	objects, _ := rows(data)
	if len(objects) == 0 {
		return Record{}, errNoData("record")
	}
	record := recordOf(objects[0])
	if record.Code == "" && record.VerifyTime.IsZero() && record.VerifyAccount == "" {
		return Record{}, errNoData("record that can be read")
	}
	if record.Code == "" {
		record.Code = code
	}
	if record.Code != code && codeForm.MatchString(record.Code) {
		return Record{}, errors.New("the answer is about another code")
	}
	return record, nil
}

func recordOf(o object) Record {
	return Record{
		Code:          o.text("receiptcode"),
		DealID:        o.number("dealid"),
		DealGroupID:   o.number("dealgroupid"),
		Title:         o.text("dealtitle"),
		Price:         o.money("dealprice"),
		MarketPrice:   o.money("dealmarketprice"),
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
	o, ok := single(data)
	if inner, has := o["result"]; ok && has && o["records"] == nil {
		if nested, isObject := single(inner); isObject && nested["records"] != nil {
			o = nested
		}
	}
	list := data
	p := page[Record]{}
	if ok {
		p.total, p.told = integer(o.text("totalcount", "total"))
		if records, has := o["records"]; has {
			list = records
		} else if p.told && o["result"] == nil {
			list = nil // an empty day may come without the list
		}
	}
	objects, whole := rows(list)
	for _, o := range objects {
		if record := recordOf(o); record.Code != "" {
			p.rows = append(p.rows, record)
		} else {
			whole = false
		}
	}
	if !whole && len(p.rows) == 0 {
		return page[Record]{}, errNoData("history that can be read")
	}
	p.size = len(objects)
	return p, nil
}

// readSerials reads one page of querybymobile.
func readSerials(data any) (page[string], error) {
	objects, whole := rows(data)
	p := page[string]{size: len(objects)}
	for _, o := range objects {
		if code := o.text("serialnumber", "receiptcode"); code != "" {
			p.rows = append(p.rows, code)
		} else {
			whole = false
		}
	}
	if !whole && len(p.rows) == 0 {
		return page[string]{}, errNoData("codes that can be read")
	}
	return p, nil
}

// readDeals reads one page of queryshopdeal.
func readDeals(data any) (page[Deal], error) {
	objects, whole := rows(data)
	p := page[Deal]{size: len(objects)}
	for _, o := range objects {
		deal := Deal{
			DealID:         o.number("dealid"),
			DealGroupID:    o.number("dealgroupid"),
			Title:          o.text("title", "dealtitle"),
			Price:          o.money("price", "dealprice"),
			MarketPrice:    o.money("marketprice", "dealmarketprice"),
			Begins:         o.moment("begindate"),
			Ends:           o.moment("enddate"),
			ReceiptBegins:  o.moment("receiptbegindate"),
			ReceiptExpires: o.moment("receiptenddate", "reveiptenddate"),
			SaleStatus:     o.text("salestatus"),
		}
		if deal.DealID == 0 && deal.DealGroupID == 0 && strings.TrimSpace(deal.Title) == "" {
			whole = false
			continue
		}
		p.rows = append(p.rows, deal)
	}
	if !whole && len(p.rows) == 0 {
		return page[Deal]{}, errNoData("deals that can be read")
	}
	return p, nil
}
