package wecomtest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Subscribe brings a member into the visible range of an app: event subscribe (page
// 90240), which may be answered.
func (w *WeCom) Subscribe(ctx context.Context, where Where, user string) (Outcome, error) {
	return w.event(ctx, where, user, func(c *callback) (bool, error) {
		if !c.bot.isApp() {
			return false, fmt.Errorf("%w: only apps are subscribed to", ErrNotThere)
		}
		c.plain = forms{w}.appHead(c.bot, c.user, "event").put("Event", "subscribe").put("EventKey", "").
			num("AgentID", int64(c.bot.app.AgentID)).bytes()
		return true, nil
	})
}

// agentEvents are about an app that is not used (page 90240, 2025-11).
var agentEvents = []string{"inactive_alert", "close_inactive_agent", "reopen_inactive_agent",
	"low_active_alert", "low_active", "active_restored"}

// AgentEvent tells an app about itself: inactive_alert (it will be paused at
// effect), close_inactive_agent, reopen_inactive_agent, low_active_alert,
// low_active or active_restored. It has no answer.
func (w *WeCom) AgentEvent(ctx context.Context, app, event string, effect time.Time) (Delivery, error) {
	w.mu.Lock()
	b, err := w.botOf(Where{App: app})
	if err == nil && !slices.Contains(agentEvents, event) {
		err = fmt.Errorf("%w: no event %q of an app", ErrNotThere, event)
	}
	if err == nil && w.closed {
		err = ErrClosed
	}
	if err != nil {
		w.mu.Unlock()
		return Delivery{}, err
	}
	c := &callback{bot: b, kind: onEvent, user: agentSender, mute: true}
	c.plain = newXML().put("ToUserName", b.receiveID).put("FromUserName", agentSender).
		num("CreateTime", w.opt.Now().Unix()).put("MsgType", "event").put("Event", event).
		num("EffectTime", effect.Unix()).num("AgentID", int64(b.app.AgentID)).bytes()
	c, err = w.newCallback(c)
	w.mu.Unlock()
	if err != nil {
		return Delivery{}, err
	}
	return w.deliver(ctx, c)
}

// agentSender is who events of no member come from.
const agentSender = "sys"
