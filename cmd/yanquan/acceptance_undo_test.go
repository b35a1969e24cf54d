package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

func undo(w *world) {
	w.say(w.hero, "撤 "+w.sell(), "没有")
	for i, verb := range []string{"撤 ", "撤销 ", "撤"} {
		code, user := w.sell(), staff(i+1)
		w := w.own(user)
		w.say(user, "验 "+code, "核销成功")
		w.say(user, verb+code, "已撤销", w.renamed(code), code, people[user])
		w.ledger(code, 1, 1)
		w.say(user, "撤 "+code, "已撤销") // the truth, and no second undo
		w.ledger(code, 1, 1)
		if !w.at(code).traits().renames {
			w.say(user, "验 "+code, "核销成功")
			w.ledger(code, 2, 1)
			continue
		}
		w.say(user, "验 "+code, "券码已更换")
		w.ledger(code, 1, 1)
		next := w.voucher(code).renamed
		w.say(user, "验 "+next, "核销成功")
		w.ledger(next, 1, 0)
	}

	code := w.sell()
	a := w.say(w.hero, "验 "+code, "核销成功")
	w.press(w.hero, w.card(a), "撤销", "已撤销", w.renamed(code), people[w.hero])
	w.ledger(code, 1, 1)

	first, last := w.sell(), w.sell()
	w.say(w.hero, "验 "+first, "核销成功")
	w.say(w.hero, "验 "+last, "核销成功")
	w.say("lisi", "验 "+w.toVerify(), "核销成功") // another's is not offered
	a = w.say(w.hero, "撤", last, title, "[撤销]")
	w.ledger(last, 1, 0)
	w.press(w.hero, w.card(a), "撤销", "已撤销", last)
	w.ledger(last, 1, 1)

	if w.group { // an app is not told what is quoted
		asked := w.say(w.hero, "验 "+w.toVerify(), "核销成功")
		quoted, _ := w.wecom.Find(asked.delivery.ShownID, w.hero)
		code := regexp.MustCompile(`[0-9]{10,}`).FindString(quoted.Text)
		a := w.utter(w.hero, "撤", wecomtest.Quoting(quoted.ID))
		w.await(1, a, "已撤销", code)
		w.ledger(code, 1, 1)
	}
	w.ledger(first, 1, 0)
	w.say(w.hero, "撤", first, "[撤销]")
	w.say("sunba", "撤", "没有可以撤销")
}

// renamed is what people read of a code that an undo changes; nothing, where it does not.
func (w *world) renamed(code string) string {
	if w.at(code).traits().renames {
		return "新的券码"
	}
	return ""
}

// toVerify is a voucher that will be verified.
func (w *world) toVerify() string {
	w.Helper()
	code := w.sell()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects[code] = effects{1, 0}
	return code
}

// forge makes a press of the first button of somebody else's card in the app.
func (w *world) forge(user string, a answer, want ...string) answer {
	w.Helper()
	card := w.card(a)
	before := w.wecom.Version()
	app, _ := w.wecom.App("main")
	w.refusable[60140]++ // the card cannot be changed by a code that is forged, too
	plain := fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>%d</CreateTime><MsgType>event</MsgType>"+
		"<Event>template_card_event</Event><EventKey>%s</EventKey><TaskId>%s</TaskId><CardType>button_interaction</CardType><ResponseCode>x</ResponseCode><AgentID>%d</AgentID></xml>",
		app.CorpID, user, time.Now().Unix(), card.Card.Buttons[0].Key, card.Card.TaskID, app.AgentID)
	sealed, err := w.wecom.EncryptApp("main", []byte(plain), wecomtest.Knobs{})
	w.must(err)
	status, body, err := w.wecom.Post(w.soon(), sealed)
	if w.must(err); status != http.StatusOK || len(body) > 0 {
		w.Fatalf("a press: %d %s", status, body)
	}
	return w.pressed(answer{user: user}, before, want...)
}

