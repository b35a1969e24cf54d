package hooks

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// Events that a hook refuses stand in the way of no other for longer than it rests, are
// tried no more often for its taking others, and do not have managers told again and again.
func TestRefusedEvents(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		const refused, step, hours = 12, time.Minute, 4
		born := map[string]time.Time{}
		var longest time.Duration
		w.answers(func(r request) (*http.Response, error) {
			if r.kind == Undone {
				return says(400)(r)
			}
			var p struct{ Data struct{ Code string } }
			w.must(json.Unmarshal(r.body, &p))
			if at, good := born[p.Data.Code]; good {
				longest = max(longest, clock.Now().Sub(at))
				delete(born, p.Data.Code)
			}
			return says(200)(r)
		})
		for i := range refused {
			w.undo(w.redeem(fmt.Sprint(79926974000 + i)))
		}
		r := w.runner(w.sender(w.db))
		tries := map[string]int{}
		for i := range int(hours * time.Hour / step) {
			if i%10 == 5 { // each ten minutes
				code := fmt.Sprint(79926980000 + i)
				w.redeem(code)
				born[code] = clock.Now()
			}
			r.Pass(w.Context())
			clock.Advance(step)
			for _, one := range w.take() {
				if one.kind == Undone {
					tries[one.id]++
				}
			}
		}
		if len(born) > 0 || longest > longestRest+step {
			w.Errorf("%d wait, one waited %s", len(born), longest)
		}
		for id, n := range tries { // 5 s, 1 min, 5 min, 30 min, 2 h: the sixth is the last
			if n > 6 {
				w.Errorf("%s was tried %d times", id, n)
			}
		}
		if told := strings.Split(w.takeTold(), "\n"); len(tries) != refused || len(told) > 2 {
			w.Errorf("%d refused; managers were told %d times: %v", len(tries), len(told), told)
		}
	}, hook("pos"))
}

// An event whose refusal asks for a long wait waits itself; the others go on.
func TestRetryAfterOfOneEvent(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.answers(func(r request) (*http.Response, error) {
			if r.kind == Undone {
				return says(503, "Retry-After", "86400")(r)
			}
			return says(204)(r)
		})
		w.undo(w.redeem("7992697494"))
		w.pass()
		w.pass()
		w.redeem("7992697495")
		w.take()
		clock.Advance(longestRest - time.Second)
		w.pass()
		if got := w.kinds(); got != "" {
			w.Errorf("within the wait: %s", got)
		}
		clock.Advance(time.Second)
		w.pass()
		if got := w.kinds(); got != "pos redeemed" {
			w.Errorf("got %q", got)
		}
		clock.Advance(longestWait - longestRest - time.Second)
		w.pass()
		if got := w.kinds(); got != "" {
			w.Errorf("within its own wait: %s", got)
		}
		clock.Advance(time.Second)
		w.pass()
		if got := w.kinds(); got != "pos undone" {
			w.Errorf("then got %q", got)
		}
	}, hook("pos"))
}

// After a restore what was told already is told with the id that it had, so that who takes
// each id once does not count it again.
func TestIDsAfterARestore(t *testing.T) {
	t.Parallel()
	clock := modelstest.NewClock(noon)
	w := &world{T: t, keys: map[string]bool{}, now: clock.Now}
	w.writer = &Writer{Hooks: []Hook{hook("pos")}, NewID: w.newID}
	config := models.Config{Driver: models.SQLite, DSN: filepath.Join(t.TempDir(), "a.db"), Key: modelstest.Key, Now: clock.Now}
	start := func() {
		w.open(modelstest.Open(t, models.SQLite, config.DSN, modelstest.WithClock(clock), func(cfg *models.Config) { cfg.Witness = w.writer }))
	}
	db := modelstest.Open(t, models.SQLite, config.DSN, modelstest.WithClock(clock), func(cfg *models.Config) { cfg.Witness = w.writer })
	_, err := db.Migrate(t.Context())
	w.must(err)
	w.open(db)
	op := w.begin("7992697494")
	saved := filepath.Join(t.TempDir(), "copy.db")
	_, err = models.Backup(t.Context(), config, saved, false)
	w.must(err)
	said := func() (all []string) {
		op, err := w.db.Journal.Get(t.Context(), op.ID)
		w.must(err)
		w.must(w.days().Close(t.Context()))
		w.undo(w.finish(op))
		_, err = w.db.Refunds.Add(t.Context(), models.Refund{Platform: "douyin", CertificateID: "c1", StoreID: op.StoreID, OperationID: op.ID, RefundedAt: noon})
		w.must(err)
		for range 5 {
			w.pass()
		}
		for _, r := range w.take() {
			all = append(all, r.kind+" "+r.id)
		}
		slices.Sort(all)
		return all
	}
	before := said()
	w.must(w.db.Close())
	_, err = models.Restore(t.Context(), config, saved, models.Restoring{Stale: time.Hour, Asks: time.Hour})
	w.must(err)
	start()
	if after := said(); len(before) != 4 || !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
	ids := map[string]bool{}
	for _, one := range before {
		_, id, _ := strings.Cut(one, " ")
		ids[id] = true
	}
	if len(ids) != 4 {
		t.Errorf("of different events some have one id: %v", before)
	}
}

