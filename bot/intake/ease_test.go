package intake

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot"
	"yanquan/internal/jobs"
	"yanquan/models"
)

const (
	bound   = 2500 * time.Millisecond // of a callback
	promise = 10 * time.Second        // in which all is told after a load
)

// working runs a desk in a bubble of time that works on as many messages at once, each
// of which takes so long.
func working(t *testing.T, slots int, takes time.Duration, do func(t *testing.T, d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		d := setup(t, slots)
		d.takes = takes
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.runner.Run(ctx) })
		defer d.Wait()
		defer d.runner.Drain()
		defer running.Wait()
		defer stop()
		do(t, d)
	})
}

// callback sends the n-th message of a person, and gives how long its answer was held.
func (d *desk) callback(user string, n int) time.Duration {
	arrived := time.Now()
	ctx, cancel := context.WithDeadline(d.t.Context(), arrived.Add(bound))
	defer cancel()
	m := message(user, fmt.Sprint(n))
	if _, err := d.Accept(d.t.Context(), m); err != nil {
		d.t.Error(err)
	}
	d.Ease(ctx, m)
	return time.Since(arrived)
}

// finished counts the messages that were worked on.
func (d *desk) finished() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.done)
}

// Whatever sends as soon as it is answered comes down to the rate of the work, however
// fast that is: what it leaves is done within half of what is promised. The work never
// waits for messages, each person is served in order, and no callback is held longer
// than it may.
func TestLoadWithoutLimit(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{150 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			const slots, lines, people, load = 16, 12, 300, 10 * time.Second
			working(t, slots, takes, func(t *testing.T, d *desk) {
				ended := time.Now().Add(load)
				var mu sync.Mutex
				sent, longest := 0, time.Duration(0)
				next := func() int { mu.Lock(); defer mu.Unlock(); sent++; return sent - 1 }
				var loops sync.WaitGroup
				for range lines {
					loops.Go(func() {
						for time.Now().Before(ended) {
							time.Sleep(4 * time.Millisecond) // on the wire
							n := next()
							held := d.callback(fmt.Sprint("p", n%people), n)
							mu.Lock()
							longest = max(longest, held)
							mu.Unlock()
						}
					})
				}
				time.Sleep(load)
				rate := slots / takes.Seconds()
				mu.Lock()
				done, left := d.finished(), sent-d.finished()
				mu.Unlock()
				claimed := slots + slots/2 // of these, some are waiting for a slot
				if most := promise.Seconds() / 2 * rate; float64(left-claimed) > most {
					t.Errorf("%d of %d are left, %.0f are done in half of what is promised", left, sent, most)
				}
				if most := rate * load.Seconds(); float64(done+slots) < 0.9*most {
					t.Errorf("%d were worked on, not %.0f", done, most)
				}
				loops.Wait()
				for d.finished() < sent {
					time.Sleep(10 * time.Millisecond)
				}
				last := time.Since(ended)
				t.Logf("%d sent, %d left, the last done %s after the load, a callback held for %s at most", sent, left, last, longest)
				if last > promise {
					t.Errorf("the last is done %s after the load", last)
				}
				if longest == 0 || longest > bound {
					t.Errorf("a callback was held for %s", longest)
				}
				for p := range people {
					var got, want []string
					got = d.by(fmt.Sprint("p", p))
					for n := p; n < sent; n += people {
						want = append(want, fmt.Sprint(n))
					}
					if !slices.Equal(got, want) {
						t.Errorf("p%d was served in the order %v", p, got)
					}
				}
			})
		})
	}
}

// Nothing is held while the work keeps up, nor in a rush that leaves a second or two of it.
func TestNothingHeld(t *testing.T) {
	t.Parallel()
	const slots, takes, rate = 16, 100 * time.Millisecond, 160
	working(t, slots, takes, func(t *testing.T, d *desk) {
		var calls sync.WaitGroup
		n := 0
		send := func() {
			n++
			i := n
			calls.Go(func() {
				if held := d.callback(fmt.Sprint("p", i), i); held > 0 {
					t.Errorf("held for %s", held)
				}
			})
		}
		for range 5 * rate / 2 { // half of what is worked on, for 5 s
			time.Sleep(2 * time.Second / rate)
			send()
		}
		for range 2 {
			for range 19 * rate / 10 {
				send()
			}
			time.Sleep(3 * time.Second)
		}
		calls.Wait()
	})
}

