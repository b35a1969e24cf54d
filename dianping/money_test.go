package dianping

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrices(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]struct {
		fen   Fen
		known bool
	}{
		`"1,299.00"`: {129900, true}, `"¥49.90"`: {4990, true}, `"￥49.90"`: {4990, true}, `"49.9元"`: {4990, true},
		`49.9`: {4990, true}, `"0.00"`: {0, true}, `0`: {0, true},
		`null`: {}, `""`: {}, `"面议"`: {}, `"1,29"`: {}, `{}`: {}, `true`: {},
	} {
		body := `{"receipt_code":"0123456789","deal_price":` + told + `,"verify_account":"a","payment_detail":[{"amount":"1,000"},{"amount":"¥1"}]}`
		inEachShape(t, body, func(what string, c Client) {
			receipt, err1 := c.Prepare(context.Background(), testShop, "0123456789")
			record, err2 := c.GetConsumed(context.Background(), testShop, "0123456789")
			rows, err3 := consumeN(c, 1)
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(what, err)
			}
			for _, r := range []Receipt{receipt, rows[0], {Price: record.Price, PriceKnown: record.PriceKnown}} {
				if r.Price != want.fen || r.PriceKnown != want.known {
					t.Errorf("%s: got %v, known %v", what, r.Price, r.PriceKnown)
				}
			}
			if diff := cmp.Diff([]Payment{{Amount: 100000}, {Amount: 100}}, receipt.Payments); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		})
	}
	for _, c := range answering(t, 200, `{"code":200,"data":{"deal_id":7}}`).both(t) {
		if got, err := c.Prepare(context.Background(), testShop, "0123456789"); err != nil || got.PriceKnown {
			t.Errorf("no price: got %+v, %v", got, err)
		}
	}
}

// A sum of lines without one of them is wrong.
func TestPaymentsThatAreNotWhole(t *testing.T) {
	t.Parallel()
	for _, line := range []string{`{"amount":null,"amount_type":10}`, `{"amount":"?"}`, `{"amount_type":10}`} {
		c := answering(t, 200, `{"code":200,"data":{"deal_id":7,"payment_detail":[{"amount":1},`+line+`]}}`).dianping(t)
		if got, err := c.Prepare(context.Background(), testShop, "0123456789"); err != nil || got.Payments != nil {
			t.Errorf("%s: got %v, %v", line, got.Payments, err)
		}
	}
}
