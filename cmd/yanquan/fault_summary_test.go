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
// says that it is late; another start sends one to who manages only since, and no other.
func TestFault17SummaryLate(t *testing.T) {
	inCells(t, summaryCells(faultCells), func(w *world) {
		w.aDay()
		w.reportAt(-25 * time.Minute)
		w.start(builtProgram(w.T, ""))
		w.oneSummary("补发")
		w.must(w.end(syscall.SIGTERM))

		const next = "zhengyi" // whom nobody has told: the next start sees to all
		w.configure(`^managers: .*$`, `managers: ["boss", "`+next+`"]`)
		w.start(builtProgram(w.T, ""))
		w.until(func() bool { return len(w.summaries(next)) > 0 })
		w.must(w.end(syscall.SIGTERM)) // which brings to its end what it has begun
		w.haveOneSummary("补发", append(theManagers[:len(theManagers):len(theManagers)], next)...)
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
	w.configure(`^  at: .*$`, `  at: "`+time.Now().In(w.zone).Add(in).Format("15:04")+`"`)
}

// configure changes a line of the configuration, for the next start.
func (w *world) configure(line, to string) {
	w.Helper()
	text, err := os.ReadFile(w.config)
	w.must(err)
	old := regexp.MustCompile("(?m)" + line)
	if !old.Match(text) {
		w.Fatalf("no line %s in the configuration", line)
	}
	w.must(os.WriteFile(w.config, old.ReplaceAll(text, []byte(to)), 0o600))
}

// furtherSummaries are the titles of those that come beside the day's, if it is not
// late: on Mondays that of the week before, on the first that of the month before. Both
// are empty here, and what is empty does not come late.
func (w *world) furtherSummaries(mark string) (titles []string) {
	today := time.Now().In(w.zone)
	if mark != "" {
		return nil
	}
	if today.Weekday() == time.Monday {
		titles = append(titles, "上周 "+today.AddDate(0, 0, -7).Format("01-02"))
	}
	if today.Day() == 1 {
		titles = append(titles, today.AddDate(0, 0, -1).Format("2006年1月"))
	}
	return titles
}

// theManagers get summaries by the app.
var theManagers = []string{"boss", "sunba"}

// managersGroup gets them, too.
var managersGroup = wecomtest.InGroup(roomManagers).As("boss")

// oneSummary waits until the managers have the summary of the day, and looks
// whether it is one, as are those that are due beside it.
func (w *world) oneSummary(mark string) {
	w.Helper()
	for _, user := range theManagers {
		w.until(func() bool { return len(w.summaries(user)) > 0 })
	}
	for _, other := range w.furtherSummaries(mark) {
		for _, screen := range []wecomtest.Where{wecomtest.InApp("main", "boss"), wecomtest.InApp("main", "sunba"), managersGroup} {
			w.until(func() bool { return len(w.titled(screen, other)) > 0 })
		}
	}
	w.until(func() bool { // comes last
		return slices.ContainsFunc(w.wecom.Screen(managersGroup), func(s wecomtest.Shown) bool { return s.Kind == wecomtest.KindImage })
	})
	w.say(w.hero, "记录", "核销") // meanwhile another would have come
	w.haveOneSummary(mark, theManagers...)
}

// titled are the bubbles of the bot with a title.
func (w *world) titled(where wecomtest.Where, title string) (texts []string) {
	for _, s := range w.wecom.Screen(where) {
		if s.FromBot && strings.Contains(legible(s), title) {
			texts = append(texts, legible(s))
		}
	}
	return texts
}

// dayTitle is the title of the day's summary.
func (w *world) dayTitle() string { return time.Now().In(w.zone).Format("01-02") + " 2 张 ¥99.80" }

// summaries are those of the day on a screen of the app.
func (w *world) summaries(user string) []string {
	return w.titled(wecomtest.InApp("main", user), w.dayTitle())
}

// haveOneSummary looks whether some people and the managers' group have one summary of the
// day, and nobody else has.
func (w *world) haveOneSummary(mark string, users ...string) {
	w.Helper()
	for _, user := range users {
		all := w.summaries(user)
		if len(all) != 1 || strings.Contains(all[0], "补发") != (mark != "") || !strings.Contains(all[0], "撤销 1 张") {
			w.Errorf("%s has %d summaries, want one with the mark %q:\n%s", user, len(all), mark, strings.Join(all, "\n"))
		}
		w.until(func() bool { return w.pictures(user) > 0 }) // comes after the words
		if n := w.pictures(user); n != 1 {
			w.Errorf("%s has %d pictures of the day", user, n)
		}
		for _, other := range w.furtherSummaries(mark) {
			if n := len(w.titled(wecomtest.InApp("main", user), other)); n != 1 {
				w.Errorf("%s has %d summaries of %s", user, n, other)
			}
		}
		w.in(private).recountApp(user)
	}
	var group []string // one card and one picture
	for _, s := range w.wecom.Screen(managersGroup) {
		if s.FromBot && (strings.Contains(legible(s), w.dayTitle()) || s.Kind == wecomtest.KindImage) {
			group = append(group, s.Kind+" "+legible(s))
		}
	}
	if len(group) != 2 || strings.Contains(group[0], "补发") != (mark != "") || !strings.HasPrefix(group[1], wecomtest.KindImage) {
		w.Errorf("the managers' group has %d messages:\n%s", len(group), strings.Join(group, "\n"))
	}
	for _, user := range []string{"wangwu", "qianqi"} {
		if n := len(w.summaries(user)); n > 0 {
			w.Errorf("%s manages nothing and has %d summaries", user, n)
		}
	}
}

// pictures counts those on a screen of the app.
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
