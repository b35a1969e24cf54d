package chat

import (
	"context"
	"strconv"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/models"
)

// manage does what a text asks about stores and people; handled is false for
// everything else. It comes before the question whether the group is bound: that
// is what it changes.
func (b *Bot) manage(ctx context.Context, row models.Inbox, m bot.Message, cmd command.Command) (reply bot.Reply, handled bool, err error) {
	var do func(context.Context, *models.DB, bot.Message) (bot.Reply, error)
	switch cmd.Verb {
	case command.VerbAuthorize:
		reply, err = b.admin.authorize(ctx, row, m, "")
		return reply, true, err
	case command.VerbConsole:
		reply, err = b.console(ctx, row, m)
		return reply, true, err
	case command.VerbStores:
		do = b.admin.listStores
	case command.VerbBind:
		do = b.admin.offerBinding
	case command.VerbUnbind:
		do = b.admin.offerUnbinding
	case command.VerbSwitch:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.offerSwitch(ctx, tx, m, cmd.Name)
		}
	case command.VerbPeople:
		do = b.admin.offerPeople
	case command.VerbJoin:
		if cmd.Problem != "" {
			reply, err = b.turns.finish(ctx, row, m, bot.Reply{Text: cmd.Problem})
			return reply, true, err
		}
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.join(ctx, tx, m, cmd.Name)
		}
	default:
		return bot.Reply{}, false, nil
	}
	reply, err = b.turns.act(ctx, row, m, do)
	return reply, true, err
}

// pressManage does the same for a button.
func (b *Bot) pressManage(ctx context.Context, row models.Inbox, m bot.Message, key string) (reply bot.Reply, handled bool, err error) {
	word, rest, _ := strings.Cut(key, " ")
	first, second, _ := strings.Cut(rest, " ")
	store, _ := strconv.ParseInt(first, 10, 64) // 0 is no store
	var do func(context.Context, *models.DB, bot.Message) (bot.Reply, error)
	switch word + " " {
	case command.KeyAuthorize:
		reply, err = b.admin.authorize(ctx, row, m, rest)
		return reply, true, err
	case command.KeyBind:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.bind(ctx, tx, m, store)
		}
	case command.KeyUnbind:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.unbind(ctx, tx, m, store)
		}
	case command.KeyUse:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.use(ctx, tx, m, store)
		}
	case command.KeyJoin:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.joinStore(ctx, tx, m, store, second)
		}
	case command.KeyApprove, command.KeyRefuse:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.decide(ctx, tx, m, rest, word+" " == command.KeyApprove)
		}
	case command.KeyPeople:
		from, _ := strconv.Atoi(second)
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.people(ctx, tx, m, store, from)
		}
	case command.KeyPerson:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.person(ctx, tx, m, store, second)
		}
	case command.KeyRole:
		role, user, _ := strings.Cut(second, " ")
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.setRole(ctx, tx, m, store, models.Role(role), user)
		}
	case command.KeyRemove:
		do = func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return b.admin.remove(ctx, tx, m, store, second)
		}
	default:
		return bot.Reply{}, false, nil
	}
	reply, err = b.turns.act(ctx, row, m, do)
	return reply, true, err
}

// storeKeys are buttons to choose a store by; the rest is reached by more.
func storeKeys(stores []models.Store, word string) (keys []bot.CardKey, rest int) {
	for i, s := range stores {
		if i == bot.MaxKeys {
			return keys, len(stores) - bot.MaxKeys
		}
		keys = append(keys, bot.CardKey{Text: s.Name, Key: word + strconv.FormatInt(s.ID, 10), Style: bot.Primary})
	}
	return keys, 0
}
