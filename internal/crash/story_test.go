package crash

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"yanquan/dianping/dianpingtest"
)

// story tells a round in the order of time.
func (f *referee) story() string {
	type line struct {
		at   time.Time
		text string
	}
	var all []line
	add := func(at time.Time, format string, args ...any) {
		all = append(all, line{at, fmt.Sprintf(format, args...)})
	}
	for _, d := range f.h.deeds {
		var how []string
		for _, a := range f.calls[d.delivery].Attempts {
			how = append(how, fmt.Sprintf("%s:%d", clock(a.At), a.Status))
		}
		add(d.began, "%s %s %q %v callback %v", d.who, d.where, d.text+d.key, d.codes, how)
	}
	for _, c := range f.h.chaos {
		detail := ""
		switch c.what {
		case "signal":
			detail = fmt.Sprintf("%v replica%d, back after %s", c.signal, c.replica, c.down)
		case "platform fault":
			detail = fmt.Sprintf("%s %+v", c.platform, c.call)
		case "wecom fault":
			detail = fmt.Sprintf("%+v", c.api)
		case "pause":
			detail = fmt.Sprintf("%s %s for %s", c.platform, c.mode, c.down)
		case databaseCut:
			detail = fmt.Sprintf("replica%d %q after=%v", c.replica, c.statement, c.after)
		case databaseSlow:
			detail = fmt.Sprintf("by %s for %s", c.lag, c.down)
		case nodeKilled:
			detail = fmt.Sprintf("of replica%d, back after %s, spare=%v", c.replica, c.down, c.spare)
		default:
			detail = fmt.Sprintf("for %s", c.down)
		}
		add(f.h.began.Add(c.at), "! %s %s", c.what, detail)
	}
	for _, e := range f.ledger {
		add(e.Time, "LEDGER %s %s by %s request %s", e.Kind, e.Code, e.Account, e.RequestID)
	}
	for _, r := range f.requests {
		id := ""
		if calls := consumeCalls([]dianpingtest.Request{r}); len(calls) == 1 {
			id = fmt.Sprintf("%s x%d request %s ", calls[0].code, calls[0].count, calls[0].id)
		}
		add(r.Time, "  call %s %s%s %d fault=%s effect=%q took %s: %.160s", r.Call, id, r.State, r.Status, r.Fault, r.Effect, r.Took.Round(time.Millisecond), r.Answer)
	}
	shown := map[string]bool{}
	for _, v := range f.views {
		key := fmt.Sprint(v.shown.ID, v.shown.Version)
		if shown[key] {
			continue
		}
		shown[key] = true
		at := v.shown.At
		if v.shown.Replaced > 0 {
			at = v.shown.Updated
		}
		var what []string
		for _, s := range v.told {
			what = append(what, fmt.Sprintf("%s=%s(%.60s)", s.code, s.verdict, s.words))
		}
		if len(what) == 0 {
			what = append(what, fmt.Sprintf("%.100q", v.shown.Text))
		}
		add(at, "    SCREEN %s %s replaced=%d %s", v.place, v.shown.Kind, v.shown.Replaced, strings.Join(what, " "))
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at.Before(all[j].at) })
	var b strings.Builder
	fmt.Fprintf(&b, "store of %s, knobs %+v %+v vouchers %+v\n", f.h.world.name, f.h.knobs, f.h.douyin, f.h.vouchers)
	for _, x := range all {
		fmt.Fprintf(&b, "%s %s\n", clock(x.at), x.text)
	}
	return b.String()
}
