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
type tally struct {
	verified, undone int
	fen, undoneFen   int64
}

func (t *tally) add(s models.Sale) {
	if s.Undone {
		t.undone++
		t.undoneFen += s.PriceFen
		return
	}
	t.verified++
	t.fen += s.PriceFen
}

func (t tally) String() string { return fmt.Sprintf("%d 张 %v", t.verified, dianping.Fen(t.fen)) }

// figures are those of some stores over a span of time.
type figures struct {
	all      tally
	byStore  map[int64]*tally
	byPerson map[string]*tally // by name: userids mean nothing to a reader
	byDeal   map[string]*tally
	byHour   [24]int // verified, by the hour of the day
	refused  []models.Refusal
}

// figuresOf collects the figures of stores; user "" is everybody's.
func (b *Bot) figuresOf(ctx context.Context, stores []int64, user string, span Span) (figures, error) {
	var f figures
	begin := func() {
		f = figures{byStore: map[int64]*tally{}, byPerson: map[string]*tally{}, byDeal: map[string]*tally{}}
	}
	err := b.DB.EachSale(ctx, stores, user, span.From, span.To, begin, func(s models.Sale) {
		f.all.add(s)
		of(f.byStore, s.StoreID).add(s)
		of(f.byPerson, cmp.Or(s.User, s.UserID)).add(s)
		of(f.byDeal, s.Title).add(s)
		if !s.Undone {
			f.byHour[b.in(s.ConsumedAt).Hour()]++
		}
	})
	if err != nil {
		return f, fmt.Errorf("bot: sales: %w", err)
	}
	if f.refused, err = b.DB.Refusals(ctx, stores, span.From, span.To); err != nil {
		return f, fmt.Errorf("bot: refusals: %w", err)
	}
	return f, nil
}

func of[K comparable](m map[K]*tally, key K) *tally {
	if m[key] == nil {
		m[key] = &tally{}
	}
	return m[key]
}

// best lists the keys with most coupons first.
func best[K cmp.Ordered](m map[K]*tally) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y K) int {
		return cmp.Or(cmp.Compare(m[y].verified, m[x].verified), cmp.Compare(m[y].fen, m[x].fen), cmp.Compare(x, y))
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
func (b *Bot) sumOf(ctx context.Context, stores []int64, from, to time.Time) (tally, error) {
	rows, err := b.DB.Totals(ctx, stores, "", from, to)
	if err != nil {
		return tally{}, fmt.Errorf("bot: totals: %w", err)
	}
	var t tally
	for _, r := range rows {
		t.verified, t.fen = t.verified+r.Verified, t.fen+r.AmountFen
		t.undone, t.undoneFen = t.undone+r.Undone, t.undoneFen+r.UndoneFen
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
