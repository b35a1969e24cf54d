package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// socketCells are those in which the robot has a long connection.
var socketCells = []setting{
	{dialect: dianpingtest.Dianping, driver: models.SQLite, group: true, socket: true},
	{dialect: dianpingtest.Meituan, driver: models.MySQL, group: true, socket: true},
	{dialect: douyin, driver: models.MySQL, group: true, socket: true},
}

// takeover is how soon after a death another replica has to be connected.
const takeover = 15 * time.Second

// One replica holds the connection. When it is killed in the middle of a
// verification another one connects soon, and what the first had accepted is
// answered by the other, once. When it stops in order, it hands over at once.
func TestSocketTakeover(t *testing.T) {
	inCells(t, with(socketCells[1:], func(s *setting) { s.callTimeout = "1s" }), func(w *world) {
		holder, other := w.replicas()
		if _, open := w.wecom.Connected("group"); open != 1 {
			w.Errorf("%d connections of two replicas", open)
		}
		code := w.sell()
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: code})
		a := w.utter(w.hero, "验 "+code)
		w.reached(code, func() bool { return w.held("consume", code) })
		if err := w.endOf(holder, syscall.SIGKILL); err == nil {
			w.Error("the process has ended by itself")
		}
		died := time.Now()
		w.must(w.wecom.WaitConnected(w.soon(), "group"))
		if took := ran(died, time.Now()); took > takeover {
			w.Errorf("the other replica was connected %s after the death of the first", took)
		}
		w.afterDeath(w.messageLease()).await(0, a, "核销成功", code)
		w.recount(w.hero)
		if n := w.shows(w.hero, "核销成功", code); n != 1 {
			w.Errorf("%d cards of one verification", n)
		}
		w.ledger(code, 1, 0)
		w.oneID(code)

		w.start(holder.cmd.Path)
		stopped := time.Now()
		if err := w.endOf(other, syscall.SIGTERM); err != nil {
			w.Errorf("after SIGTERM: %v", err)
		}
		w.must(w.wecom.WaitConnected(w.soon(), "group"))
		if took := ran(stopped, time.Now()); took > takeover {
			w.Errorf("handed over after %s", took)
		}
		code = w.sell()
		w.say("lisi", "验 "+code, "核销成功")
		w.ledger(code, 1, 0)
	})
}

// A connection that breaks is opened again, and answers under way go out over the
// next one; acks that are lost or late, and callbacks that come twice, change
// nothing.
func TestSocketFaults(t *testing.T) {
	inCells(t, socketCells, func(w *world) {
		for name, trouble := range map[string]func(){
			"cut":               func() { w.must(w.wecom.DropConnection("group")) },
			"subscription lost": func() { w.must(w.wecom.LoseSubscription("group")) },
			"cut at the answer": func() { w.wecom.Fail(wecomtest.Fault{API: "aibot_respond_msg", Times: 1, Drop: true}) },
			"request forgotten": func() { w.must(w.wecom.ForgetRequests("group")) },
			"unknown frames": func() {
				w.must(w.wecom.PushFrame(w.soon(), "group", []byte(`{"cmd":"aibot_something_new","headers":{"req_id":"x"},"body":{}}`)))
				w.must(w.wecom.PushFrame(w.soon(), "group", []byte(`{"headers":{"req_id":"nobody"},"errcode":0}`)))
				w.must(w.wecom.PushFrame(w.soon(), "group", []byte(`not JSON`)))
			},
		} {
			w.must(w.wecom.WaitConnected(w.soon(), "group"))
			code := w.sell()
			release := w.hold("consume", code, false)
			a := w.utter(w.hero, "验 "+code)
			w.reached(code, func() bool { return w.held("consume", code) })
			trouble()
			release()
			w.await(0, a, "核销成功", code)
			w.recount(w.hero)
			if n := w.shows(w.hero, "核销成功", code); n != 1 {
				w.Errorf("%s: %d answers", name, n)
			}
			w.ledger(code, 1, 0)
		}
		for range 2 { // refusals and drops that were ordered
			w.refusable[846605]++
			w.refusable[846609]++
		}
	})
}

// Where a group shows no cards over a long connection, people read what to type
// instead of a press.
func TestSocketWithoutCards(t *testing.T) {
	inCells(t, socketCells[:1], func(w *world) {
		w.wecom.SetGroupCards(wecomtest.GroupCards{})
		code := w.sell()
		a := w.say(w.hero, code, "双人下午茶", "验 "+code)
		if strings.Contains(a.text(), "核销成功") {
			w.Errorf("consumed by a look:\n%s", a.text())
		}
		w.ledger(code, 0, 0)
		w.say(w.hero, "验 "+code, "核销成功", "撤 "+code)
		w.ledger(code, 1, 0)
		w.say(w.hero, "撤 "+code, "已撤销")
		w.ledger(code, 1, 1)
		w.refusable[40008] += 3
	})
}

// Another program that uses the same robot takes the connection away again and
// again: the bot does not fight for it, and tells the managers.
func TestSocketKicked(t *testing.T) {
	inCells(t, socketCells[:1], func(w *world) {
		w.must(w.wecom.Kick("group", 1000))
		app := *w
		app.group, app.socket = false, false
		_, err := w.wecom.WaitFor(w.soon(), wecomtest.InApp("main", "boss"), func(screen []wecomtest.Shown) bool {
			for _, s := range screen {
				if s.FromBot && strings.Contains(legible(s), "长连接") {
					return true
				}
			}
			return false
		})
		w.must(err)
		w.recountApp("boss")
		if n := w.wecom.Calls("aibot_subscribe"); n > 4 {
			w.Errorf("%d subscribes: a fight", n)
		}
	})
}
