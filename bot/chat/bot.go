// Package chat is the conversation: a message becomes a command or a button, that is
// done by the part it belongs to, and what comes of it is committed with its answer.
// It knows neither WeCom's wire formats, nor a platform's, nor SQL.
//
// The promise: no accepted message is lost, no voucher is consumed twice, success is
// told only after the platform said so, and each person acts on their own stores
// alone. Everything rests on three durable things of package models: the inbox
// (a message is accepted once its row is there), the journal (an intent is
// there before the platform is called) and the outbox (an answer is there with
// the state it reports).
package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/alert"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/events"
	"yanquan/bot/figures"
	"yanquan/bot/grants"
	"yanquan/bot/intake"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/platform"
	"yanquan/bot/reconcile"
	"yanquan/bot/redeem"
	"yanquan/bot/ticket"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// Options of a Bot. DB, Platforms and Courier are required.
type Options struct {
	DB            *models.DB
	Platforms     map[string]dianping.Client     // by name: dianping, meituan
	Authorizers   map[string]dianping.Authorizer // those that stores can be authorised at, by name
	Douyin        Douyin
	Courier       bot.Courier
	Managers      []string         // userids that manage every store
	Webhooks      []notice.Webhook // groups that get the summaries, too
	NoticeChannel string           // channel by which managers are told of trouble, e.g. "app/main"; empty: not at all
	NoticeRobot   bool             // it is a robot's, which can write only to those who have written to it
	Location      *time.Location   // of the times shown; Beijing where nil

	CallTimeout time.Duration // of one platform call, 3s where zero
	UndoWindow  time.Duration // 10m where zero

	Link        func(operationID string) string      // page of one verification; may be nil
	AuthLink    func(platform, ticket string) string // page of an authorisation; needed with Authorizers
	ConsoleLink func(ticket string) string           // page that signs one person in; nil: no console
	ConsolePage func(p command.Period) string        // its page of figures; may be nil
	FileLink    func(file, ticket string) string     // page where one person fetches a file; may be nil
	Callback    func(platform string) string         // where a platform sends the browser back; needed with Authorizers

	Directory     bot.Directory // may be nil
	Pictures      bot.Pictures  // nil: pictures are not looked at
	AccessByGroup bool          // everybody in a bound group is staff there
	Guard         Guard
	MaxFlights    int // messages worked on at once; as many as the database's connections carry where zero
	Alerts        alert.Rules
	Report        *figures.Report // nil: managers get no summaries
	ReconcileAt   *time.Duration  // since midnight: when closed days are held against the platform's list; nil: only when asked to

	Now       func() time.Time
	NewSecret func() string                                    // unguessable, letters and digits, at least 26
	NewID     func() string                                    // 32 characters [0-9a-z], unique forever
	Sleep     func(ctx context.Context, d time.Duration) error // ends early with the context's error
	Pause     func(ctx context.Context, d time.Duration) error // Sleep between passes of the background work; Sleep where nil
	Jitter    func() float64                                   // in [0,1)
	Log       *slog.Logger
	Observer  Observer
}

// Observer counts what happens, for metrics.
type Observer interface {
	outbox.Observer
	Settled(state models.State, took time.Duration) // a doubtful operation was settled
	Backlog(messages, operations, outgoing int)     // what is due, [mostCounted] of each at the most
}

// Bot answers messages: what its intake takes in, it works on. Make it with [New];
// it is safe for concurrent use, and any number of processes may run one on the
// same database.
type Bot struct {
	Options
	*intake.Intake
	jobs           *jobs.Runner
	words          *words.Words
	access         *access.Access
	out            *outbox.Outbox
	notices        *notice.Notices
	tickets        *ticket.Tickets
	figures        *figures.Counter
	nightly        *figures.Nightly
	desks          *desk.Desks
	views          *views
	turns          *turns
	shops          *shops
	core           *redeem.Core
	guards         *guards
	vouchers       *vouchers
	doubts         *doubts
	admin          *admin
	lists          *lists
	exports        *exports
	talk           *conversation
	greetings      *greetings
	grants         *grants.Keeper
	application    *grants.Application // nil: no platform has one token for all shops
	events         *events.Douyin      // nil: no platform posts any
	alerts         *alert.Checker
	reconciliation *reconcile.Keeper

	base   context.Context // of the work; ends when stopping took too long
	cancel context.CancelFunc
}

