package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/wecom"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

const (
	arrivals = 200 // callbacks a second
	megabyte = 1e6
	shared   = "the generator, the fakes and the database share the processors"

	// What is left, each by an index: to look for it twenty times a second is no load.
	unsettled = "SELECT EXISTS (SELECT 1 FROM operations WHERE due_at IS NOT NULL)"
	unsent    = "SELECT EXISTS (SELECT 1 FROM outbox WHERE due_at IS NOT NULL)"
	untold    = "SELECT EXISTS (SELECT 1 FROM inbox WHERE due_at IS NOT NULL) OR EXISTS (SELECT 1 FROM outbox WHERE due_at IS NOT NULL)"
)

// acknowledging is R6: how long WeCom waits for its 200 while staff verify at a
// constant rate.
func (l *lab) acknowledging() []row {
	w := l.newWorld(models.MySQL, "r6", staff)
	defer w.close()
	w.start("")
	ids, m := w.verify(int(l.load.Seconds()*arrivals), arrivals, 0)
	lost := len(ids) - w.count("SELECT COUNT(*) FROM inbox WHERE message_id IN ('"+strings.Join(ids, "', '")+"')")
	t := m.Latencies
	return []row{{"R6", fmt.Sprintf("the binary, %d verifications/s for %s, open loop", arrivals, l.load), "WeCom gives up after 5 s", "p99 ≤ 20 ms, none lost",
		fmt.Sprintf("p99 %s (p50 %s, max %s); %d of %d accepted, %d of them lost", milli(t.P99), milli(t.P50), milli(t.Max), len(ids), m.Requests, lost),
		verdict[t.P99 <= 20*time.Millisecond && lost == 0 && len(ids) == int(m.Requests)], shared}}
}

// ownTime is R7: what the bot adds to the calls that a verification consists of.
func (l *lab) ownTime() (rows []row) {
	for _, database := range []struct{ driver, name string }{{models.SQLite, "SQLite"}, {models.MySQL, "MariaDB"}} {
		w := l.newWorld(database.driver, "r7", staff)
		w.start("")
		client, a := w.client(), w.calls.app
		sender := must(wecom.NewSender(wecom.SenderConfig{APIURL: w.api, FallbackURL: "https://yanquan.example.com", Apps: []wecom.AppConfig{
			{Name: "main", CorpID: a.CorpID, AgentID: agentID, Secret: a.Secret, Token: a.Token, EncodingAESKey: a.EncodingAESKey}}}))
		var asked, called, own series
		for i := range l.asks {
			took := w.ask(member(2*i%staff), "验 "+w.voucher())
			who, code, id := member((2*i+1)%staff), w.voucher(), chat.NewID()
			card := &bot.Card{Title: "核销成功", Text: "¥49.90", URL: "https://yanquan.example.com/v/1", TaskID: id}
			began := time.Now()
			must(client.Prepare(ctx, shop, code))
			must(client.Consume(ctx, shop, dianping.ConsumeRequest{RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: who, Name: who}}))
			must(sender.Deliver(ctx, bot.Delivery{ID: id, Channel: "app/main", User: who, Reply: bot.Reply{Card: card}, Form: bot.AsCard}))
			bare := time.Since(began)
			asked, called, own = append(asked, float64(took)), append(called, float64(bare)), append(own, (took-bare).Seconds()*1e3)
		}
		s := own.summary()
		rows = append(rows, row{"R7 own time, " + database.name, "the binary, callback to card posted: " + milli(time.Duration(asked.summary().Center)),
			"the same two calls and the send, nothing stored: " + milli(time.Duration(called.summary().Center)), "≤ 5 ms more", fmt.Sprintf("%.1f ms (%.1f to %.1f)", s.Center, s.Lo, s.Hi),
			verdict[s.Center <= 5], "three commits, one after another, each on the disk"})
		w.close()
	}
	return rows
}

// backlog is R8: a start with many operations whose outcome nobody knows. The
// platform has consumed every second one.
func (l *lab) backlog() []row {
	w := l.newWorld(models.MySQL, "r8", staff)
	defer w.close()
	w.leaveDoubts()
	calls := func() uint64 { requests := w.platform.Requests(); return requests[len(requests)-1].Seq }
	asked, began := calls(), time.Now()
	w.start("")
	settled := w.none(unsettled, began, long)
	each := float64(calls()-asked) / settled.Seconds()
	told := w.none(unsent, began, long)
	effects, twice := len(w.platform.Ledger()), len(w.platform.TwiceConsumed())
	return []row{{"R8", fmt.Sprintf("the binary, %d doubtful operations at its start, half of them consumed", l.doubtful), "", "≤ 60 s",
		fmt.Sprintf("settled in %.1f s (%.0f platform calls/s), everybody told in %.1f s; %d of %d consumed once, %d twice", settled.Seconds(), each, told.Seconds(), effects-twice, l.doubtful, twice),
		verdict[settled <= time.Minute && effects == l.doubtful && twice == 0], "the platform publishes no limit; none is set"}}
}

