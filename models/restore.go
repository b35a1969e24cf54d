package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/libtnb/sqlite"
	"gorm.io/gorm"

	"yanquan/internal/owner"
)

// Restored is what [Restore] has done.
type Restored struct {
	Copy         // what was put into place
	Left         // what was taken out of it
	Log   string // beside the copy, and part of it; "": there was none
	Aside string // where the former database is; "": there was none
}

// Left is what a restored database does not do again.
type Left struct {
	Migrated   []string // by this program
	Messages   int      // that are not taken up again
	Deliveries int      // that are not sent again
}

// Restoring says what a restored database does not do again.
type Restoring struct {
	// Stale: what has waited to be sent for so long was, by the history that the copy does
	// not have. What is younger may not have been, and is sent.
	Stale time.Duration
	// Asks: a call of an operation younger than that could be repeated. The platform is
	// only asked instead, and people are told where it does not know.
	Asks time.Duration
}

// Restore puts a copy into the place of a SQLite database. The copy is checked, upgraded
// and freed of what must not be done again before anything is touched; the former database
// stays beside it. [ErrInUse]: a process works with the database.
func Restore(ctx context.Context, cfg Config, from string, o Restoring) (r Restored, err error) {
	to, keys, err := sqliteFile(cfg)
	if err != nil {
		return r, err
	}
	if from, err = copyPath(from, to); err != nil {
		return r, err
	}
	temporary, err := beside(to)
	if err != nil {
		return r, fmt.Errorf("models: restore: %w", err)
	}
	defer removeAll(temporary) // once it has its name: nothing
	if err := r.take(ctx, keys, from, temporary); err != nil {
		return r, err
	}
	cfg.DSN = temporary
	if err := r.prepare(ctx, keys, cfg, o); err != nil {
		return r, fmt.Errorf("models: restore: %w", err)
	}
	if err := errors.Join(owner.As(temporary, to), syncFile(temporary)); err != nil {
		return r, fmt.Errorf("models: restore: %w", err)
	}
	now := time.Now
	if cfg.Now != nil {
		now = cfg.Now
	}
	if r.Aside, err = exchange(ctx, temporary, to, now()); err != nil {
		return r, fmt.Errorf("models: restore: %w", err)
	}
	return r, nil
}

// take copies a database as it lies there, with its log where it has one, and makes one
// sound file of both.
func (r *Restored) take(ctx context.Context, keys *keyring, from, to string) (err error) {
	unsound := func(err error) error { return &dbError{what: "copy " + from, kinds: []error{ErrNoCopy}, err: err} }
	if err := copyFile(from, to); err != nil {
		return fmt.Errorf("models: restore: %w", err)
	}
	if r.Log, err = logOf(from, to); err != nil {
		return unsound(err)
	}
	var without Copy
	if r.Log != "" {
		without, _ = inspect(ctx, keys, to) // unsound where a part of the log was moved into it
		if err := copyFile(r.Log, to+"-wal"); err != nil {
			return fmt.Errorf("models: restore: %w", err)
		}
	}
	if err := alone(ctx, to); err != nil {
		return unsound(err)
	}
	r.Copy, err = inspect(ctx, keys, to)
	r.Path = from
	switch {
	case err != nil && r.Log != "":
		return fmt.Errorf("with the log beside it, %s: %w", r.Log, err)
	case err == nil && r.Newest.Before(without.Newest):
		return unsound(fmt.Errorf("the log beside it, %s, takes its newest messages away: it is another database's", r.Log))
	}
	return err
}

// logOf is the log beside a database that was copied without [Backup]; "": it has none.
// What lies beside a file whose header, as read from its copy, knows no log is another
// one's.
func logOf(path, copied string) (string, error) {
	if info, err := os.Stat(path + "-journal"); err == nil && info.Size() > 0 {
		return "", fmt.Errorf("a change of it was not finished, by %s-journal", path)
	}
	const mode = 19 // of writing and of reading: 1 without a log, 2 with one
	head, err := headOf(copied, mode+1)
	if err != nil || head[mode] != 2 {
		return "", nil // whether it is a database at all is found out later
	}
	info, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return "", nil
	}
	return path + "-wal", err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// alone makes one file of a database and its log, for which SQLite wants it for itself.
// [ErrInUse]: another process has it open.
func alone(ctx context.Context, path string) error {
	pool, err := sql.Open(sqlite.DriverName, path+"?_pragma=busy_timeout(1000)")
	if err != nil {
		return err
	}
	defer pool.Close()
	mode, err := texts(ctx, pool, "PRAGMA journal_mode = DELETE")
	switch {
	case err == nil && mode[0] == "delete":
		return nil
	case err == nil, examine(err).transient:
		return ErrInUse
	}
	return err
}

// prepare does to a copy what [DB.LeaveBehind] does, and makes one sound file of it again.
// To close it is not enough: that is silent about a log that found no room in the file.
func (r *Restored) prepare(ctx context.Context, keys *keyring, cfg Config, o Restoring) error {
	db, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	r.Left, err = db.LeaveBehind(ctx, r.Path, o)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := alone(ctx, cfg.DSN); err != nil {
		return &dbError{what: "end the log of the copy", kinds: []error{ErrUnavailable}, err: err}
	}
	if info, err := os.Stat(cfg.DSN + "-wal"); err == nil && info.Size() > 0 {
		return fmt.Errorf("%w: the log of %s is not in it", ErrUnavailable, cfg.DSN)
	}
	_, err = inspect(ctx, keys, cfg.DSN)
	return err
}

