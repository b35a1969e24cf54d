package redeem

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/breadth"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

const (
	code    = "7992697494"
	timeout = 500 * time.Millisecond // as the core has it; the clients give up when a call hangs
	soon    = 30 * time.Second       // a doubt is settled so soon after the platform answers again

	patience = time.Minute // with an answer, on a machine that is busy
)

// rig is a core with everything around it: a real database, the fake platform
// over real HTTP, and one clock for all.
type rig struct {
	*testing.T
	clock    *modelstest.Clock
	db       *models.DB
	platform *dianpingtest.Platform // nil: it is Douyin
	douyin   *douyintest.Platform   // nil: it is not
	core     *Core
	store    models.Store
	messages int
	told     []models.Operation // operations as they were committed
	before   *atomic.Pointer[func(call string)]
}

// shops opens every account with the same client.
type shops struct {
	open func(models.Account) platform.Shop
	*watch
	gone bool
}

func (s *shops) Open(_ context.Context, account models.Account) (platform.Shop, error) {
	if s.gone {
		return nil, ErrNotConnected
	}
	return &watched{s.open(account), s.watch}, nil
}

// place is a platform and a kind of database.
type place struct{ platform, driver string }

// generations are on SQLite, for the core is told what the database does by package models.
var generations = []place{{dianping.Dianping, models.SQLite}, {dianping.Meituan, models.SQLite}}

// everywhere runs a test with both generations, or with one of them.
func everywhere(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	in(t, test, generations...)
}

// on runs a test with one platform, on SQLite.
func on(t *testing.T, dialect string, test func(r *rig)) {
	t.Helper()
	in(t, test, place{dialect, models.SQLite})
}

// in runs a test in some places, or in one of them. Under the race detector it leaves out
// most cells of a table, see [breadth.Cells].
func in(t *testing.T, test func(r *rig), places ...place) {
	t.Helper()
	for _, p := range breadth.Cells(t.Name(), places...) {
		name := p.platform
		if p.driver == models.MySQL {
			name += "/" + p.driver
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			test(newRig(t, modelstest.On(t, p.driver, modelstest.WithClock(clock)), clock, p.platform))
		})
	}
}

// everyPlatform is everywhere with Douyin, too: for tests that are not about answers.
func everyPlatform(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	in(t, test, append(generations[:2:2], place{platform.DouyinName, models.SQLite})...)
}

// everyPlatformAndDatabase is everyPlatform on MariaDB, too.
func everyPlatformAndDatabase(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	in(t, test, append(generations[:2:2], place{platform.DouyinName, models.SQLite}, place{dianping.Meituan, models.MySQL})...)
}

// everyDatabase runs a test on MariaDB too.
func everyDatabase(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	in(t, test, append(generations[:2:2], place{dianping.Meituan, models.MySQL})...)
}

// noon is a clock that shows 14:00 in Beijing.
func noon() *modelstest.Clock {
	return modelstest.NewClock(time.Date(2026, 11, 23, 6, 0, 0, 123456000, time.UTC))
}

