package wecomtest

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// answers is the fake as it takes what callbacks are answered with.
type answers struct{ *WeCom }

// openAnswer takes a passive answer out of its envelope. Codes are those of the
// vendor's crypto libraries. Callers hold mu.
func (w answers) openAnswer(c *callback, body []byte) ([]byte, *apiError) {
	var e envelope
	var refusal *apiError
	if c.bot.isApp() {
		e, refusal = xmlEnvelope(body)
	} else {
		e, refusal = jsonEnvelope(body, c.req.Query.Get("nonce"))
	}
	if refusal != nil {
		return nil, refusal
	}
	if signature(c.bot.token, e.timestamp, e.nonce, e.encrypted) != e.signature {
		return nil, refusef(-40001, "the signature of the answer is wrong")
	}
	plain, err := open(c.bot.key, e.encrypted, c.bot.receiveID)
	if err != nil {
		return nil, refusef(-40007, "%s", err)
	}
	if !utf8.Valid(plain) {
		return nil, refusef(-40002, "the answer is not UTF-8")
	}
	return plain, nil
}

type envelope struct{ encrypted, signature, timestamp, nonce string }

// xmlEnvelope is <xml><Encrypt/><MsgSignature/><TimeStamp/><Nonce/></xml> (page 90968).
func xmlEnvelope(body []byte) (envelope, *apiError) {
	root, err := parseXML(body)
	if err != nil || root.name != "xml" {
		return envelope{}, refusef(-40002, "the answer is not an XML envelope")
	}
	e := envelope{root.value("Encrypt"), root.value("MsgSignature"), root.value("TimeStamp"), root.value("Nonce")}
	if e.encrypted == "" || e.signature == "" || e.nonce == "" {
		return envelope{}, refusef(-40002, "the envelope lacks Encrypt, MsgSignature or Nonce")
	}
	if _, err := strconv.ParseInt(e.timestamp, 10, 64); err != nil {
		return envelope{}, refusef(-40002, "TimeStamp of the envelope is not a number")
	}
	return e, nil
}

// jsonEnvelope is {"encrypt","msgsignature","timestamp","nonce"}: lower-case keys,
// timestamp a number, the nonce that of the callback URL (page 101033).
func jsonEnvelope(body []byte, nonce string) (envelope, *apiError) {
	o, err := parseObject(body)
	if err != nil {
		return envelope{}, refusef(-40002, "the answer is not a JSON envelope")
	}
	encrypted, ok1 := o["encrypt"].(string)
	sig, ok2 := o["msgsignature"].(string)
	gotNonce, ok3 := o["nonce"].(string)
	if !ok1 || !ok2 || !ok3 {
		return envelope{}, refusef(-40002, "the envelope lacks encrypt, msgsignature or nonce")
	}
	stamp, ok := o["timestamp"].(json.Number)
	if !ok {
		return envelope{}, refusef(-40002, "timestamp of the envelope is not a number")
	}
	if _, err := strconv.ParseInt(stamp.String(), 10, 64); err != nil {
		return envelope{}, refusef(-40002, "timestamp of the envelope is not in whole seconds")
	}
	if gotNonce != nonce {
		return envelope{}, refusef(-40002, "the nonce of the envelope is not that of the callback URL")
	}
	return envelope{encrypted, sig, stamp.String(), gotNonce}, nil
}

