package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/scan"
	"yanquan/dianping"
	"yanquan/models"
)

// Pictures fetches what people photograph. bot/wecom implements it.
type Pictures interface {
	// Fetch gives the content of a picture that came by a channel. Its errors match
	// those below where one of them is the reason, and never hold its URL.
	Fetch(ctx context.Context, channel string, p Picture) ([]byte, error)
}

// Why a picture could not be fetched.
var (
	ErrPictureGone       = errors.New("bot: picture can no longer be fetched")
	ErrPictureTooLarge   = errors.New("bot: picture too large")
	ErrPictureUnreadable = errors.New("bot: picture cannot be decrypted")
)

const (
	photoTime  = 12 * time.Second // to fetch and read all pictures of a message; one takes four at the most to fetch
	maxScanned = 6                // QR codes of one message that the platform is asked about
)

// wish is what the words beside a picture want of the codes on it.
type wish struct {
	verb Verb
	rest string // a count, or nothing
}

// wishOf tells what the words of a message want of its pictures; false: they speak
// for themselves. Words that are not understood want nothing but a look.
func wishOf(m Message) (wish, bool) {
	if m.Kind != Text {
		return wish{verb: VerbQuery}, true
	}
	cmd := ParseReply(m.Text, m.Quote)
	switch {
	case len(cmd.Items) > 0 || cmd.Verb == VerbNone && cmd.Problem != "":
		return wish{}, false
	case cmd.Verb == VerbNone:
		return wish{verb: VerbQuery}, true
	case cmd.Verb != VerbVerify && cmd.Verb != VerbQuery && cmd.Verb != VerbUndo:
		return wish{}, false
	}
	verb, rest := cutVerb(strings.TrimLeft(strings.TrimSpace(dropMentions(normalize(m.Text))), punctuation+" "))
	a := wish{verb: verb, rest: strings.Trim(rest, punctuation+" \n")}
	if probe := Parse(a.about([]string{"10000000"})); probe.Verb != verb || probe.Problem != "" || len(probe.Items) != 1 {
		return wish{verb: VerbQuery}, true
	}
	return a, true
}

// about is the command about codes, as it would have been typed.
func (a wish) about(codes []string) string {
	word := map[Verb]string{VerbVerify: "验", VerbUndo: "撤"}[a.verb]
	if word == "" || len(codes) > 1 && a.rest != "" { // a count of which one?
		word = "查"
	}
	text := word + " " + strings.Join(codes, " ")
	if len(codes) == 1 {
		text = strings.TrimSpace(text + " " + a.rest)
	}
	return text
}

