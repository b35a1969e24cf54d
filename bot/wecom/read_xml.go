package wecom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// element is one element of an XML document, as far as that can be read.
type element struct {
	name   string
	text   []byte
	kids   []*element
	closed bool
}

// document is what WeCom has sent in XML. Whatever it is, it can be read: where it
// breaks off, or contradicts itself, it is not whole.
type document struct {
	element            // the root
	whole   bool       // one document to its end, in which nothing is said twice
	senders []*element // every FromUserName, wherever it is
}

// readXML reads a document. Declarations (<!DOCTYPE) mean nothing, so that there are
// no entities but XML's own.
func readXML(data []byte) *document {
	doc := &document{whole: true}
	dec := xml.NewDecoder(bytes.NewReader(legible(data)))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	open := []*element{{}} // around the root
	for {
		token, err := dec.Token()
		if err != nil {
			doc.whole = doc.whole && errors.Is(err, io.EOF)
			break
		}
		last := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local}
			last.kids = append(last.kids, e)
			open = append(open, e)
			if e.name == "FromUserName" {
				doc.senders = append(doc.senders, e)
			}
		case xml.EndElement:
			last.closed = true
			open = open[:len(open)-1]
		case xml.CharData:
			last.text = append(last.text, t...)
		}
	}
	around := open[0]
	if len(around.kids) > 0 {
		doc.element = *around.kids[0]
	}
	doc.whole = doc.whole && len(around.kids) == 1 && len(bytes.TrimSpace(around.text)) == 0 && !doc.twice()
	return doc
}

// legible makes data fit for decoding: what XML does not allow becomes U+FFFD, which
// it does. What stands before the root is of no use.
func legible(data []byte) []byte {
	data = bytes.TrimPrefix(bytes.TrimSpace(data), []byte("\ufeff"))
	if bytes.HasPrefix(data, []byte("<?")) {
		if _, rest, found := bytes.Cut(data, []byte("?>")); found {
			data = rest
		}
	}
	return bytes.Map(func(r rune) rune {
		if readable(r) {
			return r
		}
		return utf8.RuneError
	}, data)
}

// members of lists, which may be there any number of times (page 90240), by the list.
var members = map[string]string{"SelectedItems": "SelectedItem", "OptionIds": "OptionId"}

// twice reports whether an element within is there a second time and says something else.
func (e *element) twice() bool {
	first := map[string]*element{}
	for _, k := range e.kids {
		if k.twice() {
			return true
		}
		f := first[k.name]
		if f == nil || k.name == members[e.name] {
			first[k.name] = k
			continue
		}
		if len(f.kids)+len(k.kids) > 0 || !bytes.Equal(f.text, k.text) {
			return true
		}
	}
	return false
}

// child is the first of a name that was read to its end, or an empty one.
func (e *element) child(name string) *element {
	for _, k := range e.kids {
		if k.name == name && k.closed {
			return k
		}
	}
	return &element{}
}

// has reports whether there is such a child.
func (e *element) has(name string) bool { return e.child(name).closed }

// value is the text of a child, or "".
func (e *element) value(name string) string { return string(e.child(name).text) }

// sender is who the document is from. It is not certain where another is named as
// well: people type what they like, and not every program escapes it.
func (d *document) sender() (userID string, certain bool) {
	userID = trim(d.value("FromUserName"))
	for _, e := range d.senders {
		if !strings.EqualFold(trim(string(e.text)), userID) {
			return userID, false
		}
	}
	return userID, userID == "" || isUserID(userID)
}
