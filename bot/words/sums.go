package words

import (
	"fmt"

	"yanquan/dianping"
	"yanquan/models"
)

// Amount is how much some coupons cost, and of how many it is not known:
// ¥598.80，另有 2 张金额不详.
func Amount(s models.Sum) string {
	switch {
	case s.Unpriced == 0:
		return dianping.Fen(s.Fen).String()
	case s.Unpriced == s.Count:
		return "金额不详"
	}
	return fmt.Sprintf("%v，另有 %d 张金额不详", dianping.Fen(s.Fen), s.Unpriced)
}

// Sum is how many coupons there are, and how much they cost: those whose price is
// not known are told after the others.
func Sum(s models.Sum) string {
	switch {
	case s.Unpriced == 0:
		return fmt.Sprintf("%d 张 %v", s.Count, dianping.Fen(s.Fen))
	case s.Unpriced == s.Count:
		return fmt.Sprintf("%d 张金额不详", s.Count)
	}
	return fmt.Sprintf("%d 张 %s", s.Count-s.Unpriced, Amount(s))
}

// Price is what a coupon costs; "" where that is not known.
func Price(p models.Price) string {
	if p.Unknown {
		return ""
	}
	return dianping.Fen(p.Fen).String()
}
