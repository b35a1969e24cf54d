package models_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// file is a SQLite database with some rows, open as serve has it, and what opens it.
func file(t *testing.T) (*models.DB, models.Config) {
	t.Helper()
	cfg := models.Config{Driver: models.SQLite, DSN: modelstest.MigratedSQLiteDSN(t), Key: modelstest.Key}
	db := modelstest.Open(t, cfg.Driver, cfg.DSN, modelstest.WithClock(modelstest.NewClock(noon)))
	no(t, db.AdoptKey(t.Context()))
	done(t, db, intent("7992697494"))
	return db, cfg
}

var week = models.Restoring{Stale: time.Hour, Asks: 3 * time.Minute}

func TestBackupWhileWorking(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	// As much as does not fit one step of the copy, and a writer that never pauses.
	w, err := db.Files.Create(ctx, models.File{ID: "large", Name: "large", ExpiresAt: noon.Add(time.Hour)})
	no(t, err)
	for range 24 {
		no(t, second(w.Write(make([]byte, 1<<20))))
	}
	no(t, second(w.Close()))
	writing, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	written := 0
	running.Go(func() {
		for ; writing.Err() == nil; written++ {
			accept(t, db, "w"+strings.Repeat("x", written%7)+time.Now().Format("150405.000000000"))
		}
	})
	to := filepath.Join(t.TempDir(), "copy.db")
	c, err := models.Backup(ctx, cfg, to, false)
	stop()
	running.Wait()
	no(t, err)
	if written == 0 {
		t.Error("nothing was written meanwhile")
	}
	info, err := os.Stat(to)
	no(t, err)
	if info.Mode().Perm() != 0o600 || info.Size() != c.Bytes || c.Bytes < 24<<20 || c.Rows["operations"] != 1 || c.Pending != 0 {
		t.Errorf("%v %+v", info.Mode(), c)
	}
	same(t, c.Schema, last(known(t, models.SQLite)))
	entries, err := os.ReadDir(filepath.Dir(to))
	no(t, err)
	same(t, len(entries), 1) // nothing is left beside it
	copied := modelstest.Open(t, models.SQLite, to)
	same(t, must(copied.Journal.Get(ctx, "op-7992697494")).Code, "7992697494")
}

func last[T any](all []T) T { return all[len(all)-1] }

func TestBackupOverNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	no(t, os.WriteFile(to, []byte("precious"), 0o644))
	want(t, second(models.Backup(ctx, cfg, to, false)), models.ErrExists)
	same(t, string(must(os.ReadFile(to))), "precious")
	no(t, second(models.Backup(ctx, cfg, to, true)))
	same(t, must(os.Stat(to)).Mode().Perm(), os.FileMode(0o600))
	for _, own := range []string{"", "-wal", "-shm"} {
		if _, err := models.Backup(ctx, cfg, cfg.DSN+own, true); err == nil || !strings.Contains(err.Error(), "belongs to the database itself") {
			t.Errorf("onto %q: %v", own, err)
		}
	}
	accept(t, db, "still there")

	none := cfg
	none.DSN = filepath.Join(t.TempDir(), "none.db")
	want(t, second(models.Backup(ctx, none, to+"2", false)), models.ErrNoDatabase)
	if _, err := os.Stat(none.DSN); err == nil {
		t.Error("a backup has made a database")
	}
	other := cfg
	other.Key = []byte(strings.Repeat("k", 32))
	want(t, second(models.Backup(ctx, other, to+"2", false)), models.ErrWrongKey)
	over, cancel := context.WithCancel(ctx)
	cancel()
	want(t, second(models.Backup(over, cfg, to+"2", false)), context.Canceled)
	same(t, len(must(os.ReadDir(filepath.Dir(to)))), 1)
}

func TestRestore(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	no(t, second(models.Backup(ctx, cfg, to, false)))
	before := must(os.ReadFile(to))
	done(t, db, intent("7992697495")) // after the copy

	want(t, second(models.Restore(ctx, cfg, to, week)), models.ErrInUse)
	accept(t, db, "not in the way of its work")
	no(t, db.Close())
	r, err := models.Restore(ctx, cfg, to, week)
	no(t, err)
	same(t, string(must(os.ReadFile(to))), string(before))
	for path, n := range map[string]int{cfg.DSN: 1, r.Aside: 2} {
		same(t, must(os.Stat(path)).Mode().Perm(), os.FileMode(0o600))
		there := modelstest.Open(t, models.SQLite, path)
		page, _, err := there.History.Page(ctx, models.HistoryFilter{StoreIDs: []int64{1}}, models.HistoryMark{}, 10)
		no(t, err)
		same(t, len(page), n)
		no(t, there.Ping(ctx))
		no(t, there.Close())
	}
	names := must(filepath.Glob(filepath.Join(filepath.Dir(cfg.DSN), "*")))
	same(t, len(names), 2) // no log, no part
	now := modelstest.Open(t, models.SQLite, cfg.DSN)
	entries := must(now.Audit.List(ctx, models.AuditFilter{}))
	same(t, last(entries).Action+" "+last(entries).Subject, "restore copy.db")
}

