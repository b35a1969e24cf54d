package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/events"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/bot/server"
	"yanquan/bot/words"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/httpcall"
	"yanquan/internal/logs/logstest"
	"yanquan/models"
	"yanquan/models/modelstest"
)

const (
	secret  = "app-secret"
	timeout = 500 * time.Millisecond // as the core has it; the client gives up when a call hangs
	address = "/auth/douyin/notice"
)

// rig is two replicas with their servers, the fake platform that posts to the first, and
// the core that verifies.
type rig struct {
	*testing.T
	clock    *modelstest.Clock
	db       *models.DB
	platform *douyintest.Platform
	urls     [2]string
	core     *redeem.Core
	stores   []models.Store
	messages int
	log      *logstest.Buffer
	until    chan struct{} // a call that hangs is given up then; nil: at once
}

// everywhere runs a test on both databases.
func everywhere(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	for _, driver := range []string{models.SQLite, models.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			test(newRig(t, driver))
		})
	}
}

func newRig(t *testing.T, driver string) *rig {
	t.Helper()
	clock := modelstest.NewClock(time.Date(2026, 11, 23, 6, 0, 0, 123456000, time.UTC))
	r := &rig{T: t, clock: clock, log: &logstest.Buffer{}}
	var dbs [2]*models.DB
	if driver == models.SQLite { // a file is one process's
		r.db = modelstest.SQLite(t, modelstest.WithClock(clock))
		dbs = [2]*models.DB{r.db, r.db}
	} else {
		dsn := modelstest.MySQLDSN(t)
		for i := range dbs {
			dbs[i] = modelstest.Open(t, driver, dsn, modelstest.WithClock(clock))
		}
		r.db = dbs[0]
		_, err := r.db.Migrate(t.Context())
		r.must(err)
	}
	r.platform = douyintest.New(douyintest.Options{
		Now: clock.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, ClientKey: "key", ClientSecret: secret,
	})
	api := httptest.NewServer(r.platform)
	t.Cleanup(api.Close)
	client, err := douyin.New(douyin.Config{
		APIURL: api.URL, ClientKey: "key", ClientSecret: secret, Timeout: time.Minute, Now: clock.Now,
		HTTP: &http.Client{Transport: waiting{r, r.platform.Impatient(httpcall.NewTransport())}},
	})
	r.must(err)
	for i, db := range dbs {
		r.urls[i] = r.serve(db, client)
	}
	t.Cleanup(r.platform.Close) // before its servers
	for _, id := range []string{"shop-a", "shop-b"} {
		r.must(r.platform.AddShop(douyintest.Shop{ID: id, Name: id}))
	}
	r.must(r.db.Directory.Sync(t.Context(), []models.ConfiguredStore{
		{Platform: platform.DouyinName, ShopID: "shop-a", Name: "人民广场店", Staff: []models.Member{
			{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}, {UserID: "lisi", Name: "李四", Role: models.RoleManager},
		}},
		{Platform: platform.DouyinName, ShopID: "shop-b", Name: "徐家汇店", Staff: []models.Member{{UserID: "wangwu", Name: "王五", Role: models.RoleManager}}},
	}))
	r.stores, err = r.db.Directory.Stores(t.Context())
	r.must(err)
	r.core = redeem.New(redeem.Options{
		DB: r.db, Shops: shops{client}, CallTimeout: timeout, Now: clock.Now,
		Sleep:  func(ctx context.Context, d time.Duration) error { clock.Advance(d); return ctx.Err() },
		Jitter: func() float64 { return 0.5 }, NewID: r.id, Log: slog.New(slog.DiscardHandler),
	})
	r.must(r.platform.Subscribe(t.Context(), r.urls[0]))
	return r
}

// waiting gives a call up when the test lets it.
type waiting struct {
	r    *rig
	next http.RoundTripper
}

func (w waiting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(req)
	if err != nil && w.r.until != nil {
		select {
		case <-w.r.until:
		case <-req.Context().Done():
		}
	}
	return resp, err
}

type shops struct{ client *douyin.Client }

func (s shops) Open(_ context.Context, a models.Account) (platform.Shop, error) {
	return platform.Douyin(s.client, douyin.Shop{ID: a.ShopID, Account: douyintest.DefaultAccount}), nil
}

// serve is a replica; it gives the address of the notices.
func (r *rig) serve(db *models.DB, client *douyin.Client) string {
	log := slog.New(slog.NewTextHandler(r.log, nil))
	notices := &notice.Notices{
		DB: db, Out: &outbox.Outbox{DB: db, Courier: courier{}, Now: r.clock.Now, Log: log},
		Access: &access.Access{DB: db, Managers: []string{"boss"}, Now: r.clock.Now, Log: log}, NoticeChannel: "app/main", Now: r.clock.Now, Log: log,
	}
	s, err := server.New(server.Options{
		Engine: nobody{}, Log: log,
		Events: map[string]server.Events{platform.DouyinName: &events.Douyin{
			DB: db, Client: client, AccountID: "7000", Words: &words.Words{Location: time.FixedZone("CST", 8*3600), Now: r.clock.Now}, Tell: notices.TellStores,
			Lease: lease, Log: log,
		}},
	})
	r.must(err)
	srv := httptest.NewServer(s.Handler())
	r.Cleanup(srv.Close)
	return srv.URL + address
}

