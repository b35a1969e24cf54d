package figures

import (
	_ "embed"
	"fmt"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
)

// The glyphs that charts use, of a free Chinese font; see font/LICENSE.txt.
//
//go:embed font/chart.ttf
var fontFile []byte

var chartFont = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(fontFile) })

// GlyphError is text for a chart that its font cannot show.
type GlyphError struct {
	Text string
	Rune rune
}

func (e *GlyphError) Error() string {
	return fmt.Sprintf("figures: the chart's font has no %q, which is in %q", e.Rune, e.Text)
}

// drawable checks that the font has every glyph: a picture with boxes in it is
// worse than none.
func drawable(texts ...string) error {
	f, err := chartFont()
	if err != nil {
		return fmt.Errorf("figures: font: %w", err)
	}
	var buffer sfnt.Buffer
	for _, text := range texts {
		for _, r := range text {
			if i, err := f.GlyphIndex(&buffer, r); err != nil || i == 0 {
				return &GlyphError{Text: text, Rune: r}
			}
		}
	}
	return nil
}

// face is the font at a size in pixels.
func face(size int) (font.Face, error) {
	f, err := chartFont()
	if err != nil {
		return nil, fmt.Errorf("figures: font: %w", err)
	}
	made, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil, fmt.Errorf("figures: font: %w", err)
	}
	return made, nil
}

// fitting is the font at a size, or smaller where the text would be too wide.
func fitting(size, room int, text string) (font.Face, error) {
	f, err := face(size)
	if err != nil {
		return nil, err
	}
	wide := font.MeasureString(f, text).Ceil()
	if wide <= room {
		return f, nil
	}
	f.Close()
	return face(max(size*room/wide, smallest))
}
