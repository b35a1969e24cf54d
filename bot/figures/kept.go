package figures

import (
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/command"
	"yanquan/models"
)

// What days, weeks and months add up to is kept, account by account, up to the last
// hour that nothing is likely to change: to sum up a month of many stores takes one row
// of each and the verifications since.
const (
	keepFirst  = 15 * time.Second // after a start, which has other things to do
	KeepEvery  = 10 * time.Minute
	keptMonths = 13 // with the present one
	keptWeeks  = 2
	keptDays   = 2
	keepAtOnce = 100 // accounts
)

// SpansToKeep are the spans whose figures are to be kept, those that are looked at
// most first.
func SpansToKeep(now time.Time) (spans []command.Span) {
	closed := now.Add(-models.KeepAfter).Truncate(time.Hour)
	y, m, d := closed.Add(-1).Date() // the last day of which something may be kept
	date := func(m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, now.Location()) }
	monday := d - (int(date(m, d).Weekday())+6)%7
	for back := range keptMonths {
		if back < keptDays {
			spans = append(spans, command.Span{From: date(m, d-back), To: date(m, d-back+1), Kind: command.Days})
		}
		if back < keptWeeks {
			spans = append(spans, command.Span{From: date(m, monday-7*back), To: date(m, monday-7*(back-1)), Kind: command.Weeks})
		}
		spans = append(spans, command.Span{From: date(m-time.Month(back), 1), To: date(m-time.Month(back-1), 1), Kind: command.Months})
	}
	for i := range spans {
		if spans[i].To.After(closed) {
			spans[i].To = closed
		}
	}
	return spans
}

// KeepDue reports whether figures are to be kept now.
func (x *Counter) KeepDue(now time.Time) bool {
	if now.Before(x.nextKeeping) {
		return false
	}
	if x.nextKeeping.IsZero() {
		x.nextKeeping = now.Add(keepFirst)
		return false
	}
	x.nextKeeping = now.Add(KeepEvery)
	return true
}

// Keep keeps what is not kept yet. Where another process does the same, or
// something was changed meanwhile, the rest is for the next time.
func (x *Counter) Keep(ctx context.Context, now time.Time) error {
	stores, err := x.DB.Directory.Stores(ctx)
	if err != nil {
		return fmt.Errorf("bot: stores: %w", err)
	}
	all := models.AccountIDs(stores)
	spans := SpansToKeep(x.Words.In(now))
	counted := make([]models.Span, len(spans))
	for i, span := range spans {
		counted[i] = Counted(span)
	}
	missing, err := x.DB.Figures.MissingEach(ctx, all, counted)
	if err != nil {
		return fmt.Errorf("bot: figures: %w", err)
	}
	oldest := map[string]models.Span{} // of each kind
	for i, span := range counted {
		oldest[span.Kind] = span
		for accounts := range slices.Chunk(missing[i], keepAtOnce) {
			if x.Stopping() {
				return nil
			}
			if err := x.DB.Figures.Keep(ctx, accounts, span); err != nil {
				return fmt.Errorf("bot: figures: %w", err)
			}
		}
	}
	for _, span := range oldest {
		if err := x.DB.Figures.Purge(ctx, span); err != nil {
			return fmt.Errorf("bot: figures: %w", err)
		}
	}
	return nil
}
