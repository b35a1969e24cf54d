package desk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"yanquan/bot"
	"yanquan/bot/words"
	"yanquan/models"
)

// WriteAudit lists the changes of stores, groups, people and authorisations
// since a time, oldest first: when, who, where, what, before and after.
func WriteAudit(ctx context.Context, w io.Writer, db *models.DB, loc *time.Location, since time.Time) error {
	entries, err := db.Audit.List(ctx, models.AuditFilter{From: since})
	if err != nil {
		return fmt.Errorf("bot: audit: %w", err)
	}
	w = bot.Terminal(w)
	names := map[int64]string{}
	for _, e := range entries {
		if _, known := names[e.StoreID]; !known && e.StoreID != 0 {
			s, err := db.Directory.Store(ctx, e.StoreID)
			if err != nil {
				return fmt.Errorf("bot: store: %w", err)
			}
			names[e.StoreID] = s.Name
		}
		where := e.Channel
		if e.Chat != "" {
			where += " " + e.Chat
		}
		_, err := fmt.Fprintln(w, bot.Unbroken(fmt.Sprintf("%s  %s  %s  %s  %s  %s  [%s] → [%s]", e.At.In(loc).Format(words.DateFormat+" "+words.ClockFormat), e.UserID, dash(where), e.Action,
			dash(names[e.StoreID]), dash(e.Subject), e.Before, e.After)))
		if err != nil {
			return err
		}
	}
	if len(entries) == 0 {
		_, err = fmt.Fprintln(w, "没有记录")
	}
	return err
}

func dash(s string) string { return cmp.Or(s, "-") }
