package dianping

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanquan/internal/loose"
)

// The platform is loose about more than types: lists come as a single object, objects
// as JSON inside a string, keys in two styles and misspelt. Everything here reads as
// much as can be read.

// object is a JSON object by key in lower case without underscores, so that
// dealgroup_id, dealGroupId and dealgroupId are one.
type object map[string]any

// asObject reads a JSON object, also one inside a string. Where two keys fall
// together, the first in byte order that is not null counts.
func asObject(v any) (object, bool) {
	m, ok := embedded(v).(map[string]any)
	if !ok {
		return nil, false
	}
	o := make(object, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name := strings.ToLower(strings.ReplaceAll(key, "_", ""))
		if o[name] == nil {
			o[name] = m[key]
		}
	}
	return o, true
}

// embedded gives the JSON inside a string, and anything else as it is.
func embedded(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return v
	}
	if inner, err := loose.Decode([]byte(text)); err == nil {
		return inner
	}
	return v
}

// single reads one object, also as the only element of a list.
func single(v any) (object, bool) {
	if list, ok := embedded(v).([]any); ok && len(list) == 1 {
		v = list[0]
	}
	return asObject(v)
}

// rows reads a list of objects in each shape known: a list, {"result": list},
// one object for a list of one, JSON in a string; null, "", {} and an object of
// such are an empty list. whole is false where something there could not be read.
func rows(v any) (list []object, whole bool) { return rowsWithin(v, 4) }

func rowsWithin(v any, depth int) (list []object, whole bool) {
	if depth == 0 {
		return nil, false
	}
	switch v := embedded(v).(type) {
	case nil:
		return nil, true
	case string:
		v = strings.TrimSpace(v)
		return nil, v == "" || v == "null"
	case []any:
		whole = true
		for _, element := range v {
			some, ok := rowsWithin(element, depth-1)
			list, whole = append(list, some...), whole && ok
		}
		return list, whole
	case map[string]any:
		o, _ := asObject(v)
		if result, has := o["result"]; has && o.text("receiptcode") == "" {
			return rowsWithin(result, depth-1)
		}
		if blank(v) {
			return nil, true
		}
		return []object{o}, true
	default:
		return nil, false
	}
}

// blank reports whether there is nothing in a value.
func blank(v any) bool {
	switch v := embedded(v).(type) {
	case nil:
		return true
	case string:
		v = strings.TrimSpace(v)
		return v == "" || v == "null"
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !blank(e) })
	case map[string]any:
		for _, value := range v {
			if !blank(value) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// text reads the first key that holds a scalar other than "".
func (o object) text(keys ...string) string {
	for _, key := range keys {
		if text := loose.Scalar(o[key]); text != "" {
			return text
		}
	}
	return ""
}

// number reads an integer; 0 where there is none.
func (o object) number(keys ...string) int64 {
	n, _ := loose.Integer(o.text(keys...))
	return n
}

// money reads an amount in yuan; false where there is none that can be read. It
// is never an error: it must not make a failure of a voucher that was consumed.
func (o object) money(keys ...string) (Fen, bool) { return amount(o.text(keys...)) }

// fen is money where 0 says that it is not known.
func (o object) fen(keys ...string) Fen {
	f, _ := o.money(keys...)
	return f
}

// moment reads a time; zero where there is none.
func (o object) moment(keys ...string) time.Time { return moment(o.text(keys...)) }

// amount reads yuan. What [ParseYuan] refuses but is a number, an exponent or
// the tail of a float, is rounded to the fen.
func amount(text string) (Fen, bool) {
	if f, err := ParseYuan(text); err == nil {
		return f, true
	}
	r, ok := loose.Decimal(text)
	if !ok {
		return 0, false
	}
	whole := r.Mul(r, big.NewRat(100, 1)).FloatString(0) // rounds half away from zero
	n, err := strconv.ParseInt(whole, 10, 64)
	return Fen(n), err == nil
}

var timeForms = []string{
	"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02",
	"2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "20060102150405", "20060102",
}

// moment reads a time in Beijing, or in milliseconds (or seconds) since 1970.
func moment(text string) time.Time {
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, text, beijing); err == nil {
			return t
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.In(beijing)
	}
	const (
		year1973 = 100_000_000 // seconds; in milliseconds the second of January 1970
		year5138 = year1973 * 1000
		year9999 = 253_402_300_799_000 // milliseconds
	)
	switch n, _ := loose.Integer(text); {
	case n >= year5138 && n <= year9999:
		return time.UnixMilli(n).In(beijing)
	case n >= year1973 && n < year5138:
		return time.Unix(n, 0).In(beijing)
	default:
		return time.Time{}
	}
}

var timeInWords = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?`)

// timeOfUse reads when a used voucher was used: from the data, or from words
// like 此券号已于 2021-09-29 10:28:14 被消费!
func timeOfUse(a answer) time.Time {
	list, _ := rows(a.data)
	for _, o := range list {
		if t := o.moment("verifytime", "consumetime", "usetime"); !t.IsZero() {
			return t
		}
	}
	return moment(timeInWords.FindString(a.msg))
}

// errNoRecord is the success of a question about one record with nothing in it.
var errNoRecord = errors.New("the answer says success and has no record")

// errOtherCode is a success that tells of other vouchers than were asked for.
var errOtherCode = errors.New("the answer is about another code")

// errNoData is a success that did not tell what it must.
func errNoData(what string) error { return fmt.Errorf("the answer says success but has no %s", what) }
