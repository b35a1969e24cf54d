package dianping

import (
	"fmt"

	"yanquan/internal/loose"
)

// page is one page of a list.
type page[T any] struct {
	rows  []T
	size  int   // rows as sent, those that could not be read among them
	total int64 // of the whole list
	told  bool  // whether the platform said total
}

// readPage reads the rows of one page and leaves out those that cannot be read.
func readPage[T any](list any, what string, read func(object) (T, bool)) (page[T], error) {
	objects, whole := rows(list)
	p := page[T]{size: len(objects)}
	for _, o := range objects {
		row, ok := read(o)
		if ok {
			p.rows = append(p.rows, row)
		}
		whole = whole && ok
	}
	if !whole && len(p.rows) == 0 {
		return page[T]{}, errNoData(what + " that can be read")
	}
	return p, nil
}

// listIn finds the list that stands under a name in the data, or in a result there,
// and the length of the whole list, where that is told.
func listIn(data any, name string) (list any, total int64, told bool) {
	o, ok := single(data)
	if !ok {
		return data, 0, false
	}
	if inner, nested := single(o["result"]); o[name] == nil && nested && inner[name] != nil {
		o = inner
	}
	total, told = loose.Integer(o.text("totalcount", "total"))
	if rows, has := o[name]; has {
		return rows, total, told
	}
	if told && o["result"] == nil { // what is empty may come without the list
		return nil, total, told
	}
	return data, total, told
}

// maxPages ends a list that has no end.
const maxPages = 500

// collector gathers pages without repeats.
type collector[T any] struct {
	key   func(T) string
	fetch func(offset int) (page[T], *Error)
	fail  func(Class, error) *Error
	rows  []T
	seen  map[string]bool
	pages int
	last  page[T]
}

func newCollector[T any](key func(T) string, fetch func(offset int) (page[T], *Error), report reporter) *collector[T] {
	return &collector[T]{key: key, fetch: fetch, fail: report.fail, seen: make(map[string]bool)}
}

// more fetches the page at an offset and returns how many of its rows are new.
func (c *collector[T]) more(offset int) (int, *Error) {
	if c.pages++; c.pages > maxPages {
		return 0, c.fail(UnknownOutcome, fmt.Errorf("the list does not end within %d pages", maxPages))
	}
	p, err := c.fetch(offset)
	if err != nil {
		return 0, err
	}
	c.last = p
	fresh := 0
	for _, row := range p.rows {
		if key := c.key(row); !c.seen[key] {
			c.seen[key] = true
			c.rows = append(c.rows, row)
			fresh++
		}
	}
	return fresh, nil
}

// complete reports whether the platform's total was seen, exactly: a total below
// what was seen is wrong and says nothing.
func (c *collector[T]) complete() bool { return c.last.told && c.last.total == int64(len(c.rows)) }

// collect reads a list whose offset may count rows from 0, pages from 0 or pages
// from 1: for the first generation's history no source says which, and public
// clients do all three.
//
// First the offset is taken for rows: 0, then as many as were seen, until a page
// brings nothing new. If the platform's total was seen by then, that was all.
// Otherwise the offset is taken for pages, 1, 2, 3, …: where it does count rows,
// these are rows that are known already and two pages without news end it; where
// it counts pages, they are all the pages, whatever their length is (a server may
// cap the limit), and repeats of the first sweep are dropped. An empty page ends
// it too. Each step needs news to go on, and there is a limit on pages, so that
// no server can keep it for ever.
//
// Where the offset 0 is refused there may be no page 0, so that pages are read alone; it is
// asked for once more in the end, for a refusal of another reason would leave a row out.
//
// shortEnds: a page that is not full is the last one.
func collect[T any](limit int, shortEnds bool, key func(T) string, fetch func(offset int) (page[T], *Error), report reporter) ([]T, *Error) {
	c := newCollector(key, fetch, report)
	last := func() bool { return c.last.size < limit && (c.complete() || shortEnds && c.last.size > 0) }
	fresh, err := c.more(0)
	refused := mayMeanFirstPage(err)
	if err != nil && !refused {
		return nil, err
	}
	if !refused {
		if err := c.byRows(fresh, last); err != nil {
			return nil, err
		}
		if last() || c.complete() {
			return c.rows, nil
		}
	}
	if err := c.byPages(); err != nil {
		return nil, err
	}
	if !refused || c.complete() {
		return c.rows, nil
	}
	if fresh, err = c.more(0); mayMeanFirstPage(err) {
		return c.rows, nil
	} else if err != nil {
		return nil, err
	}
	if err := c.byRows(fresh, last); err != nil { // it was refused once, for another reason
		return nil, err
	}
	return c.rows, nil
}

// byRows reads on from as many rows as were seen, after a page with fresh rows, until
// one brings nothing new or is the last.
func (c *collector[T]) byRows(fresh int, last func() bool) (err *Error) {
	for fresh > 0 && !last() {
		if fresh, err = c.more(len(c.rows)); err != nil {
			return err
		}
	}
	return nil
}

// byPages reads the pages 1, 2, 3, … until two bring nothing new, one is empty, or all
// has been seen.
func (c *collector[T]) byPages() *Error {
	for number, idle := 1, 0; idle < 2; number++ {
		fresh, err := c.more(number)
		if err != nil {
			return err
		}
		if c.complete() || c.last.size == 0 {
			return nil
		}
		if idle++; fresh > 0 {
			idle = 0
		}
	}
	return nil
}

// collectPages reads a list whose offset is a page number from 1, until a page
// brings nothing new.
func collectPages[T any](key func(T) string, fetch func(number int) (page[T], *Error), report reporter) ([]T, *Error) {
	c := newCollector(key, fetch, report)
	for number := 1; ; number++ {
		fresh, err := c.more(number)
		if err != nil {
			return nil, err
		}
		if fresh == 0 {
			return c.rows, nil
		}
	}
}

// mayMeanFirstPage reports whether offset 0 was refused as such, as a platform
// that numbers pages from 1 could do.
func mayMeanFirstPage(err *Error) bool {
	return err != nil && err.Class == Refused && (err.Reason == Other || err.Reason == BadRequest)
}
