package platform

import "testing"

func TestPaidFor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Paid{
		"":   {},
		"[]": {},
		"{":  {},
		`[{"Amount":15000,"AmountType":10},{"Amount":3000,"AmountType":17},{"Amount":2000,"AmountType":6}]`: {15000, 3000, 20000},
		// What the customer paid and the platform adds is a sum of other lines.
		`[{"Amount":6000,"AmountType":10},{"Amount":4000,"AmountType":8},{"Amount":6000,"AmountType":-1}]`: {6000, 4000, 10000},
	} {
		if got := PaidFor(text); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}
