package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// How fast it starts and how much it needs. Not parallel, so that it is alone.
func TestAcceptanceFigures(t *testing.T) {
	builtProgram(t)
	w := newWorld(t, setting{dialect: dianpingtest.Meituan, driver: models.SQLite}) // the file is in the cache now
	w.must(w.program.cmd.Process.Signal(syscall.SIGTERM))
	if err := <-w.program.exited; err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(w.config), "yanquan.db*"))
	w.must(err)
	for _, f := range files { // from nothing, schema included
		w.must(os.Remove(f))
	}
	began := time.Now()
	w.start(w.program.cmd.Path)
	took := time.Since(began)
	if status, _ := get(t, w.url()+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.program.cmd.Process.Pid))
	if err != nil {
		t.Logf("from start to ready on SQLite: %s; memory not measured: %v", took.Round(time.Millisecond), err)
		return
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	kb, err := strconv.Atoi(string(m[1]))
	w.must(err)
	t.Logf("from start to ready on SQLite: %s; idle RSS: %.1f MB", took.Round(time.Millisecond), float64(kb)/1024)
	if took > 3*time.Second || kb > 80<<10 {
		t.Errorf("wildly over: ready after %s, RSS %d kB", took, kb)
	}
}

// After the window nothing can be undone any more, and nobody asks the platform.
func TestAcceptanceUndoWindow(t *testing.T) {
	t.Parallel()
	for _, s := range []setting{
		{dialect: dianpingtest.Dianping, driver: models.SQLite, group: true},
		{dialect: dianpingtest.Meituan, driver: models.SQLite},
	} {
		s.undoWindow = "2s"
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			code, other := w.sell(), w.sell()
			a := w.say("zhangsan", "验 "+code, "核销成功", "可撤销至")
			w.say("zhangsan", "验 "+other, "核销成功")
			v, _ := w.platform.Voucher(other)
			<-time.After(time.Until(v.Use.Time.Add(2 * time.Second)))
			w.say("zhangsan", "撤 "+code, "已过撤销时间", "张三")
			w.say("boss", "撤 "+code, "已过撤销时间")
			w.press("zhangsan", w.card(a), "撤销", "已过撤销时间")
			w.say("zhangsan", "撤", "没有可以撤销")
			if w.requests("reverseconsume") != 0 {
				t.Error("the platform was asked after the window")
			}
			w.ledger(code, 1, 0)
			w.ledger(other, 1, 0)
			judgement(w)
		})
	}
}

// The platform's window may end before ours does.
func TestAcceptanceUndoRefused(t *testing.T) {
	t.Parallel()
	for _, dialect := range []dianpingtest.Dialect{dianpingtest.Dianping, dianpingtest.Meituan} {
		s := setting{dialect: dialect, driver: models.SQLite, group: dialect == dianpingtest.Meituan, platformWindow: time.Nanosecond}
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			code := w.sell()
			a := w.say("zhangsan", "验 "+code, "核销成功")
			w.lacks(w.press("zhangsan", w.card(a), "撤销", "没有撤销", "不再允许撤销"), "已撤销", "可撤销至", "[撤销]")
			w.ledger(code, 1, 0)
			w.say("zhangsan", "今日", "1 张 ¥49.90")
			judgement(w)
		})
	}
}

