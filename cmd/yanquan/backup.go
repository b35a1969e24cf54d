package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// copying is what a backup and a restore begin with: a file, and a database.
type copying struct {
	path string // of the configuration
	cfg  *config.Config
	db   models.Config
	file string
}

// copyCommand is an action on a file and the database of the configuration.
func copyCommand(flags *flag.FlagSet, do func(context.Context, copying, output) error) action {
	path := configFlag(flags)
	return func(ctx context.Context, args []string, out output) error {
		file, err := oneFile(args)
		if err != nil {
			return err
		}
		cfg, log, err := load(*path, out)
		if err != nil {
			return err
		}
		db, err := app.DBConfig(cfg, log, time.Now)
		if err != nil {
			return err
		}
		return do(ctx, copying{*path, cfg, db, file}, out)
	}
}

// backupCommand copies a SQLite database. What it prints for MySQL can be given to a shell,
// and nothing else stands on stdout then.
func backupCommand(flags *flag.FlagSet) action {
	force := flags.Bool("force", false, "write over a file that exists")
	return copyCommand(flags, func(ctx context.Context, from copying, out output) error {
		if from.cfg.Database.Driver == models.MySQL {
			return dump(from.cfg, from.file, *force, out)
		}
		c, err := models.Backup(ctx, from.db, from.file, *force)
		switch {
		case errors.Is(err, models.ErrExists):
			return fmt.Errorf("%w; another name, or --force", err)
		case err != nil:
			return located(err, from.cfg, from.path)
		}
		file, _ := models.SQLitePath(from.cfg.Database.DSN) // it was read
		fmt.Fprintf(out.Out, "%s: a copy of %s: %s\n", c.Path, file, contents(c))
		fmt.Fprintln(out.Out, "it is sound; it is of use only with its secret_key, which is kept elsewhere")
		return nil
	})
}

// restoring says what a restored database does not do again.
var restoring = models.Restoring{Stale: outbox.DeliveryLife, Asks: redeem.HumanAfter}

func restoreCommand(flags *flag.FlagSet) action {
	loaded := flags.Bool("loaded", false, "MySQL: the database was read from FILE by the commands that restore prints; keep it from doing again what was done since")
	force := flags.Bool("force", false, "with --loaded: although a serve seems to work with the database, or answers at server.listen")
	return copyCommand(flags, func(ctx context.Context, to copying, out output) error {
		switch {
		case *force && !*loaded:
			return usageError("--force is for --loaded")
		case *loaded && to.cfg.Database.Driver == models.SQLite:
			return usageError("--loaded is for MySQL; a SQLite file is put into place as a whole")
		case !*loaded && to.cfg.Database.Driver == models.MySQL:
			return undump(to.cfg, to.path, to.file, out)
		case !*force && serving(ctx, to.cfg):
			return fmt.Errorf("%s: serve works with the database: stop it first", to.cfg.Server.Listen)
		case *loaded:
			return afterLoading(ctx, to.path, to.file, *force, out)
		}
		return putBack(ctx, to, out)
	})
}

// putBack restores a SQLite database.
func putBack(ctx context.Context, to copying, out output) error {
	none := absent(to.cfg)
	if none != "" && app.Astray(to.cfg, to.path) {
		return fmt.Errorf("%w; nothing was changed", located(fmt.Errorf("%s: %w", none, models.ErrNoDatabase), to.cfg, to.path))
	}
	r, err := models.Restore(ctx, to.db, to.file, restoring)
	switch {
	case errors.Is(err, models.ErrInUse):
		return fmt.Errorf("%w: stop serve first; nothing was changed", err)
	case errors.Is(err, models.ErrSchemaTooNew):
		return fmt.Errorf("%w; nothing was changed", err)
	case err != nil && r.Aside != "":
		return fmt.Errorf("%w; the former database is %s", err, r.Aside)
	case err != nil:
		return fmt.Errorf("%w; nothing was changed", err)
	}
	file, _ := models.SQLitePath(to.cfg.Database.DSN) // it was written
	fmt.Fprintf(out.Out, "restored %s into %s: %s\n", r.Path, file, contents(r.Copy))
	if none != "" {
		fmt.Fprintf(out.Err, "there was no database at %s: see that it is the one that serve works with\n", none)
	}
	if r.Log != "" {
		fmt.Fprintf(out.Out, "with what the log beside it has, %s\n", r.Log)
	}
	if r.Aside != "" {
		fmt.Fprintf(out.Out, "the former database is %s\n", r.Aside)
	}
	tellLeft(out, r.Left)
	return nil
}

// afterLoading is the last step of restoring a MySQL database.
func afterLoading(ctx context.Context, path, file string, force bool, out output) error {
	db, cfg, err := open(ctx, path, out)
	if err != nil {
		return err
	}
	defer db.Close()
	if !force {
		working, err := workedWith(ctx, db, jobs.Sleep)
		if err != nil {
			return err
		}
		if working {
			return fmt.Errorf("%s: a serve works with this database, at another address or on another machine: stop every serve first; nothing was changed. --force, if it is none", config.RedactDSN(cfg.Database.DSN))
		}
	}
	left, err := db.LeaveBehind(ctx, file, restoring)
	if err != nil {
		return err
	}
	tellLeft(out, left)
	return nil
}

// pulses is for how many seconds a database is watched, which each serve writes to about
// once a second.
const pulses = 5