// photo does what a message with pictures, or a scan, asks. The pictures of
// somebody who may do nothing here are not even fetched. What they say is kept
// before anything is done about it: a picture can be fetched for minutes only, and
// a message may be taken up again later.
func (b *Bot) photo(ctx context.Context, row models.Inbox, m Message, a wish) (Reply, error) {
	places, denied, err := b.access(ctx, b.DB, m)
	if err != nil {
		return Reply{}, err
	}
	if len(places) == 0 {
		return b.finish(ctx, row, m, denied)
	}
	if wait, err := b.slowed(ctx, m, Command{Verb: a.verb}, places); err != nil || !wait.Empty() {
		if err != nil {
			return Reply{}, err
		}
		return b.finish(ctx, row, m, wait)
	}
	if len(m.Scanned) == 0 {
		if b.Pictures == nil {
			return b.finish(ctx, row, m, Reply{Text: "我现在看不了图片，请直接发券码，例如：验 7992697494"})
		}
		if row, err = b.extend(ctx, row, photoTime+b.lease(callsPerCode)); err != nil {
			return Reply{}, err
		}
		texts, all, trouble := b.readPictures(ctx, row.ID, m)
		if err := ctx.Err(); err != nil { // we stop: another process reads them
			return Reply{}, fmt.Errorf("bot: pictures: %w", err)
		}
		if len(texts) == 0 {
			return b.finish(ctx, row, m, Reply{Text: trouble})
		}
		m.Scanned = texts
		if !all { // something may be missing that was meant: nothing is consumed unseen
			m.Kind, m.Text, a = Photo, "", wish{verb: VerbQuery}
		}
	}
	codes, others := sortOut(m.Scanned)
	if len(codes) > 0 {
		m.Means = a.about(codes)
		if row, err = b.rewrite(ctx, row, m, b.lease(callsPerCode), nil); err != nil {
			return Reply{}, err
		}
		return b.text(ctx, row, m, m.Means, nil)
	}
	qr := slices.DeleteFunc(slices.Clone(others), func(text string) bool { return !plausible(text) })
	switch {
	case len(qr) == 0:
		return b.finish(ctx, row, m, Reply{Text: notOurs(others[0])})
	case len(qr) > maxScanned:
		return b.finish(ctx, row, m, say("一次最多认 %d 个二维码，这里有 %d 个，一个都没有处理。请分几次拍。", maxScanned, len(qr)))
	case a.verb == VerbUndo:
		return b.finish(ctx, row, m, Reply{Text: "二维码里没有写券码，所以没有撤销。请发数字券码，例如：撤 7992697494；或者发「撤」，看最近的一次。"})
	}
	if row, err = b.rewrite(ctx, row, m, b.lease(callsPerCode), nil); err != nil {
		return Reply{}, err
	}
	if places, err = b.chosen(ctx, m, places); err != nil {
		return Reply{}, err
	}
	if len(places) > 1 {
		return b.finish(ctx, row, m, b.askStore(places, markScan+row.ID, 0))
	}
	return b.scanned(ctx, row, m, places[0], a, qr)
}

// markScan stands, in the key of a button that chooses a store, for the codes of
// the message that it names.
const markScan = "scan:"

// scannedAt goes on with a scan in the store that was chosen for it.
func (b *Bot) scannedAt(ctx context.Context, row models.Inbox, m Message, p place, id string) (Reply, error) {
	if m.Means != "" {
		return b.text(ctx, row, m, m.Means, &p)
	}
	asked, err := b.DB.Message(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return b.finish(ctx, row, m, oldCard)
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: scan: %w", err)
	}
	var first Message
	if err := json.Unmarshal(asked.Payload, &first); err != nil {
		return Reply{}, fmt.Errorf("bot: stored message: %w", err)
	}
	_, others := sortOut(first.Scanned)
	qr := slices.DeleteFunc(others, func(text string) bool { return !plausible(text) })
	a, ok := wishOf(first)
	if !ok || len(qr) == 0 || len(qr) > maxScanned || first.Chat != m.Chat || m.Private() && !strings.EqualFold(first.User, m.User) {
		return b.finish(ctx, row, m, oldCard)
	}
	return b.scanned(ctx, row, m, p, a, qr)
}

// scanned asks the platform what QR codes stand for that hold no voucher code. One
// voucher is taken from there on like its code, typed; several are a choice.
func (b *Bot) scanned(ctx context.Context, row models.Inbox, m Message, p place, a wish, qr []string) (Reply, error) {
	t := till{row: row, msg: m, place: p}
	var err error
	if t.client, t.shop, err = b.open(ctx, p.Store); err != nil {
		return Reply{}, err
	}
	none := models.Operation{StoreID: p.ID, State: models.Rejected, UserID: p.member.UserID, User: p.member.Name}
	if t.client == nil {
		none.Outcome = models.Outcome{Reason: reasonNoPlatform}
		return b.finish(ctx, row, m, b.refusal(p.Store, none))
	}
	if row, err = b.extend(ctx, row, b.lease(2*len(qr)+callsPerCode)); err != nil {
		return Reply{}, err
	}
	j := journal{op: none}
	var vouchers []dianping.Receipt
	var refused *dianping.Error
	each := true // QR code stands for just one voucher
	for _, text := range qr {
		rows, err := b.scanPrepare(ctx, t, &j, text)
		e := platformError(err)
		switch {
		case e != nil && e.Class == dianping.Unsupported:
			return b.finish(ctx, row, m, Reply{Text: "这家门店的平台认不出二维码，没有核销。请发二维码下面的数字券码，例如：验 7992697494"})
		case e != nil && refused == nil:
			refused = e
		}
		each = each && len(rows) == 1
		vouchers = append(vouchers, rows...)
	}
	switch {
	case len(vouchers) == 0 && (refused == nil || refused.Reason == dianping.NotFound || refused.Reason == dianping.BadRequest):
		return b.finishCalls(ctx, row, m, Reply{Text: "平台不认识这个二维码，没有核销。" + askAgain}, j.calls)
	case len(vouchers) == 0:
		none.Outcome = outcomeOf(refused)
		return b.finishCalls(ctx, row, m, b.refusal(p.Store, none), j.calls)
	case len(vouchers) > 1 && !(each && a.verb == VerbVerify):
		return b.finishCalls(ctx, row, m, b.chooseVoucher(p.Store, vouchers), j.calls)
	case !each: // another QR code stands for none: look first
		a = wish{verb: VerbQuery}
	}
	codes := make([]string, len(vouchers))
	for i, v := range vouchers {
		codes[i] = v.Code
	}
	m.Means = a.about(codes)
	if row, err = b.rewrite(ctx, row, m, b.lease(callsPerCode), j.calls); err != nil {
		return Reply{}, err
	}
	return b.text(ctx, row, m, m.Means, &p)
}

