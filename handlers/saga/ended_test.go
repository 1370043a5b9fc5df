package saga_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/projections"
)

// ended is a workflow whose run ended, and that event.
type ended struct {
	status   workflow.Status
	workload workflow.WorkloadStatus
	reason   string
	exit     int
	log      string
	stale    bool
	// newer is set when another run was requested since, open when the read
	// models do not show the end yet.
	newer, open bool
	// context is the callback context; "-" for none.
	context string
	said    string
	why     string
	waits   bool
}

func (c ended) event(t *testing.T, w *world) (feed.Event, uuid.UUID) {
	t.Helper()
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	run := uuid.New()
	end := workflow.WorkloadFinished{Run: run, Epoch: 1, Status: c.workload, Reason: c.reason, Stale: c.stale}
	if c.exit != 0 {
		end.ExitCode = &c.exit
	}
	if c.log != "" {
		log := w.value("text", c.log)
		end.Log = &log
	}
	state := workflow.State{
		Created: &workflow.Created{Principal: domain.Principal{User: "mia", ServiceAccount: "duo-developer"}},
		Status:  c.status, Reason: c.why, Epoch: 1, Run: &workflow.Run{ID: run, Epoch: 1, Phase: workflow.RunPhaseFinished},
	}
	if c.context == "" {
		c.context = `{"adapter":"console"}`
	}
	if c.context != "-" {
		v := w.value("json", c.context)
		state.Created.CallbackContext = &v
	}
	if c.newer {
		state.Epoch, state.Run = 2, &workflow.Run{ID: uuid.New(), Epoch: 2, Phase: workflow.RunPhaseRequested}
	}
	if c.open {
		state.Run.Phase = workflow.RunPhaseStarted
	}
	w.snaps[id] = &projections.Snapshot{Stream: id, Number: 1003, Workflow: state}
	w.said.Answer, w.said.Question, w.said.Waits = c.said, c.said, c.waits
	return event(t, id, "workflow.workload_finished", end), run
}

