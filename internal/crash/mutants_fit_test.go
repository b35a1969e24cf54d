package crash

import (
	"testing"

	"yanquan/internal/mutants"
)

// The mutants still fit the program. That they are found out takes a quarter of an
// hour: see TestMutants, which is built with the tag mutants.
func TestMutantsFit(t *testing.T) {
	t.Parallel()
	for _, m := range mutants.Invariants {
		if _, err := m.Changed("../.."); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
