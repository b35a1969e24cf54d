package crash

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

// observation is what the fakes will have seen of a round: the marks where it
// begins, and the screens of its people.
type observation struct {
	lane      *lane
	round     round
	effects   [2]int    // lengths of the ledgers
	requests  [2]uint64 // versions of the platforms' requests
	refusals  int
	screens   *watcher
	stopPolls func()
}

func (l *lane) observe(r round) *observation {
	o := &observation{lane: l, round: r, effects: [2]int{len(l.platform.Ledger()), len(l.douyin.Ledger())}, refusals: len(l.wecom.Refusals())}
	for i, t := range l.traffic {
		_, o.requests[i], _ = t.server.Since(1 << 62)
	}
	for _, rep := range l.replicas {
		rep.newLog(l.t)
	}
	var places []wecomtest.Where
	for _, p := range r.people {
		places = append(places, wecomtest.InApp("main", p), wecomtest.InRobot("group", p), wecomtest.InGroup(r.world.chat(r.cohort)).As(p))
	}
	o.screens = watch(l.wecom, places)
	o.stopPolls = l.poll()
	return o
}

func (o *observation) stop() {
	o.stopPolls()
	o.screens.all()
}

// judge waits until nothing is under way any more and gives the referee's
// findings; quiet is false where the round did not come to an end.
func (o *observation) judge(ctx context.Context, h *history) (f *referee, found []string, quiet bool) {
	l := o.lane
	restless := l.quiet(ctx, o.screens.places, false)
	if restless == nil {
		restless = l.passHolds(ctx, o.screens.places)
	}
	o.stop()
	f = &referee{h: h, ledger: o.ledger(), requests: o.calls(), views: o.screens.views, calls: map[string]wecomtest.Delivery{}, group: l.orders()}
	secrets := append([]string(nil), l.secrets...)
	for _, t := range l.douyin.Tokens() {
		secrets = append(secrets, t.Value)
	}
	for _, d := range l.wecom.Deliveries() {
		f.calls[d.ID] = d
		for _, m := range granted.FindAllSubmatch(d.Plain, -1) {
			secrets = append(secrets, string(m[1]))
		}
	}
	for _, v := range o.round.vouchers {
		secrets = append(secrets, v.code)
	}
	if restless != nil {
		f.violation("%v", restless)
	}
	found = append(f.judge(), h.errs...)
	for _, rep := range l.replicas {
		found = append(found, readLog(rep.name, rep.log.String(), secrets)...)
		found = append(found, rep.complaints()...)
	}
	for _, x := range l.wecom.Refusals()[o.refusals:] {
		if !h.explains(x) {
			found = append(found, fmt.Sprintf("WeCom refused %s of %s: %d %s", x.What, x.Bot, x.Code, x.Why))
		}
	}
	return f, found, restless == nil
}

// ledger is what had an effect at the platforms since, in the order of time.
func (o *observation) ledger() []dianpingtest.Effect {
	all := slices.Clone(o.lane.platform.Ledger()[o.effects[0]:])
	for _, e := range o.lane.douyin.Ledger()[o.effects[1]:] {
		all = append(all, douyinEffect(e))
	}
	slices.SortStableFunc(all, func(a, b dianpingtest.Effect) int { return a.Time.Compare(b.Time) })
	return all
}

// calls are the platforms' requests since, in the order of time.
func (o *observation) calls() (all []fakeserver.Request) {
	for i, t := range o.lane.traffic {
		requests, _, _ := t.server.Since(o.requests[i])
		all = append(all, requests...)
	}
	slices.SortStableFunc(all, func(a, b fakeserver.Request) int { return a.Time.Compare(b.Time) })
	return all
}

// orders gives for each code all those of its order, also those that it had before.
func (l *lane) orders() map[string][]string {
	orders, group := map[string][]string{}, map[string][]string{}
	for _, v := range l.platform.Vouchers() {
		orders[v.OrderID] = append(orders[v.OrderID], v.Code)
	}
	for _, v := range l.douyin.Vouchers() {
		orders[v.OrderID] = append(append(orders[v.OrderID], v.Code), v.FormerCodes...)
	}
	for _, codes := range orders {
		for _, c := range codes {
			group[c] = append(group[c], codes...) // of two platforms
		}
	}
	return group
}

// explains reports whether a refusal of WeCom has to be expected. What had its effect
// is tried again where that was not recorded: a card is changed by a code that is
// used up then, and on a slow machine it is enough that the answer took too long. An
// answer is sent again, with a code that is used up or a task id that is taken, only
// after a death or a lost answer.
func (h *history) explains(x wecomtest.Refusal) bool {
	switch {
	case x.Used && x.What == "message/update_template_card":
		return true
	case x.Used, x.Code == 42014 && strings.Contains(x.Why, "exists"):
		return h.losses() > 0
	}
	return false
}

// poll asks for the frames of streams, as WeCom does all the time.
func (l *lane) poll() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = l.wecom.Poll(ctx) // fails only when it is stopped
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

// quiet waits until nothing is under way any more and no stream runs; without all, other
// than for operations that are waiting.
func (l *lane) quiet(ctx context.Context, places []wecomtest.Where, all bool) error {
	ctx, cancel := context.WithTimeout(ctx, quietWithin())
	defer cancel()
	again := time.NewTicker(150 * time.Millisecond)
	defer again.Stop()
	n, err := -1, error(nil)
	for {
		if n, err = l.busy(ctx, all); err == nil && n == 0 && (!all || !l.streaming(places)) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("after %s, %d pieces of work are still under way (%v): %s", quietWithin(), n, err, l.leftovers())
		}
	}
}

func (l *lane) streaming(places []wecomtest.Where) bool {
	for _, p := range places {
		for _, s := range l.wecom.Screen(p) {
			if !s.Finished {
				return true
			}
		}
	}
	return false
}

// leftovers names what a round left in the database.
func (l *lane) leftovers() string {
	rows, err := l.db.Query(`SELECT CONCAT('message ', id, ' attempt ', attempt, ' due ', COALESCE(due_at, '')) FROM inbox WHERE final = 0
		UNION ALL SELECT CONCAT('outgoing ', id, ' ', form, ' attempt ', attempt, ' ', reason, ' due ', COALESCE(due_at, '')) FROM outbox WHERE state = 'queued'
		UNION ALL SELECT CONCAT('operation ', id, ' ', state, ' ', outcome_reason, ' due ', COALESCE(due_at, '')) FROM operations WHERE state NOT IN ('done', 'rejected', 'undone')`)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err.Error()
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}
