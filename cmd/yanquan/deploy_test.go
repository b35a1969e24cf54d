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
