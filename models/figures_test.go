package models_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"yanquan/models"
	"yanquan/models/modelstest"
)

var china = time.FixedZone("CST", 8*3600)

// sold is what a test verified, or tried to, by its own books.
type sold struct {
	op      models.Operation
	coupons []models.Coupon
}

// booked sums up what a test did, without the store's help.
func booked(all map[string]*sold, stores []int64, s models.Span) models.Figures {
	f := models.Figures{ByAccount: map[int64]models.Tally{}, ByPerson: map[string]models.Tally{}, Names: map[string]models.Name{}, ByDeal: map[string]models.Tally{}, Refused: map[string]int{}}
	within := func(at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }
	for _, one := range all {
		switch {
		case !slices.Contains(stores, one.op.StoreID):
		case one.op.State == models.Rejected:
			if within(one.op.CreatedAt) {
				f.Refused[one.op.Outcome.Reason]++
			}
		case within(one.op.ConsumedAt):
			name := models.Name{Text: one.op.User, At: one.op.ConsumedAt.Unix()}
			if last := f.Names[one.op.UserID]; name.Text != "" && (name.At > last.At || name.At == last.At && name.Text > last.Text) {
				f.Names[one.op.UserID] = name
			}
			for _, c := range one.coupons {
				enter(f.ByAccount, one.op.StoreID, c)
				enter(f.ByPerson, one.op.UserID, c)
				enter(f.ByDeal, one.op.Title, c)
				if c.UndoneAt.IsZero() {
					f.ByHour[one.op.ConsumedAt.In(s.From.Location()).Hour()]++
				}
			}
		}
	}
	return f
}

// enter counts a coupon by the test's own rules.
func enter[K comparable](m map[K]models.Tally, key K, c models.Coupon) {
	t := m[key]
	sum := &t.Verified
	if !c.UndoneAt.IsZero() {
		sum = &t.Undone
	}
	sum.Count++
	sum.Fen += c.PriceFen
	if c.PriceUnknown {
		sum.Unpriced++
	}
	m[key] = t
}

// at is the beginning of a day in China.
func at(day string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, day, china)
	if err != nil {
		panic(err)
	}
	return t
}

