package figures

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/notice"
	"yanquan/bot/ticket"
	"yanquan/bot/words"
	"yanquan/internal/failpoint"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// Nightly sends managers and groups their summaries.
type Nightly struct {
	DB            *models.DB
	Figures       *Counter
	Words         *words.Words
	Access        *access.Access
	Notices       *notice.Notices
	Report        *Report // nil: none are sent
	NoticeChannel string
	Managers      []string
	Webhooks      []notice.Webhook
	ConsolePage   func(p command.Period) string // page of a period's figures; may be nil
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	mu           sync.Mutex
	publishing   bool            // summaries are being sent
	published    map[string]bool // editions that all managers have got
	publishAgain time.Time       // after a failure
}

// Report is when managers get their summaries: of the day every day, of the week
// before on Mondays, of the month before on the first.
type Report struct {
	At        time.Duration // since midnight; before noon, it is the day before that is summed up
	EmptyDays bool          // also without business
	// Times are those of managers, by case-folded userid, and of webhooks, by
	// channel, that are not At.
	Times map[string]time.Duration
}

// at is the time of day at which a receiver gets it.
func (r Report) at(to string) time.Duration {
	if at, ok := r.Times[to]; ok {
		return at
	}
	return r.At
}

// publishRetry is the pause after a failure.
const publishRetry = 10 * time.Second

// A summary that was missed is sent later, but not when it is no news any more.
const (
	lateAfter  = 15 * time.Minute
	lateAtMost = 36 * time.Hour
)

// edition is one summary that is due: the same for all who get theirs at that hour.
type edition struct {
	kind   string
	at     time.Duration
	due    time.Time
	span   command.Span
	before []earlier
}

// earlier is a span to compare with.
type earlier struct {
	Word string
	span command.Span
}

// since is from when on a store that has ended is in it: what became of its business may
// not have been told yet.
func (e edition) since() time.Time {
	if e.kind == "day" {
		return dayBefore(e.span.From, toldDays)
	}
	return e.span.From
}

// begins is its first day.
func (e edition) begins() string { return e.span.From.Format(time.DateOnly) }

// Key names an edition forever.
func (e edition) Key() string { return e.kind + "/" + e.begins() }

// run names the sending of it at its hour.
func (e edition) run() string { return e.Key() + " " + e.at.String() }

// period is what the console calls it.
func (e edition) period() command.Period {
	switch e.kind {
	case "day":
		return command.Period(e.span.From.Format(time.DateOnly))
	case "month":
		return command.Period(e.span.From.Format("2006-01"))
	}
	year, week := e.span.From.ISOWeek()
	return command.Period(fmt.Sprintf("%04d-W%02d", year, week))
}

// Editions are those that are due now and not too old, of each hour the oldest first.
func (r Report) Editions(now time.Time) (due []edition) {
	hours := append(slices.Collect(maps.Values(r.Times)), r.At)
	slices.Sort(hours)
	for _, hour := range slices.Compact(hours) {
		due = append(due, editionsOf(now, hour)...)
	}
	return due
}

func editionsOf(now time.Time, hour time.Duration) (due []edition) {
	y, m, d := now.Date()
	for back := 2; back >= 0; back-- { // days
		midnight := func(days int) time.Time { return time.Date(y, m, d-back+days, 0, 0, 0, 0, now.Location()) }
		at := clockOn(midnight(0), hour)
		if at.After(now) || now.Sub(at) > lateAtMost {
			continue
		}
		add := func(e edition) {
			e.at, e.due = hour, at
			due = append(due, e)
		}
		add(dayEdition(midnight, hour))
		if at.Weekday() == time.Monday {
			add(edition{
				kind: "week", span: command.Span{From: midnight(-7), To: midnight(0), Title: "上周 " + midnight(-7).Format("01-02") + " 至 " + midnight(-1).Format("01-02"), Kind: command.Weeks},
				before: []earlier{{"前一周", command.Span{From: midnight(-14), To: midnight(-7), Kind: command.Weeks}}},
			})
		}
		if at.Day() == 1 {
			first := func(months int) time.Time { return midnight(0).AddDate(0, months, 0) }
			add(edition{
				kind: "month", span: command.Span{From: first(-1), To: first(0), Title: first(-1).Format("2006年1月"), Kind: command.Months},
				before: []earlier{{"前一个月", command.Span{From: first(-2), To: first(-1), Kind: command.Months}}},
			})
		}
	}
	return due
}

