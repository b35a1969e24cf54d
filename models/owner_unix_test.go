//go:build unix

package models_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// What root makes of a database, and beside it, belongs to whom the folder belongs to.
func TestSQLiteOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("files of two users need root")
		}
		t.Skip("SKIPPED LOUDLY: files of two users need root")
	}
	const user, group = 12345, 12346
	dsn := modelstest.SQLiteDSN(t)
	no(t, os.Chown(filepath.Dir(dsn), user, group))
	db := modelstest.Open(t, models.SQLite, dsn)
	no(t, second(db.Migrate(t.Context())))
	for _, of := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(dsn + of)
		no(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != user || owner.Gid != group || info.Mode().Perm() != 0o600 {
			t.Errorf("%q is %d:%d's, mode %v", of, owner.Uid, owner.Gid, info.Mode())
		}
	}
}
