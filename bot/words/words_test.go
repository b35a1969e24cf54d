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
	"yanquan/bot/platform"
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
	reasons = append(reasons, reasonsIn(t, "../../douyin/*.go", "Reason", "")...)
	reasons = append(reasons, reasonsIn(t, "../redeem/*.go", "", "Reason")...)
	reasons = append(reasons, reasonsIn(t, "../platform/platform.go", "", "")...)
	if len(reasons) < 70 {
		t.Fatalf("only %d reasons found", len(reasons))
	}
	return reasons
}

// A reason without words would be told as another.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, reason := range allReasons(t) {
		s, ok := Sayings[reason]
		if !ok || s.Title == "" || s.Cause == "" || s.Next == "" {
			t.Errorf("no words for %q: %+v", reason, s)
		}
		if strings.HasSuffix(s.Cause, "。") || strings.HasSuffix(s.So, "。") || !strings.HasSuffix(s.Next, "。") {
			t.Errorf("%q: %+v is not put together to sentences", reason, s)
		}
		if strings.Contains(s.Title, "{") {
			t.Errorf("%q: the title depends on the platform: %s", reason, s.Title)
		}
	}
	for reason, s := range douyinSayings {
		if s.Title != Sayings[reason].Title || s.Cause == "" || s.Next == "" {
			t.Errorf("%q at Douyin: %+v", reason, s)
		}
	}
}

// What a merchant does by hand is done in the platform's own app, and in its own time.
func TestWordsAreThePlatforms(t *testing.T) {
	t.Parallel()
	others := map[string][]string{
		platform.DouyinName: {"开店宝", "10 分钟", "美团", "点评"},
		dianping.Meituan:    {"抖音", "来客", "1 小时"}, dianping.Dianping: {"抖音", "来客", "1 小时"},
	}
	for name, wrong := range others {
		for _, reason := range allReasons(t) {
			for _, s := range []saying{SayingOf(name, reason), UndoSayingOf(name, reason)} {
				text := s.Title + s.What() + s.Next
				for _, w := range append(wrong, "{", "}") {
					if strings.Contains(text, w) {
						t.Errorf("%s, %q: %q in %q", name, reason, w, text)
					}
				}
			}
		}
	}
	if s := SayingOf(platform.DouyinName, platform.UndoTooLate); !strings.Contains(s.What(), "1 小时") {
		t.Errorf("%+v", s)
	}
	if s := SayingOf(platform.DouyinName, redeem.ReasonUnavailable); !strings.Contains(s.Next, "抖音来客") {
		t.Errorf("%+v", s)
	}
}

// Whatever became of an operation, its words are put together to sentences.
func TestSentencesArePutTogether(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	op := done(now, "7992697494", "烤鱼", 4990)
	op.Count, op.UsedBy = 2, "李四"
	reasons := append(allReasons(t), "")
	for _, state := range []models.State{models.Calling, models.Held, models.Done, models.Undoing, models.Undone, models.Rejected} {
		for _, op.Outcome.Reason = range reasons {
			for _, op.UndoReason = range []string{"", redeem.ReasonThrottled, redeem.ReasonCovered, redeem.ReasonUndoLate} {
				for _, op.UndoUntil = range []time.Time{now, now.Add(time.Minute)} {
					op.State = state
					coupons := []models.Coupon{{Code: op.Code, UndoneAt: now}, {Code: "2"}}
					for _, card := range []bot.Card{w.Operation(models.Store{}, op, coupons), *w.Batch(models.Store{}, []models.Operation{op, op}, map[string][]models.Coupon{op.ID: coupons}, nil).Card} {
						for _, wrong := range []string{"。。", "，。", "，，", "。，", "：。"} {
							if strings.Contains(card.Text, wrong) {
								t.Fatalf("%s, %q, undo %q: %s", state, op.Outcome.Reason, op.UndoReason, card.Text)
							}
						}
					}
				}
			}
		}
	}
}

