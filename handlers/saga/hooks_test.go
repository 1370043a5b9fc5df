package saga_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter/webhook"
	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/projections"
)

func book(hooks ...webhook.Hook) webhook.Book { return webhook.Book{"acme": hooks} }

// everything are two hooks that subscribe to all, one that workflows may name
// and one that is disabled.
func everything() webhook.Book {
	all := payload.Types()
	return book(webhook.Hook{Name: "all", Events: all}, webhook.Hook{Name: "audit", Events: all},
		webhook.Hook{Name: "named"}, webhook.Hook{Name: "off", Events: all, Disabled: true})
}

// hooked is a workflow and something that happened to it.
type hooked struct {
	context string
	runless bool
	from    workflow.Status
	to      workflow.Status
	reason  string
	step    bool
	ns      string
	tenant  domain.Tenant
	age     time.Duration
}

func (c hooked) event(t *testing.T, w *world) feed.Event {
	t.Helper()
	if c.tenant == "" {
		c.tenant = "acme"
	}
	id := domain.StreamID{Tenant: c.tenant, Kind: domain.KindWorkflow, ID: uuid.New()}
	state := workflow.State{Status: c.to, Created: &workflow.Created{
		Principal: domain.Principal{User: "mia", ServiceAccount: "duo-developer"}, Title: "fix it", Flow: workflow.Flow{Definition: "developer/v1"},
		Namespace: &workflow.Container{Path: "acme"}, Project: &workflow.Container{Path: "acme/web"}, ClientReference: "ref",
	}}
	if !c.runless {
		state.Run = &workflow.Run{ID: uuid.New(), Epoch: 1}
	}
	if c.context != "" {
		v := w.value("json", c.context)
		state.Created.CallbackContext = &v
	}
	w.snaps[id] = &projections.Snapshot{Stream: id, Number: 1003, Workflow: state}
	w.said.Answer, w.said.Question = "the answer", "the question"
	e := event(t, id, "workflow.status_changed", workflow.StatusChanged{Event: workflow.EventStart, From: c.from, To: c.to, Reason: c.reason})
	if c.step {
		step := workflow.Checkpointed{ThreadTS: uuid.Must(uuid.NewV7()), NS: c.ns, Header: w.value("json", "{}"), Metadata: w.value("json", "{}")}
		e = event(t, id, "workflow.checkpointed", step)
	}
	e.Time = e.Time.Add(-c.age)
	return e
}

func hooksSaga(w *world, b webhook.Book) *saga.Hooks {
	now := func() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }
	return saga.NewHooks(w.core(), w, b, "https://duolog.example.com", now)
}

