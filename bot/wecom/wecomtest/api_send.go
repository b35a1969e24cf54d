package wecomtest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// memberRate is how many messages an app may send to one member in a minute; more
// are swallowed (page 90312).
const memberRate = 30

// repeat is a message sent with enable_duplicate_check.
type repeat struct {
	at     time.Time
	answer object
}

// responseCode is the right to update a card once within 72 hours (page 94888).
type responseCode struct {
	bot     *bot
	card    *sentCard
	expires time.Time
	used    bool
}

// grant makes a response code. Callers hold mu.
func (w *WeCom) grant(b *bot, card *sentCard) string {
	code := w.newID(43)
	w.codes[code] = &responseCode{bot: b, card: card, expires: w.opt.Now().Add(responseCodeLife)}
	return code
}

// sendMessage is message/send (page 90236). Callers hold mu.
func (w httpAPI) sendMessage(c *apiCall) (object, *apiError) {
	if refusal := w.agent(c); refusal != nil {
		return nil, refusal
	}
	answer, known, refusal := w.repeated(c)
	if refusal != nil || known {
		return answer, refusal
	}
	to, out, refusal := w.receivers(c)
	if refusal != nil {
		return nil, refusal
	}
	kind, text, card, refusal := w.content(c)
	if refusal != nil {
		return nil, refusal
	}
	out["msgid"] = w.newID(64)
	var sent *sentCard
	if card != nil {
		sent = &sentCard{bot: c.bot, taskID: card.TaskID, kind: card.Type, updatable: card.updatable(),
			receivers: map[string]bool{}}
		for _, u := range to {
			sent.receivers[fold(u.ID)] = true
		}
		if card.TaskID != "" {
			c.bot.tasks[card.TaskID] = true
		}
		if sent.updatable {
			out["response_code"] = w.grant(c.bot, sent)
		}
	}
	for _, u := range to {
		if !w.allowed(memberOf{c.bot, fold(u.ID)}) {
			what := text
			if card != nil {
				what = card.Title
			}
			w.drop(c.bot, u.ID, "more than 30 messages to one member within a minute", what)
			continue
		}
		p := w.show(&post{kind: kind, where: Where{App: c.bot.name, User: fold(u.ID)}, from: c.bot.title, bot: c.bot,
			sent: sent, base: view{text: text, card: card.clone()}})
		if sent != nil {
			sent.posts = append(sent.posts, p)
		}
	}
	w.remember(c, out)
	return out, nil
}

// repeated looks for the same request json within duplicate_check_interval.
func (w httpAPI) repeated(c *apiCall) (object, bool, *apiError) {
	r := &reader{}
	check, _ := r.integer(c.body, "enable_duplicate_check")
	seconds, ok := r.integer(c.body, "duplicate_check_interval")
	if r.err != nil {
		return nil, false, r.err
	}
	if check == 0 {
		return nil, false, nil
	}
	if !ok || seconds <= 0 {
		seconds = 1800
	}
	interval := time.Duration(min(seconds, 4*3600)) * time.Second
	old := w.repeats[requestSum(c)]
	if old == nil || w.opt.Now().Sub(old.at) >= interval {
		return nil, false, nil
	}
	to, _ := c.body["touser"].(string)
	w.drop(c.bot, to, "swallowed by enable_duplicate_check", "")
	return old.answer, true, nil
}

// remember keeps the answer of a message that asked for the check.
func (w httpAPI) remember(c *apiCall, answer object) {
	if n, _ := (&reader{}).integer(c.body, "enable_duplicate_check"); n == 0 {
		return
	}
	w.repeats[requestSum(c)] = &repeat{at: w.opt.Now(), answer: answer}
}

// requestSum is the same for the same JSON whatever the order of its keys.
func requestSum(c *apiCall) string {
	sum := sha256.Sum256(append([]byte(c.bot.String()+"\n"), encodeJSON(map[string]any(c.body))...))
	return hex.EncodeToString(sum[:])
}

// receivers sorts out who gets a message. Departments and tags are unknown here,
// so those are invalid.
func (w httpAPI) receivers(c *apiCall) ([]User, object, *apiError) {
	r := &reader{}
	toUser, toParty, toTag := r.str(c.body, "touser"), r.str(c.body, "toparty"), r.str(c.body, "totag")
	if r.err != nil {
		return nil, nil, r.err
	}
	if toUser == "" && toParty == "" && toTag == "" {
		return nil, nil, refusef(82001, "touser & toparty & totag are all empty")
	}
	if strings.Count(toUser, "|") >= 1000 {
		return nil, nil, refusef(40031, "invalid userid list: more than 1000")
	}
	var to []User
	var invalid []string
	if toUser == "@all" {
		toParty, toTag = "", ""
		for _, u := range w.users {
			if c.bot.usableBy(u.ID) {
				to = append(to, u)
			}
		}
		slices.SortFunc(to, func(a, b User) int { return strings.Compare(a.ID, b.ID) })
	} else {
		seen := map[string]bool{}
		for id := range strings.SplitSeq(toUser, "|") {
			id = fold(strings.TrimSpace(id))
			if id == "" || seen[id] {
				continue
			}
			seen[id] = true
			if u, ok := w.users[id]; ok && c.bot.usableBy(id) {
				to = append(to, u)
			} else {
				invalid = append(invalid, id) // lower case, as the real one returns them
			}
		}
	}
	if len(to) == 0 {
		return nil, nil, refusef(81013, "user & party & tag all invalid")
	}
	return to, object{"invaliduser": strings.Join(invalid, "|"), "invalidparty": toParty, "invalidtag": toTag,
		"unlicenseduser": ""}, nil
}

