package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"yanquan/bot/report"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Report is when managers get their summaries: of the day every day, of the week
// before on Mondays, of the month before on the first.
type Report struct {
	At        time.Duration // since midnight; before noon, it is the day before that is summed up
	EmptyDays bool          // also without business
	// Times are those of managers, by case-folded userid, and of webhooks, by
	// channel, that are not At.
	Times map[string]time.Duration
}

// at is when somebody gets it.
func (r Report) at(to string) time.Duration {
	if at, ok := r.Times[to]; ok {
		return at
	}
	return r.At
}

// Webhook is a group that gets the summaries, too.
type Webhook struct {
	Channel string   // "webhook/<name>"
	Stores  []string // by name; none: all
	Notices bool     // it is told of trouble as well
}

// publishRetry is the pause after a failure.
const publishRetry = 10 * time.Second

// A summary that was missed is sent later, but not when it is news to nobody.
const (
	lateAfter  = 15 * time.Minute
	lateAtMost = 36 * time.Hour
)

// edition is one summary that is due: the same for all who get theirs at that hour.
type edition struct {
	kind   string
	at     time.Duration
	due    time.Time
	span   Span
	before []earlier
}

// earlier is a span to compare with.
type earlier struct {
	word string
	span Span
}

// key names an edition forever.
func (e edition) key() string { return e.kind + "/" + e.span.From.Format(time.DateOnly) }

// run names the sending of it at its hour.
func (e edition) run() string { return e.key() + " " + e.at.String() }

// period is what the console calls it.
func (e edition) period() Period {
	switch e.kind {
	case "day":
		return Period(e.span.From.Format(time.DateOnly))
	case "month":
		return Period(e.span.From.Format("2006-01"))
	}
	year, week := e.span.From.ISOWeek()
	return Period(fmt.Sprintf("%04d-W%02d", year, week))
}

// editions are those that are due now and not too old, of each hour the oldest first.
func (r Report) editions(now time.Time) (due []edition) {
	hours := append(slices.Collect(maps.Values(r.Times)), r.At)
	slices.Sort(hours)
	for _, hour := range slices.Compact(hours) {
		due = append(due, editionsOf(now, hour)...)
	}
	return due
}

func editionsOf(now time.Time, hour time.Duration) (due []edition) {
	y, m, d := now.Date()
	zone := now.Location()
	for back := 2; back >= 0; back-- { // days
		midnight := func(days int) time.Time { return time.Date(y, m, d-back+days, 0, 0, 0, 0, zone) }
		at := clockOn(midnight(0), hour)
		if at.After(now) || now.Sub(at) > lateAtMost {
			continue
		}
		day := 0
		end := at
		if hour < 12*time.Hour {
			day, end = -1, midnight(0)
		}
		upTo := func(days int) time.Time { // as much of another day as of this one
			if hour < 12*time.Hour {
				return midnight(day + days + 1)
			}
			return clockOn(midnight(days), hour)
		}
		due = append(due, edition{
			kind: "day", at: hour, due: at, span: Span{From: midnight(day), To: end, Title: midnight(day).Format("01-02"), kind: days},
			before: []earlier{{"前一天", Span{From: midnight(day - 1), To: upTo(-1)}}, {"上周同日", Span{From: midnight(day - 7), To: upTo(-7)}}},
		})
		if at.Weekday() == time.Monday {
			due = append(due, edition{
				kind: "week", at: hour, due: at, span: Span{From: midnight(-7), To: midnight(0), Title: "上周 " + midnight(-7).Format("01-02") + " 至 " + midnight(-1).Format("01-02"), kind: weeks},
				before: []earlier{{"前一周", Span{From: midnight(-14), To: midnight(-7), kind: weeks}}},
			})
		}
		if at.Day() == 1 {
			first := func(months int) time.Time {
				return time.Date(at.Year(), at.Month()+time.Month(months), 1, 0, 0, 0, 0, zone)
			}
			due = append(due, edition{
				kind: "month", at: hour, due: at, span: Span{From: first(-1), To: first(0), Title: first(-1).Format("2006年1月"), kind: months},
				before: []earlier{{"前一个月", Span{From: first(-2), To: first(-1), kind: months}}},
			})
		}
	}
	return due
}

// clockOn is a time of day on the day that begins at midnight, by the clock on the
// wall.
func clockOn(midnight time.Time, at time.Duration) time.Time {
	y, m, d := midnight.Date()
	return time.Date(y, m, d, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, midnight.Location())
}

// editionsDue lists the editions that this process has not seen through yet.
func (b *Bot) editionsDue(now time.Time) []edition {
	if b.Report == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.publishing || now.Before(b.publishAgain) {
		return nil
	}
	due := slices.DeleteFunc(b.Report.editions(b.in(now)), func(e edition) bool { return b.published[e.run()] })
	b.publishing = len(due) > 0
	return due
}

// publishNow publishes editions, and remembers those that all have got.
func (b *Bot) publishNow(ctx context.Context, due []edition) error {
	err := errors.New("bot: summaries: panic")
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.publishing = false
		if err != nil {
			b.publishAgain = b.Now().Add(publishRetry)
			return
		}
		for _, e := range due {
			b.published[e.run()] = true
		}
	}()
	err = b.publish(ctx, due)
	return err
}

