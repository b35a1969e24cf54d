package dianpingtest_test

import (
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// sample is a voucher with every field given.
func sample() dianpingtest.Voucher {
	return dianpingtest.Voucher{
		Code: "0123456789", OrderID: "123456789012345678901234", DealID: 1001, DealGroupID: 2001,
		Title: "双人套餐", Price: 9900, MarketPrice: 16800, Mobile: "13812340000", QR: "cXI=@123",
		Expires: time.UnixMilli(1893427199000), Payments: []dianpingtest.Payment{{ID: "p1", Amount: 9900, Type: 10}},
	}
}

// Whole answers, key by key and type by type; the first and the one of consume
// are the examples of the collected facts.
func TestGen1Shapes(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.sellOrder(sample(), 1)
	item := sample()
	item.Code, item.OrderID, item.DealID, item.QR = "5555555555", "999", 1002, "other@9"
	item.BizType, item.ProductItemID, item.ProductType, item.Price = 205, 31, 7, 4995
	r.sell(item)
	voucher := `"receipt_code":"0123456789","deal_id":1001,"dealgroup_id":2001,"deal_title":"双人套餐","deal_price":99.0,"deal_marketprice":168.0,"biz_type":0`
	other := `"receipt_code":"5555555555","deal_id":1002,"dealgroup_id":2001,"product_item_id":31,"product_type":7,"deal_title":"双人套餐","deal_price":49.95,"deal_marketprice":168.0,"biz_type":205`
	receipt := voucher + `,"mobile":"138****0000","receiptEndDate":1893427199000,"payment_detail":[{"payment_detail_id":"p1","amount":99.0,"amount_type":10}]`
	verified := `"verify_account":"a01","verify_channel":"15","verify_time":"2026-10-01 12:00:00"`

	steps := []struct {
		call   string
		fields fields
		want   string
	}{
		{"prepare", fields{"receipt_code": "0123456789"}, `{"code":200,"msg":"success","data":{"count":1,` + receipt + `,"receipt_info_map":null}}`},
		{"scanprepare", fields{"qr_code": "other@9"}, `{"code":200,"msg":"success","data":[{"available_count":1,"receipt_code":"5555555555","deal_id":1002,"dealgroup_id":2001,"product_item_id":31,"product_type":7,"deal_title":"双人套餐","deal_price":49.95,"biz_type":205}]}`},
		{"consume", consumeFields("0123456789", "req-1", 1), `{"code":200,"msg":"success","data":[{"order_id":"123456789012345678901234","open_shop_uuid":"shop-a",` + receipt + `}]}`},
		{"consume", consumeFields("0123456789", "req-2", 1), `{"code":1008,"msg":"此券码已被验证","data":null}`},
		{"prepare", fields{"receipt_code": "0123456789"}, `{"code":1008,"msg":"此券号已于 2026-10-01 12:00:00 被消费!","data":{"count":1,` + receipt + `,"receipt_info_map":null}}`},
		{"getconsumed", fields{"receipt_code": "0123456789"}, `{"code":200,"msg":"success","data":{"open_shop_uuid":"shop-a",` + voucher + `,` + verified + `,"order_shoppromo_amount":0.0,"order_shoppromo_details":[]}}`},
		{"batchconsume", fields{
			"requestid": "req-3", "app_shop_account": "a01", "app_shop_accountname": "王", "open_shop_uuid": "-", "app_shop_id": "77",
			"receipt_code_infos": `[{"receipt_code":"5555555555","count":"1"},{"receipt_code":"0123456789","count":"1"}]`,
		}, `{"code":200,"msg":"success","data":[
			{"single_consume_code":200,"single_consume_msg":"success","consume_detail_list":[{"order_id":"999","app_shop_id":"77",` + other + `,"mobile":"138****0000","receiptEndDate":1893427199000,"payment_detail":[{"payment_detail_id":"p1","amount":99.0,"amount_type":10}]}]},
			{"single_consume_code":1008,"single_consume_msg":"此券码已被验证","consume_detail_list":[]}]}`},
		{"querylistbydate", fields{"date": "2026-10-01"}, `{"code":200,"msg":"success","data":{"total_count":2,"records":[{` + voucher + `,` + verified + `},{` + other + `,` + verified + `}]}}`},
		{"reverseconsume", undoFields("0123456789", 1001), `{"code":200,"msg":"success","data":[{"receipt_code":"0123456789","open_shop_uuid":"shop-a","deal_id":1001,"dealgroup_id":2001,"deal_title":"双人套餐","deal_price":99.0,"deal_marketprice":168.0,"mobile":"138****0000"}]}`},
		{"prepare", fields{"receipt_code": "0123456789"}, `{"code":1141,"msg":"该券码已被撤销验证，请在团购平台查看新生成的券码","data":null}`},
		{"queryshopdeal", fields{"limit": "1"}, `{"code":200,"msg":"success","data":[{"deal_id":1001,"dealgroup_id":2001,"begin_date":"2020-01-01 00:00","end_date":"2029-12-31 23:59","title":"双人套餐","price":99.0,"marketprice":168.0,"receipt_begin_date":"2020-01-01 00:00","receipt_end_date":"2029-12-31 23:59","sale_status":"2"}]}`},
	}
	for _, s := range steps {
		w := r.post(t.Context(), path1(s.call), r.form1(s.fields))
		r.read(w)
		t.Log(s.call)
		r.sameJSON(w.body, s.want)
	}
}

func TestGen2Shapes(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *dianpingtest.Options) {
		o.Digits = func(n int) string { return "1234567890123456789012345678"[:n] }
	})
	r.sell(sample())
	common := `"receiptCode":"0123456789","dealId":1001,"dealTitle":"双人套餐","dealPrice":99.0,"dealMarketPrice":168.0`
	receipt := `"orderId":"123456789012345678901234",` + common + `,"mobile":"138****0000","bizType":0,"tgTimesCardFlag":false,"paymentDetail":[{"paymentDetailId":"p1","amount":"99.00","amountType":10}]`
	verified := common + `,"dealGroupId":2001,"verifyAccount":"a01","verifyChannel":"15","verifyTime":"2026-10-01 12:00:00","bizType":0`
	ok := func(data string) string {
		return `{"code":"OP_SUCCESS","msg":"success","traceId":"1234567890123456789","data":` + data + `}`
	}
	refused := func(code, msg string) string {
		return `{"code":"OP_BIZ_ERROR","msg":"业务错误","traceId":"1234567890123456789","data":{"code":` + code + `,"msg":"` + msg + `"}}`
	}
	consume := `{"receiptCode":"0123456789","count":1,"requestId":"req-1","appShopAccount":"a01","appShopAccountName":"前台小王"}`
	steps := []struct{ call, biz, want string }{
		{"prepare", `{"receiptCode":"0123456789"}`, ok(`{"count":1,` + receipt + `,"dealGroupId":2001,"receiptEndDate":1893427199000}`)},
		{"consume", consume, ok(`{"result":[{` + receipt + `,"dealgroupId":2001,"receiptEndDate":"1893427199000"}]}`)},
		{"prepare", `{"receiptCode":"0123456789"}`, refused("1008", "此券号已于 2026-10-01 12:00:00 被消费!")},
		{"getconsumed", `{"receiptCode":"0123456789"}`, ok(`{` + verified + `,"orderShopPromoAmount":0.0,"orderShopPromoDetails":[]}`)},
		{"querylistbydate", `{"date":"2026-10-01","offset":0,"limit":300,"type":0,"bizType":0}`, ok(`{"totalCount":1,"records":[{` + verified + `,"flowId":"1","refundStatus":1}]}`)},
		{"reverseconsume", `{"receiptCode":"0123456789","dealId":"1001","appShopAccount":"a01","appShopAccountName":"王"}`, ok(`{"result":[{"orderId":"123456789012345678901234",` + common + `,"dealgroupId":2001,"mobile":"138****0000"}]}`)},
		{"consume", consume, refused("1141", "该券码已被撤销验证，请在团购平台查看新生成的券码")},
		{"querybymobile", `{"mobile":"13812340000","dealGroupId":2001,"dealId":1001,"offset":0,"limit":30,"platform":2}`, ok(`{"result":[{"serialNumber":"1234567890"}]}`)},
		{"queryshopdeal", `{}`, ok(`{"result":[{"dealId":1001,"dealGroupId":2001,"beginDate":"2020-01-01 00:00","endDate":"2029-12-31 23:59","title":"双人套餐","price":99.0,"marketPrice":168.0,"receiptBeginDate":"2020-01-01 00:00","receiptEndDate":"2029-12-31 23:59","saleStatus":2}]}`)},
	}
	for _, s := range steps {
		w := r.post(t.Context(), path2(s.call), r.form2(s.biz, nil))
		r.read(w)
		t.Log(s.call)
		r.sameJSON(w.body, s.want)
	}
}

// The place of a business code is a knob.
func TestGen2RefusalShapes(t *testing.T) {
	t.Parallel()
	for shape, want := range map[dianpingtest.RefusalShape]string{
		dianpingtest.RefusalCodeText:   `{"code":"1006","msg":"此券号不存在，请与消费者确认提供的券号是否正确","traceId":"7"}`,
		dianpingtest.RefusalCodeNumber: `{"code":1006,"msg":"此券号不存在，请与消费者确认提供的券号是否正确","traceId":"7"}`,
		dianpingtest.RefusalBizError:   `{"code":"OP_BIZ_ERROR","msg":"业务错误","traceId":"7","data":{"code":1006,"msg":"此券号不存在，请与消费者确认提供的券号是否正确"}}`,
	} {
		r := setup(t, func(o *dianpingtest.Options) { o.Digits = func(int) string { return "7" } })
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{Gen2Refusals: shape}))
		w := r.post(t.Context(), path2("prepare"), r.form2(`{"receiptCode":"404"}`, nil))
		r.sameJSON(w.body, want)
	}
}
