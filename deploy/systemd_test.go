package deploy_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

// unit are the settings of duolog.service; one that stands several times keeps all its values.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for line := range strings.Lines(fleettest.Read(t, "systemd/duolog.service")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			out[name] = append(out[name], value)
		}
	}
	return out
}

func TestTheUnitFitsTheProduct(t *testing.T) {
	t.Parallel()
	u, cfg, known := unit(t), load(t, "systemd/duolog.yaml"), settings(t)
	understood(t, strings.Fields(u["ExecStart"][0])[1:])
	for _, variable := range u["Environment"] {
		if name, _, _ := strings.Cut(variable, "="); !known[name] && name != "TMPDIR" {
			t.Errorf("no setting is called %s", name)
		}
	}
	state := filepath.Join("/var/lib", strings.Fields(u["StateDirectory"][0])[0])
	if cfg.StateDir != state || filepath.Dir(cfg.Keystore) != state {
		t.Errorf("the unit may write %s, the configuration names %s and %s", state, cfg.StateDir, cfg.Keystore)
	}
	outlasts(t, "the service", u["TimeoutStopSec"][0]+"s", cfg.ShutdownGrace)
}
