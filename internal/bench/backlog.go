package main

import (
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
func (l *lab) backlog() []row {
	w := l.newWorld("r8", staff)
	defer w.close()
	w.leaveDoubts(l.doubtful)

	asked := len(w.platform.Requests())
	began := time.Now()
	w.start("")
	settled := w.none("SELECT COUNT(*) FROM operations WHERE state NOT IN ('done', 'rejected', 'undone')", began)
	calls := len(w.platform.Requests()) - asked
	told := w.none("SELECT COUNT(*) FROM outbox WHERE state = 'queued'", began)
	effects, twice := len(w.platform.Ledger()), len(w.platform.TwiceConsumed())
	return []row{{
		"R8", fmt.Sprintf("the binary, %d doubtful operations at its start, half of them consumed", l.doubtful), "the platform publishes no limit; none is set",
		fmt.Sprintf("settled in %.1f s (%.0f platform calls/s), everybody told in %.1f s; %d of %d consumed once, %d twice",
			settled.Seconds(), float64(calls)/settled.Seconds(), told.Seconds(), effects-twice, l.doubtful, twice),
		"≤ 60 s", verdict(settled <= drainLimit && effects == l.doubtful && twice == 0),
	}}
}

// leaveDoubts puts into the database what a process leaves that lost the
// platform's answers, told people so, and died.
func (w *world) leaveDoubts(n int) {
	db := w.store(w.driver, w.dsn)
	defer db.Close()
	check(db.Directory.Sync(w.ctx, []models.ConfiguredStore{{Platform: dianping.Meituan, ShopID: shopID, Name: "人民广场店", Session: session}}))
	store := must(db.Directory.Stores(w.ctx))[0].ID
	client := w.client()
	inParallel(n, func(_, i int) { w.leaveDoubt(db, store, client, i) })
}

func (w *world) leaveDoubt(db *models.DB, store int64, client dianping.Client, i int) {
	id, code, who, now := chat.NewID(), w.voucher(), member(i%staff), time.Now()
	m := bot.Message{Channel: "app/main", ID: fmt.Sprint("doubt-", i), User: who, Kind: bot.Text, Text: "验 " + code, At: now}
	payload := must(json.Marshal(m))
	pending := must(json.Marshal(bot.Reply{Text: "核验中", Pending: true}))
	if i%2 == 0 {
		must(client.Consume(w.ctx, dianping.Shop{ID: shopID, Session: session}, dianping.ConsumeRequest{
			RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: who, Name: who},
		}))
	}
	check(db.Tx(w.ctx, func(tx *models.DB) error {
		row, _, err := tx.Inbox.Accept(w.ctx, models.Inbox{ID: chat.NewID(), Channel: m.Channel, MessageID: m.ID, User: who, Payload: payload, DueAt: now, ReceivedAt: now})
		if err != nil {
			return err
		}
		op, err := tx.Journal.Begin(w.ctx, models.Operation{
			ID: id, StoreID: store, Code: code, Count: 1, Channel: m.Channel, UserID: who, User: who,
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
	}))
}
