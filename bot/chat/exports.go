package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/export"
	"yanquan/bot/outbox"
	"yanquan/bot/ticket"
	"yanquan/bot/words"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// exports make files of what was verified.
type exports struct {
	DB            *models.DB
	access        *access.Access
	out           *outbox.Outbox
	tickets       *ticket.Tickets
	turns         *turns
	NoticeChannel string
	Location      *time.Location
	Wake          func() // there is an export to be made
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	base context.Context // of the work
}

const (
	exporting    = 2                   // at once in a process: each keeps a core busy
	exportLease  = 2 * time.Minute     // prolonged for every page
	exportAtOnce = 2000                // verifications that are listed before anybody gets impatient
	exportLife   = 90 * 24 * time.Hour // what was exported when, beside the audit
)

// askExport takes down what is to be listed; [Bot.makeExport] does it. A file with
// everybody's figures goes to the one who asked, never into a group.
func (x *exports) askExport(ctx context.Context, row models.Inbox, m bot.Message, cmd command.Command) (bot.Reply, error) {
	span, begun := cmd.Period.Span(row.ReceivedAt, x.Location)
	places, _, err := x.access.During(ctx, x.DB, m, span.From, span.To) // what has ended since, too
	if err != nil {
		return bot.Reply{}, err
	}
	mine := access.Led(places)
	switch {
	case len(mine) == 0:
		return x.turns.finish(ctx, row, m, bot.Say("只有组长和店长可以导出明细。您可以发「本月」看自己的核销。"))
	case !m.Private() && x.NoticeChannel == "":
		return x.turns.finish(ctx, row, m, bot.Say("导出的文件只发给您本人。请打开和我的单聊，再发一次。"))
	case !begun:
		return x.turns.finish(ctx, row, m, bot.Say("这段时间还没有开始，没有可以导出的。"))
	}
	found, err := x.count(ctx, mine, span)
	if err == nil && found == 0 && !cmd.CSV {
		found, err = x.countRefused(ctx, mine, span)
	}
	if err != nil {
		return bot.Reply{}, err
	}
	if found == 0 {
		return x.turns.finish(ctx, row, m, bot.Say("%s没有核销记录，不用导出。", span.Title))
	}
	return x.beginExport(ctx, row, m, span, len(mine), found)
}

// count counts what there is to export, until anybody would get impatient.
func (x *exports) count(ctx context.Context, places []access.Place, span command.Span) (found int, err error) {
	for _, account := range access.AccountIDs(places) {
		n, err := x.DB.History.CountConsumed(ctx, account, span.From, span.To, exportAtOnce-found)
		if err != nil {
			return 0, fmt.Errorf("bot: count: %w", err)
		}
		if found += n; found >= exportAtOnce {
			break
		}
	}
	return found, nil
}

// countRefused counts what was not verified, which a workbook lists, too.
func (x *exports) countRefused(ctx context.Context, places []access.Place, span command.Span) (times int, err error) {
	refusals, err := x.DB.Figures.Refusals(ctx, access.AccountIDs(places), span.From, span.To)
	if err != nil {
		return 0, fmt.Errorf("bot: count: %w", err)
	}
	for _, r := range refusals {
		times += r.Times
	}
	return times, nil
}

// beginExport takes the export down and says where the file will be. It says
// nothing where the file is there as soon as words would be.
func (x *exports) beginExport(ctx context.Context, row models.Inbox, m bot.Message, span command.Span, stores, found int) (answer bot.Reply, err error) {
	switch {
	case !m.Private() && m.Way.Robot && !m.Passive(): // a robot cannot write to who never wrote to it
		answer = bot.Say("正在生成「%s」的明细，做好后单独发给您。没收到的话，请打开和我的单聊，再发一次。", span.Title)
	case !m.Private():
		answer = bot.Say("正在生成「%s」的明细，做好后发到您和应用的单聊里。收不到，请管理员把您加进应用的可见范围。", span.Title)
	case m.Passive() || found >= exportAtOnce:
		answer = bot.Say("正在生成「%s」的明细，做好后发给您。", span.Title)
		answer.Open = m.Passive()
	}
	fresh := answer
	err = x.DB.Tx(ctx, func(tx *models.DB) error {
		answer = fresh
		_, err := tx.Exports.Begin(ctx, models.Export{ID: x.NewID(), InboxID: row.ID, UserID: m.User, CreatedAt: x.Now(), DueAt: x.Now()})
		switch {
		case errors.Is(err, models.ErrDuplicate):
			answer = bot.Say("您上一次的导出还在生成，做好后发给您。收到后再要下一份。")
		case err != nil:
			return fmt.Errorf("bot: export: %w", err)
		default:
			if err := x.turns.record(ctx, tx, m, "export", 0, span.Title, "", fmt.Sprintf("%d stores", stores)); err != nil {
				return err
			}
		}
		return x.out.Answer(ctx, tx, row, m, answer)
	})
	x.Wake()
	return answer, err
}