// dayEdition is that of the day whose midnight is that of 0, up to the hour; before
// noon, of the whole day before it.
func dayEdition(midnight func(days int) time.Time, hour time.Duration) edition {
	day := 0
	upTo := func(days int) time.Time { return clockOn(midnight(days), hour) }
	if hour < 12*time.Hour {
		day = -1
		upTo = func(days int) time.Time { return midnight(days) } // the end of the day before
	}
	span := func(back int) command.Span { return command.Span{From: midnight(day - back), To: upTo(-back)} }
	today := span(0)
	today.Title, today.Kind = today.From.Format("01-02"), command.Days
	return edition{kind: "day", span: today, before: []earlier{{"前一天", span(1)}, {"上周同日", span(7)}}}
}

// clockOn is a time of day on the day that begins at midnight, by the clock on the
// wall.
func clockOn(midnight time.Time, at time.Duration) time.Time {
	y, m, d := midnight.Date()
	return time.Date(y, m, d, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, midnight.Location())
}

// Due lists the editions that this process has not seen through yet.
func (n *Nightly) Due(now time.Time) []edition {
	if n.Report == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.publishing || now.Before(n.publishAgain) {
		return nil
	}
	due := slices.DeleteFunc(n.Report.Editions(n.Words.In(now)), func(e edition) bool { return n.published[e.run()] })
	n.publishing = len(due) > 0
	return due
}

// Publish publishes editions, and remembers those that all have got.
func (n *Nightly) Publish(ctx context.Context, due []edition) error {
	err := errors.New("bot: summaries: panic")
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.publishing = false
		if err != nil {
			n.publishAgain = n.Now().Add(publishRetry)
			return
		}
		if n.published == nil {
			n.published = map[string]bool{}
		}
		for _, e := range due {
			n.published[e.run()] = true
		}
	}()
	err = n.publishAll(ctx, due)
	return err
}

// publishAll sends editions to every manager who has not got them: whatever is killed
// or runs at the same time elsewhere, each gets one.
func (n *Nightly) publishAll(ctx context.Context, due []edition) error {
	if n.NoticeChannel == "" && len(n.Webhooks) == 0 {
		n.Log.Warn("nobody gets a daily summary: no app and no webhook is configured")
		return nil
	}
	var errs []error
	for _, e := range due { // one after another: a day's comes before its month's
		tell, err := n.receivers(ctx, e)
		if err != nil {
			return err
		}
		errs = append(errs, atOnce(reportHands, tell))
	}
	return errors.Join(errs...)
}

// receivers are the sendings of an edition to those who have not got it. A store that
// has ended since is in it, with what it verified until then.
func (n *Nightly) receivers(ctx context.Context, e edition) (tell []func() error, err error) {
	done, err := n.DB.Reports.Recipients(ctx, e.kind, e.begins())
	if err != nil {
		return nil, fmt.Errorf("bot: reports: %w", err)
	}
	waits := func(to string) bool { return !slices.Contains(done, strings.ToLower(to)) && n.Report.at(to) == e.at }
	managers, err := n.DB.Directory.Managers(ctx, e.since(), e.span.To)
	if err != nil {
		return nil, fmt.Errorf("bot: managers: %w", err)
	}
	users := map[string]bool{}
	for _, user := range append(slices.Clone(n.Managers), managers...) {
		if user = strings.ToLower(user); n.NoticeChannel == "" || users[user] || !waits(user) {
			continue
		}
		users[user] = true
		tell = append(tell, func() error {
			stores, err := n.Access.ManagedDuring(ctx, n.DB, user, e.since(), e.span.To)
			if err != nil {
				return err
			}
			return n.reportTo(ctx, user, bot.Delivery{Channel: n.NoticeChannel, User: user}, stores, e)
		})
	}
	for _, h := range n.Webhooks {
		if !waits(h.Channel) {
			continue
		}
		tell = append(tell, func() error {
			stores, err := n.shownTo(ctx, h, e)
			if err != nil {
				return err
			}
			return n.reportTo(ctx, h.Channel, bot.Delivery{Channel: h.Channel}, stores, e)
		})
	}
	return tell, nil
}

