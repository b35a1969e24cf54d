package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"yanquan/internal/config"
	"yanquan/models"
)

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Addresses hold links for one person, so no server block may log a request, and an
// error quotes one.
func TestProxiesLogNoLinks(t *testing.T) {
	t.Parallel()
	nginx := deployed(t, "deploy/nginx.conf")
	servers := strings.Split(nginx, "\nserver {")[1:]
	for _, server := range servers {
		if !strings.Contains(server, "\n    access_log off;") || !strings.Contains(server, "\n    error_log /var/log/nginx/error.log emerg;") {
			t.Errorf("logs addresses:\n%s", server)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^\s*(access|error)_log `).FindAllString(nginx, -1)); n != 2*len(servers) || len(servers) != 2 {
		t.Errorf("%d logs in %d servers", n, len(servers))
	}
	if caddy := deployed(t, "deploy/Caddyfile"); !strings.Contains(caddy, "request>uri delete") || !strings.Contains(caddy, "request>headers delete") {
		t.Error("Caddy's lines about errors quote addresses")
	}
}

// Sign-ins are limited in front of the bot, too, and callbacks are not.
func TestProxiesLimitSignIns(t *testing.T) {
	t.Parallel()
	nginx := deployed(t, "deploy/nginx.conf")
	for place, limited := range map[string]bool{"/": true, "/console/in": true, "/auth/": true, "/wecom/": false, "~ ^/auth/[a-z]+/notice": false} {
		_, block, ok := strings.Cut(nginx, "location "+place+" {")
		block, _, _ = strings.Cut(block, "}")
		if !ok || strings.Contains(block, "limit_req zone=") != limited {
			t.Errorf("%s: %q", place, block)
		}
	}
	for name, text := range map[string]string{"nginx": nginx, "Caddy": deployed(t, "deploy/Caddyfile")} {
		if !strings.Contains(text, "Strict-Transport-Security") || !strings.Contains(text, "/console/in") {
			t.Errorf("%s lets browsers back to http:, or anybody try", name)
		}
	}
}

// The image asks by a command that the program has.
func TestContainerHealth(t *testing.T) {
	t.Parallel()
	check := regexp.MustCompile(`(?m)^HEALTHCHECK .* CMD (\[.*\])$`).FindStringSubmatch(deployed(t, "deploy/Containerfile"))
	var args []string
	if check == nil || json.Unmarshal([]byte(check[1]), &args) != nil || len(args) < 2 {
		t.Fatalf("no health check: %q", check)
	}
	if status, _, stderr := runCLI(t, args[1:]...); status == exitUsage {
		t.Errorf("%q: %s", args, stderr)
	}
}

// The image is built from all of the program, and no secrets get near it.
func TestContainerContext(t *testing.T) {
	t.Parallel()
	lines := strings.Split(deployed(t, ".dockerignore"), "\n")
	if !slices.Contains(lines, "*") {
		t.Error("takes whatever there is")
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		folder, ours := strings.CutPrefix(path, "yanquan/")
		folder, _, _ = strings.Cut(folder, "/")
		if ours && !slices.Contains(lines, "!"+folder) {
			t.Errorf("leaves out %s", path)
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "!deploy") || strings.HasPrefix(line, "!.") || line == "!config.yaml" {
			t.Errorf("takes in %s", line)
		}
	}
}

// The unit gives the process no more than it needs.
func TestUnitIsHardened(t *testing.T) {
	t.Parallel()
	unit := deployed(t, "deploy/yanquan.service")
	for _, want := range []string{
		"UMask=0077", "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "SystemCallErrorNumber=EPERM", "SystemCallArchitectures=native",
		"NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectKernelLogs=yes", "ProtectProc=invisible", "RestrictSUIDSGID=yes", "RestrictRealtime=yes",
	} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("lacks %s", want)
		}
	}
}

// installed runs what the head of the unit says about files, with a folder in place of
// /etc/yanquan.
func installed(t *testing.T) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "etc")
	head, _, _ := strings.Cut(deployed(t, "deploy/yanquan.service"), "[Unit]")
	var commands []string
	for line := range strings.Lines(head) {
		if command, ok := strings.CutPrefix(line, "#   "); ok && strings.Contains(command, " /etc/yanquan") {
			commands = append(commands, strings.ReplaceAll(command, "/etc/yanquan", folder))
		}
	}
	cmd := exec.Command("sh", "-eu")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stdin = strings.NewReader(strings.Join(commands, ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", commands, err, out)
	}
	return folder
}

// What the unit's head installs names the database by its whole path, so that every
// command finds it from anywhere, and keeps secrets private.
func TestUnitInstalls(t *testing.T) {
	t.Parallel()
	folder := installed(t)
	text, err := os.ReadFile(filepath.Join(folder, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dsn := regexp.MustCompile(`(?m)^  dsn: "(.*)"$`).FindStringSubmatch(string(text))
	if dsn == nil || models.RelativeSQLite(dsn[1]) || filepath.Dir(dsn[1]) != "/var/lib/yanquan" {
		t.Errorf("the database is %q", dsn)
	}
	for name, want := range map[string]os.FileMode{"config.yaml": 0o640, ".env": 0o600} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

// The key that is made by hand is its owner's alone, whatever the shell's umask.
func TestKeyByHandIsPrivate(t *testing.T) {
	t.Parallel()
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		command := regexp.MustCompile("`([^`]*YANQUAN_SECRET_KEY=[^`]*)`").FindStringSubmatch(deployed(t, readme))
		if command == nil {
			t.Fatalf("%s does not say how", readme)
		}
		cmd := exec.Command("sh", "-euc", "umask 022\n"+command[1])
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", command[1], err, out)
		}
		if info, err := os.Stat(filepath.Join(cmd.Dir, ".env")); err != nil || info.Mode().Perm() != 0o600 || info.Size() < 40 {
			t.Errorf("%s: %v %v", readme, info, err)
		}
	}
}

// credential is the line of the unit that hands a file of ${file:NAME} over, to be copied.
func credential(t *testing.T) (line, name string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^#(LoadCredential=([^:/]+):/etc/yanquan/(.*))$`).FindStringSubmatch(deployed(t, "deploy/yanquan.service"))
	if found == nil || found[2] != found[3] {
		t.Fatalf("the unit has no such line: %q", found)
	}
	return found[1], found[2]
}

// A secret in a file is read by commands and, by the line of the unit, by serve, from one
// config.yaml. Without that line serve says it.
func TestUnitHandsFilesOver(t *testing.T) {
	t.Parallel()
	line, name := credential(t)
	text := []byte("secret_key: ${file:" + name + "}\n")
	etc, handed := t.TempDir(), t.TempDir()
	write := func(folder, name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(folder string, env map[string]string) error {
		cfg, err := config.Load(filepath.Join(folder, "config.yaml"), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		if err == nil && cfg.SecretKey != testKey {
			t.Errorf("read %q", cfg.SecretKey)
		}
		return err
	}
	write(etc, "config.yaml", text)
	write(etc, name, []byte(testKey+"\n"))
	if err := load(etc, nil); err != nil {
		t.Errorf("a command: %v", err)
	}
	write(handed, "config.yaml", text)
	unit := map[string]string{"CREDENTIALS_DIRECTORY": handed}
	if err := load(handed, unit); err == nil || !strings.Contains(err.Error(), line) {
		t.Errorf("serve without the line: %v", err)
	}
	if err := load(handed, nil); err == nil || strings.Contains(err.Error(), "LoadCredential") {
		t.Errorf("without systemd: %v", err)
	}
	write(handed, name, []byte(testKey+"\n"))
	if err := load(handed, unit); err != nil {
		t.Errorf("serve: %v", err)
	}
	write(handed, "config.yaml", []byte("secret_key: ${file:/none/"+name+"}\n"))
	if err := load(handed, unit); err == nil || !strings.Contains(err.Error(), "LoadCredential="+name+":/none/"+name+" in the unit, and ${file:"+name+"} here") {
		t.Errorf("a whole path: %v", err)
	}
	for _, page := range []string{"config.yaml", "README.md", "README.zh-CN.md", "docs/operate.md"} {
		if !strings.Contains(deployed(t, page), "LoadCredential=NAME:/etc/yanquan/NAME") {
			t.Errorf("%s does not say it", page)
		}
	}
}

// systemd takes the unit with the line that is to be copied.
func TestUnitIsTaken(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED LOUDLY: systemd-analyze is missing")
	}
	line, _ := credential(t)
	unit := strings.Replace(deployed(t, "deploy/yanquan.service"), "\n#"+line, "\n"+line, 1)
	file := filepath.Join(t.TempDir(), "yanquan.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit, "/usr/local/bin/yanquan", "/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput()
	if strings.Contains(string(out), "yanquan") {
		t.Errorf("%s", out)
	}
}