// New checks the options and returns a Bot that accepts messages; its
// background work is done by [Bot.Run].
func New(o Options) (*Bot, error) {
	if o.DB == nil || o.Courier == nil {
		return nil, errors.New("bot: a database and a courier are needed")
	}
	if len(o.Authorizers) > 0 && (o.AuthLink == nil || o.Callback == nil) {
		return nil, errors.New("bot: stores can only be authorised with AuthLink and Callback")
	}
	o.fill()
	b := &Bot{Options: o}
	b.base, b.cancel = context.WithCancel(context.Background())
	return b, b.build(o)
}

// fill sets what may be left out.
func (o *Options) fill() {
	if o.Location == nil {
		o.Location = time.FixedZone("CST", 8*3600)
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = 3 * time.Second
	}
	if o.UndoWindow == 0 {
		o.UndoWindow = 10 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewSecret == nil {
		o.NewSecret = rand.Text
	}
	if o.NewID == nil {
		o.NewID = NewID
	}
	if o.Sleep == nil {
		o.Sleep = jobs.Sleep
	}
	if o.Pause == nil {
		o.Pause = o.Sleep
	}
	if o.Jitter == nil {
		o.Jitter = mathrand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.AuthLink == nil || o.Callback == nil {
		o.AuthLink = func(string, string) string { return "" }
		o.Callback = func(string) string { return "" }
	}
	if o.MaxFlights == 0 {
		o.MaxFlights = max(flightsPerConn*o.DB.Conns(), fewestFlights)
	}
}

// build makes the parts, each from those below it.
func (b *Bot) build(o Options) (err error) {
	b.words = &words.Words{Location: o.Location, Link: o.Link, Now: o.Now, NewID: o.NewID}
	b.views = &views{words: b.words, Now: o.Now}
	b.access = &access.Access{
		DB: o.DB, Managers: o.Managers, AccessByGroup: o.AccessByGroup, Directory: o.Directory, Location: o.Location, Now: o.Now, Log: o.Log,
	}
	b.out = &outbox.Outbox{
		DB: o.DB, Courier: o.Courier, NoticeChannel: o.NoticeChannel, Observer: o.Observer, Render: b.views.cardNow, Late: b.words.Late,
		Now: o.Now, NewID: o.NewID, Jitter: o.Jitter, Log: o.Log, Wake: b.wake,
	}
	b.notices = &notice.Notices{DB: o.DB, Out: b.out, Access: b.access, NoticeChannel: o.NoticeChannel, Webhooks: o.Webhooks, Now: o.Now, Log: o.Log}
	b.grants, err = grants.New(grants.Options{
		DB: o.DB, Authorizers: o.Authorizers, Tell: b.notices, Link: o.AuthLink, Callback: o.Callback,
		Place: func(ctx context.Context, tx *models.DB, by grants.Asker, stores []models.Store) error {
			return b.admin.people.place(ctx, tx, by, stores)
		},
		MayAdd: func(ctx context.Context, tx *models.DB, by grants.Asker, store int64) (models.Store, bool, error) {
			return b.access.Manageable(ctx, tx, by.User, store)
		},
		CallTimeout: o.CallTimeout, Location: o.Location, Now: o.Now, Sleep: o.Sleep, Jitter: o.Jitter, Log: o.Log,
	})
	if err != nil {
		return err
	}
	if o.Douyin.Client != nil {
		b.application = &grants.Application{Client: o.Douyin.Client, Token: o.Douyin.Token, DB: o.DB, Tell: b.notices, Location: o.Location, Log: o.Log}
	}
	b.alerts = &alert.Checker{DB: o.DB, Rules: o.Alerts, Tell: b.notices.TellAlert, Location: o.Location, Now: o.Now, Log: o.Log}
	b.tickets = &ticket.Tickets{DB: o.DB, FileLink: o.FileLink, Now: o.Now, NewID: o.NewID, NewSecret: o.NewSecret}
	b.turns = &turns{DB: o.DB, out: b.out, Now: o.Now}
	b.shops = &shops{Platforms: o.Platforms, Douyin: o.Douyin, grants: b.grants, UndoWindow: o.UndoWindow, Refused: b.refusedAtDouyin}
	b.core = redeem.New(redeem.Options{
		DB: o.DB, Shops: b.shops, CallTimeout: o.CallTimeout, Now: o.Now, Sleep: o.Sleep, Jitter: o.Jitter, NewID: o.NewID, Log: o.Log,
	})
	if o.Douyin.Client != nil {
		b.events = &events.Douyin{
			DB: o.DB, Client: o.Douyin.Client, AccountID: o.Douyin.AccountID, Words: b.words, Tell: b.notices.TellStores, Lease: b.core.Lease(1), Log: o.Log,
		}
	}
	b.Intake = b.newIntake()
	b.guards = &guards{DB: o.DB, notices: b.notices, words: b.words, Guard: o.Guard, Now: o.Now}
	b.vouchers = &vouchers{DB: o.DB, core: b.core, shops: b.shops, views: b.views, words: b.words, out: b.out, guards: b.guards, Now: o.Now}
	b.reconciliation = b.newReconciliation()
	b.doubts = &doubts{
		DB: o.DB, core: b.core, turns: b.turns, views: b.views, words: b.words, out: b.out, notices: b.notices, Observer: o.Observer, Now: o.Now, Log: o.Log,
		reconciliation: b.reconciliation,
	}
	b.figures = &figures.Counter{DB: o.DB, Words: b.words, Reconciliation: b.reconciliation, Stopping: b.Stopping, Now: o.Now, NewID: o.NewID}
	b.nightly = &figures.Nightly{
		DB: o.DB, Figures: b.figures, Words: b.words, Access: b.access, Notices: b.notices, Report: o.Report, NoticeChannel: o.NoticeChannel,
		Managers: o.Managers, Webhooks: o.Webhooks, ConsolePage: o.ConsolePage, Now: o.Now, NewID: o.NewID, Log: o.Log,
	}
	b.desks = &desk.Desks{
		DB: o.DB, Words: b.words, Figures: b.figures, Reconciliation: b.reconciliation, Has: b.shops.Has, Access: b.access, Location: o.Location, Now: o.Now,
	}
	b.admin = &admin{
		DB: o.DB, access: b.access, desks: b.desks, turns: b.turns, grants: b.grants, Authorizers: o.Authorizers, Douyin: o.Douyin, AccessByGroup: o.AccessByGroup, NewID: o.NewID, Log: o.Log,
		people: &people{
			access: b.access, notices: b.notices, out: b.out, turns: b.turns,
			AccessByGroup: o.AccessByGroup, NoticeChannel: o.NoticeChannel, NoticeRobot: o.NoticeRobot, Now: o.Now, NewID: o.NewID,
		},
	}
	b.lists = &lists{DB: o.DB, access: b.access, turns: b.turns, core: b.core, words: b.words, figures: b.figures, reconciliation: b.reconciliation, Location: o.Location, Now: o.Now, NewID: o.NewID}
	b.exports = &exports{
		DB: o.DB, access: b.access, out: b.out, tickets: b.tickets, turns: b.turns, NoticeChannel: o.NoticeChannel, Location: o.Location,
		Wake: func() { b.wake(exportJob) }, Now: o.Now, NewID: o.NewID, Log: o.Log, base: b.base,
	}
	b.greetings = &greetings{DB: o.DB, access: b.access, notices: b.notices, out: b.out, turns: b.turns, words: b.words, Now: o.Now}
	b.talk = b.newConversation(o)
	b.jobs = jobs.New(jobs.Options{Jobs: b.table(), Every: passEvery, Base: b.base, Waiting: o.DB.QueuesDue, Now: o.Now, Sleep: o.Pause, Log: o.Log, Quiet: anothers})
	return nil
}

func (b *Bot) newConversation(o Options) *conversation {
	c := &conversation{
		DB: o.DB, access: b.access, turns: b.turns, views: b.views, words: b.words, vouchers: b.vouchers, guards: b.guards, doubts: b.doubts,
		admin: b.admin, readings: readings{b.lists, b.exports}, greetings: b.greetings, NewID: o.NewID, Now: o.Now, Log: o.Log,
		scans: &scans{DB: o.DB, core: b.core, guards: b.guards, words: b.words, Pictures: o.Pictures, queue: newQueue(pictureMemory), NewID: o.NewID, Log: o.Log},
		doors: &doors{DB: o.DB, desks: b.desks, out: b.out, Link: o.ConsoleLink, Now: o.Now, NewID: o.NewID, NewSecret: o.NewSecret},
	}
	c.tables()
	return c
}

func (b *Bot) newIntake() *intake.Intake {
	return intake.New(intake.Options{
		DB: b.DB, Out: b.out, Work: b.answer, Conclude: b.conclude, Awaited: b.DB.Journal.Awaited,
		Lease: b.core.Lease(redeem.ConsumeCalls), Limit: b.MaxFlights, Base: b.base, Wake: b.wake,
		Now: b.Now, NewID: b.NewID, Sleep: b.Sleep, Log: b.Log,
	})
}

// wake has jobs looked for now.
func (b *Bot) wake(jobs ...string) { b.jobs.Wake(jobs...) }

func (b *Bot) newReconciliation() *reconcile.Keeper {
	o := reconcile.Options{
		DB: b.DB, Shops: b.shops, Nightly: b.ReconcileAt != nil,
		Schedule: reconcile.Schedule{Location: b.Location, UndoWindow: b.UndoWindow, Windows: map[string]time.Duration{platform.DouyinName: platform.DouyinWindow}},
		Now:      b.Now, Jitter: b.Jitter, Log: b.Log,
		Tell: func(ctx context.Context, tx *models.DB, n reconcile.Notice) error {
			return b.notices.TellStores(ctx, tx, n.Key, []int64{n.Store.ID}, bot.Card{Source: words.Source(n.Store), Title: n.Title, Text: n.Text, Tone: bot.Bad})
		},
	}
	if o.Nightly {
		o.Schedule.At = *b.ReconcileAt
	}
	return reconcile.New(o)
}

// Desks is what leads and managers may look at.
func (b *Bot) Desks() *desk.Desks { return b.desks }

// Tickets are the links and sessions for one person.
func (b *Bot) Tickets() *ticket.Tickets { return b.tickets }

// Notices is how managers are told of trouble.
func (b *Bot) Notices() *notice.Notices { return b.notices }

// Merchants is where merchants authorise their stores.
func (b *Bot) Merchants() *grants.Keeper { return b.grants }

// Events takes what Douyin posts by itself; nil: it is off.
func (b *Bot) Events() *events.Douyin { return b.events }

// Reconciliations is what is known of closed days, for pages and summaries.
func (b *Bot) Reconciliations() *reconcile.Keeper { return b.reconciliation }

// NewID makes an id of 32 hex digits that sorts by the time it was made.
func NewID() string { return intake.NewID() }

type noObserver struct{}

func (noObserver) Settled(models.State, time.Duration) {}

func (noObserver) Delivered(string, string) {}

func (noObserver) Backlog(int, int, int) {}
