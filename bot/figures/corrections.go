package figures

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// toldDays is for how many days what was told of a day is held against what has become of
// it. Platforms decide within three days; people who end a doubt may take longer.
const toldDays = 31

// Correction is what the summaries of days have not told, or have told otherwise.
type Correction struct {
	First, Last time.Time  // midnights
	Missed      bool       // the days had no summary
	Mixed       bool       // some of them had none
	Later       models.Sum // verified after the summary
	Added       models.Sum // verified before it, which was not known
	Undone      models.Sum // that was known as verified
	Refunded    models.Sum
}

// compare adds what an account's sums have become.
func (c *Correction) compare(was, is models.DaySums) {
	c.Added = c.Added.Plus(is.Verified.Plus(is.Undone)).Minus(was.Verified.Plus(was.Undone))
	c.Undone = c.Undone.Plus(is.Undone).Minus(was.Undone)
	c.Refunded = c.Refunded.Plus(is.Refunded).Minus(was.Refunded)
}

// settle leaves out what became known and was undone since: it was never told.
func (c *Correction) settle() {
	if c.Added == c.Undone {
		c.Added, c.Undone = models.Sum{}, models.Sum{}
	}
}

func (c Correction) empty() bool {
	return c.Later == models.Sum{} && c.Added == models.Sum{} && c.Undone == models.Sum{} && c.Refunded == models.Sum{}
}

// with is two together, of which the other is later.
func (c Correction) with(o Correction) Correction {
	return Correction{
		First: c.First, Last: o.Last, Missed: c.Missed && o.Missed, Mixed: c.Mixed || o.Mixed || c.Missed != o.Missed,
		Later: c.Later.Plus(o.Later), Added: c.Added.Plus(o.Added), Undone: c.Undone.Plus(o.Undone), Refunded: c.Refunded.Plus(o.Refunded),
	}
}

// atMost puts the oldest together, so that there are at most n.
func atMost(all []Correction, n int) []Correction {
	all = slices.Clone(all)
	for len(all) > n {
		all[1] = all[0].with(all[1])
		all = all[1:]
	}
	return all
}

// corrected says in a few words what has become of earlier days; "": nothing.
func corrected(all []Correction) string {
	const room = 40 // on a card
	switch {
	case len(all) == 0:
		return ""
	case len(all) > 1 || utf8.RuneCountInString(all[0].line()) > room:
		return "前几天有变化，见下面"
	}
	return all[0].line() + "，没有算进上面"
}

// line says it in words.
func (c Correction) line() string {
	line, later := c.First.Format("01-02"), "又核销"
	if !c.Last.Equal(c.First) {
		line += " 至 " + c.Last.Format("01-02")
	}
	switch {
	case c.Missed:
		line, later = line+" 没有发日报，", "核销"
	case c.Mixed:
		line += " 日报以外"
	default:
		line += " 日报以后"
	}
	parts := slices.DeleteFunc([]string{
		change(later, "少核销", c.Later), change("补记", "扣减", c.Added), change("撤销", "少撤销", c.Undone), change("退款", "少退款", c.Refunded),
	}, func(s string) bool { return s == "" })
	return line + cmp.Or(strings.Join(parts, "，"), "合计没有变化")
}

// change says a difference in words; "": there is none.
func change(more, less string, s models.Sum) string {
	switch none := (models.Sum{}); {
	case s == none:
		return ""
	case s.Count > 0 && s.Fen >= 0 && s.Unpriced >= 0:
		return more + " " + words.Sum(s)
	case s.Count < 0 && s.Fen <= 0 && s.Unpriced <= 0:
		return less + " " + words.Sum(none.Minus(s))
	}
	// One came and another went.
	var parts []string
	part := func(n int64, format string, value any) {
		if n != 0 {
			parts = append(parts, fmt.Sprintf(format, map[bool]string{true: "多", false: "少"}[n > 0], value))
		}
	}
	part(int64(s.Count), "%s %d 张", max(s.Count, -s.Count))
	part(s.Fen, "%s %v", dianping.Fen(max(s.Fen, -s.Fen)))
	part(int64(s.Unpriced), "金额不详%s %d 张", max(s.Unpriced, -s.Unpriced))
	return more + "更正：" + strings.Join(parts, "、")
}

