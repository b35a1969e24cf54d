package main

import (
	"context"
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
	{"SELECT stores", "where the sender may act, and who the sender is there"},
	{"SELECT calls", "does the sender guess codes? Counted over all processes (guard)"},
	{"SELECT stores", "the store's token, as renewed last by whichever process"},
	{"SELECT operations", "consumed by us before? Then we say by whom, without a call (I2)"},
	{"INSERT operations", "the intent is durable before the platform is called; the unique index lets one in (I1, I2, I3)"},
	{"BEGIN", "outcome and answer are one (I4, I5)"},
	{"UPDATE operations", "the outcome, by compare-and-swap on the attempt"},
	{"INSERT coupons", "what can be undone, coupon by coupon (I7)"},
	{"INSERT calls", "what was said to and by the platform, for explain and the accounts (I8)"},
	{"UPDATE inbox", "the answer, for repeats of the message (I4)"},
	{"SELECT outbox", "is an earlier answer to the message still queued?"},
	{"INSERT outbox", "the answer on its way, or its second way should nobody fetch the first (I4)"},
	{"COMMIT", "what was consumed and what is said of it, at once"},
}

// verification gives the steps of one way. The looks for due work, which serve all
// messages at once, are left out.
func verification(way string) []step {
	steps := slices.Clone(toAnswer)
	if way == byRobot {
		return append(steps,
			step{"SELECT inbox", "the callback that waited reads the answer"},
			step{"BEGIN", "after the passive answer has gone out"},
			step{"SELECT outbox", "what of it waited to go another way"},
			step{"UPDATE outbox", "its second way is not needed any more"},
			step{"COMMIT", "at once with what that answer had no room for"},
		)
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
func (l *lab) statements(driver, dsn, way string) ([]modelstest.Statement, error) {
	w, err := l.newWorld(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer w.close()
	direct, err := l.store(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer direct.Close()
	err = direct.Directory.Sync(l.ctx, []models.ConfiguredStore{{
		Platform: dianping.Meituan, ShopID: shopID, Name: "人民广场店", Session: session, Chats: []string{"wrAbC"},
		Staff: []models.Member{{UserID: member(0), Name: member(0), Role: models.RoleStaff}},
	}})
	if err != nil {
		return nil, err
	}
	rec := &modelstest.Recorder{}
	db, err := models.Open(l.ctx, models.Config{Driver: driver, DSN: dsn, Key: secretKey, Connector: rec.Connector})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	sender, err := w.sender()
	if err != nil {
		return nil, err
	}
	b, err := chat.New(chat.Options{DB: db, Platforms: map[string]dianping.Client{dianping.Meituan: client}, Courier: sender,
		Guard: chat.Guard{Codes: 10, Within: 10 * time.Minute}})
	if err != nil {
		return nil, err
	}
	for range 2 { // the first one opens the connections
		code, err := w.voucher()
		if err != nil {
			return nil, err
		}
		m := bot.Message{Channel: "app/main", ID: chat.NewID(), User: member(0), Kind: bot.Text, Text: "验 " + code, At: time.Now()}
		if way == byRobot {
			m.Channel, m.Chat, m.Way = "bot/group", "wrAbC", wecom.RobotWay(w.api+"/cgi-bin/aibot/response")
		}
		rec.Take()
		id, err := b.Accept(l.ctx, m)
		if err != nil {
			return nil, err
		}
		if err := answered(l.ctx, direct, id); err != nil {
			return nil, err
		}
		if way == byRobot {
			reply, _ := b.Await(l.ctx, id)
			b.Delivered(id, reply, bot.Reply{})
		}
		if err := over(l.ctx, direct, id, way); err != nil {
			return nil, err
		}
		b.Wait() // who texts again before would wait for it
	}
	return rec.Take(), nil
}

// answered waits for the final answer to a message.
func answered(ctx context.Context, db *models.DB, id string) error {
	return until(ctx, func(ctx context.Context) (bool, error) {
		row, err := db.Inbox.Get(ctx, id)
		return row.Final, err
	})
}

// over waits until an answer is sent; that of a robot until its second way is not
// needed any more.
func over(ctx context.Context, db *models.DB, id, way string) error {
	state := map[string]models.OutgoingState{byApp: models.SentOut, byRobot: models.Obsolete}[way]
	return until(ctx, func(ctx context.Context) (bool, error) {
		rows, err := db.Outbox.AnswersTo(ctx, id)
		return len(rows) > 0 && rows[0].State == state, err
	})
}

func until(ctx context.Context, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := done(ctx); err != nil || yes {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it does not come: %w", ctx.Err())
		}
	}
}

// databases are those that the store speaks to, by the name of the driver.
var databases = []struct{ driver, name string }{{models.SQLite, "SQLite"}, {models.MySQL, "MariaDB"}}

// costs is the page's section on what one verification says to the database.
func (l *lab) costs() (string, error) {
	var table, lists strings.Builder
	table.WriteString("| verification | database | round trips | commits | aim |\n|---|---|---|---|---|\n")
	for _, way := range []string{byApp, byRobot} {
		var names, statements []string // where two databases see the same, it is listed once
		for _, database := range databases {
			dsn, err := l.fresh(database.driver, "costs_"+way)
			if err != nil {
				return "", err
			}
			seen, err := l.statements(database.driver, dsn, way)
			if err != nil {
				return "", fmt.Errorf("%s: %w", database.name, err)
			}
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
	return table.String() + lists.String(), nil
}

// fresh is the DSN of an empty database.
func (l *lab) fresh(driver, name string) (string, error) {
	if driver == models.SQLite {
		return filepath.Join(l.dir, name+".db"), nil
	}
	return l.mariadb.database(l.ctx, name)
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
