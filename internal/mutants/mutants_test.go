package mutants

import (
	"regexp"
	"slices"
	"testing"
)

// The mutants still fit the program. That they are found takes long: see TestMutants of
// internal/crash and internal/simulation, which are built with the tag mutants.
func TestMutantsFit(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(Invariants, Mendings, Douyin) {
		if _, err := m.Changed("../.."); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if _, err := regexp.Compile(m.Red); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
