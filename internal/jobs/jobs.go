// Package jobs runs background work.
package jobs

import (
	"fmt"
	"runtime/debug"
)

// Recovered does a piece of work and makes an error of a panic.
func Recovered(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("jobs: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}
