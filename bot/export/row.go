package export

import (
	"cmp"
	"fmt"
	"strconv"
)

// begin starts a row.
func (s *sheet) begin() {
	s.row++
	s.column = 0
	s.buf = append(s.buf[:0], `<row r="`...)
	s.buf = strconv.AppendInt(s.buf, int64(s.row), 10)
	s.buf = append(s.buf, `">`...)
}

// cell adds the next cell of the row.
func (s *sheet) cell(k kind, v value) { s.styled(k, v, s.book.styles.of[k]) }

// bold adds the next cell, to be seen.
func (s *sheet) bold(v value, k kind) { s.styled(k, v, s.book.styles.bold) }

func (s *sheet) styled(k kind, v value, style int) {
	name := s.cols[s.column]
	s.column++
	if v.blank(k) {
		return // an empty cell need not be there
	}
	b := append(s.buf, `<c r="`...)
	b = append(b, name...)
	b = strconv.AppendInt(b, int64(s.row), 10)
	b = append(b, `" s="`...)
	b = strconv.AppendInt(b, int64(style), 10)
	if k == text {
		// A typed string: whatever it looks like, it is not computed.
		b = append(b, `" t="inlineStr"><is><t xml:space="preserve">`...)
		b = appendText(b, cut(defused(v.text)))
		s.buf = append(b, `</t></is></c>`...)
		return
	}
	b = append(b, `"><v>`...)
	switch k {
	case money:
		b = appendYuan(b, v.n)
	case number:
		b = strconv.AppendInt(b, v.n, 10)
	case moment:
		b = appendSerial(b, v.at, s.book.request.Location)
	}
	s.buf = append(b, `</v></c>`...)
}

// end finishes a row.
func (s *sheet) end() error {
	s.buf = append(s.buf, `</row>`...)
	_, err := s.out.Write(s.buf)
	return err
}

// headings adds a row of them.
func (s *sheet) headings(texts []string) error {
	s.begin()
	for _, t := range texts {
		s.styled(text, value{text: t}, s.book.styles.heading)
	}
	return s.end()
}

// close finishes the sheet.
func (s *sheet) close() error {
	tail := "</sheetData>"
	if s.filter {
		tail += fmt.Sprintf(`<autoFilter ref="A1:%s%d"/>`, s.cols[len(s.cols)-1], cmp.Or(s.listed, s.row))
	}
	if _, err := s.out.WriteString(tail + "</worksheet>"); err != nil {
		return err
	}
	return s.out.Flush()
}
