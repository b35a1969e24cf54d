package figures

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// Counter counts what stores have verified.
type Counter struct {
	DB       *models.DB
	Words    *words.Words
	Ledger   *reconcile.Keeper
	Stopping func() bool // long work ends early
	Now      func() time.Time
	NewID    func() string

	keepNext time.Time
}

// Tally counts coupons and their money: what was verified and not undone, and what
// was undone.
type Tally models.Sum

func (t Tally) String() string {
	return fmt.Sprintf("%d 张 %v", t.Verified, dianping.Fen(t.AmountFen))
}

// Counted is a span as the database counts it.
func Counted(s command.Span) models.Span { return models.Span{From: s.From, To: s.To, Kind: s.Kind} }

// Sums are those of some stores over a span of time.
type Sums struct {
	All      Tally
	ByStore  map[int64]*Tally
	ByPerson map[string]*Tally // by name: userids mean nothing to a reader
	ByDeal   map[string]*Tally
	ByHour   [24]int // verified, by the hour of the day
	Refused  []models.Refusal
}

// Of collects the figures of stores.
func (x *Counter) Of(ctx context.Context, stores []int64, span command.Span) (Sums, error) {
	f, err := x.DB.Figures(ctx, stores, Counted(span))
	if err != nil {
		return Sums{}, fmt.Errorf("bot: figures: %w", err)
	}
	return Sums{Tally(f.All()), tallies(f.ByStore), tallies(f.ByPerson), tallies(f.ByDeal), f.ByHour, f.Refusals()}, nil
}

func tallies[K comparable](sums map[K]*models.Sum) map[K]*Tally {
	all := make(map[K]*Tally, len(sums))
	for key, s := range sums {
		all[key] = (*Tally)(s)
	}
	return all
}

// Best lists the keys with most coupons first.
func Best[K cmp.Ordered](m map[K]*Tally) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y K) int {
		return cmp.Or(cmp.Compare(m[y].Verified, m[x].Verified), cmp.Compare(m[y].AmountFen, m[x].AmountFen), cmp.Compare(x, y))
	})
	return keys
}

// Busiest is the hour with most coupons, and how many.
func (f Sums) Busiest() (hour, n int) {
	for h, count := range f.ByHour {
		if count > n {
			hour, n = h, count
		}
	}
	return hour, n
}

// Sum is the tally of stores over a span, without the rest.
func (x *Counter) Sum(ctx context.Context, stores []int64, span command.Span) (Tally, error) {
	if span.Kind != "" { // it may be kept
		f, err := x.Of(ctx, stores, span)
		return f.All, err
	}
	rows, err := x.DB.Totals(ctx, stores, "", span.From, span.To)
	if err != nil {
		return Tally{}, fmt.Errorf("bot: totals: %w", err)
	}
	var t Tally
	for _, r := range rows {
		t.Verified, t.AmountFen = t.Verified+r.Verified, t.AmountFen+r.AmountFen
		t.Undone, t.UndoneFen = t.Undone+r.Undone, t.UndoneFen+r.UndoneFen
	}
	return t, nil
}

// Outlook is what a manager should know of these stores besides figures: outcomes
// that are not known, authorisations that end soon. One line each.
func (x *Counter) Outlook(ctx context.Context, stores []models.Store) ([]string, error) {
	var lines []string
	mine := map[int64]models.Store{}
	for _, s := range stores {
		mine[s.ID] = s
	}
	doubts, err := x.DB.Doubtful(ctx)
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
	line, err := x.reconciledLine(ctx, stores)
	if err != nil {
		return nil, err
	}
	if line != "" {
		lines = append(lines, line)
	}
	all, err := x.DB.Grants(ctx)
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
		case grants.Void(g):
			lines = append(lines, fmt.Sprintf("%s 的授权已失效，请发「授权」", s.Name))
		case !end.IsZero() && !x.Now().Before(end):
			lines = append(lines, fmt.Sprintf("%s 的授权 %s 已到期，请发「授权」", s.Name, x.Words.In(end).Format("01-02")))
		case !end.IsZero() && end.Sub(x.Now()) < endingSoon:
			lines = append(lines, fmt.Sprintf("%s 的授权 %s 到期，请发「授权」", s.Name, x.Words.In(end).Format("01-02")))
		}
	}
	return lines, nil
}

const endingSoon = 7 * 24 * time.Hour

// reconciledLine is the last closed day of these stores in one line, for a
// summary: "" where it was not compared.
func (x *Counter) reconciledLine(ctx context.Context, stores []models.Store) (string, error) {
	day := reconcile.DayOf(x.Now().Add(-24 * time.Hour))
	line, err := x.Ledger.Line(ctx, models.StoreIDs(stores), day)
	if err != nil {
		return "", fmt.Errorf("bot: %w", err)
	}
	if line == "" {
		return "", nil
	}
	return day[len("2006-"):] + " 对账：" + line, nil
}
