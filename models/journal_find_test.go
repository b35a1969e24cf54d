package models_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func codes(ops []models.Operation) string {
	s := ""
	for _, op := range ops {
		s += op.Code + " "
	}
	return s
}

func TestOperationsOfMessage(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		for _, seq := range []int{2, 0, 10, 1} {
			op := intent(fmt.Sprint("code", seq))
			op.InboxID, op.Seq = "in-many", seq
			begin(t, db, op)
		}
		begin(t, db, intent("other"))
		same(t, codes(must(db.Journal.OfMessage(t.Context(), "in-many"))), "code0 code1 code2 code10 ")
		_, err := db.Journal.Get(t.Context(), "op-nobody")
		want(t, err, models.ErrNotFound)
	})
}

func TestOperationByCoupon(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		find := func() string {
			clock.Advance(time.Second)
			op, err := db.Journal.ByCoupon(ctx, 1, "B")
			if err != nil {
				want(t, err, models.ErrNotFound)
			}
			return op.ID
		}
		same(t, find(), "")
		refused := intent("B")
		refused.ID, refused.InboxID = "op-refused", "in-refused"
		no(t, second(db.Journal.Refuse(ctx, refused)))
		same(t, find(), "op-refused")

		two, err := db.Journal.FinishConsume(ctx, begin(t, db, intent("A")), []models.Coupon{{Code: "A"}, {Code: "B"}})
		no(t, err)
		same(t, find(), "op-A") // it consumed B
		refused.ID, refused.InboxID = "op-refused-2", "in-refused-2"
		no(t, second(db.Journal.Refuse(ctx, refused)))
		same(t, find(), "op-A") // newer, but tells less
		two = undoing(t, db, two)
		same(t, find(), "op-A")
		no(t, second(db.Journal.FinishUndo(ctx, two, nil)))
		same(t, find(), "op-A")
		begin(t, db, intent("B"))
		same(t, find(), "op-B") // under way
		refused.ID, refused.InboxID = "op-refused-3", "in-refused-3"
		no(t, second(db.Journal.Refuse(ctx, refused)))
		same(t, find(), "op-B")
		no(t, second(db.Journal.FinishConsume(ctx, must(db.Journal.Get(ctx, "op-B")), []models.Coupon{{Code: "B"}})))
		same(t, find(), "op-B")
		_, err = db.Journal.ByCoupon(ctx, 2, "B")
		want(t, err, models.ErrNotFound)
	})
}

func TestTallies(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		from, to := noon, noon.Add(24*time.Hour)
		add := func(code string, store int64, user string, at time.Time, fen ...int64) models.Operation {
			op := intent(code)
			op.StoreID, op.UserID, op.ConsumedAt = store, user, at
			var coupons []models.Coupon
			for i, f := range fen {
				coupons = append(coupons, models.Coupon{Code: fmt.Sprint(code, "-", i), PriceFen: max(f, 0), PriceUnknown: f < 0})
			}
			op, err := db.Journal.FinishConsume(ctx, begin(t, db, op), coupons)
			no(t, err)
			return op
		}
		add("before", 1, "zhangsan", from.Add(-time.Microsecond), 1)
		add("first", 1, "zhangsan", from, 4990)
		add("last", 1, "LiSi", to.Add(-time.Microsecond), 100, 200)
		add("after", 1, "zhangsan", to, 1)
		add("elsewhere", 2, "zhangsan", noon, 7)
		add("not asked for", 3, "zhangsan", noon, 7)
		whole := undoing(t, db, add("undone", 1, "zhangsan", noon.Add(time.Hour), 1000, 2000))
		no(t, second(db.Journal.FinishUndo(ctx, whole, nil)))
		part := undoing(t, db, add("half undone", 1, "zhangsan", noon.Add(time.Hour), 30, 40))
		no(t, second(db.Journal.RefuseUndo(ctx, part, []models.Coupon{{Code: "half undone-0", UndoneAt: noon}})))
		again := add("again", 1, "zhangsan", noon, 500)
		no(t, db.Journal.Supersede(ctx, again)) // verified twice is verified twice
		inState(t, db, "calling", models.Calling)
		inState(t, db, "rejected", models.Rejected)

		add("not priced", 1, "wangwu", noon, -1, 60, 0) // 0 is a price
		no(t, second(db.Journal.FinishUndo(ctx, undoing(t, db, add("undone, not priced", 1, "wangwu", noon, -1)), nil)))

		same(t, must(db.Figures.Tallies(ctx, []int64{2, 1, 4}, "", from, to)), map[int64]models.Tally{
			1: {Verified: models.Sum{Count: 8, Fen: 4990 + 300 + 40 + 500 + 60, Unpriced: 1}, Undone: models.Sum{Count: 4, Fen: 3030, Unpriced: 1}},
			2: {Verified: models.Sum{Count: 1, Fen: 7}},
		})
		same(t, must(db.Figures.Tallies(ctx, []int64{1, 2}, "lisi", from, to)), map[int64]models.Tally{1: {Verified: models.Sum{Count: 2, Fen: 300}}})
		same(t, len(must(db.Figures.Tallies(ctx, nil, "", from, to))), 0)
	})
}

