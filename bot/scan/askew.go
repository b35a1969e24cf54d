package scan

import (
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// askew looks for a QR code that was photographed at an angle: its three corners are
// known, the fourth is tried about where it would be if no side were nearer to the
// camera, and the code is laid flat.
func (f *finder) askew(g *gray) {
	f.safely(func() { f.layFlat(g) })
}

func (f *finder) layFlat(g *gray) {
	matrix, err := bitmap(g, gozxing.NewHybridBinarizer).GetBlackMatrix()
	if err != nil {
		return
	}
	corners, err := detector.NewFinderPatternFinder(matrix, f.enough()).Find(f.hints())
	if err != nil {
		return
	}
	at := func(p *detector.FinderPattern) point { return point{p.GetX(), p.GetY()} }
	topLeft, topRight, bottomLeft := at(corners.GetTopLeft()), at(corners.GetTopRight()), at(corners.GetBottomLeft())
	for _, right := range nearer {
		for _, down := range nearer {
			if len(f.codes) > 0 || f.ctx.Err() != nil {
				return
			}
			fourth := point{
				topLeft.x + (1+right)*(topRight.x-topLeft.x) + (1+down)*(bottomLeft.x-topLeft.x),
				topLeft.y + (1+right)*(topRight.y-topLeft.y) + (1+down)*(bottomLeft.y-topLeft.y),
			}
			flat := g.flat(topLeft, topRight, fourth, bottomLeft)
			f.safely(func() { f.square(bitmap(flat, gozxing.NewHybridBinarizer)) })
		}
	}
}

// nearer is how much longer a side is than the one across from it.
var nearer = []float64{0, -0.06, 0.06, -0.12, 0.12, -0.2, 0.2}

type point struct{ x, y float64 }

const (
	flatSide   = 480
	flatMargin = 110 // around the centres of the corners: half a corner, and the quiet zone
)

// flat is what lies between four points, in their order around it, as a square with a
// margin.
func (g *gray) flat(a, b, c, d point) *gray {
	// The projection of the unit square to the four points.
	dx1, dx2, sx := b.x-c.x, d.x-c.x, a.x-b.x+c.x-d.x
	dy1, dy2, sy := b.y-c.y, d.y-c.y, a.y-b.y+c.y-d.y
	out := newGray(flatSide, flatSide)
	area := dx1*dy2 - dy1*dx2
	if area == 0 {
		return out
	}
	u3, v3 := (sx*dy2-sy*dx2)/area, (dx1*sy-dy1*sx)/area
	ux, vx := b.x-a.x+u3*b.x, d.x-a.x+v3*d.x
	uy, vy := b.y-a.y+u3*b.y, d.y-a.y+v3*d.y
	for y := range flatSide {
		v := float64(y-flatMargin) / (flatSide - 2*flatMargin)
		for x := range flatSide {
			u := float64(x-flatMargin) / (flatSide - 2*flatMargin)
			w := u3*u + v3*v + 1
			out.pix[y*flatSide+x] = g.blend((ux*u+vx*v+a.x)/w, (uy*u+vy*v+a.y)/w)
		}
	}
	return out
}
