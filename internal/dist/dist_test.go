package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// made is a release whose program is a script that says its version: what is tested is how
// it is packed.
func made(t *testing.T, version string) *release {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
	r := &release{version: version, out: t.TempDir(), at: time.Unix(1764500000, 0), binary: filepath.Join(t.TempDir(), "program")}
	if err := os.WriteFile(r.binary, []byte("#!/bin/sh\necho yanquan "+version+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestArchives(t *testing.T) {
	sums := ""
	for range 2 { // the same twice
		t.Run("", func(t *testing.T) {
			r := made(t, "v1.2.3")
			var files []string
			for _, target := range []string{"darwin/arm64", "windows/amd64"} {
				one, err := r.make(target)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, one...)
			}
			if err := r.sums(files); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(r.out, "SHA256SUMS"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"yanquan_1.2.3_darwin_arm64.tar.gz", "yanquan_1.2.3_windows_amd64.zip"} {
				archive, err := os.ReadFile(filepath.Join(r.out, name))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(text), fmt.Sprintf("%x  %s\n", sha256.Sum256(archive), name)) {
					t.Errorf("no sum of %s in\n%s", name, text)
				}
			}
			if sums != "" && sums != string(text) {
				t.Errorf("twice is not the same:\n%s%s", sums, text)
			}
			sums = string(text)
			tarred, zipped := inTar(t, filepath.Join(r.out, "yanquan_1.2.3_darwin_arm64.tar.gz")), inZip(t, filepath.Join(r.out, "yanquan_1.2.3_windows_amd64.zip"))
			for _, want := range []string{"yanquan -rwxr-xr-x", "config.yaml -rw-r--r--", "README.md -rw-r--r--", "docs/operate.md -rw-r--r--", "deploy/yanquan.service -rw-r--r--"} {
				if !slices.Contains(tarred, "yanquan_1.2.3_darwin_arm64/"+want) {
					t.Errorf("no %s in %q", want, tarred)
				}
				if want = strings.Replace(want, "yanquan -", "yanquan.exe -", 1); !slices.Contains(zipped, "yanquan_1.2.3_windows_amd64/"+want) {
					t.Errorf("no %s in %q", want, zipped)
				}
			}
		})
	}
}

func inTar(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name+" "+h.FileInfo().Mode().String())
	}
}

func inZip(t *testing.T, path string) (names []string) {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, f := range r.File {
		names = append(names, f.Name+" "+f.Mode().String())
	}
	return names
}

func TestRefusesOtherTargets(t *testing.T) {
	r := made(t, "v1.2.3")
	if _, err := r.make("plan9/amd64"); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
		t.Errorf("%v", err)
	}
}

// missing skips a test loudly, and fails it where everything should be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("SKIPPED LOUDLY: " + what)
}

