package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// F21: the process is killed while it makes the tables, when the server has made
// one and that is not noted. (SQLite makes all in one transaction.) It passes when
// the state says so and the next start goes on from there.
func TestFault21MigrationInterrupted(t *testing.T) {
	inCells(t, proxiedCells, func(w *world) {
		if err := w.end(syscall.SIGTERM); err != nil {
			w.Errorf("after SIGTERM: %v", err)
		}
		cfg, err := mysql.ParseDSN(w.dsn)
		w.must(err)
		db := w.database()
		w.must(second(db.Exec("DROP DATABASE " + cfg.DBName)))
		w.must(second(db.Exec("CREATE DATABASE " + cfg.DBName)))

		struck := w.proxy.CutAfter("CREATE TABLE IF NOT EXISTS operations (")
		program := w.program.cmd.Path
		cmd := exec.Command(program, "serve", "--config", w.config)
		cmd.Env = append(cmd.Environ(), w.env...)
		w.must(cmd.Start())
		w.awaitClosed(struck)
		_ = cmd.Process.Kill() // it may have seen the cut and given up
		if err := cmd.Wait(); err == nil {
			w.Error("status 0 in the middle of a migration")
		}
		if _, out := w.command("migrate", "status"); !strings.Contains(out, "0001_init  interrupted") {
			w.Errorf("migrate status: %s", out)
		}
		w.start(program)
		code := w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		w.ledger(code, 1, 0)
	})
}

// F21: the program is older than its database. It passes when serve does not start
// and says what to do, and works as before once the newer step is gone.
func TestFault21NewerSchema(t *testing.T) {
	inCells(t, faultCells, func(w *world) {
		if err := w.end(syscall.SIGTERM); err != nil {
			w.Errorf("after SIGTERM: %v", err)
		}
		db := w.database()
		w.must(second(db.Exec("INSERT INTO schema_migrations (version, name, done, applied_at) VALUES (99, '0099_later', 1, '2026-11-23 06:00:00.000000')")))
		for _, command := range [][]string{{"serve"}, {"serve", "--no-migrate"}, {"migrate", "up"}} {
			status, out := w.command(command...)
			if status != exitFailed || !strings.Contains(out, "0099_later") || !strings.Contains(out, "run the newer program again, or restore the backup") {
				w.Errorf("%v: status %d: %s", command, status, out)
			}
		}
		if _, out := w.command("migrate", "status"); !strings.Contains(out, "0099_later  unknown to this program") {
			w.Errorf("migrate status: %s", out)
		}
		w.must(second(db.Exec("DELETE FROM schema_migrations WHERE version = 99")))
		w.start(w.program.cmd.Path)
		code := w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		w.ledger(code, 1, 0)
	})
}

// command runs the program to its end and gives its status and all that it says.
func (w *world) command(args ...string) (status int, said string) {
	w.Helper()
	var out bytes.Buffer
	cmd := exec.Command(builtProgram(w.T, ""), append(args, "--config", w.config)...)
	cmd.Env = append(cmd.Environ(), w.env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.Fatal(fmt.Errorf("%v: %w", args, err))
	}
	return cmd.ProcessState.ExitCode(), out.String()
}
