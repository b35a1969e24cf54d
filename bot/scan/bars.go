package scan

import (
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
)

// kinds of barcodes, in the order in which a row is read, and how many rows must
// say the same. Those that carry no check digit are read from anything that has
// stripes, so that more is asked of them.
var kinds = []struct {
	format Format
	reader func() gozxing.Reader
	rows   int
}{
	{Code128, oned.NewCode128Reader, 2},
	{EAN13, oned.NewEAN13Reader, 3},
	{Code93, oned.NewCode93Reader, 3},
	{Code39, oned.NewCode39Reader, 4},
	{ITF, oned.NewITFReader, 6},
}

// minBar is the shortest text of a barcode that is believed.
const minBar = 4

// lines is how many rows of a picture are read.
const lines = 240

// tally is what rows say of one text: how many, and the part of the picture in which
// they lie, from 0 to 1.
type tally struct {
	code                     Code
	rows, need               int
	left, right, top, bottom float64
}

// bars reads the barcodes whose bars stand upright, row by row: several in one row
// and several below each other. at gives the place in the picture of one in g.
func (f *finder) bars(g *gray, at func(x, y float64) (float64, float64)) {
	b := bitmap(g, gozxing.NewGlobalHistgramBinarizer)
	readers := make([]oned.RowDecoder, len(kinds))
	for i, k := range kinds {
		readers[i], _ = k.reader().(oned.RowDecoder)
	}
	step := max(1, g.h/lines)
	for y := step / 2; y < g.h && f.ctx.Err() == nil; y += step {
		for _, reversed := range []bool{false, true} { // from left to right, and from right to left
			row, err := b.GetBlackRow(y, nil)
			if err != nil {
				break // nothing but one shade
			}
			if reversed {
				row.Reverse()
			}
			f.row(readers, row, y, func(c Code, need, from, to int) {
				if reversed {
					from, to = g.w-1-from, g.w-1-to
				}
				f.vote(c, need, float64(g.w), float64(g.h), from, to, y, at)
			})
		}
	}
}

// row reads what stands in a row, from left to right.
func (f *finder) row(readers []oned.RowDecoder, row *gozxing.BitArray, y int, say func(c Code, need, from, to int)) {
	for start := 0; start < row.GetSize(); {
		end := 0
		for i, reader := range readers {
			r, err := reader.DecodeRow(y, row, nil)
			if err != nil {
				continue
			}
			from := row.GetSize()
			for _, p := range r.GetResultPoints() {
				from, end = min(from, int(p.GetX())), max(end, int(p.GetX()))
			}
			if c := (Code{Format: kinds[i].format, Text: r.GetText()}); len(c.Text) >= minBar {
				say(c, kinds[i].rows, from, end)
				break
			}
		}
		if end <= start {
			return
		}
		start = end
		row = rightOf(row, end)
	}
}

// vote counts a row for a text.
func (f *finder) vote(c Code, need int, w, h float64, from, to, y int, at func(x, y float64) (float64, float64)) {
	i := slices.IndexFunc(f.tallies, func(t tally) bool { return t.code == c })
	if i < 0 {
		i = len(f.tallies)
		f.tallies = append(f.tallies, tally{code: c, need: need, left: 1, top: 1})
	}
	t := &f.tallies[i]
	t.rows++
	for _, x := range []int{from, to} {
		px, py := at(float64(x)/w, float64(y)/h)
		t.left, t.right, t.top, t.bottom = min(t.left, px), max(t.right, px), min(t.top, py), max(t.bottom, py)
	}
}

// outvotes is how many times the rows of one text are those of another in the same
// place, so that the other is a misreading.
const outvotes = 4

// settled are the texts that enough rows say. There is one for one barcode: the others
// in its place are misreadings, where they are few. Where they are not, or where not
// many rows agree, which is right is for people to tell.
func (f *finder) settled() (codes []Code) {
	for _, t := range f.tallies {
		if t.rows < t.need {
			continue
		}
		t.code.Unsure = t.rows < max(2*t.need, 6)
		beaten := false
		for _, o := range f.tallies {
			if o.code == t.code || o.code.Text == t.code.Text || !t.meets(o) {
				continue
			}
			beaten = beaten || o.rows >= outvotes*t.rows
			t.code.Unsure = t.code.Unsure || outvotes*o.rows > t.rows
		}
		if !beaten {
			codes = append(codes, t.code)
		}
	}
	return codes
}

// meets reports whether two texts are read in the same place.
func (t tally) meets(o tally) bool {
	const near = 2. / lines // a row above or below belongs to it
	return t.left < o.right+near && o.left < t.right+near && t.top < o.bottom+near && o.top < t.bottom+near
}

// rightOf is a row without what is left of a place.
func rightOf(row *gozxing.BitArray, x int) *gozxing.BitArray {
	out := gozxing.NewBitArray(row.GetSize())
	for i := row.GetNextSet(min(x, row.GetSize())); i < row.GetSize(); i = row.GetNextSet(i + 1) {
		out.Set(i)
	}
	return out
}
