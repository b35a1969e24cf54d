package wecom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
)

// robotMessage is a decrypted callback of a robot (pages 100719, 101027). A field
// that cannot be read is as good as absent.
type robotMessage struct{ jsonObject }

// robotContent is what a message or a quoted message contains.
type robotContent struct{ jsonObject }

// torn reports whether it, or a part of it that says something, is not whole.
func (c robotContent) torn() bool {
	parts := []jsonObject{c.jsonObject, c.object(c.value("msgtype"))}
	if c.value("msgtype") == "mixed" {
		for _, item := range c.object("mixed").objects("msg_item") {
			parts = append(parts, item, item.object(item.value("msgtype")))
		}
	}
	return slices.ContainsFunc(parts, jsonObject.torn)
}

// maxPictures of one message are looked at.
const maxPictures = 10

// pictures are those of an image or mixed message, each once. Over the long
// connection, one brings a key of its own (page 101463).
func (c robotContent) pictures() (pictures []bot.Picture) {
	add := func(image jsonObject) {
		p := bot.Picture{URL: image.value("url"), Key: image.value("aeskey")}
		if p.URL != "" && len(pictures) < maxPictures && !slices.Contains(pictures, p) {
			pictures = append(pictures, p)
		}
	}
	switch c.value("msgtype") {
	case "image":
		add(c.object("image"))
	case "mixed":
		for _, item := range c.object("mixed").objects("msg_item") {
			if item.value("msgtype") == "image" {
				add(item.object("image"))
			}
		}
	}
	return pictures
}

// words is the text of a text or mixed message; ok is false where there is none, or a
// part of it cannot be read.
func (c robotContent) words() (text string, ok bool) {
	switch c.value("msgtype") {
	case "text":
		text, ok = c.object("text").text("content")
	case "mixed":
		var parts []string
		for _, item := range c.object("mixed").objects("msg_item") {
			if item.value("msgtype") != "text" {
				continue
			}
			part, ok := item.object("text").text("content")
			if !ok {
				return "", false
			}
			parts = append(parts, part)
		}
		text, ok = strings.Join(parts, "\n"), len(parts) > 0
	}
	return clean(text), ok
}

// spoken is a voice message as text (page 100719).
func (c robotContent) spoken() string { return clean(c.object("voice").value("content")) }

// button is the button of an event. The manual's samples put the card's fields into
// template_card_event and spell them with underscores; its tables and some clients
// put them beside eventtype or spell them without. False: it is not certain which button.
func (in robotMessage) button() (b *bot.Button, certain bool) {
	event := in.object("event")
	card := event.object("template_card_event")
	certain = !event.torn() && !card.torn()
	either := func(name, other string) (said string) {
		for _, s := range []string{card.value(name), card.value(other), event.value(name), event.value(other)} {
			certain = certain && (s == "" || said == "" || s == said)
			said = cmp.Or(said, s)
		}
		return said
	}
	b = &bot.Button{TaskID: either("task_id", "taskid"), Key: either("event_key", "eventkey"), CardType: either("card_type", "cardtype")}
	return b, certain
}

// incoming turns a callback into a message. signedAt stands in for the time that
// messages, unlike events, do not carry. A message without an id is not acted upon:
// it might be a repeat. The caller makes one for it.
func (r *Robot) incoming(in robotMessage, signedAt time.Time) (Incoming, error) {
	out := Incoming{Message: bot.Message{
		Channel: r.channel,
		At:      timeNear(in.value("create_time"), signedAt),
		Way:     RobotWay(in.value("response_url")),
	}}
	msg := &out.Message
	if !in.twice["msgid"] {
		msg.ID = in.value("msgid")
	}
	kind := in.value("msgtype")
	what := in.object("event").value("eventtype")
	if out.Ignore = kind == "event" && what != "enter_chat" && what != "template_card_event"; out.Ignore {
		return out, nil // feedback_event and what may come
	}
	chat, known := in.chat()
	msg.Chat = chat
	err := r.from(msg, in)
	if kind == "stream" {
		stream := in.object("stream")
		if out.Poll = stream.value("id"); out.Poll == "" || stream.torn() {
			return Incoming{}, fmt.Errorf("%w: a poll of no stream", ErrNobody)
		}
		return out, nil
	}
	if err != nil {
		return Incoming{}, err
	}
	content, quote := robotContent(in), robotContent{in.object("quote")}
	switch {
	case kind == "event":
		in.event(msg, known && in.whole)
	case !known:
		notRead(msg, nowhere)
	case msg.ID == "" || content.torn() || quote.torn():
		notRead(msg, cutShort)
	default:
		r.said(msg, content)
		r.quoted(msg, quote)
	}
	return out, nil
}