// What cannot be restored leaves the database as it was, and the copy, too.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	folder := t.TempDir()
	to := filepath.Join(folder, "copy.db")
	no(t, second(models.Backup(ctx, cfg, to, false)))
	no(t, db.Close())
	whole := must(os.ReadFile(to))
	cut, torn, text := filepath.Join(folder, "cut"), filepath.Join(folder, "torn"), filepath.Join(folder, "text")
	no(t, os.WriteFile(cut, whole[:len(whole)/2], 0o600))
	damaged := append([]byte(nil), whole...)
	for i := 3 * 4096; i < 8*4096; i++ {
		damaged[i] ^= 0x5a
	}
	no(t, os.WriteFile(torn, damaged, 0o600))
	no(t, os.WriteFile(text, []byte("CREATE TABLE x (a INT);\n"), 0o600))
	empty := filepath.Join(folder, "empty")
	no(t, os.WriteFile(empty, nil, 0o600))
	newer := filepath.Join(folder, "newer")
	no(t, os.WriteFile(newer, whole, 0o600))
	execute(t, newer, "INSERT INTO schema_migrations (version, name, done, applied_at) VALUES (999, '0999_later', 1, '2027-01-01 00:00:00.000000')")
	strange := filepath.Join(folder, "strange")
	no(t, os.WriteFile(strange, whole, 0o600))
	execute(t, strange, "UPDATE meta SET value = 'x' WHERE name = 'key_check'")
	now := must(os.ReadFile(cfg.DSN))
	for path, kind := range map[string]error{
		cut: models.ErrNoCopy, torn: models.ErrNoCopy, text: models.ErrNoCopy, empty: models.ErrNoCopy, newer: models.ErrSchemaTooNew,
		strange: models.ErrWrongKey, filepath.Join(folder, "none"): os.ErrNotExist,
	} {
		r, err := models.Restore(ctx, cfg, path, week)
		if !errors.Is(err, kind) || r.Aside != "" {
			t.Errorf("%s: %v, aside %q", filepath.Base(path), err, r.Aside)
		}
		if string(must(os.ReadFile(cfg.DSN))) != string(now) {
			t.Fatalf("%s: the database was changed", filepath.Base(path))
		}
	}
	same(t, len(must(os.ReadDir(filepath.Dir(cfg.DSN)))), 1)
}

// execute runs a statement on a file that nothing else has open.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db := modelstest.Open(t, models.SQLite, path)
	no(t, second(db.Pool().ExecContext(t.Context(), statement)))
	no(t, db.Close())
}

// A database that cannot be read any more is what copies are for: it is kept as it lies
// there, with its log.
func TestRestoreOverRuins(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	no(t, second(models.Backup(ctx, cfg, to, false)))
	no(t, db.Close())
	no(t, os.WriteFile(cfg.DSN, []byte(strings.Repeat("ruins ", 1000)), 0o600))
	no(t, os.WriteFile(cfg.DSN+"-wal", []byte("log"), 0o600))
	r, err := models.Restore(ctx, cfg, to, week)
	no(t, err)
	same(t, string(must(os.ReadFile(r.Aside)))[:5], "ruins")
	same(t, string(must(os.ReadFile(r.Aside+"-wal"))), "log")
	accept(t, modelstest.Open(t, models.SQLite, cfg.DSN), "m1")

	cfg.DSN = filepath.Join(t.TempDir(), "new.db") // where there was none
	r, err = models.Restore(ctx, cfg, to, week)
	no(t, err)
	same(t, r.Aside, "")
	accept(t, modelstest.Open(t, models.SQLite, cfg.DSN), "m1")
}

