package wecomtest

// respond is the active answer of a robot to a response_url (page 101138): no
// token, once, within an hour; a template card only where the callback came from
// a 1:1 conversation. Callers hold mu.
func (w httpAPI) respond(c *apiCall) (object, *apiError) {
	u := w.urls[c.r.URL.Query().Get("response_code")]
	switch {
	case u != nil && u.used:
		return nil, usedUp()
	case u == nil || !w.opt.Now().Before(u.expires):
		return nil, refusef(60140, "invalid response_code")
	}
	c.bot = u.bot
	where := u.of.where
	// In a group the answer quotes the message it answers; a clicked card cannot be
	// quoted.
	quoted := ""
	if where.Group != "" && u.of.kind == onMessage && u.of.post != nil {
		quoted = u.of.post.id
	}

	r := &reader{}
	kind := r.str(c.body, "msgtype")
	if r.err != nil {
		return nil, r.err
	}
	switch kind {
	case "markdown":
		content, refusal := markdownIn(c.body)
		if refusal != nil {
			return nil, refusal
		}
		w.show(&post{kind: KindMarkdown, where: where, from: u.bot.title, bot: u.bot, replyTo: quoted, base: view{text: content}})
	case "template_card":
		if where.Group != "" {
			return nil, refusef(40008, "template_card answers a response_url of a single chat only")
		}
		card, refusal := w.cardIn(u.bot, c.body)
		if refusal != nil {
			return nil, refusal
		}
		w.showCard(u.bot, card, where, quoted)
	default:
		return nil, refusef(40008, "invalid message type")
	}
	u.used = true
	return nil, nil
}

// markdownIn takes the text out of a markdown message of a robot.
func markdownIn(o object) (string, *apiError) {
	r := &reader{}
	m, _ := r.object(o, "markdown")
	content := r.str(m, "content")
	switch {
	case r.err != nil:
		return "", r.err
	case content == "":
		return "", refusef(44004, "markdown content is empty")
	case len(content) > maxContent:
		return "", refusef(45002, "markdown content longer than %d bytes", maxContent)
	}
	return content, nil
}