func newRig(t *testing.T, db *models.DB, clock *modelstest.Clock, dialect string) *rig {
	t.Helper()
	r := &rig{T: t, clock: clock, db: db, before: &atomic.Pointer[func(string)]{}}
	var fake http.Handler
	sleep := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	if dialect == platform.DouyinName {
		r.douyin = douyintest.New(douyintest.Options{Now: clock.Now, Sleep: sleep, ClientKey: "key", ClientSecret: "app-secret"})
		t.Cleanup(r.douyin.Close)
		fake = r.douyin
	} else {
		r.platform = dianpingtest.New(dianpingtest.Options{
			Now: clock.Now, Sleep: sleep, AppKey: "key", AppSecret: "app-secret", DeveloperID: "100000", SignKey: "sign-key",
		})
		t.Cleanup(r.platform.Close)
		fake = r.platform
	}
	srv := httptest.NewServer(fake)
	t.Cleanup(srv.Close)
	for _, s := range []string{"shop-a", "shop-b"} {
		if r.douyin != nil {
			r.must(r.douyin.AddShop(douyintest.Shop{ID: s, Name: s}))
			continue
		}
		r.must(r.platform.AddShop(dianpingtest.Shop{ID: s, Name: s}))
		r.must(r.platform.AddSession(dianpingtest.Session{Token: "token-" + s, Dialect: dianpingtest.Dialect(dialect), Shops: []string{s}}))
	}
	r.must(db.Directory.Sync(t.Context(), []models.ConfiguredStore{
		{Platform: dialect, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Staff: []models.Member{
			{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}, {UserID: "lisi", Name: "李四", Role: models.RoleStaff},
		}},
		{Platform: dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b"},
	}))
	var err error
	r.store, err = db.Directory.Store(t.Context(), 1)
	r.must(err)
	r.core = r.process(srv.URL, dialect)
	return r
}

// process is a core as a process of its own has it.
func (r *rig) process(url, dialect string) *Core {
	var ids atomic.Int64
	return New(Options{
		DB: r.db, Shops: &shops{open: r.opener(url, dialect), watch: &watch{before: r.before}}, CallTimeout: timeout, Now: r.clock.Now,
		Sleep:  func(ctx context.Context, d time.Duration) error { r.clock.Advance(d); return ctx.Err() },
		Jitter: func() float64 { return 0.5 },
		NewID:  func() string { return fmt.Sprintf("%032d", ids.Add(1)) },
		Log:    slog.New(slog.DiscardHandler),
	})
}

func (r *rig) opener(url, dialect string) func(models.Account) platform.Shop {
	if dialect == platform.DouyinName {
		client, err := douyin.New(douyin.Config{
			APIURL: url, ClientKey: "key", ClientSecret: "app-secret", Timeout: patience, Now: r.clock.Now,
			HTTP: &http.Client{Transport: r.douyin.Impatient(httpcall.NewTransport())},
		})
		r.must(err)
		return func(a models.Account) platform.Shop {
			return platform.Douyin(client, douyin.Shop{ID: a.ShopID, Account: douyintest.DefaultAccount})
		}
	}
	var client dianping.Client
	var err error
	hc := &http.Client{Transport: r.platform.Impatient(httpcall.NewTransport())}
	if dialect == dianping.Dianping {
		client, err = dianping.NewDianping(dianping.Config{APIURL: url, AuthURL: url, AppKey: "key", AppSecret: "app-secret", HTTP: hc, Timeout: patience, Now: r.clock.Now})
	} else {
		client, err = dianping.NewMeituan(dianping.MeituanConfig{APIURL: url, AuthURL: url, DeveloperID: "100000", SignKey: "sign-key", HTTP: hc, Timeout: patience, Now: r.clock.Now})
	}
	r.must(err)
	return func(a models.Account) platform.Shop {
		return platform.Dianping(client, dianping.Shop{ID: a.ShopID, Session: "token-" + a.ShopID}, 10*time.Minute)
	}
}

// watch tells a test of each answer.
type watch struct {
	before *atomic.Pointer[func(string)]
	look   func(platform.Looked) platform.Looked     // changes what a look says; nil: nothing
	record func(platform.Recorded) platform.Recorded // changes what a record says; nil: nothing
	blind  atomic.Int64                              // the platform lists nothing since then, in Unix seconds; 0: all
}

func (w *watch) tell(call string) {
	if f := w.before.Load(); f != nil {
		(*f)(call)
	}
}

type watched struct {
	platform.Shop
	*watch
}

func (w *watched) History(ctx context.Context, on ...time.Time) platform.Listed {
	listed := w.Shop.History(ctx, on...)
	since := w.blind.Load()
	listed.Records = slices.DeleteFunc(listed.Records, func(r platform.Record) bool { return since != 0 && r.At.Unix() >= since })
	return listed
}

func (w *watched) Look(ctx context.Context, code string) platform.Looked {
	defer w.tell("prepared")
	looked := w.Shop.Look(ctx, code)
	if w.look != nil {
		looked = w.look(looked)
	}
	return looked
}

func (w *watched) Record(ctx context.Context, c platform.Coupon) platform.Recorded {
	defer w.tell("recorded")
	recorded := w.Shop.Record(ctx, c)
	if w.record != nil {
		recorded = w.record(recorded)
	}
	return recorded
}

func (w *watched) Reverse(ctx context.Context, c platform.Coupon, by platform.Operator, again bool) platform.Reversal {
	defer w.tell("reversed")
	return w.Shop.Reverse(ctx, c, by, again)
}

// when calls f once, after a call.
func (r *rig) when(call string, f func()) {
	var tell func(string)
	tell = func(c string) {
		if c == call && r.before.CompareAndSwap(&tell, nil) {
			f()
		}
	}
	r.before.Store(&tell)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// voucher sells one coupon, order several of one order, card a 次卡.
func (r *rig) voucher(code string) { r.order(code, 1) }

// order gives the codes.
func (r *rig) order(code string, n int) (codes []string) {
	r.Helper()
	if r.douyin != nil {
		v, err := r.douyin.AddOrder(douyintest.Voucher{Code: code, Title: "双人下午茶", Price: 4990, Shops: []string{"shop-a"}}, n)
		r.must(err)
		for _, v := range v {
			codes = append(codes, v.Code)
		}
		return codes
	}
	v, err := r.platform.AddOrder(dianpingtest.Voucher{Code: code, Title: "双人下午茶", Price: 4990, Shops: []string{"shop-a"}}, n)
	r.must(err)
	for _, v := range v {
		codes = append(codes, v.Code)
	}
	return codes
}

func (r *rig) card(code string, visits int) {
	r.Helper()
	if r.douyin != nil {
		_, err := r.douyin.AddVoucher(douyintest.Voucher{Code: code, Title: "十次卡", Price: 49900, Visits: visits, Shops: []string{"shop-a"}})
		r.must(err)
		return
	}
	_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "十次卡", Price: 49900, Visits: visits, BizType: 205, Shops: []string{"shop-a"}})
	r.must(err)
}

