package wecomtest

import "time"

const (
	replyLife   = 24 * time.Hour  // of a message's req_id (page 101463)
	eventLife   = 5 * time.Second // of an event's req_id
	minuteSends = 30              // to one conversation, answers and pushes
	hourlySends = 1000
	maxFeedback = 256 // bytes of a feedback id
)

// request is what a req_id stands for.
type request struct {
	of   *callback
	at   time.Time
	void bool // forgotten on request of a test
}

// chatOf is one conversation of one robot.
type chatOf struct {
	bot   *bot
	where Where
}

// Reply is a frame by which a robot answered a callback over its long connection.
type Reply struct {
	At      time.Time `json:"at"`
	Cmd     string    `json:"cmd"`
	Body    []byte    `json:"body"`
	Code    int       `json:"errcode"` // it was acked with; 0: taken
	Refused string    `json:"refused,omitempty"`
}

// answerByFrame is aibot_respond_msg, aibot_respond_welcome_msg and
// aibot_respond_update_msg. Callers hold mu.
func (w longConnection) answerByFrame(b *bot, f clientFrame) *apiError {
	q := w.requests[f.reqID]
	if q == nil || q.of.bot != b {
		return refusef(846605, "invalid req_id")
	}
	refusal := w.applyFrame(q, f)
	reply := Reply{At: w.opt.Now(), Cmd: f.cmd, Body: encodeJSON(f.body)}
	if refusal != nil {
		reply.Code, reply.Refused = refusal.Code, refusal.Error()
	} else {
		q.of.answered = true
	}
	q.of.replies = append(q.of.replies, reply)
	for i := range q.of.attempts {
		if a := &q.of.attempts[i]; a.ReqID == f.reqID {
			a.Answer, a.Refused = reply.Body, reply.Refused
		}
	}
	w.bump()
	return refusal
}

func (w longConnection) applyFrame(q *request, f clientFrame) *apiError {
	c, now := q.of, w.opt.Now()
	if q.void {
		return refusef(846605, "invalid req_id")
	}
	if f.cmd == respondCmd {
		switch {
		case c.kind != onMessage:
			return refusef(846605, "invalid req_id: it is that of an event")
		case now.Sub(c.post.at) >= replyLife:
			return refusef(846605, "invalid req_id: the message is older than 24 hours")
		}
		return w.respondByFrame(c, f.body)
	}
	switch {
	case f.cmd == welcomeCmd && c.kind != onEvent, f.cmd == updateCmd && c.kind != onCardEvent:
		return refusef(846605, "invalid req_id: it is not one that %s answers", f.cmd)
	case now.Sub(q.at) > eventLife:
		return refusef(846605, "invalid req_id: the event is older than 5 seconds")
	case c.answered:
		return refusef(846605, "invalid req_id: the event has been answered")
	case f.cmd == updateCmd:
		return answers(w).updateByRobot(c, f.body)
	}
	r := &reader{}
	kind := r.str(f.body, "msgtype")
	switch {
	case r.err != nil:
		return r.err
	case kind != "text" && kind != "template_card":
		return refusef(40008, "enter_chat is answered by text or template_card")
	}
	if refusal := w.room(c.bot, c.where); refusal != nil {
		return refusal
	}
	var refusal *apiError
	if kind == "text" {
		refusal = answers(w).welcome(c, f.body)
	} else {
		refusal = answers(w).answerWithCard(c, f.body)
	}
	if refusal == nil {
		w.count(c.bot, c.where)
	}
	return refusal
}

// respondByFrame is aibot_respond_msg. Callers hold mu.
func (w longConnection) respondByFrame(c *callback, body object) *apiError {
	r := &reader{}
	kind := r.str(body, "msgtype")
	switch {
	case r.err != nil:
		return r.err
	case kind == "stream":
		return w.streamFrame(c, body, false)
	case kind == "stream_with_template_card":
		if w.opt.StreamCards == StreamCardsRefused {
			return refusef(40008, "stream_with_template_card is not supported")
		}
		return w.streamFrame(c, body, true)
	case kind == "template_card" && c.where.Group != "" && !w.groupCards.Respond:
		return refusef(40008, "template_card answers a single chat only")
	}
	return w.postByRobot(c.bot, c.where, kind, body)
}

// postByRobot shows what is a message of its own. Callers hold mu.
func (w longConnection) postByRobot(b *bot, where Where, kind string, body object) *apiError {
	if refusal := w.room(b, where); refusal != nil {
		return refusal
	}
	switch kind {
	case "markdown":
		text, refusal := markdownIn(body)
		if refusal != nil {
			return refusal
		}
		w.show(&post{kind: KindMarkdown, where: where, from: b.title, bot: b, base: view{text: text}})
	case "template_card":
		card, refusal := w.cardIn(b, body)
		if refusal != nil {
			return refusal
		}
		w.showCard(b, card, where, "")
	case "file", "image", "voice", "video":
		// Only aibot_upload_media_* gives out ids for these, and it is not served.
		return refusef(40007, "invalid media_id")
	default:
		return refusef(40008, "invalid message type %q", kind)
	}
	w.count(b, where)
	return nil
}

