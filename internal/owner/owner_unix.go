//go:build unix

package owner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// As gives a file the owner of another, or of the folder where that is not there. Only root
// can, and for all others it does nothing.
func As(file, like string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	of, err := stat(like)
	if errors.Is(err, fs.ErrNotExist) {
		of, err = stat(filepath.Dir(like))
	}
	if err != nil || of == nil {
		return err
	}
	return os.Chown(file, int(of.Uid), int(of.Gid))
}

// OfRoot reports whether a file is root's, and its folder another user's.
func OfRoot(file string) bool {
	it, err := stat(file)
	folder, err2 := stat(filepath.Dir(file))
	return err == nil && err2 == nil && it != nil && folder != nil && it.Uid == 0 && folder.Uid != 0
}

// stat is nil where the system does not tell.
func stat(path string) (*syscall.Stat_t, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	of, _ := info.Sys().(*syscall.Stat_t)
	return of, nil
}
