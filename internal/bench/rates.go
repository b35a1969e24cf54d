package main

import (
	"context"
	"database/sql"
	"encoding/json"
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
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/internal/logs"
	"yanquan/models"
)

// stub takes every message and keeps none.
type stub struct{ server.Engine }

func (stub) Accept(_ context.Context, m bot.Message) (string, error) { return m.ID, nil }

// inbox makes messages durable as [chat.Bot.Accept] does, and leaves them there.
type inbox struct {
	server.Engine
	db *models.DB
}

func (i inbox) Accept(ctx context.Context, m bot.Message) (string, error) {
	payload, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	row, _, err := i.db.Inbox.Accept(ctx, models.Inbox{
		ID: chat.NewID(), Channel: m.Channel, MessageID: m.ID, Chat: m.Chat, User: m.User,
		Payload: payload, DueAt: time.Now().Add(time.Hour), ReceivedAt: time.Now(),
	})
	return row.ID, err
}

// ourServer is the callback as it is shipped, logging included, on an engine.
func (l *lab) ourServer(engine server.Engine) (address string, stop func(), err error) {
	a := l.calls.app
	app, err := wecom.NewApp(wecom.AppConfig{Name: "main", CorpID: a.CorpID, AgentID: agentID, Token: a.Token, EncodingAESKey: a.EncodingAESKey})
	if err != nil {
		return "", nil, err
	}
	log, err := logs.New(io.Discard, "info", "text", []string{a.Token, a.EncodingAESKey})
	if err != nil {
		return "", nil, err
	}
	s, err := server.New(server.Options{Engine: engine, Apps: map[string]server.AppCallback{"main": app}, Log: log})
	if err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln, nil) }()
	return ln.Addr().String(), func() { cancel(); <-ended }, nil
}

