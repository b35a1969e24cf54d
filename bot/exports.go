package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"yanquan/bot/export"
	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

const (
	exportHands  = 2                   // at once in a process: each keeps a core busy
	exportLease  = 2 * time.Minute     // prolonged for every page
	exportAtOnce = 2000                // verifications that are listed before anybody gets impatient
	exportLife   = 90 * 24 * time.Hour // what was exported when, beside the audit
)

// fileLife is that of a file and of the link to it.
const fileLife = 24 * time.Hour

// FileTicket is the kind of the tickets that links to files carry.
const FileTicket = "file"

// askExport takes down what is to be listed; [Bot.makeExport] does it. A file with
// everybody's figures goes to the one who asked, never into a group.
func (b *Bot) askExport(ctx context.Context, row models.Inbox, m Message, places []place, cmd Command) (Reply, error) {
	mine := led(places)
	span, begun := cmd.Period.Span(row.ReceivedAt, b.Location)
	switch {
	case len(mine) == 0:
		return b.finish(ctx, row, m, say("只有组长和店长可以导出明细。您可以发「本月」看自己的核销。"))
	case !m.Private() && b.NoticeChannel == "":
		return b.finish(ctx, row, m, say("导出的文件只发给您本人。请打开和我的单聊，再发一次。"))
	case !begun:
		return b.finish(ctx, row, m, say("这段时间还没有开始，没有可以导出的。"))
	}
	found := 0
	for _, p := range mine {
		n, err := b.DB.CountConsumed(ctx, p.ID, span.From, span.To, exportAtOnce-found)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: count: %w", err)
		}
		if found += n; found >= exportAtOnce {
			break
		}
	}
	if found == 0 {
		return b.finish(ctx, row, m, say("%s没有核销记录，不用导出。", span.Title))
	}
	var reply Reply
	switch {
	case !m.Private() && m.ReqID != "": // a robot cannot write to who never wrote to it
		reply = say("正在生成「%s」的明细，做好后单独发给您。没收到的话，请打开和我的单聊，再发一次。", span.Title)
	case !m.Private():
		reply = say("正在生成「%s」的明细，做好后发到您和应用的单聊里。收不到，请管理员把您加进应用的可见范围。", span.Title)
	case m.Passive() || found >= exportAtOnce:
		reply = say("正在生成「%s」的明细，做好后发给您。", span.Title)
	} // otherwise the file is there as soon as these words would be
	busy := say("您上一次的导出还在生成，做好后发给您。收到后再要下一份。")
	var answer Reply
	err := b.DB.Tx(ctx, func(tx *models.DB) error {
		answer = reply
		_, err := tx.BeginExport(ctx, models.Export{ID: b.NewID(), InboxID: row.ID, UserID: m.User, CreatedAt: b.Now(), DueAt: b.Now()})
		switch {
		case errors.Is(err, models.ErrDuplicate):
			answer = busy
		case err != nil:
			return fmt.Errorf("bot: export: %w", err)
		default:
			if err := b.record(ctx, tx, m, "export", 0, span.Title, "", fmt.Sprintf("%d stores", len(mine))); err != nil {
				return err
			}
		}
		return b.answer(ctx, tx, row, m, answer)
	})
	b.exportAsked.Store(true)
	b.Wake()
	return answer, err
}

// exportsDue starts the exports that are due. While there are none it does not ask
// in every pass: somebody else's, who died, can wait a little.
func (b *Bot) exportsDue(ctx context.Context, wg *sync.WaitGroup, now time.Time) {
	if !b.exportAsked.Swap(false) && now.Before(b.noExport.Add(idleEvery)) {
		return
	}
	due, err := b.DB.DueExports(ctx, now, exportHands)
	if err != nil {
		b.Log.Warn("due exports not found", "error", err)
		return
	}
	b.noExport = time.Time{}
	if len(due) == 0 {
		b.noExport = now
	}
	for _, e := range due {
		b.start(wg, exportWork, e.ID, func() error { return b.makeExport(ctx, e) })
	}
}

// led are the places whose figures a person may see.
func led(places []place) (mine []place) {
	for _, p := range places {
		if p.member.Role == models.RoleLead || p.member.Role == models.RoleManager {
			mine = append(mine, p)
		}
	}
	return mine
}

