package main

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/figures"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// formerProgram is a program of before stores had accounts, that of a947bd7. It makes
// testdata/former anew, and runs beside the program of now:
//
//	go test ./cmd/yanquan -run TestUpgrade -former /path/to/it
var formerProgram = flag.String("former", "", "a program of before stores had accounts: write testdata/former anew with it")

// formerVersion is an earlier version of the program and what it has left: beside the
// database, what is to be known of it.
type formerVersion struct {
	program string // empty: only what it has left is there

	At      time.Time         // when its database was copied
	Token   string            // of the store that was authorised by chat
	Done    []string          // codes that can be undone
	Doubt   string            // consumed, but the answer was lost
	Undoing string            // undone, but the answer was lost
	Asked   string            // of the question which store is meant, which is open
	Seen    string            // looked at, with a button to verify it
	Buttons map[string]string // code: the key of its card's button
	Cards   map[string]string // code: the task of its card
}

// upgradeCells are both databases, with a dialect each.
func upgradeCells() []setting {
	return []setting{
		{dialect: dianpingtest.Meituan, driver: models.SQLite},
		{dialect: dianpingtest.Dianping, driver: models.MySQL},
	}
}

// A database that the program of before accounts has left: with undo windows that are
// open, a verification and an undo in doubt, questions and looks without an answer, a
// store that was authorised, bound and joined by chat, and kept sums. It passes when
// all goes on.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for _, cell := range breadth.Of(t.Name(), upgradeCells()...) {
		t.Run(cell.String(), func(t *testing.T) {
			t.Parallel()
			if *formerProgram != "" {
				cell.former = &formerVersion{program: *formerProgram}
				leaveBehind(newWorld(t, cell))
			}
			var f formerVersion
			text, err := os.ReadFile(cell.left("json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &f); err != nil {
				t.Fatal(err)
			}
			cell.former, cell.here, cell.clock = &f, true, modelstest.NewClock(f.At.Add(time.Minute))
			takeOver(newWorld(t, cell))
		})
	}
}

// left is a file of what the former version has left.
func (s setting) left(ext string) string {
	return filepath.Join("testdata", "former", s.driver+"."+ext)
}

// leaveBehind is two days of the former version.
func leaveBehind(w *world) {
	f := w.former
	f.Buttons, f.Cards = map[string]string{}, map[string]string{}
	yesterday(w)
	app, room := *w, *w
	app.group = false
	room.group, room.room = true, roomC
	w.must(w.platform.AddShop(dianpingtest.Shop{ID: shopC, Name: storeC, Customer: "customer-c"}))
	w.platform.SetRegistration(dianpingtest.Registration{CallbackURL: publicURL + "/auth/" + string(w.dialect) + "/callback"})
	button := map[dianpingtest.Dialect]string{dianpingtest.Dianping: "点评（北极星）", dianpingtest.Meituan: "美团"}[w.dialect] // as it was called
	link := app.card(app.press("boss", app.card(app.say("boss", "授权", "授权哪个平台")), button, "10 分钟内有效")).Card.URL
	before := w.wecom.Version()
	w.authorized(link, shopC)
	app.await(1, answer{user: "boss", since: before}, "门店已接通", storeC)
	f.Token = w.platform.Authorizations()[0].Token
	room.press("boss", room.card(room.say("boss", "绑定", "["+storeC+"]")), storeC, "已绑定")
	before = w.wecom.Version()
	room.say("zhoujiu", "我是 周九", "已经告诉管理员")
	app.press("boss", app.card(app.await(1, answer{user: "boss", since: before}, "有人申请加入")), "同意", "已同意")

	f.Done = []string{w.sell(), w.sell(), w.sell(shopC)}
	f.Doubt, f.Undoing, f.Seen, f.Asked = w.sell(), w.sell(), w.sell(), w.sell(shopA, shopB)
	for _, code := range append(f.Done[:2:2], f.Undoing) {
		f.remember(code, w.card(w.say(w.hero, "验 "+code, "核销成功")))
	}
	room.say("zhoujiu", "验 "+f.Done[2], "核销成功", storeC)
	f.remember(f.Seen, w.card(w.say("lisi", f.Seen, "[确认核销]")))
	f.remember(f.Asked, w.card(w.say("zhaoliu", "验 "+f.Asked, "请选择门店")))
	for call, code := range map[string]string{"consume": f.Doubt, "reverseconsume": f.Undoing} {
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: call, Code: code, Times: -1})
		w.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Times: -1})
	}
	w.glimpse(w.utter(w.hero, "验 "+f.Doubt), false, "核验中")
	w.glimpse(w.utter(w.hero, "撤 "+f.Undoing), false, "撤销中")
	w.until(func() bool { return w.count("operations", "state IN ('unknown', 'undo_unknown')") == 2 })
	f.At = time.Now().UTC()
	w.must(os.WriteFile(w.left("sql"), w.copyOf(), 0o644))
	text, err := json.MarshalIndent(f, "", "\t")
	w.must(err)
	w.must(os.WriteFile(w.left("json"), append(text, '\n'), 0o644))
	if w.driver == models.MySQL {
		beside(w)
	}
	for _, p := range w.logs {
		if !p.ended {
			w.must(w.endOf(p, syscall.SIGTERM))
		}
		if told := complaints(p.stderr.String()); told != "" {
			w.Errorf("warnings and errors:\n%s", told)
		}
	}
	if codes := w.platform.TwiceConsumed(); len(codes) > 0 {
		w.Errorf("consumed twice: %v", codes)
	}
}

