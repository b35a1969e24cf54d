package wecom

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"yanquan/bot"
)

const apiReply = "aibot/response" // page 101138

// replyURLServes is how long a reply URL serves for certain: an hour by WeCom's clock (page
// 101138), less what the message took to come here.
const replyURLServes = 55 * time.Minute

// replyRequest is what a reply URL takes.
type replyRequest struct {
	MsgType  string        `json:"msgtype"`
	Markdown *frameText    `json:"markdown,omitempty"`
	Card     *TemplateCard `json:"template_card,omitempty"`
}

// deliverRobot posts to the reply URL: once, within an hour; markdown anywhere, a
// card in 1:1 only (page 101138). Text has no type of its own there.
func (s *Sender) deliverRobot(ctx context.Context, d bot.Delivery) (bot.Sent, error) {
	replyURL := wireOf(d.Way).ReplyURL
	if replyURL == "" {
		return bot.Sent{}, refusedHere(reasonNoReplyURL, "", "a robot can only answer")
	}
	target, ok := s.safeURL(replyURL)
	if !ok {
		return bot.Sent{}, refusedHere(reasonNoReplyURL, "", "reply URL is not an https URL")
	}

	d.Reply = linked(d.Reply)
	var body replyRequest
	switch {
	case d.Form == bot.AsText:
		body.MsgType = "markdown"
		body.Markdown = &frameText{cutBytes(bot.Escaped(plainText(d.Reply)), maxStream)}
	case (d.Form == bot.AsCard || d.Form == bot.AsUpdate) && d.Reply.Card != nil && d.Chat == "":
		card, err := checkedCard(RobotChannel, *d.Reply.Card, s.fallbackURL)
		if err != nil {
			return bot.Sent{}, &bot.DeliveryError{Reason: reasonCard, Downgrade: bot.AsMarkdown, Err: err}
		}
		if d.Reply.Text != "" {
			return bot.Sent{}, refusedHere(reasonForm, bot.AsMarkdown, "a reply URL takes a card or text, not both")
		}
		body.MsgType, body.Card = "template_card", card
	default:
		body.MsgType = "markdown"
		mention := ""
		if s.mention {
			mention = mentionIn(d.Chat, cmp.Or(d.SentAs, d.User))
		}
		body.Markdown = &frameText{cutBytes(mention+markdown(d.Reply), maxStream)}
	}
	if _, err := post(ctx, apiReply, replyURL, body, replySecrets(target)...); err != nil && !s.usedByUs(d, err) {
		return bot.Sent{}, failedReply(err, d.Form)
	}
	return bot.Sent{}, nil
}

// usedByUs reports whether a refusal proves that a try whose answer was lost has gone out:
// the URL is good once and nothing else goes by it. After its hour it may be refused for its
// age; then the answer goes another way, for twice is better than not at all.
func (s *Sender) usedByUs(d bot.Delivery, err error) bool {
	used := apiCode(err) == codeUpdated || unlisted(err)
	return d.Lost && used && s.now().Sub(d.Asked) < replyURLServes
}

// replySecrets are the parts of a reply URL that let others answer.
func replySecrets(u *url.URL) []string {
	secrets := []string{u.String(), u.RawQuery}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}

// failedReply is failed for a reply URL. Codes that no manual lists are taken
// for the usual case: the URL was used, or its hour is over.
func failedReply(err error, form bot.Form) *bot.DeliveryError {
	out := failed(err, form)
	if out.Downgrade == bot.AsCard { // there is nothing to update here
		out.Downgrade = bot.AsMarkdown
	}
	code := apiCode(err)
	if cardRefused(code) || formRefused(code) {
		return out
	}
	switch out.Reason {
	case reasonBusy, reasonRate, reasonCanceled, reasonNetwork, reasonTimeout, reasonAnswer:
		return out
	case reasonHTTP:
		if status, _ := errors.AsType[statusError](err); status >= http.StatusInternalServerError {
			return out
		}
	}
	return &bot.DeliveryError{Reason: reasonReplyURL, Err: err}
}
