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
	"yanquan/bot/platform"
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

// Of collects the figures of stores, by their accounts; see [ByStore] and [ByPlatform].
func (x *Counter) Of(ctx context.Context, stores []models.Store, span command.Span) (*models.Figures, error) {
	f, err := x.DB.Figures.Sum(ctx, models.AccountIDs(stores), Counted(span))
	if err != nil {
		return nil, fmt.Errorf("bot: figures: %w", err)
	}
	f.Refunds, err = x.refundsOf(ctx, stores, span)
	return f, err
}

// ByStore adds up what accounts have verified, by their stores.
func ByStore(stores []models.Store, byAccount map[int64]models.Tally) map[int64]models.Tally {
	sums := map[int64]models.Tally{}
	for _, s := range stores {
		for _, id := range models.AccountIDs([]models.Store{s}) {
			if t, ok := byAccount[id]; ok {
				sums[s.ID] = sums[s.ID].Plus(t)
			}
		}
	}
	return sums
}

// ByPlatform adds up what accounts have verified, by what their platforms are called,
// which is as much as all together; nil where no store has accounts at several. A platform
// without business is left out. An
// account that is not in use counts where it has verified something.
func ByPlatform(stores []models.Store, byAccount map[int64]models.Tally) map[string]models.Tally {
	sums, several := map[string]models.Tally{}, false
	for _, s := range stores {
		own := map[string]bool{}
		for _, a := range s.All() {
			t := byAccount[a.ID]
			if !a.Active && t.Empty() {
				continue
			}
			name := platform.Name(a.Platform)
			own[name] = true
			if !t.Empty() {
				sums[name] = sums[name].Plus(t)
			}
		}
		several = several || len(own) > 1
	}
	if !several {
		return nil
	}
	return sums
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
func (x *Counter) Sum(ctx context.Context, stores []models.Store, span command.Span) (t models.Tally, err error) {
	if span.Kind != "" { // it may be kept
		f, err := x.Of(ctx, stores, span)
		if err != nil {
			return t, err
		}
		return f.All(), nil
	}
	byAccount, err := x.DB.Figures.Tallies(ctx, models.AccountIDs(stores), "", span.From, span.To)
	if err != nil {
		return t, fmt.Errorf("bot: tallies: %w", err)
	}
	for _, one := range byAccount {
		t = t.Plus(one)
	}
	return t, nil
}

// Outlook is what a manager should know of these stores besides figures: outcomes
// that are not known, the last reconciliation, authorisations that end soon. One
// line each.
func (x *Counter) Outlook(ctx context.Context, stores []models.Store) ([]string, error) {
	var lines []string
	for _, open := range []struct {
		count func(context.Context) ([]models.Seen, error)
		line  string
	}{
		{x.DB.Alerts.Doubtful, "还有 %d 笔平台没有给出结果，我在继续确认"},
		{x.DB.Alerts.Held, "还有 %d 笔在平台风控核验中，有结果会告诉核销的人"},
	} {
		seen, err := open.count(ctx)
		if err != nil {
			return nil, fmt.Errorf("bot: doubts: %w", err)
		}
		if n := timesIn(seen, models.StoreIDs(stores)); n > 0 {
			lines = append(lines, fmt.Sprintf(open.line, n))
		}
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

// timesIn counts what was seen in these stores.
func timesIn(seen []models.Seen, stores []int64) (n int) {
	for _, s := range seen {
		if slices.Contains(stores, s.StoreID) {
			n += s.Times
		}
	}
	return n
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
		for _, a := range models.AccountsOf([]models.Store{s}) {
			if line := x.ends(words.AccountName(s, a), byID[a.GrantID]); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

// ends says of an account that its authorisation ends soon, or has ended; "": neither.
func (x *Counter) ends(name string, g models.Grant) string {
	end := grants.Ends(g)
	switch {
	case g.ID == "":
	case grants.Void(g):
		return fmt.Sprintf("%s 的授权已失效，请发「授权」", name)
	case !end.IsZero() && !x.Now().Before(end):
		return fmt.Sprintf("%s 的授权 %s 已到期，请发「授权」", name, x.Words.In(end).Format("01-02"))
	case !end.IsZero() && end.Sub(x.Now()) < endingSoon:
		return fmt.Sprintf("%s 的授权 %s 到期，请发「授权」", name, x.Words.In(end).Format("01-02"))
	}
	return ""
}

// reconciledLine is the last closed day of these stores in one line, for a
// summary: "" where it was not compared. Its day is the platform's, which is named
// where people have another one.
func (x *Counter) reconciledLine(ctx context.Context, stores []models.Store) (string, error) {
	yesterday := x.Now().Add(-24 * time.Hour)
	day := reconcile.DayOf(yesterday)
	all, err := x.Reconciliation.Accounts(ctx, stores, day)
	if err != nil {
		return "", err
	}
	var accounts []int64
	for _, some := range all {
		for _, a := range some {
			accounts = append(accounts, a.ID)
		}
	}
	line, err := x.Reconciliation.Line(ctx, accounts, day)
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
