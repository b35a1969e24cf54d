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
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// scanned is what the codes of a message say: the command that they amount to, or
// QR codes that only the platform knows.
type scanned struct {
	command *command.Command
	qr      []string
	caption command.Caption
}

// read finds out what the pictures of a message, or a scan, say; nil: it was
// answered. What they say is kept before anything is done about it: a picture can be
// fetched for minutes only, and a message may be taken up again later.
func (x *scans) read(ctx context.Context, t *turn, w command.Caption) (*scanned, bot.Reply, error) {
	if len(t.m.Scanned) == 0 {
		var reply bot.Reply
		var err error
		if w, reply, err = x.look(ctx, t, w); err != nil || !reply.Empty() {
			return nil, reply, err
		}
	}
	codes, others := command.SortOut(t.m.Scanned)
	if len(codes) > 0 {
		cmd, reply, err := x.amounts(ctx, t, w.About(codes), nil)
		return &scanned{command: cmd}, reply, err
	}
	qr := plausible(others)
	var why bot.Reply
	switch {
	case len(qr) == 0:
		why = words.NotOurs(others[0])
	case len(qr) > maxScanned:
		why = words.TooManyQR(maxScanned, len(qr))
	case w.Verb == command.VerbUndo:
		why = words.NoUndoByQR
	default:
		return &scanned{qr: qr, caption: w}, bot.Reply{}, t.keep(ctx, x.core.Lease(redeem.ConsumeCalls), nil)
	}
	reply, err := t.answer(ctx, why)
	return nil, reply, err
}

// look reads the pictures; a reply: it was answered. Where one could not be read,
// something may be missing that was meant, and where a reading is not certain, another
// may be: nothing is consumed unseen.
func (x *scans) look(ctx context.Context, t *turn, w command.Caption) (command.Caption, bot.Reply, error) {
	if x.Pictures == nil {
		reply, err := t.answer(ctx, words.NoPictures)
		return w, reply, err
	}
	if err := t.extend(ctx, photoTime+x.core.Lease(redeem.ConsumeCalls)); err != nil {
		return w, bot.Reply{}, err
	}
	texts, all, trouble := x.readPictures(ctx, t.row.ID, t.m)
	if err := ctx.Err(); err != nil { // we stop: another process reads them
		return w, bot.Reply{}, fmt.Errorf("chat: pictures: %w", err)
	}
	if len(texts) == 0 {
		reply, err := t.answer(ctx, words.NoPicture(trouble))
		return w, reply, err
	}
	t.m.Scanned = texts
	if !all {
		t.m.Kind, t.m.Text, w = bot.Photo, "", command.Caption{Verb: command.VerbQuery, Platform: w.Platform}
	}
	return w, bot.Reply{}, nil
}

// amounts keeps the command that a message amounts to. One that cannot be done is
// left to its handler, which says why.
func (x *scans) amounts(ctx context.Context, t *turn, cmd command.Command, calls []models.Call) (*command.Command, bot.Reply, error) {
	if cmd.Problem == "" {
		t.m.Means = cmd.Encode()
	}
	return &cmd, bot.Reply{}, t.keep(ctx, x.core.Lease(redeem.ConsumeCalls), calls)
}

func plausible(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return !command.Plausible(text) })
}

// stored is what an earlier message of the same conversation has scanned; false: it
// is gone, or not this person's.
func (x *scans) stored(ctx context.Context, t *turn, id string) (scanned, bool, error) {
	row, err := x.DB.Inbox.Get(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return scanned{}, false, nil
	}
	if err != nil {
		return scanned{}, false, fmt.Errorf("chat: scan: %w", err)
	}
	var first bot.Message
	if err := json.Unmarshal(row.Payload, &first); err != nil {
		return scanned{}, false, fmt.Errorf("chat: stored message: %w", err)
	}
	_, others := command.SortOut(first.Scanned)
	s := scanned{qr: plausible(others)}
	w, ok := command.CaptionOf(first)
	s.caption = w
	mine := first.Chat == t.m.Chat && (!t.m.Private() || strings.EqualFold(first.User, t.m.User))
	return s, ok && mine && len(s.qr) > 0 && len(s.qr) <= maxScanned, nil
}

