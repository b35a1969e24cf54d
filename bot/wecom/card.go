package wecom

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Types of template card in use here. A notice has no buttons, but a press on
// it leads somewhere; a button card calls back.
const (
	textNotice        = "text_notice"
	buttonInteraction = "button_interaction"
)

// TemplateCard is the wire form of a card; it is the same for apps (page 90236)
// and robots (page 101032).
type TemplateCard struct {
	CardType     string       `json:"card_type"`
	Source       *CardSource  `json:"source,omitempty"`
	MainTitle    *CardTitle   `json:"main_title,omitempty"`
	QuoteArea    *CardQuote   `json:"quote_area,omitempty"`
	SubTitleText string       `json:"sub_title_text,omitempty"`
	Fields       []CardField  `json:"horizontal_content_list,omitempty"`
	CardAction   *CardAction  `json:"card_action,omitempty"`
	TaskID       string       `json:"task_id,omitempty"`
	Buttons      []CardButton `json:"button_list,omitempty"`
}

// CardSource is the small line on top.
type CardSource struct {
	Desc      string `json:"desc"`
	DescColor int    `json:"desc_color"` // 0 grey, 1 black, 2 red, 3 green
}

// CardTitle is the headline and the line below it.
type CardTitle struct {
	Title string `json:"title,omitempty"`
	Desc  string `json:"desc,omitempty"`
}

// CardQuote is the grey box.
type CardQuote struct {
	Type      int    `json:"type"` // 0: a press does nothing
	Title     string `json:"title,omitempty"`
	QuoteText string `json:"quote_text"`
}

// CardField is one line "key value".
type CardField struct {
	Type    int    `json:"type,omitempty"` // 0 text, 3 opens the member's profile
	KeyName string `json:"keyname"`
	Value   string `json:"value"`
	UserID  string `json:"userid,omitempty"` // type 3
}

// CardAction is what a press on the card does.
type CardAction struct {
	Type int    `json:"type"` // 1: opens URL
	URL  string `json:"url"`
}

// CardButton is one button.
type CardButton struct {
	Text  string `json:"text"`
	Style int    `json:"style,omitempty"` // 1 to 4
	Key   string `json:"key"`             // comes back as event_key
}

// Validate checks the limits that make WeCom refuse a card; each error names
// the code WeCom would answer. Advised lengths are not checked.
func (c *TemplateCard) Validate(ch Channel) error {
	var errs []error
	bad := func(code int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("wecom: card: "+format+" (%d)", append(args, code)...))
	}

	switch c.CardType {
	case textNotice:
		if len(c.Buttons) > 0 {
			bad(42036, "a notice has no buttons")
		}
		if c.CardAction == nil {
			bad(42045, "a notice must lead somewhere")
		}
		if (c.MainTitle == nil || c.MainTitle.Title == "") && c.SubTitleText == "" {
			bad(42033, "title and text are empty")
		}
	case buttonInteraction:
		if c.MainTitle == nil || c.MainTitle.Title == "" {
			bad(41016, "title is empty")
		}
		if n := len(c.Buttons); n < 1 || n > maxButtons {
			bad(42036, "%d buttons, 1 to %d are allowed", n, maxButtons)
		}
		if c.TaskID == "" {
			bad(42014, "task id is empty")
		}
	default:
		bad(42031, "unknown type %q", c.CardType)
	}
	if ch == WebhookChannel && c.CardType != textNotice {
		bad(42031, "a webhook takes notices only")
	}
	if ch != AppChannel && ch != RobotChannel && ch != SocketChannel && ch != WebhookChannel {
		bad(42031, "channel %q has no cards", ch)
	}

	if len(c.TaskID) > maxTaskID || strings.ContainsFunc(c.TaskID, notInTaskID) {
		bad(42014, "task id must be at most %d of 0-9A-Za-z_@-", maxTaskID)
	}
	if c.CardAction != nil {
		if u, err := url.Parse(c.CardAction.URL); c.CardAction.Type != 1 || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			bad(42045, "card action must open an http or https URL")
		}
	}
	if n := len(c.Fields); n > maxFields {
		bad(42037, "%d fields, %d are allowed", n, maxFields)
	}
	for i, f := range c.Fields {
		if f.KeyName == "" {
			bad(42027, "field %d has no key", i+1)
		}
		if (f.Type == 3) != (f.UserID != "") {
			bad(codeNoMember, "field %d: type and userid do not go together", i+1)
		}
	}
	seen := make(map[string]bool, len(c.Buttons))
	for i, b := range c.Buttons {
		if b.Text == "" {
			bad(42039, "button %d has no text", i+1)
		}
		if b.Key == "" || len(b.Key) > maxKey || seen[b.Key] {
			bad(42038, "button %d: key must be unique and 1 to %d bytes", i+1, maxKey)
		}
		seen[b.Key] = true
	}
	return errors.Join(errs...)
}

func notInTaskID(r rune) bool {
	return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r == '_' || r == '@' || r == '-')
}
