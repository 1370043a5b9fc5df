package e2e_test

import (
	"strings"
	"testing"
)

// TestE6ADeniedToolIsDoneWithout: an owner takes a tool from every agent of a group. The
// next run is denied it, says so in the conversation with who can change that, and answers
// without it; the timeline and the explanation say the same.
func TestE6ADeniedToolIsDoneWithout(t *testing.T) {
	t.Parallel()
	d := newDev(t, 0)
	d.start()
	if r := d.run("namespace", "set", "acme", "--policy", "denied_tool=read_file"); r.Code == 0 || !strings.Contains(r.Err, "use denied_actions, denied_tools or follow_up") {
		t.Errorf("a policy that is none: %d %s", r.Code, r.Err)
	}
	d.must("namespace", "set", "acme", "--policy", "denied_tools=run_command,read_file")
	said := d.must("ask", "what changed in the last 10 commits?")
	for _, want := range []string{
		"✗ read_file is not allowed", "its list denied_tools", "an owner of the group (noor, sam) can take it off the list", "commit",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	_, id, _ := strings.Cut(said, "duolog workflow show ")
	line := d.must("workflow", "timeline", strings.Fields(id)[0])
	for _, want := range []string{"✓ you may use git_log", "✗ you may not use read_file · namespace: "} {
		if strings.Count(line, want) != 1 {
			t.Errorf("the timeline has %q not once:\n%s", want, line)
		}
	}
	before, _, _ := strings.Cut(line, "✗ you may not")
	at := strings.Fields(before[strings.LastIndexByte(before, '\n')+1:])[0]
	if page := d.must("workflow", "page", strings.Fields(id)[0], "--at", at); !strings.Contains(page, "✗ you may not use read_file") {
		t.Errorf("the page does not say it:\n%s", page)
	}
	if now := d.must("access", "explain", "you", "developer/v1", "acme/duo-workspace", "--tool", "read_file"); !strings.Contains(now, "you may not use read_file by developer/v1") {
		t.Errorf("now:\n%s", now)
	}
	d.must("namespace", "set", "acme", "--policy", "denied_tools=")
	if now := d.must("access", "explain", "you", "developer/v1", "acme/duo-workspace", "--tool", "read_file"); !strings.Contains(now, "you may use read_file by developer/v1") {
		t.Errorf("after it was given back:\n%s", now)
	}
}
