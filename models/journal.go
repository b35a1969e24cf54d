package models

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// TableName and its like name the tables for GORM.
func (Operation) TableName() string { return "operations" }
func (Coupon) TableName() string    { return "coupons" }
func (Call) TableName() string      { return "calls" }

// operationRow is an [Operation] as it is stored. A unique index on (store_id,
// live_code) allows one live operation for each account and code; every database
// lets NULL repeat.
type operationRow struct {
	Operation
	LiveCode     *string
	TicketSealed []byte
}

func rowOf(op Operation, live *string) operationRow {
	row := operationRow{Operation: op, LiveCode: live}
	if op.Ticket != "" {
		row.TicketSealed = []byte(op.Ticket)
	}
	return row
}

func (r operationRow) operation() Operation {
	r.Ticket = string(r.TicketSealed)
	r.Superseded = r.State == Done && r.LiveCode == nil
	return r.Operation
}

func operations(rows []operationRow) []Operation {
	list := make([]Operation, len(rows))
	for i, r := range rows {
		list[i] = r.operation()
	}
	return list
}

// fixed are the columns of an operation that never change after its insert.
var fixed = []string{"id", "store_id", "code", "inbox_id", "seq", "channel", "chat", "user_id", "user_name", "created_at"}

// JournalStore keeps the operations and moves them from state to state.
type JournalStore struct{ *core }

// Begin makes the intent to consume durable, before the platform is called: the
// operation is [Calling], with attempt 1, and live. asked is the message that asks
// for it, as its owner holds it: where it was answered or taken over, nothing is
// begun ([ErrStale]). Where it was begun before, by InboxID and Seq, that one is
// returned with [ErrDuplicate]; where another operation on the same account and code
// is live, that one with [ErrLive].
func (s JournalStore) Begin(ctx context.Context, op Operation, asked Inbox) (Operation, error) {
	const what = "begin operation"
	op.State, op.Attempt, op.InboxID = Calling, 1, asked.ID
	op, err := s.newOperation(what, op)
	if err != nil {
		return Operation{}, err
	}
	if op.DueAt.IsZero() {
		op.DueAt = s.now()
	}
	op.Ticket = string(s.keys.sealText(operationTicket, op.ID, op.Ticket))
	// What was live may be finished by the time it is looked for.
	for try := 1; ; try++ {
		err = s.insertIntent(ctx, what, op, asked)
		if !errors.Is(err, ErrDuplicate) {
			return unless(err, op)
		}
		old, ferr := s.one(ctx, what, "inbox_id = ? AND seq = ?", op.InboxID, op.Seq)
		if ferr == nil {
			return old, err
		}
		if !errors.Is(ferr, ErrNotFound) {
			return Operation{}, ferr
		}
		old, ferr = s.live(ctx, op.StoreID, op.Code)
		if ferr == nil {
			return old, failed(what, ErrLive)
		}
		if !errors.Is(ferr, ErrNotFound) {
			return Operation{}, ferr
		}
		if try == 3 {
			return Operation{}, err // the ID is taken
		}
	}
}

// Refuse records an operation that was refused before the platform was asked to
// consume. Repeating it, by InboxID and Seq, returns what is stored; where that
// is not a refusal, with [ErrDuplicate].
func (s JournalStore) Refuse(ctx context.Context, op Operation) (Operation, error) {
	const what = "record refusal"
	op.State, op.Attempt, op.DueAt, op.Ticket = Rejected, 1, time.Time{}, ""
	op, err := s.newOperation(what, op)
	if err != nil {
		return Operation{}, err
	}
	err = s.insertRefusal(ctx, what, op)
	if !errors.Is(err, ErrDuplicate) {
		return unless(err, op)
	}
	old, ferr := s.one(ctx, what, "inbox_id = ? AND seq = ?", op.InboxID, op.Seq)
	switch {
	case errors.Is(ferr, ErrNotFound): // the ID is taken
		return Operation{}, err
	case ferr == nil && old.State != Rejected:
		return old, err
	}
	return old, ferr
}

