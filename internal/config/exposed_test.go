//go:build unix

package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A file with a secret that others can read is told: config.yaml where it is written out
// there, what ${file:…} names, .env.
func TestExposed(t *testing.T) {
	t.Parallel()
	const platform = "\nmeituan: {developer_id: '1', sign_key: '"
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want []string // beside config.yaml
	}{
		"literal":             {"secret_key: " + testKey, 0o644, []string{"config.yaml"}},
		"literal, group":      {"secret_key: " + testKey, 0o640, []string{"config.yaml"}},
		"literal, private":    {"secret_key: " + testKey, 0o600, nil},
		"one of two":          {"secret_key: ${KEY}" + platform + "hush'}", 0o644, []string{"config.yaml"}},
		"a former key":        {"secret_key: ${KEY}\nsecret_keys: [" + testKey + "]", 0o644, []string{"config.yaml"}},
		"a password":          {"secret_key: ${KEY}\ndatabase: {driver: mysql, dsn: 'u:hush@tcp(h:1)/x'}", 0o644, []string{"config.yaml"}},
		"no password":         {"secret_key: ${KEY}\ndatabase: {driver: mysql, dsn: 'u@tcp(h:1)/x'}", 0o644, nil},
		"a part is elsewhere": {"secret_key: ${KEY}\ndatabase: {driver: mysql, dsn: 'u:${PASSWORD}@tcp(h:1)/x'}", 0o644, nil},
		"elsewhere":           {"secret_key: ${KEY}" + platform + "${SIGN}'}", 0o644, nil},
		"a file":              {"secret_key: ${KEY}" + platform + "${file:open}'}", 0o644, []string{"open"}},
		"a private file":      {"secret_key: ${KEY}" + platform + "${file:shut}'}", 0o644, nil},
		"no secret in a file": {"secret_key: ${KEY}\ntimezone: '${file:zone}'", 0o644, nil},
	} {
		path := write(t, tt.text+"\n")
		dir := filepath.Dir(path)
		for file, mode := range map[string]os.FileMode{"open": 0o604, "shut": 0o600, "zone": 0o644} {
			text := map[string]string{"zone": "Asia/Shanghai"}[file] + map[string]string{"open": "hush", "shut": "hush"}[file]
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"KEY": testKey, "SIGN": "hush", "PASSWORD": "hush"}
		cfg, err := Load(path, vars(env))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var want []string
		for _, file := range tt.want {
			want = append(want, filepath.Join(dir, file))
		}
		if got := cfg.Exposed(); !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}

		// What systemd hands to one service is that service's, though its mode says otherwise.
		env["CREDENTIALS_DIRECTORY"] = dir
		if cfg, err := Load(path, vars(env)); err != nil || len(cfg.Exposed()) > 0 {
			t.Errorf("%s, as credentials: told %q, %v", name, cfg.Exposed(), err)
		}
		delete(env, "CREDENTIALS_DIRECTORY")

		if err := os.WriteFile(filepath.Join(dir, DotEnv), []byte("A=hush\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if cfg, err := Load(path, vars(env)); err != nil || !slices.Contains(cfg.Exposed(), filepath.Join(dir, DotEnv)) {
			t.Errorf("%s: .env is not told: %v", name, err)
		}
	}
}