// store opens a fresh, migrated database.
func (l *lab) store(driver, dsn string) (*models.DB, error) {
	db, err := models.Open(l.ctx, models.Config{Driver: driver, DSN: dsn, Key: secretKey})
	if err != nil {
		return nil, err
	}
	if _, err := db.Migrate(l.ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// crypto is R1.
func (l *lab) crypto() ([]row, error) {
	a := l.calls.app
	ours, err := wecom.NewCrypto(a.Token, a.EncodingAESKey, a.CorpID)
	if err != nil {
		return nil, err
	}
	const stamp, nonce = "1409659813", "1372623149"
	plain := "<xml><ToUserName><![CDATA[" + a.CorpID + "]]></ToUserName><FromUserName><![CDATA[zhangsan]]></FromUserName><CreateTime>1409659813</CreateTime>" +
		"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[验 7992697494]]></Content><MsgId>4561255354251345929</MsgId><AgentID>1000002</AgentID></xml>"
	encrypted, signature, err := ours.Seal([]byte(plain), stamp, nonce)
	if err != nil {
		return nil, err
	}
	open := func() {
		if _, e := ours.Open(signature, stamp, nonce, encrypted); e != nil {
			err = e
		}
	}
	theirs := func() {
		if util.Signature(a.Token, stamp, nonce, encrypted) != signature {
			err = fmt.Errorf("silenceper signs otherwise")
		}
		if _, _, e := util.DecryptMsg(a.CorpID, encrypted, a.EncodingAESKey); e != nil {
			err = e
		}
	}
	each := func(do func()) func() (float64, error) {
		return func() (float64, error) {
			n, began := 0, time.Now()
			for ; time.Since(began) < l.sample; n += 100 {
				for range 100 {
					do()
				}
			}
			return float64(time.Since(began).Nanoseconds()) / float64(n), err
		}
	}
	times, err := interleave(l.repeats, each(open), each(theirs))
	if err != nil {
		return nil, err
	}
	spent, wasted := testing.AllocsPerRun(1000, open), testing.AllocsPerRun(1000, theirs)
	return []row{
		compared(row{ratio: "R1 time", ours: fmt.Sprintf("verify and decrypt: %.1f µs", times[0].median()/1e3),
			reference: fmt.Sprintf("silenceper Signature and DecryptMsg: %.1f µs", times[1].median()/1e3), aim: "≤ 1.0"}, times[0].over(times[1]), atMost(1)),
		{"R1 allocations", fmt.Sprint(spent), fmt.Sprint(wasted), fmt.Sprintf("%.2f", spent/wasted), "≤ 0.7", verdict(spent/wasted <= 0.7)},
	}, nil
}

// posting is a side of a comparison: it posts fresh messages to a server for
// about so long.
func (l *lab) posting(address string, sample time.Duration) func() (float64, error) {
	n := 2000
	return func() (float64, error) {
		requests, err := l.calls.texts(n)
		if err != nil {
			return 0, err
		}
		rate, err := closedLoop(address, requests)
		n = max(200, int(rate*sample.Seconds()))
		return rate, err
	}
}

// callbackRates are R2 and R5: the callback with nothing behind it.
func (l *lab) callbackRates() ([]row, error) {
	ours, stop, err := l.ourServer(stub{})
	if err != nil {
		return nil, err
	}
	defer stop()
	bare, stop, err := referenceServer(l.calls.app, nil)
	if err != nil {
		return nil, err
	}
	defer stop()
	sides := []func() (float64, error){l.posting(ours, l.sample), l.posting(bare, l.sample)}
	node, stop, missing := nodeServer(filepath.Join(l.dir, "node"), l.calls.app)
	if missing == nil {
		defer stop()
		sides = append(sides, l.posting(node, l.sample))
	}
	rates, err := interleave(l.repeats, sides...)
	if err != nil {
		return nil, err
	}
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
	}, nil
}

// diskPieces is in how many pieces a rate is measured that depends on the disk.
const diskPieces = 10

// inboxRates are R3, R4 and R10: the callback with a durable inbox.
func (l *lab) inboxRates() ([]row, error) {
	oursDSN, err := l.mariadb.database(l.ctx, "r3_ours")
	if err != nil {
		return nil, err
	}
	db, err := l.store(models.MySQL, oursDSN)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	lite, err := l.store(models.SQLite, filepath.Join(l.dir, "r10.db"))
	if err != nil {
		return nil, err
	}
	defer lite.Close()
	bareDSN, err := l.mariadb.database(l.ctx, "r3_bare")
	if err != nil {
		return nil, err
	}
	schema, err := l.store(models.MySQL, bareDSN) // the same table with the same indexes
	if err != nil {
		return nil, err
	}
	schema.Close()
	pool, err := sql.Open("mysql", bareDSN)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)

	ours, stop, err := l.ourServer(inbox{db: db})
	if err != nil {
		return nil, err
	}
	defer stop()
	onSQLite, stop, err := l.ourServer(inbox{db: lite})
	if err != nil {
		return nil, err
	}
	defer stop()
	bare, stop, err := referenceServer(l.calls.app, func(m referenceMessage, plain []byte) error { return bareInsert(pool, m.MsgID, plain) })
	if err != nil {
		return nil, err
	}
	defer stop()
	piece := l.sample / diskPieces
	payload := make([]byte, 433) // as long as a sealed message
	n := 2000
	inserting := func() (float64, error) {
		rate, err := inParallel(n, func(int, int) error {
			return bareInsert(pool, strconv.FormatInt(l.calls.last.Add(1), 10), payload)
		})
		n = max(200, int(rate*piece.Seconds()))
		return rate, err
	}
	rates, err := finely(l.repeats, diskPieces, l.posting(ours, piece), l.posting(bare, piece), inserting, l.posting(onSQLite, piece))
	if err != nil {
		return nil, err
	}
	what := perSecond("callback, durable inbox", rates[0])
	return []row{
		compared(row{ratio: "R3", ours: what, reference: perSecond("R2's reference and one bare INSERT", rates[1]), aim: "≥ 0.80"},
			rates[0].over(rates[1]), atLeast(0.80)),
		compared(row{ratio: "R4", ours: what, reference: perSecond(fmt.Sprintf("bare INSERTs on %d connections", connections), rates[2]), aim: "≥ 0.50"},
			rates[0].over(rates[2]), atLeast(0.50)),
		compared(row{ratio: "R10", ours: perSecond("R3 on SQLite", rates[3]), reference: perSecond("R3 on MariaDB", rates[0]), aim: "none"},
			rates[3].over(rates[0]), nil),
	}, nil
}
