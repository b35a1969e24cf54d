package wecomtest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlWriter builds <xml>…</xml> as WeCom does: text in CDATA, numbers bare.
type xmlWriter struct{ b strings.Builder }

func newXML() *xmlWriter {
	x := &xmlWriter{}
	x.b.WriteString("<xml>")
	return x
}

// put adds an element with text.
func (x *xmlWriter) put(name, value string) *xmlWriter {
	// CDATA cannot hold its own end; it is split over two sections.
	value = strings.ReplaceAll(value, "]]>", "]]]]><![CDATA[>")
	fmt.Fprintf(&x.b, "<%s><![CDATA[%s]]></%s>", name, value, name)
	return x
}

// num adds an element with a number.
func (x *xmlWriter) num(name string, value int64) *xmlWriter {
	fmt.Fprintf(&x.b, "<%s>%d</%s>", name, value, name)
	return x
}

// open and end surround the children of an element.
func (x *xmlWriter) open(name string) *xmlWriter { x.b.WriteString("<" + name + ">"); return x }
func (x *xmlWriter) end(name string) *xmlWriter  { x.b.WriteString("</" + name + ">"); return x }

func (x *xmlWriter) bytes() []byte { return []byte(x.b.String() + "</xml>") }

// node is an XML element. Names are compared with their case.
type node struct {
	name string
	text string
	kids []*node
}

// parseXML reads one document.
func parseXML(data []byte) (*node, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	var root *node
	var stack []*node
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("not well-formed XML")
		}
		switch t := tok.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.kids = append(top.kids, n)
			} else if root != nil {
				return nil, errors.New("more than one XML document")
			} else {
				root = n
			}
			if stack = append(stack, n); len(stack) > 32 {
				return nil, errors.New("XML too deep")
			}
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		}
	}
	if root == nil {
		return nil, errors.New("no XML document")
	}
	return root, nil
}

// child is the first child of that name, or nil.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// value is the text of a child, or "".
func (n *node) value(name string) string {
	if k := n.child(name); k != nil {
		return strings.TrimSpace(k.text)
	}
	return ""
}
