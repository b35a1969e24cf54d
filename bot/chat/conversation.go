package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/models"
)

// conversation brings a message to the part that does what it asks: the message is
// understood, it is checked who may, the handler of the verb or of the button's
// action does it and commits the answer.
type conversation struct {
	DB        *models.DB
	access    *access.Access
	turns     *turns
	views     *views
	words     *words.Words
	vouchers  *vouchers
	guards    *guards
	doubts    *doubts
	admin     *admin
	readings  readings
	scans     *scans
	doors     *doors
	greetings *greetings
	NewID     func() string
	Now       func() time.Time
	Log       *slog.Logger

	texts   map[command.Verb]textHandler
	presses map[command.Action]pressHandler
}

// A textHandler does what a command asks, a pressHandler what a button does. Each
// commits its answer.
type (
	textHandler  func(context.Context, *turn, command.Command) (bot.Reply, error)
	pressHandler func(context.Context, *turn, command.Button) (bot.Reply, error)
)

// tables says who does what, and who may ask for it.
func (c *conversation) tables() {
	c.texts = map[command.Verb]textHandler{
		command.VerbHelp:      c.help,
		command.VerbAuthorize: c.admin.askToAuthorize,
		command.VerbConsole:   c.doors.open,
		command.VerbStores:    inTx(c.admin.listStores),
		command.VerbBind:      inTx(c.admin.offer(command.ActBind)),
		command.VerbUnbind:    inTx(c.admin.offer(command.ActUnbind)),
		command.VerbSwitch:    inTx(c.admin.offer(command.ActUse)),
		command.VerbPeople:    inTx(c.admin.offer(command.ActPeople)),
		command.VerbMerge:     inTx(c.admin.offer(command.ActKeep)),
		command.VerbTakeOff:   inTx(c.admin.offer(command.ActAccounts)),
		command.VerbJoin:      inTx(c.admin.join),
		command.VerbPhone:     c.staff(c.readings.byPhone),
		command.VerbRecent:    c.staff(c.readings.recent),
		command.VerbTotals:    c.staff(c.readings.totals),
		command.VerbReconcile: c.staff(c.readings.reconcile),
		command.VerbExport:    c.staff(c.readings.export),
		command.VerbClose:     c.staff(c.doubts.closeCode),
		command.VerbUndo:      c.staff(c.vouchers.undoAsked),
		command.VerbVerify:    c.staff(c.inOneStore(c.vouchers.verifyAsked)),
		command.VerbQuery:     c.staff(c.inOneStore(c.vouchers.query)),
		command.VerbNone:      c.staff(c.notACommand),
	}
	c.presses = map[command.Action]pressHandler{
		command.ActAuthorize: c.admin.authorizePressed,
		command.ActShops:     c.admin.authorizePressed,
		command.ActWhere:     c.admin.authorizePressed,
		command.ActConnect:   c.admin.authorizePressed,
		command.ActKeep:      inTx(c.admin.keep),
		command.ActMerge:     inTx(c.admin.askMerge),
		command.ActMerged:    inTx(c.admin.doMerge),
		command.ActAccounts:  inTx(c.admin.accounts),
		command.ActAccount:   inTx(c.admin.account),
		command.ActOff:       inTx(c.admin.takeOff),
		command.ActSplit:     inTx(c.admin.split),
		command.ActApprove:   inTx(c.admin.people.decide),
		command.ActRefuse:    inTx(c.admin.people.decide),
		command.ActBind:      inTx(c.admin.bind),
		command.ActUnbind:    inTx(c.admin.unbind),
		command.ActUse:       inTx(c.admin.use),
		command.ActJoin:      inTx(c.admin.people.join),
		command.ActPeople:    inTx(c.admin.people.list),
		command.ActPerson:    inTx(c.admin.people.person),
		command.ActRole:      inTx(c.admin.people.setRole),
		command.ActRemove:    inTx(c.admin.people.remove),
		command.ActPick:      inTx(c.admin.pick),
		command.ActOlder:     c.pressedByStaff(c.readings.older),
		command.ActStores:    c.pressedByStaff(c.otherStores),
		command.ActStore:     c.pressedByStaff(c.pressedIn(c.storeChosen)),
		command.ActVerify:    c.pressedByStaff(c.pressedIn(c.vouchers.verifyPressed)),
		command.ActProduct:   c.pressedByStaff(c.pressedIn(c.vouchers.verifyPressed)),
		command.ActUndo:      c.pressedByStaff(c.pressedOn(c.vouchers.undo)),
		command.ActShow:      c.pressedByStaff(c.pressedOn(c.vouchers.show)),
		command.ActClose:     c.pressedByStaff(c.pressedOn(c.doubts.closePressed)),
	}
}

