package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"yanquan/models"
)

// A card that an app has sent offers what can be done for a while: until the
// window of an undo closes, until somebody else acts. Then it is changed to what is
// true, by the response code that its sending has brought. A robot's card can only
// be changed when somebody presses on it.
const (
	cardsEvery = 5 * time.Second  // between looks, where nothing has happened in this process
	cardAgain  = 30 * time.Second // what it offers is under way
	codeLife   = 72 * time.Hour   // of a response code (page 94888)
	lookBack   = time.Hour        // of the first look for codes that were verified
	lookMargin = time.Minute      // a verification is dated by its call, and committed later
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
	if !l.soon && now.Before(l.next) {
		return time.Time{}, false
	}
	since = l.looked.Add(-lookMargin)
	if l.looked.IsZero() {
		since = now.Add(-lookBack)
	}
	l.next = now.Add(cardsEvery)
	if l.soon { // the answer to the same person may have to go out first
		l.next = now.Add(time.Second)
	}
	l.soon, l.looked = false, now
	return since, true
}

// cardsDue reports whether cards are to be looked at now, and since when.
func (b *Bot) cardsDue(now time.Time) (since time.Time, due bool) { return b.cards.due(now) }

// cardsHappened says that what cards offer may have changed, by a verification of
// back then or by an undo.
func (b *Bot) cardsHappened(back time.Time) { b.cards.happened(back) }

// changeCards changes the cards that are due.
func (b *Bot) changeCards(ctx context.Context, since, now time.Time) error {
	if _, err := b.DB.LooksDue(ctx, since, looksMost); err != nil {
		b.cards.happened(since.Add(lookMargin))
		return err
	}
	rows, err := b.DB.DueCards(ctx, now, cardBatch)
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range rows {
		if err := b.changeCard(ctx, o); err != nil && !errors.Is(err, models.ErrStale) {
			errs = append(errs, fmt.Errorf("outbox: card %s: %w", o.ID, err))
		}
	}
	if len(rows) == cardBatch {
		b.cards.happened(time.Time{}) // there are more
	}
	return errors.Join(errs...)
}

// changeCard sees to one card that is due: it is changed to the truth, or put off
// where it still tells it.
func (b *Bot) changeCard(ctx context.Context, o models.Outgoing) error {
	if len(o.ChangeCode) == 0 || o.State != models.SentOut {
		return b.DB.PutOffCard(ctx, o, time.Time{})
	}
	var d Delivery
	if err := json.Unmarshal(o.Payload, &d); err != nil {
		return fmt.Errorf("stored delivery: %w", err)
	}
	return b.DB.Tx(ctx, func(tx *models.DB) error {
		card, again, err := b.Render(ctx, tx, o, d.Reply.Card)
		if err != nil {
			return err
		}
		if card == nil {
			return tx.PutOffCard(ctx, o, again)
		}
		change := Delivery{
			ID: b.NewID(), Channel: d.Channel, User: d.User, Reply: Reply{Card: card},
			ResponseCode: string(o.ChangeCode), Card: o.ID, Change: true,
		}
		if b.Courier.FirstForm(change) != AsUpdate {
			return tx.PutOffCard(ctx, o, time.Time{}) // nobody wants a second card
		}
		if err := tx.SpendCode(ctx, o, again); err != nil {
			return err
		}
		about := o.OperationID
		if card.About != "" {
			about = card.About
		}
		return b.enqueue(ctx, tx, change, "", about, b.Now())
	})
}

// cardNow is what a card is to be changed to, and when it is due again; no card:
// what it shows is still true, or nothing can be said yet.
func (b *Bot) cardNow(ctx context.Context, tx *models.DB, o models.Outgoing, shown *Card) (card *Card, again time.Time, err error) {
	if store, code, ok := models.ParseLookSubject(o.OperationID); ok {
		return b.lookNow(ctx, tx, o, store, code)
	}
	if o.OperationID == "" {
		return b.batchNow(ctx, tx, o)
	}
	op, err := tx.Operation(ctx, o.OperationID)
	if errors.Is(err, models.ErrNotFound) {
		return nil, time.Time{}, nil
	}
	switch {
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("operation: %w", err)
	case !op.State.Terminal() && o.SentAt.Add(codeLife).Before(b.Now()):
		return nil, time.Time{}, nil
	case !op.State.Terminal() && awaits(shown):
		return nil, b.Now().Add(outcomeAgain), nil
	case !op.State.Terminal():
		return nil, b.Now().Add(cardAgain), nil
	case awaits(shown): // the outcome has come as a message of its own, with what can be done
		if card, err = b.cardFor(ctx, tx, o.User, op); err == nil {
			card.Keys = nil
		}
		return card, time.Time{}, err
	case b.undoable(op):
		return nil, op.UndoUntil, nil
	}
	card, err = b.cardFor(ctx, tx, o.User, op)
	return card, time.Time{}, err
}

// awaits reports whether a card says that there is no outcome yet.
func awaits(shown *Card) bool {
	return shown != nil && len(shown.Keys) > 0 && strings.HasPrefix(shown.Keys[0].Key, keyShow)
}

// lookNow is cardNow for a card that offers to verify a code. What it is changed
// to offers nothing: it may be the last change.
func (b *Bot) lookNow(ctx context.Context, tx *models.DB, o models.Outgoing, store int64, code string) (*Card, time.Time, error) {
	op, err := tx.OperationByCoupon(ctx, store, code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && !touchedSince(op, o.SentAt):
		if end := o.SentAt.Add(codeLife); end.After(b.Now()) {
			return nil, end, nil
		}
		return nil, time.Time{}, nil
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("operation of a code: %w", err)
	case !op.State.Terminal():
		return nil, b.Now().Add(cardAgain), nil
	}
	card, err := b.cardFor(ctx, tx, o.User, op)
	if err != nil {
		return nil, time.Time{}, err
	}
	card.Keys, card.About = nil, op.ID
	return card, time.Time{}, nil
}

// touchedSince reports whether an operation has, or may have, used up its code
// after a card offered to.
func touchedSince(op models.Operation, shown time.Time) bool {
	switch op.State {
	case models.Rejected:
		return false
	case models.Undone:
		return op.UndoneAt.After(shown)
	}
	return !op.Superseded
}

// batchNow is cardNow for a list.
func (b *Bot) batchNow(ctx context.Context, tx *models.DB, o models.Outgoing) (*Card, time.Time, error) {
	ops, err := tx.OperationsOfMessage(ctx, o.InboxID)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("operations: %w", err)
	}
	if len(ops) < 2 {
		return nil, time.Time{}, nil
	}
	same, end := true, time.Time{}
	for _, op := range ops {
		switch {
		case !op.State.Terminal():
			return nil, b.Now().Add(cardAgain), nil
		case b.undoable(op):
			end = latest(end, op.UndoUntil)
		case op.State != models.Rejected:
			same = false
		}
	}
	if same { // an undo was tried, and refused
		return nil, end, nil
	}
	reply, err := b.verifyReply(ctx, tx, Message{}, o.InboxID)
	if err != nil {
		return nil, time.Time{}, err
	}
	return reply.Card, reply.Card.Until, nil
}

// cardFor is the card of an operation as one person is to see it.
func (b *Bot) cardFor(ctx context.Context, tx *models.DB, user string, op models.Operation) (*Card, error) {
	look := b.snapshotReply
	if strings.EqualFold(user, op.UserID) {
		look = b.operationReply
	}
	reply, err := look(ctx, tx, op)
	return reply.Card, err
}
