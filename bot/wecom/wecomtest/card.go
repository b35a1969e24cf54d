package wecomtest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Card is a template card as it is shown (pages 90236, 101032).
type Card struct {
	Type        string   `json:"card_type"`
	TaskID      string   `json:"task_id,omitempty"`
	Source      string   `json:"source,omitempty"` // source.desc, the small line on top
	SourceColor int      `json:"source_color"`     // 0 grey, 1 black, 2 red, 3 green
	SourceIcon  string   `json:"source_icon,omitempty"`
	Title       string   `json:"title,omitempty"` // main_title
	Desc        string   `json:"desc,omitempty"`
	Emphasis    *Pair    `json:"emphasis,omitempty"`
	Quote       *Quote   `json:"quote,omitempty"`
	Text        string   `json:"sub_title_text,omitempty"`
	Fields      []Field  `json:"fields,omitempty"`    // horizontal_content_list
	Verticals   []Pair   `json:"verticals,omitempty"` // vertical_content_list
	Jumps       []Jump   `json:"jumps,omitempty"`
	Action      *Action  `json:"action,omitempty"` // card_action
	URL         string   `json:"url,omitempty"`    // where a press on the card leads: Action.URL
	Image       *Image   `json:"image,omitempty"`  // card_image
	ImageText   *Quote   `json:"image_text,omitempty"`
	Buttons     []Button `json:"buttons,omitempty"`
	Menu        *Menu    `json:"menu,omitempty"` // action_menu, the three dots
	Selects     []Select `json:"selects,omitempty"`
	Submit      *Button  `json:"submit,omitempty"`
	ReplaceText string   `json:"replace_text,omitempty"` // what the buttons say once they are dead
	Dead        bool     `json:"dead,omitempty"`         // buttons cannot be pressed any more
	Overlong    []string `json:"overlong,omitempty"`     // fields longer than advised: clients cut them
}

// Pair is a line with a title and a description.
type Pair struct {
	Title string `json:"title,omitempty"`
	Desc  string `json:"desc,omitempty"`
}

// Quote is the grey box (quote_area), or the text beside an image.
type Quote struct {
	Type  int    `json:"type"`
	URL   string `json:"url,omitempty"`
	AppID string `json:"appid,omitempty"`
	Title string `json:"title,omitempty"`
	Text  string `json:"text,omitempty"`
}

// Field is one line "key value". Type: 0 text, 1 link, 2 attachment, 3 member.
type Field struct {
	Key     string `json:"key"`
	Value   string `json:"value,omitempty"`
	Type    int    `json:"type"`
	URL     string `json:"url,omitempty"`
	MediaID string `json:"media_id,omitempty"`
	User    string `json:"userid,omitempty"`
}

// Jump is one line that leads elsewhere. Type: 0 nothing, 1 link, 2 mini program,
// 3 a question to the robot.
type Jump struct {
	Type     int    `json:"type"`
	Title    string `json:"title"`
	URL      string `json:"url,omitempty"`
	AppID    string `json:"appid,omitempty"`
	Question string `json:"question,omitempty"`
}

// Action is what a press on the card itself does. Type: 0 nothing, 1 link, 2 mini program.
type Action struct {
	Type  int    `json:"type"`
	URL   string `json:"url,omitempty"`
	AppID string `json:"appid,omitempty"`
}

// Image is a picture on a card.
type Image struct {
	URL         string  `json:"url"`
	AspectRatio float64 `json:"aspect_ratio,omitempty"`
}

// Button is one button. Type: 0 calls back with Key, 1 opens URL.
type Button struct {
	Text  string `json:"text"`
	Key   string `json:"key,omitempty"`
	Style int    `json:"style,omitempty"` // 1..4
	Type  int    `json:"type,omitempty"`
	URL   string `json:"url,omitempty"`
}

// Menu is the menu in the upper right corner.
type Menu struct {
	Desc  string   `json:"desc,omitempty"`
	Items []Button `json:"items"`
}

// Select is a question with options.
type Select struct {
	Kind        string   `json:"kind"` // "button_selection", "checkbox" or "select_list"
	QuestionKey string   `json:"question_key"`
	Title       string   `json:"title,omitempty"`
	Options     []Option `json:"options"`
	Selected    string   `json:"selected_id,omitempty"`
	Mode        int      `json:"mode,omitempty"` // checkbox: 1 = several
	Disabled    bool     `json:"disable,omitempty"`
}

