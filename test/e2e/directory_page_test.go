package e2e_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestCommandsOfTheDirectoryPage runs what docs/directory.md tells people to type, in
// its order, on a directory that begins empty.
func TestCommandsOfTheDirectoryPage(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 0)
	n := f.Node("a", "")
	n.Start()
	run := func(line string) string {
		t.Helper()
		c := exec.Command("bash", "-c", line)
		c.Dir = f.Dir
		c.Env = append(fleettest.CleanEnv(), "PATH="+filepath.Dir(fleettest.Duolog(t))+":/usr/bin:/bin", "DUOLOG_URL="+n.Base, "DUOLOG_TOKEN="+f.Token)
		var out, complaints bytes.Buffer
		c.Stdout, c.Stderr = &out, &complaints
		if err := c.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s%s", line, err, out.String(), complaints.String())
		}
		return out.String()
	}
	run("duolog user create mia --admin")
	ran := map[string]string{}
	for _, line := range commandsOf(t, "docs", "directory.md") {
		command, _, _ := strings.Cut(line, " #")
		if position := strings.Fields(ran["duolog directory history acme"]); len(position) > 2 {
			command = strings.ReplaceAll(command, "3:1042", position[2])
		}
		ran[strings.TrimSpace(command)] = run(command)
	}
	for command, want := range map[string]string{
		"duolog directory show": "  shop   private\n",
		"duolog directory check acme/shop mia --flow developer/v1 --flag fix_pipeline_next": "config",
		"duolog namespace show acme":                         "flow       on   developer/v1",
		"duolog directory apply -f directory.yaml --dry-run": "nothing to do",
		"duolog directory history acme":                      "namespace.member_set",
		"duolog directory history --user mia":                "user.created",
		"duolog directory apply -f directory.yaml":           "nothing to do",
		"duolog user remove kim":                             "kim is removed",
		"duolog directory history --user kim":                "user.removed",
		"duolog namespace create acme --owner noor":          "acme is there",
	} {
		if !strings.Contains(ran[command], want) {
			t.Errorf("%s does not say %q: %q", command, want, ran[command])
		}
	}
}
