package agent

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGoesOnWithoutADeniedTool: what may not be used is not used, stands in the
// conversation with the reason and the fix, and the answer is given all the same.
func TestGoesOnWithoutADeniedTool(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.denied = toolRead
	if err := w.ask(t, newRepo(t), "what changed in the last 10 commits?"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.asked, []string{toolLog, toolRead}) || w.status != "finished" {
		t.Errorf("asked for %v, %s", w.asked, w.status)
	}
	said := w.chat(t)[2]
	if said.MessageType != "tool" || *said.Status != "failure" || said.ToolInfo.ToolResponse != "read_file is not allowed: refused by the test (try something else)" {
		t.Errorf("%+v", said)
	}
	if got := w.lastAnswer(t); !strings.Contains(got, "Three commits by two people") || strings.Contains(got, "Harbour") {
		t.Errorf("%s", got)
	}
}

// TestRemembersWhatIsAllowed: a tool that is used again is asked about when the time of
// the answer is over, one that was denied each time.
func TestRemembersWhatIsAllowed(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.denied = toolGrep
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	p := &permits{api: &client{base: w.URL, token: token, workflow: "1003", http: w.Client(), now: clock}, now: clock, until: map[string]time.Time{}}
	for _, step := range []struct {
		tool    string
		after   time.Duration
		allowed bool
		asked   int
	}{{toolRead, 0, true, 1}, {toolRead, 59 * time.Second, true, 1}, {toolLog, 0, true, 2}, {toolRead, time.Second, true, 3}, {toolGrep, 0, false, 4}, {toolGrep, 0, false, 5}} {
		now = now.Add(step.after)
		err := p.ask(t.Context(), st(step.tool))
		if (err == nil) != step.allowed || len(w.asked) != step.asked {
			t.Errorf("%s: %v, asked %v", step.tool, err, w.asked)
		}
	}
}

func st(tool string) step { return step{Tool: tool, Path: strings.Repeat("é", maxArguments)} }
