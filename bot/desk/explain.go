package desk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/models"
)

// VoucherView is what the page of one verification shows.
type VoucherView struct {
	Store      string
	Card       bot.Card
	State      models.State
	NeedsHuman bool
	UndoUntil  time.Time // zero unless it can be undone now
}

// Voucher describes one operation for its page.
func (k *Desks) Voucher(ctx context.Context, operationID string) (VoucherView, error) {
	op, err := k.DB.Journal.Get(ctx, operationID)
	if err != nil {
		return VoucherView{}, fmt.Errorf("bot: operation: %w", err)
	}
	s, err := k.DB.Directory.Store(ctx, op.StoreID)
	if err != nil {
		return VoucherView{}, fmt.Errorf("bot: store: %w", err)
	}
	coupons, err := k.DB.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return VoucherView{}, fmt.Errorf("bot: coupons: %w", err)
	}
	v := VoucherView{Store: s.Name, Card: k.Words.Operation(s, op, coupons), State: op.State, NeedsHuman: op.NeedsHuman}
	if k.Words.Undoable(op) {
		v.UndoUntil = op.UndoUntil
	}
	return v, nil
}

// Explain writes the whole story of a code in the order it happened: who asked,
// which calls were made, what was answered, what was sent.
func Explain(ctx context.Context, w io.Writer, db *models.DB, loc *time.Location, code string) error {
	if form, ok := command.VoucherCode(code); ok {
		code = form
	}
	events, err := story(ctx, db, loc, code, func(int64) bool { return true })
	if err != nil {
		return err
	}
	if len(events) == 0 {
		_, err := fmt.Fprintf(w, "%s: 没有记录\n", code)
		return err
	}
	w = bot.Terminal(w)
	for _, e := range events {
		indent := ""
		if e.Kind == Called || e.Kind == Told {
			indent = "  "
		}
		if _, err := fmt.Fprintf(w, "%s %s%s\n", e.At.In(loc).Format(words.DateFormat+" 15:04:05.000"), indent, bot.Unbroken(e.Text)); err != nil {
			return err
		}
	}
	return nil
}

// story collects what happened to a code in the stores that may be told of.
func story(ctx context.Context, db *models.DB, loc *time.Location, code string, tells func(account int64) bool) ([]Event, error) {
	ops, coupons, calls, out, err := db.History.Story(ctx, code)
	if err != nil {
		return nil, fmt.Errorf("bot: story: %w", err)
	}
	var all events
	told := map[string]bool{} // what is about these: operations and messages
	for _, op := range ops {
		if !tells(op.StoreID) {
			continue
		}
		told[op.ID], told[op.InboxID], told[op.UndoInboxID] = true, true, true
		s, err := db.Directory.Store(ctx, op.StoreID)
		if err != nil {
			return nil, fmt.Errorf("bot: store: %w", err)
		}
		account, _ := s.AccountOf(op.StoreID)
		all.operation(op, words.AccountName(s, account), account.Platform, loc)
		refunds, err := db.Refunds.Of(ctx, op.ID)
		if err != nil {
			return nil, fmt.Errorf("bot: refunds: %w", err)
		}
		for _, r := range refunds {
			all.add(r.RefundedAt, Became, "顾客退款：%s", joined(r.Code, r.Title, words.Price(r.Price())))
		}
	}
	delete(told, "")
	for _, c := range coupons {
		if told[c.OperationID] && c.Code != code {
			all.add(c.UndoneAt, Became, "同一订单的 %s 已撤销", c.Code)
		}
	}
	platforms := map[int64]string{} // by account
	for _, c := range calls {
		if !tells(c.StoreID) {
			continue
		}
		if _, known := platforms[c.StoreID]; !known {
			if platforms[c.StoreID], err = platformOf(ctx, db, c.StoreID); err != nil {
				return nil, err
			}
		}
		all.call(c, platforms[c.StoreID])
	}
	for _, o := range out {
		if told[o.OperationID] || told[o.InboxID] {
			all.outgoing(o)
		}
	}
	order := map[EventKind]int{Asked: 0, Called: 1, Became: 2, Told: 3} // of what happened at the same moment
	slices.SortStableFunc(all, func(x, y Event) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(order[x.Kind], order[y.Kind]))
	})
	return all, nil
}

