package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/grants"
	"yanquan/bot/watch"
	"yanquan/models"
)

var _ grants.Teller = (*Bot)(nil)

// TellManagers implements [grants.Teller].
func (b *Bot) TellManagers(ctx context.Context, tx *models.DB, n grants.Notice) error {
	card := Card{Source: "验券", Title: n.Title, Text: n.Text, Tone: Plain}
	if n.Renew {
		card.Tone = Bad
		card.Keys = []CardKey{{Text: "重新授权", Key: keyAuthorize + n.Platform, Style: Primary}}
	}
	if n.User == "" {
		return b.tellOf(ctx, tx, n.Key, n.Stores, card)
	}
	return b.tellOnce(ctx, tx, n.Key, []string{n.User}, Reply{Card: &card})
}

// tellFinding tells managers what the watch has noticed.
func (b *Bot) tellFinding(ctx context.Context, tx *models.DB, f watch.Finding) error {
	return b.tellOf(ctx, tx, "watch/"+f.Key, f.Stores, Card{Source: "验券", Title: f.Title, Text: f.Text, Tone: Bad})
}

// tellOf tells who manages any of the stores, and the groups that want to know, once
// for each key. Without stores it is about all of them.
func (b *Bot) tellOf(ctx context.Context, tx *models.DB, key string, stores []int64, card Card) error {
	users, err := b.managersOf(ctx, tx, stores)
	if err != nil {
		return err
	}
	if err := b.tellOnce(ctx, tx, key, users, Reply{Card: &card}); err != nil {
		return err
	}
	card.Keys = nil // nobody can press there
	for _, h := range b.Webhooks {
		concerned, err := h.concerned(ctx, tx, stores)
		if err != nil {
			return err
		}
		if !concerned {
			continue
		}
		if err := b.tellOne(ctx, tx, key, h.Channel, Delivery{Channel: h.Channel, Reply: Reply{Card: &card}}); err != nil {
			return err
		}
	}
	return nil
}

// concerned reports whether a group wants to know what is about some stores.
func (h Webhook) concerned(ctx context.Context, tx *models.DB, stores []int64) (bool, error) {
	if !h.Notices || len(h.Stores) == 0 || len(stores) == 0 {
		return h.Notices, nil
	}
	for _, id := range stores {
		s, err := tx.Store(ctx, id)
		if err != nil {
			return false, fmt.Errorf("bot: store: %w", err)
		}
		if slices.Contains(h.Stores, s.Name) {
			return true, nil
		}
	}
	return false, nil
}

// channelQuiet is how long managers are left in peace about a channel.
const channelQuiet = 6 * time.Hour

// ChannelTrouble tells the managers of all stores what is wrong with a channel and
// what to do, once for a while. It may reach them by that very channel, later.
func (b *Bot) ChannelTrouble(ctx context.Context, channel, title, text string) error {
	return b.DB.Tx(ctx, func(tx *models.DB) error {
		key := "channel/" + channel + "/" + title
		fresh, err := tx.Alert(ctx, key, channelQuiet)
		if err != nil || !fresh {
			return err
		}
		return b.tellFinding(ctx, tx, watch.Finding{Key: key + "/" + tx.Now().UTC().Format(time.RFC3339Nano), Title: title, Text: text})
	})
}

// tellOnce sends a reply with a card to each of the people by the app, once for each key:
// whoever is told the same again is not.
func (b *Bot) tellOnce(ctx context.Context, tx *models.DB, key string, users []string, reply Reply) error {
	if b.NoticeChannel == "" {
		b.Log.Warn("nobody is told: no app and no long connection is configured", "title", reply.Card.Title)
		return nil
	}
	for _, user := range users {
		if err := b.tellOne(ctx, tx, key, user, Delivery{Channel: b.NoticeChannel, User: user, Reply: reply}); err != nil {
			return err
		}
	}
	return nil
}

// tellOne is tellOnce for one receiver, by whatever channel.
func (b *Bot) tellOne(ctx context.Context, tx *models.DB, key, to string, d Delivery) error {
	sum := sha256.Sum256([]byte("notice\x00" + key + "\x00" + to))
	card := *d.Reply.Card
	card.TaskID = hex.EncodeToString(sum[:16])
	d.ID, d.Reply.Card = card.TaskID, &card
	return b.enqueue(ctx, tx, d, "", "", b.Now())
}

// managersOf lists who manages any of the stores; the managers of all stores
// come first. Without stores it is those alone.
func (b *Bot) managersOf(ctx context.Context, tx *models.DB, stores []int64) ([]string, error) {
	return b.peopleOf(ctx, tx, stores, models.RoleManager)
}

// peopleOf lists the managers of all stores and who has one of the roles in any
// of the stores.
func (b *Bot) peopleOf(ctx context.Context, tx *models.DB, stores []int64, roles ...models.Role) ([]string, error) {
	var users []string
	add := func(user string) {
		if user = strings.ToLower(user); !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	for _, user := range b.Managers {
		add(user)
	}
	for _, id := range stores {
		members, err := tx.Members(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("bot: members: %w", err)
		}
		for _, m := range members {
			if slices.Contains(roles, m.Role) {
				add(m.UserID)
			}
		}
	}
	return users, nil
}
