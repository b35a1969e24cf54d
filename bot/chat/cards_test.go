package chat

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/figures"
	"yanquan/bot/reconcile"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// cardCases are all the cards that operations can end in.
func cardCases(b *Bot) map[string]bot.Reply {
	now := b.Now()
	store := models.Store{Account: models.Account{ID: 1, Name: "人民广场店", Platform: dianping.Meituan}}
	op := models.Operation{
		ID: "operation-1", StoreID: 1, Code: Code, Count: 1, State: models.Done, UserID: "zhangsan", User: "张三",
		Title: "双人下午茶", PriceFen: 4990, Mobile: "138****0000", VoucherExpires: now.AddDate(0, 1, 0),
		CreatedAt: now, CalledAt: now, ConsumedAt: now, UndoUntil: now.Add(10 * time.Minute),
	}
	with := func(change func(*models.Operation)) models.Operation {
		o := op
		change(&o)
		return o
	}
	one := func(o models.Operation, coupons ...models.Coupon) bot.Reply {
		c := b.words.Operation(store, o, coupons)
		return bot.Reply{Card: &c}
	}
	askAll := func(r bot.Reply) bot.Reply {
		words.AskUndo(r.Card)
		words.AskAll(r.Card, op, 1, 2)
		return r
	}
	two := []models.Coupon{{Code: Code, PriceFen: 4990}, {Code: "8992697494", PriceFen: 4990}}
	undoneTwo := []models.Coupon{{Code: Code, PriceFen: 4990, UndoneAt: now}, {Code: "8992697494", PriceFen: 4990, UndoneAt: now}}
	cases := map[string]bot.Reply{
		"done":         one(op),
		"done_two":     one(with(func(o *models.Operation) { o.Count = 2 }), two...),
		"done_partly":  one(with(func(o *models.Operation) { o.Count = 2; o.Outcome.Reason = string(dianping.PartlyConsumed) }), two[0]),
		"done_untold":  one(with(func(o *models.Operation) { o.Count = 2; o.Outcome.Reason = redeem.ReasonCodesMissing }), two[0]),
		"done_past":    one(with(func(o *models.Operation) { o.UndoUntil = now.Add(-time.Minute) })),
		"undo_all":     askAll(one(with(func(o *models.Operation) { o.Count = 2 }), two...)),
		"undo_refused": one(with(func(o *models.Operation) { o.UndoReason = redeem.ReasonUnavailable })),
		"undo_partly": one(with(func(o *models.Operation) { o.Count, o.UndoReason = 2, redeem.ReasonUnavailable }),
			undoneTwo[0], models.Coupon{Code: "8992697494", PriceFen: 4990, UndoReason: redeem.ReasonUnavailable}),
		"undo_too_late": one(with(func(o *models.Operation) { o.UndoReason = redeem.ReasonUndoLate })),
		"undone": one(with(func(o *models.Operation) {
			o.State, o.UndoUser, o.UndoUserID, o.UndoneAt = models.Undone, "王五", "wangwu", now
		})),
		"undone_visit": one(with(func(o *models.Operation) {
			o.State, o.Reusable, o.UndoUser, o.UndoneAt = models.Undone, true, "王五", now
		})),
		"undone_there": one(with(func(o *models.Operation) {
			o.State, o.UndoneAt, o.UndoReason, o.UndoMessage = models.Undone, now, redeem.ReasonUndoneThere, "老板"
		})),
		"undone_two": one(with(func(o *models.Operation) {
			o.State, o.Count, o.UndoUser, o.UndoneAt = models.Undone, 2, "王五", now
		}), undoneTwo...),
		"pending":      one(with(func(o *models.Operation) { o.State = models.Unknown })),
		"undo_pending": one(with(func(o *models.Operation) { o.State = models.UndoUnknown })),
		"held":         one(with(func(o *models.Operation) { o.State = models.Held })),
		"human":        one(with(func(o *models.Operation) { o.State, o.NeedsHuman = models.Unknown, true })),
		"human_session": one(with(func(o *models.Operation) {
			o.State, o.NeedsHuman, o.Outcome.Reason = models.Unknown, true, string(dianping.SessionExpired)
		})),
		"undo_human": one(with(func(o *models.Operation) { o.State, o.NeedsHuman = models.UndoUnknown, true })),
		"used": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.UsedBy, o.UsedAt = models.Rejected, models.Outcome{Reason: string(dianping.AlreadyUsed), Code: "1008"}, "收银台", now.AddDate(0, 0, -1)
		})),
		"too_many": one(with(func(o *models.Operation) {
			o.State, o.Outcome = models.Rejected, models.Outcome{Reason: redeem.ReasonTooMany}
			o.Left, o.Count = 1, 2
		})),
		"done_visit":    one(with(func(o *models.Operation) { o.Reusable, o.Left = true, 9 })),
		"done_of_order": one(with(func(o *models.Operation) { o.Left, o.Mobile = 3, "" })),
		"again": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.OtherID = models.Rejected, models.Outcome{Reason: redeem.ReasonHereMore}, "operation-2"
			o.UsedBy, o.UsedAt, o.Left, o.Reusable = "李四", now, 8, true
		})),
		"again_two": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.OtherID = models.Rejected, models.Outcome{Reason: redeem.ReasonHereMore}, "operation-2"
			o.UsedBy, o.UsedAt, o.Count = "李四", now, 2
		})),
		"again_unsure": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.OtherID = models.Rejected, models.Outcome{Reason: redeem.ReasonHereUnsure}, "operation-2"
			o.UsedBy, o.UsedAt = "李四", now
		})),
		"again_since": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.OtherID = models.Rejected, models.Outcome{Reason: redeem.ReasonHereSince}, "operation-2"
			o.UsedBy, o.UsedAt = "李四", now
		})),
		"again_spent": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.OtherID = models.Rejected, models.Outcome{Reason: redeem.ReasonHereSpent}, "operation-2"
			o.UsedBy, o.UsedAt = "李四", now
		})),
		"help":         b.words.Help(),
		"summary":      b.figures.Reply(busyDay()),
		"summary_late": b.figures.Reply(changed(busyDay(), func(s *figures.Summary) { s.Late = true })),
		"summary_platforms": b.figures.Reply(changed(busyDay(), func(s *figures.Summary) {
			one := &s.Stores[0]
			one.Active, one.Platform = true, dianping.Meituan
			one.Further = []models.Account{{ID: 2, Platform: "douyin", Active: true, BelongsTo: 1}}
			s.Stores = s.Stores[:1]
		})),
		"summary_refunds": b.figures.Reply(changed(busyDay(), func(s *figures.Summary) {
			s.Now.Refunds = []models.Refund{{Title: "双人下午茶套餐", PriceFen: 4990}, {Title: "十次卡", PriceUnknown: true}}
		})),
		"summary_corrections": b.figures.Reply(changed(busyDay(), func(s *figures.Summary) {
			some := models.Sum{Count: 12, Fen: 59880, Unpriced: 2}
			s.Corrections = nil
			for day := range 12 { // more than there is room for
				at := time.Date(2026, 11, 9+day, 0, 0, 0, 0, time.UTC)
				s.Corrections = append(s.Corrections, figures.Correction{First: at, Last: at, Added: some, Undone: some, Refunded: models.Sum{Fen: -100}})
			}
			gap := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			s.Corrections = append(s.Corrections, figures.Correction{First: gap, Last: gap.AddDate(0, 0, 1), Missed: true, Later: some, Refunded: some})
		})),
		"summary_empty": b.figures.Reply(figures.Summary{Span: command.Span{Title: "11-24"}, Against: []figures.Comparison{{Word: "前一天", Then: tallyOf(3, 0)}}, Now: &models.Figures{}}),
	}
	pair := models.Store{Account: store.Account, Further: []models.Account{{ID: 2, Platform: dianping.Dianping, BelongsTo: 1, Active: true}}}
	pair.Active = true
	for name, o := range map[string]models.Outcome{
		"which":         {Reason: redeem.ReasonWhich, Code: "1,2"},
		"which_silent":  {Reason: redeem.ReasonUnsure, Code: "2", Message: "1"},
		"which_unheard": {Reason: redeem.ReasonUnheard, Code: "1", Message: "2"},
		"which_nowhere": {Reason: redeem.ReasonNowhere, Code: "1,2"},
		"which_absent":  {Reason: redeem.ReasonAbsent, Code: string(command.OnDouyin)},
		"which_product": {Reason: redeem.ReasonProduct, Message: "1760000000000000001||1990|2|手冲咖啡一杯\n1760000000000000002||2990|1|芝士蛋糕"},
		"which_gone":    {Reason: redeem.ReasonNoProduct, Message: "1760000000000000001||1990|2|手冲咖啡一杯"},
		"which_untold":  {Reason: redeem.ReasonProduct, Message: "||||手冲咖啡\n|||1|芝士蛋糕"},
		"which_other":   {Reason: redeem.ReasonHere, Code: "2"},
		"which_pressed": {Reason: redeem.ReasonHere, Code: "1", Message: "2"},
		"which_busy":    {Reason: redeem.ReasonBusy, Code: "1", Message: "2"},
	} {
		c := b.words.Operation(pair, with(func(op *models.Operation) { op.State, op.Outcome, op.OtherID = models.Rejected, o, "operation-2" }), nil)
		cases[name] = bot.Reply{Card: &c}
	}
	done := b.words.Operation(pair, op, nil)
	cases["done_on_one_of_two"] = bot.Reply{Card: &done}
	second := with(func(o *models.Operation) { o.StoreID, o.ID = 2, "operation-2" })
	doubt := with(func(o *models.Operation) { o.StoreID, o.ID, o.State = 2, "operation-2", models.Unknown })
	stores := []models.Store{pair}
	cases["which_undo"] = b.words.WhichUndo(stores, op, []models.Operation{op, second})
	cases["which_undo_older"] = b.words.WhichUndo(stores, doubt, []models.Operation{op})
	cases["which_doubt"] = b.words.WhichDoubt(stores, []models.Operation{op, doubt}, true)
	cases["look_beside"] = b.words.UsableBeside(pair, command.Item{Code: Code, Count: 1}, op, second)
	cases["look_beside_doubt"] = b.words.UsableBeside(pair, command.Item{Code: Code, Count: 1}, op, doubt)
	for reason := range words.Sayings {
		cases["refused_"+reason] = one(with(func(o *models.Operation) {
			o.State, o.Outcome = models.Rejected, models.Outcome{Reason: reason}
		}))
	}
	for name, o := range map[string]models.Operation{
		"refunded": op, "refunded_pass": with(func(op *models.Operation) { op.Reusable = true }),
		"refunded_doubt":      with(func(op *models.Operation) { op.State, op.ConsumedAt = models.Unknown, time.Time{} }),
		"refunded_undo_doubt": with(func(op *models.Operation) { op.State = models.UndoUnknown }),
	} {
		r := models.Refund{Code: o.Code, Title: o.Title, PriceFen: o.PriceFen}
		if o.Reusable {
			r.PriceFen, r.PriceUnknown = 0, true
		}
		c := b.words.Refunded(pair, o, r)
		cases[name] = bot.Reply{Card: &c}
	}
	var ops []models.Operation
	for i := range 8 {
		ops = append(ops, with(func(o *models.Operation) {
			o.ID, o.Code = fmt.Sprint("operation-", i), fmt.Sprintf("799269749%d", i)
			o.State = []models.State{models.Done, models.Rejected, models.Undone, models.Unknown, models.Done, models.Done, models.Done, models.Done}[i]
			if i == 1 {
				o.Outcome.Reason = string(dianping.NotFound)
			}
		}))
	}
	cases["list"] = b.words.Batch(store, ops[:3], nil, nil)
	cases["list_long"] = b.words.Batch(store, ops, nil, nil)
	cases["list_undo_refused"] = b.words.Batch(store, []models.Operation{
		ops[0], with(func(o *models.Operation) {
			o.ID, o.Code, o.UndoReason = "operation-1", "7992697491", redeem.ReasonUnavailable
		})}, nil, nil)
	cases["list_undo_partly"] = b.words.Batch(store, []models.Operation{
		ops[0], with(func(o *models.Operation) {
			o.ID, o.Code, o.Count, o.UndoReason = "operation-1", "7992697491", 2, redeem.ReasonUndoLate
		})}, map[string][]models.Coupon{"operation-1": {
		{Code: "7992697491", PriceFen: 4990, UndoneAt: now}, {Code: "8992697494", PriceFen: 4990, UndoReason: redeem.ReasonUndoLate},
	}}, nil)
	cases["list_given_up"] = b.words.Batch(store, ops[:2], nil, []command.Item{{Code: "8992697494", Count: 1}})
	var places []access.Place
	for i := range 8 {
		places = append(places, access.Place{Store: models.Store{Account: models.Account{ID: int64(i + 1), Name: fmt.Sprintf("第%d门店", i+1), Active: true}}})
	}
	cases["stores"] = storeQuestion(b.NewID(), places, command.Button{Command: command.Parse("验 " + Code)}, 0)

	tally := func(n int) models.Sum { return models.Sum{Count: n, Fen: int64(4990 * n)} }
	even := reconcile.Result{StoreID: 1, Day: "2026-11-22", CheckedAt: now, Figures: reconcile.Figures{
		Listed: tally(42), Matched: tally(40), InShop: tally(2), Money: reconcile.Money{Customer: 160000, Merchant: 24000, Due: 175600, Exact: 40},
	}, Items: []reconcile.Item{{Kind: reconcile.InShop, Code: "7000000001", Title: "双人下午茶", PlatformFen: 4990, Account: "till-1", Channel: "1", At: now}}}
	odd := even
	odd.Figures.Matched, odd.Figures.InShop, odd.Figures.OnlyOurs, odd.Figures.AmountDiffers = tally(39), tally(3), tally(1), 1
	odd.Figures.Money.Exact, odd.Figures.Money.Estimated = 30, 9
	odd.Items = []reconcile.Item{
		{Kind: reconcile.OnlyOurs, Code: Code, OperationID: "operation-1", Title: "双人下午茶", OursFen: 4990, Account: "zhangsan", At: now},
		{Kind: reconcile.AmountDiffers, Code: "8992697494", OperationID: "operation-2", Title: "双人下午茶", OursFen: 4990, PlatformFen: 3990, Account: "zhangsan", Channel: "15", At: now},
		{Kind: reconcile.InShop, Code: "7000000001", Title: "双人下午茶", PlatformFen: 4990, At: now},
	}
	none := map[int64]reconcile.Result{1: {StoreID: 1, Day: "2026-11-22", CheckedAt: now}}
	cases["reconciled"] = b.lists.reconciledStore(context.Background(), sheet{store.Account, store, store.Name}, even.Day, map[int64]reconcile.Result{1: even})
	cases["reconciled_odd"] = b.lists.reconciledStore(context.Background(), sheet{store.Account, store, store.Name}, odd.Day, map[int64]reconcile.Result{1: odd})
	cases["reconciled_nothing"] = b.lists.reconciledStore(context.Background(), sheet{store.Account, store, store.Name}, even.Day, none)
	sheets, err := b.lists.sheetsOf(context.Background(), access.Stores(places), even.Day)
	if err != nil {
		panic(err)
	}
	cases["reconciled_stores"] = b.lists.reconciledStores(sheets, even.Day, map[int64]reconcile.Result{1: odd, 2: even})
	return cases
}

