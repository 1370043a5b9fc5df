package workflow_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
)

func followedUp(id string, how workflow.FollowUpHow, mail *uuid.UUID) workflow.FollowedUp {
	return workflow.FollowedUp{Conversation: conv, MessageID: id, Author: "ada", How: how, Mail: mail}
}

// mailOf is the item that the last message left.
func mailOf(s *story) uuid.UUID { return uuid.NewSHA1(s.env.CommandID, []byte("mail")) }

func injected(s *story, id string) []workflow.Event {
	mail, said := mailOf(s), text("go on "+id)
	return []workflow.Event{
		received(id), workflow.MailQueued{Mail: mail, Kind: workflow.MailMessage, Text: &said}, followedUp(id, workflow.FollowUpInjected, &mail),
	}
}

func under(policy workflow.FollowUpPolicy, id string) *workflow.ReceiveMessage {
	c := receive(id)
	c.Policy = policy
	return c
}

// TestAGroupMaySayEachOfThem: the policy of a root group is one of the workflow's own.
func TestAGroupMaySayEachOfThem(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range workflow.FollowUpPolicies() {
		names = append(names, string(p))
	}
	if d := cmp.Diff(directory.FollowUps(), names); d != "" {
		t.Error(d)
	}
}

func settle(id string) *workflow.SettleFollowUps {
	return &workflow.SettleFollowUps{MessageID: id, Text: "go on " + id}
}

// over is the end of the run as a later message finds it: told where it came from.
func over(s *story, to workflow.Status) *story {
	for _, e := range []workflow.Event{workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success"}, status(to)} {
		s.apply(e)
	}
	return s
}

func TestFollowUpPolicies(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	s.when(under(workflow.FollowUpRefuse, "m")).refused(domain.CodeWorkflowBusy, "")
	s.when(under("shout", "m")).refused(domain.CodeInvalidField, "follow_up")
	s.when(under(workflow.FollowUpQueue, "m1")).then(received("m1"), followedUp("m1", workflow.FollowUpQueued, nil))
	s.when(under(workflow.FollowUpQueue, "m1")).then()
	s.when(under(workflow.FollowUpInject, "m2"))
	s.then(injected(s, "m2")...)
	if len(s.state.FollowUps) != 2 || s.state.FollowUps[0].MessageID != "m1" || s.state.FollowUps[1].Mail == nil {
		t.Errorf("%+v", s.state.FollowUps)
	}
}

// TestQueuedMessagesRunOneAfterAnother: each is what one run goes on with.
func TestQueuedMessagesRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(under(workflow.FollowUpQueue, "m1")).when(under(workflow.FollowUpInject, "m2"))
	mail := mailOf(s)
	s.when(settle("m1")).then() // the run goes on
	over(s, "input_required").when(settle("m2")).then()
	s.when(settle("m1"))
	input := text("go on m1")
	s.then(workflow.FollowUpsSettled{Messages: []string{"m1"}, How: workflow.FollowUpResumed}, workflow.RunRequested{
		Run: uuid.NewSHA1(s.env.CommandID, []byte("run")), Epoch: 2, Engine: "local", Kind: workflow.RunResume, Reason: "message", Input: &input,
	})
	s.when(settle("m2")).then() // a run is under way again
	s.apply(workflow.WorkloadFinished{Run: s.state.Run.ID, Epoch: 2, Status: "success"})
	s.when(settle("m2"))
	if got := s.out.Events; len(got) != 3 || got[1] != (workflow.MailMarked{Mail: mail, Status: workflow.MailIsDelivered}) || len(s.state.FollowUps) != 0 {
		t.Errorf("%+v, %+v wait", got, s.state.FollowUps)
	}
}

func TestWhatTheAgentTookWaitsNoMore(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(receive("m1"))
	s.when(&workflow.MarkMail{Mail: mailOf(s), Status: workflow.MailIsDelivered})
	if len(s.state.FollowUps) != 0 {
		t.Errorf("%+v wait", s.state.FollowUps)
	}
}

// TestAnEndedWorkflowGivesItsMessagesBack: all of them, once.
func TestAnEndedWorkflowGivesItsMessagesBack(t *testing.T) {
	t.Parallel()
	for _, to := range []workflow.Status{"finished", "failed", "stopped"} {
		s := given(t, running()...).when(under(workflow.FollowUpQueue, "m1")).when(under(workflow.FollowUpQueue, "m2"))
		over(s, to).when(settle("m1")).then(workflow.FollowUpsSettled{Messages: []string{"m1", "m2"}, How: workflow.FollowUpMoved})
		s.when(settle("m1")).then()
	}
}

// TestADeniedMessageRunsNothing: the next one is gone on with.
func TestADeniedMessageRunsNothing(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(under(workflow.FollowUpQueue, "m1")).when(under(workflow.FollowUpQueue, "m2"))
	denied := settle("m1")
	denied.Denied = true
	over(s, "input_required").when(denied).then(workflow.FollowUpsSettled{Messages: []string{"m1"}, How: workflow.FollowUpDenied})
	if s.when(settle("m2")); s.state.Epoch != 2 || len(s.state.FollowUps) != 0 {
		t.Errorf("epoch %d, and %+v wait", s.state.Epoch, s.state.FollowUps)
	}
}

// TestFollowUpsWaitForTheAnswer: the run after this one would take its place.
func TestFollowUpsWaitForTheAnswer(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(under(workflow.FollowUpQueue, "m1"))
	surface := text("{}")
	s.state.Created.CallbackContext = &surface
	over(s, "input_required").when(settle("m1")).then()
	s.apply(workflow.DeliveryRequested{Delivery: uuid.New(), Run: run1, Adapter: "console", Kind: workflow.DeliverQuestion, Message: text("?")})
	if s.when(settle("m1")); s.state.Epoch != 2 {
		t.Errorf("epoch %d after the answer", s.state.Epoch)
	}
	paused := given(t, running()...).when(under(workflow.FollowUpQueue, "m1"))
	over(paused, "paused").when(settle("m1")).then()
}

func TestWhatWaitsIsBounded(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	for i := range workflow.MaxFollowUps {
		s.apply(followedUp(fmt.Sprint(i), workflow.FollowUpQueued, nil))
	}
	s.when(receive("m")).refused(domain.CodeConflict, "")
}