// publish sends editions to every manager who has not got them: whatever is killed
// or runs at the same time elsewhere, each gets one.
func (b *Bot) publish(ctx context.Context, due []edition) error {
	if b.NoticeChannel == "" && len(b.Webhooks) == 0 {
		b.Log.Warn("nobody gets a daily summary: no app and no webhook is configured")
		return nil
	}
	more, err := b.DB.Managers(ctx)
	if err != nil {
		return fmt.Errorf("bot: managers: %w", err)
	}
	var users []string
	for _, u := range append(slices.Clone(b.Managers), more...) {
		if u = strings.ToLower(u); b.NoticeChannel != "" && !slices.Contains(users, u) {
			users = append(users, u)
		}
	}
	all, err := b.DB.Stores(ctx)
	if err != nil {
		return fmt.Errorf("bot: stores: %w", err)
	}
	var errs []error
	for _, e := range due { // one after another: a day's comes before its month's
		done, err := b.DB.ReportedTo(ctx, e.kind, e.span.From.Format(time.DateOnly))
		if err != nil {
			return fmt.Errorf("bot: reports: %w", err)
		}
		var tell []func() error
		for _, user := range users {
			if slices.Contains(done, user) || b.Report.at(user) != e.at {
				continue
			}
			tell = append(tell, func() error {
				stores, err := b.managedOf(ctx, b.DB, all, user)
				if err != nil {
					return err
				}
				return b.reportTo(ctx, user, Delivery{Channel: b.NoticeChannel, User: user}, stores, e)
			})
		}
		for _, h := range b.Webhooks {
			if slices.Contains(done, strings.ToLower(h.Channel)) || b.Report.at(h.Channel) != e.at {
				continue
			}
			tell = append(tell, func() error {
				return b.reportTo(ctx, h.Channel, Delivery{Channel: h.Channel}, b.shownTo(all, h), e)
			})
		}
		errs = append(errs, atOnce(reportHands, tell))
	}
	return errors.Join(errs...)
}

// reportHands make summaries: most of it is drawing.
const reportHands = 4

// shownTo lists the stores of a webhook.
func (b *Bot) shownTo(all []models.Store, h Webhook) []models.Store {
	if len(h.Stores) == 0 {
		return all
	}
	stores := slices.DeleteFunc(slices.Clone(all), func(s models.Store) bool { return !slices.Contains(h.Stores, s.Name) })
	if len(stores) < len(h.Stores) {
		b.Log.Warn("a webhook names stores that are not there", "channel", h.Channel, "stores", h.Stores)
	}
	return stores
}

// reportTo sends one manager, or one group, an edition about some stores.
func (b *Bot) reportTo(ctx context.Context, to string, d Delivery, stores []models.Store, e edition) (err error) {
	if len(stores) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("bot: report to %s: %w", to, err)
		}
	}()
	s, err := b.summaryOf(ctx, stores, e)
	if err != nil {
		return err
	}
	if s.now.all == (tally{}) && (!b.Report.EmptyDays || s.late) {
		return nil // a day without business is no news afterwards
	}
	reply := b.summaryReply(s)
	if b.ConsolePage != nil {
		reply.Card.URL = b.ConsolePage(e.period())
	}
	if e.kind == "day" && s.now.all.Verified > 0 {
		if reply.File, err = b.chart(ctx, d.User, s); err != nil {
			b.Log.Warn("summary goes without its picture", "error", err)
		}
	}
	d.Reply = reply
	failpoint.Hit("report.before")
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.TakeReport(ctx, to, e.kind, e.span.From.Format(time.DateOnly))
		if err != nil || !fresh {
			return err
		}
		return b.tellOne(ctx, tx, "report/"+e.key(), to, d)
	})
	failpoint.Hit("report.after")
	return err
}

// chart draws the day by hour and keeps the picture.
func (b *Bot) chart(ctx context.Context, user string, s summary) (*File, error) {
	picture, err := report.ByHour(s.span.Title+" 核销 "+s.now.all.String(), s.now.byHour).PNG()
	if err != nil {
		return nil, err
	}
	w, err := b.DB.CreateFile(ctx, models.File{
		ID: b.NewID(), Name: "验券_" + s.span.From.Format("20060102") + ".png", Kind: string(Image), UserID: user, CreatedAt: b.Now(), ExpiresAt: b.Now().Add(fileLife),
	})
	if err != nil {
		return nil, fmt.Errorf("bot: file: %w", err)
	}
	if _, err := w.Write(picture); err != nil {
		return nil, fmt.Errorf("bot: file: %w", err)
	}
	file, err := w.Close()
	if err != nil {
		return nil, fmt.Errorf("bot: file: %w", err)
	}
	return &File{ID: file.ID, Name: file.Name, Kind: Image, Size: file.Size}, nil
}

func (b *Bot) summaryOf(ctx context.Context, stores []models.Store, e edition) (summary, error) {
	s := summary{span: e.span, stores: stores, late: b.Now().Sub(e.due) > lateAfter}
	ids := models.StoreIDs(stores)
	var err error
	if s.now, err = b.figuresOf(ctx, ids, e.span); err != nil {
		return s, err
	}
	for _, then := range e.before {
		t, err := b.sumOf(ctx, ids, then.span)
		if err != nil {
			return s, err
		}
		s.against = append(s.against, comparison{then.word, t})
	}
	if e.kind == "day" && e.before[0].span.To.Before(e.span.From) {
		if s.tail, err = b.sumOf(ctx, ids, Span{From: e.before[0].span.To, To: e.span.From}); err != nil {
			return s, err
		}
	}
	s.outlook, err = b.outlook(ctx, stores)
	return s, err
}
