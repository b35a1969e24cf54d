package douyin

import "yanquan/internal/loose"

// Fen is an amount of money in hundredths of a yuan.
type Fen int64

// String formats as yuan with the currency sign: ¥49.90.
func (f Fen) String() string { return loose.Yuan(int64(f)) }

// Amount is what the platform tells of money, by its own names. An amount that
// was left out, is null or cannot be read is not there.
type Amount map[string]Fen

// Price is what the coupon was sold for: original_amount, else
// coupon_pay_amount, else pay_amount. A price of 0 is one.
func (a Amount) Price() (Fen, bool) {
	for _, name := range []string{"original_amount", "coupon_pay_amount", "pay_amount"} {
		if fen, told := a[name]; told {
			return fen, true
		}
	}
	return 0, false
}
