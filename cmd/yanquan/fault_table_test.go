package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/faults.md has a row for every fault, with its tests, and names every test of
// a fault in the tree and no other.
func TestFaultTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	row, name := regexp.MustCompile(`(?m)^\| F(\d+) \|.*\|$`), regexp.MustCompile(`TestFault(\d\d)\w+`)
	var faults []string
	named := map[string]bool{}
	for _, line := range row.FindAllStringSubmatch(string(page), -1) {
		faults = append(faults, line[1])
		tests := name.FindAllStringSubmatch(line[0], -1)
		for _, n := range tests {
			named[n[0]] = true
			if strings.TrimLeft(n[1], "0") != line[1] {
				t.Errorf("F%s names %s", line[1], n[0])
			}
		}
		if later := strings.Contains(line[0], "not built yet"); (len(tests) == 0) != later {
			t.Errorf("F%s names %d tests", line[1], len(tests))
		}
	}
	var all []string
	for n := range 28 {
		all = append(all, fmt.Sprint(n+1))
	}
	if !slices.Equal(faults, all) {
		t.Errorf("the rows are F%v", faults)
	}
	if there := faultTests(t); !maps.Equal(there, named) {
		t.Errorf("the page names\n%v\nand there are\n%v", slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(there)))
	}
}

// faultTests are the tests in the tree that are named after a fault.
func faultTests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && regexp.MustCompile(`^TestFault\d\d\w`).MatchString(f.Name.Name) {
				found[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
