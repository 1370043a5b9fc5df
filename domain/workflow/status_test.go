package workflow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// The whole state machine: = is a success without effect, . a refusal.
const machine = `
event                      created  running                     paused   finished failed  stopped input_required plan_approval_required tool_call_approval_required
start                      running  =                           .        .        .       .       .              .                      .
pause                      .        paused                      =        .        .       .       .              .                      .
require_input              .        input_required              .        .        .       .       =              .                      .
require_plan_approval      .        plan_approval_required      .        .        .       .       .              =                      .
require_tool_call_approval .        tool_call_approval_required .        .        .       .       .              .                      =
resume                     .        =                           running  .        .       .       running        running                running
retry                      .        =                           .        .        running running .              .                      .
finish                     .        finished                    .        =        .       .       .              .                      .
drop                       failed   failed                      failed   .        =       .       failed         failed                 failed
stop                       stopped  stopped                     stopped  .        .       =       stopped        stopped                stopped
`

func TestStateMachine(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(machine), "\n")
	statuses := strings.Fields(lines[0])[1:]
	if len(statuses) != len(workflow.Statuses()) || len(lines) != 11 {
		t.Fatal("the table is not whole")
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, from := range statuses {
			t.Run(cells[0]+" from "+from, func(t *testing.T) {
				t.Parallel()
				cell(t, workflow.StatusEvent(cells[0]), workflow.Status(from), cells[i+1])
			})
		}
	}
}

func cell(t *testing.T, event workflow.StatusEvent, from workflow.Status, want string) {
	t.Helper()
	s := given(t, created(), status(from)).when(&workflow.UpdateStatus{Event: event, Reason: "why"})
	switch want {
	case "=":
		s.then()
	case ".":
		s.refused(domain.CodeIllegalStatus, "status_event")
		if got, text := message(s.err), fmt.Sprintf("Can not %s workflow that has status %s", event, from); got != text {
			t.Errorf("%q, not %q", got, text)
		}
	default:
		s.then(workflow.StatusChanged{Event: event, From: from, To: workflow.Status(want), Reason: "why"})
		if s.state.Status != workflow.Status(want) || s.state.Reason != "why" {
			t.Errorf("it is %s because %q", s.state.Status, s.state.Reason)
		}
	}
}

func message(err error) string {
	if e, ok := err.(*domain.Error); ok { //nolint:errorlint // the shape is the point
		return e.Message
	}
	return ""
}

func TestUnknownStatusEvent(t *testing.T) {
	t.Parallel()
	for _, from := range workflow.Statuses() {
		s := given(t, created(), status(from)).when(&workflow.UpdateStatus{Event: "explode"}).refused(domain.CodeUnknownEvent, "status_event")
		if got := message(s.err); got != "Can not update workflow status, unsupported event: explode" {
			t.Error(got)
		}
	}
}

func TestStatusReasonIsText(t *testing.T) {
	t.Parallel()
	given(t, created()).when(&workflow.UpdateStatus{Event: "start", Reason: "a\x00"}).refused(domain.CodeInvalidField, "reason")
	given(t, created()).when(&workflow.UpdateStatus{Event: "start", Reason: strings.Repeat("x", 1025)}).refused(domain.CodeTooLarge, "reason")
}

func TestStatusOfAStaleRun(t *testing.T) {
	t.Parallel()
	replaced := append(running(), workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "failed"}, requested(run2, 2))
	given(t, replaced...).as(run1, 1).when(&workflow.UpdateStatus{Event: "finish"}).refused(domain.CodeStaleRun, "")
	given(t, replaced...).as(run2, 2).when(&workflow.UpdateStatus{Event: "finish"}).
		then(workflow.StatusChanged{Event: "finish", From: "running", To: "finished"})
	given(t, replaced...).runless(false).when(&workflow.UpdateStatus{Event: "stop"})
	given(t, replaced...).when(&workflow.UpdateStatus{Event: "drop", OnlyRun: &run1}).then()
	given(t, created()).when(&workflow.UpdateStatus{Event: "drop", OnlyRun: &run1}).then()
	given(t, replaced...).when(&workflow.UpdateStatus{Event: "drop", OnlyRun: &run2}).
		then(workflow.StatusChanged{Event: "drop", From: "running", To: "failed"})
}

func TestStatusPredicates(t *testing.T) {
	t.Parallel()
	for _, s := range workflow.Statuses() {
		ends := s == "finished" || s == "failed" || s == "stopped"
		waits := strings.HasSuffix(string(s), "_required")
		if s.Terminal() != ends || s.AwaitsHuman() != waits {
			t.Errorf("%s: terminal %t, awaits %t", s, s.Terminal(), s.AwaitsHuman())
		}
	}
}