// scanPrepare asks about one QR code, once more where the answer was lost. Coupons
// of one order and deal are one voucher: how many are wanted is asked later. The
// calls are noted under a mark of the code, so that strange ones are counted like
// typed ones.
func (b *Bot) scanPrepare(ctx context.Context, t till, j *journal, qr string) ([]dianping.Receipt, error) {
	sum := sha256.Sum256([]byte(qr))
	j.op.Code = "qr-" + hex.EncodeToString(sum[:8])
	question := func() ([]dianping.Receipt, error) { return t.client.ScanPrepare(ctx, t.shop, qr) }
	rows, err := call(b, j, dianping.CallScanPrepare, question)
	lost := errors.Is(err, dianping.UnknownOutcome) || errors.Is(err, dianping.Unavailable)
	if again, _ := dianping.Repeatable(dianping.CallScanPrepare, err); again && lost && ctx.Err() == nil {
		rows, err = call(b, j, dianping.CallScanPrepare, question)
	}
	if err != nil {
		return nil, err
	}
	var vouchers []dianping.Receipt
	for _, r := range rows {
		same := func(v dianping.Receipt) bool {
			return v.Code == r.Code || r.DealID != 0 && v.DealID == r.DealID && v.Price == r.Price
		}
		if _, ok := voucherCode(r.Code); ok && !slices.ContainsFunc(vouchers, same) {
			vouchers = append(vouchers, r)
		}
	}
	if len(vouchers) == 0 {
		j.calls[len(j.calls)-1].Reason = string(dianping.NotFound)
	}
	return vouchers, nil
}

// chooseVoucher lets the person choose what a QR code is used for.
func (b *Bot) chooseVoucher(s models.Store, vouchers []dianping.Receipt) Reply {
	c := Card{
		TaskID: b.NewID(), Source: source(s), Title: fmt.Sprintf("有 %d 种券，请选一种", len(vouchers)),
		Text: "还没有核销，选好以后再确认。",
	}
	var lines []string
	for i, v := range vouchers {
		worth := fmt.Sprintf("%s %v", v.Title, v.Price)
		if v.Count > 0 {
			worth += fmt.Sprintf(" 可用 %d 张", v.Count)
		}
		if len(c.Keys) < maxKeys {
			c.Fields = append(c.Fields, Field{Key: fmt.Sprintf("第%d种", i+1), Value: worth})
			key := fmt.Sprintf("%s%d %s", keyStore, s.ID, wish{verb: VerbQuery}.about([]string{v.Code}))
			c.Keys = append(c.Keys, CardKey{Text: fmt.Sprintf("%d %s", i+1, v.Title), Key: key, Style: Primary})
		}
		lines = append(lines, fmt.Sprintf("%d. %s **%s**", i+1, worth, v.Code))
	}
	reply := Reply{Card: &c}
	if len(vouchers) > maxKeys {
		reply.Text = strings.Join(lines, "\n") + "\n也可以发：查 加券码"
	}
	return reply
}

