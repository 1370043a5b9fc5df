package workflow_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func receive(id string) *workflow.ReceiveMessage {
	return &workflow.ReceiveMessage{Conversation: conv, MessageID: id, Author: "ada", Text: "go on " + id}
}

func received(id string) workflow.MessageReceived {
	return workflow.MessageReceived{Conversation: conv, MessageID: id, Author: "ada", Text: text("go on " + id)}
}

func TestMessageToAnEndedWorkflow(t *testing.T) {
	t.Parallel()
	for _, from := range []workflow.Status{"finished", "failed", "stopped"} {
		given(t, created(), status(from)).when(receive("m")).refused(domain.CodeWorkflowEnded, "")
	}
}

func TestMessageResumesOnce(t *testing.T) {
	t.Parallel()
	ended := workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success"}
	for _, from := range []workflow.Status{"input_required", "plan_approval_required", "tool_call_approval_required", "paused"} {
		s := given(t, append(running(), ended, status(from))...).when(receive("m1"))
		input := text("go on m1")
		s.then(received("m1"), workflow.RunRequested{
			Run: uuid.NewSHA1(s.env.CommandID, []byte("run")), Epoch: 2, Engine: "local", Kind: workflow.RunResume, Reason: "message", Input: &input,
		}, followedUp("m1", workflow.FollowUpResumed, nil))
		s.when(receive("m2")).then(injected(s, "m2")...)
		if s.state.Epoch != 2 {
			t.Errorf("%s: epoch %d", from, s.state.Epoch)
		}
	}
}

func TestMessageToOneThatRuns(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(receive("m"))
	s.then(injected(s, "m")...)
	given(t, created()).when(receive("m")).then(received("m"), followedUp("m", workflow.FollowUpQueued, nil))
	// It waits for a person, but its run has not ended yet.
	s = given(t, append(running(), status("input_required"))...).when(receive("m"))
	s.then(injected(s, "m")...)
}

func TestMessageRefuses(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n+1) }
	for field, edit := range map[string]func(c *workflow.ReceiveMessage, s string){
		"message_id": func(c *workflow.ReceiveMessage, s string) { c.MessageID = s },
		"author":     func(c *workflow.ReceiveMessage, s string) { c.Author = s },
	} {
		c := receive("m")
		edit(c, long(255))
		given(t, running()...).when(c).refused(domain.CodeTooLarge, field)
		edit(c, "\x00")
		given(t, running()...).when(c).refused(domain.CodeInvalidField, field)
	}
	c := receive("m")
	c.Text = long(16384)
	given(t, running()...).when(c).refused(domain.CodeTooLarge, "text")
	c.Text = "anything: \x00\xff"
	given(t, running()...).when(c)
}
