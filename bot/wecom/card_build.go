package wecom

import (
	"cmp"
	"slices"
	"strings"

	"yanquan/bot"
)

// buildCard turns the bot's card into the wire form of a channel: a button card
// where it has keys, otherwise a notice, which leads to fallbackURL where the
// card has no URL. Texts are shortened to the advised lengths; lists are not,
// for a line must not vanish: see [TemplateCard.Validate].
func buildCard(ch Channel, c bot.Card, fallbackURL string) *TemplateCard {
	soft := softLimitsOf(ch)
	out := &TemplateCard{
		CardType:     textNotice,
		SubTitleText: shorten(c.Text, soft.text),
		TaskID:       c.TaskID,
	}
	if c.Source != "" {
		out.Source = &CardSource{Desc: shorten(c.Source, soft.source), DescColor: toneColours[c.Tone]}
	}
	if c.Title != "" || c.Desc != "" {
		out.MainTitle = &CardTitle{Title: shorten(c.Title, soft.title), Desc: shorten(c.Desc, soft.desc)}
	}
	if c.Quote != nil {
		out.QuoteArea = &CardQuote{Title: bot.Visible(c.Quote.Title), QuoteText: bot.Visible(c.Quote.Text)}
	}
	for _, f := range c.Fields {
		field := CardField{KeyName: shorten(f.Key, soft.fieldKey), Value: shorten(f.Value, soft.fieldValue)}
		// Not for robots, but for the sender: see nameSender. Their user ids may be
		// encrypted (page 101521), a card with an id that is no member's is refused
		// (42050), and a passive answer gets no word of it; the value names the person
		// anyway.
		if f.User != "" && ch == AppChannel {
			field.Type, field.UserID = 3, f.User
		}
		out.Fields = append(out.Fields, field)
	}
	for _, k := range c.Keys {
		out.CardType = buttonInteraction
		out.Buttons = append(out.Buttons, CardButton{
			Text: shorten(k.Text, soft.button), Style: cmp.Or(buttonStyles[k.Style], 1), Key: k.Key,
		})
	}
	if ch == WebhookChannel {
		out.TaskID = "" // has no use there
	}
	target := c.URL
	if target == "" && out.CardType == textNotice {
		target = fallbackURL
	}
	if target != "" {
		out.CardAction = &CardAction{Type: 1, URL: target}
	}
	return out
}

// nameSender makes the field of a group's card that names the sender open the
// sender's profile: an id that WeCom has just given is a member's, unless it is
// encrypted. wire was built from c.
func nameSender(wire *TemplateCard, c bot.Card, in bot.Message) {
	if in.Private() || in.User == "" || encryptedID(in.SentAs) {
		return
	}
	for i, f := range c.Fields {
		if i < len(wire.Fields) && strings.EqualFold(f.User, in.User) {
			wire.Fields[i].Type, wire.Fields[i].UserID = 3, cmp.Or(in.SentAs, in.User)
		}
	}
}

// withoutProfiles is reply with no field that opens a profile; false: it had none.
func withoutProfiles(reply bot.Reply) (bot.Reply, bool) {
	if reply.Card == nil {
		return reply, false
	}
	card, found := *reply.Card, false
	card.Fields = slices.Clone(card.Fields)
	for i := range card.Fields {
		found = found || card.Fields[i].User != ""
		card.Fields[i].User = ""
	}
	reply.Card = &card
	return reply, found
}

// checkedCard is buildCard with Validate.
func checkedCard(ch Channel, c bot.Card, fallbackURL string) (*TemplateCard, error) {
	out := buildCard(ch, c, fallbackURL)
	if err := out.Validate(ch); err != nil {
		return nil, err
	}
	return out, nil
}

// toneColours are the colours of the source line: green and red; others are grey.
var toneColours = map[bot.Tone]int{bot.Good: 3, bot.Bad: 2}

// buttonStyles are those other than the blue default, which is 1; 3 is red.
var buttonStyles = map[bot.KeyStyle]int{bot.Danger: 3, bot.Quiet: 2}
