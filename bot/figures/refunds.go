package figures

import (
	"context"
	"fmt"

	"yanquan/bot/command"
	"yanquan/bot/words"
	"yanquan/models"
)

// refundsOf lists what was refunded over a span after stores had verified it.
func (x *Counter) refundsOf(ctx context.Context, stores []models.Store, span command.Span) ([]models.Refund, error) {
	refunds, err := x.DB.Refunds.Between(ctx, models.AccountIDs(stores), span.From, span.To)
	if err != nil {
		return nil, fmt.Errorf("bot: refunds: %w", err)
	}
	return refunds, nil
}

// Refunded says in a few words what was refunded after use; "": nothing. It is in no
// other sum: the verifications were another day's, perhaps, and stand.
func Refunded(refunds []models.Refund) string {
	if len(refunds) == 0 {
		return ""
	}
	return fmt.Sprintf("核销以后退款 %s，没有从核销里减去", words.Sum(refundSum(refunds)))
}

func refundSum(refunds []models.Refund) (sum models.Sum) {
	for _, r := range refunds {
		sum.Add(r.Price())
	}
	return sum
}

// refundLine is one of them.
func refundLine(r models.Refund) string {
	one := models.Sum{}
	one.Add(r.Price())
	return words.Named(r.Title, words.Amount(one))
}
