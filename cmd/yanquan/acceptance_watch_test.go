package main

import (
	"syscall"
	"testing"

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
		noticed, often := "同一个手机号核销很多张", func(user, shop string) {
			for range 2 {
				code := w.sell(shop)
				w.say(user, "验 "+code, "核销成功")
				w.ledger(code, 1, 0)
			}
		}
		if !w.markets[0].traits().phones {
			noticed, often = "反复核销又撤销", func(user, shop string) {
				code := w.sell(shop)
				for n := range 2 {
					w.say(user, "验 "+code, "核销成功")
					w.say(user, "撤 "+code, "已撤销")
					w.ledger(code, n+1, n+1)
				}
			}
		}
		told := func(store string) int { return w.shows("boss", noticed, store) }
		program := w.program.cmd.Path
		// It looks when it starts, and then every few minutes. Of several stores the first is
		// told of first: once the other is, the second look was at both.
		for _, at := range []struct{ user, shop, store string }{{w.hero, shopA, storeA}, {"qianqi", shopB, storeB}} {
			often(at.user, at.shop)
			w.must(w.end(syscall.SIGTERM))
			w.start(program)
			w.until(func() bool { return told(at.store) > 0 })
		}
		for _, store := range []string{storeA, storeB} {
			if n := told(store); n != 1 {
				w.Errorf("told %d times of %s", n, store)
			}
		}
		w.recount("boss")
		w.recount("sunba") // who manages the store
	})
}
