package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/internal/breadth"
	"yanquan/models"
	"yanquan/models/modelstest"
)

const (
	app   = "app/main"
	robot = "bot/group"
)

// courier remembers what it was given, and fails as told.
type courier struct {
	mu   sync.Mutex
	sent []bot.Delivery
	fail []*bot.DeliveryError // of the next tries; nil: it goes out
	away []string
	// refuses says what becomes of a try; nil: it goes out
	refuses func(bot.Delivery) *bot.DeliveryError
	tries   []string           // the texts of all
	hold    func(bot.Delivery) // while a delivery is tried
}

func (c *courier) FirstForm(d bot.Delivery) bot.Form {
	if d.Card != "" && d.Channel == app && (d.Code != "" || d.Way.Wire != "") {
		return bot.AsUpdate
	}
	return bot.AsCard
}

func (c *courier) PerMinute(d bot.Delivery) int {
	if d.Answers == "" {
		return 3
	}
	return 5
}

func (c *courier) Changes(channel string) bool { return channel == app }

func (c *courier) Away() []string { return c.away }

func (c *courier) Deliver(_ context.Context, d bot.Delivery) (bot.Sent, error) {
	if c.hold != nil {
		c.hold(d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.fail) > 0 {
		err := c.fail[0]
		if c.fail = c.fail[1:]; err != nil {
			return bot.Sent{}, err
		}
	}
	c.tries = append(c.tries, d.Reply.Text)
	if c.refuses != nil {
		if err := c.refuses(d); err != nil {
			return bot.Sent{}, err
		}
	}
	c.sent = append(c.sent, d)
	return bot.Sent{MessageID: "m"}, nil
}

// words are the texts that went out, each behind its channel.
func (c *courier) words() (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.sent {
		out = append(out, d.Channel+" "+d.Reply.Text)
	}
	return out
}

type counted struct{}

func (counted) Delivered(string, string) {}

type bench struct {
	*testing.T
	db    *models.DB
	clock *modelstest.Clock
	way   *courier
	rec   *modelstest.Recorder
	out   *outbox.Outbox
	log   *strings.Builder
	ids   int
}

func everywhere(t *testing.T, test func(b *bench)) {
	t.Parallel()
	for _, driver := range breadth.Cells(t.Name(), models.SQLite, models.MySQL) {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := modelstest.NewClock(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC))
			rec := &modelstest.Recorder{}
			b := &bench{T: t, db: modelstest.On(t, driver, modelstest.WithClock(clock), modelstest.WithRecorder(rec)), clock: clock, way: &courier{}, rec: rec, log: &strings.Builder{}}
			b.out = b.outbox()
			test(b)
		})
	}
}