// beside has the former version and this one run on one database: each undoes what the
// other has verified, both take callbacks by turns, and their sums are the same.
func beside(w *world) {
	former := w.program
	now := w.start(builtProgram(w.T, ""))
	w.platform.ClearFaults()
	w.until(func() bool { return w.count("operations", "state IN ('unknown', 'undo_unknown')") == 0 })
	w.ledger(w.former.Doubt, 1, 0)
	w.ledger(w.former.Undoing, 1, 1)
	w.oneID(w.former.Doubt)
	for i, order := range [][2]*process{{former, now}, {now, former}} {
		code, seen, user := w.sell(), w.sell(), staff(i+1)
		w.callbacksTo(order[0].url)
		w.say(user, "验 "+code, "核销成功")
		card := w.card(w.say(user, seen, "[确认核销]"))
		w.callbacksTo(order[1].url)
		w.say(user, "撤 "+code, "已撤销")
		w.ledger(code, 1, 1)
		card = w.card(w.press(user, card, "确认核销", "核销成功"))
		w.callbacksTo(order[0].url)
		w.press(user, card, "撤销", "已撤销")
		w.ledger(seen, 1, 1)
	}
	w.balance(former, now)
	parts := map[string]func(*world){}
	for i := range 8 {
		parts[hero(i+1)] = func(w *world) {
			code := w.sell()
			w.sayFor(0, hero(i+1), "验 "+code, "核销成功")
			w.sayFor(0, hero(i+1), "撤 "+code, "已撤销")
			w.ledger(code, 1, 1)
		}
	}
	w.together(parts)
	for _, p := range []*process{former, now} {
		w.callbacksTo(p.url)
		w.say("boss", "今日", "4 张 ¥199.60", "撤销 13 张")
		w.say("boss", "昨日", "2 张 ¥99.80")
	}
}

func (f *formerVersion) remember(code string, s wecomtest.Shown) {
	f.Buttons[code], f.Cards[code] = s.Card.Buttons[0].Key, s.Card.TaskID
}

// yesterday has three verifications, one of them undone, and its sums are kept. They are
// made today and moved, for the program goes by the clock of its machine.
func yesterday(w *world) {
	var codes []string
	for range 3 {
		codes = append(codes, w.sell())
		w.say("lisi", "验 "+codes[len(codes)-1], "核销成功")
	}
	w.say("lisi", "撤 "+codes[0], "已撤销")
	w.must(w.end(syscall.SIGTERM))
	db := w.database()
	for _, column := range []string{"created_at", "called_at", "sent_at", "consumed_at", "undo_until", "undo_called_at", "undone_at"} {
		to := "strftime('%Y-%m-%d %H:%M:%f000', " + column + ", '-1 day')"
		if w.driver == models.MySQL {
			to = column + " - INTERVAL 1 DAY"
		}
		w.must(second(db.Exec("UPDATE operations SET " + column + " = " + to)))
	}
	w.start(w.former.program)
	w.until(func() bool { return w.count("period_figures", "figures LIKE '%9980%'") > 0 })
}

// count counts rows.
func (w *world) count(table, where string) (n int) {
	w.Helper()
	w.must(w.database().QueryRow("SELECT COUNT(*) FROM " + table + " WHERE " + where).Scan(&n))
	return n
}

