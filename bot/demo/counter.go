package demo

import (
	"slices"
	"sync"
	"time"
)

// counter is a store's shop at one fake platform, as the page shows it.
type counter interface {
	about() store
	tickets() []ticket
	sellAnother() error
	misbehave(id string) error
	mischief() string // what is going on now
	photo(code string) (link string, err error)
}

var _, _ counter = (*shop)(nil), (*douyinShop)(nil)

// tray is what the page knows of a shop's vouchers beside the platform.
type tray struct {
	store
	clock *shiftedClock

	mu    sync.Mutex
	hints map[string]string // what is special about a voucher, by code
	sold  int               // vouchers sold on the page
}

func newTray(s store, c *shiftedClock) tray {
	return tray{store: s, clock: c, hints: map[string]string{}}
}

func (t *tray) about() store { return t.store }

// put notes a voucher that was sold here.
func (t *tray) put(code, hint string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hints[code] = hint
}

// has reports whether a voucher was sold here, and what is special about it.
func (t *tray) has(code string) (hint string, has bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	hint, has = t.hints[code]
	return hint, has
}

// next is what is sold next, so that the fun need not end.
func (t *tray) next() deal {
	goods := []deal{afternoonTea, quickLunch, hotpot, family}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sold++
	return goods[(t.sold-1)%len(goods)]
}

// counters are all shops at all platforms, in the order of the page.
func (w *world) counters() []counter {
	var all []counter
	for _, s := range w.shops {
		all = append(all, s)
		for _, d := range w.douyin.shops {
			if d.Chat == s.Chat {
				all = append(all, d)
			}
		}
	}
	for _, d := range w.douyin.shops {
		if !slices.ContainsFunc(w.shops, func(s *shop) bool { return s.Chat == d.Chat }) {
			all = append(all, d)
		}
	}
	return all
}

func (w *world) counter(id string) (counter, error) {
	all := w.counters()
	i := slices.IndexFunc(all, func(c counter) bool { return c.about().ID == id })
	if i < 0 {
		return nil, badRequest("没有这家店。")
	}
	return all[i], nil
}

// lastMonth is a day on which an old voucher ended.
func lastMonth(now time.Time) time.Time { return now.AddDate(0, -1, 0) }
