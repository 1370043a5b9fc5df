package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func answerOf(run uuid.UUID) uuid.UUID { return uuid.NewSHA1(run, []byte("answer")) }

func answer(run uuid.UUID) *workflow.RequestDelivery {
	return &workflow.RequestDelivery{Run: run, Adapter: "slack", Kind: workflow.DeliverResult, Message: "done"}
}

func TestOneAnswerPerRun(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(answer(run1))
	s.then(workflow.DeliveryRequested{Delivery: answerOf(run1), Run: run1, Adapter: "slack", Kind: "result", Message: text("done")})
	again := answer(run1)
	again.Kind, again.Error = workflow.DeliverError, "no_response"
	s.when(again).then()
	s.when(answer(run2))
	if len(s.out.Events) != 1 {
		t.Error("the next run has no answer")
	}
	s.when(answer(run1)).then() // still owed
	if len(s.state.Deliveries) != 2 {
		t.Errorf("%+v", s.state.Deliveries)
	}
}

func TestUndeliverable(t *testing.T) {
	t.Parallel()
	c := answer(run1)
	c.Adapter, c.Undeliverable, c.Kind, c.Error = "pigeon\x00"+strings.Repeat("x", 99), true, workflow.DeliverError, "flow_failed"
	s := given(t, running()...).when(c)
	s.then(workflow.DeliveryRequested{
		Delivery: answerOf(run1), Run: run1, Adapter: "pigeon" + strings.Repeat("x", 58), Kind: "error", Error: "flow_failed", Message: text("done"),
	}, workflow.DeliveryGivenUp{Delivery: answerOf(run1), Reason: "unknown_adapter"})
	if len(s.state.Deliveries)+len(s.state.Intents()) != 0 {
		// A run that is started owes nothing, nor does a delivery given up.
		t.Errorf("owes %v", s.state.Intents())
	}
	s.when(answer(run1)).then()
	given(t, running()...).when(&workflow.RequestDelivery{Run: run1, Kind: "poem"}).refused(domain.CodeInvalidField, "kind")
}

func TestOneClaimsADelivery(t *testing.T) {
	t.Parallel()
	id := answerOf(run1)
	s := given(t, running()...).when(answer(run1))
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "a\x00"}).refused(domain.CodeInvalidField, "by")
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "a"}).then(workflow.DeliveryAttempted{Delivery: id, Attempt: 1, By: "a"})
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "b"}).refused(domain.CodeConflict, "")
	s.when(&workflow.AttemptDelivery{Delivery: run2, Attempt: 1, By: "b"}).refused(domain.CodeConflict, "")
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 1}).refused(domain.CodeInvalidField, "receipt")
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 2, Receipt: "x"}).then()
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Receipt: "17.3\x00"}).then(workflow.Delivered{Delivery: id, Attempt: 1, Receipt: "17.3"})
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Receipt: "17.3"}).then()
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 2, By: "b"}).refused(domain.CodeConflict, "")
	if len(s.state.Deliveries) != 0 {
		t.Errorf("owes %v", s.state.Intents())
	}
}

func TestRetrySchedule(t *testing.T) {
	t.Parallel()
	id, now := answerOf(run1), time.Duration(0)
	s := given(t, running()...).when(answer(run1))
	if in := s.state.Intents()[0]; !in.Due.Equal(epoch) || in.Kind != workflow.IntentDeliver || in.Lane != "slack" {
		t.Errorf("%+v", in)
	}
	for n, wait := range []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	} {
		attempt := n + 1
		s.at(now).when(&workflow.AttemptDelivery{Delivery: id, Attempt: attempt, By: "a"})
		if in := s.state.Intents()[0]; !in.Attempt.Open || !in.Due.Equal(epoch.Add(now)) {
			t.Errorf("attempt %d: %+v", attempt, in)
		}
		s.when(&workflow.SettleDelivery{Delivery: id, Attempt: attempt, Error: "503"}).then(workflow.DeliveryFailed{Delivery: id, Attempt: attempt, Error: "503"})
		s.when(&workflow.SettleDelivery{Delivery: id, Attempt: attempt, Error: "503"}).then()
		if in := s.state.Intents()[0]; in.Attempt.Open || !in.Due.Equal(epoch.Add(now+wait)) {
			t.Errorf("after attempt %d due %s, not %s", attempt, in.Due.Sub(epoch), now+wait)
		}
		now += wait
	}
	s.at(now).when(&workflow.AttemptDelivery{Delivery: id, Attempt: 10, By: "a"})
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 10, Error: "503"}).
		then(workflow.DeliveryFailed{Delivery: id, Attempt: 10, Error: "503"}, workflow.DeliveryGivenUp{Delivery: id, Reason: "attempts_exhausted", Error: "503"})
	if len(s.state.Deliveries) != 0 {
		t.Errorf("owes %v", s.state.Intents())
	}
}

func TestFinalRefusal(t *testing.T) {
	t.Parallel()
	id := answerOf(run1)
	s := given(t, running()...).when(answer(run1)).when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1})
	long := strings.Repeat("é", 600)
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Error: long, Final: true}).
		then(workflow.DeliveryFailed{Delivery: id, Attempt: 1, Error: long[:1024]}, workflow.DeliveryGivenUp{Delivery: id, Reason: "refused", Error: long[:1024]})
}

func TestApplyDelivery(t *testing.T) {
	t.Parallel()
	at := workflow.Recorded{Time: epoch}
	step := func(d workflow.Delivery, e workflow.Event) (workflow.Delivery, bool) {
		at.Event = e
		return workflow.ApplyDelivery(d, at)
	}
	d := workflow.Delivery{ID: answerOf(run1), Status: "requested"}
	d, owed := step(d, workflow.DeliveryAttempted{Delivery: d.ID, Attempt: 1, By: "a"})
	if !owed || !d.Attempt.Open {
		t.Errorf("%+v", d)
	}
	if d, owed := step(d, workflow.Delivered{Delivery: d.ID, Attempt: 1, Receipt: "r"}); owed || d.Status != "delivered" || d.Receipt != "r" || !d.EndedAt.Equal(epoch) {
		t.Errorf("%+v", d)
	}
	d, owed = step(d, workflow.DeliveryFailed{Delivery: d.ID, Attempt: 1, Error: "503"})
	if !owed || d.Attempt.Open || d.LastError != "503" {
		t.Errorf("%+v", d)
	}
	if d, owed := step(d, workflow.DeliveryGivenUp{Delivery: d.ID, Reason: "unknown_adapter"}); owed || d.Status != "given_up" || d.LastError != "unknown_adapter" {
		t.Errorf("%+v", d)
	}
}
