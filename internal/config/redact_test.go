package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// fill sets every field, so that a secret somebody adds later is covered too.
func fill(v reflect.Value, secret string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), secret)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), secret)
		}
	case reflect.Struct:
		for f := range fieldsSeq(v.Type()) {
			fill(v.FieldByIndex(f.Index), f.Tag.Get("secret"))
		}
	case reflect.String:
		switch secret {
		case "true":
			v.SetString("TOPSECRET")
		case "dsn":
			v.SetString("root:TOPSECRET@tcp(db:3306)/yanquan?tls=true")
		default:
			v.SetString("shown: value")
		}
	case reflect.Int64:
		v.SetInt(int64(90 * time.Second))
	}
}

func TestRedacted(t *testing.T) {
	t.Parallel()
	cfg := &Config{}
	fill(reflect.ValueOf(cfg).Elem(), "")
	for _, s := range cfg.Secrets() {
		if s != "TOPSECRET" {
			t.Errorf("%q is no secret", s)
		}
	}
	if len(cfg.Secrets()) == 0 {
		t.Error("no secrets listed")
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", cfg)
	for name, text := range map[string]string{
		"Redacted": cfg.Redacted(), "%v": fmt.Sprintf("%v", cfg), "%+v": fmt.Sprintf("%+v", cfg), "%#v": fmt.Sprintf("%#v", cfg), "slog": log.String(),
	} {
		if strings.Contains(text, "TOPSECRET") {
			t.Errorf("%s shows a secret:\n%s", name, text)
		}
		if !strings.Contains(text, "root:********@tcp(db:3306)/yanquan") || !strings.Contains(text, "shown: value") {
			t.Errorf("%s hides too much:\n%s", name, text)
		}
	}
	// It is a configuration again: same keys, same shape.
	if _, err := load(t, cfg.Redacted(), nil); err == nil || strings.Contains(err.Error(), "unknown key") || strings.Contains(err.Error(), "must be a list") {
		t.Errorf("got %v", err)
	}
}

// A field whose name says secret carries the flag.
func TestSecretFlags(t *testing.T) {
	t.Parallel()
	telling := regexp.MustCompile(`secret|token|_key$|session|password|dsn`)
	public := map[string]bool{"app_key": true, "client_key": true} // sent in the open
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for f := range fieldsSeq(typ) {
			name := f.Tag.Get("yaml")
			if telling.MatchString(name) && !public[name] && f.Tag.Get("secret") == "" {
				t.Errorf("%s.%s looks like a secret but has no secret flag", typ.Name(), f.Name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestRedactDSN(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"yanquan.db":                    "yanquan.db",
		"/var/lib/yanquan/yanquan.db":   "/var/lib/yanquan/yanquan.db",
		"root@tcp(h:1)/db":              "root@tcp(h:1)/db",
		"root:p@ss/w:d@tcp(h:1)/db":     "root:********@tcp(h:1)/db",
		"root:p@localhost no parens/db": "********",
	} {
		if got := RedactDSN(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
