package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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
func (l *lab) scale() ([]row, error) {
	dsn, err := l.mariadb.database(l.ctx, "scale")
	if err != nil {
		return nil, err
	}
	w, err := l.newWorld(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer w.close()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, err
	}
	if err := appendTo(w.config, "managers: [boss]\nreconcile: {at: \"off\"}\n"); err != nil {
		return nil, err
	}
	w.wecom.AddUser(wecomtest.User{ID: boss, Name: boss})
	for n := range l.stores {
		w.wecom.AddUser(wecomtest.User{ID: manager(n), Name: manager(n)})
	}
	p, err := l.start(w.config) // makes the schema
	if err != nil {
		return nil, err
	}
	defer func() { p.stop() }()
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if err := p.stop(); err != nil {
		return nil, err
	}
	month, err := l.fill(pool, zone)
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	if p, err = l.start(w.config); err != nil {
		return nil, err
	}
	// As an upgrade finds it: nothing is kept of the year so far.
	kept, err := none(l.ctx, pool, "SELECT GREATEST(0, 17 * (SELECT COUNT(*) FROM stores) - COUNT(*)) FROM period_figures", time.Now())
	if err != nil {
		return nil, err
	}
	size := fmt.Sprintf("%d stores, %d operations", l.stores, l.operations)

	today, err := w.answered(p, pool, "今日")
	if err != nil {
		return nil, err
	}
	pages, err := w.pages(p, dsn)
	if err != nil {
		return nil, err
	}
	exported, peak, err := w.export(p, pool)
	if err != nil {
		return nil, err
	}
	if err := p.stop(); err != nil {
		return nil, err
	}

	hour := time.Now().In(zone).Add(-time.Minute)
	at := hour.Format("15:04")
	day := hour // that is summed up
	if hour.Hour() < 12 {
		day = day.AddDate(0, 0, -1)
	}
	// The night before was not missed: it is one night that is measured.
	if _, err := pool.ExecContext(l.ctx, "INSERT INTO reports (user_id, kind, begins, created_at) SELECT CONCAT('manager', LPAD(seq, 4, '0')), 'day', ?, UTC_TIMESTAMP(6) FROM seq_0_to_"+strconv.Itoa(l.stores-1)+
		" UNION SELECT ?, 'day', ?, UTC_TIMESTAMP(6)", day.AddDate(0, 0, -1).Format(time.DateOnly), boss, day.AddDate(0, 0, -1).Format(time.DateOnly)); err != nil {
		return nil, err
	}
	if err := appendTo(w.config, "report: {at: \""+at+"\"}\n"); err != nil {
		return nil, err
	}
	began := time.Now()
	if p, err = l.start(w.config); err != nil {
		return nil, err
	}
	made, err := none(l.ctx, pool, fmt.Sprintf("SELECT %d - COUNT(*) FROM reports WHERE kind = 'day' AND begins = '%s'", l.stores+1, day.Format(time.DateOnly)), began)
	if err != nil {
		return nil, err
	}
	told, err := none(l.ctx, pool, "SELECT COUNT(*) FROM outbox WHERE state = 'queued'", began)
	if err != nil {
		return nil, err
	}
	rows := []row{{"S1", fmt.Sprintf("the summaries of %d managers, with pictures: %s", l.stores+1, size), "",
		fmt.Sprintf("stored in %.1f s, all sent in %.1f s", made.Seconds(), told.Seconds()), "≤ 60 s", verdict(made <= time.Minute)}}
	rows = append(rows, row{"S2", "今日 of a store's manager, callback to card posted: " + size, "", milli(today[0]), "≤ 50 ms", verdict(today[0] <= 50*time.Millisecond)},
		row{"S2, all stores", "今日 of who manages all of them", "", milli(today[1]), "none", reported})
	rows = append(rows, row{"S3", "a year's months summed up once, in the background, from the start", "", fmt.Sprintf("%.1f s", kept.Seconds()), "none", reported})
	for _, page := range pages {
		aim, met := "≤ 100 ms", verdict(page.took <= 100*time.Millisecond)
		if page.all {
			aim, met = "none", reported
		}
		rows = append(rows, row{"S3", page.what, "", milli(page.took), aim, met})
	}
	return append(rows, row{"S4", fmt.Sprintf("导出 本月 as a workbook: %d vouchers", month), "",
		fmt.Sprintf("%.1f s, %.0f MB at most", exported.Seconds(), float64(peak)/megabyte), "≤ 60 s, < 100 MB",
		verdict(exported <= time.Minute && peak < 100*megabyte)}), nil
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + text)
	return errors.Join(err, f.Close())
}

