package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/goccy/go-yaml"
)

const hidden = "********"

// Redacted is the configuration as YAML, every default filled in and every
// secret hidden.
func (c *Config) Redacted() string {
	text, err := yaml.Marshal(redact(reflect.ValueOf(c), ""))
	if err != nil {
		return "configuration cannot be shown: " + err.Error()
	}
	return string(text)
}

// String keeps secrets out of formatted text.
func (c *Config) String() string { return c.Redacted() }

// GoString keeps secrets out of %#v.
func (c *Config) GoString() string { return c.Redacted() }

// LogValue keeps secrets out of logs.
func (c *Config) LogValue() slog.Value { return slog.StringValue(c.Redacted()) }

// Secrets lists every secret value, so that a logger can keep them out.
func (c *Config) Secrets() []string {
	var list []string
	eachSecret(reflect.ValueOf(c), "", "", func(_, s string) { list = append(list, s) })
	return list
}

func eachSecret(v reflect.Value, key, secret string, yield func(key, value string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachSecret(v.Elem(), key, secret, yield)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachSecret(v.Index(i), fmt.Sprintf("%s[%d]", key, i), secret, yield)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("yaml") != "" {
				eachSecret(v.Field(i), join(key, f.Tag.Get("yaml")), f.Tag.Get("secret"), yield)
			}
		}
	case reflect.String:
		switch {
		case v.String() == "" || secret == "":
		case secret == "dsn":
			if dsn, err := mysql.ParseDSN(v.String()); err == nil && dsn.Passwd != "" {
				yield(key, dsn.Passwd)
			}
		default:
			yield(key, v.String())
		}
	}
}

func redact(v reflect.Value, secret string) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return redact(v.Elem(), secret)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = redact(v.Index(i), secret)
		}
		return list
	case reflect.Struct:
		section := yaml.MapSlice{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := f.Tag.Get("yaml")
			if name == "" || (f.Type.Kind() == reflect.Pointer && v.Field(i).IsNil()) {
				continue
			}
			section = append(section, yaml.MapItem{Key: name, Value: redact(v.Field(i), f.Tag.Get("secret"))})
		}
		return section
	case reflect.String:
		return hide(v.String(), secret)
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return short(d)
	}
	return v.Interface()
}

func hide(text, secret string) string {
	switch {
	case text == "" || secret == "":
		return text
	case secret == "dsn":
		return RedactDSN(text)
	}
	return hidden
}

// RedactDSN hides the password of a data source name. SQLite's have none.
func RedactDSN(dsn string) string {
	parsed, err := mysql.ParseDSN(dsn)
	if err != nil {
		// A file name; anything that could hold a password is not shown.
		if strings.Contains(dsn, "@") {
			return hidden
		}
		return dsn
	}
	if parsed.Passwd == "" {
		return dsn
	}
	return parsed.User + ":" + hidden + "@" + parsed.Net + "(" + parsed.Addr + ")/" + parsed.DBName
}
