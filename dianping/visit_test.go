package dianping

import (
	"context"
	"errors"
	"testing"
)

// Of a card for several visits the price is a visit's, where that is told. A price of 0
// beside one of the deal's is none.
func TestVisitPrice(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]struct {
		fen   Fen
		known bool
	}{
		`"dealPrice":400.0,"tgTimesCardFlag":true,"timesCardUnitPrice":"100.00"`: {10000, true},
		`"dealPrice":400.0,"bizType":205,"timesCardUnitPrice":"100.00"`:          {10000, true},
		`"tgTimesCardFlag":"true","timesCardUnitPrice":"1,000.00"`:               {100000, true},
		`"dealPrice":400.0,"tgTimesCardFlag":true,"timesCardUnitPrice":"0.00"`:   {40000, true},
		`"dealPrice":400.0,"tgTimesCardFlag":true,"timesCardUnitPrice":""`:       {40000, true},
		`"dealPrice":400.0,"tgTimesCardFlag":true,"timesCardUnitPrice":null`:     {40000, true},
		`"dealPrice":400.0,"tgTimesCardFlag":true`:                               {40000, true},
		`"dealPrice":0,"tgTimesCardFlag":true,"timesCardUnitPrice":"0"`:          {0, true},
		`"tgTimesCardFlag":true`: {0, false},
		`"dealPrice":400.0,"tgTimesCardFlag":false,"timesCardUnitPrice":"1.00"`: {40000, true},
	} {
		inEachShape(t, `{"receiptCode":"0123456789",`+told+`}`, func(what string, c Client) {
			receipt, err1 := c.Prepare(context.Background(), testShop, "0123456789")
			rows, err2 := consumeN(c, 1)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(what, err)
			}
			for _, r := range []Receipt{receipt, rows[0]} {
				if r.Price != want.fen || r.PriceKnown != want.known {
					t.Errorf("%s, %s: got %v, known %v", told, what, r.Price, r.PriceKnown)
				}
			}
		})
	}
}
