package gitlab

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/handlers/engine"
)

// TestResumeArguments: the executor of GitLab Duo learns a decision from its arguments.
func TestResumeArguments(t *testing.T) {
	t.Parallel()
	for decided, want := range map[string]string{
		"": " websocket", "true": " --approval true", "false": ` --approval false --rejection-reason "$DUOLOG_APPROVAL_MESSAGE"`,
	} {
		got := script(Config{}, engine.Start{Env: map[string]string{engine.EnvApproval: decided}})
		if len(got) != 1 || !strings.HasSuffix(got[0], want) || !strings.HasPrefix(got[0], "duo run --existing-session-id ") {
			t.Errorf("decided %q: %q, want it to end with %q", decided, got, want)
		}
	}
	if got := script(Config{Script: []string{"agent"}}, engine.Start{Env: map[string]string{engine.EnvApproval: "true"}}); len(got) != 1 || got[0] != "agent" {
		t.Errorf("a script of one's own became %q", got)
	}
}
