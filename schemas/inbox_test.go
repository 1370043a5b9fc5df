package schemas_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/duolog/duolog/handlers/entry"
)

// answers are the types that Duolog itself writes to the topics of those who ask.
var answers = []string{"accepted.v1", "refused.v1"}

// Every command that others may send, and every answer, has its schema and golden
// files that it takes, and there is no schema of anything else.
func TestInbox(t *testing.T) {
	t.Parallel()
	var want []string
	for _, name := range append(entry.Types(), answers...) {
		want = append(want, name+".json")
		schema := compile(t, base+"inbox/"+name+".json")
		for _, kind := range []string{"minimal", "full"} {
			raw, err := os.ReadFile(filepath.Join("inbox/testdata", name+"."+kind+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(parse(t, raw)); err != nil {
				t.Errorf("%s %s: %v", name, kind, err)
			}
		}
	}
	slices.Sort(want)
	if got := names(t, folders()["inbox"], "inbox"); !slices.Equal(got, want) {
		t.Errorf("schemas of %v, want %v", got, want)
	}
}
