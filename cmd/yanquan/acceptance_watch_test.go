package main

import (
	"strings"
	"syscall"
	"testing"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/models"
)

// What the watch notices is told to managers once, by one of the processes.
func TestWatch(t *testing.T) {
	var cells []setting
	for _, s := range append(faultCells[:len(faultCells):len(faultCells)], setting{dialect: douyin, driver: models.SQLite}) {
		if !s.group { // managers are told by the app
			s.watch = "{same_phone: 2, repeats: 2}"
			cells = append(cells, s)
		}
	}
	inCells(t, cells, func(w *world) {
		noticed := "同一个手机号核销很多张"
		if w.markets[0].traits().phones {
			for range 2 {
				code := w.sell()
				w.say(w.hero, "验 "+code, "核销成功")
				w.ledger(code, 1, 0)
			}
		} else {
			noticed = "反复核销又撤销"
			code := w.sell()
			for n := range 2 {
				w.say(w.hero, "验 "+code, "核销成功")
				w.say(w.hero, "撤 "+code, "已撤销")
				w.ledger(code, n+1, n+1)
			}
		}
		boss := wecomtest.InApp("main", "boss")
		told := func() (n int) {
			for _, s := range w.wecom.Screen(boss) {
				if s.FromBot && strings.Contains(legible(s), noticed) {
					n++
				}
			}
			return n
		}
		program := w.program.cmd.Path
		for range 2 { // it looks when it starts, and then every few minutes
			w.must(w.end(syscall.SIGTERM))
			w.start(program)
			w.until(func() bool { return told() > 0 })
		}
		w.say(w.hero, "记录", "核销")
		if n := told(); n != 1 {
			w.Errorf("told %d times", n)
		}
		w.recount("boss")
		w.recount("sunba") // who manages the store
	})
}
