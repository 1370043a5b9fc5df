package workflow_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

var importHead = journal.HashOf([]byte("the last commit"))

// imported is a commit of another log with these events.
func imported(t *testing.T, n int, events ...workflow.Event) *workflow.ImportCommit {
	t.Helper()
	c := &workflow.ImportCommit{Imported: workflow.Imported{N: n, Position: "0:1"}}
	for _, e := range events {
		raw, err := journal.NewEvent(e.EventType(), 1, e)
		if err != nil {
			t.Fatal(err)
		}
		c.Events = append(c.Events, raw)
	}
	if n == 0 {
		c.Begun = &workflow.ImportBegun{Log: wfID, Stream: "acme/workflow/x", Head: importHead, Commits: 2, User: "eve", ServiceAccount: "bot", Engine: "local", At: epoch}
	}
	return c
}

func theirs() workflow.Created {
	c := createdEvent()
	context := c.Goal
	c.Principal, c.CallbackContext, c.Engine = domain.Principal{User: "root"}, &context, "elsewhere"
	return c
}

func theirRun() workflow.RunRequested {
	return workflow.RunRequested{Run: run1, Epoch: 1, Engine: "elsewhere", Kind: workflow.RunStart}
}

func TestImportBelongsToWhoImports(t *testing.T) {
	t.Parallel()
	s := given(t).when(imported(t, 0, theirs(), theirRun()))
	if s.err != nil {
		t.Fatal(s.err)
	}
	c := s.state.Created
	if s.state.Owner.User != "eve" || c.Principal.User != "eve" || c.Principal.ServiceAccount != "bot" || c.Engine != "local" || c.CallbackContext != nil {
		t.Errorf("%+v", c)
	}
	if !s.state.Importing() || len(s.state.Intents()) != 0 {
		t.Errorf("it owes %v", s.state.Intents())
	}
}

func TestImportTakesCommitsInTheirOrder(t *testing.T) {
	t.Parallel()
	started := workflow.StatusChanged{Event: workflow.EventStart, From: workflow.StatusCreated, To: workflow.StatusRunning}
	given(t).when(imported(t, 1, started)).refused(domain.CodeConflict, "")
	given(t).when(imported(t, 0, started)).refused(domain.CodeInvalidBody, "")
	given(t).when(imported(t, 0, theirs(), theirs())).refused(domain.CodeInvalidBody, "")
	given(t).when(imported(t, 0, theirs(), workflow.RunStarted{Run: run1})).refused(domain.CodeInvalidBody, "")
	s := given(t).when(imported(t, 0, theirs()))
	s.when(imported(t, 2, started)).refused(domain.CodeConflict, "")
	s.when(&workflow.EndImport{Head: importHead}).refused(domain.CodeConflict, "")
	s.when(imported(t, 1, started)).when(imported(t, 2, started)).refused(domain.CodeConflict, "")
	given(t, createdEvent()).when(imported(t, 0, theirs())).refused(domain.CodeConflict, "")
}

func TestEndOfAnImportSettlesWhatWasUnderWay(t *testing.T) {
	t.Parallel()
	delivery := uuid.NewSHA1(run1, []byte("answer"))
	s := given(t).when(imported(t, 0, theirs(), theirRun(), workflow.DeliveryRequested{Delivery: delivery, Run: run1, Adapter: "slack", Kind: workflow.DeliverResult, Message: theirs().Goal}))
	s.when(imported(t, 1, workflow.StatusChanged{Event: workflow.EventStart, From: workflow.StatusCreated, To: workflow.StatusRunning}, followedUp("m1", workflow.FollowUpQueued, nil)))
	s.at(time.Hour).when(&workflow.EndImport{Head: importHead}).then(
		workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: workflow.WorkloadStopped, Reason: "imported"},
		workflow.DeliveryGivenUp{Delivery: delivery, Reason: "imported"},
		workflow.FollowUpsSettled{Messages: []string{"m1"}, How: workflow.FollowUpMoved},
		workflow.StatusChanged{Event: workflow.EventPause, From: workflow.StatusRunning, To: workflow.StatusPaused, Reason: "imported"},
		workflow.ImportEnded{Commits: 2},
	)
	if s.state.Importing() || len(s.state.Intents()) != 0 || len(s.state.FollowUps) != 0 || s.state.ActiveRun() != nil {
		t.Errorf("%+v", s.state)
	}
	s.when(&workflow.EndImport{Head: importHead}).then()
	s.when(&workflow.EndImport{}).refused(domain.CodeConflict, "")
	s.when(&workflow.UpdateStatus{Event: workflow.EventResume, Run: true})
	if run := s.state.ActiveRun(); run == nil || run.Epoch != 2 || run.Engine != "local" {
		t.Errorf("%+v", run)
	}
}

func TestNothingElseHappensToAnImport(t *testing.T) {
	t.Parallel()
	s := given(t).when(imported(t, 0, theirs()))
	for _, c := range []workflow.Command{&workflow.UpdateStatus{Event: workflow.EventStop}, &workflow.RequestRun{}, save(1, 0)} {
		if err := s.state.Takes(c); domain.CodeOf(err) != domain.CodeConflict {
			t.Errorf("%s: %v", c.CommandType(), err)
		}
	}
	for _, c := range []workflow.Command{&workflow.ImportCommit{}, &workflow.EndImport{}} {
		if err := s.state.Takes(c); err != nil {
			t.Errorf("%s: %v", c.CommandType(), err)
		}
	}
}
