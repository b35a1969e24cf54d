package wecom

import (
	"cmp"
	"context"
	"errors"
	"time"

	"yanquan/bot"
)

// Codes of the long connection (page 101463, and what its users report).
const (
	codeReqID         = 846605 // this req_id cannot be answered, or not any more
	codeStreamOver    = 846608 // the stream has ended
	codeNotSubscribed = 846609 // the connection is there, the subscription is not
	codeNoChat        = 93006  // no such conversation, or it never wrote to the robot
	codeTaskID        = 42014  // wrong, or there is a card with it
)

// eventWithin is the time in which an event can be answered: 5 s by WeCom's clock
// (page 101463).
const eventWithin = 4500 * time.Millisecond

// cardsAgain is how long a group is spared cards after WeCom has refused one there:
// its pages disagree on whether groups take them.
const cardsAgain = time.Hour

// socketBody is what a reply or a message consists of; fields that are nil are left
// out.
type socketBody struct {
	ChatID   string     `json:"chatid,omitempty"`
	ChatType int        `json:"chat_type,omitempty"` // 1: person, 2: group
	Markdown *frameText `json:"markdown,omitempty"`
	frame
}

// socketPart is one message of a delivery.
type socketPart struct {
	event string        // the command that answers an event with body; "": card or words
	body  *frame        //
	card  *TemplateCard // …or
	words string        // markdown
	// stream is what words are a frame of; "": they are a message of their own.
	stream string
	more   bool // the stream is not finished by it
	spare  bool // words that only take the place of those in the stream
}

// deliver sends what of a delivery was not sent by an earlier try. save is called
// whenever p has changed.
//
// A message is answered by its req_id. Where WeCom does not take that (any more),
// the same goes out as a message to the conversation.
func (s *Socket) deliver(ctx context.Context, d bot.Delivery, p *progress, save func()) (bot.Sent, error) {
	c := s.live.Load()
	if c == nil {
		return bot.Sent{}, &bot.DeliveryError{Reason: reasonOffline, Retry: true, After: time.Second, Err: errEnded}
	}
	d.Reply = linked(d.Reply)
	if d.Chat != "" && d.Form == bot.AsCard && p.done == 0 && s.Now().UnixNano() < s.noGroupCards.Load() {
		d.Form = bot.AsMarkdown
	}
	parts, refusal := s.parts(d)
	if refusal != nil {
		return bot.Sent{}, refusal
	}
	for p.done < len(parts) {
		if err := s.sendPart(ctx, c, d, parts[p.done], p); err != nil {
			if d.Chat != "" && parts[p.done].card != nil && formRefused(apiCode(err)) {
				s.noGroupCards.Store(s.Now().Add(cardsAgain).UnixNano())
			}
			save()
			return bot.Sent{}, err
		}
		p.done++
		p.lost = false
		save()
	}
	return bot.Sent{}, nil
}

// sendPart sends one part as a reply, or else as a message.
func (s *Socket) sendPart(ctx context.Context, c *connection, d bot.Delivery, part socketPart, p *progress) error {
	reqID := wireOf(d.Way).ReqID
	if part.event != "" {
		left := eventWithin - s.Now().Sub(d.Asked)
		if left < 0 {
			return s.tooLate(d)
		}
		return failedSocket(c.answerEvent(ctx, part, reqID, min(left, eventWithin)/2), d.Form, p)
	}
	minute := perMinute
	if part.more {
		minute = linesPerMinute
	}
	if wait := s.pace.take(conversationOf(d.Chat, d.User), s.Now(), minute); wait > 0 {
		return &bot.DeliveryError{Reason: reasonPaced, Retry: !part.more, After: wait, Err: errors.New("wecom: the conversation has had enough messages for now")}
	}
	if reqID != "" && d.Answers != bot.Click && !p.pushed {
		err := c.call(ctx, cmdRespond, reqID, part.reply(d))
		if code := apiCode(err); code != codeReqID && code != codeStreamOver {
			return failedSocket(err, d.Form, p)
		}
		if part.more {
			return &bot.DeliveryError{Reason: reasonStream, Err: err}
		}
		p.pushed = true
	}
	if part.spare {
		return nil
	}
	return failedSocket(c.call(ctx, cmdPush, cmdPush+"_"+s.NewID(), part.message(d)), d.Form, p)
}

// answerEvent answers an event, and once more where no ack has come for so long: while
// there is time, WeCom still says whether it has the answer. Over one connection frames
// come in their order, so that who refuses the second as answered has taken the first.
func (c *connection) answerEvent(ctx context.Context, part socketPart, reqID string, patience time.Duration) error {
	err := c.callWithin(ctx, patience, part.event, reqID, part.body)
	if !errors.Is(err, errNoAck) {
		return err
	}
	err = c.call(ctx, part.event, reqID, part.body)
	if apiCode(err) == codeReqID {
		return nil
	}
	return err
}

// tooLate is the verdict on an event that was not answered in time: there is no
// welcome any more, and in place of a card that cannot be changed a new one is sent.
// So it is where a change may have been made, and WeCom has told of no try whether it was:
// two cards say the same, and an undo of what is undone is refused; a change that was not
// made would leave the person without the outcome.
func (s *Socket) tooLate(d bot.Delivery) error {
	if d.Answers == bot.Enter {
		return refusedHere(reasonLate, "", "the conversation was opened too long ago")
	}
	return refusedHere(reasonUpdate, bot.AsCard, "the button was pressed too long ago")
}

