package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"yanquan/models"
)

// Each version names its schema, the newest first. What an earlier one has left in both
// databases is upgraded by TestUpgrade; a schema that changes wants a version of its own.
func TestChangelogNamesSchemas(t *testing.T) {
	t.Parallel()
	text := deployed(t, "CHANGELOG.md")
	versions := regexp.MustCompile(`(?m)^## (v[0-9]+\.[0-9]+\.[0-9]+) \(schema ([0-9]{4}_[a-z]+)\)$`).FindAllStringSubmatch(text, -1)
	if n := strings.Count(text, "\n## "); n != len(versions)+1 || !strings.Contains(text, "\n## Unreleased\n") {
		t.Fatalf("%d headings, %d versions with a schema", n, len(versions))
	}
	for i := 1; i < len(versions); i++ {
		if versions[i-1][1] <= versions[i][1] || versions[i-1][2] < versions[i][2] {
			t.Errorf("%v stands before %v", versions[i-1][1:], versions[i][1:])
		}
	}
	var left []string
	for _, driver := range []string{models.SQLite, models.MySQL} {
		files, err := filepath.Glob(filepath.Join("..", "..", "models", "migrations", driver, "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		var schemas []string
		for _, f := range files {
			schemas = append(schemas, strings.TrimSuffix(filepath.Base(f), ".sql"))
		}
		copied, err := os.ReadFile(setting{driver: driver}.left("sql"))
		if err != nil {
			t.Fatal(err)
		}
		applied := regexp.MustCompile(`'([0-9]{4}_[a-z]+)'`).FindAllStringSubmatch(string(copied), -1)
		last := ""
		for _, a := range applied {
			last = max(last, a[1])
		}
		left = append(left, last)
		for _, v := range versions {
			if !slices.Contains(schemas, v[2]) {
				t.Errorf("%s: there is no migration %s", v[1], v[2])
			}
		}
	}
	for _, v := range versions[1:] { // an upgrade within a schema changes nothing
		if v[2] != versions[0][2] && (left[0] != v[2] || left[1] != v[2]) {
			t.Errorf("an upgrade from %s is not tested: testdata/former is of %q", v[1], left)
		}
	}
}
