package schemas_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/schemas"
)

func asyncAPI(t *testing.T) map[string]any {
	t.Helper()
	raw, err := schemas.Public.ReadFile("asyncapi.yaml")
	if err == nil {
		raw, err = yaml.YAMLToJSON(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return object(t, string(raw))
}

// at follows a path into a document.
func at(v any, path ...string) any {
	for _, name := range path {
		v = members(v)[name]
	}
	return v
}

// TestAsyncAPINamesAll: every command, answer and event is in the description, and
// whatever it refers to is there.
func TestAsyncAPINamesAll(t *testing.T) {
	t.Parallel()
	doc := asyncAPI(t)
	var events []string
	for _, r := range rows() {
		if r.folder == "events" {
			events = append(events, r.name)
		}
	}
	for channel, want := range map[string][]string{"commands": entry.Types(), "replies": answers, "events": events} {
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(members(at(doc, "channels", channel, "messages")))); !slices.Equal(got, want) {
			t.Errorf("channel %s has %v, want %v", channel, got, want)
		}
	}
	refs(doc, func(ref string) {
		if inside, ours := strings.CutPrefix(ref, "#/"); ours {
			if at(doc, strings.Split(inside, "/")...) == nil {
				t.Errorf("%s is not there", ref)
			}
		} else if _, err := fs.Stat(schemas.Public, filepath.Clean(ref)); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	})
}

func refs(v any, each func(ref string)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			each(ref)
		}
		for _, member := range v {
			refs(member, each)
		}
	case []any:
		for _, member := range v {
			refs(member, each)
		}
	}
}

// TestAsyncAPIDescribesEvents: the record of every golden event is what the
// description says, headers and value.
func TestAsyncAPIDescribesEvents(t *testing.T) {
	t.Parallel()
	c, described := compiler(t), asyncAPI(t)
	if err := c.AddResource(base+"asyncapi.json", described); err != nil {
		t.Fatal(err)
	}
	must := func(pointer string) *jsonschema.Schema {
		s, err := c.Compile(base + "asyncapi.json#/components/" + pointer)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	headers := must("schemas/eventHeaders")
	for _, r := range rows() {
		if r.folder != "events" {
			continue
		}
		payload := must("messages/" + r.name + "/payload")
		m := recordOf(t, r)
		got := map[string]any{}
		for _, h := range m.Headers {
			got[h.Key] = string(h.Value)
		}
		if err := headers.Validate(got); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		for name := range got {
			if at(described, "components", "schemas", "eventHeaders", "properties", name) == nil {
				t.Errorf("%s has a header %s that is not described", r.name, name)
			}
		}
		if err := payload.Validate(parse(t, m.Value)); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// recordOf is the record that is published of the golden event of a type.
func recordOf(t *testing.T, r row) journal.Message {
	t.Helper()
	raw, err := os.ReadFile("events/testdata/" + r.name + ".full.json")
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := json.Compact(&data, raw); err != nil {
		t.Fatal(err)
	}
	kind, version, _ := strings.Cut(r.name, ".v")
	v, err := strconv.Atoi(version)
	if err != nil {
		t.Fatal(err)
	}
	commit := journal.Commit{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}, ID: uuid.New(), Time: time.Now().UTC(),
		Principal: domain.Principal{User: "mia"}, Command: journal.CommandRef{ID: uuid.New()}, Events: []journal.Event{{Type: kind, V: v, Data: data.Bytes()}},
	}
	m, err := feed.Of(commit, domain.Position{Partition: 3, Offset: 42})[0].Message(3, 4, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	return m
}
