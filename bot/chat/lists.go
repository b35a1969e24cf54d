package chat

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/figures"
	"yanquan/bot/reconcile"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/models"
)

// lists answer with what was: verifications, sums, closed days.
type lists struct {
	DB             *models.DB
	access         *access.Access
	turns          *turns
	core           *redeem.Core
	words          *words.Words
	figures        *figures.Counter
	reconciliation *reconcile.Keeper
	Location       *time.Location
	Now            func() time.Time
	NewID          func() string
}

// recent lists the last verifications of the stores.
func (l *lists) recent(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, n int, after models.HistoryMark) (bot.Reply, error) {
	f := models.HistoryFilter{StoreIDs: access.AccountIDs(places), States: touched}
	ops, next, err := l.DB.History.Page(ctx, f, after, n)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("bot: history: %w", err)
	}
	title := fmt.Sprintf("最近 %d 次核销", len(ops))
	switch {
	case len(ops) == 0 && after == models.HistoryMark{}:
		return l.turns.finish(ctx, row, m, bot.Reply{Text: "这里还没有核销记录。"})
	case len(ops) == 0:
		return l.turns.finish(ctx, row, m, bot.Reply{Text: "没有更早的核销了。"})
	case after != models.HistoryMark{}:
		title = fmt.Sprintf("更早的 %d 次核销", len(ops))
	}
	var keys []bot.CardKey
	if next != nil {
		keys = []bot.CardKey{{Text: "更早的", Key: command.Button{Action: command.ActOlder, N: n, After: command.Mark(*next)}.Key(), Say: fmt.Sprintf("记录 %d", min(n+len(ops), command.MaxRecent)), Style: bot.Quiet}}
	}
	return l.list(ctx, row, m, places, ops, title, keys...)
}

// touched are the states of operations that touched a voucher, or may have.
var touched = []models.State{models.Calling, models.Unknown, models.Held, models.Done, models.Undoing, models.UndoUnknown, models.Undone}

// byPhone lists today's verifications for a customer's phone.
func (l *lists) byPhone(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, phone string) (bot.Reply, error) {
	span, _ := command.Today.Span(l.Now(), l.Location)
	ops, more, err := l.DB.History.Page(ctx, models.HistoryFilter{
		StoreIDs: access.AccountIDs(places), Phone: phone, From: span.From, To: span.To, States: touched,
	}, models.HistoryMark{}, command.MaxRecent)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("bot: history: %w", err)
	}
	if len(ops) == 0 {
		return l.turns.finish(ctx, row, m, bot.Say("今天没有核销过手机尾号 %s 的券。要查券码，请发：%s", phone, command.Example(command.VerbQuery)))
	}
	title := fmt.Sprintf("尾号 %s 今天 %d 次核销", phone, len(ops))
	if more != nil {
		title = fmt.Sprintf("尾号 %s 今天最近 %d 次核销", phone, len(ops))
	}
	return l.list(ctx, row, m, places, ops, title)
}

// list answers with operations: the first on a card, all in words where there are
// more.
func (l *lists) list(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, ops []models.Operation, title string, keys ...bot.CardKey) (bot.Reply, error) {
	c := bot.Card{TaskID: l.NewID(), Source: "验券", Title: title, Keys: keys}
	if len(places) == 1 {
		c.Source = words.Source(places[0].Store)
	}
	var lines []string
	for _, op := range ops {
		coupons, err := l.DB.Journal.Coupons(ctx, op.ID)
		if err != nil {
			return bot.Reply{}, fmt.Errorf("bot: coupons: %w", err)
		}
		p, _ := access.Find(places, op.StoreID)
		mark, text := l.words.Line(p.Store, op, coupons)
		on := words.On(p.Store, op)
		at := l.words.In(op.CreatedAt).Format(words.MinuteFormat)
		if len(c.Fields) < bot.MaxFields {
			c.Fields = append(c.Fields, bot.Field{Key: l.words.In(op.CreatedAt).Format("15:04"), Value: l.inShort(mark, op, coupons, on)})
		}
		lines = append(lines, fmt.Sprintf("%s %s **%s** %s %s %s", mark, at, words.CodeText(op.Code), bot.Escaped(words.Short(op.Title, dealInRecent)), bot.Escaped(strings.TrimSpace(text+" "+on)), bot.Escaped(op.User)))
	}
	reply := bot.Reply{Card: &c}
	if len(ops) > bot.MaxFields {
		reply.Text = strings.Join(lines, "\n")
	}
	return l.turns.finish(ctx, row, m, reply)
}

// dealInRecent is how many characters of a deal's name stand in a long list: the
// longest fits into what an app sends.
const dealInRecent = 20

