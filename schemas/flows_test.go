package schemas_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/schemas"
)

// TestFlowsAreValid: each file of the catalog is what its schema says, is named after its
// reference, and is read; one with an unknown member is not valid.
func TestFlowsAreValid(t *testing.T) {
	t.Parallel()
	catalog, err := flows.Load(schemas.Flows)
	if err != nil {
		t.Fatal(err)
	}
	schema := compile(t, base+"flows/schema/flow.v1.json")
	files, err := fs.Glob(schemas.Flows, "flows/*.json")
	if err != nil || len(files) != len(catalog.References()) || len(files) < 13 {
		t.Fatalf("%d files, %d flows, %v", len(files), len(catalog.References()), err)
	}
	for _, file := range files {
		raw, err := schemas.Flows.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(parse(t, raw)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		doc := object(t, string(raw))
		reference, _ := doc["reference"].(string)
		if want := strings.ReplaceAll(reference, "/", ".") + ".json"; path.Base(file) != want {
			t.Errorf("%s holds %s", file, reference)
		}
		if doc["a_field_nobody_knows"] = true; schema.Validate(doc) == nil {
			t.Errorf("%s: an unknown field is valid", file)
		}
	}
}
