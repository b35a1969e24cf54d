package simulation

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// moment is one line of the story.
type moment struct {
	at         time.Time
	kind, text string
}

var beijing = time.FixedZone("CST", 8*3600)

func clock(t time.Time) string { return t.In(beijing).Format("01-02 15:04:05.000") }

func (w *world) note(kind, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.story = append(w.story, moment{time.Now(), kind, fmt.Sprintf(format, args...)})
}

func (w *world) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, fmt.Sprintf(format, args...))
}

// view is a bubble of the bot as it was seen from some moment on.
type view struct {
	at    time.Time
	place wecomtest.Where // with the person, where it was changed for some of a group only
	shown wecomtest.Shown
	told  []statement
}

// watch keeps every view of every bubble, for a press replaces what a card said.
func (w *world) watch(ctx context.Context) {
	since := w.wecom.Version()
	for {
		select {
		case <-w.wecom.Changed(since):
		case <-ctx.Done():
			return
		}
		var changed []wecomtest.Shown
		changed, since = w.wecom.Since(since)
		for _, s := range changed {
			if s.FromBot {
				w.saw(s)
			}
		}
	}
}

func (w *world) saw(s wecomtest.Shown) {
	v := view{time.Now(), s.Where, s, w.read(s)}
	how := "says"
	if s.Replaced > 0 {
		how = "now says"
	}
	w.note("screen", "%s %s: %s", s.Where, how, inWords(s))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.views = append(w.views, v)
	for _, t := range v.told {
		if t.verdict != busy {
			w.doubts[t.code] = t.verdict == verifying || t.verdict == undoing
		}
	}
	late := s.Finished && len(v.told) == 0 && strings.Contains(inWords(s), "没有处理") // it does not say which: the first that was accepted
	for _, a := range w.asks {                                                     // a group may be answered by the app
		if a.first.IsZero() && canonical(v.place) == a.place && s.Version > a.since && a.Code != "" && slices.ContainsFunc(v.told, func(t statement) bool { return t.about(a.Code) }) {
			a.first = v.at
		}
		if !a.answered.IsZero() || canonical(v.place) != a.place && v.place.User != a.Who || s.Version <= a.since {
			continue
		}
		left := (w.unclear() || w.holdsBack(a.Code) || strings.Contains(inWords(s), "可能还在风控核验")) && v.says(human, a.Code)
		if left || v.answers(a) || late && !a.accepted.IsZero() && mayMean(inWords(s), a.Code) {
			a.left = left
			a.answered, late = v.at, false
		}
	}
}

// mayMean reports whether a text names a code, or none.
func mayMean(text, code string) bool {
	return strings.Contains(text, code) || !anyCode.MatchString(text)
}

var anyCode = regexp.MustCompile(`\d{8}`)

// answers reports whether a view may be the answer to an ask: it is about the code, and
// no promise of another.
func (v view) answers(a *ask) bool {
	if !v.shown.Finished {
		return false
	}
	if a.Code == "" {
		return true
	}
	return slices.ContainsFunc(v.told, func(s statement) bool { return s.about(a.Code) && !s.pending() && s.verdict != gone })
}

// says reports whether a view tells this of a code.
func (v view) says(verdict, code string) bool {
	return slices.ContainsFunc(v.told, func(s statement) bool { return s.about(code) && s.verdict == verdict })
}

// inWords is a bubble in one line.
func inWords(s wecomtest.Shown) string {
	text := strings.ReplaceAll(s.Text, "\n", " / ")
	if c := s.Card; c != nil {
		parts := []string{"[" + c.Title + "]", c.Desc}
		for _, f := range c.Fields {
			parts = append(parts, f.Key+"="+f.Value)
		}
		parts = append(parts, strings.ReplaceAll(c.Text, "\n", " / "))
		for _, b := range c.Buttons {
			parts = append(parts, "("+b.Text+")")
		}
		if c.Dead {
			parts = append(parts, "("+c.ReplaceText+", dead)")
		}
		text = strings.TrimSpace(strings.Join(parts, " ") + " " + text)
	}
	if !s.Finished {
		text += " …"
	}
	return text
}

// statement is what a bubble says of a code.
type statement struct {
	code    string  // or its last digits, in a list
	verdict string  // a title, or what a line of a list amounts to
	on      dialect // the platform, where it is named
}