func TestStory(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		refused := intent("B")
		refused.ID, refused.InboxID = "op-refused", "in-refused"
		no(t, second(db.Journal.Refuse(ctx, refused)))
		clock.Advance(time.Second)
		op, err := db.Journal.FinishConsume(ctx, begin(t, db, intent("A")), []models.Coupon{{Code: "A"}, {Code: "B", PriceFen: 5}})
		no(t, err)
		undoing(t, db, op)
		done(t, db, intent("other"))
		calls := []models.Call{
			{StoreID: 1, ReceiptCode: "B", Name: "prepare", UserID: "zhangsan", StartedAt: noon.Add(-time.Minute), Took: 1500 * time.Microsecond, Class: "refused",
				Outcome: models.Outcome{Reason: "already_used", Code: "1008", Message: "已使用", TraceID: "t"}},
			{OperationID: op.ID, StoreID: 1, ReceiptCode: "A", Name: "consume", UserID: "zhangsan", StartedAt: noon, Took: time.Second},
			{OperationID: "op-other", StoreID: 1, ReceiptCode: "other", Name: "consume", UserID: "zhangsan", StartedAt: noon},
		}
		no(t, db.Calls.Log(ctx, calls))
		no(t, db.Calls.Log(ctx, nil))
		for id, inbox := range map[string]string{"1": op.InboxID, "2": "in-undo", "3": "in-other"} {
			o := outgoing(id, "app/main/wr")
			o.InboxID, o.OperationID = inbox, ""
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		o := outgoing("4", "app/main/boss")
		o.InboxID, o.OperationID = "", op.ID
		no(t, db.Outbox.Enqueue(ctx, o))

		ops, coupons, logged, out, err := db.History.Story(ctx, "B")
		no(t, err)
		same(t, codes(ops), "B A ")
		same(t, len(coupons), 2)
		same(t, coupons[1].PriceFen, int64(5))
		for i := range calls {
			calls[i].Times = 1
		}
		for i := range logged {
			if logged[i].ID == 0 {
				t.Error("a call without ID")
			}
			logged[i].ID = 0
		}
		same(t, logged, calls[:2])
		same(t, len(out), 3)
		for _, o := range out {
			same(t, string(o.Payload), "核销成功🎉 "+o.ID)
		}
		ops, coupons, logged, out, err = db.History.Story(ctx, "nobody's")
		no(t, err)
		same(t, len(ops)+len(coupons)+len(logged)+len(out), 0)
	})
}

// A message is awaited while what it asked for is under way: to verify, or to undo.
func TestAwaited(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		begun := func(code string) models.Operation { return begin(t, db, intent(code)) }
		begun("calling")
		no(t, second(db.Journal.DoubtConsume(ctx, begun("doubtful"))))
		left := must(db.Journal.DoubtConsume(ctx, begun("left")))
		left.NeedsHuman = true
		no(t, second(db.Journal.DoubtConsume(ctx, left)))
		no(t, second(db.Journal.HeldConsume(ctx, begun("held"))))
		no(t, second(db.Journal.RejectConsume(ctx, begun("refused"))))
		done := must(db.Journal.FinishConsume(ctx, begun("done"), []models.Coupon{{Code: "done"}}))
		undo := undoing(t, db, done)
		got := must(db.Journal.Awaited(ctx, []string{"in-calling", "in-doubtful", "in-left", "in-held", "in-refused", "in-done", undo.UndoInboxID, "in-nobody"}))
		slices.Sort(got)
		expect := []string{"in-calling", "in-done", "in-doubtful", undo.UndoInboxID}
		slices.Sort(expect)
		same(t, got, expect)
		no(t, second(db.Journal.FinishUndo(ctx, undo, nil)))
		same(t, must(db.Journal.Awaited(ctx, []string{"in-done", undo.UndoInboxID})), []string(nil))
	})
}

// What is settled again and again is recorded by few statements: equal failures as one,
// and all else together.
func TestCallsOfASettledOperation(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{models.SQLite, models.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			var rec modelstest.Recorder
			db := modelstest.On(t, driver, modelstest.WithRecorder(&rec))
			call := func(name, class string) models.Call {
				return models.Call{OperationID: "op", StoreID: 1, ReceiptCode: "A", Name: name, Class: class}
			}
			rec.Take()
			no(t, db.Calls.LogAgain(t.Context(), []models.Call{call("record", "refused"), call("look", ""), call("consume", "")}))
			inserts := 0
			for _, s := range rec.Take() {
				if s.String() == "INSERT calls" {
					inserts++
				}
			}
			same(t, inserts, 1)
			no(t, db.Calls.LogAgain(t.Context(), []models.Call{call("record", "refused"), call("record", "refused"), call("record", "other"), call("record", "other")}))
			var told []string
			for _, name := range []string{"record", "look", "consume"} {
				for _, c := range must(db.Calls.Of(t.Context(), "op", name)) {
					told = append(told, fmt.Sprint(c.Name, " ", c.Class, " ", c.Times))
				}
			}
			same(t, told, []string{"record refused 3", "record other 2", "look  1", "consume  1"})
		})
	}
}
