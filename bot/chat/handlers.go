package chat

import (
	"context"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/words"
	"yanquan/models"
)

func (c *conversation) help(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
	return t.answer(ctx, c.words.Help())
}

func (c *conversation) notACommand(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
	if t.m.Private() {
		return t.answer(ctx, c.words.Help())
	}
	if command.Buried(t.m.Text) {
		c.hintAtName(ctx, t.m)
	}
	return t.answer(ctx, words.NotUnderstood)
}

// NameHint is the key under which it is kept when last a text with a mention was not
// understood in a channel.
func NameHint(channel string) string { return "name/" + channel }

// hintAtName tells the operator, once a day, that a mention may have hidden a command.
func (c *conversation) hintAtName(ctx context.Context, m bot.Message) {
	fresh, err := c.DB.Alerts.Claim(ctx, NameHint(m.Channel), 24*time.Hour)
	switch {
	case err != nil:
		c.Log.Warn("hint not kept", "channel", m.Channel, "error", err)
	case fresh:
		c.Log.Warn("a group text that begins with a mention was not understood: set display_name of this robot to its name as members see it", "channel", m.Channel, "message", m.ID)
	}
}

// readings answer with what was, in the places of a turn.
type readings struct {
	lists   *lists
	exports *exports
}

func (r readings) byPhone(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	return r.lists.byPhone(ctx, t.row, t.m, t.places, cmd.Phone)
}

func (r readings) recent(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	return r.lists.recent(ctx, t.row, t.m, t.places, cmd.N, models.HistoryMark{})
}

func (r readings) older(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	return r.lists.recent(ctx, t.row, t.m, t.places, b.N, models.HistoryMark(b.After))
}

func (r readings) totals(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	return r.lists.totals(ctx, t.row, t.m, t.places, cmd.Period)
}

func (r readings) reconcile(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	return r.lists.reconcile(ctx, t.row, t.m, t.places, cmd.Period)
}

func (r readings) export(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	return r.exports.askExport(ctx, t.row, t.m, cmd)
}

// storeChosen does in the chosen store what the person had asked, and remembers the
// store for today.
func (c *conversation) storeChosen(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	if err := c.access.Remember(ctx, c.DB, t.m, t.places[0]); err != nil {
		return bot.Reply{}, err
	}
	switch {
	case b.Scan == "":
		return c.do(ctx, t, b.Command)
	case t.m.Means != "":
		return c.means(ctx, t)
	}
	s, ok, err := c.scans.stored(ctx, t, b.Scan)
	if err != nil {
		return bot.Reply{}, err
	}
	if !ok {
		return c.pressVoid(ctx, t, words.OldCard)
	}
	return c.resolve(ctx, t, s)
}

// otherStores goes on with the question which store is meant.
func (c *conversation) otherStores(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	if b.From >= len(t.places) {
		return c.pressVoid(ctx, t, words.OldCard)
	}
	return t.answer(ctx, storeQuestion(c.NewID(), t.places, b, b.From))
}

// photo does what a message with pictures, or a scan, asks. The pictures of
// somebody who may do nothing here are not even fetched.
func (c *conversation) photo(ctx context.Context, t *turn, w command.Caption) (bot.Reply, error) {
	return c.staff(func(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
		s, reply, err := c.scans.read(ctx, t, w)
		switch {
		case err != nil || s == nil:
			return reply, err
		case s.command != nil:
			return c.do(ctx, t, *s.command)
		}
		reply, asked, err := c.askStore(ctx, t, command.Button{Scan: t.row.ID})
		if asked || err != nil {
			return reply, err
		}
		return c.resolve(ctx, t, *s)
	})(ctx, t, command.Command{Verb: w.Verb})
}

// resolve asks the platform what was scanned, and does what it amounts to.
func (c *conversation) resolve(ctx context.Context, t *turn, s scanned) (bot.Reply, error) {
	cmd, reply, err := c.scans.resolve(ctx, t, s)
	if err != nil || cmd == nil {
		return reply, err
	}
	return c.do(ctx, t, *cmd)
}

// voice does what was spoken. A code that was spoken consumes and undoes nothing by
// itself, for one digit that was misheard is another voucher: the answer has a
// button.
func (c *conversation) voice(ctx context.Context, t *turn) (bot.Reply, error) {
	t.m.Quote = "" // what it answers is not what was said
	cmd := read(t.m)
	switch {
	case cmd.Verb == command.VerbNone:
		return c.staff(notHeard)(ctx, t, cmd)
	case cmd.Verb == command.VerbUndo && len(cmd.Items) == 1:
		return c.staff(c.vouchers.offerUndoCode)(ctx, t, cmd)
	case cmd.Verb == command.VerbVerify:
		cmd.Verb = command.VerbQuery
	}
	return c.do(ctx, t, cmd)
}

func notHeard(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
	return t.answer(ctx, words.NotHeard(t.m.Text))
}
