// Package notice tells managers and groups what they have not asked for, once for
// each key. It does not know how a message is delivered, nor what is worth telling.
package notice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/alert"
	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/outbox"
	"yanquan/models"
)

// Notices tells managers and groups what they have not asked for, once for each key.
type Notices struct {
	DB            *models.DB
	Out           *outbox.Outbox
	Access        *access.Access
	NoticeChannel string // by which people are told; empty: not at all
	Webhooks      []Webhook
	Now           func() time.Time
	Log           *slog.Logger
}

// Webhook is a group that gets the summaries, too.
type Webhook struct {
	Channel string   // "webhook/<name>"
	Stores  []string // by name; none: all
	Notices bool     // it is told of trouble as well
}

var _ grants.Teller = (*Notices)(nil)

// TellManagers implements [grants.Teller].
func (n *Notices) TellManagers(ctx context.Context, tx *models.DB, about grants.Notice) error {
	card := bot.Card{Source: "验券", Title: about.Title, Text: about.Text, Tone: bot.Plain}
	if about.Renew {
		card.Tone = bot.Bad
		card.Keys = []bot.CardKey{{Text: "重新授权", Key: command.Button{Action: command.ActConnect, Platform: about.Platform}.Key(), Style: bot.Primary}}
	}
	card.Keys = append(card.Keys, either(about)...)
	if len(about.Either) > bot.MaxKeys {
		card.Text += "没有列出的，请发「合并」。"
	}
	if about.User == "" {
		return n.TellStores(ctx, tx, about.Key, about.Stores, card)
	}
	return n.TellUsers(ctx, tx, about.Key, []string{about.User}, bot.Reply{Card: &card})
}

// either are buttons that ask whether an account is the shop of the store, one for each.
func either(about grants.Notice) (keys []bot.CardKey) {
	times := map[string]int{}
	for _, a := range about.Either {
		times[a.Name]++
	}
	for _, a := range about.Either[:min(len(about.Either), bot.MaxKeys)] {
		text := a.Name
		if times[text] > 1 {
			text = fmt.Sprintf("%d号 %s", a.ID, a.Name)
		}
		keys = append(keys, bot.CardKey{Text: text, Key: command.Button{Action: command.ActMerge, Store: about.Store, Other: a.ID}.Key(), Style: bot.Quiet})
	}
	return keys
}

// TellAlert tells managers what a rule has found, each of their own stores.
func (n *Notices) TellAlert(ctx context.Context, tx *models.DB, a alert.Alert) error {
	card := bot.Card{Source: "验券", Title: a.Title, Text: a.Text, Tone: bot.Bad}
	if a.TextOf == nil {
		return n.TellStores(ctx, tx, "alert/"+a.Key, a.Stores, card)
	}
	of := map[string][]int64{}
	for _, id := range a.Stores {
		users, err := n.Access.ManagersOf(ctx, tx, []int64{id})
		if err != nil {
			return err
		}
		for _, user := range users {
			of[user] = append(of[user], id)
		}
	}
	for _, user := range slices.Sorted(maps.Keys(of)) {
		card.Text = a.TextOf(of[user])
		if err := n.TellUsers(ctx, tx, "alert/"+a.Key, []string{user}, bot.Reply{Card: &card}); err != nil {
			return err
		}
	}
	for _, h := range n.Webhooks {
		var stores []int64
		for _, id := range a.Stores {
			concerned, err := h.concerned(ctx, tx, []int64{id})
			if err != nil {
				return err
			}
			if concerned {
				stores = append(stores, id)
			}
		}
		if len(stores) == 0 {
			continue
		}
		card.Text = a.TextOf(stores)
		if err := n.Tell(ctx, tx, "alert/"+a.Key, h.Channel, bot.Delivery{Channel: h.Channel, Reply: bot.Reply{Card: &card}}); err != nil {
			return err
		}
	}
	return nil
}

// TellStores tells who manages any of the stores, and the groups that want to know, once
// for each key. Without stores it is about all of them.
func (n *Notices) TellStores(ctx context.Context, tx *models.DB, key string, stores []int64, card bot.Card) error {
	users, err := n.Access.ManagersOf(ctx, tx, stores)
	if err != nil {
		return err
	}
	if err := n.TellUsers(ctx, tx, key, users, bot.Reply{Card: &card}); err != nil {
		return err
	}
	card.Keys = nil // a webhook's card takes no press
	for _, h := range n.Webhooks {
		concerned, err := h.concerned(ctx, tx, stores)
		if err != nil {
			return err
		}
		if !concerned {
			continue
		}
		if err := n.Tell(ctx, tx, key, h.Channel, bot.Delivery{Channel: h.Channel, Reply: bot.Reply{Card: &card}}); err != nil {
			return err
		}
	}
	return nil
}

// About reports whether a group wants to know of a store. One that was merged into
// another is known by its name still.
func (h Webhook) About(s models.Store) bool {
	return len(h.Stores) == 0 || slices.ContainsFunc(s.All(), func(a models.Account) bool { return slices.Contains(h.Stores, a.Name) })
}

// concerned reports whether a group wants to know what is about some stores.
func (h Webhook) concerned(ctx context.Context, tx *models.DB, stores []int64) (bool, error) {
	if !h.Notices || len(h.Stores) == 0 || len(stores) == 0 {
		return h.Notices, nil
	}
	for _, id := range stores {
		s, err := tx.Directory.Store(ctx, id)
		if err != nil {
			return false, fmt.Errorf("bot: store: %w", err)
		}
		if h.About(s) {
			return true, nil
		}
	}
	return false, nil
}

// ChannelQuiet is how long managers are left in peace about a channel.
const ChannelQuiet = 6 * time.Hour

// ChannelTrouble tells the managers of all stores what is wrong with a channel and
// what to do, once for a while. It may reach them by that very channel, later.
func (n *Notices) ChannelTrouble(ctx context.Context, channel, title, text string) error {
	return n.DB.Tx(ctx, func(tx *models.DB) error {
		key := "channel/" + channel + "/" + title
		fresh, err := tx.Alerts.Claim(ctx, key, ChannelQuiet)
		if err != nil || !fresh {
			return err
		}
		return n.TellAlert(ctx, tx, alert.Alert{Key: key + "/" + tx.Now().UTC().Format(time.RFC3339Nano), Title: title, Text: text})
	})
}

// TellUsers sends a reply with a card to each of the people by the app, once for each key:
// a repeat of a key is not sent.
func (n *Notices) TellUsers(ctx context.Context, tx *models.DB, key string, users []string, reply bot.Reply) error {
	if n.NoticeChannel == "" {
		n.Log.Warn("nobody is told: no app and no long connection is configured", "title", reply.Card.Title)
		return nil
	}
	for _, user := range users {
		if err := n.Tell(ctx, tx, key, user, bot.Delivery{Channel: n.NoticeChannel, User: user, Reply: reply}); err != nil {
			return err
		}
	}
	return nil
}

// Tell is tellOnce for one receiver, by whatever channel.
func (n *Notices) Tell(ctx context.Context, tx *models.DB, key, to string, d bot.Delivery) error {
	sum := sha256.Sum256([]byte("notice\x00" + key + "\x00" + to))
	card := *d.Reply.Card
	card.TaskID = hex.EncodeToString(sum[:16])
	d.ID, d.Reply.Card = card.TaskID, &card
	return n.Out.Enqueue(ctx, tx, d, "", "", n.Now())
}
