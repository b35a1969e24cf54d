package models

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gorm.io/gorm/schema"
)

func init() { schema.RegisterSerializer("utc", utc{}) }

// stampLayout is how a time goes to the database. It has a fixed width, so that
// SQLite, which keeps it as text, compares in the order of time; MySQL reads it
// as a DATETIME(6).
const stampLayout = "2006-01-02 15:04:05.000000"

// moment is a time as the database keeps it: UTC, whole microseconds. What the
// database cannot keep (years before 1000 or after 9999) is no time at all.
func moment(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < 1000 || y > 9999 {
		return time.Time{}
	}
	return t
}

// stamp is a time as an argument of a statement; the zero time is NULL.
func stamp(t time.Time) any {
	if t = moment(t); t.IsZero() {
		return nil
	}
	return t.Format(stampLayout)
}

// utc is GORM's serializer of every time column.
type utc struct{}

func (utc) Value(_ context.Context, _ *schema.Field, _ reflect.Value, value any) (any, error) {
	t, ok := value.(time.Time)
	if !ok {
		return nil, fmt.Errorf("models: %T is not a time", value)
	}
	return stamp(t), nil
}

func (utc) Scan(ctx context.Context, field *schema.Field, dst reflect.Value, value any) error {
	t, err := readTime(field.DBName, value)
	if err != nil {
		return err
	}
	field.ReflectValueOf(ctx, dst).Set(reflect.ValueOf(t))
	return nil
}

// readTime reads a time column in whatever form the driver has it; NULL is the zero
// time.
func readTime(column string, value any) (time.Time, error) {
	switch v := value.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return v.UTC(), nil
	case string:
		return time.Parse(stampLayout, v)
	case []byte:
		return time.Parse(stampLayout, string(v))
	}
	return time.Time{}, fmt.Errorf("models: column %s: cannot read a time from %T", column, value)
}

// tidy gives a row as it will be read back: times as the database keeps them,
// text valid UTF-8 without NUL and no longer than its column ("size" in the gorm
// tag, in characters). A platform's endless message must never be the reason
// that an outcome cannot be recorded.
func tidy[T any](row T) T {
	v := reflect.ValueOf(&row).Elem()
	for _, c := range tidyPlan(v.Type()) {
		f := v.FieldByIndex(c.index)
		if c.text {
			f.SetString(clip(f.String(), c.size))
		} else {
			f.Set(reflect.ValueOf(moment(f.Interface().(time.Time))))
		}
	}
	return row
}

type tidyColumn struct {
	index []int
	text  bool
	size  int // characters; 0: no limit
}

var tidyPlans sync.Map // reflect.Type → []tidyColumn

func tidyPlan(t reflect.Type) []tidyColumn {
	if p, ok := tidyPlans.Load(t); ok {
		return p.([]tidyColumn)
	}
	plan := tidyColumns(t, nil)
	tidyPlans.Store(t, plan)
	return plan
}

func tidyColumns(t reflect.Type, outer []int) (plan []tidyColumn) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("gorm") == "-" {
			continue
		}
		index := append(outer[:len(outer):len(outer)], i)
		switch {
		case f.Type == reflect.TypeFor[time.Time]():
			plan = append(plan, tidyColumn{index: index})
		case f.Type.Kind() == reflect.Struct: // all of it: Outcome.Code hides behind Operation.Code
			plan = append(plan, tidyColumns(f.Type, index)...)
		case f.Type.Kind() == reflect.String:
			size, _ := strconv.Atoi(schema.ParseTagSetting(f.Tag.Get("gorm"), ";")["SIZE"])
			plan = append(plan, tidyColumn{index: index, text: true, size: size})
		}
	}
	return plan
}

func clip(s string, size int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if size <= 0 || len(s) <= size {
		return s
	}
	n := 0
	for i := range s {
		if n == size {
			return s[:i]
		}
		n++
	}
	return s
}

// identity checks the values that tell rows apart. They are refused rather than
// tidied, for two that differ must never become the same.
func identity(what string, size int, values ...string) error {
	for _, s := range values {
		if s == "" || utf8.RuneCountInString(s) > size || clip(s, 0) != s {
			return failed(what, ErrInvalid)
		}
	}
	return nil
}

// fold makes userids comparable; WeCom's are not case-sensitive.
func fold(userID string) string { return strings.ToLower(strings.TrimSpace(userID)) }
