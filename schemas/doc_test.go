package schemas_test

import (
	"os"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

const journalDoc = "../docs/journal.md"

func readDoc(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(journalDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The examples of the page are records and values.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	record, val := compile(t, base+"journal/record.v1.json"), compile(t, base+"journal/value.v1.json")
	blocks := strings.Split(readDoc(t), "```json\n")[1:]
	if len(blocks) != 4 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		schema := val
		if strings.HasPrefix(text, `{"v":1`) {
			schema = record
		}
		if err := schema.Validate(parse(t, []byte(text))); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if strings.Contains(text, `"events"`) {
			if _, err := journal.DecodeCommit([]byte(text)); err != nil {
				t.Error(err)
			}
		}
	}
}

// The worked example is what the code makes of it.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	doc := readDoc(t)
	state := func(n int) []byte {
		return []byte("[" + strings.Repeat(`"`+strings.Repeat("m", 1200)+`",`, n) + `"end"]`)
	}
	one, _ := value.Build("json", state(1))
	two, _ := value.Build("json", state(2))
	for _, want := range []string{
		string(encode(t, "x", value.Diff(one, nil))), string(encode(t, "x", value.Diff(two, &one))), one.ID().String(),
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("%s lacks %s", journalDoc, want)
		}
	}
}

// Every reason a record is ignored for is on the page.
func TestReasonsAreOnThePage(t *testing.T) {
	t.Parallel()
	doc := readDoc(t)
	for _, r := range []journal.Reason{
		journal.ReasonMalformed, journal.ReasonGenesis, journal.ReasonWrongKey, journal.ReasonWrongPartition,
		journal.ReasonTooLarge, journal.ReasonBadBytes, journal.ReasonStaleParent, journal.ReasonMissingBytes,
	} {
		if !strings.Contains(doc, "`"+string(r)+"`") {
			t.Errorf("%s lacks %s", journalDoc, r)
		}
	}
}
