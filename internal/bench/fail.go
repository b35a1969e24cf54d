package main

// failure is an error that ends a measurement.
type failure struct{ error }

// check ends the measurement at an error, as Fatal ends a test: no part of the
// bench can go on without what failed. It is for the goroutine of a [try].
func check(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// must is check for what comes with a value.
func must[T any](v T, err error) T {
	check(err)
	return v
}

// try gives the error that ended f.
func try(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.error
		default:
			panic(r)
		}
	}()
	f()
	return nil
}
