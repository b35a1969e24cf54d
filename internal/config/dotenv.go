package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DotEnv is the name of the file of secrets beside config.yaml.
const DotEnv = ".env"

// Environment is env, and behind it what .env beside the file at path says, if there is
// one. Its problems are those of a file of NAME=VALUE lines.
func Environment(path string, env func(string) (string, bool)) (func(string) (string, bool), error) {
	beside := filepath.Join(filepath.Dir(path), DotEnv)
	raw, err := os.ReadFile(beside)
	if errors.Is(err, fs.ErrNotExist) {
		return env, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	values, err := ParseEnv(beside, raw)
	if err != nil {
		return nil, err
	}
	return func(name string) (string, bool) {
		if v, ok := env(name); ok {
			return v, true
		}
		v, ok := values[name]
		return v, ok
	}, nil
}

// ParseEnv reads lines of NAME=VALUE, as systemd and container engines do: a # in front
// makes a comment, quotes around a value are taken off, and nothing within is replaced.
// file is what problems are reported of; they show no value.
func ParseEnv(file string, raw []byte) (map[string]string, error) {
	problems := &Problems{File: file}
	text, at, err := utf8Text(raw)
	if err != nil {
		problems.add(at, "", "%s", err)
		return nil, problems
	}
	values := map[string]string{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := EnvLine(line)
		if !ok {
			problems.add(n, "", "must be NAME=VALUE, with a quote at both ends of the value or at none")
			continue
		}
		values[name] = value
	}
	return values, problems.orNil()
}

// EnvLine reads one line of NAME=VALUE.
func EnvLine(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(strings.TrimSpace(line), "=")
	name = strings.TrimSpace(strings.TrimPrefix(name, "export "))
	value = strings.TrimSpace(value)
	if !ok || !variableName.MatchString(name) {
		return "", "", false
	}
	if value == "" || value[0] != '\'' && value[0] != '"' {
		return name, value, true
	}
	quote := value[:1]
	inner, closed := strings.CutSuffix(value[1:], quote)
	// Readers differ about what a backslash in double quotes does.
	if !closed || strings.Contains(inner, quote) || quote == `"` && strings.ContainsAny(inner, "\\$`") {
		return "", "", false
	}
	return name, inner, true
}

// FormatEnv is the line for a value, quoted where readers of such files differ; false: no
// line says it.
func FormatEnv(name, value string) (line string, ok bool) {
	for _, quote := range []string{"", "'", `"`} {
		line = name + "=" + quote + value + quote
		plain := !strings.ContainsAny(value, " \t#$`\\\"'")
		if _, back, ok := EnvLine(line); ok && back == value && (quote != "" || plain) && !strings.ContainsAny(value, "\r\n") {
			return line, true
		}
	}
	return "", false
}
