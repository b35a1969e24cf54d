package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What .env beside the file says is as good as the environment, which wins.
func TestDotEnvBesideTheFile(t *testing.T) {
	t.Parallel()
	path := write(t, "secret_key: ${KEY}\nmanagers: ['${WHO}']\nmeituan: {developer_id: '${ID}', sign_key: '${SIGN}'}\n")
	text := "\ufeff# secrets\r\n\r\nKEY=" + testKey + "\r\nexport WHO = boss\nID='10 # 0'\nSIGN=\"a=b\"\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), DotEnv), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path, vars(map[string]string{"WHO": "sunba"}))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SecretKey != testKey || cfg.Managers[0] != "sunba" || cfg.Meituan.DeveloperID != "10 # 0" || cfg.Meituan.SignKey != "a=b" {
		t.Errorf("secret key %q, managers %q, meituan %q %q", cfg.SecretKey, cfg.Managers, cfg.Meituan.DeveloperID, cfg.Meituan.SignKey)
	}
}

// What is wrong with .env is told by its line, and shows no value.
func TestDotEnvProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A=1\nhush hush\n":      ":2: must be NAME=VALUE",
		"9A=hush\n":             ":1: must be NAME=VALUE",
		"A='hush\n":             ":1: must be NAME=VALUE",
		"A=\"hu\\sh\"\n":        ":1: must be NAME=VALUE",
		"A=1\nB=hush\xc8\xcb\n": ":2: this is not UTF-8",
	} {
		path := write(t, "secret_key: "+testKey+"\n")
		beside := filepath.Join(filepath.Dir(path), DotEnv)
		if err := os.WriteFile(beside, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, vars(nil))
		if err == nil || !strings.Contains(err.Error(), beside+want) || strings.Contains(err.Error(), "hu") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A line that is written is read as it was, and what no line says is not written.
func TestFormatEnv(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "N=", "abc+/=": "N=abc+/=", "a b": "N='a b'", "a#$`\\": "N='a#$`\\'", "it's": `N="it's"`, `a"b`: `N='a"b'`,
		"it's $1": "", "a\nb": "", ` "a' `: "",
	} {
		line, ok := FormatEnv("N", value)
		if line != want || ok != (want != "") {
			t.Errorf("%q is written %q, %v", value, line, ok)
		}
		if _, back, read := EnvLine(line); ok && (!read || back != value) {
			t.Errorf("%q comes back as %q", value, back)
		}
	}
}
