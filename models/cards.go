package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// A card that was sent can be changed afterwards, once for each response code that
// the channel has given for it. It is the outbox row that sent it, whose id is the
// card's: OperationID says what its buttons are about, ChangeAt until when they
// say what can be done.

// LookSubject is what stands for OperationID on a card that shows a code and
// offers to verify it.
func LookSubject(storeID int64, code string) string {
	return fmt.Sprintf("%s%d/%s", lookSubject, storeID, code)
}

// ParseLookSubject reads what LookSubject made.
func ParseLookSubject(s string) (storeID int64, code string, ok bool) {
	n, err := fmt.Sscanf(s, lookSubject+"%d/%s", &storeID, &code)
	return storeID, code, err == nil && n == 2
}

const lookSubject = "look/"

// CardStore changes the cards that were sent; each is the outbox row that sent it.
type CardStore struct{ *core }

// Due lists the cards to be changed now, the longest waiting first. None is as
// long as something is on its way to the same conversation: what is queued there
// may be about the same card. What cannot be opened is never changed.
func (s CardStore) Due(ctx context.Context, now time.Time, limit int) ([]Outgoing, error) {
	var rows []Outgoing
	err := s.read(ctx, "list due cards", func(g *gorm.DB) error {
		return g.Where("change_at <= ? AND state <> ?", stamp(now), Queued).
			Where("SUBSTR(payload, 1, ?) IN ?", sealPrefix, s.keys.prefixes()).
			Where("NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.conversation = outbox.conversation AND earlier.state = ?)", Queued).
			Order("change_at, id").Limit(limit).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return openOrSetAside(ctx, s.core, "card", rows, func(o Outgoing) error { return s.Reschedule(ctx, o, time.Time{}) })
}

// Reschedule changes when a card of [CardStore.Due] is due; zero is never. Of
// several who try, one wins; the others get [ErrStale].
func (s CardStore) Reschedule(ctx context.Context, o Outgoing, at time.Time) error {
	return s.move(ctx, "put off card", o, map[string]any{"change_at": stamp(at)})
}

// SpendCode takes the response code of a card of [CardStore.Due] for a change, and
// says when the card is due again, if it can be changed again by then. Of several
// who try, one wins; the others get [ErrStale].
func (s CardStore) SpendCode(ctx context.Context, o Outgoing, again time.Time) error {
	return s.move(ctx, "spend response code", o, map[string]any{"change_at": stamp(again), "change_code": nil})
}

func (s CardStore) move(ctx context.Context, what string, o Outgoing, values map[string]any) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Outgoing{}).Where("id = ? AND change_at = ?", o.ID, stamp(o.ChangeAt)).Updates(values)
	})
}

// Repoint records that the answer to a press takes the place of a person's card:
// what its buttons are about now, and until when. A card that is not known is no
// error.
func (s CardStore) Repoint(ctx context.Context, id, channel, user, operationID string, changeAt time.Time) error {
	return s.write(ctx, "repoint card", func(g *gorm.DB) error {
		return g.Model(&Outgoing{}).Where("id = ? AND channel = ? AND user_id = ?", id, channel, user).
			Updates(map[string]any{"operation_id": clip(operationID, 64), "change_at": stamp(changeAt)}).Error
	})
}

// MarkChanged keeps the response code that the change of a card has brought.
// Where it brought none and none is left, the card stays as it is.
func (s CardStore) MarkChanged(ctx context.Context, id, code string) error {
	return s.write(ctx, "record change of card", func(g *gorm.DB) error {
		g = g.Model(&Outgoing{}).Where("id = ?", id)
		if code == "" {
			return g.Where("change_code IS NULL").Update("change_at", nil).Error
		}
		return g.Update("change_code", s.keys.sealText(outboxCode, id, code)).Error
	})
}

// refresh makes the cards due that have buttons about an operation.
func (s CardStore) refresh(ctx context.Context, op Operation) error {
	const what = "cards of an operation"
	now := stamp(s.now())
	var ids []string
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Raw("SELECT id FROM outbox WHERE operation_id = ? AND change_at > ? UNION SELECT id FROM outbox WHERE inbox_id = ? AND change_at > ?",
			op.ID, now, op.InboxID, now).Scan(&ids).Error
	})
	if err != nil {
		return err
	}
	return s.makeDue(ctx, what, ids, now)
}

// outcome makes the cards due that wait for the outcome of an operation, where there was
// a doubt: without one, none was sent.
func (s CardStore) outcome(ctx context.Context, op Operation) error {
	if op.DoubtSince.IsZero() {
		return nil
	}
	return s.refresh(ctx, op)
}

// makeDue makes cards due by their ids: no other rows are looked at, and locked,
// on the way.
func (s CardStore) makeDue(ctx context.Context, what string, ids []string, now any) error {
	if len(ids) == 0 {
		return nil
	}
	return s.write(ctx, what, func(g *gorm.DB) error {
		return g.Model(&Outgoing{}).Where("id IN ? AND change_at > ?", ids, now).Update("change_at", now).Error
	})
}

// RefreshVerified makes the cards due that offer to verify what has been
// verified since a time, of up to limit codes, and says how many cards that
// were.
func (s CardStore) RefreshVerified(ctx context.Context, since time.Time, limit int) (int, error) {
	const what = "cards of verified codes"
	var codes []struct {
		StoreID int64
		Code    string
	}
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Table("operations").Select("coupons.store_id, coupons.code").
			Joins("JOIN coupons ON coupons.operation_id = operations.id").
			Where("operations.consumed_at >= ?", stamp(since)).
			Order("operations.consumed_at DESC").Limit(limit).Scan(&codes).Error
	})
	if err != nil || len(codes) == 0 {
		return 0, err
	}
	subjects := make([]string, len(codes))
	for i, c := range codes {
		subjects[i] = LookSubject(c.StoreID, c.Code)
	}
	now := stamp(s.now())
	var ids []string
	err = s.read(ctx, what, func(g *gorm.DB) error {
		return g.Model(&Outgoing{}).Where("operation_id IN ? AND change_at > ?", subjects, now).Pluck("id", &ids).Error
	})
	if err != nil {
		return 0, err
	}
	return len(ids), s.makeDue(ctx, what, ids, now)
}
