package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// A card that an app has sent offers what can be done for a while: until the
// window of an undo closes, until another person acts. Then it is changed to what is
// true, by the response code that its sending has brought. A robot's card can only
// be changed when it is pressed.
const (
	CardsEvery = 5 * time.Second  // between looks, where nothing has happened in this process
	CardAgain  = 30 * time.Second // what it offers is under way
	CodeLife   = bot.CardLife
	lookBack   = time.Hour   // of the first look for codes that were verified
	lookMargin = time.Minute // a verification is dated by its call, and committed later
	looksMost  = 1000
	cardBatch  = 64
)

// cardLife is what a process knows of cards that may have to be changed.
type cardLife struct {
	mu     sync.Mutex
	soon   bool      // something has happened to what cards offer
	next   time.Time // else, when to look
	looked time.Time // up to when verified codes were looked at
}

// happened says that what cards offer may have changed, by a verification of back
// then or by an undo.
func (l *cardLife) happened(back time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.soon = true
	if !back.IsZero() && back.Before(l.looked) {
		l.looked = back
	}
}

// due reports whether to look now, and since when for codes that were verified.
func (l *cardLife) due(now time.Time) (since time.Time, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if early := now.Before(l.next) && l.next.Sub(now) <= CardsEvery; early && !l.soon { // else the clock has stepped back
		return time.Time{}, false
	}
	since = l.looked.Add(-lookMargin)
	if l.looked.IsZero() {
		since = now.Add(-lookBack)
	}
	l.next = now.Add(CardsEvery)
	if l.soon { // the answer to the same person may have to go out first
		l.next = now.Add(time.Second)
	}
	l.soon, l.looked = false, now
	return since, true
}

// CardsDue reports whether cards are to be looked at now, and since when.
func (q *Outbox) CardsDue(now time.Time) (since time.Time, due bool) { return q.cards.due(now) }

// CardsChanged says that what cards offer may have changed, by a verification of
// back then or by an undo.
func (q *Outbox) CardsChanged(back time.Time) { q.cards.happened(back) }

// ChangeCards changes the cards that are due.
func (q *Outbox) ChangeCards(ctx context.Context, since, now time.Time) error {
	if _, err := q.DB.Cards.RefreshVerified(ctx, since, looksMost); err != nil {
		q.cards.happened(since.Add(lookMargin))
		return err
	}
	rows, err := q.DB.Cards.Due(ctx, now, cardBatch)
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range rows {
		if err := q.changeCard(ctx, o); err != nil && !errors.Is(err, models.ErrStale) {
			errs = append(errs, fmt.Errorf("outbox: card %s: %w", o.ID, err))
		}
	}
	if len(rows) == cardBatch {
		q.cards.happened(time.Time{}) // there are more
	}
	return errors.Join(errs...)
}

// changeCard sees to one card that is due: it is changed to the truth, or put off
// where it still tells it. After [CodeLife] WeCom would refuse it.
func (q *Outbox) changeCard(ctx context.Context, o models.Outgoing) error {
	if len(o.ChangeCode) == 0 || o.State != models.SentOut || !q.Now().Before(o.SentAt.Add(CodeLife)) {
		return q.DB.Cards.Reschedule(ctx, o, time.Time{})
	}
	var d bot.Delivery
	if err := json.Unmarshal(o.Payload, &d); err != nil {
		return fmt.Errorf("stored delivery: %w", err)
	}
	return q.DB.Tx(ctx, func(tx *models.DB) error {
		card, again, err := q.Render(ctx, tx, o, d.Reply.Card)
		if err != nil {
			return err
		}
		if card == nil {
			return tx.Cards.Reschedule(ctx, o, again)
		}
		change := bot.Delivery{
			ID: q.NewID(), Channel: d.Channel, User: d.User, Reply: bot.Reply{Card: card},
			Code: string(o.ChangeCode), Card: o.ID, Change: true,
		}
		if q.Courier.FirstForm(change) != bot.AsUpdate {
			return tx.Cards.Reschedule(ctx, o, time.Time{}) // no second card
		}
		if err := tx.Cards.SpendCode(ctx, o, again); err != nil {
			return err
		}
		about := o.OperationID
		if card.About != "" {
			about = card.About
		}
		return q.Enqueue(ctx, tx, change, "", about, q.Now())
	})
}
