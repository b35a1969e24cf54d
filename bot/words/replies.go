package words

import (
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/models"
)

// Answers that are the same for everybody.
var (
	NotUnderstood = bot.Reply{Text: "没看懂。请发「验 券码」核销，或发「帮助」看看能做什么。"}
	GivenUp       = bot.Reply{Text: "我这边出错了，这条消息没有处理。请再发一次；还不行，请告诉管理员。"}

	// Unrecognized is for a sender whose encrypted id WeCom could not be asked about.
	Unrecognized = bot.Reply{Text: "现在认不出您，请稍后再发：企业微信没有说您是谁，什么都没有做。急用请到平台的商家 App 里核销。"}

	NothingToUndo     = bot.Reply{Text: "您最近没有可以撤销的核销。过了平台的撤销时间，就不能撤销了。"}
	ForeignOperation  = bot.Reply{Text: "这次核销不属于您的门店，您不能撤销。"}
	NothingToClose    = bot.Reply{Text: "这个券码没有在这里核销过，不用确认。请核对券码再发。"}
	OnlyManagersClose = bot.Reply{Text: "只有这家门店的店长或管理员可以确认。"}
)

// TooLate is for a message that waited for so long that it is not begun any more. It names its
// codes: others may have been sent since.
func TooLate(items []command.Item) bot.Reply {
	const text = "这条消息没有处理，请再发一次"
	if len(items) == 0 {
		return bot.Reply{Text: text + "。"}
	}
	var codes []string
	for _, it := range items {
		codes = append(codes, CodeText(it.Code))
	}
	return bot.Reply{Text: text + "：" + strings.Join(codes, "、")}
}

// What a press is answered with that means nothing, or nothing to this person.
var (
	ForeignCard = bot.Refusal{Title: "这张卡片不属于您的门店，您不能操作"}
	OldCard     = bot.Refusal{Title: "这张卡片太旧了，按钮已经失效", Text: "请重新发一次券码。"}
)

// Late makes a reply that comes after later ones say of when it is.
func (w *Words) Late(r bot.Reply, of time.Time) bot.Reply {
	note := "这条发晚了，说的是 " + w.In(of).Format(ClockFormat) + " 的情况。之后有变化的，以之后的消息为准。"
	if r.Card == nil {
		r.Text = strings.TrimSpace(r.Text + "\n\n" + note)
		return r
	}
	card := *r.Card
	card.Text, card.Timed = note+card.Text, false
	r.Card = &card
	return r
}

const instead = "直接发券码，例如：验 7992697494"

// CannotRead says of a message that it is of a kind that the bot does not read, or
// that it did not come whole. The kind is in WeCom's word.
func CannotRead(kind string) bot.Reply {
	text := map[string]string{
		"text":     "这条消息没有收全，什么都没有做。请重新发一次，或",
		"nowhere":  "看不出这条消息是在哪个群里发的，什么都没有做。请重新发一次，或在单聊里",
		"image":    "图片没有收到，请重新发一次，或",
		"voice":    "这里收到的语音没有文字，我听不懂。请",
		"video":    "视频我看不了。请拍一张券码的照片发来，或",
		"file":     "文件我打不开。如果是券码的照片，请作为图片发；或",
		"location": "我不需要位置。要核销，请",
		"link":     "链接我不会打开。请",
	}[kind]
	if text == "" {
		text = "这种消息我看不懂。请"
	}
	return bot.Reply{Text: text + instead}
}

// NotHeard says that speech was no command.
func NotHeard(heard string) bot.Reply {
	return bot.Say("听到的是：「%s」。没有听清券码，什么都没有做。请打字发，例如：验 7992697494", command.Shorten(strings.TrimSpace(heard)))
}

// NotVerified says that there is nothing to undo on a code.
func NotVerified(code string) bot.Reply {
	return bot.Say("券码 %s 没有在这里核销过，不需要撤销。请核对券码再发。", CodeText(code))
}

// ReconcileFirst answers who says that a verification was undone at the platform, of which
// reconciliation knows nothing.
func ReconcileFirst(op models.Operation, day string) bot.Reply {
	return bot.Say("还没有对账查到平台撤销了 %s，没有改动。请先发「对账 %s」，里面说「平台没有」或「平台已撤销」的，才能这样确认。", op.Code, day)
}

