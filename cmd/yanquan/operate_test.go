package main

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"yanquan/bot/doctor"
	"yanquan/bot/platform"
	"yanquan/bot/words"
	"yanquan/models"
)

// The runbook is held against the program's own source: what can be said stands in it.

// sources parses the packages of the program below some folders, without tests, fakes and
// tools.
func sources(t *testing.T, folders ...string) (files []*ast.File) {
	t.Helper()
	for _, folder := range folders {
		root := filepath.Join("..", "..", folder)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (strings.HasSuffix(d.Name(), "test") || d.Name() == "demo" || d.Name() == "testdata"):
				return fs.SkipDir
			case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			files = append(files, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

var program = []string{"bot", "cmd/yanquan", "internal/app", "internal/jobs", "models", "dianping", "douyin"}

// calls visits every call of a method in some files, with the method's name.
func calls(files []*ast.File, visit func(method string, on ast.Expr, args []ast.Expr)) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				switch fun := call.Fun.(type) {
				case *ast.SelectorExpr:
					visit(fun.Sel.Name, fun.X, call.Args)
				case *ast.Ident:
					visit(fun.Name, nil, call.Args)
				}
			}
			return true
		})
	}
}

// text is what an expression of literals says, with … for what it fills in.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			return ""
		}
		return regexp.MustCompile(`%[+#]?[0-9.]*[a-zA-Z]`).ReplaceAllString(s, "…")
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	case *ast.CallExpr:
		if fun, ok := e.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name == "Sprintf" {
			return text(e.Args[0])
		}
	case *ast.Ident:
		if e.Obj != nil {
			if spec, ok := e.Obj.Decl.(*ast.ValueSpec); ok && len(spec.Values) == 1 && e.Obj.Kind == ast.Con {
				return text(spec.Values[0])
			}
		}
	}
	return "…"
}

// isLog reports whether a method of an expression writes to the log.
func isLog(on ast.Expr) bool {
	switch on := on.(type) {
	case *ast.Ident:
		return strings.EqualFold(on.Name, "log")
	case *ast.SelectorExpr:
		return on.Sel.Name == "Log" || on.Sel.Name == "log"
	}
	return false
}

// logged are the messages of a level or worse, and the keys of all.
func logged(files []*ast.File) (messages, keys []string) {
	levels := map[string]int{"Debug": 0, "Info": 1, "Warn": 2, "Error": 3}
	calls(files, func(method string, on ast.Expr, args []ast.Expr) {
		name, withContext := strings.CutSuffix(method, "Context")
		level, ok := levels[name]
		with := name == "With"
		if on == nil || !isLog(on) || !ok && !with {
			return
		}
		if withContext {
			args = args[1:]
		}
		if !with {
			if level >= 2 {
				messages = append(messages, text(args[0]))
			}
			args = args[1:]
		}
		for i := 0; i < len(args); i += 2 {
			if key := text(args[i]); key != "…" {
				keys = append(keys, key)
			}
		}
	})
	return unique(messages), unique(keys)
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// findings are what doctor says is wrong or may be, by the section of the runbook.
func findings(files []*ast.File) map[string][]string {
	found := map[string][]string{}
	add := func(format string) { found[topicOf(format)] = append(found[topicOf(format)], format) }
	calls(files, func(method string, on ast.Expr, args []ast.Expr) {
		switch {
		case on != nil && (method == "bad" || method == "warn"):
			if format := text(args[1]); !strings.HasPrefix(format, "callback …: …") { // fail says those
				add(format)
			}
		case on == nil && method == "fail":
			add("callback …: " + text(args[1]))
		}
	})
	return found
}

func topicOf(format string) string {
	_, topic, _ := strings.Cut(doctor.Section(strings.ReplaceAll(format, "…", "%")), "#doctor-")
	return topic
}

// constants are the values of the string constants whose name begins with a prefix.
func constants(files []*ast.File, prefix string) (values []string) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i, name := range spec.Names {
					if strings.HasPrefix(name.Name, prefix) && i < len(spec.Values) {
						if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
							values = append(values, text(lit))
						}
					}
				}
			}
			return true
		})
	}
	return unique(values)
}

// titles are those of the cards that managers have not asked for.
func titles(t *testing.T) (all []string) {
	titled := func(files []*ast.File) {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				pair, ok := n.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Title" {
					if title := text(pair.Value); title != "…" {
						all = append(all, title)
					}
				}
				return true
			})
		}
	}
	titled(sources(t, "bot/alert", "bot/reconcile"))
	// Of grants: every text that is as short as a title, and no sentence.
	short := regexp.MustCompile(`^\p{Han}{6,16}$`)
	for _, f := range sources(t, "bot/grants") {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && short.MatchString(text(lit)) {
				all = append(all, text(lit))
			}
			return true
		})
	}
	return append(all, words.Guessing(models.Store{}, models.Member{}, 1, 1).Title)
}

