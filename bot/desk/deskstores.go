package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/hooks"
	"yanquan/bot/platform"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/models"
)

// DayChecked is a closed day of one account, held against the platform's list.
type DayChecked struct {
	models.Store
	Name   string            // with the platform, where the store has several
	Result *reconcile.Result // nil: not yet; its items only where the day is of one store
	Tone   bot.Tone
	Says   string
}

// Checked tells how a closed day of a desk, or one store of it, compares with the
// platform's list; with the items where it is of one store. It looks at what is known and
// compares nothing itself. day is the platform's.
func (k *Desks) Checked(ctx context.Context, d Desk, store int64, p command.Period) (day string, all []DayChecked, err error) {
	span, ok := p.Span(k.Now(), reconcile.Zone)
	if !ok || span.To.Sub(span.From) != 24*time.Hour {
		return "", nil, ErrNoPeriod
	}
	stores, err := k.checkedIn(ctx, d, store, span)
	if err != nil {
		return "", nil, err
	}
	day = reconcile.DayOf(span.From)
	known := map[int64]reconcile.Result{}
	if len(stores) > 1 {
		results, err := k.Reconciliation.Results(ctx, models.AccountIDs(stores), day, day)
		if err != nil {
			return "", nil, fmt.Errorf("bot: %w", err)
		}
		for _, r := range results {
			known[r.StoreID] = r
		}
	}
	accounts, err := k.Reconciliation.Accounts(ctx, stores, day)
	if err != nil {
		return "", nil, fmt.Errorf("bot: %w", err)
	}
	for _, s := range stores {
		for _, a := range accounts[s.ID] {
			r, ok := known[a.ID]
			if len(stores) == 1 {
				if r, ok, err = k.Reconciliation.Result(ctx, a.ID, day); err != nil {
					return "", nil, fmt.Errorf("bot: %w", err)
				}
			}
			c := DayChecked{Store: s, Name: words.AccountName(s, a), Says: "还没有对账"}
			if ok {
				c.Result, c.Tone, c.Says = &r, ToneOf(r.Figures), r.Figures.Line()
			}
			all = append(all, c)
		}
	}
	return day, all, nil
}

// checkedIn are the stores whose day is looked at: those of a desk, with those that have
// ended since and verified something then, or one of them. One that was never on the desk is
// [models.ErrNotFound].
func (k *Desks) checkedIn(ctx context.Context, d Desk, store int64, span command.Span) ([]models.Store, error) {
	if store == 0 {
		return k.during(ctx, d, 0, span.From, span.To)
	}
	stores := d.only(store)
	if len(stores) == 0 {
		ever, err := k.historyOf(ctx, d, 0, models.HistoryFilter{})
		if err != nil {
			return nil, err
		}
		stores = slices.DeleteFunc(ever, func(s models.Store) bool { return s.ID != store })
	}
	if len(stores) == 0 {
		return nil, fmt.Errorf("bot: store: %w", models.ErrNotFound)
	}
	return stores, nil
}

// StoreSheet is a store as its manager sees it.
type StoreSheet struct {
	models.Store
	Accounts []AccountSheet
	Chats    int
	People   []Person
}

// AccountSheet is an account as the manager of its store sees it.
type AccountSheet struct {
	Platform string // as people call it
	State    string // of its access to the platform
}

// Person is a member of a store.
type Person struct {
	models.Member
	Role string // as people call it
}

// storesPage is how many stores a page shows.
const storesPage = 20

// Roster shows the stores that a desk manages, from one on; next is where the
// following page begins, 0 on the last.
func (k *Desks) Roster(ctx context.Context, d Desk, from int) (all []StoreSheet, next int, err error) {
	from = min(max(from, 0), len(d.Managed))
	to := min(from+storesPage, len(d.Managed))
	for _, s := range d.Managed[from:to] {
		sheet := StoreSheet{Store: s}
		for _, a := range s.All() {
			state, err := k.AccountState(ctx, k.DB, a)
			if err != nil {
				return nil, 0, err
			}
			sheet.Accounts = append(sheet.Accounts, AccountSheet{Platform: platform.Name(a.Platform), State: state})
		}
		chats, err := k.DB.Directory.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return nil, 0, fmt.Errorf("bot: chats: %w", err)
		}
		people, err := k.DB.Directory.Members(ctx, s.ID)
		if err != nil {
			return nil, 0, fmt.Errorf("bot: members: %w", err)
		}
		sheet.Chats = len(chats)
		rank := map[models.Role]int{models.RoleManager: 0, models.RoleLead: 1, models.RoleStaff: 2, models.RoleGuest: 3, models.RoleBarred: 4}
		slices.SortStableFunc(people, func(x, y models.Member) int { return rank[x.Role] - rank[y.Role] })
		for _, p := range people {
			sheet.People = append(sheet.People, Person{Member: p, Role: words.RoleNames[p.Role]})
		}
		all = append(all, sheet)
	}
	if to < len(d.Managed) {
		next = to
	}
	return all, next, nil
}

// HookSheet is another system that is told of what happens, as who manages every store
// sees it.
type HookSheet struct {
	models.Hook
	models.HookBacklog
	State string
	Tone  bot.Tone
}

