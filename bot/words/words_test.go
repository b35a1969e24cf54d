package words

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// reasonsIn finds the reasons that files declare: constants of the type, or untyped
// ones whose name has the prefix.
func reasonsIn(t *testing.T, pattern, typed, prefix string) (reasons []string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			lit, ok := spec.Values[0].(*ast.BasicLit)
			of, _ := spec.Type.(*ast.Ident)
			mine := typed != "" && of != nil && of.Name == typed || typed == "" && spec.Type == nil && strings.HasPrefix(spec.Names[0].Name, prefix)
			if ok && mine && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				reasons = append(reasons, text)
			}
			return true
		})
	}
	return reasons
}

func allReasons(t *testing.T) []string {
	reasons := reasonsIn(t, "../../dianping/*.go", "Reason", "")
	reasons = append(reasons, reasonsIn(t, "../redeem/*.go", "", "Reason")...)
	reasons = append(reasons, reasonsIn(t, "../platform/platform.go", "", "")...)
	if len(reasons) < 45 {
		t.Fatalf("only %d reasons found", len(reasons))
	}
	return reasons
}

// A reason without words would be told as another.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, reason := range allReasons(t) {
		s, ok := Sayings[reason]
		if !ok || s.Title == "" || s.What == "" || s.Next == "" {
			t.Errorf("no words for %q: %+v", reason, s)
		}
	}
}

// What refuses an undo is not told as what refuses a verification.
func TestUndosAreRefusedInTheirOwnWords(t *testing.T) {
	t.Parallel()
	for _, reason := range allReasons(t) {
		s := UndoSayingOf(reason)
		for _, wrong := range []string{"没有核销", "不能核销", "不能在这里核销", "重新发一次券码", "正在核销"} {
			if strings.Contains(s.Title+s.What+s.Next, wrong) {
				t.Errorf("%q: an undo is refused with %q", reason, s.Title+s.What+s.Next)
			}
		}
	}
}

func newWords() (*Words, time.Time) {
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	return &Words{Location: time.FixedZone("CST", 8*3600), Now: func() time.Time { return now }, NewID: func() string { return "card-1" }}, now
}

func done(now time.Time, code, title string, fen int64) models.Operation {
	return models.Operation{
		ID: "op-" + code, Code: code, Title: title, Count: 1, PriceFen: fen, PriceUnknown: fen == 0, State: models.Done, User: "张三", UserID: "zhangsan",
		ConsumedAt: now, UndoUntil: now.Add(10 * time.Minute),
	}
}