// outbox is that of one process.
func (b *bench) outbox() *outbox.Outbox {
	return &outbox.Outbox{
		DB: b.db, Courier: b.way, NoticeChannel: app, Observer: counted{}, Now: b.clock.Now, NewID: b.id,
		Late:   func(r bot.Reply, of time.Time) bot.Reply { r.Text += " late " + of.Format("15:04"); return r },
		Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) id() string {
	b.ids++
	return fmt.Sprintf("id-%04d", b.ids)
}

// message accepts one, as its channel brings it.
func (b *bench) message(channel string, kind bot.Kind) (models.Inbox, bot.Message) {
	b.Helper()
	m := bot.Message{Channel: channel, ID: b.id(), User: "zhangsan", Kind: kind, Text: "验 7992697494", At: b.clock.Now()}
	switch channel {
	case robot:
		m.Chat, m.Way = "wrAbC", bot.Way{Passive: true, Once: true, Robot: true, Wire: bot.Wire(fmt.Sprintf(`{"url":%q}`, m.ID))}
	case app:
		if kind == bot.Click {
			m.Button, m.Way.Wire = &bot.Button{TaskID: "pressed", Key: "k"}, `{"code":"1"}`
		}
	}
	payload, err := json.Marshal(m)
	b.must(err)
	row, _, err := b.db.Inbox.Accept(b.Context(), models.Inbox{
		ID: b.id(), Channel: channel, MessageID: m.ID, Chat: m.Chat, User: m.User, Payload: payload,
		DueAt: b.clock.Now().Add(time.Minute), ReceivedAt: b.clock.Now(),
	})
	b.must(err)
	return row, m
}

func (b *bench) answer(row models.Inbox, m bot.Message, reply bot.Reply) {
	b.Helper()
	b.must(b.db.Tx(b.Context(), func(tx *models.DB) error { return b.out.Answer(b.Context(), tx, row, m, reply) }))
}

func (b *bench) conclude(row models.Inbox, m bot.Message, reply bot.Reply, late bool) {
	b.Helper()
	b.must(b.db.Tx(b.Context(), func(tx *models.DB) error { return b.out.Conclude(b.Context(), tx, row, m, reply, late) }))
}

// pass tries what is due, and says how much that was.
func (b *bench) pass(wait time.Duration) int {
	b.Helper()
	b.clock.Advance(wait)
	rows, err := b.out.Due(b.Context(), b.clock.Now())
	b.must(err)
	for _, o := range rows {
		if err := b.out.Deliver(b.Context(), o); !errors.Is(err, models.ErrStale) { // else it went out behind another
			b.must(err)
		}
	}
	return len(rows)
}

// passes tries what is due for some time, every five seconds.
func (b *bench) passes(span time.Duration) {
	b.Helper()
	for until := b.clock.Now().Add(span); b.clock.Now().Before(until); {
		b.pass(5 * time.Second)
	}
}

// replies answers a new message of the app.
func (b *bench) replies(text string) {
	b.Helper()
	row, m := b.message(app, bot.Text)
	b.answer(row, m, bot.Reply{Text: text})
}

func (b *bench) sent(want ...string) {
	b.Helper()
	if got := b.way.words(); !slices.Equal(got, want) {
		b.Errorf("sent %q, want %q", got, want)
	}
}

var (
	busy    = &bot.DeliveryError{Reason: "rate_limited", Retry: true, After: 3 * time.Second}
	timeout = &bot.DeliveryError{Reason: "timeout", Retry: true, Lost: true}
	refused = &bot.DeliveryError{Reason: "http_status", Retry: true, Lost: true, Alone: true, After: 30 * time.Second}
	pending = bot.Reply{Text: "核验中", Pending: true}
	human   = bot.Reply{Text: "需要人工确认", Open: true}
	done    = bot.Reply{Text: "核销成功"}
)

// Who commits an answer sends it, unless something stands before it.
func TestWriterSends(t *testing.T) {
	everywhere(t, func(b *bench) {
		row, m := b.message(app, bot.Text)
		b.way.hold = func(bot.Delivery) {
			if stored, err := b.db.Inbox.Get(b.Context(), row.ID); err != nil || !stored.Final {
				b.Errorf("sent before it is committed: %+v, %v", stored, err)
			}
			if n := b.pass(0); n != 0 { // it is claimed
				b.Errorf("%d are due while it is sent", n)
			}
		}
		b.answer(row, m, done)
		b.sent(app + " 核销成功")
		b.way.hold = nil

		b.way.fail = []*bot.DeliveryError{busy}
		row, m = b.message(app, bot.Text)
		b.answer(row, m, bot.Reply{Text: "一"})
		row, m = b.message(app, bot.Text)
		b.answer(row, m, bot.Reply{Text: "二"}) // waits behind it
		b.sent(app + " 核销成功")
		for b.pass(time.Second) == 0 {
		}
		b.pass(0)
		b.sent(app+" 核销成功", app+" 一", app+" 二")

		for range 3 {
			row, m = b.message(app, bot.Text)
			b.answer(row, m, bot.Reply{Text: "三"})
		}
		if n := len(b.way.words()); n != 5 { // of a minute
			b.Errorf("%d went out in a minute", n)
		}
		b.pass(time.Minute)
		if n := len(b.way.words()); n != 6 {
			b.Errorf("%d went out then", n)
		}
	})
}

// A transaction that is not committed sends nothing; a process that dies after the
// commit leaves the answer to the others when the lease is over.
func TestWriterDies(t *testing.T) {
	everywhere(t, func(b *bench) {
		row, m := b.message(app, bot.Text)
		failed := fmt.Errorf("no")
		if err := b.db.Tx(b.Context(), func(tx *models.DB) error {
			return fmt.Errorf("%w, %w", b.out.Answer(b.Context(), tx, row, m, done), failed)
		}); err == nil {
			b.Fatal("committed")
		}
		b.sent()
		b.way.hold = func(bot.Delivery) { // it is as good as dead until another has taken over
			b.way.hold = nil
			if n := b.pass(14 * time.Second); n != 0 {
				b.Errorf("%d are due before the lease is over", n)
			}
			b.pass(time.Second)
			b.sent(app + " 核销成功")
		}
		b.answer(row, m, done)
		if !b.way.sent[0].Lost {
			b.Error("the try of the process that died may have been taken")
		}
		rows, err := b.db.Outbox.AnswersTo(b.Context(), row.ID)
		b.must(err)
		if len(rows) != 1 || rows[0].Attempt != 2 || rows[0].State != models.SentOut {
			b.Errorf("stored %+v", rows)
		}
	})
}

// What another process has to send by is left to it.
func TestWriterCannotSend(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.way.away = []string{app}
		row, m := b.message(app, bot.Text)
		b.answer(row, m, done)
		b.sent()
		b.way.away = nil
		b.pass(0)
		b.sent(app + " 核销成功")
	})
}