func (s JournalStore) newOperation(what string, op Operation) (Operation, error) {
	if op.ID == "" {
		op.ID = s.cfg.NewID()
	}
	if op.CreatedAt.IsZero() {
		op.CreatedAt = s.now()
	}
	op.UserID = fold(op.UserID)
	if op.StoreID == 0 {
		return Operation{}, failed(what, ErrInvalid)
	}
	op.Superseded = false
	return tidy(op), identity(what, 64, op.ID, op.InboxID, op.Code)
}

func (s JournalStore) insertRefusal(ctx context.Context, what string, op Operation) error {
	row := rowOf(op, nil)
	return s.write(ctx, what, func(g *gorm.DB) error { return g.Create(&row).Error })
}

// insertIntent inserts a live operation if the message that asks for it is still
// its owner's to answer, in one statement.
func (s JournalStore) insertIntent(ctx context.Context, what string, op Operation, asked Inbox) error {
	row := rowOf(op, &op.Code)
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		columns, values, err := columnsOf(g, &row)
		if err != nil {
			_ = g.AddError(err)
			return g
		}
		lock := ""
		if s.cfg.Driver == MySQL { // or what is claimed meanwhile would be missed
			lock = " FOR UPDATE"
		}
		values = append(values, asked.ID, asked.Attempt)
		return g.Exec("INSERT INTO operations ("+strings.Join(columns, ", ")+") SELECT ?"+strings.Repeat(", ?", len(columns)-1)+
			" FROM inbox WHERE id = ? AND attempt = ? AND "+unanswered+lock, values...)
	})
}

// columnsOf gives the columns of a row and their values.
func columnsOf(g *gorm.DB, row any) (names []string, values []any, err error) {
	stmt := &gorm.Statement{DB: g}
	if err := stmt.Parse(row); err != nil {
		return nil, nil, err
	}
	v := reflect.ValueOf(row).Elem()
	for _, f := range stmt.Schema.Fields {
		if f.DBName == "" {
			continue
		}
		value, _ := f.ValueOf(g.Statement.Context, v)
		names, values = append(names, f.DBName), append(values, value)
	}
	return names, values, nil
}

// FinishConsume records that the platform consumed: [Calling], [Unknown] or [Held]
// becomes [Done]. op carries the new values of everything else, and coupons is
// what was consumed; those that are recorded already are left alone.
func (s JournalStore) FinishConsume(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	if op.ConsumedAt.IsZero() {
		op.ConsumedAt = op.CalledAt
	}
	if op.ConsumedAt.IsZero() {
		op.ConsumedAt = s.now()
	}
	var moved Operation
	err := s.inTx(ctx, func(tx *DB) (err error) {
		moved, err = tx.Journal.move(ctx, move{what: "finish consume", from: consuming, to: Done, live: true}, op)
		if err != nil {
			return err
		}
		if err := addCoupons(ctx, tx.core, op, coupons); err != nil {
			return err
		}
		if err := tx.Cards.outcome(ctx, op); err != nil {
			return err
		}
		return tx.witness(func(w Witness) error { return w.Redeemed(ctx, tx, moved) })
	})
	return unless(err, moved)
}

// RejectConsume records that nothing was consumed: [Calling], [Unknown] or [Held]
// becomes [Rejected]. op carries the reason and everything else. What it has followed,
// which op.OtherID tells of, is live again.
func (s JournalStore) RejectConsume(ctx context.Context, op Operation) (Operation, error) {
	rejected := move{what: "reject consume", from: consuming, to: Rejected}
	if op.DoubtSince.IsZero() && op.OtherID == "" { // it follows none
		return s.move(ctx, rejected, op)
	}
	var moved Operation
	err := s.inTx(ctx, func(tx *DB) (err error) {
		if moved, err = tx.Journal.move(ctx, rejected, op); err != nil {
			return err
		}
		if err := tx.Journal.revive(ctx, op); err != nil {
			return err
		}
		return tx.Cards.outcome(ctx, op)
	})
	return unless(err, moved)
}

