package figures

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"

	"yanquan/bot/words"
	"yanquan/models"
)

// Bar is one bar of a chart.
type Bar struct {
	Label string // below it
	N     int
}

// Chart is bars in the order of time.
type Chart struct {
	Title string
	Note  string // below the title: what is counted
	Bars  []Bar
}

// ByHour is the chart of a day. The hours before the first and after the last with
// business are left out, as far as the day of a shop remains.
func ByHour(day string, sold models.Sum, hours [24]int) Chart {
	title := fmt.Sprintf("%s 核销 %d 张", day, sold.Count)
	if sold.Unpriced == 0 { // an amount of some is none; and the font has no words for it
		title += " " + words.Amount(sold)
	}
	first, last := 10, 21
	for h, n := range hours {
		if n > 0 {
			first, last = min(first, h), max(last, h)
		}
	}
	c := Chart{Title: title, Note: "每小时核销张数"}
	for h := first; h <= last; h++ {
		c.Bars = append(c.Bars, Bar{Label: strconv.Itoa(h), N: hours[h]})
	}
	return c
}

// The picture. A phone shows it at about a third of its size, so that the smallest
// text has to be three times as large as one would otherwise take.
const (
	width, height = 1080, 720
	margin        = 40
	top, bottom   = 210, 640 // of the longest bar
	labels        = 34       // size of text at the bars
	gap           = 8        // between two of them
	smallest      = 12
)

var (
	paper   = color.RGBA{0xff, 0xff, 0xff, 0xff}
	ink     = color.RGBA{0x1f, 0x23, 0x29, 0xff}
	faded   = color.RGBA{0x64, 0x6a, 0x73, 0xff}
	line    = color.RGBA{0xdf, 0xe1, 0xe5, 0xff}
	bar     = color.RGBA{0x8f, 0xb4, 0xf0, 0xff}
	busiest = color.RGBA{0x1f, 0x5f, 0xd6, 0xff}
)

// encoder has a megabyte to compress with, which it keeps for the next picture. A better
// compression takes four times as long.
var encoder = png.Encoder{BufferPool: &buffers{}}

type buffers struct{ sync.Pool }

func (b *buffers) Get() *png.EncoderBuffer  { one, _ := b.Pool.Get().(*png.EncoderBuffer); return one }
func (b *buffers) Put(e *png.EncoderBuffer) { b.Pool.Put(e) }

// ErrNoBars is a chart of nothing.
var ErrNoBars = errors.New("figures: a chart without bars")

// PNG draws the chart. Text that the font has no glyph for is a [GlyphError].
func (c Chart) PNG() ([]byte, error) {
	if len(c.Bars) == 0 {
		return nil, ErrNoBars
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	fill(img, img.Bounds(), paper)
	most := 0
	texts := []string{c.Title, c.Note}
	for _, b := range c.Bars {
		most = max(most, b.N)
		texts = append(texts, b.Label)
	}
	if err := drawable(texts...); err != nil {
		return nil, err
	}
	title, err := fitting(52, width-2*margin, c.Title)
	if err != nil {
		return nil, err
	}
	defer title.Close()
	note, err := face(36)
	if err != nil {
		return nil, err
	}
	defer note.Close()
	label, err := face(labels)
	if err != nil {
		return nil, err
	}
	defer label.Close()

	write(img, title, ink, margin, 80, c.Title)
	write(img, note, faded, margin, 138, c.Note)
	fill(img, image.Rect(margin, bottom, width-margin, bottom+2), line)
	c.drawBars(img, label, most)
	var out bytes.Buffer
	if err := encoder.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("figures: chart: %w", err)
	}
	return out.Bytes(), nil
}

// drawBars draws the bars and as many numbers as there is room for: the tallest
// bars have theirs first.
func (c Chart) drawBars(img draw.Image, label font.Face, most int) {
	slot := float64(width-2*margin) / float64(len(c.Bars))
	half := int(slot * 0.38)
	middle := func(i int) int { return int(margin + slot*(float64(i)+0.5)) }
	wide, order := 0, make([]int, len(c.Bars))
	for i, b := range c.Bars {
		wide, order[i] = max(wide, font.MeasureString(label, b.Label).Ceil()), i
	}
	every := int(math.Ceil(float64(wide+gap) / slot)) // so many bars share a label
	slices.SortStableFunc(order, func(i, j int) int { return c.Bars[j].N - c.Bars[i].N })
	var taken [width]bool // by a number, or by a bar that is taller
	for _, i := range order {
		b, x := c.Bars[i], middle(i)
		if i%every == 0 {
			centre(img, label, faded, x, bottom+12+labels, b.Label)
		}
		if b.N <= 0 {
			continue
		}
		tall, shade := max((bottom-top)*b.N/most, 2), bar
		if b.N == most {
			shade = busiest
		}
		fill(img, image.Rect(x-half, bottom-tall, x+half, bottom), shade)
		reach := font.MeasureString(label, short(b.N)).Ceil()/2 + gap/2
		room := taken[max(x-reach, 0):min(x+reach, width)]
		if !slices.Contains(room, true) {
			centre(img, label, ink, min(x, width-reach), bottom-tall-8, short(b.N))
			for n := range room {
				room[n] = true
			}
		}
		for n := x - half; n < x+half; n++ {
			taken[n] = true
		}
	}
}

// short writes a count in four places at most.
func short(n int) string {
	switch {
	case n < 10_000:
		return strconv.Itoa(n)
	case n < 100_000:
		return fmt.Sprintf("%d.%d万", n/10_000, n%10_000/1000)
	default:
		return fmt.Sprintf("%d万", n/10_000)
	}
}

func fill(img draw.Image, r image.Rectangle, c color.Color) {
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func write(img draw.Image, f font.Face, c color.Color, x, y int, text string) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: f, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

func centre(img draw.Image, f font.Face, c color.Color, x, y int, text string) {
	write(img, f, c, x-font.MeasureString(f, text).Round()/2, y, text)
}