// workedWith reports whether a process, wherever it runs, works with a database.
func workedWith(ctx context.Context, db *models.DB, sleep func(context.Context, time.Duration) error) (bool, error) {
	first, err := db.Pulse(ctx)
	for range pulses {
		if err != nil {
			return false, err
		}
		if err := sleep(ctx, time.Second); err != nil {
			return false, err
		}
		var now string
		if now, err = db.Pulse(ctx); err == nil && now != first {
			return true, nil
		}
	}
	return false, err
}

func tellLeft(out output, left models.Left) {
	for _, name := range left.Migrated {
		fmt.Fprintf(out.Out, "applied %s\n", name)
	}
	fmt.Fprintf(out.Out, "not done again: messages %d, deliveries %d (those older than %s)\n", left.Messages, left.Deliveries, restoring.Stale)
	fmt.Fprintln(out.Out, "next: yanquan doctor, then serve; operations that are open are asked about, and 对账 tells what the copy does not know")
}

func oneFile(args []string) (string, error) {
	switch len(args) {
	case 0:
		return "", usageError("which file?")
	case 1:
		return args[0], nil
	}
	return "", usageError(fmt.Sprintf("unexpected argument %q", args[1]))
}

// contents is a line about what a copy holds.
func contents(c models.Copy) string {
	newest := "none"
	if !c.Newest.IsZero() {
		newest = c.Newest.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%d bytes, schema %s, newest message %s, operations %d, messages %d, stores %d",
		c.Bytes, c.Schema, newest, c.Rows["operations"], c.Rows["inbox"], c.Rows["stores"])
}

// serving reports whether a bot answers at the address of this configuration.
func serving(ctx context.Context, cfg *config.Config) bool {
	address, err := net.ResolveTCPAddr("tcp", cfg.Server.Listen)
	if err != nil || address.Port == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	err = ready(ctx, app.LocalURL(address))
	return err == nil || errors.Is(err, errNotReady)
}

// dump prints the command that copies a MySQL database. Options that only one of MySQL's
// and MariaDB's mysqldump knows are loose, so that either takes it.
func dump(cfg *config.Config, file string, force bool, out output) error {
	c, err := mysql.ParseDSN(cfg.Database.DSN)
	if err != nil { // the configuration was checked
		return errors.New("database.dsn cannot be read")
	}
	if _, err := os.Lstat(file); err == nil && !force {
		return fmt.Errorf("%s: %w; another name, or --force", file, models.ErrExists)
	}
	words := append([]string{"mysqldump"}, connection(c)...)
	words = append(words, "--single-transaction", "--quick", "--skip-lock-tables", "--no-tablespaces", "--hex-blob", "--default-character-set=utf8mb4",
		"--loose-set-gtid-purged=OFF", "--loose-column-statistics=0", "--result-file="+file+".part", c.DBName)
	fmt.Fprintf(out.Out, "(umask 077 && %s && tail -n 1 %s | grep -q 'Dump completed' && mv %s %s)\n", shell(words), shell([]string{file + ".part"}), shell([]string{file + ".part"}), shell([]string{file}))
	fmt.Fprintln(out.Err, "This command makes the backup; nothing was copied yet. A shell runs it by: yanquan backup FILE | sh")
	fmt.Fprintln(out.Err, "The password stands in ~/.my.cnf ([client] password=…, mode 0600) or in MYSQL_PWD. Every table is part of the backup; its secret_key is kept elsewhere.")
	if c.TLSConfig != "" && c.TLSConfig != "false" {
		fmt.Fprintln(out.Err, "database.dsn asks for TLS: add --ssl-mode=REQUIRED (MySQL) or --ssl (MariaDB).")
	}
	return nil
}

// undump prints the commands that read a copy into a new database beside the old one.
func undump(cfg *config.Config, path, file string, out output) error {
	c, err := mysql.ParseDSN(cfg.Database.DSN)
	if err != nil {
		return errors.New("database.dsn cannot be read")
	}
	beside := c.DBName + "_restored"
	client := shell(append([]string{"mysql"}, append(connection(c), "--default-character-set=utf8mb4")...))
	fmt.Fprintf(out.Out, "%s -e %s\n", client, shell([]string{"CREATE DATABASE `" + strings.ReplaceAll(beside, "`", "``") + "` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"}))
	fmt.Fprintf(out.Out, "%s %s < %s\n", client, shell([]string{beside}), shell([]string{file}))
	fmt.Fprintf(out.Err, "Stop every serve first. These commands read the backup into a new database, %s, and leave %s as it is; the account needs CREATE.\n", beside, c.DBName)
	fmt.Fprintf(out.Err, "Then let database.dsn name %s, and before serve starts: yanquan restore --loaded %s --config %s\n", beside, shell([]string{file}), shell([]string{path}))
	return nil
}

// connection are the options that reach a server, without the password.
func connection(c *mysql.Config) []string {
	at := []string{"--socket=" + c.Addr}
	if c.Net != "unix" {
		host, port, err := net.SplitHostPort(c.Addr)
		if err != nil {
			host, port = c.Addr, strconv.Itoa(3306)
		}
		at = []string{"--protocol=tcp", "--host=" + host, "--port=" + port}
	}
	return append(at, "--user="+c.User)
}

// shell quotes words for a POSIX shell where they need it.
func shell(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,@%+") != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
