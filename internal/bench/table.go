package main

import (
	"fmt"
	"strings"
	"time"
)

// row is a line of the table.
type row struct {
	ratio, ours, reference, measured, aim, met string
}

const (
	yes        = "yes"
	no         = "no"
	reported   = "reported only"
	unmeasured = "not measured"
)

func verdict(met bool) string {
	if met {
		return yes
	}
	return no
}

// maxSpread is where a figure says more about the machine than about the bot.
const maxSpread = 0.10

// compared fills in a ratio and whether it meets its aim; a ratio that spreads
// too far is not reported.
func compared(r row, ratio series, met func(float64) bool) row {
	if ratio.spread() > maxSpread {
		r.measured = fmt.Sprintf("not reported: spread %.0f %%", 100*ratio.spread())
		r.met = unmeasured
		return r
	}
	r.measured = fmt.Sprintf("%.2f ± %.0f %%", ratio.median(), 100*ratio.spread())
	r.met = reported
	if met != nil {
		r.met = verdict(met(ratio.median()))
	}
	return r
}

func atLeast(aim float64) func(float64) bool { return func(v float64) bool { return v >= aim } }
func atMost(aim float64) func(float64) bool  { return func(v float64) bool { return v <= aim } }

func perSecond(name string, rate series) string {
	return fmt.Sprintf("%s: %.0f/s", name, rate.median())
}

func markdown(rows []row) string {
	var b strings.Builder
	b.WriteString("| ratio | ours | reference | measured (median, spread) | aim | met? |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ratio, r.ours, r.reference, r.measured, r.aim, r.met)
	}
	return b.String()
}

// milli rounds for people.
func milli(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

// number is the 3 of "R3 …".
func (r row) number() int {
	var n int
	if _, err := fmt.Sscanf(r.ratio, "S%d", &n); err == nil {
		return 100 + n // after the ratios
	}
	_, _ = fmt.Sscanf(r.ratio, "R%d", &n)
	return n
}
