package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/models"
)

// views show what the journal has, as it stands.
type views struct {
	words *words.Words
	Now   func() time.Time
}

// cardNow is what a card is to be changed to, and when it is due again; no card:
// what it shows is still true, or nothing can be said yet.
func (v *views) cardNow(ctx context.Context, tx *models.DB, o models.Outgoing, shown *bot.Card) (card *bot.Card, again time.Time, err error) {
	if store, code, ok := models.ParseLookSubject(o.OperationID); ok {
		return v.lookNow(ctx, tx, o, store, code)
	}
	if o.OperationID == "" {
		return v.batchNow(ctx, tx, o)
	}
	op, err := tx.Journal.Get(ctx, o.OperationID)
	if errors.Is(err, models.ErrNotFound) {
		return nil, time.Time{}, nil
	}
	switch {
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("operation: %w", err)
	case !op.State.Terminal() && o.SentAt.Add(outbox.CodeLife).Before(v.Now()):
		return nil, time.Time{}, nil
	case op.State == models.Held:
		return nil, v.Now().Add(time.Minute), nil
	case !op.State.Terminal() && awaits(shown):
		return nil, v.after(op, words.OutcomeAgain), nil
	case !op.State.Terminal():
		return nil, v.after(op, outbox.CardAgain), nil
	case awaits(shown): // the outcome has come as a message of its own, with what can be done
		if card, err = v.cardFor(ctx, tx, o.User, op); err == nil {
			card.Keys = nil
		}
		return card, time.Time{}, err
	case v.words.Undoable(op):
		return nil, op.UndoUntil, nil
	}
	card, err = v.cardFor(ctx, tx, o.User, op)
	return card, time.Time{}, err
}

// after is when to look again at a card about an operation that is under way: not before
// somebody has. The end of a doubt makes its cards due, see [models.JournalStore].
func (v *views) after(op models.Operation, pause time.Duration) time.Time {
	return words.Latest(v.Now().Add(pause), op.DueAt)
}

// awaits reports whether a card says that there is no outcome yet.
func awaits(shown *bot.Card) bool {
	if shown == nil || len(shown.Keys) == 0 {
		return false
	}
	b, err := command.ReadButton(shown.Keys[0].Key)
	return err == nil && b.Action == command.ActShow
}

// lookNow is cardNow for a card that offers to verify a code. What it is changed
// to offers nothing: it may be the last change.
func (v *views) lookNow(ctx context.Context, tx *models.DB, o models.Outgoing, store int64, code string) (*bot.Card, time.Time, error) {
	op, err := tx.Journal.ByCoupon(ctx, store, code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && !touchedSince(op, o.SentAt):
		if end := o.SentAt.Add(outbox.CodeLife); end.After(v.Now()) {
			return nil, end, nil
		}
		return nil, time.Time{}, nil
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("operation of a code: %w", err)
	case !op.State.Terminal():
		return nil, v.after(op, outbox.CardAgain), nil
	}
	card, err := v.cardFor(ctx, tx, o.User, op)
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
func (v *views) batchNow(ctx context.Context, tx *models.DB, o models.Outgoing) (*bot.Card, time.Time, error) {
	ops, err := tx.Journal.OfMessage(ctx, o.InboxID)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("operations: %w", err)
	}
	m, err := messageOf(ctx, tx, o.InboxID)
	if err != nil || len(ops) == 0 || len(ops)+len(notBegun(m, ops)) < 2 {
		return nil, time.Time{}, err
	}
	same, end := true, time.Time{}
	for _, op := range ops {
		switch {
		case !op.State.Terminal():
			return nil, v.after(op, outbox.CardAgain), nil
		case v.words.Undoable(op):
			end = words.Latest(end, op.UndoUntil)
		case op.State != models.Rejected:
			same = false
		}
	}
	if same { // an undo was tried, and refused
		return nil, end, nil
	}
	reply, err := v.verifyReply(ctx, tx, m, o.InboxID)
	if err != nil {
		return nil, time.Time{}, err
	}
	return reply.Card, reply.Card.Until, nil
}

// messageOf is the message of a row of the inbox; an empty one where that is gone.
func messageOf(ctx context.Context, tx *models.DB, id string) (m bot.Message, err error) {
	row, err := tx.Inbox.Get(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return bot.Message{}, nil
	case err != nil:
		return bot.Message{}, fmt.Errorf("chat: message: %w", err)
	}
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return bot.Message{}, fmt.Errorf("chat: stored message: %w", err)
	}
	return m, nil
}