// lease is that of the core.
const lease = 3*timeout + 3*time.Second

// courier sends nothing: what is told is looked for in the outbox.
type courier struct{ bot.Courier }

func (courier) FirstForm(bot.Delivery) bot.Form { return bot.AsCard }
func (courier) Changes(string) bool             { return false }

// nobody writes to the bot here.
type nobody struct{ server.Engine }

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) id() string { r.messages++; return fmt.Sprintf("%032d", r.messages) }

// sell gives vouchers of one order.
func (r *rig) sell(v douyintest.Voucher, n int) []douyintest.Voucher {
	r.Helper()
	if v.Title == "" {
		v.Title = "双人下午茶"
	}
	if v.Price == 0 {
		v.Price = 4990
	}
	list, err := r.platform.AddOrder(v, n)
	r.must(err)
	return list
}

// asked is a message that asks for something.
func (r *rig) asked() models.Inbox {
	r.Helper()
	id := "message-" + r.id()
	in, _, err := r.db.Inbox.Accept(r.Context(), models.Inbox{ID: id, Channel: "app/main", MessageID: id, User: "zhangsan", DueAt: r.clock.Now().Add(time.Minute)})
	r.must(err)
	return in
}

func (r *rig) commit(step redeem.Step, err error) (op models.Operation) {
	r.Helper()
	r.must(err)
	r.must(r.db.Tx(r.Context(), func(tx *models.DB) (err error) { op, err = step(r.Context(), tx); return err }))
	return op
}

// consume verifies at a store.
func (r *rig) consume(store int, code string, count int) models.Operation {
	r.Helper()
	return r.commit(r.core.Consume(r.Context(), redeem.Request{
		Asked: r.asked(), Account: r.stores[store].Account, Code: code, Count: count, Channel: "app/main", UserID: "zhangsan", User: "张三",
	}))
}

func (r *rig) undo(op models.Operation) models.Operation {
	r.Helper()
	return r.commit(r.core.Undo(r.Context(), redeem.UndoRequest{Asked: r.asked(), Op: op, UserID: "zhangsan", User: "张三"}))
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

func (r *rig) now(op models.Operation) models.Operation {
	r.Helper()
	op, err := r.db.Journal.Get(r.Context(), op.ID)
	r.must(err)
	return op
}

func (r *rig) state(op models.Operation, want models.State) {
	r.Helper()
	if got := r.now(op).State; got != want {
		r.Errorf("the operation is %s, want %s", got, want)
	}
}

func (r *rig) set(code string, s douyintest.State) { r.Helper(); r.must(r.platform.SetState(code, s)) }

// posted waits until no notice is under way any more: each was taken, or tried in vain.
func (r *rig) posted() {
	r.Helper()
	r.must(r.platform.Await(r.Context(), func() bool {
		return !slices.ContainsFunc(r.platform.Notices(), func(n douyintest.Notice) bool { return !n.Taken && n.Attempts < 4 })
	}))
}

// told are the cards that were sent, by receiver, the texts without what is in the fields.
func (r *rig) told() map[string][]bot.Card {
	r.Helper()
	out, err := r.db.Outbox.Due(r.Context(), r.clock.Now(), 100, nil, time.Time{})
	r.must(err)
	all := map[string][]bot.Card{}
	for _, o := range out {
		var d bot.Delivery
		r.must(json.Unmarshal(o.Payload, &d))
		all[o.User] = append(all[o.User], *d.Reply.Card)
	}
	return all
}

// tells fails unless just these people were told, of one thing, and gives it.
func (r *rig) tells(users ...string) bot.Card {
	r.Helper()
	r.posted()
	all := r.told()
	var got []string
	var card bot.Card
	for user, cards := range all {
		for _, c := range cards {
			got, card = append(got, user), c
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, users) {
		r.Fatalf("told were %v, want %v", got, users)
	}
	return card
}

// says fails unless a card has all of these texts.
func (r *rig) says(c bot.Card, texts ...string) {
	r.Helper()
	whole, err := json.Marshal(c)
	r.must(err)
	for _, text := range texts {
		if !strings.Contains(string(whole), text) {
			r.Errorf("%s does not say %q", whole, text)
		}
	}
}

// refunds are those of the day at both stores.
func (r *rig) refunds() []models.Refund {
	r.Helper()
	day := r.clock.Now().Truncate(24 * time.Hour)
	list, err := r.db.Refunds.Between(r.Context(), models.AccountIDs(r.stores), day, day.Add(24*time.Hour))
	r.must(err)
	return list
}
