package setup

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What root writes for another user is readable for that user, also where it was.
func TestWrittenByRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("files of two users need root")
		}
		t.Skip("SKIPPED LOUDLY: files of two users need root")
	}
	const user = 12345
	dir := t.TempDir()
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ".env")
	for range 2 {
		if err := writeFile(path, "A=1\n", private); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if of := info.Sys().(*syscall.Stat_t); of.Uid != user || info.Mode().Perm() != private {
			t.Errorf("it is %d's, mode %v", of.Uid, info.Mode())
		}
	}
}
