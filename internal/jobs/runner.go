package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Options of a [Runner]. Jobs, Every and Base are required.
type Options struct {
	Jobs  []Job
	Every time.Duration   // between passes without a wake, which look for every job without a time of its own
	Base  context.Context // of the tasks that [Runner.Run] and [Runner.Drain] begin

	// Waiting tells at once in which queues something is due, so that a pass that would find
	// nothing asks one question. Without it each job is asked.
	Waiting func(ctx context.Context, now time.Time) (map[string]bool, error)

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // ends early with the context's error
	Log   *slog.Logger
	Quiet func(error) bool // errors that are no news
}

// Runner does the work of a table of jobs. It is safe for concurrent use.
type Runner struct {
	Options
	rows  []*row
	woken chan struct{} // a pass is wanted
	ended chan struct{} // a task has ended

	mu       sync.Mutex // guards what follows, and the rows
	stopping bool       // only what is drained is begun
	troubled bool       // the last pass could not look for everything
}

// row is a job and what is known of it.
type row struct {
	Job
	asked   bool      // look at the next pass
	next    time.Time // else, when to look
	found   []Task    // by the last look, that there was no room for yet
	running map[string]bool
	keys    map[string]int  // tasks under way
	failed  map[string]bool // while draining: they are not tried again
}

// New makes a runner that has not begun yet.
func New(o Options) *Runner {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = Sleep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{Options: o, woken: make(chan struct{}, 1), ended: make(chan struct{}, 1)}
	for _, j := range o.Jobs {
		j.Limit = max(j.Limit, 1)
		if j.PerKey == nil {
			j.PerKey = func(string) int { return j.Limit }
		}
		r.rows = append(r.rows, &row{Job: j, running: map[string]bool{}, keys: map[string]int{}, failed: map[string]bool{}})
	}
	return r
}

// Wake starts a pass, in which the named jobs are looked for even before their
// time. A look that has begun before does not count.
func (r *Runner) Wake(names ...string) {
	r.ask(func(w *row) bool { return slices.Contains(names, w.Name) })
	signal(r.woken)
}

// ask has jobs looked for at the next pass.
func (r *Runner) ask(which func(*row) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.rows {
		w.asked = w.asked || which(w)
	}
}

// askAll has all jobs looked for that have no time of their own.
func (r *Runner) askAll() { r.ask(func(w *row) bool { return w.Every == 0 }) }

// Run begins what is due until the context ends. It leaves under way what is. What is
// woken all the time for one job is no reason not to look for the others.
func (r *Runner) Run(ctx context.Context) {
	var last time.Time
	for woken := false; ctx.Err() == nil; woken = Pause(ctx, r.Sleep, r.Every, r.woken) {
		if now := r.Now(); !woken || now.Sub(last).Abs() >= r.Every {
			last = now
			r.askAll()
		}
		r.pass(r.Base)
	}
}

// Pass does once what is due, and returns when it is done.
func (r *Runner) Pass(ctx context.Context) {
	r.askAll()
	tasks, _ := r.pass(ctx)
	tasks.Wait()
}

// Drain begins nothing new except for the jobs that are drained: those until
// nothing of them is due. It returns when nothing is under way, or Base has ended.
func (r *Runner) Drain() {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	for {
		begun := 0
		if r.Base.Err() == nil {
			r.askAll()
			_, begun = r.pass(r.Base)
		}
		if begun == 0 && r.idle() {
			return
		}
		<-r.ended
	}
}

func (r *Runner) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(r.rows, func(w *row) bool { return len(w.running) > 0 })
}

// pass looks for everything that there is room for, and begins it.
func (r *Runner) pass(ctx context.Context) (tasks *sync.WaitGroup, begun int) {
	tasks = &sync.WaitGroup{}
	looks := map[*row]Look{}
	for _, w := range r.rows {
		begun += r.beginFound(ctx, tasks, w)
		if l, due := r.lookNow(w); due {
			looks[w] = l
		}
	}
	r.note(ctx, r.look(ctx, looks))
	for _, w := range r.rows {
		begun += r.beginFound(ctx, tasks, w)
	}
	return tasks, begun
}

// look finds what is due of jobs.
func (r *Runner) look(ctx context.Context, looks map[*row]Look) error {
	waiting, err := r.waiting(ctx, looks)
	errs := []error{err}
	for _, w := range r.rows {
		l, looked := looks[w]
		switch {
		case !looked:
		case w.Queue == "" || waiting(w.Queue):
			errs = append(errs, r.lookFor(ctx, w, l))
		default:
			r.found(w, l, nil, err)
		}
	}
	return errors.Join(errs...)
}

