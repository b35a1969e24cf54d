package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yanquan/models"
)

// Keys of the buttons that set up stores and people.
const (
	keyAuthorize = "authorize " // authorize <platform>
	keyBind      = "bind "      // bind <store>
	keyUnbind    = "unbind "    // unbind <store>
	keyUse       = "use "       // use <store>
	keyJoin      = "join "      // join <store> <name>
	keyApprove   = "approve "   // approve <join>
	keyRefuse    = "refuse "    // refuse <join>
	keyPeople    = "people "    // people <store> <from>
	keyPerson    = "person "    // person <store> <user>
	keyRole      = "role "      // role <store> <role> <user>
	keyRemove    = "remove "    // remove <store> <user>
)

// manage does what a text asks about stores and people; handled is false for
// everything else. It comes before the question whether the group is bound: that
// is what it changes.
func (b *Bot) manage(ctx context.Context, row models.Inbox, m Message, cmd Command) (reply Reply, handled bool, err error) {
	var do func(context.Context, *models.DB, Message) (Reply, error)
	switch cmd.Verb {
	case VerbAuthorize:
		reply, err = b.authorize(ctx, row, m, "")
		return reply, true, err
	case VerbConsole:
		reply, err = b.console(ctx, row, m)
		return reply, true, err
	case VerbStores:
		do = b.listStores
	case VerbBind:
		do = b.offerBinding
	case VerbUnbind:
		do = b.offerUnbinding
	case VerbSwitch:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.offerSwitch(ctx, tx, m, cmd.Name)
		}
	case VerbPeople:
		do = b.offerPeople
	case VerbJoin:
		if cmd.Problem != "" {
			reply, err = b.finish(ctx, row, m, Reply{Text: cmd.Problem})
			return reply, true, err
		}
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.join(ctx, tx, m, cmd.Name)
		}
	default:
		return Reply{}, false, nil
	}
	reply, err = b.act(ctx, row, m, do)
	return reply, true, err
}

// pressManage does the same for a button.
func (b *Bot) pressManage(ctx context.Context, row models.Inbox, m Message, key string) (reply Reply, handled bool, err error) {
	word, rest, _ := strings.Cut(key, " ")
	first, second, _ := strings.Cut(rest, " ")
	store, _ := strconv.ParseInt(first, 10, 64) // 0 is no store
	var do func(context.Context, *models.DB, Message) (Reply, error)
	switch word + " " {
	case keyAuthorize:
		reply, err = b.authorize(ctx, row, m, rest)
		return reply, true, err
	case keyBind:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) { return b.bind(ctx, tx, m, store) }
	case keyUnbind:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) { return b.unbind(ctx, tx, m, store) }
	case keyUse:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) { return b.use(ctx, tx, m, store) }
	case keyJoin:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.joinStore(ctx, tx, m, store, second)
		}
	case keyApprove, keyRefuse:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.decide(ctx, tx, m, rest, word+" " == keyApprove)
		}
	case keyPeople:
		from, _ := strconv.Atoi(second)
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.people(ctx, tx, m, store, from)
		}
	case keyPerson:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.person(ctx, tx, m, store, second)
		}
	case keyRole:
		role, user, _ := strings.Cut(second, " ")
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.setRole(ctx, tx, m, store, models.Role(role), user)
		}
	case keyRemove:
		do = func(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
			return b.remove(ctx, tx, m, store, second)
		}
	default:
		return Reply{}, false, nil
	}
	reply, err = b.act(ctx, row, m, do)
	return reply, true, err
}

// act makes a change and its answer one transaction, so that a message that is
// taken up again after a crash changes nothing twice.
func (b *Bot) act(ctx context.Context, row models.Inbox, m Message, do func(context.Context, *models.DB, Message) (Reply, error)) (Reply, error) {
	var reply Reply
	err := b.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if reply, err = do(ctx, tx, m); err != nil {
			return err
		}
		return b.answer(ctx, tx, row, m, reply)
	})
	return reply, err
}

// say is a reply of words only.
func say(format string, args ...any) Reply { return Reply{Text: fmt.Sprintf(format, args...)} }

// roleIn is what a person may do in a store; "" is nothing.
func (b *Bot) roleIn(ctx context.Context, tx *models.DB, user string, storeID int64) (models.Role, error) {
	if b.managers[strings.ToLower(user)] {
		return models.RoleManager, nil
	}
	member, err := tx.Member(ctx, storeID, user)
	if errors.Is(err, models.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("bot: member: %w", err)
	}
	return member.Role, nil
}

// changeable finds a store that this person may change by chat. Where it cannot
// be changed, the reply says why.
func (b *Bot) changeable(ctx context.Context, tx *models.DB, user string, storeID int64, may ...models.Role) (models.Store, Reply, error) {
	s, err := tx.Store(ctx, storeID)
	if errors.Is(err, models.ErrNotFound) || err == nil && !s.Active {
		return s, say("这家门店已经不在了。"), nil
	}
	if err != nil {
		return s, Reply{}, fmt.Errorf("bot: store: %w", err)
	}
	role, err := b.roleIn(ctx, tx, user, storeID)
	if err != nil {
		return s, Reply{}, err
	}
	for _, r := range append(may, models.RoleManager) {
		if role != r {
			continue
		}
		if s.Origin == models.OriginConfig {
			return s, say("%s 写在配置文件里，不能在聊天里改。请管理员改 config.yaml。", s.Name), nil
		}
		return s, Reply{}, nil
	}
	return s, say("只有这家门店的店长或管理员可以这样做。"), nil
}

// managed lists the active stores that a person manages.
func (b *Bot) managed(ctx context.Context, tx *models.DB, user string) ([]models.Store, error) {
	all, err := tx.Stores(ctx)
	if err != nil {
		return nil, fmt.Errorf("bot: stores: %w", err)
	}
	return b.managedOf(ctx, tx, all, user)
}

// managedOf is managed for who knows all stores already.
func (b *Bot) managedOf(ctx context.Context, tx *models.DB, all []models.Store, user string) ([]models.Store, error) {
	if b.managers[strings.ToLower(user)] {
		return all, nil
	}
	members, err := tx.Memberships(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("bot: memberships: %w", err)
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

// record writes a change by chat into the audit log.
func (b *Bot) record(ctx context.Context, tx *models.DB, m Message, action string, storeID int64, subject, before, after string) error {
	err := tx.RecordAudit(ctx, models.AuditEntry{
		At: b.Now(), UserID: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat,
		Action: action, StoreID: storeID, Subject: subject, Before: before, After: after,
	})
	if err != nil {
		return fmt.Errorf("bot: audit: %w", err)
	}
	return nil
}

// storeKeys are buttons to choose a store by; the rest is reached by more.
func storeKeys(stores []models.Store, word string) (keys []CardKey, rest int) {
	for i, s := range stores {
		if i == maxKeys {
			return keys, len(stores) - maxKeys
		}
		keys = append(keys, CardKey{Text: s.Name, Key: word + strconv.FormatInt(s.ID, 10), Style: Primary})
	}
	return keys, 0
}