// An answer that comes late says of when it is, and is otherwise as it was.
func TestLate(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	card := w.Operation(models.Store{}, done(now, "7992697494", "烤鱼", 4990), nil)
	was := card.Text
	late := w.Late(bot.Reply{Card: &card, Text: "全部"}, now)
	if !strings.Contains(late.Card.Text, "14:00:00") || !strings.HasSuffix(late.Card.Text, was) || late.Card.Timed || late.Card.TaskID != card.TaskID || late.Text != "全部" {
		t.Errorf("%+v %q", late.Card, late.Text)
	}
	if card.Text != was || !card.Timed {
		t.Error("the card as it was stored is another one now")
	}
	for _, text := range []string{"没看懂。", ""} {
		if got := w.Late(bot.Reply{Text: text}, now).Text; !strings.HasPrefix(got, text) || !strings.Contains(got, "14:00:00") || strings.TrimSpace(got) != got {
			t.Errorf("%q", got)
		}
	}
}

// What an operation's cards say of its platform is that platform's, too.
func TestCardsAreThePlatforms(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	op := done(now, "7992697494", "烤鱼", 4990)
	op.StoreID, op.Count, op.UndoReason = 1, 2, redeem.ReasonCodesMissing
	for name, wrong := range map[string][]string{
		platform.DouyinName: {"开店宝", "作废", "10 分钟"}, dianping.Meituan: {"来客", "抖音"},
	} {
		s := models.Store{Account: models.Account{ID: 1, Platform: name}}
		for _, state := range []models.State{models.Calling, models.Unknown, models.Held, models.Done, models.Undoing, models.UndoUnknown, models.Undone, models.Rejected} {
			for _, op.NeedsHuman = range []bool{false, true} {
				for _, op.Reusable = range []bool{false, true} {
					for _, op.Outcome.Reason = range []string{"", redeem.ReasonCodesMissing, redeem.ReasonMayBeHeld, platform.UndoTooLate} {
						op.State = state
						text, err := json.Marshal([]any{
							w.Operation(s, op, []models.Coupon{{Code: op.Code}}), w.Batch(s, []models.Operation{op, op}, nil, nil), w.NeedsHuman(s, op), w.CannotUndo(s, op, nil),
						})
						if err != nil {
							t.Fatal(err)
						}
						for _, not := range append(wrong, "{后台}", "{时限}") {
							if strings.Contains(string(text), not) {
								t.Errorf("%s, %s: %q in %s", name, state, not, text)
							}
						}
					}
				}
			}
		}
	}
}

// What risk control keeps back is told as that, to whoever has verified it, to whoever
// comes after, in a list, and as an answer to an undo.
func TestHeld(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	s := models.Store{Account: models.Account{ID: 1, Platform: platform.DouyinName}}
	op := done(now, "100000000001", "烤鱼", 4990)
	op.StoreID, op.State, op.Outcome = 1, models.Held, models.Outcome{Reason: redeem.ReasonBusy, Code: "1229"}
	c := w.Operation(s, op, nil)
	if c.Title != "平台风控核验中" || c.Text != "平台风控核验中，先不要提供服务，有结果会马上告诉您。" || c.Tone == bot.Bad || c.Tone == bot.Good || c.Keys[0].Say != "查 100000000001" {
		t.Errorf("%+v", c)
	}
	if got := StateWords(op); got != "平台风控核验中" {
		t.Error(got)
	}
	again := op
	again.State, again.OtherID, again.UsedBy, again.Outcome = models.Rejected, op.ID, "张三", models.Outcome{Reason: platform.RiskHeld}
	if c := w.Operation(s, again, nil); c.Title != "平台风控核验中" || c.Text != "张三 核销的这张券还在平台风控核验中，先不要提供服务；有结果会马上告诉 张三。" || len(c.Keys) > 0 {
		t.Errorf("%+v", c)
	}
	again.OtherID, again.UsedBy, again.Outcome.Code = "", "", "1" // of a look; no account of ours
	if c := w.Operation(s, again, nil); !strings.Contains(c.Text, "没有核销") || len(c.Keys) > 0 {
		t.Errorf("%+v", c)
	}
	r := w.Batch(s, []models.Operation{op, done(now, "7992697494", "烤鱼", 4990)}, nil, nil)
	if r.Pending || !r.Open || r.Card.Desc != "1 个在平台风控核验中" || !strings.Contains(r.Card.Fields[0].Value, "风控核验中") {
		t.Errorf("%+v %+v", r, r.Card)
	}
	if got := HeldUndo(op).Text; !strings.Contains(got, "不能撤销") || !strings.Contains(got, "张三") {
		t.Error(got)
	}
}

