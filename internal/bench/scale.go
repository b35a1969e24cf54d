package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"yanquan/bot/chat"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/models"
)

// boss manages all stores; each store has a manager of its own besides.
const boss = "boss"

func manager(n int) string { return fmt.Sprintf("manager%04d", n) }

// scale is S1 to S4: what managers ask for, with many stores and years of business
// in the tables, half of it in this month.
func (l *lab) scale() []row {
	w := l.newWorld("scale", staff)
	defer w.close()
	zone := must(time.LoadLocation("Asia/Shanghai"))
	managed := "managers: [boss]\nreconcile: {at: \"off\"}\n"
	w.wecom.AddUser(wecomtest.User{ID: boss, Name: boss})
	for n := range l.stores {
		w.wecom.AddUser(wecomtest.User{ID: manager(n), Name: manager(n)})
	}
	w.start(managed).stop() // makes the schema
	month := w.fill(zone)
	p := w.start(managed)
	// As an upgrade finds it: nothing is kept of the year so far.
	kept := w.none("SELECT GREATEST(0, 17 * (SELECT COUNT(*) FROM stores) - COUNT(*)) FROM period_figures", time.Now())
	size := fmt.Sprintf("%d stores, %d operations", l.stores, l.operations)

	today := w.answered("今日")
	pages := w.pages()
	exported := w.export()
	peak := p.peak()
	p.stop()

	hour := time.Now().In(zone).Add(-time.Minute)
	day := hour // that is summed up
	if hour.Hour() < 12 {
		day = day.AddDate(0, 0, -1)
	}
	// The night before was not missed: it is one night that is measured.
	before := day.AddDate(0, 0, -1).Format(time.DateOnly)
	must(w.pool.ExecContext(l.ctx, "INSERT INTO reports (user_id, kind, begins, created_at) SELECT CONCAT('manager', LPAD(seq, 4, '0')), 'day', ?, UTC_TIMESTAMP(6) FROM seq_0_to_"+strconv.Itoa(l.stores-1)+
		" UNION SELECT ?, 'day', ?, UTC_TIMESTAMP(6)", before, boss, before))
	began := time.Now()
	w.start(managed + "report: {at: \"" + hour.Format("15:04") + "\"}\n")
	made := w.none(fmt.Sprintf("SELECT %d - COUNT(*) FROM reports WHERE kind = 'day' AND begins = '%s'", l.stores+1, day.Format(time.DateOnly)), began)
	told := w.none("SELECT COUNT(*) FROM outbox WHERE state = 'queued'", began)
	rows := []row{{"S1", fmt.Sprintf("the summaries of %d managers, with pictures: %s", l.stores+1, size), "",
		fmt.Sprintf("stored in %.1f s, all sent in %.1f s", made.Seconds(), told.Seconds()), "≤ 60 s", verdict(made <= time.Minute)}}
	rows = append(rows, row{"S2", "今日 of a store's manager, callback to card posted: " + size, "", milli(today[0]), "≤ 50 ms", verdict(today[0] <= 50*time.Millisecond)},
		row{"S2, all stores", "今日 of who manages all of them", "", milli(today[1]), "none", reported})
	rows = append(rows, row{"S3", "a year's months summed up once, in the background, from the start", "", fmt.Sprintf("%.1f s", kept.Seconds()), "none", reported})
	rows = append(rows, pages...)
	return append(rows, row{"S4", fmt.Sprintf("导出 本月 as a workbook: %d vouchers", month), "",
		fmt.Sprintf("%.1f s, %.0f MB at most", exported.Seconds(), peak/megabyte), "≤ 60 s, < 100 MB",
		verdict(exported <= time.Minute && peak < 100*megabyte)})
}

