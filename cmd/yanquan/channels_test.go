package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/models"
)

var updateTable = flag.Bool("update", false, "write docs/channels.md anew")

const channelPage = "../../docs/channels.md"

// ways are the channels by which staff reach the bot, as columns of the table.
var ways = []struct {
	name string
	setting
}{
	{"self-built app, 1:1", setting{replyDeadline: "4s"}},
	{"智能机器人 called by URL, group", setting{group: true, replyDeadline: "4s"}},
	{"智能机器人 by long connection, group", setting{group: true, socket: true, replyDeadline: "4s"}},
}

// sight notes what the hero sees of the bot at a moment. Moments of one situation are
// rows of their own.
type sight func(w *world, moment string, since int64)

// situation is a row of the table: what is done, and what is seen of it.
type situation struct {
	name string
	play func(w *world, see sight)
	slow bool // people are told to wait
}

// waiting is the line of who had to wait for a second, above the answer. Where nothing
// is slow but the machine, it is not what the table is about.
var waiting = regexp.MustCompile(`^text: [^<]*<br>(card: )`)

// look is what the hero sees of a situation.
func (sit situation) look(w *world, since int64) string {
	got := w.seen(since)
	if !sit.slow {
		got = waiting.ReplaceAllString(got, "$1")
	}
	return got
}

var situations = []situation{
	{"`验 CODE`, the platform is quick", func(w *world, see sight) {
		code := w.sell()
		a := w.say(w.hero, "验 "+code, "核销成功")
		w.ledger(code, 1, 0)
		see(w, "", a.since)
	}, false},
	{"`查 CODE`, then 确认核销", func(w *world, see sight) {
		code := w.sell()
		a := w.say(w.hero, "查 "+code, "[确认核销]")
		see(w, "before the press", a.since)
		w.press(w.hero, w.card(a), "确认核销", "核销成功")
		w.ledger(code, 1, 0)
		see(w, "after it", a.since)
	}, false},
	{"a press on 撤销", func(w *world, see sight) {
		code := w.sell()
		a := w.say(w.hero, "验 "+code, "核销成功")
		w.press(w.hero, w.card(a), "撤销", "已撤销")
		w.ledger(code, 1, 1)
		see(w, "", a.since)
	}, false},
	{"`撤 CODE` after `验 CODE`", func(w *world, see sight) {
		code := w.sell()
		a := w.say(w.hero, "验 "+code, "核销成功")
		w.say(w.hero, "撤 "+code, "已撤销")
		w.ledger(code, 1, 1)
		if !w.group { // what the first card offers is taken back a moment later
			_, err := w.wecom.WaitFor(w.soon(), w.screen(w.hero), func([]wecomtest.Shown) bool { return w.shows(w.hero, code, "[撤销]") == 0 })
			w.must(err)
		}
		see(w, "", a.since)
	}, false},
	{"two people verify one code at once, the second sees", func(w *world, see sight) {
		code := w.sell()
		w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 300 * time.Millisecond})
		first := w.utter(w.hero, "验 "+code)
		w.glimpse(first, true, "核销成功")
		other := w.in(room(staff(1)))
		other.hero = staff(1)
		second := other.say(other.hero, "验 "+code, people[w.hero])
		w.recount(w.hero)
		w.ledger(code, 1, 0)
		see(other, "", second.since)
	}, false},
	{"a photo of the code; in a group with `查` beside it", func(w *world, see sight) {
		code := w.sell()
		a := w.await(1, w.snap(w.hero, "查", w.drawn("|"+code)), "[确认核销]")
		w.ledger(code, 0, 0)
		see(w, "", a.since)
	}, false},
	{"a picture without a code", func(w *world, see sight) {
		a := w.await(1, w.snap(w.hero, "查", w.drawn("https://example.com")))
		see(w, "", a.since)
	}, false},
	{"`验 CODE` of a used voucher", func(w *world, see sight) {
		code := w.sell()
		w.must(w.platform.ConsumeElsewhere(code, "till-7", "1"))
		a := w.say(w.hero, "验 "+code, "till-7")
		w.ledger(code, 1, 0)
		see(w, "", a.since)
	}, false},
	{"something else is said", func(w *world, see sight) {
		a := w.say(w.hero, "今天天气不错", "发")
		see(w, "", a.since)
	}, false},
	{"`验 CODE`, the platform takes two seconds for each call", func(w *world, see sight) {
		code := w.sell()
		for _, call := range []string{"prepare", "consume"} {
			w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: call, Code: code, Delay: 2 * time.Second})
		}
		a := w.await(0, w.utter(w.hero, "验 "+code), "核销成功", code)
		w.recount(w.hero)
		w.ledger(code, 1, 0)
		see(w, "when it is done", a.since)
	}, true},
	{"`验 CODE`, the platform consumes and then says nothing for two minutes", func(w *world, see sight) {
		code := w.sell()
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: code})
		w.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "getconsumed", Code: code, Times: -1, Delay: time.Hour})
		began, before := time.Now(), w.wecom.Version()
		said := make(chan answer, 1)
		go func() { said <- w.utter(w.hero, "验 "+code) }()
		for _, after := range silence {
			if lookedAt(after) {
				<-time.After(time.Until(began.Add(after)))
			}
			see(w, afterSilence(after), before)
		}
		w.platform.ClearFaults()
		w.finally(<-said, "核销成功", code)
		w.recount(w.hero)
		w.ledger(code, 1, 0)
		_, err := w.wecom.WaitFor(w.soon(), w.screen(w.hero), func([]wecomtest.Shown) bool { return w.shows(w.hero, "[查看结果]") == 0 })
		w.must(err) // an app's card that waited is changed a moment later
		see(w, "and when it speaks again", before)
	}, true},
}

