// Package bot is what the bot does: a text becomes a command, a command becomes
// an operation at the platform, its outcome becomes a card. It holds the state
// machine and the settling of doubtful outcomes, and knows neither WeCom's wire
// formats nor SQL.
//
// The promise: nothing accepted is lost, nothing is consumed twice, nobody is
// told success before the platform said so, nobody acts on a store that is not
// theirs. Everything rests on three durable things of package models: the inbox
// (a message is accepted once its row is there), the journal (an intent is
// there before the platform is called) and the outbox (an answer is there with
// the state it reports).
package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/figures"
	"yanquan/bot/grants"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/reconcile"
	"yanquan/bot/redeem"
	"yanquan/bot/ticket"
	"yanquan/bot/watch"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Options of a Bot. DB, Platforms and Courier are required.
type Options struct {
	DB            *models.DB
	Platforms     map[string]dianping.Client     // by name: dianping, meituan
	Authorizers   map[string]dianping.Authorizer // those that stores can be authorised at, by name
	Courier       bot.Courier
	Managers      []string         // userids that manage every store
	Webhooks      []notice.Webhook // groups that get the summaries, too
	NoticeChannel string           // channel by which managers are told of trouble, e.g. "app/main"; empty: not at all
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
	Watch         watch.Rules
	Report        *figures.Report // nil: managers get no summaries
	ReconcileAt   *time.Duration  // since midnight: when closed days are held against the platform's list; nil: only when asked to

	Now       func() time.Time
	NewSecret func() string                                    // unguessable, letters and digits, at least 26
	NewID     func() string                                    // 32 characters [0-9a-z], unique forever
	Sleep     func(ctx context.Context, d time.Duration) error // ends early with the context's error
	Jitter    func() float64                                   // in [0,1)
	Log       *slog.Logger
	Observer  Observer
}

// Observer counts what happens, for metrics.
type Observer interface {
	outbox.Observer
	Settled(state models.State, took time.Duration) // a doubtful operation was settled
	Backlog(messages, operations, outgoing int)     // what is due, at each pass of the background work
}

// Bot answers messages. Make it with [New]; it is safe for concurrent use, and
// any number of processes may run one on the same database.
type Bot struct {
	Options
	words     *words.Words
	access    *access.Access
	out       *outbox.Outbox
	notices   *notice.Notices
	tickets   *ticket.Tickets
	figures   *figures.Counter
	nightly   *figures.Nightly
	desks     *desk.Desks
	views     *views
	turns     *turns
	shops     *shops
	core      *redeem.Core
	vouchers  *vouchers
	doubts    *doubts
	admin     *admin
	lists     *lists
	exports   *exports
	pictures  *pictures
	greetings *greetings
	grants    *grants.Keeper
	watcher   *watch.Watcher
	ledger    *reconcile.Keeper

	mu       sync.Mutex
	flights  map[string]*flight // messages being worked on in this process, by inbox id
	most     int                // of them
	stopping bool
	working  sync.WaitGroup
	base     context.Context // of the work; ends when stopping took too long
	cancel   context.CancelFunc
	wake     chan struct{}            // background work has become due
	hands    map[string]chan struct{} // by kind of work; one for each piece under way
	kept     time.Time                // when house was last kept
	watched  time.Time                // when the watch last looked

	planned  time.Time   // when reconciliations were last planned
	idle     time.Time   // when there was no reconciliation to be made
	noExport time.Time   // when there was no export to be made
	troubled atomic.Bool // the last pass could not read the database
}

// flight is one message being worked on; done closes when reply is final or
// the work has ended without one.
type flight struct {
	done  chan struct{}
	reply bot.Reply
	final bool
}