// fill puts business into the tables: half of it since the first of the month, the
// rest in the year before. It returns how many coupons this month has.
func (w *world) fill(zone *time.Location) (month int) {
	conn := must(w.pool.Conn(w.ctx))
	defer conn.Close()
	now := time.Now().In(zone)
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone).UTC()
	half := w.operations / 2
	const when = "2006-01-02 15:04:05"
	run := func(statement string) {
		if _, err := conn.ExecContext(w.ctx, statement); err != nil {
			check(fmt.Errorf("fill: %w", err))
		}
	}
	run("SET SESSION sql_mode = '', unique_checks = 0, foreign_key_checks = 0") // what is not named is empty
	run(fmt.Sprintf("INSERT INTO stores (platform, shop_id, name, origin, active) SELECT 'meituan', CONCAT('bulk-', seq), CONCAT('门店', seq), 'chat', 1 FROM seq_1_to_%d", w.stores))
	base := w.count("SELECT MIN(id) FROM stores WHERE shop_id LIKE 'bulk-%'")
	run(fmt.Sprintf("INSERT INTO members (store_id, user_id, name, role) SELECT id, CONCAT('manager', LPAD(id - %d, 4, '0')), CONCAT('店长', id), 'manager' FROM stores WHERE shop_id LIKE 'bulk-%%'", base))
	const chunk = 100_000
	for from := 1; from <= w.operations; from += chunk {
		to := min(from+chunk-1, w.operations)
		moment := fmt.Sprintf("IF(seq <= %d, TIMESTAMPADD(SECOND, FLOOR(seq / %d * %d), '%s'), TIMESTAMPADD(SECOND, -FLOOR((seq - %d) / %d * 31536000), '%s'))",
			half, half, int(now.UTC().Sub(first).Seconds())-60, first.Format(when), half, half, first.Format(when))
		run(fmt.Sprintf(`INSERT INTO operations (id, store_id, code, coupon_count, state, attempt, inbox_id, channel, user_id, user_name, deal_id, deal_group_id,
				order_id, title, price_fen, market_fen, mobile, created_at, called_at, consumed_at)
			SELECT CONCAT('b', seq), %d + seq %% %d, 1000000000 + seq, 1, IF(seq %% 33 = 0, 'undone', 'done'), 1, CONCAT('i', seq), 'app/main',
				CONCAT('staff', seq %% 5), CONCAT('店员', seq %% 5), seq %% 20, seq %% 20, CONCAT('o', seq), CONCAT('双人套餐', seq %% 20), 4990, 9900, '138****1807', %s, %s, %s
			FROM seq_%d_to_%d`, base, w.stores, moment, moment, moment, from, to))
		run(fmt.Sprintf(`INSERT INTO coupons (operation_id, store_id, code, order_id, deal_id, deal_group_id, price_fen, payments, undone_at)
			SELECT id, store_id, code, order_id, deal_id, deal_group_id, price_fen, '[]', IF(state = 'undone', consumed_at, NULL) FROM operations
			WHERE code BETWEEN %d AND %d`, 1000000000+from, 1000000000+to))
	}
	run("ANALYZE TABLE stores, members, operations, coupons")
	return half
}

// answered is how long a store's manager, and who manages all stores, wait for an
// answer by the app: the median.
func (w *world) answered(text string) (took [2]time.Duration) {
	for i, user := range []string{manager(7), boss} {
		var all series
		for range max(w.repeats, 3) {
			began := time.Now()
			all = append(all, float64(w.ask(user, text).Sub(began)))
			// An answer may be several messages: the next is not to be taken for its own.
			w.none("SELECT COUNT(*) FROM outbox WHERE state = 'queued'", began)
		}
		took[i] = time.Duration(all.median())
	}
	return took
}

// pages opens pages of the console, signed in as two managers.
func (w *world) pages() (rows []row) {
	db := w.store(w.driver, w.dsn)
	defer db.Close()
	for _, user := range []string{manager(7), boss} {
		secret := chat.NewID()
		// As signing in does.
		check(db.Tickets.Save(w.ctx, secret, models.Ticket{Kind: "session", UserID: user, ExpiresAt: time.Now().Add(time.Hour)}))
		for _, page := range []struct{ path, name string }{
			{"", "today"}, {"?period=month", "this month"}, {"history", "history"}, {"history?q=1807", "history, by phone"}, {"reconcile", "reconciliation"}, {"stores", "stores"},
		} {
			var times series
			for range max(w.repeats, 3) {
				times = append(times, float64(get(w.ctx, "http://"+w.address+"/console/"+page.path, secret)))
			}
			took := time.Duration(times.median())
			r := row{"S3", "console, " + page.name + ", for a store's manager", "", milli(took), "≤ 100 ms", verdict(took <= 100*time.Millisecond)}
			if user == boss {
				r.ours, r.aim, r.met = "console, "+page.name+", for who manages all stores", "none", reported
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func get(ctx context.Context, address, session string) time.Duration {
	req := must(http.NewRequestWithContext(ctx, http.MethodGet, address, nil))
	req.AddCookie(&http.Cookie{Name: "__Host-yanquan", Value: session})
	began := time.Now()
	resp := must(http.DefaultClient.Do(req))
	defer resp.Body.Close()
	must(io.Copy(io.Discard, resp.Body))
	if resp.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", address, resp.Status))
	}
	return time.Since(began)
}

// export asks for everything of this month and waits for the file.
func (w *world) export() time.Duration {
	began := time.Now()
	w.post(boss, "导出 本月")
	return w.none("SELECT 1 - COUNT(*) FROM exports WHERE state = 'sent'", began)
}
