package setup

import (
	"slices"
	"strings"
)

// answers are all that there are, wherever they come from.
type answers struct {
	env    func(string) (string, bool)
	file   map[string]string // of a machine
	former map[string]string // of the config.yaml that is there
	kept   *store
	typed  map[string]string // in this run
}

// given is an answer that need not be asked for: typed in this run, from the environment,
// the file of answers, .env, an earlier run, or the config.yaml that is there.
func (a *answers) given(f field) (string, bool) {
	if v, ok := a.typed[f.key]; ok {
		return v, true
	}
	for _, name := range []string{f.env, f.variable()} {
		if v, ok := a.env(name); ok && name != "" && strings.TrimSpace(v) != "" {
			return strings.TrimSpace(v), true
		}
	}
	for _, from := range []map[string]string{a.file, a.kept.secrets(f), a.kept.Answers, a.former} {
		if v, ok := from[f.key]; ok {
			return v, true
		}
	}
	return "", false
}

// public is public_url, which was asked for.
func (a *answers) public() string { return unless(a.value("public_url")) }

// value is an answer that was asked for; none where it was not.
func (a *answers) value(key string) string {
	f := fieldOf(key)
	if v, ok := a.given(f); ok {
		return v
	}
	return f.plain
}

// anew reports whether one of some answers was given in this run.
func (a *answers) anew(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { _, ok := a.typed[key]; return ok })
}
