package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func event(key, subject string) models.HookEvent {
	return models.HookEvent{ID: "e-" + key, Key: key, Subject: subject, Kind: "redeemed", StoreID: 1, Payload: []byte(`{"type":"redeemed"}`)}
}

const threeDays = 72 * time.Hour

// tell adds events to hooks a and b, and is about one voucher where the keys begin alike.
func tell(t *testing.T, db *models.DB, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if !must(db.HookEvents.Add(t.Context(), event(key, "voucher/"+key[:1]), []string{"a", "b"}, db.Now().Add(threeDays))) {
			t.Fatalf("%s is not fresh", key)
		}
	}
}

func dueEvents(t *testing.T, db *models.DB, hook string) (ids []string) {
	t.Helper()
	for _, d := range must(db.HookEvents.Due(t.Context(), hook, db.Now(), 100)) {
		if d.Kind != "redeemed" || string(d.Payload) != `{"type":"redeemed"}` {
			t.Errorf("%s says %s %s", d.EventID, d.Kind, d.Payload)
		}
		ids = append(ids, d.EventID)
	}
	return ids
}

func claimEvent(t *testing.T, db *models.DB, hook, id string) models.HookDelivery {
	t.Helper()
	for _, d := range must(db.HookEvents.Due(t.Context(), hook, db.Now(), 100)) {
		if d.EventID == id {
			return must(db.HookEvents.Claim(t.Context(), d.HookDelivery, db.Now().Add(15*time.Second)))
		}
	}
	t.Fatalf("%s is not due", id)
	return models.HookDelivery{}
}

// An event is there once for each key, and each hook gets those of one subject in their
// order, whatever becomes of another subject or hook.
func TestHookEventsInOrder(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Hooks.Sync(ctx, []models.Hook{{Name: "a"}, {Name: "b"}}))
		tell(t, db, "x1", "x2", "y1")
		again := event("x1", "voucher/z")
		again.ID = "another"
		if must(db.HookEvents.Add(ctx, again, []string{"a"}, clock.Now())) {
			t.Error("a key is told twice")
		}
		same(t, dueEvents(t, db, "a"), []string{"e-x1", "e-y1"})
		d := claimEvent(t, db, "a", "e-x1")
		_, err := db.HookEvents.Claim(ctx, models.HookDelivery{Hook: "a", EventID: "e-x1"}, clock.Now())
		want(t, err, models.ErrStale)
		same(t, dueEvents(t, db, "a"), []string{"e-y1"}) // x2 waits for x1, which is being sent
		no(t, db.HookEvents.Retry(ctx, d, "timeout", 0, clock.Now().Add(time.Minute)))
		same(t, dueEvents(t, db, "a"), []string{"e-y1"})
		same(t, dueEvents(t, db, "b"), []string{"e-x1", "e-y1"})

		clock.Advance(time.Minute)
		d = claimEvent(t, db, "a", "e-x1")
		same(t, d.Tries, 1)
		no(t, db.HookEvents.MarkSent(ctx, d, 204))
		want(t, db.HookEvents.MarkSent(ctx, d, 204), models.ErrStale)
		same(t, dueEvents(t, db, "a"), []string{"e-x2", "e-y1"})
		// What is given up holds nothing up.
		no(t, db.HookEvents.Fail(ctx, claimEvent(t, db, "b", "e-x1"), "expired", 500))
		same(t, dueEvents(t, db, "b"), []string{"e-x2", "e-y1"})

		// Who dies while sending leaves it to others.
		claimEvent(t, db, "a", "e-x2")
		clock.Advance(14 * time.Second)
		same(t, dueEvents(t, db, "a"), []string{"e-y1"})
		clock.Advance(time.Second)
		same(t, dueEvents(t, db, "a"), []string{"e-y1", "e-x2"}) // by when they were due
		same(t, must(db.Hooks.Backlogs(ctx)), map[string]models.HookBacklog{"a": {Queued: 2, SentAt: noon.Add(time.Minute)}, "b": {Queued: 2, Failed: 1}})
	})
}

