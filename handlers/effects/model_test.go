package effects_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects"
)

const modelVariable = "AGENT_PLATFORM_MODEL_METADATA"

// models says what the project says now.
type models struct {
	mu    sync.Mutex
	now   effects.Model
	fails int
	asked []string
}

func (m *models) of(_ context.Context, tenant domain.Tenant, path string) (effects.Model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, string(tenant)+" "+path)
	if m.fails > 0 {
		m.fails--
		return m.now, errors.New("the flags do not answer")
	}
	return m.now, nil
}

func (m *models) set(now effects.Model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

// life is a workflow and the engine that runs it.
type life struct {
	*world

	id     domain.StreamID
	engine *fakeEngine
}

func (w *world) live(command *workflow.Start, m *models) life {
	w.t.Helper()
	e := newEngine()
	cfg := w.config(e, plain{newSurface()})
	if m != nil {
		cfg.Models = m.of
	}
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	command.Goal, command.Engine, command.Run = "go", "fake", true
	command.Privileges, command.Trigger = []int{1}, workflow.Trigger{Source: "api"}
	w.must(id, command)
	w.run(cfg)
	return life{w, id, e}
}

// env is the environment of the latest run, once it was started.
func (l life) env(epoch int) map[string]string {
	l.t.Helper()
	l.until(l.id, "started", func(s workflow.State) bool { return s.Epoch == epoch && started(s) })
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	return l.engine.started[l.stateOf(l.id).Run.ID].Env
}

// resume ends the run and asks for the next one.
func (l life) resume(epoch int) {
	l.t.Helper()
	if l.stateOf(l.id).Status == workflow.StatusCreated {
		l.must(l.id, &workflow.UpdateStatus{Event: workflow.EventStart})
	}
	l.must(l.id, &workflow.UpdateStatus{Event: workflow.EventRequireInput})
	l.must(l.id, &workflow.FinishWorkload{Run: l.stateOf(l.id).Run.ID, Epoch: epoch, Status: workflow.WorkloadSuccess})
	l.must(l.id, &workflow.UpdateStatus{Event: workflow.EventResume, Run: true})
}

// names records the model that a checkpoint names.
func (l life) names(model string) {
	l.t.Helper()
	run := l.stateOf(l.id).Run
	_, err := l.Do(l.t.Context(), dispatch.Request{
		Stream: l.id, CommandID: uuid.New(), Principal: domain.Principal{User: "mia", Run: &domain.RunRef{ID: run.ID, Epoch: run.Epoch}},
		Workflow: &workflow.SaveCheckpoint{
			ThreadTS: uuid.Must(uuid.NewV7()), Checkpoint: json.RawMessage(`{}`), Metadata: json.RawMessage(`{}`), Model: model,
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestP2: a resume uses the model that was recorded, byte for byte, in place of a fresh
// one; and where nobody says otherwise as well.
func TestP2(t *testing.T) {
	t.Parallel()
	const odd = `{"name" : "seen",  "n":1.0}`
	for name, m := range map[string]*models{"sticky": {now: effects.Model{Fresh: "fresh", Sticky: true}}, "nobody says": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newWorld(t).live(&workflow.Start{Flow: workflow.Flow{Definition: "developer/v1"}}, m)
			if got := l.env(1)[modelVariable]; m != nil && got != "fresh" || m == nil && got != "" {
				t.Errorf("the first run has %q", got)
			}
			l.names(odd)
			l.resume(1)
			if got := l.env(2)[modelVariable]; got != odd {
				t.Errorf("the resumed run has %q", got)
			}
		})
	}
}

// TestP4ReadsTheFlagAtEachResume: recorded whatever the flag, used while it is on; what a
// person chose goes before both. It is asked for the project, or else the namespace.
func TestP4ReadsTheFlagAtEachResume(t *testing.T) {
	t.Parallel()
	m := &models{now: effects.Model{Fresh: "fresh"}}
	in := &workflow.Container{Path: "acme"}
	l := newWorld(t).live(&workflow.Start{Flow: workflow.Flow{Definition: "developer/v1"}, Namespace: in, Project: &workflow.Container{Path: "acme/site"}}, m)
	l.env(1)
	l.names("seen")
	for epoch, step := range []struct {
		now  effects.Model
		want string
	}{{effects.Model{Fresh: "fresh"}, "fresh"}, {effects.Model{Fresh: "newer", Sticky: true}, "seen"}, {effects.Model{Fresh: "newer"}, "newer"}, {effects.Model{}, ""}} {
		m.set(step.now)
		l.resume(epoch + 1)
		if got := l.env(epoch + 2)[modelVariable]; got != step.want {
			t.Errorf("with %+v the run has %q, want %q", step.now, got, step.want)
		}
	}
	if l.stateOf(l.id).Model != "seen" || m.asked[0] != "acme acme/site" {
		t.Errorf("recorded %q, asked for %q", l.stateOf(l.id).Model, m.asked[0])
	}

	own := &models{now: effects.Model{Fresh: "fresh", Sticky: true}}
	l = newWorld(t).live(&workflow.Start{Flow: workflow.Flow{Definition: "developer/v1"}, Namespace: in, Model: `{"name":"mine","api_key":"s"}`}, own)
	l.env(1)
	l.names("seen")
	l.resume(1)
	if got := l.env(2)[modelVariable]; got != `{"name":"mine"}` || own.asked[0] != "acme acme" {
		t.Errorf("the chosen one is %q, asked for %q", got, own.asked[0])
	}
}

// TestP5OnAResume: a run that acts for another than the owner is not told what was
// recorded.
func TestP5OnAResume(t *testing.T) {
	t.Parallel()
	m := &models{now: effects.Model{Fresh: "fresh", Sticky: true}}
	l := newWorld(t).live(&workflow.Start{Flow: workflow.Flow{Definition: "developer/v1"}}, m)
	l.env(1)
	l.names("seen")
	l.mu.Lock()
	s := l.state[l.id]
	s.Owner = domain.Principal{User: "eve"}
	l.state[l.id] = s
	l.mu.Unlock()
	l.resume(1)
	if got := l.env(2)[modelVariable]; got != "fresh" {
		t.Errorf("the run has %q", got)
	}
}

// TestModelThatCannotBeTold: nobody guesses; the run waits.
func TestModelThatCannotBeTold(t *testing.T) {
	t.Parallel()
	m := &models{now: effects.Model{Fresh: "fresh"}, fails: 1}
	l := newWorld(t).live(&workflow.Start{Flow: workflow.Flow{Definition: "developer/v1"}}, m)
	if got := l.env(1)[modelVariable]; got != "fresh" || len(m.asked) < 2 {
		t.Errorf("the run has %q, asked for %d times", got, len(m.asked))
	}
}

// TestFlowConfigReachesTheRun: F6, byte for byte, at each run.
func TestFlowConfigReachesTheRun(t *testing.T) {
	t.Parallel()
	const config = `{"version": "v1",  "components":[ ]}`
	l := newWorld(t).live(&workflow.Start{Flow: workflow.Flow{Definition: "ai_catalog_agent", SchemaVersion: "v1"}, FlowConfig: json.RawMessage(config)}, nil)
	l.env(1)
	l.resume(1)
	env := l.env(2)
	if _, set := env["DUO_WORKFLOW_FLOW_CONFIG_ID"]; set || env["DUO_WORKFLOW_FLOW_CONFIG"] != config || env["DUO_WORKFLOW_FLOW_CONFIG_SCHEMA_VERSION"] != "v1" {
		t.Errorf("the run has %v", env)
	}
}
