package wecom

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// jsonObject is what WeCom has sent in JSON, by names with their case. Whatever it is,
// it can be read: a value of another kind than is asked for is left out, JSON that was
// written into a string is read, and where the text breaks off, the object has what
// stands before.
type jsonObject struct {
	values map[string]json.RawMessage
	twice  map[string]bool // names that are there again and say something else
	whole  bool            // read to its end, and nothing is said twice
}

// readJSON reads what a callback holds.
func readJSON(data []byte) jsonObject { return readObject(printable(data)) }

// printable makes control characters, which JSON does not allow in strings, fit for
// decoding.
func printable(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if json.Valid(data) {
		return data
	}
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case r < 0x20:
			return utf8.RuneError
		}
		return r
	}, data)
}

// readObject reads an object up to its end or to what is no JSON.
func readObject(data []byte) jsonObject {
	o := jsonObject{values: map[string]json.RawMessage{}, twice: map[string]bool{}}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return o
	}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return o
		}
		start := dec.InputOffset()
		var value json.RawMessage
		err = dec.Decode(&value)
		if err != nil { // what is left of it
			value = bytes.TrimLeft(data[start:], ": \t\r\n")
		}
		if first, again := o.values[name]; !again {
			o.values[name] = value
		} else if !bytes.Equal(first, value) {
			o.twice[name] = true
		}
		if err != nil {
			return o
		}
	}
	_, ended := dec.Token()
	_, after := dec.Token()
	o.whole = ended == nil && after == io.EOF && len(o.twice) == 0
	return o
}

// torn reports whether it is an object, but not whole.
func (o jsonObject) torn() bool { return len(o.values) > 0 && !o.whole }

// has reports whether there is a value, of whatever kind.
func (o jsonObject) has(name string) bool {
	v := o.values[name]
	return len(v) > 0 && !bytes.Equal(v, []byte("null"))
}

// text is a string, or a number as it is written.
func (o jsonObject) text(name string) (s string, ok bool) {
	v := o.values[name]
	if len(v) == 0 || json.Unmarshal(v, &s) == nil && v[0] == '"' {
		return s, len(v) > 0
	}
	var n json.Number
	if json.Unmarshal(v, &n) != nil {
		return "", false
	}
	return n.String(), n != ""
}

// value is text, or "".
func (o jsonObject) value(name string) string {
	s, _ := o.text(name)
	return s
}

// odd reports whether there is a value, but no text.
func (o jsonObject) odd(name string) bool {
	_, ok := o.text(name)
	return o.has(name) && !ok
}

// raw is a value, out of the string it may be in.
func (o jsonObject) raw(name string) []byte { return unquoted(o.values[name]) }

// unquoted is what a string holds, and any other value as it is.
func unquoted(v json.RawMessage) []byte {
	var s string
	if len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &s) == nil {
		return printable([]byte(s))
	}
	return v
}

// object is an object, or an empty one.
func (o jsonObject) object(name string) jsonObject { return readObject(o.raw(name)) }

// objects are those of a list that was read to its end.
func (o jsonObject) objects(name string) []jsonObject {
	var list []json.RawMessage
	if json.Unmarshal(o.raw(name), &list) != nil {
		return nil
	}
	all := make([]jsonObject, len(list))
	for i, v := range list {
		all[i] = readObject(unquoted(v))
	}
	return all
}
