package wecomtest

import "time"

// maxContent is the limit of a stream's content and of markdown to a response_url
// in bytes (pages 101031, 101138).
const maxContent = 20480

// streamKey is a stream id, unique within a robot.
type streamKey struct {
	bot *bot
	id  string
}

// stream is a robot's message that is still growing, or has been.
type stream struct {
	key     streamKey
	post    *post
	of      *callback // the message it answers
	started time.Time // when the person wrote; over a long connection: when the first frame came
	done    bool
	carded  bool // a card came with it; one is allowed
	polling bool // a poll is under way
}

// tooOld reports whether the stream is past its six minutes.
func (s *stream) tooOld(now time.Time) bool { return now.Sub(s.started) >= streamLife }

// end marks a stream as done. Callers hold mu.
func (w *WeCom) end(s *stream) {
	s.done = true
	delete(w.running, s)
}

// applyToRobot gives effect to a passive answer of a robot (page 101031). Callers hold mu.
func (w answers) applyToRobot(c *callback, plain []byte) *apiError {
	o, err := parseObject(plain)
	if err != nil {
		return refusef(-40002, "the passive answer is %s", err)
	}
	r := &reader{}
	kind := r.str(o, "msgtype")
	if r.err != nil {
		return r.err
	}
	if c.kind == onCardEvent {
		return w.updateByRobot(c, o)
	}
	switch kind {
	case "text":
		if c.kind != onEvent {
			return refusef(40008, "plain text only answers enter_chat")
		}
		return w.welcome(c, o)
	case "template_card":
		if c.kind == onPoll {
			return refusef(40008, "a stream poll is answered by stream or stream_with_template_card")
		}
		return w.answerWithCard(c, o)
	case "stream", "stream_with_template_card":
		if c.kind == onEvent {
			return refusef(40008, "enter_chat is answered by text or template_card")
		}
		return w.answerWithStream(c, o, kind == "stream_with_template_card")
	}
	return refusef(40008, "invalid passive message type %q", kind)
}

func (w answers) welcome(c *callback, o object) *apiError {
	r := &reader{}
	t, _ := r.object(o, "text")
	content := r.str(t, "content")
	if r.err != nil {
		return r.err
	}
	if content == "" {
		return refusef(44004, "empty text")
	}
	if len(content) > maxContent {
		return refusef(45002, "text longer than %d bytes", maxContent)
	}
	if !c.answered {
		c.answered = true
		w.show(&post{kind: KindText, where: c.where, from: c.bot.title, bot: c.bot, base: view{text: content}})
	}
	return nil
}

func (w answers) answerWithCard(c *callback, o object) *apiError {
	if c.answered {
		return nil // the first answer stands; its task id is taken by itself
	}
	card, refusal := w.cardIn(c.bot, o)
	if refusal != nil {
		return refusal
	}
	c.answered = true
	w.showCard(c.bot, card, c.where, "")
	return nil
}

// cardIn takes the new card out of a message. Callers hold mu.
func (w *WeCom) cardIn(b *bot, o object) (*Card, *apiError) {
	r := &reader{}
	t, ok := r.object(o, "template_card")
	if r.err != nil {
		return nil, r.err
	}
	if !ok {
		return nil, refusef(42031, "missing template_card")
	}
	return w.newCard(b, t)
}

// showCard puts a robot's card on a screen. Callers hold mu.
func (w *WeCom) showCard(b *bot, card *Card, where Where, replyTo string) *post {
	sent := &sentCard{bot: b, taskID: card.TaskID, kind: card.Type, updatable: card.updatable()}
	if card.TaskID != "" {
		b.tasks[card.TaskID] = true
	}
	p := w.show(&post{kind: KindCard, where: where, from: b.title, bot: b, sent: sent, replyTo: replyTo, base: view{card: card}})
	sent.posts = []*post{p}
	return p
}

func (w answers) answerWithStream(c *callback, o object, withCard bool) *apiError {
	r := &reader{}
	f, ok := r.object(o, "stream")
	id, finish, content := r.str(f, "id"), r.boolean(f, "finish"), r.str(f, "content")
	items := r.objects(f, "msg_item")
	switch {
	case r.err != nil:
		return r.err
	case !ok || id == "":
		return refusef(40058, "missing stream.id")
	case len(content) > maxContent:
		return refusef(45002, "stream.content longer than %d bytes", maxContent)
	case len(items) > 10 || len(items) > 0 && !finish:
		return refusef(40058, "stream.msg_item: ten images at most, in the last frame only")
	}
	s := w.streams[streamKey{c.bot, id}]
	switch {
	case c.kind == onPoll && s != c.stream:
		return refusef(40058, "stream.id is not the one that was asked for")
	case c.kind == onMessage && s != nil && s.of != c:
		return refusef(40058, "stream.id was used before")
	case c.kind == onMessage && s == nil && c.answered:
		return nil // the first answer stands
	}
	if s != nil && s.done {
		return nil // a repeat after the end; nothing is shown any more
	}
	var card *Card
	if withCard && (s == nil || !s.carded) {
		var refusal *apiError
		if card, refusal = w.cardIn(c.bot, o); refusal != nil {
			return refusal
		}
	} else if withCard && c.kind == onPoll {
		return refusef(40058, "a message is answered with one card only")
	}
	if s == nil {
		s = &stream{key: streamKey{c.bot, id}, of: c, started: c.post.at}
		w.streams[s.key], w.running[s] = s, true
		c.answered = true
		s.post = w.show(&post{kind: KindStream, where: c.where, from: c.bot.title, bot: c.bot,
			base: view{text: content, running: !finish}})
	} else if v := s.post.base; v.text != content || finish {
		// Every frame replaces the whole text.
		w.change(s.post, nil, func(v *view) { v.text, v.running = content, !finish })
	}
	if finish {
		w.end(s)
	}
	if card != nil {
		s.carded = true
		w.showCard(c.bot, card, c.where, "")
	}
	return nil
}

// updateByRobot changes a card for everybody who saw it, or for the given members
// only (page 101031). Callers hold mu.
func (w answers) updateByRobot(c *callback, o object) *apiError {
	r := &reader{}
	kind := r.str(o, "response_type")
	users, some := r.strings(o, "userids")
	t, ok := r.object(o, "template_card")
	switch {
	case r.err != nil:
		return r.err
	case kind != "update_template_card":
		return refusef(40008, "a card event is answered by response_type update_template_card only")
	case !ok:
		return refusef(42031, "missing template_card")
	}
	if id := r.str(t, "task_id"); r.err == nil && id != c.taskID {
		return refusef(42014, "template_card.task_id is not that of the event")
	}
	card, refusal := w.updatedCard(c.bot, c.post.sent, t)
	if refusal != nil {
		return refusal
	}
	if some && len(users) == 0 {
		some = false // an empty list means nothing else than no list
	}
	if c.answered {
		return nil
	}
	c.answered = true
	if some {
		users = w.named(c.bot, users)
	} else {
		users = nil
	}
	w.change(c.post, users, func(v *view) { v.card = card })
	return nil
}
