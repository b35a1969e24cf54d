package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"yanquan/bot/chat"
	"yanquan/bot/wecom"
	"yanquan/internal/config"
	"yanquan/models"
)

// peopleCheck is about stores, groups and people, as the database knows them.
type peopleCheck struct{ *checker }

// looseEnds looks for stores, groups and people that the set-up has left alone.
func (c peopleCheck) looseEnds(ctx context.Context, db *models.DB) {
	l, err := db.Directory.LooseEnds(ctx)
	if err != nil {
		c.bad("see the message", "people: stores, groups and people cannot be read: %v", err)
		return
	}
	if len(l.StoresWithoutChat) > 0 {
		c.warn("text 绑定 in the store's group, or add its chats: to the configuration; 1:1 with the app works without", "groups: no group works for %s", some(l.StoresWithoutChat))
	}
	if len(l.StoresWithoutStaff) > 0 && c.cfg.Access != "group" {
		c.warn("let staff text 我是 and their name in the store's group, or add staff: to the configuration", "people: nobody but managers may verify in %s", some(l.StoresWithoutStaff))
	}
	if len(l.ChatsWithoutStore) > 0 {
		c.warn("authorise the store again, or text 绑定 there to let the group work for another", "groups: the stores of %s are gone", some(l.ChatsWithoutStore))
	}
	if len(l.PeopleWithoutStore) > 0 {
		c.warn("they can do nothing until they text 我是 and their name in the group of another store", "people: the stores of %s are gone", some(l.PeopleWithoutStore))
	}
}

// names looks for robots whose name may have hidden a command lately.
func (c peopleCheck) names(ctx context.Context, db *models.DB) {
	for _, b := range append(c.robots(config.ModeURL), c.robots(config.ModeWebSocket)...) {
		kind := wecom.RobotChannel
		if b.Mode == config.ModeWebSocket {
			kind = wecom.SocketChannel
		}
		at, err := db.Alerts.Told(ctx, chat.NameHint(string(kind)+"/"+b.Name))
		switch {
		case errors.Is(err, models.ErrNotFound):
		case err != nil:
			c.bad("see the message", "robot %s: %v", b.Name, err)
		default:
			c.warn("set its display_name to the name that members see, where that has spaces or ends in a word such as 核销", "robot %s: a text that begins with a mention was not understood on %s", b.Name, c.date(at))
		}
	}
}

// some names the first of a list.
func some(names []string) string {
	const shown = 5
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
