package wecomtest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// cardUse is where a card is to appear; the limits differ.
type cardUse struct {
	bot    *bot
	update bool // replaces a card: needs no task id of its own
	member func(userid string) bool
	media  func(id string) bool
}

// interactive reports whether a card of this kind has buttons of its own, and so
// needs a task id and can be updated.
func interactive(cardType string) bool {
	switch cardType {
	case "button_interaction", "vote_interaction", "multiple_interaction":
		return true
	}
	return false
}

// updatable reports whether a card that was sent can be updated (page 94888).
func (c *Card) updatable() bool { return interactive(c.Type) || c.Menu != nil }

// checkCard applies the limits of pages 90236 (apps) and 101032 (robots).
func checkCard(c *Card, use cardUse) *apiError {
	switch c.Type {
	case "text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction":
	default:
		return refusef(42031, "invalid template_card.card_type %q", c.Type)
	}
	for _, check := range []func(*Card, cardUse) *apiError{
		checkTaskID, checkTitle, checkLinks, checkLists, checkAction, checkImage, checkMenu, checkButtons, checkSelects,
	} {
		if err := check(c, use); err != nil {
			return err
		}
	}
	c.Overlong = overlong(c, use.bot.isApp())
	return nil
}

func checkTaskID(c *Card, use cardUse) *apiError {
	if c.TaskID == "" {
		if !use.update && c.updatable() {
			return refusef(42014, "missing template_card.task_id")
		}
		return nil
	}
	const allowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-@"
	if len(c.TaskID) > 128 || strings.Trim(c.TaskID, allowed) != "" {
		return refusef(42014, "invalid template_card.task_id")
	}
	if !use.update && use.bot.tasks[c.TaskID] {
		return refusef(42014, "template_card.task_id exists already")
	}
	return nil
}

func checkTitle(c *Card, _ cardUse) *apiError {
	if c.Type == "text_notice" {
		if c.Title == "" && c.Text == "" {
			return refusef(42033, "template_card needs main_title.title or sub_title_text")
		}
		return nil
	}
	if c.Title == "" {
		return refusef(41016, "missing title")
	}
	return nil
}

// checkLink: type 1 leads to a URL, type 2 to a mini program.
func checkLink(where string, kind int, url, appID string) *apiError {
	switch kind {
	case 0:
	case 1:
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return refusef(42028, "invalid template_card.%s.url", where)
		}
	case 2:
		if appID == "" {
			return refusef(42030, "invalid template_card.%s.appid", where)
		}
	default:
		return refusef(40058, "invalid template_card.%s.type", where)
	}
	return nil
}

func checkLinks(c *Card, _ cardUse) *apiError {
	if c.SourceColor < 0 || c.SourceColor > 3 {
		return refusef(40058, "invalid template_card.source.desc_color")
	}
	if q := c.Quote; q != nil {
		if err := checkLink("quote_area", q.Type, q.URL, q.AppID); err != nil {
			return err
		}
	}
	if q := c.ImageText; q != nil {
		return checkLink("image_text_area", q.Type, q.URL, q.AppID)
	}
	return nil
}

func checkLists(c *Card, use cardUse) *apiError {
	if len(c.Fields) > 6 {
		return refusef(42037, "template_card.horizontal_content_list has more than 6 lines")
	}
	for _, f := range c.Fields {
		if f.Key == "" {
			return refusef(42027, "missing template_card.horizontal_content_list.keyname")
		}
		switch f.Type {
		case 2:
			if !use.bot.isApp() || !use.media(f.MediaID) {
				return refusef(42029, "invalid template_card.horizontal_content_list.media_id")
			}
		case 3:
			if !use.member(f.User) {
				return refusef(42050, "invalid template_card.horizontal_content_list.userid")
			}
		default:
			if err := checkLink("horizontal_content_list", f.Type, f.URL, ""); err != nil {
				return err
			}
		}
	}
	if len(c.Verticals) > 4 {
		return refusef(42047, "template_card.vertical_content_list has more than 4 lines")
	}
	for _, v := range c.Verticals {
		if v.Title == "" {
			return refusef(42033, "missing template_card.vertical_content_list.title")
		}
	}
	if len(c.Jumps) > 3 {
		return refusef(42035, "template_card.jump_list has more than 3 lines")
	}
	for _, j := range c.Jumps {
		if j.Title == "" {
			return refusef(42033, "missing template_card.jump_list.title")
		}
		if j.Type == 3 && !use.bot.isApp() {
			if j.Question == "" || len(j.Question) > 200 {
				return refusef(40058, "invalid template_card.jump_list.question")
			}
			continue
		}
		if err := checkLink("jump_list", j.Type, j.URL, j.AppID); err != nil {
			return err
		}
	}
	return nil
}

// checkAction: notices must lead somewhere, the others may.
func checkAction(c *Card, _ cardUse) *apiError {
	notice := !interactive(c.Type)
	if c.Action == nil {
		if notice {
			return refusef(42045, "missing template_card.card_action")
		}
		return nil
	}
	if c.Action.Type < 0 || c.Action.Type > 2 || notice && c.Action.Type == 0 {
		return refusef(42045, "invalid template_card.card_action.type")
	}
	return checkLink("card_action", c.Action.Type, c.Action.URL, c.Action.AppID)
}

func checkImage(c *Card, _ cardUse) *apiError {
	if c.Image != nil {
		if !strings.HasPrefix(c.Image.URL, "http") {
			return refusef(42044, "invalid template_card.card_image.url")
		}
		if r := c.Image.AspectRatio; r != 0 && (r < 1.3 || r > 2.25) {
			return refusef(42044, "invalid template_card.card_image.aspect_ratio")
		}
	}
	if c.Type == "news_notice" && c.Image == nil && c.ImageText == nil {
		return refusef(42044, "news_notice needs card_image or image_text_area")
	}
	return nil
}