// A line that is no longer true is dropped, whatever it waits for.
func TestPendingLineThatWaits(t *testing.T) {
	everywhere(t, func(b *bench) {
		row, m := b.message(app, bot.Text)
		b.answer(row, m, pending)
		b.way.fail = []*bot.DeliveryError{busy}
		if b.pass(outbox.InterimDelay) != 1 {
			b.Fatal("the line is not due")
		}
		b.conclude(row, m, done, false)
		b.pass(0)
		b.sent(app + " 核销成功")
		b.pass(time.Hour)
		b.sent(app + " 核销成功")

		// The same where it is refused while the outcome is written.
		row, m = b.message(app, bot.Text)
		b.answer(row, m, pending)
		b.way.fail = []*bot.DeliveryError{busy}
		b.clock.Advance(outbox.InterimDelay)
		b.way.hold = func(bot.Delivery) {
			b.way.hold = nil
			b.clock.Advance(time.Second)
			b.conclude(row, m, bot.Reply{Text: "核销失败"}, false)
		}
		b.pass(0)
		b.pass(0)
		b.sent(app+" 核销成功", app+" 核销失败")
		b.pass(time.Hour)
		b.sent(app+" 核销成功", app+" 核销失败")
	})
}

// A poll that has shown one answer does not drop the next.
func TestOnlyWhatWasShownIsDropped(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.out.NoticeChannel = ""
		row, m := b.message(robot, bot.Text)
		b.answer(row, m, pending)
		b.conclude(row, m, human, false)
		b.conclude(row, m, done, true)
		shown := func(r bot.Reply) (was bool) {
			b.Helper()
			b.must(b.db.Tx(b.Context(), func(tx *models.DB) (err error) {
				was, err = b.out.Shown(b.Context(), tx, row.ID, r)
				return err
			}))
			return was
		}
		if shown(human) {
			b.Error("what was obsolete is dropped again")
		}
		b.pass(outbox.FallbackDelay)
		b.sent(robot + " 核销成功")

		row, m = b.message(robot, bot.Text)
		b.answer(row, m, done)
		if !shown(done) {
			b.Error("what was shown is still to be sent")
		}
		b.pass(outbox.FallbackDelay)
		b.sent(robot + " 核销成功")
	})
}