func TestStatus(t *testing.T) {
	t.Parallel()
	running, success, failed := workflow.StatusRunning, workflow.WorkloadSuccess, workflow.WorkloadFailed
	for name, c := range map[string]struct {
		ended
		want     *workflow.UpdateStatus
		restarts bool
		again    bool
	}{
		"failed":                  {ended: ended{status: running, workload: failed, reason: "exit_code", exit: 3}, want: &workflow.UpdateStatus{Event: workflow.EventDrop, Reason: "exit_code 3"}},
		"failed before it began":  {ended: ended{status: workflow.StatusCreated, workload: failed, reason: "start_failed"}, want: &workflow.UpdateStatus{Event: workflow.EventDrop, Reason: "start_failed"}},
		"ended without finishing": {ended: ended{status: running, workload: success}, want: &workflow.UpdateStatus{Event: workflow.EventDrop, Reason: "the workload ended without finishing the session"}},
		"stopped":                 {ended: ended{status: running, workload: workflow.WorkloadStopped, reason: "stopped"}, want: &workflow.UpdateStatus{Event: workflow.EventStop, Reason: "stopped"}},
		"interrupted":             {ended: ended{status: running, workload: success, waits: true}, want: &workflow.UpdateStatus{Event: workflow.EventRequireInput}},
		"interrupted and failed":  {ended: ended{status: running, workload: failed, reason: "lost", waits: true}, want: &workflow.UpdateStatus{Event: workflow.EventDrop, Reason: "lost"}},
		"finished":                {ended: ended{status: workflow.StatusFinished, workload: success}},
		"waits for a person":      {ended: ended{status: workflow.StatusInputRequired, workload: success}},
		"of a replaced run":       {ended: ended{status: running, workload: failed, stale: true}},
		"a newer run took over":   {ended: ended{status: running, workload: failed, newer: true}},
		"will be restarted":       {ended: ended{status: running, workload: failed, reason: "lost"}, restarts: true},
		"not visible yet":         {ended: ended{status: running, workload: failed, open: true}, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.restarts = c.restarts
			e, run := c.event(t, w)
			err := saga.NewStatus(w.core(), w).React(t.Context(), e)
			if again := domain.CodeOf(err) == domain.CodeNotNow; err != nil && !again || again != c.again {
				t.Fatalf("reacted with %v", err)
			}
			if c.want == nil {
				if len(w.sent) != 0 {
					t.Errorf("sent %v", types(w.sent))
				}
				return
			}
			c.want.OnlyRun = &run
			if diff := cmp.Diff(c.want, w.sent[0].Workflow, cmp.AllowUnexported(workflow.UpdateStatus{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatusThatSomebodyElseChangedIsFine(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.answer = refusal(domain.CodeIllegalStatus)
	e, _ := ended{status: workflow.StatusRunning, workload: workflow.WorkloadFailed}.event(t, w)
	if err := saga.NewStatus(w.core(), w).React(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestCallback(t *testing.T) {
	t.Parallel()
	finished, success, failed := workflow.StatusFinished, workflow.WorkloadSuccess, workflow.WorkloadFailed
	for name, c := range map[string]struct {
		ended
		kind          workflow.DeliveryKind
		code          string
		says          []string
		adapter       string
		undeliverable bool
	}{
		"an answer":         {ended: ended{status: finished, workload: success, said: "Ten commits."}, kind: workflow.DeliverResult, says: []string{"Ten commits."}, adapter: "console"},
		"no answer":         {ended: ended{status: finished, workload: success}, kind: workflow.DeliverError, code: "no_response", says: []string{"without an answer", "show 1003"}, adapter: "console"},
		"a question":        {ended: ended{status: workflow.StatusInputRequired, workload: success, said: "Which one?"}, kind: workflow.DeliverQuestion, says: []string{"Which one?"}, adapter: "console"},
		"an interrupt":      {ended: ended{status: workflow.StatusRunning, workload: success, said: "Which one?", waits: true}, kind: workflow.DeliverQuestion, says: []string{"Which one?"}, adapter: "console"},
		"an old interrupt":  {ended: ended{status: finished, workload: success, said: "Done.", waits: true}, kind: workflow.DeliverResult, says: []string{"Done."}, adapter: "console"},
		"an approval":       {ended: ended{status: workflow.StatusToolApprovalRequired, workload: success}, kind: workflow.DeliverQuestion, says: []string{"approval of a tool", "answer here"}, adapter: "console"},
		"a failure":         {ended: ended{status: workflow.StatusFailed, workload: failed, reason: "exit_code", exit: 3, log: "a\npanic: no repo\n\n", said: "half an answer"}, kind: workflow.DeliverError, code: "flow_failed", says: []string{"exit code 3", "panic: no repo", "another message"}, adapter: "console"},
		"a lost run":        {ended: ended{status: workflow.StatusRunning, workload: failed, reason: "lost"}, kind: workflow.DeliverError, code: "flow_failed", says: []string{"vanished"}, adapter: "console"},
		"stopped":           {ended: ended{status: workflow.StatusStopped, workload: workflow.WorkloadStopped, reason: "stopped", why: "wrong branch"}, kind: workflow.DeliverError, code: "stopped", says: []string{"Stopped: wrong branch."}, adapter: "console"},
		"unknown adapter":   {ended: ended{status: finished, workload: success, said: "x", context: `{"adapter":"fax"}`}, kind: workflow.DeliverResult, says: []string{"x"}, adapter: "fax", undeliverable: true},
		"a hook":            {ended: ended{status: finished, workload: success, said: "x", context: `{"adapter":"webhook","hook":"ci"}`}, kind: workflow.DeliverResult, says: []string{"x"}, adapter: "webhook/ci"},
		"no adapter":        {ended: ended{status: finished, workload: success, said: "x", context: `{"adapter":7}`}, kind: workflow.DeliverResult, says: []string{"x"}, undeliverable: true},
		"nowhere to go":     {ended: ended{status: finished, workload: success, said: "x", context: "-"}},
		"of a replaced run": {ended: ended{status: finished, workload: success, said: "x", newer: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			e, run := c.event(t, w)
			if err := saga.NewCallback(w.core(), w, w).React(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if c.kind == "" {
				if len(w.sent) != 0 {
					t.Errorf("sent %v", types(w.sent))
				}
				return
			}
			got, ok := w.sent[0].Workflow.(*workflow.RequestDelivery)
			if !ok || got.Run != run || got.Kind != c.kind || got.Error != c.code || got.Adapter != c.adapter || got.Undeliverable != c.undeliverable {
				t.Fatalf("sent %+v", w.sent[0].Workflow)
			}
			for _, s := range c.says {
				if !strings.Contains(got.Message, s) {
					t.Errorf("says %q, not %q", got.Message, s)
				}
			}
			if w.sent[0].Principal.System != "callback" || w.sent[0].Principal.User != "mia" {
				t.Errorf("sent as %+v", w.sent[0].Principal)
			}
		})
	}
}

func TestOtherEventsAreNobodysBusiness(t *testing.T) {
	t.Parallel()
	w := newWorld()
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	for _, s := range []saga.Saga{saga.NewTrigger(w.core(), w), saga.NewStatus(w.core(), w), saga.NewCallback(w.core(), w, w)} {
		if err := s.React(t.Context(), event(t, id, "workflow.danced", map[string]int{"v": 1})); err != nil || len(w.sent) != 0 {
			t.Errorf("%s: %v, %v", s.Name(), err, types(w.sent))
		}
	}
}

func TestEventOfANewerBuildIsSaidToBeUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld()
	e, _ := ended{status: workflow.StatusRunning, workload: workflow.WorkloadFailed}.event(t, w)
	e.V = 99
	if err := saga.NewStatus(w.core(), w).React(t.Context(), e); err == nil || domain.CodeOf(err) == domain.CodeNotNow {
		t.Errorf("reacted with %v", err)
	}
}
