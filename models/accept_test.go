package models_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// holdUp lets no message be stored until release is called.
func holdUp(t *testing.T, db *models.DB) (release func()) {
	t.Helper()
	conn := must(db.Pool().Conn(t.Context())) // SQLite has no other
	if db.Driver() == models.MySQL {
		must(conn.ExecContext(t.Context(), "LOCK TABLES inbox READ"))
	}
	return func() {
		if db.Driver() == models.MySQL {
			must(conn.ExecContext(t.Context(), "UNLOCK TABLES"))
		}
		no(t, conn.Close())
	}
}

// waits returns when so many messages are to be stored.
func waits(db *models.DB, n int) {
	for db.Accepting() < n {
		runtime.Gosched()
	}
}

// Messages of the same moment share a commit. Each caller hears of its own message: it
// is stored, it was there, or it cannot be.
func TestAcceptTogether(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		taken := accept(t, db, "taken")
		var statements atomic.Int32
		db.Watch(func(string, []any) { statements.Add(1) })
		release := holdUp(t, db)
		const n = 60
		var wg sync.WaitGroup
		var fresh, repeats, refused atomic.Int32
		for i := range n {
			in := message(fmt.Sprint("m", i/2)) // each comes twice
			in.ID = fmt.Sprint("in-", i)
			if i == n-1 {
				in.MessageID, in.ID = "another", taken.ID
			}
			wg.Go(func() {
				row, isFresh, err := db.Inbox.Accept(ctx, in)
				switch {
				case errors.Is(err, models.ErrDuplicate):
					refused.Add(1)
				case err != nil:
					t.Error(err)
				case row.MessageID != in.MessageID:
					t.Errorf("%s got %s", in.MessageID, row.MessageID)
				case isFresh:
					fresh.Add(1)
				default:
					repeats.Add(1)
				}
			})
		}
		waits(db, n)
		release()
		wg.Wait()
		same(t, []int32{fresh.Load(), repeats.Load(), refused.Load()}, []int32{n / 2, n/2 - 1, 1})
		for db.Accepting() > 0 { // each writer looks once more
			runtime.Gosched()
		}
	})
}

// Without repeats, messages of the same moment take a few statements.
func TestAcceptTogetherStatements(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		var statements atomic.Int32
		db.Watch(func(string, []any) { statements.Add(1) })
		release := holdUp(t, db)
		const n = 100
		var wg sync.WaitGroup
		for i := range n {
			in := message(fmt.Sprint("m", i))
			wg.Go(func() {
				_, fresh, err := db.Inbox.Accept(t.Context(), in)
				if err != nil || !fresh {
					t.Error(fresh, err)
				}
			})
		}
		waits(db, n)
		statements.Store(0)
		release()
		wg.Wait()
		if got := statements.Load(); got > 8 {
			t.Errorf("%d messages took %d statements", n, got)
		}
		same(t, len(must(db.Inbox.Due(t.Context(), noon.Add(time.Hour), 2*n, nil))), n)
	})
}

// Whoever does not wait any longer does not keep the others from being stored.
func TestAcceptGivenUp(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		release := holdUp(t, db)
		const n = 20
		var wg sync.WaitGroup
		gone, leave := context.WithCancel(t.Context())
		for i := range n {
			in, ctx := message(fmt.Sprint("m", i)), t.Context()
			if i%2 == 0 {
				ctx = gone
			}
			wg.Go(func() {
				_, _, err := db.Inbox.Accept(ctx, in)
				if i%2 == 0 && !errors.Is(err, models.ErrCommitUnknown) || i%2 == 1 && err != nil {
					t.Error(i, err)
				}
			})
		}
		waits(db, n)
		leave()
		release()
		wg.Wait()
		for i := 1; i < n; i += 2 {
			_, fresh, err := db.Inbox.Accept(t.Context(), message(fmt.Sprint("m", i)))
			no(t, err)
			same(t, fresh, false)
		}
	})
}