// LeaveBehind brings a database that was read from a copy to this program's schema, and
// takes out of it what is not to be done again. No process works with it yet.
func (db *DB) LeaveBehind(ctx context.Context, from string, o Restoring) (left Left, err error) {
	if left.Migrated, err = db.Migrate(ctx); err != nil {
		return left, err
	}
	migrated := left.Migrated
	err = db.Tx(ctx, func(tx *DB) error {
		left = Left{Migrated: migrated}
		now := tx.now()
		if err := tx.onlyAsk(ctx, now.Add(-o.Asks)); err != nil {
			return err
		}
		if left.Messages, err = tx.leaveMessages(ctx); err != nil {
			return err
		}
		if left.Deliveries, err = tx.leaveDeliveries(ctx, now.Add(-o.Stale)); err != nil {
			return err
		}
		return tx.Audit.Record(ctx, AuditEntry{Action: "restore", Subject: filepath.Base(from)})
	})
	return left, err
}

// onlyAsk keeps the calls of open operations from being repeated: what they did may have
// been undone since, by the history that is lost. Their doubts are as old as those of which
// people are told, who so hear of each that the first question does not settle.
func (db *DB) onlyAsk(ctx context.Context, called time.Time) error {
	return db.write(ctx, "ask about open operations", func(g *gorm.DB) error {
		return g.Model(&Operation{}).Where("state IN ?", []State{Calling, Unknown, Undoing, UndoUnknown}).
			Where("called_at > ? OR undo_called_at > ?", stamp(called), stamp(called)).
			Updates(map[string]any{"doubt_since": stamp(called), "attempt": gorm.Expr("attempt + 1")}).Error
	})
}

// leaveMessages ends all messages that have no final answer, unless an operation of theirs
// is under way, whose outcome is told. However young, such a message may have been done by
// the history that is lost: to do it again would verify a card of several uses twice, and
// to say that it was not done may be untrue.
func (db *DB) leaveMessages(ctx context.Context) (int, error) {
	var rows []Inbox
	err := db.read(ctx, "list unanswered messages", func(g *gorm.DB) error {
		return g.Where(unfinished, false).
			Where("NOT EXISTS (SELECT 1 FROM operations WHERE (inbox_id = inbox.id OR undo_inbox_id = inbox.id) AND due_at IS NOT NULL)").Find(&rows).Error
	})
	if err != nil {
		return 0, err
	}
	now := db.now()
	for _, in := range rows {
		err := db.swap(ctx, "leave message", func(g *gorm.DB) *gorm.DB {
			return g.Model(&Inbox{}).Where("id = ?", in.ID).Updates(map[string]any{
				"final": true, "due_at": nil, "answered_at": stamp(now), "reply": db.keys.seal(inboxReply, in.ID, []byte{}),
			})
		})
		if err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// leftBehind is why a delivery is not sent after a restore.
const leftBehind = "restored"

// leaveDeliveries takes out of the queue what was made before a time.
func (db *DB) leaveDeliveries(ctx context.Context, before time.Time) (int, error) {
	var hit int64
	err := db.write(ctx, "leave outgoing", func(g *gorm.DB) error {
		result := g.Model(&Outgoing{}).Where("state = ? AND created_at < ?", Queued, stamp(before)).
			Updates(map[string]any{"state": Obsolete, "due_at": nil, "change_at": nil, "reason": leftBehind})
		hit = result.RowsAffected
		return result.Error
	})
	return int(hit), err
}

// exchange puts a file into the place of a database that no process has open, and says
// under which name the former one is kept. One that SQLite cannot read is kept as it lies
// there; only the caller can know whether a process works with it.
func exchange(ctx context.Context, file, path string, now time.Time) (aside string, err error) {
	kept := path + ".before-" + now.UTC().Format("20060102T150405Z")
	if _, err := os.Stat(path); err == nil {
		if isSQLite(path) { // of anything else, SQLite would throw the log away
			if err := alone(ctx, path); errors.Is(err, ErrInUse) {
				return "", fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := keep(path, kept); err != nil {
			return "", err
		}
		aside = kept
	}
	for _, log := range logs { // of one that cannot be read, or is gone
		if err := os.Rename(path+log, kept+log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return aside, err
		}
	}
	if err := syncFolder(filepath.Dir(path)); err != nil { // none of them is taken for the new one's
		return aside, err
	}
	if err := os.Rename(file, path); err != nil {
		return aside, err
	}
	return aside, syncFolder(filepath.Dir(path))
}

// isSQLite reports whether a file begins as one of SQLite's.
func isSQLite(path string) bool {
	const magic = "SQLite format 3\x00"
	head, err := headOf(path, len(magic))
	return err == nil && string(head) == magic
}

// headOf is how a file begins.
func headOf(path string, n int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, n)
	_, err = io.ReadFull(f, head)
	return head, err
}

// keep gives a file a second name, so that there is no moment without a file of the
// first; where the folder knows no links, it is renamed.
func keep(path, aside string) error {
	err := os.Link(path, aside)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(path, aside)
}

func removeAll(database string) {
	for _, of := range append([]string{""}, logs...) {
		_ = os.Remove(database + of)
	}
}