// work does what a message asks and commits its answer. It may run again for
// the same message after a crash: what was done before is found in the journal.
func (c *conversation) work(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	identified, known := c.access.Identify(ctx, m)
	t := &turn{turns: c.turns, row: row, m: identified}
	if t.m.User != m.User { // what ends later is told to the same person
		if err := t.keep(ctx, c.vouchers.core.Lease(redeem.ConsumeCalls), nil); err != nil {
			return bot.Reply{}, err
		}
	}
	if row.Attempt > 1 || c.tooLate(t) {
		if reply, done, err := c.resume(ctx, t); done || err != nil {
			return reply, err
		}
	}
	if !known && t.m.Kind != bot.Enter { // whose welcome is the same for all
		return t.answer(ctx, words.Unrecognized)
	}
	switch t.m.Kind {
	case bot.Click:
		return c.press(ctx, t)
	case bot.Text, bot.Photo, bot.Scan:
		return c.asks(ctx, t)
	case bot.Voice:
		return c.voice(ctx, t)
	case bot.Enter:
		return c.greetings.greet(ctx, t.row, t.m)
	case bot.Usage:
		return c.greetings.usage(ctx, t.row, t.m)
	}
	return t.answer(ctx, words.CannotRead(t.m.Text))
}

// asks does what a message of words, pictures or a scan asks.
func (c *conversation) asks(ctx context.Context, t *turn) (bot.Reply, error) {
	if t.m.Means != "" { // an earlier worker has read its pictures
		return c.means(ctx, t)
	}
	if t.m.Kind != bot.Text || len(t.m.Pictures) > 0 {
		if w, ok := command.CaptionOf(t.m); ok {
			return c.photo(ctx, t, w)
		}
	}
	return c.do(ctx, t, read(t.m))
}

// means does what a message amounts to by what an earlier worker found out.
func (c *conversation) means(ctx context.Context, t *turn) (bot.Reply, error) {
	cmd, err := command.DecodeCommand(t.m.Means)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: stored message: %w", err)
	}
	return c.do(ctx, t, cmd)
}

// do does a command.
func (c *conversation) do(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	handler, ok := c.texts[cmd.Verb]
	if !ok {
		return bot.Reply{}, fmt.Errorf("chat: no handler for %q", cmd.Verb)
	}
	return handler(ctx, t, cmd)
}

// press does what a button says. A refusal never changes the card that others see.
func (c *conversation) press(ctx context.Context, t *turn) (bot.Reply, error) {
	if t.m.Button == nil {
		return c.pressVoid(ctx, t, words.OldCard)
	}
	b, err := command.ReadButton(t.m.Button.Key)
	if err != nil {
		return c.pressVoid(ctx, t, words.OldCard)
	}
	return c.presses[b.Action](ctx, t, b)
}

// pressVoid answers the press on a card that means nothing to this person.
// Somebody's own card in an app is replaced; in a group, words leave it to the
// others who see it.
func (c *conversation) pressVoid(ctx context.Context, t *turn, why bot.Refusal) (bot.Reply, error) {
	if t.m.Passive() {
		return t.answer(ctx, why.Reply())
	}
	return t.answer(ctx, bot.Reply{Card: &bot.Card{TaskID: c.NewID(), Source: "验券", Title: why.Title, Text: why.Text, Tone: bot.Bad}})
}

// tooLate reports whether a message has waited for so long that nothing new is
// begun for it: its sender has done something else meanwhile.
func (c *conversation) tooLate(t *turn) bool {
	asks := t.m.Kind != bot.Enter && t.m.Kind != bot.Usage
	return asks && c.Now().Sub(t.row.ReceivedAt) >= staleAfter
}

// resume takes up a message that an earlier worker has begun. What the journal
// has of it is settled or answered as it is, even where the sender has lost their
// place since; only what was not begun needs access again, in the same store.
func (c *conversation) resume(ctx context.Context, t *turn) (bot.Reply, bool, error) {
	ops, err := c.DB.Journal.OfMessage(ctx, t.row.ID)
	if err != nil {
		return bot.Reply{}, false, fmt.Errorf("chat: resume: %w", err)
	}
	undos, err := c.DB.Journal.UndoneBy(ctx, t.row.ID)
	if err != nil {
		return bot.Reply{}, false, fmt.Errorf("chat: resume: %w", err)
	}
	late, often := c.tooLate(t), t.row.Attempt > maxAttempts
	switch {
	case len(ops)+len(undos) > 0:
	case often:
		reply, err := t.answer(ctx, words.GivenUp)
		return reply, true, err
	case late:
		reply, err := t.answer(ctx, words.TooLate(asked(t.m).items))
		return reply, true, err
	default:
		return bot.Reply{}, false, nil
	}
	w := asked(t.m)
	if len(ops) > 0 && len(ops) < len(w.items) && !often && !late {
		if t.places, _, err = c.access.Of(ctx, c.DB, t.m); err != nil {
			return bot.Reply{}, false, err
		}
		if t.in(ops[0].StoreID) {
			reply, err := c.vouchers.verify(ctx, t, w)
			return reply, true, err
		}
	}
	reply, err := c.turns.act(ctx, t.row, t.m, func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
		if err := tx.Inbox.Touch(ctx, t.row.ID); err != nil {
			return bot.Reply{}, fmt.Errorf("chat: message: %w", err)
		}
		return c.views.replyAgain(ctx, tx, m, t.row.ID)
	})
	return reply, true, err
}

