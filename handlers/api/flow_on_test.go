package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
)

// TestT6aAtEveryEntry: whether a flow is on is told alike by who starts it, who guards
// it, who lists, shows, resolves and explains it; each says which condition is in the way.
func TestT6aAtEveryEntry(t *testing.T) {
	r, people := guarded(t)
	const own = "other/v1" // the catalog does not have it
	conditions := map[string]struct {
		flow     string
		settings func(*directory.FlowSettings)
		policy   func(*flow.Policy)
		// says is why it is off; empty for a flow that is on.
		says string
	}{
		"all is so":             {flow: "developer/v1"},
		"not allowed":           {"developer/v1", func(s *directory.FlowSettings) { s.FoundationalAllowed = false }, nil, "does not allow foundational flows"},
		"not in the catalog":    {"nobody/v1", func(s *directory.FlowSettings) { s.Enabled = append(s.Enabled, "nobody/v1") }, nil, "the catalog has no such flow"},
		"not in the list":       {"code_review/v1", nil, nil, "it is not switched on"},
		"the plan":              {"developer/v1", nil, func(p *flow.Policy) { p.Plans = []string{"premium"} }, "the group's plan is none"},
		"the maturity":          {"developer/v1", nil, func(p *flow.Policy) { p.Maturities = []string{"beta"} }, "its maturity is general"},
		"its own, none allowed": {own, func(s *directory.FlowSettings) { s.FoundationalAllowed = false }, nil, ""},
		"its own, not listed":   {own, func(s *directory.FlowSettings) { s.Enabled = nil }, nil, "it is not switched on"},
	}
	entries := map[string]func(t *testing.T, r *rig, reference string) (on bool, said string){
		"trigger": func(_ *testing.T, r *rig, reference string) (bool, string) {
			out := r.send("mia@acme", "POST", base, `{"goal":"x","workflow_definition":"`+reference+`"}`)
			return out.status == http.StatusCreated, string(out.body)
		},
		"guard": func(t *testing.T, r *rig, reference string) (bool, string) {
			t.Helper()
			_, err := r.cfg.Dispatch.Do(t.Context(), dispatch.Request{
				Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"},
				Workflow: &workflow.Start{Goal: "x", Flow: workflow.Flow{Definition: reference}, Engine: "local", Namespace: &workflow.Container{ID: 7, Path: "acme"}},
			})
			if err == nil {
				return true, ""
			}
			return false, err.Error()
		},
		"list": func(_ *testing.T, r *rig, reference string) (bool, string) {
			var list []struct {
				Reference string
				Enabled   bool
				Off       *struct{ Message string }
			}
			r.send("mia@acme", "GET", "/v1/flows", nil).want(http.StatusOK).into(&list)
			for _, f := range list {
				if f.Reference == reference && f.Off != nil {
					return f.Enabled, f.Off.Message
				}
				if f.Reference == reference {
					return f.Enabled, ""
				}
			}
			return false, "the catalog has no such flow"
		},
		"show": func(_ *testing.T, r *rig, reference string) (bool, string) {
			out := r.send("mia@acme", "GET", "/v1/flows/"+url.PathEscape(reference), nil)
			if out.status == http.StatusNotFound {
				return false, "the catalog has no such flow"
			}
			return strings.Contains(string(out.body), `"enabled":true,"off":null`), string(out.body)
		},
		"resolve": func(_ *testing.T, r *rig, reference string) (bool, string) {
			out := r.send("mia@acme", "GET", "/v1/flows/"+url.PathEscape(reference)+"/resolve", nil)
			return out.status == http.StatusOK, string(out.body)
		},
		"explain": func(_ *testing.T, r *rig, reference string) (bool, string) {
			var d struct{ Allowed bool }
			out := r.send("mia@acme", "GET", "/v1/access/explain?project=acme&flow="+url.QueryEscape(reference), nil).want(http.StatusOK).into(&d)
			return d.Allowed, string(out.body)
		},
	}
	for condition, c := range conditions {
		people.set(func(s *staff) { s.settings, s.policy = c.settings, c.policy })
		for entry, ask := range entries {
			t.Run(entry+", "+condition, func(t *testing.T) {
				if on, said := ask(t, r.on(t), c.flow); on != (c.says == "") || !strings.Contains(said, c.says) {
					t.Errorf("it is on: %t; %s", on, said)
				}
			})
		}
	}
}