// leaveDoubts puts into the database what a process leaves that lost the
// platform's answers, told people so, and died.
func (w *world) leaveDoubts() {
	db := store(w.driver, w.dsn)
	defer db.Close()
	check(db.Directory.Sync(ctx, []models.ConfiguredStore{{Platform: dianping.Meituan, ShopID: shop.ID, Name: "人民广场店", Session: shop.Session}}))
	account, client, pending := must(db.Directory.Stores(ctx))[0].ID, w.client(), must(json.Marshal(bot.Reply{Text: "核验中", Pending: true}))
	leave := func(i int) {
		id, code, who, now := chat.NewID(), w.voucher(), member(i%staff), time.Now()
		m := bot.Message{Channel: "app/main", ID: fmt.Sprint("doubt-", i), User: who, Kind: bot.Text, Text: "验 " + code, At: now}
		if i%2 == 0 {
			must(client.Consume(ctx, shop, dianping.ConsumeRequest{RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: who, Name: who}}))
		}
		check(db.Tx(ctx, func(tx *models.DB) error {
			row, _, err := tx.Inbox.Accept(ctx, models.Inbox{ID: chat.NewID(), Channel: m.Channel, MessageID: m.ID, User: who, Payload: must(json.Marshal(m)), DueAt: now, ReceivedAt: now})
			check(err)
			op := must(tx.Journal.Begin(ctx, models.Operation{
				ID: id, StoreID: account, Code: code, Count: 1, Channel: m.Channel, UserID: who, User: who,
				Title: "双人套餐", PriceFen: 4990, CreatedAt: now, CalledAt: now, DueAt: now,
			}, row))
			must(tx.Journal.DoubtConsume(ctx, op))
			must(tx.Inbox.Answer(ctx, row, pending, false))
			return nil
		}))
	}
	var workers sync.WaitGroup
	for worker := range atOnce {
		workers.Go(func() {
			for i := worker; i < w.doubtful; i += atOnce {
				leave(i)
			}
		})
	}
	workers.Wait()
}

// footprint is R9: what the program takes of the machine.
func (l *lab) footprint() []row {
	w := l.newWorld(models.MySQL, "r9", staff)
	defer w.close()
	var empty, migrated, used series
	for i := range max(6, l.repeats/2) {
		w.dsn = l.database(fmt.Sprint("r9_start_", i))
		for _, starts := range []*series{&empty, &migrated} {
			p := w.start("")
			*starts = append(*starts, p.started.Seconds()*1e3)
			p.stop()
		}
	}
	started := func(name string, times series, most float64) row {
		s := times.summary()
		return row{"R9 start, " + name, "the binary, from exec to ready", "", fmt.Sprintf("< %.0f ms", most), fmt.Sprintf("%.0f ms ± %s", s.Center, s.PctRangeString()), verdict[s.Center < most], ""}
	}
	p := w.start("")
	time.Sleep(3 * time.Second)
	idle := p.memory("VmRSS")
	refused := 0              // what is refused, WeCom would send again
	const parts, half = 10, 5 // of the messages; memory is read after each
	for range parts {
		ids, _ := w.verify(l.messages/parts, arrivals, 0)
		refused += l.messages/parts - len(ids)
		used = append(used, p.memory("VmRSS"))
	}
	// What is taken once, for pools and caches, is taken in the first parts.
	before, after, growth := slices.Max(used[3:7]), slices.Max(used[7:]), (used[parts-1]-used[half-1])/float64(l.messages/2)
	size := float64(must(os.Stat(l.binary)).Size()) / megabyte
	return []row{
		started("migrated database", migrated, 60),
		started("empty MariaDB", empty, 250),
		{"R9 memory, idle", "the binary, 3 s after its start", "", "< 32 MB", fmt.Sprintf("%.0f MB", idle/megabyte), verdict[idle < 32*megabyte], ""},
		{"R9 memory, flat", fmt.Sprintf("the binary, %d verifications at %d/s", l.messages, arrivals), "what it took before its last third", "≤ 1.1 ×",
			fmt.Sprintf("%.0f MB, then %.0f MB (%+.0f bytes a message over the last half; %d messages refused)", before/megabyte, after/megabyte, growth, refused), verdict[after <= 1.1*before], ""},
		{"R9 size", "stripped binary", "", "< 30 MB", fmt.Sprintf("%.1f MB", size), verdict[size < 30], ""},
	}
}

