// Package watch notices what a manager would want to know before it costs: rules
// over the journal, each with a threshold of its own and off where that is zero.
// Whoever was told of something is not told again for a while.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"yanquan/dianping"
	"yanquan/models"
)

// Rules are the thresholds. The zero value watches nothing.
type Rules struct {
	Open           Hours // a verification outside of them; the zero Hours: always open
	Repeats        int   // so many verifications of one order undone in a day
	SamePhone      int   // so many vouchers of one phone in a store and day
	UndoPercent    int   // of one person's verifications of a day, at least minUndone, and three times what it is with the others
	SilentDays     int   // a store without business by this hour, which it had on each of so many days
	PlatformErrors int   // percent of the calls of the last quarter of an hour, of at least minCalls
	Doubtful       int   // so many operations whose outcome is not known
}

// Finding is what a rule has noticed.
type Finding struct {
	Key    string // of what it is about, and when it was told
	Stores []int64
	Title  string
	Text   string // what it is, and what to do
}

// Options of a Watcher. All are required.
type Options struct {
	DB       *models.DB
	Tell     func(ctx context.Context, tx *models.DB, f Finding) error // puts it into the outbox
	Location *time.Location
	Now      func() time.Time
	Log      *slog.Logger
}

// Watcher applies the rules. It is safe for concurrent use, and any number of
// processes may look at the same database: one of them tells.
type Watcher struct {
	Options
	Rules Rules
}

const (
	minUndone  = 5
	minOthers  = 3 // times as often as the others
	minCalls   = 20
	callWindow = 15 * time.Minute
	aDay       = 20 * time.Hour // told again on the next day, at whatever hour it is noticed
	aNight     = 25 * time.Hour // longer than a verification outside the hours is looked at
)

// sight is what all rules of one look share.
type sight struct {
	now    time.Time
	today  time.Time // its beginning
	stores map[int64]models.Store
}

// Look applies every rule that is on. One that fails does not keep the others
// from being applied.
func (w *Watcher) Look(ctx context.Context) error {
	if w.Rules == (Rules{}) {
		return nil
	}
	stores, err := w.DB.Stores(ctx)
	if err != nil {
		return fmt.Errorf("watch: stores: %w", err)
	}
	now := w.Now().In(w.Location)
	s := sight{now: now, today: beginOf(now, 0), stores: map[int64]models.Store{}}
	for _, store := range stores {
		s.stores[store.ID] = store
	}
	var errs []error
	for _, rule := range []struct {
		on    bool
		name  string
		apply func(context.Context, sight) error
	}{
		{w.Rules.Open != Hours{}, "opening hours", w.outsideHours},
		{w.Rules.Repeats > 0, "repeats", w.repeats},
		{w.Rules.SamePhone > 0, "same phone", w.samePhone},
		{w.Rules.UndoPercent > 0, "undo share", w.undoShare},
		{w.Rules.SilentDays > 0, "silent stores", w.silent},
		{w.Rules.PlatformErrors > 0, "platform errors", w.platformErrors},
		{w.Rules.Doubtful > 0, "doubts", w.doubtful},
	} {
		if !rule.on {
			continue
		}
		if err := rule.apply(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("watch: %s: %w", rule.name, err))
		}
	}
	return errors.Join(errs...)
}

// beginOf is the beginning of the day so many days after that of a time.
func beginOf(t time.Time, days int) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, t.Location())
}

// tell tells of a finding, unless that was done less than quiet ago.
func (w *Watcher) tell(ctx context.Context, quiet time.Duration, f Finding) error {
	return w.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Alert(ctx, f.Key, quiet)
		if err != nil || !fresh {
			return err
		}
		w.Log.Info("managers are alerted", "alert", f.Key)
		f.Key += "/" + tx.Now().UTC().Format(time.RFC3339Nano) // another time is another message
		return w.Tell(ctx, tx, f)
	})
}