// What callbacks fetch of the process that has committed it is found without the
// database, and recorded together: as long as the second way is not near.
func TestFetched(t *testing.T) {
	everywhere(t, func(b *bench) {
		var ids []string
		answered := func(r bot.Reply) string {
			row, m := b.message(robot, bot.Text)
			b.answer(row, m, r)
			return row.ID
		}
		for range 3 {
			ids = append(ids, answered(done))
		}
		left := answered(human)
		b.rec.Take()
		for _, id := range append(ids, ids[0]) { // WeCom repeats one
			if r, ok := b.out.Fetchable(id, time.Second); !ok || r.Text != done.Text || !b.out.Fetched(id) {
				b.Errorf("%s is not known: %+v", id, r)
			}
		}
		if n := len(b.rec.Take()); n != 0 {
			b.Errorf("%d statements before it is recorded", n)
		}
		ended, cancel := context.WithCancel(b.Context())
		cancel()
		if b.out.RecordFetched(ended) == nil {
			b.Error("recorded without a database")
		}
		b.rec.Take()
		b.must(b.out.RecordFetched(b.Context()))
		n := len(b.rec.Take())
		if _, more := b.out.RecordIn(b.clock.Now()); n != 1 || more {
			b.Errorf("recorded by %d statements; is there more: %t", n, more)
		}
		for _, id := range ids { // the next question goes to the database
			if _, ok := b.out.Fetchable(id, 0); ok {
				b.Errorf("%s is remembered for ever", id)
			}
		}
		b.clock.Advance(outbox.FallbackDelay - time.Second)
		if _, ok := b.out.Fetchable(left, time.Second); ok {
			b.Error("fetched when it may be on its second way")
		}
		b.pass(time.Second)
		b.sent(app + " 需要人工确认")
		b.out.RecordIn(b.clock.Now())
		if b.out.Fetched(left) {
			b.Error("what went another way is remembered")
		}
	})
}

// A poll that has shown one answer does not drop the next, which this process has
// queued meanwhile.
func TestOnlyWhatWasFetchedIsDropped(t *testing.T) {
	everywhere(t, func(b *bench) {
		row, m := b.message(robot, bot.Text)
		b.answer(row, m, human)
		b.conclude(row, m, done, true)
		if r, ok := b.out.Fetchable(row.ID, 0); !ok || r.Text != human.Text || !b.out.Fetched(row.ID) {
			b.Errorf("the message is answered %+v", r)
		}
		b.must(b.out.RecordFetched(b.Context()))
		b.pass(outbox.FallbackDelay)
		b.sent(robot + " 核销成功")
	})
}

// The clock may step between a fetch and its record: nothing goes out twice.
func TestFetchedIsNotSent(t *testing.T) {
	everywhere(t, func(b *bench) {
		row, m := b.message(robot, bot.Text)
		b.answer(row, m, done)
		if !b.out.Fetched(row.ID) {
			b.Error("it is not known")
		}
		b.pass(outbox.FallbackDelay)
		b.sent()
	})
}

// Those that are recorded soon after others wait a little, so that more are with them.
func TestFetchedIsRecordedTogether(t *testing.T) {
	everywhere(t, func(b *bench) {
		fetch := func() {
			row, m := b.message(robot, bot.Text)
			b.answer(row, m, done)
			b.out.Fetched(row.ID)
		}
		in := func(want time.Duration) {
			b.Helper()
			if wait, any := b.out.RecordIn(b.clock.Now()); wait != want || !any {
				b.Errorf("recorded in %s, want %s; is there any: %t", wait, want, any)
			}
		}
		fetch()
		in(0)
		b.must(b.out.RecordFetched(b.Context()))
		fetch()
		b.clock.Advance(outbox.RecordEvery / 4)
		in(outbox.RecordEvery * 3 / 4)
		b.clock.Advance(-time.Hour)
		in(0)
	})
}