// Of events about one subject that are added at once, each has a number of its own.
func TestHookEventsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				if !must(db.HookEvents.Add(t.Context(), event(fmt.Sprint("k", i/2), "voucher/x"), []string{"a"}, clock.Now().Add(threeDays))) && i/2 > 5 {
					t.Error("not fresh")
				}
			})
		}
		all.Wait()
		for n := range 6 {
			ids := dueEvents(t, db, "a")
			if len(ids) != 1 {
				t.Fatalf("%d: due %v", n, ids)
			}
			no(t, db.HookEvents.MarkSent(t.Context(), claimEvent(t, db, "a", ids[0]), 200))
		}
		same(t, dueEvents(t, db, "a"), []string(nil))
	})
}

// What waits after a failed try is made due when a hook takes something again, and given
// up at the end of its time or when the hook is gone; what is being sent is left alone.
func TestHookEventsOfAHookThatFails(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		tell(t, db, "w1", "x1", "y1", "z1")
		for _, id := range []string{"e-w1", "e-x1"} {
			no(t, db.HookEvents.Retry(ctx, claimEvent(t, db, "a", id), "timeout", 0, clock.Now().Add(4*threeDays)))
		}
		claimEvent(t, db, "a", "e-y1")
		same(t, dueEvents(t, db, "a"), []string{"e-z1"})
		no(t, db.HookEvents.Hasten(ctx, "a"))
		same(t, dueEvents(t, db, "a"), []string{"e-z1", "e-w1", "e-x1"})
		same(t, must(db.HookEvents.Expire(ctx, "a", "expired", db.Now())), 0)

		no(t, db.HookEvents.Retry(ctx, claimEvent(t, db, "a", "e-w1"), "timeout", 0, clock.Now().Add(4*threeDays)))
		clock.Advance(threeDays)
		claimEvent(t, db, "a", "e-y1")
		same(t, must(db.HookEvents.Expire(ctx, "a", "expired", db.Now())), 2) // not z1, of which there was no try
		same(t, dueEvents(t, db, "a"), []string{"e-z1"})

		no(t, db.Hooks.Sync(ctx, []models.Hook{{Name: "a"}}))
		no(t, db.Hooks.MarkGone(ctx, "a", "gone", 410))
		want(t, db.Hooks.MarkGone(ctx, "a", "gone", 410), models.ErrStale)
		same(t, []int{must(db.HookEvents.GiveUp(ctx, "a", "gone")), must(db.HookEvents.GiveUp(ctx, "a", "gone"))}, []int{1, 0})
		same(t, dueEvents(t, db, "a"), []string(nil))
		same(t, must(db.Hooks.Backlogs(ctx))["a"], models.HookBacklog{Queued: 1, Failed: 3}) // y1 is being sent
	})
}

// A replay queues what was sent and given up, and adds what was never for the hook.
func TestHookReplay(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		tell(t, db, "x1")
		clock.Advance(time.Hour)
		since := clock.Now()
		tell(t, db, "x2", "x3", "y1")
		other := event("x4", "voucher/x")
		other.Kind = "day.closed"
		must(db.HookEvents.Add(ctx, other, []string{"a"}, clock.Now()))
		for _, id := range []string{"e-x1", "e-x2"} {
			no(t, db.HookEvents.MarkSent(ctx, claimEvent(t, db, "a", id), 200))
		}
		sending := claimEvent(t, db, "a", "e-x3")
		no(t, db.HookEvents.Fail(ctx, claimEvent(t, db, "a", "e-y1"), "expired", 500))

		later := clock.Now().Add(threeDays)
		same(t, must(db.HookEvents.Replay(ctx, "a", []string{"redeemed"}, since, later)), 3)
		want(t, db.HookEvents.MarkSent(ctx, sending, 200), models.ErrStale) // it was taken from its sender
		same(t, dueEvents(t, db, "a"), []string{"e-x2", "e-y1"})
		d := claimEvent(t, db, "a", "e-x2")
		same(t, []any{d.Tries, d.ExpiresAt}, []any{0, later})
		same(t, must(db.HookEvents.Replay(ctx, "new", []string{"redeemed"}, noon, later)), 4)
		same(t, dueEvents(t, db, "new"), []string{"e-x1", "e-y1"})
		same(t, must(db.HookEvents.Replay(ctx, "new", []string{"redeemed"}, clock.Now().Add(time.Second), later)), 0)
	})
}

