package models_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// crowd has so many people do something that is accepted and worked on, at once and for
// some rounds.
func crowd(t *testing.T, db *models.DB, name string, people int) []error {
	t.Helper()
	return race(people, func(i int) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for round := range 3 {
			in := message(fmt.Sprintf("%s-%d-%d", name, i, round))
			if _, _, err := db.Inbox.Accept(ctx, in); err != nil {
				return err
			}
			if err := db.Tx(ctx, func(tx *models.DB) error {
				_, err := tx.Inbox.Answer(ctx, must(tx.Inbox.Get(ctx, in.ID)), nil, true)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// An account that admits few connections makes the bot slower, not deaf: whoever finds
// none waits for one that comes back.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	for _, admits := range []int{1, 2, 5, 20} {
		t.Run(fmt.Sprint(admits), func(t *testing.T) {
			t.Parallel()
			dsn := modelstest.MySQLDSN(t)
			admin := modelstest.Open(t, models.MySQL, dsn)
			db := modelstest.Open(t, models.MySQL, account(t, admin, dsn, "ALL", fmt.Sprintf("WITH MAX_USER_CONNECTIONS %d", admits)))
			no(t, second(db.Migrate(t.Context())))
			for _, err := range crowd(t, db, "a", min(40, 10*admits)) {
				no(t, err)
			}
			if db.Conns() >= admits && admits > 1 {
				t.Errorf("%d connections for work, of %d", db.Conns(), admits)
			}
		})
	}
}

// Several processes share what an account admits: the connections that one does not use
// come back within seconds, and while it does, those that it has are shared out.
func TestFewConnectionsForTwo(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t)
	admin := modelstest.Open(t, models.MySQL, dsn)
	few := account(t, admin, dsn, "ALL", "WITH MAX_USER_CONNECTIONS 6")
	one, two := modelstest.Open(t, models.MySQL, few), modelstest.Open(t, models.MySQL, few)
	no(t, second(one.Migrate(t.Context())))
	for _, err := range race(2, func(i int) error {
		for _, err := range crowd(t, []*models.DB{one, two}[i], fmt.Sprint(i), 20) {
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		no(t, err)
	}

	// One of them has all there is, and nothing to do: it gives them up.
	few = account(t, admin, modelstest.MySQLDSN(t), "ALL", "WITH MAX_USER_CONNECTIONS 1")
	idle := modelstest.Open(t, models.MySQL, few)
	no(t, idle.Ping(t.Context()))
	no(t, modelstest.Open(t, models.MySQL, few).Ping(t.Context()))
}

// While no connection comes back, the caller's patience decides; what was not sent is
// not in doubt.
func TestNoConnectionComesBack(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t)
	admin := modelstest.Open(t, models.MySQL, dsn)
	few := account(t, admin, dsn, "ALL", "WITH MAX_USER_CONNECTIONS 1")
	var pauses atomic.Int64
	slept := func(cfg *models.Config) {
		cfg.Jitter = func(d time.Duration) time.Duration { return d }
		cfg.Sleep = func(ctx context.Context, d time.Duration) error { pauses.Add(int64(d)); return ctx.Err() }
	}
	db := modelstest.Open(t, models.MySQL, few, slept)
	no(t, second(db.Migrate(t.Context())))
	other, err := db.Pool().Conn(t.Context())
	no(t, err)
	pauses.Store(0) // the migration may have waited, too
	_, _, err = db.Inbox.Accept(t.Context(), message("m1"))
	certain(t, err)
	if waited := time.Duration(pauses.Load()); waited < 29*time.Second || waited > 30*time.Second {
		t.Errorf("waited for %s", waited)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = db.Inbox.Accept(ctx, message("m2"))
	want(t, err, context.Canceled)
	no(t, other.Close())
	accept(t, db, "m3")
}
