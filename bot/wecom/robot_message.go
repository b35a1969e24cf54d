package wecom

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
)

// robotMessage is a decrypted callback of a robot (pages 100719, 101027).
type robotMessage struct {
	MsgID    string `json:"msgid"`
	ChatID   string `json:"chatid"`   // groups only
	ChatType string `json:"chattype"` // single | group
	From     struct {
		UserID string `json:"userid"`
	} `json:"from"`
	ResponseURL string      `json:"response_url"`
	CreateTime  json.Number `json:"create_time"` // events only
	robotContent
	Quote  *robotContent `json:"quote"`
	Stream struct {
		ID string `json:"id"`
	} `json:"stream"`
	Event robotEvent `json:"event"`
}

// robotContent is what a message or a quoted message contains.
type robotContent struct {
	MsgType string `json:"msgtype"`
	Text    struct {
		Content string `json:"content"`
	} `json:"text"`
	Mixed struct {
		Items []struct {
			MsgType string `json:"msgtype"`
			Text    struct {
				Content string `json:"content"`
			} `json:"text"`
			Image robotImage `json:"image"`
		} `json:"msg_item"`
	} `json:"mixed"`
	Image robotImage `json:"image"`
	Voice struct {
		Content string `json:"content"` // speech as text
	} `json:"voice"`
}

// robotImage is where a picture is. Over the long connection it brings a key of
// its own (page 101463).
type robotImage struct {
	URL string `json:"url"`
	Key string `json:"aeskey"`
}

// maxPictures of one message are looked at.
const maxPictures = 10

// pictures are those of an image or mixed message, each once.
func (c *robotContent) pictures() (pictures []bot.Picture) {
	add := func(i robotImage) {
		p := bot.Picture{URL: i.URL, Key: i.Key}
		if p.URL != "" && len(pictures) < maxPictures && !slices.Contains(pictures, p) {
			pictures = append(pictures, p)
		}
	}
	switch c.MsgType {
	case "image":
		add(c.Image)
	case "mixed":
		for _, item := range c.Mixed.Items {
			if item.MsgType == "image" {
				add(item.Image)
			}
		}
	}
	return pictures
}

// words is the text of a text or mixed message; ok is false where there is none.
func (c *robotContent) words() (text string, ok bool) {
	switch c.MsgType {
	case "text":
		return c.Text.Content, true
	case "mixed":
		var parts []string
		for _, item := range c.Mixed.Items {
			if item.MsgType == "text" {
				parts = append(parts, item.Text.Content)
			}
		}
		return strings.Join(parts, "\n"), len(parts) > 0
	}
	return "", false
}

// robotEvent is the event object. The manual's samples put the card's fields
// into template_card_event and spell them with underscores; its tables and some
// clients put them beside eventtype or spell them without.
type robotEvent struct {
	Type string      `json:"eventtype"`
	Card robotButton `json:"template_card_event"`
	robotButton
}

type robotButton struct {
	CardType  string `json:"card_type"`
	CardType2 string `json:"cardtype"`
	Key       string `json:"event_key"`
	Key2      string `json:"eventkey"`
	TaskID    string `json:"task_id"`
	TaskID2   string `json:"taskid"`
}

func (e *robotEvent) button() *bot.Button {
	return &bot.Button{
		TaskID:   firstOf(e.Card.TaskID, e.Card.TaskID2, e.TaskID, e.TaskID2),
		Key:      firstOf(e.Card.Key, e.Card.Key2, e.Key, e.Key2),
		CardType: firstOf(e.Card.CardType, e.Card.CardType2, e.CardType, e.CardType2),
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// incoming turns a callback into a message. signedAt stands in for the time
// that messages, unlike events, do not carry.
func (r *Robot) incoming(in robotMessage, signedAt time.Time) (Incoming, error) {
	chat, err := in.chat()
	if err != nil {
		return Incoming{}, err
	}
	if in.From.UserID == "" || in.MsgType == "" {
		return Incoming{}, fmt.Errorf("%w: no sender or type", ErrMalformed)
	}
	out := Incoming{Message: bot.Message{
		Channel: r.channel,
		ID:      in.MsgID,
		Chat:    chat,
		User:    strings.ToLower(in.From.UserID),
		SentAs:  unfolded(in.From.UserID),
		At:      signedAt,
		Way:     RobotWay(in.ResponseURL),
	}}
	msg := &out.Message
	if in.CreateTime != "" {
		if msg.At, err = parseSeconds(in.CreateTime.String()); err != nil {
			return Incoming{}, fmt.Errorf("%w: create_time: %w", ErrMalformed, err)
		}
	}

	switch in.MsgType {
	case "stream":
		if in.Stream.ID == "" {
			return Incoming{}, fmt.Errorf("%w: no stream id", ErrMalformed)
		}
		out.Poll = in.Stream.ID
		return out, nil
	case "event":
		switch in.Event.Type {
		case "enter_chat":
			msg.Kind = bot.Enter
		case "template_card_event":
			msg.Kind = bot.Click
			msg.Button = in.Event.button()
		default: // feedback_event and what may come
			out.Ignore = true
			return out, nil
		}
		if msg.ID == "" {
			msg.ID = in.eventID()
		}
		return out, nil
	}

	text, typed := in.words()
	text, msg.Pictures = stripMentions(text, r.displayName), in.pictures()
	switch {
	case typed && (text != "" || len(msg.Pictures) == 0):
		msg.Kind, msg.Text = bot.Text, text
	case len(msg.Pictures) > 0:
		msg.Kind = bot.Photo
	case in.MsgType == "voice" && trim(in.Voice.Content) != "":
		msg.Kind, msg.Text = bot.Voice, trim(in.Voice.Content)
	case in.MsgType == "mixed":
		msg.Kind, msg.Text = bot.Other, "image"
	default:
		msg.Kind, msg.Text = bot.Other, in.MsgType
	}
	if in.Quote != nil {
		if len(msg.Pictures) == 0 { // in a group, to answer a picture is the way to name it
			msg.Pictures = in.Quote.pictures()
		}
		text, ok := in.Quote.words()
		if !ok {
			text = in.Quote.Voice.Content
		}
		msg.Quote = stripMentions(text, r.displayName)
	}
	if msg.ID == "" {
		// Without an id a repeat could not be told from a new message.
		return Incoming{}, fmt.Errorf("%w: no msgid", ErrMalformed)
	}
	return out, nil
}

// chat is the group's id, or "" in a 1:1 conversation. A group message without
// the group's id must not pass for a private one.
func (in *robotMessage) chat() (string, error) {
	switch in.ChatType {
	case "single":
		return "", nil
	case "group", "":
		if in.ChatType == "group" && in.ChatID == "" {
			return "", fmt.Errorf("%w: group without chatid", ErrMalformed)
		}
		return in.ChatID, nil
	}
	return "", fmt.Errorf("%w: chattype", ErrMalformed)
}

// eventID makes an id for an event that has none.
func (in *robotMessage) eventID() string {
	b := in.Event.button()
	fields, _ := json.Marshal([]string{ // cannot fail
		strings.ToLower(in.From.UserID), in.CreateTime.String(), in.ChatID,
		in.Event.Type, b.Key, b.TaskID,
	})
	sum := sha256.Sum256(fields)
	return "e" + hex.EncodeToString(sum[:16])
}
