package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/intake"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/internal/logs"
	"yanquan/models"
)

// stub takes every message and keeps none.
type stub struct{ server.Engine }

func (stub) Accept(_ context.Context, m bot.Message) (string, error) { return m.ID, nil }

// inbox makes messages durable and leaves them there.
type inbox struct {
	server.Engine
	intake *intake.Intake
}

func (i inbox) Accept(ctx context.Context, m bot.Message) (string, error) {
	return m.ID, i.intake.Keep(ctx, m)
}

func newInbox(db *models.DB) inbox {
	return inbox{intake: intake.New(intake.Options{DB: db, NewID: chat.NewID, Now: time.Now})}
}

// ourServer is the callback as it is shipped, logging included, on an engine.
func (l *lab) ourServer(engine server.Engine) (address string, stop func()) {
	a := l.calls.app
	app := must(wecom.NewApp(wecom.AppConfig{Name: "main", CorpID: a.CorpID, AgentID: agentID, Token: a.Token, EncodingAESKey: a.EncodingAESKey}))
	log := must(logs.New(io.Discard, "info", "text", []string{a.Token, a.EncodingAESKey}))
	s := must(server.New(server.Options{Engine: engine, Apps: map[string]server.AppCallback{"main": app}, Log: log}))
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln, nil) }()
	return ln.Addr().String(), func() { cancel(); <-ended }
}

// crypto is R1.
func (l *lab) crypto() []row {
	a := l.calls.app
	ours := must(wecom.NewCrypto(a.Token, a.EncodingAESKey, a.CorpID))
	const stamp, nonce = "1409659813", "1372623149"
	plain := "<xml><ToUserName><![CDATA[" + a.CorpID + "]]></ToUserName><FromUserName><![CDATA[zhangsan]]></FromUserName><CreateTime>1409659813</CreateTime>" +
		"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[验 7992697494]]></Content><MsgId>4561255354251345929</MsgId><AgentID>1000002</AgentID></xml>"
	encrypted, signature, err := ours.Seal([]byte(plain), stamp, nonce)
	check(err)
	open := func() { must(ours.Open(signature, stamp, nonce, encrypted)) }
	theirs := func() {
		if util.Signature(a.Token, stamp, nonce, encrypted) != signature {
			check(errors.New("silenceper signs otherwise"))
		}
		_, _, err := util.DecryptMsg(a.CorpID, encrypted, a.EncodingAESKey)
		check(err)
	}
	each := func(do func()) func() float64 {
		return func() float64 {
			n, began := 0, time.Now()
			for ; time.Since(began) < l.sample; n += 100 {
				for range 100 {
					do()
				}
			}
			return float64(time.Since(began).Nanoseconds()) / float64(n)
		}
	}
	times := interleave(l.repeats, each(open), each(theirs))
	spent, wasted := testing.AllocsPerRun(1000, open), testing.AllocsPerRun(1000, theirs)
	return []row{
		compared(row{ratio: "R1 time", ours: fmt.Sprintf("verify and decrypt: %.1f µs", times[0].median()/1e3),
			reference: fmt.Sprintf("silenceper Signature and DecryptMsg: %.1f µs", times[1].median()/1e3), aim: "≤ 1.0"}, times[0].over(times[1]), atMost(1)),
		{"R1 allocations", fmt.Sprint(spent), fmt.Sprint(wasted), fmt.Sprintf("%.2f", spent/wasted), "≤ 0.7", verdict(spent/wasted <= 0.7)},
	}
}

// lasting makes a side of a comparison of what does n things and gives the rate: it
// does as many as take about so long.
func lasting(sample time.Duration, do func(n int) float64) func() float64 {
	n := 2000
	return func() float64 {
		rate := do(n)
		n = max(200, int(rate*sample.Seconds()))
		return rate
	}
}

// posting posts fresh messages to a server.
func (l *lab) posting(address string, sample time.Duration) func() float64 {
	return lasting(sample, func(n int) float64 {
		requests := l.calls.texts(n)
		return closedLoop(address, n, func(line *line, i int) { accepted(line.post(requests[i])) })
	})
}

// callbackRates are R2 and R5: the callback with nothing behind it.
func (l *lab) callbackRates() []row {
	ours, stop := l.ourServer(stub{})
	defer stop()
	bare := referenceServer(l.calls.app, nil)
	defer bare.Close()
	sides := []func() float64{l.posting(ours, l.sample), l.posting(bare.Listener.Addr().String(), l.sample)}
	node, stop, missing := nodeServer(filepath.Join(l.dir, "node"), l.calls.app)
	if missing == nil {
		defer stop()
		sides = append(sides, l.posting(node, l.sample))
	}
	rates := interleave(l.repeats, sides...)
	r5 := row{ratio: "R5", ours: perSecond("as R2", rates[0]), reference: "Node http + @wecom/crypto, one process", aim: "≥ 1.0"}
	if missing == nil {
		r5.reference = perSecond(r5.reference, rates[2])
		r5 = compared(r5, rates[0].over(rates[2]), atLeast(1))
	} else {
		r5.measured, r5.met = fmt.Sprintf("not measured: %v", missing), unmeasured
	}
	return []row{
		compared(row{ratio: "R2", ours: perSecond("callback, store stubbed", rates[0]),
			reference: perSecond("bare Gin, encoding/xml, silenceper", rates[1]), aim: "≥ 0.85"}, rates[0].over(rates[1]), atLeast(0.85)),
		r5,
	}
}

// diskPieces is in how many pieces a rate is measured that depends on the disk.
const diskPieces = 10

// inboxRates are R3, R4 and R10: the callback with a durable inbox.
func (l *lab) inboxRates() []row {
	db := l.store(models.MySQL, l.database("r3_ours"))
	defer db.Close()
	lite := l.store(models.SQLite, filepath.Join(l.dir, "r10.db"))
	defer lite.Close()
	bareDSN := l.database("r3_bare")
	check(l.store(models.MySQL, bareDSN).Close()) // the same table with the same indexes
	pool := must(sql.Open("mysql", bareDSN))
	defer pool.Close()
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)

	ours, stop := l.ourServer(newInbox(db))
	defer stop()
	onSQLite, stop := l.ourServer(newInbox(lite))
	defer stop()
	bare := referenceServer(l.calls.app, func(m referenceMessage, plain []byte) error { return bareInsert(pool, m.MsgID, plain) })
	defer bare.Close()
	piece := l.sample / diskPieces
	payload := make([]byte, 433) // as long as a sealed message
	inserting := lasting(piece, func(n int) float64 {
		return inParallel(n, func(int, int) {
			check(bareInsert(pool, strconv.FormatInt(l.calls.last.Add(1), 10), payload))
		})
	})
	rates := finely(l.repeats, diskPieces, l.posting(ours, piece), l.posting(bare.Listener.Addr().String(), piece), inserting, l.posting(onSQLite, piece))
	what := perSecond("callback, durable inbox", rates[0])
	return []row{
		compared(row{ratio: "R3", ours: what, reference: perSecond("R2's reference and one bare INSERT", rates[1]), aim: "≥ 0.80"},
			rates[0].over(rates[1]), atLeast(0.80)),
		compared(row{ratio: "R4", ours: what, reference: perSecond(fmt.Sprintf("bare INSERTs on %d connections", connections), rates[2]), aim: "≥ 0.50"},
			rates[0].over(rates[2]), atLeast(0.50)),
		compared(row{ratio: "R10", ours: perSecond("R3 on SQLite", rates[3]), reference: perSecond("R3 on MariaDB", rates[0]), aim: "none"},
			rates[3].over(rates[0]), nil),
	}
}