// Whatever is kept, figures are what was verified: through months of business with
// settlements, refusals and undos that come days later, while figures are kept and
// kept again.
func TestFigures(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		random := rand.New(rand.NewPCG(7, uint64(len(db.Driver()))))
		pick := func(n int) int { return random.IntN(n) }
		var stores []int64
		for _, s := range link(t, db, granted(t, db, "bid-1"), "a", "b", "c") {
			stores = append(stores, s.ID)
		}
		books := map[string]*sold{}
		var open []string // under way
		var done []string
		kept, stale := 0, 0
		for step := range 600 {
			switch n := pick(20); {
			case n < 8: // a verification, of one or two coupons
				code := fmt.Sprint("c", step)
				op := intent(code)
				op.StoreID, op.CreatedAt, op.CalledAt = stores[pick(3)], clock.Now(), clock.Now()
				op.UserID, op.User = fmt.Sprint("user-", pick(4)), []string{"张三", "李四", ""}[pick(3)]
				op.Title = []string{"烤鱼", "火锅"}[pick(2)]
				one := &sold{op: begin(t, db, op)}
				for i := range 1 + pick(2) {
					c := models.Coupon{Code: fmt.Sprint(code, "-", i), PriceFen: int64(max(0, pick(9900)-1000))}
					c.PriceUnknown = c.PriceFen == 0 && pick(2) == 0
					one.coupons = append(one.coupons, c)
				}
				books[code] = one
				open = append(open, code)
			case n < 15 && len(open) > 0: // its outcome, at once or days later
				i := pick(len(open))
				one := books[open[i]]
				op := one.op
				var err error
				if pick(5) == 0 {
					op.Outcome.Reason = []string{"not_found", "already_consumed"}[pick(2)]
					op, err = db.Journal.RejectConsume(ctx, op)
				} else {
					op.ConsumedAt = op.CalledAt
					op, err = db.Journal.FinishConsume(ctx, op, one.coupons)
					done = append(done, open[i])
				}
				no(t, err)
				one.op = op
				open = slices.Delete(open, i, i+1)
			case n < 17 && len(done) > 0: // an undo, of all or of the first coupon
				i := pick(len(done))
				one := books[done[i]]
				op := undoing(t, db, one.op)
				var err error
				if pick(2) == 0 {
					op.UndoneAt = clock.Now()
					for j := range one.coupons {
						one.coupons[j].UndoneAt = clock.Now()
					}
					op, err = db.Journal.FinishUndo(ctx, op, nil)
				} else {
					one.coupons[0].UndoneAt = clock.Now()
					op, err = db.Journal.RefuseUndo(ctx, op, one.coupons[:1])
				}
				no(t, err)
				one.op = op
				done = slices.Delete(done, i, i+1)
			case n < 18:
				clock.Advance(time.Duration(pick(40)) * time.Hour)
			default:
				clock.Advance(time.Duration(pick(90)) * time.Minute)
			}
			now := clock.Now().In(china)
			y, m, d := now.Date()
			for _, s := range []models.Span{
				{From: time.Date(y, m, 1, 0, 0, 0, 0, china), To: time.Date(y, m, d+1, 0, 0, 0, 0, china), Kind: "month"},
				{From: time.Date(y, m-1, 1, 0, 0, 0, 0, china), To: time.Date(y, m, 1, 0, 0, 0, 0, china), Kind: "month"},
				{From: time.Date(y, m, d-9, 0, 0, 0, 0, china), To: time.Date(y, m, d-2, 0, 0, 0, 0, china), Kind: "week"},
				{From: time.Date(y, m, d-9, 0, 0, 0, 0, china), To: time.Date(y, m, d, 0, 0, 0, 0, china), Kind: "week"},
				{From: time.Date(y, m, 1, 0, 0, 0, 0, time.UTC), To: time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC), Kind: "month"},
				{From: time.Date(y, m, d-3, 0, 0, 0, 0, china), To: now},
			} {
				if step%3 == 0 {
					mine := stores[pick(3):]
					got, err := db.Figures.Sum(ctx, mine, s)
					no(t, err)
					if d := gocmp.Diff(booked(books, mine, s), *got); d != "" {
						t.Fatalf("step %d, %v of %v: differs (-want +got):\n%s", step, s, mine, d)
					}
				}
				if s.Kind == "" || pick(20) > 0 {
					continue
				}
				closed := now.Add(-time.Duration(pick(30)) * time.Hour).Truncate(time.Hour).In(s.From.Location())
				if s.To.After(closed) {
					s.To = closed
				}
				if !s.From.Before(s.To) {
					want(t, db.Figures.Keep(ctx, stores, s), models.ErrInvalid)
					continue
				}
				missing, err := db.Figures.Missing(ctx, stores, s)
				no(t, err)
				if s.To.Add(models.KeepAfter).After(clock.Now()) {
					want(t, db.Figures.Keep(ctx, stores, s), models.ErrInvalid)
					stale++
					continue
				}
				if len(missing) == 0 {
					continue
				}
				no(t, db.Figures.Keep(ctx, missing, s))
				same(t, len(must(db.Figures.Missing(ctx, stores, s))), 0)
				kept++
			}
		}
		if kept < 30 || stale == 0 || len(done) == 0 {
			t.Errorf("kept %d times, too early %d times; %d codes stand", kept, stale, len(done))
		}
	})
}