// A copy of the files, made with the log beside it, is whole as well.
func TestRestoreWithLog(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	done(t, db, intent("7992697495"))
	raw := filepath.Join(t.TempDir(), "raw.db")
	for _, of := range []string{"", "-wal"} {
		no(t, os.WriteFile(raw+of, must(os.ReadFile(cfg.DSN+of)), 0o600))
	}
	no(t, db.Close())
	r, err := models.Restore(ctx, cfg, raw, week)
	no(t, err)
	same(t, r.Rows["operations"], int64(2))
	same(t, r.Log, raw+"-wal")
}

// A copy of an earlier schema is upgraded before it is put into place.
func TestRestoreOlderSchema(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	older := filepath.Join(t.TempDir(), "older.db")
	db := modelstest.Open(t, models.SQLite, older)
	no(t, second(db.MigrateFS(ctx, former(t, models.SQLite, 16))))
	no(t, db.Close())
	cfg := models.Config{Driver: models.SQLite, DSN: modelstest.SQLiteDSN(t), Key: modelstest.Key}
	r, err := models.Restore(ctx, cfg, older, week)
	no(t, err)
	same(t, r.Pending, len(known(t, models.SQLite))-16)
	same(t, r.Migrated, known(t, models.SQLite)[16:])
	no(t, modelstest.Open(t, models.SQLite, cfg.DSN).CheckSchema(ctx))
}

// A message that waited when a copy was made may have been done by the history that it
// lacks, and is not done again, however young. What waited to be sent was after an hour.
// What is open is asked about, and young operations are only asked about.
func TestLeaveBehind(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		send := func(id string) {
			no(t, db.Outbox.Enqueue(ctx, models.Outgoing{ID: id, Conversation: "c" + id, Channel: "app/main", Payload: []byte("x")}))
		}
		accept(t, db, "old")
		send("old")
		open := begin(t, db, intent("7992697494")) // its message is told of the outcome
		clock.Advance(59 * time.Minute)
		young := message("young")
		young.ReceivedAt = clock.Now()
		no(t, second2(db.Inbox.Accept(ctx, young)))
		send("young")
		fresh := intent("7992697495")
		fresh.CalledAt = clock.Now()
		fresh = begin(t, db, fresh)
		clock.Advance(2 * time.Minute)

		left, err := db.LeaveBehind(ctx, "/backup/copy.db", week)
		no(t, err)
		same(t, left, models.Left{Messages: 2, Deliveries: 1})
		due := must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{}))
		same(t, len(due), 1)
		same(t, due[0].ID, "young")
		clock.Advance(time.Hour) // all leases are over
		var ids []string
		for _, in := range must(db.Inbox.Due(ctx, clock.Now(), 10, nil)) {
			ids = append(ids, in.ID)
		}
		for _, id := range ids {
			if id == "in-old" || id == "in-young" {
				t.Errorf("%s is taken up again", id)
			}
		}
		same(t, len(ids), 2) // those of the two operations
		same(t, must(db.Inbox.Get(ctx, "in-old")).Final, true)
		same(t, must(db.Inbox.Get(ctx, "in-young")).Final, true)
		same(t, must(db.Journal.Get(ctx, open.ID)).DoubtSince.IsZero(), true) // its call is old enough
		asked := must(db.Journal.Get(ctx, fresh.ID))
		same(t, asked.DoubtSince.Sub(fresh.CalledAt), 2*time.Minute-week.Asks)
		same(t, asked.NeedsHuman, false) // people are not told yet
		again, err := db.LeaveBehind(ctx, "/backup/copy.db", week)
		no(t, err)
		same(t, again.Deliveries, 1) // by now old
	})
}

func second2[A, B any](_ A, _ B, err error) error { return err }

// foreign leaves, beside a name, the log of another database that had been there: a peeker
// wrote to it and was killed.
func foreign(t *testing.T, name string) {
	t.Helper()
	cfg := models.Config{Driver: models.SQLite, DSN: modelstest.MigratedSQLiteDSN(t), Key: modelstest.Key}
	db := modelstest.Open(t, cfg.Driver, cfg.DSN, modelstest.WithClock(modelstest.NewClock(noon.Add(-7*24*time.Hour))))
	no(t, db.AdoptKey(t.Context()))
	accept(t, db, "of another history")
	no(t, os.WriteFile(name+"-wal", must(os.ReadFile(cfg.DSN+"-wal")), 0o600))
	no(t, db.Close())
}

