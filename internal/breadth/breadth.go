// Package breadth says how much the tests play of what can be combined: databases,
// dialects, channels, readings of the platforms' pages.
//
// With YANQUAN_TEST=once a test plays one cell of such a product, which its name
// decides, so that all tests together stand on a diagonal. With YANQUAN_TEST=all it
// plays each cell. Where the variable is not set, CI=true is all and anything else is
// once.
//
// Under the race detector, where everything takes four times as long, tables are thinned
// out as well: [Cells].
package breadth

import (
	"hash/fnv"
	"os"
	"strings"

	"yanquan/internal/race"
)

// variable is the name of the environment's.
const variable = "YANQUAN_TEST"

// All reports whether products are played as a whole. A value that is neither once nor
// all ends the test, for what it would leave out is unknown.
func All() bool {
	switch value := os.Getenv(variable); value {
	case "all":
		return true
	case "once":
		return false
	case "":
		return os.Getenv("CI") == "true"
	default:
		panic(variable + " is " + value + ", neither once nor all")
	}
}

// Of gives the cells of a product that the test of a name plays, the first argument:
// all, or one. Under the race detector that is the next one, so that two runs show two.
func Of[T any](name string, cells ...T) []T {
	if All() || len(cells) < 2 {
		return cells
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	i := h.Sum32() % uint32(len(cells))
	if race.Enabled {
		i = (i + 1) % uint32(len(cells))
	}
	return cells[i : i+1]
}

// Raced is how many cells of tables there are for each that is played under the race
// detector.
const Raced = 4

// Cells is as [Of], but that under the race detector it gives nothing to most cells of
// tables, which are subtests: a name of a test itself, without a slash, is always played.
// It is for cells that differ in what platforms answer, and that start no goroutines
// themselves: what they do at the same time is what the others do. A test that starts some
// is played whole, by Of.
func Cells[T any](name string, cells ...T) []T {
	if race.Enabled && !All() && !sampled(name) {
		return nil
	}
	return Of(name, cells...)
}

// sampled reports whether a test or a cell of a table is one that is always played.
func sampled(name string) bool {
	h := fnv.New32a()
	h.Write([]byte(name))
	return !strings.Contains(name, "/") || h.Sum32()/16%Raced == 0 // other bits than those of Of
}