// inShort is an operation in the value of a field.
func (l *lists) inShort(mark string, op models.Operation, coupons []models.Coupon, on string) string {
	said := strings.Join(strings.Fields(on+" "+words.InShort(op, coupons)+" "+op.User), " ")
	code := mark + words.Tail(op.Code)
	room := bot.MaxValue - utf8.RuneCountInString(code+said) - 2
	if op.Title != "" && room >= 4 {
		code += " " + words.Short(op.Title, room)
	}
	return strings.TrimSpace(code + " " + said)
}

// totals sums up a period: a manager's and lead's stores with all that is known of
// them, or one's own verifications.
func (l *lists) totals(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, period command.Period) (bot.Reply, error) {
	span, ok := period.Span(l.Now(), l.Location)
	if !ok {
		return l.turns.finish(ctx, row, m, bot.Reply{Text: "这个日期还没有到。可以发：今日、昨日、上周、本月、9月、2026-11-20。"})
	}
	places, err := l.during(ctx, m, places, span)
	if err != nil {
		return bot.Reply{}, err
	}
	if !slices.ContainsFunc(places, func(p access.Place) bool { return p.Member.Role == models.RoleStaff }) {
		s := figures.Summary{Span: span, Stores: access.Stores(places)}
		if s.Now, err = l.figures.Of(ctx, s.Stores, span); err != nil {
			return bot.Reply{}, err
		}
		reply := l.figures.Reply(s)
		if len(figures.ByStore(s.Stores, s.Now.ByAccount)) <= figures.StoresOnCard { // one answer is enough: the card says what was asked
			reply.Text = ""
		}
		return l.turns.finish(ctx, row, m, reply)
	}
	sums, err := l.tallies(ctx, places, span)
	if err != nil {
		return bot.Reply{}, err
	}
	return l.turns.finish(ctx, row, m, l.ownTotals(places, span, sums))
}

// during are the places of a turn with the stores that have ended since a span, and verified
// something in it: that stays.
func (l *lists) during(ctx context.Context, m bot.Message, places []access.Place, span command.Span) ([]access.Place, error) {
	during, _, err := l.access.During(ctx, l.DB, m, span.From, span.To)
	if err != nil || len(during) <= len(places) {
		return places, err
	}
	return during, nil
}

// tallies sums up each account of the places: its whole where the person leads, else what
// they have verified themselves.
func (l *lists) tallies(ctx context.Context, places []access.Place, span command.Span) (map[int64]models.Tally, error) {
	accounts := map[string][]int64{} // by whose verifications count; "": everybody's
	for _, p := range places {
		user := ""
		if p.Member.Role == models.RoleStaff {
			user = p.Member.UserID
		}
		accounts[user] = append(accounts[user], access.AccountIDs([]access.Place{p})...)
	}
	sums := map[int64]models.Tally{}
	for user, ids := range accounts {
		some, err := l.DB.Figures.Tallies(ctx, ids, user, span.From, span.To)
		if err != nil {
			return nil, fmt.Errorf("bot: tallies: %w", err)
		}
		maps.Copy(sums, some)
	}
	return sums, nil
}

// ownTotals is the answer for who does not lead all of the places.
func (l *lists) ownTotals(places []access.Place, span command.Span, byAccount map[int64]models.Tally) bot.Reply {
	c := bot.Card{TaskID: l.NewID(), Source: "验券", Title: span.Title}
	stores := access.Stores(places)
	sums, parts := figures.ByStore(stores, byAccount), figures.Parts(figures.ByPlatform(stores, byAccount))
	var all models.Tally
	var lines []string
	for _, p := range places {
		one, name := sums[p.ID], p.Name
		if p.Member.Role == models.RoleStaff {
			name += "（本人）"
		}
		all = all.Plus(one)
		value := words.Sum(one.Verified)
		if len(c.Fields) < bot.MaxFields-len(parts) {
			c.Fields = append(c.Fields, bot.Field{Key: "门店", Value: name + " " + value})
		}
		lines = append(lines, fmt.Sprintf("**%s** %s，撤销 %d 张", bot.Escaped(name), value, one.Undone.Count))
	}
	for _, part := range parts {
		c.Fields = append(c.Fields, bot.Field{Key: "平台", Value: part})
	}
	c.Desc = "核销 " + words.Sum(all.Verified)
	c.Text = fmt.Sprintf("撤销 %d 张，已经从核销里扣除。", all.Undone.Count)
	reply := bot.Reply{Card: &c}
	if len(places) > bot.MaxFields-len(parts) {
		reply.Text = strings.Join(lines, "\n")
	}
	return reply
}
