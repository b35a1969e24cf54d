package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/silenceper/wechat/v2/util"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/intake"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/internal/logs"
	"yanquan/models"
)

// stub takes every message and keeps none.
type stub struct{ server.Engine }

func (stub) Accept(_ context.Context, m bot.Message) (string, error) { return m.ID, nil }
func (stub) Ease(context.Context, bot.Message)                       {}

// inbox makes messages durable and leaves them there.
type inbox struct {
	stub
	intake *intake.Intake
}

func (i inbox) Accept(ctx context.Context, m bot.Message) (string, error) {
	return m.ID, i.intake.Keep(ctx, m)
}

func newInbox(db *models.DB) inbox {
	return inbox{intake: intake.New(intake.Options{DB: db, NewID: chat.NewID, Now: time.Now})}
}

// serve is the callback as it is shipped, logging included, on an engine.
func (l *lab) serve(engine server.Engine) (address string, stop func()) {
	a := l.calls.app
	app := must(wecom.NewApp(wecom.AppConfig{Name: "main", CorpID: a.CorpID, AgentID: agentID, Token: a.Token, EncodingAESKey: a.EncodingAESKey}))
	log := must(logs.New(io.Discard, "info", "text", []string{a.Token, a.EncodingAESKey}))
	s := must(server.New(server.Options{Engine: engine, Apps: map[string]server.AppCallback{"main": app}, Log: log}))
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	serving, cancel := context.WithCancel(ctx)
	go s.Serve(serving, ln, nil)
	return ln.Addr().String(), cancel
}

// crypto is R1.
func (l *lab) crypto() []row {
	a := l.calls.app
	ours := must(wecom.NewCrypto(a.Token, a.EncodingAESKey, a.CorpID))
	const stamp, nonce = "1409659813", "1372623149"
	encrypted, signature, err := ours.Seal(l.calls.plain("4561255354251345929", "zhangsan", "验 7992697494"), stamp, nonce)
	check(err)
	open := func() { must(ours.Open(signature, stamp, nonce, encrypted)) }
	theirs := func() {
		if util.Signature(a.Token, stamp, nonce, encrypted) != signature {
			check(errors.New("silenceper signs otherwise"))
		}
		_, _, err := util.DecryptMsg(a.CorpID, encrypted, a.EncodingAESKey)
		check(err)
	}
	spent, wasted := testing.AllocsPerRun(1000, open), testing.AllocsPerRun(1000, theirs)
	return []row{
		ratio(l.repeats, "R1", side{"verify and decrypt", each(open)}, side{"silenceper's Signature and DecryptMsg", each(theirs)}, 1, "AES and SHA-1 of the standard library, for both"),
		{"R1 allocations", fmt.Sprint(spent), fmt.Sprint(wasted), "≤ 0.70", fmt.Sprintf("%.2f", spent/wasted), verdict[spent/wasted <= 0.7], "what is returned"},
	}
}

// callbackRate is R2: the callback with nothing behind it.
func (l *lab) callbackRate() []row {
	ours, stop := l.serve(stub{})
	defer stop()
	bare := reference(l.calls.app, nil)
	defer bare.Close()
	return []row{ratio(l.repeats, "R2", side{"callback, store stubbed", l.posting(ours)}, side{"bare Gin, encoding/xml, silenceper", l.posting(bare.Listener.Addr().String())}, 0.90,
		"HTTP is most of both; ours logs, counts and reads XML strictly besides")}
}