// makeExport lists what a message asked for and sends it. What a process that
// died left half done is done anew: nobody has seen it.
func (b *Bot) makeExport(ctx context.Context, e models.Export) error {
	e, err := b.DB.ClaimExport(ctx, e, b.Now().Add(exportLease))
	if err != nil {
		return err
	}
	row, err := b.DB.Message(ctx, e.InboxID)
	if errors.Is(err, models.ErrNotFound) {
		return b.DB.FailExport(ctx, e, "message_gone")
	}
	if err != nil {
		return fmt.Errorf("bot: message: %w", err)
	}
	var m Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("bot: stored message: %w", err)
	}
	m = b.identify(ctx, m)
	places, _, err := b.access(ctx, b.DB, m) // as it is now
	if err != nil {
		return err
	}
	mine := led(places)
	switch {
	case len(mine) == 0:
		return b.giveUpExport(ctx, e, m, "no_access", "您已经不是组长或店长，导出取消了。")
	case e.Attempt > maxAttempts:
		return b.giveUpExport(ctx, e, m, "failed_often", "导出几次都没有成功。请缩短时间再试，例如：导出 本周；还不行，请告诉管理员。")
	}
	cmd := Parse(m.Text)
	span, begun := cmd.Period.Span(row.ReceivedAt, b.Location)
	if !begun { // what an earlier version understood
		return b.giveUpExport(ctx, e, m, "no_period", "没有看懂要导出哪段时间，请再发一次，例如：导出 本月")
	}
	file, sums, err := b.writeExport(ctx, e, m, span, cmd.CSV, mine)
	switch {
	case errors.Is(err, models.ErrTooLarge):
		return b.giveUpExport(ctx, e, m, "too_large", "明细太大，一个文件放不下。请分成几段导出，例如：导出 上周")
	case err != nil && b.base.Err() != nil: // this process ends: another need not wait
		return errors.Join(err, b.DB.KeepExport(context.WithoutCancel(ctx), e, b.Now()))
	case err != nil:
		return err
	}
	failpoint.Hit("export.written")
	return b.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.FinishExport(ctx, e, file.ID); err != nil {
			return err
		}
		url, err := b.fileLink(ctx, tx, file)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("**%s 核销明细**\n%d 家门店，核销 %d 张 %v，撤销 %d 张。", span.Title, len(mine), sums.Verified, dianping.Fen(sums.VerifiedFen), sums.Undone)
		return b.sendExport(ctx, tx, m, Reply{Text: text, File: &File{ID: file.ID, Name: file.Name, Kind: AnyFile, Size: file.Size, URL: url}})
	})
}

// writeExport writes the file. Whoever has lost the lease stops at the next page.
func (b *Bot) writeExport(ctx context.Context, e models.Export, m Message, span Span, csv bool, places []place) (models.File, export.Sums, error) {
	format, stores := export.XLSX, make([]models.Store, len(places))
	if csv {
		format = export.CSV
	}
	for i, p := range places {
		stores[i] = p.Store
	}
	w, err := b.DB.CreateFile(ctx, models.File{
		ID: b.NewID(), Name: exportName(span, places, format), Kind: string(AnyFile), UserID: m.User, CreatedAt: b.Now(), ExpiresAt: b.Now().Add(fileLife),
	})
	if err != nil {
		return models.File{}, export.Sums{}, fmt.Errorf("bot: file: %w", err)
	}
	kept := b.Now()
	list := export.Request{
		Source: b.DB, Title: span.Title, From: span.From, To: span.To, Stores: stores, By: places[0].member.Name, At: b.Now(), Location: b.Location,
		Beat: func(ctx context.Context) error {
			if b.Now().Sub(kept) < exportLease/8 {
				return nil
			}
			kept = b.Now()
			return b.DB.KeepExport(ctx, e, kept.Add(exportLease))
		},
	}
	sums, err := list.Write(ctx, w, format)
	if err != nil {
		return models.File{}, export.Sums{}, fmt.Errorf("bot: %w", err)
	}
	file, err := w.Close()
	if err != nil {
		return models.File{}, export.Sums{}, fmt.Errorf("bot: file: %w", err)
	}
	return file, sums, nil
}

// exportName is what the file is called: one can tell it from others a year later.
func exportName(span Span, places []place, format export.Format) string {
	who := fmt.Sprintf("%d家门店", len(places))
	if len(places) == 1 {
		who = places[0].Name
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`\/:*?"<>|%`, r) {
			return '_'
		}
		return r
	}, "验券 "+span.Title+" "+who)
	return strings.ReplaceAll(name, " ", "_") + "." + string(format)
}

// fileLink makes a link that opens a file for one person.
func (b *Bot) fileLink(ctx context.Context, tx *models.DB, f models.File) (string, error) {
	if b.FileLink == nil {
		return "", nil
	}
	secret := b.NewID()
	if err := tx.SaveTicket(ctx, secret, models.Ticket{Kind: FileTicket, UserID: f.UserID, CreatedAt: b.Now(), ExpiresAt: f.ExpiresAt}); err != nil {
		return "", fmt.Errorf("bot: ticket: %w", err)
	}
	return b.FileLink(f.ID, secret), nil
}

// giveUpExport records that there will be no file, and says so.
func (b *Bot) giveUpExport(ctx context.Context, e models.Export, m Message, reason, words string) error {
	b.Log.Warn("export given up", "export", e.ID, "reason", reason)
	return b.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.FailExport(ctx, e, reason); err != nil {
			return err
		}
		return b.sendExport(ctx, tx, m, Reply{Text: words})
	})
}

// sendExport puts what came of it into the outbox. It goes to the person alone:
// from a group by the app.
func (b *Bot) sendExport(ctx context.Context, tx *models.DB, m Message, reply Reply) error {
	d := Delivery{ID: b.NewID(), Channel: m.Channel, User: m.User, SentAs: m.SentAs, Reply: reply}
	if m.Passive() {
		d.ReplyURL = m.ReplyURL
		if !m.Private() || m.ReplyURL == "" {
			d.Channel, d.ReplyURL = b.NoticeChannel, ""
		}
	}
	// Not as an answer to the message: when the passive answer has gone out, all
	// others to it are dropped.
	return b.enqueue(ctx, tx, d, d.ID, "", b.Now())
}
