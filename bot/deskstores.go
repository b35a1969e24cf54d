package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/reconcile"
	"yanquan/models"
)

// DayChecked is a closed day of one store, held against the platform's list.
type DayChecked struct {
	models.Store
	Result *reconcile.Result // nil: not yet; its items only where one store was asked for
	Tone   Tone
	Says   string
}

// Checked tells how a closed day of a desk, or one store of it, compares with the
// platform's list. It looks at what is known and compares nothing itself. day is
// the platform's.
func (b *Bot) Checked(ctx context.Context, d Desk, store int64, p Period) (day string, all []DayChecked, err error) {
	span, ok := p.Span(b.Now(), reconcile.Zone)
	if !ok || span.To.Sub(span.From) != 24*time.Hour {
		return "", nil, ErrNoPeriod
	}
	day = reconcile.DayOf(span.From)
	known := map[int64]reconcile.Result{}
	if store != 0 {
		r, ok, err := b.ledger.Result(ctx, store, day)
		if err != nil {
			return "", nil, fmt.Errorf("bot: %w", err)
		}
		if ok {
			known[store] = r
		}
	} else {
		results, err := b.ledger.Results(ctx, models.StoreIDs(d.Stores), day, day)
		if err != nil {
			return "", nil, fmt.Errorf("bot: %w", err)
		}
		for _, r := range results {
			known[r.StoreID] = r
		}
	}
	for _, s := range d.only(store) {
		c := DayChecked{Store: s, Says: "还没有对账"}
		if r, ok := known[s.ID]; ok {
			c.Result, c.Tone, c.Says = &r, toneOf(r.Figures), r.Figures.Line()
		}
		all = append(all, c)
	}
	return day, all, nil
}

// StoreSheet is a store as its manager sees it.
type StoreSheet struct {
	models.Store
	Platform string // as people call it
	State    string // of its access to the platform
	Chats    int
	People   []Person
}

// Person is somebody in a store.
type Person struct {
	models.Member
	Role string // as people call it
}

// storesPage is how many stores a page shows.
const storesPage = 20

// Roster shows the stores that a desk manages, from one on; next is where the
// following page begins, 0 on the last.
func (b *Bot) Roster(ctx context.Context, d Desk, from int) (all []StoreSheet, next int, err error) {
	from = min(max(from, 0), len(d.Managed))
	to := min(from+storesPage, len(d.Managed))
	for _, s := range d.Managed[from:to] {
		sheet := StoreSheet{Store: s, Platform: cmp.Or(platformNames[s.Platform], s.Platform)}
		if sheet.State, err = b.storeState(ctx, b.DB, s); err != nil {
			return nil, 0, err
		}
		chats, err := b.DB.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return nil, 0, fmt.Errorf("bot: chats: %w", err)
		}
		people, err := b.DB.Members(ctx, s.ID)
		if err != nil {
			return nil, 0, fmt.Errorf("bot: members: %w", err)
		}
		sheet.Chats = len(chats)
		rank := map[models.Role]int{models.RoleManager: 0, models.RoleLead: 1, models.RoleStaff: 2}
		slices.SortStableFunc(people, func(x, y models.Member) int { return rank[x.Role] - rank[y.Role] })
		for _, p := range people {
			sheet.People = append(sheet.People, Person{Member: p, Role: roleNames[p.Role]})
		}
		all = append(all, sheet)
	}
	if to < len(d.Managed) {
		next = to
	}
	return all, next, nil
}

// Change is a line of the audit log.
type Change struct {
	At         time.Time
	Who, Where string
	What       string
}

// changeWords say what was done; the others are shown as they are.
var changeWords = map[string]string{
	"authorize": "授权", "renew": "续期", "end": "授权失效", "bind": "绑定群", "unbind": "解绑群", "ask to join": "申请加入",
	"member": "改了人员", "refuse": "拒绝加入", "remove": "移出", "export": "导出",
}

// changesShown is how many changes are looked at, of each store.
const changesShown = 100

// Changes lists the last changes of the stores that a desk manages, the newest
// first.
func (b *Bot) Changes(ctx context.Context, d Desk) ([]Change, error) {
	names := map[int64]string{}
	var entries []models.AuditEntry
	for _, s := range d.Managed {
		names[s.ID] = s.Name
	}
	if b.managers[d.User] { // also what is of no store
		all, err := b.DB.Audit(ctx, models.AuditFilter{Limit: changesShown})
		if err != nil {
			return nil, fmt.Errorf("bot: audit: %w", err)
		}
		entries = all
	} else {
		for _, s := range d.Managed {
			some, err := b.DB.Audit(ctx, models.AuditFilter{StoreID: s.ID, Limit: changesShown})
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