// fill puts business into the tables: half of it since the first of the month, the
// rest in the year before. It returns how many coupons this month has.
func (l *lab) fill(pool *sql.DB, zone *time.Location) (month int, err error) {
	conn, err := pool.Conn(l.ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	now := time.Now().In(zone)
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone).UTC()
	half := l.operations / 2
	const when = "2006-01-02 15:04:05"
	run := func(statement string, args ...any) {
		if err == nil {
			_, err = conn.ExecContext(l.ctx, statement, args...)
		}
	}
	run("SET SESSION sql_mode = '', unique_checks = 0, foreign_key_checks = 0") // what is not named is empty
	run(fmt.Sprintf("INSERT INTO stores (platform, shop_id, name, origin, active) SELECT 'meituan', CONCAT('bulk-', seq), CONCAT('门店', seq), 'chat', 1 FROM seq_1_to_%d", l.stores))
	var base int64
	if err == nil {
		err = conn.QueryRowContext(l.ctx, "SELECT MIN(id) FROM stores WHERE shop_id LIKE 'bulk-%'").Scan(&base)
	}
	run(fmt.Sprintf("INSERT INTO members (store_id, user_id, name, role) SELECT id, CONCAT('manager', LPAD(id - %d, 4, '0')), CONCAT('店长', id), 'manager' FROM stores WHERE shop_id LIKE 'bulk-%%'", base))
	const chunk = 100_000
	for from := 1; from <= l.operations; from += chunk {
		to := min(from+chunk-1, l.operations)
		moment := fmt.Sprintf("IF(seq <= %d, TIMESTAMPADD(SECOND, FLOOR(seq / %d * %d), '%s'), TIMESTAMPADD(SECOND, -FLOOR((seq - %d) / %d * 31536000), '%s'))",
			half, half, int(now.UTC().Sub(first).Seconds())-60, first.Format(when), half, half, first.Format(when))
		run(fmt.Sprintf(`INSERT INTO operations (id, store_id, code, coupon_count, state, attempt, inbox_id, channel, user_id, user_name, deal_id, deal_group_id,
				order_id, title, price_fen, market_fen, mobile, created_at, called_at, consumed_at)
			SELECT CONCAT('b', seq), %d + seq %% %d, 1000000000 + seq, 1, IF(seq %% 33 = 0, 'undone', 'done'), 1, CONCAT('i', seq), 'app/main',
				CONCAT('staff', seq %% 5), CONCAT('店员', seq %% 5), seq %% 20, seq %% 20, CONCAT('o', seq), CONCAT('双人套餐', seq %% 20), 4990, 9900, '138****1807', %s, %s, %s
			FROM seq_%d_to_%d`, base, l.stores, moment, moment, moment, from, to))
		run(fmt.Sprintf(`INSERT INTO coupons (operation_id, store_id, code, order_id, deal_id, deal_group_id, price_fen, payments, undone_at)
			SELECT id, store_id, code, order_id, deal_id, deal_group_id, price_fen, '[]', IF(state = 'undone', consumed_at, NULL) FROM operations
			WHERE code BETWEEN %d AND %d`, 1000000000+from, 1000000000+to))
	}
	run("ANALYZE TABLE stores, members, operations, coupons")
	return half, err
}

// answered is how long a store's manager, and who manages all stores, wait for an
// answer by the app: the median.
func (w *world) answered(p *program, pool *sql.DB, text string) (took [2]time.Duration, err error) {
	for i, user := range []string{manager(7), boss} {
		var all series
		for range max(w.repeats, 3) {
			_, request, err := w.calls.text(user, text)
			if err != nil {
				return took, err
			}
			select {
			case <-w.sent:
			default:
			}
			began := time.Now()
			if sent := openLoop(w.ctx, p.address, arrivals, [][]byte{request}); len(sent) != 1 || sent[0].status != http.StatusOK {
				return took, fmt.Errorf("callback not accepted: %+v", sent)
			}
			select {
			case at := <-w.sent:
				all = append(all, float64(at.Sub(began)))
			case <-time.After(drainLimit):
				return took, fmt.Errorf("no answer to %s", text)
			}
			// An answer may be several messages: the next is not to be taken for its own.
			if _, err := none(w.ctx, pool, "SELECT COUNT(*) FROM outbox WHERE state = 'queued'", began); err != nil {
				return took, err
			}
		}
		took[i] = time.Duration(all.median())
	}
	return took, nil
}

// pageTime is how long a page of the console took.
type pageTime struct {
	what string
	all  bool // of all stores
	took time.Duration
}

// pages opens pages of the console, signed in as two managers.
func (w *world) pages(p *program, dsn string) (all []pageTime, err error) {
	db, err := w.store(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, user := range []string{manager(7), boss} {
		secret := chat.NewID()
		// As signing in does.
		if err := db.Tickets.Save(w.ctx, secret, models.Ticket{Kind: "session", UserID: user, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
			return nil, err
		}
		for _, page := range []struct{ path, name string }{
			{"", "today"}, {"?period=month", "this month"}, {"history", "history"}, {"history?q=1807", "history, by phone"}, {"reconcile", "reconciliation"}, {"stores", "stores"},
		} {
			var times series
			for range max(w.repeats, 3) {
				took, err := get(w.ctx, "http://"+p.address+"/console/"+page.path, secret)
				if err != nil {
					return nil, err
				}
				times = append(times, float64(took))
			}
			whose := "a store's manager"
			if user == boss {
				whose = "who manages all stores"
			}
			all = append(all, pageTime{fmt.Sprintf("console, %s, for %s", page.name, whose), user == boss, time.Duration(times.median())})
		}
	}
	return all, nil
}

func get(ctx context.Context, address, session string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	req.AddCookie(&http.Cookie{Name: "__Host-yanquan", Value: session})
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s, %w", address, resp.Status, err)
	}
	return time.Since(began), nil
}

// export asks for everything of this month and waits for the file.
func (w *world) export(p *program, pool *sql.DB) (took time.Duration, peak int64, err error) {
	_, request, err := w.calls.text(boss, "导出 本月")
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if sent := openLoop(w.ctx, p.address, arrivals, [][]byte{request}); len(sent) != 1 || sent[0].status != http.StatusOK {
		return 0, 0, fmt.Errorf("callback not accepted: %+v", sent)
	}
	took, err = none(w.ctx, pool, "SELECT 1 - COUNT(*) FROM exports WHERE state = 'sent'", began)
	if err != nil {
		return 0, 0, err
	}
	peak, err = p.peak()
	return took, peak, err
}
