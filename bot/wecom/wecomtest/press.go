package wecomtest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Selected is the answer to one question of a card.
type Selected struct {
	QuestionKey string   `json:"question_key"`
	OptionIDs   []string `json:"option_ids"`
}

// Press presses a button, the submit button or an entry of the menu of a card, as
// this person sees it. Any member of a group may press. An app's event is retried
// like a message; a robot's is sent once (page 101027).
func (w *WeCom) Press(ctx context.Context, where Where, user, shownID, key string, selected ...Selected) (Outcome, error) {
	c, err := w.preparePress(where, user, shownID, key, selected)
	if err != nil {
		return Outcome{}, err
	}
	d, err := w.deliver(ctx, c)
	return Outcome{Shown: shownID, Deliveries: []Delivery{d}}, err
}

func (w *WeCom) preparePress(where Where, user, shownID, key string, selected []Selected) (*callback, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	place, who, err := w.resolve(where, user)
	if err != nil {
		return nil, err
	}
	p := w.posts[shownID]
	if p == nil || p.where != place || p.sent == nil {
		return nil, fmt.Errorf("%w: no such card in %s", ErrNotThere, place)
	}
	card := p.viewOf(who.ID).card
	menu, err := card.pressable(key)
	if err != nil {
		return nil, err
	}
	c := &callback{bot: p.sent.bot, kind: onCardEvent, where: place, user: fold(who.ID), post: p,
		taskID: p.sent.taskID, menu: menu}
	if c.bot.isApp() {
		forms{w}.appCardEvent(c, card, key, selected)
	} else {
		c.once, c.msgID = true, w.newID(32)
		c.plain = forms{w}.robotJSON(c, &responseURL{}, func(o object) {
			o["msgtype"], o["create_time"] = "event", w.opt.Now().Unix()
			o["event"] = forms{w}.robotCardEvent(card, p.sent.taskID, key, selected)
		})
	}
	return w.newCallback(c)
}

// pressable reports whether a key is one that calls back now, and whether it is
// in the menu.
func (c *Card) pressable(key string) (menu bool, err error) {
	is := func(b Button) bool { return b.Key == key }
	if c.Menu != nil && slices.ContainsFunc(c.Menu.Items, is) {
		return true, nil
	}
	buttons := c.Buttons
	if c.Submit != nil {
		buttons = append(slices.Clone(buttons), *c.Submit)
	}
	if c.Type == "text_notice" || c.Type == "news_notice" {
		buttons = nil // whatever it carries, it is not drawn
	}
	i := slices.IndexFunc(buttons, is)
	switch {
	case i < 0:
		return false, fmt.Errorf("%w: no such button on the card", ErrNotThere)
	case c.Dead:
		return false, fmt.Errorf("%w: the button is dead, it says %q", ErrNotThere, c.ReplaceText)
	case buttons[i].Type == 1:
		return false, fmt.Errorf("%w: the button opens a link and calls nobody", ErrNotThere)
	}
	return false, nil
}

// appCardEvent fills in the plaintext of template_card_event (page 90240). Callers hold mu.
func (w forms) appCardEvent(c *callback, card *Card, key string, selected []Selected) {
	x := w.appHead(c.bot, c.user, "event")
	name := "template_card_event"
	if c.menu {
		name = "template_card_menu_event"
	}
	code := w.grant(c.bot, c.post.sent)
	x.put("Event", name).put("EventKey", key).put("TaskId", c.taskID).put("CardType", card.Type).put("ResponseCode", code)
	if !c.menu && len(selected) > 0 {
		x.open("SelectedItems")
		for _, s := range selected {
			x.open("SelectedItem").put("QuestionKey", s.QuestionKey).open("OptionIds")
			for _, id := range s.OptionIDs {
				x.put("OptionId", id)
			}
			x.end("OptionIds").end("SelectedItem")
		}
		x.end("SelectedItems")
	}
	c.plain = x.num("AgentID", int64(c.bot.app.AgentID)).bytes()
}

// robotCardEvent is the event object in the form of the options (page 101027).
func (w forms) robotCardEvent(card *Card, taskID, key string, selected []Selected) object {
	fields := object{"card_type": card.Type, "event_key": key, "task_id": taskID}
	if w.opt.CardEvents == JoinedEvent {
		fields = object{"cardtype": card.Type, "eventkey": key, "taskid": taskID}
	}
	if len(selected) > 0 {
		items := make([]any, 0, len(selected))
		for _, s := range selected {
			items = append(items, object{"question_key": s.QuestionKey, "option_ids": object{"option_id": s.OptionIDs}})
		}
		fields["selected_items"] = object{"selected_item": items}
	}
	event := object{"eventtype": "template_card_event"}
	if w.opt.CardEvents == FlatEvent {
		for k, v := range fields {
			event[k] = v
		}
		return event
	}
	event["template_card_event"] = fields
	return event
}

// Enter opens the 1:1 conversation. An app gets enter_agent every time (page
// 90240); a robot gets enter_chat on the first time of a day, by the date in
// China, once and without retries (page 101027).
func (w *WeCom) Enter(ctx context.Context, where Where, user string) (Outcome, error) {
	return w.event(ctx, where, user, func(c *callback) (bool, error) {
		if c.bot.isApp() {
			c.plain = forms{w}.appHead(c.bot, c.user, "event").put("Event", "enter_agent").put("EventKey", "").
				num("AgentID", int64(c.bot.app.AgentID)).bytes()
			return true, nil
		}
		day := w.opt.Now().In(china).Format(time.DateOnly)
		m := memberOf{c.bot, c.user}
		if w.welcomed[m] == day {
			return false, nil
		}
		w.welcomed[m] = day
		c.once, c.msgID = true, w.newID(32)
		c.plain = forms{w}.robotJSON(c, nil, func(o object) {
			o["msgtype"], o["create_time"] = "event", w.opt.Now().Unix()
			o["event"] = object{"eventtype": "enter_chat"}
		})
		return true, nil
	})
}

var china = time.FixedZone("CST", 8*60*60)

// event delivers an event of a 1:1 conversation; fill tells whether there is one.
func (w *WeCom) event(ctx context.Context, where Where, user string, fill func(*callback) (bool, error)) (Outcome, error) {
	c, err := w.prepareEvent(where, user, fill)
	if err != nil || c == nil {
		return Outcome{}, err
	}
	d, err := w.deliver(ctx, c)
	return Outcome{Deliveries: []Delivery{d}}, err
}

func (w *WeCom) prepareEvent(where Where, user string, fill func(*callback) (bool, error)) (*callback, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	place, who, err := w.resolve(where, user)
	if err != nil {
		return nil, err
	}
	b, err := w.botOf(place)
	if err != nil {
		return nil, err
	}
	if !b.usableBy(who.ID) {
		w.drop(b, who.ID, "not a member who may use it", "")
		return nil, nil
	}
	c := &callback{bot: b, kind: onEvent, where: place, user: fold(who.ID)}
	if ok, err := fill(c); err != nil || !ok {
		return nil, err
	}
	return w.newCallback(c)
}
