// Package alert tells managers what they want to know before it costs: rules over
// the journal, each with a threshold of its own and off where that is zero. It knows
// neither cards nor who the managers are.
package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/models"
)

// Rules are the thresholds. The zero value has no rule.
type Rules struct {
	Open           Hours // a verification outside of them; the zero Hours: always open
	Repeats        int   // so many verifications of one order undone in a day
	SamePhone      int   // so many vouchers of one phone in a store and day
	UndoPercent    int   // of one person's verifications of a day, at least minUndone, and three times what it is with the others
	SilentDays     int   // a store without business by this hour, which it had on each of so many days
	PlatformErrors int   // percent of the calls of the last quarter of an hour, of at least minCalls
	Doubtful       int   // so many operations whose outcome is not known
}

// Alert is what a rule has found.
type Alert struct {
	Key    string // of what it is about, and when it was told
	Stores []int64
	Title  string
	Text   string // what it is, and what to do

	// TextOf is the text of several stores, for who manages some of them; nil: it is Text.
	TextOf func(stores []int64) string
}

// Checker applies the rules. It is safe for concurrent use, and any number of
// processes may check the same database: one of them tells.
type Checker struct {
	DB       *models.DB
	Rules    Rules
	Tell     func(ctx context.Context, tx *models.DB, a Alert) error // puts it into the outbox
	Location *time.Location
	Now      func() time.Time
	Log      *slog.Logger
}

const (
	minUndone  = 5
	minOthers  = 3 // times as often as the others
	minCalls   = 20
	callWindow = 15 * time.Minute
)

// How long a rule does not tell again of the same.
const (
	anHour   = time.Hour
	twoHours = 2 * time.Hour
	aDay     = 20 * time.Hour // told again on the next day, at whatever hour it is noticed
	aNight   = 25 * time.Hour // longer than a verification outside the hours is looked at
)

// sight is what all rules of one check share.
type sight struct {
	now    time.Time
	today  time.Time              // its beginning
	stores map[int64]models.Store // by account
}

// Check applies every rule that is on. One that fails does not keep the others
// from being applied.
func (c *Checker) Check(ctx context.Context) error {
	if c.Rules == (Rules{}) {
		return nil
	}
	stores, err := c.DB.Directory.Stores(ctx)
	if err != nil {
		return fmt.Errorf("alert: stores: %w", err)
	}
	now := c.Now().In(c.Location)
	s := sight{now: now, today: clock(now, 0, 0), stores: map[int64]models.Store{}}
	for _, store := range stores {
		for _, a := range store.All() {
			s.stores[a.ID] = store
		}
	}
	var errs []error
	for _, rule := range []struct {
		on    bool
		name  string
		quiet time.Duration
		find  func(context.Context, sight) ([]Alert, error)
	}{
		{c.Rules.Open != Hours{}, "opening hours", aNight, c.outsideHours},
		{c.Rules.Repeats > 0, "repeats", aDay, c.repeats},
		{c.Rules.SamePhone > 0, "same phone", aDay, c.samePhone},
		{c.Rules.UndoPercent > 0, "undo share", aDay, c.undoShare},
		{c.Rules.SilentDays > 0, "silent stores", aDay, c.silent},
		{c.Rules.PlatformErrors > 0, "platform errors", twoHours, c.platformErrors},
		{c.Rules.Doubtful > 0, "doubts", anHour, c.doubtful},
	} {
		if !rule.on {
			continue
		}
		found, err := rule.find(ctx, s)
		for _, a := range found {
			err = errors.Join(err, c.tell(ctx, rule.quiet, a))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("alert: %s: %w", rule.name, err))
		}
	}
	return errors.Join(errs...)
}

// tell tells of what was found, unless that was done less than quiet ago.
func (c *Checker) tell(ctx context.Context, quiet time.Duration, a Alert) error {
	return c.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Alerts.Claim(ctx, a.Key, quiet)
		if err != nil || !fresh {
			return err
		}
		c.Log.Info("managers are alerted", "alert", a.Key)
		again := a
		again.Key += "/" + tx.Now().UTC().Format(time.RFC3339Nano) // another time is another message
		return c.Tell(ctx, tx, again)
	})
}

// storeOf is the store where something was seen; it may be in use no more.
func (c *Checker) storeOf(ctx context.Context, s sight, o models.Seen) (models.Store, error) {
	if store, live := s.stores[o.StoreID]; live {
		return store, nil
	}
	store, err := c.DB.Directory.Store(ctx, o.StoreID)
	if err != nil {
		return store, fmt.Errorf("store %d: %w", o.StoreID, err)
	}
	return store, nil
}

