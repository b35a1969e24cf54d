package export

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"yanquan/internal/breadth"
	"yanquan/internal/race"
	"yanquan/models"
)

var (
	china = time.FixedZone("CST", 8*3600)
	noon  = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)
)

// shelf is a source with as many vouchers in each store as is said, made when
// they are asked for.
type shelf struct {
	of  map[int64]int
	bad func(*models.Voucher) // changes each; may be nil
	at  map[int64]int         // how far each store was read
	err error                 // of the second page

	refused []models.Operation // in the order of time
}

func (s *shelf) Refused(_ context.Context, p models.VoucherPage, n int) (list []models.Operation, next models.VoucherPage, done bool, err error) {
	for i, op := range s.refused {
		if op.StoreID != p.StoreID || op.CreatedAt.Before(p.From) {
			continue
		}
		if len(list) == n {
			p.From = s.refused[i].CreatedAt
			return list, p, false, nil
		}
		list = append(list, op)
	}
	return list, p, true, nil
}

func (s *shelf) Vouchers(_ context.Context, p models.VoucherPage, n int) ([]models.Voucher, models.VoucherPage, bool, error) {
	if s.at == nil {
		s.at = map[int64]int{}
	}
	if s.at[p.StoreID] > 0 && s.err != nil {
		return nil, p, false, s.err
	}
	var list []models.Voucher
	for len(list) < n && s.at[p.StoreID] < s.of[p.StoreID] {
		v := voucher(p.StoreID, s.at[p.StoreID])
		if s.bad != nil {
			s.bad(&v)
		}
		list = append(list, v)
		s.at[p.StoreID]++
	}
	return list, p, len(list) < n, nil
}

// voucher is the i-th of a store; every tenth is undone.
func voucher(store int64, i int) models.Voucher {
	v := models.Voucher{
		OperationID: fmt.Sprintf("op%d-%030d", store, i), StoreID: store, Code: fmt.Sprintf("%020d", int64(i)*7919+1), OrderID: strconv.Itoa(900000 + i),
		DealID: 4711, Title: "双人下午茶", Price: models.Price{Fen: int64(i%10007)*7 + 1}, MarketFen: 9900, Mobile: "138****5678",
		VoucherExpires: noon.AddDate(0, 1, 0), ConsumedAt: noon.Add(time.Duration(i) * time.Second), UserID: "zhangsan", User: "张三", Channel: "app/main",
	}
	switch i % 13 {
	case 7:
		v.Price, v.MarketFen = models.Price{Unknown: true}, 0
	case 8: // for nothing
		v.Price.Fen = 0
	case 9:
		v.PriceShare = true
	}
	if i%10 == 9 {
		v.UndoneAt, v.UndoUser = v.ConsumedAt.Add(time.Minute), "李四"
	}
	return v
}

func request(s Source, stores ...models.Store) Request {
	return Request{Source: s, Title: "2026年11月", From: noon.AddDate(0, 0, -24), To: noon.AddDate(0, 0, 1), Stores: stores, By: "孙八", At: noon, Location: china}
}

func written(t *testing.T, r Request, f Format) ([]byte, Sums) {
	t.Helper()
	var buf bytes.Buffer
	sums, err := r.Write(t.Context(), &buf, f)
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), sums
}