// elsewhere consumes a code at the till, refunding asks its money back, pause takes the
// platform down.
func (r *rig) elsewhere(code, who string) {
	r.Helper()
	if r.douyin != nil {
		r.must(r.douyin.ConsumeElsewhere(code, who))
		return
	}
	r.must(r.platform.ConsumeElsewhere(code, who, "1"))
}

func (r *rig) refunding(code string) {
	r.Helper()
	if r.douyin != nil {
		r.must(r.douyin.SetState(code, douyintest.Refunding))
		return
	}
	r.must(r.platform.SetState(code, dianpingtest.Refunding))
}

func (r *rig) pause() {
	r.Helper()
	if r.douyin != nil {
		r.must(r.douyin.Pause(douyintest.PauseRefuse))
		return
	}
	r.must(r.platform.Pause(dianpingtest.PauseRefuse))
}

func (r *rig) resume() {
	if r.douyin != nil {
		r.douyin.Resume()
		return
	}
	r.platform.Resume()
}

func (r *rig) knobs(k dianpingtest.Knobs) { r.Helper(); r.must(r.platform.SetKnobs(k)) }

// fail orders a fault; its call is named as at Meituan.
func (r *rig) fail(f dianpingtest.Fault) {
	r.Helper()
	if r.douyin == nil {
		r.must(r.platform.Fail(f))
		return
	}
	f.Call = inDouyin(f.Call)
	var same douyintest.Fault
	data, err := json.Marshal(f)
	r.must(err)
	r.must(json.Unmarshal(data, &same))
	r.must(r.douyin.Fail(same))
}

// inDouyin names a call of Meituan's as it is named there.
func inDouyin(call string) string {
	return map[string]string{"consume": "verify", "reverseconsume": "cancel", "getconsumed": "query", "prepare": "prepare"}[call]
}

// asked is a message that asks for something, as its worker holds it.
func (r *rig) asked() models.Inbox {
	r.Helper()
	r.messages++
	id := fmt.Sprint("message-", r.messages)
	in, _, err := r.db.Inbox.Accept(r.Context(), models.Inbox{ID: id, Channel: "app/main", MessageID: id, User: "zhangsan", DueAt: r.clock.Now().Add(time.Minute)})
	r.must(err)
	return in
}

func (r *rig) request(code string, count int, follows string) Request {
	return Request{Asked: r.asked(), Account: r.store.Account, Code: code, Count: count, Channel: "app/main", UserID: "zhangsan", User: "张三", Follows: follows}
}

// commit does the rest of a step.
func (r *rig) commit(step Step, err error) models.Operation {
	r.Helper()
	r.must(err)
	var op models.Operation
	r.must(r.db.Tx(r.Context(), func(tx *models.DB) (err error) { op, err = step(r.Context(), tx); return err }))
	r.told = append(r.told, op)
	stored, err := r.db.Journal.Get(r.Context(), op.ID)
	r.must(err)
	if stored != op {
		r.Errorf("kept\n%+v, told\n%+v", stored, op)
	}
	return op
}

func (r *rig) consume(code string, count int) models.Operation {
	r.Helper()
	return r.commit(r.core.Consume(r.Context(), r.request(code, count, "")))
}

func (r *rig) follow(op models.Operation) models.Operation {
	r.Helper()
	return r.commit(r.core.Consume(r.Context(), r.request(op.Code, op.Count, op.ID)))
}

func (r *rig) undo(op models.Operation) models.Operation {
	r.Helper()
	return r.commit(r.core.Undo(r.Context(), UndoRequest{Asked: r.asked(), Op: op, UserID: "zhangsan", User: "张三"}))
}

