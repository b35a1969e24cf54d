package bot

import (
	"context"
	"errors"
	"fmt"
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
}

// A summary that was missed is sent later, but not when it is news to nobody.
const (
	lateAfter  = 15 * time.Minute
	lateAtMost = 36 * time.Hour
)

// edition is one summary that is due: the same for all managers.
type edition struct {
	kind   string
	due    time.Time
	span   Span
	before []earlier
}

// earlier is a span to compare with.
type earlier struct {
	word     string
	from, to time.Time
}

// key names an edition forever.
func (e edition) key() string { return e.kind + "/" + e.span.From.Format(time.DateOnly) }

// editions are those that are due now and not too old, the oldest first.
func (r Report) editions(now time.Time) (due []edition) {
	y, m, d := now.Date()
	zone := now.Location()
	for back := 2; back >= 0; back-- { // days
		midnight := func(days int) time.Time { return time.Date(y, m, d-back+days, 0, 0, 0, 0, zone) }
		at := clockOn(midnight(0), r.At)
		if at.After(now) || now.Sub(at) > lateAtMost {
			continue
		}
		day := 0
		end := at
		if r.At < 12*time.Hour {
			day, end = -1, midnight(0)
		}
		upTo := func(days int) time.Time { // as much of another day as of this one
			if r.At < 12*time.Hour {
				return midnight(day + days + 1)
			}
			return clockOn(midnight(days), r.At)
		}
		due = append(due, edition{
			kind: "day", due: at, span: Span{From: midnight(day), To: end, Title: midnight(day).Format("01-02")},
			before: []earlier{{"前一天", midnight(day - 1), upTo(-1)}, {"上周同日", midnight(day - 7), upTo(-7)}},
		})
		if at.Weekday() == time.Monday {
			due = append(due, edition{
				kind: "week", due: at, span: Span{From: midnight(-7), To: midnight(0), Title: "上周 " + midnight(-7).Format("01-02") + " 至 " + midnight(-1).Format("01-02")},
				before: []earlier{{"前一周", midnight(-14), midnight(-7)}},
			})
		}
		if at.Day() == 1 {
			first := func(months int) time.Time {
				return time.Date(at.Year(), at.Month()+time.Month(months), 1, 0, 0, 0, 0, zone)
			}
			due = append(due, edition{
				kind: "month", due: at, span: Span{From: first(-1), To: first(0), Title: first(-1).Format("2006年1月")},
				before: []earlier{{"前一个月", first(-2), first(-1)}},
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
	due := slices.DeleteFunc(b.Report.editions(b.in(now)), func(e edition) bool { return b.published[e.key()] })
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
			b.published[e.key()] = true
		}
	}()
	err = b.publish(ctx, due)
	return err
}

// publish sends editions to every manager who has not got them: whatever is killed
// or runs at the same time elsewhere, each gets one.
func (b *Bot) publish(ctx context.Context, due []edition) error {
	if b.Notices == "" {
		b.Log.Warn("nobody gets a daily summary: no app is configured")
		return nil
	}
	more, err := b.DB.Managers(ctx)
	if err != nil {
		return fmt.Errorf("bot: managers: %w", err)
	}
	var users []string
	for _, u := range append(slices.Clone(b.Managers), more...) {
		if u = strings.ToLower(u); !slices.Contains(users, u) {
			users = append(users, u)
		}
	}
	var errs []error
	for _, e := range due {
		done, err := b.DB.ReportedTo(ctx, e.kind, e.span.From.Format(time.DateOnly))
		if err != nil {
			return fmt.Errorf("bot: reports: %w", err)
		}
		for _, user := range users {
			if slices.Contains(done, user) {
				continue
			}
			if err := b.reportTo(ctx, user, e); err != nil {
				errs = append(errs, fmt.Errorf("bot: report to %s: %w", user, err))
			}
		}
	}
	return errors.Join(errs...)
}

// reportTo sends one manager an edition.
func (b *Bot) reportTo(ctx context.Context, user string, e edition) error {
	stores, err := b.managed(ctx, b.DB, user)
	if err != nil || len(stores) == 0 {
		return err
	}
	s, err := b.summaryOf(ctx, stores, e)
	if err != nil {
		return err
	}
	if s.now.all == (tally{}) && (!b.Report.EmptyDays || s.late) {
		return nil // a day without business is no news afterwards
	}
	reply := b.summaryReply(s)
	if e.kind == "day" && s.now.all.verified > 0 {
		if reply.File, err = b.chart(ctx, user, s); err != nil {
			b.Log.Warn("summary goes without its picture", "error", err)
		}
	}
	failpoint.Hit("report.before")
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.TakeReport(ctx, user, e.kind, e.span.From.Format(time.DateOnly))
		if err != nil || !fresh {
			return err
		}
		return b.tellOnce(ctx, tx, "report/"+e.key(), []string{user}, reply)
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
	ids := make([]int64, len(stores))
	for i, st := range stores {
		ids[i] = st.ID
	}
	var err error
	if s.now, err = b.figuresOf(ctx, ids, "", e.span); err != nil {
		return s, err
	}
	for _, then := range e.before {
		t, err := b.sumOf(ctx, ids, then.from, then.to)
		if err != nil {
			return s, err
		}
		s.against = append(s.against, comparison{then.word, t})
	}
	if e.kind == "day" && e.before[0].to.Before(e.span.From) {
		if s.tail, err = b.sumOf(ctx, ids, e.before[0].to, e.span.From); err != nil {
			return s, err
		}
	}
	s.outlook, err = b.outlook(ctx, stores)
	return s, err
}
