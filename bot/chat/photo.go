package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// photo does what a message with pictures, or a scan, asks. The pictures of
// somebody who may do nothing here are not even fetched. What they say is kept
// before anything is done about it: a picture can be fetched for minutes only, and
// a message may be taken up again later.
func (b *Bot) photo(ctx context.Context, row models.Inbox, m bot.Message, a command.Wish) (bot.Reply, error) {
	places, denied, err := b.access.Of(ctx, b.DB, m)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(places) == 0 {
		return b.turns.finish(ctx, row, m, denied)
	}
	if wait, err := b.vouchers.slowed(ctx, m, command.Command{Verb: a.Verb}, places); err != nil || !wait.Empty() {
		if err != nil {
			return bot.Reply{}, err
		}
		return b.turns.finish(ctx, row, m, wait)
	}
	if len(m.Scanned) == 0 {
		if b.Pictures == nil {
			return b.turns.finish(ctx, row, m, bot.Reply{Text: "我现在看不了图片，请直接发券码，例如：验 7992697494"})
		}
		if row, err = b.turns.extend(ctx, row, photoTime+b.core.Lease(redeem.ConsumeCalls)); err != nil {
			return bot.Reply{}, err
		}
		texts, all, trouble := b.pictures.readPictures(ctx, row.ID, m)
		if err := ctx.Err(); err != nil { // we stop: another process reads them
			return bot.Reply{}, fmt.Errorf("bot: pictures: %w", err)
		}
		if len(texts) == 0 {
			return b.turns.finish(ctx, row, m, bot.Reply{Text: trouble})
		}
		m.Scanned = texts
		if !all { // something may be missing that was meant: nothing is consumed unseen
			m.Kind, m.Text, a = bot.Photo, "", command.Wish{Verb: command.VerbQuery}
		}
	}
	codes, others := command.SortOut(m.Scanned)
	if len(codes) > 0 {
		m.Means = a.About(codes)
		if row, err = b.turns.rewrite(ctx, row, m, b.core.Lease(redeem.ConsumeCalls), nil); err != nil {
			return bot.Reply{}, err
		}
		return b.text(ctx, row, m, m.Means, nil)
	}
	qr := slices.DeleteFunc(slices.Clone(others), func(text string) bool { return !command.Plausible(text) })
	switch {
	case len(qr) == 0:
		return b.turns.finish(ctx, row, m, bot.Reply{Text: notOurs(others[0])})
	case len(qr) > maxScanned:
		return b.turns.finish(ctx, row, m, bot.Say("一次最多认 %d 个二维码，这里有 %d 个，一个都没有处理。请分几次拍。", maxScanned, len(qr)))
	case a.Verb == command.VerbUndo:
		return b.turns.finish(ctx, row, m, bot.Reply{Text: "二维码里没有写券码，所以没有撤销。请发数字券码，例如：撤 7992697494；或者发「撤」，看最近的一次。"})
	}
	if row, err = b.turns.rewrite(ctx, row, m, b.core.Lease(redeem.ConsumeCalls), nil); err != nil {
		return bot.Reply{}, err
	}
	if places, err = b.access.Chosen(ctx, m, places); err != nil {
		return bot.Reply{}, err
	}
	if len(places) > 1 {
		return b.turns.finish(ctx, row, m, b.askStore(places, markScan+row.ID, 0))
	}
	return b.scanned(ctx, row, m, places[0], a, qr)
}

// markScan stands, in the key of a button that chooses a store, for the codes of
// the message that it names.
const markScan = "scan:"

// scannedAt goes on with a scan in the store that was chosen for it.
func (b *Bot) scannedAt(ctx context.Context, row models.Inbox, m bot.Message, p access.Place, id string) (bot.Reply, error) {
	if m.Means != "" {
		return b.text(ctx, row, m, m.Means, &p)
	}
	asked, err := b.DB.Message(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return b.turns.finish(ctx, row, m, oldCard)
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("bot: scan: %w", err)
	}
	var first bot.Message
	if err := json.Unmarshal(asked.Payload, &first); err != nil {
		return bot.Reply{}, fmt.Errorf("bot: stored message: %w", err)
	}
	_, others := command.SortOut(first.Scanned)
	qr := slices.DeleteFunc(others, func(text string) bool { return !command.Plausible(text) })
	a, ok := command.WishOf(first)
	if !ok || len(qr) == 0 || len(qr) > maxScanned || first.Chat != m.Chat || m.Private() && !strings.EqualFold(first.User, m.User) {
		return b.turns.finish(ctx, row, m, oldCard)
	}
	return b.scanned(ctx, row, m, p, a, qr)
}

