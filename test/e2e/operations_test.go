package e2e_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/telemetry"
)

// TestOperationsPage runs the commands of docs/operations.md, in their order, on a new
// deployment, and holds its lists to what doctor finds and nodes measure.
func TestOperationsPage(t *testing.T) {
	t.Parallel()
	page := fleettest.Read(t, "..", "..", "docs", "operations.md")
	f := fleettest.NewFleetOn(t, 0, "")
	n := f.Node("a", "")
	ran := 0
	for _, block := range fleettest.Blocks(t, page, "sh") {
		for line := range strings.Lines(block) {
			ran++
			if strings.HasPrefix(line, "duolog serve") {
				n.Start()
				f.Answered(t, f.Ask(n.Base, "are you well?"))
				continue
			}
			shell(t, f, line)
		}
	}
	if ran < 10 {
		t.Errorf("the page has %d commands", ran)
	}
	for _, finding := range examine(t, f, f.Config) {
		name := regexp.MustCompile(`^topic .*`).ReplaceAllString(finding.Name, "topic …")
		name = regexp.MustCompile(` at http.*| 127[^ ]* is free`).ReplaceAllString(strings.TrimPrefix(strings.TrimPrefix(name, "duolog.journal "), "duolog.commands "), "")
		if !strings.Contains(page, name) {
			t.Errorf("the page does not explain %q", finding.Name)
		}
	}
	var measured []string
	for _, d := range telemetry.Definitions() {
		measured = append(measured, d.Name)
	}
	for _, name := range regexp.MustCompile(`duolog_[a-z_]+`).FindAllString(page, -1) {
		if !slices.Contains(measured, name) {
			t.Errorf("no node measures %s", name)
		}
	}
}

// shell runs a line where the configuration of the test takes the place of the example,
// and its four partitions that of sixty-four.
func shell(t *testing.T, f *fleettest.Fleet, line string) {
	t.Helper()
	line = strings.NewReplacer("> duolog.yaml", "> example.yaml", "--partitions 64", "--partitions 4").Replace(line)
	c := exec.Command("bash", "-c", line)
	c.Dir = f.Dir
	c.Env = append(fleettest.CleanEnv(), "PATH="+filepath.Dir(fleettest.Duolog(t))+":/usr/bin:/bin")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Errorf("%s: %v\n%s", strings.TrimSpace(line), err, out.String())
	}
}
