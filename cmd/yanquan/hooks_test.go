package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/models"
)

func TestHooksReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(hooks string) string {
		path := filepath.Join(dir, "config.yaml")
		text := fmt.Sprintf("secret_key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\ndatabase: {dsn: '%s'}\nhooks: [%s]\n", filepath.Join(dir, "yanquan.db"), hooks)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const secret = "secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	path := write("{url: https://pos.example.com/x, " + secret + "}, {name: crm, url: https://crm.example.com/x, events: [undone], " + secret + "}")
	do := func(args ...string) (int, string) {
		var out bytes.Buffer
		status := run(context.Background(), append(append([]string{"hooks"}, args...), "--config", path), &out, &out)
		return status, out.String()
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	db, err := app.CreateDB(t.Context(), cfg, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, tt := range []struct {
		want   string
		status int
		args   []string
	}{
		{"say what to do: replay", exitUsage, nil},
		{"--since is needed", exitUsage, []string{"replay"}},
		{`"soon" is no time`, exitUsage, []string{"replay", "--since", "soon"}},
		{`"2999-01-01" is in the future`, exitUsage, []string{"replay", "--since", "2999-01-01"}},
		{`there is no hook "x"; the configuration has pos.example.com, crm`, exitUsage, []string{"replay", "--since", "1h", "--hook", "x"}},
		{`run "yanquan migrate up"`, exitFailed, []string{"replay", "--since", "1h"}},
	} {
		if status, out := do(tt.args...); status != tt.status || !strings.Contains(out, tt.want) {
			t.Errorf("%v: %d %s, want %d %s", tt.args, status, out, tt.status, tt.want)
		}
	}

	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"redeemed", "redeemed", "undone"} {
		e := models.HookEvent{ID: fmt.Sprint("msg_", i), Key: fmt.Sprint(i), Subject: "voucher", Kind: kind, Payload: []byte("{}"), CreatedAt: time.Now().Add(time.Duration(i-2) * time.Hour)}
		if _, err := db.HookEvents.Add(t.Context(), e, nil, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	status, out := do("replay", "--since", "90m")
	for _, want := range []string{"hook pos.example.com: 2 events since ", "hook crm: 1 events since "} {
		if status != exitFine || !strings.Contains(out, want) {
			t.Errorf("%d %s, want %s", status, out, want)
		}
	}
	if status, out = do("replay", "--since", time.Now().AddDate(0, 0, -40).Format(time.DateOnly), "--hook", "crm"); status != exitFine ||
		!strings.Contains(out, "events are kept for 30 days") || !strings.Contains(out, "hook crm: 1 events") || strings.Contains(out, "pos") {
		t.Errorf("%d %s", status, out)
	}
	all, err := db.Hooks.Backlogs(t.Context())
	if err != nil || all["pos.example.com"].Queued != 2 || all["crm"].Queued != 1 {
		t.Errorf("%v %v", all, err)
	}
	path = write("")
	if status, out := do("replay", "--since", "1h"); status != exitFailed || !strings.Contains(out, "no hook is configured") {
		t.Errorf("%d %s", status, out)
	}
}

func TestSinceTime(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CST", 8*3600)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"48h": now.Add(-48 * time.Hour), "2026-11-30": time.Date(2026, 11, 30, 0, 0, 0, 0, zone), "2026-11-30 11:30": time.Date(2026, 11, 30, 11, 30, 0, 0, zone),
		"2026-11-30 11:30:15": time.Date(2026, 11, 30, 11, 30, 15, 0, zone), "2026-11-30T03:30:00Z": time.Date(2026, 11, 30, 11, 30, 0, 0, zone),
	} {
		if got, err := sinceTime(text, now, zone); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1h", "0s", "30.11.2026", "2026-11-30 12:01", "2026-13-01"} {
		if got, err := sinceTime(text, now, zone); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}
