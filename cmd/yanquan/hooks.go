package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"yanquan/bot/hooks"
	"yanquan/internal/app"
)

// hooksCommand sends events again.
func hooksCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	since := flags.String("since", "", "`TIME` from which on: 2026-11-30, \"2026-11-30 14:00\" in the configured zone, 2026-11-30T14:00:00+08:00, or 48h for so long ago")
	name := flags.String("hook", "", "only the hook of this `NAME`")
	return func(ctx context.Context, args []string, out output) error {
		if len(args) != 1 || args[0] != "replay" {
			return usageError("say what to do: replay")
		}
		if *since == "" {
			return usageError("from when on? --since is needed")
		}
		db, cfg, err := open(ctx, *path, out)
		if err != nil {
			return err
		}
		defer db.Close()
		from, err := sinceTime(*since, db.Now(), cfg.Location())
		if err != nil {
			return err
		}
		chosen, err := hooksNamed(app.Hooks(cfg), *name)
		if err != nil {
			return err
		}
		if err := db.CheckSchema(ctx); err != nil {
			return err
		}
		if oldest := db.Now().Add(-hooks.Life); from.Before(oldest) {
			fmt.Fprintf(out.Err, "events are kept for %d days: what was before %s is not there any more\n", hooks.Life/(24*time.Hour), oldest.In(cfg.Location()).Format(time.DateTime))
		}
		if err := hooks.Register(ctx, db, app.Hooks(cfg), slog.New(slog.NewTextHandler(out.Err, nil))); err != nil { // one that serve has not seen yet
			return err
		}
		for _, h := range chosen {
			n, err := hooks.Replay(ctx, db, h, from)
			if err != nil {
				return err
			}
			fmt.Fprintf(out.Out, "hook %s: %d events since %s are sent again by serve\n", h.Name, n, from.In(cfg.Location()).Format(time.DateTime))
		}
		return nil
	}
}

// hooksNamed are those of a name, or all.
func hooksNamed(all []hooks.Hook, name string) ([]hooks.Hook, error) {
	if len(all) == 0 {
		return nil, errors.New("no hook is configured: add one under hooks")
	}
	if name == "" {
		return all, nil
	}
	var names []string
	for _, h := range all {
		if h.Name == name {
			return []hooks.Hook{h}, nil
		}
		names = append(names, h.Name)
	}
	return nil, usageError(fmt.Sprintf("there is no hook %q; the configuration has %s", name, strings.Join(names, ", ")))
}

// sinceTime reads a time as people write it.
func sinceTime(text string, now time.Time, loc *time.Location) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	for _, form := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		at, err := time.ParseInLocation(form, text, loc)
		switch {
		case err != nil:
		case at.After(now):
			return time.Time{}, usageError(fmt.Sprintf("%q is in the future", text))
		default:
			return at, nil
		}
	}
	return time.Time{}, usageError(fmt.Sprintf("%q is no time: write 2026-11-30, \"2026-11-30 14:00\", 2026-11-30T14:00:00+08:00 or 48h", text))
}
