package scan

import (
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

// bars reads the barcodes whose bars stand upright, row by row: several in one row
// and several below each other. A text is believed once enough rows say it.
func (f *finder) bars(g *gray) {
	b := bitmap(g, gozxing.NewGlobalHistgramBinarizer)
	readers := make([]oned.RowDecoder, len(kinds))
	for i, k := range kinds {
		readers[i], _ = k.reader().(oned.RowDecoder)
	}
	votes := map[Code]int{}
	need := map[Code]int{}
	var order []Code
	step := max(1, g.h/lines)
	for y := step / 2; y < g.h; y += step {
		if f.ctx.Err() != nil {
			break
		}
		row, err := b.GetBlackRow(y, nil)
		if err != nil {
			continue // nothing but one shade
		}
		for range 2 { // from left to right, and from right to left
			for start := 0; start < row.GetSize(); {
				end := 0
				for i, reader := range readers {
					r, err := reader.DecodeRow(y, row, nil)
					if err != nil {
						continue
					}
					for _, p := range r.GetResultPoints() {
						end = max(end, int(p.GetX()))
					}
					c := Code{kinds[i].format, r.GetText()}
					if len(c.Text) < minBar {
						continue
					}
					if votes[c]++; votes[c] == 1 {
						order = append(order, c)
						need[c] = kinds[i].rows
					}
					break
				}
				if end <= start {
					break
				}
				start = end
				row = rightOf(row, end)
			}
			if row, err = b.GetBlackRow(y, nil); err != nil {
				break
			}
			row.Reverse()
		}
	}
	for _, c := range order {
		if votes[c] >= need[c] {
			f.add(c)
		}
	}
}

// rightOf is a row without what is left of a place.
func rightOf(row *gozxing.BitArray, x int) *gozxing.BitArray {
	out := gozxing.NewBitArray(row.GetSize())
	for i := row.GetNextSet(min(x, row.GetSize())); i < row.GetSize(); i = row.GetNextSet(i + 1) {
		out.Set(i)
	}
	return out
}
