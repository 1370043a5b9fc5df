package schemas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// published is where the sums of the schemas that others build on are recorded. What
// they say is promised, how it is described is not. The commands of nodes to one
// another and the files of the catalog are no promise: they may be given more.
const published = "testdata/PUBLISHED"

func TestPublishedSchemasNeverChange(t *testing.T) {
	t.Parallel()
	now := map[string][]byte{}
	for file, schema := range schemasByFile(t) {
		if strings.HasPrefix(file, "commands/") || strings.HasPrefix(file, "flows/") {
			continue
		}
		raw, err := json.Marshal(withoutProse(schema))
		if err != nil {
			t.Fatal(err)
		}
		now[file] = raw
	}
	promised(t, published, now)
}

// A new version of a type may add to the one before it, never change it: who reads
// the old one can read the new one.
func TestNewVersionsOnlyAdd(t *testing.T) {
	t.Parallel()
	all := schemasByFile(t)
	version := regexp.MustCompile(`^(.*\.v)(\d+)\.json$`)
	for file, schema := range all {
		parts := version.FindStringSubmatch(file)
		if parts == nil {
			t.Errorf("%s has no version in its name", file)
			continue
		}
		n, err := strconv.Atoi(parts[2])
		if err != nil || n == 1 {
			continue
		}
		before := parts[1] + strconv.Itoa(n-1) + ".json"
		old, ok := all[before]
		if !ok {
			t.Errorf("%s follows no version: %s is not there", file, before)
			continue
		}
		for _, broken := range changed(old, schema) {
			t.Errorf("%s is no addition to %s: %s", file, before, broken)
		}
	}
}

func TestChangesAreSeen(t *testing.T) {
	t.Parallel()
	const old = `{"type":"object","description":"d","properties":{"a":{"type":"string","description":"x"},"b":{"type":"integer"}},"required":["a"]}`
	for name, c := range map[string]struct{ schema, want string }{
		"the same":             {old, ""},
		"more and other prose": {`{"type":"object","properties":{"a":{"type":"string","description":"y"},"b":{"type":"integer"},"c":{}},"required":["a","c"]}`, ""},
		"one less":             {`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`, "b is gone"},
		"another type":         {`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a"]}`, "a is another"},
		"no longer sure":       {`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`, "a may be missing"},
	} {
		got := strings.Join(changed(object(t, old), object(t, c.schema)), "; ")
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// changed lists what readers of the old schema would miss in what the new one allows.
func changed(old, now map[string]any) []string {
	var out []string
	before, after := members(old["properties"]), members(now["properties"])
	for _, name := range slices.Sorted(maps.Keys(before)) {
		there, ok := after[name]
		switch {
		case !ok:
			out = append(out, name+" is gone")
		case !reflect.DeepEqual(withoutProse(before[name]), withoutProse(there)):
			out = append(out, name+" is another")
		}
	}
	required, _ := old["required"].([]any)
	still, _ := now["required"].([]any)
	for _, name := range required {
		if !slices.Contains(still, name) {
			out = append(out, fmt.Sprintf("%v may be missing", name))
		}
	}
	return out
}

func members(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// withoutProse drops what describes a schema for people.
func withoutProse(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if _, text := member.(string); !text || name != "description" && name != "title" {
				out[name] = withoutProse(member)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutProse(v[i])
		}
		return out
	}
	return v
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func schemasByFile(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for folder, files := range folders() {
		for _, name := range names(t, files, folder) {
			raw, err := files.ReadFile(path.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			out[folder+"/"+name] = object(t, string(raw))
		}
	}
	return out
}
