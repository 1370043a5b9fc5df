package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestManPage: the page names every command that the help names, and what formats
// manual pages has nothing to say against it.
func TestManPage(t *testing.T) {
	t.Parallel()
	page := command(t, "man")
	plain := strings.ReplaceAll(page, `\-`, "-")
	commands := kong.Must(&cli{}).Model.Leaves(true)
	if len(commands) < 20 {
		t.Errorf("only %d commands were looked for", len(commands))
	}
	for _, c := range commands {
		if !strings.Contains(plain, ".SS duolog "+c.Path()) {
			t.Errorf("the page does not name duolog %s", c.Path())
		}
	}
	for _, flag := range []string{"--in-place", "--topic-prefix=NAME", "DUOLOG_BROKERS", "NO_COLOR"} {
		if !strings.Contains(plain, `\fB`+flag) {
			t.Errorf("the page does not tell of %s", flag)
		}
	}
	for _, lint := range [][]string{{"mandoc", "-T", "lint", "-W", "error"}, {"man", "--warnings", "-E", "UTF-8", "-l", "-"}} {
		if _, err := exec.LookPath(lint[0]); err != nil {
			t.Logf("left out: %s is not installed", lint[0])
			continue
		}
		c := exec.Command(lint[0], lint[1:]...)
		c.Stdin = strings.NewReader(page)
		var complaints strings.Builder
		c.Stderr = &complaints
		out, err := c.Output()
		if lint[0] == "mandoc" {
			complaints.Write(out)
		}
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%v: %v\n%s", lint, err, complaints.String())
		}
	}
}
