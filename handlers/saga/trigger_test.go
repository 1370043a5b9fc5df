package saga_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/projections"
)

// asked is a conversation with one message that was assigned a workflow.
func asked(t *testing.T, w *world, text string, mode conversation.Mode) (feed.Event, uuid.UUID) {
	t.Helper()
	place := conversation.Place{Adapter: "console", Team: "acme", Channel: "general", Thread: "7"}
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: place.ID("acme")}
	target := conversation.WorkflowFor(id.ID, "m-1")
	facts := conversation.NewFacts()
	facts.Messages["m-1"] = conversation.Message{ID: "m-1", Author: "mia", Flow: "fix_pipeline/v1", Text: w.value("text", text), At: time.Unix(0, 0), Workflow: target, Mode: mode}
	w.snaps[id] = &projections.Snapshot{Stream: id, Conversation: conversation.State{Place: &place, Workflow: target}, Messages: facts}
	return event(t, id, "conversation.workflow_assigned", conversation.WorkflowAssigned{MessageID: "m-1", Workflow: target, Mode: mode}), target
}

func TestMessageStartsAWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld()
	long := strings.Repeat("what changed? ", 200)
	e, target := asked(t, w, "@duo "+long, conversation.ModeStart)
	s := saga.NewTrigger(w.core(), w)
	for range 2 {
		if err := s.React(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	got := w.sent[0]
	if got.CommandID == uuid.Nil || got.CommandID != w.sent[1].CommandID {
		t.Error("a repeat of the event is another command")
	}
	if got.Stream.ID != target || got.Stream.Kind != domain.KindWorkflow ||
		got.Principal != (domain.Principal{User: "mia", ServiceAccount: "duo-developer", System: "trigger"}) {
		t.Errorf("sent to %s as %+v", got.Stream, got.Principal)
	}
	if got.Asked != &w.asked {
		t.Error("what was asked of who may does not go with it")
	}
	conversationID := e.Stream.ID
	want := &workflow.Start{
		Goal: strings.TrimSpace(long), Flow: workflow.Flow{Definition: "fix_pipeline/v1"}, Engine: "local", ServiceAccount: "duo-developer",
		Trigger:         workflow.Trigger{Source: "message", Adapter: "console", Conversation: &conversationID, Place: "#general", MessageID: "m-1"},
		CallbackContext: []byte(`{"adapter":"console","team":"acme","channel":"general","thread":"7","message_id":"m-1"}`), Run: true,
	}
	if diff := cmp.Diff(dispatch.Request{Workflow: want}.Workflow, got.Workflow, cmp.AllowUnexported(workflow.Start{})); diff != "" {
		t.Error(diff)
	}
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	start, carryOn := conversation.ModeStart, conversation.ModeContinue
	for name, c := range map[string]struct {
		text    string
		mode    conversation.Mode
		refuses error
		shuts   error
		answer  func(int, dispatch.Request) error
		want    []string
		refused domain.Code
		again   bool
	}{
		"it exists already":      {mode: start, answer: refusal(domain.CodeConflict), want: []string{"workflow.start"}},
		"refused":                {mode: start, answer: refusal(domain.CodeInvalidField), want: []string{"workflow.start", "conversation.refuse_message"}, refused: domain.CodeExecuteFailed},
		"flow not enabled":       {mode: start, refuses: &domain.Error{Code: domain.CodeFlowNotEnabled, Message: "no", Fix: "enable it"}, want: []string{"conversation.refuse_message"}, refused: domain.CodeFlowNotEnabled},
		"tenants do not answer":  {mode: start, refuses: errors.New("connection refused"), again: true},
		"nothing but a mention":  {mode: start, text: "@duo", want: []string{"conversation.refuse_message"}, refused: domain.CodeInvalidField},
		"no verdict at first":    {mode: start, answer: refusal(domain.CodeNotNow), want: []string{"workflow.start", "workflow.start"}},
		"continued":              {mode: carryOn, want: []string{"workflow.receive_message"}},
		"the workflow has ended": {mode: carryOn, answer: refusal(domain.CodeWorkflowEnded), want: []string{"workflow.receive_message", "conversation.start_anew"}},
		"it was never started":   {mode: carryOn, answer: refusal(domain.CodeNotFound), want: []string{"workflow.receive_message", "conversation.start_anew"}},
		"may not go on":          {mode: carryOn, shuts: &domain.Error{Code: domain.CodeForbidden, Message: "no", Fix: "ask"}, want: []string{"conversation.refuse_message"}, refused: domain.CodeForbidden},
		"nobody can tell":        {mode: carryOn, shuts: errors.New("connection refused"), again: true},
		"not taken":              {mode: carryOn, answer: refusal(domain.CodeForbidden), want: []string{"workflow.receive_message", "conversation.refuse_message"}, refused: domain.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.answer = c.answer
			w.refuses, w.shuts, w.followUp = c.refuses, c.shuts, workflow.FollowUpQueue
			if c.text == "" {
				c.text = "@Duo-Bot, go on"
			}
			e, _ := asked(t, w, c.text, c.mode)
			err := saga.NewTrigger(w.core(), w).React(t.Context(), e)
			if again := domain.CodeOf(err) == domain.CodeNotNow; err != nil && !again || again != c.again {
				t.Fatalf("reacted with %v", err)
			}
			if diff := cmp.Diff(c.want, types(w.sent)); diff != "" {
				t.Error(diff)
			}
			if len(w.sent) == 0 {
				return
			}
			if r, ok := w.sent[len(w.sent)-1].Conversation.(*conversation.RefuseMessage); ok != (c.refused != "") || ok && (r.Code != c.refused || r.Fix == "" || r.MessageID != "m-1") {
				t.Errorf("refused with %+v", r)
			}
			if len(w.parked) > 0 != (c.refused != "") {
				t.Errorf("set aside: %v", types(w.parked))
			}
			if m, ok := w.sent[0].Workflow.(*workflow.ReceiveMessage); ok && (m.Text != "go on" || m.Author != "mia" || m.Policy != workflow.FollowUpQueue) {
				t.Errorf("handed over %+v", m)
			}
		})
	}
}