// A robot's reply URL is good once: it is kept for the outcome, and what comes after
// its use goes to the person.
func TestReplyURLIsUsedOnce(t *testing.T) {
	everywhere(t, func(b *bench) {
		row, m := b.message(robot, bot.Click)
		b.answer(row, m, pending)
		b.conclude(row, m, human, false)
		b.pass(outbox.FallbackDelay)
		b.sent(app + " 需要人工确认")
		b.conclude(row, m, done, true)
		b.pass(outbox.FallbackDelay)
		b.sent(app+" 需要人工确认", robot+" 核销成功")
		b.must(b.db.Tx(b.Context(), func(tx *models.DB) error { return b.out.Send(b.Context(), tx, row, m, bot.Reply{Text: "还有"}) }))
		b.pass(outbox.FallbackDelay)
		b.sent(app+" 需要人工确认", robot+" 核销成功", app+" 还有")
		m.Chat = ""
		b.must(b.db.Tx(b.Context(), func(tx *models.DB) error { return b.out.Follow(b.Context(), tx, row.ID, m, bot.Reply{Text: "文件"}) }))
		b.pass(0)
		b.sent(app+" 需要人工确认", robot+" 核销成功", app+" 还有", app+" 文件")
	})
}

// A press allows one update of its card. Where an earlier answer may have used it,
// the next is a card of its own; where that was refused, it has not.
func TestUpdateIsUsedOnce(t *testing.T) {
	everywhere(t, func(b *bench) {
		for _, tt := range []struct {
			fails *bot.DeliveryError
			want  bot.Form
		}{{nil, bot.AsCard}, {timeout, bot.AsCard}, {busy, bot.AsUpdate}} {
			row, m := b.message(app, bot.Click)
			b.answer(row, m, bot.Reply{Card: &bot.Card{TaskID: b.id(), Title: "核验中"}, Pending: true})
			b.way.fail = []*bot.DeliveryError{tt.fails}
			b.pass(outbox.InterimDelay)
			b.clock.Advance(time.Second)
			b.conclude(row, m, bot.Reply{Card: &bot.Card{TaskID: b.id(), Title: "核销成功"}}, false)
			b.pass(0)
			last := b.way.sent[len(b.way.sent)-1]
			if last.Form != tt.want || last.Reply.Card.Title != "核销成功" {
				b.Errorf("after %v: %+v", tt.fails, last)
			}
		}
	})
}

// The next try of what may have been taken says so, until it takes another form.
func TestLostTriesAreTold(t *testing.T) {
	everywhere(t, func(b *bench) {
		var lost []bool
		b.way.hold = func(d bot.Delivery) { lost = append(lost, d.Lost) }
		b.way.fail = []*bot.DeliveryError{busy, timeout, busy, {Reason: "card_refused", Downgrade: bot.AsMarkdown}}
		row, m := b.message(app, bot.Text)
		b.answer(row, m, done)
		for len(b.way.words()) == 0 {
			b.pass(time.Second)
		}
		if want := []bool{false, false, true, true, false}; !slices.Equal(lost, want) {
			b.Errorf("lost %v, want %v", lost, want)
		}
	})
}

// A limit is tried again after a few seconds, ever later, and all within a minute or
// so of the limit.
func TestLimitIsTriedAgain(t *testing.T) {
	everywhere(t, func(b *bench) {
		var at []time.Duration
		began := b.clock.Now()
		b.way.hold = func(bot.Delivery) { at = append(at, b.clock.Now().Sub(began)) }
		for range 6 {
			b.way.fail = append(b.way.fail, busy)
		}
		row, m := b.message(app, bot.Text)
		b.answer(row, m, done)
		for len(b.way.words()) == 0 && len(at) < 10 {
			b.pass(time.Second)
		}
		if len(at) != 7 || at[1] > 5*time.Second || at[6] > 75*time.Second {
			b.Errorf("tried at %v", at)
		}
		for i := 2; i < len(at); i++ {
			if at[i]-at[i-1] < at[i-1]-at[i-2]-time.Second {
				b.Errorf("tried at %v", at)
			}
		}
	})
}

