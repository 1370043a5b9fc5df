package trigger_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/handlers/trigger"
)

// taken are the requests that came past a guard.
type taken struct{ requests []dispatch.Request }

func (d *taken) Do(_ context.Context, r dispatch.Request) (dispatch.Result, error) {
	d.requests = append(d.requests, r)
	return dispatch.Result{Changed: true}, nil
}

func (d *taken) DoAll(context.Context, []dispatch.Request) []dispatch.Answer { return nil }

// guard asks the company of the world about what shall get to next.
func (w *world) guard(next *taken, resolver flows.Resolver) permission.Guard {
	says := func(domain.Tenant, string) (p flow.Policy, denied []access.Action, err error) {
		p = w.policy.Policy
		p.Where = "acme"
		return p, w.policy.Denied, nil
	}
	return permission.Guard{
		Next: next, States: w, Now: time.Now,
		Asker: permission.Asker{Directory: w.company, Places: permission.Here{Switches: w.company, Flows: resolver, Says: says}},
	}
}

// TestT5AStartAsksEachQuestionOnce: what the trigger asked goes with the command, and
// decides there; without it, or with what is about something else, the guard asks.
func TestT5AStartAsksEachQuestionOnce(t *testing.T) {
	t.Parallel()
	for name, named := range map[string][]trigger.Named{
		"by default": nil, "a project": {{Ref: "acme/shop", Project: true}}, "a group and a project": {{Ref: "acme"}, {Ref: "acme/shop", Project: true}},
	} {
		w, next := newWorld(), &taken{}
		a := asks("mia")
		a.Named = named
		start, facts, err := w.trigger(t).TriggerFlow(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		request := dispatch.Request{
			Stream:   domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()},
			Workflow: start, CommandID: uuid.New(), Principal: domain.Principal{User: "mia", ServiceAccount: start.ServiceAccount}, Asked: facts,
		}
		guard := w.guard(next, w.flows(t))
		if _, err := guard.Do(t.Context(), request); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		asked := slices.Clone(w.asked)
		slices.Sort(asked)
		if once := slices.Compact(slices.Clone(asked)); len(once) != len(asked) {
			t.Errorf("%s: asked %q", name, asked)
		}
		got := next.requests[0].Access
		want := access.Facts{
			Action: access.Start, Path: start.Path(), Human: access.Member{Login: "mia", Level: entities.Developer},
			Account: access.Member{Login: "duo-developer", Level: entities.Developer}, Flow: access.Flow{Reference: "developer/v1", Enabled: true},
			Basis: []access.Basis{{Source: basis.Source, Position: basis.Position, At: basis.At}},
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for what, change := range map[string]func(*dispatch.Request, *access.Facts){
			"none":            func(r *dispatch.Request, _ *access.Facts) { r.Asked = nil },
			"another person":  func(r *dispatch.Request, _ *access.Facts) { r.Principal.User = "kim" },
			"another place":   func(_ *dispatch.Request, f *access.Facts) { f.Path = "other" },
			"another account": func(_ *dispatch.Request, f *access.Facts) { f.Account.Login = "duo-fix" },
			"another flow":    func(_ *dispatch.Request, f *access.Facts) { f.Flow.Reference = "off/v1" },
		} {
			other, f := request, *facts
			other.Asked = &f
			change(&other, &f)
			w.asked = nil
			_, err := guard.Do(t.Context(), other)
			if len(w.asked) < 4 || (err == nil) != (other.Principal.User == "mia") {
				t.Errorf("%s, with facts of %s: %v after %q", name, what, err, w.asked)
			}
		}
	}
}

// TestT5WhatTheRequestSaysIsNotTaken: facts do not say how wide a token is.
func TestT5WhatTheRequestSaysIsNotTaken(t *testing.T) {
	t.Parallel()
	w, next := newWorld(), &taken{}
	start, facts, err := w.trigger(t).TriggerFlow(t.Context(), asks("mia"))
	if err != nil {
		t.Fatal(err)
	}
	facts.Scope = access.ScopeAdmin
	_, err = w.guard(next, w.flows(t)).Do(t.Context(), dispatch.Request{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}, Workflow: start, CommandID: uuid.New(),
		Principal: domain.Principal{User: "mia"}, Scope: access.ScopeRead, Asked: facts,
	})
	if domain.CodeOf(err) != domain.CodeAccessDenied || len(next.requests) > 0 {
		t.Errorf("%v, %+v", err, next.requests)
	}
}

// TestE4WhoMayNotGoOnIsRecorded: a refusal by a trigger is a decision like any other.
func TestE4WhoMayNotGoOnIsRecorded(t *testing.T) {
	t.Parallel()
	w, id := newWorld(), domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	w.states[id.ID] = workflow.State{Status: workflow.StatusInputRequired, Created: &workflow.Created{
		Principal: domain.Principal{User: "mia"}, Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Namespace: &workflow.Container{Path: "acme"},
	}, Routing: &routing.Decision{Flow: "developer/v1"}}
	if facts, err := w.trigger(t).MayResume(t.Context(), id, "mia"); err != nil || !access.Decide(*facts).Allowed || len(w.denied) > 0 {
		t.Fatalf("%+v, %v", facts, err)
	}
	w.settings.Enabled = nil
	if _, err := w.trigger(t).MaySteer(t.Context(), id, "mia"); domain.CodeOf(err) != domain.CodeFlowNotEnabled {
		t.Errorf("%v", err)
	}
	if len(w.denied) != 1 || w.denied[0].Rule != access.RuleFlow || w.denied[0].Action != access.Steer || w.denied[0].User != "mia" {
		t.Errorf("%+v", w.denied)
	}
}
