package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

type mailEvent struct {
	ID      int64      `json:"id"`
	Kind    string     `json:"event_type"`
	Status  string     `json:"event_status"`
	Message string     `json:"message"`
	Of      *uuid.UUID `json:"correlation_id"`
	Author  *string    `json:"author"`
}

// TestMailbox: what people leave for an agent waits in order until it has taken it,
// and comes from any node and after a rebuild, because it is in the log.
func TestMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"go","start_workflow":true}`)
	agent, events := runToken("acme", c, 1), c.path("/events")
	queued := func() (list []mailEvent) {
		t.Helper()
		r.send(agent, "GET", events, nil).want(http.StatusOK).into(&list)
		return list
	}
	if got := queued(); len(got) != 0 {
		t.Errorf("a new one has %+v", got)
	}
	of := uuid.New()
	var first, again, second mailEvent
	text := "look at \\u0000 <é> " + strings.Repeat("x", 5000)
	body := fmt.Sprintf(`{"event_type":"message","message":"%s","correlation_id":"%s"}`, text, of)
	r.send("mia@acme", "POST", events, body, "Idempotency-Key", "m-1").want(http.StatusCreated).into(&first)
	r.send("mia@acme", "POST", events, body, "Idempotency-Key", "m-1").want(http.StatusCreated).into(&again)
	r.send("sam@acme", "POST", events, `{"event_type":"pause"}`).want(http.StatusCreated).into(&second)
	if first.ID != again.ID || first.ID == second.ID || first.Status != "queued" || *first.Of != of || *first.Author != "mia" || *second.Author != "sam" {
		t.Errorf("queued %+v, again %+v, then %+v", first, again, second)
	}
	if first.Message != "look at \x00 <é> "+strings.Repeat("x", 5000) {
		t.Errorf("the message became %.40q", first.Message)
	}
	if got := queued(); len(got) != 2 || got[0].ID != first.ID || got[1].ID != second.ID || got[0].Message != first.Message {
		t.Errorf("waiting: %+v", got)
	}
	mark := func(id int64, status string) reply {
		t.Helper()
		return r.send(agent, "PUT", fmt.Sprintf("%s/%d", events, id), `{"event_status":"`+status+`"}`)
	}
	for range 2 { // an agent that saw no answer marks again
		var marked mailEvent
		mark(first.ID, "delivered").want(http.StatusOK).into(&marked)
		if marked.ID != first.ID || marked.Status != "delivered" || marked.Message != first.Message {
			t.Errorf("marked %+v", marked)
		}
	}
	if got := queued(); len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("after one was taken: %+v", got)
	}
	mark(first.ID, "queued").want(http.StatusOK)
	if got := queued(); len(got) != 2 {
		t.Errorf("after it was put back: %+v", got)
	}
	if line := string(r.send("mia@acme", "GET", c.path("/timeline"), nil).want(http.StatusOK).body); !strings.Contains(line, "workflow.mail_queued") {
		t.Error("the timeline does not show it")
	}
}

func TestBadMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"go"}`)
	events := c.path("/events")
	for _, bad := range []struct{ body, field string }{
		{`{}`, "event_type"},
		{`{"event_type":"dance"}`, "event_type"},
		{`{"event_type":"message"}`, "message"},
		{`{"event_type":"response","message":""}`, "message"},
		{`{"event_type":7}`, "event_type"},
		{`{"event_type":"stop","correlation_id":"seven"}`, "correlation_id"},
	} {
		r.send("mia@acme", "POST", events, bad.body).refused(400, domain.CodeInvalidField, bad.field)
	}
	r.send("mia@acme", "POST", events, `{"event_type":"message","message":"`+strings.Repeat("x", 16385)+`"}`).refused(413, domain.CodeTooLarge, "message")
	var e mailEvent
	r.send("mia@acme", "POST", events, `{"event_type":"stop"}`).want(http.StatusCreated).into(&e)
	one := fmt.Sprintf("%s/%d", events, e.ID)
	r.send("mia@acme", "PUT", one, `{"event_status":"eaten"}`).refused(400, domain.CodeInvalidField, "event_status")
	r.send("mia@acme", "PUT", events+"/seven", `{"event_status":"delivered"}`).refused(400, domain.CodeInvalidField, "event_id")
	r.send("mia@acme", "PUT", events+"/7", `{"event_status":"delivered"}`).refused(404, domain.CodeNotFound, "")
	r.send("eve@other", "PUT", one, `{"event_status":"delivered"}`).refused(404, domain.CodeNotFound, "")
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"stop"}`).want(http.StatusOK)
	r.send("mia@acme", "POST", events, `{"event_type":"stop"}`).refused(409, domain.CodeWorkflowEnded, "")
}