// stale sees to a card whose button has nothing to do any more: an app's changes
// by itself, a robot's when it is pressed.
func (w *world) stale(user string, card wecomtest.Shown, button string, want ...string) {
	w.Helper()
	if w.group {
		a, before := w.push(user, card, button)
		if w.clock != nil { // which stands otherwise, and an answer too late for the callback goes by it
			w.clock.Advance(fallbackDelay)
		}
		w.pressed(a, before, want...)
		return
	}
	w.until(func() bool {
		if w.clock != nil { // which stands otherwise, and cards are looked at by it
			w.clock.Advance(time.Second)
		}
		screen := w.wecom.Screen(w.screen(user))
		i := slices.IndexFunc(screen, func(s wecomtest.Shown) bool { return s.ID == card.ID })
		return i >= 0 && readable(legibles(screen[i:i+1]), want) && !strings.Contains(legible(screen[i]), "["+button+"]")
	})
}

func oldCards(w *world) {
	code := w.sell()
	old := w.card(w.say(w.hero, code, "[确认核销]"))
	older := w.card(w.say(w.hero, code, "[确认核销]"))
	done := w.press(w.hero, old, "确认核销", "核销成功")
	w.lacks(w.press(w.hero, older, "确认核销", "此券已核销", people[w.hero]), "核销成功") // it would look like a second one
	w.ledger(code, 1, 0)
	w.say("wangwu", "撤 "+code, "已撤销")
	w.stale(w.hero, w.card(done), "撤销", "已撤销", "王五")
	w.ledger(code, 1, 1)

	// Twice on one button, in two seconds of WeCom's time, while the platform is slow.
	for _, step := range []struct {
		button, call, want string
		undone             int
	}{{"确认核销", "consume", "核销成功", 0}, {"撤销", "reverseconsume", "已撤销", 1}} {
		code := w.sell()
		card := w.card(w.say(w.hero, code, "[确认核销]"))
		if step.button == "撤销" {
			card = w.card(w.press(w.hero, card, "确认核销", "核销成功"))
		}
		release, stored := w.hold(step.call, code, false), w.storedOf(w.hero)
		before := w.wecom.Version()
		w.together(map[string]func(*world){
			"first": func(w *world) { w.push(w.hero, card, step.button) },
			"second": func(w *world) {
				w.reached(code, func() bool { return w.held(step.call, code) })
				w.ahead.Add(int64(2 * time.Second))
				w.push(w.hero, card, step.button)
			},
			"platform": func(w *world) {
				defer release()
				w.until(func() bool { return w.storedOf(w.hero) == stored+2 })
			},
		})
		// Each press has its answer, on the card or, where that took too long, below.
		count := func(screen []wecomtest.Shown) (replaced, below int) {
			for _, s := range screen {
				switch {
				case s.ID == card.ID:
					replaced = s.Replaced - card.Replaced
				case s.FromBot && s.Seq > before:
					below++
				}
			}
			return replaced, below
		}
		screen, err := w.wecom.WaitFor(w.soon(), w.screen(w.hero), func(screen []wecomtest.Shown) bool {
			replaced, below := count(screen)
			return replaced+below >= 2
		})
		if err != nil {
			w.Fatalf("%v: %s", err, tailOf(legibles(screen), 1000))
		}
		w.delivered(w.hero)
		_, below := count(w.wecom.Screen(w.screen(w.hero)))
		w.mu.Lock()
		w.expected[w.screenName(w.hero)] += below
		w.mu.Unlock()
		w.ledger(code, 1, step.undone)
		w.say(w.hero, "帮助", "可以这样发")
		w.ledger(code, 1, step.undone)
		if shown, _ := w.wecom.Find(card.ID, w.hero); below == 0 && !strings.Contains(legible(shown), step.want) {
			w.Errorf("after two presses the card says:\n%s", legible(shown))
		}
	}

	// A button that was never ours.
	code = w.sell()
	card := w.card(w.say(w.hero, code, "[确认核销]"))
	n := w.requests()
	if !w.group {
		for _, key := range []string{"undo nothing", "verify 99 " + code + " 1", "store 99 验 " + code, "nonsense"} {
			forged := card
			copied := *card.Card
			copied.Buttons = []wecomtest.Button{{Text: "x", Key: key}}
			forged.Card = &copied
			w.ahead.Add(int64(2 * time.Second))
			w.lacks(w.forge(w.hero, answer{bubbles: []wecomtest.Shown{forged}}), "核销成功")
		}
	}
	if w.requests() != n {
		w.Error("forged buttons have reached the platform")
	}
	w.ledger(code, 0, 0)
}
