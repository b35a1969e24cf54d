package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/grants"
	"yanquan/dianping"
	"yanquan/models"
)

// tally counts coupons and their money: what was verified and not undone, and what
// was undone.
type tally models.Sum

func (t tally) String() string {
	return fmt.Sprintf("%d 张 %v", t.Verified, dianping.Fen(t.AmountFen))
}

// counted is a span as the database counts it.
func counted(s Span) models.Span { return models.Span{From: s.From, To: s.To, Kind: s.kind} }

// figures are those of some stores over a span of time.
type figures struct {
	all      tally
	byStore  map[int64]*tally
	byPerson map[string]*tally // by name: userids mean nothing to a reader
	byDeal   map[string]*tally
	byHour   [24]int // verified, by the hour of the day
	refused  []models.Refusal
}

// figuresOf collects the figures of stores.
func (b *Bot) figuresOf(ctx context.Context, stores []int64, span Span) (figures, error) {
	f, err := b.DB.Figures(ctx, stores, counted(span))
	if err != nil {
		return figures{}, fmt.Errorf("bot: figures: %w", err)
	}
	return figures{tally(f.All()), tallies(f.ByStore), tallies(f.ByPerson), tallies(f.ByDeal), f.ByHour, f.Refusals()}, nil
}

func tallies[K comparable](sums map[K]*models.Sum) map[K]*tally {
	all := make(map[K]*tally, len(sums))
	for key, s := range sums {
		all[key] = (*tally)(s)
	}
	return all
}

// best lists the keys with most coupons first.
func best[K cmp.Ordered](m map[K]*tally) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y K) int {
		return cmp.Or(cmp.Compare(m[y].Verified, m[x].Verified), cmp.Compare(m[y].AmountFen, m[x].AmountFen), cmp.Compare(x, y))
	})
	return keys
}

// busiest is the hour with most coupons, and how many.
func (f figures) busiest() (hour, n int) {
	for h, count := range f.byHour {
		if count > n {
			hour, n = h, count
		}
	}
	return hour, n
}

// sumOf is the tally of stores over a span, without the rest.
func (b *Bot) sumOf(ctx context.Context, stores []int64, span Span) (tally, error) {
	if span.kind != "" { // it may be kept
		f, err := b.figuresOf(ctx, stores, span)
		return f.all, err
	}
	rows, err := b.DB.Totals(ctx, stores, "", span.From, span.To)
	if err != nil {
		return tally{}, fmt.Errorf("bot: totals: %w", err)
	}
	var t tally
	for _, r := range rows {
		t.Verified, t.AmountFen = t.Verified+r.Verified, t.AmountFen+r.AmountFen
		t.Undone, t.UndoneFen = t.Undone+r.Undone, t.UndoneFen+r.UndoneFen
	}
	return t, nil
}

// outlook is what a manager should know of these stores besides figures: outcomes
// that are not known, authorisations that end soon. One line each.
func (b *Bot) outlook(ctx context.Context, stores []models.Store) ([]string, error) {
	var lines []string
	mine := map[int64]models.Store{}
	for _, s := range stores {
		mine[s.ID] = s
	}
	doubts, err := b.DB.Doubtful(ctx)
	if err != nil {
		return nil, fmt.Errorf("bot: doubts: %w", err)
	}
	n := 0
	for _, d := range doubts {
		if _, ok := mine[d.StoreID]; ok {
			n += d.Times
		}
	}
	if n > 0 {
		lines = append(lines, fmt.Sprintf("还有 %d 笔平台没有给出结果，我在继续确认", n))
	}
	line, err := b.reconciledLine(ctx, stores)
	if err != nil {
		return nil, err
	}
	if line != "" {
		lines = append(lines, line)
	}
	all, err := b.DB.Grants(ctx)
	if err != nil {
		return nil, fmt.Errorf("bot: grants: %w", err)
	}
	byID := map[string]models.Grant{}
	for _, g := range all {
		byID[g.ID] = g
	}
	for _, s := range stores {
		g, ok := byID[s.GrantID]
		end := grants.Ends(g)
		switch {
		case !ok:
		case g.Ended:
			lines = append(lines, fmt.Sprintf("%s 的授权已失效，请发「授权」", s.Name))
		case !end.IsZero() && end.Sub(b.Now()) < endingSoon:
			lines = append(lines, fmt.Sprintf("%s 的授权 %s 到期，请发「授权」", s.Name, b.in(end).Format("01-02")))
		}
	}
	return lines, nil
}

const endingSoon = 7 * 24 * time.Hour