// Hooks shows the other systems to who manages every store.
func (k *Desks) Hooks(ctx context.Context, d Desk) ([]HookSheet, error) {
	if !k.Access.ManagesAll(d.User) {
		return nil, nil
	}
	all, err := k.DB.Hooks.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("bot: hooks: %w", err)
	}
	all = slices.DeleteFunc(all, func(h models.Hook) bool { return !h.Active })
	if len(all) == 0 {
		return nil, nil
	}
	backlogs, err := k.DB.Hooks.Backlogs(ctx)
	if err != nil {
		return nil, fmt.Errorf("bot: hooks: %w", err)
	}
	var sheets []HookSheet
	for _, h := range all {
		s := HookSheet{Hook: h, HookBacklog: backlogs[h.Name], State: hooks.State(h, k.Location), Tone: bot.Good}
		if hooks.Fails(h) {
			s.Tone = bot.Bad
		}
		sheets = append(sheets, s)
	}
	return sheets, nil
}

// Change is a line of the audit log.
type Change struct {
	At         time.Time
	Who, Where string
	What       string
}

// changeWords say what was done; the others are shown as they are.
var changeWords = map[string]string{
	"authorize": "授权", "renew": "续期", "end": "授权失效", "session refused": "授权被平台拒绝",
	"cannot renew": "授权不能续期", "bind": "绑定群", "unbind": "解绑群", "ask to join": "申请加入",
	"member": "改了人员", "refuse": "拒绝加入", "remove": "移出", "export": "导出", "close doubt": "确认了结果", "undone there": "确认在平台上撤销",
	"add account": "接入平台", "merge": "合并门店", "take off": "停用平台", "leave out": "授权未勾选", "split": "拆成门店",
}

// changesShown is how many changes are looked at, of each store.
const changesShown = 100

// Changes lists the last changes of the stores that a desk manages, the newest
// first.
func (k *Desks) Changes(ctx context.Context, d Desk) ([]Change, error) {
	names := namesOf(d.Managed)
	var entries []models.AuditEntry
	if k.Access.ManagesAll(d.User) { // also what is of no store
		all, err := k.DB.Audit.List(ctx, models.AuditFilter{Limit: changesShown})
		if err != nil {
			return nil, fmt.Errorf("bot: audit: %w", err)
		}
		entries = all
	} else {
		for _, id := range models.AccountIDs(d.Managed) { // of what was a store of its own, too
			some, err := k.DB.Audit.List(ctx, models.AuditFilter{StoreID: id, Limit: changesShown})
			if err != nil {
				return nil, fmt.Errorf("bot: audit: %w", err)
			}
			entries = append(entries, some...)
		}
	}
	slices.SortStableFunc(entries, func(x, y models.AuditEntry) int { return cmp.Or(y.At.Compare(x.At), cmp.Compare(y.ID, x.ID)) })
	var list []Change
	for _, e := range entries[:min(len(entries), changesShown)] {
		what := cmp.Or(changeWords[e.Action], e.Action) + " " + e.Subject
		switch {
		case e.Before != "" && e.After != "":
			what += "：" + e.Before + " → " + e.After
		case e.Before+e.After != "":
			what += "：" + e.Before + e.After
		}
		list = append(list, Change{At: e.At, Who: cmp.Or(e.UserName, e.UserID, "验券"), Where: names[e.StoreID], What: strings.TrimSpace(what)})
	}
	return list, nil
}

func ToneOf(f reconcile.Figures) bot.Tone {
	switch {
	case f.Alarming():
		return bot.Bad
	case f.Even():
		return bot.Good
	}
	return bot.Plain
}

// AccountState says in a few words whether an account can be worked with.
func (k *Desks) AccountState(ctx context.Context, tx *models.DB, a models.Account) (string, error) {
	switch {
	case !a.Active:
		return "已停用", nil
	case !k.Has(a.Platform):
		return "平台没有接通", nil
	case a.Platform == platform.DouyinName: // the application's own token serves
		return douyinState(ctx, tx, a)
	}
	session, err := tx.Grants.Session(ctx, a.ID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return "需要授权", nil
	case err != nil:
		return "", fmt.Errorf("bot: session: %w", err)
	case session.GrantID == "":
		return "已接通（配置文件）", nil
	}
	g, err := tx.Grants.Get(ctx, session.GrantID)
	if err != nil {
		return "", fmt.Errorf("bot: grant: %w", err)
	}
	end, until := grants.Ends(g), grants.Lasts(g)
	switch {
	case grants.Void(g) || session.AccessToken == "":
		return "授权失效，需要重新授权", nil
	case end.IsZero() && until.IsZero():
		return "已接通", nil
	case end.IsZero():
		return "已接通，授权至 " + until.In(k.Location).Format(time.DateOnly), nil
	case !k.Now().Before(end):
		return "授权已到期，需要重新授权", nil
	}
	return "已接通，" + lasting(end.Sub(k.Now())) + "后到期", nil
}

// lasting is a time to come in its largest unit.
func lasting(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d 天", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d 小时", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d 分钟", d/time.Minute)
	}
	return "不到 1 分钟"
}

// douyinState is that of an account at Douyin.
func douyinState(ctx context.Context, tx *models.DB, a models.Account) (string, error) {
	refused, err := grants.RefusedAtDouyin(ctx, tx, a.ID)
	switch {
	case err != nil:
		return "", fmt.Errorf("bot: refusals: %w", err)
	case refused:
		return "授权失效，请在来客后台重新授权", nil
	}
	return "已接通", nil
}