// Who verifies several codes has to know what to hand out for each.
func TestBatchNamesDeals(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	r := w.Batch(models.Store{Account: models.Account{ID: 1}}, []models.Operation{done(now, "7992697494", "双人下午茶", 4990), done(now, "8992697495", "烤鱼", 0)}, nil, nil)
	for i, want := range []bot.Field{{Key: "✅7494", Value: "双人下午茶 ¥49.90"}, {Key: "✅7495", Value: "烤鱼"}} {
		if got := r.Card.Fields[i]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if want := "合计 ¥49.90，另有 1 张金额不详，可撤销至 14:10:00"; r.Card.Text != want {
		t.Errorf("%q, want %q", r.Card.Text, want)
	}
	r = w.Batch(models.Store{Account: models.Account{ID: 1}}, []models.Operation{done(now, "7992697494", "", 0), done(now, "8992697495", "", 0)}, nil, nil)
	if want := "2 张金额不详，可撤销至 14:10:00"; r.Card.Text != want {
		t.Errorf("%q, want %q", r.Card.Text, want)
	}
}

func TestBatchMentionsWhatWasNotBegun(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	var left []command.Item
	for _, code := range []string{"8992697490", "8992697491", "8992697492", "8992697493", "8992697494", "8992697495"} {
		left = append(left, command.Item{Code: code, Count: 1})
	}
	r := w.Batch(models.Store{Account: models.Account{ID: 1}}, []models.Operation{done(now, "7992697494", "烤鱼", 4990)}, nil, left)
	if c := r.Card; c.Title != "7 个券码，成功 1 个" || c.Tone == bot.Good || c.Fields[1].Value != "没有处理，请再发一次" || c.Desc != "6 个没有处理" {
		t.Errorf("%+v", c)
	}
	for _, it := range left {
		if !strings.Contains(r.Text, "❗ **"+it.Code+"** 没有处理，请再发一次") {
			t.Errorf("%s is not in %q", it.Code, r.Text)
		}
	}
}

// A card with visits keeps its code when one is undone.
func TestUndoneVisit(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	visit, voucher := done(now, "7992697494", "洗车次卡", 4990), done(now, "8992697495", "烤鱼", 4990)
	visit.Reusable = true
	visit.State, voucher.State = models.Undone, models.Undone
	card := w.Operation(models.Store{}, visit, nil)
	if strings.Contains(card.Text, "作废") || card.Fields[0].Key != "券码" {
		t.Errorf("%+v", card)
	}
	for _, c := range []struct {
		ops  []models.Operation
		want string
	}{
		{[]models.Operation{visit, visit}, "撤销的次数还给了顾客，券码不变。"},
		{[]models.Operation{voucher, voucher}, "撤销的券码已作废，顾客在 App 里看新的券码。"},
		{[]models.Operation{visit, voucher}, "撤销的次数还给了顾客，券码不变。撤销的其他券码已作废，顾客在 App 里看新的券码。"},
	} {
		if got := w.Batch(models.Store{}, c.ops, nil, nil).Card.Text; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A price that the platform did not tell is left out, not ¥0.00.
func TestUnknownPrice(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	op := done(now, "7992697494", "烤鱼", 0)
	op.Count = 2
	for _, state := range []models.State{models.Done, models.Undone, models.Unknown, models.Undoing, models.Rejected} {
		op.State, op.Outcome.Reason = state, redeem.ReasonHere
		card := w.Operation(models.Store{}, op, nil)
		for _, f := range card.Fields {
			if f.Fact == bot.Price || strings.Contains(f.Value, "¥") {
				t.Errorf("%s: %+v", state, f)
			}
		}
		if _, line := w.Line(op, 2); strings.Contains(line, "¥") {
			t.Errorf("%s: %q", state, line)
		}
	}
	if c := w.Usable(models.Store{}, command.Item{Code: op.Code, Count: 1}, op, nil).Card; len(c.Fields) != 1 {
		t.Errorf("%+v", c.Fields)
	}
}

// Where the platform has said that it is too late, nothing is offered.
func TestClosedWindowOffersNothing(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	op := done(now, "7992697494", "烤鱼", 4990)
	op.UndoReason = string(dianping.UndoTooLate)
	if c := w.Operation(models.Store{}, op, nil); len(c.Keys) > 0 || !c.Until.IsZero() || c.Timed {
		t.Errorf("%+v", c)
	}
	if c := w.Batch(models.Store{}, []models.Operation{op, op}, nil, nil).Card; len(c.Keys) > 0 || !c.Until.IsZero() {
		t.Errorf("%+v", c)
	}
}

// Whoever serves customers reads what is wrong, not the platform's names for it. Those
// who can do something about it read these, too.
func TestPlatformCodesAreForManagers(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	said := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	op := done(now, "7992697494", "烤鱼", 4990)
	op.Outcome = models.Outcome{Code: "OP_UNIAUTH_FAILED", Message: "OP_WORDS", TraceID: "OP_TRACE"}
	op.UndoMessage = "OP_WORDS"
	for _, reason := range allReasons(t) {
		op.Outcome.Reason = reason
		for _, undo := range []string{"", reason} {
			op.UndoReason = undo
			for _, state := range []models.State{models.Calling, models.Unknown, models.Done, models.Undoing, models.UndoUnknown, models.Undone, models.Rejected} {
				for _, op.NeedsHuman = range []bool{false, true} {
					op.State = state
					for name, shown := range map[string]any{
						"card": w.Operation(models.Store{}, op, nil), "several": w.Batch(models.Store{}, []models.Operation{op, op}, nil, nil),
						"refusal": w.Refusal(models.Store{}, op), "look": LookLine(op.Code, w.Refusal(models.Store{}, op)),
					} {
						if text := said(shown); strings.Contains(text, "OP_") {
							t.Errorf("%s, %s, %s: %s", reason, state, name, text)
						}
					}
				}
			}
		}
	}
	if text := said(w.NeedsHuman(models.Store{}, op)); !strings.Contains(text, "OP_UNIAUTH_FAILED") {
		t.Errorf("not told to managers: %s", text)
	}
}

// A price that is not known is not shown, one of 0 is, and a share is called that. What is
// refused before anything was told has none.
func TestPriceOf(t *testing.T) {
	t.Parallel()
	w := Words{Location: time.UTC, Now: time.Now, NewID: func() string { return "1" }}
	for want, op := range map[string]models.Operation{
		"":                        {PriceUnknown: true},
		"¥0.00":                   {},
		"¥19.96（均摊）":              {PriceFen: 1996, PriceShare: true},
		"¥19.96 × 2 = ¥39.92（均摊）": {PriceFen: 1996, PriceShare: true, Count: 2},
	} {
		if got := PriceOf(op, max(op.Count, 1)); got != want {
			t.Errorf("%+v: %q, want %q", op, got, want)
		}
	}
	card := w.Operation(models.Store{}, models.Operation{Code: "7992697494", State: models.Rejected, Outcome: models.Outcome{Reason: "not_found"}}, nil)
	for _, f := range card.Fields {
		if f.Key == "售价" {
			t.Errorf("a refusal of nothing costs %s", f.Value)
		}
	}
}
