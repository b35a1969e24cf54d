package export

// list is rows under headings, on as many sheets as they need; without rows it is on none.
// It has no type parameter: the linker keeps every method of what a generic type holds, and
// the library for workbooks has megabytes of them.
type list struct {
	book    *workbook
	name    string // of its first sheet
	columns []heading

	sheet *sheet // nil: not begun
}

// add adds a row.
func (l *list) add(values []value) error {
	if err := l.begin(); err != nil {
		return err
	}
	for i, c := range l.columns {
		l.sheet.cell(c.kind, values[i])
	}
	return l.sheet.end()
}

// begin begins a row, on a further sheet where the last one is full.
func (l *list) begin() error {
	if l.sheet != nil && l.sheet.row == l.book.request.rowsPerSheet {
		if err := l.close(); err != nil {
			return err
		}
	}
	if l.sheet == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	l.sheet.begin()
	return nil
}

func (l *list) open() error {
	headings, widths := make([]string, len(l.columns)), make([]int, len(l.columns))
	for i, c := range l.columns {
		headings[i], widths[i] = c.text, c.width
	}
	l.book.sheets = append(l.book.sheets, l.book.names.name(l.name))
	var err error
	if l.sheet, err = l.book.sheet(len(l.book.sheets), widths, true); err != nil {
		return err
	}
	return l.sheet.headings(headings)
}

// close finishes the sheet that is begun.
func (l *list) close() error {
	if l.sheet == nil {
		return nil
	}
	err := l.sheet.close()
	l.sheet = nil
	return err
}
