package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/dianping"
	"yanquan/models"
)

const drainLimit = 60 * time.Second

// backlog is R8: a start with many operations whose outcome nobody knows. The
// platform has consumed every second one.
func (l *lab) backlog() ([]row, error) {
	dsn, err := l.mariadb.database(l.ctx, "r8")
	if err != nil {
		return nil, err
	}
	w, err := l.newWorld(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.leaveDoubts(dsn, l.doubtful); err != nil {
		return nil, err
	}
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	defer pool.Close()

	asked := w.platformCalls.Load()
	began := time.Now()
	p, err := l.start(w.config)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	settled, err := none(l.ctx, pool, "SELECT COUNT(*) FROM operations WHERE state NOT IN ('done', 'rejected', 'undone')", began)
	if err != nil {
		return nil, err
	}
	calls := w.platformCalls.Load() - asked
	told, err := none(l.ctx, pool, "SELECT COUNT(*) FROM outbox WHERE state = 'queued'", began)
	if err != nil {
		return nil, err
	}
	effects, twice := len(w.platform.Ledger()), len(w.platform.TwiceConsumed())
	return []row{{
		"R8", fmt.Sprintf("the binary, %d doubtful operations at its start, half of them consumed", l.doubtful), "the platform publishes no limit; none is set",
		fmt.Sprintf("settled in %.1f s (%.0f platform calls/s), everybody told in %.1f s; %d of %d consumed once, %d twice",
			settled.Seconds(), float64(calls)/settled.Seconds(), told.Seconds(), effects-twice, l.doubtful, twice),
		"≤ 60 s", verdict(settled <= drainLimit && effects == l.doubtful && twice == 0),
	}}, nil
}

// leaveDoubts puts into the database what a process leaves that lost the
// platform's answers, told people so, and died.
func (w *world) leaveDoubts(dsn string, n int) error {
	db, err := w.store(models.MySQL, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	shop := models.ConfiguredStore{Platform: dianping.Meituan, ShopID: shopID, Name: "人民广场店", Session: session}
	if err := db.Directory.Sync(w.ctx, []models.ConfiguredStore{shop}); err != nil {
		return err
	}
	stores, err := db.Directory.Stores(w.ctx)
	if err != nil {
		return err
	}
	client, err := w.client()
	if err != nil {
		return err
	}
	_, err = inParallel(n, func(_, i int) error { return w.leaveDoubt(db, stores[0].ID, client, i) })
	return err
}

func (w *world) leaveDoubt(db *models.DB, store int64, client dianping.Client, i int) error {
	code, err := w.voucher()
	if err != nil {
		return err
	}
	now := time.Now()
	m := bot.Message{Channel: "app/main", ID: fmt.Sprint("doubt-", i), User: member(i), Kind: bot.Text, Text: "验 " + code, At: now}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	pending, err := json.Marshal(bot.Reply{Text: "核验中", Pending: true})
	if err != nil {
		return err
	}
	id := chat.NewID()
	if i%2 == 0 {
		_, err := client.Consume(w.ctx, dianping.Shop{ID: shopID, Session: session}, dianping.ConsumeRequest{
			RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: member(i), Name: member(i)},
		})
		if err != nil {
			return err
		}
	}
	return db.Tx(w.ctx, func(tx *models.DB) error {
		row, _, err := tx.Inbox.Accept(w.ctx, models.Inbox{ID: chat.NewID(), Channel: m.Channel, MessageID: m.ID, User: m.User, Payload: payload, DueAt: now, ReceivedAt: now})
		if err != nil {
			return err
		}
		op, err := tx.Journal.Begin(w.ctx, models.Operation{
			ID: id, StoreID: store, Code: code, Count: 1, Channel: m.Channel, UserID: m.User, User: m.User,
			Title: "双人套餐", PriceFen: 4990, CreatedAt: now, CalledAt: now, DueAt: now,
		}, row)
		if err != nil {
			return err
		}
		if _, err := tx.Journal.DoubtConsume(w.ctx, op); err != nil {
			return err
		}
		_, err = tx.Inbox.Answer(w.ctx, row, pending, false)
		return err
	})
}

// none waits until a count is zero and tells how long that took since began.
func none(ctx context.Context, pool *sql.DB, count string, began time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*drainLimit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var n int
		if err := pool.QueryRowContext(ctx, count).Scan(&n); err != nil {
			return 0, err
		}
		if n == 0 {
			return time.Since(began), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%d are left: %w", n, ctx.Err())
		}
	}
}
