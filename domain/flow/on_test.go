package flow_test

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
)

// TestT6aAndT6bOn: what must be so for a flow to be on, each with its own reason and fix,
// in the order in which they are put right; and what of that still counts for what was
// recorded.
func TestT6aAndT6bOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reference string
		change    func(*flow.Policy)
		// says and fix are empty for a flow that is on; still is what holds for one that was
		// started before.
		says, fix string
		still     bool
	}{
		"all is so":                {"developer/v1", func(*flow.Policy) {}, "", "", true},
		"not allowed":              {"developer/v1", func(p *flow.Policy) { p.Settings.FoundationalAllowed = false }, "does not allow foundational flows", "(noor) can allow them: duolog namespace set acme", false},
		"not allowed, by config":   {"developer/v1", func(p *flow.Policy) { p.Settings.FoundationalAllowed, p.Source = false, "config" }, "does not allow", "by the configuration", false},
		"not allowed, by GitLab":   {"developer/v1", func(p *flow.Policy) { p.Settings.FoundationalAllowed, p.Source = false, "gitlab" }, "does not allow", "in GitLab", false},
		"not in the catalog":       {"gone/v1", func(p *flow.Policy) { p.Settings.Enabled = []string{"gone/v1"} }, "the catalog has no such flow", "duolog flow list", true},
		"not in the list":          {"code_review/v1", func(*flow.Policy) {}, "it is not switched on", "duolog flow enable code_review/v1 --in acme", false},
		"nothing is so":            {"gone/v1", func(p *flow.Policy) { p.Settings = directory.FlowSettings{} }, "does not allow", "an owner of the group can allow", false},
		"the plan":                 {"developer/v1", func(p *flow.Policy) { p.Plans = []string{"premium", "ultimate"} }, "the group's plan is free, and flows need premium or ultimate", "gates.plans", true},
		"the maturity":             {"developer/v1", func(p *flow.Policy) { p.Maturities = []string{"beta"} }, "its maturity is general, and flows must be beta", "gates.maturities", true},
		"its own":                  {"house/v1", func(*flow.Policy) {}, "", "", true},
		"its own, none allowed":    {"house/v1", func(p *flow.Policy) { p.Settings.FoundationalAllowed = false }, "", "", true},
		"its own, not in the list": {"house/v1", func(p *flow.Policy) { p.Settings.Enabled = nil }, "it is not switched on", "duolog flow enable house/v1", false},
		"its own, a plan":          {"house/v1", func(p *flow.Policy) { p.Plans = []string{"premium"} }, "the group's plan is free", "gates.plans", true},
		"named as its own, of the catalog": {"developer/v1", func(p *flow.Policy) {
			p.Own, p.Settings.FoundationalAllowed = []string{"developer/v1"}, false
		}, "does not allow", "can allow them", false},
	} {
		p := flow.Policy{Own: []string{"house/v1"}, Where: "acme", Source: "directory", Settings: directory.FlowSettings{
			FoundationalAllowed: true, Enabled: []string{"developer/v1", "house/v1"}, Owners: []string{"noor"}, Plan: "free",
		}}
		c.change(&p)
		err := catalog(t).On(p, c.reference)
		if (err == nil) != (c.says == "") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			refused(t, name, err, domain.CodeFlowNotEnabled, "workflow_definition", c.fix)
			if !strings.Contains(err.Error(), "The "+c.reference+" flow is not enabled in acme: ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := catalog(t).StillOn(p, c.reference); (err == nil) != c.still {
			t.Errorf("%s, started before: %v", name, err)
		}
	}
}
