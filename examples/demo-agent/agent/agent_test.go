package agent

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	repo := newRepo(t)
	for question, facts := range map[string][]string{
		"@duo what changed in the last 10 commits?": {
			"The repository has only three commits so far. Three commits by two people touch 6 files of Harbour; most of it is in dock/ (3 files).",
			"The latest is “Write down the <rules> & more” by Ada, 3 October 2026", "- Ships may leave — Bob",
		},
		"what changed in the last two commits?":  {"Two commits by two people touch 2 files of Harbour"},
		"What's new?":                            {"Three commits by two people"},
		"what changed in the last commit?":       {"One commit by one person touches 1 file of Harbour"},
		"what changed in docs/ recently?":        {"One commit by one person touches 1 file in docs/"},
		"who touched dock/ last?":                {"Bob touched dock/ last, on 3 October 2026: “Ships may leave”", "Of the last two commits there, Ada made 1 and Bob 1"},
		"who last touched the file `dock.go`?":   {"Ada touched dock/dock.go last", "only commit"},
		"Who edited nowhere/at-all.txt?":         {"Nobody has committed anything under nowhere/at-all.txt"},
		"where is Moor defined?":                 {"Moor is defined in dock/dock.go:5: `func Moor(ship string) error {`", "2 files"},
		"where is the type dock.Crane declared?": {"dock/crane.go:3: `type Crane struct{}`"},
		"where is Lift() implemented":            {"dock/crane.go:5"},
		"where is Anchor defined?":               {"no definition of Anchor", "No tracked file mentions Anchor"},
		"where is Moor used?":                    {"Moor stands on 3 lines of 2 files", "dock/crane.go:5"},
		"find no wake":                           {"docs/rules.md:3: `No wake.`"},
		"what is in README.md?":                  {"README.md has 7 lines", "“Harbour”", "Harbour keeps ships in order.", "Its sections are Use", "First steps"},
		"what is in the readme":                  {"README.md has 7 lines"},
		"show me dock/dock.go":                   {"Go package dock", "Package dock moors ships.", "It declares Moor"},
		"what is in dock/":                       {"dock/ holds 3 tracked files", "crane.go"},
		"how many files and lines are in dock/?": {"dock has 3 files tracked by git, with 15 lines", ".go (3 files)"},
		"how many files are there?":              {"The repository has 6 files"},
		"how many commits are there?":            {"Two people have made 3 commits", "Ada made 2 and Bob 1"},
		"who contributes here?":                  {"Ada made 2"},
		"what is this repository about?":         {"Harbour: Harbour keeps ships in order.", "6 files", "The latest commit is"},
		"which branch are we on?":                {"The branch is main", "1 change that is not committed"},
		"make me a sandwich":                     {"I answer questions about the git repository", "where is Admit defined"},
		"":                                       {"I answer questions"},
		// What must not be seen or done.
		"what is in .env?":                {"could not read .env", "no tracked file"},
		"what is in ../../../etc/passwd":  {"could not read", "no tracked file"},
		"read .git/config":                {"could not read .git/config"},
		"show me --output=pwn":            {"--output=pwn has 1 line"},
		"who touched --output=pwn last?":  {"Ada touched --output=pwn last"},
		"where is -O/bin/sh used?":        {"No tracked file mentions -O/bin/sh"},
		"who touched :(exclude)* lately?": {"Nobody has committed anything under :(exclude)*"},
	} {
		t.Run(question, func(t *testing.T) {
			t.Parallel()
			w := newWire(t)
			if err := w.ask(t, repo, question); err != nil {
				t.Fatal(err)
			}
			answer := w.lastAnswer(t)
			for _, fact := range facts {
				if !strings.Contains(answer, fact) {
					t.Errorf("no %q in\n%s", fact, answer)
				}
			}
			if strings.Contains(answer, "hunter2") || w.status != "finished" {
				t.Errorf("status %s, answer\n%s", w.status, answer)
			}
		})
	}
}

func TestProtocolOfARun(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	if err := w.ask(t, newRepo(t), "what changed in the last 10 commits?"); err != nil {
		t.Fatal(err)
	}
	want := []string{"start", "checkpoint", "checkpoint", "checkpoint", "checkpoint", "checkpoint", "finish"}
	if !slices.Equal(w.trace, want) {
		t.Errorf("order %v", w.trace)
	}
	first := w.posted[0]
	if first.ParentTS != nil || first.Metadata.Step != -1 || first.Metadata.Source != "input" || len(first.Checkpoint.ChannelValues) != 1 || first.Checkpoint.ChannelValues["__start__"] == nil {
		t.Errorf("first checkpoint %+v", first)
	}
	for i, p := range w.posted {
		if p.Metadata.Step != i-1 || p.Checkpoint.ID != p.ThreadTS || p.Checkpoint.V != 4 {
			t.Errorf("checkpoint %d: %+v", i, p)
		}
		if i > 1 && !bytes.HasPrefix(p.Checkpoint.ChannelValues["ui_chat_log"], bytes.TrimSuffix(w.posted[i-1].Checkpoint.ChannelValues["ui_chat_log"], []byte("]"))) {
			t.Errorf("checkpoint %d rewrites what was said before", i)
		}
	}
	log := w.chat(t)
	types := make([]string, 0, len(log))
	for _, e := range log {
		types = append(types, e.MessageType)
	}
	if !slices.Equal(types, []string{"user", "tool", "tool", "agent"}) {
		t.Errorf("conversation %v", types)
	}
	tool := log[1]
	if tool.ToolInfo == nil || tool.ToolInfo.Name != "git_log" || tool.Content != "git log -n 10 --stat" || *tool.Status != "success" || !strings.Contains(tool.ToolInfo.ToolResponse, "+7 -0 dock/dock.go") {
		t.Errorf("tool entry %+v", tool)
	}
	if bytes.Contains(w.posted[4].Checkpoint.ChannelValues["ui_chat_log"], []byte(`\u003c`)) {
		t.Error("the log is escaped and hard to read")
	}
}

