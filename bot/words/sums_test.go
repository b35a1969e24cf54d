package words_test

import (
	"testing"

	"yanquan/bot/words"
	"yanquan/models"
)

// A sum never tells a price that is not known as none.
func TestSum(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		prices      []int64
		sum, amount string
	}{
		{nil, "0 张 ¥0.00", "¥0.00"},
		{[]int64{4990, 4990}, "2 张 ¥99.80", "¥99.80"},
		{[]int64{4990, untold, untold}, "1 张 ¥49.90，另有 2 张金额不详", "¥49.90，另有 2 张金额不详"},
		{[]int64{untold}, "1 张金额不详", "金额不详"},
		{[]int64{0}, "1 张 ¥0.00", "¥0.00"}, // a price of 0 is one
		{[]int64{0, 4990, untold}, "2 张 ¥49.90，另有 1 张金额不详", "¥49.90，另有 1 张金额不详"},
	} {
		var s models.Sum
		for _, fen := range tt.prices {
			s.Add(priceOf(fen))
		}
		if got := words.Sum(s); got != tt.sum {
			t.Errorf("%v: %q, want %q", tt.prices, got, tt.sum)
		}
		if got := words.Amount(s); got != tt.amount {
			t.Errorf("%v: %q, want %q", tt.prices, got, tt.amount)
		}
		for _, fen := range tt.prices {
			s.Remove(priceOf(fen))
		}
		if s != (models.Sum{}) {
			t.Errorf("%v: %+v is left when all are taken away", tt.prices, s)
		}
	}
}

// untold is a price that the platform does not tell.
const untold = -1

func priceOf(fen int64) models.Price { return models.Price{Fen: max(fen, 0), Unknown: fen == untold} }