// endOfStatement parts the statements of a copy.
const endOfStatement = ";\n\n"

// copyOf is the database as statements that make it.
func (w *world) copyOf() []byte {
	w.Helper()
	db := w.database()
	list, definition := "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", ""
	if w.driver == models.MySQL {
		list, definition = "SELECT table_name, '' FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name", "SHOW CREATE TABLE "
	}
	var statements []string
	for _, table := range w.pairs(db, list) {
		if definition != "" {
			table[1] = w.pairs(db, definition+table[0])[0][1]
		}
		statements = append(statements, table[1])
		if table[0] != "files" && table[0] != "file_pieces" { // pictures, which are large
			statements = append(statements, w.insertsOf(db, table[0])...)
		}
	}
	if w.driver == models.SQLite {
		for _, index := range w.pairs(db, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL") {
			statements = append(statements, index[1])
		}
	}
	text := strings.Join(statements, endOfStatement) + endOfStatement
	if n := strings.Count(text, endOfStatement); n != len(statements) {
		w.Fatalf("%d statements are %d", len(statements), n)
	}
	return []byte(text)
}

// pairs are rows of two texts.
func (w *world) pairs(db *sql.DB, query string) (all [][2]string) {
	w.Helper()
	rows, err := db.Query(query)
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var one [2]string
		w.must(rows.Scan(&one[0], &one[1]))
		all = append(all, one)
	}
	w.must(rows.Err())
	return all
}

// insertsOf are the statements that make the rows of a table.
func (w *world) insertsOf(db *sql.DB, table string) (all []string) {
	w.Helper()
	rows, err := db.Query("SELECT * FROM " + table)
	w.must(err)
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	w.must(err)
	var names []string
	for _, c := range columns {
		names = append(names, c.Name())
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		w.must(rows.Scan(into...))
		literals := make([]string, len(values))
		for i, v := range values {
			literals[i] = literal(v, strings.Contains(columns[i].DatabaseTypeName(), "BLOB"))
		}
		all = append(all, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(literals, ", ")+")")
	}
	w.must(rows.Err())
	return all
}

