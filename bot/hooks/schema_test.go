package hooks

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const document = "../../docs/hooks.openapi.yaml"

// read is a YAML file as JSON Schema knows values.
func read(t *testing.T, path string, change func(text []byte) []byte) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		text = change(text)
	}
	if text, err = yaml.YAMLToJSON(text); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// schema is the published one, but that it lets nothing through that it does not name.
type schema struct {
	kinds   map[string]*jsonschema.Schema
	headers map[string]*jsonschema.Schema
}

var objects = regexp.MustCompile(`(?m)^( *)type: object$`)

func openAPI(t *testing.T) schema {
	t.Helper()
	strict := read(t, document, func(text []byte) []byte {
		return objects.ReplaceAll(text, []byte("${1}type: object\n${1}additionalProperties: false"))
	})
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020) // of OpenAPI 3.1
	c.AssertFormat()
	if err := c.AddResource("hooks", strict); err != nil {
		t.Fatal(err)
	}
	s := schema{map[string]*jsonschema.Schema{}, map[string]*jsonschema.Schema{}}
	for _, kind := range Kinds {
		s.kinds[kind] = compile(t, c, "hooks#/webhooks/"+kind+"/post/requestBody/content/application~1json/schema")
	}
	for _, name := range []string{"ID", "Timestamp", "Signature"} {
		parameter := member(t, strict, "components", "parameters", name)
		s.headers[member(t, parameter, "name").(string)] = compile(t, c, "hooks#/components/parameters/"+name+"/schema")
	}
	return s
}

func compile(t *testing.T, c *jsonschema.Compiler, at string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// member goes down into a document.
func member(t *testing.T, value any, names ...string) any {
	t.Helper()
	for _, name := range names {
		section, ok := value.(map[string]any)
		if !ok || section[name] == nil {
			t.Fatalf("the document has no %s", strings.Join(names, "."))
		}
		value = section[name]
	}
	return value
}

// validate holds a request against what the document says of its kind.
func (s schema) validate(t *testing.T, r request) {
	t.Helper()
	if s.kinds[r.kind] == nil {
		t.Fatalf("the document does not know %s", r.kind)
	}
	if err := s.check(r.kind, r.body); err != nil {
		t.Errorf("%s: %v\n%s", r.kind, err, r.body)
	}
	for name, header := range s.headers {
		if err := header.Validate(r.header.Get(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (s schema) check(kind string, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.kinds[kind].Validate(value)
}

// The document is OpenAPI 3.1, by the schema that the OpenAPI Initiative publishes for it,
// and has each kind of event and nothing else.
func TestDocument(t *testing.T) {
	t.Parallel()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi", read(t, "testdata/openapi/openapi-3.1.schema.json", nil)); err != nil {
		t.Fatal(err)
	}
	doc := read(t, document, nil)
	rules := compile(t, c, "openapi")
	if err := rules.Validate(doc); err != nil {
		t.Error(err)
	}
	webhooks := member(t, doc, "webhooks").(map[string]any)
	if len(webhooks) != len(Kinds) {
		t.Errorf("%d kinds, and %d in the document", len(Kinds), len(webhooks))
	}
	for _, kind := range Kinds {
		list, _ := json.Marshal(member(t, webhooks, kind, "post", "parameters"))
		if n := strings.Count(string(list), "#/components/parameters/"); n != 3 {
			t.Errorf("%s has %d headers", kind, n)
		}
	}
	delete(webhooks[Redeemed].(map[string]any)["post"].(map[string]any)["requestBody"].(map[string]any), "content")
	if rules.Validate(doc) == nil {
		t.Error("a body without content is let through")
	}
}

// What is not as the document says is found.
func TestSchemaIsStrict(t *testing.T) {
	t.Parallel()
	s := openAPI(t)
	good, err := os.ReadFile("../../docs/hooks/redeemed.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check(Redeemed, good); err != nil {
		t.Fatal(err)
	}
	for old, bad := range map[string]string{
		`"type": "redeemed"`: `"type": "undone"`, `"title"`: `"titel"`, `"count": 2`: `"count": "2"`, `"visit": 1`: `"visit": 1, "handle": "x"`,
		`"timestamp": "2026`: `"timestamp": "26`, `"code": "meituan"`: `"code": "美团"`,
	} {
		text := strings.Replace(string(good), old, bad, 1)
		if s.check(Redeemed, []byte(text)) == nil {
			t.Errorf("%s in place of %s is let through", bad, old)
		}
	}
}
