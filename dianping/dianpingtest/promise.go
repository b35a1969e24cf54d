package dianpingtest

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"yanquan/internal/fakeserver"
)

// Promise is the answer to a call as if it had taken effect. Nothing is judged,
// and an unknown voucher is told by its code alone.
func (c *call) Promise() fakeserver.Outcome {
	p := c.p
	if c.dialect == Meituan {
		return jsonOutcome(gen2Answer{"OP_SUCCESS", "success", p.opts.Digits(19), gen2List{gen2{p}.promised(c)}})
	}
	return jsonOutcome(gen1Answer{200, "success", gen1{p}.promised(c)})
}

func (p gen1) promised(c *call) any {
	shop := gen1Shop{&Shop{ID: c.fields["open_shop_uuid"], AppShopID: c.fields["app_shop_id"]}, c.fields["app_shop_id"] != ""}
	code := c.fields["receipt_code"]
	switch c.name {
	case callConsume:
		count, _ := strconv.Atoi(c.fields["count"])
		return p.consumed(p.Platform.promised(code, count), shop)
	case callReverseConsume:
		return []any{p.undone(p.Platform.promised(code, 1)[0], shop)}
	}
	rows := []any{}
	items, _ := batchItems(c.fields["receipt_code_infos"])
	for _, item := range items {
		rows = append(rows, p.batchRow(consumeRow{consumed: p.Platform.promised(item.code, item.count)}, shop))
	}
	return rows
}

func (p gen2) promised(c *call) any {
	biz := c.biz
	code := biz.text("receiptCode")
	switch c.name {
	case callConsume:
		return p.consumed(p.Platform.promised(code, clampInt(biz.number("count", 1))))
	case callReverseConsume:
		return []any{p.undone(p.Platform.promised(code, 1)[0])}
	default:
		return []any{}
	}
}

// promised is what a consume would take if it could: always the voucher named.
func (p *Platform) promised(code string, count int) []*Voucher {
	v := p.byCode[code]
	if v == nil {
		return []*Voucher{{Code: code}}
	}
	all := []*Voucher{v}
	if v.Visits > 0 {
		for len(all) < min(count, v.Visits) {
			all = append(all, v)
		}
		return all
	}
	for _, o := range p.byOrder[v.OrderID] {
		if len(all) < count && o != v && o.DealID == v.DealID && o.State == Usable {
			all = append(all, o)
		}
	}
	return all
}

// edited is an answer that tells success, with its data changed; any other is
// left as it is.
func edited(out fakeserver.Outcome, change func(data any) any) fakeserver.Outcome {
	return out.Edited(func(answer map[string]any) bool {
		code := fmt.Sprint(answer["code"])
		if code != "200" && code != "OP_SUCCESS" {
			return false
		}
		answer["data"] = change(answer["data"])
		return true
	})
}

// rowsIn are the rows of an answer's data, or the one object that it is.
func rowsIn(data any) (rows []map[string]any) {
	object, _ := data.(map[string]any)
	list, ok := data.([]any)
	if !ok {
		list, ok = object["result"].([]any)
	}
	if !ok && object != nil {
		return []map[string]any{object}
	}
	for _, e := range list {
		if row, ok := e.(map[string]any); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// rowRefusal hides a refusal in a success.
func rowRefusal(in fakeserver.Injection) fakeserver.Outcome {
	n, _ := strconv.Atoi(in.Fault.Answer) // checked by Fail
	words := cmp.Or(in.Fault.Msg, refuse(n).msg)
	said := map[RowCode]map[string]any{
		RowCodePlain:  {"code": n, "msg": words},
		RowCodeSingle: {"single_consume_code": n, "single_consume_msg": words},
		RowCodeResult: {"result_code": n, "result_msg": words},
	}
	if in.Call.(*call).dialect == Meituan {
		said[RowCodeSingle] = map[string]any{"singleConsumeCode": n, "singleConsumeMsg": words}
		said[RowCodeResult] = map[string]any{"resultCode": n, "resultMsg": words}
	}
	place := cmp.Or(in.Fault.RowCode, RowCodePlain)
	return edited(in.Success(), func(data any) any {
		rows := rowsIn(data)
		if place != RowCodeResult {
			for _, row := range rows {
				maps.Copy(row, said[place])
			}
			return data
		}
		object, ok := data.(map[string]any)
		if !ok {
			object = map[string]any{}
			if len(rows) > 0 {
				object = rows[0]
			}
		}
		maps.Copy(object, said[place])
		return object
	})
}

// otherCode tells of another voucher than was asked about.
func otherCode(in fakeserver.Injection) fakeserver.Outcome {
	named := cmp.Or(in.Call.(*call).codes()...)
	other := cmp.Or(in.Fault.Answer, strings.TrimLeft(named, "0"))
	return edited(in.Success(), func(data any) any {
		recode(data, named, other)
		return data
	})
}

// recode replaces a voucher code wherever it is told.
func recode(in any, from, to string) {
	switch v := in.(type) {
	case []any:
		for _, e := range v {
			recode(e, from, to)
		}
	case map[string]any:
		for name, value := range v {
			if (name == "receipt_code" || name == "receiptCode") && value == from {
				v[name] = to
			} else {
				recode(value, from, to)
			}
		}
	}
}
