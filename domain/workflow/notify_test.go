package workflow_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

const cause = "0198f000-0000-7000-8000-000000000001/0"

func notify(hooks ...string) *workflow.Notify {
	return &workflow.Notify{Adapter: "webhook", Hooks: hooks, Event: "flow.completed", Cause: cause, Data: json.RawMessage(`{"number":1003}`)}
}

func told(hook string) uuid.UUID { return workflow.NotificationID(wfID, cause, hook) }

func jsonValue(s string) value.Value {
	m, _ := value.Build("json", []byte(s))
	return value.Diff(m, nil)
}

func notified(hook string) workflow.NotificationRequested {
	return workflow.NotificationRequested{
		Delivery: told(hook), Adapter: "webhook", Hook: hook, Event: "flow.completed", Cause: cause, Data: jsonValue(`{"number":1003}`),
	}
}

func TestEachHookIsToldOnce(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(notify("ci", "audit", "ci"))
	s.then(notified("ci"), notified("audit"))
	s.when(notify("audit", "ci")).then()
	lanes := []string{}
	for _, in := range s.state.Intents() {
		lanes = append(lanes, in.Lane)
	}
	if fmt.Sprint(lanes) != "[webhook/ci webhook/audit]" {
		t.Errorf("the lanes are %v", lanes)
	}
	s.when(answer(run1))
	if len(s.out.Events) != 1 {
		t.Error("a hook was told, and so the run has no answer")
	}
}

func TestAHintIsLeftOutWhileOneIsOwed(t *testing.T) {
	t.Parallel()
	hint := func(n int, hooks ...string) *workflow.Notify {
		c := notify(hooks...)
		c.Event, c.Hint, c.Cause = "flow.progress", true, fmt.Sprint(cause, n)
		return c
	}
	s := given(t, running()...).when(hint(1, "ci")).when(hint(2, "ci", "audit"))
	if len(s.out.Events) != 1 {
		t.Errorf("%d hooks are told of the second step", len(s.out.Events))
	}
	id := workflow.NotificationID(wfID, fmt.Sprint(cause, 1), "ci")
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "a"}).when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Receipt: "204"})
	if s.when(hint(3, "ci")); len(s.out.Events) != 1 {
		t.Error("the hook took the first and is not told of the third")
	}
}

func TestWhatAWorkflowMayOweIsBounded(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	for n := range workflow.MaxOwed {
		owed := notified("ci")
		owed.Delivery = uuid.NewSHA1(wfID, fmt.Append(nil, n))
		s.apply(owed)
	}
	s.when(notify("ci")).then(notified("ci"), workflow.DeliveryGivenUp{Delivery: told("ci"), Reason: "too_many_owed"})
	if n := len(s.state.Deliveries); n != workflow.MaxOwed {
		t.Errorf("it owes %d", n)
	}
	s.facts.Deliveries[told("ci")] = workflow.Delivery{ID: told("ci"), Status: workflow.DeliveryLost}
	s.when(&workflow.Redeliver{Delivery: told("ci")}).refused(domain.CodeConflict, "")
}

func TestNotifyThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*workflow.Notify){
		"hooks":   func(c *workflow.Notify) { c.Hooks = []string{strings.Repeat("h", 65)} },
		"adapter": func(c *workflow.Notify) { c.Adapter = "\x00" },
		"event":   func(c *workflow.Notify) { c.Event = strings.Repeat("e", 65) },
		"cause":   func(c *workflow.Notify) { c.Cause = strings.Repeat("c", 256) },
	} {
		c := notify("ci")
		change(c)
		if s := given(t, running()...).when(c); s.err == nil {
			t.Errorf("%s is taken", field)
		}
	}
	many := notify()
	for n := range workflow.MaxHooks + 1 {
		many.Hooks = append(many.Hooks, fmt.Sprint(n))
	}
	given(t, running()...).when(many).refused(domain.CodeInvalidField, "hooks")
	bad, large := notify("ci"), notify("ci")
	bad.Data, large.Data = json.RawMessage(`{`), json.RawMessage(`"`+strings.Repeat("x", workflow.MaxNotification)+`"`)
	given(t, running()...).when(bad).refused(domain.CodeInvalidField, "data")
	given(t, running()...).when(large).refused(domain.CodeTooLarge, "data")
}

