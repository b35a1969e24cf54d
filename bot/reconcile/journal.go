package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"yanquan/bot/platform"
	"yanquan/models"
)

// entries are what the journal has of an account's day, and of shortly before and
// after it.
func (k *Keeper) entries(ctx context.Context, account int64, day string) ([]Entry, error) {
	from, to, err := Bounds(day)
	if err != nil {
		return nil, err
	}
	from, to = from.Add(-margin), to.Add(margin)
	coupons, err := k.DB.History.Entries(ctx, account, from, to)
	if err != nil {
		return nil, fmt.Errorf("reconcile: journal: %w", err)
	}
	doubts, err := k.DB.History.Undecided(ctx, account, from, to)
	if err != nil {
		return nil, fmt.Errorf("reconcile: doubts: %w", err)
	}
	var ours []Entry
	for _, c := range coupons {
		ours = append(ours, entryOf(c))
	}
	for _, op := range doubts {
		ours = append(ours, doubtful(op)...)
	}
	return ours, nil
}

// entryOf is a coupon of the journal.
func entryOf(c models.Entry) Entry {
	e := Entry{
		ID: fmt.Sprintf("%s/%s/%d", c.OperationID, c.Code, c.Visit), OperationID: c.OperationID, Code: c.Code, Asked: c.Asked, Handle: c.Handle, OrderID: c.OrderID, DealID: c.DealID,
		Title: c.Title, Account: c.UserID, Price: c.Price(), Left: c.Left, Reusable: c.Reusable, At: c.ConsumedAt, Payments: platform.PaidFor(c.Payments),
	}
	switch {
	case !c.UndoneAt.IsZero():
		e.Standing = WasUndone
	case e.untold(): // no undo is of it
	case c.State == models.Undoing || c.State == models.UndoUnknown:
		e.Standing = InDoubt
	}
	return e
}

// siblings finds the coupons of the same orders that stand in the journal besides those
// whose money counts. What the platform lacks does not stand: by this look on its day, by
// the last one on another.
func (k *Keeper) siblings(ctx context.Context, account int64, day string, c *Comparison) error {
	counted, orders := map[string]bool{}, map[string]bool{}
	for _, e := range c.counted {
		if counted[e.ID] = true; e.Share == nil && e.OrderID != "" {
			orders[e.OrderID] = true
		}
	}
	if len(orders) == 0 {
		return nil
	}
	all, err := k.DB.History.OfOrders(ctx, account, slices.Sorted(maps.Keys(orders)))
	if err != nil {
		return fmt.Errorf("reconcile: orders: %w", err)
	}
	days := map[string]map[string]int{} // what the platform lacks, by day and coupon
	for _, coupon := range all {
		e := entryOf(coupon)
		if counted[e.ID] || e.Standing == WasUndone {
			continue
		}
		on := DayOf(e.At)
		if days[on] == nil {
			if days[on], err = k.lacking(ctx, account, on, day, c); err != nil {
				return err
			}
		}
		if key := e.OperationID + "/" + e.Code; days[on][key] > 0 {
			days[on][key]--
			continue
		}
		c.others = append(c.others, e)
	}
	return nil
}

// lacking counts the coupons of a day that the platform does not have, or has as undone:
// today's by a look that is under way.
func (k *Keeper) lacking(ctx context.Context, account int64, day, today string, c *Comparison) (map[string]int, error) {
	n := map[string]int{}
	if day == today {
		for _, i := range c.Items {
			if i.Kind.gone() {
				n[i.OperationID+"/"+i.Code]++
			}
		}
		return n, nil
	}
	items, err := k.DB.Reconciliations.Items(ctx, account, day)
	if err != nil {
		return nil, fmt.Errorf("reconcile: items: %w", err)
	}
	for _, i := range items {
		if Kind(i.Kind).gone() {
			n[i.OperationID+"/"+i.Code]++
		}
	}
	return n, nil
}

// doubtful are the coupons, or visits, that an operation in doubt was to consume. Only one
// has the code that was asked for.
func doubtful(op models.Operation) (list []Entry) {
	for i := range max(op.Count, 1) {
		e := Entry{
			OperationID: op.ID, Code: op.Code, Asked: op.Code, OrderID: op.OrderID, DealID: op.DealID, Title: op.Title, Account: op.UserID,
			Price: op.Price(), Reusable: op.Reusable, At: op.CreatedAt, Standing: InDoubt,
		}
		if i > 0 && !op.Reusable {
			e.Code = ""
		}
		list = append(list, e)
	}
	return list
}

