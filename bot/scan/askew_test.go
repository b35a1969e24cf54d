package scan

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// seenFrom is a QR code of so many pixels, tilted by so many degrees about an axis and
// seen from close by: from twice its size.
func seenFrom(t *testing.T, text string, size int, tilt, axis float64) scene {
	const big = 600
	code := sheet(big+160, big+160).with(made(t, QR, text, big, big), 80, 80)
	src := &gray{code.Bounds().Dx(), code.Bounds().Dy(), code.Pix}
	out := sheet(480, 360)
	sin, cos := math.Sincos(tilt * math.Pi / 180)
	as, ac := math.Sincos(axis * math.Pi / 180)
	for y := range 360 {
		for x := range 480 {
			const near = 3 // samples of a pixel, each way
			sum := 0.
			for i := range near * near {
				// In units of the code's side, turned to the axis, from the eye to the plane.
				px := (float64(x) + (float64(i%near)+0.5)/near - 240) / float64(size)
				py := (float64(y) + (float64(i/near)+0.5)/near - 180) / float64(size)
				px, py = ac*px+as*py, -as*px+ac*py
				const eye = 2.
				k := eye / (eye*cos - py*sin) // where the ray meets the tilted plane
				qy := py * k
				qx := px * (1 + qy*sin/eye)
				qx, qy = ac*qx-as*qy, as*qx+ac*qy
				sx, sy := (qx+0.5)*big+80, (qy+0.5)*big+80
				if sx < 0 || sy < 0 || sx > float64(src.w-1) || sy > float64(src.h-1) {
					sum += 235
				} else {
					sum += float64(src.blend(sx, sy))
				}
			}
			out.Pix[y*out.Stride+x] = byte(sum / (near * near))
		}
	}
	return out
}

// A code as small as one of ten digits has nothing but its three corners to tell how it
// lies. Of such pictures none was read without laying them flat.
func TestSmallCodesAskew(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	const all, most = 8, 6
	read := 0
	for range all {
		s := seenFrom(t, number, 85+rng.IntN(35), 20+15*rng.Float64(), 360*rng.Float64()).blurred(1).noisy(5)
		f := finder{ctx: t.Context(), texts: map[string]bool{}}
		g := &gray{s.Bounds().Dx(), s.Bounds().Dy(), s.Pix}
		f.askew(g)
		if !f.any() {
			f.askew(g.scaled(960).sharpened(2))
		}
		if len(f.codes) > 0 && f.codes[0] == (Code{Format: QR, Text: number}) {
			read++
		}
	}
	if read < most {
		t.Errorf("%d of %d were read", read, all)
	}
	s := seenFrom(t, number, 110, 30, 40).blurred(1).noisy(5)
	if got := texts(t, s.jpeg(t, 90)); !slices.Equal(got, []string{number}) {
		t.Errorf("%q", got)
	}
}
