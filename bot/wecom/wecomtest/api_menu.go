package wecomtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of an app's menu (page 90231).
const (
	menuTop     = 3
	menuSub     = 5
	menuName    = 16 // bytes of a name on top
	menuSubName = 40 // bytes of a name below
	menuKey     = 128
)

// MenuEntry is an entry of the menu of an app.
type MenuEntry struct {
	Type string      `json:"type,omitempty"` // click, view, scancode_push, scancode_waitmsg, …; empty: opens Sub
	Name string      `json:"name"`
	Key  string      `json:"key,omitempty"`
	URL  string      `json:"url,omitempty"`
	Sub  []MenuEntry `json:"sub_button,omitempty"`
}

// Menu is the menu an app has made for itself, as a whole; nil: none.
func (w *WeCom) Menu(app string) []MenuEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.apps[app]
	if b == nil {
		return nil
	}
	out := slices.Clone(b.menu)
	for i := range out {
		out[i].Sub = slices.Clone(out[i].Sub)
	}
	return out
}

// createMenu is menu/create (page 90231): it replaces the whole menu. Callers hold mu.
func (w httpAPI) createMenu(c *apiCall) (object, *apiError) {
	id, err := strconv.Atoi(c.r.URL.Query().Get("agentid"))
	if err != nil || id != c.bot.app.AgentID {
		return nil, refusef(40056, "invalid agentid")
	}
	r := &reader{}
	top := r.objects(c.body, "button")
	if r.err != nil {
		return nil, r.err
	}
	if len(top) < 1 || len(top) > menuTop {
		return nil, refusef(40016, "invalid button size: %d entries", len(top))
	}
	var menu []MenuEntry
	for _, o := range top {
		e, refusal := menuEntry(o, menuName)
		if refusal != nil {
			return nil, refusal
		}
		sub := r.objects(o, "sub_button")
		switch {
		case r.err != nil:
			return nil, r.err
		case len(sub) > menuSub:
			return nil, refusef(40023, "invalid sub button size: %d entries", len(sub))
		case len(sub) == 0:
			if refusal := checkMenuEntry(e); refusal != nil {
				return nil, refusal
			}
		}
		for _, s := range sub {
			below, refusal := menuEntry(s, menuSubName)
			if refusal == nil {
				refusal = checkMenuEntry(below)
			}
			if refusal == nil && s["sub_button"] != nil && len(r.objects(s, "sub_button")) > 0 {
				refusal = refusef(40022, "invalid sub button level")
			}
			if refusal != nil {
				return nil, refusal
			}
			e.Sub = append(e.Sub, below)
		}
		menu = append(menu, e)
	}
	c.bot.menu = menu
	w.bump()
	return nil, nil
}

func menuEntry(o object, limit int) (MenuEntry, *apiError) {
	r := &reader{}
	e := MenuEntry{Type: r.str(o, "type"), Name: r.str(o, "name"), Key: r.str(o, "key"), URL: r.str(o, "url")}
	switch {
	case r.err != nil:
		return MenuEntry{}, r.err
	case e.Name == "" || len(e.Name) > limit:
		return MenuEntry{}, refusef(40018, "invalid button name size: 1 to %d bytes", limit)
	}
	return e, nil
}

// checkMenuEntry applies the rules of an entry that does something.
func checkMenuEntry(e MenuEntry) *apiError {
	switch e.Type {
	case "click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select":
		if e.Key == "" || len(e.Key) > menuKey {
			return refusef(40019, "invalid button key size: 1 to %d bytes", menuKey)
		}
	case "view":
		if !strings.HasPrefix(e.URL, "http://") && !strings.HasPrefix(e.URL, "https://") {
			return refusef(40020, "invalid button url")
		}
	case "view_miniprogram":
	default:
		return refusef(40017, "invalid button type %q", e.Type)
	}
	return nil
}

// inMenu reports whether a person can press an entry. An app that has made no menu
// itself has one from the console, with everything in it. Callers hold mu.
func (b *bot) inMenu(kind, key string) bool {
	if b.menu == nil {
		return true
	}
	is := func(e MenuEntry) bool { return len(e.Sub) == 0 && e.Type == kind && e.Key == key }
	return slices.ContainsFunc(b.menu, func(e MenuEntry) bool { return is(e) || slices.ContainsFunc(e.Sub, is) })
}

// Scan scans a code from the menu of an app: the app may answer (scancode_waitmsg,
// page 90240).
func (w *WeCom) Scan(ctx context.Context, where Where, user, eventKey, result string) (Outcome, error) {
	return w.scan(ctx, where, user, "scancode_waitmsg", eventKey, result)
}

// ScanPush scans a code from the menu of an app, which cannot answer at once
// (scancode_push, page 90240).
func (w *WeCom) ScanPush(ctx context.Context, where Where, user, eventKey, result string) (Outcome, error) {
	return w.scan(ctx, where, user, "scancode_push", eventKey, result)
}

func (w *WeCom) scan(ctx context.Context, where Where, user, kind, key, result string) (Outcome, error) {
	return w.menuEvent(ctx, where, user, kind, key, func(x *xmlWriter) {
		x.open("ScanCodeInfo").put("ScanType", "qrcode").put("ScanResult", result).end("ScanCodeInfo")
	})
}

// Click presses a click entry of the menu of an app (page 90240).
func (w *WeCom) Click(ctx context.Context, where Where, user, eventKey string) (Outcome, error) {
	return w.menuEvent(ctx, where, user, "click", eventKey, func(*xmlWriter) {})
}

func (w *WeCom) menuEvent(ctx context.Context, where Where, user, kind, key string, more func(*xmlWriter)) (Outcome, error) {
	return w.event(ctx, where, user, func(c *callback) (bool, error) {
		if !c.bot.isApp() || !c.bot.inMenu(kind, key) {
			return false, fmt.Errorf("%w: no %s entry %q in a menu of %s", ErrNotThere, kind, key, c.bot)
		}
		c.mute = kind == "scancode_push"
		x := forms{w}.appHead(c.bot, c.user, "event").put("Event", kind).put("EventKey", key)
		more(x)
		c.plain = x.num("AgentID", int64(c.bot.app.AgentID)).bytes()
		return true, nil
	})
}