// Option is one choice.
type Option struct {
	ID      string `json:"id"`
	Text    string `json:"text"`
	Checked bool   `json:"is_checked,omitempty"`
}

// clone copies a card so that a reader cannot change the fake's own.
func (c *Card) clone() *Card {
	if c == nil {
		return nil
	}
	out := *c
	out.Fields, out.Verticals, out.Jumps = slices.Clone(c.Fields), slices.Clone(c.Verticals), slices.Clone(c.Jumps)
	out.Buttons, out.Selects, out.Overlong = slices.Clone(c.Buttons), slices.Clone(c.Selects), slices.Clone(c.Overlong)
	for i := range out.Selects {
		out.Selects[i].Options = slices.Clone(out.Selects[i].Options)
	}
	out.Emphasis, out.Quote, out.Action = copied(c.Emphasis), copied(c.Quote), copied(c.Action)
	out.Image, out.ImageText, out.Submit, out.Menu = copied(c.Image), copied(c.ImageText), copied(c.Submit), copied(c.Menu)
	if out.Menu != nil {
		out.Menu.Items = slices.Clone(out.Menu.Items)
	}
	return &out
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// parseCard reads the JSON form. It checks types only; rules are in cardrules.go.
func parseCard(o object) (*Card, *apiError) {
	r := &reader{}
	c := &Card{Type: r.str(o, "card_type"), TaskID: r.str(o, "task_id"), Text: r.str(o, "sub_title_text"),
		ReplaceText: r.str(o, "replace_text")}
	if s, ok := r.object(o, "source"); ok {
		c.Source, c.SourceIcon = r.str(s, "desc"), r.str(s, "icon_url")
		c.SourceColor, _ = r.integer(s, "desc_color")
	}
	if t, ok := r.object(o, "main_title"); ok {
		c.Title, c.Desc = r.str(t, "title"), r.str(t, "desc")
	}
	if e, ok := r.object(o, "emphasis_content"); ok {
		c.Emphasis = &Pair{Title: r.str(e, "title"), Desc: r.str(e, "desc")}
	}
	c.Quote = parseQuote(r, o, "quote_area", "quote_text")
	c.ImageText = parseQuote(r, o, "image_text_area", "desc")
	for _, h := range r.objects(o, "horizontal_content_list") {
		f := Field{Key: r.str(h, "keyname"), Value: r.str(h, "value"), URL: r.str(h, "url"),
			MediaID: r.str(h, "media_id"), User: r.str(h, "userid")}
		f.Type, _ = r.integer(h, "type")
		c.Fields = append(c.Fields, f)
	}
	for _, v := range r.objects(o, "vertical_content_list") {
		c.Verticals = append(c.Verticals, Pair{Title: r.str(v, "title"), Desc: r.str(v, "desc")})
	}
	for _, j := range r.objects(o, "jump_list") {
		jump := Jump{Title: r.str(j, "title"), URL: r.str(j, "url"), AppID: r.str(j, "appid"), Question: r.str(j, "question")}
		jump.Type, _ = r.integer(j, "type")
		c.Jumps = append(c.Jumps, jump)
	}
	if a, ok := r.object(o, "card_action"); ok {
		c.Action = &Action{URL: r.str(a, "url"), AppID: r.str(a, "appid")}
		c.Action.Type, _ = r.integer(a, "type")
		if c.Action.Type == 1 {
			c.URL = c.Action.URL
		}
	}
	if i, ok := r.object(o, "card_image"); ok {
		c.Image = &Image{URL: r.str(i, "url"), AspectRatio: r.float(i, "aspect_ratio")}
	}
	for _, b := range r.objects(o, "button_list") {
		c.Buttons = append(c.Buttons, parseButton(r, b))
	}
	if m, ok := r.object(o, "action_menu"); ok {
		c.Menu = &Menu{Desc: r.str(m, "desc")}
		for _, i := range r.objects(m, "action_list") {
			c.Menu.Items = append(c.Menu.Items, parseButton(r, i))
		}
	}
	if s, ok := r.object(o, "button_selection"); ok {
		c.Selects = append(c.Selects, parseSelect(r, s, "button_selection"))
	}
	if s, ok := r.object(o, "checkbox"); ok {
		c.Selects = append(c.Selects, parseSelect(r, s, "checkbox"))
	}
	for _, s := range r.objects(o, "select_list") {
		c.Selects = append(c.Selects, parseSelect(r, s, "select_list"))
	}
	if s, ok := r.object(o, "submit_button"); ok {
		b := parseButton(r, s)
		c.Submit = &b
	}
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

func parseQuote(r *reader, o object, key, text string) *Quote {
	q, ok := r.object(o, key)
	if !ok {
		return nil
	}
	out := &Quote{URL: r.str(q, "url"), AppID: r.str(q, "appid"), Title: r.str(q, "title"), Text: r.str(q, text)}
	out.Type, _ = r.integer(q, "type")
	return out
}

func parseButton(r *reader, o object) Button {
	b := Button{Text: r.str(o, "text"), Key: r.str(o, "key"), URL: r.str(o, "url")}
	b.Style, _ = r.integer(o, "style")
	b.Type, _ = r.integer(o, "type")
	return b
}

func parseSelect(r *reader, o object, kind string) Select {
	s := Select{Kind: kind, QuestionKey: r.str(o, "question_key"), Title: r.str(o, "title"), Selected: r.str(o, "selected_id"),
		Disabled: r.boolean(o, "disable")}
	s.Mode, _ = r.integer(o, "mode")
	for _, e := range r.objects(o, "option_list") {
		s.Options = append(s.Options, Option{ID: r.str(e, "id"), Text: r.str(e, "text"), Checked: r.boolean(e, "is_checked")})
	}
	return s
}

// xmlKeys are the names of the XML form of a card (page 90241) and what they are
// in JSON. Lists repeat their element; # marks numbers, ? booleans, * lists.
var xmlKeys = map[string]string{
	"CardType": "card_type", "TaskId": "task_id", "SubTitleText": "sub_title_text", "ReplaceText": "replace_text",
	"Source": "source", "IconUrl": "icon_url", "Desc": "desc", "DescColor": "#desc_color",
	"MainTitle": "main_title", "Title": "title", "EmphasisContent": "emphasis_content",
	"QuoteArea": "quote_area", "Type": "#type", "Url": "url", "AppId": "appid", "PagePath": "pagepath", "QuoteText": "quote_text",
	"HorizontalContentList": "*horizontal_content_list", "KeyName": "keyname", "Value": "value", "MediaId": "media_id", "UserId": "userid",
	"VerticalContentList": "*vertical_content_list", "JumpList": "*jump_list", "CardAction": "card_action",
	"CardImage": "card_image", "AspectRatio": "#aspect_ratio", "ImageTextArea": "image_text_area", "ImageUrl": "image_url",
	"ButtonSelection": "button_selection", "QuestionKey": "question_key", "OptionList": "*option_list", "Id": "id",
	"SelectedId": "selected_id", "Disable": "?disable", "IsChecked": "?is_checked", "Mode": "#mode",
	"ButtonList": "*button_list", "Text": "text", "Style": "#style", "Key": "key",
	"CheckBox": "checkbox", "Checkbox": "checkbox", "SelectList": "*select_list", "SubmitButton": "submit_button",
	"ActionMenu": "action_menu", "ActionList": "*action_list",
}

// xmlObject turns the XML form into the JSON form. Unknown names are ignored.
func xmlObject(n *node) object {
	o := object{}
	for _, k := range n.kids {
		key, ok := xmlKeys[k.name]
		if !ok {
			continue
		}
		var v any = strings.TrimSpace(k.text)
		if len(k.kids) > 0 {
			v = xmlObject(k)
		}
		switch key[0] {
		case '#':
			if s, ok := v.(string); ok && s != "" {
				o[key[1:]] = json.Number(s)
			}
		case '?':
			o[key[1:]] = v == "true" || v == "1"
		case '*':
			list, _ := o[key[1:]].([]any)
			o[key[1:]] = append(list, v)
		default:
			if v == "" {
				continue // an empty element is an absent one
			}
			o[key] = v
		}
	}
	return o
}
