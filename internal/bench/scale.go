package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"time"

	"yanquan/bot/chat"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/models"
)

const (
	boss    = "boss" // manages all stores; each has a manager of its own besides
	managed = "managers: [boss]\nreconcile: {at: \"off\"}\n"
	today   = 20 // operations of each store since midnight, however many it had before
)

func manager(n int) string { return fmt.Sprintf("manager%05d", n) }

var shanghai = must(time.LoadLocation("Asia/Shanghai"))

// newBusiness is a bot with so many stores and operations of a year in the tables. It
// tells how long summing up the year's months takes, as an upgrade finds them.
func (l *lab) newBusiness(name string, stores, operations int) (w *world, p *program, kept time.Duration) {
	w = l.newWorld(models.MySQL, name, staff)
	w.wecom.AddUser(wecomtest.User{ID: boss, Name: boss})
	for n := range stores {
		w.wecom.AddUser(wecomtest.User{ID: manager(n), Name: manager(n)})
	}
	w.start(managed).stop() // makes the schema
	w.fill(stores, operations)
	p = w.start(managed)
	return w, p, w.none("SELECT GREATEST(0, 17 * (SELECT COUNT(*) FROM stores) - COUNT(*)) FROM period_figures", time.Now(), long)
}

// fill puts business into the tables: of what was before today, half is of the last thirty
// days, the rest of the eleven months before. The oldest comes first, so that each index
// grows at its end.
func (w *world) fill(stores, operations int) {
	conn := must(w.pool.Conn(ctx))
	defer conn.Close()
	run := func(statement string, args ...any) { must(conn.ExecContext(ctx, fmt.Sprintf(statement, args...))) }
	run("SET SESSION sql_mode = '', unique_checks = 0, foreign_key_checks = 0") // what is not named is empty
	run("INSERT INTO stores (platform, shop_id, name, origin, active) SELECT 'meituan', CONCAT('bulk-', seq), CONCAT('门店', seq), 'chat', 1 FROM seq_1_to_%d", stores)
	base := w.count("SELECT MIN(id) FROM stores WHERE origin = 'chat'")
	run("INSERT INTO members (store_id, user_id, name, role) SELECT id, CONCAT('manager', LPAD(id - %d, 5, '0')), CONCAT('店长', id), 'manager' FROM stores WHERE origin = 'chat'", base)
	if operations == 0 {
		return
	}
	now := time.Now().In(shanghai)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, shanghai)
	fresh, month := min(stores*today, operations/4), operations/2
	old := operations - month - fresh
	// between spreads the numbers after one over the time since a moment.
	between := func(after, n int, since time.Time, span time.Duration) string {
		return fmt.Sprintf("TIMESTAMPADD(SECOND, (seq - %d) / %d * %d, '%s')", after, n, int(span.Seconds())-1, since.UTC().Format(time.DateTime))
	}
	run(`INSERT INTO operations (id, store_id, code, coupon_count, state, attempt, inbox_id, channel, user_id, user_name, deal_id, deal_group_id,
			order_id, title, price_fen, market_fen, mobile, created_at, called_at, consumed_at)
		SELECT CONCAT('b', LPAD(seq, 9, '0')), %d + seq %% %d, 1000000000 + seq, 1, IF(seq %% 33 = 0, 'undone', 'done'), 1, CONCAT('i', LPAD(seq, 9, '0')), 'app/main',
			CONCAT('staff', seq %% 5), CONCAT('店员', seq %% 5), seq %% 20, seq %% 20, CONCAT('o', LPAD(seq, 9, '0')), CONCAT('双人套餐', seq %% 20), 4990, 9900, '138****1807', at, at, at
		FROM (SELECT seq, CASE WHEN seq <= %d THEN %s WHEN seq <= %d THEN %s ELSE %s END AS at FROM seq_1_to_%d) AS moments`, base, stores,
		old, between(0, old, midnight.AddDate(0, 0, -365), 335*24*time.Hour), old+month, between(old, month, midnight.AddDate(0, 0, -30), 30*24*time.Hour),
		between(old+month, fresh, midnight, now.Sub(midnight)), operations)
	run(`INSERT INTO coupons (operation_id, store_id, code, order_id, deal_id, deal_group_id, price_fen, payments, undone_at)
		SELECT id, store_id, code, order_id, deal_id, deal_group_id, price_fen, '[]', IF(state = 'undone', consumed_at, NULL) FROM operations ORDER BY id`)
	run("ANALYZE TABLE stores, members, operations, coupons")
}

// What people wait for: the slowest of the pages, and all that the nightly run makes, by
// their number.
var waits = []string{"验", "今日, one store", "今日, all stores", "console page", "nightly run, each summary"}

const todayOfOne, todayOfAll, page, summary = 1, 2, 3, 4

