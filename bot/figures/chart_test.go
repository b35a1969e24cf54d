package figures_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/figures"
	"yanquan/models"
)

func picture(t *testing.T, c figures.Chart) image.Image {
	t.Helper()
	data, err := c.PNG()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 64<<10 {
		t.Errorf("%d bytes", len(data))
	}
	if dir := os.Getenv("YANQUAN_CHARTS"); dir != "" { // to look at
		if err := os.WriteFile(dir+"/"+strings.ReplaceAll(t.Name(), "/", "_")+".png", data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// blue reports whether a pixel belongs to a bar, and to the darkest shade of them.
func blue(c color.Color) (yes, dark bool) {
	r, g, b, _ := c.RGBA()
	r, g, b = r>>8, g>>8, b>>8
	yes = b > r+80 && b > g+40
	return yes, yes && r < 0x50
}

// bars measures the bars in a picture from left to right, as a reader would.
func bars(img image.Image) (tall []int, dark []bool) {
	inside := false
	for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
		n, d := 0, 0
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			yes, darkest := blue(img.At(x, y))
			if yes {
				n++
			}
			if darkest {
				d++
			}
		}
		switch {
		case n == 0:
			inside = false
		case !inside:
			inside = true
			tall, dark = append(tall, n), append(dark, d == n)
		}
	}
	return tall, dark
}

// The bars are as tall as what they stand for, and the tallest is marked.
func TestChartBars(t *testing.T) {
	for name, tt := range map[string]struct {
		hours [24]int
		want  []int
	}{
		"a day":           {[24]int{10: 2, 11: 14, 12: 31, 13: 22, 17: 12, 18: 40, 19: 36, 20: 11, 21: 3}, []int{2, 14, 31, 22, 12, 40, 36, 11, 3}},
		"one":             {[24]int{14: 1}, []int{1}},
		"day and night":   {[24]int{0: 999, 6: 120, 12: 800, 23: 500}, []int{999, 120, 800, 500}},
		"many stores":     {[24]int{0: 9999, 9: 12345, 12: 123456, 23: 54321}, []int{9999, 12345, 123456, 54321}},
		"two are tallest": {[24]int{11: 5, 12: 5}, []int{5, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			tall, dark := bars(picture(t, figures.ByHour("11-23", models.Sum{}, tt.hours)))
			if len(tall) != len(tt.want) {
				t.Fatalf("%d bars of %v, want %d", len(tall), tall, len(tt.want))
			}
			most, top := 0, 0
			for i, n := range tt.want {
				most, top = max(most, n), max(top, tall[i])
			}
			if top < 300 {
				t.Errorf("the tallest has %d pixels", top)
			}
			for i, n := range tt.want {
				if d := tall[i] - n*top/most; d < -2 || d > 2 {
					t.Errorf("bar %d of %d has %d pixels, want %d", i, n, tall[i], n*top/most)
				}
				if dark[i] != (n == most) {
					t.Errorf("bar %d of %d is marked: %v", i, n, dark[i])
				}
			}
		})
	}
}

func TestChartOfEmptyDay(t *testing.T) {
	if tall, _ := bars(picture(t, figures.ByHour("11-23", models.Sum{}, [24]int{}))); len(tall) != 0 {
		t.Errorf("bars %v", tall)
	}
	if _, err := (figures.Chart{Title: "11-23"}).PNG(); !errors.Is(err, figures.ErrNoBars) {
		t.Errorf("a chart of nothing: %v", err)
	}
}

// Nothing is cut off: the edges of the picture are blank, however much it shows.
func TestChartMargins(t *testing.T) {
	c := figures.Chart{Title: strings.Repeat("上周 11-16 至 11-22 核销 ", 4), Note: "每天核销张数"}
	for range 31 {
		c.Bars = append(c.Bars, figures.Bar{Label: "31", N: 987_654})
	}
	img := picture(t, c)
	size := img.Bounds()
	for x := range size.Dx() {
		for y := range size.Dy() {
			if x >= 12 && x < size.Dx()-12 && y >= 12 && y < size.Dy()-12 {
				continue
			}
			if r, g, b, _ := img.At(x, y).RGBA(); r&g&b != 0xffff {
				t.Fatalf("something at %d,%d", x, y)
			}
		}
	}
}

// Every period that people can name has glyphs for its title; anything else is an
// error and no picture with boxes.
func TestChartTitles(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	hours := [24]int{12: 3}
	for _, p := range []command.Period{command.Today, command.Yesterday, command.ThisWeek, command.LastWeek, command.ThisMonth, command.LastMonth, "09", "2026-02", "11-20", "2026-11-20"} {
		span, ok := p.Span(now, time.UTC)
		if !ok {
			t.Fatalf("%s is no period", p)
		}
		for _, unpriced := range []int{0, 2, 12} {
			if _, err := figures.ByHour("补发："+span.Title, models.Sum{Count: 12, Fen: 59880, Unpriced: unpriced}, hours).PNG(); err != nil {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
	var missing *figures.GlyphError
	if _, err := figures.ByHour("龘", models.Sum{}, hours).PNG(); !errors.As(err, &missing) || missing.Rune != '龘' {
		t.Errorf("a glyph that is not there: %v", err)
	}
}
