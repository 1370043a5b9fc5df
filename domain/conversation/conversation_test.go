package conversation_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/value"
)

var (
	place = conversation.Place{Adapter: "slack", Team: "T1", Channel: "C1", Thread: "1763710000.000100"}
	id    = place.ID("acme")
	epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

// story is one conversation: given events, when a command, then events or a
// refusal.
type story struct {
	t     *testing.T
	state conversation.State
	facts *conversation.Facts
	now   time.Time
	out   conversation.Outcome
	err   error
}

func given(t *testing.T) *story {
	t.Helper()
	return &story{t: t, facts: conversation.NewFacts(), now: epoch}
}

func (s *story) when(c conversation.Command) *story {
	s.t.Helper()
	s.out, s.err = c.Decide(s.state, s.facts, id)
	again, err := c.Decide(s.state, s.facts, id)
	if !reflect.DeepEqual(s.out, again) || fmt.Sprint(err) != fmt.Sprint(s.err) {
		s.t.Fatalf("decided again it differs: %v", err)
	}
	for _, e := range s.out.Events {
		raw, err := journal.NewEvent(e.EventType(), 1, e)
		if err != nil {
			s.t.Fatal(err)
		}
		decoded, err := conversation.NewDecoder().Decode(raw)
		if d := cmp.Diff(e, decoded, cmpopts.EquateEmpty()); err != nil || d != "" {
			s.t.Fatalf("%s comes back as something else: %v %s", e.EventType(), err, d)
		}
		r := conversation.Recorded{Event: e, Time: s.now}
		s.state = conversation.Apply(s.state, r)
		s.facts.Apply(r)
	}
	s.now = s.now.Add(time.Second)
	return s
}

func (s *story) then(want ...conversation.Event) *story {
	s.t.Helper()
	if d := cmp.Diff(want, s.out.Events, cmpopts.EquateEmpty()); s.err != nil || d != "" {
		s.t.Fatalf("%v %s", s.err, d)
	}
	return s
}

func (s *story) refused(code domain.Code, field string) *story {
	s.t.Helper()
	e, ok := s.err.(*domain.Error) //nolint:errorlint // the shape is the point
	if !ok || e.Code != code || e.Field != field || len(s.out.Events) > 0 {
		s.t.Fatalf("%v and %d events, not %s of %q", s.err, len(s.out.Events), code, field)
	}
	return s
}

func message(id string) *conversation.ReceiveMessage {
	return &conversation.ReceiveMessage{Place: place, MessageID: id, Author: "U7", Text: "fix " + id, Flow: "developer/v1"}
}

func received(id string) conversation.MessageReceived {
	m, _ := value.Build("text", []byte("fix "+id))
	return conversation.MessageReceived{Place: place, MessageID: id, Author: "U7", Text: value.Diff(m, nil), Flow: "developer/v1"}
}

func assigned(id string, workflow uuid.UUID, mode conversation.Mode) conversation.WorkflowAssigned {
	return conversation.WorkflowAssigned{MessageID: id, Workflow: workflow, Mode: mode}
}

func workflowOf(message string) uuid.UUID { return conversation.WorkflowFor(id, message) }

func TestTheFirstMessageStarts(t *testing.T) {
	t.Parallel()
	s := given(t).when(message("m1")).then(received("m1"), assigned("m1", workflowOf("m1"), conversation.ModeStart))
	s.when(message("m2")).then(received("m2"), assigned("m2", workflowOf("m1"), conversation.ModeContinue))
	if s.state.Messages != 2 || *s.state.Place != place || s.state.Workflow != workflowOf("m1") || !s.state.CreatedAt.Equal(epoch) || !s.state.UpdatedAt.After(epoch) {
		t.Errorf("%+v", s.state)
	}
	m := s.facts.Messages["m2"]
	if m.ID != "m2" || m.Author != "U7" || m.Flow != "developer/v1" || m.Workflow != workflowOf("m1") || m.Mode != conversation.ModeContinue || m.At.IsZero() {
		t.Errorf("%+v", m)
	}
}

func TestAMessageCountsOnce(t *testing.T) {
	t.Parallel()
	s := given(t).when(message("m1"))
	s.when(message("m1")).then()
	other := message("m1")
	other.Text = "edited"
	s.when(other).then()
	if s.state.Messages != 1 {
		t.Errorf("%d messages", s.state.Messages)
	}
}

func TestStartAnew(t *testing.T) {
	t.Parallel()
	s := given(t).when(message("m1")).when(message("m2"))
	anew := &conversation.StartAnew{MessageID: "m2", Ended: workflowOf("m1")}
	s.when(anew).then(assigned("m2", workflowOf("m2"), conversation.ModeStart))
	s.when(anew).then()
	s.when(&conversation.StartAnew{MessageID: "m2", Ended: workflowOf("m2")}).then() // its own: nothing is newer
	s.when(message("m3")).then(received("m3"), assigned("m3", workflowOf("m2"), conversation.ModeContinue))
	s.when(&conversation.StartAnew{MessageID: "m9", Ended: id}).refused(domain.CodeNotFound, "")
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	s := given(t).when(message("m1"))
	c := &conversation.RefuseMessage{MessageID: "m1", Code: "flow_not_enabled", Message: "a\x00" + strings.Repeat("é", 600), Fix: "\xffask"}
	want := conversation.MessageRefused{MessageID: "m1", Code: "flow_not_enabled", Message: "a" + strings.Repeat("é", 511), Fix: "ask"}
	s.when(c).then(want)
	s.when(c).then()
	if m := s.facts.Messages["m1"]; m.Refused == nil || *m.Refused != want || m.ID != "m1" {
		t.Errorf("%+v", m)
	}
	s.when(&conversation.RefuseMessage{MessageID: "m9"}).refused(domain.CodeNotFound, "")
	s.when(message("m2")).when(&conversation.RefuseMessage{MessageID: "m2", Code: "\x00"}).refused(domain.CodeInvalidField, "code")
}

func TestAnAssignmentEndsARefusal(t *testing.T) {
	t.Parallel()
	s := given(t).when(message("m1")).when(message("m2")).when(&conversation.RefuseMessage{MessageID: "m2", Code: "workflow_ended"})
	s.when(&conversation.StartAnew{MessageID: "m2", Ended: workflowOf("m1")})
	if m := s.facts.Messages["m2"]; m.Refused != nil || m.Workflow != workflowOf("m2") {
		t.Errorf("%+v", m)
	}
}

func TestMessageIsChecked(t *testing.T) {
	t.Parallel()
	for field, tt := range map[string]struct {
		of    func(*conversation.ReceiveMessage) *string
		most  int
		empty bool
	}{
		"message_id":    {func(c *conversation.ReceiveMessage) *string { return &c.MessageID }, 255, false},
		"author":        {func(c *conversation.ReceiveMessage) *string { return &c.Author }, 255, false},
		"flow":          {func(c *conversation.ReceiveMessage) *string { return &c.Flow }, 255, true},
		"place.adapter": {func(c *conversation.ReceiveMessage) *string { return &c.Place.Adapter }, 64, false},
		"place.team":    {func(c *conversation.ReceiveMessage) *string { return &c.Place.Team }, 255, true},
		"place.channel": {func(c *conversation.ReceiveMessage) *string { return &c.Place.Channel }, 255, false},
		"place.thread":  {func(c *conversation.ReceiveMessage) *string { return &c.Place.Thread }, 255, false},
	} {
		with := func(s string) *story {
			c := message("m1")
			*tt.of(c) = s
			return given(t).when(c)
		}
		with("a\x00").refused(domain.CodeInvalidField, field)
		with("a\xff").refused(domain.CodeInvalidField, field)
		with(strings.Repeat("x", tt.most+1)).refused(domain.CodeTooLarge, field)
		if s := with(strings.Repeat("x", tt.most)); s.err != nil {
			t.Error(s.err)
		}
		if s := with(""); tt.empty != (s.err == nil) {
			t.Errorf("empty %s: %v", field, s.err)
		}
	}
	c := message("m1")
	c.Text = ""
	given(t).when(c).refused(domain.CodeInvalidField, "text")
	c.Text = strings.Repeat("x", conversation.MaxText+1)
	given(t).when(c).refused(domain.CodeTooLarge, "text")
	c.Text = "anything: \x00\xff" + strings.Repeat("x", 9000)
	if s := given(t).when(c); s.err != nil || len(s.out.Blobs) != 1 {
		t.Errorf("%v, %d blobs", s.err, len(s.out.Blobs))
	}
}

// An id is that of the place: equal places have one, any other has another.
func TestPlaceID(t *testing.T) {
	t.Parallel()
	if got := place.ID("acme").String(); got != "a35bf99c-b18c-525b-815c-de30c72be6c5" {
		t.Errorf("the id of a place changed to %s", got)
	}
	seen := map[uuid.UUID]string{}
	for _, p := range []conversation.Place{
		place,
		{Adapter: "slack", Channel: "C1", Thread: "1"},
		{Adapter: "slack", Team: "C1", Channel: "1"},
		{Adapter: "slackC1", Thread: "1"},
		{Adapter: `slack","C1`, Thread: "1"},
		{Channel: "slack", Thread: "1"},
	} {
		for _, tenant := range []domain.Tenant{"acme", "other"} {
			name := fmt.Sprint(tenant, p)
			if was, has := seen[p.ID(tenant)]; has {
				t.Errorf("%s and %s have one id", was, name)
			}
			seen[p.ID(tenant)] = name
		}
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	d := conversation.NewDecoder()
	if len(d) != len(conversation.Events()) {
		t.Error("a type comes twice")
	}
	for _, row := range conversation.Events() {
		e, err := row.Decode([]byte("{}"))
		if err != nil || e.EventType() != row.Type || conversation.MessageOf(e) != "" {
			t.Errorf("%s: %v", row.Type, err)
		}
		if _, err := row.Decode([]byte("[]")); err == nil {
			t.Errorf("%s reads a list", row.Type)
		}
	}
	for _, row := range conversation.Commands() {
		if c := row.New(); c.CommandType() != row.Type || len(c.Want().Messages) != 1 {
			t.Errorf("%s makes a %s", row.Type, c.CommandType())
		}
	}
	if _, err := d.Decode(journal.Event{Type: "conversation.message_received", V: 2}); err == nil {
		t.Error("a version of a newer build was decoded")
	}
}

// TestOneWorkflowForAllThatCameTooLate: of two messages to a workflow that has ended
// the first starts another, and the second goes on with that.
func TestOneWorkflowForAllThatCameTooLate(t *testing.T) {
	t.Parallel()
	s := given(t).when(message("m1")).when(message("m2")).when(message("m3"))
	ended := workflowOf("m1")
	s.when(&conversation.StartAnew{MessageID: "m2", Ended: ended}).then(assigned("m2", workflowOf("m2"), conversation.ModeStart))
	s.when(&conversation.StartAnew{MessageID: "m3", Ended: ended}).then(assigned("m3", workflowOf("m2"), conversation.ModeContinue))
	s.when(&conversation.StartAnew{MessageID: "m3", Ended: ended}).then()
	s.when(&conversation.StartAnew{MessageID: "m3", Ended: workflowOf("m2")}).then(assigned("m3", workflowOf("m3"), conversation.ModeStart))
}

func refuse(id string) *conversation.RefuseMessage {
	return &conversation.RefuseMessage{MessageID: id, Code: "flow_not_enabled", Message: "off", Stopped: &trigger.Record{
		Entry: "message", Steps: []trigger.Taken{{Step: trigger.StepNamespace, Outcome: trigger.Found}, {Step: trigger.StepFlow, Outcome: trigger.Refused, Detail: "off"}},
	}}
}

// TestARefusedMessageIsRetried: it starts what it was to start, and the refusal is
// over.
func TestARefusedMessageIsRetried(t *testing.T) {
	t.Parallel()
	again := func(id string) *conversation.RetryMessage { return &conversation.RetryMessage{MessageID: id} }
	s := given(t).when(message("m1")).when(again("m1")).then()
	s.when(refuse("m1")).then(
		conversation.TriggerStopped{MessageID: "m1", Record: *refuse("m1").Stopped}, conversation.MessageRefused{MessageID: "m1", Code: "flow_not_enabled", Message: "off"},
	)
	if m := s.facts.Messages["m1"]; m.Stopped.StoppedAt() != trigger.StepFlow {
		t.Errorf("%+v", m)
	}
	s.when(again("m1")).then(assigned("m1", workflowOf("m1"), conversation.ModeStart))
	if m := s.facts.Messages["m1"]; m.Refused != nil || m.Stopped != nil {
		t.Errorf("%+v", m)
	}
	s.when(again("m9")).refused(domain.CodeNotFound, "")
	// The thread has gone on: there is one workflow for both.
	s.when(refuse("m1")).when(message("m2")).when(&conversation.StartAnew{MessageID: "m2", Ended: workflowOf("m1")})
	s.when(again("m1")).then(assigned("m1", workflowOf("m2"), conversation.ModeContinue))
}