// streamFrame shows a frame of a stream: each replaces the whole text. Callers hold mu.
func (w longConnection) streamFrame(c *callback, body object, withCard bool) *apiError {
	r := &reader{}
	f, ok := r.object(body, "stream")
	id, finish, content := r.str(f, "id"), r.boolean(f, "finish"), r.str(f, "content")
	feedback, _ := r.object(f, "feedback")
	_, items := f["msg_item"]
	switch {
	case r.err != nil:
		return r.err
	case !ok || id == "":
		return refusef(40058, "missing stream.id")
	case len(content) > maxContent:
		return refusef(45002, "stream.content longer than %d bytes", maxContent)
	case items:
		return refusef(40058, "stream.msg_item is not supported over a long connection")
	case len(r.str(feedback, "id")) > maxFeedback:
		return refusef(40058, "stream.feedback.id longer than %d bytes", maxFeedback)
	case r.err != nil:
		return r.err
	}
	now := w.opt.Now()
	s := w.streams[streamKey{c.bot, id}]
	switch {
	case s == nil:
		if refusal := w.room(c.bot, c.where); refusal != nil {
			return refusal
		}
	case s.of != c:
		return refusef(40058, "stream.id was used before")
	case s.tooOld(now):
		if !s.done {
			w.expire(s)
		}
		return refusef(846608, "stream expired: its first frame is 6 minutes old")
	case s.done && finish && content == s.post.base.text:
		return nil // a repeat of the last frame
	case s.done:
		return refusef(846608, "stream expired: it is finished")
	}
	var card *Card
	if withCard {
		if s != nil && s.carded {
			return refusef(40058, "a message is answered with one card only")
		}
		var refusal *apiError
		if card, refusal = w.cardIn(c.bot, body); refusal != nil {
			return refusal
		}
	}
	if s == nil {
		s = &stream{key: streamKey{c.bot, id}, of: c, started: now}
		w.streams[s.key], w.running[s] = s, true
		s.post = w.show(&post{kind: KindStream, where: c.where, from: c.bot.title, bot: c.bot,
			base: view{text: content, running: !finish}})
		w.count(c.bot, c.where)
	} else {
		w.change(s.post, nil, func(v *view) { v.text, v.running = content, !finish })
	}
	if finish {
		w.end(s)
	}
	if card != nil {
		s.carded = true
		if w.opt.StreamCards == StreamCardsShown {
			w.showCard(c.bot, card, c.where, "")
		} else {
			w.drop(c.bot, c.user, "the card of a stream_with_template_card is not shown", card.Title)
		}
	}
	return nil
}

// pushByRobot is aibot_send_msg. Callers hold mu.
func (w longConnection) pushByRobot(b *bot, body object) *apiError {
	r := &reader{}
	chat, kind := r.str(body, "chatid"), r.str(body, "msgtype")
	chatType, _ := r.integer(body, "chat_type")
	switch {
	case r.err != nil:
		return r.err
	case chatType < 0 || chatType > 2:
		return refusef(40058, "invalid chat_type")
	}
	where, ok := w.chat(b, chat, chatType)
	switch {
	case !ok:
		return refusef(93006, "invalid chatid")
	case !w.heard[chatOf{b, where}]:
		return refusef(93006, "invalid chatid: nobody there has written to the robot")
	case kind == "template_card" && where.Group != "" && !w.groupCards.Push:
		return refusef(40008, "template_card is sent to a single chat only")
	}
	return w.postByRobot(b, where, kind, body)
}

// chat finds the conversation of aibot_send_msg. Group ids are compared with
// their case, userids without. Callers hold mu.
func (w longConnection) chat(b *bot, id string, chatType int) (Where, bool) {
	if g, ok := w.groups[id]; ok && chatType != 1 && g.has(b) {
		return InGroup(id), true
	}
	if chatType == 2 {
		return Where{}, false
	}
	user := fold(id)
	if b.robot.OpenUserIDs {
		user = w.byOpenID[id]
	}
	if _, ok := w.users[user]; !ok || !b.usableBy(user) {
		return Where{}, false
	}
	return InRobot(b.name, user), true
}

// room refuses what is over the limits of a conversation. Callers hold mu.
func (w longConnection) room(b *bot, where Where) *apiError {
	at := chatOf{b, where}
	now := w.opt.Now()
	w.posted[at] = recentOf(w.posted[at], now, time.Hour)
	lastMinute := 0
	for _, t := range w.posted[at] {
		if now.Sub(t) < time.Minute {
			lastMinute++
		}
	}
	if lastMinute >= minuteSends || len(w.posted[at]) >= hourlySends {
		return refusef(45009, "api freq out of limit")
	}
	return nil
}

// count counts a message of a robot. Callers hold mu.
func (w longConnection) count(b *bot, where Where) {
	at := chatOf{b, where}
	w.posted[at] = append(w.posted[at], w.opt.Now())
}