// section is what stands below a heading of the runbook, up to the next.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, after, ok := strings.Cut(page, "\n"+heading+"\n")
	if !ok {
		t.Errorf("no section %q", heading)
	}
	body, _, _ := strings.Cut(after, "\n#")
	return body
}

// rows are the first cells of the tables of a section.
func rows(section string) (cells []string) {
	for line := range strings.Lines(section) {
		if cell := regexp.MustCompile("^\\| `([^`]*)` \\|").FindStringSubmatch(line); cell != nil {
			cells = append(cells, cell[1])
		}
	}
	return unique(cells)
}

// explained tells what the program says and the page does not, and the other way round.
func explained(t *testing.T, what string, said, rows []string) {
	t.Helper()
	if len(said) == 0 {
		t.Errorf("%s: the program says nothing", what)
	}
	for _, s := range said {
		if !slices.Contains(rows, s) {
			t.Errorf("%s: docs/operate.md does not explain %q", what, s)
		}
	}
	for _, r := range rows {
		if !slices.Contains(said, r) {
			t.Errorf("%s: docs/operate.md explains %q, which is not said", what, r)
		}
	}
}

func TestRunbook(t *testing.T) {
	t.Parallel()
	page := deployed(t, "docs/operate.md")
	for topic, said := range findings(sources(t, "bot/doctor")) {
		explained(t, "doctor", unique(said), rows(section(t, page, "### doctor-"+topic)))
	}
	messages, keys := logged(sources(t, program...))
	explained(t, "log", messages, rows(section(t, page, "### Lines of the log")))
	explained(t, "fields", keys, rows(section(t, page, "### Fields of the log")))
	explained(t, "deliveries", constants(sources(t, "bot/wecom"), "reason"), rows(section(t, page, "### Reasons of deliveries")))
	explained(t, "reconciliations", constants(sources(t, "bot/reconcile"), "Reason"), rows(section(t, page, "### Reasons of reconciliations")))
	alerts := section(t, page, "## Alerts to managers")
	for _, title := range titles(t) {
		if title != "门店已接通" && !strings.Contains(alerts, "| "+title+" |") {
			t.Errorf("docs/operate.md does not explain the card %s", title)
		}
	}
}

var updateRunbook = flag.Bool("update-runbook", false, "write the reasons of operations into docs/operate.md anew")

const (
	reasonsBegin = "<!-- reasons: written by go test ./cmd/yanquan -run TestRunbookReasons -update-runbook -->\n"
	reasonsEnd   = "<!-- end of reasons -->"
)

// What operations are refused for is told in the words that staff read.
func TestRunbookReasons(t *testing.T) {
	t.Parallel()
	table := "| reason | staff read |\n|---|---|\n"
	for _, reason := range slices.Sorted(maps.Keys(words.Sayings)) {
		s := words.SayingOf(platform.DouyinName, reason)
		table += "| `" + reason + "` | " + s.Title + ": " + s.What() + s.Next + " |\n"
	}
	page := deployed(t, "docs/operate.md")
	before, after, ok := strings.Cut(page, reasonsBegin)
	_, after, ended := strings.Cut(after, reasonsEnd)
	if !ok || !ended {
		t.Fatal("the place of the table is not marked")
	}
	want := before + reasonsBegin + table + reasonsEnd + after
	if *updateRunbook {
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "operate.md"), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("docs/operate.md has other words: go test ./cmd/yanquan -run TestRunbookReasons -update-runbook, and read the difference")
	}
}

// Links of the page lead somewhere, in it and beside it; both READMEs lead to it.
func TestRunbookLinks(t *testing.T) {
	t.Parallel()
	page := deployed(t, "docs/operate.md")
	anchors := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchors["#"+strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(link[1], "#") {
			if !anchors[link[1]] {
				t.Errorf("%s leads nowhere", link[1])
			}
		} else if _, err := os.Stat(filepath.Join("..", "..", "docs", link[1])); err != nil {
			t.Error(err)
		}
	}
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		if !strings.Contains(deployed(t, readme), "](docs/operate.md)") {
			t.Errorf("%s does not lead to docs/operate.md", readme)
		}
	}
}