// from fills in the sender. A userid of another corp is not one of ours.
func (r *Robot) from(msg *bot.Message, in robotMessage) error {
	from := in.object("from")
	userID, corpID := from.value("userid"), from.value("corpid")
	switch {
	case userID == "" && !in.twice["from"]:
		return fmt.Errorf("%w: there is no sender", ErrNobody)
	case in.twice["from"] || !from.whole || !isUserID(userID) || from.odd("corpid"):
		return fmt.Errorf("%w: the sender is not certain", ErrNobody)
	case corpID != "" && !strings.EqualFold(corpID, r.corpID):
		msg.User = elsewhere(corpID, userID)
	default:
		sender(msg, userID)
	}
	return nil
}

// event fills in what an event means. A button is not pressed unless all about it is
// known: then it is too old.
func (in robotMessage) event(msg *bot.Message, known bool) {
	msg.Kind = bot.Enter
	if in.object("event").value("eventtype") == "template_card_event" {
		b, certain := in.button()
		msg.Kind, msg.Button = bot.Click, b
		if known = known && certain; !known {
			b.Key = ""
		}
	}
	if known && msg.ID == "" && in.has("create_time") {
		msg.ID = in.eventID()
	}
}

// said fills in what was said.
func (r *Robot) said(msg *bot.Message, c robotContent) {
	kind := c.value("msgtype")
	text, typed := c.words()
	text, msg.Pictures = stripMentions(text, r.displayName), c.pictures()
	switch spoken := trim(c.spoken()); {
	case typed && (text != "" || len(msg.Pictures) == 0):
		msg.Kind, msg.Text = bot.Text, text
	case len(msg.Pictures) > 0:
		msg.Kind = bot.Photo
	case kind == "voice" && spoken != "":
		msg.Kind, msg.Text = bot.Voice, spoken
	case kind == "mixed":
		notRead(msg, "image")
	default:
		notRead(msg, kind)
	}
}

// quoted fills in what was answered to. In a group, to answer a picture is the way to
// name it.
func (r *Robot) quoted(msg *bot.Message, c robotContent) {
	if msg.Kind == bot.Other {
		return
	}
	if len(msg.Pictures) == 0 {
		msg.Pictures = c.pictures()
	}
	text, ok := c.words()
	if !ok {
		text = c.spoken()
	}
	msg.Quote = stripMentions(text, r.displayName)
}

// chat is the group's id, or "" in a 1:1 conversation. A group message without the
// group's id must not pass for a private one; false: it is not known where.
func (in robotMessage) chat() (chatID string, known bool) {
	chatID = in.value("chatid")
	switch kind := in.value("chattype"); {
	case in.odd("chattype") || in.odd("chatid") || in.twice["chattype"] || in.twice["chatid"]:
		return "", false
	case kind == "single":
		return "", true
	case kind != "" && kind != "group", kind == "group" && !isChatID(chatID), chatID != "" && !isChatID(chatID):
		return "", false
	}
	return chatID, true
}

// isChatID reports whether a text can be the id of a group.
func isChatID(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return !readable(r) })
}

// eventID makes an id for an event that has none.
func (in robotMessage) eventID() string {
	b, _ := in.button()
	fields, _ := json.Marshal([]string{ // cannot fail
		strings.ToLower(in.object("from").value("userid")), in.value("create_time"), in.value("chatid"),
		in.object("event").value("eventtype"), b.Key, b.TaskID,
	})
	sum := sha256.Sum256(fields)
	return "e" + hex.EncodeToString(sum[:16])
}
