package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
)

// till is another system, which takes what it is told.
type till struct {
	*httptest.Server
	mu   sync.Mutex
	took []taken
}

// taken is one event, in the order of its coming.
type taken struct{ ID, Kind, Code string }

func newTill(t *testing.T) *till {
	t.Helper()
	h := &till{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct {
			Type string
			Data struct{ Code string }
		}
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.took = append(h.took, taken{r.Header.Get("webhook-id"), e.Type, e.Data.Code})
	}))
	t.Cleanup(h.Close)
	return h
}

// of lists what came of a code, and each event of it once.
func (h *till) of(code string) (all, once []taken) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.took {
		if e.Code != code {
			continue
		}
		if all = append(all, e); !slices.Contains(once, e) {
			once = append(once, e)
		}
	}
	return all, once
}

// hookLease is how long what a dead process was sending waits for the next one.
const hookLease = 15 * time.Second

// The process dies after what another system is to be told is committed, before it is
// sent, when it was taken, and when that is recorded. It passes when that system has heard
// of verification and undo, in this order, and twice only of what was taken and not noted.
func TestHookDeaths(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	for _, point := range []string{"outcome.after", "hook.before", "hook.after", "hook.recorded"} {
		for _, s := range breadth.Of(t.Name()+point, faultCells...) {
			h := newTill(t)
			s.failpoint, s.callTimeout, s.hook = point, "1s", h.URL
			running.Go(func() { inCell(t, s, func(w *world) { w.hookDeath(h, point) }) })
		}
	}
	running.Wait()
}

func (w *world) hookDeath(h *till, point string) {
	w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
	code := w.sell()
	a := w.crashed(code)
	w.afterDeath(w.messageLease()).await(1, a, "核销成功", code, people[w.hero])
	w.sayFor(0, w.hero, "撤 "+code, "已撤销") // see [world.toldAgain]
	w.afterDeath(hookLease).until(func() bool { _, once := h.of(code); return len(once) == 2 })
	all, once := h.of(code)
	if once[0].Kind != "redeemed" || once[1].Kind != "undone" || once[0].ID == once[1].ID || all[len(all)-1] != once[1] {
		w.Errorf("came %+v", all)
	}
	least := 2
	if point == "hook.after" {
		least = 3
	}
	if len(all) < least || len(all) > 3 { // at any point, the last may have been taken and not noted
		w.Errorf("%d came, want %d to 3: %+v", len(all), least, all)
	}
	w.ledger(code, 1, 1)
	w.toldAgain(code)
}

// toldAgain allows for one more bubble about a code: a process that dies may have answered,
// and not recorded it, and then the answer goes out again.
func (w *world) toldAgain(code string) {
	w.Helper()
	w.afterDeath(w.messageLease()).until(func() bool { return w.count("outbox", "state = 'queued'") == 0 })
	n := 0
	for _, s := range w.wecom.Screen(w.screen(w.hero)) {
		if s.FromBot && strings.Contains(legible(s), code) {
			n++
		}
	}
	if name := w.screenName(w.hero); n == w.expected[name]+1 {
		w.expected[name] = n
	}
}