// tallyOf is so many coupons of one price.
func tallyOf(verified, undone int) models.Tally {
	return models.Tally{Verified: models.Sum{Count: verified, Fen: int64(4990 * verified)}, Undone: models.Sum{Count: undone, Fen: int64(4990 * undone)}}
}

// busyDay is a manager's day in two stores.
func busyDay() figures.Summary {
	f := &models.Figures{
		ByAccount: map[int64]models.Tally{1: tallyOf(30, 0), 2: tallyOf(12, 2)},
		ByPerson:  map[string]models.Tally{"zhangsan": tallyOf(25, 0), "qianqi": tallyOf(17, 2)},
		Names:     map[string]models.Name{"zhangsan": {Text: "张三"}, "qianqi": {Text: "钱七"}},
		ByDeal:    map[string]models.Tally{"双人下午茶套餐": tallyOf(40, 0), "亲子周末套餐": tallyOf(2, 2)},
		Refused:   map[string]int{string(dianping.AlreadyUsed): 5, string(dianping.NotFound): 2},
	}
	f.ByHour[18], f.ByHour[12] = 20, 22
	yesterday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	return figures.Summary{
		Span: command.Span{Title: "11-24"}, Stores: []models.Store{{Account: models.Account{ID: 1, Name: "人民广场店"}}, {Account: models.Account{ID: 2, Name: "徐家汇店"}}}, Now: f,
		Against:     []figures.Comparison{{Word: "前一天", Then: tallyOf(40, 0)}, {Word: "上周同日", Then: tallyOf(45, 0)}},
		Corrections: []figures.Correction{{First: yesterday, Last: yesterday, Later: tallyOf(3, 0).Verified}},
		Outlook:     []string{"还有 1 笔平台没有给出结果，我在继续确认"},
	}
}

func changed(s figures.Summary, change func(*figures.Summary)) figures.Summary { change(&s); return s }

// Every card and refusal as staff get it. bot/wecom turns these files into the
// wire form of each channel.
func TestCards(t *testing.T) {
	t.Parallel()
	clock := noon()
	zone, newID := time.FixedZone("CST", 8*3600), func() string { return "card-1" }
	b := &Bot{Options: Options{Now: clock.Now, NewID: newID}}
	b.words = &words.Words{Location: zone, Now: clock.Now, NewID: newID, Link: func(id string) string { return "https://example.com/v/" + id }}
	b.figures = &figures.Counter{Words: b.words, Now: clock.Now, NewID: newID}
	b.lists = &lists{words: b.words, Location: zone, Now: clock.Now, NewID: newID}
	dir := filepath.Join("testdata", "cards")
	cases := cardCases(b)
	for name, reply := range cases {
		var got strings.Builder
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(reply); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".json")
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v (run with -update to create it)", err)
			continue
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if reply.Card != nil && strings.Contains(got.String(), "%!") {
			t.Errorf("%s: %s", name, got.String())
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != len(cases) {
		t.Errorf("%d golden files for %d cards; %v", len(files), len(cases), err)
	}
}