// pass settles once what is due.
func (r *rig) pass() {
	r.Helper()
	due, err := r.db.Journal.Due(r.Context(), models.Of{}, r.clock.Now(), 10)
	r.must(err)
	for _, op := range due {
		r.commit(r.core.Settle(r.Context(), op))
	}
}

// settle settles an operation, and fails where that takes longer than the contract
// allows.
func (r *rig) settle(op models.Operation) models.Operation {
	r.Helper()
	return r.settleWithin(op, soon)
}

func (r *rig) settleWithin(op models.Operation, limit time.Duration) models.Operation {
	r.Helper()
	const between = 500 * time.Millisecond
	for begin := r.clock.Now(); ; r.toNextPass(between, limit+between) {
		r.pass()
		now, err := r.db.Journal.Get(r.Context(), op.ID)
		r.must(err)
		if now.State.Terminal() {
			return now
		}
		if r.clock.Now().Sub(begin) > limit {
			_, _, calls, _, _ := r.db.History.Story(r.Context(), op.Code)
			for _, c := range calls {
				r.Logf("%s %s ×%d %s %s %s", c.StartedAt.Format("15:04:05.0"), c.Name, c.Times, c.Class, c.Reason, c.Code)
			}
			r.Fatalf("still %s after %s, in doubt for %v", now.State, limit, now.Outcome)
		}
	}
}

// settleLost settles a consume whose answer was lost and that had no effect. At Douyin it
// may have been that it is held: while that can be, people are told and it stays open.
func (r *rig) settleLost(op models.Operation) models.Operation {
	r.Helper()
	if r.douyin == nil || r.now(op).State.Terminal() {
		return r.settle(op)
	}
	r.clock.Advance(HumanAfter)
	r.during(time.Minute)
	if op = r.now(op); op.State.Terminal() {
		return op
	}
	if r.is(op, models.Unknown, ReasonMayBeHeld); !op.NeedsHuman {
		r.Error("nobody was told")
	}
	r.clock.Advance(op.SentAt.Add(heldAtMost).Sub(r.clock.Now()))
	return r.settleWithin(op, 10*time.Minute)
}

// during settles what is due for so long.
func (r *rig) during(d time.Duration) {
	r.Helper()
	for end := r.clock.Now().Add(d); r.clock.Now().Before(end); r.toNextPass(max(time.Second, d/240), end.Sub(r.clock.Now())) {
		r.pass()
	}
}

// toNextPass goes on to the next of the passes, at times between which so much passes, that
// finds something due, or to one after so long.
func (r *rig) toNextPass(between, most time.Duration) {
	r.Helper()
	now := r.clock.Now()
	next := now.Add(most)
	first, err := r.db.Journal.Due(r.Context(), models.Of{}, next, 1)
	r.must(err)
	if len(first) > 0 {
		next = first[0].DueAt
	}
	passes := (next.Sub(now) + between - 1) / between
	r.clock.Advance(max(passes, 1) * between)
}

// now is an operation as it is kept.
func (r *rig) now(op models.Operation) models.Operation {
	r.Helper()
	op, err := r.db.Journal.Get(r.Context(), op.ID)
	r.must(err)
	return op
}

// effects fails unless a code was consumed and undone so often.
func (r *rig) effects(code string, consumed, undone int) {
	r.Helper()
	var c, u int
	if r.douyin != nil {
		got := r.douyin.Effects(code)
		c, u = got.Consumed, got.Undone
	} else {
		got := r.platform.Effects(code)
		c, u = got.Consumed, got.Undone
	}
	if c != consumed || u != undone {
		r.Errorf("%s was consumed %d and undone %d times at the platform, want %d and %d", code, c, u, consumed, undone)
	}
}

// is fails unless an operation is in a state, for a reason.
func (r *rig) is(op models.Operation, state models.State, reason string) {
	r.Helper()
	got := op.Outcome.Reason
	if op.UndoCalledAt != (time.Time{}) {
		got = op.UndoReason
	}
	if op.State != state || got != reason {
		r.Errorf("the operation is %s (%s), want %s (%s)", op.State, got, state, reason)
	}
}

// never fails where it was told that an operation is in a state.
func (r *rig) never(state models.State) {
	r.Helper()
	for _, op := range r.told {
		if op.State == state {
			r.Errorf("told that %s is %s: %+v", op.Code, op.State, op.Outcome)
		}
	}
}

// calls counts the requests for one interface.
func (r *rig) calls(name string) int {
	n := 0
	if r.douyin != nil {
		for _, q := range r.douyin.Requests() {
			if q.Call == inDouyin(name) {
				n++
			}
		}
		return n
	}
	for _, q := range r.platform.Requests() {
		if q.Call == name {
			n++
		}
	}
	return n
}