// reportHands make summaries: most of it is drawing.
const reportHands = 4

// shownTo lists the stores of a webhook.
func (n *Nightly) shownTo(ctx context.Context, h notice.Webhook, e edition) (stores []models.Store, err error) {
	places, err := n.DB.Directory.Places(ctx, models.PlaceFilter{All: true, From: e.since(), To: e.span.To})
	if err != nil {
		return nil, fmt.Errorf("bot: places: %w", err)
	}
	for _, p := range places {
		if h.About(p.Store) {
			stores = append(stores, p.Store)
		}
	}
	if len(stores) < len(h.Stores) {
		n.Log.Warn("a webhook names stores that are not there", "channel", h.Channel, "stores", h.Stores)
	}
	return stores, nil
}

// reportTo sends one manager, or one group, an edition about some stores.
func (n *Nightly) reportTo(ctx context.Context, to string, d bot.Delivery, stores []models.Store, e edition) (err error) {
	if len(stores) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("bot: report to %s: %w", to, err)
		}
	}()
	at := n.Now() // what changes from here on is the next one's
	s, err := n.summaryOf(ctx, stores, e)
	if err != nil {
		return err
	}
	var earlier []examined
	if e.kind == "day" {
		if earlier, err = n.examine(ctx, to, stores, e); err != nil {
			return err
		}
		s.Corrections = corrections(earlier)
	}
	if s.empty() && (!n.Report.EmptyDays || s.Late || !slices.ContainsFunc(stores, models.Store.Live)) {
		// A day without business is no news afterwards, nor of what has ended.
		if s.Late { // what comes after another hour of it is news
			return nil
		}
		return n.DB.Tx(ctx, func(tx *models.DB) error {
			_, err := claim(ctx, tx, to, e, at, s, earlier)
			return err
		})
	}
	reply := n.Figures.Reply(s)
	if n.ConsolePage != nil {
		reply.Card.URL = n.ConsolePage(e.period())
	}
	if e.kind == "day" && s.Now.All().Verified.Count > 0 {
		if reply.File, err = n.chart(ctx, d.User, s); err != nil {
			n.Log.Warn("summary goes without its picture", "error", err)
		}
	}
	d.Reply = reply
	failpoint.Hit("report.before")
	err = n.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := claim(ctx, tx, to, e, at, s, earlier)
		if err != nil || !fresh {
			return err
		}
		return n.Notices.Tell(ctx, tx, "report/"+e.Key(), to, d)
	})
	failpoint.Hit("report.after")
	return err
}

// chart draws the day by hour and keeps the picture.
func (n *Nightly) chart(ctx context.Context, user string, s Summary) (*bot.File, error) {
	picture, err := ByHour(s.Span.Title, s.Now.All().Verified, s.Now.ByHour).PNG()
	if err != nil {
		return nil, err
	}
	w, err := n.DB.Files.Create(ctx, models.File{
		ID: n.NewID(), Name: "验券_" + s.Span.From.Format("20060102") + ".png", Kind: string(bot.Image), UserID: user, CreatedAt: n.Now(), ExpiresAt: n.Now().Add(ticket.FileLife),
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
	return &bot.File{ID: file.ID, Name: file.Name, Kind: bot.Image, Size: file.Size}, nil
}

func (n *Nightly) summaryOf(ctx context.Context, stores []models.Store, e edition) (Summary, error) {
	s := Summary{Span: e.span, Stores: stores, Late: n.Now().Sub(e.due) > lateAfter}
	var err error
	if s.Now, err = n.Figures.Of(ctx, stores, e.span); err != nil {
		return s, err
	}
	for _, then := range e.before {
		t, err := n.Figures.Sum(ctx, stores, then.span)
		if err != nil {
			return s, err
		}
		s.Against = append(s.Against, Comparison{then.Word, t})
	}
	s.Outlook, err = n.Figures.Outlook(ctx, stores)
	return s, err
}

// atOnce does things, up to n at a time, and returns when all are done.
func atOnce(n int, all []func() error) error {
	errs := make([]error, len(all))
	slots := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i, do := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = jobs.Recovered(do)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