func TestHooks(t *testing.T) {
	t.Parallel()
	const named = `{"adapter":"webhook","hook":"named"}`
	for name, c := range map[string]struct {
		hooked
		hooks string
		kind  string
		data  payload.Data
	}{
		"started":                    {hooked: hooked{from: "created", to: "running"}, hooks: "all audit", kind: payload.Started},
		"finished":                   {hooked: hooked{from: "running", to: "finished"}, hooks: "all audit", kind: payload.Completed, data: payload.Data{Text: "the answer"}},
		"failed":                     {hooked: hooked{from: "running", to: "failed", reason: "exit_code 3"}, hooks: "all audit", kind: payload.Failed, data: payload.Data{Error: "flow_failed", Reason: "exit_code 3"}},
		"stopped":                    {hooked: hooked{from: "running", to: "stopped"}, hooks: "all audit", kind: payload.Failed, data: payload.Data{Error: "stopped"}},
		"asks":                       {hooked: hooked{from: "running", to: "input_required"}, hooks: "all audit", kind: payload.InputRequired, data: payload.Data{Text: "the question"}},
		"asks for approval":          {hooked: hooked{from: "running", to: "tool_call_approval_required"}, hooks: "all audit", kind: payload.ApprovalRequired, data: payload.Data{Text: "the question"}},
		"of a plan":                  {hooked: hooked{from: "running", to: "plan_approval_required"}, hooks: "all audit", kind: payload.ApprovalRequired, data: payload.Data{Text: "the question"}},
		"a step":                     {hooked: hooked{step: true, to: "running"}, hooks: "all audit", kind: payload.Progress},
		"a step of a part":           {hooked: hooked{step: true, ns: "sub"}},
		"resumed":                    {hooked: hooked{from: "input_required", to: "running"}},
		"paused":                     {hooked: hooked{from: "running", to: "paused"}},
		"of another tenant":          {hooked: hooked{from: "created", to: "running", tenant: "other"}},
		"long ago":                   {hooked: hooked{from: "created", to: "running", age: saga.HookMaxAge + time.Second}},
		"started, named":             {hooked: hooked{from: "created", to: "running", context: named}, hooks: "all audit named", kind: payload.Started},
		"the answer goes to its own": {hooked: hooked{from: "running", to: "finished", context: named}, hooks: "all audit", kind: payload.Completed, data: payload.Data{Text: "the answer"}},
		"not twice to the same":      {hooked: hooked{from: "running", to: "finished", context: `{"adapter":"webhook","hook":"all"}`}, hooks: "audit", kind: payload.Completed, data: payload.Data{Text: "the answer"}},
		"no run, no answer":          {hooked: hooked{from: "running", to: "finished", context: named, runless: true}, hooks: "all audit named", kind: payload.Completed, data: payload.Data{Text: "the answer"}},
		"names one that is off":      {hooked: hooked{from: "created", to: "running", context: `{"adapter":"webhook","hook":"off"}`}, hooks: "all audit", kind: payload.Started},
		"names one that is not":      {hooked: hooked{from: "created", to: "running", context: `{"adapter":"webhook","hook":"x"}`}, hooks: "all audit", kind: payload.Started},
		"names a surface":            {hooked: hooked{from: "created", to: "running", context: `{"adapter":"console"}`}, hooks: "all audit", kind: payload.Started},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			e := c.event(t, w)
			for range 2 {
				if err := hooksSaga(w, everything()).React(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if c.kind == "" {
				if len(w.sent) != 0 {
					t.Errorf("sent %v", types(w.sent))
				}
				return
			}
			got, ok := w.sent[0].Workflow.(*workflow.Notify)
			if !ok || w.sent[0].CommandID != w.sent[1].CommandID {
				t.Fatalf("sent %v", w.sent)
			}
			if strings.Join(got.Hooks, " ") != c.hooks || got.Event != c.kind || got.Adapter != "webhook" || got.Cause != e.ID || got.Hint != (c.kind == payload.Progress) {
				t.Errorf("%+v", got)
			}
			var p payload.Payload
			if err := json.Unmarshal(got.Data, &p); err != nil {
				t.Fatal(err)
			}
			want := c.data
			want.Workflow, want.Number, want.Flow, want.Title, want.ClientReference = e.Stream.ID, 1003, "developer/v1", "fix it", "ref"
			want.Status, want.URL, want.Checkpoint = string(c.to), "https://duolog.example.com/api/v4/ai/duo_workflows/workflows/1003", p.Data.Checkpoint
			if diff := cmp.Diff(payload.Payload{Type: c.kind, Timestamp: e.Time, Data: want}, p); diff != "" || (p.Data.Checkpoint != "") != c.step {
				t.Error(diff)
			}
		})
	}
}

func TestStepsAreReadWhereAHookIsToldOfThem(t *testing.T) {
	t.Parallel()
	if got := hooksSaga(newWorld(), everything()).Reacts(); !slices.Contains(got, "workflow.checkpointed") {
		t.Errorf("it reacts to %v", got)
	}
	if got := hooksSaga(newWorld(), book(webhook.Hook{Name: "ci", Events: []string{payload.Failed}})).Reacts(); slices.Contains(got, "workflow.checkpointed") {
		t.Errorf("it reacts to %v", got)
	}
}

func TestAStepIsNotToldWhileOneIsOnItsWay(t *testing.T) {
	t.Parallel()
	w := newWorld()
	e := hooked{step: true, to: "running"}.event(t, w)
	w.snaps[e.Stream].Workflow.Deliveries = []workflow.Delivery{{Hook: "all", Event: payload.Progress}, {Hook: "audit", Event: payload.Started}}
	if err := hooksSaga(w, everything()).React(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got, ok := w.sent[0].Workflow.(*workflow.Notify); !ok || !slices.Equal(got.Hooks, []string{"audit"}) {
		t.Errorf("sent %+v", w.sent[0].Workflow)
	}
}

func TestHooksOfAWorkflowThatIsNotVisibleYet(t *testing.T) {
	t.Parallel()
	w := newWorld()
	e := hooked{from: "created", to: "running"}.event(t, w)
	delete(w.snaps, e.Stream)
	if err := hooksSaga(w, everything()).React(t.Context(), e); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("%v", err)
	}
}
