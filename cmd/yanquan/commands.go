package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	texts "yanquan/bot/command"
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
		for _, file := range cfg.Exposed() {
			log.Warn("others on this machine can read the secrets in a file: chmod 600", "file", file)
		}
		if app.Astray(cfg, *path) {
			file, _ := models.SQLitePath(cfg.Database.DSN) // the configuration was checked
			log.Warn("database.dsn is relative: started in another folder, serve begins anew, and commands find nothing; write the whole path", "file", file)
		}
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
		return located(err, cfg, *path)
	}
}

func migrateCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	return func(ctx context.Context, args []string, out output) error {
		if len(args) != 1 || (args[0] != "up" && args[0] != "status") {
			return usageError("say what to do: up or status")
		}
		if args[0] == "up" {
			return migrateUp(ctx, *path, out)
		}
		db, _, err := open(ctx, *path, out)
		if err != nil {
			return err
		}
		defer db.Close()
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

// migrateUp makes the database where there is none, as serve does.
func migrateUp(ctx context.Context, path string, out output) error {
	cfg, log, err := load(path, out)
	if err != nil {
		return err
	}
	file := absent(cfg)
	db, err := app.CreateDB(ctx, cfg, log, time.Now)
	if err != nil {
		return err
	}
	defer db.Close()
	if file != "" {
		fmt.Fprintf(out.Out, "created %s\n", file)
	}
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

// absent is the SQLite file of a configuration where it does not exist, else empty.
func absent(cfg *config.Config) string {
	if cfg.Database.Driver != models.SQLite {
		return ""
	}
	path, err := models.SQLitePath(cfg.Database.DSN)
	if err != nil {
		return ""
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return path
	}
	return ""
}

// located adds to an error about a database that is not there where it was looked for.
func located(err error, cfg *config.Config, path string) error {
	switch {
	case !errors.Is(err, models.ErrNoDatabase):
		return err
	case app.Astray(cfg, path):
		return fmt.Errorf("%w; database.dsn is relative, and starts at the working directory: write the whole path of the file that serve works with", err)
	}
	return fmt.Errorf("%w; is database.dsn right? serve and \"yanquan migrate up\" create it", err)
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
			return usageError("which code, or link?")
		}
		text := strings.Join(args, " ") // 7992 697 494 is how codes are printed
		code, ok := texts.OneCode(text)
		if !ok {
			if code = text; code == "" || strings.Trim(code, "0123456789") != "" { // a platform's own, of any length
				return usageError(fmt.Sprintf("%q is not a voucher code, nor a link of one", text))
			}
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
	return db, cfg, located(err, cfg, path)
}
