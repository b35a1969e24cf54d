// Package jobs runs background work. A [Runner] goes by a table: each [Job] says
// how many tasks of it may be under way at once, how often it is looked for, and
// what is due.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Job is one kind of background work.
type Job struct {
	Name   string
	Limit  int                  // of tasks under way at once; one where zero
	PerKey func(key string) int // of those of one key, as of now; Limit where nil
	Every  time.Duration        // between looks without a wake; the runner's where zero
	Drain  bool                 // what is due when the runner stops is still done
	Queue  string               // what Due reads, where [Options.Waiting] knows of it

	// Due lists what is to be done now. It is not called while Limit tasks are under
	// way. It may list more than there is room for: that is begun as others end, or
	// forgotten where a later look does not list it. So each task makes sure first that
	// it is still to be done.
	Due func(ctx context.Context, l Look) ([]Task, error)

	repeats bool // Due always finds its task
}

// Look is what a job may look for.
type Look struct {
	Now  time.Time
	Room int      // tasks that can be begun
	Full []string // keys of which none can be begun
}

// Task is one piece of work.
type Task struct {
	ID  string // one that is under way is not begun again
	Key string // see [Job.PerKey]
	Do  func(ctx context.Context) error
}

// ErrMore is returned by what [Periodic] repeats where it has left some of it for
// the next pass.
var ErrMore = errors.New("jobs: there is more to do")

// Periodic is a job that does the same from time to time.
func Periodic(name string, every time.Duration, do func(ctx context.Context) error) Job {
	return Job{Name: name, Every: every, repeats: true, Due: func(context.Context, Look) ([]Task, error) {
		return []Task{{Do: do}}, nil
	}}
}

// Tasks makes tasks of what is due.
func Tasks[T any](due []T, err error, id func(T) string, do func(context.Context, T) error) ([]Task, error) {
	tasks := make([]Task, len(due))
	for i, one := range due {
		tasks[i] = Task{ID: id(one), Do: func(ctx context.Context) error { return do(ctx, one) }}
	}
	return tasks, err
}

// Recovered does a piece of work and makes an error of a panic.
func Recovered(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("jobs: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// Sleep sleeps. It ends early with the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pause sleeps until something is woken, or for d at most, or until the context ends.
// It reports whether it was woken.
func Pause(ctx context.Context, sleep func(context.Context, time.Duration) error, d time.Duration, woken <-chan struct{}) bool {
	nap, cancel := context.WithCancel(ctx)
	defer cancel()
	slept := make(chan struct{})
	go func() { defer close(slept); _ = sleep(nap, d) }()
	select {
	case <-woken:
		return true
	case <-slept:
		return false
	}
}
