package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// work does what a message asks and commits its answer. It may run again for
// the same message after a crash: what was done before is found in the journal.
func (b *Bot) work(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	m = b.access.Identify(ctx, m)
	if row.Attempt > 1 || b.tooLate(row, m) {
		if reply, done, err := b.resume(ctx, row, m); done || err != nil {
			return reply, err
		}
	}
	switch m.Kind {
	case bot.Click:
		return b.press(ctx, row, m)
	case bot.Text, bot.Photo, bot.Scan:
		if m.Means != "" {
			return b.text(ctx, row, m, m.Means, nil)
		}
		if m.Kind != bot.Text || len(m.Pictures) > 0 {
			if a, ok := command.WishOf(m); ok {
				return b.photo(ctx, row, m, a)
			}
		}
		return b.text(ctx, row, m, m.Text, nil)
	case bot.Voice:
		return b.voice(ctx, row, m)
	case bot.Enter:
		return b.greetings.greet(ctx, row, m)
	case bot.Usage:
		return b.greetings.usage(ctx, row, m)
	}
	return b.turns.finish(ctx, row, m, bot.Reply{Text: notUnderstood(m.Text)})
}

// notUnderstood says of what was sent why nothing comes of it. The word is WeCom's.
func notUnderstood(word string) string {
	const instead = "请直接发券码，例如：验 7992697494"
	switch word {
	case "image":
		return "图片没有收到，请重新发一次，或" + strings.TrimPrefix(instead, "请")
	case "voice":
		return "这里收到的语音没有文字，我听不懂。" + instead
	case "video":
		return "视频我看不了。请拍一张券码的照片发来，或" + strings.TrimPrefix(instead, "请")
	case "file":
		return "文件我打不开。如果是券码的照片，请作为图片发；或" + strings.TrimPrefix(instead, "请")
	case "location":
		return "我不需要位置。要核销，" + instead
	case "link":
		return "链接我不会打开。" + instead
	}
	return "这种消息我看不懂。" + instead
}

// tooLate reports whether a message has waited for so long that nothing new is
// begun for it: whoever sent it has done something else meanwhile.
func (b *Bot) tooLate(row models.Inbox, m bot.Message) bool {
	asks := m.Kind != bot.Enter && m.Kind != bot.Usage
	return asks && b.Now().Sub(row.ReceivedAt) >= staleAfter
}

// What a message is answered with that was not worked on.
var (
	notHandled = bot.Reply{Text: "我这边出错了，这条消息没有处理。请再发一次；还不行，请告诉管理员。"}
	stale      = bot.Reply{Text: "这条消息没有处理，请再发一次。"}
)

// resume takes up a message that an earlier worker may have begun. What the journal
// has of it is settled or answered as it is, even where the sender has lost their
// place since; only what was not begun needs access again, in the same store.
func (b *Bot) resume(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, bool, error) {
	ops, err := b.DB.OperationsOfMessage(ctx, row.ID)
	if err != nil {
		return bot.Reply{}, false, fmt.Errorf("bot: resume: %w", err)
	}
	undos, err := b.DB.OperationsUndoneBy(ctx, row.ID)
	if err != nil {
		return bot.Reply{}, false, fmt.Errorf("bot: resume: %w", err)
	}
	late, often := b.tooLate(row, m), row.Attempt > maxAttempts
	switch {
	case len(ops)+len(undos) > 0:
		return b.resumeBegun(ctx, row, m, ops, !late && !often)
	case often:
		_, err = b.turns.finish(ctx, row, m, notHandled)
		return notHandled, true, err
	case late:
		_, err = b.turns.finish(ctx, row, m, stale)
		return stale, true, err
	}
	return bot.Reply{}, false, nil
}

// resumeBegun brings a message to its end of which the journal has something. Its
// codes that were not begun are verified now, or else answered as not handled.
func (b *Bot) resumeBegun(ctx context.Context, row models.Inbox, m bot.Message, ops []models.Operation, goOn bool) (reply bot.Reply, done bool, err error) {
	items, again := itemsOf(m)
	rest := len(ops) > 0 && len(ops) < len(items)
	if rest && goOn {
		places, _, err := b.access.Of(ctx, b.DB, m)
		if err != nil {
			return bot.Reply{}, false, err
		}
		if p, ok := access.Find(places, ops[0].StoreID); ok {
			reply, err := b.vouchers.verify(ctx, row, m, p, items, again)
			return reply, true, err
		}
	}
	err = b.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if rest {
			if err := b.notBegun(ctx, tx, ops, items); err != nil {
				return err
			}
		}
		if reply, err = b.views.replyAgain(ctx, tx, m, row.ID); err != nil {
			return err
		}
		return b.out.Answer(ctx, tx, row, m, reply)
	})
	return reply, true, err
}

