package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
)

// sent is a delivery as clients see it.
type sent struct {
	ID        uuid.UUID `json:"id"`
	Number    int64     `json:"workflow_number"`
	Hook      string    `json:"hook"`
	State     string    `json:"state"`
	Attempted int       `json:"attempted"`
	Message   string    `json:"message"`
	DueAt     time.Time `json:"due_at"`
	Attempts  []struct {
		Status  int    `json:"status"`
		Outcome string `json:"outcome"`
		Answer  string `json:"answer"`
		Note    string `json:"note"`
	} `json:"attempts"`
}

// told makes a workflow that told hook ci n times; the first was delivered, the
// second waits, the others were given up.
func (r *rig) told(n int) (created, []uuid.UUID) {
	r.t.Helper()
	c := r.create("mia@acme", `{"goal":"go"}`)
	stream := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}
	do := func(command workflow.Command) {
		_, err := r.node.Dispatch.Do(r.t.Context(), dispatch.Request{Stream: stream, Workflow: command, CommandID: uuid.New()})
		must(r.t, err)
	}
	ids := make([]uuid.UUID, n)
	for i := range ids {
		cause := fmt.Sprint(i)
		ids[i] = workflow.NotificationID(c.UUID, cause, "ci")
		do(&workflow.Notify{Adapter: "webhook", Hooks: []string{"ci"}, Event: "flow.completed", Cause: cause, Data: json.RawMessage(`{"n":1}`)})
		do(&workflow.AttemptDelivery{Delivery: ids[i], Attempt: 1, By: "a/1"})
		settle := &workflow.SettleDelivery{Delivery: ids[i], Attempt: 1, Receipt: "200 OK", Answer: &workflow.Answer{Target: "ci", Status: 200, Body: "thanks"}}
		if i > 0 {
			settle.Receipt, settle.Error, settle.Answer.Status, settle.RetryInMS, settle.Final = "", "it answered 503", 503, 3_600_000, i > 1
		}
		do(settle)
	}
	return c, ids
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, ids := r.told(3)
	for query, want := range map[string]int{
		"": 3, "?state=delivered": 1, "?state=requested": 1, "?state=given_up": 1, "?missing=true": 2, "?missing=false": 3, "?hook=ci": 3, "?hook=other": 0,
		"?event=flow.completed": 3, "?event=flow.failed": 0, "?since=2020-01-01T00:00:00Z": 3, "?until=2020-01-01T00:00:00%2B01:00": 0,
		fmt.Sprintf("?workflow=%d", c.ID): 3, "?workflow=" + c.UUID.String(): 3, "?workflow=" + uuid.NewString(): 0, "?per_page=2": 2, "?per_page=2&page=2": 1,
	} {
		var list []sent
		if r.send("mia@acme", "GET", "/v1/deliveries"+query, nil).want(http.StatusOK).into(&list); len(list) != want {
			t.Errorf("%q lists %d, not %d", query, len(list), want)
		}
	}
	var one sent
	r.send("mia@acme", "GET", "/v1/deliveries/"+ids[1].String(), nil).want(http.StatusOK).into(&one)
	if one.Message != `{"n":1}` || one.Number != c.ID || len(one.Attempts) != 1 || one.Attempts[0].Status != 503 || one.Attempts[0].Answer != "thanks" ||
		one.Attempts[0].Outcome != "failed" || one.DueAt.IsZero() {
		t.Errorf("%+v", one)
	}
	for query, field := range map[string]string{
		"?state=lost": "state", "?since=yesterday": "since", "?until=0": "until", "?missing=maybe": "missing", "?workflow=x": "workflow", "?hook=a&hook=b": "hook", "?page=0": "page",
	} {
		r.send("mia@acme", "GET", "/v1/deliveries"+query, nil).refused(http.StatusBadRequest, domain.CodeInvalidField, field)
	}
	r.send("mia@acme", "GET", "/v1/deliveries?workflow=999999", nil).refused(http.StatusNotFound, domain.CodeNotFound, "")
	r.send("mia@acme", "GET", "/v1/deliveries/x", nil).refused(http.StatusBadRequest, domain.CodeInvalidField, "id")
	r.send("mia@acme", "GET", "/v1/deliveries/"+uuid.NewString(), nil).refused(http.StatusNotFound, domain.CodeNotFound, "")
	r.send("eve@other", "GET", "/v1/deliveries/"+ids[1].String(), nil).refused(http.StatusNotFound, domain.CodeNotFound, "")
	if a := r.send("eve@other", "GET", "/v1/deliveries", nil).want(http.StatusOK); string(a.body) != "[]" {
		t.Errorf("another tenant lists %s", a.body)
	}
	run := created{UUID: c.UUID}
	run.Run = &struct {
		ID    uuid.UUID `json:"id"`
		Epoch int       `json:"epoch"`
		Phase string    `json:"phase"`
	}{ID: uuid.New(), Epoch: 1}
	for method, path := range map[string]string{"GET": "/v1/deliveries", "POST": "/v1/deliveries/redeliver"} {
		r.send(runToken("acme", run, 1), method, path, nil).refused(http.StatusForbidden, domain.CodeForbidden, "")
	}
}