// packages makes those of a version for this machine.
func packages(t *testing.T, version, setting string) (deb, rpm string) {
	t.Helper()
	r := made(t, version)
	if setting != "" { // the next version ships another configuration
		source := t.TempDir()
		if err := os.CopyFS(source, os.DirFS(".")); err != nil {
			t.Fatal(err)
		}
		t.Chdir(source)
		text, err := os.ReadFile("config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("config.yaml", append(text, setting...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := r.make("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		switch filepath.Ext(f) {
		case ".deb":
			deb = f
		case ".rpm":
			rpm = f
		}
	}
	return deb, rpm
}

// rehearse is what happens to a machine, told to a shell in a copy of this one's files that
// is gone afterwards.
const rehearse = `set -eu
root=$(mktemp -d)
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/all" "$root/packages"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/all"
mount -t tmpfs tmpfs "$root/all/run"
mount -t tmpfs tmpfs "$root/all/tmp"
cp "$1" "$root/all/tmp/first.deb"
cp "$2" "$root/all/tmp/second.deb"
exec chroot "$root/all" /bin/sh -eu -c '
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
is() { [ "$1" = "$2" ] || { echo "is [$1], not [$2]: $3"; exit 1; }; }
dpkg -i /tmp/first.deb
is "$(yanquan version)" "yanquan v1.0.0" "the program"
is "$(stat -c "%a %U" /var/lib/yanquan)" "700 yanquan" "the folder of the database"
is "$(stat -c %a /etc/yanquan/.env)" "600" "the secrets"
is "$(stat -c %a /etc/yanquan/config.yaml)" "640" "the configuration"
getent passwd yanquan | grep -q nologin
grep -q "^User=yanquan" /usr/lib/systemd/system/yanquan.service
if command -v systemd-analyze >/dev/null; then
  is "$(systemd-analyze verify --man=no /usr/lib/systemd/system/yanquan.service 2>&1 | grep yanquan)" "" "what systemd finds in the unit"
fi
grep -q "/var/lib/yanquan/yanquan.db" /etc/yanquan/config.yaml
echo "# ours" >> /etc/yanquan/config.yaml
echo "YANQUAN_SECRET_KEY=ours" >> /etc/yanquan/.env
echo rows > /var/lib/yanquan/yanquan.db
chown yanquan: /var/lib/yanquan/yanquan.db
uid=$(id -u yanquan)
kept() {
  is "$(tail -n 1 /etc/yanquan/config.yaml)" "# ours" "$1: the configuration"
  is "$(tail -n 1 /etc/yanquan/.env)" "YANQUAN_SECRET_KEY=ours" "$1: the secrets"
  is "$(cat /var/lib/yanquan/yanquan.db)" rows "$1: the database"
  is "$(stat -c %u /var/lib/yanquan/yanquan.db)" "$uid" "$1: its owner"
}
dpkg -i --force-confold /tmp/second.deb
is "$(yanquan version)" "yanquan v1.1.0" "the program after the upgrade"
kept upgraded
dpkg -r yanquan
[ ! -e /usr/bin/yanquan ]
kept removed
dpkg -i --force-confold /tmp/second.deb
kept "installed again"
dpkg -P yanquan
[ ! -e /etc/yanquan/config.yaml ]
is "$(cat /var/lib/yanquan/yanquan.db)" rows "purged: the database"
echo all is well
'`

// What the documents of an archive or a package refer to is in it.
func TestGivenOutDocuments(t *testing.T) {
	for name, list := range map[string]func(*testing.T) []string{"archive": inArchive, "package": inPackage} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(filepath.Join("..", ".."))
			there := map[string]bool{}
			for _, path := range list(t) {
				for ; path != "."; path = filepath.Dir(path) { // a folder, too
					there[path] = true
				}
			}
			for _, want := range []string{"README.md", "README.zh-CN.md", "CHANGELOG.md", "docs/operate.md", "docs/hooks.openapi.yaml", "docs/images/chat.png"} {
				if !there[want] {
					t.Errorf("there is no %s", want)
				}
			}
			for path := range there {
				if filepath.Ext(path) == ".md" {
					refers(t, path, there)
				}
			}
		})
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)|(?:src|href)="([^"]+)"`)

// refers fails where a document refers to what is not there.
func refers(t *testing.T, name string, there map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range link.FindAllSubmatch(text, -1) {
		to, _, _ := strings.Cut(string(m[1])+string(m[2]), "#")
		if to != "" && !strings.Contains(to, "://") && !there[filepath.Join(filepath.Dir(name), to)] {
			t.Errorf("%s refers to %s, which is not in it", name, to)
		}
	}
}

// inArchive lists an archive.
func inArchive(t *testing.T) (names []string) {
	t.Helper()
	files, err := new(release).contents("yanquan")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.name)
	}
	return names
}

// inPackage lists the documents of a package for Debian.
func inPackage(t *testing.T) (names []string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		missing(t, "there is no dpkg-deb: packages are not looked into")
	}
	t.Chdir(filepath.Join("internal", "dist"))
	deb, _ := packages(t, "v1.2.3", "")
	packed, err := exec.Command("dpkg-deb", "--fsys-tarfile", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader(packed)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		path, ok := strings.CutPrefix(filepath.Clean("/"+h.Name), "/usr/share/doc/yanquan/")
		if !ok {
			continue
		}
		if want := map[byte]int64{tar.TypeReg: 0o644, tar.TypeDir: 0o755}[h.Typeflag]; h.Mode != want {
			t.Errorf("%s has the mode %o", path, h.Mode)
		}
		if h.Typeflag == tar.TypeReg {
			names = append(names, path)
		}
	}
}

