package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/reconcile"
	"yanquan/internal/jobs"
	"yanquan/models"
	"yanquan/models/modelstest"
)

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// noon is in Shanghai, when people are there.
var noon = time.Date(2026, 11, 23, 4, 0, 0, 123457000, time.UTC)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// request is what a hook was sent.
type request struct {
	hook, id, kind string
	body           []byte
	header         http.Header
	at             time.Time
}

// world is other systems, each a host of its own, and the managers.
type world struct {
	*testing.T
	db      *models.DB
	writer  *Writer
	now     func() time.Time
	account int64 // of Meituan

	mu     sync.Mutex
	got    []request
	answer func(r request) (*http.Response, error) // nil: 204
	told   []string                                // titles and texts
	keys   map[string]bool
	log    logged
	ids    int
}

// logged is a log that is written and read at the same time.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// hook is one at a host of its own.
func hook(name string, kinds ...string) Hook {
	if len(kinds) == 0 {
		kinds = Kinds
	}
	return Hook{Name: name, URL: "https://" + name + ".example.com/hook/s3cret-path", Secrets: []string{secretA}, Kinds: kinds}
}

func newWorld(t *testing.T, driver string, clock *modelstest.Clock, all ...Hook) *world {
	t.Helper()
	w := &world{T: t, keys: map[string]bool{}, now: clock.Now}
	w.writer = &Writer{Hooks: all, NewID: w.newID}
	w.open(modelstest.On(t, driver, modelstest.WithClock(clock), func(cfg *models.Config) { cfg.Witness = w.writer }))
	return w
}

// each plays on both databases.
func each(t *testing.T, fn func(w *world, clock *modelstest.Clock), all ...Hook) {
	t.Helper()
	t.Parallel()
	for _, driver := range []string{models.SQLite, models.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := modelstest.NewClock(noon)
			fn(newWorld(t, driver, clock, all...), clock)
		})
	}
}

func (w *world) open(db *models.DB) {
	w.Helper()
	w.db = db
	w.must(db.Directory.Sync(w.Context(), []models.ConfiguredStore{{Platform: "meituan", ShopID: "shop-1", Name: "人民广场店", Session: "t",
		Accounts: []models.ConfiguredAccount{{Platform: "douyin", ShopID: "7001"}}}}))
	w.must(Register(w.Context(), db, w.writer.Hooks, slog.New(slog.NewTextHandler(&w.log, nil))))
	accounts, err := db.Accounts.List(w.Context())
	w.must(err)
	for _, a := range accounts {
		if a.Platform == "meituan" {
			w.account = a.ID
		}
	}
}

func (w *world) newID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("%032d", w.ids)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// RoundTrip is all other systems.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	var p struct{ Type string }
	if err := json.Unmarshal(body, &p); err != nil {
		w.Errorf("body %q: %v", body, err)
	}
	one := request{strings.TrimSuffix(r.URL.Host, ".example.com"), r.Header.Get("webhook-id"), p.Type, body, r.Header, w.now()}
	w.mu.Lock()
	w.got = append(w.got, one)
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return says(204)(one)
	}
	return answer(one)
}

// says answers with a status and headers.
func says(status int, headers ...string) func(request) (*http.Response, error) {
	return func(request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("t0ken of theirs"))}, nil
	}
}

func (w *world) answers(fn func(request) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = fn
}

// take gives what was sent since.
func (w *world) take() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// takeTold gives what managers were told since.
func (w *world) takeTold() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := strings.Join(w.told, "\n")
	w.told = nil
	return told
}

// kinds are what was sent since, as "hook kind".
func (w *world) kinds() string {
	var all []string
	for _, r := range w.take() {
		all = append(all, r.hook+" "+r.kind)
	}
	return strings.Join(all, ", ")
}