// examined is an earlier day as it is from here on known to a receiver.
type examined struct {
	was  models.DayReport
	told models.Told
	Correction
}

// corrections are those that there is something to say of, oldest first.
func corrections(earlier []examined) (all []Correction) {
	for _, d := range earlier {
		switch n := len(all); {
		case d.empty():
		case n > 0 && d.Missed && all[n-1].Missed:
			all[n-1] = all[n-1].with(d.Correction)
		default:
			all = append(all, d.Correction)
		}
	}
	return all
}

// examiner holds what a receiver knows of days against what has become of them.
type examiner struct {
	*Nightly
	accounts []int64
	changed  []int64 // those of which something was changed since
	refunds  []models.Refund
}

// changeSlack is how much earlier than it is seen a change may say that it was: the commit
// comes later, and clocks differ.
const changeSlack = time.Hour

// examine looks at the days before an edition. The last one that the receiver knows of, and
// those since, are summed up again. Of older ones, which were when the last one was told, it
// is only the accounts that have said that something was changed, and refunds.
func (n *Nightly) examine(ctx context.Context, to string, stores []models.Store, e edition) (all []examined, err error) {
	x := examiner{Nightly: n, accounts: models.AccountIDs(stores)}
	today, oldest := e.span.From, e.since()
	days, err := n.DB.Reports.Days(ctx, to, oldest.Format(time.DateOnly), e.begins())
	if err != nil || len(days) == 0 { // who is new was told nothing
		return nil, err
	}
	if x.refunds, err = n.DB.Refunds.Between(ctx, x.accounts, oldest, today); err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(days) {
		if d.Kept() {
			if x.changed, err = n.DB.Figures.ChangedSince(ctx, x.accounts, d.At.Add(-changeSlack)); err != nil {
				return nil, err
			}
			break
		}
	}
	last := days[len(days)-1].Day
	for back := toldDays; back > 0; back-- {
		from, end := dayBefore(today, back), dayBefore(today, back-1)
		name := from.Format(time.DateOnly)
		d := examined{was: models.DayReport{Day: name}, Correction: Correction{First: from, Last: from}}
		if len(days) > 0 && days[0].Day == name {
			d.was, days = days[0], days[1:]
		}
		switch {
		case name > last:
			d.Missed = true
			err = x.again(ctx, &d, models.Told{UpTo: from}, end)
		case name == last:
			err = x.last(ctx, &d, end)
		case d.was.Kept():
			err = x.older(ctx, &d, end)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		d.settle()
		all = append(all, d)
	}
	return all, nil
}

// dayBefore is the midnight so many days before another.
func dayBefore(midnight time.Time, days int) time.Time {
	y, m, d := midnight.Date()
	return time.Date(y, m, d-days, 0, 0, 0, 0, midnight.Location())
}

// last looks at the last day that the receiver knows of. What a process of an earlier version
// has told is not kept: it was nothing later than itself.
func (x examiner) last(ctx context.Context, d *examined, end time.Time) error {
	known, err := d.was.Told()
	if err != nil {
		return err
	}
	if known != nil {
		return x.again(ctx, d, *known, end)
	}
	upTo := d.was.At
	if upTo.After(end) {
		upTo = end
	}
	if d.Undone, err = x.DB.Figures.UndoneSince(ctx, x.accounts, models.Span{From: d.First, To: upTo}, d.was.At); err != nil {
		return err
	}
	return x.again(ctx, d, models.Told{UpTo: upTo}, end)
}

// again sums up a day. Of an account that the receiver was told nothing of it is news what
// came after the summary.
func (x examiner) again(ctx context.Context, d *examined, known models.Told, end time.Time) error {
	head, err := x.sums(ctx, x.accounts, d.First, known.UpTo)
	if err != nil {
		return err
	}
	tail, err := x.sums(ctx, x.accounts, known.UpTo, end)
	if err != nil {
		return err
	}
	d.told = models.Told{UpTo: end, Accounts: known.Accounts}
	if d.told.Accounts == nil {
		d.told.Accounts = map[int64]models.DaySums{}
	}
	for _, id := range x.accounts {
		before, after := head[id], tail[id]
		if was, told := known.Accounts[id]; told {
			d.compare(was, before)
		}
		d.Later, d.Refunded = d.Later.Plus(after.Verified), d.Refunded.Plus(after.Refunded)
		d.told.Accounts[id] = models.DaySums{
			Verified: before.Verified.Plus(after.Verified), Undone: before.Undone.Plus(after.Undone), Refunded: before.Refunded.Plus(after.Refunded),
		}
	}
	return nil
}

// older looks at a day of which the receiver knows the whole.
func (x examiner) older(ctx context.Context, d *examined, end time.Time) error {
	known, err := d.was.Told()
	if err != nil {
		return err
	}
	d.told = *known
	var changed []int64
	for _, id := range x.changed {
		if _, told := known.Accounts[id]; told {
			changed = append(changed, id)
		}
	}
	sums, err := x.sums(ctx, changed, d.First, end)
	if err != nil {
		return err
	}
	for _, id := range x.accounts {
		was, told := known.Accounts[id]
		if !told {
			continue
		}
		is := was
		is.Refunded = sums[id].Refunded
		if slices.Contains(changed, id) {
			is = sums[id]
		}
		d.compare(was, is)
		d.told.Accounts[id] = is
	}
	return nil
}

// sums sums up what some accounts have verified from a time until before another, and what
// was refunded then, of all.
func (x examiner) sums(ctx context.Context, accounts []int64, from, to time.Time) (map[int64]models.DaySums, error) {
	if !from.Before(to) {
		return nil, nil
	}
	sums := map[int64]models.DaySums{}
	if len(accounts) > 0 {
		tallies, err := x.DB.Figures.Tallies(ctx, accounts, "", from, to)
		if err != nil {
			return nil, err
		}
		for id, t := range tallies {
			sums[id] = models.DaySums{Verified: t.Verified, Undone: t.Undone}
		}
	}
	for _, r := range x.refunds {
		if !r.RefundedAt.Before(from) && r.RefundedAt.Before(to) {
			one := sums[r.StoreID]
			one.Refunded.Add(r.Price())
			sums[r.StoreID] = one
		}
	}
	return sums, nil
}

// told is what a day's summary tells.
func (s Summary) told() *models.Told {
	told := &models.Told{UpTo: s.Span.To, Accounts: map[int64]models.DaySums{}}
	for _, id := range models.AccountIDs(s.Stores) {
		t := s.Now.ByAccount[id]
		told.Accounts[id] = models.DaySums{Verified: t.Verified, Undone: t.Undone}
	}
	for _, r := range s.Now.Refunds {
		one := told.Accounts[r.StoreID]
		one.Refunded.Add(r.Price())
		told.Accounts[r.StoreID] = one
	}
	return told
}

// claim claims an edition for a receiver, and keeps what they know of days with it.
func claim(ctx context.Context, tx *models.DB, to string, e edition, at time.Time, s Summary, earlier []examined) (fresh bool, err error) {
	var told *models.Told
	if e.kind == "day" {
		told = s.told()
	}
	fresh, err = tx.Reports.Claim(ctx, to, e.kind, e.begins(), at, told)
	if err != nil || !fresh {
		return false, err
	}
	for _, d := range earlier {
		if err := tx.Reports.Correct(ctx, to, d.was, at, d.told); err != nil {
			return false, fmt.Errorf("day %s: %w", d.was.Day, err)
		}
	}
	if e.kind == "day" {
		err = tx.Reports.Purge(ctx, to, e.since().Format(time.DateOnly))
	}
	return err == nil, err
}
