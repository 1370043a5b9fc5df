package telemetry_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/telemetry"
)

var update = flag.Bool("update", false, "write the table of metrics in docs/observability.md")

// TestThePageListsTheMetrics: docs/observability.md says what a scrape shows.
func TestThePageListsTheMetrics(t *testing.T) {
	t.Parallel()
	const (
		page  = "../../docs/observability.md"
		begin = "<!-- Made from the registry: go test ./internal/telemetry -update -->\n"
		end   = "\n<!-- End of what is made. -->"
	)
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, began := strings.Cut(string(raw), begin)
	_, after, ended := strings.Cut(rest, end)
	if !began || !ended {
		t.Fatal("the page has no place for the table")
	}
	want := before + begin + table() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(raw) != want {
		t.Error("the page is stale: go test ./internal/telemetry -update")
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("\n| metric | kind | labels | |\n|---|---|---|---|\n")
	for _, d := range telemetry.Definitions() {
		labels := ""
		if len(d.Labels) > 0 {
			labels = "`" + strings.Join(d.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Kind, labels, d.Help)
	}
	return b.String()
}
