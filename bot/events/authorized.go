package events

import (
	"cmp"
	"context"
	"fmt"

	"yanquan/bot"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/douyin"
	"yanquan/models"
)

// authorized tells managers that a merchant has authorised the application for a shop, or
// for all of an account: those of its stores, where it has any, else those of all stores, who
// connect it. What was signed counts once, whatever the id that it is posted with. No message
// says that an authorisation was taken away: a call that is refused does.
func (d *Douyin) authorized(ctx context.Context, n douyin.Notice) error {
	err := d.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Notices.Record(ctx, platform.DouyinName, "authorized "+n.Digest)
		if err != nil || !fresh {
			return err
		}
		all, err := tx.Accounts.List(ctx)
		if err != nil {
			return err
		}
		var ids []int64
		var s models.Store
		for _, a := range all {
			if !d.isAbout(n, a) {
				continue
			}
			if err := tx.Alerts.Forget(ctx, grants.DouyinRefused(a.ID)); err != nil {
				return err
			}
			if s, err = tx.Directory.Store(ctx, a.ID); err != nil {
				return err
			}
			ids = append(ids, s.ID)
		}
		card := strangersCard(n)
		if len(ids) > 0 {
			card = authorizedCard(n, s, len(ids))
		}
		return d.Tell(ctx, tx, "authorized/"+n.Digest, ids, card)
	})
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// isAbout reports whether an authorisation is for the shop of an account. One that names no
// shop is for all that its account has.
func (d *Douyin) isAbout(n douyin.Notice, a models.Account) bool {
	if a.Platform != platform.DouyinName {
		return false
	}
	if n.ShopID == "" {
		return cmp.Or(a.AccountID, d.AccountID) == n.AccountID
	}
	return a.ShopID == n.ShopID
}

// authorizedCard is about the shops of so many stores, one of which is s.
func authorizedCard(n douyin.Notice, s models.Store, stores int) bot.Card {
	text := "「" + s.Name + "」在来客授权了我们的应用，可以验抖音的券了。"
	if stores > 1 {
		text = fmt.Sprintf("来客账户（尾号 %s）授权了我们的应用，它接通的 %d 家店可以验抖音的券了。", tail(n.AccountID), stores)
	}
	return bot.Card{Source: "验券", Title: "抖音店已授权", Tone: bot.Good, Text: text}
}

// strangersCard is about a shop that no store has an account for.
func strangersCard(n douyin.Notice) bot.Card {
	what := "来客账户（尾号 " + tail(n.AccountID) + "）"
	if idForm.MatchString(n.ShopID) {
		what += "的一家店（尾号 " + tail(n.ShopID) + "）"
	}
	return bot.Card{
		Source: "验券", Title: "有抖音店授权了我们的应用", Text: what + "在来客授权了我们的应用，还没有接到哪家门店。要接进来，请发「授权」，选抖音。",
	}
}

func tail(id string) string { return id[max(0, len(id)-4):] }
