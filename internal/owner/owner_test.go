//go:build unix

package owner

import (
	"os"
	"path/filepath"
	"testing"
)

// What is written anew keeps its owner, and what is new has that of its folder.
func TestAs(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("files of two users need root")
		}
		t.Skip("SKIPPED LOUDLY: files of two users need root")
	}
	dir := t.TempDir()
	there, made := filepath.Join(dir, "there"), filepath.Join(dir, "made")
	for _, file := range []string{there, made} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	owned := func(file string, uid uint32) {
		t.Helper()
		if of, err := stat(file); err != nil || of.Uid != uid {
			t.Errorf("%s: %v %v, want of %d", file, of, err, uid)
		}
	}
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if !OfRoot(there) || OfRoot(filepath.Join(dir, "none")) {
		t.Error("root's file in another user's folder is not found, or one is that is not there")
	}
	if err := As(there, filepath.Join(dir, "none")); err != nil {
		t.Fatal(err)
	}
	owned(there, 12345)
	if err := os.Chown(there, 23456, 23456); err != nil {
		t.Fatal(err)
	}
	if err := As(made, there); err != nil || OfRoot(made) {
		t.Error(err)
	}
	owned(made, 23456)
}
