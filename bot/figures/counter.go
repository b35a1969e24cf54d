// Package figures tells managers what their stores have verified: it counts, draws
// and sends the summaries of days, weeks and months. It knows nothing of how a
// voucher is verified, nor of who may see what.
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
	"yanquan/models"
)

// Counter counts what stores have verified.
type Counter struct {
	DB             *models.DB
	Words          *words.Words
	Reconciliation *reconcile.Keeper
	Stopping       func() bool // long work ends early
	Now            func() time.Time
	NewID          func() string
	nextKeeping    time.Time
}

// Counted is a span as the database counts it.
func Counted(s command.Span) models.Span { return models.Span{From: s.From, To: s.To, Kind: s.Kind} }

// Of collects the figures of stores.
func (x *Counter) Of(ctx context.Context, stores []int64, span command.Span) (*models.Figures, error) {
	f, err := x.DB.Figures.Sum(ctx, stores, Counted(span))
	if err != nil {
		return nil, fmt.Errorf("bot: figures: %w", err)
	}
	return f, nil
}

// Best lists the keys with most coupons first.
func Best[K cmp.Ordered](m map[K]models.Tally) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y K) int {
		a, b := m[x].Verified, m[y].Verified
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Fen, a.Fen), cmp.Compare(x, y))
	})
	return keys
}

// Sum is the tally of stores over a span, without the rest.
func (x *Counter) Sum(ctx context.Context, stores []int64, span command.Span) (t models.Tally, err error) {
	if span.Kind != "" { // it may be kept
		f, err := x.Of(ctx, stores, span)
		if err != nil {
			return t, err
		}
		return f.All(), nil
	}
	byStore, err := x.DB.Figures.Tallies(ctx, stores, "", span.From, span.To)
	if err != nil {
		return t, fmt.Errorf("bot: tallies: %w", err)
	}
	for _, one := range byStore {
		t = t.Plus(one)
	}
	return t, nil
}

// Outlook is what a manager should know of these stores besides figures: outcomes
// that are not known, the last reconciliation, authorisations that end soon. One
// line each.
func (x *Counter) Outlook(ctx context.Context, stores []models.Store) ([]string, error) {
	var lines []string
	n, err := x.doubtful(ctx, models.StoreIDs(stores))
	if err != nil {
		return nil, err
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
	ending, err := x.ending(ctx, stores)
	return append(lines, ending...), err
}

// doubtful counts the operations of these stores whose outcome is not known.
func (x *Counter) doubtful(ctx context.Context, stores []int64) (n int, err error) {
	doubts, err := x.DB.Alerts.Doubtful(ctx)
	if err != nil {
		return 0, fmt.Errorf("bot: doubts: %w", err)
	}
	for _, d := range doubts {
		if slices.Contains(stores, d.StoreID) {
			n += d.Times
		}
	}
	return n, nil
}

const endingSoon = 7 * 24 * time.Hour

// ending says of which of these stores the authorisation ends soon, or has ended.
func (x *Counter) ending(ctx context.Context, stores []models.Store) (lines []string, err error) {
	all, err := x.DB.Grants.List(ctx)
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

// reconciledLine is the last closed day of these stores in one line, for a
// summary: "" where it was not compared. Its day is the platform's, which is named
// where people have another one.
func (x *Counter) reconciledLine(ctx context.Context, stores []models.Store) (string, error) {
	yesterday := x.Now().Add(-24 * time.Hour)
	day := reconcile.DayOf(yesterday)
	line, err := x.Reconciliation.Line(ctx, models.StoreIDs(stores), day)
	if err != nil || line == "" {
		return "", err
	}
	name := day[len("2006-"):]
	_, theirs := yesterday.In(reconcile.Zone).Zone()
	if _, ours := x.Words.In(yesterday).Zone(); ours != theirs {
		name = "北京时间 " + name
	}
	return name + " 对账：" + line, nil
}