// What is kept is read instead of being counted again, also for the longer span that
// begins with it, and what is changed later is forgotten.
func TestFiguresKept(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		store := link(t, db, granted(t, db, "bid-1"), "a")[0].ID
		stores := []int64{store}
		op := intent("7992697494")
		op.StoreID = store
		op = done(t, db, op)
		clock.Advance(48 * time.Hour)
		november := models.Span{From: at("2026-11-01"), To: at("2026-11-25"), Kind: "month"}
		no(t, db.Figures.Keep(ctx, stores, november))

		// Behind the store's back: who counts, sees it.
		_, err := db.Pool().ExecContext(ctx, "UPDATE coupons SET price_fen = 1")
		no(t, err)
		amount := func(s models.Span) int64 {
			t.Helper()
			return must(db.Figures.Sum(ctx, stores, s)).All().Verified.Fen
		}
		same(t, amount(november), int64(4990))
		longer := november
		longer.To = at("2026-11-26")
		same(t, amount(longer), int64(4990))
		shorter := november
		shorter.To = at("2026-11-24")
		same(t, amount(shorter), int64(1))
		elsewhere := november
		elsewhere.From = elsewhere.From.In(time.FixedZone("other", 8*3600))
		same(t, amount(elsewhere), int64(1))
		same(t, amount(models.Span{From: november.From, To: november.To}), int64(1))

		// A month later the one before it is still kept, and then something of it changes.
		same(t, must(db.Figures.MissingEach(ctx, stores, []models.Span{longer, november, elsewhere})), [][]int64{stores, {}, stores})
		undo := undoing(t, db, op)
		same(t, amount(november), int64(1))
		same(t, must(db.Figures.Missing(ctx, stores, november)), stores)
		no(t, db.Figures.Keep(ctx, stores, november))
		undo.UndoneAt = clock.Now()
		no(t, second(db.Journal.FinishUndo(ctx, undo, nil)))
		same(t, amount(november), int64(0))
		same(t, must(db.Figures.Sum(ctx, stores, november)).All(), models.Tally{Undone: models.Sum{Count: 1, Fen: 1}})

		// What earlier versions keep is not read, and goes.
		former := func() (n int) {
			no(t, db.Pool().QueryRowContext(ctx, "SELECT COUNT(*) FROM period_figures").Scan(&n))
			return n
		}
		for _, form := range []string{"", "/2", "/3", "/4"} {
			no(t, db.Figures.Keep(ctx, stores, november))
			_, err = db.Pool().ExecContext(ctx, "UPDATE period_figures SET period = REPLACE(period, '/5', ?)", form)
			no(t, err)
			same(t, must(db.Figures.Missing(ctx, stores, november)), stores)
			if former() == 0 {
				t.Error("nothing was kept by the earlier version")
			}
			no(t, db.Figures.Purge(ctx, november))
			same(t, former(), 0)
		}

		no(t, db.Figures.Keep(ctx, stores, november))
		no(t, db.Figures.Purge(ctx, november))
		same(t, len(must(db.Figures.Missing(ctx, stores, november))), 0)
		no(t, db.Figures.Purge(ctx, models.Span{From: november.From.AddDate(0, 1, 0), Kind: "week"}))
		same(t, len(must(db.Figures.Missing(ctx, stores, november))), 0)
		no(t, db.Figures.Purge(ctx, models.Span{From: november.From.AddDate(0, 1, 0), Kind: "month"}))
		same(t, must(db.Figures.Missing(ctx, stores, november)), stores)
	})
}

