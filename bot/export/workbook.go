package export

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/xuri/excelize/v2"

	"yanquan/bot/platform"
	"yanquan/models"
)

// rowLimit is how many rows a sheet has.
const rowLimit = 1_048_576

// workbook is a workbook on its way out. Sheets are written straight into the
// archive; everything else (names, styles, relations) is left to excelize, at the
// end. excelize's own StreamWriter keeps up to 32 MiB of every sheet and the whole
// archive in memory, which many stores would make too much.
type workbook struct {
	request Request
	archive *zip.Writer
	book    *excelize.File
	names   sheetNames
	sheets  []string // names, in the order of their parts
	styles  styles
}

// styles are numbers of cell formats.
type styles struct {
	heading, bold int
	of            [moment + 1]int // by kind
}

// summaryName is the first sheet's.
const summaryName = "汇总"

func (r Request) writeWorkbook(ctx context.Context, w io.Writer) (all Sums, err error) {
	if r.rowsPerSheet == 0 {
		r.rowsPerSheet = rowLimit
	}
	b := &workbook{request: r, archive: zip.NewWriter(w), book: excelize.NewFile(), names: sheetNames{}}
	defer b.book.Close()
	b.archive.RegisterCompressor(zip.Deflate, newCompressor)
	if err := b.prepare(); err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	accounts := r.accounts()
	sums := make([]models.Tally, len(accounts))
	for i, a := range accounts {
		if sums[i], err = b.account(ctx, a); err != nil {
			return all, err
		}
		all.Tally = all.Plus(sums[i])
	}
	if all.Refused, err = b.refused(ctx); err != nil {
		return all, err
	}
	if err := b.summary(sums, all.Tally); err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	if err := b.finish(); err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	return all, nil
}

// compression is a level of package flate: rows repeat themselves so much that
// more effort gains little.
const compression = 4

// compressors are kept for the next part: to make one takes longer than to compress a
// part that is small, and there are ten of those in each workbook.
var compressors = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, compression) // fails only by the level
	return w
}}

// compressor is lent from those that are kept until it is closed.
type compressor struct{ *flate.Writer }

func newCompressor(w io.Writer) (io.WriteCloser, error) {
	c := compressors.Get().(*flate.Writer)
	c.Reset(w)
	return &compressor{c}, nil
}

func (c *compressor) Close() error {
	err := c.Writer.Close()
	c.Reset(nil) // the file is not kept
	compressors.Put(c.Writer)
	c.Writer = nil // who writes on does not write into another workbook
	return err
}

func (b *workbook) prepare() (err error) {
	style := func(s excelize.Style) (id int) {
		if err == nil {
			id, err = b.book.NewStyle(&s)
		}
		return id
	}
	yuan, count, at := "#,##0.00", "#,##0", "yyyy-mm-dd hh:mm:ss"
	b.styles.heading = style(excelize.Style{
		Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E8F0FE"}},
		Alignment: &excelize.Alignment{Vertical: "center"},
	})
	b.styles.bold = style(excelize.Style{Font: &excelize.Font{Bold: true}, CustomNumFmt: &yuan})
	b.styles.of[text] = style(excelize.Style{NumFmt: 49}) // "@": stays text when it is edited
	b.styles.of[money] = style(excelize.Style{CustomNumFmt: &yuan})
	b.styles.of[number] = style(excelize.Style{CustomNumFmt: &count})
	b.styles.of[moment] = style(excelize.Style{CustomNumFmt: &at})
	if err != nil {
		return err
	}
	b.sheets = append(b.sheets, b.names.name(summaryName)) // its part is written last
	return nil
}

// account writes the sheets of an account: none where it has no vouchers.
func (b *workbook) account(ctx context.Context, a models.Account) (sums models.Tally, err error) {
	name := a.Name
	if a.BelongsTo != 0 {
		name += " " + platform.Name(a.Platform)
	}
	l := list{book: b, name: name, columns: headingsOf(columns)}
	var values []value
	err = each(ctx, b.request, b.request.Source.Vouchers, a.ID, func(v models.Voucher) error {
		sums.Add(v.Price, !v.UndoneAt.IsZero())
		values = line(values, columns, a, v)
		return l.add(values)
	})
	if err == nil {
		err = l.close()
	}
	return sums, err
}

