package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func TestRequestRun(t *testing.T) {
	t.Parallel()
	ended := workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success"}
	for from, want := range map[workflow.Status]workflow.RunKind{
		"created": "start", "running": "retry", "paused": "resume", "failed": "retry", "stopped": "retry",
		"input_required": "resume", "plan_approval_required": "resume", "tool_call_approval_required": "resume",
	} {
		s := given(t, append(running(), ended, status(from))...).when(&workflow.RequestRun{Reason: "ada"})
		s.then(workflow.RunRequested{Run: uuid.NewSHA1(s.env.CommandID, []byte("run")), Epoch: 2, Engine: "local", Kind: want, Reason: "ada"})
	}
	given(t, append(running(), ended, status("finished"))...).when(&workflow.RequestRun{}).refused(domain.CodeWorkflowEnded, "")
	given(t, running()...).when(&workflow.RequestRun{}).then()
	given(t, append(running(), ended)...).when(&workflow.RequestRun{Kind: "leap"}).refused(domain.CodeInvalidField, "kind")
	given(t, append(running(), ended)...).when(&workflow.RequestRun{Reason: "\x00"}).refused(domain.CodeInvalidField, "reason")
	s := given(t, append(running(), ended)...).when(&workflow.RequestRun{Kind: workflow.RunStart})
	if e, ok := s.out.Events[0].(workflow.RunRequested); !ok || e.Kind != workflow.RunStart {
		t.Errorf("%+v", s.out.Events)
	}
}

func TestOneClaimsARun(t *testing.T) {
	t.Parallel()
	s := given(t, created(), requested(run1, 1))
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 1, By: "a"}).then(workflow.RunAttempted{Run: run1, Attempt: 1, By: "a"})
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 1, By: "b"}).refused(domain.CodeConflict, "")
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 3, By: "b"}).refused(domain.CodeConflict, "")
	s.when(&workflow.AttemptRun{Run: run2, Attempt: 2, By: "b"}).refused(domain.CodeConflict, "")
	// The outcome is unknown: the next attempt may be made, by anyone, once.
	if a := s.state.Run.Attempt; !a.Open || a.By != "a" {
		t.Errorf("%+v", a)
	}
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 2, By: "b"}).then(workflow.RunAttempted{Run: run1, Attempt: 2, By: "b"})
	s.when(&workflow.ConfirmRun{Run: run1, Workload: "pid:1"}).then(workflow.RunStarted{Run: run1, Workload: "pid:1"})
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 3, By: "a"}).refused(domain.CodeConflict, "")
	s.when(&workflow.ConfirmRun{Run: run1, Workload: "pid:2"}).then()
	if run := s.state.ActiveRun(); run.Workload != "pid:1" || run.Phase != workflow.RunPhaseStarted || run.Attempt.Open || len(s.state.Intents()) != 0 {
		t.Errorf("%+v owes %v", run, s.state.Intents())
	}
}

func TestRunTexts(t *testing.T) {
	t.Parallel()
	s := given(t, created(), requested(run1, 1))
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 1, By: "\x00"}).refused(domain.CodeInvalidField, "by")
	s.when(&workflow.ConfirmRun{Run: run1, Workload: strings.Repeat("x", 1025)}).refused(domain.CodeTooLarge, "workload")
	s.when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "success", Reason: "a\x00" + strings.Repeat("é", 600), WorkloadID: "\xff"}).
		then(workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success", Reason: "a" + strings.Repeat("é", 511)})
}

func TestFinish(t *testing.T) {
	t.Parallel()
	code, log := 137, text("killed")
	s := given(t, running()...).when(&workflow.FinishWorkload{Run: run1, Epoch: 1, WorkloadID: "pid:1", Status: "failed", Reason: "exit", ExitCode: &code, Log: "killed"})
	want := workflow.WorkloadFinished{Run: run1, Epoch: 1, WorkloadID: "pid:1", Status: "failed", Reason: "exit", ExitCode: &code, Log: &log}
	s.then(want)
	if s.state.ActiveRun() != nil || s.state.Run.Phase != workflow.RunPhaseFinished || s.state.Status != workflow.StatusRunning {
		t.Errorf("%+v", s.state)
	}
	s.when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "success"}).then()
	s.when(&workflow.ConfirmRun{Run: run1, Workload: "late"}).then()
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 2}).refused(domain.CodeConflict, "")
	given(t, running()...).when(&workflow.FinishWorkload{Run: run1, Status: "great"}).refused(domain.CodeInvalidField, "status")
	given(t, running()...).when(&workflow.FinishWorkload{Run: run1, Status: "failed", Epoch: -1}).refused(domain.CodeInvalidField, "epoch")
}