// notBegun records of each code of a message that has no operation that it was not
// handled, so that it is answered as the others are, now and whenever the answer is
// shown again.
func (b *Bot) notBegun(ctx context.Context, tx *models.DB, ops []models.Operation, items []command.Item) error {
	begun := map[int]bool{}
	for _, op := range ops {
		begun[op.Seq] = true
	}
	first := ops[0]
	for seq, it := range items {
		if begun[seq] {
			continue
		}
		_, err := tx.Refuse(ctx, models.Operation{
			ID: b.NewID(), StoreID: first.StoreID, Code: it.Code, Count: it.Count, InboxID: first.InboxID, Seq: seq,
			Channel: first.Channel, Chat: first.Chat, UserID: first.UserID, User: first.User, CreatedAt: b.Now(),
			Outcome: models.Outcome{Reason: redeem.ReasonNotHandled},
		})
		if err != nil {
			return fmt.Errorf("bot: code not handled: %w", err)
		}
	}
	return nil
}

// itemsOf is what a message asks to verify.
func itemsOf(m bot.Message) (items []command.Item, again string) {
	if m.Means != "" {
		return command.Parse(m.Means).Items, ""
	}
	text := m.Text
	if m.Kind == bot.Click && m.Button != nil {
		if rest, ok := strings.CutPrefix(m.Button.Key, command.KeyVerify); ok {
			_, item, again, err := command.ParseVerifyKey(rest)
			if err != nil {
				return nil, ""
			}
			return []command.Item{item}, again
		}
		_, text, _ = strings.Cut(strings.TrimPrefix(m.Button.Key, command.KeyStore), " ")
	}
	return command.ParseReply(text, m.Quote).Items, ""
}

// text does what a text asks, in the one place given or wherever the sender
// may act.
func (b *Bot) text(ctx context.Context, row models.Inbox, m bot.Message, text string, at *access.Place) (bot.Reply, error) {
	cmd := command.ParseReply(text, m.Quote)
	if cmd.Verb == command.VerbHelp {
		return b.turns.finish(ctx, row, m, b.words.Help())
	}
	if at == nil {
		if reply, handled, err := b.manage(ctx, row, m, cmd); handled || err != nil {
			return reply, err
		}
	}
	places, denied, err := b.access.Of(ctx, b.DB, m)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(places) == 0 {
		return b.turns.finish(ctx, row, m, denied)
	}
	if at != nil {
		places = []access.Place{*at}
	}
	if wait, err := b.vouchers.slowed(ctx, m, cmd, places); err != nil || !wait.Empty() {
		if err != nil {
			return bot.Reply{}, err
		}
		return b.turns.finish(ctx, row, m, wait)
	}
	switch {
	case cmd.Problem != "":
		return b.turns.finish(ctx, row, m, bot.Reply{Text: cmd.Problem})
	case cmd.Verb == command.VerbNone && m.Private():
		return b.turns.finish(ctx, row, m, b.words.Help())
	case cmd.Verb == command.VerbNone:
		return b.turns.finish(ctx, row, m, bot.Reply{Text: "没看懂。请发「验 券码」核销，或发「帮助」看看能做什么。"})
	case cmd.Verb == command.VerbPhone:
		return b.lists.byPhone(ctx, row, m, places, cmd.Phone)
	case cmd.Verb == command.VerbRecent:
		return b.lists.recent(ctx, row, m, places, cmd.N, models.HistoryMark{})
	case cmd.Verb == command.VerbTotals:
		return b.lists.totals(ctx, row, m, places, cmd.Period)
	case cmd.Verb == command.VerbReconcile:
		return b.lists.reconcile(ctx, row, m, places, cmd.Period)
	case cmd.Verb == command.VerbExport:
		return b.exports.askExport(ctx, row, m, places, cmd)
	case cmd.Verb == command.VerbClose:
		op, err := b.vouchers.operationOn(ctx, places, cmd.Items[0].Code)
		if err != nil {
			return bot.Reply{}, err
		}
		return b.doubts.closeCode(ctx, row, m, places, op, cmd.Used)
	case cmd.Verb == command.VerbUndo && len(cmd.Items) == 0:
		return b.vouchers.offerUndo(ctx, row, m, places)
	case cmd.Verb == command.VerbUndo:
		return b.vouchers.undoCode(ctx, row, m, places, cmd.Items[0].Code)
	}
	if places, err = b.access.Chosen(ctx, m, places); err != nil {
		return bot.Reply{}, err
	}
	if len(places) > 1 {
		return b.turns.finish(ctx, row, m, b.askStore(places, cmd.String(), 0))
	}
	if cmd.Verb == command.VerbQuery {
		return b.vouchers.query(ctx, row, m, places[0], cmd.Items)
	}
	return b.vouchers.verify(ctx, row, m, places[0], cmd.Items, "")
}