// held is R10: what a test holds on each run, in a time of its own.
func (l *lab) held() (rows []row) {
	for _, h := range []struct{ what, aim, pkg, test string }{
		{"one verification by app, both databases", "≤ 12 round trips, 4 commits", "yanquan/bot/chat", "TestRoundTrips"},
		{"a verification after a quiet minute", "no TLS handshake", "yanquan/dianping", "TestVerificationsAfterQuietMinutes"},
	} {
		out, err := exec.Command("go", "test", "-v", "-run", "^"+h.test+"$", h.pkg).CombinedOutput()
		passed := err == nil && strings.Contains(string(out), "--- PASS: "+h.test+" ")
		rows = append(rows, row{"R10 " + h.test, h.what, "", h.aim, fmt.Sprint("the test passes: ", passed), verdict[passed], ""})
	}
	return rows
}

// R11: more verifications than the machine carries.
const (
	flood    = 600                   // callbacks a second
	callTime = 50 * time.Millisecond // of the platform
	sendTime = 20 * time.Millisecond // of one message/send
	crowd    = 4000                  // people who text without limit
	eachMost = 24                    // messages of one person: a few less than WeCom delivers in a minute
)

// overload is R11. Some may be refused; nobody whose voucher was consumed may be left
// without an answer.
func (l *lab) overload() []row {
	return []row{
		l.newWorld(models.MySQL, "r11", staff).overloaded(fmt.Sprintf("R11 %d/s", flood), fmt.Sprintf("%d verifications/s", flood), int(l.flood.Seconds()*flood), flood),
		l.newWorld(models.MySQL, "r11_limitless", crowd).overloaded("R11 without limit", "verifications as fast as they are accepted", crowd*eachMost, 0),
	}
}

// overloaded runs the binary under a load until everybody is told, or for a minute more.
func (w *world) overloaded(name, what string, n, rate int) row {
	defer w.close() // what is left is not waited for
	check(w.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Delay: callTime, Times: -1}))
	w.wecom.Fail(wecomtest.Fault{API: "message/send", Delay: sendTime})
	w.start("")
	ids, m := w.verify(n, rate, w.flood)
	w.none(untold, time.Now(), time.Minute)
	told, last, twice, effects := w.told(), time.Duration(0), len(w.platform.TwiceConsumed()), w.platform.Ledger()
	var delays series // of those who were told, from the platform's outcome
	for _, e := range effects {
		if at, ok := told[e.Code]; ok {
			delays, last = append(delays, at.Sub(e.Time).Seconds()), max(last, at.Sub(m.Latest))
		}
	}
	half, slowest := delays.summary().Center, m.Latencies.Max
	return row{name, fmt.Sprintf("the binary, %s for %s", what, w.flood), fmt.Sprintf("platform calls of %s, sends of %s", callTime, sendTime),
		"every consumed voucher told, half of them ≤ 2 s after the outcome, the last ≤ 10 s after the load; no callback > 5 s",
		fmt.Sprintf("%d of %d accepted, %d consumed (%d twice), %d told; half of those %.1f s after the outcome, the last %.1f s after the load; callbacks answered within %.1f s",
			len(ids), m.Requests, len(effects), twice, len(delays), half, last.Seconds(), slowest.Seconds()),
		verdict[len(delays) == len(effects) && twice == 0 && half <= 2 && last <= 10*time.Second && slowest <= 5*time.Second], shared}
}

// told is when each code was first on a person's screen as consumed.
func (w *world) told() map[string]time.Time {
	told := map[string]time.Time{}
	for n := range w.people {
		for _, shown := range w.wecom.Screen(wecomtest.InApp("main", member(n))) {
			if shown.Card == nil || shown.Card.Title != "核销成功" {
				continue
			}
			for _, f := range shown.Card.Fields {
				if _, again := told[f.Value]; f.Key == "券码" && !again {
					told[f.Value] = shown.At
				}
			}
		}
	}
	return told
}
