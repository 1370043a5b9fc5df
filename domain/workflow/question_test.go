package workflow_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// fromAThread is a workflow that came from a surface, whose run is under way.
func fromAThread() []workflow.Event {
	c, to := created(), text(`{"adapter":"slack"}`)
	c.CallbackContext = &to
	return append([]workflow.Event{c}, running()[1:]...)
}

func saysQuestion(s *story) bool {
	for _, e := range s.out.Events {
		if e == (workflow.QuestionSaved{Run: run1}) {
			return true
		}
	}
	return false
}

// TestQuestionSaved: the checkpoint after the status is the one that has the question,
// where somebody is to be asked.
func TestQuestionSaved(t *testing.T) {
	t.Parallel()
	asked := func(to workflow.Status) []workflow.Event { return append(fromAThread(), status(to)) }
	nested := save(1, 0, `"a":1`)
	nested.NS = "sub:1"
	for name, c := range map[string]struct {
		given []workflow.Event
		save  workflow.Command
		by    int
		want  bool
	}{
		"it asks":                          {asked("input_required"), save(1, 0, `"a":1`), 1, true},
		"its plan is to be approved":       {asked("plan_approval_required"), save(1, 0, `"a":1`), 1, true},
		"its tool is to be approved":       {asked("tool_call_approval_required"), put(1, 0, ""), 1, true},
		"it runs":                          {fromAThread(), save(1, 0, `"a":1`), 1, false},
		"it has finished":                  {asked("finished"), save(1, 0, `"a":1`), 1, false},
		"of a graph within":                {asked("input_required"), nested, 1, false},
		"of somebody else":                 {asked("input_required"), save(1, 0, `"a":1`), 0, false},
		"nobody is to be told":             {append(running(), status("input_required")), save(1, 0, `"a":1`), 1, false},
		"the run has ended":                {append(asked("input_required"), workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success"}), save(1, 0, `"a":1`), 1, false},
		"it is on its way to who is asked": {append(asked("input_required"), workflow.DeliveryRequested{Delivery: answerOf(run1), Run: run1, Kind: "question", Message: text("?")}), save(1, 0, `"a":1`), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.given...)
			if c.by > 0 {
				s.as(run1, c.by)
			}
			if s.when(c.save); s.err != nil || saysQuestion(s) != c.want {
				t.Errorf("%+v, %v", s.out.Events, s.err)
			}
			if s.when(c.save); len(s.out.Events) != 0 {
				t.Errorf("sent again: %+v", s.out.Events)
			}
		})
	}
}

// TestAnswerBeforeTheEnd: what is asked for before the workload has ended holds while the
// workflow stands so, and the end of the workload asks for nothing more.
func TestAnswerBeforeTheEnd(t *testing.T) {
	t.Parallel()
	early := func(while workflow.Status) *workflow.RequestDelivery {
		c := answer(run1)
		c.While = while
		return c
	}
	end := &workflow.FinishWorkload{Run: run1, Epoch: 1, Status: workflow.WorkloadFailed}
	s := given(t, append(fromAThread(), status("finished"))...).when(early("finished"))
	if len(s.out.Events) != 1 || s.state.Settled() {
		t.Fatalf("%+v; messages that wait are taken: %t", s.out.Events, s.state.Settled())
	}
	s.when(early("finished")).then()
	if s.when(end).when(answer(run1)).then(); !s.state.Settled() {
		t.Error("messages that wait are not taken")
	}
	given(t, append(fromAThread(), status("input_required"), status("stopped"))...).when(early("input_required")).then()
	given(t, append(fromAThread(), status("input_required"), requested(run2, 2))...).when(early("input_required")).then()
}

// TestAnswersToAQuestionWait: whoever was asked may answer before the workload has ended.
// No run begins while it is under way, and the answer is not refused.
func TestAnswersToAQuestionWait(t *testing.T) {
	t.Parallel()
	asked := append(fromAThread(), status("input_required"))
	s := given(t, asked...).when(under(workflow.FollowUpRefuse, "m1"))
	s.then(received("m1"), followedUp("m1", workflow.FollowUpQueued, nil))
	if s.when(settle("m1")).then(); s.state.Epoch != 1 {
		t.Error("two runs at once")
	}
	c := &workflow.UpdateStatus{Event: workflow.EventResume, Run: true}
	given(t, asked...).when(c).refused(domain.CodeConflict, "")
}

// TestARunThatGoesOnByItself: an agent that asks and is told while it waits has its answer
// delivered too, under another id. That of a run that has ended is not asked for again.
func TestARunThatGoesOnByItself(t *testing.T) {
	t.Parallel()
	question := answer(run1)
	question.Kind, question.While = workflow.DeliverQuestion, "input_required"
	s := given(t, append(fromAThread(), status("input_required"))...).as(run1, 1).when(question)
	s.then(workflow.DeliveryRequested{Delivery: answerOf(run1), Run: run1, Adapter: "slack", Kind: "question", Message: text("done")})
	s.when(&workflow.UpdateStatus{Event: workflow.EventResume}).when(&workflow.UpdateStatus{Event: workflow.EventFinish})
	second := uuid.NewSHA1(run1, []byte("answer/1"))
	s.when(answer(run1)).then(workflow.DeliveryRequested{Delivery: second, Run: run1, Adapter: "slack", Kind: "result", Message: text("done")})
	s.when(answer(run1)).then()

	s = given(t, append(fromAThread(), status("input_required"))...).when(question)
	s.apply(workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success"})
	s.apply(workflow.StatusChanged{Event: workflow.EventResume, From: "input_required", To: "running"})
	s.when(answer(run1)).then()
}
