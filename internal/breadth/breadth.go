// Package breadth says how much the tests play of what can be combined: databases,
// dialects, channels, readings of the platforms' pages.
//
// With YANQUAN_TEST=once a test plays one cell of such a product, which its name
// decides, so that all tests together stand on a diagonal. With YANQUAN_TEST=all it
// plays each cell. Where the variable is not set, CI=true is all and anything else is
// once.
package breadth

import (
	"hash/fnv"
	"os"

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
