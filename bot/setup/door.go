package setup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"yanquan/bot/wecom"
	"yanquan/douyin"
)

// door listens in place of serve, so that the addresses can be saved in the consoles
// before there is a configuration to serve. It answers what they ask at that moment, and
// takes nothing else: what comes from WeCom meanwhile comes again.
type door struct {
	listen string
	server *http.Server
	served chan struct{}
	secret string // what only this program answers with

	mu      sync.Mutex
	answers map[string]func(*http.Request) ([]byte, error) // by method and path
	heard   map[string]chan error                          // how each try to be answered ended
}

// ownPath answers who asks through public_url whether this program is behind it.
const ownPath = "/yanquan-init"

func listenAt(ctx context.Context, address string) (*door, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	d := &door{listen: address, served: make(chan struct{}), secret: rand.Text(), answers: map[string]func(*http.Request) ([]byte, error){}, heard: map[string]chan error{}}
	d.answers["GET "+ownPath] = func(*http.Request) ([]byte, error) { return []byte(d.secret), nil }
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	go func() {
		defer close(d.served)
		_ = d.server.Serve(ln) // until close
	}()
	return d, nil
}

func (d *door) close() {
	_ = d.server.Close()
	<-d.served
}

// maxBody bounds what is read of a request; the questions of consoles are tiny.
const maxBody = 64 << 10

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	name := r.Method + " " + r.URL.Path
	d.mu.Lock()
	answer, heard := d.answers[name], d.heard[name]
	d.mu.Unlock()
	if answer == nil {
		status := http.StatusNotFound
		if r.Method == http.MethodPost {
			status = http.StatusServiceUnavailable // it comes again
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	text, err := answer(r)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if json.Valid(text) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
		_, _ = w.Write(text)
	}
	if heard != nil && !errors.Is(err, errStranger) {
		select {
		case heard <- err:
		default: // no waiter
		}
	}
}

// expect answers requests of one kind from now on, and tells how each was answered. A nil
// door answers none.
func (d *door) expect(name string, answer func(*http.Request) ([]byte, error)) <-chan error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	heard := make(chan error, 1)
	d.answers[name], d.heard[name] = answer, heard
	return heard
}

// errStranger: this is not what a console asks.
var errStranger = errors.New("not a question of a console")

// callback answers as WeCom wants it when a callback's address is saved (page 90238).
func callback(verify func(url.Values) (string, error)) func(*http.Request) ([]byte, error) {
	return func(r *http.Request) ([]byte, error) {
		q := r.URL.Query()
		if q.Get("msg_signature") == "" || q.Get("echostr") == "" {
			return nil, errStranger
		}
		text, err := verify(q)
		return []byte(text), err
	}
}

// webhook answers as Douyin wants it when a webhook's address is saved.
func webhook(client *douyin.Client) func(*http.Request) ([]byte, error) {
	return func(r *http.Request) ([]byte, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, errStranger
		}
		notice, err := client.ReadNotice(r.Header, body)
		if err != nil || notice.Answer == nil {
			return nil, errStranger
		}
		return notice.Answer, nil
	}
}

// mistake says which of a callback's answers is wrong.
func mistake(err error, token, aesKey string, receiver ...string) *refusal {
	switch {
	case errors.Is(err, wecom.ErrSignature):
		return refuse("no.signature").of(token, aesKey)
	case errors.Is(err, wecom.ErrReceiveID) && len(receiver) > 0:
		return refuse("no.receiver").of(receiver...)
	case errors.Is(err, wecom.ErrStale):
		return refuse("no.stale")
	}
	return refuse("no.cipher").of(aesKey)
}