// waiting tells in which of the jobs' queues something may be due. One job is asked itself.
func (r *Runner) waiting(ctx context.Context, looks map[*row]Look) (func(queue string) bool, error) {
	queued, now := 0, time.Time{}
	for w, l := range looks {
		if w.Queue != "" {
			queued, now = queued+1, l.Now
		}
	}
	if r.Waiting == nil || queued < 2 {
		return func(string) bool { return true }, nil
	}
	var due map[string]bool
	err := Recovered(func() (err error) { due, err = r.Waiting(ctx, now); return err })
	return func(queue string) bool { return due[queue] }, err
}

// lookFor finds what is due of one job.
func (r *Runner) lookFor(ctx context.Context, w *row, l Look) error {
	var tasks []Task
	err := Recovered(func() (err error) { tasks, err = w.Due(ctx, l); return err })
	r.found(w, l, tasks, err)
	return err
}

// found keeps what a look has found. What was found before stays only where the look left
// out its key.
func (r *Runner) found(w *row, l Look, tasks []Task, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.keep(l.Full, tasks)
	if err != nil || len(tasks) >= l.Room && !w.repeats { // there may be more
		w.asked = true
	}
}

// keep replaces what was found before, but for what a look has left out.
func (w *row) keep(without []string, tasks []Task) {
	w.found = slices.DeleteFunc(w.found, func(old Task) bool {
		return !slices.Contains(without, old.Key) || slices.ContainsFunc(tasks, func(t Task) bool { return t.ID == old.ID })
	})
	w.found = append(w.found, tasks...)
}

// lookNow reports whether to look for a job. What asks for it from here on asks
// for the next look: this one may not see it any more.
func (r *Runner) lookNow(w *row) (Look, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	l := Look{Now: now, Room: w.Limit - len(w.running)}
	early := w.Every == 0 || now.Before(w.next) && w.next.Sub(now) <= w.Every // else the clock has stepped back
	if l.Room <= 0 || r.stopping && !w.Drain || !w.asked && early {
		return l, false
	}
	w.asked, w.next = false, now.Add(w.Every)
	for key, n := range w.keys {
		if n >= w.PerKey(key) {
			l.Full = append(l.Full, key)
		}
	}
	slices.Sort(l.Full)
	return l, true
}

// beginFound does what was found beside the other tasks, as far as there is room, and says
// of how much it began. The rest is begun when others have ended, without another look.
func (r *Runner) beginFound(ctx context.Context, tasks *sync.WaitGroup, w *row) (begun int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := w.found[:0]
	for _, t := range w.found {
		switch {
		case w.running[t.ID] || w.failed[t.ID] || r.stopping && !w.Drain:
		case len(w.running) >= w.Limit || w.keys[t.Key] >= w.PerKey(t.Key):
			rest = append(rest, t)
		default:
			w.running[t.ID] = true
			w.keys[t.Key]++
			begun++
			tasks.Go(func() { r.end(w, t, Recovered(func() error { return t.Do(ctx) })) })
		}
	}
	clear(w.found[len(rest):])
	w.found = rest
	return begun
}

// end makes room for the next. Success may have made more of the same, what waited for
// it: that is looked for when nothing is left that was found before.
func (r *Runner) end(w *row, t Task, err error) {
	more := errors.Is(err, ErrMore)
	if more {
		err = nil
	}
	r.mu.Lock()
	delete(w.running, t.ID)
	if w.keys[t.Key]--; w.keys[t.Key] == 0 {
		delete(w.keys, t.Key)
	}
	another := slices.ContainsFunc(w.found, func(f Task) bool { return f.Key == t.Key })
	w.asked = w.asked || more || err == nil && !w.repeats && !another
	if err != nil && r.stopping {
		w.failed[t.ID] = true
	}
	r.mu.Unlock()
	if !more && (err == nil || another) {
		signal(r.woken)
	}
	if err != nil && !errors.Is(err, context.Canceled) && (r.Quiet == nil || !r.Quiet(err)) {
		r.Log.Error("background work failed; it will be tried again", "job", w.Name, "task", t.ID, "error", err)
	}
	signal(r.ended)
}

// note logs once that work cannot be looked for, and once that it can again.
func (r *Runner) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	was := r.troubled
	r.troubled = err != nil
	r.mu.Unlock()
	switch {
	case err != nil && !was:
		r.Log.Error("background work waits for the database", "error", err)
	case err == nil && was:
		r.Log.Info("the database is back")
	}
}

// signal leaves word for the next receiver.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