// Two people of one name are two, whatever is kept of them; who has got another name is one,
// with the last.
func TestFiguresOfPeople(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		var stores []int64
		for _, s := range link(t, db, granted(t, db, "bid-1"), "a", "b") {
			stores = append(stores, s.ID)
		}
		sells := func(code string, store int64, user, name string) {
			t.Helper()
			op := intent(code)
			op.StoreID, op.UserID, op.User, op.CreatedAt, op.CalledAt = store, user, name, clock.Now(), clock.Now()
			done(t, db, op)
		}
		sells("c1", stores[0], "zhangsan", "张三")
		sells("c2", stores[1], "zhangsan2", "张三")
		sells("c3", stores[0], "lisi", "小李")
		sells("c4", stores[0], "wangwu", "")
		clock.Advance(48 * time.Hour)
		november := models.Span{From: at("2026-11-01"), To: at("2026-11-25"), Kind: "month"}
		no(t, db.Figures.Keep(ctx, stores, november))
		sells("c5", stores[1], "lisi", "李四")
		sells("c6", stores[1], "zhangsan2", "张三")
		for _, span := range []models.Span{
			{From: november.From, To: at("2026-12-01"), Kind: "month"},
			{From: november.From, To: at("2026-12-01")},
		} {
			f := must(db.Figures.Sum(ctx, stores, span))
			same(t, f.People(), map[string]string{"zhangsan": "张三（zhangsan）", "zhangsan2": "张三（zhangsan2）", "lisi": "李四", "wangwu": "wangwu"})
			same(t, [3]int{f.ByPerson["zhangsan"].Verified.Count, f.ByPerson["zhangsan2"].Verified.Count, f.ByPerson["lisi"].Verified.Count}, [3]int{1, 2, 2})
			same(t, f.All().Verified.Count, 6)
		}
	})
}

// What changes between the counting and the keeping is not lost.
func TestKeepFiguresStale(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		store := link(t, db, granted(t, db, "bid-1"), "a")[0].ID
		op := intent("7992697494")
		op.StoreID = store
		op = undoing(t, db, done(t, db, op))
		clock.Advance(48 * time.Hour)
		changed := false
		db.Watch(func(statement string, _ []any) {
			if strings.Contains(statement, "outcome_reason") && strings.Contains(statement, "COUNT") && !changed { // has counted
				changed = true
				if _, err := db.Journal.FinishUndo(ctx, op, nil); err != nil {
					t.Error(err)
				}
			}
		})
		november := models.Span{From: at("2026-11-01"), To: at("2026-11-25"), Kind: "month"}
		want(t, db.Figures.Keep(ctx, []int64{store}, november), models.ErrStale)
		if !changed {
			t.Fatal("nothing was changed")
		}
		same(t, must(db.Figures.Sum(ctx, []int64{store}, november)).All(), models.Tally{Undone: models.Sum{Count: 1, Fen: 4990}})
		same(t, must(db.Figures.Missing(ctx, []int64{store}, november)), []int64{store})
		no(t, db.Figures.Keep(ctx, []int64{store}, november))
		same(t, must(db.Figures.Sum(ctx, []int64{store}, november)).All(), models.Tally{Undone: models.Sum{Count: 1, Fen: 4990}})
	})
}

// While some keep figures, others change what they count.
func TestKeepFiguresRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		var stores []int64
		for _, s := range link(t, db, granted(t, db, "bid-1"), "a", "b") {
			stores = append(stores, s.ID)
		}
		const n = 40
		var ops []models.Operation
		for i := range n {
			op := intent(fmt.Sprint("c", i))
			op.StoreID = stores[i%2]
			ops = append(ops, undoing(t, db, done(t, db, op)))
		}
		clock.Advance(48 * time.Hour)
		november := models.Span{From: at("2026-11-01"), To: at("2026-11-25"), Kind: "month"}
		errs := race(2*n, func(i int) error {
			if i < n {
				_, err := db.Journal.FinishUndo(ctx, ops[i], nil)
				return err
			}
			if err := db.Figures.Keep(ctx, stores, november); !errors.Is(err, models.ErrStale) {
				return err
			}
			return nil
		})
		no(t, errors.Join(errs...))
		same(t, must(db.Figures.Sum(ctx, stores, november)).All(), models.Tally{Undone: models.Sum{Count: n, Fen: n * 4990}})
		no(t, db.Figures.Keep(ctx, stores, november))
		same(t, must(db.Figures.Sum(ctx, stores, november)).All(), models.Tally{Undone: models.Sum{Count: n, Fen: n * 4990}})
	})
}
