package e2e_test

import (
	"strings"
	"testing"
)

// TestDevBeginsWithACompany: the first start of dev fills the directory, once: what
// people change stays changed, also when dev is killed and starts again.
func TestDevBeginsWithACompany(t *testing.T) {
	t.Parallel()
	d := newDev(t, 0)
	d.start()
	check := d.must("directory", "check", "acme/duo-workspace", "mia", "--flow", "developer/v1")
	for _, want := range []string{`"level_name":"developer"`, `"login":"duo-developer"`, `"owners":["noor","sam"]`, "[directory "} {
		if !strings.Contains(check, want) {
			t.Errorf("the check has no %s:\n%s", want, check)
		}
	}
	d.must("flow", "disable", "developer/v1", "--in", "acme")
	d.must("namespace", "delete", "acme/shop")
	d.proc.Kill()
	d.start()
	if out := d.must("user", "show", "mia"); !strings.Contains(out, "works in   acme") {
		t.Errorf("mia is\n%s", out)
	}
	if out := d.must("directory", "show"); strings.Contains(out, "shop") || strings.Contains(out, "developer/v1") {
		t.Errorf("after a restart the directory is\n%s", out)
	}
}
