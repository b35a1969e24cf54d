package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decoder fills a Config from the syntax tree. The library's own decoder stops
// at the first problem and cannot expand scalars, so the tree is walked here.
type decoder struct {
	expand   expander
	problems *Problems
	lines    map[string]int      // key → line, for checks that come later
	sources  map[string][]string // key → "${NAME}" where the value came from outside
	broken   map[string]bool     // keys that have a problem already
}

func decode(raw []byte, path string, env func(string) (string, bool), problems *Problems) *Config {
	d := &decoder{
		expand:   expander{env: env, dir: filepath.Dir(path)},
		problems: problems,
		lines:    map[string]int{},
		sources:  map[string][]string{},
		broken:   map[string]bool{},
	}
	text, at, err := utf8Text(raw)
	if err != nil {
		problems.add(at, "", "%s", err)
		return nil
	}
	cfg := &Config{}
	applyDefaults(cfg)
	root, err := parse(text)
	if err != nil {
		line := 1
		message := err.Error()
		// The library's text quotes the source, which may hold a secret.
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			message = syntax.Message
			if syntax.Token != nil && syntax.Token.Position != nil {
				line = syntax.Token.Position.Line
			}
		}
		problems.add(line, "", "not valid YAML: %s", message)
		return nil
	}
	if root != nil {
		d.value(root, reflect.ValueOf(cfg).Elem(), "")
	}
	d.required(reflect.ValueOf(cfg).Elem(), "")
	d.check(cfg)
	eachSecret(reflect.ValueOf(cfg), "", "", func(key, _ string) {
		for _, file := range d.filesOf(key, path) {
			if !slices.Contains(cfg.secretIn, file) {
				cfg.secretIn = append(cfg.secretIn, file)
			}
		}
	})
	return cfg
}

// parse returns nil for a file without content.
func parse(text string) (ast.Node, error) {
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, errors.New("more than one document in the file")
		}
		root = doc.Body
	}
	return root, nil
}

func (d *decoder) fail(n ast.Node, key, format string, args ...any) {
	d.problems.add(lineOf(n), key, format, args...)
	d.broken[key] = true
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func (d *decoder) value(n ast.Node, into reflect.Value, key string) {
	switch n.(type) {
	case *ast.NullNode:
		return // "key:" with nothing behind it is an absent key
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.fail(n, key, "anchors, aliases and tags are not supported")
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		applyDefaults(into.Interface())
		d.value(n, into.Elem(), key)
	case reflect.Struct:
		d.mapping(n, into, key)
	case reflect.Slice:
		d.sequence(n, into, key)
	default:
		d.scalar(n, into, key)
	}
}

func (d *decoder) mapping(n ast.Node, into reflect.Value, key string) {
	var entries []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		entries = m.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{m}
	default:
		d.fail(n, key, "must be a section of keys and values")
		return
	}
	fields := fieldsOf(into.Type())
	seen := map[string]int{}
	for _, e := range entries {
		name := strings.TrimSpace(e.Key.GetToken().Value)
		full := join(key, name)
		line := lineOf(e.Key)
		if first, dup := seen[name]; dup {
			d.fail(e.Key, full, "given twice, first on line %d", first)
			continue
		}
		seen[name] = line
		index, ok := fields[name]
		if !ok {
			d.fail(e.Key, full, "unknown key%s", suggest(fields))
			continue
		}
		d.lines[full] = line
		d.value(e.Value, into.Field(index), full)
	}
}

func (d *decoder) sequence(n ast.Node, into reflect.Value, key string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n, key, "must be a list")
		return
	}
	for i, item := range s.Values {
		full := fmt.Sprintf("%s[%d]", key, i)
		d.lines[full] = lineOf(item)
		one := reflect.New(into.Type().Elem())
		if one.Elem().Kind() == reflect.Struct {
			applyDefaults(one.Interface())
		}
		if _, null := item.(*ast.NullNode); null {
			d.fail(item, full, "is empty")
		}
		d.value(item, one.Elem(), full)
		into.Set(reflect.Append(into, one.Elem()))
	}
}

// scalar takes the text as it is written: an unquoted 007 stays 007 where text
// is wanted.
func (d *decoder) scalar(n ast.Node, into reflect.Value, key string) {
	var text string
	switch s := n.(type) {
	case *ast.StringNode:
		text = s.Value
	case *ast.LiteralNode:
		text = s.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = n.GetToken().Value
	default:
		d.fail(n, key, "must be a single value")
		return
	}
	text, sources, err := d.expand.expand(trimLineEnds(text))
	if err != nil {
		for one := range strings.SplitSeq(err.Error(), "\n") {
			d.fail(n, key, "%s", one)
		}
		return
	}
	if len(sources) > 0 {
		d.sources[key] = sources
	}
	err = unclean(text)
	if err == nil {
		err = set(into, text)
	}
	if err != nil {
		d.fail(n, key, "%s%s", err, d.from(key))
	}
}

// filesOf are the files that hold a value: that at path, where it is written out there.
func (d *decoder) filesOf(key, path string) (files []string) {
	sources := d.sources[key]
	if len(sources) == 0 {
		return []string{path}
	}
	for _, s := range sources {
		if file, ok := strings.CutPrefix(s, "${file:"); ok {
			files = append(files, d.expand.path(strings.TrimSuffix(file, "}")))
		}
	}
	return files
}

// from names where a value came from; the value itself may be a secret.
func (d *decoder) from(key string) string {
	if s := d.sources[key]; len(s) > 0 {
		return " (from " + strings.Join(s, ", ") + ")"
	}
	return ""
}

func set(into reflect.Value, text string) error {
	if into.Type() == reflect.TypeFor[time.Duration]() {
		v, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration such as 3s, 500ms or 10m")
		}
		into.SetInt(int64(v))
		return nil
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		into.SetBool(text == "true")
	case reflect.Int64:
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("must be a whole number")
		}
		into.SetInt(v)
	default:
		return fmt.Errorf("internal: no rule for %s", into.Type())
	}
	return nil
}

// required reports keys that must be there. It goes over what the file
// describes: sections that are off and lists that are empty need nothing.
func (d *decoder) required(v reflect.Value, key string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			d.required(v.Elem(), key)
		}
	case reflect.Slice:
		for i := range v.Len() {
			d.required(v.Index(i), fmt.Sprintf("%s[%d]", key, i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := f.Tag.Get("yaml")
			if name == "" {
				continue
			}
			full := join(key, name)
			if f.Tag.Get("required") != "" && v.Field(i).IsZero() {
				d.missing(full, key)
			}
			d.required(v.Field(i), full)
		}
	}
}

func (d *decoder) missing(key, section string) {
	if d.broken[key] || d.broken[section] {
		return
	}
	d.broken[key] = true
	if line, given := d.lines[key]; given {
		d.problems.add(line, key, "is empty%s", d.from(key))
		return
	}
	d.problems.add(d.lines[section], key, "is missing")
}

func applyDefaults(p any) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("yaml") == "" {
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			applyDefaults(v.Field(i).Addr().Interface())
			continue
		}
		if text, ok := f.Tag.Lookup("default"); ok {
			if err := set(v.Field(i), text); err != nil {
				panic("config: default of " + f.Name + ": " + err.Error()) // a test covers every tag
			}
		}
	}
}

func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			fields[name] = i
		}
	}
	return fields
}

func suggest(fields map[string]int) string {
	return "; known here: " + strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}
