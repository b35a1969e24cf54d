package wecomtest

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// Limits of a webhook (page 91770).
const (
	webhookRate     = 20 // messages a minute
	webhookText     = 2048
	webhookMarkdown = 4096
	webhookImage    = 2 << 20
)

// Webhook is a 消息推送 of a group: who has its key can write there.
type Webhook struct {
	Name  string // what people see
	Key   string
	Group string // chat id
}

func (w *WeCom) addWebhook(h Webhook) {
	h.Key = w.orNewID(h.Key, 36)
	w.webhooks[h.Key] = &bot{kind: "webhook", name: h.Name, title: h.Name, tasks: map[string]bool{}, webhook: h}
}

// sendByWebhook is webhook/send (page 91770; codes: page 90313). Callers hold mu.
func (w httpAPI) sendByWebhook(c *apiCall) (object, *apiError) {
	b := w.webhooks[c.r.URL.Query().Get("key")]
	if b == nil {
		return nil, refusef(93000, "invalid webhook url")
	}
	c.bot = b
	if _, ok := w.groups[b.webhook.Group]; !ok {
		return nil, refusef(93008, "not in group")
	}
	r := &reader{}
	p := &post{where: InGroup(b.webhook.Group), from: b.title, bot: b}
	words := func(kind string, limit int) *apiError {
		o, _ := r.object(c.body, kind)
		text := r.str(o, "content")
		switch {
		case r.err != nil:
			return r.err
		case text == "":
			return refusef(44004, "%s content is empty", kind)
		case len(text) > limit:
			return refusef(45002, "%s content longer than %d bytes", kind, limit)
		}
		p.kind, p.base.text = kind, text
		return nil
	}
	var refusal *apiError
	switch kind := r.str(c.body, "msgtype"); {
	case r.err != nil:
		refusal = r.err
	case kind == "text":
		refusal = words(kind, webhookText)
	case kind == KindMarkdown, kind == KindMarkdownV2:
		refusal = words(kind, webhookMarkdown)
	case kind == "image":
		o, _ := r.object(c.body, kind)
		data, err := base64.StdEncoding.DecodeString(r.str(o, "base64"))
		sum := md5.Sum(data)
		switch {
		case r.err != nil:
			refusal = r.err
		case err != nil || len(data) == 0 || len(data) > webhookImage:
			refusal = refusef(40009, "invalid image size")
		case hex.EncodeToString(sum[:]) != r.str(o, "md5"):
			refusal = refusef(301019, "media file md5 does not match")
		default:
			p.kind, p.base.text = KindImage, w.keep("image", "picture.png", data)
		}
	case kind == "template_card":
		var card *Card
		if card, refusal = w.cardIn(b, c.body); refusal == nil {
			if card.Type != "text_notice" && card.Type != "news_notice" || card.Menu != nil {
				refusal = refusef(42031, "a webhook takes text_notice and news_notice, without a menu")
			}
			p.kind, p.base.card = KindCard, card
		}
	default:
		refusal = refusef(40008, "invalid message type %q", kind)
	}
	if refusal != nil {
		return nil, refusal
	}
	now := w.opt.Now()
	recent := b.pushed[:0]
	for _, at := range b.pushed {
		if now.Sub(at) < time.Minute {
			recent = append(recent, at)
		}
	}
	if b.pushed = recent; len(recent) >= webhookRate {
		return nil, refusef(45009, "api freq out of limit")
	}
	b.pushed = append(b.pushed, now)
	w.show(p)
	return nil, nil
}