// What was never tried goes before what failed, which goes by when it is due; and what a
// hook refused is not hastened by its taking something else.
func TestHookEventsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		tell(t, db, "w1", "x1")
		no(t, db.HookEvents.Retry(ctx, claimEvent(t, db, "a", "e-w1"), "status", 400, clock.Now().Add(time.Minute)))
		no(t, db.HookEvents.Retry(ctx, claimEvent(t, db, "a", "e-x1"), "timeout", 0, clock.Now().Add(time.Minute)))
		no(t, db.HookEvents.Hasten(ctx, "a"))
		same(t, dueEvents(t, db, "a"), []string{"e-x1"})
		clock.Advance(time.Hour)
		tell(t, db, "y1", "z1")
		same(t, dueEvents(t, db, "a"), []string{"e-y1", "e-z1", "e-x1", "e-w1"})
		for n, want := range map[int][]string{1: {"e-y1"}, 3: {"e-y1", "e-z1", "e-x1"}} {
			var ids []string
			for _, d := range must(db.HookEvents.Due(ctx, "a", db.Now(), n)) {
				ids = append(ids, d.EventID)
			}
			same(t, ids, want)
		}
	})
}

// A backlog is counted up to a limit, and costs what it is: what was sent, which is nearly
// everything that is kept, is not read.
func TestBacklogsOfManyDeliveries(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Hooks.Sync(ctx, []models.Hook{{Name: "a"}, {Name: "b"}, {Name: "new"}}))
		no(t, db.Hooks.Sync(ctx, []models.Hook{{Name: "b"}, {Name: "new"}})) // a was taken out
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.Pool().ExecContext(ctx, sql, args...)
			no(t, err)
		}
		exec("CREATE TEMPORARY TABLE numbers AS WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n")
		exec("CREATE TEMPORARY TABLE further AS SELECT i FROM numbers") // MySQL opens one only once
		insert := func(hook string, state models.OutgoingState, tens int, sent any) {
			t.Helper()
			id := "100 * numbers.i + further.i + 100000"
			if db.Driver() == models.SQLite {
				id = "CAST(" + id + " AS TEXT)"
			}
			exec("INSERT INTO hook_deliveries (hook, event_id, subject, seq, state, attempt, tries, due_at, expires_at, reason, status, sent_at)"+
				" SELECT ?, "+id+", 'voucher', 100 * numbers.i + further.i, ?, 1, 0, ?, ?, '', 0, ? FROM numbers CROSS JOIN further WHERE numbers.i <= ? AND further.i < 100",
				hook, state, "2026-11-23 04:00:00.000000", "2026-11-26 04:00:00.000000", sent, tens)
		}
		insert("a", models.SentOut, 100, "2026-11-23 04:00:00.000000")
		exec("UPDATE hook_deliveries SET sent_at = '2026-11-23 05:00:00.000000' WHERE seq = 77")
		exec("UPDATE hook_deliveries SET state = 'queued', sent_at = NULL WHERE seq = 78")
		insert("b", models.Failed, 100, nil)
		exec(map[string]string{models.SQLite: "ANALYZE", models.MySQL: "ANALYZE TABLE hook_deliveries"}[db.Driver()])

		var steps []map[string]string
		db.Watch(func(sql string, args []any) { steps = append(steps, explained(t, db, sql, args)...) })
		same(t, must(db.Hooks.Backlogs(ctx)), map[string]models.HookBacklog{
			"a": {Queued: 1, SentAt: time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)}, "b": {Failed: models.BacklogCounted}, "new": {},
		})
		if len(steps) < 10 {
			t.Fatalf("only %d steps", len(steps))
		}
		for _, step := range steps {
			read := strings.Contains(step["detail"], "hook_deliveries") || step["table"] == "hook_deliveries"
			searched := strings.Contains(step["detail"], "(hook=? AND state=?)") || strings.Contains(step["detail"], "hook_deliveries_sent (hook=?)") ||
				step["type"] == "ref" && step["key"] == "hook_deliveries_due"
			if read && !searched {
				t.Errorf("reads what was sent: %v", step)
			}
		}
		b := models.HookBacklog{}
		same(t, []string{b.Counted(0), b.Counted(9999), b.Counted(models.BacklogCounted)}, []string{"0", "9999", "10000+"})
	})
}

