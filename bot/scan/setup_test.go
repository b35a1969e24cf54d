package scan

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/code39"
	"github.com/boombuler/barcode/code93"
	"github.com/boombuler/barcode/ean"
	"github.com/boombuler/barcode/qr"
	"github.com/boombuler/barcode/twooffive"
	xdraw "golang.org/x/image/draw"
)

const (
	number = "7992697494"
	qrText = "b3JkZXIgNDUzMzA0ODIxNzg2@812345" // as the platform's own
)

// made draws a code; no library of ours reads it.
func made(tb testing.TB, f Format, text string, w, h int) image.Image {
	tb.Helper()
	var c barcode.Barcode
	var err error
	switch f {
	case QR:
		c, err = qr.Encode(text, qr.M, qr.Auto)
	case Code128:
		c, err = code128.Encode(text)
	case Code39:
		c, err = code39.Encode(text, false, false)
	case Code93:
		c, err = code93.Encode(text, true, false)
	case EAN13:
		c, err = ean.Encode(text)
	case ITF:
		c, err = twooffive.Encode(text, true)
	}
	if err == nil {
		c, err = barcode.Scale(c, w, h)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// scene is a sheet with codes on it.
type scene struct{ *image.Gray }

func sheet(w, h int) scene {
	s := scene{image.NewGray(image.Rect(0, 0, w, h))}
	draw.Draw(s, s.Bounds(), image.White, image.Point{}, draw.Src)
	return s
}

func (s scene) with(img image.Image, x, y int) scene {
	draw.Draw(s.Gray, img.Bounds().Add(image.Pt(x, y)), img, img.Bounds().Min, draw.Src)
	return s
}

// each makes a scene of every pixel anew; at gives the old one between pixels.
func (s scene) each(do func(x, y int, at func(x, y float64) float64) float64) scene {
	old := &gray{s.Bounds().Dx(), s.Bounds().Dy(), s.Pix}
	at := func(x, y float64) float64 {
		if x < 0 || y < 0 || x > float64(old.w-1) || y > float64(old.h-1) {
			return 160 // the table below the sheet
		}
		return float64(old.blend(x, y))
	}
	out := sheet(old.w, old.h)
	for y := range old.h {
		for x := range old.w {
			out.Pix[y*out.Stride+x] = byte(min(max(do(x, y, at), 0), 255))
		}
	}
	return out
}

func (s scene) turned(degrees float64) scene {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(s.Bounds().Dx())/2, float64(s.Bounds().Dy())/2
	return s.each(func(x, y int, at func(x, y float64) float64) float64 {
		dx, dy := float64(x)-cx, float64(y)-cy
		return at(cx+cos*dx+sin*dy, cy-sin*dx+cos*dy)
	})
}

// tilted is seen at an angle: the top is so much narrower than the bottom.
func (s scene) tilted(narrower float64) scene {
	w, h := float64(s.Bounds().Dx()), float64(s.Bounds().Dy())
	return s.each(func(x, y int, at func(x, y float64) float64) float64 {
		v := float64(y) / h
		k := 1 - narrower*(1-v) // width of this row
		sy := v / (v + (1-v)*(1-narrower)) * h
		return at((float64(x)-w/2)/k+w/2, sy)
	})
}

func (s scene) blurred(r int) scene {
	g := (&gray{s.Bounds().Dx(), s.Bounds().Dy(), s.Pix}).smooth(r).smooth(r)
	return scene{&image.Gray{Pix: g.pix, Stride: g.w, Rect: s.Rect}}
}

func (s scene) noisy(by float64) scene {
	rng := rand.New(rand.NewPCG(1, 2))
	return s.each(func(x, y int, at func(x, y float64) float64) float64 {
		return at(float64(x), float64(y)) + rng.NormFloat64()*by
	})
}

// pale has little contrast, and a shadow from left to right.
func (s scene) pale(contrast, shadow float64) scene {
	w := float64(s.Bounds().Dx())
	return s.each(func(x, y int, at func(x, y float64) float64) float64 {
		return 120 + (at(float64(x), float64(y))-128)*contrast - shadow*float64(x)/w
	})
}

func (s scene) inverted() scene {
	return s.each(func(x, y int, at func(x, y float64) float64) float64 { return 255 - at(float64(x), float64(y)) })
}

// small is the scene so many pixels wide.
func (s scene) small(w int) scene {
	out := sheet(w, s.Bounds().Dy()*w/s.Bounds().Dx())
	xdraw.CatmullRom.Scale(out.Gray, out.Bounds(), s.Gray, s.Bounds(), draw.Src, nil)
	return out
}

func (s scene) jpeg(tb testing.TB, quality int) []byte {
	tb.Helper()
	colored := image.NewRGBA(s.Bounds()) // as a camera: a grey JPEG is rare
	draw.Draw(colored, colored.Bounds(), s.Gray, image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, colored, &jpeg.Options{Quality: quality}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(tb testing.TB, img image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// voucher is the screen of a customer's telephone: the QR code and the barcode.
func voucher(tb testing.TB) scene {
	return sheet(1080, 1400).with(made(tb, QR, qrText, 400, 400), 340, 200).with(made(tb, Code128, number, 700, 180), 190, 900)
}

// grain is noise, another for each seed.
func (s scene) grain(seed uint64, by float64) scene {
	rng := rand.New(rand.NewPCG(seed, 2))
	return s.each(func(x, y int, at func(x, y float64) float64) float64 {
		return at(float64(x), float64(y)) + rng.NormFloat64()*by
	})
}