// TestWhatWasDecidedStays: an event that comes again after a crash starts nothing that
// was refused, refuses nothing that was started, and leaves a message alone that was
// assigned another workflow since.
func TestWhatWasDecidedStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit   func(*world, feed.Event, uuid.UUID)
		parked int
	}{
		"refused": {func(w *world, e feed.Event, _ uuid.UUID) {
			m := w.snaps[e.Stream].Messages.Messages["m-1"]
			m.Refused = &conversation.MessageRefused{MessageID: "m-1", Code: domain.CodeFlowNotEnabled, Message: "off", Fix: "enable it"}
			w.snaps[e.Stream].Messages.Messages["m-1"] = m
		}, 1},
		"started": {func(w *world, e feed.Event, target uuid.UUID) {
			id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: target}
			w.snaps[id] = &projections.Snapshot{Stream: id, Workflow: workflow.State{Created: &workflow.Created{}}}
			w.refuses = &domain.Error{Code: domain.CodeFlowNotEnabled}
		}, 0},
		"assigned anew": {func(w *world, e feed.Event, _ uuid.UUID) {
			m := w.snaps[e.Stream].Messages.Messages["m-1"]
			m.Workflow = uuid.New()
			w.snaps[e.Stream].Messages.Messages["m-1"] = m
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			e, target := asked(t, w, "go", conversation.ModeStart)
			c.edit(w, e, target)
			if err := saga.NewTrigger(w.core(), w).React(t.Context(), e); err != nil || len(w.sent) != 0 || len(w.parked) != c.parked {
				t.Errorf("%v, sent %v, set aside %v", err, types(w.sent), types(w.parked))
			}
			for _, r := range w.parked {
				if _, ok := r.Conversation.(*conversation.RetryMessage); !ok {
					t.Errorf("set aside %v", types(w.parked))
				}
			}
		})
	}
}

func TestMessageThatIsNotVisibleYetComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	e, _ := asked(t, w, "go", conversation.ModeStart)
	delete(w.snaps, e.Stream)
	if err := saga.NewTrigger(w.core(), w).React(t.Context(), e); domain.CodeOf(err) != domain.CodeNotNow || len(w.sent) != 0 {
		t.Errorf("reacted with %v, sent %v", err, types(w.sent))
	}
}

func TestCommandThatMeetsAStoppedStreamIsPutAside(t *testing.T) {
	t.Parallel()
	for name, parkErr := range map[string]error{"kept": nil, "not kept": &domain.Error{Code: domain.CodeNotNow}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.answer, w.parkErr = refusal(domain.CodeStreamStopped), parkErr
			e, _ := asked(t, w, "go", conversation.ModeContinue)
			err := saga.NewTrigger(w.core(), w).React(t.Context(), e)
			if !errors.Is(err, parkErr) || len(w.parked) != 1 || w.parked[0].CommandID != w.sent[0].CommandID {
				t.Errorf("reacted with %v, put aside %v", err, types(w.parked))
			}
		})
	}
}