// found is what a platform says of QR codes.
type found struct {
	vouchers    []platform.Voucher
	calls       []models.Call // of the last QR code
	wait        bot.Reply     // the sender guesses: the rest was not asked about
	refused     models.Outcome
	each        bool // QR code stands for just one voucher
	unsupported bool
}

// resolve asks the platform what QR codes stand for that hold no voucher code, in
// the one place of the turn. One voucher is taken from there on like its code,
// typed; several are a choice. nil: it was answered.
func (x *scans) resolve(ctx context.Context, t *turn, s scanned) (*command.Command, bot.Reply, error) {
	p, w := t.places[0], s.caption
	accounts := accountsOn(p.Store, w.Platform)
	if len(accounts) == 0 {
		reply, err := t.answer(ctx, x.words.Refusal(p.Store, models.Operation{StoreID: p.ID, Outcome: absent(command.Item{Platform: w.Platform})}))
		return nil, reply, err
	}
	if err := t.extend(ctx, x.core.Lease(2*len(accounts)*len(s.qr)+redeem.ConsumeCalls)); err != nil {
		return nil, bot.Reply{}, err
	}
	f, err := x.ask(ctx, t, s.qr, accounts)
	if err != nil {
		return nil, bot.Reply{}, err
	}
	var why bot.Reply
	switch {
	case !f.wait.Empty():
		why = f.wait
	case f.unsupported:
		why = words.NoQRCodes
	case len(f.vouchers) == 0 && unknownQR(f.refused.Reason):
		why = words.QRNotKnown
	case len(f.vouchers) == 0:
		why = x.words.Refusal(p.Store, models.Operation{StoreID: p.ID, UserID: p.Member.UserID, User: p.Member.Name, Outcome: f.refused})
	case len(f.vouchers) > 1 && !(f.each && w.Verb == command.VerbVerify):
		why = x.words.Choose(p.Store, f.vouchers)
	}
	if !why.Empty() {
		reply, err := t.answerCalls(ctx, why, f.calls)
		return nil, reply, err
	}
	if !f.each { // another QR code stands for none: look first
		w = command.Caption{Verb: command.VerbQuery, Platform: w.Platform}
	}
	codes := make([]string, len(f.vouchers))
	for i, v := range f.vouchers {
		codes[i] = v.Code
	}
	return x.amounts(ctx, t, w.About(codes), f.calls)
}

func (x *scans) ask(ctx context.Context, t *turn, qr []string, accounts []models.Account) (f found, err error) {
	p := t.places[0]
	f.each = true
	for i, text := range qr {
		if i > 0 {
			f.wait, err = x.guards.next(ctx, t, x.core.Lease(2*len(accounts)*(len(qr)-i)+redeem.ConsumeCalls), f.calls)
			if f.calls = nil; err != nil || !f.wait.Empty() {
				return f, err
			}
		}
		scan, err := x.core.ScanIn(ctx, redeem.Question{UserID: p.Member.UserID, User: p.Member.Name, Code: text}, accounts)
		if err != nil {
			return found{}, err
		}
		f.calls = scan.Calls
		f.vouchers = append(f.vouchers, scan.List...)
		f.refused.Reason = cmp.Or(f.refused.Reason, scan.Outcome.Reason)
		f.each = f.each && len(scan.List) == 1
		if f.unsupported = scan.Unsupported; f.unsupported {
			break
		}
	}
	return f, nil
}

// unknownQR reports whether a refusal only says that a QR code is no voucher's.
func unknownQR(reason string) bool {
	return reason == "" || reason == platform.NotFound || reason == string(dianping.BadRequest)
}
