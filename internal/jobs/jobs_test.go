package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// table makes a runner whose time is that of the test's bubble.
func table(t *testing.T, jobs ...Job) (*Runner, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return New(Options{
		Jobs: jobs, Every: time.Second, Base: t.Context(), Log: slog.New(slog.NewTextHandler(log, nil)), Quiet: func(err error) bool { return errors.Is(err, errQuiet) },
	}), log
}

var errQuiet = errors.New("another replica has it")

// queue is what is due, by name, until it is taken.
type queue struct {
	mu    sync.Mutex
	names []string
	looks []Look
	do    func(ctx context.Context, name string) error
}

func (q *queue) due(_ context.Context, l Look) ([]Task, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.looks = append(q.looks, l)
	return Tasks(slices.Clone(q.names), nil, func(name string) string { return name }, func(ctx context.Context, name string) error {
		q.mu.Lock()
		q.names = slices.DeleteFunc(q.names, func(n string) bool { return n == name })
		q.mu.Unlock()
		return q.do(ctx, name)
	})
}

// keyed makes the key of a task out of the first letter of its id.
func (q *queue) keyed(ctx context.Context, l Look) ([]Task, error) {
	tasks, err := q.due(ctx, l)
	for i := range tasks {
		tasks[i].Key = tasks[i].ID[:1]
	}
	return tasks, err
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, most := map[string]int{}, map[string]int{}
		var mu sync.Mutex
		q := &queue{do: func(_ context.Context, name string) error {
			mu.Lock()
			for _, key := range []string{name[:1], "all"} {
				now[key]++
				most[key] = max(most[key], now[key])
			}
			mu.Unlock()
			time.Sleep(10 * time.Second)
			mu.Lock()
			now[name[:1]]--
			now["all"]--
			mu.Unlock()
			return nil
		}}
		for i := range 6 {
			q.names = append(q.names, fmt.Sprint("a", i))
		}
		q.names = append(q.names, "b0", "b1")
		perKey := func(key string) int { return map[string]int{"a": 2, "b": 1}[key] }
		r, _ := table(t, Job{Name: "work", Limit: 3, PerKey: perKey, Due: q.keyed})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		began := time.Now()
		r.Run(ctx)
		synctest.Wait()
		if len(q.names) > 0 {
			t.Errorf("not begun after %s: %v", time.Since(began), q.names)
		}
		if most["a"] != 2 || most["b"] != 1 || most["all"] != 3 {
			t.Errorf("at once: %v", most)
		}
		for _, l := range q.looks {
			if l.Room == 0 {
				t.Errorf("looked without room at %s", l.Now.Sub(began))
			}
		}
		if !slices.ContainsFunc(q.looks, func(l Look) bool { return slices.Equal(l.Full, []string{"a"}) }) {
			t.Errorf("no look knows of a full key: %v", q.looks)
		}
	})
}

// A job is looked for at its time, and whoever wakes it finds it looked for at
// once, even where a look is under way.
func TestWakeIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *Runner
		began := time.Now()
		var looks []time.Duration
		r, _ = table(t, Job{Name: "export", Every: 10 * time.Second, Due: func(context.Context, Look) ([]Task, error) {
			looks = append(looks, time.Since(began))
			if len(looks) == 2 {
				time.Sleep(2 * time.Second)
				r.Wake("export") // asked for after this look has asked the database
			}
			return nil, nil
		}})
		ctx, stop := context.WithTimeout(t.Context(), 25*time.Second)
		defer stop()
		r.Run(ctx)
		synctest.Wait()
		if want := []time.Duration{0, 10 * time.Second, 12 * time.Second, 22 * time.Second}; !slices.Equal(looks, want) {
			t.Errorf("looked at %v, want %v", looks, want)
		}
	})
}

// Woken while there is no room, it is looked for when there is.
func TestWakeWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var done []time.Duration
		q := &queue{names: []string{"1"}, do: func(context.Context, string) error {
			time.Sleep(3 * time.Second)
			done = append(done, time.Since(began))
			return nil
		}}
		r, _ := table(t, Job{Name: "export", Every: time.Hour, Due: q.due})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		time.AfterFunc(time.Second, func() {
			q.mu.Lock()
			q.names = append(q.names, "2")
			q.mu.Unlock()
			r.Wake("export")
		})
		r.Run(ctx)
		synctest.Wait()
		if want := []time.Duration{3 * time.Second, 6 * time.Second}; !slices.Equal(done, want) {
			t.Errorf("done at %v, want %v", done, want)
		}
	})
}

