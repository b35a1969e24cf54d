// Package access says who may do what in which store. It knows who people are by
// WeCom's word, and nothing of vouchers and cards.
package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/models"
)

// Access knows who may do what in which store.
type Access struct {
	DB            *models.DB
	Managers      []string      // userids that manage every store
	AccessByGroup bool          // everybody in a bound group is staff there
	Directory     bot.Directory // may be nil
	Location      *time.Location
	Now           func() time.Time
	Log           *slog.Logger

	identities identities
}

// Place is a store together with what a person may do there.
type Place struct {
	models.Store
	Member models.Member
}

// MayUndo reports whether the person may undo an operation of this store.
func (p Place) MayUndo(op models.Operation) bool {
	return op.UserID == p.Member.UserID || p.Member.Role == models.RoleLead || p.Member.Role == models.RoleManager
}

// IDs are the ids of the stores of places.
func IDs(places []Place) []int64 {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	return ids
}

// Of finds the stores in which the sender of a message may act: those of
// the group, or those of the person in a 1:1 conversation, sorted by name. With
// none, the refusal says how to get in and nothing else.
func (a *Access) Of(ctx context.Context, db *models.DB, m bot.Message) ([]Place, bot.Refusal, error) {
	stores, err := storesIn(ctx, db, m)
	switch {
	case err != nil:
		return nil, bot.Refusal{}, err
	case len(stores) == 0 && !m.Private():
		return nil, notBound(m), nil
	}
	user := strings.ToLower(m.User)
	members, err := db.Memberships(ctx, user)
	if err != nil {
		return nil, bot.Refusal{}, fmt.Errorf("access: memberships: %w", err)
	}
	var places []Place
	for _, s := range stores {
		if mb, ok := a.memberOf(s, user, members, m.Private()); ok {
			places = append(places, Place{s, mb})
		}
	}
	if len(places) == 0 {
		return nil, notListed(m), nil
	}
	for i := range places { // only where it is shown, for a directory may have to be asked
		if places[i].Member.Name == "" {
			places[i].Member.Name = a.call(ctx, user, members)
		}
	}
	return places, bot.Refusal{}, nil
}

// storesIn are the stores of the group, or all of them in a 1:1 conversation.
func storesIn(ctx context.Context, db *models.DB, m bot.Message) (stores []models.Store, err error) {
	if m.Private() {
		stores, err = db.Stores(ctx)
	} else {
		stores, err = db.StoresOfChat(ctx, m.Chat)
	}
	if err != nil {
		return nil, fmt.Errorf("access: stores: %w", err)
	}
	Sort(stores)
	return stores, nil
}

// memberOf is what a person is in a store; false: nothing. Who is on no list of the
// store has no name yet.
func (a *Access) memberOf(s models.Store, user string, members []models.Member, private bool) (models.Member, bool) {
	i := slices.IndexFunc(members, func(m models.Member) bool { return m.StoreID == s.ID })
	mb := models.Member{StoreID: s.ID, UserID: user, Role: models.RoleStaff}
	if i >= 0 {
		mb = members[i]
	}
	switch {
	case a.ManagesAll(user):
		mb.Role = models.RoleManager
	case i < 0 && (!a.AccessByGroup || private):
		return models.Member{}, false
	}
	return mb, true
}

// call is what to call a person: as any of their stores does, or the directory.
func (a *Access) call(ctx context.Context, user string, members []models.Member) string {
	for _, m := range members {
		if m.Name != "" {
			return m.Name
		}
	}
	return a.nameOf(ctx, user)
}

func notBound(m bot.Message) bot.Refusal {
	return bot.Refusal{
		Title: "这个群还没有绑定门店，我不能在这里验券",
		Text:  "请管理员在这里 @我 发「绑定」，或把这个群加到门店的配置里。\n群编号：" + m.Chat,
	}
}

func notListed(m bot.Message) bot.Refusal {
	return bot.Refusal{
		Title: "您还不在名单里，不能在这里操作",
		Text:  "请在门店的群里 @我 发「我是 姓名」申请加入，或把您的账号发给店长，让管理员加入名单。\n您的账号：" + m.User,
	}
}

// Find re-checks that the sender may act in one particular store, as a press
// of a button must. In a group, the store must be one of that group.
func Find(places []Place, storeID int64) (Place, bool) {
	for _, p := range places {
		if p.ID == storeID {
			return p, true
		}
	}
	return Place{}, false
}

// Led are the places whose figures a person may see.
func Led(places []Place) (mine []Place) {
	for _, p := range places {
		if p.Member.Role == models.RoleLead || p.Member.Role == models.RoleManager {
			mine = append(mine, p)
		}
	}
	return mine
}

