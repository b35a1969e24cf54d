// Package scan finds the QR codes and barcodes in a picture, as people take them
// at the till: turned, small, at an angle, several in one. It knows nothing of
// what the codes mean.
//
// What is sent to it is not to be trusted: how large a picture will be is read
// from its header before it is decoded, reading takes bounded time, and few
// pictures are in memory at once.
package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"runtime"
	"time"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// Limits of a picture.
const (
	MaxBytes  = 10 << 20  // of the file
	maxPixels = 40 << 20  // a telephone's camera takes 12 to 50 million
	maxMemory = 160 << 20 // of the decoded picture, in bytes
	maxSide   = 1 << 15   // in pixels
)

// Budget is how long the search for codes takes at most, once it is a picture's
// turn and the picture is decoded. Most take a tenth.
const Budget = 2500 * time.Millisecond

// What is wrong with a picture.
var (
	ErrTooLarge   = errors.New("scan: picture too large")
	ErrNotPicture = errors.New("scan: not a picture that can be read")
	ErrNothing    = errors.New("scan: no code found")
)

// Format is a kind of code.
type Format string

const (
	QR      Format = "QR"
	Code128 Format = "Code 128"
	Code39  Format = "Code 39"
	Code93  Format = "Code 93"
	EAN13   Format = "EAN-13" // UPC-A is read as one with a leading zero
	ITF     Format = "ITF"
)

// Goods reports whether the format is that of goods in a shop.
func (f Format) Goods() bool { return f == EAN13 }

// Code is one code in a picture.
type Code struct {
	Format Format
	Text   string
	// Unsure: few rows of a barcode say so, or others in its place say another thing.
	// It is for people to look at.
	Unsure bool
}

// Pictures searched at the same time, and decoded at the same time, in this
// process. A decoded one takes up to maxMemory; a search takes a processor, and
// those who only type should not feel it.
var (
	searching = make(chan struct{}, max(1, min(2, runtime.GOMAXPROCS(0)/2)))
	decoding  = make(chan struct{}, 1)
)

// Read finds the codes in a JPEG, PNG, GIF, WebP or BMP picture; each text once,
// in no particular order. The error is [ErrTooLarge], [ErrNotPicture],
// [ErrNothing] or the context's.
func Read(ctx context.Context, data []byte) ([]Code, error) { return read(ctx, data, Budget) }

func read(ctx context.Context, data []byte, budget time.Duration) ([]Code, error) {
	if len(data) > MaxBytes {
		return nil, ErrTooLarge
	}
	if err := check(data); err != nil {
		return nil, err
	}
	if err := enter(ctx, searching); err != nil {
		return nil, err
	}
	defer leave(searching)
	g, err := decode(ctx, data)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	codes := search(ctx, g)
	if len(codes) == 0 {
		return nil, ErrNothing
	}
	return codes, nil
}

func enter(ctx context.Context, door chan struct{}) error {
	select {
	case door <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("scan: %w", ctx.Err())
	}
}

func leave(door chan struct{}) { <-door }

// check reads the header, which says what decoding would cost.
func check(data []byte) (err error) {
	defer notPicture(&err)
	cfg, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || cfg.Width <= 0 || cfg.Height <= 0 {
		return ErrNotPicture
	}
	if cfg.Width > maxSide || cfg.Height > maxSide {
		return ErrTooLarge
	}
	pixels := cfg.Width * cfg.Height
	if pixels > maxPixels || pixels*pixelSize(cfg.ColorModel)+coefficients(data, pixels) > maxMemory {
		return ErrTooLarge
	}
	return nil
}

// pixelSize is how many bytes a decoded pixel takes.
func pixelSize(m color.Model) int {
	switch m {
	case color.GrayModel, color.AlphaModel:
		return 1
	case color.Gray16Model, color.Alpha16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, paletted := m.(color.Palette); paletted {
		return 1
	}
	return 4
}

// coefficients is what a progressive JPEG takes beside its pixels, in bytes: its
// decoder keeps four bytes for each sample until the last scan. 0: it is none.
func coefficients(data []byte, pixels int) int {
	const (
		soi, sof0, dht, jpg, dac, sof2, sof15 = 0xD8, 0xC0, 0xC4, 0xC8, 0xCC, 0xC2, 0xCF
		perSample                             = 4
	)
	if len(data) < 2 || data[0] != 0xFF || data[1] != soi {
		return 0
	}
	for i := 2; i+4 <= len(data); {
		marker := data[i+1]
		if data[i] != 0xFF || marker == 0xFF { // fill bytes
			i++
			continue
		}
		size := int(data[i+2])<<8 | int(data[i+3])
		if frame := marker >= sof0 && marker <= sof15 && marker != dht && marker != jpg && marker != dac; frame {
			if marker != sof2 || i+10 > len(data) || i+10+3*int(data[i+9]) > len(data) {
				return 0
			}
			most, sum := 1, 0 // samples of a component, in a block of pixels
			for c := range int(data[i+9]) {
				factors := data[i+11+3*c]
				n := int(factors>>4) * int(factors&15)
				most, sum = max(most, n), sum+n
			}
			return pixels / most * sum * perSample
		}
		i += 2 + size
	}
	return 0
}

// decode makes the picture grey. Only one is decoded at a time.
func decode(ctx context.Context, data []byte) (g *gray, err error) {
	if err := enter(ctx, decoding); err != nil {
		return nil, err
	}
	defer leave(decoding)
	defer notPicture(&err)
	img, _, err := image.Decode(&impatient{ctx, bytes.NewReader(data)})
	if ctx.Err() != nil {
		return nil, fmt.Errorf("scan: %w", ctx.Err())
	}
	if err != nil {
		return nil, ErrNotPicture
	}
	return toGray(img), nil
}

// notPicture makes a panic of a decoder an error: it was given what no camera makes.
func notPicture(err *error) {
	if p := recover(); p != nil {
		*err = ErrNotPicture
	}
}

// impatient ends a decoding with its context.
type impatient struct {
	ctx  context.Context
	next io.Reader
}

func (r *impatient) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.next.Read(p)
}
