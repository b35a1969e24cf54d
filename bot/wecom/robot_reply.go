package wecom

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"

	"yanquan/bot"
)

// waiting is what a person sees until the reply is ready.
const waiting = "核验中，请稍候…"

// frame is a passive answer before encryption (page 101031). Every field that
// is nil is left out.
type frame struct {
	MsgType      string        `json:"msgtype,omitempty"`
	ResponseType string        `json:"response_type,omitempty"` // only for clicks
	UserIDs      []string      `json:"userids,omitempty"`       // only for clicks; none: everybody who sees the card
	Text         *frameText    `json:"text,omitempty"`
	Stream       *frameStream  `json:"stream,omitempty"`
	Card         *TemplateCard `json:"template_card,omitempty"`
}

type frameText struct {
	Content string `json:"content"`
}

type frameStream struct {
	ID      string `json:"id"`
	Finish  bool   `json:"finish"`
	Content string `json:"content"` // replaces all that was shown before
}

// Frame builds the answer to in that goes back in the HTTP response, before
// encryption; nil means an empty 200. The same arguments give the same bytes.
//
// ready says that reply will not change any more. Until then a message is shown
// what reply has so far, or a line asking to wait, and WeCom polls for the next
// frame; an unready frame must be followed by a ready one within 6 minutes, as
// WeCom allows a person only three unfinished streams at a time. A reply that is
// still [bot.Reply.Pending] is shown as text, even when ready: the message's one
// card is kept for the outcome.
//
// streamID names the stream a first frame opens. It must be new for each message
// and the same for its repeats; polls use their own.
//
// What WeCom allows depends on what is answered:
//
//   - A message or poll: markdown, a card, or both.
//   - A click: the clicked card changes, for all who see it; a refusal (a card of
//     [bot.Bad] tone, or text alone) only for who clicked, because any member of a
//     group can press a button and must not wipe the card of the others. Nothing
//     happens as long as reply is empty. Text beside the card cannot be shown:
//     rest is what remains to be sent to the reply URL.
//   - Opening the conversation: a card, or plain text; both together as text.
func (r *Robot) Frame(in Incoming, streamID string, reply bot.Reply, ready bool) (plain []byte, rest bot.Reply) {
	var f *frame
	reply = linked(reply)
	switch {
	case in.Ignore:
	case in.Poll != "":
		f = r.messageFrame(in, in.Poll, reply, ready, true)
		if in.Told {
			f = toldFrame(f, reply)
		}
	case in.Message.Kind == bot.Enter:
		if ready {
			f = r.enterFrame(reply)
		}
	case in.Message.Kind == bot.Click:
		f, rest = r.clickFrame(in.Message, reply)
		if !ready {
			rest = bot.Reply{} // the final reply will come
		}
	default:
		f = r.messageFrame(in, streamID, reply, ready, false)
	}
	if f == nil {
		return nil, rest
	}
	return encodeFrame(f), rest
}

// messageFrame answers a message, or a poll of a stream that was opened before.
func (r *Robot) messageFrame(in Incoming, id string, reply bot.Reply, ready, opened bool) *frame {
	stream := &frameStream{ID: id, Finish: ready}
	mention := ""
	if ready && r.mention { // not before, or it would call for attention twice
		mention = mentionIn(in.Message.Chat, cmp.Or(in.Message.SentAs, in.Message.User))
	}
	withText := func(text string) *frame {
		stream.Content = cutBytes(mention+text, maxStream)
		return &frame{MsgType: "stream", Stream: stream}
	}
	if reply.Empty() {
		switch {
		case !ready:
			return withText(waiting)
		case opened: // what was opened must be finished
			return withText("已处理。")
		}
		return nil
	}
	if !ready || reply.Pending || reply.Card == nil {
		return withText(markdown(reply))
	}
	card, err := checkedCard(RobotChannel, *reply.Card, r.fallbackURL)
	if err != nil {
		return withText(markdown(reply))
	}
	nameSender(card, *reply.Card, in.Message)
	if reply.Text == "" && !opened {
		return &frame{MsgType: "template_card", Card: card}
	}
	text := reply.Text
	if text == "" { // takes the place of "please wait"
		text = bot.Escaped(cmp.Or(oneLine(reply.Card.Title), "已完成"))
	}
	stream.Content = cutBytes(mention+text, maxStream)
	return &frame{MsgType: "stream_with_template_card", Stream: stream, Card: card}
}

// told ends a stream whose answer is a message of its own.
const told = "已回复，请看新消息。"

// toldFrame leaves of a frame what ends the stream: of a card its title, of words
// nothing.
func toldFrame(f *frame, reply bot.Reply) *frame {
	if f.Card == nil || reply.Text != "" {
		f.Stream.Content = told
	}
	return &frame{MsgType: "stream", Stream: f.Stream}
}

// enterFrame welcomes; this is the only place for plain text (page 101031).
func (r *Robot) enterFrame(reply bot.Reply) *frame {
	if reply.Empty() {
		return nil
	}
	if reply.Card != nil && reply.Text == "" {
		if card, err := checkedCard(RobotChannel, *reply.Card, r.fallbackURL); err == nil {
			return &frame{MsgType: "template_card", Card: card}
		}
	}
	return &frame{MsgType: "text", Text: &frameText{cutBytes(plainText(reply), maxText)}}
}

// clickFrame changes the clicked card. The new card must bear the task id of
// the event.
func (r *Robot) clickFrame(in bot.Message, reply bot.Reply) (f *frame, rest bot.Reply) {
	if reply.Empty() || in.Button == nil {
		return nil, reply
	}
	card, rest := clickCard(reply)
	card.TaskID = in.Button.TaskID
	wire, err := checkedCard(RobotChannel, card, r.fallbackURL)
	if err != nil {
		return nil, reply
	}
	nameSender(wire, card, in)
	f = &frame{ResponseType: "update_template_card", Card: wire}
	if reply.Card == nil || reply.Card.Tone == bot.Bad {
		f.UserIDs = []string{cmp.Or(in.SentAs, in.User)} // an encrypted id does not bear folding
	}
	return f, rest
}

// clickCard is the card that replaces a clicked one, and what it cannot say.
// Text alone is put on a card of its own, as far as it fits.
func clickCard(reply bot.Reply) (bot.Card, bot.Reply) {
	if reply.Card != nil {
		return *reply.Card, bot.Reply{Text: reply.Text}
	}
	soft := softLimitsOf(RobotChannel)
	title, text, _ := strings.Cut(strings.TrimSpace(stripMarkdown(reply.Text)), "\n")
	text = strings.TrimSpace(text)
	card := bot.Card{Title: title, Text: text}
	if shorten(title, soft.title) == title && shorten(text, soft.text) == text {
		return card, bot.Reply{}
	}
	return card, bot.Reply{Text: reply.Text}
}

// encodeFrame leaves < > & as they are: shorter, and readable in golden files.
func encodeFrame(f any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return nil // only strings, numbers and booleans: cannot fail
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
