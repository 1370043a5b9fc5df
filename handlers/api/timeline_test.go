package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/dispatch"
)

type event struct {
	Position string            `json:"position"`
	Index    int               `json:"index"`
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	Data     json.RawMessage   `json:"data"`
	Text     map[string]string `json:"text"`
}

type events struct {
	Events []event `json:"events"`
	Next   string  `json:"next"`
}

func (r *rig) timeline(c created, query string) events {
	r.t.Helper()
	var out events
	r.send("mia@acme", "GET", c.path("/timeline"+query), nil).want(http.StatusOK).into(&out)
	return out
}

func TestTimeline(t *testing.T) {
	r := newRig(t)
	c := r.create("mia@acme", map[string]any{"goal": strings.Repeat("long goal ", 500), "start_workflow": true})
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	all := r.timeline(c, "")
	var types []string
	for _, e := range all.Events {
		types = append(types, e.Type)
	}
	if got := strings.Join(types, " "); got != "workflow.created workflow.triggered workflow.engine_chosen workflow.run_requested workflow.status_changed" {
		t.Fatalf("the timeline is %s", got)
	}
	if all.Events[0].Text["goal"] != strings.Repeat("long goal ", 500) {
		t.Errorf("the goal reads %q", all.Events[0].Text["goal"])
	}
	if all.Events[1].Index != 1 || all.Events[1].Position != all.Events[0].Position || !strings.HasSuffix(all.Events[1].ID, "/1") {
		t.Errorf("the second event of the commit is %+v", all.Events[1])
	}
	first := r.timeline(c, "?limit=1")
	if len(first.Events) != 4 || first.Next != first.Events[1].Position+"@"+r.cfg.Log.String() {
		t.Errorf("one commit is %+v", first)
	}
	rest := r.timeline(c, "?after="+first.Next)
	if len(rest.Events) != 1 || rest.Events[0].Type != "workflow.status_changed" {
		t.Errorf("after %s comes %+v", first.Next, rest)
	}
	if none := r.timeline(c, "?after="+all.Next); len(none.Events) != 0 || none.Next != all.Next {
		t.Errorf("after the last comes %+v", none)
	}
	t.Run("a poll is answered as soon as there is something", func(t *testing.T) { pollsTimeline(r.on(t), c, all.Next) })
	t.Run("bad questions", func(t *testing.T) {
		r := r.on(t)
		for query, field := range map[string]string{"?after=x": "after", "?after=99:1": "after", "?after=" + first.Events[1].Position + "@01980000-0000-7000-8000-000000000000": "after", "?limit=0": "limit", "?wait=-1": "wait", "?wait=soon": "wait"} {
			r.send("mia@acme", "GET", c.path("/timeline"+query), nil).refused(400, domain.CodeInvalidField, field)
		}
		r.send("mia@acme", "GET", base+"/01980000-0000-7000-8000-000000000000/timeline", nil).refused(404, domain.CodeNotFound, "")
	})
}

// TestStoppingAnswersWhoWaits: a long poll does not hold up the end of the process.
func TestStoppingAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	r := newRig(t).with(func(c *api.Config) { c.Stopping = stopping })
	c := r.create("mia@acme", `{"goal":"wait"}`)
	after := r.timeline(c, "").Next
	began := time.Now()
	answered := make(chan events, 1)
	go func() { answered <- r.timeline(c, "?wait=25&after="+after) }()
	close(stopping)
	if got := <-answered; len(got.Events) != 0 || time.Since(began) > 20*time.Second {
		t.Errorf("the poll was answered %+v after %s", got, time.Since(began))
	}
}

func pollsTimeline(r *rig, c created, after string) {
	began := time.Now()
	if none := r.timeline(c, "?wait=1&after="+after); len(none.Events) != 0 || time.Since(began) < time.Second {
		r.t.Errorf("a poll with nothing to tell gives %+v after %s", none, time.Since(began))
	}
	answered := make(chan events, 1)
	go func() { answered <- r.timeline(c, "?wait=25&after="+after) }()
	for i := range 5 {
		r.create("mia@acme", fmt.Sprintf(`{"goal":"noise %d"}`, i))
	}
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"pause"}`).want(http.StatusOK)
	if got := <-answered; len(got.Events) != 1 || got.Events[0].Type != "workflow.status_changed" {
		r.t.Errorf("the poll was answered %+v", got)
	}
}

// TestAnEventLinksToItsTexts: a thin event leads whoever may read it to the whole.
func TestAnEventLinksToItsTexts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"go","start_workflow":true}`)
	long := strings.Repeat("a long answer ", 4000)
	_, err := r.node.Dispatch.Do(t.Context(), dispatch.Request{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}, CommandID: uuid.New(), Principal: domain.Principal{System: "test"},
		Workflow: &workflow.RequestDelivery{Run: c.Run.ID, Adapter: "console", Kind: workflow.DeliverResult, Message: long},
	})
	must(t, err)
	var feed struct {
		Events []struct{ ID, Type, Link string }
	}
	r.send("mia@acme", "GET", "/v1/events?limit=500", nil).want(http.StatusOK).into(&feed)
	read := 0
	for _, e := range feed.Events {
		var whole struct {
			ID   string
			Text map[string]string
		}
		r.send("mia@acme", "GET", e.Link, nil).want(http.StatusOK).into(&whole)
		if whole.ID != e.ID {
			t.Errorf("%s leads to %s", e.ID, whole.ID)
		}
		if e.Type == "workflow.delivery_requested" && whole.Text["message"] == long || e.Type == "workflow.created" && whole.Text["goal"] == "go" {
			read++
		}
		r.send("eve@other", "GET", e.Link, nil).refused(404, domain.CodeNotFound, "")
	}
	if read != 2 {
		t.Errorf("%d of two texts were read", read)
	}
	for _, bad := range []struct {
		path  string
		code  domain.Code
		field string
		want  int
	}{
		{"/timeline/0:0/0", domain.CodeNotFound, "", 404},
		{"/timeline/here/0", domain.CodeInvalidField, "position", 400},
		{"/timeline/0:1/first", domain.CodeInvalidField, "index", 400},
	} {
		r.send("mia@acme", "GET", c.path(bad.path), nil).refused(bad.want, bad.code, bad.field)
	}
}
