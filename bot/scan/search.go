package scan

import (
	"context"
	"strings"

	"github.com/makiuchi-d/gozxing"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// Lengths of the longer side at which a picture is looked at. A code fills much
// of most pictures; in the others it is small, and has lost what it says at the
// first of these.
const (
	coarse = 640
	usual  = 1200
	fine   = 2400
	finest = 4096
	least  = 300 // a smaller picture is enlarged
)

// search looks for codes: first as most pictures want it, at more than one scale,
// so that several codes of different sizes are found; then, as long as there is
// none, in ever less likely ways.
func search(ctx context.Context, whole *gray) []Code {
	f := finder{ctx: ctx, texts: map[string]bool{}}
	side := max(whole.longer(), least)
	at := func(longer int) *gray { return whole.scaled(min(longer, side)) }
	g := at(usual)
	f.look(g, true)
	if side > usual {
		f.look(at(fine), true)
	}
	for _, try := range []func(){
		func() { f.askew(g) },
		func() { f.look(at(coarse), true) },
		func() { f.look(g.stretched(), true) },
		func() { f.look(g.sharpened(2), true) },
		func() {
			large := whole.scaled(2 * min(side, usual)).sharpened(2)
			f.look(large, true)
			if !f.any() {
				f.askew(large)
			}
		},
		func() { f.look(g.smooth(1).stretched(), true) },
		func() { f.look(g.inverted(), true) },
		func() { f.apart(g.turned(22.5)) },
		func() { f.apart(g.turned(-22.5)) },
		func() { f.apart(g.turned(45)) },
		func() {
			if side > fine {
				f.look(at(finest), false)
			}
		},
		func() { f.look(at(coarse).stretched().inverted(), true) },
		func() { f.look(g.sharpened(4).stretched(), true) },
		func() { f.look(g.smooth(2).stretched(), true) },
	} {
		if f.any() || ctx.Err() != nil {
			break
		}
		try()
	}
	for _, c := range f.settled() {
		f.add(c)
	}
	return f.codes
}

// maxCodes in one picture; more are not looked for.
const maxCodes = 40

// finder gathers what is found.
type finder struct {
	ctx   context.Context
	codes []Code
	texts map[string]bool

	tallies []tally // of barcodes
}

// any reports whether something was found.
func (f *finder) any() bool { return len(f.codes) > 0 || len(f.settled()) > 0 }

// apart looks at the picture in a way that shows places elsewhere: what was read so far
// in too few rows is forgotten, and so is that afterwards.
func (f *finder) apart(g *gray) {
	f.tallies = nil
	f.look(g, true)
	if !f.any() {
		f.tallies = nil
	}
}

func (f *finder) add(c Code) {
	c.Text = strings.TrimSpace(strings.ToValidUTF8(c.Text, "\uFFFD"))
	if c.Text == "" || f.texts[c.Text] || len(f.codes) >= maxCodes {
		return
	}
	f.texts[c.Text] = true
	f.codes = append(f.codes, c)
}

// look looks at the picture once, for QR codes, and for bars, upright and lying.
func (f *finder) look(g *gray, bars bool) {
	if f.ctx.Err() != nil {
		return
	}
	for _, binarizer := range []func(gozxing.LuminanceSource) gozxing.Binarizer{gozxing.NewHybridBinarizer, gozxing.NewGlobalHistgramBinarizer} {
		f.safely(func() { f.squares(bitmap(g, binarizer)) })
	}
	if bars {
		f.safely(func() { f.bars(g, func(x, y float64) (float64, float64) { return x, y }) })
		f.safely(func() { f.bars(g.quarter(), func(x, y float64) (float64, float64) { return y, 1 - x }) })
	}
}

// safely makes the end of time, which a callback tells by a panic, and the
// library's own panics mean that nothing was found.
func (f *finder) safely(do func()) {
	defer func() { _ = recover() }()
	do()
}

// bitmap is the picture as the library wants it. The error cannot be: the source
// is as large as it says.
func bitmap(g *gray, binarizer func(gozxing.LuminanceSource) gozxing.Binarizer) *gozxing.BinaryBitmap {
	source, err := gozxing.NewPlanarYUVLuminanceSource(g.pix, g.w, g.h, 0, 0, g.w, g.h, false)
	if err != nil {
		return nil
	}
	b, err := gozxing.NewBinaryBitmap(binarizer(source))
	if err != nil {
		return nil
	}
	return b
}

// maxCorners bounds the possible corners of QR codes: the library tries every
// three of them.
const maxCorners = 150

// enough panics, for [finder.safely], once there are too many corners, or no time.
func (f *finder) enough() gozxing.ResultPointCallback {
	corners := 0
	return func(gozxing.ResultPoint) {
		if corners++; corners > maxCorners || f.ctx.Err() != nil {
			panic("enough")
		}
	}
}

// squares reads QR codes: all that look the same all over, and the best one even
// where one side is nearer to the camera.
func (f *finder) squares(b *gozxing.BinaryBitmap) {
	before := len(f.codes)
	f.safely(func() {
		results, err := multi.NewQRCodeMultiReader().DecodeMultiple(b, f.hints())
		if err != nil {
			return
		}
		for _, r := range results {
			f.add(Code{Format: QR, Text: r.GetText()})
		}
	})
	if len(f.codes) == before {
		f.square(b)
	}
}

// square reads one QR code.
func (f *finder) square(b *gozxing.BinaryBitmap) {
	if r, err := qrcode.NewQRCodeReader().Decode(b, f.hints()); err == nil {
		f.add(Code{Format: QR, Text: r.GetText()})
	}
}

func (f *finder) hints() map[gozxing.DecodeHintType]any {
	return map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_TRY_HARDER:                 true,
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: f.enough(),
	}
}