// redelivered is the answer to a redelivery.
type redelivered struct {
	Redelivered []struct{ ID, Delivery uuid.UUID }
	Left        []struct {
		ID   uuid.UUID
		Code string
	}
}

func TestRedeliver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, ids := r.told(3)
	unknown := uuid.New()
	again := func(body any, headers ...string) redelivered {
		var out redelivered
		r.send("mia@acme", "POST", "/v1/deliveries/redeliver", body, headers...).want(http.StatusOK).into(&out)
		return out
	}
	body := map[string]any{"ids": append([]uuid.UUID{unknown}, ids...)}
	out := again(body, "Idempotency-Key", "k1")
	if len(out.Redelivered) != 3 || out.Redelivered[0].Delivery != ids[0] || len(out.Left) != 1 || out.Left[0].ID != unknown || out.Left[0].Code != "not_found" {
		t.Errorf("%+v", out)
	}
	if same := again(body, "Idempotency-Key", "k1"); len(same.Redelivered) != 3 {
		t.Errorf("the same request again: %+v", same)
	}
	if out = again(map[string]any{"ids": ids}); len(out.Redelivered) != 0 || len(out.Left) != 3 || out.Left[0].Code != "conflict" {
		t.Errorf("they are on their way: %+v", out)
	}
	_, more := r.told(1)
	out = again(map[string]any{"ids": more, "as_new": true}, "Idempotency-Key", "k2")
	if len(out.Redelivered) != 1 || out.Redelivered[0].Delivery == more[0] {
		t.Fatalf("as new: %+v", out)
	}
	var one sent
	r.send("mia@acme", "GET", "/v1/deliveries/"+out.Redelivered[0].Delivery.String(), nil).want(http.StatusOK).into(&one)
	if one.State != "requested" || one.Attempted != 0 || one.Message != `{"n":1}` || one.Hook != "ci" {
		t.Errorf("%+v", one)
	}
	if same := again(map[string]any{"ids": more, "as_new": true}, "Idempotency-Key", "k2"); same.Redelivered[0] != out.Redelivered[0] {
		t.Errorf("the same request makes another: %+v", same)
	}
	var foreign redelivered
	r.send("eve@other", "POST", "/v1/deliveries/redeliver", map[string]any{"ids": ids}).want(http.StatusOK).into(&foreign)
	if len(foreign.Redelivered) != 0 || len(foreign.Left) != 3 {
		t.Errorf("another tenant: %+v", foreign)
	}
	for field, bad := range map[string]any{
		"ids": map[string]any{"ids": []string{}}, "ids[1]": map[string]any{"ids": []string{unknown.String(), "x"}}, "as_new": map[string]any{"ids": ids, "as_new": 1},
	} {
		r.send("mia@acme", "POST", "/v1/deliveries/redeliver", bad).refused(http.StatusBadRequest, domain.CodeInvalidField, field)
	}
	r.send("mia@acme", "POST", "/v1/deliveries/redeliver", `{"ids":[1]}`).refused(http.StatusBadRequest, domain.CodeInvalidField, "ids")
	r.send("mia@acme", "POST", "/v1/deliveries/redeliver", map[string]any{"ids": make([]uuid.UUID, 101)}).refused(http.StatusBadRequest, domain.CodeInvalidField, "ids")
}
