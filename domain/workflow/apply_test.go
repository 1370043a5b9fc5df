package workflow_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	at := func(e workflow.Event) workflow.Recorded { return workflow.Recorded{Event: e, Time: epoch} }
	if _, err := workflow.Apply(workflow.State{}, at(status("running"))); err == nil {
		t.Error("an event before the workflow")
	}
	s := given(t, created())
	for _, e := range []workflow.Event{
		created(),
		workflow.RunAttempted{Run: run1},
		workflow.RunStarted{Run: run1},
		workflow.StopRequested{Run: run1},
		workflow.StopAttempted{Run: run1},
		workflow.WorkloadFinished{Run: run1},
		workflow.DeliveryAttempted{Delivery: run1},
		workflow.Delivered{Delivery: run1},
		workflow.DeliveryFailed{Delivery: run1},
		workflow.DeliveryGivenUp{Delivery: run1},
	} {
		if _, err := workflow.Apply(s.state, at(e)); err == nil {
			t.Errorf("%s has nothing to apply to", e.EventType())
		}
	}
}

// What is done to an event afterwards changes no state.
func TestApplySharesNothing(t *testing.T) {
	t.Parallel()
	code, id, input := 1, conv, text("in")
	e := created()
	e.Namespace, e.Project = &workflow.Container{Path: "a"}, &workflow.Container{Path: "b"}
	e.Trigger.Conversation, e.CallbackContext, e.AdditionalContext = &id, &input, &input
	e.Principal.Run = &domain.RunRef{ID: run1, Epoch: 1}
	run := requested(run1, 1)
	run.Input = &input
	log := text("log")
	finished := workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "failed", ExitCode: &code, Log: &log}
	s := given(t, e, run, finished)
	want, err := json.Marshal(s.state)
	if err != nil {
		t.Fatal(err)
	}
	e.Privileges[0], e.PreApproved[0] = 8, 8
	e.Namespace.Path, e.Project.Path, id, code, log.Size, input.Size = "x", "x", run2, 2, 99, 99
	e.Principal.Run.Epoch = 9
	if got, err := json.Marshal(s.state); err != nil || string(got) != string(want) {
		t.Errorf("%s\nbecame %s", want, got)
	}
}

// A state that was kept stays as it was, whatever follows.
func TestApplyCopies(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(answer(run1))
	kept := s.state
	before, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	id := answerOf(run1)
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "a"}).when(answer(run2))
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Receipt: "r"}).when(&workflow.UpdateStatus{Event: "stop"})
	s.when(&workflow.AttemptStop{Run: run1, Attempt: 1, By: "a"}).when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "stopped"})
	if after, err := json.Marshal(kept); err != nil || string(after) != string(before) {
		t.Errorf("%s\nbecame %s", before, after)
	}
}

// The state is kept between commits as JSON.
func TestStateComesBack(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(answer(run1)).when(&workflow.AttemptDelivery{Delivery: answerOf(run1), Attempt: 1, By: "a"})
	s.when(&workflow.UpdateStatus{Event: "stop", Reason: "ada"})
	raw, err := json.Marshal(s.state)
	if err != nil {
		t.Fatal(err)
	}
	var back workflow.State
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.state, back); d != "" {
		t.Error(d)
	}
}

// Within a batch a command sees what the one before it did.
func TestFactsWithinABatch(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	for n := 1; n <= 5; n++ {
		s.when(save(n, n-1, `"messages":`+longList(n*40, 80), `"plan":{"steps":[]}`))
		e := s.checkpointed()
		if n > 1 && (!e.Inherits || !slices.Equal(names(e), []string{"messages"})) {
			t.Errorf("step %d: %+v", n, e)
		}
	}
	if got := s.channel(5, "messages"); got != longList(200, 80) {
		t.Error("other bytes")
	}
	if s.facts.Latest[""].TS != ts(5) {
		t.Errorf("%v", s.facts.Latest)
	}
}

func TestFactsRefuse(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	parent := uuid.New()
	based := text("x")
	based.Base, based.Keep = value.AddressOf([]byte("x")), 1
	for name, e := range map[string]workflow.Checkpointed{
		"no parent to inherit from": {ThreadTS: ts(1), Inherits: true, Header: text("{}"), Metadata: text("{}")},
		"an unknown parent":         {ThreadTS: ts(1), Inherits: true, ParentTS: &parent, Header: text("{}"), Metadata: text("{}")},
		"an unknown base":           {ThreadTS: ts(1), Channels: []workflow.ChannelValue{{Channel: "c", Value: based}}},
	} {
		before := len(s.facts.Checkpoints)
		if err := s.facts.Apply(e, s.fetch); err == nil || len(s.facts.Checkpoints) != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	d := workflow.NewDecoder()
	if len(d) != len(workflow.Events()) {
		t.Error("a type comes twice")
	}
	for _, e := range []journal.Event{
		{Type: "workflow.created", V: 2, Data: []byte("{}")},
		{Type: "workflow.dreamt", V: 1, Data: []byte("{}")},
		{Type: "workflow.run_started", V: 1, Data: []byte(`{"run":"x"}`)},
	} {
		if _, err := d.Decode(e); err == nil {
			t.Errorf("%s.v%d was decoded", e.Type, e.V)
		}
	}
	for _, row := range workflow.Events() {
		if e, err := row.Decode([]byte("{}")); err != nil || e.EventType() != row.Type {
			t.Errorf("%s: %v", row.Type, err)
		}
	}
	for _, row := range workflow.Commands() {
		if c := row.New(); c.CommandType() != row.Type {
			t.Errorf("%s makes a %s", row.Type, c.CommandType())
		}
	}
}
