package main

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/models"
)

// F11: storing a message takes two seconds, then longer than WeCom waits, for more
// messages at once than there are connections. It passes when the first is
// accepted at once, the others get 503 in time, as [world.inTime] has it, and all are
// done once, without a restart.
func TestFault11DatabaseSlow(t *testing.T) {
	inCells(t, with(faultCells, func(s *setting) { s.callTimeout = "1s" }), func(w *world) {
		code := w.sell()
		const slowly = 2 * time.Second
		over := w.slow(slowly)
		a := w.utter(w.hero, "验 "+code)
		if !a.delivery.Accepted() {
			w.Errorf("not accepted: %s", attempts(a.delivery))
		}
		over()
		w.await(0, a, "核销成功", code)
		w.ledger(code, 1, 0)
		for _, c := range w.program.answered() { // all that it may be refused for is that the machine stood still
			if c.status != http.StatusOK && standstills.during(c.from, c.to) < acceptWithin-slowly {
				w.Errorf("not accepted at once: %s", attempts(a.delivery))
			}
		}

		over = w.slow(0)
		users, codes := crowd[:25], map[string]string{} // a server lets most of them in at once, a file one
		parts, free := map[string]func(*world){}, make(chan struct{})
		for _, user := range users {
			codes[user] = w.sell()
			parts[user] = func(w *world) {
				w = w.in(room(user))
				a := w.utter(user, "验 "+codes[user])
				w.afresh(a, free)
				w.await(0, a, "核销成功", codes[user])
				w.ledger(codes[user], 1, 0)
				w.oneID(codes[user])
			}
		}
		parts["over"] = func(w *world) {
			defer close(free)
			w.until(func() bool { return len(w.firstAttempts()) == 1+len(users) })
			over()
		}
		w.together(parts)
		refused := 0
		for _, first := range w.firstAttempts()[1:] {
			switch {
			case first.Err != "":
				w.Errorf("WeCom did not get an answer: %s", first.Err)
			case first.Status == http.StatusServiceUnavailable:
				refused++
			case first.Status != http.StatusOK:
				w.Errorf("status %d", first.Status)
			}
		}
		if refused != len(users) {
			w.Errorf("%d of %d were refused", refused, len(users))
		}
	})
}

// F11: the disk is full: a write of the process to its file fails, or the server
// says that its table is full. It passes as for a database that has gone.
func TestFault11DiskFull(t *testing.T) {
	inCells(t, with(faultCells, func(s *setting) { s.callTimeout = "2s" }), func(w *world) { w.unwritable(w.fill) })
}

// F11: the server has become read-only, as after a failover. It passes as for one
// that has gone, and /readyz says so meanwhile. The server is one of its own: the change
// waits for statements that run, and all others wait behind it.
func TestFault11ReadOnly(t *testing.T) {
	inCells(t, with(serverCells, func(s *setting) { s.callTimeout, s.ownServer = "2s", true }), func(w *world) { w.unwritable(w.forbidWriting) })
}

// forbidWriting makes the server read-only for all but administrators.
func (w *world) forbidWriting() (over func()) {
	w.Helper()
	db := w.database()
	set := func(on int) { w.must(second(db.Exec("SET GLOBAL read_only = " + strconv.Itoa(on)))) }
	ready := func(want bool) {
		w.until(func() bool { status, _ := get(w.T, w.url()+"/readyz"); return status == http.StatusOK == want })
	}
	set(1)
	w.Cleanup(func() { set(0) })
	ready(false)
	return func() { set(0); ready(true) }
}