// silence is the moments at which people look while the platform says nothing. Those of
// real time that take longer than all the rest are left to make test-all.
var silence = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute}

func lookedAt(after time.Duration) bool {
	return after <= 5*time.Second || breadth.All() || *updateTable
}

func afterSilence(d time.Duration) string { return fmt.Sprintf("after %.0f s", d.Seconds()) }

// momentOf is how long the platform has been silent at a moment; 0 at others.
func momentOf(moment string) time.Duration {
	i := slices.IndexFunc(silence, func(d time.Duration) bool { return moment == afterSilence(d) })
	if i < 0 {
		return 0
	}
	return silence[i]
}

// passedOver reports whether nobody looks at a moment, so that its row of the page stands.
func passedOver(moment string) bool { return !lookedAt(momentOf(moment)) }

// changing is what differs from run to run.
var changing = []struct {
	what *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`\d{2}:\d{2}:\d{2}`), "HH:MM:SS"},
	{regexp.MustCompile(`\d{8,20}`), "CODE"},
	{regexp.MustCompile(`店员\d+|员工\d+`), "张三"},
	{regexp.MustCompile(`<@\w+>`), "@张三"},
	{regexp.MustCompile(`核验中.*`), "核验中"}, // the line that asks to wait, and that of the doubt
}

const nothing = "nothing yet"

// seen is what the hero sees of the bot, a bubble a line.
func (w *world) seen(since int64) string {
	var lines []string
	for _, s := range w.wecom.Screen(w.screen(w.hero)) {
		if !s.FromBot || s.Seq <= since {
			continue
		}
		lines = append(lines, glance(s))
	}
	if len(lines) == 0 {
		return nothing
	}
	return strings.Join(lines, "<br>")
}

// glance is a bubble in a few words.
func glance(s wecomtest.Shown) string {
	text, _, _ := strings.Cut(strings.TrimSpace(s.Text), "\n")
	what := map[bool]string{true: "text", false: "text, growing"}[s.Finished]
	if c := s.Card; c != nil {
		what, text = "card", c.Title
	}
	text = strings.NewReplacer("**", "", "|", "｜").Replace(text)
	for _, c := range changing {
		text = c.what.ReplaceAllString(text, c.to)
	}
	if s.Card != nil {
		for _, b := range s.Card.Buttons {
			text += " [" + b.Text + "]"
		}
	}
	return what + ": " + text
}

// cell is what is seen at a moment by one way.
type cell struct{ row, way string }