// point is how long they wait with so much business.
type point struct {
	stores, operations int
	took               [5]time.Duration
}

// measure measures what is of the day, and tells what each page took.
func (w *world) measure(stores, operations int) (p point, pages string) {
	n := 0
	verify := w.median(func() time.Duration { n++; return w.waited(member(n), "验 "+w.voucher()) })
	one := w.median(func() time.Duration { return w.waited(manager(0), "今日") })
	all := w.median(func() time.Duration { return w.waited(boss, "今日") })
	slowest, pages := w.pages(manager(0))
	return point{stores, operations, [5]time.Duration{verify, one, all, slowest}}, pages
}

// median is of how long something takes.
func (w *world) median(took func() time.Duration) time.Duration {
	var all series
	for range max(w.asks/10, 3) {
		all = append(all, float64(took()))
	}
	return time.Duration(all.summary().Center)
}

// waited is ask where the answer may be several messages: the next is not to be taken
// for its own.
func (w *world) waited(user, text string) time.Duration {
	took := w.ask(user, text)
	w.none(unsent, time.Now(), long)
	return took
}

// pages opens the pages of the console as a manager and tells how long each took, and
// the slowest.
func (w *world) pages(user string) (slowest time.Duration, all string) {
	db := store(w.driver, w.dsn)
	defer db.Close()
	secret := chat.NewID()
	// As signing in does.
	check(db.Tickets.Save(ctx, secret, models.Ticket{Kind: "session", UserID: user, ExpiresAt: time.Now().Add(time.Hour)}))
	var each []string
	for _, page := range []struct{ path, name string }{
		{"", "today"}, {"?period=month", "this month"}, {"history", "history"}, {"history?q=1807", "history by phone"}, {"reconcile", "reconciliation"}, {"stores", "stores"},
	} {
		took := w.median(func() time.Duration { return w.open("/console/"+page.path, secret) })
		slowest, each = max(slowest, took), append(each, page.name+" "+milli(took))
	}
	return slowest, strings.Join(each, ", ")
}

func (w *world) open(path, session string) time.Duration {
	req := must(http.NewRequest(http.MethodGet, "http://"+w.address+path, nil))
	req.AddCookie(&http.Cookie{Name: "__Host-yanquan", Value: session})
	began := time.Now()
	resp := must(http.DefaultClient.Do(req))
	defer resp.Body.Close()
	must(io.Copy(io.Discard, resp.Body))
	if resp.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", path, resp.Status))
	}
	return time.Since(began)
}

// export asks for this month or the last one, whichever has more, and waits for the file.
func (w *world) export() (vouchers int, took time.Duration) {
	now := time.Now().In(shanghai)
	from, period := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, shanghai), "本月"
	if now.Day() <= 15 {
		from, period = from.AddDate(0, -1, 0), "上月"
	}
	vouchers = w.count(fmt.Sprintf("SELECT COUNT(*) FROM operations WHERE consumed_at >= '%s' AND consumed_at < '%s'", from.UTC().Format(time.DateTime), from.AddDate(0, 1, 0).UTC().Format(time.DateTime)))
	began := time.Now()
	w.post(boss, "导出 "+period)
	return vouchers, w.none("SELECT 1 - COUNT(*) FROM exports WHERE state = 'sent'", began, long)
}

// nightly starts the binary when the summaries of a day are due, and tells how long it
// took until all were stored, and sent.
func (w *world) nightly(stores int) (made, told time.Duration) {
	hour := time.Now().In(shanghai).Add(-time.Minute)
	day := hour // that is summed up
	if hour.Hour() < 12 {
		day = day.AddDate(0, 0, -1)
	}
	// The night before was not missed: it is one night that is measured.
	before := day.AddDate(0, 0, -1).Format(time.DateOnly)
	must(w.pool.Exec(fmt.Sprintf("INSERT INTO reports (user_id, kind, begins, created_at) SELECT CONCAT('manager', LPAD(seq, 5, '0')), 'day', '%[1]s', UTC_TIMESTAMP(6) FROM seq_0_to_%[2]d"+
		" UNION SELECT '%[3]s', 'day', '%[1]s', UTC_TIMESTAMP(6)", before, stores-1, boss)))
	began := time.Now()
	defer w.start(managed + "report: {at: \"" + hour.Format("15:04") + "\"}\n").stop()
	made = w.none(fmt.Sprintf("SELECT %d - COUNT(*) FROM reports WHERE kind = 'day' AND begins = '%s'", stores+1, day.Format(time.DateOnly)), began, long)
	return made, w.none(unsent, began, long)
}