// unwritable lets nothing be written from when the platform has consumed until
// another callback was refused.
func (w *world) unwritable(strike func() (over func())) {
	w.Helper()
	code, next := w.sell(), w.sell()
	release := w.hold("consume", code, true)
	struck, free := make(chan struct{}), make(chan struct{})
	w.together(map[string]func(*world){
		"under way": func(w *world) {
			w = w.in(room(w.hero))
			w.await(0, w.utter(w.hero, "验 "+code), "核销成功", code)
		},
		"refused": func(w *world) {
			w = w.in(room("lisi"))
			w.awaitClosed(struck)
			a := w.utter("lisi", "验 "+next)
			if first := a.delivery.Attempts[0]; first.Status != http.StatusServiceUnavailable || inside(string(first.Body)) {
				w.Errorf("while nothing can be written: %d %q %s", first.Status, first.Body, first.Err)
			}
			w.afresh(a, free)
			w.await(0, a, "核销成功", next)
		},
		"trouble": func(w *world) {
			w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
			defer close(free)
			over := strike()
			close(struck)
			release()
			w.until(func() bool { return len(w.firstAttempts()) == 2 && !w.held("consume", code) })
			if n := w.in(room(w.hero)).shows(w.hero, "核销成功"); n != 0 {
				w.Error("told of what could not be stored")
			}
			over()
		},
	})
	w.ledger(code, 1, 0)
	w.ledger(next, 1, 0)
	w.oneID(code)
	w.oneID(next)
}

// firstAttempts are the first tries, as far as they are over, of all messages.
func (w *world) firstAttempts() (firsts []wecomtest.Attempt) {
	for _, d := range w.wecom.Deliveries() {
		if d.Kind == "message" && len(d.Attempts) > 0 {
			firsts = append(firsts, d.Attempts[0])
		}
	}
	return firsts
}

// slow lets messages wait to be stored: for so long, or where that is 0, until it is over.
// On a server each takes a lock, by a trigger; a file has one.
func (w *world) slow(d time.Duration) (over func()) {
	w.Helper()
	conn, err := w.database().Conn(context.Background())
	w.must(err)
	do := func(statement string) error {
		return second(conn.ExecContext(context.Background(), statement))
	}
	release, drop := "ROLLBACK", func() {}
	if w.driver == models.MySQL {
		var lock string
		w.must(conn.QueryRowContext(context.Background(), "SELECT DATABASE()").Scan(&lock))
		lock = "'slow " + lock + "'"
		release = "DO RELEASE_LOCK(" + lock + ")"
		w.must(do("DO GET_LOCK(" + lock + ", 60)"))
		drop = w.trigger("inbox", "BEGIN DO GET_LOCK("+lock+", 60); "+release+"; END")
	} else {
		w.must(do("PRAGMA busy_timeout = 5000"))
		w.must(do("BEGIN IMMEDIATE"))
	}
	end := sync.OnceFunc(func() {
		if err := errors.Join(do(release), conn.Close()); err != nil {
			w.Error(err)
		}
	})
	if d > 0 {
		time.AfterFunc(d, end)
	}
	return func() { end(); drop() }
}

// fill leaves no room for anything more.
func (w *world) fill() (over func()) {
	w.Helper()
	if w.driver == models.MySQL {
		const full = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'"
		var undo []func()
		for _, table := range []string{"inbox", "operations", "outbox"} {
			undo = append(undo, w.trigger(table, full))
		}
		return func() {
			for _, u := range undo {
				u()
			}
		}
	}
	limit := func(size string) {
		out, err := exec.Command("prlimit", "--pid", strconv.Itoa(w.program.cmd.Process.Pid), "--fsize="+size+":").CombinedOutput()
		if err != nil {
			w.Errorf("prlimit: %v: %s", err, out)
		}
	}
	limit("0")
	return func() { limit("unlimited") }
}

// trigger lets a statement precede every insert into a table.
func (w *world) trigger(table, statement string) (drop func()) {
	w.Helper()
	db := w.database()
	w.must(second(db.Exec("CREATE TRIGGER trouble_" + table + " BEFORE INSERT ON " + table + " FOR EACH ROW " + statement)))
	return func() { w.must(second(db.Exec("DROP TRIGGER trouble_" + table))) }
}

// second keeps the error of two results.
func second[T any](_ T, err error) error { return err }