func TestWhatCameBackIsKept(t *testing.T) {
	t.Parallel()
	id := told("ci")
	said := workflow.Answer{Target: "ci 3f2a", Status: 503, Body: strings.Repeat("é", 300)}
	kept := said
	kept.Body = strings.Repeat("é", 256)
	s := given(t, running()...).when(notify("ci")).when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "a"})
	retry := epoch.Add(5 * time.Second)
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Error: "it answered 503", Answer: &said, RetryInMS: 5000}).then(
		workflow.DeliveryAnswered{Delivery: id, Attempt: 1, Answer: kept, RetryAt: retry},
		workflow.DeliveryFailed{Delivery: id, Attempt: 1, Error: "it answered 503"})
	if in := s.state.Intents()[0]; !in.Due.Equal(retry) || in.Attempt.Open {
		t.Errorf("%+v is not due at %s", in, retry)
	}
	s.at(time.Minute).when(&workflow.AttemptDelivery{Delivery: id, Attempt: 2, By: "a"})
	if in := s.state.Intents()[0]; !in.Due.Equal(epoch.Add(time.Minute)) {
		t.Errorf("an open attempt is due at %s", in.Due)
	}
	far := &workflow.SettleDelivery{Delivery: id, Attempt: 2, Error: "429", RetryInMS: int64(time.Hour * 24 * 365 / time.Millisecond)}
	s.when(far).then(
		workflow.DeliveryAnswered{Delivery: id, Attempt: 2, RetryAt: epoch.Add(time.Minute + workflow.MaxRetryIn)},
		workflow.DeliveryFailed{Delivery: id, Attempt: 2, Error: "429"})
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 3, By: "a"})
	gone := workflow.Answer{Target: "ci 3f2a", Status: 410}
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 3, Error: "it answered 410", Final: true, Reason: "gone", Answer: &gone, RetryInMS: 1}).then(
		workflow.DeliveryAnswered{Delivery: id, Attempt: 3, Answer: gone},
		workflow.DeliveryFailed{Delivery: id, Attempt: 3, Error: "it answered 410"},
		workflow.DeliveryGivenUp{Delivery: id, Reason: "gone", Error: "it answered 410"})
	if len(s.state.Deliveries) != 0 {
		t.Errorf("owes %v", s.state.Intents())
	}
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	id := told("ci")
	s := given(t, running()...).when(notify("ci"))
	s.when(&workflow.Redeliver{Delivery: id}).then() // it is on its way
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 1, By: "a"}).when(&workflow.SettleDelivery{Delivery: id, Attempt: 1, Receipt: "204"})
	s.when(&workflow.Redeliver{Delivery: id}).refused(domain.CodeNotFound, "")
	ended := workflow.Delivery{
		ID: id, Adapter: "webhook", Hook: "ci", Event: "flow.completed", Kind: workflow.DeliverEvent, Message: jsonValue(`{"number":1003}`),
		Attempt: workflow.Attempt{Count: 1}, Status: workflow.DeliveryMade,
	}
	s.facts.Deliveries[id] = ended
	again := workflow.RedeliveryRequested{
		Delivery: id, Adapter: "webhook", Kind: workflow.DeliverEvent, Hook: "ci", Event: "flow.completed", Message: ended.Message, Attempts: 1,
	}
	s.when(&workflow.Redeliver{Delivery: id}).then(again)
	s.when(&workflow.Redeliver{Delivery: id}).then()
	if s.when(&workflow.Redeliver{Delivery: id, AsNew: true}); len(s.out.Events) != 1 {
		t.Error("as new it is not sent while it is on its way")
	}
	copied := s.state.Deliveries[1].ID
	s.when(&workflow.AttemptDelivery{Delivery: copied, Attempt: 1, By: "a"}).when(&workflow.SettleDelivery{Delivery: copied, Attempt: 1, Receipt: "204"})
	s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: 2, By: "a"}).when(&workflow.Redeliver{Delivery: id}).then()
	s.when(&workflow.SettleDelivery{Delivery: id, Attempt: 2, Error: "503", RetryInMS: 3_600_000})
	again.Attempts = 2
	s.at(time.Minute).when(&workflow.Redeliver{Delivery: id}).then(again) // it waits, and is sent at once
	if in := s.state.Intents(); len(in) != 1 || !in[0].Due.Equal(epoch.Add(time.Minute)) {
		t.Errorf("owes %+v", in)
	}
	for n := 3; n <= 12; n++ { // its attempts go on, and there are ten more
		s.when(&workflow.AttemptDelivery{Delivery: id, Attempt: n, By: "a"})
		s.when(&workflow.SettleDelivery{Delivery: id, Attempt: n, Error: "503"})
	}
	s.then(workflow.DeliveryFailed{Delivery: id, Attempt: 12, Error: "503"}, workflow.DeliveryGivenUp{Delivery: id, Reason: "attempts_exhausted", Error: "503"})
	s.when(&workflow.Redeliver{Delivery: id}).refused(domain.CodeConflict, "") // what was looked up is old

	ended.Run = run1
	s.facts.Deliveries[id] = ended
	s.when(&workflow.Redeliver{Delivery: id, AsNew: true})
	got, ok := s.out.Events[0].(workflow.RedeliveryRequested)
	if !ok || got.Delivery == id || *got.Of != id || *got.Run != run1 || got.Attempts != 0 {
		t.Errorf("%+v", s.out.Events)
	}
	if d, owed := s.state.Delivery(got.Delivery); !owed || d.Run != run1 || d.Attempt.Count != 0 {
		t.Errorf("owes %+v", d)
	}
}