// content checks the message itself.
func (w httpAPI) content(c *apiCall) (kind, text string, card *Card, refusal *apiError) {
	r := &reader{}
	kind = r.str(c.body, "msgtype")
	part, ok := r.object(c.body, kind)
	if r.err != nil {
		return "", "", nil, r.err
	}
	switch kind {
	case "text", "markdown":
		text = r.str(part, "content")
		if r.err == nil && text == "" {
			return "", "", nil, refusef(44004, "text content is empty")
		}
		if len(text) > 2048 {
			return "", "", nil, refusef(45002, "content longer than 2048 bytes")
		}
	case "textcard":
		title, desc := r.str(part, "title"), r.str(part, "description")
		switch {
		case r.err != nil:
		case title == "":
			return "", "", nil, refusef(41016, "missing title")
		case desc == "":
			return "", "", nil, refusef(44004, "textcard description is empty")
		case r.str(part, "url") == "":
			return "", "", nil, refusef(42028, "missing textcard url")
		}
		text = title + "\n" + desc
	case "image", "voice", "video", "file":
		if text = r.str(part, "media_id"); !w.hasMedium(text) || w.media[text].kind != kind {
			return "", "", nil, refusef(40007, "invalid media_id")
		}
	case "template_card":
		if !ok {
			return "", "", nil, refusef(42031, "missing template_card")
		}
		card, refusal = w.newCard(c.bot, part)
		return KindCard, "", card, refusal
	default:
		return "", "", nil, refusef(40008, "invalid message type")
	}
	if r.err != nil {
		return "", "", nil, r.err
	}
	return kind, text, nil, nil
}

// allowed counts a message against the member's minute.
func (w httpAPI) allowed(m memberOf) bool {
	now := w.opt.Now()
	recent := slices.DeleteFunc(w.sends[m], func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	ok := len(recent) < memberRate
	if ok {
		recent = append(recent, now)
	}
	w.sends[m] = recent
	return ok
}

// updateTemplateCard is message/update_template_card (page 94888). Callers hold mu.
func (w httpAPI) updateTemplateCard(c *apiCall) (object, *apiError) {
	if refusal := w.agent(c); refusal != nil {
		return nil, refusal
	}
	r := &reader{}
	users, _ := r.strings(c.body, "userids")
	all, _ := r.integer(c.body, "atall")
	code := w.codes[r.str(c.body, "response_code")]
	button, hasButton := r.object(c.body, "button")
	newCard, hasCard := r.object(c.body, "template_card")
	replace := r.str(button, "replace_name")
	if r.err != nil {
		return nil, r.err
	}
	switch {
	case code == nil || code.bot != c.bot:
		return nil, refusef(60140, "invalid response_code")
	case code.used:
		return nil, usedUp()
	case !w.opt.Now().Before(code.expires):
		return nil, refusef(60140, "invalid response_code")
	}
	if len(users) == 0 && all == 0 {
		return nil, refusef(82001, "userids & partyids & tagids are all empty")
	}
	var card *Card
	switch {
	case hasCard:
		var refusal *apiError
		if card, refusal = w.updatedCard(c.bot, code.card, newCard); refusal != nil {
			return nil, refusal
		}
	case !hasButton || replace == "":
		return nil, refusef(42038, "missing button.replace_name")
	case !interactive(code.card.kind):
		return nil, refusef(40058, "only the button of an interaction card can be replaced")
	}

	chosen, invalid := map[string]bool{}, []string{}
	for _, u := range users {
		if u = fold(u); code.card.receivers[u] {
			chosen[u] = true
		} else {
			invalid = append(invalid, u)
		}
	}
	if all == 0 && len(chosen) == 0 {
		return nil, refusef(81013, "user & party & tag all invalid")
	}
	code.used = true
	for _, p := range code.card.posts {
		if all != 0 || chosen[p.where.User] {
			w.change(p, nil, func(v *view) {
				if card != nil {
					v.card = card.clone()
					return
				}
				v.card = v.card.clone()
				v.card.Dead, v.card.ReplaceText = true, replace
			})
		}
	}
	return object{"invaliduser": invalid}, nil
}