// sender is a process that sends.
func (w *world) sender(db *models.DB) *Sender {
	w.Helper()
	o := Options{
		DB: db, Hooks: w.writer.Hooks, Location: shanghai, Now: db.Now, Clock: w.now, Jitter: func() float64 { return 0 }, Carry: w,
		Observe: func(string, string) {}, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Tell: func(_ context.Context, tx *models.DB, key string, card bot.Card) error {
			tx.AfterCommit(func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				if !w.keys[key] {
					w.keys[key] = true
					w.told = append(w.told, card.Title+"："+card.Text)
				}
			})
			return nil
		},
	}
	s, err := New(o)
	w.must(err)
	return s
}

// runner does the work of a process.
func (w *world) runner(s *Sender) *jobs.Runner {
	return jobs.New(jobs.Options{Jobs: s.Jobs(), Every: time.Second, Base: w.Context(), Now: s.Now, Quiet: Anothers, Log: s.Log})
}

// pass does once what is due.
func (w *world) pass() { w.runner(w.sender(w.db)).Pass(w.Context()) }

// begin is an operation that is being consumed.
func (w *world) begin(code string) models.Operation {
	w.Helper()
	id := w.newID()
	in, _, err := w.db.Inbox.Accept(w.Context(), models.Inbox{ID: id, Channel: "app/main", MessageID: id, User: "zhangsan", Payload: []byte("验 " + code), DueAt: w.db.Now().Add(time.Minute)})
	w.must(err)
	op, err := w.db.Journal.Begin(w.Context(), models.Operation{
		ID: w.newID(), StoreID: w.account, Code: code, Count: 1, DueAt: w.db.Now().Add(time.Minute), Channel: "app/main", UserID: "zhangsan", User: "张三",
		OrderID: "order-" + code[len(code)-2:], Title: "双人下午茶", PriceFen: 4990, Mobile: "138****0000", CalledAt: w.db.Now(),
	}, in)
	w.must(err)
	return op
}

func (w *world) finish(op models.Operation) models.Operation {
	w.Helper()
	op.UndoUntil = w.db.Now().Add(10 * time.Minute)
	op, err := w.db.Journal.FinishConsume(w.Context(), op, []models.Coupon{{Code: op.Code, PriceFen: op.PriceFen}})
	w.must(err)
	return op
}

func (w *world) redeem(code string) models.Operation {
	w.Helper()
	return w.finish(w.begin(code))
}

func (w *world) undo(op models.Operation) models.Operation {
	w.Helper()
	id := w.newID()
	in, _, err := w.db.Inbox.Accept(w.Context(), models.Inbox{ID: id, Channel: "app/main", MessageID: id, User: "lisi", Payload: []byte("撤"), DueAt: w.db.Now().Add(time.Minute)})
	w.must(err)
	op.UndoUserID, op.UndoUser, op.UndoCalledAt = "lisi", "李四", w.db.Now()
	op, err = w.db.Journal.BeginUndo(w.Context(), op, in)
	w.must(err)
	op, err = w.db.Journal.FinishUndo(w.Context(), op, nil)
	w.must(err)
	return op
}

func (w *world) reconcile(f reconcile.Figures) {
	w.Helper()
	ctx := w.Context()
	w.must(w.db.Reconciliations.Plan(ctx, []models.Reconciliation{{StoreID: w.account, Day: "2026-11-22", DueAt: noon}}))
	r, err := w.db.Reconciliations.Get(ctx, w.account, "2026-11-22")
	w.must(err)
	r, err = w.db.Reconciliations.Claim(ctx, r, w.db.Now().Add(time.Minute))
	w.must(err)
	text, err := json.Marshal(f)
	w.must(err)
	r.Figures, r.CheckedAt, r.DueAt = string(text), w.db.Now(), w.db.Now().Add(24*time.Hour)
	_, err = w.db.Reconciliations.Finish(ctx, r, nil)
	w.must(err)
}

func (w *world) backlog(hook string) models.HookBacklog {
	w.Helper()
	all, err := w.db.Hooks.Backlogs(w.Context())
	w.must(err)
	return all[hook]
}
