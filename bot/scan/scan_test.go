package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"testing"
	"time"

	"golang.org/x/image/bmp"

	"yanquan/internal/breadth"
)

// patience is the time for a picture whose codes are to be found, on a machine that
// is busy or checks for races: whether they are is asked, not how soon.
const patience = 5 * time.Minute

// texts reads a picture and gives what it says, sorted.
func texts(t *testing.T, data []byte) []string {
	t.Helper()
	codes, err := read(t.Context(), data, patience)
	if err != nil {
		t.Errorf("%v", err)
	}
	var out []string
	for _, c := range codes {
		out = append(out, c.Text)
	}
	slices.Sort(out)
	return out
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for format, text := range map[Format]string{
		QR: qrText, Code128: number, Code39: number, Code93: number, EAN13: "6901234567892", ITF: number,
	} {
		w, h := 600, 160
		if format == QR {
			h = 600
		}
		page := sheet(1000, 800).with(made(t, format, text, w, h), 200, 100)
		codes, err := read(t.Context(), page.jpeg(t, 85), patience)
		if err != nil || len(codes) != 1 || codes[0] != (Code{Format: format, Text: text}) {
			t.Errorf("%s: %v, %v", format, codes, err)
		}
	}
}

func TestAsTaken(t *testing.T) {
	t.Parallel()
	square := func() scene { return sheet(800, 800).with(made(t, QR, qrText, 340, 340), 230, 230) }
	bars := func() scene { return sheet(800, 800).with(made(t, Code128, number, 470, 175), 165, 310) }
	for name, taken := range map[string]func(scene) scene{
		"straight":      func(s scene) scene { return s },
		"by 90":         func(s scene) scene { return s.turned(90) },
		"by 180":        func(s scene) scene { return s.turned(180) },
		"by 270":        func(s scene) scene { return s.turned(270) },
		"by 17":         func(s scene) scene { return s.turned(17) },
		"by 35":         func(s scene) scene { return s.turned(35) },
		"by -50":        func(s scene) scene { return s.turned(-50) },
		"by 123":        func(s scene) scene { return s.turned(123) },
		"tilted":        func(s scene) scene { return s.tilted(0.25) },
		"tilted, by 8":  func(s scene) scene { return s.tilted(0.35).turned(8) },
		"tilted, by 30": func(s scene) scene { return s.tilted(0.45).turned(30) },
		"noise":         func(s scene) scene { return s.noisy(40) },
		"blur":          func(s scene) scene { return s.blurred(2) },
		"pale":          func(s scene) scene { return s.pale(0.12, 0) },
		"shadow":        func(s scene) scene { return s.pale(0.4, 90) },
		"inverted":      func(s scene) scene { return s.inverted() },
		"small":         func(s scene) scene { return s.small(240) },
		"all at once":   func(s scene) scene { return s.tilted(0.15).turned(12).blurred(1).pale(0.5, 40).noisy(8).small(600) },
	} {
		type pattern struct {
			kind string
			page func() scene
			want string
		}
		for _, c := range breadth.Of(t.Name()+name, pattern{"QR", square, qrText}, pattern{"barcode", bars, number}) {
			t.Run(name+"/"+c.kind, func(t *testing.T) {
				t.Parallel()
				if got := texts(t, taken(c.page()).jpeg(t, 80)); !slices.Equal(got, []string{c.want}) {
					t.Errorf("%q", got)
				}
			})
		}
	}
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	other, third := "2025112800", "3131313131"
	for name, c := range map[string]struct {
		page scene
		want []string
	}{
		"a telephone's screen": {voucher(t), []string{number, qrText}},
		"two QR codes": {
			sheet(1600, 1000).with(made(t, QR, number, 400, 400), 200, 300).with(made(t, QR, other, 400, 400), 900, 300),
			[]string{other, number},
		},
		"a large and a small one": {
			sheet(3000, 2400).with(made(t, QR, number, 1500, 1500), 100, 100).with(made(t, QR, other, 160, 160), 2500, 2000),
			[]string{other, number},
		},
		"barcodes below and beside each other": {
			sheet(1600, 1000).with(made(t, Code128, number, 600, 100), 100, 100).with(made(t, Code128, other, 600, 100), 100, 260).
				with(made(t, Code128, third, 600, 100), 850, 120),
			[]string{other, third, number},
		},
		"the same twice": {
			sheet(1600, 1000).with(made(t, QR, number, 400, 400), 200, 300).with(made(t, Code128, number, 600, 100), 800, 300),
			[]string{number},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := texts(t, c.page.jpeg(t, 85)); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A small code in what a camera's full resolution gives.
func TestFarAway(t *testing.T) {
	t.Parallel()
	page := sheet(4000, 3000).with(made(t, QR, qrText, 130, 130), 2900, 2500)
	if got := texts(t, page.jpeg(t, 80)); !slices.Equal(got, []string{qrText}) {
		t.Errorf("%q", got)
	}
}

func TestContainers(t *testing.T) {
	t.Parallel()
	page := voucher(t)
	glass := image.NewNRGBA(page.Bounds()) // black on nothing
	deep := image.NewRGBA64(page.Bounds())
	few := image.NewPaletted(page.Bounds(), color.Palette{color.White, color.Black})
	for y := range page.Bounds().Dy() {
		for x := range page.Bounds().Dx() {
			deep.Set(x, y, page.At(x, y))
			few.Set(x, y, page.At(x, y))
			if page.GrayAt(x, y).Y < 128 {
				glass.Set(x, y, color.Black)
			}
		}
	}
	var asGIF, asBMP bytes.Buffer
	if err := errors.Join(gif.Encode(&asGIF, few, nil), bmp.Encode(&asBMP, page)); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"grey PNG": asPNG(t, page), "transparent PNG": asPNG(t, glass), "PNG of 16 bits": asPNG(t, deep), "PNG of few colours": asPNG(t, few),
		"GIF": asGIF.Bytes(), "BMP": asBMP.Bytes(), "JPEG": page.jpeg(t, 60),
	} {
		if got := texts(t, data); !slices.Equal(got, []string{number, qrText}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// pngOf is the beginning of a PNG that says it is so large.
func pngOf(w, h uint32, depth, colorType byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	head = binary.BigEndian.AppendUint32(head, h)
	head = append(head, depth, colorType, 0, 0, 0)
	out := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), uint32(len(head)-4))
	out = append(out, head...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(head))
}

// progressive is the beginning of a progressive JPEG that says it is so large.
func progressive(w, h uint16, first byte) []byte {
	out := []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xff\xc2\x00\x11\x08")
	out = binary.BigEndian.AppendUint16(out, h)
	out = binary.BigEndian.AppendUint16(out, w)
	return append(out, 3, 1, first, 0, 2, 0x11, 1, 3, 0x11, 1)
}

func TestBadPictures(t *testing.T) {
	t.Parallel()
	good := voucher(t).jpeg(t, 80)
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                 {nil, ErrNotPicture},
		"not a picture":           {[]byte("验 7992697494"), ErrNotPicture},
		"a web page":              {[]byte("<html>"), ErrNotPicture},
		"only a header":           {pngOf(100, 100, 8, 2), ErrNotPicture},
		"cut off":                 {good[:len(good)/2], ErrNotPicture},
		"20 MB":                   {append(slices.Clone(good), make([]byte, 20<<20)...), ErrTooLarge},
		"a bomb":                  {pngOf(60000, 60000, 8, 2), ErrTooLarge},
		"a bomb, long and narrow": {pngOf(1<<31-1, 1, 8, 0), ErrTooLarge},
		"a bomb within the sides": {pngOf(30000, 30000, 8, 2), ErrTooLarge},
		"too much memory":         {pngOf(6000, 5000, 16, 6), ErrTooLarge}, // 30 million pixels of 8 bytes,
		"a bomb of coefficients":  {progressive(5000, 5000, 0x11), ErrTooLarge},
		"as a telephone's":        {progressive(4000, 3000, 0x22), ErrNotPicture}, // with a quarter of the colours
		"coefficients cut off":    {progressive(5000, 5000, 0x22)[:35], ErrNotPicture},
		"white":                   {asPNG(t, sheet(800, 600)), ErrNothing},
		"one pixel":               {asPNG(t, sheet(1, 1)), ErrNothing},
		"a line":                  {asPNG(t, sheet(3000, 1)), ErrNothing},
	} {
		if _, err := Read(t.Context(), c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// What has no code must not be read as one: whoever verifies at once relies on it.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	stripes := sheet(1200, 900)
	for y := range 900 {
		for x := range 1200 {
			if (x*x/97+x/5)%7 < 3 {
				stripes.SetGray(x, y, color.Gray{Y: 20})
			}
		}
	}
	for name, s := range map[string]scene{"noise": sheet(1200, 900).noisy(120), "stripes": stripes, "stripes, turned": stripes.turned(20)} {
		if codes, err := Read(t.Context(), s.jpeg(t, 80)); !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %v, %v", name, codes, err)
		}
	}
}

// Many things that look like the corners of QR codes: the library alone would try
// every three of them.
func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	corner := image.NewGray(image.Rect(0, 0, 21, 21))
	for y := range 21 {
		for x := range 21 {
			ring := min(x, y, 20-x, 20-y) / 3
			if ring == 1 {
				corner.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	page := sheet(2000, 2000)
	for y := 10; y < 1970; y += 30 {
		for x := 10; x < 1970; x += 30 {
			page.with(corner, x, y)
		}
	}
	start := time.Now()
	_, err := Read(t.Context(), asPNG(t, page))
	if took := time.Since(start); !errors.Is(err, ErrNothing) || took > 20*Budget { // the machine may be busy
		t.Errorf("%v after %v", err, took)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	picture := voucher(t).jpeg(t, 80)
	for range 20 { // which of two open doors is taken is chance
		if _, err := Read(ctx, picture); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(voucher(f).small(200).jpeg(f, 60))
	f.Add(asPNG(f, voucher(f).small(120)))
	f.Add(pngOf(60000, 60000, 8, 2))
	f.Add(pngOf(8, 8, 8, 3))
	f.Add([]byte("GIF89a\x10\x00\x10\x00\x80\x00\x00"))
	f.Add([]byte("RIFF\x24\x00\x00\x00WEBPVP8L\x10\x00\x00\x00/\x0f\xc0\x03\x00"))
	f.Add([]byte("BM"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		codes, err := Read(ctx, data)
		if (err == nil) != (len(codes) > 0) {
			t.Errorf("%v, %v", codes, err)
		}
		for _, c := range codes {
			if c.Text == "" || c.Format == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for name, page := range map[string]scene{
		"screenshot": voucher(b),
		"photo":      sheet(1440, 1080).with(made(b, QR, qrText, 300, 300), 500, 400).tilted(0.2).turned(10).blurred(1).pale(0.6, 40).noisy(6),
		"nothing":    sheet(1440, 1080).noisy(60),
	} {
		data := page.jpeg(b, 80)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Read(b.Context(), data)
			}
		})
	}
}

// layered is one barcode in whose place some rows show another.
func layered(t *testing.T, f Format, text, other string, height int, from, rows int) scene {
	page := sheet(1000, 600).with(made(t, f, text, 400, height), 300, 100)
	return page.with(made(t, f, other, 400, rows), 300, 100+from)
}

// Grain makes another number of some rows: there is one barcode, and so one reading.
func TestOneBarcodeOneReading(t *testing.T) {
	t.Parallel()
	const misread = "0968734567292" // of 6901234567892, as grain made it
	for name, s := range map[string]scene{
		"within": layered(t, EAN13, "6901234567892", misread, 240, 100, 20),
		"above":  layered(t, EAN13, "6901234567892", misread, 240, 0, 20),
		"below":  layered(t, EAN13, "6901234567892", misread, 240, 220, 20),
		"lying":  layered(t, EAN13, "6901234567892", misread, 240, 100, 20).turned(90),
	} {
		codes, err := read(t.Context(), s.jpeg(t, 90), patience)
		if err != nil || len(codes) != 1 || codes[0] != (Code{Format: EAN13, Text: "6901234567892"}) {
			t.Errorf("%s: %v, %v", name, codes, err)
		}
	}
	for i := range 6 {
		s := sheet(700, 300).with(made(t, EAN13, "6954767423579", 380, 160), 20, 70).grain(uint64(i), 60).blurred(1)
		if got := texts(t, s.jpeg(t, 90)); !slices.Equal(got, []string{"6954767423579"}) {
			t.Errorf("grain %d: %q", i, got)
		}
	}
}

// Readings that contradict each other, and one that few rows say, are for people to
// look at.
func TestUncertainReadingsSaySo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    scene
		want int
	}{
		"two in one place": {layered(t, Code128, "7992697494", "8992697494", 240, 80, 80), 2},
		"few rows":         {sheet(1000, 800).with(made(t, Code128, "7992697494", 600, 12), 200, 100), 1},
	} {
		codes, err := read(t.Context(), c.s.jpeg(t, 90), patience)
		if err != nil || len(codes) != c.want {
			t.Errorf("%s: %v, %v", name, codes, err)
		}
		for _, code := range codes {
			if !code.Unsure {
				t.Errorf("%s: %v is taken for certain", name, code)
			}
		}
	}
}