func (w *Watcher) outsideHours(ctx context.Context, s sight) error {
	for _, closed := range w.Rules.Open.closed(s.now) {
		seen, err := w.DB.ConsumedBetween(ctx, closed.from, closed.to)
		if err != nil {
			return err
		}
		for _, o := range seen {
			err := w.tell(ctx, aNight, Finding{
				Key: fmt.Sprintf("open/%d", o.StoreID), Stores: []int64{o.StoreID}, Title: "营业时间外有核销",
				Text: fmt.Sprintf("「%s」在营业时间（%s）以外核销了 %d 次，第一次在 %s。请确认是不是店里的人操作的；发“记录”可以看明细。",
					s.stores[o.StoreID].Name, w.Rules.Open, o.Times, w.when(o.First)),
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Watcher) repeats(ctx context.Context, s sight) error {
	seen, err := w.DB.UndoneOrders(ctx, s.today, w.Rules.Repeats)
	if err != nil {
		return err
	}
	for _, o := range seen {
		err := w.tell(ctx, aDay, Finding{
			Key: fmt.Sprintf("repeats/%d/%s", o.StoreID, o.Subject), Stores: []int64{o.StoreID}, Title: "反复核销又撤销",
			Text: fmt.Sprintf("「%s」今天把同一个订单（尾号 %s）核销后又撤销了 %d 次，第一次在 %s。请问一下店里是什么原因。",
				s.stores[o.StoreID].Name, tail(o.Subject), o.Times, w.when(o.First)),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Watcher) samePhone(ctx context.Context, s sight) error {
	seen, err := w.DB.PhoneCoupons(ctx, s.today, w.Rules.SamePhone)
	if err != nil {
		return err
	}
	for _, o := range seen {
		err := w.tell(ctx, aDay, Finding{
			Key: fmt.Sprintf("phone/%d/%s", o.StoreID, o.Subject), Stores: []int64{o.StoreID}, Title: "同一个手机号核销很多张",
			Text: fmt.Sprintf("手机号 %s 今天在「%s」核销了 %d 张券。请确认顾客真的到店消费了。", o.Subject, s.stores[o.StoreID].Name, o.Times),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Watcher) undoShare(ctx context.Context, s sight) error {
	seen, err := w.DB.UndoneBy(ctx, s.today)
	if err != nil {
		return err
	}
	type sum struct{ undone, of int }
	whole := map[int64]sum{}
	for _, o := range seen {
		t := whole[o.StoreID]
		whole[o.StoreID] = sum{t.undone + o.Times, t.of + o.Of}
	}
	for _, o := range seen {
		others := sum{whole[o.StoreID].undone - o.Times, whole[o.StoreID].of - o.Of}
		// Shares are compared as products: nobody else is no share to compare with.
		if o.Times < minUndone || o.Times*100 < w.Rules.UndoPercent*o.Of || o.Times*others.of < minOthers*others.undone*o.Of {
			continue
		}
		text := fmt.Sprintf("%s 今天在「%s」核销 %d 次，撤销了其中 %d 次", o.Subject, s.stores[o.StoreID].Name, o.Of, o.Times)
		if others.of > 0 {
			text += fmt.Sprintf("；店里其他人核销 %d 次，撤销 %d 次", others.of, others.undone)
		}
		err := w.tell(ctx, aDay, Finding{
			Key: fmt.Sprintf("undo/%d/%s", o.StoreID, o.UserID), Stores: []int64{o.StoreID}, Title: "有人撤销特别多", Text: text + "。请了解一下原因。",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Watcher) silent(ctx context.Context, s sight) error {
	sinceBegin := s.now.Sub(s.today)
	busy := map[int64]int{}
	for back := 1; back <= w.Rules.SilentDays; back++ {
		begin := beginOf(s.now, -back)
		ids, err := w.DB.StoresConsuming(ctx, begin, begin.Add(sinceBegin))
		if err != nil {
			return err
		}
		for _, id := range ids {
			busy[id]++
		}
	}
	ids, err := w.DB.StoresConsuming(ctx, s.today, s.now)
	if err != nil {
		return err
	}
	for _, id := range ids {
		delete(busy, id)
	}
	for id, store := range s.stores {
		if busy[id] < w.Rules.SilentDays {
			continue
		}
		err := w.tell(ctx, aDay, Finding{
			Key: fmt.Sprintf("silent/%d", id), Stores: []int64{id}, Title: "门店今天还没有核销",
			Text: fmt.Sprintf("「%s」最近 %d 天每天到这个时间都有核销，今天还没有。请问一下店里：机器人有没有回答，授权有没有问题？", store.Name, w.Rules.SilentDays),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// failing are the classes of calls that the platform is to blame for.
var failing = []string{string(dianping.UnknownOutcome), string(dianping.Unavailable)}

func (w *Watcher) platformErrors(ctx context.Context, s sight) error {
	seen, err := w.DB.FailedCalls(ctx, s.now.Add(-callWindow), failing)
	if err != nil {
		return err
	}
	type sum struct {
		failed, of int
		stores     []int64
	}
	sums := map[string]sum{}
	for _, o := range seen {
		platform := s.stores[o.StoreID].Platform
		t := sums[platform]
		t.failed, t.of = t.failed+o.Times, t.of+o.Of
		if o.Times > 0 {
			t.stores = append(t.stores, o.StoreID)
		}
		sums[platform] = t
	}
	for platform, t := range sums {
		if t.of < minCalls || t.failed*100 < w.Rules.PlatformErrors*t.of {
			continue
		}
		err := w.tell(ctx, 2*time.Hour, Finding{
			Key: "platform/" + platform, Stores: t.stores, Title: "平台经常不回答",
			Text: fmt.Sprintf("最近 15 分钟问了平台（%s）%d 次，有 %d 次没有得到回答。没有结果的核销我会继续确认，请让店员看到“核验中”时等一等，不要重复核销。", platform, t.of, t.failed),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Watcher) doubtful(ctx context.Context, s sight) error {
	seen, err := w.DB.Doubtful(ctx)
	if err != nil {
		return err
	}
	var stores []int64
	var names []string
	total, first := 0, time.Time{}
	for _, o := range seen {
		total += o.Times
		stores = append(stores, o.StoreID)
		names = append(names, fmt.Sprintf("「%s」%d 笔", s.stores[o.StoreID].Name, o.Times))
		if first.IsZero() || !o.First.IsZero() && o.First.Before(first) {
			first = o.First
		}
	}
	if total < w.Rules.Doubtful {
		return nil
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("等 %d 家门店", len(seen)))
	}
	return w.tell(ctx, time.Hour, Finding{
		Key: "doubtful", Stores: stores, Title: "有多笔核销还没有结果",
		Text: fmt.Sprintf("现在有 %d 笔核销或撤销平台还没有给出结果（%s），最早的从 %s 开始。我在继续确认；急用请到开店宝里查。", total, strings.Join(names, "、"), w.when(first)),
	})
}

func (w *Watcher) when(t time.Time) string { return t.In(w.Location).Format("01-02 15:04") }

func tail(s string) string { return s[max(0, len(s)-4):] }