// An earlier version, beside this one, shows a state that it does not know as a refusal,
// by its reason: which must not say that something was refused.
func TestHeldToAnEarlierVersion(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	op := done(now, "100000000001", "烤鱼", 4990)
	op.State, op.Outcome = "unheard-of", models.Outcome{Reason: redeem.ReasonBusy, Code: "1229"}
	if c := w.Operation(models.Store{}, op, nil); c.Text != "这张券正在核销，还没有结果。请稍等一下再查。" || len(c.Keys) > 0 {
		t.Errorf("%+v", c)
	}
	if mark, text := w.Line(models.Store{}, op, nil); mark != "⏳" || text != "核验中" {
		t.Error(mark, text)
	}
}

// What refuses an undo is not told as what refuses a verification.
func TestUndosAreRefusedInTheirOwnWords(t *testing.T) {
	t.Parallel()
	for _, reason := range allReasons(t) {
		for _, name := range []string{dianping.Meituan, platform.DouyinName} {
			s := UndoSayingOf(name, reason)
			for _, wrong := range []string{"没有核销", "不能核销", "不能在这里核销", "重新发一次券码", "正在核销"} {
				if strings.Contains(s.Title+s.What()+s.Next, wrong) {
					t.Errorf("%s, %q: an undo is refused with %q", name, reason, s.Title+s.What()+s.Next)
				}
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
	pair := models.Store{Further: []models.Account{{ID: 2, Platform: platform.DouyinName}}}
	douyin := voucher
	douyin.StoreID = 2
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
		{[]models.Operation{douyin, douyin}, "撤销的抖音券还给了顾客，再用时请顾客在抖音 App 里重新打开订单页。"},
		{[]models.Operation{douyin, voucher}, "撤销的抖音券还给了顾客，再用时请顾客在抖音 App 里重新打开订单页。撤销的其他券码已作废，顾客在 App 里看新的券码。"},
		{[]models.Operation{visit, voucher}, "撤销的次数还给了顾客，券码不变。撤销的其他券码已作废，顾客在 App 里看新的券码。"},
	} {
		if got := w.Batch(pair, c.ops, nil, nil).Card.Text; got != c.want {
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
		if _, line := w.Line(models.Store{}, op, nil); strings.Contains(line, "¥") {
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
			for _, state := range []models.State{models.Calling, models.Unknown, models.Held, models.Done, models.Undoing, models.UndoUnknown, models.Undone, models.Rejected} {
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

// What is closed to an undo is told as undone in part only where a part was undone.
func TestCannotUndo(t *testing.T) {
	t.Parallel()
	w, now := newWords()
	part := []models.Coupon{{Code: "7992697494", UndoneAt: now}, {Code: "7992697495", UndoReason: platform.NoHandle}}
	for _, reason := range []string{redeem.ReasonCodesMissing, platform.NoHandle} {
		op := done(now, "7992697494", "烤鱼", 4990)
		op.Count, op.UndoReason = 2, reason
		for n, coupons := range [][]models.Coupon{part[1:], part} {
			text := w.CannotUndo(models.Store{}, op, coupons).Text
			if strings.Contains(text, "一部分") != (n > 0) || !strings.Contains(text, "没有撤销") || strings.Contains(text, "已过撤销时间") {
				t.Errorf("%s, %d undone: %s", reason, n, text)
			}
		}
	}
}

// A price that is not known is not shown, one of 0 is, and a share is called that. What is
// refused before anything was told has none.
func TestPriceOf(t *testing.T) {
	t.Parallel()
	w := Words{Location: time.UTC, Now: time.Now, NewID: func() string { return "1" }}
	for want, op := range map[string]models.Operation{
		"":                        {Count: 1, PriceUnknown: true},
		"¥0.00":                   {Count: 1},
		"¥19.96（均摊）":              {Count: 1, PriceFen: 1996, PriceShare: true},
		"¥19.96 × 2 = ¥39.92（均摊）": {PriceFen: 1996, PriceShare: true, Count: 2},
	} {
		if got := PriceOf(op, nil); got != want {
			t.Errorf("%+v: %q, want %q", op, got, want)
		}
	}
	coupon := func(fen int64) models.Coupon { return models.Coupon{PriceFen: fen} }
	share := models.Coupon{PriceFen: 3334, PriceShare: true}
	missing := models.Operation{PriceFen: 4990, Count: 3, Outcome: models.Outcome{Reason: redeem.ReasonCodesMissing}}
	for _, tt := range []struct {
		want    string
		op      models.Operation
		coupons []models.Coupon
	}{
		{"", models.Operation{Count: 2, PriceUnknown: true}, []models.Coupon{{PriceUnknown: true}, {PriceUnknown: true}}},
		{"¥49.90", models.Operation{PriceFen: 1, Count: 1}, []models.Coupon{coupon(4990)}},
		{"¥49.90 × 2 = ¥99.80", models.Operation{PriceFen: 1, Count: 2}, []models.Coupon{coupon(4990), coupon(4990)}},
		{"3 次共 ¥100.00", models.Operation{PriceFen: 3333, Count: 3, Reusable: true}, []models.Coupon{coupon(3333), coupon(3333), coupon(3334)}},
		{"2 次共 ¥66.67（均摊）", models.Operation{PriceFen: 3333, Count: 2, Reusable: true}, []models.Coupon{coupon(3333), share}},
		{"¥49.90 × 3 = ¥149.70", missing, []models.Coupon{coupon(4990)}},
		{"3 张共 ¥149.79", missing, []models.Coupon{coupon(4999)}},
		{"1 张共 ¥49.90，另有 1 张金额不详", models.Operation{Count: 2}, []models.Coupon{coupon(4990), {PriceUnknown: true}}},
		{"¥49.90", models.Operation{Count: 3, Outcome: models.Outcome{Reason: redeem.ReasonPartly}}, []models.Coupon{coupon(4990)}},
		{"¥49.90 × 2 = ¥99.80", models.Operation{PriceFen: 4990, Count: 2}, nil},
	} {
		if got := PriceOf(tt.op, tt.coupons); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.op, got, tt.want)
		}
	}
	visits := []models.Coupon{coupon(3333), coupon(3333), coupon(3334)}
	for _, tt := range []struct {
		want    string
		op      models.Operation
		coupons []models.Coupon
	}{
		{"¥100.00", models.Operation{State: models.Done, PriceFen: 3333, Count: 3, Reusable: true}, visits},
		{"¥99.80", models.Operation{State: models.Unknown, PriceFen: 4990, Count: 2}, nil},
		{"¥49.90，另有 1 张金额不详", models.Operation{State: models.Done, Count: 2}, []models.Coupon{coupon(4990), {PriceUnknown: true}}},
		{"", models.Operation{State: models.Done, Count: 1, PriceUnknown: true}, nil},
		{"", models.Operation{State: models.Rejected, PriceFen: 4990, Count: 1}, nil},
	} {
		if got := PaidFor(tt.op, tt.coupons); got != tt.want {
			t.Errorf("%+v: paid %q, want %q", tt.op, got, tt.want)
		}
	}
	card := w.Operation(models.Store{}, models.Operation{Code: "7992697494", State: models.Rejected, Outcome: models.Outcome{Reason: "not_found"}}, nil)
	for _, f := range card.Fields {
		if f.Key == "售价" {
			t.Errorf("a refusal of nothing costs %s", f.Value)
		}
	}
}