// notBegun is what a message asks to verify and has no operation. ops are all of the
// message's.
func notBegun(m bot.Message, ops []models.Operation) (left []command.Item) {
	for i, it := range asked(m).items {
		if !slices.ContainsFunc(ops, func(op models.Operation) bool { return op.Seq == i }) {
			left = append(left, it)
		}
	}
	return left
}

// cardFor is the card of an operation as one person is to see it.
func (v *views) cardFor(ctx context.Context, tx *models.DB, user string, op models.Operation) (*bot.Card, error) {
	look := v.snapshotReply
	if strings.EqualFold(user, op.UserID) {
		look = v.operationReply
	}
	reply, err := look(ctx, tx, op)
	return reply.Card, err
}

// replyAgain renders the reply to a message from the journal.
func (v *views) replyAgain(ctx context.Context, tx *models.DB, m bot.Message, inboxID string) (bot.Reply, error) {
	undone, err := tx.Journal.UndoneBy(ctx, inboxID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: operations: %w", err)
	}
	if len(undone) == 0 {
		return v.verifyReply(ctx, tx, m, inboxID)
	}
	return v.undoReply(ctx, tx, m, undone[0])
}

// undoReply shows the outcome of an undo. Where the button stood on a list, the
// list is shown again, for the card of one would take its place.
func (v *views) undoReply(ctx context.Context, tx *models.DB, m bot.Message, op models.Operation) (bot.Reply, error) {
	reply, err := v.operationReply(ctx, tx, op)
	if err == nil && m.Kind == bot.Click {
		var list bot.Reply
		var on bool
		if list, on, err = v.listPressed(ctx, tx, m, op); on {
			reply = bot.Reply{Card: list.Card}
		}
	}
	reply.Pending, reply.Open = unsettled(op)
	return reply, err
}

// pressedReply is the truth about an operation, as the answer to a press that
// undoes nothing: a card in place of the one that was pressed.
func (v *views) pressedReply(ctx context.Context, db *models.DB, m bot.Message, op models.Operation) (bot.Reply, error) {
	list, on, err := v.listPressed(ctx, db, m, op)
	if err != nil || on {
		return bot.Reply{Card: list.Card}, err
	}
	card, err := v.cardFor(ctx, db, m.User, op)
	if err == nil && redeem.Pending(op) {
		underWay(card, op)
	}
	return bot.Reply{Card: card}, err
}

// listPressed renders the list anew on which the button of an operation was
// pressed, if it was a list.
func (v *views) listPressed(ctx context.Context, tx *models.DB, m bot.Message, op models.Operation) (list bot.Reply, on bool, err error) {
	row, err := tx.Inbox.Get(ctx, op.InboxID)
	if errors.Is(err, models.ErrNotFound) {
		return bot.Reply{}, false, nil
	}
	if err != nil {
		return bot.Reply{}, false, fmt.Errorf("chat: message: %w", err)
	}
	var first bot.Message
	var shown bot.Reply
	if json.Unmarshal(row.Payload, &first) != nil || json.Unmarshal(row.Reply, &shown) != nil {
		return bot.Reply{}, false, nil
	}
	ops, err := tx.Journal.OfMessage(ctx, row.ID)
	if err != nil || len(ops)+len(notBegun(first, ops)) < 2 || shown.Card == nil || m.Button == nil || shown.Card.TaskID != m.Button.TaskID {
		return bot.Reply{}, false, err
	}
	list, err = v.verifyReply(ctx, tx, first, row.ID)
	return list, err == nil, err
}

// verifyReply renders the operations of a message as they stand. It is the
// same function for the first answer, for a resumed message and for a settled
// doubt.
func (v *views) verifyReply(ctx context.Context, tx *models.DB, m bot.Message, inboxID string) (bot.Reply, error) {
	ops, err := tx.Journal.OfMessage(ctx, inboxID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: operations: %w", err)
	}
	if len(ops) == 0 {
		return bot.Reply{}, fmt.Errorf("chat: message %s has no operation", inboxID)
	}
	s, err := tx.Directory.Store(ctx, ops[0].StoreID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: store: %w", err)
	}
	return v.replyOf(ctx, tx, m, s, ops)
}