// Titles by which judges go; each other one about a code is a refusal.
const (
	success   = "核销成功"
	undone    = "已撤销"
	partly    = "只撤销了一部分"
	verifying = "核验中"
	undoing   = "撤销中"
	human     = "需要人工确认"
	busy      = "正在核销"
	undoBusy  = "正在撤销"
	held      = "平台风控核验中"
	gone      = "顾客退款了"
	sure      = "要撤销这一次吗？"
	earlier   = "要撤销更早的这一次吗？"
	which     = "请选择门店"
)

func (s statement) about(code string) bool { return s.code != "" && strings.HasSuffix(code, s.code) }
func (s statement) pending() bool {
	return s.verdict == verifying || s.verdict == undoing || s.verdict == human
}

var (
	aCode    = regexp.MustCompile(`\b\d{8,20}\b`)
	boldLine = regexp.MustCompile(`^(?:<@[^>]+> )?(?:✅ |❌ )?\*\*(.+?)\*\*$`)
	itemLine = regexp.MustCompile(`^- (.+?)：(.*)$`)
	listKey  = regexp.MustCompile(`^(✅|↩|❌|❗|⏳)(\d+)$`)
)

// read understands a bubble of the bot, and knows the codes behind links.
func (w *world) read(s wecomtest.Shown) []statement {
	all := read(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range all {
		all[i].code = cmp.Or(w.links[all[i].code], all[i].code)
	}
	return all
}

// read understands a bubble of the bot: a card, or the same as markdown.
func read(b wecomtest.Shown) (all []statement) {
	title, fields := "", [][2]string{}
	if b.Card != nil {
		title = b.Card.Title
		for _, f := range b.Card.Fields {
			fields = append(fields, [2]string{f.Key, f.Value})
		}
	} else {
		for line := range strings.SplitSeq(b.Text, "\n") {
			if m := boldLine.FindStringSubmatch(line); m != nil && title == "" {
				title = m[1]
			} else if m := itemLine.FindStringSubmatch(line); m != nil {
				fields = append(fields, [2]string{m[1], m[2]})
			}
		}
	}
	if title == "" || title == which {
		for _, code := range aCode.FindAllString(inWords(b), -1) {
			all = append(all, statement{code: code, verdict: title})
		}
		return all
	}
	for _, f := range fields {
		if m := listKey.FindStringSubmatch(f[0]); m != nil {
			verdict := map[string]string{"✅": success, "↩": undone, "❗": human, "⏳": verifying, "❌": "refused"}[m[1]]
			switch {
			case strings.Contains(f[1], "没有处理"):
				verdict = "not handled"
			case strings.Contains(f[1], busy):
				verdict = busy
			case strings.Contains(f[1], "风控核验中"):
				verdict = held
			}
			all = append(all, statement{code: m[2], verdict: verdict})
		}
		if f[0] == "券码" || f[0] == "原券码" {
			verdict := title
			if strings.HasPrefix(title, success) {
				verdict = success
			}
			all = append(all, statement{code: f[1], verdict: verdict, on: platformIn(fields)})
		}
	}
	return all
}

// platformIn is the platform that the field of the shop names.
func platformIn(fields [][2]string) dialect {
	for _, f := range fields {
		for d, name := range onScreen {
			if f[0] == "门店" && strings.HasSuffix(f[1], "（"+name+"）") {
				return d
			}
		}
	}
	return ""
}

// tale is the story in words: the chat, and what went over the wire.
func (w *world) tale() string {
	all := slices.Clone(w.story)
	for _, r := range w.requests {
		var fields []string
		for _, f := range r.Fields {
			switch f.Name {
			case "receipt_code", "requestid", "biz", "count", "code", "order_id", "verify_id":
				fields = append(fields, f.Name+"="+f.Value)
			case "verify_token":
				fields = append(fields, f.Name+"="+f.Value[:min(8, len(f.Value))])
			}
		}
		text := fmt.Sprintf("%s %s %s → %d %s %s", r.Dialect, r.Call, strings.Join(fields, " "), r.Status, r.State, r.Answer)
		if r.Effect != "" {
			text += " · " + r.Effect
		}
		if r.Fault != "" {
			text += " · fault " + string(r.Fault)
		}
		all = append(all, moment{r.Time, "wire", text})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	var out strings.Builder
	for _, m := range all {
		fmt.Fprintf(&out, "%s %-8s %s\n", clock(m.at), m.kind, m.text)
	}
	return out.String()
}