// A sender with more than is served is held, and no other; at the stop, none.
func TestFloodHoldsOnlyItself(t *testing.T) {
	t.Parallel()
	working(t, 4, 200*time.Millisecond, func(t *testing.T, d *desk) {
		var flood sync.WaitGroup
		for i := range 200 {
			if _, err := d.Accept(t.Context(), message("flood", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if held := d.callback("flood", 200); held != bound {
			t.Errorf("the flood was held for %s", held)
		}
		for i := range 10 {
			if held := d.callback(fmt.Sprint("p", i), i); held > 0 {
				t.Errorf("another was held for %s", held)
			}
			time.Sleep(50 * time.Millisecond)
		}
		flood.Go(func() {
			if held := d.callback("flood", 201); held != time.Second {
				t.Errorf("it was held for %s, and the process stopped after 1s", held)
			}
		})
		time.Sleep(time.Second)
		flood.Go(d.Stop)
		flood.Wait()
	})
}

// What other processes take up is not counted as left, so that a process which takes all
// messages in, and works on a few, holds callbacks for what there is.
func TestOthersWork(t *testing.T) {
	t.Parallel()
	const takes, lines, people = 400 * time.Millisecond, 12, 300
	working(t, 4, takes, func(t *testing.T, d *desk) {
		var second *jobs.Runner
		o := d.Options
		o.Limit, o.Wake = 12, func(names ...string) { second.Wake(names...) }
		other := New(o)
		second = jobs.New(jobs.Options{Jobs: other.Jobs(), Every: 10 * time.Millisecond, Base: t.Context()})
		ctx, stop := context.WithCancel(t.Context())
		var running, loops sync.WaitGroup
		running.Go(func() { second.Run(ctx) })
		defer second.Drain()
		defer running.Wait()
		defer stop()

		ended := time.Now().Add(10 * time.Second)
		var mu sync.Mutex
		sent := 0
		next := func() int { mu.Lock(); defer mu.Unlock(); sent++; return sent - 1 }
		for range lines {
			loops.Go(func() {
				for time.Now().Before(ended) {
					time.Sleep(4 * time.Millisecond)
					n := next()
					d.callback(fmt.Sprint("p", n%people), n)
				}
			})
		}
		// Between two looks of this process, the other claims what it works on and half of
		// that to wait. What was left while a look was under way, the next look passes over.
		most, less := 2*(o.Limit+o.Limit/2), 0
		for time.Now().Before(ended) {
			time.Sleep(time.Second)
			synctest.Wait() // until what is being stored is there
			there, err := d.db.Inbox.Due(t.Context(), time.Now(), 10_000, nil)
			if err != nil {
				t.Fatal(err)
			}
			more := d.counted() - len(there)
			less = min(less, more)
			if more > most {
				t.Errorf("%d more are counted than are left, others can have taken %d since it looked", more, most)
			}
		}
		if less < 0 {
			t.Errorf("%d of what is left are not counted", -less)
		}
		if most := 16 / takes.Seconds() * 10; float64(d.finished()) < 0.8*most {
			t.Errorf("%d were worked on, not %.0f", d.finished(), most)
		}
		loops.Wait()
		for d.finished() < sent {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if n := d.counted(); n > 0 {
			t.Errorf("%d are counted, and none left", n)
		}
	})
}

// counted is how many messages are taken for left.
func (d *desk) counted() (n int) {
	d.queue.mu.Lock()
	defer d.queue.mu.Unlock()
	for _, senders := range d.queue.left.turns {
		n += senders
	}
	return n
}

// Of those who wait for no answer, only so many are held.
func TestMostHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{Limit: 1, Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }})
		q.queue.pace.began(time.Now())
		s := models.Sender{Channel: "app/main", User: "many"}
		for range 100 {
			q.queue.left.add(q.queue.left.of(s), time.Now())
		}
		var held sync.WaitGroup
		ease := func() time.Duration {
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			began := time.Now()
			q.Ease(ctx, bot.Message{Channel: s.Channel, User: s.User})
			return time.Since(began)
		}
		for range mostHeld {
			held.Go(func() {
				if took := ease(); took != bound {
					t.Errorf("held for %s", took)
				}
			})
		}
		synctest.Wait()
		if took := ease(); took > 0 {
			t.Errorf("one too many is held for %s", took)
		}
		held.Wait()
	})
}

// What is ahead of a person's last message is counted in turns.
func TestAhead(t *testing.T) {
	t.Parallel()
	b := backlog{senders: map[models.Sender]*absence{}}
	now := time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC)
	of := func(user string) models.Sender { return models.Sender{User: user} }
	want := func(when string, users map[string]int) {
		t.Helper()
		for user, n := range users {
			if got := b.ahead(of(user)); got != n {
				t.Errorf("%s: %d are ahead of the last of %s, not %d", when, got, user, n)
			}
		}
	}
	want("at the start", map[string]int{"a": 0})
	for user, n := range map[string]int{"flood": 1000, "a": 1, "b": 2} {
		for range n {
			b.add(b.of(of(user)), now)
		}
	}
	want("after a flood", map[string]int{"flood": 1003, "a": 3, "b": 5})
	b.drop(b.of(of("b")))
	b.drop(b.of(of("a")))
	b.drop(b.of(of("a"))) // of another process
	want("when two have begun", map[string]int{"flood": 1001, "a": 0, "b": 2})
	b.add(b.of(of("a")), now.Add(time.Second))
	b.of(of("b")).storing = 1
	b.look = 1
	b.passed(1, now.Add(time.Second), []models.Sender{of("flood")})
	want("when others have passed", map[string]int{"flood": 1002, "a": 3, "b": 3})
	b.leave(b.of(of("a")))
	b.of(of("b")).storing = 0
	b.passed(1, now.Add(2*time.Second), nil)
	want("but for what the look need not find", map[string]int{"flood": 0, "a": 1, "b": 0})
	b.look = 2
	b.looked(2, nil)
	want("when all is found", map[string]int{"a": 0})
	if len(b.turns) > 0 {
		t.Errorf("turns are left: %v", b.turns)
	}
}

// Whatever is added and dropped, what is left is what is counted.
func TestAheadAtRandom(t *testing.T) {
	t.Parallel()
	b := backlog{senders: map[models.Sender]*absence{}}
	r := rand.New(rand.NewPCG(1, 2))
	users := []models.Sender{{User: "a"}, {User: "b"}, {User: "c"}}
	for range 10_000 {
		switch a := b.of(users[r.IntN(len(users))]); r.IntN(20) {
		case 0:
			b.forget(a)
		case 1, 2, 3, 4, 5, 6, 7, 8, 9:
			b.drop(a)
		default:
			b.add(a, time.Time{})
		}
		for _, s := range users {
			mine, want := b.of(s).n, 0
			for _, o := range users {
				want += min(mine, b.of(o).n)
			}
			if got := b.ahead(s); got != want {
				t.Fatalf("%d are ahead, not %d", got, want)
			}
		}
	}
}