// scale is S1 to S4: what managers ask for, with many stores and a year of business.
func (l *lab) scale() []row {
	w, running, kept := l.newBusiness("scale", l.stores, l.business)
	defer w.close()
	p, pages := w.measure(l.stores, l.business)
	vouchers, exported := w.export()
	peak := running.memory("VmHWM")
	running.stop()
	made, told := w.nightly(l.stores)
	size := fmt.Sprintf("%d stores, %d operations", l.stores, l.business)
	const dense = "what is kept of closed hours, and the rows since, are read"
	return []row{
		{"S1", fmt.Sprintf("the night's summaries of %d managers, with pictures: %s", l.stores+1, size), "", "≤ 60 s", fmt.Sprintf("stored in %.1f s, all sent in %.1f s", made.Seconds(), told.Seconds()), verdict[made <= time.Minute], "pictures are drawn"},
		{"S2", "今日 of a store's manager, callback to card posted: " + size, "of who manages all stores: " + milli(p.took[todayOfAll]), "≤ 50 ms", milli(p.took[todayOfOne]), verdict[p.took[todayOfOne] <= 50*time.Millisecond], dense},
		{"S3", "pages of the console for a store's manager: " + size, fmt.Sprintf("a year's months, summed up once in the background: %.1f s", kept.Seconds()), "≤ 100 ms", pages, verdict[p.took[page] <= 100*time.Millisecond], dense},
		{"S4", fmt.Sprintf("导出 of a month as a workbook: %d vouchers", vouchers), "", "≤ 60 s, < 100 MB", fmt.Sprintf("%.1f s, %.0f MB at most", exported.Seconds(), peak/megabyte), verdict[exported <= time.Minute && peak < 100*megabyte], "rows are compressed"},
	}
}

// grow measures what things cost with more stores and more operations, and draws it.
func (l *lab) grow(file string) {
	must(l.admin.Exec("SET GLOBAL innodb_buffer_pool_size = 4 << 30")) // so that the tables are filled in minutes
	fmt.Printf("| stores | operations | %s |\n|---|---|---|---|---|---|---|\n", strings.Join(waits, " | "))
	var points []point
	for _, stores := range l.growth[0] {
		for _, operations := range l.growth[1] {
			began, name := time.Now(), fmt.Sprintf("growth_%d_%d", stores, operations)
			w, running, _ := l.newBusiness(name, stores, operations)
			p, _ := w.measure(stores, operations)
			running.stop()
			made, _ := w.nightly(stores)
			p.took[summary] = made / time.Duration(stores+1)
			w.close()
			must(l.admin.Exec("DROP DATABASE " + name))
			fmt.Printf("| %d | %d |", stores, operations)
			for _, d := range p.took {
				fmt.Printf(" %s |", milli(d))
			}
			fmt.Println()
			fmt.Fprintf(os.Stderr, "%s took %s\n", name, time.Since(began).Round(time.Second))
			points = append(points, p)
		}
	}
	check(os.WriteFile(file, []byte(plot(points, len(l.growth[1]))), 0o644))
}

// plot has a panel for each thing, in it a line for each number of stores, from the left
// to the right with more operations, and upwards from 1 ms to 10 s by powers of ten.
func plot(points []point, columns int) string {
	const width, height, powers = 160, 160, 4
	var b strings.Builder
	draw := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	x := func(column int) int { return width * (1 + 2*column) / (2 * columns) }
	y := func(d time.Duration) float64 { return height * (1 - math.Log10(max(1, d.Seconds()*1e3))/powers) }
	draw(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 910 270" font-family="sans-serif" font-size="12" text-anchor="middle"><rect width="910" height="270" fill="white"/>`)
	for i, title := range waits {
		draw(`<g transform="translate(%d 30)"><text x="80" y="-12" font-weight="bold">%s</text>`, 55+i*(width+10), title)
		for level := time.Millisecond; level <= 10*time.Second; level *= 10 {
			draw(`<path d="M0 %.1fh%d" stroke="#ddd"/>`, y(level), width)
			if i == 0 {
				draw(`<text x="-26" y="%.1f" font-size="10">%s</text>`, y(level)+3, level)
			}
		}
		for column, p := range points[:columns] {
			draw(`<text x="%d" y="178" font-size="10">%g M</text>`, x(column), float64(p.operations)/1e6)
		}
		for line := range len(points) / columns {
			color, at := []string{"#1f77b4", "#d62728", "#2ca02c"}[line%3], ""
			for column, p := range points[line*columns : (line+1)*columns] {
				at += fmt.Sprintf("%d,%.1f ", x(column), y(p.took[i]))
			}
			draw(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, at, color)
			if i == 0 {
				draw(`<text x="%d" y="224" fill="%s">stores: %d</text>`, 80+line*120, color, points[line*columns].stores)
			}
		}
		draw(`</g>`)
	}
	draw(`<text x="485" y="226">millions of operations in the tables</text></svg>`)
	return b.String()
}