// inboxRates are R3 to R5: the callback with a durable inbox.
func (l *lab) inboxRates() []row {
	db := store(models.MySQL, l.database("r3_ours"))
	defer db.Close()
	file := filepath.Join(l.dir, "r5.db")
	lite := store(models.SQLite, file)
	defer lite.Close()
	bareLite := must(sql.Open("sqlite", file+"?_pragma=busy_timeout(500)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")) // as the store has it
	defer bareLite.Close()
	bareLite.SetMaxOpenConns(1)
	bareDSN := l.database("r3_bare")
	check(store(models.MySQL, bareDSN).Close()) // the same table with the same indexes
	pool := must(sql.Open("mysql", bareDSN))
	defer pool.Close()
	pool.SetMaxOpenConns(atOnce)
	pool.SetMaxIdleConns(atOnce)

	onMySQL, stop := l.serve(newInbox(db))
	defer stop()
	onSQLite, stop := l.serve(newInbox(lite))
	defer stop()
	bare := reference(l.calls.app, func(id string, plain []byte) { bareInsert(pool, id, plain) })
	defer bare.Close()
	payload := make([]byte, 433) // as long as a sealed message
	insert := func(pool *sql.DB) { bareInsert(pool, rand.Text(), payload) }
	ours := side{"callback, durable inbox", l.posting(onMySQL)}
	const limit = "the disk's sync, which messages of the same moment share"
	rows := []row{
		ratio(l.repeats, "R3", ours, side{"R2's reference and one bare INSERT", l.posting(bare.Listener.Addr().String())}, 0.90, limit),
		ratio(l.repeats, "R4", ours, side{fmt.Sprintf("bare INSERTs on %d connections, no HTTP", atOnce), parallel(func(int) func(int) { return func(int) { insert(pool) } })}, 1, limit),
		ratio(l.repeats, "R5", side{"R3 on SQLite", l.posting(onSQLite)}, side{"a loop of bare INSERTs into the same file", each(func() { insert(bareLite) })}, 2, limit),
	}
	_, m := load(l.calls.texts(onSQLite, 2000*int(l.flood.Seconds())), 0, l.flood)
	p50, p99 := m.Latencies.P50, m.Latencies.P99
	return append(rows, row{"R5 latency", fmt.Sprintf("R3 on SQLite, %d at once", atOnce), "", "p99 ≤ 20 ms or 3 × p50",
		fmt.Sprintf("p50 %s, p99 %s", milli(p50), milli(p99)), verdict[p99 <= max(20*time.Millisecond, 3*p50)], limit})
}

// reference is the least that answers a callback with what is at hand: Gin, encoding/xml
// and silenceper's decryption. store may be nil.
func reference(app wecomtest.App, store func(id string, plain []byte)) *httptest.Server {
	r := gin.New()
	r.POST("/wecom/app/:name", func(c *gin.Context) {
		var envelope struct{ Encrypt string }
		check(c.BindXML(&envelope))
		if util.Signature(app.Token, c.Query("timestamp"), c.Query("nonce"), envelope.Encrypt) != c.Query("msg_signature") {
			check(errors.New("signature"))
		}
		_, plain, err := util.DecryptMsg(app.CorpID, envelope.Encrypt, app.EncodingAESKey)
		check(err)
		var m struct{ FromUserName, MsgType, Content, MsgId string } // what a bot reads of a text
		check(xml.Unmarshal(plain, &m))
		if store != nil {
			store(m.MsgId, plain)
		}
		c.Status(http.StatusOK)
	})
	return httptest.NewServer(r)
}

// bareInsert writes one row of the inbox, in one round trip and nothing else.
func bareInsert(pool *sql.DB, messageID string, payload []byte) {
	must(pool.Exec("INSERT INTO inbox (id, channel, message_id, chat, user_id, payload, final, attempt, due_at, received_at)"+
		" VALUES (?, 'app/main', ?, '', 'zhangsan', ?, 0, 1, '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000')", rand.Text(), messageID, payload))
}

// line is a connection without a client's pool and contexts: where rates are compared, the
// generator shares the processors with what is measured and must not take much of them.
type line struct {
	net.Conn
	in *bufio.Reader
}

func (l line) post(request []byte) {
	must(l.Write(request))
	answer := must(http.ReadResponse(l.in, nil))
	must(io.Copy(io.Discard, answer.Body))
	if answer.StatusCode != http.StatusOK {
		check(fmt.Errorf("not accepted: %s", answer.Status))
	}
}

// posting is the rate at which a server takes fresh messages.
func (l *lab) posting(address string) func() float64 {
	lines := make(chan line, atOnce)
	for range atOnce {
		conn := must(net.Dial("tcp", address))
		lines <- line{conn, bufio.NewReader(conn)}
	}
	return parallel(func(n int) func(int) {
		requests := make([]bytes.Buffer, n)
		for i, t := range l.calls.texts(address, n) {
			check(must(t.Request()).Write(&requests[i]))
		}
		return func(i int) {
			c := <-lines
			c.post(requests[i].Bytes())
			lines <- c
		}
	})
}

// parallel is the rate at which many at once do things; what those need is made before.
func parallel(prepare func(n int) (do func(i int))) func() float64 {
	return benchmark(func(b *testing.B) {
		do := prepare(b.N)
		var next atomic.Int64
		b.SetParallelism(max(1, atOnce/runtime.GOMAXPROCS(0)))
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				do(int(next.Add(1)) - 1)
			}
		})
	})
}

// each is the rate of one thing after another.
func each(do func()) func() float64 {
	return benchmark(func(b *testing.B) {
		for b.Loop() {
			do()
		}
	})
}

func benchmark(f func(b *testing.B)) func() float64 {
	return func() float64 {
		r := testing.Benchmark(f)
		return float64(r.N) / r.T.Seconds()
	}
}