func TestCarriesOnWhereAKilledRunStopped(t *testing.T) {
	t.Parallel()
	repo := newRepo(t)
	// A run makes 11 requests; it is cut off at each of them in turn.
	for cut := 1; cut <= 11; cut++ {
		w := newWire(t)
		w.fail = func(n int, _ *http.Request) int {
			if n >= cut {
				return http.StatusConflict
			}
			return 0
		}
		if err := w.ask(t, repo, "what changed in the last 10 commits?"); err == nil {
			t.Fatalf("cut at %d: no error", cut)
		}
		w.fail = func(int, *http.Request) int { return 0 }
		if err := w.ask(t, repo, "what changed in the last 10 commits?"); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if log := w.chat(t); len(log) != 4 || len(w.posted) != 5 || w.status != "finished" {
			t.Errorf("cut at %d: %d messages, %d checkpoints, %s", cut, len(log), len(w.posted), w.status)
		}
		if got := w.lastAnswer(t); !strings.Contains(got, "Three commits by two people") {
			t.Errorf("cut at %d: %s", cut, got)
		}
	}
}

func TestAsksAndTakesTheAnswer(t *testing.T) {
	t.Parallel()
	repo, w := newRepo(t), newWire(t)
	if err := w.ask(t, repo, "ask me which file"); err != nil {
		t.Fatal(err)
	}
	if w.status != "input_required" || !strings.HasPrefix(w.lastAnswer(t), "Which file") {
		t.Fatalf("%s: %s", w.status, w.lastAnswer(t))
	}
	if n := len(w.trace); !slices.Equal(w.trace[n-2:], []string{"require_input", "checkpoint"}) {
		t.Errorf("order %v", w.trace)
	}
	if err := w.ask(t, repo, "I think docs/rules.md, please"); err != nil {
		t.Fatal(err)
	}
	if got := w.lastAnswer(t); !strings.Contains(got, "“Rules”") || w.status != "finished" {
		t.Errorf("%s: %s", w.status, got)
	}
	if log := w.chat(t); log[0].Content != "ask me which file" || len(log) != 6 {
		t.Errorf("conversation of %d", len(log))
	}
	// The same words again are a new turn: the one before has its answer.
	if err := w.ask(t, repo, "I think docs/rules.md, please"); err != nil {
		t.Fatal(err)
	}
	if log := w.chat(t); len(log) != 8 {
		t.Errorf("conversation of %d", len(log))
	}
}

func TestOutageIsSurvivedAndRefusalIsNot(t *testing.T) {
	t.Parallel()
	repo := newRepo(t)
	w := newWire(t)
	w.fail = func(n int, _ *http.Request) int {
		if n%3 != 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := w.ask(t, repo, "how many commits?"); err != nil || w.status != "finished" {
		t.Errorf("%s, %v", w.status, err)
	}

	w = newWire(t)
	w.fail = func(_ int, r *http.Request) int {
		if r.Method == http.MethodPost {
			return http.StatusConflict
		}
		return 0
	}
	err := w.ask(t, repo, "how many commits?")
	if err == nil || err.Error() != "POST workflow 1003/checkpoints: 409 not_now: refused by the test (try something else)" {
		t.Errorf("got %v", err)
	}
	if w.requests != 4 {
		t.Errorf("%d requests: a refusal is not repeated", w.requests)
	}
}

func TestNoRepositoryEndsTheWorkflowAsFailed(t *testing.T) {
	t.Parallel()
	w, dir := newWire(t), t.TempDir()
	if err := w.ask(t, dir, "how many commits?"); err == nil {
		t.Error("no error")
	}
	if got := w.lastAnswer(t); w.status != "failed" || !strings.Contains(got, "is not a git repository") {
		t.Errorf("%s: %s", w.status, got)
	}
	git(t, dir, "init", "-q", "-b", "main")
	if err := w.ask(t, dir, "what changed in the last 3 commits?"); err != nil {
		t.Fatal(err)
	}
	if got := w.lastAnswer(t); got != "There are no commits yet." {
		t.Errorf("got %s", got)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	repo := newRepo(t)
	if err := os.Symlink(".env", repo+"/innocent.txt"); err != nil {
		t.Fatal(err)
	}
	git(t, repo, "add", "--", "innocent.txt")
	w := newWire(t)
	if err := w.ask(t, repo, "read innocent.txt"); err != nil {
		t.Fatal(err)
	}
	if got := w.lastAnswer(t); !strings.Contains(got, "not a regular file") {
		t.Errorf("got %s", got)
	}
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), func(string) string { return "" }, t.Output(), nil)
	if err == nil || !strings.Contains(err.Error(), "is not set") {
		t.Errorf("got %v", err)
	}
}
