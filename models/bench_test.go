package models_test

import (
	"crypto/rand"
	"database/sql"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func eachBench(b *testing.B, fn func(b *testing.B, db *models.DB)) {
	b.Run(models.SQLite, func(b *testing.B) {
		db := modelstest.SQLite(b)
		b.ResetTimer()
		fn(b, db)
	})
	b.Run(models.MySQL, func(b *testing.B) {
		db := modelstest.MySQL(b)
		b.ResetTimer()
		fn(b, db)
	})
}

// BenchmarkAccept is the durable part of every callback.
func BenchmarkAccept(b *testing.B) {
	payload := make([]byte, 400)
	eachBench(b, func(b *testing.B, db *models.DB) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				in := models.Inbox{Channel: "app/main", MessageID: rand.Text(), User: "zhangsan", Payload: payload, DueAt: time.Now()}
				if _, fresh, err := db.Inbox.Accept(b.Context(), in); err != nil || !fresh {
					b.Fatal(fresh, err)
				}
			}
		})
	})
}

// BenchmarkBareInsert is what Accept is measured against: the driver's own
// INSERT of a like row.
func BenchmarkBareInsert(b *testing.B) {
	payload := make([]byte, 433)
	dsn := modelstest.MySQLDSN(b)
	modelstest.Open(b, models.MySQL, dsn).Migrate(b.Context())
	pool, err := sql.Open("mysql", dsn+"?interpolateParams=true")
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxIdleConns(20)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := pool.ExecContext(b.Context(), "INSERT INTO inbox (id, channel, message_id, chat, user_id, payload, final, attempt, due_at, received_at)"+
				" VALUES (?, 'app/main', ?, '', 'zhangsan', ?, 0, 1, '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000')", rand.Text(), rand.Text(), payload)
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDurable is what WeCom waits for on SQLite, against bare INSERTs with a commit
// each into the same file in turn: the ratio of their rates, and how long a message takes
// when so many come at once.
func BenchmarkDurable(b *testing.B) {
	const atOnce, piece = 16, 400
	payload := make([]byte, 400)
	db := modelstest.SQLite(b)
	var spent, spentBare time.Duration
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		for range piece {
			_, err := db.Pool().ExecContext(b.Context(), "INSERT INTO inbox (id, channel, message_id, chat, user_id, payload, final, attempt, due_at, received_at)"+
				" VALUES (?, 'app/main', ?, '', 'zhangsan', ?, 0, 1, '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000')", rand.Text(), rand.Text(), payload)
			if err != nil {
				b.Fatal(err)
			}
		}
		spentBare += time.Since(began)
		began = time.Now()
		times = append(times, atOnceFor(b, atOnce, piece, func() error {
			_, _, err := db.Inbox.Accept(b.Context(), models.Inbox{Channel: "app/main", MessageID: rand.Text(), User: "zhangsan", Payload: payload, DueAt: time.Now()})
			return err
		})...)
		spent += time.Since(began)
	}
	slices.Sort(times)
	at := func(share float64) float64 {
		return float64(times[int(share*float64(len(times)-1))].Microseconds()) / 1e3
	}
	b.ReportMetric(float64(spentBare)/float64(spent), "×bare")
	b.ReportMetric(float64(len(times))/spent.Seconds(), "accepted/s")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}

// atOnceFor does n things by so many workers, and gives the time of each.
func atOnceFor(b *testing.B, workers, n int, do func() error) []time.Duration {
	times := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := do(); err != nil {
					b.Error(err)
				}
				times[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	return times
}

// BenchmarkVerify is what one verification writes: intent, then outcome and
// answer in one transaction, sixteen at once.
func BenchmarkVerify(b *testing.B) {
	eachBench(b, func(b *testing.B, db *models.DB) {
		b.SetParallelism(16 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				code := rand.Text()
				in := asked(b, db, code)
				op, err := db.Journal.Begin(b.Context(), models.Operation{StoreID: 1, Code: code, UserID: "zhangsan"}, in)
				if err != nil {
					b.Fatal(err)
				}
				err = db.Tx(b.Context(), func(tx *models.DB) error {
					if _, err := tx.Journal.FinishConsume(b.Context(), op, []models.Coupon{{Code: code, PriceFen: 4990}}); err != nil {
						return err
					}
					return tx.Outbox.Enqueue(b.Context(), models.Outgoing{Conversation: "app/main/" + code, Payload: []byte("card")})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
