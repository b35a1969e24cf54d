package douyin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Numbers come as text and text as numbers, and fields are missing or null. What is
// here takes what json.Decoder makes with UseNumber and reads as much as can be
// read; nothing goes through a float.

// object is a JSON object.
type object map[string]any

// decode reads one JSON value and nothing behind it.
func decode(body []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%d bytes are not JSON", len(body))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON")
	}
	return v, nil
}

// object reads a member that is an object, or JSON text of one.
func (o object) object(key string) object {
	v := o[key]
	if text, ok := v.(string); ok {
		v, _ = decode([]byte(text))
	}
	m, _ := v.(map[string]any)
	return m
}

// list reads the first list of objects that has any. whole is false where
// something there could not be read; told, where there is a list at all.
func (o object) list(keys ...string) (list []object, told, whole bool) {
	whole = true
	for _, key := range keys {
		elements, ok := o[key].([]any)
		told = told || ok
		whole = whole && (ok || o[key] == nil)
		for _, element := range elements {
			if m, ok := element.(map[string]any); ok {
				list = append(list, m)
			} else {
				whole = false
			}
		}
		if len(list) > 0 {
			break
		}
	}
	return list, told, whole
}

// text reads the first member that is a scalar other than "".
func (o object) text(keys ...string) string {
	for _, key := range keys {
		switch v := o[key].(type) {
		case string:
			if v = strings.TrimSpace(v); v != "" {
				return v
			}
		case json.Number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		}
	}
	return ""
}

// id reads an id: text, or a number. "0" is none.
func (o object) id(keys ...string) string {
	for _, key := range keys {
		if text := o.text(key); text != "" && text != "0" {
			if n, ok := integer(text); ok && strings.ContainsAny(text, ".eE") {
				return strconv.FormatInt(n, 10)
			}
			return text
		}
	}
	return ""
}

// number reads an integer; 0 where there is none.
func (o object) number(key string) int {
	n, _ := integer(o.text(key))
	return int(n)
}

// code reads an outcome in one form: 1208, 1208.0 and "1208" are the same.
func (o object) code(key string) string {
	text := o.text(key)
	if n, ok := integer(text); ok {
		return strconv.FormatInt(n, 10)
	}
	return text
}

// flag reads a bool, also as a number or as text; nil where there is none.
func (o object) flag(key string) *bool {
	yes := false
	switch strings.ToLower(o.text(key)) {
	case "true", "1":
		yes = true
	case "false", "0":
	default:
		return nil
	}
	return &yes
}

func (o object) status(key string) Status {
	if n, ok := integer(o.text(key)); ok && n >= 0 && n < 1000 {
		return Status(n)
	}
	return StatusUnknown
}

// amount reads each member that is a whole number.
func (o object) amount(key string) Amount {
	var a Amount
	inner := o.object(key)
	for name := range inner {
		if n, ok := integer(inner.text(name)); ok {
			if a == nil {
				a = Amount{}
			}
			a[name] = Fen(n)
		}
	}
	return a
}

// moment reads a time in seconds since 1970, or in milliseconds; zero where there
// is none.
func (o object) moment(key string) time.Time {
	const milliseconds, year9999 = 1_000_000_000_000, 253_402_300_799_000
	switch n, _ := integer(o.text(key)); {
	case n >= milliseconds && n <= year9999:
		return time.UnixMilli(n).In(beijing)
	case n > 0 && n < milliseconds:
		return time.Unix(n, 0).In(beijing)
	}
	return time.Time{}
}

var beijing = time.FixedZone("CST", 8*60*60)

var decimalForm = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$`)

// integer reads a whole number of 64 bits, in whatever form JSON has it.
func integer(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	if !decimalForm.MatchString(text) {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}
