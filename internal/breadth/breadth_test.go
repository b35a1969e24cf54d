package breadth

import (
	"fmt"
	"slices"
	"testing"
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
