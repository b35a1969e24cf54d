// Package layers holds the packages of the bot to their order: imports point down.
package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors are the packages by what they build on, the lowest first. A package may
// import those of the floors below its own.
var floors = [][]string{
	{"dianping", "douyin", "models", "bot"},
	{"bot/command", "bot/platform", "bot/wecom"},
	{"bot/redeem"},
	{"bot/grants", "bot/alert", "bot/scan"},
	{"bot/words"},
	{"bot/outbox", "bot/access", "bot/reconcile", "bot/events", "bot/export"},
	{"bot/notice", "bot/ticket", "bot/hooks"},
	{"bot/figures"},
	{"bot/desk", "bot/intake"},
	{"bot/chat"},
	{"bot/console"},
	{"bot/server"},
}

// never lists what a package must not link, however it would come by it, and why.
var never = []struct{ who, what, why string }{
	{"bot", "yanquan/models", "the vocabulary does no work"},
	{"bot", "gorm.io/gorm", "the vocabulary does no work"},
	{"bot/command", "gorm.io/gorm", "understanding a text is pure"},
	{"bot/platform", "gorm.io/gorm", "what an answer proves is pure"},
	{"bot/platform", "yanquan/bot", "a platform knows no chat"},
	{"bot/redeem", "yanquan/bot", "the money core knows no words"},
	{"bot/redeem", "yanquan/dianping", "only bot/platform knows a platform's client"},
	{"bot/hooks", "yanquan/bot/notice", "who is told is handed in"},
	{"bot/wecom", "gorm.io/gorm", "the wire knows no database"},
	{"bot/wecom", "github.com/xuri/excelize/v2", "the wire makes no workbooks"},
	{"bot/wecom", "github.com/makiuchi-d/gozxing", "the wire reads no pictures"},
	{"models", "yanquan/bot", "what is stored knows no chat"},
	{"dianping", "yanquan/models", "the client is a package of its own"},
	{"bot/redeem", "yanquan/douyin", "only bot/platform knows a platform's client"},
}

type pkg struct {
	ImportPath    string
	Imports, Deps []string
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	all := list(t)
	floor := map[string]int{}
	for i, names := range floors {
		for _, name := range names {
			floor["yanquan/"+name] = i
			if _, ok := all["yanquan/"+name]; !ok {
				t.Errorf("there is no package %s", name)
			}
		}
	}
	for path, p := range all {
		mine, ok := floor[path]
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			if theirs, ok := floor[imported]; ok && theirs >= mine {
				t.Errorf("%s imports %s, which does not stand below it", path, imported)
			}
		}
	}
	for _, n := range never {
		p := all["yanquan/"+n.who]
		// The core is handed a platform's answers, and links no client of its own.
		deps := p.Deps
		if strings.HasPrefix(n.what, "yanquan/") {
			deps = p.Imports
		}
		if slices.Contains(deps, n.what) {
			t.Errorf("%s has %s: %s", n.who, n.what, n.why)
		}
	}
}

// shared are what the clients of the platforms have in common.
var shared = []string{"yanquan/internal/httpcall", "yanquan/internal/loose", "yanquan/internal/scrub"}

// The clients of the platforms need nothing but Go and what they share.
func TestClientsNeedGoAlone(t *testing.T) {
	t.Parallel()
	all := list(t)
	for _, client := range []string{"yanquan/dianping", "yanquan/douyin"} {
		if len(all[client].Deps) == 0 {
			t.Errorf("there is no package %s", client)
		}
		for _, dep := range all[client].Deps {
			first, _, _ := strings.Cut(dep, "/")
			if first == "yanquan" && dep != client && !slices.Contains(shared, dep) || strings.Contains(first, ".") { // what Go itself vendors is below vendor/
				t.Errorf("%s needs %s", client, dep)
			}
		}
	}
}

func list(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "yanquan/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}
