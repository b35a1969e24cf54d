package hooks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"yanquan/bot/platform"
	"yanquan/bot/reconcile"
	"yanquan/models"
)

// Writer writes events in the transaction of what they tell. All fields are needed, but
// Wake.
type Writer struct {
	Hooks []Hook
	NewID func() string
	Wake  func() // there is something to send
}

var _ models.Witness = (*Writer)(nil)

// happened is an event before it is numbered.
type happened struct {
	kind    string
	key     string // of what happened, beside its kind
	lasting string // what the id of the event is made from; "": it has one of its own
	subject string
	store   int64
	day     string
	at      time.Time
	data    any
}

// write writes an event. fresh is false where there is one of the same key.
func (w *Writer) write(ctx context.Context, tx *models.DB, h happened) (fresh bool, err error) {
	body, err := json.Marshal(payload{h.kind, h.at.UTC(), h.data})
	if err != nil {
		return false, fmt.Errorf("hooks: payload: %w", err)
	}
	var to []string
	for _, hook := range w.Hooks {
		if hook.wants(h.kind) {
			to = append(to, hook.Name)
		}
	}
	id := "msg_" + w.NewID()
	if h.lasting != "" {
		id = eventID(h.kind + "/" + h.lasting)
	}
	fresh, err = tx.HookEvents.Add(ctx, models.HookEvent{
		ID: id, Key: h.kind + "/" + h.key, Subject: h.subject, Kind: h.kind, StoreID: h.store, Day: h.day, Payload: body,
	}, to, tx.Now().Add(TriedFor))
	if err != nil {
		return false, fmt.Errorf("hooks: %w", err)
	}
	if fresh && len(to) > 0 && w.Wake != nil {
		tx.AfterCommit(w.Wake)
	}
	return fresh, nil
}

// eventID is the id of an event that is told once, whatever is known of it: after a restore
// it is made again, and who was told takes it for what it is.
func eventID(what string) string {
	sum := sha256.Sum256([]byte(what))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// placeOf finds where an account is. One that is not known has its id alone: what
// happened is told all the same.
func placeOf(ctx context.Context, tx *models.DB, id int64) (place, error) {
	s, err := tx.Directory.Store(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return place{store: store{ID: id}}, nil
	}
	if err != nil {
		return place{}, fmt.Errorf("hooks: store: %w", err)
	}
	a, _ := s.AccountOf(id)
	return place{store{s.ID, s.Name}, platformOf(a.Platform)}, nil
}

// voucher is what events about one voucher have in common, at whichever account. At Douyin
// a code may be used again after an undo, also beside others of its order, which is always
// known; elsewhere it is the code that was typed.
func voucher(p place, op models.Operation) string {
	if p.platform.Code == platform.DouyinName && op.OrderID != "" {
		return "order/" + p.platform.Code + "/" + op.OrderID
	}
	return "code/" + p.platform.Code + "/" + op.Code
}

// Redeemed implements [models.Witness].
func (w *Writer) Redeemed(ctx context.Context, tx *models.DB, op models.Operation) error {
	p, coupons, err := whole(ctx, tx, op)
	if err != nil {
		return err
	}
	_, err = w.write(ctx, tx, happened{
		kind: Redeemed, key: op.ID, lasting: op.ID, subject: voucher(p, op), store: p.store.ID, at: op.ConsumedAt, data: verificationOf(p, op, coupons),
	})
	return err
}

// Undone implements [models.Witness]. An undo that was refused may have undone some of
// the coupons: that is told, too, once for each number of them.
func (w *Writer) Undone(ctx context.Context, tx *models.DB, op models.Operation) error {
	p, coupons, err := whole(ctx, tx, op)
	if err != nil {
		return err
	}
	n, last := 0, time.Time{}
	for _, c := range coupons {
		if !c.UndoneAt.IsZero() {
			n++
			if c.UndoneAt.After(last) {
				last = c.UndoneAt
			}
		}
	}
	complete := op.State == models.Undone
	if n == 0 && !complete {
		return nil
	}
	which := strconv.Itoa(n)
	if complete {
		which = "all"
	}
	r := &reversal{UndoneAt: cmp.Or(op.UndoneAt, last, tx.Now()).UTC(), UndoneBy: person{op.UndoUserID, op.UndoUser}, Complete: complete}
	v := verificationOf(p, op, coupons)
	v.reversal = r
	key := op.ID + "/" + which
	_, err = w.write(ctx, tx, happened{
		kind: Undone, key: key, lasting: key, subject: voucher(p, op), store: p.store.ID, at: r.UndoneAt, data: v,
	})
	return err
}

// whole is an operation with its place and its coupons.
func whole(ctx context.Context, tx *models.DB, op models.Operation) (place, []models.Coupon, error) {
	p, err := placeOf(ctx, tx, op.StoreID)
	if err != nil {
		return place{}, nil, err
	}
	coupons, err := tx.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return place{}, nil, fmt.Errorf("hooks: coupons: %w", err)
	}
	return p, coupons, nil
}

// Refunded implements [models.Witness].
func (w *Writer) Refunded(ctx context.Context, tx *models.DB, r models.Refund) error {
	p, err := placeOf(ctx, tx, r.StoreID)
	if err != nil {
		return err
	}
	op, err := tx.Journal.Get(ctx, r.OperationID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("hooks: operation: %w", err)
	}
	op.StoreID, op.OrderID, op.Code = r.StoreID, cmp.Or(op.OrderID, r.OrderID), cmp.Or(op.Code, r.Code)
	key := r.Platform + "/" + r.CertificateID
	_, err = w.write(ctx, tx, happened{
		kind: Refunded, key: key, lasting: key, subject: voucher(p, op), store: p.store.ID, at: r.RefundedAt, data: refundOf(p, op, r),
	})
	return err
}

// Reconciled implements [models.Witness]. After a restore a look may find something else:
// it is told anew.
func (w *Writer) Reconciled(ctx context.Context, tx *models.DB, r models.Reconciliation) error {
	result, ok := reconcile.Read(r, nil)
	if !ok {
		return nil // unreadable figures are shown nowhere
	}
	p, err := placeOf(ctx, tx, r.StoreID)
	if err != nil {
		return err
	}
	id := fmt.Sprintf("%d/%s", r.StoreID, r.Day)
	_, err = w.write(ctx, tx, happened{
		kind: Reconciled, key: fmt.Sprintf("%s/%d", id, r.Looks), subject: "reconciliation/" + id, store: p.store.ID, at: r.CheckedAt, data: comparisonOf(p, r, result.Figures),
	})
	return err
}