// platformOf is what the platform of an account is called where its store has several,
// else 平台.
func platformOf(ctx context.Context, db *models.DB, account int64) (string, error) {
	s, err := db.Directory.Store(ctx, account)
	if err != nil {
		return "", fmt.Errorf("bot: store: %w", err)
	}
	return cmp.Or(words.On(s, models.Operation{StoreID: account}), "平台"), nil
}

type events []Event

// add adds what happened at a time; the zero time is never.
func (all *events) add(at time.Time, kind EventKind, format string, args ...any) {
	if !at.IsZero() {
		*all = append(*all, Event{at, kind, fmt.Sprintf(format, args...)})
	}
}

func (all *events) operation(op models.Operation, store, platform string, loc *time.Location) {
	clock := func(t time.Time) string { return t.In(loc).Format(words.ClockFormat) }
	where := op.Channel
	if op.Chat != "" {
		where += " 群 " + op.Chat
	}
	all.add(op.CreatedAt, Asked, "%s（%s）在 %s 请求核销 %s × %d，门店 %s，操作 %s", op.User, op.UserID, where, op.Code, op.Count, store, op.ID)
	if op.State == models.Rejected {
		said := op.Outcome.Message
		if redeem.AsksProduct(op.Outcome) { // in a form of ours
			said = op.Title
		}
		all.add(words.Latest(op.CreatedAt, op.CalledAt), Became, "没有核销：%s（%s）", words.CauseOf(op.Outcome.Reason), joined(op.Outcome.Reason, op.Outcome.Code, said))
	}
	all.add(op.ConsumedAt, Became, "核销成功：%s，可撤销至 %s", joined(op.Title, words.Price(op.Price())), clock(op.UndoUntil))
	unsettled := "结果不明"
	if op.State == models.Held {
		unsettled = words.StateWords(op)
	}
	all.add(op.DoubtSince, Became, unsettled+"（%s），状态 %s，第 %d 步，下一次确认 %s", joined(op.Outcome.Reason, op.Outcome.Code, op.Outcome.Message), op.State, op.Attempt, clock(op.DueAt))
	all.add(op.UndoCalledAt, Asked, "%s（%s）请求撤销", op.UndoUser, op.UndoUserID)
	switch {
	case redeem.UndoneThere(op):
		all.add(op.UndoneAt, Became, "在平台上撤销，%s 确认", op.UndoMessage)
	default:
		all.add(op.UndoneAt, Became, "已撤销")
	}
	if op.UndoReason != "" && !redeem.UndoneThere(op) {
		all.add(op.UndoCalledAt, Became, "没有撤销：%s %s", words.UndoSayingOf(platform, op.UndoReason).What(), op.UndoMessage)
	}
}

func (all *events) call(c models.Call, platform string) {
	result := "成功"
	if c.Class != "" {
		result = joined(c.Class, c.Reason, c.Outcome.Code, c.Outcome.Message)
	}
	if c.TraceID != "" {
		result += " trace=" + c.TraceID
	}
	all.add(c.StartedAt, Called, "%s %s（%d 毫秒）：%s", platform, c.Name, c.Took.Milliseconds(), result)
}

func (all *events) outgoing(o models.Outgoing) {
	what := "消息发给"
	if bot.Form(o.Form) == bot.AsUpdate {
		what = "更新卡片"
	}
	text := fmt.Sprintf("%s %s：%s", what, joined(o.Channel, o.User, o.Chat), outgoingWords[o.State])
	if o.Reason != "" {
		text += "（" + o.Reason + "）"
	}
	all.add(words.Latest(o.CreatedAt, o.SentAt), Told, "%s", text)
}

// outgoingWords say what became of an answer.
var outgoingWords = map[models.OutgoingState]string{
	models.Queued: "等待发送", models.SentOut: "已送达", models.Failed: "没能送达", models.Obsolete: "不用再发，已直接回答",
}

// joined joins what there is.
func joined(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
}