// A day that could not be told of holds up the later ones of its store, so that none is
// left out, and those of no other.
func TestClosedDaysAfterAFailure(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.must(w.db.Directory.Sync(w.Context(), []models.ConfiguredStore{
			{Platform: "meituan", ShopID: "shop-1", Name: "A", Session: "t"}, {Platform: "meituan", ShopID: "shop-2", Name: "B", Session: "t"},
		}))
		d := w.days()
		w.must(d.Close(w.Context()))
		for range 5 {
			w.pass()
		}
		w.take()
		clock.Advance(48 * time.Hour)
		// What has its id is in the way of the first day of one store.
		clash := models.HookEvent{
			ID: eventID(fmt.Sprintf("%s/%d/2026-11-23/meituan/shop-1", DayClosed, w.account)), Key: "clash", Subject: "clash", Kind: Redeemed, Payload: []byte("{}"), CreatedAt: noon.Add(-time.Hour),
		}
		_, err := w.db.HookEvents.Add(w.Context(), clash, nil, clock.Now())
		w.must(err)
		if err := d.Close(w.Context()); err == nil {
			w.Error("no error")
		}
		told := func() (days []string) {
			for range 5 {
				w.pass()
			}
			for _, r := range w.take() {
				var p struct{ Data day }
				w.must(json.Unmarshal(r.body, &p))
				days = append(days, p.Data.Store.Name+" "+p.Data.Day)
			}
			slices.Sort(days)
			return days
		}
		if got := told(); !slices.Equal(got, []string{"B 2026-11-23", "B 2026-11-24"}) {
			w.Errorf("told of %v", got)
		}
		_, err = w.db.HookEvents.Purge(w.Context(), noon, 1)
		w.must(err)
		w.must(d.Close(w.Context()))
		if got := told(); !slices.Equal(got, []string{"A 2026-11-23", "A 2026-11-24"}) {
			w.Errorf("then told of %v", got)
		}
	}, hook("pos"))
}

// Events about a code have one order, wherever it is used: a code that was verified by the
// wrong shop, undone, and verified by the right one.
func TestOrderOfAVoucherAtTwoStores(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.must(w.db.Directory.Sync(w.Context(), []models.ConfiguredStore{
			{Platform: "meituan", ShopID: "shop-1", Name: "A", Session: "t"}, {Platform: "meituan", ShopID: "shop-2", Name: "B", Session: "t"},
		}))
		accounts, err := w.db.Accounts.List(w.Context())
		w.must(err)
		lost := false
		w.answers(func(r request) (*http.Response, error) {
			if !lost {
				lost = true
				return says(503)(r)
			}
			return says(204)(r)
		})
		w.undo(w.redeem("7992697494"))
		w.pass()
		for _, a := range accounts {
			if a.ShopID == "shop-2" {
				w.account = a.ID
			}
		}
		w.redeem("7992697494")
		for range 10 {
			w.pass()
			clock.Advance(time.Second)
		}
		var got []string
		for _, r := range w.take() {
			var p struct{ Data struct{ Store store } }
			w.must(json.Unmarshal(r.body, &p))
			got = append(got, r.kind+" "+p.Data.Store.Name)
		}
		if want := []string{"redeemed A", "redeemed A", "undone A", "redeemed B"}; !slices.Equal(got, want) {
			w.Errorf("got %v, want %v", got, want)
		}
	}, hook("pos"))
}

// What waits for a hook that says it is gone is given up, however much it is, and a success
// that was on its way does not bring it back.
func TestGoneWithMuchWaiting(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		const many = 450
		w.must(w.db.Tx(w.Context(), func(tx *models.DB) error {
			for i := range many {
				id := fmt.Sprint(i)
				if _, err := tx.HookEvents.Add(w.Context(), models.HookEvent{ID: id, Key: id, Subject: id, Kind: Redeemed, Payload: []byte("{}")}, []string{"pos"}, clock.Now().Add(TriedFor)); err != nil {
					return err
				}
			}
			return nil
		}))
		s := w.sender(w.db)
		due, err := w.db.HookEvents.Due(w.Context(), "pos", clock.Now(), 2)
		w.must(err)
		row, err := w.db.Hooks.Get(w.Context(), "pos")
		w.must(err)
		row.Failures = 1 // as the one that succeeds has seen it
		w.answers(func(r request) (*http.Response, error) {
			if r.id == due[0].EventID {
				w.must(s.deliver(w.Context(), s.hooks[0], row, due[1])) // it says 410
				return says(200)(r)
			}
			return says(410)(r)
		})
		w.must(s.deliver(w.Context(), s.hooks[0], row, due[0]))
		if row, err = w.db.Hooks.Get(w.Context(), "pos"); err != nil || row.GoneAt.IsZero() {
			w.Errorf("it is back: %+v, %v", row, err)
		}
		if b := w.backlog("pos"); b.Queued != 0 || b.Failed != many-1 {
			w.Errorf("%+v", b)
		}
	}, hook("pos"))
}

// What waits under a name that is not configured any more is said, and sent when a hook has
// that name again.
func TestHookWithAnotherName(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.redeem("7992697494")
		const said = `msg="events wait for a hook that is not configured" hook=old count=1`
		configure := func(h Hook) {
			w.writer.Hooks = []Hook{h}
			w.must(Register(w.Context(), w.db, w.writer.Hooks, slog.New(slog.NewTextHandler(&w.log, nil))))
			w.pass()
		}
		configure(hook("old"))
		w.take()
		w.redeem("7992697495")
		moved := hook("new")
		configure(moved)
		if log := w.log.String(); !strings.Contains(log, said) || len(w.take()) > 0 {
			w.Errorf("lacks %s: %s", said, log)
		}
		w.log.Reset()
		moved.Name = "old"
		configure(moved)
		if log := w.log.String(); strings.Contains(log, said) {
			w.Error(log)
		}
		if got := w.kinds(); got != "new redeemed" {
			w.Errorf("the new address got %q", got)
		}
	}, hook("old"))
}
