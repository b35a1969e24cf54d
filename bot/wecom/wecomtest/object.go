package wecomtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// apiError is an errcode of WeCom with a short English text.
type apiError struct {
	Code int
	Text string
	used bool // a response code that an earlier call has used up
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Text) }

func refusef(code int, format string, args ...any) *apiError {
	return &apiError{Code: code, Text: fmt.Sprintf(format, args...)}
}

// usedUp is the refusal of a response code that can be used once, and was.
func usedUp() *apiError { return &apiError{Code: 60140, Text: "invalid response_code", used: true} }

// object is a JSON object whose keys are compared with their case, which
// encoding/json does not do for structs.
type object map[string]any

func parseObject(data []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	if o == nil {
		return nil, errors.New("not a JSON object")
	}
	return o, nil
}

// reader takes typed values out of objects and remembers the first of a wrong
// type. Absent values are zero.
type reader struct{ err *apiError }

func (r *reader) wrong(key, want string) {
	if r.err == nil {
		r.err = refusef(40058, "field '%s' expected type '%s'. invalid Request Parameter", key, want)
	}
}

func (r *reader) str(o object, key string) string {
	v, ok := o[key]
	if !ok || v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.wrong(key, "String")
	}
	return s
}

// integer tells also whether the value is there.
func (r *reader) integer(o object, key string) (int, bool) {
	v, ok := o[key]
	if !ok || v == nil {
		return 0, false
	}
	n, ok := v.(json.Number)
	if !ok {
		r.wrong(key, "Int32")
		return 0, false
	}
	i, err := strconv.ParseInt(n.String(), 10, 32)
	if err != nil {
		r.wrong(key, "Int32")
		return 0, false
	}
	return int(i), true
}

func (r *reader) float(o object, key string) float64 {
	v, ok := o[key]
	if !ok || v == nil {
		return 0
	}
	n, ok := v.(json.Number)
	if !ok {
		r.wrong(key, "Float")
		return 0
	}
	f, err := n.Float64()
	if err != nil {
		r.wrong(key, "Float")
	}
	return f
}

func (r *reader) boolean(o object, key string) bool {
	v, ok := o[key]
	if !ok || v == nil {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		r.wrong(key, "Bool")
	}
	return b
}

// object tells also whether the value is there.
func (r *reader) object(o object, key string) (object, bool) {
	v, ok := o[key]
	if !ok || v == nil {
		return nil, false
	}
	m, ok := asObject(v)
	if !ok {
		r.wrong(key, "Object")
		return nil, false
	}
	return m, true
}

func (r *reader) objects(o object, key string) []object {
	v, ok := o[key]
	if !ok || v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.wrong(key, "Array")
		return nil
	}
	out := make([]object, 0, len(list))
	for _, e := range list {
		m, ok := asObject(e)
		if !ok {
			r.wrong(key, "Object")
			return nil
		}
		out = append(out, m)
	}
	return out
}

// strings tells also whether the value is there.
func (r *reader) strings(o object, key string) ([]string, bool) {
	v, ok := o[key]
	if !ok || v == nil {
		return nil, false
	}
	list, ok := v.([]any)
	if !ok {
		r.wrong(key, "Array")
		return nil, false
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			r.wrong(key, "String")
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// asObject accepts what encoding/json makes and what this package makes itself.
func asObject(v any) (object, bool) {
	switch m := v.(type) {
	case object:
		return m, true
	case map[string]any:
		return m, true
	}
	return nil, false
}