// parts lists the messages of a delivery; the list is the same for every try.
func (s *Socket) parts(d bot.Delivery) ([]socketPart, *bot.DeliveryError) {
	reply, answers := d.Reply, wireOf(d.Way).ReqID != ""
	words := func(text string) socketPart {
		return socketPart{words: cutBytes(text, maxStream), stream: d.ID}
	}
	mention := ""
	if s.Mention && answers && !d.Ends { // not before the answer, or it would call for attention twice
		mention = mentionIn(d.Chat, cmp.Or(d.SentAs, d.User))
	}
	asker := bot.Message{Chat: d.Chat, User: d.User, SentAs: d.SentAs, Button: &bot.Button{TaskID: d.Card}}
	var card *TemplateCard
	if reply.Card != nil && (d.Form == bot.AsCard || d.Form == bot.AsUpdate) {
		var err error
		if card, err = checkedCard(SocketChannel, *reply.Card, s.FallbackURL); err != nil {
			return nil, &bot.DeliveryError{Reason: reasonCard, Downgrade: bot.AsMarkdown, Err: err}
		}
	}
	switch {
	case d.Form == bot.AsStream:
		line := words(markdown(reply))
		line.stream, line.more = d.Stream, true
		return []socketPart{line}, nil
	case d.Answers == bot.Enter && answers:
		f := s.robot.enterFrame(reply)
		if card == nil {
			f = &frame{MsgType: "text", Text: &frameText{cutBytes(plainText(reply), maxText)}}
		}
		return []socketPart{{event: cmdWelcome, body: f}}, nil
	case d.Form == bot.AsUpdate && (card == nil || !answers || d.Card == ""):
		return nil, refusedHere(reasonUpdate, bot.AsCard, "there is no card to update")
	case d.Form == bot.AsUpdate:
		f, rest := s.robot.clickFrame(asker, reply)
		if f == nil {
			return nil, refusedHere(reasonUpdate, bot.AsCard, "the card cannot be updated")
		}
		parts := []socketPart{{event: cmdUpdate, body: f}}
		if rest.Text != "" {
			parts = append(parts, words(rest.Text))
		}
		return parts, nil
	case card != nil:
		if answers {
			nameSender(card, *reply.Card, asker)
		}
		parts := []socketPart{{card: card}}
		switch {
		case d.Open: // the card is a message of its own; the stream ends in front of it
			last := words(mention + cmp.Or(reply.Text, bot.Escaped(cmp.Or(oneLine(reply.Card.Title), "已完成"))))
			last.stream, last.spare = d.Stream, reply.Text == ""
			parts = []socketPart{last, {card: card}}
		case reply.Text != "":
			parts = append(parts, words(reply.Text))
		}
		return parts, nil
	}
	all := words(mention + markdown(reply))
	if d.Form == bot.AsText {
		all = words(bot.Escaped(plainText(reply)))
		all.stream = "" // the other way to say it
	}
	if d.Open {
		all.stream = d.Stream
	}
	return []socketPart{all}, nil
}

// reply is the part as an answer to a message. Plain text is refused there (40008),
// so that words are a stream of one frame.
func (p socketPart) reply(d bot.Delivery) socketBody {
	switch {
	case p.card != nil:
		return socketBody{frame: frame{MsgType: "template_card", Card: p.card}}
	case p.stream == "":
		return socketBody{frame: frame{MsgType: "markdown"}, Markdown: &frameText{p.words}}
	}
	return socketBody{frame: frame{MsgType: "stream", Stream: &frameStream{ID: p.stream, Finish: !p.more, Content: p.words}}}
}

// message is the part as a message to the conversation (page 101463).
func (p socketPart) message(d bot.Delivery) socketBody {
	body := socketBody{ChatID: d.Chat, ChatType: 2}
	if d.Chat == "" {
		body.ChatID, body.ChatType = cmp.Or(d.SentAs, d.User), 1
	}
	if p.card != nil {
		body.frame = frame{MsgType: "template_card", Card: p.card}
	} else {
		body.frame, body.Markdown = frame{MsgType: "markdown"}, &frameText{p.words}
	}
	return body
}

// failedSocket is failed for the long connection; nil where there is no error.
func failedSocket(err error, form bot.Form, p *progress) error {
	switch code := apiCode(err); {
	case err == nil:
		return nil
	case code == 0: // it may have been sent
		p.lost = true
		return failedCall(err)
	case code == codeTaskID && p.lost: // by an earlier try, whose answer was lost
		return nil
	case code == codeNotSubscribed:
		return &bot.DeliveryError{Reason: reasonNotSubscribed, Retry: true, After: time.Second, Err: err}
	case code == codeNoChat:
		return &bot.DeliveryError{Reason: reasonNoReceiver, Err: err}
	case form == bot.AsUpdate:
		return &bot.DeliveryError{Reason: reasonUpdate, Downgrade: bot.AsCard, Err: err}
	}
	return failed(err, form)
}

// deliverSocket makes one try by the long connection of a robot.
func (s *Sender) deliverSocket(ctx context.Context, socket *Socket, d bot.Delivery) (bot.Sent, error) {
	p := s.loadProgress(d)
	p.lost = p.lost || d.Lost
	sent, err := socket.deliver(ctx, d, &p, func() { s.saveProgress(d.ID, p, false) })
	if err == nil {
		s.saveProgress(d.ID, p, true)
	}
	return sent, err
}