// replyOf renders the operations of a message, in their store.
func (v *views) replyOf(ctx context.Context, tx *models.DB, m bot.Message, s models.Store, ops []models.Operation) (reply bot.Reply, err error) {
	left := notBegun(m, ops)
	several := len(ops)+len(left) > 1
	coupons := map[string][]models.Coupon{}
	for _, op := range ops {
		if op.State == models.Done && op.Count == 1 && !several {
			continue // its only coupon says nothing that the operation does not
		}
		if op.State == models.Rejected || op.State == models.Calling || op.State == models.Unknown || op.State == models.Held {
			continue
		}
		if coupons[op.ID], err = tx.Journal.Coupons(ctx, op.ID); err != nil {
			return bot.Reply{}, fmt.Errorf("chat: coupons: %w", err)
		}
	}
	// The card shows what the first press did, not a refusal.
	other, first, same, err := v.secondPress(ctx, tx, m, ops)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case same && several:
		list, err := v.verifyReply(ctx, tx, first, other.InboxID)
		return bot.Reply{Card: list.Card}, err
	case same:
		return v.operationReply(ctx, tx, other)
	case several:
		return v.words.Batch(s, ops, coupons, left), nil
	}
	op := ops[0]
	card := v.words.Operation(s, op, coupons[op.ID])
	reply = bot.Reply{Card: &card}
	reply.Pending, reply.Open = unsettled(op)
	return reply, nil
}

// unsettled says whether an operation has an outcome to come: promised, or hoped for.
func unsettled(op models.Operation) (pending, open bool) {
	pending = redeem.Pending(op)
	return pending, !pending && !op.State.Terminal()
}

// operationReply is the card of one operation as it stands.
func (v *views) operationReply(ctx context.Context, tx *models.DB, op models.Operation) (bot.Reply, error) {
	s, err := tx.Directory.Store(ctx, op.StoreID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: store: %w", err)
	}
	coupons, err := tx.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: coupons: %w", err)
	}
	card := v.words.Operation(s, op, coupons)
	return bot.Reply{Card: &card}, nil
}

// snapshotReply is the same for somebody who only looks or came second: no
// outcome will follow to them, so that the card must not promise one.
func (v *views) snapshotReply(ctx context.Context, tx *models.DB, op models.Operation) (bot.Reply, error) {
	reply, err := v.operationReply(ctx, tx, op)
	if err != nil || op.State == models.Undone || op.State == models.Rejected || op.NeedsHuman {
		return reply, err
	}
	if op.State == models.Done {
		reply.Card.Title, reply.Card.Tone = "这张券用过了", bot.Bad
		reply.Card.Text = fmt.Sprintf("%s 在 %s 已经核销，这次没有再核销。%s", op.User, v.words.When(op.ConsumedAt), reply.Card.Text)
		return reply, nil
	}
	if op.State == models.Held {
		reply.Card.Text = words.HeldFor(op.User)
		return reply, nil
	}
	underWay(reply.Card, op)
	return reply, nil
}

// underWay makes a card promise nothing: the outcome of its operation, which is still
// open, goes to another message.
func underWay(c *bot.Card, op models.Operation) {
	who, what := op.User, "核销"
	if op.State == models.Undoing || op.State == models.UndoUnknown {
		who, what = op.UndoUser, "撤销"
	}
	c.Title, c.Text = "正在"+what, fmt.Sprintf("%s 正在%s这张券，平台还没有给出结果。请稍等一下再查。", who, what)
}

// secondPress reports whether the operations of a press were refused because the same person
// had pressed the same button before, or had chosen another store on the same card. It gives
// an operation of that press, and the press.
func (v *views) secondPress(ctx context.Context, tx *models.DB, m bot.Message, ops []models.Operation) (other models.Operation, first bot.Message, same bool, err error) {
	if m.Kind != bot.Click || m.Button == nil || slices.ContainsFunc(ops, func(op models.Operation) bool { return op.State != models.Rejected }) {
		return other, first, false, nil
	}
	i := slices.IndexFunc(ops, func(op models.Operation) bool { return redeem.Here(op.Outcome.Reason) && op.OtherID != "" })
	if i < 0 {
		return other, first, false, nil
	}
	if other, err = tx.Journal.Get(ctx, ops[i].OtherID); err != nil {
		return other, first, false, fmt.Errorf("chat: operation: %w", err)
	}
	if first, err = messageOf(ctx, tx, other.InboxID); err != nil {
		return other, first, false, err
	}
	same = first.Kind == bot.Click && first.Button != nil && other.StoreID == ops[i].StoreID &&
		first.Button.TaskID == m.Button.TaskID && first.Button.Key == m.Button.Key && strings.EqualFold(first.User, m.User)
	return other, first, same || sameQuestion(first, m), nil
}
