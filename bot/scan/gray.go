package scan

import (
	"image"
	"image/draw"
	"math"
)

// gray is a picture in shades of grey, row by row, 0 is black.
type gray struct {
	w, h int
	pix  []byte
}

func newGray(w, h int) *gray { return &gray{w, h, make([]byte, w*h)} }

// longer is the longer side, in pixels.
func (g *gray) longer() int { return max(g.w, g.h) }

// toGray drops the colours. What is transparent becomes white, as on paper.
func toGray(img image.Image) *gray {
	b := img.Bounds()
	g := newGray(b.Dx(), b.Dy())
	for y := range g.h {
		row := g.pix[y*g.w : (y+1)*g.w]
		switch m := img.(type) {
		case *image.YCbCr: // what cameras make
			copy(row, m.Y[y*m.YStride:])
		case *image.Gray:
			copy(row, m.Pix[y*m.Stride:])
		default:
			line := image.NewRGBA(image.Rect(0, 0, g.w, 1))
			draw.Draw(line, line.Bounds(), image.White, image.Point{}, draw.Src)
			draw.Draw(line, line.Bounds(), img, image.Pt(b.Min.X, b.Min.Y+y), draw.Over)
			for x := range row {
				p := line.Pix[4*x:][:4]
				row[x] = byte(luma(int(p[0]), int(p[1]), int(p[2])))
			}
		}
	}
	return g
}

func luma(r, g, b int) int { return (299*r + 587*g + 114*b) / 1000 }

// scaled makes the longer side so many pixels long: an average of what falls
// together where that is fewer, a blend of neighbours where it is more.
func (g *gray) scaled(longer int) *gray {
	f := float64(longer) / float64(g.longer())
	out := newGray(max(1, int(float64(g.w)*f)), max(1, int(float64(g.h)*f)))
	if f >= 1 {
		for y := range out.h {
			for x := range out.w {
				out.pix[y*out.w+x] = g.blend((float64(x)+0.5)/f-0.5, (float64(y)+0.5)/f-0.5)
			}
		}
		return out
	}
	for y := range out.h {
		y0, y1 := y*g.h/out.h, max((y+1)*g.h/out.h, y*g.h/out.h+1)
		for x := range out.w {
			x0, x1 := x*g.w/out.w, max((x+1)*g.w/out.w, x*g.w/out.w+1)
			sum := 0
			for yy := y0; yy < y1; yy++ {
				for _, p := range g.pix[yy*g.w+x0 : yy*g.w+x1] {
					sum += int(p)
				}
			}
			out.pix[y*out.w+x] = byte(sum / ((y1 - y0) * (x1 - x0)))
		}
	}
	return out
}

// blend is the shade between pixels; beyond the edge it is that of the edge.
func (g *gray) blend(x, y float64) byte {
	x, y = min(max(x, 0), float64(g.w-1)), min(max(y, 0), float64(g.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, g.w-1), min(y0+1, g.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	top := float64(g.pix[y0*g.w+x0])*(1-fx) + float64(g.pix[y0*g.w+x1])*fx
	low := float64(g.pix[y1*g.w+x0])*(1-fx) + float64(g.pix[y1*g.w+x1])*fx
	return byte(top*(1-fy) + low*fy + 0.5)
}

// turned rotates by so many degrees, with white corners.
func (g *gray) turned(degrees float64) *gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(g.w), float64(g.h)
	out := newGray(int(math.Ceil(w*math.Abs(cos)+h*math.Abs(sin))), int(math.Ceil(w*math.Abs(sin)+h*math.Abs(cos))))
	for y := range out.h {
		dy := float64(y) - float64(out.h-1)/2
		for x := range out.w {
			dx := float64(x) - float64(out.w-1)/2
			sx, sy := cos*dx+sin*dy+(w-1)/2, -sin*dx+cos*dy+(h-1)/2
			if sx < -0.5 || sy < -0.5 || sx > w-0.5 || sy > h-0.5 {
				out.pix[y*out.w+x] = 255
			} else {
				out.pix[y*out.w+x] = g.blend(sx, sy)
			}
		}
	}
	return out
}

// quarter rotates by 90 degrees.
func (g *gray) quarter() *gray {
	out := newGray(g.h, g.w)
	for y := range g.h {
		for x := range g.w {
			out.pix[x*out.w+out.w-1-y] = g.pix[y*g.w+x]
		}
	}
	return out
}

func (g *gray) inverted() *gray {
	out := newGray(g.w, g.h)
	for i, p := range g.pix {
		out.pix[i] = 255 - p
	}
	return out
}

// stretched spreads the shades over the whole range, but for the darkest and the
// lightest hundredth.
func (g *gray) stretched() *gray {
	var count [256]int
	for _, p := range g.pix {
		count[p]++
	}
	low, high := 0, 255
	for n := 0; low < 255 && n+count[low] <= len(g.pix)/100; low++ {
		n += count[low]
	}
	for n := 0; high > low && n+count[high] <= len(g.pix)/100; high-- {
		n += count[high]
	}
	out := newGray(g.w, g.h)
	for i, p := range g.pix {
		out.pix[i] = byte(min(max((int(p)-low)*255/max(high-low, 1), 0), 255))
	}
	return out
}

// smooth is the average over squares of 2r+1 pixels.
func (g *gray) smooth(r int) *gray {
	return g.smoothRows(r).quarter().smoothRows(r).quarter().quarter().quarter()
}

func (g *gray) smoothRows(r int) *gray {
	out := newGray(g.w, g.h)
	for y := range g.h {
		row := g.pix[y*g.w : (y+1)*g.w]
		at := func(x int) int { return int(row[min(max(x, 0), g.w-1)]) }
		sum := 0
		for x := -r; x <= r; x++ {
			sum += at(x)
		}
		for x := range row {
			out.pix[y*g.w+x] = byte(sum / (2*r + 1))
			sum += at(x+r+1) - at(x-r)
		}
	}
	return out
}

// sharpened undoes some blur: what differs from its surroundings differs more.
func (g *gray) sharpened(r int) *gray {
	soft := g.smooth(r)
	out := newGray(g.w, g.h)
	for i, p := range g.pix {
		out.pix[i] = byte(min(max(int(p)+2*(int(p)-int(soft.pix[i])), 0), 255))
	}
	return out
}
