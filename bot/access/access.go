// Package access says who may do what in which store. It knows who people are by
// WeCom's word, and nothing of vouchers and cards.
package access

import (
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
type Place models.Place

// MayUndo reports whether the person may undo an operation of this store.
func (p Place) MayUndo(op models.Operation) bool {
	return op.UserID == p.Member.UserID || p.Member.Role == models.RoleLead || p.Member.Role == models.RoleManager
}

// IDs are the ids of the stores.
func IDs(places []Place) []int64 {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	return ids
}

// Stores are the stores, AccountIDs the ids of all their accounts: of what was verified
// there.
func Stores(places []Place) []models.Store {
	stores := make([]models.Store, len(places))
	for i, p := range places {
		stores[i] = p.Store
	}
	return stores
}

// AccountIDs are described with [Stores].
func AccountIDs(places []Place) []int64 { return models.AccountIDs(Stores(places)) }

// Of finds the stores in which the sender of a message may act, by name: those of
// the group, or those of the person in a 1:1 conversation. With none, the reply
// says how to get in and nothing else.
func (a *Access) Of(ctx context.Context, db *models.DB, m bot.Message) ([]Place, bot.Refusal, error) {
	return a.During(ctx, db, m, time.Time{}, time.Time{})
}

// During is [Access.Of] with the stores that are no longer active and verified
// something from a time until before another: to be looked at, not to act in.
func (a *Access) During(ctx context.Context, db *models.DB, m bot.Message, from, to time.Time) ([]Place, bot.Refusal, error) {
	f := a.filter(m)
	f.From, f.To = from, to
	found, err := db.Directory.Places(ctx, f)
	if err != nil {
		return nil, bot.Refusal{}, fmt.Errorf("bot: places: %w", err)
	}
	return a.admitted(ctx, db, m, found)
}

// WithOff is [Access.Of] with the stores that have no account in use: for what is still to
// be ended there.
func (a *Access) WithOff(ctx context.Context, db *models.DB, m bot.Message) ([]Place, bot.Refusal, error) {
	f := a.filter(m)
	found, err := db.Directory.Places(ctx, f)
	if err == nil {
		f.Off = true
		var off []models.Place
		off, err = db.Directory.Places(ctx, f)
		found = append(found, off...)
	}
	if err != nil {
		return nil, bot.Refusal{}, fmt.Errorf("bot: places: %w", err)
	}
	return a.admitted(ctx, db, m, found)
}

// For is [Access.Of] with what the sender's errand needs to know.
func (a *Access) For(ctx context.Context, db *models.DB, m bot.Message, e models.Errand) ([]Place, models.Tried, bot.Refusal, error) {
	found, tries, err := db.Directory.PlacesFor(ctx, a.filter(m), e)
	if err != nil {
		return nil, tries, bot.Refusal{}, fmt.Errorf("bot: places: %w", err)
	}
	places, refused, err := a.admitted(ctx, db, m, found)
	return places, tries, refused, err
}

// filter is where the sender of a message may be about to act.
func (a *Access) filter(m bot.Message) models.PlaceFilter {
	f := models.PlaceFilter{User: m.User, All: m.Private() && a.ManagesAll(m.User)}
	if !m.Private() {
		f.Chat = m.Chat
	}
	return f
}

// admitted leaves of the stores those in which the sender may act, as what they are
// there.
func (a *Access) admitted(ctx context.Context, db *models.DB, m bot.Message, found []models.Place) (places []Place, refused bot.Refusal, err error) {
	if len(found) == 0 && !m.Private() {
		return nil, bot.Refusal{
			Title: "这个群还没有绑定门店，我不能在这里验券",
			Text:  "请管理员在这里 @我 发「绑定」，或把这个群加到门店的配置里。\n群编号：" + m.Chat,
		}, nil
	}
	user, name := strings.ToLower(m.User), ""
	for _, p := range found {
		role := p.Member.Role
		known := role != "" && role != models.RoleGuest && role != models.RoleBarred
		switch {
		case a.ManagesAll(user):
			p.Member.Role = models.RoleManager
		case role == models.RoleBarred:
			continue
		case !known && a.AccessByGroup && !m.Private():
			p.Member.Role = models.RoleStaff
		case !known:
			continue
		}
		if !known && p.Member.Name == "" {
			if name == "" {
				if name, err = a.nameElsewhere(ctx, db, user); err != nil {
					return nil, bot.Refusal{}, err
				}
			}
			p.Member.Name = name
		}
		places = append(places, Place(p))
	}
	if len(places) == 0 {
		return nil, bot.Refusal{
			Title: "您还不在名单里，不能在这里操作",
			Text:  "请在门店的群里 @我 发「我是 姓名」申请加入，或把您的账号发给店长，让管理员加入名单。\n您的账号：" + m.User,
		}, nil
	}
	return places, bot.Refusal{}, nil
}

// nameElsewhere is the name of a person for a store that has none of theirs.
func (a *Access) nameElsewhere(ctx context.Context, db *models.DB, user string) (string, error) {
	members, err := db.Directory.Memberships(ctx, user)
	if err != nil {
		return "", fmt.Errorf("bot: memberships: %w", err)
	}
	for _, m := range members {
		if m.Name != "" {
			return m.Name, nil
		}
	}
	return a.nameOf(ctx, user), nil
}

// Find re-checks that the sender may act in one particular store, as a press
// of a button must; any of its accounts tells which. In a group, the store must be one
// of that group.
func Find(places []Place, account int64) (Place, bool) {
	for _, p := range places {
		if _, ok := p.AccountOf(account); ok {
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

// Role is what a person may do in a store; "" is nothing, and so is [models.RoleBarred].
func (a *Access) Role(ctx context.Context, tx *models.DB, user string, storeID int64) (models.Role, error) {
	if a.ManagesAll(user) {
		return models.RoleManager, nil
	}
	member, err := tx.Directory.Member(ctx, storeID, user)
	if errors.Is(err, models.ErrNotFound) || err == nil && member.Role == models.RoleGuest {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("bot: member: %w", err)
	}
	return member.Role, nil
}

// Manageable finds the store that has an account; false: it is not in use, or this person
// does not manage it.
func (a *Access) Manageable(ctx context.Context, tx *models.DB, user string, account int64) (models.Store, bool, error) {
	s, err := tx.Directory.Store(ctx, account)
	if errors.Is(err, models.ErrNotFound) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("bot: store: %w", err)
	}
	role, err := a.Role(ctx, tx, user, s.ID)
	return s, s.Live() && role == models.RoleManager, err
}

// Reducible finds an account that this person may take off its store by chat. Where
// it cannot be, the reply says why.
func (a *Access) Reducible(ctx context.Context, tx *models.DB, user string, account int64) (models.Store, models.Account, bot.Reply, error) {
	s, may, err := a.Manageable(ctx, tx, user, account)
	of, has := s.AccountOf(account)
	switch {
	case err != nil:
		return s, of, bot.Reply{}, err
	case !may || !has:
		return s, of, bot.Say("这家门店已经不在，或不由您管理。"), nil
	case of.Origin == models.OriginConfig:
		return s, of, bot.Say("%s 的这个平台写在配置文件里，不能在聊天里改。请管理员改 config.yaml。", s.Name), nil
	}
	return s, of, bot.Reply{}, nil
}

// Changeable finds a store that this person may change by chat. Where it cannot
// be changed, the reply says why.
func (a *Access) Changeable(ctx context.Context, tx *models.DB, user string, storeID int64, may ...models.Role) (models.Store, bot.Reply, error) {
	s, err := tx.Directory.Store(ctx, storeID)
	if errors.Is(err, models.ErrNotFound) || err == nil && !s.Live() {
		return s, bot.Say("这家门店已经不在了。"), nil
	}
	if err != nil {
		return s, bot.Reply{}, fmt.Errorf("bot: store: %w", err)
	}
	role, err := a.Role(ctx, tx, user, storeID)
	if err != nil {
		return s, bot.Reply{}, err
	}
	for _, r := range append(may, models.RoleManager) {
		if role != r {
			continue
		}
		if s.Declared() {
			return s, bot.Say("%s 写在配置文件里，不能在聊天里改。请管理员改 config.yaml。", s.Name), nil
		}
		return s, bot.Reply{}, nil
	}
	return s, bot.Say("只有这家门店的店长或管理员可以这样做。"), nil
}

// Managed lists the active stores that a person manages, by name.
func (a *Access) Managed(ctx context.Context, tx *models.DB, user string) ([]models.Store, error) {
	return a.ManagedDuring(ctx, tx, user, time.Time{}, time.Time{})
}

// ManagedOff lists the stores that a person manages and that have no account in use, by
// name.
func (a *Access) ManagedOff(ctx context.Context, tx *models.DB, user string) ([]models.Store, error) {
	return a.managed(ctx, tx, models.PlaceFilter{User: user, All: a.ManagesAll(user), Off: true})
}

// ManagedDuring is [Access.Managed] with the stores that are no longer in use and
// had business from a time until before another.
func (a *Access) ManagedDuring(ctx context.Context, tx *models.DB, user string, from, to time.Time) ([]models.Store, error) {
	return a.managed(ctx, tx, models.PlaceFilter{User: user, All: a.ManagesAll(user), From: from, To: to})
}

func (a *Access) managed(ctx context.Context, tx *models.DB, f models.PlaceFilter) ([]models.Store, error) {
	places, err := tx.Directory.Places(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("bot: places: %w", err)
	}
	var stores []models.Store
	for _, p := range places {
		if f.All || p.Member.Role == models.RoleManager {
			stores = append(stores, p.Store)
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
		members, err := tx.Directory.Members(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("bot: members: %w", err)
		}
		for _, m := range members {
			if slices.Contains(roles, m.Role) {
				add(m.UserID)
			}
		}
	}
	return users, nil
}

// Remember keeps for the rest of the day which store a person means.
func (a *Access) Remember(ctx context.Context, tx *models.DB, m bot.Message, p Place) error {
	today, _ := command.Today.Span(a.Now(), a.Location)
	if err := tx.Choices.Set(ctx, m.User, m.Chat, p.ID, today.To); err != nil {
		return fmt.Errorf("bot: choose: %w", err)
	}
	return nil
}

// Chosen narrows several places to the one that the person chose today.
func (a *Access) Chosen(ctx context.Context, m bot.Message, places []Place) ([]Place, error) {
	if len(places) < 2 {
		return places, nil
	}
	id, err := a.DB.Choices.Get(ctx, m.User, m.Chat)
	if errors.Is(err, models.ErrNotFound) {
		return places, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bot: chosen: %w", err)
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
