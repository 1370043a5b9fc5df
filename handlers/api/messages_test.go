package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/handlers/dispatch"
)

type sentMessage struct {
	Command      uuid.UUID `json:"command_id"`
	Conversation uuid.UUID `json:"conversation_id"`
	Message      string    `json:"message_id"`
}

type thread struct {
	Workflow *uuid.UUID `json:"workflow"`
	Messages []struct {
		ID       string     `json:"message_id"`
		Author   string     `json:"author"`
		Text     string     `json:"text"`
		Workflow *uuid.UUID `json:"workflow"`
		Number   *int64     `json:"workflow_number"`
		Mode     *string    `json:"mode"`
		Refused  *struct {
			Code, Message, Fix string
			StoppedAt          *string `json:"stopped_at"`
		}
	} `json:"messages"`
}

func (r *rig) message(body any, headers ...string) sentMessage {
	r.t.Helper()
	var out sentMessage
	r.send("mia@acme", "POST", "/v1/messages", body, headers...).want(http.StatusAccepted).into(&out)
	return out
}

func TestMessages(t *testing.T) {
	r := newRig(t)
	first := r.message(`{"text":"what changed? <é>"}`)
	r.send("mia@acme", "GET", "/v1/conversations/"+first.Conversation.String(), nil).refused(404, domain.CodeNotFound, "")
	answered := make(chan thread, 1)
	go func() {
		var got thread
		r.send("mia@acme", "GET", "/v1/conversations/"+first.Conversation.String()+"?wait=25&message_id="+first.Message, nil).want(http.StatusOK).into(&got)
		answered <- got
	}()
	r.deliver()
	got := <-answered
	if len(got.Messages) != 1 || got.Messages[0].Text != "what changed? <é>" || got.Messages[0].Author != "mia" || *got.Messages[0].Mode != "start" {
		t.Fatalf("the conversation is %+v", got)
	}
	if got.Workflow == nil || *got.Workflow != *got.Messages[0].Workflow || got.Messages[0].Number != nil {
		t.Errorf("the message went to %+v", got)
	}
	r.send("sam@other", "GET", "/v1/conversations/"+first.Conversation.String(), nil).refused(404, domain.CodeNotFound, "")
	t.Run("a thread goes on, a repeat is one message", func(t *testing.T) { continuesThread(r.on(t), first) })
	t.Run("T3 refusals are shown", func(t *testing.T) { showsRefusal(r.on(t)) })
	t.Run("bad messages are refused before anything is promised", func(t *testing.T) { refusesMessages(r.on(t)) })
}

func continuesThread(r *rig, first sentMessage) {
	again := r.message(map[string]string{"text": "and then?", "thread": first.Message, "message_id": "m2"})
	r.message(map[string]string{"text": "and then?", "thread": first.Message, "message_id": "m2"})
	if again.Conversation != first.Conversation {
		r.t.Fatalf("the thread is conversation %s, not %s", again.Conversation, first.Conversation)
	}
	keyed, repeat := r.message(`{"text":"once"}`, "Idempotency-Key", "k"), r.message(`{"text":"once"}`, "Idempotency-Key", "k")
	if keyed != repeat {
		r.t.Errorf("a repeat is %+v, not %+v", repeat, keyed)
	}
	r.deliver()
	var got thread
	r.send("mia@acme", "GET", "/v1/conversations/"+first.Conversation.String(), nil).want(http.StatusOK).into(&got)
	if len(got.Messages) != 2 || got.Messages[1].Author != "mia" || *got.Messages[1].Mode != "continue" {
		r.t.Errorf("the conversation is %+v", got)
	}
}

func showsRefusal(r *rig) {
	sent := r.message(`{"text":"do it","flow":"off/v1"}`)
	r.deliver()
	_, err := r.node.Dispatch.Do(r.t.Context(), dispatch.Request{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: sent.Conversation},
		Conversation: &conversation.RefuseMessage{
			MessageID: sent.Message, Code: domain.CodeFlowNotEnabled, Message: "off/v1 flow is not enabled", Fix: "ask noor",
			Stopped: &trigger.Record{Entry: "message", Steps: []trigger.Taken{{Step: trigger.StepFlow, Outcome: trigger.Refused}}},
		},
		CommandID: uuid.New(), Principal: domain.Principal{System: "trigger"},
	})
	must(r.t, err)
	var got thread
	r.send("mia@acme", "GET", "/v1/conversations/"+sent.Conversation.String()+"?wait=5&message_id="+sent.Message, nil).want(http.StatusOK).into(&got)
	if refused := got.Messages[0].Refused; refused == nil || refused.Code != "flow_not_enabled" || refused.Fix != "ask noor" || *refused.StoppedAt != "flow" {
		r.t.Errorf("the message is %+v", got.Messages[0])
	}
	again := "/v1/conversations/" + sent.Conversation.String() + "/retry"
	retry := func(changed bool) {
		var out struct{ Changed bool }
		if r.send("mia@acme", "POST", again, map[string]string{"message_id": sent.Message}).want(http.StatusOK).into(&out); out.Changed != changed {
			r.t.Errorf("tried again: %+v", out)
		}
	}
	retry(true)
	retry(false)
	got = thread{}
	if r.send("mia@acme", "GET", "/v1/conversations/"+sent.Conversation.String(), nil).want(http.StatusOK).into(&got); got.Messages[0].Refused != nil || *got.Messages[0].Mode != "start" {
		r.t.Errorf("tried again the message is %+v", got.Messages[0])
	}
	r.send("mia@acme", "POST", again, `{}`).refused(400, domain.CodeInvalidField, "message_id")
	r.send("mia@acme", "POST", again, `{"message_id":"nobody sent it"}`).refused(404, domain.CodeNotFound, "")
	r.send("sam@other", "POST", again, map[string]string{"message_id": sent.Message}).refused(404, domain.CodeNotFound, "")
	r.send("mia@acme", "POST", "/v1/conversations/x/retry", `{"message_id":"m"}`).refused(400, domain.CodeInvalidField, "id")
}