// summary writes the first sheet: what it is, and the sums by store and
// platform.
func (b *workbook) summary(sums []models.Tally, all models.Tally) error {
	sh, err := b.sheet(1, []int{24, 12, 12, 16, 12, 16, 14}, false)
	if err != nil {
		return err
	}
	r := b.request
	for _, a := range [][2]string{
		{"团购券核销明细", r.Title},
		{"统计区间", r.From.In(r.Location).Format(time.DateOnly) + " 至 " + r.To.Add(-1).In(r.Location).Format(time.DateOnly)},
		{"导出时间", r.At.In(r.Location).Format(time.DateTime)},
		{"导出人", r.By},
		{"说明", "按核销时间列出每一张券；金额是售价，撤销的券不计入核销金额，金额不详的券只计张数"},
		{},
	} {
		sh.begin()
		sh.bold(value{text: a[0]}, text)
		sh.cell(text, value{text: a[1]})
		if err := sh.end(); err != nil {
			return err
		}
	}
	if err := sh.headings([]string{"门店", "平台", "核销张数", "核销金额(元)", "撤销张数", "撤销金额(元)", "金额不详(张)"}); err != nil {
		return err
	}
	for i, a := range r.accounts() {
		if err := sh.tally(a.Name, platform.Name(a.Platform), sums[i], b.styles.of[text], b.styles.of[money]); err != nil {
			return err
		}
	}
	if err := sh.tally("合计", "", all, b.styles.bold, b.styles.bold); err != nil {
		return err
	}
	return sh.close()
}

// tally adds a row of sums.
func (s *sheet) tally(name, platform string, t models.Tally, nameStyle, moneyStyle int) error {
	s.begin()
	s.styled(text, value{text: name}, nameStyle)
	s.cell(text, value{text: platform})
	for _, sum := range []models.Sum{t.Verified, t.Undone} {
		s.cell(number, value{n: int64(sum.Count)})
		s.styled(money, value{n: sum.Fen}, moneyStyle)
	}
	s.cell(number, value{n: int64(t.Verified.Unpriced + t.Undone.Unpriced)})
	return s.end()
}

// finish writes the other parts of the archive. excelize numbers the parts of
// sheets as they are added, as sheets here does.
func (b *workbook) finish() error {
	if err := b.book.SetSheetName("Sheet1", b.sheets[0]); err != nil {
		return err
	}
	for _, name := range b.sheets[1:] {
		if _, err := b.book.NewSheet(name); err != nil {
			return err
		}
	}
	if err := b.book.SetDocProps(&excelize.DocProperties{Title: b.request.Title, Creator: "验券"}); err != nil {
		return err
	}
	rest := &otherParts{archive: b.archive}
	b.book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return rest })
	if _, err := b.book.WriteTo(io.Discard); err != nil {
		return err
	}
	if rest.err != nil {
		return rest.err
	}
	return b.archive.Close()
}

// otherParts lets through what excelize writes, but for the sheets, which are
// there already.
type otherParts struct {
	archive *zip.Writer
	err     error // excelize may pass over one
}

func (p *otherParts) Create(name string) (io.Writer, error) {
	if strings.HasPrefix(name, "xl/worksheets/sheet") {
		return io.Discard, nil
	}
	w, err := p.archive.Create(name)
	if err != nil {
		p.err = err
		return nil, err
	}
	return &partWriter{w, p}, nil
}

func (p *otherParts) AddFS(fsys fs.FS) error { return p.archive.AddFS(fsys) }

func (p *otherParts) Close() error { return nil } // the archive's owner does

type partWriter struct {
	io.Writer
	parts *otherParts
}

func (w *partWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		w.parts.err = err
	}
	return n, err
}

// sheet is a worksheet on its way out.
type sheet struct {
	book   *workbook
	out    *bufio.Writer
	buf    []byte // the row under way
	row    int    // rows begun
	column int
	filter bool
	listed int      // rows of the list; 0: all that were begun
	cols   []string // their names
}

// sheet begins the n-th sheet.
func (b *workbook) sheet(n int, widths []int, list bool) (*sheet, error) {
	part, err := b.archive.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", n))
	if err != nil {
		return nil, err
	}
	sh := &sheet{book: b, out: bufio.NewWriterSize(part, 64<<10), filter: list}
	var head strings.Builder
	head.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n" +
		`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"`)
	if list {
		head.WriteString(`><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>`)
	} else {
		head.WriteString(` tabSelected="1"/>`)
	}
	head.WriteString(`</sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>`)
	for i, w := range widths {
		fmt.Fprintf(&head, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, w)
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return nil, err
		}
		sh.cols = append(sh.cols, name)
	}
	head.WriteString("</cols><sheetData>")
	_, err = sh.out.WriteString(head.String())
	return sh, err
}