// Role is what a person may do in a store; "" is nothing.
func (a *Access) Role(ctx context.Context, tx *models.DB, user string, storeID int64) (models.Role, error) {
	if a.ManagesAll(user) {
		return models.RoleManager, nil
	}
	member, err := tx.Member(ctx, storeID, user)
	if errors.Is(err, models.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("access: member: %w", err)
	}
	return member.Role, nil
}

// Changeable finds a store that this person may change by chat. Where it cannot
// be changed, the reply says why.
func (a *Access) Changeable(ctx context.Context, tx *models.DB, user string, storeID int64, may ...models.Role) (models.Store, bot.Reply, error) {
	s, err := tx.Store(ctx, storeID)
	if errors.Is(err, models.ErrNotFound) || err == nil && !s.Active {
		return s, bot.Say("这家门店已经不在了。"), nil
	}
	if err != nil {
		return s, bot.Reply{}, fmt.Errorf("access: store: %w", err)
	}
	role, err := a.Role(ctx, tx, user, storeID)
	if err != nil {
		return s, bot.Reply{}, err
	}
	for _, r := range append(may, models.RoleManager) {
		if role != r {
			continue
		}
		if s.Origin == models.OriginConfig {
			return s, bot.Say("%s 写在配置文件里，不能在聊天里改。请管理员改 config.yaml。", s.Name), nil
		}
		return s, bot.Reply{}, nil
	}
	return s, bot.Say("只有这家门店的店长或管理员可以这样做。"), nil
}

// Sort brings stores into the order in which people are shown them.
func Sort(stores []models.Store) {
	slices.SortFunc(stores, func(a, b models.Store) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// Managed lists the active stores that a person manages, sorted by name.
func (a *Access) Managed(ctx context.Context, tx *models.DB, user string) ([]models.Store, error) {
	all, err := tx.Stores(ctx)
	if err != nil {
		return nil, fmt.Errorf("access: stores: %w", err)
	}
	return a.ManagedOf(ctx, tx, all, user)
}

// ManagedOf are those of some stores that a person manages, sorted by name.
func (a *Access) ManagedOf(ctx context.Context, tx *models.DB, all []models.Store, user string) ([]models.Store, error) {
	all = slices.Clone(all)
	Sort(all)
	if a.ManagesAll(user) {
		return all, nil
	}
	members, err := tx.Memberships(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("access: memberships: %w", err)
	}
	manages := map[int64]bool{}
	for _, mb := range members {
		manages[mb.StoreID] = mb.Role == models.RoleManager
	}
	var stores []models.Store
	for _, s := range all {
		if manages[s.ID] {
			stores = append(stores, s)
		}
	}
	return stores, nil
}

// ManagersOf lists who manages any of the stores; the managers of all stores
// come first. Without stores it is those alone.
func (a *Access) ManagersOf(ctx context.Context, tx *models.DB, stores []int64) ([]string, error) {
	return a.PeopleOf(ctx, tx, stores, models.RoleManager)
}

// PeopleOf lists the managers of all stores and who has one of the roles in any
// of the stores.
func (a *Access) PeopleOf(ctx context.Context, tx *models.DB, stores []int64, roles ...models.Role) ([]string, error) {
	var users []string
	add := func(user string) {
		if user = strings.ToLower(user); !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	for _, user := range a.Managers {
		add(user)
	}
	for _, id := range stores {
		members, err := tx.Members(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("access: members: %w", err)
		}
		for _, m := range members {
			if slices.Contains(roles, m.Role) {
				add(m.UserID)
			}
		}
	}
	return users, nil
}

// Remember keeps which store a person has chosen, for the rest of the day.
func (a *Access) Remember(ctx context.Context, tx *models.DB, m bot.Message, p Place) error {
	today, _ := command.Today.Span(a.Now(), a.Location)
	if err := tx.Choose(ctx, m.User, m.Chat, p.ID, today.To); err != nil {
		return fmt.Errorf("access: choose: %w", err)
	}
	return nil
}

// Chosen narrows several places to the one that the person chose today.
func (a *Access) Chosen(ctx context.Context, m bot.Message, places []Place) ([]Place, error) {
	if len(places) < 2 {
		return places, nil
	}
	id, err := a.DB.Chosen(ctx, m.User, m.Chat)
	if errors.Is(err, models.ErrNotFound) {
		return places, nil
	}
	if err != nil {
		return nil, fmt.Errorf("access: chosen: %w", err)
	}
	if p, ok := Find(places, id); ok {
		return []Place{p}, nil
	}
	return places, nil
}

// ManagesAll reports whether a person manages every store.
func (a *Access) ManagesAll(user string) bool {
	return slices.ContainsFunc(a.Managers, func(m string) bool { return strings.EqualFold(m, user) })
}
