package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/internal/failpoint"
)

// summaryCells are afternoons. Managers get their summaries by the app, whatever
// the channel of the day was.
func summaryCells(cells []setting) []setting {
	return with(cells, func(s *setting) { s.afternoon, s.here, s.undoWindow = true, true, "2h" })
}

// F16: the process dies before the summary is stored, when it is, and before and
// after it is sent. It passes when each manager has one in the end, with the day's
// figures.
func TestFault16KilledDuringSummary(t *testing.T) {
	inCells(t, summaryCells(faultCells), func(w *world) {
		w.aDay()
		for _, point := range []string{"report.before", "report.after", "send.before"} {
			cmd := exec.Command(builtProgram(w.T, "failpoints"), "serve", "--config", w.config)
			cmd.Env = append(append(os.Environ(), w.env...), failpoint.Env+"="+point)
			if err := cmd.Run(); err == nil {
				w.Errorf("%s: it has ended by itself", point)
			}
		}
		w.start(builtProgram(w.T, ""))
		w.afterDeath(deliveryLease).oneSummary("")
	})
}

// F17: the program starts after the time. It passes when the summary comes then, and
// says that it is late; another start sends no other.
func TestFault17SummaryLate(t *testing.T) {
	inCells(t, summaryCells(faultCells), func(w *world) {
		w.aDay()
		w.reportAt(-25 * time.Minute)
		for range 2 {
			w.start(builtProgram(w.T, ""))
			w.oneSummary("补发")
			w.must(w.end(syscall.SIGTERM))
		}
	})
}

// F17: three replicas whose clocks differ by twenty minutes come to the time at once.
// It passes when each manager gets one summary.
func TestFault17SummaryTwice(t *testing.T) {
	inCells(t, summaryCells(serverCells), func(w *world) {
		w.aDay()
		for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute, 0} {
			w.serve(w.inside(ahead))
		}
		w.oneSummary("")
	})
}

// aDay is half an hour ago: two vouchers verified, a third undone. Then nothing runs,
// and the time of the summary comes.
func (w *world) aDay() {
	w.Helper()
	w.must(w.end(syscall.SIGTERM))
	const ago = -30 * time.Minute
	w.ahead.Store(int64(ago))
	w.shopTime.Store(int64(ago))
	w.alone = true
	w.serve(w.inside(ago))
	w.alone = false
	for range 2 {
		code := w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		w.ledger(code, 1, 0)
	}
	code := w.sell()
	w.say(w.hero, "验 "+code, "核销成功")
	w.say(w.hero, "撤 "+code, "已撤销")
	w.ledger(code, 1, 1)
	w.must(w.end(syscall.SIGTERM))
	w.ahead.Store(0)
	w.shopTime.Store(0)
	w.reportAt(-2 * time.Minute)
}

// reportAt sets the time of the summary, from now.
func (w *world) reportAt(in time.Duration) {
	w.Helper()
	text, err := os.ReadFile(w.config)
	w.must(err)
	at := regexp.MustCompile(`(?m)^  at: .*$`)
	if !at.Match(text) {
		w.Fatal("no time of the summary in the configuration")
	}
	text = at.ReplaceAll(text, []byte(`  at: "`+time.Now().In(w.zone).Add(in).Format("15:04")+`"`))
	w.must(os.WriteFile(w.config, text, 0o600))
}

// furtherSummaries are the titles of those that come beside the day's, if it is not
// late: on Mondays that of the week before, on the first that of the month before. Both
// are empty here, and what is empty does not come late.
func furtherSummaries(today time.Time) (titles []string) {
	if today.Weekday() == time.Monday {
		titles = append(titles, "上周 "+today.AddDate(0, 0, -7).Format("01-02"))
	}
	if today.Day() == 1 {
		titles = append(titles, today.AddDate(0, 0, -1).Format("2006年1月"))
	}
	return titles
}

// oneSummary waits until both managers have the summary of the day, and looks
// whether it is one, as are those that are due beside it.
func (w *world) oneSummary(mark string) {
	w.Helper()
	today := time.Now().In(w.zone)
	titled := func(where wecomtest.Where, title string) (texts []string) {
		for _, s := range w.wecom.Screen(where) {
			if s.FromBot && strings.Contains(legible(s), title) {
				texts = append(texts, legible(s))
			}
		}
		return texts
	}
	title := today.Format("01-02") + " 2 张 ¥99.80"
	got := func(user string) []string { return titled(wecomtest.InApp("main", user), title) }
	managers := wecomtest.InGroup(roomManagers).As("boss")
	for _, user := range []string{"boss", "sunba"} {
		w.until(func() bool { return len(got(user)) > 0 })
	}
	var further []string
	if mark == "" {
		further = furtherSummaries(today)
	}
	for _, other := range further {
		for _, screen := range []wecomtest.Where{wecomtest.InApp("main", "boss"), wecomtest.InApp("main", "sunba"), managers} {
			w.until(func() bool { return len(titled(screen, other)) > 0 })
		}
	}
	w.until(func() bool { // comes last
		return slices.ContainsFunc(w.wecom.Screen(managers), func(s wecomtest.Shown) bool { return s.Kind == wecomtest.KindImage })
	})
	w.say(w.hero, "记录", "核销") // meanwhile another would have come
	for _, user := range []string{"boss", "sunba"} {
		all := got(user)
		if len(all) != 1 || strings.Contains(all[0], "补发") != (mark != "") || !strings.Contains(all[0], "撤销 1 张") {
			w.Errorf("%s has %d summaries, want one with the mark %q:\n%s", user, len(all), mark, strings.Join(all, "\n"))
		}
		w.until(func() bool { return w.pictures(user) > 0 }) // comes after the words
		if n := w.pictures(user); n != 1 {
			w.Errorf("%s has %d pictures of the day", user, n)
		}
		for _, other := range further {
			if n := len(titled(wecomtest.InApp("main", user), other)); n != 1 {
				w.Errorf("%s has %d summaries of %s", user, n, other)
			}
		}
		w.in(private).recountApp(user)
	}
	var group []string // one card and one picture
	for _, s := range w.wecom.Screen(managers) {
		if s.FromBot && (strings.Contains(legible(s), title) || s.Kind == wecomtest.KindImage) {
			group = append(group, s.Kind+" "+legible(s))
		}
	}
	if len(group) != 2 || strings.Contains(group[0], "补发") != (mark != "") || !strings.HasPrefix(group[1], wecomtest.KindImage) {
		w.Errorf("the managers' group has %d messages:\n%s", len(group), strings.Join(group, "\n"))
	}
	for _, user := range []string{"wangwu", "qianqi"} {
		if n := len(got(user)); n > 0 {
			w.Errorf("%s manages nothing and has %d summaries", user, n)
		}
	}
}

// pictures counts those that somebody got by the app.
func (w *world) pictures(user string) (n int) {
	for _, s := range w.wecom.Screen(wecomtest.InApp("main", user)) {
		if s.Kind == wecomtest.KindImage {
			n++
		}
	}
	return n
}

// recountApp is recount for what came by the app.
func (w *world) recountApp(user string) {
	app := *w
	app.group = false
	app.recount(user)
}