// admit finds the places of the sender, where they are not known yet, and what the
// command begins with; an empty refusal: there are some.
func (c *conversation) admit(ctx context.Context, t *turn, cmd command.Command) (refused bot.Refusal, err error) {
	switch {
	case len(t.places) > 0:
	case asksPlatform(cmd):
		var tries models.Tried
		t.places, tries, refused, err = c.access.For(ctx, c.DB, t.m, c.guards.errand(cmd))
		t.tries = &tries
	case cmd.Verb == command.VerbClose: // a doubt outlasts the use of its store
		t.places, refused, err = c.access.WithOff(ctx, c.DB, t.m)
	default:
		t.places, refused, err = c.access.Of(ctx, c.DB, t.m)
	}
	return refused, err
}

// asksPlatform reports whether a command asks the platform about codes.
func asksPlatform(cmd command.Command) bool {
	return cmd.Verb == command.VerbVerify || cmd.Verb == command.VerbQuery
}

// staff lets those act who have a place here, and nobody who guesses codes.
func (c *conversation) staff(do textHandler) textHandler {
	return func(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
		refused, err := c.admit(ctx, t, cmd)
		if err != nil {
			return bot.Reply{}, err
		}
		if len(t.places) == 0 {
			return t.answer(ctx, refused.Reply())
		}
		var wait bot.Reply
		if asksPlatform(cmd) {
			wait, err = c.guards.slowed(ctx, t)
		}
		switch {
		case err != nil:
			return bot.Reply{}, err
		case !wait.Empty():
			return t.answer(ctx, wait)
		case cmd.Problem != "":
			return t.answer(ctx, bot.Say("%s", cmd.Problem))
		}
		return do(ctx, t, cmd)
	}
}

// inOneStore asks where a command is meant, unless there is only one place or the
// sender has chosen one for today.
func (c *conversation) inOneStore(do textHandler) textHandler {
	return func(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
		reply, asked, err := c.askStore(ctx, t, command.Button{Command: cmd})
		if asked || err != nil {
			return reply, err
		}
		return do(ctx, t, cmd)
	}
}

// askStore narrows the turn to one store, or answers with the question which.
func (c *conversation) askStore(ctx context.Context, t *turn, what command.Button) (reply bot.Reply, asked bool, err error) {
	if t.places, err = c.access.Chosen(ctx, t.m, t.places); err != nil {
		return bot.Reply{}, false, err
	}
	if len(t.places) == 1 {
		return bot.Reply{}, false, nil
	}
	reply, err = t.answer(ctx, storeQuestion(c.NewID(), t.places, what, 0))
	return reply, true, err
}

// pressedByStaff lets those press who have a place here.
func (c *conversation) pressedByStaff(do pressHandler) pressHandler {
	return func(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
		var cmd command.Command
		if b.Action == command.ActClose {
			cmd.Verb = command.VerbClose
		}
		refused, err := c.admit(ctx, t, cmd)
		if err != nil {
			return bot.Reply{}, err
		}
		if len(t.places) == 0 {
			return c.pressVoid(ctx, t, refused)
		}
		return do(ctx, t, b)
	}
}

// pressedIn lets those press who have a place in the store of the button.
func (c *conversation) pressedIn(do pressHandler) pressHandler {
	return func(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
		if !t.in(b.Store) {
			return c.pressVoid(ctx, t, words.ForeignCard)
		}
		return do(ctx, t, b)
	}
}

// pressedOn lets those press who have a place in the store of the operation.
func (c *conversation) pressedOn(do func(context.Context, *turn, command.Button, models.Operation) (bot.Reply, error)) pressHandler {
	return func(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
		op, err := c.DB.Journal.Get(ctx, b.Operation)
		switch {
		case errors.Is(err, models.ErrNotFound):
			return c.pressVoid(ctx, t, words.OldCard)
		case err != nil:
			return bot.Reply{}, fmt.Errorf("chat: operation: %w", err)
		case !t.in(op.StoreID):
			return c.pressVoid(ctx, t, words.ForeignCard)
		}
		return do(ctx, t, b, op)
	}
}

// inTx makes a handler of a change whose answer is part of its transaction.
func inTx[A any](do func(context.Context, *models.DB, bot.Message, A) (bot.Reply, error)) func(context.Context, *turn, A) (bot.Reply, error) {
	return func(ctx context.Context, t *turn, a A) (bot.Reply, error) {
		return t.turns.act(ctx, t.row, t.m, func(ctx context.Context, tx *models.DB, m bot.Message) (bot.Reply, error) {
			return do(ctx, tx, m, a)
		})
	}
}