// What lies beside the name of a copy is not the copy's log, and never becomes it.
func TestBackupBesideForeignLog(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	for i := range 20 {
		done(t, db, intent("79926975"+string(rune('a'+i))))
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	for _, of := range []string{"-wal", "-shm", "-journal"} {
		no(t, os.WriteFile(to+of, []byte("x"), 0o600))
		want(t, second(models.Backup(ctx, cfg, to, false)), models.ErrExists)
		no(t, second(models.Backup(ctx, cfg, to, true)))
		same(t, len(must(os.ReadDir(filepath.Dir(to)))), 1)
		no(t, os.Remove(to))
	}
	foreign(t, to)
	no(t, second(models.Backup(ctx, cfg, to, true)))
	foreign(t, to) // and comes after it
	no(t, db.Close())
	r, err := models.Restore(ctx, cfg, to, week)
	no(t, err)
	same(t, r.Rows["operations"], int64(21))
	same(t, r.Log, "")
	restored := modelstest.Open(t, models.SQLite, cfg.DSN)
	same(t, must(restored.Journal.Get(ctx, "op-7992697494")).Code, "7992697494")
}

// What is to be written over must not be the log of a database, nor the database.
func TestBackupOntoOwnLog(t *testing.T) {
	t.Parallel()
	db, cfg := file(t)
	no(t, db.Close())
	named := cfg
	named.DSN += "-wal"
	no(t, os.Rename(cfg.DSN, named.DSN))
	if _, err := models.Backup(t.Context(), named, cfg.DSN, true); err == nil || !strings.Contains(err.Error(), "belongs to the database itself") {
		t.Errorf("%v", err)
	}
	no(t, second(os.Stat(named.DSN)))
}

// A log that makes a raw copy older is another one's; and one without an end of its own
// tells of a change that was not finished.
func TestRestoreForeignLog(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, cfg := file(t)
	done(t, db, intent("7992697495"))
	no(t, db.Close()) // the log is in the file
	raw := filepath.Join(t.TempDir(), "raw.db")
	no(t, os.WriteFile(raw, must(os.ReadFile(cfg.DSN)), 0o600))
	foreign(t, raw)
	now := must(os.ReadFile(cfg.DSN))
	_, err := models.Restore(ctx, cfg, raw, week)
	want(t, err, models.ErrNoCopy)
	if !strings.Contains(err.Error(), raw+"-wal") {
		t.Errorf("does not name the log: %v", err)
	}
	same(t, string(must(os.ReadFile(cfg.DSN))) == string(now), true)
	no(t, os.Remove(raw+"-wal"))
	no(t, os.WriteFile(raw+"-journal", []byte("half of a change"), 0o600))
	_, err = models.Restore(ctx, cfg, raw, week)
	want(t, err, models.ErrNoCopy)
	no(t, os.Truncate(raw+"-journal", 0)) // an ended change leaves it empty
	r, err := models.Restore(ctx, cfg, raw, week)
	no(t, err)
	same(t, r.Rows["operations"], int64(2))
}

// The disk has room for the copy, and none for what is done to it: nothing is put into
// place. A process of its own has the limit.
func TestRestoreOntoFullDisk(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const env = "YANQUAN_TEST_RESTORE"
	if at := os.Getenv(env); at != "" {
		cfg := models.Config{Driver: models.SQLite, DSN: at, Key: modelstest.Key}
		_, err := models.Restore(ctx, cfg, at+".copy", week)
		if err == nil {
			t.Fatal("restored")
		}
		t.Log("refused:", err)
		return
	}
	older := filepath.Join(t.TempDir(), "yanquan.db")
	db := modelstest.Open(t, models.SQLite, older+".copy")
	no(t, second(db.MigrateFS(ctx, former(t, models.SQLite, 16))))
	no(t, db.AdoptKey(ctx))
	w, err := db.Files.Create(ctx, models.File{ID: "large", Name: "large", ExpiresAt: noon.Add(time.Hour)})
	no(t, err)
	for range 12 {
		no(t, second(w.Write(make([]byte, 1<<20))))
	}
	no(t, second(w.Close()))
	no(t, db.Close())
	no(t, os.WriteFile(older, must(os.ReadFile(older+".copy")), 0o600))
	info := must(os.Stat(older))
	cmd := exec.CommandContext(ctx, "prlimit", fmt.Sprintf("--fsize=%d:", info.Size()+4096), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), env+"="+older)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "database unavailable") {
		t.Errorf("%v\n%s", err, out)
	}
	same(t, string(must(os.ReadFile(older))) == string(must(os.ReadFile(older+".copy"))), true)
	same(t, len(must(os.ReadDir(filepath.Dir(older)))), 2)
}
