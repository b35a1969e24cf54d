package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/wecom"
	"yanquan/dianping"
	"yanquan/models"
)

// step is a statement of one verification and why it is there.
type step struct {
	statement string // verb and table
	commits   bool
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
	{"INSERT inbox", true, "the message is durable before it is acknowledged (I10)"},
	{"SELECT stores", false, "where the sender may act"},
	{"SELECT members", false, "who the sender is there"},
	{"SELECT calls", false, "does the sender guess codes? Counted over all processes (guard)"},
	{"SELECT stores", false, "with the store's token, as renewed last by whichever process"},
	{"SELECT operations", false, "consumed by us before? Then we say by whom, without a call (I2)"},
	{"INSERT operations", true, "the intent is durable before the platform is called; the unique index lets one in (I1, I2, I3)"},
	{"START TRANSACTION", false, "outcome and answer are one (I4, I5)"},
	{"UPDATE operations", false, "the outcome, by compare-and-swap on the attempt"},
	{"INSERT coupons", false, "what can be undone, coupon by coupon (I7)"},
	{"INSERT calls", false, "what was said to and by the platform, for explain and the accounts (I8)"},
	{"SELECT operations", false, "the answer is rendered from what is stored"},
	{"SELECT stores", false, "the store's name on the card"},
	{"UPDATE inbox", false, "the answer, for repeats of the message (I4)"},
	{"INSERT outbox", false, "the answer on its way, or its second way should nobody fetch the first (I4)"},
	{"COMMIT", true, ""},
}

// verification gives the steps of one way. The looks for due work are one
// pass of the background work; it serves all messages at once.
func verification(way string) []step {
	steps := slices.Clone(toAnswer)
	if way == byRobot {
		return append(steps,
			step{"START TRANSACTION", false, "after the passive answer has gone out"},
			step{"UPDATE outbox", false, "its second way is not needed any more"},
			step{"COMMIT", true, ""},
		)
	}
	return append(steps,
		step{"SELECT inbox", false, "background pass: messages due"},
		step{"SELECT operations", false, "background pass: operations due"},
		step{"SELECT outbox", false, "background pass: deliveries due, in the order of each conversation"},
		step{"SELECT grants", false, "background pass: merchants' grants to renew"},
		step{"UPDATE outbox", true, "one process sends it: claimed by compare-and-swap"},
		step{"SELECT outbox", false, "the channel's limit per minute, over all processes"},
		step{"UPDATE outbox", true, "recorded as sent only after it was (F15)"},
	)
}

// recorder keeps the statements that pass a wire.
type recorder struct {
	mu   sync.Mutex
	seen []step
}

var tableOf = regexp.MustCompile("(?i)(?:FROM|INTO|UPDATE)\\s+`?([a-z_]+)`?")

func (r *recorder) before(statement string, commits bool) {
	verb, _, _ := strings.Cut(statement, " ")
	if verb == "SET" { // of a new connection, not of a verification
		return
	}
	name := strings.TrimSpace(statement)
	if table := tableOf.FindStringSubmatch(statement); table != nil {
		name = verb + " " + table[1]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, step{statement: name, commits: commits})
}

// take gives what was seen since the last take.
func (r *recorder) take() []step {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// statements records what one verification says to a MySQL database. Both fakes
// and the bot are in this process; the bot's background work is done by hand, so
// that its rhythm does not decide what is seen.
func (l *lab) statements(dsn, way string) ([]step, error) {
	w, err := l.newWorld(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer w.close()
	direct, err := l.store(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer direct.Close()
	err = direct.SyncConfigured(l.ctx, []models.ConfiguredStore{{
		Platform: dianping.Meituan, ShopID: shopID, Name: "人民广场店", Session: session, Chats: []string{"wrAbC"},
		Staff: []models.Member{{UserID: member(0), Name: member(0), Role: models.RoleStaff}},
	}})
	if err != nil {
		return nil, err
	}
	rec := &recorder{}
	proxy, through, err := newWire(dsn, rec.before)
	if err != nil {
		return nil, err
	}
	defer proxy.close()
	db, err := models.Open(l.ctx, models.Config{Driver: models.MySQL, DSN: through, Key: secretKey})
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
		rec.take()
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
			if err := recorded(l.ctx, direct, id); err != nil {
				return nil, err
			}
		} else {
			b.Pass(l.ctx)
		}
	}
	return rec.take(), nil
}

// answered waits for the final answer to a message.
func answered(ctx context.Context, db *models.DB, id string) error {
	return until(ctx, func(ctx context.Context) (bool, error) {
		row, err := db.Message(ctx, id)
		return row.Final, err
	})
}

// recorded waits until the second way of an answer is not needed any more.
func recorded(ctx context.Context, db *models.DB, id string) error {
	return until(ctx, func(ctx context.Context) (bool, error) {
		rows, err := db.AnswersTo(ctx, id)
		return len(rows) > 0 && rows[0].State == models.Obsolete, err
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

// costs is the page's section on what one verification says to the database.
func (l *lab) costs() (string, error) {
	var page strings.Builder
	for _, way := range []string{byApp, byRobot} {
		dsn, err := l.mariadb.database(l.ctx, "costs_"+way)
		if err != nil {
			return "", err
		}
		seen, err := l.statements(dsn, way)
		if err != nil {
			return "", err
		}
		commits := 0
		for _, s := range seen {
			if s.commits {
				commits++
			}
		}
		fmt.Fprintf(&page, "By %s: %d round trips, %d commits.\n\n| | statement | commit | why |\n|---|---|---|---|\n", way, len(seen), commits)
		known := verification(way)
		for i, s := range seen {
			why := ""
			if i < len(known) && known[i].statement == s.statement {
				why = known[i].why
			}
			fmt.Fprintf(&page, "| %d | %s | %s | %s |\n", i+1, s.statement, map[bool]string{true: "yes"}[s.commits], why)
		}
		page.WriteString("\n")
	}
	return strings.TrimSuffix(page.String(), "\n"), nil
}
