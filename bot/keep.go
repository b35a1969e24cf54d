package bot

import (
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/models"
)

// What days, weeks and months add up to is kept, store by store, up to the last hour
// that nothing is likely to change: to sum up a month of many stores takes one row of
// each and the verifications since.
const (
	keepFirst  = 15 * time.Second // after a start, which has other things to do
	keepEvery  = 10 * time.Minute
	keptMonths = 13 // with the present one
	keptWeeks  = 2
	keptDays   = 2
	keepAtOnce = 100 // stores
)

// spansToKeep are the spans whose figures are to be kept, those that are looked at
// most first.
func spansToKeep(now time.Time) (spans []Span) {
	closed := now.Add(-models.KeepAfter).Truncate(time.Hour)
	y, m, d := closed.Add(-1).Date() // the last day of which something may be kept
	date := func(m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, now.Location()) }
	monday := d - (int(date(m, d).Weekday())+6)%7
	for back := range keptMonths {
		if back < keptDays {
			spans = append(spans, Span{From: date(m, d-back), To: date(m, d-back+1), kind: days})
		}
		if back < keptWeeks {
			spans = append(spans, Span{From: date(m, monday-7*back), To: date(m, monday-7*(back-1)), kind: weeks})
		}
		spans = append(spans, Span{From: date(m-time.Month(back), 1), To: date(m-time.Month(back-1), 1), kind: months})
	}
	for i := range spans {
		if spans[i].To.After(closed) {
			spans[i].To = closed
		}
	}
	return spans
}

// figuresDue reports whether figures are to be kept now.
func (b *Bot) figuresDue(now time.Time) bool {
	if now.Before(b.keepNext) {
		return false
	}
	if b.keepNext.IsZero() {
		b.keepNext = now.Add(keepFirst)
		return false
	}
	b.keepNext = now.Add(keepEvery)
	return true
}

// keepFigures keeps what is not kept yet. Where another process does the same, or
// something was changed meanwhile, the rest is for the next time.
func (b *Bot) keepFigures(ctx context.Context, now time.Time) error {
	all, err := b.DB.Stores(ctx)
	if err != nil {
		return fmt.Errorf("bot: stores: %w", err)
	}
	oldest := map[string]Span{} // of each kind
	for _, span := range spansToKeep(b.in(now)) {
		oldest[span.kind] = span
		missing, err := b.DB.FiguresToKeep(ctx, models.StoreIDs(all), counted(span))
		if err != nil {
			return fmt.Errorf("bot: figures: %w", err)
		}
		for stores := range slices.Chunk(missing, keepAtOnce) {
			if b.Stopping() {
				return nil
			}
			if err := b.DB.KeepFigures(ctx, stores, counted(span)); err != nil {
				return fmt.Errorf("bot: figures: %w", err)
			}
		}
	}
	for _, span := range oldest {
		if err := b.DB.PurgeFigures(ctx, counted(span)); err != nil {
			return fmt.Errorf("bot: figures: %w", err)
		}
	}
	return nil
}