func checkMenu(c *Card, use cardUse) *apiError {
	if c.Menu == nil {
		return nil
	}
	limit := 3
	if use.update && use.bot.isApp() {
		limit = 10 // page 90241 allows more in an update than page 90236 does in a new card
	}
	if n := len(c.Menu.Items); n < 1 || n > limit {
		return refusef(42047, "template_card.action_menu.action_list has %d items", n)
	}
	keys := map[string]bool{}
	for _, i := range c.Menu.Items {
		if i.Text == "" {
			return refusef(42038, "missing template_card.action_menu.action_list.text")
		}
		if i.Key == "" || len(i.Key) > 1024 {
			return refusef(42039, "invalid template_card.action_menu.action_list.key")
		}
		if keys[i.Key] {
			return refusef(42051, "template_card.action_menu.action_list.key is used twice")
		}
		keys[i.Key] = true
	}
	return nil
}

func checkButtons(c *Card, use cardUse) *apiError {
	if c.Type != "button_interaction" {
		return nil
	}
	if n := len(c.Buttons); n < 1 || n > 6 {
		return refusef(42036, "template_card.button_list has %d buttons", n)
	}
	keys := map[string]bool{}
	for _, b := range c.Buttons {
		if b.Text == "" {
			return refusef(42038, "missing template_card.button_list.text")
		}
		if b.Style < 0 || b.Style > 4 {
			return refusef(40058, "invalid template_card.button_list.style")
		}
		if use.bot.isApp() && b.Type == 1 {
			if err := checkLink("button_list", 1, b.URL, ""); err != nil {
				return err
			}
			continue
		}
		if b.Key == "" || len(b.Key) > 1024 || keys[b.Key] {
			return refusef(42039, "template_card.button_list.key is missing, longer than 1024 bytes or used twice")
		}
		keys[b.Key] = true
	}
	return nil
}

func checkSelects(c *Card, _ cardUse) *apiError {
	count := map[string]int{}
	for _, s := range c.Selects {
		count[s.Kind]++
	}
	switch c.Type {
	case "vote_interaction":
		if count["checkbox"] == 0 {
			return refusef(42042, "missing template_card.checkbox")
		}
	case "multiple_interaction":
		if n := count["select_list"]; n < 1 || n > 3 {
			return refusef(42042, "template_card.select_list has %d selectors", n)
		}
	}
	for _, s := range c.Selects {
		limit := 10
		if s.Kind == "checkbox" {
			limit = 20
		}
		if s.QuestionKey == "" || len(s.QuestionKey) > 1024 {
			return refusef(42043, "invalid template_card question_key")
		}
		if n := len(s.Options); n < 1 || n > limit {
			return refusef(42042, "template_card option_list has %d options", n)
		}
		ids := map[string]bool{}
		for _, o := range s.Options {
			if o.ID == "" || len(o.ID) > 128 || ids[o.ID] {
				return refusef(42040, "template_card option id is missing, longer than 128 bytes or used twice")
			}
			if o.Text == "" {
				return refusef(42041, "missing template_card option text")
			}
			ids[o.ID] = true
		}
	}
	if c.Type == "vote_interaction" || c.Type == "multiple_interaction" {
		if c.Submit == nil || c.Submit.Text == "" {
			return refusef(42046, "missing template_card.submit_button.text")
		}
		if c.Submit.Key == "" || len(c.Submit.Key) > 1024 {
			return refusef(42049, "invalid template_card.submit_button.key")
		}
	}
	return nil
}

// overlong lists what clients cut: the lengths are advice, in characters.
func overlong(c *Card, app bool) []string {
	pick := func(forApp, forRobot int) int {
		if app {
			return forApp
		}
		return forRobot
	}
	var out []string
	note := func(name, value string, limit int) {
		if n := utf8.RuneCountInString(value); n > limit {
			out = append(out, fmt.Sprintf("%s: %d > %d", name, n, limit))
		}
	}
	note("source.desc", c.Source, pick(20, 13))
	note("main_title.title", c.Title, pick(36, 26))
	note("main_title.desc", c.Desc, pick(44, 30))
	note("sub_title_text", c.Text, pick(160, 112))
	if c.Emphasis != nil {
		note("emphasis_content.title", c.Emphasis.Title, 10)
		note("emphasis_content.desc", c.Emphasis.Desc, 15)
	}
	for i, f := range c.Fields {
		note(fmt.Sprintf("horizontal_content_list[%d].keyname", i), f.Key, 5)
		note(fmt.Sprintf("horizontal_content_list[%d].value", i), f.Value, pick(30, 26))
	}
	for i, v := range c.Verticals {
		note(fmt.Sprintf("vertical_content_list[%d].title", i), v.Title, pick(38, 26))
		note(fmt.Sprintf("vertical_content_list[%d].desc", i), v.Desc, pick(160, 112))
	}
	for i, j := range c.Jumps {
		note(fmt.Sprintf("jump_list[%d].title", i), j.Title, pick(18, 13))
	}
	for i, b := range c.Buttons {
		note(fmt.Sprintf("button_list[%d].text", i), b.Text, 10)
	}
	if c.Submit != nil {
		note("submit_button.text", c.Submit.Text, 10)
	}
	for _, s := range c.Selects {
		limit := pick(16, 10)
		if c.Type == "vote_interaction" {
			limit = pick(17, 11)
		}
		for _, o := range s.Options {
			note("option "+o.ID, o.Text, limit)
		}
	}
	return out
}