// Gone counts the coupons of an operation that the platform does not have, or has as undone,
// by their codes, as the last look at the day has it. That may be the next one by the
// platform's clock, or the one before.
func (k *Keeper) Gone(ctx context.Context, op models.Operation) (map[string]int, error) {
	n := map[string]int{}
	for _, days := range []int{-1, 0, 1} {
		items, err := k.DB.Reconciliations.Items(ctx, op.StoreID, daysAfter(DayOf(op.ConsumedAt), days))
		if err != nil {
			return nil, fmt.Errorf("reconcile: items: %w", err)
		}
		for _, i := range items {
			if i.OperationID == op.ID && Kind(i.Kind).gone() {
				n[i.Code]++
			}
		}
	}
	return n, nil
}

// Result is what is known of an account's day, with its items. It is false where no
// look has succeeded yet.
func (k *Keeper) Result(ctx context.Context, account int64, day string) (Result, bool, error) {
	row, err := k.DB.Reconciliations.Get(ctx, account, day)
	if errors.Is(err, models.ErrNotFound) {
		return Result{}, false, nil
	}
	if err != nil {
		return Result{}, false, fmt.Errorf("reconcile: %w", err)
	}
	items, err := k.DB.Reconciliations.Items(ctx, account, day)
	if err != nil {
		return Result{}, false, fmt.Errorf("reconcile: items: %w", err)
	}
	result, ok := Read(row, items)
	return result, ok, nil
}

// Results are the results of days of accounts, from one to another, without their
// items.
func (k *Keeper) Results(ctx context.Context, accounts []int64, from, to string) ([]Result, error) {
	rows, err := k.DB.Reconciliations.List(ctx, accounts, from, to)
	if err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	var list []Result
	for _, r := range rows {
		if result, ok := Read(r, nil); ok {
			list = append(list, result)
		}
	}
	return list, nil
}

// Accounts are the accounts of stores that a day is reconciled for, by store: those in use,
// and others that verified something on it or were looked at.
func (k *Keeper) Accounts(ctx context.Context, stores []models.Store, day string) (map[int64][]models.Account, error) {
	counts := map[int64]bool{}
	for _, s := range stores {
		for _, a := range s.Accounts() {
			counts[a.ID] = true
		}
	}
	off := slices.DeleteFunc(models.AccountIDs(stores), func(id int64) bool { return counts[id] })
	if len(off) > 0 {
		from, to, err := Bounds(day)
		if err != nil {
			return nil, err
		}
		verified, err := k.DB.Figures.Tallies(ctx, off, "", from, to)
		if err != nil {
			return nil, fmt.Errorf("reconcile: tallies: %w", err)
		}
		for id := range verified {
			counts[id] = true
		}
		results, err := k.Results(ctx, off, day, day)
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			counts[r.StoreID] = true
		}
	}
	all := map[int64][]models.Account{}
	for _, s := range stores {
		all[s.ID] = slices.DeleteFunc(s.All(), func(a models.Account) bool { return !counts[a.ID] })
	}
	return all, nil
}

// Line is a day of these accounts in one line, for a summary; "" where nothing is known
// of it. It says how many are missing in it.
func (k *Keeper) Line(ctx context.Context, accounts []int64, day string) (string, error) {
	results, err := k.Results(ctx, accounts, day, day)
	if err != nil || len(results) == 0 {
		return "", err
	}
	var sum Figures
	for _, r := range results {
		sum = sum.Plus(r.Figures)
	}
	line := sum.Line()
	if missing := len(accounts) - len(results); missing > 0 {
		line += fmt.Sprintf("；还有 %d 个没对账", missing)
	}
	return line, nil
}

// LookLasts is how long [Keeper.Look] takes at most.
const LookLasts = askedLease

// Look makes the look at an account's day now, where none has succeeded yet. It is
// false where that failed, or where another replica holds the lease.
func (k *Keeper) Look(ctx context.Context, account int64, day string) (Result, bool, error) {
	result, ok, err := k.Result(ctx, account, day)
	if ok || err != nil {
		return result, ok, err
	}
	err = k.DB.Reconciliations.Plan(ctx, []models.Reconciliation{{StoreID: account, Day: day, DueAt: k.Now()}})
	if err != nil {
		return Result{}, false, fmt.Errorf("reconcile: plan: %w", err)
	}
	row, err := k.DB.Reconciliations.Get(ctx, account, day)
	if err != nil {
		return Result{}, false, fmt.Errorf("reconcile: %w", err)
	}
	if err := k.run(ctx, row, askedLease); err != nil && !errors.Is(err, models.ErrStale) {
		return Result{}, false, err
	}
	return k.Result(ctx, account, day)
}
