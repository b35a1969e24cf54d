package breadth

import (
	"fmt"
	"slices"
	"testing"

	"yanquan/internal/race"
)

var cells = []string{"a", "b", "c", "d"}

func TestAll(t *testing.T) {
	for _, c := range []struct {
		variable, ci string
		all          bool
	}{{"all", "", true}, {"all", "true", true}, {"once", "", false}, {"once", "true", false}, {"", "", false}, {"", "true", true}} {
		t.Setenv(variable, c.variable)
		t.Setenv("CI", c.ci)
		if All() != c.all {
			t.Errorf("%+v", c)
		}
		if whole := slices.Equal(Of("TestX", cells...), cells); whole != c.all {
			t.Errorf("%+v: the whole product: %v", c, whole)
		}
	}
	t.Setenv(variable, "most")
	defer func() {
		if recover() == nil {
			t.Error("a value that means nothing is taken")
		}
	}()
	All()
}

// Each cell of a product is played by about as many tests as the others, and always by
// the same ones.
func TestOneOf(t *testing.T) {
	t.Setenv(variable, "once")
	played := map[string]int{}
	for i := range 400 {
		name := fmt.Sprint("TestSomething", i)
		one := Of(name, cells...)
		if len(one) != 1 || !slices.Equal(one, Of(name, cells...)) {
			t.Fatalf("%s plays %q", name, one)
		}
		played[one[0]]++
	}
	for _, c := range cells {
		if played[c] < 70 {
			t.Errorf("%q is played by %d of 400 tests", c, played[c])
		}
	}
	if one := Of("TestX", "only"); len(one) != 1 {
		t.Errorf("of one cell: %q", one)
	}
}

// Under the race detector each test is played, and of the cells of tables one of four;
// without it, and where all is played, each cell is.
func TestCells(t *testing.T) {
	t.Setenv(variable, "once")
	played := 0
	for i := range 400 {
		name := fmt.Sprint("TestSomething", i)
		if len(Cells(name, cells...)) != 1 {
			t.Errorf("%s is left out", name)
		}
		played += len(Cells(name+"/cell", cells...))
	}
	if least, most := 70, 130; race.Enabled && (played < least || played > most) || !race.Enabled && played != 400 {
		t.Errorf("%d of 400 cells are played", played)
	}
	t.Setenv(variable, "all")
	for i := range 40 {
		if name := fmt.Sprint("TestSomething", i, "/cell"); !slices.Equal(Cells(name, cells...), cells) {
			t.Errorf("%s is not played whole", name)
		}
	}
}