// DoubtConsume records that it is not known whether the platform consumed:
// [Calling], [Unknown] or [Held] becomes [Unknown]. op.DueAt is when to look again.
func (s JournalStore) DoubtConsume(ctx context.Context, op Operation) (Operation, error) {
	return s.move(ctx, move{what: "doubt consume", from: consuming, to: Unknown, live: true}, op)
}

// HeldConsume records that the platform keeps the consume back and decides later:
// [Calling], [Unknown] or [Held] becomes [Held]. op.DueAt is when to look again.
//
// A process of an earlier version, beside this one, does not know the state. It never
// takes the operation up, and refuses its code as live; it shows a state that it does
// not know by op.Outcome.Reason, as a refusal, so that the reason must be true of that.
func (s JournalStore) HeldConsume(ctx context.Context, op Operation) (Operation, error) {
	return s.move(ctx, move{what: "hold consume back", from: consuming, to: Held, live: true}, op)
}

// consuming are the states of a consume that is under way.
var consuming = []State{Calling, Unknown, Held}

// move is one move of the state machine.
type move struct {
	what    string
	from    []State
	to      State
	live    bool   // afterwards
	wasLive bool   // required before
	asked   *Inbox // required to be its owner's, and unanswered
}

// move writes every column of op that can change, raises the attempt and sets
// the state, if the row is still as op was read and in one of the states.
func (s JournalStore) move(ctx context.Context, m move, op Operation) (Operation, error) {
	held := op.Attempt
	op.State, op.Attempt = m.to, held+1
	op.Superseded = m.to == Done && (!m.live || op.Superseded)
	switch {
	case m.to.Terminal():
		op.DueAt, op.DoubtSince, op.Ticket = time.Time{}, time.Time{}, ""
	case op.DueAt.IsZero():
		op.DueAt = s.now() // never out of sight
	}
	if (m.to == Unknown || m.to == Held || m.to == UndoUnknown) && op.DoubtSince.IsZero() {
		op.DoubtSince = s.now()
	}
	op.UndoUserID = fold(op.UndoUserID)
	op = tidy(op)
	keep := fixed
	if m.live { // as it was before: nothing that was finished becomes live again
		keep = append(keep[:len(keep):len(keep)], "live_code")
	}
	row := rowOf(op, nil)
	swap := func(c *core) error {
		return c.swap(ctx, m.what, func(g *gorm.DB) *gorm.DB {
			g = g.Model(&operationRow{}).Where("id = ? AND attempt = ? AND state IN ?", op.ID, held, m.from)
			if m.wasLive {
				g = g.Where("live_code IS NOT NULL")
			}
			if m.asked != nil {
				g = g.Where("EXISTS (SELECT 1 FROM inbox WHERE id = ? AND attempt = ? AND "+unanswered+")", m.asked.ID, m.asked.Attempt)
			}
			return g.Select("*").Omit(keep...).Updates(&row)
		})
	}
	if !mayBeKept(op, s.now()) {
		return unless(swap(s.core), op)
	}
	err := s.inTx(ctx, func(tx *DB) error {
		if err := swap(tx.core); err != nil {
			return err
		}
		return tx.Figures.forget(ctx, op)
	})
	return unless(err, op)
}

// Ticket opens the ticket of an operation that was begun and is under way; "" for none.
// It stands for a customer's coupons, and is forgotten with the end of the consume.
func (s JournalStore) Ticket(op Operation) (string, error) {
	if op.Ticket == "" {
		return "", nil
	}
	plain, err := s.keys.open(operationTicket, op.ID, []byte(op.Ticket))
	return string(plain), err
}

// Claim takes up an operation that is under way and whose lease or pause has
// ended. Of several who try, one wins; the others get [ErrStale].
func (s JournalStore) Claim(ctx context.Context, op Operation, until time.Time) (Operation, error) {
	held := op.Attempt
	op.Attempt, op.DueAt = held+1, moment(until)
	err := s.swap(ctx, "claim operation", func(g *gorm.DB) *gorm.DB {
		return g.Model(&operationRow{}).
			Where("id = ? AND attempt = ? AND state IN ? AND due_at <= ?", op.ID, held, underWay, stamp(s.now())).
			Updates(map[string]any{"attempt": op.Attempt, "due_at": stamp(op.DueAt)})
	})
	return unless(err, op)
}

