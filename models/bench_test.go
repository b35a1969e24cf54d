package models_test

import (
	"crypto/rand"
	"database/sql"
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

// BenchmarkVerify is what one verification writes: intent, then outcome and
// answer in one transaction.
func BenchmarkVerify(b *testing.B) {
	eachBench(b, func(b *testing.B, db *models.DB) {
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