func opened(t *testing.T, data []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

var twoStores = []models.Store{{Account: models.Account{ID: 1, Name: "人民广场店", Platform: "dianping", ShopID: "uuid-1"}}, {Account: models.Account{ID: 2, Name: "徐家汇店", Platform: "meituan", ShopID: "biz-2"}}, {Account: models.Account{ID: 3, Name: "空店", Platform: "meituan"}}}

// What is in the workbook adds up to what is computed from the vouchers alone.
func TestWorkbook(t *testing.T) {
	t.Parallel()
	counts := map[int64]int{1: 2345, 2: 12}
	data, sums := written(t, request(&shelf{of: counts}, twoStores...), XLSX)
	f := opened(t, data)
	if diff := cmp.Diff([]string{"汇总", "人民广场店", "徐家汇店"}, f.GetSheetList()); diff != "" {
		t.Fatal(diff)
	}
	var all models.Tally
	for i, s := range twoStores[:2] {
		rows, err := f.GetRows(s.Name, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != counts[s.ID]+1 {
			t.Fatalf("%s has %d rows, want %d", s.Name, len(rows), counts[s.ID]+1)
		}
		column := map[string]int{}
		for n, heading := range rows[0] {
			column[heading] = n
		}
		var fen, countedFen int64
		unpriced := 0
		for n, row := range rows[1:] {
			v := voucher(s.ID, n)
			get := func(heading string) string {
				if at, ok := column[heading]; ok && at < len(row) {
					return row[at]
				}
				return ""
			}
			for heading, want := range map[string]string{"门店": s.Name, "券码": v.Code, "订单号": v.OrderID, "团购名称": v.Title, "手机号": v.Mobile,
				"核销人": "张三", "操作编号": v.OperationID, "撤销人": v.UndoUser, "团购编号": "4711", "平台": []string{"大众点评", "美团"}[i], "平台门店编号": s.ShopID,
				"售价说明": map[bool]string{true: "次卡均摊"}[v.PriceShare]} {
				if got := get(heading); got != want {
					t.Fatalf("%s row %d, %s: %q, want %q", s.Name, n+2, heading, got, want)
				}
			}
			price := get("售价(元)")
			want := fmt.Sprintf("%d.%02d", v.Price.Fen/100, v.Price.Fen%100)
			if v.Price.Unknown { // not known
				want = ""
				unpriced++
			}
			if price != want {
				t.Fatalf("row %d costs %s, want %s", n+2, price, want)
			}
			fen += v.Price.Fen
			serial, err := strconv.ParseFloat(get("核销时间"), 64)
			if err != nil {
				t.Fatal(err)
			}
			if at, _ := excelize.ExcelDateToTime(serial, false); at.Format(time.DateTime) != v.ConsumedAt.In(china).Format(time.DateTime) {
				t.Fatalf("row %d was consumed %v, want %v", n+2, at, v.ConsumedAt.In(china))
			}
			if n%10 == 9 {
				all.Undone.Count++
				all.Undone.Fen += v.Price.Fen
				if v.Price.Unknown {
					all.Undone.Unpriced++
				}
				if get("状态") != "已撤销" || get("计入金额(元)") != "0.00" || get("撤销时间") == "" {
					t.Fatalf("row %d: %v, but it was undone", n+2, row)
				}
				continue
			}
			all.Verified.Count++
			if v.Price.Unknown {
				all.Verified.Unpriced++
			}
			countedFen += v.Price.Fen
			if get("计入金额(元)") != want {
				t.Fatalf("row %d counts %s, want %s", n+2, get("计入金额(元)"), want)
			}
			if get("状态") != "已核销" || get("撤销时间") != "" {
				t.Fatalf("row %d: %v, but it stands", n+2, row)
			}
		}
		all.Verified.Fen += countedFen
		line := summaryLine(t, f, s.Name)
		if want := fmt.Sprintf("%d.%02d", countedFen/100, countedFen%100); line[3] != want {
			t.Errorf("the summary of %s says %s, want %s", s.Name, line[3], want)
		}
		if unpriced == 0 || line[6] != fmt.Sprint(unpriced) {
			t.Errorf("the summary of %s leaves out %s amounts, want %d", s.Name, line[6], unpriced)
		}
	}
	if sums.Tally != all {
		t.Errorf("sums are %+v, want %+v", sums, all)
	}
	if total := summaryLine(t, f, "合计"); total[2] != fmt.Sprint(all.Verified.Count) || total[4] != fmt.Sprint(all.Undone.Count) {
		t.Errorf("total is %v, want %+v", total, all)
	}
	if none := summaryLine(t, f, "空店"); none[2] != "0" {
		t.Errorf("a store without vouchers: %v", none)
	}
}

func summaryLine(t *testing.T, f *excelize.File, first string) []string {
	t.Helper()
	rows, err := f.GetRows("汇总", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if len(row) > 4 && row[0] == first {
			return row
		}
	}
	t.Fatalf("no line %q in %v", first, rows)
	return nil
}

// Numbers are numbers and look like money, dates look like dates, codes stay
// text; the heading stays in sight and can be filtered by.
func TestWorkbookFormats(t *testing.T) {
	t.Parallel()
	data, _ := written(t, request(&shelf{of: map[int64]int{1: 20}}, twoStores[0]), XLSX)
	f := opened(t, data)
	sheet := "人民广场店"
	cell := func(heading string, row int) string {
		for i, c := range columns {
			if c.text == heading {
				name, err := excelize.CoordinatesToCellName(i+1, row)
				if err != nil {
					t.Fatal(err)
				}
				return name
			}
		}
		t.Fatalf("no column %s", heading)
		return ""
	}
	for heading, want := range map[string]string{"核销时间": "2026-11-24 12:00:00", "售价(元)": "0.01", "券码": "00000000000000000001"} {
		if got, err := f.GetCellValue(sheet, cell(heading, 2)); err != nil || got != want {
			t.Errorf("%s shows %q, want %q (%v)", heading, got, want, err)
		}
	}
	for heading, want := range map[string]excelize.CellType{"券码": excelize.CellTypeInlineString, "售价(元)": excelize.CellTypeUnset, "核销时间": excelize.CellTypeUnset} {
		if got, err := f.GetCellType(sheet, cell(heading, 2)); err != nil || got != want {
			t.Errorf("%s is of type %v, want %v (%v)", heading, got, want, err)
		}
	}
	panes, err := f.GetPanes(sheet)
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes: %+v, %v", panes, err)
	}
	if width, err := f.GetColWidth(sheet, "E"); err != nil || width != 32 {
		t.Errorf("column E is %v wide, %v", width, err)
	}
	if !bytes.Contains(part(t, data, "xl/worksheets/sheet2.xml"), []byte(`<autoFilter ref="A1:V21"/>`)) {
		t.Error("no filter over all rows")
	}
}

func TestSheetsGoOn(t *testing.T) {
	t.Parallel()
	r := request(&shelf{of: map[int64]int{1: 25, 2: 9}}, twoStores...)
	r.rowsPerSheet = 10
	data, _ := written(t, r, XLSX)
	f := opened(t, data)
	if diff := cmp.Diff([]string{"汇总", "人民广场店", "人民广场店 (2)", "人民广场店 (3)", "徐家汇店"}, f.GetSheetList()); diff != "" {
		t.Fatal(diff)
	}
	seen := 0
	for _, name := range f.GetSheetList()[1:4] {
		rows, err := f.GetRows(name)
		if err != nil || rows[0][3] != "券码" || len(rows) > 10 {
			t.Fatalf("%s: %d rows, heading %v, %v", name, len(rows), rows[0], err)
		}
		for _, row := range rows[1:] {
			if want := voucher(1, seen).Code; row[3] != want {
				t.Fatalf("%s has %s, want %s", name, row[3], want)
			}
			seen++
		}
	}
	if seen != 25 {
		t.Errorf("%d of 25 vouchers", seen)
	}
}

func TestSheetNames(t *testing.T) {
	t.Parallel()
	used := sheetNames{}
	for _, c := range [][2]string{
		{"汇总", "汇总"}, {"汇总", "汇总 (2)"}, {"A/B:C*D?[E]\\F", "A_B_C_D__E__F"}, {"a/b:c*d?[e]\\f", "a_b_c_d__e__f (2)"},
		{"", "门店"}, {"''", "门店 (2)"}, {"History", "门店 (3)"}, {strings.Repeat("店", 40), strings.Repeat("店", 31)},
		{strings.Repeat("店", 50), strings.Repeat("店", 27) + " (2)"}, {"'引号'", "引号"}, {"门\x00店🐟", "门店 (4)"},
	} {
		got := used.name(c[0])
		if got != c[1] {
			t.Errorf("%q becomes %q, want %q", c[0], got, c[1])
		}
		if n := utf8.RuneCountInString(got); n > 31 {
			t.Errorf("%q has %d characters", got, n)
		}
	}
}

// What looks like a formula is text, and what XML cannot hold does not break the
// file.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	hostile := []string{"=1+1", "+86", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", `<a href="x">&'`, "a\x01b\xffc", "=cmd|' /C calc'!A0", "\u202e=1+1", "\u2066\x1b+1", "a\u202eb", strings.Repeat("长", 40000)}
	n := 0
	source := func() *shelf {
		n = 0
		return &shelf{of: map[int64]int{1: len(hostile)}, bad: func(v *models.Voucher) { v.Title = hostile[n]; v.User = hostile[n]; n++ }}
	}
	data, _ := written(t, request(source(), twoStores[0]), XLSX)
	f := opened(t, data)
	rows, err := f.GetRows("人民广场店")
	if err != nil || len(rows) != len(hostile)+1 {
		t.Fatal(len(rows), err)
	}
	plain, _ := written(t, request(source(), twoStores[0]), CSV)
	records, err := csv.NewReader(bytes.NewReader(plain[3:])).ReadAll()
	if err != nil || len(records) != len(hostile)+1 {
		t.Fatal(len(records), err)
	}
	for i, h := range hostile {
		for where, got := range map[string]string{"workbook": rows[i+1][4], "csv": records[i+1][4]} {
			first, _ := utf8.DecodeRuneInString(got)
			if got == "" || strings.ContainsRune("=+-@\t\r＝", first) || strings.ContainsAny(got, "\x1b\u202e\u2066") {
				t.Errorf("%s: %q became %.40q", where, h, got)
			}
		}
		if formula, err := f.GetCellFormula("人民广场店", fmt.Sprintf("E%d", i+2)); err != nil || formula != "" {
			t.Errorf("%q became the formula %q, %v", h, formula, err)
		}
	}
	if got := rows[8][4]; got != hostile[7] {
		t.Errorf("%q became %q", hostile[7], got)
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	data, sums := written(t, request(&shelf{of: map[int64]int{1: 30, 2: 5}}, twoStores...), CSV)
	if !bytes.HasPrefix(data, []byte("\xEF\xBB\xBF门店,平台,")) {
		t.Errorf("begins with %q", data[:20])
	}
	records, err := csv.NewReader(bytes.NewReader(data[3:])).ReadAll()
	if err != nil || len(records) != 36 {
		t.Fatal(len(records), err)
	}
	if got := records[10]; got[2] != "2026-11-24 12:00:09" || got[5] != "已撤销" || got[6] != "0.64" || got[7] != "0.00" || got[15] != "2026-11-24 12:01:09" {
		t.Errorf("the tenth line is %q", got)
	}
	if sums.Verified.Count+sums.Undone.Count != 35 || sums.Undone.Count != 3 {
		t.Errorf("%+v", sums)
	}
}

// tried are refusals of a store, one a second.
func tried(store int64, n int) (all []models.Operation) {
	for i := range n {
		op := models.Operation{ID: fmt.Sprint("r", i), StoreID: store, Code: fmt.Sprintf("%012d", i), User: "张三", UserID: "zhangsan", CreatedAt: noon.Add(time.Duration(i) * time.Second)}
		op.Outcome.Reason = []string{"not_found", "expired"}[i%2]
		all = append(all, op)
	}
	return all
}

// What was not verified is on a sheet of its own, in the words of the pages: store after
// store, with the number of rows at the end, which the filter leaves alone.
func TestRefusedSheet(t *testing.T) {
	t.Parallel()
	pair := models.Store{Account: models.Account{ID: 1, Name: "人民广场店", Platform: "dianping", Active: true},
		Further: []models.Account{{ID: 4, BelongsTo: 1, Platform: "douyin", Active: true}}}
	all := append(tried(1, 2500), tried(2, 1)...)
	all = append(all, models.Operation{StoreID: 4, Code: "https://v.douyin.com/eHHc1ft", UserID: "lisi", CreatedAt: noon, Outcome: models.Outcome{Reason: "hold_over"}},
		models.Operation{StoreID: 4, Code: "7992697494", User: "=1+1", CreatedAt: noon, Outcome: models.Outcome{Reason: "not_found_here"}})
	data, sums := written(t, request(&shelf{of: map[int64]int{1: 3}, refused: all}, pair, twoStores[1], twoStores[2]), XLSX)
	if sums.Refused != len(all) || sums.Verified.Count != 3 {
		t.Errorf("%+v", sums)
	}
	f := opened(t, data)
	if diff := cmp.Diff([]string{"汇总", "人民广场店", "未成功"}, f.GetSheetList()); diff != "" {
		t.Fatal(diff)
	}
	rows, err := f.GetRows("未成功")
	if err != nil || len(rows) != len(all)+2 {
		t.Fatal(len(rows), err)
	}
	for i, want := range map[int][]string{
		0:    {"时间", "门店", "平台", "券码", "操作人", "原因"},
		1:    {"2026-11-24 12:00:00", "人民广场店", "大众点评", "000000000000", "张三", "券码不存在"},
		2500: {"2026-11-24 12:41:39", "人民广场店", "大众点评", "000000002499", "张三", "券已过期"},
		2501: {"2026-11-24 12:00:00", "人民广场店", "抖音", "抖音链接 …c1ft", "lisi", "平台风控没有通过"},
		2502: {"2026-11-24 12:00:00", "人民广场店", "", "7992697494", "'=1+1", "券码不存在"}, // it is of no platform
		2503: {"2026-11-24 12:00:00", "徐家汇店", "美团", "000000000000", "张三", "券码不存在"},
		2504: {"合计", "2503 次"},
	} {
		if diff := cmp.Diff(want, rows[i]); diff != "" {
			t.Errorf("row %d: %s", i+1, diff)
		}
	}
	if !bytes.Contains(part(t, data, "xl/worksheets/sheet3.xml"), []byte(`<autoFilter ref="A1:F2504"/>`)) {
		t.Error("the filter is not over the list")
	}
	if got, err := f.GetCellType("未成功", "D2"); err != nil || got != excelize.CellTypeInlineString {
		t.Errorf("a code is of type %v, %v", got, err)
	}
}

// The sheet of what was not verified goes on like the others, and a CSV file has vouchers alone.
func TestRefusedSheetGoesOn(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]int{0: nil, 8: {10}, 9: {10, 2}, 18: {10, 10, 2}, 20: {10, 10, 4}} {
		r := request(&shelf{refused: tried(1, n)}, twoStores[0])
		r.rowsPerSheet = 10
		data, _ := written(t, r, XLSX)
		f := opened(t, data)
		var rows []int
		for _, name := range f.GetSheetList()[1:] {
			all, err := f.GetRows(name)
			if err != nil || all[0][3] != "券码" || !strings.HasPrefix(name, "未成功") {
				t.Fatal(name, all, err)
			}
			rows = append(rows, len(all))
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%d: %s", n, diff)
		}
	}
	data, sums := written(t, request(&shelf{of: map[int64]int{1: 1}, refused: tried(1, 5)}, twoStores[0]), CSV)
	if n := bytes.Count(data, []byte("\n")); n != 2 || sums.Refused != 0 {
		t.Errorf("%d lines, %+v", n, sums)
	}
}

