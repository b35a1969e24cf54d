package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// Notice is something that managers of a store must hear of.
type Notice struct {
	Key   string // of what it is about: it is told once
	Store models.Store
	Title string
	Text  string
}

// Options of a Keeper. All are required, but Nightly.
type Options struct {
	DB *models.DB
	// Open gives the client for an account; a nil one where its platform or session
	// is missing.
	Open     func(context.Context, models.Account) (dianping.Client, dianping.Shop, error)
	Tell     func(ctx context.Context, tx *models.DB, n Notice) error // puts it into the outbox
	Schedule Schedule
	Nightly  bool // days are planned by themselves
	Now      func() time.Time
	Jitter   func() float64 // in [0,1)
	Log      *slog.Logger
}

// Keeper plans the looks at closed days and makes them. It is safe for
// concurrent use, and any number of processes may run one on the same database.
type Keeper struct {
	Options
	mu      sync.Mutex
	planned map[int64]string // newest day known to be planned, by account
}

// New returns a Keeper.
func New(o Options) *Keeper { return &Keeper{Options: o, planned: map[int64]string{}} }

const (
	catchUp     = 7                // days that were missed and are looked at all the same
	remembered  = 60               // days within which a store's last one is looked for
	lease       = 10 * time.Minute // of one look by night; it ends before
	askedLease  = 90 * time.Second // of one that somebody waits for
	leaseMargin = 15 * time.Second
	margin      = time.Hour // before and after a day, for the journal
	maxAsked    = 100       // coupons that the platform is asked for singly in one look
	troubleAt   = 8         // failures after which managers are told: some three hours
)

// Why a look failed, as it is kept with the day.
const (
	ReasonSession     = "session"     // the store must be authorised again
	ReasonUnavailable = "unavailable" // no answer that can be used
	ReasonMissing     = "missing"     // too much of the journal is not in the list for it to be believed
	reasonStore       = "store"       // the store is not there any more
)

var errTooManyMissing = fmt.Errorf("reconcile: more than %d coupons are not in the list", maxAsked)

