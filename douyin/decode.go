package douyin

import (
	"strconv"
	"strings"
	"time"

	"yanquan/internal/loose"
)

// object is a JSON object, in which fields are missing or null. As much is read as can
// be read.
type object map[string]any

// object reads a member that is an object, or JSON text of one.
func (o object) object(key string) object {
	v := o[key]
	if text, ok := v.(string); ok {
		v, _ = loose.Decode([]byte(text))
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
		if text := loose.Scalar(o[key]); text != "" {
			return text
		}
	}
	return ""
}

// id reads an id: text, or a number. "0" is none.
func (o object) id(keys ...string) string {
	for _, key := range keys {
		if text := o.text(key); text != "" && text != "0" {
			if n, ok := loose.Integer(text); ok && strings.ContainsAny(text, ".eE") {
				return strconv.FormatInt(n, 10)
			}
			return text
		}
	}
	return ""
}

// number reads an integer; 0 where there is none.
func (o object) number(key string) int {
	n, _ := loose.Integer(o.text(key))
	return int(n)
}

// code reads an outcome in one form: 1208, 1208.0 and "1208" are the same.
func (o object) code(key string) string { return loose.Code(o[key]) }

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
	if n, ok := loose.Integer(o.text(key)); ok && n >= 0 && n < 1000 {
		return Status(n)
	}
	return StatusUnknown
}

// amount reads each member that is a whole number.
func (o object) amount(key string) Amount {
	var a Amount
	inner := o.object(key)
	for name := range inner {
		if n, ok := loose.Integer(inner.text(name)); ok {
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
	switch n, _ := loose.Integer(o.text(key)); {
	case n >= milliseconds && n <= year9999:
		return time.UnixMilli(n).In(beijing)
	case n > 0 && n < milliseconds:
		return time.Unix(n, 0).In(beijing)
	}
	return time.Time{}
}

var beijing = time.FixedZone("CST", 8*60*60)
