package breadth

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A table whose cells start goroutines is played whole under the race detector: no test of
// that kind goes through Cells, or through a function of its package that does.
func TestRacingTablesAreWhole(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../*/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string][]*ast.FuncDecl{}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], fn)
			}
		}
	}
	thinned, racing := 0, 0
	for folder, fns := range folders {
		if filepath.Base(folder) == "breadth" {
			continue
		}
		thin, starts := callers(fns, isCells), callers(fns, nil)
		for _, fn := range fns {
			name := fn.Name.Name
			if !strings.HasPrefix(name, "Test") {
				continue
			}
			if thin[name] {
				thinned++
			}
			if starts[name] {
				racing++
			}
			if thin[name] && starts[name] && isTable(fn) {
				t.Errorf("%s of %s starts goroutines in a table that is thinned out", name, folder)
			}
		}
	}
	if thinned < 100 || racing < 20 {
		t.Errorf("only %d tests are found that thin out and %d that start goroutines", thinned, racing)
	}
}

// callers are the functions with something in them, and those that call one of these;
// without a question, that is a goroutine.
func callers(fns []*ast.FuncDecl, has func(ast.Node) bool) map[string]bool {
	if has == nil {
		has = isGoroutine
	}
	found := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, fn := range fns {
			if found[fn.Name.Name] || fn.Body == nil {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if n != nil && (has(n) || found[called(n)]) {
					found[fn.Name.Name], changed = true, true
				}
				return !found[fn.Name.Name]
			})
		}
	}
	return found
}

// called is the name of the function that a call calls.
func called(n ast.Node) string {
	c, ok := n.(*ast.CallExpr)
	if !ok {
		return ""
	}
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// isTable reports whether a test has subtests.
func isTable(fn *ast.FuncDecl) (yes bool) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if called(n) == "Run" {
			x, _ := n.(*ast.CallExpr).Fun.(*ast.SelectorExpr).X.(*ast.Ident)
			yes = yes || x != nil && x.Name == "t"
		}
		return !yes
	})
	return yes
}

func isCells(n ast.Node) bool { return called(n) == "Cells" }

func isGoroutine(n ast.Node) bool {
	_, starts := n.(*ast.GoStmt)
	c, call := n.(*ast.CallExpr)
	if !starts && call {
		s, of := c.Fun.(*ast.SelectorExpr)
		if of && s.Sel.Name == "Test" {
			x, named := s.X.(*ast.Ident)
			return named && x.Name == "synctest"
		}
		return of && s.Sel.Name == "Go"
	}
	return starts
}