func TestPeriodic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		r, log := table(t, Periodic("purge", 10*time.Second, func(context.Context) error {
			at = append(at, time.Since(began))
			switch len(at) {
			case 1:
				return ErrMore
			case 3:
				panic("at the third")
			}
			return nil
		}))
		ctx, stop := context.WithTimeout(t.Context(), 35*time.Second)
		defer stop()
		r.Run(ctx)
		synctest.Wait()
		if want := []time.Duration{0, time.Second, 11 * time.Second, 21 * time.Second, 31 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("done at %v, want %v", at, want)
		}
		if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, "at the third") || !strings.Contains(got, "job=purge") {
			t.Errorf("log: %s", got)
		}
	})
}

// A database that is away is said once, and a job that is looked for in vain does
// not keep the others from being done.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks, done := 0, 0
		r, log := table(t,
			Job{Name: "a", Due: func(context.Context, Look) ([]Task, error) {
				switch looks++; {
				case looks == 2:
					panic("while looking")
				case looks < 5:
					return nil, errors.New("gone")
				}
				return nil, nil
			}},
			Periodic("b", time.Second, func(context.Context) error { done++; return errQuiet }))
		for range 10 {
			r.Pass(t.Context())
			time.Sleep(time.Second)
		}
		if done != 10 {
			t.Errorf("the other was done %d times", done)
		}
		if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "gone") || !strings.Contains(got, "is back") {
			t.Errorf("log: %s", got)
		}
	})
}

// A task that is under way is not begun a second time, though it is due again.
func TestOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := 0
		r, _ := table(t, Job{Name: "message", Limit: 4, Due: func(context.Context, Look) ([]Task, error) {
			return []Task{{ID: "m", Do: func(ctx context.Context) error { begun++; return Sleep(ctx, time.Minute) }}}, nil
		}})
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Second)
		defer stop()
		r.Run(ctx)
		synctest.Wait()
		if begun != 1 {
			t.Errorf("begun %d times", begun)
		}
		r.Drain()
	})
}

// At the end, what is queued goes out until nothing is left, and nothing else
// begins; what fails is left.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, failed := 0, 0
		var mu sync.Mutex
		out := &queue{}
		out.do = func(_ context.Context, name string) error {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			if name == "bad" {
				failed++
				out.mu.Lock()
				out.names = append(out.names, name) // still due
				out.mu.Unlock()
				return errors.New("refused")
			}
			sent++
			return nil
		}
		other := 0
		r, _ := table(t, Job{Name: "delivery", Limit: 8, Drain: true, Due: out.due}, Periodic("watch", time.Second, func(context.Context) error { other++; return nil }))
		out.names = []string{"bad"}
		for i := range 100 {
			out.names = append(out.names, fmt.Sprint(i))
		}
		began := time.Now()
		r.Drain()
		if sent != 100 || failed != 1 || other != 0 {
			t.Errorf("sent %d, failed %d, other work %d", sent, failed, other)
		}
		if took := time.Since(began); took > 13*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// When the grace is over, what is queued stays.
func TestDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &queue{do: func(ctx context.Context, _ string) error { return Sleep(ctx, time.Second) }}
		for i := range 100 {
			out.names = append(out.names, fmt.Sprint(i))
		}
		r, _ := table(t, Job{Name: "delivery", Limit: 2, Drain: true, Due: out.due})
		base, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancel()
		r.Base = base
		began := time.Now()
		r.Drain()
		if took := time.Since(began); took != 5500*time.Millisecond {
			t.Errorf("ended after %s", took)
		}
		if got := len(out.names); got != 88 {
			t.Errorf("%d left", got)
		}
	})
}

// A clock that steps back holds nothing up.
func TestClockStepsBack(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	looks := map[string]int{}
	count := func(name string) Job {
		return Job{Name: name, Due: func(context.Context, Look) ([]Task, error) { looks[name]++; return nil, nil }}
	}
	rare := count("rare")
	rare.Every = time.Minute
	r := New(Options{Jobs: []Job{count("each pass"), rare}, Every: time.Second, Base: t.Context(), Now: func() time.Time { return now }})
	r.Pass(t.Context())
	now = now.Add(-10 * time.Minute)
	r.Pass(t.Context())
	r.Pass(t.Context())
	if looks["each pass"] != 3 || looks["rare"] != 2 {
		t.Errorf("looks: %v", looks)
	}
}