// A replay of more than one page leaves nothing out.
func TestHookReplayOfMany(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for i := range 450 {
			must(db.HookEvents.Add(ctx, event(fmt.Sprint(i), fmt.Sprint("s", i)), nil, clock.Now()))
			if i%100 == 0 {
				clock.Advance(time.Second)
			}
		}
		no(t, db.Hooks.Sync(ctx, []models.Hook{{Name: "a"}}))
		same(t, must(db.HookEvents.Replay(ctx, "a", []string{"redeemed"}, noon, clock.Now())), 450)
		same(t, must(db.Hooks.Backlogs(ctx))["a"].Queued, 450)
	})
}

// What is still to be sent stays, unless its own time is over.
func TestPurgeHookEvents(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Hooks.Sync(ctx, []models.Hook{{Name: "a"}}))
		for _, key := range []string{"v1", "w1", "x1"} {
			must(db.HookEvents.Add(ctx, event(key, key), []string{"a"}, clock.Now().Add(threeDays)))
		}
		no(t, db.HookEvents.MarkSent(ctx, claimEvent(t, db, "a", "e-v1"), 200))
		no(t, db.HookEvents.Fail(ctx, claimEvent(t, db, "a", "e-w1"), "expired", 0))
		clock.Advance(time.Hour)
		tell(t, db, "y1")
		before := clock.Now()
		same(t, must(db.HookEvents.Purge(ctx, before, 1)), 1)
		same(t, must(db.HookEvents.Purge(ctx, before, 10)), 1)
		same(t, dueEvents(t, db, "a"), []string{"e-x1", "e-y1"})
		same(t, must(db.Hooks.Backlogs(ctx))["a"], models.HookBacklog{Queued: 2})
		same(t, must(db.HookEvents.Purge(ctx, noon.Add(threeDays+time.Second), 10)), 1)
	})
}

// Days are told by store, the newest each.
func TestClosedDays(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		for _, e := range []models.HookEvent{{StoreID: 1, Day: "2026-11-20"}, {StoreID: 1, Day: "2026-11-22"}, {StoreID: 2, Day: "2026-11-21"}, {StoreID: 3, Day: "2026-11-10"}} {
			e.ID = fmt.Sprint(e.StoreID, e.Day)
			e.Key, e.Subject, e.Kind, e.Payload = e.ID, e.ID, "day.closed", []byte("{}")
			must(db.HookEvents.Add(t.Context(), e, nil, clock.Now()))
		}
		same(t, must(db.HookEvents.LastDays(t.Context(), "day.closed", "2026-11-15")), map[int64]string{1: "2026-11-22", 2: "2026-11-21"})
		var days []string
		for _, e := range must(db.HookEvents.OfDays(t.Context(), "day.closed", "2026-11-15")) {
			days = append(days, fmt.Sprint(e.StoreID, " ", e.Day, " ", string(e.Payload)))
		}
		same(t, days, []string{"1 2026-11-20 {}", "2 2026-11-21 {}", "1 2026-11-22 {}"})
	})
}

