package wecomtest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"
)

// forms is the fake as it writes callbacks.
type forms struct{ *WeCom }

// appHead starts the plaintext of a callback of an app (page 90239). Callers hold mu.
func (w forms) appHead(b *bot, user string, msgType string) *xmlWriter {
	return newXML().put("ToUserName", b.receiveID).put("FromUserName", w.users[fold(user)].ID).
		num("CreateTime", w.opt.Now().Unix()).put("MsgType", msgType)
}

// appMessage fills in the plaintext of a message to an app. Callers hold mu.
func (w forms) appMessage(c *callback, who User, u utterance) {
	x := w.appHead(c.bot, who.ID, u.kind)
	switch u.kind {
	case KindImage:
		x.put("PicUrl", w.addLink(&link{data: u.spoil.cut(w.media[u.media].data), stall: u.spoil.Stall})).put("MediaId", u.media)
	case KindVoice:
		x.put("MediaId", u.media).put("Format", "amr")
	default:
		x.put("Content", u.text)
	}
	c.msgID = w.number64()
	id, _ := strconv.ParseInt(c.msgID, 10, 64)
	c.plain = x.num("MsgId", id).num("AgentID", int64(c.bot.app.AgentID)).bytes()
}

// number64 is a positive 64-bit number, the form of an app's MsgId.
func (w *WeCom) number64() string {
	return strconv.FormatUint(binary.BigEndian.Uint64(w.random(8))>>1|1<<60, 10)
}

// robotMessage fills in the plaintext of a message to a robot (page 100719).
// Callers hold mu.
func (w forms) robotMessage(c *callback, u utterance, quoted *post) error {
	c.msgID = w.newID(32)
	content, err := w.saidObject(c.bot, u)
	if err != nil {
		return err
	}
	if quoted != nil {
		// Only the content is passed on: no id, no author, no time.
		if content["quote"], err = w.quoteObject(c.bot, quoted); err != nil {
			return err
		}
	}
	c.plain = w.robotJSON(c, &responseURL{}, func(o object) { maps.Copy(o, content) })
	return nil
}

// saidObject is msgtype and what belongs to it. Callers hold mu.
func (w forms) saidObject(b *bot, u utterance) (object, error) {
	o := object{"msgtype": u.kind}
	var err error
	switch u.kind {
	case KindImage, KindFile:
		o[u.kind], err = w.mediaObject(b, u.media, u.spoil)
	case KindMixed:
		o[u.kind], err = w.mixedObject(b, u.parts)
	default: // text; of a voice message the robot gets the words
		o[u.kind] = object{"content": u.text}
	}
	return o, err
}

// quoteObject is a bubble as a message quotes it. Callers hold mu.
func (w forms) quoteObject(b *bot, p *post) (object, error) {
	u := utterance{kind: KindText, text: p.quotable()}
	switch p.kind {
	case KindVoice:
		u.kind = KindVoice
	case KindMixed:
		u.kind, u.parts = KindMixed, p.parts
	case KindImage, KindFile:
		u.kind, u.media = p.kind, p.base.text
	}
	return w.saidObject(b, u)
}

// quotable is a bubble as text. What a quoted card looks like is not documented;
// its title stands for it.
func (p *post) quotable() string {
	if p.base.card != nil {
		return p.base.card.Title
	}
	return p.base.text
}

// robotJSON is a plaintext for a robot with the common fields. A grant that is not
// nil becomes its response_url. Callers hold mu.
func (w forms) robotJSON(c *callback, grant *responseURL, fill func(object)) []byte {
	o := object{
		"msgid":    c.msgID,
		"aibotid":  c.bot.robot.ID,
		"chattype": "single",
		"from":     object{"userid": w.idFor(c.bot, c.user)},
	}
	if c.where.Group != "" {
		o["chattype"], o["chatid"] = "group", c.where.Group
	}
	if grant != nil && !(c.bot.long() && w.opt.NoResponseURL) {
		code := base64.RawURLEncoding.EncodeToString(w.random(48))
		*grant = responseURL{bot: c.bot, of: c, expires: w.opt.Now().Add(responseURLLife)}
		w.urls[code] = grant
		o["response_url"] = w.apiURL + "/cgi-bin/aibot/response?response_code=" + code
	}
	fill(o)
	return encodeJSON(o)
}

// encodeJSON leaves <, > and & alone, as WeCom does.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Only maps, strings and numbers get here; those always encode.
	_ = enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n")
}

// responseURL is the right to answer a message or a click once, within an hour
// (page 101138).
type responseURL struct {
	bot     *bot
	of      *callback
	expires time.Time
	used    bool
}

// Plaintext is what a text message of a person to an app or a robot (in a group:
// with the mention) looks like before encryption, for tests that seal it
// themselves with EncryptApp or EncryptRobot. Nothing is shown or sent.
func (w *WeCom) Plaintext(where Where, user, text string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	place, who, err := w.resolve(where, user)
	if err != nil {
		return nil, err
	}
	u := utterance{kind: KindText, text: text}
	bots, err := w.listeners(where, place, &u)
	if err != nil {
		return nil, err
	}
	if len(bots) == 0 {
		return nil, fmt.Errorf("%w: no robot is mentioned in %s", ErrNotThere, place)
	}
	// The message counts as said for its response_url, but is on no screen.
	c := &callback{bot: bots[0], kind: onMessage, where: place, user: fold(who.ID),
		post: &post{where: place, at: w.opt.Now(), from: who.ID}}
	if c.bot.isApp() {
		forms{w}.appMessage(c, who, u)
	} else if err := (forms{w}).robotMessage(c, u, nil); err != nil {
		return nil, err
	}
	return c.plain, nil
}