// The database goes away and comes back.
func TestAcceptanceDatabaseGone(t *testing.T) {
	t.Parallel()
	for _, s := range []setting{
		{dialect: dianpingtest.Dianping, driver: models.MySQL, group: true, proxied: true},
		{dialect: dianpingtest.Meituan, driver: models.MySQL, proxied: true},
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			w.say("zhangsan", "帮助", "可以这样发")

			// In the middle of a verification: the platform has done it, the answer
			// cannot be stored.
			code, next := w.sell(), w.sell()
			w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 500 * time.Millisecond, Applied: true})
			w.together(map[string]func(*world){
				"verify": func(w *world) {
					w = w.in(room("zhangsan"))
					w.await(0, w.utter("zhangsan", "验 "+code), "核销成功", code)
				},
				"outage": func(w *world) {
					w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
					w.proxy.Down()
					gone := time.Now()
					w.until(func() bool { status, _ := get(w.T, w.url()+"/readyz"); return status != http.StatusOK })
					if took := time.Since(gone); took > 5*time.Second {
						w.Errorf("/readyz has taken %s to notice", took)
					} else {
						w.Logf("/readyz has noticed after %s", took.Round(time.Millisecond))
					}
					if status, _ := get(w.T, w.url()+"/healthz"); status != http.StatusOK {
						w.Errorf("healthz: %d; a restart would not help", status)
					}
					var sealed []wecomtest.SealedRequest
					for _, user := range []string{"lisi", "boss"} {
						plain, err := w.wecom.Plaintext(wecomtest.InApp("main", user), user, "验 "+next)
						w.must(err)
						one, err := w.wecom.EncryptApp("main", plain, wecomtest.Knobs{})
						w.must(err)
						sealed = append(sealed, one)
					}
					plain, err := w.wecom.Plaintext(wecomtest.InGroup(roomA).Mention("group"), "lisi", "验 "+next)
					w.must(err)
					one, err := w.wecom.EncryptRobot("group", plain, wecomtest.Knobs{})
					w.must(err)
					for _, s := range append(sealed, one) {
						status, body, err := w.wecom.Post(w.soon(), s) // within WeCom's five seconds
						if w.must(err); status != http.StatusServiceUnavailable || inside(string(body)) {
							w.Errorf("without a database: %d %q", status, body)
						}
					}
					w.ledger(next, 0, 0)

					w.proxy.Up()
					back := time.Now()
					w.until(func() bool { status, _ := get(w.T, w.url()+"/readyz"); return status == http.StatusOK })
					w.Logf("ready again after %s", time.Since(back).Round(time.Millisecond))
					for _, s := range append(sealed, one) { // WeCom sends again
						if status, _, err := w.wecom.Post(w.soon(), s); err != nil || status != http.StatusOK {
							w.Errorf("after the outage: %d %v", status, err)
						}
					}
					w.must(w.platform.Await(w.soon(), func() bool { return w.platform.Effects(next).Consumed > 0 }))
				},
			})
			w.ledger(code, 1, 0)
			w.ledger(next, 1, 0)
			if w.group {
				w.recount("lisi")
			}
			if err := w.end(syscall.SIGTERM); err != nil {
				w.Errorf("after SIGTERM: %v", err)
			}
			if codes := w.platform.TwiceConsumed(); len(codes) > 0 {
				w.Errorf("consumed twice: %v", codes)
			}
			w.noRefusals()
		})
	}
}

// until asks until something holds; there is no event to wait for.
func (w *world) until(holds func() bool) {
	w.Helper()
	ctx := w.soon()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			w.Fatal(ctx.Err())
		}
	}
}

// Two processes on one database: each message is worked on once, whichever gets
// it, and one goes on where the other died.
func TestAcceptanceReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setting{dialect: dianpingtest.Meituan, driver: models.MySQL})
	w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
	first := w.program
	w.start(first.cmd.Path)
	second := w.program
	to := func(p *process, s wecomtest.SealedRequest) {
		s.URL = p.url + "/wecom/app/main"
		if status, _, err := w.wecom.Post(w.soon(), s); err != nil || status != http.StatusOK {
			w.Errorf("status %d, %v", status, err)
		}
	}
	for range 5 { // the same bytes to both at once
		code := w.sell()
		plain, err := w.wecom.Plaintext(w.where("zhangsan"), "zhangsan", "验 "+code)
		w.must(err)
		sealed, err := w.wecom.EncryptApp("main", plain, wecomtest.Knobs{})
		w.must(err)
		before := w.wecom.Version()
		w.together(map[string]func(*world){
			"first":  func(*world) { to(first, sealed) },
			"second": func(*world) { to(second, sealed) },
		})
		w.await(1, answer{user: "zhangsan", since: before}, "核销成功", code)
		w.ledger(code, 1, 0)
	}
	for range 5 { // two people, one code, each to another process
		code := w.sell()
		before := w.wecom.Version()
		parts := map[string]func(*world){}
		for user, p := range map[string]*process{"zhangsan": first, "lisi": second} {
			parts[user] = func(w *world) {
				plain, err := w.wecom.Plaintext(w.where(user), user, "验 "+code)
				w.must(err)
				sealed, err := w.wecom.EncryptApp("main", plain, wecomtest.Knobs{})
				w.must(err)
				to(p, sealed)
				w.await(1, answer{user: user, since: before}, code)
			}
		}
		w.together(parts)
		w.ledger(code, 1, 0)
	}

	// One dies in the middle: nobody starts it again, and it is told all the same.
	code := w.sell()
	w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: code})
	plain, err := w.wecom.Plaintext(w.where("zhangsan"), "zhangsan", "验 "+code)
	w.must(err)
	sealed, err := w.wecom.EncryptApp("main", plain, wecomtest.Knobs{})
	w.must(err)
	before := w.wecom.Version()
	to(first, sealed)
	w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
	w.must(first.cmd.Process.Kill())
	died := time.Now()
	w.await(1, answer{user: "zhangsan", since: before}, "核销成功", code)
	t.Logf("the other process has told it %s after kill -9", time.Since(died).Round(time.Millisecond))
	w.ledger(code, 1, 0)
	judgement(w)
}