// How a hook does is counted from its first failure to its next success; managers are
// told once of each, and another address begins anew.
func TestHookHealth(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		a := models.Hook{Name: "a", Host: "pos.example.com", Kinds: "redeemed", Address: "1", Active: true}
		b := models.Hook{Name: "b", Host: "b.example.com", Address: "1", Active: true}
		no(t, db.Hooks.Sync(ctx, []models.Hook{a, b}))
		next := clock.Now().Add(time.Minute)
		for range 2 {
			must(db.Hooks.NoteFailure(ctx, "a", "status", 503, next))
			clock.Advance(time.Second)
		}
		failing := a
		failing.Failures, failing.FailingSince, failing.NextAt, failing.Reason, failing.Status = 2, noon, next, "status", 503
		same(t, must(db.Hooks.Get(ctx, "a")), failing)
		no(t, db.Hooks.Sync(ctx, []models.Hook{a})) // a start of another process forgets nothing
		b.Active = false
		same(t, must(db.Hooks.List(ctx)), []models.Hook{failing, b})

		no(t, db.Hooks.Tell(ctx, "a"))
		want(t, db.Hooks.Tell(ctx, "a"), models.ErrStale)
		same(t, must(db.Hooks.NoteSuccess(ctx, "a")), true)
		same(t, must(db.Hooks.NoteSuccess(ctx, "a")), false)
		same(t, must(db.Hooks.Get(ctx, "a")), a)

		no(t, db.Hooks.MarkGone(ctx, "a", "gone", 410))
		_, err := db.Hooks.NoteSuccess(ctx, "a") // of a try that was under way
		want(t, err, models.ErrStale)
		same(t, must(db.Hooks.Get(ctx, "a")).GoneAt, db.Now())
		no(t, db.Hooks.Revive(ctx, "a"))
		same(t, must(db.Hooks.Get(ctx, "a")), a)
		no(t, db.Hooks.MarkGone(ctx, "a", "gone", 410))
		a.Address = "2"
		no(t, db.Hooks.Sync(ctx, []models.Hook{a}))
		same(t, must(db.Hooks.Get(ctx, "a")), a)
		no(t, db.Hooks.Sync(ctx, nil))
		same(t, must(db.Hooks.Get(ctx, "a")).Active, false)
		_, err = db.Hooks.NoteFailure(ctx, "none", "timeout", 0, next)
		want(t, err, models.ErrStale)
	})
}

// witness writes an event of each move, and fails where it is told to.
type witness struct {
	err  error
	seen []string
}

func (w *witness) note(ctx context.Context, tx *models.DB, key string) error {
	w.seen = append(w.seen, key)
	if _, err := tx.HookEvents.Add(ctx, event(key, "voucher"), []string{"a"}, tx.Now().Add(threeDays)); err != nil {
		return err
	}
	return w.err
}

func (w *witness) Redeemed(ctx context.Context, tx *models.DB, op models.Operation) error {
	return w.note(ctx, tx, "redeemed/"+op.ID)
}

func (w *witness) Undone(ctx context.Context, tx *models.DB, op models.Operation) error {
	return w.note(ctx, tx, fmt.Sprintf("undone/%s/%s/%d", op.ID, op.State, len(must(tx.Journal.Coupons(ctx, op.ID)))))
}

func (w *witness) Refunded(ctx context.Context, tx *models.DB, r models.Refund) error {
	return w.note(ctx, tx, "refunded/"+r.CertificateID)
}

func (w *witness) Reconciled(ctx context.Context, tx *models.DB, r models.Reconciliation) error {
	return w.note(ctx, tx, fmt.Sprintf("reconciled/%d/%s/%d", r.StoreID, r.Day, r.Looks))
}

