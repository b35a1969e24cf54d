package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"yanquan/bot/demo"
	"yanquan/bot/desk"
	"yanquan/bot/doctor"
	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/logs"
	"yanquan/models"
)

type action = func(ctx context.Context, args []string, out output) error

func configFlag(flags *flag.FlagSet) *string {
	return flags.String("config", "config.yaml", "`FILE` to read")
}

func noArguments(args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Sprintf("unexpected argument %q", args[0]))
	}
	return nil
}

func demoCommand(flags *flag.FlagSet) action {
	listen := flags.String("listen", "127.0.0.1:8080", "`HOST:PORT` of the chat page")
	return func(ctx context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		return demo.Run(ctx, demo.Options{Listen: *listen, Out: out.Out})
	}
}

func serveCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	noMigrate := flags.Bool("no-migrate", false, "refuse an old database schema instead of upgrading it")
	return func(ctx context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		cfg, log, err := load(*path, out)
		if err != nil {
			return err
		}
		log.Debug("configuration", "file", *path, "content", cfg)
		// Whoever reads the log may go away, and takes nothing with it.
		signal.Ignore(syscall.SIGPIPE)
		version, commit := build()
		err = app.Run(ctx, cfg, app.Options{
			NoMigrate: *noMigrate, Log: log, Version: version, Commit: commit,
			Ready: func(url string) { fmt.Fprintf(out.Out, "yanquan is ready on %s\n", url) },
		})
		if err == nil {
			log.Info("stopped")
		}
		return err
	}
}

func migrateCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	return func(ctx context.Context, args []string, out output) error {
		if len(args) != 1 || (args[0] != "up" && args[0] != "status") {
			return usageError("say what to do: up or status")
		}
		db, _, err := open(ctx, *path, out)
		if err != nil {
			return err
		}
		defer db.Close()
		if args[0] == "up" {
			applied, err := db.Migrate(ctx)
			if err != nil {
				return err
			}
			for _, name := range applied {
				fmt.Fprintf(out.Out, "applied %s\n", name)
			}
			fmt.Fprintln(out.Out, "the schema is up to date")
			return nil
		}
		list, err := db.MigrationStatus(ctx)
		if err != nil {
			return err
		}
		for _, m := range list {
			fmt.Fprintf(out.Out, "%s  %s\n", m.Name, migrationState(m))
		}
		return nil
	}
}

func migrationState(m models.Migration) string {
	switch {
	case m.Unknown:
		return "unknown to this program: made by a newer one"
	case m.Interrupted:
		return "interrupted: \"yanquan migrate up\" goes on where it stopped"
	case m.AppliedAt.IsZero():
		return "pending"
	}
	return "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
}

func doctorCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	return func(ctx context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		if !doctor.Run(ctx, out.Out, *path, os.LookupEnv, doctor.Options{}) {
			return errReported
		}
		return nil
	}
}

func explainCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	return func(ctx context.Context, args []string, out output) error {
		if len(args) == 0 {
			return usageError("which code?")
		}
		// 7992 697 494 is how codes are printed.
		code := strings.NewReplacer(" ", "", "-", "").Replace(strings.Join(args, ""))
		if code == "" || strings.Trim(code, "0123456789") != "" {
			return usageError(fmt.Sprintf("%q is not a voucher code", strings.Join(args, " ")))
		}
		db, cfg, err := open(ctx, *path, out)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.CheckSchema(ctx); err != nil {
			return err
		}
		return desk.Explain(ctx, out.Out, db, cfg.Location(), code)
	}
}

func auditCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	days := flags.Int("days", 30, "how many `DAYS` back")
	return func(ctx context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		if *days < 1 {
			return usageError("--days must be 1 or more")
		}
		db, cfg, err := open(ctx, *path, out)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.CheckSchema(ctx); err != nil {
			return err
		}
		return desk.WriteAudit(ctx, out.Out, db, cfg.Location(), time.Now().AddDate(0, 0, -*days))
	}
}

func load(path string, out output) (*config.Config, *slog.Logger, error) {
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return nil, nil, err
	}
	log, err := logs.New(out.Err, cfg.Log.Level, cfg.Log.Format, cfg.Secrets())
	return cfg, log, err
}

func open(ctx context.Context, path string, out output) (*models.DB, *config.Config, error) {
	cfg, log, err := load(path, out)
	if err != nil {
		return nil, nil, err
	}
	db, err := app.OpenDB(ctx, cfg, log, time.Now)
	return db, cfg, err
}
