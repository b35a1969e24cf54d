package bot

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/dianping"
	"yanquan/models"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// cardCases are all the cards that operations can end in.
func cardCases(b *Bot) map[string]Reply {
	now := b.Now()
	store := models.Store{ID: 1, Name: "人民广场店", Platform: dianping.Meituan}
	op := models.Operation{
		ID: "operation-1", StoreID: 1, Code: code, Count: 1, State: models.Done, UserID: "zhangsan", User: "张三",
		Title: "双人下午茶", PriceFen: 4990, Mobile: "138****0000", VoucherExpires: now.AddDate(0, 1, 0),
		CreatedAt: now, CalledAt: now, ConsumedAt: now, UndoUntil: now.Add(10 * time.Minute),
	}
	with := func(change func(*models.Operation)) models.Operation {
		o := op
		change(&o)
		return o
	}
	one := func(o models.Operation, coupons ...models.Coupon) Reply {
		c := b.operationCard(store, o, coupons)
		return Reply{Card: &c}
	}
	two := []models.Coupon{{Code: code, PriceFen: 4990}, {Code: "8992697494", PriceFen: 4990}}
	undoneTwo := []models.Coupon{{Code: code, UndoneAt: now}, {Code: "8992697494", UndoneAt: now}}
	cases := map[string]Reply{
		"done":          one(op),
		"done_two":      one(with(func(o *models.Operation) { o.Count = 2 }), two...),
		"done_partly":   one(with(func(o *models.Operation) { o.Count = 2; o.Outcome.Reason = string(dianping.PartlyConsumed) }), two[0]),
		"done_untold":   one(with(func(o *models.Operation) { o.Count = 2; o.Outcome.Reason = reasonCodesMissing }), two[0]),
		"done_past":     one(with(func(o *models.Operation) { o.UndoUntil = now.Add(-time.Minute) })),
		"undo_refused":  one(with(func(o *models.Operation) { o.UndoReason = reasonUnavailable })),
		"undo_too_late": one(with(func(o *models.Operation) { o.UndoReason = reasonUndoLate })),
		"undone": one(with(func(o *models.Operation) {
			o.State, o.UndoUser, o.UndoUserID, o.UndoneAt = models.Undone, "王五", "wangwu", now
		})),
		"undone_two": one(with(func(o *models.Operation) {
			o.State, o.Count, o.UndoUser, o.UndoneAt = models.Undone, 2, "王五", now
		}), undoneTwo...),
		"pending":      one(with(func(o *models.Operation) { o.State = models.Unknown })),
		"undo_pending": one(with(func(o *models.Operation) { o.State = models.UndoUnknown })),
		"human":        one(with(func(o *models.Operation) { o.State, o.NeedsHuman = models.Unknown, true })),
		"human_session": one(with(func(o *models.Operation) {
			o.State, o.NeedsHuman, o.Outcome.Reason = models.Unknown, true, string(dianping.SessionExpired)
		})),
		"undo_human": one(with(func(o *models.Operation) { o.State, o.NeedsHuman = models.UndoUnknown, true })),
		"used": one(with(func(o *models.Operation) {
			o.State, o.Outcome, o.UsedBy, o.UsedAt = models.Rejected, models.Outcome{Reason: string(dianping.AlreadyUsed), Code: "1008"}, "收银台", now.AddDate(0, 0, -1)
		})),
		"too_many": one(with(func(o *models.Operation) {
			o.State, o.Outcome = models.Rejected, models.Outcome{Reason: reasonTooMany, Message: "这个订单只剩 1 张可用，您要核销 2 张。"}
		})),
		"help": b.helpCard(),
	}
	for reason := range sayings {
		cases["refused_"+reason] = one(with(func(o *models.Operation) {
			o.State, o.Outcome = models.Rejected, models.Outcome{Reason: reason}
		}))
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
	cases["list"] = b.batchReply(store, ops[:3], nil)
	cases["list_long"] = b.batchReply(store, ops, nil)
	var places []place
	for i := range 8 {
		places = append(places, place{Store: models.Store{ID: int64(i + 1), Name: fmt.Sprintf("第%d门店", i+1)}})
	}
	cases["stores"] = b.askStore(places, "验 "+code, 0)
	return cases
}

// Every card and refusal as staff get it. bot/wecom turns these files into the
// wire form of each channel.
func TestCards(t *testing.T) {
	t.Parallel()
	clock := noon()
	b := &Bot{Options: Options{
		Now: clock.Now, Location: time.FixedZone("CST", 8*3600), NewID: func() string { return "card-1" },
		Link: func(id string) string { return "https://example.com/v/" + id },
	}}
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
