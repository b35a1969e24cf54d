package simulation

import (
	"cmp"
	"slices"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

// plan is everything that a seed decides: who does what, and what goes wrong. It is
// kept as JSON where it has led to a violation. Each event stands for itself, so that
// any can be left out.
type plan struct {
	Seed     uint64             `json:"seed"`
	Days     int                `json:"days"`
	Replicas int                `json:"replicas"`
	Shops    []shop             `json:"shops"`
	Knobs    dianpingtest.Knobs `json:"knobs"`
	Douyin   douyintest.Knobs   `json:"douyin"`
	Sold     []sold             `json:"sold"`
	Events   []event            `json:"events"`
}

type shop struct {
	Name    string   `json:"name"`
	Dialect dialect  `json:"dialect"`
	Also    dialect  `json:"also,omitempty"` // a second account
	Staff   []string `json:"staff"`          // userids
}

// sold is an order. The codes of its further coupons are the fake's to make.
type sold struct {
	dianpingtest.Voucher
	Coupons int     `json:"coupons"`
	At      dialect `json:"at,omitempty"` // where; empty: the shop's first account

	// At Douyin alone.
	Hold    *douyintest.Hold `json:"hold,omitempty"`
	Refusal int              `json:"refusal,omitempty"`
}

// event is one thing that happens. At is the time since the beginning.
type event struct {
	At time.Duration `json:"at"`
	Do string        `json:"do"`

	Who   string        `json:"who,omitempty"`
	Shop  string        `json:"shop,omitempty"`  // said in its group, to the robot; empty: to the app
	Text  string        `json:"text,omitempty"`  // said; the beginning of a button's text
	Code  string        `json:"code,omitempty"`  // what it is about
	Again time.Duration `json:"again,omitempty"` // said again where nothing has come by then

	Resend time.Duration `json:"resend,omitempty"` // after which WeCom sends an accepted callback again

	For      time.Duration      `json:"for,omitempty"`
	Replica  int                `json:"replica,omitempty"`
	Steps    int                `json:"steps,omitempty"`
	Platform dialect            `json:"platform,omitempty"` // of a fault or an outage; empty: all that speak so
	Fault    *fakeserver.Fault  `json:"fault,omitempty"`
	WeCom    *wecomtest.Fault   `json:"wecom,omitempty"`
	State    dianpingtest.State `json:"state,omitempty"`
}

// What happens.
const (
	say     = "say"
	press   = "press"   // the newest card about the code that has such a button
	useTill = "till"    // the customer uses the voucher at the till
	turn    = "turn"    // the voucher's state changes
	fault   = "fault"   // of the platform
	outage  = "outage"  // of the platform; Text is how
	trouble = "trouble" // of WeCom's API
	die     = "die"     // a replica, after some steps; another starts later
	freeze  = "freeze"  // a replica, at once or before a statement with Text
	lose    = "lose"    // the outcome of a replica's next commits
	token   = "token"   // Douyin's access token; Text is what befalls it
	step    = "step"    // the machine's clock goes forward by For, or back
	silence = "silence" // WeCom asks for the rest of no stream
	look    = "look"    // a moment at which the background work has something to do
)

const day = 24 * time.Hour

// opens is the beginning of a bubble's time, 2000-01-01 08:00 in Shanghai.
const opens = 8 * time.Hour

// at is a clock time of a day, as a time since the beginning.
func at(d int, hour, minute float64) time.Duration {
	return time.Duration(d)*day + time.Duration((hour*60+minute)*float64(time.Minute)) - opens
}

func (p *plan) add(e event) { p.Events = append(p.Events, e) }

func (p *plan) sort() {
	slices.SortStableFunc(p.Events, func(a, b event) int { return cmp.Compare(a.At, b.At) })
}
