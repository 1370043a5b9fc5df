package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain/value"
)

// The golden records of the journal are what the schema says.
func TestRecordsAreValid(t *testing.T) {
	t.Parallel()
	schema := compile(t, base+"journal/record.v1.json")
	files, err := filepath.Glob("../domain/journal/testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(raw, []byte("\nvalue "))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		doc := parse(t, line)
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		object, ok := doc.(map[string]any)
		if !ok {
			t.Fatalf("%s is not an object", file)
		}
		if object["a_field_nobody_knows"] = 1; schema.Validate(object) == nil {
			t.Errorf("%s: an unknown field is valid", file)
		}
	}
}

func TestManifestsAndNodesAreValid(t *testing.T) {
	t.Parallel()
	raw := []byte("[" + strings.Repeat(`"`+strings.Repeat("x", 100)+`",`, 200) + "1]")
	m, blobs := value.Build("json", raw)
	_, manifest := value.Spill(m)
	if err := compile(t, base+"journal/value.v1.json#/$defs/manifest").Validate(parse(t, manifest.Bytes)); err != nil {
		t.Error(err)
	}
	node, nodes := compile(t, base+"journal/value.v1.json#/$defs/node"), 0
	for _, b := range blobs {
		if json.Valid(b.Bytes) && bytes.HasPrefix(b.Bytes, []byte(`[{"`)) {
			nodes++
			if err := node.Validate(parse(t, b.Bytes)); err != nil {
				t.Error(err)
			}
		}
	}
	if nodes == 0 {
		t.Error("no nodes")
	}
}