// scanned asks the platform what QR codes stand for that hold no voucher code. One
// voucher is taken from there on like its code, typed; several are a choice.
func (b *Bot) scanned(ctx context.Context, row models.Inbox, m bot.Message, p access.Place, a command.Wish, qr []string) (bot.Reply, error) {
	row, err := b.turns.extend(ctx, row, b.core.Lease(2*len(qr)+redeem.ConsumeCalls))
	if err != nil {
		return bot.Reply{}, err
	}
	var found []platform.Voucher
	var calls []models.Call
	var refused models.Outcome
	each := true // QR code stands for just one voucher
	for _, text := range qr {
		scan, err := b.core.Scan(ctx, redeem.Question{Store: p.Store, UserID: p.Member.UserID, User: p.Member.Name, Code: text})
		if err != nil {
			return bot.Reply{}, err
		}
		if calls = append(calls, scan.Calls...); scan.Unsupported {
			return b.turns.finish(ctx, row, m, bot.Reply{Text: "这家门店的平台认不出二维码，没有核销。请发二维码下面的数字券码，例如：验 7992697494"})
		}
		refused.Reason = cmp.Or(refused.Reason, scan.Outcome.Reason)
		each = each && len(scan.List) == 1
		found = append(found, scan.List...)
	}
	switch {
	case len(found) == 0 && unknownQR(refused.Reason):
		return b.turns.finishCalls(ctx, row, m, bot.Reply{Text: "平台不认识这个二维码，没有核销。" + askAgain}, calls)
	case len(found) == 0:
		none := models.Operation{StoreID: p.ID, UserID: p.Member.UserID, User: p.Member.Name, Outcome: refused}
		return b.turns.finishCalls(ctx, row, m, b.vouchers.refusal(p.Store, none), calls)
	case len(found) > 1 && !(each && a.Verb == command.VerbVerify):
		return b.turns.finishCalls(ctx, row, m, b.chooseVoucher(p.Store, found), calls)
	case !each: // another QR code stands for none: look first
		a = command.Wish{Verb: command.VerbQuery}
	}
	codes := make([]string, len(found))
	for i, f := range found {
		codes[i] = f.Code
	}
	m.Means = a.About(codes)
	if row, err = b.turns.rewrite(ctx, row, m, b.core.Lease(redeem.ConsumeCalls), calls); err != nil {
		return bot.Reply{}, err
	}
	return b.text(ctx, row, m, m.Means, &p)
}

// unknownQR reports whether a refusal only says that a QR code is no voucher's.
func unknownQR(reason string) bool {
	return reason == "" || reason == platform.NotFound || reason == string(dianping.BadRequest)
}

// chooseVoucher lets the person choose what a QR code is used for.
func (b *Bot) chooseVoucher(s models.Store, vouchers []platform.Voucher) bot.Reply {
	c := bot.Card{
		TaskID: b.NewID(), Source: words.Source(s), Title: fmt.Sprintf("有 %d 种券，请选一种", len(vouchers)),
		Text: "还没有核销，选好以后再确认。",
	}
	var lines []string
	for i, v := range vouchers {
		worth := v.Title
		if v.PriceKnown {
			worth += " " + dianping.Fen(v.PriceFen).String()
		}
		if v.Left > 0 {
			worth += fmt.Sprintf(" 可用 %d 张", v.Left)
		}
		if len(c.Keys) < bot.MaxKeys {
			c.Fields = append(c.Fields, bot.Field{Key: fmt.Sprintf("第%d种", i+1), Value: worth})
			key := fmt.Sprintf("%s%d %s", command.KeyStore, s.ID, command.Wish{Verb: command.VerbQuery}.About([]string{v.Code}))
			c.Keys = append(c.Keys, bot.CardKey{Text: fmt.Sprintf("%d %s", i+1, v.Title), Key: key, Style: bot.Primary})
		}
		lines = append(lines, fmt.Sprintf("%d. %s **%s**", i+1, worth, v.Code))
	}
	reply := bot.Reply{Card: &c}
	if len(vouchers) > bot.MaxKeys {
		reply.Text = strings.Join(lines, "\n") + "\n也可以发：查 加券码"
	}
	return reply
}

const askAgain = "请让顾客打开订单里的券码再拍一次，或直接发数字券码，例如：验 7992697494"

// notOurs says of a text that it is no voucher's.
func notOurs(text string) string {
	lower := strings.ToLower(strings.TrimSpace(text))
	if command.Domain.MatchString(lower) || strings.HasPrefix(lower, "http:") || strings.HasPrefix(lower, "https:") {
		return "这个二维码是一个网址，不是美团或大众点评的券码；我没有打开它，也没有核销。" + askAgain
	}
	return "这不是美团或大众点评的券码，没有核销。" + askAgain
}
