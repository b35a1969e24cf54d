package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/wecom"
	"yanquan/dianping"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// step is a statement of one verification and why it is there.
type step struct {
	statement string // verb and table
	why       string
}

// Ways of a verification.
const (
	byApp   = "app"
	byRobot = "robot"
)

// toAnswer is what every channel does for 验 CODE, from the callback until the
// answer is durable.
var toAnswer = []step{
	{"INSERT inbox", "the message is durable before it is acknowledged (I10)"},
	{"SELECT stores", "where the sender may act, and who the sender is there; how many codes they have guessed (guard); whether the code is known here (I2); the store's token, as renewed last by whichever process"},
	{"INSERT operations", "the intent is durable before the platform is called; the unique index lets one in (I1, I2, I3)"},
	{"BEGIN", "outcome and answer are one (I4, I5)"},
	{"UPDATE operations", "the outcome, by compare-and-swap on the attempt"},
	{"INSERT coupons", "what can be undone, coupon by coupon (I7)"},
	{"INSERT calls", "what was said to and by the platform, for explain and the accounts (I8)"},
	{"UPDATE inbox", "the answer, for repeats of the message (I4)"},
	{"INSERT outbox", "the answer on its way, or its second way should nobody fetch the first (I4)"},
	{"COMMIT", "what was consumed and what is said of it, at once"},
}

// verification gives the steps of one way. The looks for due work, which serve all
// messages at once, are left out.
func verification(way string) []step {
	steps := slices.Clone(toAnswer)
	if way == byRobot {
		return steps
	}
	return append(steps, step{"UPDATE outbox", "recorded as sent only after it was, by the process that committed the answer"})
}

// aims are the round trips and commits that would do.
var aims = map[string]struct{ roundTrips, commits int }{byApp: {12, 4}, byRobot: {10, 3}}

// explained gives the reason of each statement, as far as one is known. One that has
// gone does not take the reasons of those after it along.
func explained(seen []modelstest.Statement, way string) []string {
	known := verification(way)
	reasons := make([]string, len(seen))
	for i, s := range seen {
		at := slices.IndexFunc(known, func(k step) bool { return k.statement == s.String() })
		if at >= 0 {
			reasons[i], known = known[at].why, known[at+1:]
		}
	}
	return reasons
}

// statements records what one verification says to a database. Both fakes and the
// bot are in this process; the bot's background work does not run, so that its rhythm
// does not decide what is seen.
func (l *lab) statements(driver, dsn, way string) []modelstest.Statement {
	w := l.newWorldOn(driver, dsn, staff)
	defer w.close()
	direct := l.store(driver, dsn)
	defer direct.Close()
	check(direct.Directory.Sync(l.ctx, []models.ConfiguredStore{{
		Platform: dianping.Meituan, ShopID: shopID, Name: "人民广场店", Session: session, Chats: []string{"wrAbC"},
		Staff: []models.Member{{UserID: member(0), Name: member(0), Role: models.RoleStaff}},
	}}))
	rec := &modelstest.Recorder{}
	db := must(models.Open(l.ctx, models.Config{Driver: driver, DSN: dsn, Key: secretKey, Connector: rec.Connector}))
	defer db.Close()
	b := must(chat.New(chat.Options{DB: db, Platforms: map[string]dianping.Client{dianping.Meituan: w.client()}, Courier: w.sender(), NoticeChannel: "app/main",
		Guard: chat.Guard{Codes: 10, Within: 10 * time.Minute}}))
	for range 2 { // the first one opens the connections
		m := bot.Message{Channel: "app/main", ID: chat.NewID(), User: member(0), Kind: bot.Text, Text: "验 " + w.voucher(), At: time.Now()}
		if way == byRobot {
			m.Channel, m.Chat, m.Way = "bot/group", "wrAbC", wecom.RobotWay(w.api+"/cgi-bin/aibot/response")
		}
		rec.Take()
		id := must(b.Accept(l.ctx, m))
		if way == byRobot { // as the server does
			reply, final := b.Await(l.ctx, id)
			if !final || !b.Take(l.ctx, id) {
				check(errors.New("the callback has not got its answer"))
			}
			b.Delivered(id, reply, bot.Reply{})
		}
		b.Wait() // an app's answer is sent, and recorded
	}
	return rec.Take()
}

// databases are those that the store speaks to, by the name of the driver.
var databases = []struct{ driver, name string }{{models.SQLite, "SQLite"}, {models.MySQL, "MariaDB"}}

// costs is the page's section on what one verification says to the database.
func (l *lab) costs() string {
	var table, lists strings.Builder
	table.WriteString("| verification | database | round trips | commits | aim |\n|---|---|---|---|---|\n")
	for _, way := range []string{byApp, byRobot} {
		var names, statements []string // where two databases see the same, it is listed once
		for _, database := range databases {
			dsn := filepath.Join(l.dir, "costs_"+way+".db")
			if database.driver == models.MySQL {
				dsn = l.database("costs_" + way)
			}
			seen := l.statements(database.driver, dsn, way)
			fmt.Fprintf(&table, "| by %s | %s | %d | %d | %d and %d |\n", way, database.name, len(seen), modelstest.Commits(seen), aims[way].roundTrips, aims[way].commits)
			list := statementTable(seen, way)
			if at := slices.Index(statements, list); at >= 0 {
				names[at] += " and " + database.name
				continue
			}
			names, statements = append(names, database.name), append(statements, list)
		}
		for i, list := range statements {
			fmt.Fprintf(&lists, "\nBy %s, on %s:\n\n%s", way, names[i], list)
		}
	}
	return table.String() + lists.String()
}

func statementTable(seen []modelstest.Statement, way string) string {
	var table strings.Builder
	table.WriteString("| | statement | commit | why |\n|---|---|---|---|\n")
	reasons := explained(seen, way)
	for i, s := range seen {
		fmt.Fprintf(&table, "| %d | %s | %s | %s |\n", i+1, s, map[bool]string{true: "yes"}[s.Commits], reasons[i])
	}
	return table.String()
}
