package dianpingtest

import (
	"encoding/json"
	"errors"
	"strconv"
)

// argsFault keeps the first thing found wrong with business parameters, so that
// they can be read one after the other and judged once.
type argsFault struct {
	wrong string
}

func (f *argsFault) fail(what, name string) {
	if f.wrong == "" {
		f.wrong = what + " " + name
	}
}

// malformed is the refusal of bad parameters, or nil.
func (f *argsFault) malformed() *refusal {
	if f.wrong == "" {
		return nil
	}
	return refuseFor(codeUnreadable, f.wrong)
}

// formArgs reads business parameters of the first generation.
type formArgs struct {
	argsFault
	fields map[string]string
}

// text is a parameter that must be there.
func (a *formArgs) text(name string) string {
	if a.fields[name] == "" {
		a.fail("缺少参数", name)
	}
	return a.fields[name]
}

// number is a whole number; def where it was not sent.
func (a *formArgs) number(name string, def int64) int64 {
	text := a.fields[name]
	if text == "" {
		return def
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		a.fail("参数格式错误", name)
	}
	return n
}

// mustNumber is a whole number that must be there.
func (a *formArgs) mustNumber(name string) int64 {
	a.text(name)
	return a.number(name, 0)
}

// bizArgs reads the second generation's business parameters. Types are taken at
// their word: a number where text is documented is wrong, and the other way
// round.
type bizArgs struct {
	argsFault
	fields map[string]json.RawMessage
}

func (a *bizArgs) parse(text string) {
	err := json.Unmarshal([]byte(text), &a.fields)
	if err == nil && a.fields == nil {
		err = errors.New("null")
	}
	if err != nil {
		a.fields = nil
		a.fail("不是JSON对象", "biz")
	}
	for name, value := range a.fields {
		if string(value) == "null" {
			delete(a.fields, name)
		}
	}
}

func (a *bizArgs) read(name string, into any) {
	if err := json.Unmarshal(a.fields[name], into); err != nil {
		a.fail("参数类型错误", name)
	}
}

// text is a parameter that must be there, as text.
func (a *bizArgs) text(name string) (s string) {
	if a.fields[name] != nil {
		a.read(name, &s)
	}
	if s == "" {
		a.fail("缺少参数", name)
	}
	return s
}

// number is a whole number; def where it was not sent.
func (a *bizArgs) number(name string, def int64) int64 {
	if a.fields[name] == nil {
		return def
	}
	var n int64
	a.read(name, &n)
	return n
}

// mustNumber is a whole number that must be there.
func (a *bizArgs) mustNumber(name string) int64 {
	if a.fields[name] == nil {
		a.fail("缺少参数", name)
	}
	return a.number(name, 0)
}