// Ask makes the operations of a platform on an order that wait for their next look due
// now, and says how many. Whoever holds one keeps it, for a call may be under way: what is
// due within a time, the longest lease, is left alone. Where there are only questions,
// because people were told or the platform keeps the consume back, whoever is asking has
// asked too early, and asks again.
func (s JournalStore) Ask(ctx context.Context, platform, orderID string, lease time.Duration) (n int, err error) {
	if orderID == "" {
		return 0, nil
	}
	now := s.now()
	err = s.write(ctx, "ask now", func(g *gorm.DB) error {
		result := g.Model(&operationRow{}).
			Where("order_id = ? AND state IN ? AND due_at > ?", orderID, underWay, stamp(now)).
			Where("due_at > ? OR state = ? OR needs_human = ? AND state NOT IN ?", stamp(now.Add(lease)), Held, true, []State{Calling, Undoing}).
			Where("store_id IN (SELECT id FROM stores WHERE platform = ?)", platform).
			Updates(map[string]any{"due_at": stamp(now), "attempt": gorm.Expr("attempt + 1")})
		n = int(result.RowsAffected)
		return result.Error
	})
	return n, err
}

// Hold records, before a call, until when whoever holds an operation that is
// under way does (op.DueAt), and when it was last sent (op.SentAt). The attempt
// stays. [ErrStale]: it is not theirs any more, and there must be no call.
func (s JournalStore) Hold(ctx context.Context, op Operation) (Operation, error) {
	op.DueAt, op.SentAt = moment(op.DueAt), moment(op.SentAt)
	err := s.swap(ctx, "hold operation", func(g *gorm.DB) *gorm.DB {
		return g.Model(&operationRow{}).
			Where("id = ? AND attempt = ? AND state IN ?", op.ID, op.Attempt, underWay).
			Updates(map[string]any{"due_at": stamp(op.DueAt), "sent_at": stamp(op.SentAt)})
	})
	return unless(err, op)
}

// FlagNeedsHuman records that people were told of an operation that stays
// doubtful.
func (s JournalStore) FlagNeedsHuman(ctx context.Context, op Operation) (Operation, error) {
	held := op.Attempt
	op.Attempt, op.NeedsHuman = held+1, true
	err := s.swap(ctx, "flag operation", func(g *gorm.DB) *gorm.DB {
		return g.Model(&operationRow{}).
			Where("id = ? AND attempt = ? AND state IN ?", op.ID, held, underWay).
			Updates(map[string]any{"attempt": op.Attempt, "needs_human": true})
	})
	return unless(err, op)
}

// underWay are the states that are not terminal.
var underWay = []State{Calling, Unknown, Held, Undoing, UndoUnknown}

// addCoupons records what op consumed; what is recorded already stays. [ErrInvalid]: two
// of them have one code and visit, and one would be dropped.
func addCoupons(ctx context.Context, c *core, op Operation, coupons []Coupon) error {
	if len(coupons) == 0 {
		return nil
	}
	type visit struct {
		code string
		n    int
	}
	rows, seen := make([]Coupon, len(coupons)), map[visit]bool{}
	for i, coupon := range coupons {
		if !coupon.Untold() || coupon.Visit == 0 { // one without a code is numbered
			if err := identity("add coupon", 64, coupon.Code); err != nil {
				return err
			}
		}
		coupon.OperationID, coupon.StoreID, coupon.Visit = op.ID, op.StoreID, max(coupon.Visit, 1)
		rows[i] = tidy(coupon)
		key := visit{rows[i].Code, rows[i].Visit}
		if seen[key] {
			return failed("add coupon", ErrInvalid)
		}
		seen[key] = true
	}
	return c.write(ctx, "add coupons", func(g *gorm.DB) error {
		return g.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, batch).Error
	})
}
