package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// A manager asks for the vouchers of the day and gets a workbook in the chat, in
// which each stands once.
func TestExport(t *testing.T) {
	cells := slices.DeleteFunc(slices.Clone(faultCells), func(s setting) bool { return s.group }) // robots send no files
	cells = append(cells, setting{dialect: douyin, driver: models.SQLite}, setting{dialect: dianpingtest.Meituan, also: douyin, driver: models.SQLite})
	inCells(t, cells, func(w *world) {
		var codes []string
		for range 3 {
			code := w.sell()
			w.say(w.hero, "验 "+code, "核销成功")
			w.ledger(code, 1, 0)
			codes = append(codes, code)
		}
		w.say(w.hero, "撤 "+codes[2], "已撤销")
		w.ledger(codes[2], 1, 1)
		w.say(w.hero, "导出 今日", "只有组长和店长可以导出")

		files := func() (all []wecomtest.Medium) {
			for _, s := range w.wecom.Screen(wecomtest.InApp("main", "boss")) {
				if s.Kind == wecomtest.KindFile {
					m, ok := w.wecom.Medium(s.Text)
					if !ok {
						w.Fatalf("no medium %q", s.Text)
					}
					all = append(all, m)
				}
			}
			return all
		}
		w.utter("boss", "导出 今日")
		w.until(func() bool { return len(files()) > 0 })
		w.recount("boss")
		got := files()
		if len(got) != 1 || !strings.HasSuffix(got[0].Name, ".xlsx") {
			w.Fatalf("%d files, the first is %q", len(got), got[0].Name)
		}
		book, err := excelize.OpenReader(bytes.NewReader(got[0].Data))
		w.must(err)
		defer book.Close()
		seen := map[string]int{}
		for _, sheet := range book.GetSheetList() {
			rows, err := book.GetRows(sheet)
			w.must(err)
			for _, row := range rows {
				for _, code := range codes {
					if slices.Contains(row, code) {
						seen[code]++
						if undone := strings.Contains(strings.Join(row, " "), "撤销"); undone != (code == codes[2]) {
							w.Errorf("%s: %v", code, row)
						}
					}
				}
			}
		}
		for _, code := range codes {
			if seen[code] != 1 {
				w.Errorf("%s stands in %d rows of %v", code, seen[code], book.GetSheetList())
			}
		}
	})
}