// press does what a button says, after checking that the presser may and that
// it still makes sense. A refusal never changes the card that others see.
func (b *Bot) press(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	key := ""
	if m.Button != nil {
		key = m.Button.Key
	}
	if reply, handled, err := b.pressManage(ctx, row, m, key); handled || err != nil {
		return reply, err
	}
	places, denied, err := b.access.Of(ctx, b.DB, m)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(places) == 0 {
		return b.turns.finish(ctx, row, m, b.unusable(m, denied))
	}
	switch {
	case strings.HasPrefix(key, command.KeyVerify):
		store, item, again, err := command.ParseVerifyKey(strings.TrimPrefix(key, command.KeyVerify))
		if err != nil {
			break
		}
		p, ok := access.Find(places, store)
		if !ok {
			return b.turns.finish(ctx, row, m, b.unusable(m, foreignCard))
		}
		return b.vouchers.verify(ctx, row, m, p, []command.Item{item}, again)
	case strings.HasPrefix(key, command.KeyMore):
		from, text, _ := strings.Cut(strings.TrimPrefix(key, command.KeyMore), " ")
		n, err := strconv.Atoi(from)
		if err != nil || n < 0 || n >= len(places) {
			break
		}
		return b.turns.finish(ctx, row, m, b.askStore(places, shortest(text), n))
	case strings.HasPrefix(key, command.KeyStore):
		id, text, _ := strings.Cut(strings.TrimPrefix(key, command.KeyStore), " ")
		store, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			break
		}
		p, ok := access.Find(places, store)
		if !ok {
			return b.turns.finish(ctx, row, m, b.unusable(m, foreignCard))
		}
		if err := b.access.Remember(ctx, b.DB, m, p); err != nil {
			return bot.Reply{}, err
		}
		if id, ok := strings.CutPrefix(text, markScan); ok {
			return b.scannedAt(ctx, row, m, p, id)
		}
		return b.text(ctx, row, m, text, &p)
	case strings.HasPrefix(key, command.KeyOlder):
		n, after, err := command.ParseOlderKey(strings.TrimPrefix(key, command.KeyOlder))
		if err != nil {
			break
		}
		return b.lists.recent(ctx, row, m, places, n, after)
	case strings.HasPrefix(key, command.KeyClose):
		id, used, err := command.ParseCloseKey(strings.TrimPrefix(key, command.KeyClose))
		if err != nil {
			break
		}
		op, err := b.DB.Operation(ctx, id)
		if errors.Is(err, models.ErrNotFound) {
			break
		}
		if err != nil {
			return bot.Reply{}, fmt.Errorf("bot: operation: %w", err)
		}
		return b.doubts.close(ctx, row, m, places, op, used)
	case strings.HasPrefix(key, command.KeyUndo), strings.HasPrefix(key, command.KeyShow):
		word, id, _ := strings.Cut(key, " ")
		op, err := b.DB.Operation(ctx, id)
		if errors.Is(err, models.ErrNotFound) {
			break
		}
		if err != nil {
			return bot.Reply{}, fmt.Errorf("bot: operation: %w", err)
		}
		if _, ok := access.Find(places, op.StoreID); !ok {
			return b.turns.finish(ctx, row, m, b.unusable(m, foreignCard))
		}
		if word+" " == command.KeyUndo {
			return b.vouchers.undo(ctx, row, m, places, op)
		}
		look := b.views.snapshotReply
		if strings.EqualFold(m.User, op.UserID) {
			look = b.views.operationReply
		}
		reply, err := look(ctx, b.DB, op)
		if err != nil {
			return bot.Reply{}, err
		}
		return b.turns.finish(ctx, row, m, reply)
	}
	return b.turns.finish(ctx, row, m, b.unusable(m, oldCard))
}

// unusable answers the press on a card that means nothing to this person. An app's
// card is only theirs, and is replaced; in a group, words leave it to the others
// who see it.
func (b *Bot) unusable(m bot.Message, reply bot.Reply) bot.Reply {
	if m.Passive() || reply.Card != nil {
		return reply
	}
	title, text, _ := strings.Cut(reply.Text, "。")
	return bot.Reply{Card: &bot.Card{TaskID: b.NewID(), Source: "验券", Title: title, Text: text, Tone: bot.Bad}}
}

// shortest makes what the key of a button says into a command that is known.
func shortest(text string) string {
	if strings.HasPrefix(text, markScan) {
		return text
	}
	return command.Parse(text).String()
}

// What a press is answered with that means nothing, or nothing to this person.
var (
	foreignCard = bot.Reply{Text: "这张卡片不属于您的门店，您不能操作。"}
	oldCard     = bot.Reply{Text: "这张卡片太旧了，按钮已经失效。请重新发一次券码。"}
)
