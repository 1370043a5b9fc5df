package e2e_test

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestCommandsOfTheWebhookPage runs what docs/webhooks.md tells people to type.
func TestCommandsOfTheWebhookPage(t *testing.T) {
	t.Parallel()
	d, r := hooked(t, 0)
	d.start()
	var list, ran []string
	for _, line := range commandsOf(t, "docs", "webhooks.md") {
		words := strings.Fields(line)
		switch {
		case words[0] != "duolog" || words[1] == "dev":
			continue // they stay up: this test has its own
		case words[1] == "ask":
			words = append(words[:2], strings.Trim(strings.Join(words[2:], " "), `"`))
		}
		for i, word := range words {
			switch word {
			case "$ID":
				words[i] = list[0]
			case "$WORKFLOW":
				words[i] = list[3]
			}
		}
		out := d.must(words[1:]...)
		if words[1] == "ask" {
			r.heard(t, d.only("what changed in the last 10 commits?").ID)
			d.settled()
		}
		if words[2] == "list" && !strings.Contains(line, "--missing") {
			if list = strings.Fields(out); len(list) < 4 { // id, day, time, workflow
				t.Fatalf("%s: %s", line, out)
			}
		}
		ran = append(ran, line)
	}
	if len(ran) != 8 {
		t.Errorf("it has %d commands: %v", len(ran), ran)
	}
	d.stop()
}

// commandsOf are the lines of the sh blocks of a page.
func commandsOf(t *testing.T, page ...string) []string {
	t.Helper()
	var out []string
	for _, block := range fleettest.Blocks(t, fleettest.Read(t, append([]string{"..", ".."}, page...)...), "sh") {
		out = append(out, strings.Split(strings.TrimSpace(block), "\n")...)
	}
	return out
}