// NotUndoneThere answers who says so where the platform still has it, or does not tell.
func NotUndoneThere(s models.Store, op models.Operation, stands bool) bot.Reply {
	if !stands {
		return bot.Say("平台现在没有说清 %s 有没有撤销，没有改动。请过几分钟再发「确认 %s 已撤销」。", op.Code, op.Code)
	}
	return bot.Say("平台上 %s 现在还是已核销，没有改动。请到%s核对。", op.Code, platform.Backend(platformOf(s, op)))
}

// AskUndo makes the card of an operation that can be undone a question.
func AskUndo(c *bot.Card) { c.Title, c.Tone = "要撤销这一次吗？", bot.Plain }

// AskAll makes such a card say that it undoes all that stands, which is not as many as were
// asked for.
func AskAll(c *bot.Card, op models.Operation, asked, all int) {
	unit := "张"
	if op.Reusable {
		unit = "次"
	}
	stands := "核销了"
	if op.UndoReason != "" {
		stands = "还没有撤销的是"
	}
	c.Timed = false
	c.Text = fmt.Sprintf("您要撤销 %d %[2]s，这次%[3]s %[4]d %[2]s，只能一起撤销。要全部撤销，请点「撤销」；不撤销，不用点。%[5]s", asked, unit, stands, all, c.Text)
}

// AskOlder makes such a card say that it is not the newest one, which has no outcome yet.
func AskOlder(c *bot.Card, newest models.Operation) {
	c.Title, c.Timed = "要撤销更早的这一次吗？", false
	c.Text = OpenUndo(newest).Text + "下面的按钮撤销的是卡片上这一次，" + c.Text
}

// OpenUndo says that a person's newest verification cannot be undone, for it has no outcome
// yet.
func OpenUndo(op models.Operation) bot.Reply {
	code := CodeText(op.Code)
	switch {
	case op.State == models.Held:
		return bot.Say("您最近的一次是券码 %s，还在平台风控核验中，现在不能撤销，先不要提供服务。", code)
	case op.State == models.Undoing || op.State == models.UndoUnknown:
		return bot.Say("您最近的一次是券码 %s，正在撤销，还没有结果。", code)
	case op.NeedsHuman:
		return bot.Say("您最近的一次是券码 %s，需要人工确认有没有核销，现在不能撤销。", code)
	}
	return bot.Say("您最近的一次是券码 %s，还没有结果，现在不能撤销，请稍等一下再发。", code)
}

// MayNotUndo says that only leads undo what others have verified.
func MayNotUndo(op models.Operation) bot.Reply {
	return bot.Say("券码 %s 是 %s 核销的，只有本人、组长或店长能撤销。", CodeText(op.Code), op.User)
}

// RefuseUndo makes the card of an operation say so.
func RefuseUndo(c *bot.Card, op models.Operation) {
	c.Title, c.Tone, c.Text, c.Keys, c.Until = "您不能撤销", bot.Bad, MayNotUndo(op).Text, nil, time.Time{}
}

// Slowed tells a person who guesses codes how long to wait.
func Slowed(unknown, minutes int, wait time.Duration) bot.Reply {
	return bot.Say("您在 %d 分钟内输入了 %d 个不存在的券码，请核对后过 %d 分钟再试。急用请找店长。", minutes, unknown, int((wait+time.Minute-1)/time.Minute))
}

// Guessing tells managers of a person who guesses codes.
func Guessing(s models.Store, who models.Member, unknown, minutes int) bot.Card {
	return bot.Card{
		Source: "验券", Title: "有人连续输错券码", Tone: bot.Bad,
		Fields: bot.Fields(bot.Field{Key: "姓名", Value: who.Name}, bot.Field{Key: "账号", Value: who.UserID, User: who.UserID}, bot.Field{Key: "门店", Value: s.Name}),
		Text:   fmt.Sprintf("%d 分钟内查了 %d 个平台上没有的券码，已经让这个人等一等。", minutes, unknown),
	}
}
