package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yanquan/models"
)

// work does what a message asks and commits its answer. It may run again for
// the same message after a crash: what was done before is found in the journal.
func (b *Bot) work(ctx context.Context, row models.Inbox, m Message) (Reply, error) {
	switch m.Kind {
	case Click:
		return b.press(ctx, row, m)
	case Text:
		return b.text(ctx, row, m, m.Text, nil)
	case Enter:
		if m.Passive() { // WeCom tells of it once a day there; an app tells of every opening
			return b.finish(ctx, row, m, b.helpCard())
		}
		return b.finish(ctx, row, m, Reply{})
	}
	return b.finish(ctx, row, m, Reply{Text: "我现在只看得懂文字。请直接发券码，例如：验 7992697494"})
}

// text does what a text asks, in the one place given or wherever the sender
// may act.
func (b *Bot) text(ctx context.Context, row models.Inbox, m Message, text string, at *place) (Reply, error) {
	cmd := Parse(text)
	if cmd.Verb == VerbHelp {
		return b.finish(ctx, row, m, b.helpCard())
	}
	places, denied, err := b.access(ctx, m)
	if err != nil {
		return Reply{}, err
	}
	if len(places) == 0 {
		return b.finish(ctx, row, m, denied)
	}
	if at != nil {
		places = []place{*at}
	}
	switch {
	case cmd.Problem != "":
		return b.finish(ctx, row, m, Reply{Text: cmd.Problem})
	case cmd.Verb == VerbNone && m.Private():
		return b.finish(ctx, row, m, b.helpCard())
	case cmd.Verb == VerbNone:
		return b.finish(ctx, row, m, Reply{Text: "没看懂。请发「验 券码」核销，或发「帮助」看看能做什么。"})
	case cmd.Verb == VerbRecent:
		return b.recent(ctx, row, m, places, cmd.N)
	case cmd.Verb == VerbTotals:
		return b.totals(ctx, row, m, places, cmd.Period)
	case cmd.Verb == VerbUndo && len(cmd.Items) == 0:
		return b.offerUndo(ctx, row, m, places)
	case cmd.Verb == VerbUndo:
		return b.undoCode(ctx, row, m, places, cmd.Items[0].Code)
	}
	if len(places) > 1 {
		if row.Attempt > 1 { // a verification that was begun has its store
			if ops, err := b.DB.OperationsOfMessage(ctx, row.ID); err == nil && len(ops) > 0 {
				if p, ok := placeOf(places, ops[0].StoreID); ok {
					return b.verify(ctx, row, m, p, cmd.Items, "")
				}
			}
		}
		return b.finish(ctx, row, m, b.askStore(places, strings.TrimSpace(dropMentions(normalize(text)))))
	}
	if cmd.Verb == VerbQuery {
		return b.query(ctx, row, m, places[0], cmd.Items)
	}
	return b.verify(ctx, row, m, places[0], cmd.Items, "")
}

// press does what a button says, after checking that the presser may and that
// it still makes sense. A refusal never changes the card that others see.
func (b *Bot) press(ctx context.Context, row models.Inbox, m Message) (Reply, error) {
	places, denied, err := b.access(ctx, m)
	if err != nil {
		return Reply{}, err
	}
	if len(places) == 0 {
		return b.finish(ctx, row, m, denied)
	}
	key := ""
	if m.Button != nil {
		key = m.Button.Key
	}
	notYours := Reply{Text: "这张卡片不属于您的门店，您不能操作。"}
	switch {
	case strings.HasPrefix(key, keyVerify):
		store, item, again, err := parseVerifyKey(strings.TrimPrefix(key, keyVerify))
		if err != nil {
			break
		}
		p, ok := placeOf(places, store)
		if !ok {
			return b.finish(ctx, row, m, notYours)
		}
		return b.verify(ctx, row, m, p, []Item{item}, again)
	case strings.HasPrefix(key, keyStore):
		id, text, _ := strings.Cut(strings.TrimPrefix(key, keyStore), " ")
		store, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			break
		}
		p, ok := placeOf(places, store)
		if !ok {
			return b.finish(ctx, row, m, notYours)
		}
		return b.text(ctx, row, m, text, &p)
	case strings.HasPrefix(key, keyUndo), strings.HasPrefix(key, keyShow):
		word, id, _ := strings.Cut(key, " ")
		op, err := b.DB.Operation(ctx, id)
		if errors.Is(err, models.ErrNotFound) {
			break
		}
		if err != nil {
			return Reply{}, fmt.Errorf("bot: operation: %w", err)
		}
		if _, ok := placeOf(places, op.StoreID); !ok {
			return b.finish(ctx, row, m, notYours)
		}
		if word+" " == keyUndo {
			return b.undo(ctx, row, m, places, op)
		}
		reply, err := b.operationReply(ctx, b.DB, op)
		if err != nil {
			return Reply{}, err
		}
		return b.finish(ctx, row, m, reply)
	}
	return b.finish(ctx, row, m, Reply{Text: "这张卡片太旧了，按钮已经失效。请重新发一次券码。"})
}

// finish commits an answer that no journal entry goes with.
func (b *Bot) finish(ctx context.Context, row models.Inbox, m Message, reply Reply) (Reply, error) {
	err := b.DB.Tx(ctx, func(tx *models.DB) error { return b.answer(ctx, tx, row, m, reply) })
	return reply, err
}
