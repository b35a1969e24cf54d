package wecom

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"

	"yanquan/bot"
)

const apiWebhook = "webhook/send" // page 91770

// What a webhook takes, in bytes (page 91770), and in messages: 20 a minute.
const (
	maxWebhookMarkdown = 4096
	maxWebhookImage    = 2 << 20
	maxWebhookParts    = 3                           // messages that one long text may become
	maxWebhookMessages = 1 + 1 + maxWebhookParts + 1 // of one delivery: card, table, text, picture
	webhooksPerMinute  = 20 / maxWebhookMessages
)

// WebhookConfig is a 消息推送 of a group: it only speaks.
type WebhookConfig struct {
	Name string
	Key  string // the end of its address; its holder can write into the group
}

// webhookRequest is what a webhook takes. Of the cards, notices only.
type webhookRequest struct {
	MsgType    string        `json:"msgtype"`
	Card       *TemplateCard `json:"template_card,omitempty"`
	Markdown   *frameText    `json:"markdown,omitempty"`
	MarkdownV2 *frameText    `json:"markdown_v2,omitempty"`
	Text       *frameText    `json:"text,omitempty"`
	Image      *webhookImage `json:"image,omitempty"`
}

type webhookImage struct {
	Base64 string `json:"base64"`
	MD5    string `json:"md5"` // of the bytes, in hex
}

// deliverWebhook makes one try. There is no duplicate check: a try whose answer is
// lost is seen twice.
func (s *Sender) deliverWebhook(ctx context.Context, key string, d bot.Delivery) (bot.Sent, error) {
	calls, refusal := s.webhookCalls(ctx, d)
	if refusal != nil {
		return bot.Sent{}, refusal
	}
	target := s.apiURL + "/cgi-bin/" + apiWebhook + "?" + url.Values{"key": {key}}.Encode()
	p := s.loadProgress(d)
	for p.done < len(calls) {
		_, err := post(ctx, apiWebhook, target, calls[p.done], key)
		if err != nil {
			e := failed(err, d.Form)
			if calls[p.done].MarkdownV2 == nil || e.Downgrade == "" {
				return bot.Sent{}, e
			}
			p.sent.Refused = reasonTable // the markdown that follows says the same as a list
		}
		p.done++
		if len(calls) > 1 {
			s.saveProgress(d.ID, p, p.done == len(calls))
		}
	}
	return p.sent, nil
}

// webhookCalls lists the messages of a delivery; the list is the same for every try.
func (s *Sender) webhookCalls(ctx context.Context, d bot.Delivery) (calls []webhookRequest, refusal *bot.DeliveryError) {
	var picture *webhookImage
	if f := d.Reply.File; f != nil && f.Kind == bot.Image && f.Size <= maxWebhookImage && s.files != nil {
		var err error
		if picture, err = s.picture(ctx, f.ID); err != nil {
			return nil, failedFile(fileError{err}, *f)
		}
		d.Reply.File = nil
	}
	d.Reply = linked(d.Reply)
	say := func(text string) {
		if text == "" {
			return
		}
		for _, part := range splitBytes(text, maxWebhookMarkdown, maxWebhookParts) {
			calls = append(calls, webhookRequest{MsgType: "markdown", Markdown: &frameText{part}})
		}
	}
	switch {
	case d.Form == bot.AsText:
		calls = append(calls, webhookRequest{MsgType: "text", Text: &frameText{cutBytes(plainText(d.Reply), maxText)}})
	case d.Form == bot.AsCard && d.Reply.Card != nil:
		card, err := checkedCard(WebhookChannel, *d.Reply.Card, s.fallbackURL)
		if err != nil {
			return nil, &bot.DeliveryError{Reason: reasonCard, Downgrade: bot.AsMarkdown, Err: err}
		}
		calls = append(calls, webhookRequest{MsgType: "template_card", Card: card})
		if t := d.Reply.Table; t != nil {
			calls = append(calls, webhookRequest{MsgType: "markdown_v2", MarkdownV2: &frameText{tableMarkdown(*t, maxWebhookMarkdown)}})
		}
		say(d.Reply.Text)
	default:
		say(markdown(d.Reply))
	}
	if picture != nil {
		calls = append(calls, webhookRequest{MsgType: "image", Image: picture})
	}
	return calls, nil
}

func (s *Sender) picture(ctx context.Context, id string) (*webhookImage, error) {
	content, err := s.files.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, maxWebhookImage))
	if err != nil {
		return nil, err
	}
	sum := md5.Sum(data)
	return &webhookImage{Base64: base64.StdEncoding.EncodeToString(data), MD5: hex.EncodeToString(sum[:])}, nil
}
