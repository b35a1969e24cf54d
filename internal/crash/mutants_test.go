//go:build mutants

package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mutant is the program with one invariant broken on purpose.
type mutant struct {
	name  string
	edits []edit
	// red is what the suite must find; another complaint is no proof.
	red string
}

// edit replaces one place of a file, which must be there exactly once.
type edit struct{ file, from, to string }

var mutants = []mutant{
	{"the intent is not written before the call (I1)", []edit{
		{"bot/verify.go", "begun, err := b.intend(ctx, op, followed)", "begun, err := op, error(nil)\n\t_ = followed"},
		{"bot/verify.go", "return tx.FinishConsume(ctx, op, coupons)", `if begun, err := tx.Begin(ctx, op); err == nil {
				op = begun
			}
			return tx.FinishConsume(ctx, op, coupons)`},
	}, `while the outcome of|consumed twice|used for|no answer|0 answers|not in the ledger|who never saw|want \{Consumed:1`},
	{"each try has a request id of its own (I3)", []edit{
		{"bot/verify.go", "RequestID: op.RequestID(),", "RequestID: NewID(),"},
	}, `while the outcome of|consumed twice`},
	{"a lost answer is a refusal (I5)", []edit{
		{"bot/verify.go", "return b.doubt(op, e, j.calls), nil\n\tdefault:", "return b.rejected(op, outcomeOf(e), j.calls), nil\n\tdefault:"},
	}, `who never saw|told ".*" about|not in the ledger`},
	{"a lost answer is a success (I5)", []edit{
		{"bot/verify.go", "return b.doubt(op, e, j.calls), nil\n\tdefault:", "return b.done(op, []dianping.Receipt{{Code: op.Code}}, op.CalledAt, j.calls), nil\n\tdefault:"},
	}, `not in the ledger`},
	{"200 before the message is durable (I10)", []edit{
		{"bot/server/callbacks.go", "if _, err := s.accept(c, m, arrived); err != nil {", "c.Status(http.StatusOK)\n\t\tc.Writer.WriteHeaderNow()\n\t\tc.Writer.Flush()\n\t\tif _, err := s.accept(c, m, arrived); err != nil {"},
	}, `no answer|0 answers`},
	{"a repeat is a new message (I4)", []edit{
		{"bot/bot.go", "MessageID: m.ID,", "MessageID: b.NewID(),"},
	}, `answers|repeat got another`},
	{"recorded as sent before it is (I4)", []edit{
		{"bot/run.go", `failpoint.Hit("send.before")`, `if err := b.DB.OutgoingSent(ctx, o, ""); err != nil {
		return err
	}
	failpoint.Hit("send.before")`},
	}, `no answer|0 answers`},
	{"several live operations of one code (I2)", []edit{
		{"models/operations.go", "row.LiveCode = &op.Code", "live := db.cfg.NewID()\n\t\trow.LiveCode = &live"},
	}, `while the outcome of|consumed twice|who never saw|not in the ledger|differ`},
	{"a doubtful undo is taken for done (I7)", []edit{
		{"bot/undo.go", "verdicts[c.Code] = isUsed\n", "verdicts[c.Code] = isUndone\n"},
	}, `not in the ledger`},
}

// TestMutants shows that the suite turns red where an invariant is broken: it
// builds each mutant beside the tree, and lets the points and some rounds judge it.
//
//	go test -tags mutants ./internal/crash -run TestMutants -v -timeout 0
func TestMutants(t *testing.T) {
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			began := time.Now()
			found := m.judged(t, filepath.Join(binaryDir, fmt.Sprint("mutant", i)))
			hits := regexp.MustCompile(m.red).FindAllString(found, -1)
			if len(hits) == 0 {
				t.Fatalf("not found; the suite said:\n%s", found)
			}
			counts := map[string]int{}
			for _, h := range hits {
				counts[h]++
			}
			t.Logf("red in %s: %v", time.Since(began).Round(time.Second), counts)
		})
	}
}

// judged builds a mutant and returns what the suite says of it.
func (m mutant) judged(t *testing.T, binary string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	changed := map[string]string{}
	replace := map[string]string{}
	for i, e := range m.edits {
		path := filepath.Join(root, e.file)
		text, ok := changed[path]
		if !ok {
			raw, err := os.ReadFile(path)
			must(t, err)
			text = string(raw)
		}
		if n := strings.Count(text, e.from); n != 1 {
			t.Fatalf("%s has %d places %q", e.file, n, e.from)
		}
		changed[path] = strings.Replace(text, e.from, e.to, 1)
		replace[path] = fmt.Sprintf("%s-%d.go", binary, i)
	}
	for path, text := range changed {
		must(t, os.WriteFile(replace[path], []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	must(t, os.WriteFile(binary+".json", overlay, 0o600))
	build := exec.Command("go", "build", "-overlay", binary+".json", "-tags", "failpoints", "-o", binary, "yanquan/cmd/yanquan")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	self, err := os.Executable()
	must(t, err)
	out, err := exec.Command(self, "-test.run", "^(TestPoints|TestRounds)$", "-test.timeout", "20m",
		"-crash.binary", binary, "-crash.rounds", "30", "-crash.lanes", "6").CombinedOutput()
	if err == nil {
		t.Fatalf("green:\n%s", out)
	}
	return string(out)
}
