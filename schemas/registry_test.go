package schemas_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"path"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/schemas"
)

const base = "https://duolog.dev/schemas/"

// row is one version of an event or command as the code knows it.
type row struct {
	folder, name string
	// sample is a Go value of the type, decode reads one from data.
	sample func() any
	decode func(json.RawMessage) (any, error)
}

func (r row) url() string { return base + r.folder + "/" + r.name + ".json" }

// rows are the registries of the domain, all of them.
func rows() []row {
	var out []row
	for _, e := range workflow.Events() {
		out = append(out, eventRow(e.Type, e.V, func(d json.RawMessage) (any, error) { return e.Decode(d) }))
	}
	for _, e := range conversation.Events() {
		out = append(out, eventRow(e.Type, e.V, func(d json.RawMessage) (any, error) { return e.Decode(d) }))
	}
	for _, e := range directory.Events() {
		out = append(out, eventRow(e.Type, e.V, func(d json.RawMessage) (any, error) { return e.Decode(d) }))
	}
	for _, c := range workflow.Commands() {
		out = append(out, commandRow(c.Type, c.V, func() any { return c.New() }))
	}
	for _, c := range conversation.Commands() {
		out = append(out, commandRow(c.Type, c.V, func() any { return c.New() }))
	}
	for _, c := range directory.Commands() {
		out = append(out, commandRow(c.Type, c.V, func() any { return c.New() }))
	}
	return out
}

func eventRow(name string, v int, decode func(json.RawMessage) (any, error)) row {
	sample := func() any {
		e, err := decode(json.RawMessage("{}"))
		if err != nil {
			panic(err)
		}
		p := reflect.New(reflect.TypeOf(e))
		return p.Interface()
	}
	return row{"events", journal.TypeName(name, v), sample, decode}
}

func commandRow(name string, v int, sample func() any) row {
	decode := func(d json.RawMessage) (any, error) {
		c := sample()
		return c, json.Unmarshal(d, c)
	}
	return row{"commands", journal.TypeName(name, v), sample, decode}
}

func folders() map[string]embed.FS {
	return map[string]embed.FS{"events": schemas.Events, "commands": schemas.Commands, "inbox": schemas.Inbox, "journal": schemas.Journal, "flows/schema": schemas.Flows}
}

// compiler knows every embedded schema by its address.
func compiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for folder, files := range folders() {
		for _, name := range names(t, files, folder) {
			raw, err := files.ReadFile(path.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.AddResource(base+folder+"/"+name, parse(t, raw)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

func names(t *testing.T, files embed.FS, folder string) []string {
	t.Helper()
	entries, err := files.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func compile(t *testing.T, url string) *jsonschema.Schema {
	t.Helper()
	s, err := compiler(t).Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func parse(t fataler, raw []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return doc
}

func encode(t fataler, name string, data any) []byte {
	t.Helper()
	e, err := journal.NewEvent(name, 1, data)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return e.Data
}