// rewrite keeps what has been found out about a message, with the calls that it
// took, and prolongs its lease.
func (b *Bot) rewrite(ctx context.Context, row models.Inbox, m Message, lease time.Duration, calls []models.Call) (models.Inbox, error) {
	payload, err := json.Marshal(m)
	if err != nil {
		return row, fmt.Errorf("bot: message: %w", err)
	}
	var next models.Inbox
	err = b.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if err := tx.LogCalls(ctx, calls); err != nil {
			return fmt.Errorf("bot: calls: %w", err)
		}
		next, err = tx.RewriteMessage(ctx, row, payload, b.Now().Add(lease))
		return err
	})
	if errors.Is(err, models.ErrStale) {
		return row, errTakenOver
	}
	return next, err
}

// finishCalls is finish with the calls that were made.
func (b *Bot) finishCalls(ctx context.Context, row models.Inbox, m Message, reply Reply, calls []models.Call) (Reply, error) {
	return reply, b.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.LogCalls(ctx, calls); err != nil {
			return fmt.Errorf("bot: calls: %w", err)
		}
		return b.answer(ctx, tx, row, m, reply)
	})
}

// readPictures reads all pictures of a message: what their codes say, whether each
// had one, and where none had, why, in a sentence for staff.
func (b *Bot) readPictures(ctx context.Context, id string, m Message) (texts []string, all bool, trouble string) {
	ctx, cancel := context.WithTimeout(ctx, photoTime)
	defer cancel()
	var found []scan.Code
	all = true
	for _, p := range m.Pictures {
		codes, err := b.readPicture(ctx, m.Channel, p)
		if err != nil {
			b.Log.Info("picture not read", "message", id, "channel", m.Channel, "error", err)
			if all = false; trouble == "" {
				trouble = troubleOf(err)
			}
		}
		found = append(found, codes...)
	}
	// A barcode of goods is on the table by chance, unless there is nothing else.
	onlyGoods := !slices.ContainsFunc(found, func(c scan.Code) bool { return !c.Format.Goods() })
	for _, c := range found {
		if (onlyGoods || !c.Format.Goods()) && !slices.Contains(texts, c.Text) {
			texts = append(texts, c.Text)
		}
	}
	return texts, all, trouble
}

func (b *Bot) readPicture(ctx context.Context, channel string, p Picture) ([]scan.Code, error) {
	data, err := b.Pictures.Fetch(ctx, channel, p)
	if err != nil && !errors.Is(err, ErrPictureGone) && !errors.Is(err, ErrPictureTooLarge) && !errors.Is(err, ErrPictureUnreadable) && ctx.Err() == nil {
		data, err = b.Pictures.Fetch(ctx, channel, p)
	}
	if err != nil {
		return nil, err
	}
	return scan.Read(ctx, data)
}

// troubleOf says what is wrong with a picture, and what to do.
func troubleOf(err error) string {
	switch {
	case errors.Is(err, ErrPictureGone):
		return "图片已经过期，请重新发一次。"
	case errors.Is(err, ErrPictureTooLarge), errors.Is(err, scan.ErrTooLarge):
		return "图片太大了，我打不开。请靠近券码截图或重新拍一张，不要发原图。"
	case errors.Is(err, ErrPictureUnreadable), errors.Is(err, scan.ErrNotPicture):
		return "这张图片我打不开。请重新拍一张发来，或直接发券码，例如：验 7992697494"
	case errors.Is(err, scan.ErrNothing):
		return "图片里没有找到二维码或条形码。请靠近一点、拍清楚再发一次，或直接发下面的数字券码。"
	case errors.Is(err, context.DeadlineExceeded):
		return "图片一时看不过来，请过一会儿再发，或直接发券码，例如：验 7992697494"
	}
	return "图片没有取到，请重新发一次，或直接发券码，例如：验 7992697494"
}