// New checks the options and returns a Bot that accepts messages; its
// background work is done by [Bot.Run].
func New(o Options) (*Bot, error) {
	if o.DB == nil || o.Courier == nil {
		return nil, errors.New("bot: a database and a courier are needed")
	}
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
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = mathrand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.AuthLink == nil || o.Callback == nil {
		if len(o.Authorizers) > 0 {
			return nil, errors.New("bot: stores can only be authorised with AuthLink and Callback")
		}
		o.AuthLink = func(string, string) string { return "" }
		o.Callback = func(string) string { return "" }
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	b := &Bot{
		Options: o,
		flights: map[string]*flight{},
		most:    mostFlights,
		wake:    make(chan struct{}, 1),
		hands:   map[string]chan struct{}{},
	}
	for _, kind := range []string{messageWork, operationWork, deliveryWork, grantWork, watchWork, reportWork, cardWork} {
		b.hands[kind] = make(chan struct{}, handsPerKind)
	}
	b.hands[reconcileWork] = make(chan struct{}, looksAtOnce)
	b.hands[exportWork] = make(chan struct{}, exportHands)
	b.hands[figureWork] = make(chan struct{}, 1)
	b.base, b.cancel = context.WithCancel(context.Background())
	return b, b.build(o)
}

// build makes the parts, each from those below it.
func (b *Bot) build(o Options) (err error) {
	b.words = &words.Words{Location: o.Location, Link: o.Link, Now: o.Now, NewID: o.NewID}
	b.views = &views{words: b.words, Now: o.Now}
	b.access = &access.Access{
		DB: o.DB, Managers: o.Managers, AccessByGroup: o.AccessByGroup, Directory: o.Directory, Location: o.Location, Now: o.Now, Log: o.Log,
	}
	b.out = &outbox.Outbox{
		DB: o.DB, Courier: o.Courier, NoticeChannel: o.NoticeChannel, Observer: o.Observer, Render: b.views.cardNow,
		Now: o.Now, NewID: o.NewID, Jitter: o.Jitter, Log: o.Log,
	}
	b.notices = &notice.Notices{DB: o.DB, Out: b.out, Access: b.access, NoticeChannel: o.NoticeChannel, Webhooks: o.Webhooks, Now: o.Now, Log: o.Log}
	b.grants, err = grants.New(grants.Options{
		DB: o.DB, Authorizers: o.Authorizers, Tell: b.notices, Link: o.AuthLink, Callback: o.Callback,
		CallTimeout: o.CallTimeout, Location: o.Location, Now: o.Now, Sleep: o.Sleep, Jitter: o.Jitter, Log: o.Log,
	})
	if err != nil {
		return err
	}
	b.watcher = &watch.Watcher{Options: watch.Options{DB: o.DB, Tell: b.notices.TellFinding, Location: o.Location, Now: o.Now, Log: o.Log}, Rules: o.Watch}
	b.tickets = &ticket.Tickets{DB: o.DB, FileLink: o.FileLink, Now: o.Now, NewID: o.NewID, NewSecret: o.NewSecret}
	b.turns = &turns{DB: o.DB, out: b.out, Now: o.Now}
	b.shops = &shops{Platforms: o.Platforms, grants: b.grants, UndoWindow: o.UndoWindow}
	b.core = redeem.New(redeem.Options{
		DB: o.DB, Shops: b.shops, CallTimeout: o.CallTimeout, Now: o.Now, Sleep: o.Sleep, Jitter: o.Jitter, NewID: o.NewID, Log: o.Log,
	})
	b.vouchers = &vouchers{
		DB: o.DB, core: b.core, turns: b.turns, views: b.views, words: b.words, out: b.out, notices: b.notices, Guard: o.Guard,
		Now: o.Now, NewID: o.NewID, Log: o.Log,
	}
	b.doubts = &doubts{
		DB: o.DB, core: b.core, turns: b.turns, views: b.views, words: b.words, out: b.out, notices: b.notices, Observer: o.Observer, Now: o.Now, Log: o.Log,
	}
	b.ledger = b.newLedger()
	b.figures = &figures.Counter{DB: o.DB, Words: b.words, Ledger: b.ledger, Stopping: b.isStopping, Now: o.Now, NewID: o.NewID}
	b.nightly = &figures.Nightly{
		DB: o.DB, Figures: b.figures, Words: b.words, Access: b.access, Notices: b.notices, Report: o.Report, NoticeChannel: o.NoticeChannel,
		Managers: o.Managers, Webhooks: o.Webhooks, ConsolePage: o.ConsolePage, Now: o.Now, NewID: o.NewID, Log: o.Log,
	}
	b.desks = &desk.Desks{
		DB: o.DB, Words: b.words, Figures: b.figures, Ledger: b.ledger, Platforms: o.Platforms, Access: b.access, Location: o.Location, Now: o.Now,
	}
	b.admin = &admin{
		DB: o.DB, access: b.access, desks: b.desks, notices: b.notices, out: b.out, turns: b.turns, grants: b.grants, Authorizers: o.Authorizers,
		AccessByGroup: o.AccessByGroup, NoticeChannel: o.NoticeChannel, Now: o.Now, NewID: o.NewID,
	}
	b.lists = &lists{DB: o.DB, turns: b.turns, core: b.core, words: b.words, figures: b.figures, ledger: b.ledger, Location: o.Location, Now: o.Now, NewID: o.NewID}
	b.exports = &exports{
		DB: o.DB, access: b.access, out: b.out, tickets: b.tickets, turns: b.turns, NoticeChannel: o.NoticeChannel, Location: o.Location,
		Wake: b.poke, Now: o.Now, NewID: o.NewID, Log: o.Log, base: b.base,
	}
	b.pictures = &pictures{Pictures: o.Pictures, Log: o.Log}
	b.greetings = &greetings{DB: o.DB, access: b.access, notices: b.notices, out: b.out, turns: b.turns, words: b.words, Now: o.Now}
	return nil
}

// Desks is what leads and managers may look at.
func (b *Bot) Desks() *desk.Desks { return b.desks }

// Tickets are the links and sessions for one person.
func (b *Bot) Tickets() *ticket.Tickets { return b.tickets }

// Notices is how managers are told of trouble.
func (b *Bot) Notices() *notice.Notices { return b.notices }

// Merchants is where merchants authorise their stores.
func (b *Bot) Merchants() *grants.Keeper { return b.grants }

const (
	idTime     = 12              // hex digits of an id that are the time it was made, in milliseconds
	streamLife = 6 * time.Minute // how long WeCom asks for the rest of a stream (pages 101031, 101463)
)

// NewID makes an id of 32 hex digits that sorts by the time it was made.
func NewID() string {
	var raw [16]byte
	ms := time.Now().UnixMilli()
	for i := range 6 {
		raw[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(raw[6:])
	return hex.EncodeToString(raw[:])
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type noObserver struct{}

func (noObserver) Settled(models.State, time.Duration) {}

func (noObserver) Delivered(string, string) {}

func (noObserver) Backlog(int, int, int) {}

// ErrStopping is returned by [Bot.Accept] once the bot stops taking messages.
var ErrStopping = errors.New("bot: stopping")

// Accept makes a message durable and begins to work on it. After a nil error
// it will be answered, whatever happens to this process. A repeat of a message
// is not worked on again: it gets the id of the first.
func (b *Bot) Accept(ctx context.Context, m bot.Message) (string, error) {
	if !b.begin() {
		return "", ErrStopping
	}
	defer b.working.Done()
	failpoint.Hit("accept.before")
	due, mine := b.Now(), b.hasRoom()
	if mine {
		due = due.Add(b.core.Lease(redeem.ConsumeCalls))
	}
	row, fresh, err := b.keep(ctx, &m, due)
	if err != nil {
		return "", err
	}
	failpoint.Hit("accept.after")
	switch {
	case !mine:
		b.poke()
	case fresh:
		b.launch(row, m)
	case row.AnsweredAt.IsZero() && !row.DueAt.After(b.Now()): // its worker has died
		claimed, err := b.DB.ClaimMessage(ctx, row, b.Now().Add(b.core.Lease(redeem.ConsumeCalls)))
		if err == nil && json.Unmarshal(claimed.Payload, &m) == nil { // with what its worker had found out
			b.launch(claimed, m)
		}
	}
	return row.ID, nil
}

// hasRoom reports whether a message can be worked on at once. Else it waits in the
// database, where it takes no memory, until the background work of some process has
// a hand free.
func (b *Bot) hasRoom() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.flights) < b.most
}

// Keep makes a message durable and leaves the work on it to another process, or
// to the next start of this one: for a bot that is stopping, on a channel that
// does not send again.
func (b *Bot) Keep(ctx context.Context, m bot.Message) error {
	_, _, err := b.keep(ctx, &m, b.Now())
	return err
}

// keep stores a message under an id that the inbox can hold.
func (b *Bot) keep(ctx context.Context, m *bot.Message, due time.Time) (models.Inbox, bool, error) {
	if len(m.ID) > maxMessageID || strings.ContainsRune(m.ID, 0) {
		sum := sha256.Sum256([]byte(m.ID))
		m.ID = "sha256-" + hex.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return models.Inbox{}, false, fmt.Errorf("bot: message: %w", err)
	}
	row, fresh, err := b.DB.Accept(ctx, models.Inbox{
		ID: b.NewID(), Channel: m.Channel, MessageID: m.ID, Chat: m.Chat, User: m.User,
		Payload: payload, DueAt: due, ReceivedAt: b.Now(),
	})
	if err != nil {
		return models.Inbox{}, false, fmt.Errorf("bot: accept: %w", err)
	}
	return row, fresh, nil
}

// Await waits for the final reply to a message until the context ends. Where
// there is none yet it returns false, and the pending reply if there is one.
func (b *Bot) Await(ctx context.Context, id string) (bot.Reply, bool) {
	var pending bot.Reply
	for {
		b.mu.Lock()
		f := b.flights[id]
		b.mu.Unlock()
		if f != nil {
			select {
			case <-f.done:
				if f.final {
					return f.reply, true
				}
				pending = f.reply
			case <-ctx.Done():
				return pending, false
			}
		}
		row, err := b.DB.Message(ctx, id)
		switch {
		case errors.Is(err, models.ErrNotFound) && !b.isNew(id): // a stream from before the inbox was purged, or nobody's
			return bot.Reply{Text: "这条消息太旧了，请重新发一次。"}, true
		case err == nil && !row.AnsweredAt.IsZero():
			var r bot.Reply
			if err := json.Unmarshal(row.Reply, &r); err != nil {
				return bot.Reply{}, false
			}
			if row.Final {
				return r, true
			}
			pending = r
		}
		if b.Sleep(ctx, 100*time.Millisecond) != nil {
			return pending, false
		}
	}
}

// isNew reports whether an id was made so little ago that the database server which
// was asked may not have its row yet, but another of its cluster.
func (b *Bot) isNew(id string) bool {
	made, err := strconv.ParseInt(id[:min(len(id), idTime)], 16, 64)
	return err == nil && len(id) > idTime && b.Now().Sub(time.UnixMilli(made)).Abs() < streamLife
}

// writeWithin is how long a response to a callback may be on its way out.
const writeWithin = 2 * time.Second

// Take reports whether the final reply to a message may go out as the passive answer to
// a callback. It may not where the outbox sees to it, because nobody fetched it in
// time: people would be answered twice. Where it may, the outbox leaves it alone until
// [Bot.Delivered] is through.
func (b *Bot) Take(ctx context.Context, id string) bool {
	now := b.Now()
	free, err := b.DB.TakePassive(ctx, id, now.Add(writeWithin), now.Add(outbox.FallbackDelay))
	if err != nil {
		b.Log.Warn("not known whether the answer is out; it may be seen twice", "message", id, "error", err)
		return true
	}
	return free
}

// Delivered says that the final reply to a message has gone out as the passive
// answer to its callback, so that it need not go out another way; all but rest,
// for which that answer had no room. It does not wait for the database: until the
// handler has returned, WeCom's next callback on the same connection waits.
func (b *Bot) Delivered(id string, rest bot.Reply) {
	if !b.begin() { // nobody would wait for it
		b.recordPassive(context.WithoutCancel(b.base), id, rest)
		return
	}
	go func() {
		defer b.working.Done()
		b.recordPassive(b.base, id, rest)
	}()
}

func (b *Bot) recordPassive(ctx context.Context, id string, rest bot.Reply) {
	err := b.DB.Tx(ctx, func(tx *models.DB) error {
		dropped, err := tx.OutgoingPassive(ctx, id)
		if err != nil || dropped == 0 || rest.Empty() {
			return err
		}
		row, err := tx.Message(ctx, id)
		if err != nil {
			return err
		}
		var m bot.Message
		if err := json.Unmarshal(row.Payload, &m); err != nil {
			return err
		}
		return b.out.Send(ctx, tx, row, m, rest)
	})
	if err != nil {
		b.Log.Warn("passive answer not recorded; it may be seen twice", "message", id, "error", err)
	}
	failpoint.Hit("passive.recorded")
}

func (b *Bot) isStopping() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopping
}

// begin counts one piece of work, unless the bot is stopping.
func (b *Bot) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping {
		return false
	}
	b.working.Add(1)
	return true
}