// TestChannels plays the same situations by every channel and holds what people see
// against docs/channels.md; -update writes that page.
//
//	go test ./cmd/yanquan -run TestChannels -update
func TestChannels(t *testing.T) {
	t.Parallel()
	builtProgram(t, "")
	var mu sync.Mutex
	cells, rows := map[cell]string{}, []string{}
	want := map[cell]string{}
	if !*updateTable {
		want = readChannels(t)
	}
	var cellsDone sync.WaitGroup
	for i, way := range ways {
		s := way.setting
		s.dialect, s.driver = dianpingtest.Meituan, models.SQLite
		if i%2 == 1 {
			s.dialect, s.driver = dianpingtest.Dianping, models.MySQL
		}
		cellsDone.Go(func() {
			t.Run(s.String(), func(t *testing.T) {
				w := newWorld(t, s)
				parts := map[string]func(*world){}
				for n, sit := range situations {
					parts[fmt.Sprintf("%02d", n)] = func(w *world) {
						w.hero = hero(n + 1)
						w = w.in(room(w.hero))
						see := func(w *world, moment string, since int64) {
							row := sit.name
							if moment != "" {
								row += "; " + moment
							}
							got, known := want[cell{row, way.name}]
							switch {
							case passedOver(moment):
							case known:
								got = w.beholds(sit, got, since, momentOf(moment))
							default:
								got = sit.look(w, since)
							}
							mu.Lock()
							defer mu.Unlock()
							cells[cell{row, way.name}] = got
							if !slices.Contains(rows, row) {
								rows = append(rows, row)
							}
						}
						sit.play(w, see)
					}
				}
				w.together(parts)
				judgement(w)
			})
		})
	}
	cellsDone.Wait()
	if t.Failed() {
		return
	}
	page := channelTable(rows, cells)
	if *updateTable {
		if err := os.WriteFile(channelPage, page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if now, err := os.ReadFile(channelPage); err != nil || !bytes.Equal(now, page) {
		t.Errorf("docs/channels.md is not what people see (%v); this is:\n%s", err, page)
	}
}

// saysNothing reports whether the bot has shown nothing for so long after it was spoken to:
// by the times of the bubbles, for a look may come late.
func (w *world) saysNothing(since int64, within time.Duration) bool {
	var spoken time.Time
	for _, s := range w.wecom.Screen(w.screen(w.hero)) {
		switch {
		case s.Seq <= since:
		case s.FromBot:
			return s.At.Sub(spoken) >= within
		default:
			spoken = s.At
		}
	}
	return true
}

// beholds waits for what is to be seen at a moment, for a slow machine may be late,
// and returns what is there in the end.
func (w *world) beholds(sit situation, expected string, since int64, moment time.Duration) string {
	deadline := w.soon()
	if expected == nothing && w.saysNothing(since, moment) {
		return nothing
	}
	for {
		version := w.wecom.Version()
		got := sit.look(w, since)
		if got == expected {
			return got
		}
		select {
		case <-w.wecom.Changed(version):
		case <-deadline.Done():
			return got
		}
	}
}

const channelHead = `# What people see

Written by

    go test ./cmd/yanquan -run TestChannels -update

and held against the built program by the same test in every run. One situation a
row, one channel a column; the bubbles of the bot are listed from top to bottom. A
card changes in its place. Times, codes and names stand for whatever they are.

`

// channelTable is the page; rows in the order of the situations.
func channelTable(rows []string, cells map[cell]string) []byte {
	var out bytes.Buffer
	out.WriteString(channelHead + "| situation |")
	for _, way := range ways {
		out.WriteString(" " + way.name + " |")
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(ways)) + "\n")
	for _, sit := range situations {
		for _, row := range rows {
			if row != sit.name && !strings.HasPrefix(row, sit.name+"; ") {
				continue
			}
			out.WriteString("| " + row + " |")
			for _, way := range ways {
				out.WriteString(" " + cells[cell{row, way.name}] + " |")
			}
			out.WriteString("\n")
		}
	}
	return out.Bytes()
}

// readChannels reads the page's table.
func readChannels(t *testing.T) map[cell]string {
	t.Helper()
	page, err := os.ReadFile(channelPage)
	if err != nil {
		t.Fatal(err)
	}
	found := map[cell]string{}
	for line := range strings.Lines(string(page)) {
		parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(parts) != len(ways)+1 {
			continue
		}
		for i, way := range ways {
			found[cell{strings.TrimSpace(parts[0]), way.name}] = strings.TrimSpace(parts[i+1])
		}
	}
	return found
}
