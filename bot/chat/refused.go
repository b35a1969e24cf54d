package chat

import (
	"context"

	"yanquan/bot/platform"
)

// watched is a shop whose merchant may take the authorisation away without a message: that
// is found out when a call is refused.
type watched struct {
	platform.Shop
	refused func(context.Context)
}

// see hears what the platform said to a call.
func (w watched) see(ctx context.Context, said platform.Said) {
	if said.Why == platform.Session {
		w.refused(context.WithoutCancel(ctx))
	}
}

func (w watched) Look(ctx context.Context, code string) platform.Looked {
	looked := w.Shop.Look(ctx, code)
	w.see(ctx, looked.Said)
	return looked
}

func (w watched) Consume(ctx context.Context, o platform.Order, again bool) platform.Consumption {
	answer := w.Shop.Consume(ctx, o, again)
	w.see(ctx, answer.Said)
	return answer
}

func (w watched) Reverse(ctx context.Context, c platform.Coupon, by platform.Operator, again bool) platform.Reversal {
	answer := w.Shop.Reverse(ctx, c, by, again)
	w.see(ctx, answer.Said)
	return answer
}

// refusedAtDouyin tells managers that calls for an account are refused. That it cannot be
// told now changes nothing for the cashier: the next call says it again.
func (b *Bot) refusedAtDouyin(ctx context.Context, account int64) {
	if err := b.application.Refused(ctx, account); err != nil {
		b.Log.ErrorContext(ctx, "managers are not told of a refused authorisation", "account", account, "error", err)
	}
}