// launch works on a message that this process holds.
func (b *Bot) launch(row models.Inbox, m bot.Message) {
	f := &flight{done: make(chan struct{})}
	b.mu.Lock()
	b.flights[row.ID] = f
	b.mu.Unlock()
	answered := b.askToWait(row, m)
	b.working.Add(1)
	go func() {
		defer b.working.Done()
		defer answered()
		defer func() {
			b.mu.Lock()
			if b.flights[row.ID] == f {
				delete(b.flights, row.ID)
			}
			b.mu.Unlock()
			close(f.done)
		}()
		reply, err := b.answerTo(b.base, row, m)
		switch {
		case err == nil:
			f.reply, f.final = reply, !reply.Pending
		case errors.Is(err, outbox.ErrTakenOver):
		default:
			b.Log.Error("message not finished; it will be taken up again", "message", row.ID, "channel", m.Channel, "error", err)
		}
		b.poke()
	}()
}

// answerTo works on a message to its answer. A panic is an error of this message
// only: the others go on.
func (b *Bot) answerTo(ctx context.Context, row models.Inbox, m bot.Message) (reply bot.Reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bot: panic: %v\n%s", p, debug.Stack())
		}
	}()
	if reply, err = b.work(ctx, row, m); err == nil && reply.Pending {
		err = b.doubts.lookAgain(ctx, row.ID)
	}
	return reply, err
}

// poke starts a pass of the background work.
func (b *Bot) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
