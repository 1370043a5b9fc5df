package config_test

import (
	"flag"
	"os"
	"testing"

	"github.com/duolog/duolog/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

// TestTheReferenceIsThePage: docs/configuration.md says what the code does.
func TestTheReferenceIsThePage(t *testing.T) {
	const page = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(page, []byte(config.Reference()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != config.Reference() {
		t.Errorf("the page is stale (%v): go test ./internal/config -update", err)
	}
}