func refusesMessages(r *rig) {
	long := strings.Repeat("x", 16385)
	for body, field := range map[string]string{
		`{}`: "text", `{"text":""}`: "text", `{"text":1}`: "text", `{"text":"a","message_id":"\u0000"}`: "message_id",
		`{"text":"a","channel":["x"]}`: "channel", `{"text":"\ud800"}`: "text",
	} {
		r.send("mia@acme", "POST", "/v1/messages", body).refused(400, domain.CodeInvalidField, field)
	}
	r.send("mia@acme", "POST", "/v1/messages", `{"text":"a","author":"sam"}`).refused(403, domain.CodeScope, "author")
	r.send("mia@acme", "POST", "/v1/messages", map[string]string{"text": long}).refused(413, domain.CodeTooLarge, "text")
	r.send("mia@acme", "GET", "/v1/conversations/x", nil).refused(400, domain.CodeInvalidField, "id")
	if len(r.inbox.sent) != 0 {
		r.t.Errorf("%d refused messages were published", len(r.inbox.sent))
	}
	r.inbox.err = errors.Join(errors.New("the brokers are away"), context.DeadlineExceeded)
	a := r.send("mia@acme", "POST", "/v1/messages", `{"text":"a"}`)
	if r.inbox.err = nil; a.refused(503, domain.CodeNotNow, "").Fix == "" || a.header.Get("Retry-After") == "" {
		r.t.Errorf("without brokers: %s", a.body)
	}
}

func TestRespondAsync(t *testing.T) {
	r := newRig(t)
	later := []string{"Prefer", "wait=5, Respond-Async"}
	send := func(method, path string, body any) reply {
		a := r.send("mia@acme", method, path, body, later...).want(http.StatusAccepted)
		if a.header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("%s %s: the preference is not said to be applied", method, path)
		}
		return a
	}
	var made struct {
		Workflow uuid.UUID `json:"workflow"`
	}
	send("POST", base, `{"goal":"later","messaging_callback_context":{"adapter":"console"}}`).into(&made)
	path := base + "/" + made.Workflow.String()
	ts := newTS()
	send("PATCH", path, `{"status_event":"start"}`)
	send("POST", path+"/checkpoints", `{"thread_ts":"`+ts+`","checkpoint":`+odd(2)+`,"metadata":{"a" : "checkpoint\":0"}}`)
	send("POST", path+"/checkpoint_writes_batch", `{"thread_ts":"`+ts+`","checkpoint_writes":[{"task":"t","idx":0,"channel":"c","write_type":"json","data":"1"}]}`)
	r.send("mia@acme", "GET", path, nil).refused(404, domain.CodeNotFound, "")
	if got := r.deliver(); len(got) != 4 {
		t.Fatalf("%d commands stood in the inbox", len(got))
	}
	var rows []row
	r.send("mia@acme", "GET", path+"/checkpoints", nil).want(http.StatusOK).into(&rows)
	if len(rows) != 1 || string(rows[0].Checkpoint) != odd(2) || string(rows[0].Metadata) != `{"a" : "checkpoint\":0"}` || len(rows[0].Writes) != 1 {
		t.Errorf("carried out later, the checkpoint is %s", rows[0].Checkpoint)
	}
	t.Run("what no state would take is refused at once", func(t *testing.T) {
		r := r.on(t)
		r.send("mia@acme", "PATCH", path, `{"status_event":"fly"}`, later...).refused(400, domain.CodeUnknownEvent, "status_event")
		r.send("mia@acme", "POST", base, `{"agent_privileges":[9]}`, later...).refused(400, domain.CodeInvalidField, "agent_privileges")
		r.send("mia@acme", "POST", path+"/checkpoint_writes_batch", `{"thread_ts":"`+ts+`","checkpoint_writes":[{"channel":"c"}]}`, later...).want(400)
	})
	t.Run("what is too large for the inbox is carried out at once", func(t *testing.T) {
		body := `{"thread_ts":"` + newTS() + `","checkpoint":{"channel_values":{"x":"` + strings.Repeat("x", 1<<20) + `"}},"metadata":{}}`
		r.on(t).send("mia@acme", "POST", path+"/checkpoints", body, later...).want(http.StatusCreated)
	})
}
