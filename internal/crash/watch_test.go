package crash

import (
	"context"
	"sync"

	"yanquan/bot/wecom/wecomtest"
)

// watcher keeps every view of every bubble, for a press replaces what a card
// said, and the fake's screens only show what it says now.
type watcher struct {
	wecom  *wecomtest.WeCom
	places []wecomtest.Where
	stop   context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	since int64
	views []view
}

// view is a bubble as one person saw it in one conversation from some moment on.
type view struct {
	place wecomtest.Where
	shown wecomtest.Shown
	told  []statement
}

func watch(w *wecomtest.WeCom, places []wecomtest.Where) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	o := &watcher{wecom: w, places: places, stop: cancel, done: make(chan struct{}), since: w.Version()}
	go func() {
		defer close(o.done)
		for {
			o.look()
			o.mu.Lock()
			since := o.since
			o.mu.Unlock()
			select {
			case <-w.Changed(since):
			case <-ctx.Done():
				o.look()
				return
			}
		}
	}()
	return o
}

func (o *watcher) look() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.wecom.Version() // what changes from here on is seen next time, or twice
	for _, place := range o.places {
		for _, s := range o.wecom.Screen(place) {
			if s.Version > o.since && s.FromBot && !o.known(place, s) {
				o.views = append(o.views, view{place, s, append(read(s), readCoupons(s)...)})
			}
		}
	}
	o.since = now
}

func (o *watcher) known(place wecomtest.Where, s wecomtest.Shown) bool {
	for i := len(o.views) - 1; i >= 0; i-- {
		if v := o.views[i]; v.place == place && v.shown.ID == s.ID && v.shown.Version == s.Version {
			return true
		}
	}
	return false
}

// all ends the watching; views then has everything, in the order of seeing.
func (o *watcher) all() {
	o.stop()
	<-o.done
}