// makeExport lists what a message asked for and sends it. What a process that
// died left half done is done anew: nobody has seen it.
func (x *exports) makeExport(ctx context.Context, e models.Export) error {
	e, err := x.DB.Exports.Claim(ctx, e, x.Now().Add(exportLease))
	if err != nil {
		return err
	}
	row, err := x.DB.Inbox.Get(ctx, e.InboxID)
	if errors.Is(err, models.ErrNotFound) {
		return x.DB.Exports.Fail(ctx, e, "message_gone")
	}
	if err != nil {
		return fmt.Errorf("bot: message: %w", err)
	}
	var m bot.Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("bot: stored message: %w", err)
	}
	cmd := read(m)
	span, begun := cmd.Period.Span(row.ReceivedAt, x.Location)
	places, _, err := x.access.During(ctx, x.DB, m, span.From, span.To) // as it is now
	if err != nil {
		return err
	}
	mine := access.Led(places)
	switch {
	case len(mine) == 0:
		return x.giveUpExport(ctx, e, m, "no_access", "您已经不是组长或店长，导出取消了。")
	case e.Attempt > maxAttempts:
		return x.giveUpExport(ctx, e, m, "failed_often", "导出几次都没有成功。请缩短时间再试，例如：导出 本周；还不行，请告诉管理员。")
	case !begun: // what an earlier version understood
		return x.giveUpExport(ctx, e, m, "no_period", "没有看懂要导出哪段时间，请再发一次，例如：导出 本月")
	}
	file, sums, err := x.writeExport(ctx, e, m, span, cmd.CSV, mine)
	switch {
	case errors.Is(err, models.ErrTooLarge):
		return x.giveUpExport(ctx, e, m, "too_large", "明细太大，一个文件放不下。请分成几段导出，例如：导出 上周")
	case err != nil && x.base.Err() != nil: // this process ends: another need not wait
		return errors.Join(err, x.DB.Exports.Extend(context.WithoutCancel(ctx), e, x.Now()))
	case err != nil:
		return err
	}
	text := fmt.Sprintf("**%s 核销明细**\n%d 家门店，核销 %s，撤销 %d 张。", span.Title, len(mine), words.Sum(sums.Verified), sums.Undone.Count)
	if sums.Refused > 0 {
		text += fmt.Sprintf("另有 %d 次未成功，在「%s」表里。", sums.Refused, export.RefusedName)
	}
	if cmd.CSV {
		text += csvWarning
	}
	return x.handOver(ctx, e, m, file, text)
}

// csvWarning: Excel reads digits as numbers of fifteen places, whatever a CSV file says.
const csvWarning = "\n用 Excel 打开 CSV 文件，长券码的末几位和开头的 0 会变。要用 Excel 看，请发不带 csv 的导出，例如：导出 本月"

// handOver sends the file that was made.
func (x *exports) handOver(ctx context.Context, e models.Export, m bot.Message, file models.File, text string) error {
	failpoint.Hit("export.written")
	return x.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Exports.Finish(ctx, e, file.ID); err != nil {
			return err
		}
		url, err := x.tickets.LinkFile(ctx, tx, file)
		if err != nil {
			return err
		}
		return x.out.Follow(ctx, tx, e.InboxID, m, bot.Reply{Text: text, File: &bot.File{ID: file.ID, Name: file.Name, Kind: bot.AnyFile, Size: file.Size, URL: url}})
	})
}

// writeExport writes the file. Whoever has lost the lease stops at the next page.
func (x *exports) writeExport(ctx context.Context, e models.Export, m bot.Message, span command.Span, csv bool, places []access.Place) (models.File, export.Sums, error) {
	format := export.XLSX
	if csv {
		format = export.CSV
	}
	w, err := x.DB.Files.Create(ctx, models.File{
		ID: x.NewID(), Name: exportName(span, places, format), Kind: string(bot.AnyFile), UserID: m.User, CreatedAt: x.Now(), ExpiresAt: x.Now().Add(ticket.FileLife),
	})
	if err != nil {
		return models.File{}, export.Sums{}, fmt.Errorf("bot: file: %w", err)
	}
	kept := x.Now()
	list := export.Request{
		Source: x.DB.History, Title: span.Title, From: span.From, To: span.To, Stores: access.Stores(places), By: places[0].Member.Name, At: x.Now(), Location: x.Location,
		Beat: func(ctx context.Context) error {
			if x.Now().Sub(kept) < exportLease/8 {
				return nil
			}
			kept = x.Now()
			return x.DB.Exports.Extend(ctx, e, kept.Add(exportLease))
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
func exportName(span command.Span, places []access.Place, format export.Format) string {
	who := fmt.Sprintf("%d家门店", len(places))
	if len(places) == 1 {
		who = places[0].Name
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`\/:*?"<>|%`, r) {
			return '_'
		}
		return r
	}, bot.Visible("验券 "+span.Title+" "+who))
	return strings.ReplaceAll(name, " ", "_") + "." + string(format)
}

// giveUpExport records that there will be no file, and says so.
func (x *exports) giveUpExport(ctx context.Context, e models.Export, m bot.Message, reason, text string) error {
	x.Log.Warn("export given up", "export", e.ID, "reason", reason)
	return x.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Exports.Fail(ctx, e, reason); err != nil {
			return err
		}
		return x.out.Follow(ctx, tx, e.InboxID, m, bot.Reply{Text: text})
	})
}