// When the minute is short, answers go before notices.
func TestAnswersBeforeNotices(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.must(b.db.Tx(b.Context(), func(tx *models.DB) error {
			for range 10 {
				d := bot.Delivery{ID: b.id(), Channel: app, User: "zhangsan", Reply: bot.Reply{Text: "通知"}}
				if err := b.out.Enqueue(b.Context(), tx, d, "", "", b.clock.Now()); err != nil {
					return err
				}
			}
			return nil
		}))
		for range 6 {
			b.pass(0)
		}
		row, m := b.message(app, bot.Text)
		b.answer(row, m, done)
		b.sent(app+" 通知", app+" 通知", app+" 通知", app+" 核销成功")
	})
}

// What is stored and not understood is given up and told of once.
func TestNotUnderstood(t *testing.T) {
	everywhere(t, func(b *bench) {
		for i := range 3 {
			b.must(b.db.Outbox.Enqueue(b.Context(), models.Outgoing{
				ID: b.id(), Conversation: fmt.Sprint(app, "/", i), Channel: app, User: "zhangsan", Payload: []byte("{"), Form: "card", DueAt: b.clock.Now(),
			}))
		}
		if n := b.pass(0); n != 3 {
			b.Fatalf("%d due", n)
		}
		if n := b.pass(time.Hour); n != 0 {
			b.Errorf("%d are due again", n)
		}
		if n := strings.Count(b.log.String(), "set aside"); n != 3 {
			b.Errorf("told %d times of 3:\n%s", n, b.log)
		}
	})
}

// alone refuses what has a text, and nothing else.
func alone(text string) func(bot.Delivery) *bot.DeliveryError {
	return func(d bot.Delivery) *bot.DeliveryError {
		if strings.HasPrefix(d.Reply.Text, text) {
			return refused
		}
		return nil
	}
}

// What a proxy refuses of one answer holds up the next ones for a minute, and is tried
// until its end. Where it is taken at last, it says that it is late.
func TestRefusedAnswerStepsAside(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.way.refuses = alone("一")
		b.replies("一")
		b.replies("二")
		b.replies("三")
		b.passes(55 * time.Second)
		b.sent()
		b.passes(20 * time.Second)
		b.sent(app+" 二", app+" 三")
		b.replies("四")
		b.pass(0) // nothing is due: its writer has sent it
		b.sent(app+" 二", app+" 三", app+" 四")
		b.passes(40 * time.Minute)
		if n := len(b.way.tries); n < 40 || n > 60 {
			b.Errorf("tried %d times", n)
		}
		b.way.refuses = nil
		b.passes(time.Minute)
		b.sent(app+" 二", app+" 三", app+" 四", app+" 一 late 06:00")
	})
}

// It is given up no sooner than any other.
func TestRefusedAnswerIsTriedForItsHour(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.way.refuses = alone("一")
		row, m := b.message(app, bot.Text)
		b.answer(row, m, bot.Reply{Text: "一"})
		b.replies("二")
		state := func(want models.OutgoingState) {
			b.Helper()
			rows, err := b.db.Outbox.AnswersTo(b.Context(), row.ID)
			b.must(err)
			if len(rows) != 1 || rows[0].State != want {
				b.Errorf("it is %+v, want %s", rows, want)
			}
		}
		b.passes(59 * time.Minute)
		b.sent(app + " 二")
		state(models.Queued)
		b.passes(3 * time.Minute)
		state(models.Failed)
	})
}

// Several that are refused, each for itself, hold up nothing for long either.
func TestSeveralStepAside(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.way.refuses = alone("坏")
		b.replies("坏一")
		b.replies("坏二")
		b.replies("好")
		b.passes(4 * time.Minute)
		b.sent(app + " 好")
		b.replies("再好")
		b.pass(0)
		b.way.refuses = nil
		b.passes(time.Minute)
		if got := b.way.words(); len(got) != 4 || got[1] != app+" 再好" {
			b.Errorf("sent %q", got)
		}
	})
}