// An error of the source, of the writer and of the lease each ends the work.
func TestErrors(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, f := range []Format{XLSX, CSV} {
		r := request(&shelf{of: map[int64]int{1: 5000}, err: boom}, twoStores...)
		if _, err := r.Write(t.Context(), io.Discard, f); !errors.Is(err, boom) {
			t.Errorf("%s, source: %v", f, err)
		}
		r = request(&shelf{of: map[int64]int{1: 5000}}, twoStores...)
		if _, err := r.Write(t.Context(), &full{room: 1000, err: boom}, f); !errors.Is(err, boom) {
			t.Errorf("%s, writer: %v", f, err)
		}
		beats := 0
		r = request(&shelf{of: map[int64]int{1: 5000}}, twoStores...)
		r.Beat = func(context.Context) error {
			if beats++; beats == 3 {
				return boom
			}
			return nil
		}
		if _, err := r.Write(t.Context(), io.Discard, f); !errors.Is(err, boom) || beats != 3 {
			t.Errorf("%s, lease: %v after %d pages", f, err, beats)
		}
	}
}

// full is a writer that runs out of room.
type full struct {
	room int
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// Ten times as many vouchers, in many stores or in few, need no more memory.
func TestMemoryDoesNotGrow(t *testing.T) {
	peak := func(stores, perStore int, f Format) uint64 {
		s := &shelf{of: map[int64]int{}}
		var list []models.Store
		for i := range stores {
			s.of[int64(i+1)] = perStore
			list = append(list, models.Store{Account: models.Account{ID: int64(i + 1), Name: fmt.Sprintf("门店%d", i+1)}})
		}
		r := request(s, list...)
		var most uint64
		pages := 0
		r.Beat = func(context.Context) error {
			if pages++; pages%5 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return nil
		}
		if _, err := r.Write(t.Context(), io.Discard, f); err != nil {
			t.Fatal(err)
		}
		return most
	}
	base := 10_000
	if race.Enabled || !breadth.All() {
		base = 2_000 // shows what grows by 120 bytes a voucher; the other, by 25
	}
	for _, f := range []Format{XLSX, CSV} {
		small := peak(2, base, f)
		for name, large := range map[string]uint64{"few stores": peak(2, 10*base, f), "many stores": peak(100, base/5, f)} {
			if large > small+4<<20 {
				t.Errorf("%s, %s: %d vouchers need %d KiB, %d need %d KiB", f, name, 20*base, large>>10, 2*base, small>>10)
			}
		}
	}
}

func TestYuan(t *testing.T) {
	t.Parallel()
	for fen, want := range map[int64]string{0: "0.00", 1: "0.01", 29: "0.29", 4990: "49.90", -5: "-0.05", 1 << 53: "90071992547409.92"} {
		if got := string(appendYuan(nil, fen)); got != want {
			t.Errorf("%d fen are %s, want %s", fen, got, want)
		}
	}
}

// part is one file of a workbook.
func part(t *testing.T, data []byte, name string) []byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	in, err := archive.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	content, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// What a store has verified on several platforms is told apart, and added up.
func TestAccountsAreToldApart(t *testing.T) {
	t.Parallel()
	one := twoStores[0]
	one.Further = []models.Account{{ID: 9, Platform: "meituan", Name: "another name", BelongsTo: one.ID}}
	for _, format := range []Format{CSV, XLSX} {
		data, sums := written(t, request(&shelf{of: map[int64]int{1: 3, 9: 2}}, one), format)
		if n := sums.Verified.Count + sums.Undone.Count; n != 5 {
			t.Errorf("%s: %d vouchers, want 5", format, n)
		}
		if format == CSV {
			text := string(data)
			if strings.Count(text, "人民广场店,大众点评,") != 3 || strings.Count(text, "人民广场店,美团,") != 2 || strings.Contains(text, "another name") {
				t.Errorf("the list is\n%s", text)
			}
		}
	}
}
