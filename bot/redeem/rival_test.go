package redeem

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/models"
)

// Two answers to one question are worked on at the same moment, at two accounts, neither of
// which knows of the other before its intent is durable: one consumes.
func TestRivalsAtOnce(t *testing.T) {
	t.Parallel()
	for _, apart := range []time.Duration{0, time.Millisecond, 300 * time.Millisecond, 2 * time.Second} {
		t.Run(apart.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const typed = "799269749412"
				core, accounts := slowCore(t, func(int) slowShop {
					return slowShop{look: 400 * time.Millisecond, consume: 600 * time.Millisecond, has: typed}
				})
				ops := make([]models.Operation, 2)
				var wg sync.WaitGroup
				for i, a := range accounts {
					id := string(rune('1' + i))
					in, _, err := core.DB.Inbox.Accept(t.Context(), models.Inbox{ID: id, Channel: "app", MessageID: id, User: "zhangsan", Payload: []byte("{}")})
					if err != nil {
						t.Fatal(err)
					}
					rival := func(ctx context.Context) (*models.Operation, error) {
						all, err := core.DB.History.OfCode(ctx, typed)
						for _, op := range all {
							if op.InboxID != id && Standing(op) {
								return &op, nil
							}
						}
						return nil, err
					}
					wg.Go(func() {
						time.Sleep(time.Duration(i) * apart)
						step, err := core.ConsumeIn(t.Context(), Request{Asked: in, Code: typed, Count: 1, UserID: "zhangsan", Rival: rival}, []models.Account{a})
						if err == nil {
							ops[i], err = step(t.Context(), core.DB)
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				won, lost := ops[0], ops[1]
				if won.State != models.Done {
					won, lost = lost, won
				}
				if won.State != models.Done || lost.State != models.Rejected || lost.OtherID != won.ID {
					t.Errorf("%s (%s), and %s (%s) for %q", won.State, won.Outcome.Reason, lost.State, lost.Outcome.Reason, lost.OtherID)
				}
			})
		})
	}
}
