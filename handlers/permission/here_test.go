package permission_test

import (
	"context"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/permission"
)

// switches are those of a group, or why they are not told.
type switches struct {
	settings directory.FlowSettings
	err      error
}

func (s switches) Flows(context.Context, domain.Tenant, string) (directory.FlowSettings, source.Basis, error) {
	return s.settings, source.Basis{Source: "directory"}, s.err
}

// TestHere: to start takes every condition, to go on those that the group can take back;
// what runs elsewhere is not asked about, and a group that is gone has nothing on.
func TestHere(t *testing.T) {
	t.Parallel()
	catalog, err := flow.NewCatalog([]flow.Flow{{Reference: "developer/v1", Maturity: "beta", Config: flow.Config{Definition: "developer"}}})
	if err != nil {
		t.Fatal(err)
	}
	on := switches{settings: directory.FlowSettings{FoundationalAllowed: true, Enabled: []string{"developer/v1"}}}
	for name, c := range map[string]struct {
		switches  switches
		q         permission.Question
		reference string
		on        bool
		says      string
	}{
		"to start":                  {on, permission.Question{Action: access.Start, Flow: "developer/v1"}, "developer/v1", false, "its maturity is beta"},
		"by what it was pinned to":  {on, permission.Question{Action: access.Resume, Flow: "developer"}, "developer/v1", true, ""},
		"the tenant's own default":  {on, permission.Question{Action: access.Steer}, "developer/v1", true, ""},
		"a branch of what is there": {on, permission.Question{Action: access.Fork, Flow: "developer/v1", Recorded: true}, "developer/v1", true, ""},
		"to go on with what is off": {switches{}, permission.Question{Action: access.Resume, Flow: "developer/v1"}, "developer/v1", false, "does not allow"},
		"what runs elsewhere":       {switches{}, permission.Question{Action: access.Fork, Flow: "langgraph", Elsewhere: true}, "langgraph", true, ""},
		"the group is gone":         {switches{err: &domain.Error{Code: domain.CodeNotFound}}, permission.Question{Action: access.Start, Flow: "developer/v1"}, "developer/v1", false, ""},
	} {
		here := permission.Here{Switches: c.switches, Flows: flows.Resolver{Catalog: catalog}, Says: func(domain.Tenant, string) (flow.Policy, access.Denial, error) {
			p := flow.Policy{Where: "acme", Maturities: []string{"general"}}
			p.Default.Definition = "developer/v1"
			return p, access.Denial{Actions: []access.Action{access.Stop}}, nil
		}}
		got, err := here.Place(t.Context(), c.q)
		said := ""
		if got.Flow.Off != nil {
			said = got.Flow.Off.Message
		}
		if err != nil || got.Flow.Reference != c.reference || got.Flow.Enabled != c.on || !strings.Contains(said, c.says) || len(got.Tenant.Actions) != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	away := &domain.Error{Code: domain.CodeNotNow}
	here := permission.Here{Switches: switches{err: away}, Says: func(domain.Tenant, string) (flow.Policy, access.Denial, error) {
		return flow.Policy{}, access.Denial{}, nil
	}}
	if _, err := here.Place(t.Context(), permission.Question{}); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("away: %v", err)
	}
}