// each makes an alert of everything seen, about its store.
func (c *Checker) each(ctx context.Context, s sight, seen []models.Seen, err error, about func(o models.Seen, store string) Alert) (all []Alert, _ error) {
	if err != nil {
		return nil, err
	}
	for _, o := range seen {
		store, err := c.storeOf(ctx, s, o)
		if err != nil {
			return all, err
		}
		a := about(o, store.Name)
		a.Stores = []int64{o.StoreID}
		all = append(all, a)
	}
	return all, nil
}

func (c *Checker) outsideHours(ctx context.Context, s sight) (all []Alert, err error) {
	for _, closed := range c.Rules.Open.closed(s.now) {
		seen, err := c.DB.Alerts.ConsumedBetween(ctx, closed.from, closed.to)
		found, err := c.each(ctx, s, seen, err, func(o models.Seen, store string) Alert {
			return Alert{Key: fmt.Sprintf("open/%d", o.StoreID), Title: "营业时间外有核销",
				Text: fmt.Sprintf("「%s」在营业时间（%s）以外核销了 %d 次，第一次在 %s。请确认是不是店里的人操作的；发“记录”可以看明细。",
					store, c.Rules.Open, o.Times, c.when(o.First))}
		})
		if err != nil {
			return all, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c *Checker) repeats(ctx context.Context, s sight) ([]Alert, error) {
	seen, err := c.DB.Alerts.UndoneOrders(ctx, s.today, c.Rules.Repeats)
	return c.each(ctx, s, seen, err, func(o models.Seen, store string) Alert {
		return Alert{Key: fmt.Sprintf("repeats/%d/%s", o.StoreID, o.Subject), Title: "反复核销又撤销",
			Text: fmt.Sprintf("「%s」今天把同一个订单（尾号 %s）核销后又撤销了 %d 次，第一次在 %s。请问一下店里是什么原因。",
				store, tail(o.Subject), o.Times, c.when(o.First))}
	})
}

func (c *Checker) samePhone(ctx context.Context, s sight) ([]Alert, error) {
	seen, err := c.DB.Alerts.PhoneCoupons(ctx, s.today, c.Rules.SamePhone)
	return c.each(ctx, s, seen, err, func(o models.Seen, store string) Alert {
		return Alert{Key: fmt.Sprintf("phone/%d/%s", o.StoreID, o.Subject), Title: "同一个手机号核销很多张",
			Text: fmt.Sprintf("手机号 %s 今天在「%s」核销了 %d 张券。请确认顾客真的到店消费了。", o.Subject, store, o.Times)}
	})
}

// share is a part of a whole.
type share struct{ part, of int }

func (s share) plus(part, of int) share { return share{s.part + part, s.of + of} }

func (c *Checker) undoShare(ctx context.Context, s sight) (all []Alert, err error) {
	seen, err := c.DB.Alerts.UndoneBy(ctx, s.today)
	if err != nil {
		return nil, err
	}
	whole := map[int64]share{}
	for _, o := range seen {
		whole[o.StoreID] = whole[o.StoreID].plus(o.Times, o.Of)
	}
	for _, o := range seen {
		others := whole[o.StoreID].plus(-o.Times, -o.Of)
		// Shares are compared as products: without others there is no share to divide by.
		if o.Times < minUndone || o.Times*100 < c.Rules.UndoPercent*o.Of || o.Times*others.of < minOthers*others.part*o.Of {
			continue
		}
		store, err := c.storeOf(ctx, s, o)
		if err != nil {
			return all, err
		}
		text := fmt.Sprintf("%s 今天在「%s」核销 %d 次，撤销了其中 %d 次", o.Subject, store.Name, o.Of, o.Times)
		if others.of > 0 {
			text += fmt.Sprintf("；店里其他人核销 %d 次，撤销 %d 次", others.of, others.part)
		}
		all = append(all, Alert{
			Key: fmt.Sprintf("undo/%d/%s", o.StoreID, o.UserID), Stores: []int64{o.StoreID}, Title: "有人撤销特别多", Text: text + "。请了解一下原因。",
		})
	}
	return all, nil
}

// silent looks for stores that verify every day, and have not today. Most have, and of
// the others most were silent the day before, so that few days are read.
func (c *Checker) silent(ctx context.Context, s sight) (all []Alert, err error) {
	today, err := c.DB.Alerts.StoresConsuming(ctx, s.today, s.now)
	if err != nil {
		return nil, err
	}
	quiet := map[int64]models.Store{}
	for _, store := range s.stores {
		if !slices.Contains(today, store.ID) {
			quiet[store.ID] = store
		}
	}
	sinceBegin := s.now.Sub(s.today)
	for back := 1; back <= c.Rules.SilentDays && len(quiet) > 0; back++ {
		begin := clock(s.now, -back, 0)
		busy, err := c.DB.Alerts.StoresConsuming(ctx, begin, begin.Add(sinceBegin))
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(quiet, func(id int64, _ models.Store) bool { return !slices.Contains(busy, id) })
	}
	for id, store := range quiet {
		all = append(all, Alert{Key: fmt.Sprintf("silent/%d", id), Stores: []int64{id}, Title: "门店今天还没有核销",
			Text: fmt.Sprintf("「%s」最近 %d 天每天到这个时间都有核销，今天还没有。请问一下店里：机器人有没有回答，授权有没有问题？", store.Name, c.Rules.SilentDays)})
	}
	return all, nil
}

// failing are the classes of calls that the platform is to blame for.
var failing = []string{string(dianping.UnknownOutcome), string(dianping.Unavailable)}

func (c *Checker) platformErrors(ctx context.Context, s sight) (all []Alert, err error) {
	seen, err := c.DB.Alerts.FailedCalls(ctx, s.now.Add(-callWindow), failing)
	if err != nil {
		return nil, err
	}
	shares, stores := map[string]share{}, map[string][]int64{}
	for _, o := range seen {
		store, live := s.stores[o.StoreID]
		if !live {
			continue
		}
		account, _ := store.AccountOf(o.StoreID)
		of := account.Platform
		shares[of] = shares[of].plus(o.Times, o.Of)
		if o.Times > 0 {
			stores[of] = append(stores[of], store.ID)
		}
	}
	for of, t := range shares {
		if t.of < minCalls || t.part*100 < c.Rules.PlatformErrors*t.of {
			continue
		}
		all = append(all, Alert{Key: "platform/" + of, Stores: stores[of], Title: "平台经常不回答",
			Text: fmt.Sprintf("最近 15 分钟问了平台（%s）%d 次，有 %d 次没有得到回答。没有结果的核销我会继续确认，请让店员看到“核验中”时等一等，不要重复核销。", platform.Name(of), t.of, t.part)})
	}
	return all, nil
}

func (c *Checker) doubtful(ctx context.Context, s sight) ([]Alert, error) {
	seen, err := c.DB.Alerts.Doubtful(ctx)
	if err != nil {
		return nil, err
	}
	total := 0
	a := Alert{Key: "doubtful", Title: "有多笔核销还没有结果"}
	stores := map[int64]models.Store{}
	for _, o := range seen {
		if stores[o.StoreID], err = c.storeOf(ctx, s, o); err != nil {
			return nil, err
		}
		total += o.Times
		a.Stores = append(a.Stores, o.StoreID)
	}
	if total < c.Rules.Doubtful {
		return nil, nil
	}
	a.TextOf = func(mine []int64) string {
		theirs := func(o models.Seen) bool { return !slices.Contains(mine, o.StoreID) }
		return c.doubtsText(slices.DeleteFunc(slices.Clone(seen), theirs), stores)
	}
	return []Alert{a}, nil
}

// doubtsText says of some stores how many doubts there are.
func (c *Checker) doubtsText(seen []models.Seen, stores map[int64]models.Store) string {
	var names, backends []string
	total, first := 0, time.Time{}
	for _, o := range seen {
		total += o.Times
		names = append(names, fmt.Sprintf("「%s」%d 笔", stores[o.StoreID].Name, o.Times))
		for _, a := range models.AccountsOf([]models.Store{stores[o.StoreID]}) {
			if b := platform.Backend(a.Platform); !slices.Contains(backends, b) {
				backends = append(backends, b)
			}
		}
		if first.IsZero() || !o.First.IsZero() && o.First.Before(first) {
			first = o.First
		}
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("等 %d 家门店", len(seen)))
	}
	return fmt.Sprintf("现在有 %d 笔核销或撤销平台还没有给出结果（%s），最早的从 %s 开始。我在继续确认；急用请到%s里查。", total, strings.Join(names, "、"), c.when(first), strings.Join(backends, "或"))
}

func (c *Checker) when(t time.Time) string { return t.In(c.Location).Format("01-02 15:04") }

func tail(s string) string { return s[max(0, len(s)-4):] }