// A package is installed, upgraded to the next version, removed, installed again and purged
// by dpkg, in a copy of this machine.
func TestDebOnDebian(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		missing(t, "there is no dpkg: packages are not installed")
	}
	var first, second string
	t.Run("v1.0.0", func(t *testing.T) { first = kept(t, "v1.0.0", "") })
	t.Run("v1.1.0", func(t *testing.T) { second = kept(t, "v1.1.0", "\n# new in v1.1.0\n") })
	t.Cleanup(func() { os.Remove(first); os.Remove(second) })
	if t.Failed() {
		return
	}
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("%s is here, and no mounts of one's own: %v %s; run as root", dpkg, err, out))
	}
	out, err := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", rehearse, "sh", first, second).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "all is well") {
		t.Errorf("%v\n%s", err, out)
	}
}

// kept makes a package and moves it where it outlives its test.
func kept(t *testing.T, version, setting string) string {
	t.Helper()
	deb, rpm := packages(t, version, setting)
	if info, err := os.Stat(rpm); err != nil || info.Size() < 1000 {
		t.Errorf("%s: %v", rpm, err)
	}
	f, err := os.CreateTemp("", "yanquan-*.deb")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := copyTo(f.Name(), deb, 0o644); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// The container file is built where an engine and its base image are, without a network;
// elsewhere its steps are run on this machine.
func TestContainerBuilds(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	for _, engine := range []string{"podman", "docker"} {
		if exec.Command(engine, "info").Run() != nil || exec.Command(engine, "image", "inspect", "docker.io/library/golang:1.26-bookworm").Run() != nil {
			continue
		}
		modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"build", "--network=none", "-f", "deploy/Containerfile", "-t", "yanquan-test"}
		if engine == "podman" {
			args = append(args, "--format", "docker", "-v", strings.TrimSpace(string(modules))+":/go/pkg/mod")
		}
		if out, err := exec.Command(engine, append(args, ".")...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	t.Log("no engine for containers has the base image: the steps of the container file are run here, and no image is built")
	runSteps(t)
}

// runSteps runs the first stage of the container file on what its context has, and fails
// unless the second stage can copy what it wants: a program of that version, which needs
// no C library.
func runSteps(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("deploy/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	build, image, found := strings.Cut(string(text), "\nFROM scratch\n")
	steps := regexp.MustCompile(`(?m)^RUN (.+)$`).FindAllStringSubmatch(build, -1)
	if !found || len(steps) == 0 {
		t.Fatal("the container file has other stages than this test knows")
	}
	context, program := imageContext(t), filepath.Join(t.TempDir(), "yanquan")
	for _, step := range steps {
		run := exec.Command("sh", "-c", strings.Replace(step[1], "-o /yanquan ", "-o "+program+" ", 1))
		run.Dir, run.Env = context, append(os.Environ(), "VERSION=v1.2.3", "GOFLAGS=")
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step[1], err, out)
		}
	}
	if out, err := exec.Command(program, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), "v1.2.3") {
		t.Errorf("version: %v\n%s", err, out)
	}
	binary, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs %v (%v)", libraries, err)
	}
	for _, c := range regexp.MustCompile(`(?m)^COPY --from=build (\S+) `).FindAllStringSubmatch(image, -1) {
		if c[1] == "/yanquan" {
			continue
		}
		if _, err := os.Stat(c[1]); err != nil {
			t.Errorf("the image copies what the build has not: %v", err)
		}
	}
}

// imageContext copies what .dockerignore lets through.
func imageContext(t *testing.T) string {
	t.Helper()
	ignore, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	for _, m := range regexp.MustCompile(`(?m)^!(\S+)$`).FindAllStringSubmatch(string(ignore), -1) {
		err := filepath.WalkDir(m[1], func(path string, d fs.DirEntry, err error) error {
			name := filepath.Base(path)
			switch {
			case err != nil:
				return err
			case d.IsDir():
				return os.MkdirAll(filepath.Join(to, path), 0o755)
			case name == ".env", strings.Contains(name, ".db"), strings.HasSuffix(name, "_test.go"):
				return nil
			}
			return copyTo(filepath.Join(to, path), path, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}