// Where everything is refused, it is the channel: nothing overtakes, nothing is given up.
// Two processes send.
func TestChannelThatRefusesAll(t *testing.T) {
	everywhere(t, func(b *bench) {
		other := b.outbox()
		for _, err := range []*bot.DeliveryError{refused, timeout, busy} {
			b.way.sent, b.way.refuses = nil, func(bot.Delivery) *bot.DeliveryError { return err }
			var want []string
			say := func(text string) {
				b.replies(text)
				want = append(want, app+" "+text)
			}
			say("一")
			say("二")
			for i := range 20 {
				b.out, other = other, b.out
				b.passes(time.Minute)
				if i == 3 {
					say("三")
				}
			}
			say("四")
			b.sent()
			b.way.refuses = nil
			say("五")
			b.passes(3 * time.Minute)
			b.sent(want...)
		}
	})
}

// What only the channel may have refused, or what may have been taken, holds up the
// others as long as it is tried.
func TestOthersWaitForAChannel(t *testing.T) {
	everywhere(t, func(b *bench) {
		for _, err := range []*bot.DeliveryError{timeout, busy} {
			b.way.sent = nil
			b.way.refuses = func(d bot.Delivery) *bot.DeliveryError {
				if d.Reply.Text == "一" {
					return err
				}
				return nil
			}
			b.replies("一")
			b.replies("二")
			b.passes(20 * time.Minute)
			b.sent()
			b.way.refuses = nil
			b.passes(2 * time.Minute)
			b.sent(app+" 一", app+" 二")
		}
	})
}

// One that has overtaken goes on in its order, though it was lost or had to wait.
func TestOvertakingIsTriedAgain(t *testing.T) {
	everywhere(t, func(b *bench) {
		n := 0
		b.way.refuses = func(d bot.Delivery) *bot.DeliveryError {
			switch {
			case strings.HasPrefix(d.Reply.Text, "一"):
				return refused
			case d.Reply.Text == "二" && n < 2:
				n++
				return []*bot.DeliveryError{timeout, busy}[n-1]
			}
			return nil
		}
		b.replies("一")
		b.replies("二")
		b.replies("三")
		b.passes(4 * time.Minute)
		b.sent(app+" 二", app+" 三")
	})
}

// The update of a card that is late could undo what a later one has made of it: it goes
// out as a card of its own.
func TestLateUpdateIsACardOfItsOwn(t *testing.T) {
	everywhere(t, func(b *bench) {
		press := func(text string) {
			row, m := b.message(app, bot.Click)
			b.answer(row, m, bot.Reply{Text: text, Card: &bot.Card{TaskID: b.id(), Title: text}})
		}
		b.way.refuses = alone("一")
		press("一")
		press("二")
		b.passes(2 * time.Minute)
		b.way.refuses = nil
		b.passes(time.Minute)
		b.sent(app+" 二", app+" 一 late 06:00")
		if a, c := b.way.sent[0].Form, b.way.sent[1]; a != bot.AsUpdate || c.Form != bot.AsCard {
			b.Errorf("sent as %s, then as %s", a, c.Form)
		}
	})
}

// A line that is no longer true is dropped where it stands aside, too.
func TestLineThatStepsAside(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.way.refuses = alone("核验中")
		row, m := b.message(app, bot.Text)
		b.answer(row, m, pending)
		b.replies("二")
		b.passes(2 * time.Minute)
		b.sent(app + " 二")
		b.conclude(row, m, done, false)
		b.pass(0)
		b.sent(app+" 二", app+" 核销成功")
		b.way.refuses = nil
		b.passes(2 * time.Hour)
		b.sent(app+" 二", app+" 核销成功")
	})
}
