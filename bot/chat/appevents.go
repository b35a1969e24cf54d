package chat

import (
	"context"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/words"
	"yanquan/models"
)

// greetings welcome who opens the conversation, and pass on what WeCom says of the app.
type greetings struct {
	DB      *models.DB
	access  *access.Access
	notices *notice.Notices
	out     *outbox.Outbox
	turns   *turns
	words   *words.Words
	Now     func() time.Time
}

// greet welcomes who opens the conversation: with what can be texted, or with the
// way in. A robot is told of it once a day, an app of every opening.
func (g *greetings) greet(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	if m.Way.Robot {
		return g.turns.finish(ctx, row, m, g.words.Help())
	}
	places, denied, err := g.access.Of(ctx, g.DB, m)
	if err != nil {
		return bot.Reply{}, err
	}
	welcome := denied.Reply()
	if len(places) > 0 {
		welcome = g.words.Help()
	}
	var reply bot.Reply
	err = g.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Notices.Record(ctx, noticeGreeting, m.Channel+"/"+m.User+"/"+g.words.Day(g.Now()))
		if err != nil {
			return fmt.Errorf("chat: greeting: %w", err)
		}
		if reply = welcome; !fresh {
			reply = bot.Reply{}
		}
		return g.out.Answer(ctx, tx, row, m, reply)
	})
	return reply, err
}

// noticeGreeting stands where a platform's name stands for its notices.
const noticeGreeting = "greeting"

// usage tells managers, once, what WeCom says of how much the app is used.
func (g *greetings) usage(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	say, known := usageSayings[m.Text]
	if !known {
		return g.turns.finish(ctx, row, m, bot.Reply{})
	}
	day := g.words.Day(m.At)
	card := bot.Card{Source: "验券", Title: say.title, Text: fmt.Sprintf(say.what, day) + say.next, Tone: say.tone}
	err := g.DB.Tx(ctx, func(tx *models.DB) error {
		users, err := g.access.ManagersOf(ctx, tx, nil)
		if err != nil {
			return err
		}
		if err := g.notices.TellUsers(ctx, tx, "usage/"+m.Channel+"/"+m.Text+"/"+day, users, bot.Reply{Card: &card}); err != nil {
			return err
		}
		return g.out.Answer(ctx, tx, row, m, bot.Reply{})
	})
	return bot.Reply{}, err
}

// usageSayings are the words for the events of page 90240. %s is the day.
var usageSayings = map[string]struct {
	title, what, next string
	tone              bot.Tone
}{
	"inactive_alert": {"应用快被停用了", "企业微信说这个应用很久没人用，%s 起会停用它。",
		"请在这之前让一位同事打开应用发一次券码。停用以后收不到消息，也不能核销。", bot.Bad},
	"close_inactive_agent": {"应用被停用了", "企业微信从 %s 起停用了这个应用，因为很久没人用。",
		"请企业微信的管理员到管理后台的应用管理里重新启用它。", bot.Bad},
	"reopen_inactive_agent": {"应用重新启用了", "%s 起应用可以照常使用。", "不用再做什么。", bot.Good},
	"low_active_alert": {"应用用得太少", "企业微信说这个应用用得少，%s 起会限制它读取客户数据。",
		"核销不读取这些数据，不受影响。让更多同事用它，就不会被限制。", bot.Plain},
	"low_active": {"应用被限制了", "企业微信从 %s 起限制这个应用读取客户数据，因为用得少。",
		"核销不读取这些数据，不受影响。让更多同事用它，限制就会解除。", bot.Plain},
	"active_restored": {"应用的限制解除了", "%s 起企业微信不再限制这个应用。", "不用再做什么。", bot.Good},
}