// literal is a value as it is written in a statement, of either database.
func literal(v any, blob bool) string {
	text := ""
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		return fmt.Sprint(v)
	case []byte:
		text = string(v)
	case string:
		text = v
	case time.Time:
		text = v.UTC().Format("2006-01-02 15:04:05.000000")
	default:
		panic(fmt.Sprintf("a value of type %T", v))
	}
	if blob {
		return fmt.Sprintf("X'%X'", text)
	}
	if strings.Contains(text, `\`) {
		panic("MySQL reads it another way: " + text)
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// inherit fills the database and the platform with what the former version has left.
func (w *world) inherit() {
	w.Helper()
	if w.former.program != "" {
		return
	}
	text, err := os.ReadFile(w.left("sql"))
	w.must(err)
	db := w.database()
	db.SetMaxOpenConns(1)
	if w.driver == models.MySQL { // tables come by name
		w.must(second(db.Exec("SET foreign_key_checks = 0")))
	}
	for _, statement := range strings.Split(strings.TrimSuffix(string(text), endOfStatement), endOfStatement) {
		if _, err := db.Exec(statement); err != nil {
			w.Fatalf("%v: %.200s", err, statement)
		}
	}
	w.must(w.platform.AddShop(dianpingtest.Shop{ID: shopC, Name: storeC, Customer: "customer-c"}))
	w.must(w.platform.AddSession(dianpingtest.Session{Token: w.former.Token, Dialect: w.dialect, Shops: []string{shopC}}))
	rows, err := db.Query(`SELECT operations.id, code, order_id, deal_id, deal_group_id, shop_id, user_id, state FROM operations
		JOIN stores ON stores.id = store_id WHERE state <> 'rejected' ORDER BY operations.called_at`)
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		v, u, state := dianpingtest.Voucher{Title: title, Price: priceFen, Mobile: phone, Expires: w.clock.Now().AddDate(0, 3, 0)}, dianpingtest.Use{Channel: "15"}, ""
		w.must(rows.Scan(&u.RequestID, &v.Code, &v.OrderID, &v.DealID, &v.DealGroupID, &u.Shop, &u.Account, &state))
		v.Shops = []string{u.Shop}
		w.used(v, u, strings.HasPrefix(state, "undo"))
	}
	w.must(rows.Err())
	for code, shops := range map[string][]string{w.former.Seen: {shopA}, w.former.Asked: {shopA, shopB}} {
		w.must(second(w.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: title, Price: priceFen, Mobile: phone, Shops: shops, Expires: w.clock.Now().AddDate(0, 3, 0)})))
	}
}

// used: the platform knows a voucher that was verified, and whether that was undone.
func (w *world) used(v dianpingtest.Voucher, u dianpingtest.Use, undone bool) {
	w.Helper()
	w.must(second(w.platform.AddVoucher(v)))
	w.must(w.platform.UseElsewhere(v.Code, u))
	e := effects{consumed: 1}
	if undone {
		e.undone = 1
		w.must(w.platform.UndoElsewhere(v.Code, u.Account))
	}
	w.effects[v.Code] = e
}

// takeOver is the day of the upgrade.
func takeOver(w *world) {
	f := w.former
	w.until(func() bool { return w.count("operations", "state IN ('unknown', 'undo_unknown')") == 0 })
	told := func(texts ...string) {
		w.Helper()
		_, err := w.wecom.WaitFor(w.soon(), w.screen(w.hero), func([]wecomtest.Shown) bool { return w.shows(w.hero, texts...) == 1 })
		w.must(err)
	}
	told("核销成功", f.Doubt)
	told("已撤销", f.Undoing)
	w.ledger(f.Doubt, 1, 0)
	w.ledger(f.Undoing, 1, 1)
	for _, id := range w.consumeIDs(f.Doubt) {
		if w.count("operations", "id = '"+id+"' AND code = '"+f.Doubt+"'") != 1 {
			w.Errorf("%s is consumed under another id: %s", f.Doubt, id)
		}
	}
	w.say("boss", "昨日", "2 张 ¥99.80", "撤销 1 张", storeA)
	w.say("boss", "今日", "4 张 ¥199.60", storeA+" 3 张", storeC+" 1 张", "撤销 1 张")

	w.say(w.hero, "验 "+f.Done[0], "已核销", people[w.hero])
	w.say(w.hero, "撤 "+f.Done[0], "已撤销")
	w.ledger(f.Done[0], 1, 1)
	w.forgeCard(w.hero, f.Done[1], "已撤销")
	w.ledger(f.Done[1], 1, 1)
	w.forgeCard("lisi", f.Seen, "核销成功")
	w.ledger(f.Seen, 1, 0)
	w.forgeCard("zhaoliu", f.Asked, "核销成功", storeA)
	w.ledger(f.Asked, 1, 0)

	room := w.in(roomC)
	room.group = true
	room.say("zhoujiu", "撤 "+f.Done[2], "已撤销")
	w.ledger(f.Done[2], 1, 1)
	code := w.sell(shopC)
	room.say("zhoujiu", "验 "+code, "核销成功", storeC, "周九")
	w.ledger(code, 1, 0)
	w.say("boss", "今日", "4 张 ¥199.60", storeA+" 3 张", storeC+" 1 张", "撤销 4 张")

	// What the former version kept, in its own form, is counted and kept anew.
	w.pass(figures.KeepEvery)
	w.until(func() bool {
		return w.count("period_figures", "period LIKE '%/2 %'") == 0 && w.count("period_figures", "figures LIKE '%9980%'") > 0
	})
	w.say("boss", "昨日", "2 张 ¥99.80", "撤销 1 张", storeA)
	w.say("boss", "本月", "6 张 ¥299.40", "撤销 5 张")
	w.say("boss", "门店", "3 家门店")

	w.must(w.end(syscall.SIGTERM))
	if codes := w.platform.TwiceConsumed(); len(codes) > 0 {
		w.Errorf("consumed twice: %v", codes)
	}
	for code, e := range w.effects {
		w.ledger(code, e.consumed, e.undone)
	}
	w.noSecrets()
}

// forgeCard presses the button of a card that the former version has sent.
func (w *world) forgeCard(user, code string, want ...string) {
	w.Helper()
	card := wecomtest.Shown{Card: &wecomtest.Card{TaskID: w.former.Cards[code], Buttons: []wecomtest.Button{{Key: w.former.Buttons[code]}}}}
	w.forge(user, answer{bubbles: []wecomtest.Shown{card}}, want...)
}