// What is woken for again and again is no reason not to look for the rest.
func TestWakesHoldUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rare := 0
		r, _ := table(t,
			Job{Name: "busy", Due: func(context.Context, Look) ([]Task, error) { return nil, nil }},
			Job{Name: "rare", Due: func(context.Context, Look) ([]Task, error) { rare++; return nil, nil }})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		var waking sync.WaitGroup
		waking.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(100 * time.Millisecond)
				r.Wake("busy")
			}
		})
		r.Run(ctx)
		waking.Wait()
		if rare < 9 {
			t.Errorf("looked %d times in 10 s, want once a second", rare)
		}
	})
}

// What a look finds beyond what there is room for is begun as others end, and is not
// looked for again each time: nor where its key has no room, and others have.
func TestFoundIsNotLookedForAgain(t *testing.T) {
	for name, perKey := range map[string]func(string) int{"no room": nil, "no room for its key": func(string) int { return 2 }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n, most = 64, 8
				var mu sync.Mutex
				left, done := map[string]bool{}, map[string]int{}
				for i := range n {
					left[fmt.Sprint(i)] = true
				}
				looks := 0
				job := Job{Name: "work", Limit: 2, PerKey: perKey, Due: func(_ context.Context, l Look) (tasks []Task, err error) {
					mu.Lock()
					defer mu.Unlock()
					looks++
					if slices.Contains(l.Full, "a") {
						return nil, nil
					}
					for id := range left {
						if len(tasks) < 16 {
							tasks = append(tasks, Task{ID: id, Key: "a", Do: func(context.Context) error {
								mu.Lock()
								done[id]++
								delete(left, id)
								mu.Unlock()
								return Sleep(t.Context(), time.Millisecond)
							}})
						}
					}
					return tasks, nil
				}}
				if perKey != nil {
					job.Limit = most
				}
				r, _ := table(t, job)
				ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer stop()
				r.Run(ctx)
				synctest.Wait()
				for id, times := range done {
					if times != 1 {
						t.Errorf("%s was done %d times", id, times)
					}
				}
				if len(done) != n || looks > 2*n/16+2 {
					t.Errorf("%d of %d done by %d looks of up to 16", len(done), n, looks)
				}
			})
		})
	}
}

// What others have done meanwhile holds up nothing: the next one that was found is begun.
func TestFoundGoesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, last := time.Now(), time.Duration(0)
		done := map[string]bool{}
		r, _ := table(t, Job{Name: "work", Due: func(context.Context, Look) (tasks []Task, err error) {
			for i := range 10 {
				if id := fmt.Sprint(i); !done[id] {
					tasks = append(tasks, Task{ID: id, Do: func(context.Context) error { done[id], last = true, time.Since(began); return errQuiet }})
				}
			}
			return tasks, nil
		}})
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		r.Run(ctx)
		synctest.Wait()
		if len(done) != 10 || last > time.Second {
			t.Errorf("%d done, the last after %s", len(done), last)
		}
	})
}

// One question tells of which queues nothing is due; one that fails, or a wake while it is
// asked, leaves nothing out.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := map[string]int{}
		look := func(name string) Job {
			return Job{Name: name, Queue: name, Due: func(context.Context, Look) ([]Task, error) { looks[name]++; return nil, nil }}
		}
		own := look("own")
		own.Queue = ""
		asked, due, during := 0, map[string]bool{"b": true}, func() error { return nil }
		r := New(Options{Jobs: []Job{look("a"), look("b"), own}, Every: time.Second, Base: t.Context(), Waiting: func(context.Context, time.Time) (map[string]bool, error) {
			asked++
			return due, during()
		}})
		expect := func(asks, a, b, others int) {
			t.Helper()
			if asked != asks || looks["a"] != a || looks["b"] != b || looks["own"] != others {
				t.Errorf("asked %d times, looks %v", asked, looks)
			}
			asked = 0
			clear(looks)
		}
		r.Pass(t.Context())
		expect(1, 0, 1, 1)
		due, during = nil, func() error { r.Wake("a"); return nil }
		r.Pass(t.Context())
		expect(1, 0, 0, 1)
		r.pass(t.Context()) // as the wake has asked for: one job is asked itself
		expect(0, 1, 0, 0)
		during = func() error { return errors.New("the database is away") }
		r.Pass(t.Context())
		expect(1, 0, 0, 1)
		during = func() error { return nil }
		due = map[string]bool{"a": true, "b": true}
		r.pass(t.Context())
		expect(1, 1, 1, 0)
	})
}
