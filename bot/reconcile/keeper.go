package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
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
	DB       *models.DB
	Shops    redeem.Shops
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
	remembered  = 60               // days within which an account's last one is looked for
	lease       = 10 * time.Minute // of one look by night; it ends before
	askedLease  = 90 * time.Second // of one that was asked for by chat
	leaseMargin = 15 * time.Second
	margin      = time.Hour // before and after a day, for the journal
	maxAsked    = 100       // coupons that the platform is asked for singly in one look
	troubleAt   = 8         // failures after which managers are told: some three hours
)

// Why a look failed, as it is kept with the day.
const (
	ReasonSession     = "session"     // the account must be authorised again
	ReasonConfig      = "config"      // the platform does not take the question, or does not allow it
	ReasonUnavailable = "unavailable" // no answer that can be used
	ReasonMissing     = "missing"     // too much of the journal is not in the list for it to be believed
	reasonStore       = "store"       // the account is not in use any more, and has nothing to compare
)

var errTooManyMissing = fmt.Errorf("reconcile: more than %d coupons are not in the list", maxAsked)

// Plan sees to it that the running day of every account is looked at when it is
// closed, and so are days that were missed. An account that is new begins with
// the running day: what was before is none of ours.
func (k *Keeper) Plan(ctx context.Context) error {
	if !k.Nightly {
		return nil
	}
	accounts, err := k.DB.Accounts.List(ctx)
	if err != nil {
		return fmt.Errorf("reconcile: accounts: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	today := DayOf(k.Now())
	var missing []models.Account
	for _, a := range accounts {
		if k.planned[a.ID] < today {
			missing = append(missing, a)
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
	for _, a := range missing {
		day := today
		if l := last[a.ID]; l != "" {
			day = max(daysAfter(l, 1), daysAfter(today, -catchUp))
		}
		for ; day <= today; day = daysAfter(day, 1) {
			rows = append(rows, models.Reconciliation{StoreID: a.ID, Day: day, DueAt: k.Schedule.Of(a.Platform).First(day)})
		}
	}
	if err := k.DB.Reconciliations.Plan(ctx, rows); err != nil {
		return fmt.Errorf("reconcile: plan: %w", err)
	}
	for _, a := range missing {
		k.planned[a.ID] = today
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
	store, account, err := k.accountOf(ctx, r)
	if errors.Is(err, models.ErrNotFound) {
		_, err = k.DB.Reconciliations.Retry(ctx, r, reasonStore, time.Time{})
	}
	if account.ID == 0 || err != nil {
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
	r.CheckedAt, r.DueAt = now, k.Schedule.Of(account.Platform).Next(r.Day, now)
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

// accountOf is the account of a day, with its store. An account that was taken off since
// is there for a day of which the journal has something, and [models.ErrNotFound] else.
func (k *Keeper) accountOf(ctx context.Context, r models.Reconciliation) (models.Store, models.Account, error) {
	store, err := k.DB.Directory.Store(ctx, r.StoreID)
	if err != nil {
		return models.Store{}, models.Account{}, fmt.Errorf("reconcile: %w", err)
	}
	account, _ := store.AccountOf(r.StoreID)
	if account.Active {
		return store, account, nil
	}
	ours, err := k.entries(ctx, account.ID, r.Day)
	if err == nil && len(ours) == 0 {
		err = models.ErrNotFound
	}
	if err != nil {
		return models.Store{}, models.Account{}, err
	}
	return store, account, nil
}

// unanswered is what a platform said in place of an answer.
type unanswered struct{ platform.Said }

func (u unanswered) Error() string {
	return strings.Join(strings.Fields(fmt.Sprintf("reconcile: %s: %s %s %s %s trace=%s", u.Call, u.Class, u.Reason, u.Code, u.Message, u.TraceID)), " ")
}

// look asks the platform and compares.
func (k *Keeper) look(ctx context.Context, account models.Account, day string) (*Comparison, error) {
	from, _, err := Bounds(day)
	if err != nil {
		return nil, err
	}
	shop, err := k.Shops.Open(ctx, account)
	if err != nil {
		return nil, err
	}
	listed := shop.Day(ctx, from)
	if !listed.Known {
		return nil, unanswered{listed.Said}
	}
	// The journal is read after the list: what was verified in between is of a
	// later day anyway, and what was settled in between is then known.
	ours, err := k.entries(ctx, account.ID, day)
	if err != nil {
		return nil, err
	}
	c, err := Compare(day, listed.Records, ours)
	if err != nil {
		return nil, err
	}
	c.figures.Partial = listed.Partial
	if err := ask(ctx, shop, c); err != nil {
		return nil, err
	}
	k.share(ctx, shop, account, c)
	if err := k.siblings(ctx, account.ID, day, c); err != nil {
		return nil, err
	}
	return c, nil
}

// ask asks the platform singly for what its list leaves open.
func ask(ctx context.Context, shop platform.Shop, c *Comparison) error {
	if len(c.asked) > maxAsked {
		return errTooManyMissing
	}
	for _, q := range c.asked {
		recorded := record(ctx, shop, q.entry)
		switch {
		case recorded.Proves == platform.Consumed:
			c.confirm(q, recorded.Record)
		case recorded.Proves != platform.Unclear: // it is as the list says
		case recorded.Class == "", recorded.Decided: // an odd answer says nothing
			c.unclear(q)
		default:
			return unanswered{recorded.Said}
		}
	}
	return nil
}

// record asks for the record of an entry. How a platform says that it has none is not
// documented, and may look like an answer that was cut: where the journal says otherwise, a
// coupon that can be used makes it sure, and one that is used does not. What neither proves
// is asked again.
func record(ctx context.Context, shop platform.Shop, e Entry) platform.Recorded {
	coupon := platform.Coupon{Code: e.Code, OrderID: e.OrderID, DealID: e.DealID, Handle: e.Handle}
	recorded := shop.Record(ctx, coupon)
	if recorded.Proves != platform.NotConsumed || recorded.Complete || e.Standing != Stands {
		return recorded
	}
	looked := shop.Look(ctx, e.Code)
	once := !e.Reusable && !looked.Voucher.Reusable // or another visit is left
	switch {
	case looked.Proves == platform.Usable && once:
		return recorded
	case looked.Proves == platform.Used && once, looked.Proves == platform.Unclear:
		return platform.Recorded{Said: looked.Said, Proves: platform.Unclear}
	}
	return shop.Record(ctx, coupon)
}

// share adds who pays what for single coupons, where the platform tells that. Without it
// the amounts are open, and the day is reconciled all the same.
func (k *Keeper) share(ctx context.Context, shop platform.Shop, account models.Account, c *Comparison) {
	var handles []string
	for _, e := range c.counted {
		if e.Handle != "" {
			handles = append(handles, e.Handle)
		}
	}
	if len(handles) == 0 {
		return
	}
	shares, said := shop.Shares(ctx, handles)
	if said.Class != "" {
		k.Log.Warn("reconciliation without shares", "account", account.ID, "error", unanswered{said})
	}
	for i, e := range c.counted {
		if paid, told := shares[e.Handle]; told {
			c.counted[i].Share = &paid
		}
	}
}

// putOff records that a look failed, and tells managers where they can help.
func (k *Keeper) putOff(ctx context.Context, store models.Store, account models.Account, r models.Reconciliation, cause error) error {
	reason, pause := reasonOf(account.Platform, cause), time.Minute<<min(r.Failures, 6)
	mend := reason == ReasonSession || reason == ReasonConfig
	if mend {
		pause = time.Hour
	}
	pause = min(pause, time.Hour)
	next := k.Now().Add(pause*3/4 + time.Duration(k.Jitter()*float64(pause/4)))
	if next.After(k.Schedule.Of(account.Platform).over(r.Day)) {
		next = time.Time{}
	}
	failures := r.Failures + 1
	over := next.IsZero() && r.Looks == 0 && r.Failures > 0
	// What was told of a day is not told again: the key says so.
	tell := over || failures == troubleAt || reason != r.Reason && (mend || failures > troubleAt)
	k.Log.Warn("reconciliation put off", "account", account.ID, "day", r.Day, "failures", failures, "reason", reason, "error", cause)
	return k.DB.Tx(ctx, func(tx *models.DB) error {
		if _, err := tx.Reconciliations.Retry(ctx, r, reason, next); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if !tell {
			return nil
		}
		return k.Tell(ctx, tx, trouble(store, account, r.Day, reason, over))
	})
}

// reasonOf is why a look failed. At Douyin nothing but the configuration connects.
func reasonOf(of string, cause error) string {
	var u unanswered
	switch {
	case errors.Is(cause, errTooManyMissing):
		return ReasonMissing
	case errors.Is(cause, redeem.ErrNotConnected) && of == platform.DouyinName:
		return ReasonConfig
	case errors.Is(cause, redeem.ErrNotConnected), errors.As(cause, &u) && u.Why == platform.Session:
		return ReasonSession
	case u.Why == platform.Config:
		return ReasonConfig
	}
	return ReasonUnavailable
}

// trouble tells that a day could not be looked at, and what helps; over: nor will it be.
func trouble(store models.Store, account models.Account, day, reason string, over bool) Notice {
	backend := platform.Backend(account.Platform)
	key, what := reason, "没有对账："+Help(account.Platform, reason)+"之后会自动补上。"
	switch {
	case over:
		key = "over"
		what = fmt.Sprintf("的对账一直没有成功，不再自动补。%s要再对一次，请发「对账 %s」，或者到%s核对。", Help(account.Platform, reason), day, backend)
	case reason != ReasonSession && reason != ReasonConfig:
		key = "trouble"
		what = fmt.Sprintf("的对账一直没有成功，平台没有给出完整的核销清单。我会继续再试；第二天还没有结果，请到%s核对。", backend)
	}
	return Notice{
		Key: fmt.Sprintf("reconcile/%s/%d/%s", key, account.ID, day), Store: store, Title: "对账没有完成",
		Text: fmt.Sprintf("「%s」%s %s", words.AccountName(store, account), short(day), what),
	}
}

// Help is what is wrong and what to do where a day was not looked at for a reason; "":
// it is tried again.
func Help(of, reason string) string {
	switch {
	case reason == ReasonConfig && of == platform.DouyinName:
		return "查不到抖音的核销记录。请管理员检查配置里的 douyin 和 account_id，以及应用有没有开通「团购核销对账」。"
	case reason == ReasonConfig:
		return "平台不接受查核销清单的请求。请管理员检查配置和应用的权限。"
	case reason == ReasonSession && of == platform.DouyinName:
		return "抖音不再接受门店的授权。请给我发「授权」，或者在抖音来客的「服务应用授权」里重新授权。"
	case reason == ReasonSession:
		return "平台不再接受门店的授权。请给我发「授权」，或者请管理员更新配置里的 session。"
	}
	return ""
}

// alarm tells of what may have cost money. Its key names the codes: the same is
// not told again after the next look, more of it is.
func alarm(store models.Store, account models.Account, day string, f Figures, items []Item) Notice {
	var lines, codes []string
	for _, i := range items {
		if i.Kind == OnlyOurs || i.Kind == UndoneThere || i.Kind == UndoFailed {
			codes = append(codes, string(i.Kind)+i.Code)
			if len(lines) < 5 {
				lines = append(lines, fmt.Sprintf("%s %s %s（%s）", i.At.In(Zone).Format("15:04"), i.Code, i.Amount(), i.Kind.Name()))
			}
		}
	}
	n := Notice{Store: store, Title: "对账发现问题", Key: fmt.Sprintf("reconcile/alarm/%d/%s/%s", account.ID, day, strings.Join(codes, ","))}
	var what []string
	for _, p := range []struct {
		sum  models.Sum
		says string
	}{
		{f.OnlyOurs, "机器人核销了 %d 笔（%v），平台上查不到"},
		{f.UndoneThere, "机器人核销了 %d 笔（%v），平台上已经撤销，不是机器人撤的"},
		{f.UndoFailed, "撤销了 %d 笔（%v），平台上仍是已核销"},
	} {
		if p.sum.Count > 0 {
			what = append(what, fmt.Sprintf(p.says, p.sum.Count, words.Amount(p.sum)))
		}
	}
	n.Text = fmt.Sprintf("「%s」%s：%s。请到%s核对：\n%s", words.AccountName(store, account), short(day), strings.Join(what, "；"),
		platform.Backend(account.Platform), strings.Join(lines, "\n"))
	if f.OnlyOurs.Count+f.UndoneThere.Count > 0 {
		n.Text += "\n在平台上撤销了的，请发「确认 券码 已撤销」，就从营业额里减去。"
	}
	if more := len(codes) - len(lines); more > 0 {
		n.Text += fmt.Sprintf("\n还有 %d 笔，发「对账 %s」查看。", more, day)
	}
	return n
}

// short is a day without its year.
func short(day string) string { return strings.TrimPrefix(day[min(4, len(day)):], "-") }
