package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
	"yanquan/models"
)

// A key that has changed does not keep anybody waiting: what the old one sealed is
// sealed anew when the program is ready.
func TestResealInBackground(t *testing.T) {
	t.Parallel()
	const sealed = 300
	cfg := config.Default()
	cfg.SecretKey = base64.StdEncoding.EncodeToString(make([]byte, 32))
	cfg.Database.DSN = filepath.Join(t.TempDir(), "test.db")
	with := func(key string, old ...string) (*models.DB, error) {
		one := *cfg
		one.SecretKey, one.OldKeys = key, old
		db, err := CreateDB(t.Context(), &one, slog.New(slog.DiscardHandler), time.Now)
		if err == nil {
			t.Cleanup(func() { db.Close() })
		}
		return db, err
	}
	prepared := func(key string, old ...string) *models.DB {
		t.Helper()
		db, err := with(key, old...)
		if err == nil {
			err = prepare(t.Context(), db, cfg, Options{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := prepared(cfg.SecretKey)
	for i := range sealed {
		in := models.Inbox{ID: fmt.Sprint("in", i), Channel: "app/main", MessageID: fmt.Sprint(i), Payload: []byte("{}"), DueAt: time.Now().Add(time.Hour)}
		if _, _, err := db.Inbox.Accept(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}

	cfg.OldKeys, cfg.SecretKey = []string{cfg.SecretKey}, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	prepared(cfg.SecretKey, cfg.OldKeys...)
	if _, err := with(cfg.OldKeys[0]); !errors.Is(err, models.ErrWrongKey) {
		t.Errorf("who knows the old key only, and could not read what is written now: %v", err)
	}
	after, err := with(cfg.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.Inbox.Get(t.Context(), "in0"); !errors.Is(err, models.ErrWrongKey) {
		t.Fatalf("sealed anew before it is ready: %v", err)
	}

	ln, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	lines, log := io.Pipe()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, cfg, Options{Listener: ln, Log: slog.New(slog.NewTextHandler(log, nil))})
		log.Close()
	}()
	text, err := io.ReadAll(stopAfter(lines, "sealed anew", stop))
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := after.Inbox.Get(t.Context(), "in0"); err != nil {
		t.Error(err)
	}
	_, rest, ready := strings.Cut(string(text), "msg=ready")
	if !ready || !strings.Contains(rest, fmt.Sprintf("values=%d all=true", sealed)) {
		t.Errorf("not sealed anew after it was ready:\n%s", text)
	}
}

// stopAfter reads on, and stops the program when a line has been read.
func stopAfter(r io.Reader, line string, stop func()) io.Reader {
	var seen bytes.Buffer
	return readFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if seen.Write(p[:n]); strings.Contains(seen.String(), line) {
			stop()
		}
		return n, err
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