// An event and the move that it tells of are committed together, or neither is; the
// move's transaction writes it, once.
func TestWitness(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{models.SQLite, models.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx, w, broken := t.Context(), &witness{}, errors.New("broken")
			clock := modelstest.NewClock(noon)
			db := modelstest.On(t, driver, modelstest.WithClock(clock), func(cfg *models.Config) { cfg.Witness = w })
			op, err := db.Journal.Begin(ctx, intent("7992697494"), accept(t, db, "7992697494"))
			no(t, err)
			coupons := []models.Coupon{{Code: op.Code, PriceFen: 4990}}

			w.err = broken
			_, err = db.Journal.FinishConsume(ctx, op, coupons)
			want(t, err, broken)
			same(t, must(db.Journal.Get(ctx, op.ID)).State, models.Calling)
			same(t, dueIDs(t, db), []string(nil))
			w.err = nil
			done, err := db.Journal.FinishConsume(ctx, op, coupons)
			no(t, err)
			_, err = db.Journal.FinishConsume(ctx, op, coupons) // a rescuer that was too late
			want(t, err, models.ErrStale)

			under := undoing(t, db, done)
			w.err = broken
			_, err = db.Journal.FinishUndo(ctx, under, nil)
			want(t, err, broken)
			same(t, must(db.Journal.Get(ctx, op.ID)).State, models.Undoing)
			w.err = nil
			doubt, err := db.Journal.DoubtUndo(ctx, under, nil)
			no(t, err)
			_, err = db.Journal.FinishUndo(ctx, doubt, nil)
			no(t, err)

			there := intent("7992697495")
			there.Count = 2
			two := []models.Coupon{{Code: "7992697495", PriceFen: 4990, UndoneAt: noon}, {Code: "7992697496", PriceFen: 4990, UndoneAt: noon}}
			there = must(db.Journal.FinishConsume(ctx, begin(t, db, there), []models.Coupon{{Code: "7992697495", PriceFen: 4990}, {Code: "7992697496", PriceFen: 4990}}))
			w.err = broken
			_, err = db.Journal.UndoneThere(ctx, there, two[:1])
			want(t, err, broken)
			w.err = nil
			_, err = db.Journal.UndoneThere(ctx, under, two) // an undo of ours has its own end
			want(t, err, models.ErrStale)
			part := must(db.Journal.UndoneThere(ctx, there, two[:1]))
			same(t, part.State, models.Done)
			_, err = db.Journal.UndoneThere(ctx, there, two[1:]) // by another who has read it before
			want(t, err, models.ErrStale)
			part.UndoneAt = noon
			same(t, must(db.Journal.UndoneThere(ctx, part, two[1:])).State, models.Undone)

			r := models.Refund{Platform: "douyin", CertificateID: "c", StoreID: 1, OperationID: op.ID, Code: op.Code, RefundedAt: noon}
			w.err = broken
			_, err = db.Refunds.Add(ctx, r)
			want(t, err, broken)
			w.err = nil
			same(t, []bool{must(db.Refunds.Add(ctx, r)), must(db.Refunds.Add(ctx, r))}, []bool{true, false})

			no(t, db.Reconciliations.Plan(ctx, []models.Reconciliation{{StoreID: 1, Day: "2026-11-22", DueAt: noon}}))
			rec := must(db.Reconciliations.Claim(ctx, must(db.Reconciliations.Get(ctx, 1, "2026-11-22")), noon.Add(time.Minute)))
			w.err = broken
			_, err = db.Reconciliations.Finish(ctx, rec, nil)
			want(t, err, broken)
			w.err = nil
			_, err = db.Reconciliations.Finish(ctx, rec, nil)
			no(t, err)
			same(t, dueIDs(t, db), []string{
				"e-redeemed/" + op.ID, "e-undone/" + op.ID + "/undone/1", "e-redeemed/" + there.ID, "e-undone/" + there.ID + "/done/2", "e-undone/" + there.ID + "/undone/2", "e-refunded/c", "e-reconciled/1/2026-11-22/1",
			})
			same(t, len(w.seen), 12) // each that failed, and each that did not
		})
	}
}

// dueIDs are the events for hook a, in their order.
func dueIDs(t *testing.T, db *models.DB) (ids []string) {
	t.Helper()
	for {
		due := must(db.HookEvents.Due(t.Context(), "a", db.Now(), 10))
		if len(due) == 0 {
			return ids
		}
		for _, d := range due {
			ids = append(ids, d.EventID)
			no(t, db.HookEvents.MarkSent(t.Context(), must(db.HookEvents.Claim(t.Context(), d.HookDelivery, db.Now().Add(time.Second))), 200))
		}
	}
}