func TestFinishOfAStaleRun(t *testing.T) {
	t.Parallel()
	s := given(t, append(running(), workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "failed"}, requested(run2, 2))...)
	before := *s.state.Run
	s.when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "success"}).
		then(workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success", Stale: true})
	if s.state.Run.ID != before.ID || s.state.Run.Phase != before.Phase || s.state.Run.Result != nil {
		t.Errorf("%+v", s.state.Run)
	}
	given(t, created()).when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "success"}).
		then(workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success", Stale: true})
}

func stopped(from workflow.Status) workflow.StatusChanged {
	return workflow.StatusChanged{Event: "stop", From: from, To: "stopped", Reason: "ada"}
}

func TestStopInEachPhase(t *testing.T) {
	t.Parallel()
	stop := &workflow.UpdateStatus{Event: "stop", Reason: "ada"}
	asked := workflow.StopRequested{Run: run1, Reason: "ada"}
	given(t, created()).when(stop).then(stopped("created"))

	// No engine has seen it: it ends here.
	s := given(t, created(), requested(run1, 1)).when(stop)
	s.then(stopped("created"), workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "stopped", Reason: "stopped_before_start"})
	s.when(&workflow.AttemptRun{Run: run1, Attempt: 1}).refused(domain.CodeConflict, "")
	if len(s.state.Intents()) != 0 {
		t.Errorf("owes %v", s.state.Intents())
	}

	// An engine may have it: what is unknown is found out first.
	s = given(t, created(), requested(run1, 1), workflow.RunAttempted{Run: run1, Attempt: 1}).when(stop).then(stopped("created"), asked)
	if in := s.state.Intents(); len(in) != 1 || in[0].Kind != workflow.IntentRun {
		t.Errorf("owes %v", in)
	}
	s.when(&workflow.ConfirmRun{Run: run1, Workload: "pid:1"})
	if in := s.state.Intents(); len(in) != 1 || in[0].Kind != workflow.IntentStop || in[0].ID != run1 {
		t.Errorf("owes %v", in)
	}

	s = given(t, running()...).at(time.Minute).when(stop).then(stopped("running"), asked)
	if in := s.state.Intents(); len(in) != 1 || !in[0].Due.Equal(epoch.Add(time.Minute)) {
		t.Errorf("owes %v", in)
	}
	s.when(&workflow.AttemptStop{Run: run1, Attempt: 1, By: "\xff"}).refused(domain.CodeInvalidField, "by")
	s.when(&workflow.AttemptStop{Run: run1, Attempt: 1, By: "a"}).then(workflow.StopAttempted{Run: run1, Attempt: 1, By: "a"})
	s.when(&workflow.AttemptStop{Run: run1, Attempt: 1, By: "b"}).refused(domain.CodeConflict, "")
	s.when(stop).then() // already so
	if st := s.state.Run.Stop; !st.RequestedAt.Equal(epoch.Add(time.Minute)) || !st.Attempt.Open {
		t.Errorf("%+v", st)
	}
	s.when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "stopped"})
	if s.state.Run.Stop != nil || len(s.state.Intents()) != 0 {
		t.Errorf("owes %v", s.state.Intents())
	}
	s.when(&workflow.AttemptStop{Run: run1, Attempt: 2, By: "a"}).refused(domain.CodeConflict, "")

	given(t, append(running(), workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "failed"})...).when(stop).then(stopped("running"))
}

func TestRetryWhileAStopIsOwed(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(&workflow.UpdateStatus{Event: "stop"}).when(&workflow.UpdateStatus{Event: "retry"})
	s.when(&workflow.UpdateStatus{Event: "stop", Reason: "ada"}).then(stopped("running"))
}
