package platform

import (
	"encoding/json"
	"slices"

	"yanquan/dianping"
)

// Types of amounts that the customer pays and that the merchant bears; the rest
// is borne by the platform.
var (
	paidByCustomer = []int{10, 23, 25, 26, 29}
	paidByMerchant = []int{8, 17, 18, 22, 24, 28}
)

// verificationAmount is what the customer paid and the platform adds, together:
// a sum of other lines, not one of them.
const verificationAmount = -1

// PaidFor is who pays what for a whole order, as [Coupon.Payments] has it. Total is 0
// where that was not told.
func PaidFor(payments string) (paid Paid) {
	var lines []dianping.Payment
	if json.Unmarshal([]byte(payments), &lines) != nil {
		return Paid{}
	}
	for _, p := range lines {
		switch {
		case p.AmountType == verificationAmount:
			continue
		case slices.Contains(paidByCustomer, p.AmountType):
			paid.Customer += int64(p.Amount)
		case slices.Contains(paidByMerchant, p.AmountType):
			paid.Merchant += int64(p.Amount)
		}
		paid.Total += int64(p.Amount)
	}
	return paid
}