// Plan sees to it that the running day of every account is looked at when it is
// closed, and so are days that were missed. An account that is new begins with
// the running day: what was before is none of ours.
func (k *Keeper) Plan(ctx context.Context) error {
	if !k.Nightly {
		return nil
	}
	accounts, err := k.DB.Directory.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("reconcile: accounts: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	today := DayOf(k.Now())
	var missing []int64
	for _, a := range accounts {
		if k.planned[a.ID] < today {
			missing = append(missing, a.ID)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	last, err := k.DB.Reconciliations.LastDays(ctx, daysAfter(today, -remembered))
	if err != nil {
		return fmt.Errorf("reconcile: last days: %w", err)
	}
	var rows []models.Reconciliation
	for _, id := range missing {
		day := today
		if l := last[id]; l != "" {
			day = max(daysAfter(l, 1), daysAfter(today, -catchUp))
		}
		for ; day <= today; day = daysAfter(day, 1) {
			rows = append(rows, models.Reconciliation{StoreID: id, Day: day, DueAt: k.Schedule.First(day)})
		}
	}
	if err := k.DB.Reconciliations.Plan(ctx, rows); err != nil {
		return fmt.Errorf("reconcile: plan: %w", err)
	}
	for _, id := range missing {
		k.planned[id] = today
	}
	return nil
}

// Due lists the looks to be made now. Without Nightly it lists those that were
// asked for and failed.
func (k *Keeper) Due(ctx context.Context, limit int) ([]models.Reconciliation, error) {
	return k.DB.Reconciliations.Due(ctx, k.Now(), limit)
}

// Run makes one look: claimed, so that of several processes one makes it;
// recorded with what managers are told of it. A look that fails is put off. The
// error is then nil: what is wrong is kept with the day.
func (k *Keeper) Run(ctx context.Context, r models.Reconciliation) error { return k.run(ctx, r, lease) }

func (k *Keeper) run(ctx context.Context, r models.Reconciliation, lease time.Duration) error {
	r, err := k.DB.Reconciliations.Claim(ctx, r, k.Now().Add(lease))
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	store, err := k.DB.Directory.Store(ctx, r.StoreID)
	account, _ := store.AccountOf(r.StoreID)
	if err != nil || !account.Active {
		if err == nil || errors.Is(err, models.ErrNotFound) {
			_, err = k.DB.Reconciliations.Retry(ctx, r, reasonStore, time.Time{})
		}
		return err
	}
	look, end := context.WithTimeout(ctx, lease-leaseMargin)
	defer end()
	c, err := k.look(look, account, r.Day)
	if ctx.Err() != nil {
		return ctx.Err() // stopped: the next one goes on when the lease has ended
	}
	if err != nil {
		return k.putOff(ctx, store, account, r, err)
	}
	figures, items := c.Result()
	var rows []models.ReconciliationItem
	if r.Figures, rows, err = write(figures, items); err != nil {
		return err
	}
	now := k.Now()
	r.CheckedAt, r.DueAt = now, k.Schedule.Next(r.Day, now)
	return k.DB.Tx(ctx, func(tx *models.DB) error {
		if _, err := tx.Reconciliations.Finish(ctx, r, rows); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if !figures.Alarming() {
			return nil
		}
		return k.Tell(ctx, tx, alarm(store, account, r.Day, figures, items))
	})
}

// look asks the platform and compares.
func (k *Keeper) look(ctx context.Context, account models.Account, day string) (*Comparison, error) {
	client, shop, err := k.Open(ctx, account)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, dianping.Reauthorize
	}
	list, partial, err := history(ctx, client, shop, day)
	if err != nil {
		return nil, err
	}
	// The journal is read after the list: what was verified in between is of a
	// later day anyway, and what was settled in between is then known.
	ours, err := k.entries(ctx, account.ID, day)
	if err != nil {
		return nil, err
	}
	c, err := Compare(day, list, ours)
	if err != nil {
		return nil, err
	}
	c.figures.Partial = partial
	return c, ask(ctx, client, shop, c, ours)
}

// history is the platform's list of a day: each kind of voucher is asked for,
// since what a call without one covers is not said. A kind that a platform
// refuses to list is left out, but for the first.
func history(ctx context.Context, client dianping.Client, shop dianping.Shop, day string) (list []dianping.Record, partial bool, err error) {
	from, _, err := Bounds(day)
	if err != nil {
		return nil, false, err
	}
	type id struct{ code, at, flow string }
	seen := map[id]bool{}
	for i, q := range []dianping.ListQuery{
		{}, {BizType: 201}, {BizType: 203}, // 团购: plain, not explained, 拼团
		{Type: 1}, {Type: 1, BizType: 205}, {Type: 1, BizType: 217}, // the rest: all, 次卡, 通兑标品
	} {
		q.Date = from
		rows, err := client.QueryListByDate(ctx, shop, q)
		if i > 0 && (errors.Is(err, dianping.Refused) || errors.Is(err, dianping.Unsupported)) {
			partial = true
			continue
		}
		if err != nil {
			return nil, false, err
		}
		for _, r := range rows {
			if key := (id{r.Code, r.VerifyTime.UTC().String(), r.FlowID}); !seen[key] {
				seen[key] = true
				list = append(list, r)
			}
		}
	}
	return list, partial, nil
}

// ask asks the platform singly for what its list leaves open.
func ask(ctx context.Context, client dianping.Client, shop dianping.Shop, c *Comparison, ours []Entry) error {
	items := c.asked()
	if len(items) > maxAsked {
		return errTooManyMissing
	}
	for _, item := range items {
		record, err := client.GetConsumed(ctx, shop, item.Code)
		if errors.Is(err, dianping.Refused) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range ours {
			if e.OperationID == item.OperationID && e.Code == item.Code {
				c.confirm(item, record, e)
			}
		}
	}
	return nil
}

// putOff records that a look failed, and tells of it where somebody can help.
func (k *Keeper) putOff(ctx context.Context, store models.Store, account models.Account, r models.Reconciliation, cause error) error {
	name := words.AccountName(store, account)
	reason, pause := ReasonUnavailable, time.Minute<<min(r.Failures, 6)
	pause = min(pause, time.Hour)
	n := Notice{Key: fmt.Sprintf("reconcile/trouble/%d/%s", account.ID, r.Day), Store: store, Title: "对账没有完成",
		Text: fmt.Sprintf("「%s」%s 的对账一直没有成功，平台没有给出完整的核销清单。我会继续再试；第二天还没有结果，请到开店宝核对。", name, short(r.Day))}
	tell := r.Failures+1 == troubleAt
	switch {
	case errors.Is(cause, dianping.SessionExpired), errors.Is(cause, dianping.Reauthorize):
		reason, pause, tell = ReasonSession, time.Hour, r.Failures == 0
		n.Key, n.Text = fmt.Sprintf("reconcile/session/%d/%s", account.ID, r.Day),
			fmt.Sprintf("「%s」%s 没有对账：平台不再接受门店的授权。请给我发「授权」，或者请管理员更新配置里的 session；之后会自动补上。", name, short(r.Day))
	case errors.Is(cause, errTooManyMissing):
		reason = ReasonMissing
	}
	next := k.Now().Add(pause*3/4 + time.Duration(k.Jitter()*float64(pause/4)))
	if next.After(k.Schedule.over(r.Day)) {
		next = time.Time{}
	}
	k.Log.Warn("reconciliation put off", "account", account.ID, "day", r.Day, "failures", r.Failures+1, "reason", reason, "error", cause)
	return k.DB.Tx(ctx, func(tx *models.DB) error {
		if _, err := tx.Reconciliations.Retry(ctx, r, reason, next); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if !tell {
			return nil
		}
		return k.Tell(ctx, tx, n)
	})
}

// alarm tells of what may have cost money. Its key names the codes: the same is
// not told again after the next look, more of it is.
func alarm(store models.Store, account models.Account, day string, f Figures, items []Item) Notice {
	var lines, codes []string
	for _, i := range items {
		if i.Kind == OnlyOurs || i.Kind == UndoFailed {
			codes = append(codes, string(i.Kind)+i.Code)
			if len(lines) < 5 {
				lines = append(lines, fmt.Sprintf("%s %s %s（%s）", i.At.In(Zone).Format("15:04"), i.Code, i.Amount(), i.Kind.Name()))
			}
		}
	}
	n := Notice{Store: store, Title: "对账发现问题", Key: fmt.Sprintf("reconcile/alarm/%d/%s/%s", account.ID, day, strings.Join(codes, ","))}
	var what []string
	if f.OnlyOurs.Count > 0 {
		what = append(what, fmt.Sprintf("机器人核销了 %d 笔（%v），平台上查不到", f.OnlyOurs.Count, words.Amount(f.OnlyOurs)))
	}
	if f.UndoFailed.Count > 0 {
		what = append(what, fmt.Sprintf("撤销了 %d 笔（%v），平台上仍是已核销", f.UndoFailed.Count, words.Amount(f.UndoFailed)))
	}
	n.Text = fmt.Sprintf("「%s」%s：%s。请到开店宝核对：\n%s", words.AccountName(store, account), short(day), strings.Join(what, "；"), strings.Join(lines, "\n"))
	if more := len(codes) - len(lines); more > 0 {
		n.Text += fmt.Sprintf("\n还有 %d 笔，发「对账 %s」查看。", more, day)
	}
	return n
}

// short is a day without its year.
func short(day string) string { return strings.TrimPrefix(day[min(4, len(day)):], "-") }