// applyToApp gives effect to a passive answer of an app (page 90241). Callers hold mu.
func (w answers) applyToApp(c *callback, plain []byte) *apiError {
	root, err := parseXML(plain)
	if err != nil || root.name != "xml" {
		return refusef(-40002, "the passive answer is not an XML document")
	}
	if fold(root.value("ToUserName")) != c.user {
		return refusef(40003, "ToUserName of the passive answer is not the member it answers")
	}
	if root.value("FromUserName") != c.bot.receiveID {
		return refusef(40058, "FromUserName of the passive answer is not the corp id")
	}
	if _, err := strconv.ParseInt(root.value("CreateTime"), 10, 64); err != nil {
		return refusef(40058, "CreateTime of the passive answer is not a number")
	}
	kind := root.value("MsgType")
	if c.mute {
		return refusef(40008, "this event takes no passive answer")
	}
	switch kind {
	case "update_button", "update_template_card":
		if c.kind != onCardEvent {
			return refusef(40008, "%s only answers a card event", kind)
		}
		return w.updateByApp(c, root, kind)
	case "text", "image", "voice", "video", "news":
		if c.kind == onCardEvent && !c.menu {
			return refusef(40008, "a card event is answered by an update only, not by %s", kind)
		}
		return w.answerByApp(c, root, kind)
	}
	return refusef(40008, "invalid passive message type %q", kind)
}

func (w answers) updateByApp(c *callback, root *node, kind string) *apiError {
	var card *Card
	if kind == "update_button" {
		name := root.child("Button").value("ReplaceName")
		if name == "" {
			return refusef(42038, "missing Button.ReplaceName")
		}
		if !interactive(c.post.sent.kind) {
			return refusef(40058, "only the button of an interaction card can be replaced")
		}
		card = c.post.viewOf(c.user).card.clone()
		card.Dead, card.ReplaceText = true, name
	} else {
		x := root.child("TemplateCard")
		if x == nil {
			return refusef(42031, "missing TemplateCard")
		}
		var refusal *apiError
		if card, refusal = w.updatedCard(c.bot, c.post.sent, xmlObject(x)); refusal != nil {
			return refusal
		}
	}
	if c.answered {
		return nil
	}
	c.answered = true
	// Changes what the one who clicked sees, and no other (page 90241). An app's
	// card has a bubble of its own for each receiver.
	w.change(c.post, nil, func(v *view) { v.card = card })
	return nil
}

func (w answers) answerByApp(c *callback, root *node, kind string) *apiError {
	text := root.value("Content")
	if kind == "text" && text == "" {
		return refusef(44004, "empty text")
	}
	if kind != "text" {
		id := root.child(strings.ToUpper(kind[:1]) + kind[1:]).value("MediaId")
		if kind != "news" && !w.hasMedium(id) {
			return refusef(40007, "invalid media_id")
		}
		text = id
	}
	if c.answered {
		return nil
	}
	if cut := cutBytes(text, 2048); cut != text {
		w.drop(c.bot, c.user, "text of a passive answer cut to 2048 bytes", text[len(cut):])
		text = cut
	}
	c.answered = true
	w.show(&post{kind: kind, where: c.where, from: c.bot.title, bot: c.bot, base: view{text: text}})
	return nil
}

// updatedCard parses and checks a card that replaces one. Callers hold mu.
func (w *WeCom) updatedCard(b *bot, old *sentCard, o object) (*Card, *apiError) {
	card, refusal := parseCard(o)
	if refusal != nil {
		return nil, refusal
	}
	if !old.updatable {
		return nil, refusef(40058, "only interaction cards and cards with an action_menu can be updated")
	}
	if refusal := checkCard(card, w.use(b, true)); refusal != nil {
		return nil, refusal
	}
	card.TaskID = old.taskID
	card.Dead = card.ReplaceText != ""
	return card, nil
}

// newCard parses and checks a card and takes its task id. Callers hold mu.
func (w *WeCom) newCard(b *bot, o object) (*Card, *apiError) {
	card, refusal := parseCard(o)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := checkCard(card, w.use(b, false)); refusal != nil {
		return nil, refusal
	}
	card.ReplaceText = "" // means something in an update only
	return card, nil
}

func (w *WeCom) use(b *bot, update bool) cardUse {
	return cardUse{bot: b, update: update, media: w.hasMedium,
		member: func(id string) bool { _, ok := w.users[fold(id)]; return ok }}
}

// cutBytes cuts at a rune boundary.
func cutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
