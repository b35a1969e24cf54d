// Command dist makes what is given out: an archive for each platform, packages for Debian
// and RPM, and their checksums. The same source makes the same archives.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// targets are the platforms by GOOS/GOARCH.
var targets = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}

// nfpm makes the packages. It runs by itself and is no part of the module.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"

// beside are the files that an archive has beside the program, and a package among the
// documents.
var beside = []string{"config.yaml", "README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "deploy"}

// release is what is made, where and from what.
type release struct {
	version string // with v
	out     string
	at      time.Time // of every file
	binary  string    // in place of a build; for tests
}

func main() {
	r := release{}
	flag.StringVar(&r.out, "o", "dist", "`FOLDER` to write into")
	flag.StringVar(&r.version, "version", "", "`VERSION`, such as v1.2.3 (default: by git)")
	only := flag.String("targets", strings.Join(targets, ","), "`LIST` of GOOS/GOARCH")
	flag.Parse()
	if err := r.run(strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func (r *release) run(list []string) error {
	if err := r.complete(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	var made []string
	for _, target := range list {
		began := time.Now()
		files, err := r.make(target)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		made = append(made, files...)
		fmt.Printf("%s: %s\n", target, time.Since(began).Round(time.Second/10))
	}
	return r.sums(made)
}

// complete finds version and time out by git: what no tag names is called by its commit.
func (r *release) complete() error {
	if r.version == "" {
		if out, err := exec.Command("git", "describe", "--tags", "--dirty", "--match", "v*").Output(); err == nil {
			r.version = strings.TrimSpace(string(out))
		} else {
			out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
			if err != nil {
				return fmt.Errorf("git describe: %w; or name it with -version", err)
			}
			r.version = "v0.0.0-" + strings.TrimSpace(string(out))
		}
	}
	if !strings.HasPrefix(r.version, "v") {
		return fmt.Errorf("version %q: want v1.2.3", r.version)
	}
	if r.at.IsZero() {
		out, err := exec.Command("git", "log", "-1", "--format=%cI").Output()
		if err != nil {
			return fmt.Errorf("git log: %w", err)
		}
		if r.at, err = time.Parse(time.RFC3339, strings.TrimSpace(string(out))); err != nil {
			return err
		}
	}
	return nil
}

// make makes all for a platform, and names the files.
func (r *release) make(target string) (made []string, err error) {
	goos, arch, ok := strings.Cut(target, "/")
	if !ok || !slices.Contains(targets, target) {
		return nil, fmt.Errorf("want one of %s", strings.Join(targets, ", "))
	}
	work, err := os.MkdirTemp("", "yanquan-dist-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, "yanquan")
	if goos == "windows" {
		program += ".exe"
	}
	if err := r.build(goos, arch, program); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("yanquan_%s_%s_%s", strings.TrimPrefix(r.version, "v"), goos, arch)
	archive := filepath.Join(r.out, name+".tar.gz")
	write := r.tarball
	if goos == "windows" {
		archive, write = filepath.Join(r.out, name+".zip"), r.zipped
	}
	files, err := r.contents(program)
	if err != nil {
		return nil, err
	}
	if err := write(archive, name, files); err != nil {
		return nil, err
	}
	made = append(made, archive)
	if goos != "linux" {
		return made, nil
	}
	for _, format := range []string{"deb", "rpm"} {
		file, err := r.pack(work, format, arch, name)
		if err != nil {
			return nil, err
		}
		made = append(made, file)
	}
	return made, nil
}

func (r *release) build(goos, arch, to string) error {
	if r.binary != "" {
		return copyTo(to, r.binary, 0o755)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w -X main.version="+r.version, "-o", to, "./cmd/yanquan")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch)
	return ran(cmd)
}

func ran(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

func copyTo(to, from string, mode os.FileMode) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, mode)
}

// file is one of an archive.
type file struct {
	name, path string
	mode       os.FileMode
}

// contents are the files of an archive, in order.
func (r *release) contents(program string) ([]file, error) {
	all := []file{{filepath.Base(program), program, 0o755}}
	for _, root := range beside {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				all = append(all, file{filepath.ToSlash(path), path, 0o644})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// documents copies what is beside the program, with the modes that it has where it is
// installed.
func documents(to string) error {
	for _, root := range beside {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			at := filepath.Join(to, path)
			if err == nil {
				err = os.MkdirAll(filepath.Dir(at), 0o755)
			}
			switch {
			case err == nil && d.IsDir():
				return errors.Join(os.MkdirAll(at, 0o755), os.Chmod(at, 0o755))
			case err == nil && d.Type().IsRegular():
				return errors.Join(copyTo(at, path, 0o644), os.Chmod(at, 0o644))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return os.Chmod(to, 0o755)
}

func (r *release) tarball(to, folder string, files []file) (err error) {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	packed := gzip.NewWriter(out)
	w := tar.NewWriter(packed)
	for _, f := range files {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		err = w.WriteHeader(&tar.Header{Name: folder + "/" + f.name, Mode: int64(f.mode), Size: int64(len(text)), ModTime: r.at, Format: tar.FormatPAX})
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), packed.Close())
}

func (r *release) zipped(to, folder string, files []file) (err error) {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := zip.NewWriter(out)
	for _, f := range files {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: folder + "/" + f.name, Method: zip.Deflate, Modified: r.at}
		h.SetMode(f.mode)
		one, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := one.Write(text); err != nil {
			return err
		}
	}
	return w.Close()
}

// pack makes a package. Unit and configuration are those of the source, changed in what a
// package decides: where the program is, whose the process is, where the database lies.
func (r *release) pack(work, format, arch, name string) (string, error) {
	for to, change := range map[string]struct {
		from string
		swap []string
	}{
		"yanquan.service": {"deploy/yanquan.service", []string{"/usr/local/bin/yanquan", "/usr/bin/yanquan", "DynamicUser=yes", "User=yanquan\nGroup=yanquan"}},
		"config.yaml":     {"config.yaml", []string{`dsn: "yanquan.db"`, `dsn: "/var/lib/yanquan/yanquan.db"`}},
	} {
		text, err := os.ReadFile(change.from)
		if err != nil {
			return "", err
		}
		made := string(text)
		for i := 0; i < len(change.swap); i += 2 {
			if !strings.Contains(made, change.swap[i]) {
				return "", fmt.Errorf("%s lacks %q", change.from, change.swap[i])
			}
			made = strings.ReplaceAll(made, change.swap[i], change.swap[i+1])
		}
		if to == "yanquan.service" { // the comment at its top says how to install it by hand
			made = made[strings.Index(made, "[Unit]"):]
		}
		if err := os.WriteFile(filepath.Join(work, to), []byte(made), 0o644); err != nil {
			return "", err
		}
	}
	if err := documents(filepath.Join(work, "beside")); err != nil {
		return "", err
	}
	to := filepath.Join(r.out, name+"."+format)
	cmd := exec.Command("go", "run", nfpm, "package", "--config", "deploy/package/nfpm.yaml", "--packager", format, "--target", to)
	// nfpm itself runs on this machine, whatever the package is for.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOOS=", "GOARCH=", "ARCH="+arch, "VERSION="+r.version, "WORK="+work, "SOURCE_DATE_EPOCH="+fmt.Sprint(r.at.Unix()))
	return to, ran(cmd)
}

// sums writes SHA256SUMS, which "sha256sum -c" reads.
func (r *release) sums(made []string) error {
	slices.Sort(made)
	lines := ""
	for _, path := range made {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		lines += fmt.Sprintf("%x  %s\n", h.Sum(nil), filepath.Base(path))
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(lines), 0o644)
}
