package doctor

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"yanquan/internal/config"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// How each hook does has a line, as serve has found it.
func TestHookLines(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		hook    models.Hook
		backlog models.HookBacklog
		want    string
	}{
		{models.Hook{}, models.HookBacklog{Queued: 1}, "✓ hook pos: nothing has been sent yet, 1 events wait"},
		{models.Hook{Failures: 1}, models.HookBacklog{SentAt: at}, "✓ hook pos: took its last event on 2026-11-23 12:00:00, 0 events wait"},
		{models.Hook{}, models.HookBacklog{SentAt: at, Failed: 3}, "! hook pos: 3 events of the last 30 days were given up — run: yanquan hooks replay --since TIME --hook pos"},
		{models.Hook{Failures: 9, FailingSince: at, Reason: "status", Status: 503}, models.HookBacklog{Queued: 7}, "✗ hook pos: fails since 2026-11-23 12:00:00: status (HTTP 503), 7 events wait — ask who runs"},
		{models.Hook{Failures: 9, FailingSince: at, Reason: "timeout"}, models.HookBacklog{Queued: 7}, "✗ hook pos: fails since 2026-11-23 12:00:00: timeout, 7 events wait — ask who runs that system, and look at name"},
		{models.Hook{GoneAt: at, Status: 410}, models.HookBacklog{Failed: 7}, "✗ hook pos: it answered on 2026-11-23 12:00:00 that it is gone (HTTP 410); nothing is sent — correct its url"},
	} {
		var out bytes.Buffer
		c := &checker{w: &out, fine: true, now: time.Now, cfg: config.Default()}
		tt.hook.Name, tt.hook.Active = "pos", true
		hookCheck{c}.hook(tt.hook, tt.backlog)
		if !strings.HasPrefix(out.String(), tt.want) || c.fine == strings.HasPrefix(tt.want, "✗") {
			t.Errorf("%v %s, want %s", c.fine, &out, tt.want)
		}
	}
}

// Hooks that serve has not seen, and those whose host is inside the network, are told.
func TestHooksOfAConfiguration(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	if err := db.Hooks.Sync(context.Background(), []models.Hook{{Name: "seen"}}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := &checker{w: &out, fine: true, now: time.Now, cfg: config.Default()}
	hookCheck{c}.run(t.Context(), db)
	if out.Len() > 0 {
		t.Errorf("without hooks: %s", &out)
	}
	for _, name := range []string{"old.example.com", "seen"} {
		if err := db.Hooks.Sync(t.Context(), []models.Hook{{Name: name}}); err != nil {
			t.Fatal(err)
		}
		e := models.HookEvent{ID: name, Key: name, Subject: name, Kind: "redeemed", Payload: []byte("{}")}
		if _, err := db.HookEvents.Add(t.Context(), e, []string{name}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	c.cfg.Hooks = []config.Hook{
		{Name: "seen", URL: "http://127.0.0.1/hook", AllowPrivate: []string{"127.0.0.1"}},
		{Name: "inside", URL: "https://localhost/hook/s3cret"},
	}
	hookCheck{c}.run(t.Context(), db)
	text := out.String()
	if n := strings.Count(text, "not configured"); n != 1 {
		t.Errorf("told %d times of hooks that are not configured", n)
	}
	for _, want := range []string{"✓ hook seen: nothing has been sent yet", "✗ hook inside: its host localhost is inside the network (", "add allow_private: [localhost]", "! hook inside: serve has not seen it yet — start serve",
		"! hook old.example.com: 1 events wait for it, and it is not configured — give the hook that takes its place this name"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s:\n%s", want, text)
		}
	}
	if c.fine || strings.Contains(text, "s3cret") {
		t.Errorf("%v\n%s", c.fine, text)
	}
}
