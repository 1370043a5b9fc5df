package deliveries_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/deliveries"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// rig is a node and what its workflows sent.
type rig struct {
	t *testing.T
	n *nodetest.Node
	q *deliveries.Queries
}

func newRig(t *testing.T) *rig {
	t.Helper()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, n, deliveries.New(cut.DB{Pool: n.DB.Read, Codec: codec, Partitions: nodetest.Partitions})}
}

func (r *rig) do(id domain.StreamID, commands ...workflow.Command) {
	r.t.Helper()
	for _, c := range commands {
		if _, err := r.n.Dispatch.Do(r.t.Context(), dispatch.Request{Stream: id, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"}, Workflow: c}); err != nil {
			r.t.Fatalf("%s: %v", c.CommandType(), err)
		}
	}
}

func (r *rig) workflow(tenant domain.Tenant) domain.StreamID {
	r.t.Helper()
	id := domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
	r.do(id, &workflow.Start{Goal: "go", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local"})
	return id
}

func notify(n int, hooks ...string) *workflow.Notify {
	return &workflow.Notify{Adapter: "webhook", Hooks: hooks, Event: "flow.completed", Cause: fmt.Sprint(n), Data: json.RawMessage(`{"number":1003}`)}
}

func (r *rig) list(f deliveries.Filter) string {
	r.t.Helper()
	list, _, err := r.q.List(r.t.Context(), "acme", f, 0, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, d := range list {
		out = append(out, d.Hook+" "+d.Status)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestDeliveriesAndTheirAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id, other := r.workflow("acme"), r.workflow("other")
	ci, audit := workflow.NotificationID(id.ID, "1", "ci"), workflow.NotificationID(id.ID, "1", "audit")
	r.do(other, notify(1, "ci"))
	r.do(id, notify(1, "ci", "audit"), &workflow.RequestDelivery{Run: uuid.New(), Adapter: "webhook/named", Kind: workflow.DeliverResult, Message: "done"})
	said := &workflow.Answer{Target: "ci https://ci.example.com 3f2a", Status: 503, Body: "busy"}
	r.do(id,
		&workflow.AttemptDelivery{Delivery: ci, Attempt: 1, By: "a/1"},
		&workflow.SettleDelivery{Delivery: ci, Attempt: 1, Error: "it answered 503", Answer: said, RetryInMS: 3_600_000},
		&workflow.AttemptDelivery{Delivery: audit, Attempt: 1, By: "a/1"},
		&workflow.SettleDelivery{Delivery: audit, Attempt: 1, Receipt: "204 No Content", Answer: &workflow.Answer{Target: "audit", Status: 204}})

	d, err := r.q.Find(t.Context(), "acme", ci)
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != workflow.DeliveryOwed || d.Text != `{"number":1003}` || d.Number < 0 || d.Due.Before(time.Now().Add(50*time.Minute)) || d.LastError != "it answered 503" {
		t.Errorf("%+v", d)
	}
	if len(d.Attempts) != 1 || d.Attempts[0].Status != 503 || d.Attempts[0].Answer != "busy" || d.Attempts[0].Outcome != "failed" ||
		d.Attempts[0].Target != said.Target || d.Attempts[0].EndedAt == nil || !d.Attempts[0].RetryAt.Equal(d.Due) || d.Attempts[0].Note != "it answered 503" {
		t.Errorf("%+v", d.Attempts)
	}
	if _, err := r.q.Find(t.Context(), "other", ci); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("another tenant finds it: %v", err)
	}
	past, soon := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for want, filters := range map[string][]deliveries.Filter{
		"audit delivered, ci requested, named requested": {{}, {Workflow: id.String()}, {Since: past, Until: soon}, {IDs: nil}},
		"ci requested, named requested":                  {{Missing: true}, {Status: "requested"}},
		"audit delivered":                                {{Status: "delivered"}, {Hook: "audit"}, {IDs: []uuid.UUID{audit}}},
		"named requested":                                {{Hook: "named"}},
		"audit delivered, ci requested":                  {{Event: "flow.completed"}},
		"":                                               {{Until: past}, {Since: soon}, {Workflow: other.String()}, {Hook: "ci", Status: "delivered"}},
	} {
		for _, f := range filters {
			if got := r.list(f); got != want {
				t.Errorf("%+v: %q, want %q", f, got, want)
			}
		}
	}
	first, more, err := r.q.List(t.Context(), "acme", deliveries.Filter{}, 0, 2)
	rest, end, err2 := r.q.List(t.Context(), "acme", deliveries.Filter{}, 2, 2)
	if err != nil || err2 != nil || len(first) != 2 || !more || len(rest) != 1 || end {
		t.Errorf("pages of %d and %d: %v %v", len(first), len(rest), err, err2)
	}
}

func TestRedeliveredOverTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.workflow("acme")
	ci := workflow.NotificationID(id.ID, "1", "ci")
	gone := func() bool {
		g, err := r.q.Gone(t.Context(), "acme", "ci 3f2a")
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	if r.do(id, notify(1, "ci"), &workflow.AttemptDelivery{Delivery: ci, Attempt: 1, By: "a/1"}); gone() {
		t.Error("the hook is gone before it said so")
	}
	r.do(id, &workflow.SettleDelivery{
		Delivery: ci, Attempt: 1, Error: "410", Final: true, Reason: "gone", Answer: &workflow.Answer{Target: "ci 3f2a", Status: 410},
	})
	if !gone() {
		t.Error("the hook is not gone")
	}
	if lost, err := r.q.Lost(t.Context(), time.Now().Add(-time.Hour)); err != nil || len(lost) != 1 || lost[0] != (deliveries.Lost{Tenant: "acme", Hook: "ci", Count: 1}) {
		t.Errorf("lost: %v, %v", lost, err)
	}
	r.do(id, &workflow.Redeliver{Delivery: ci}, &workflow.AttemptDelivery{Delivery: ci, Attempt: 2, By: "a/1"},
		&workflow.SettleDelivery{Delivery: ci, Attempt: 2, Receipt: "200 OK"}, &workflow.Redeliver{Delivery: ci, AsNew: true})
	d, err := r.q.Find(t.Context(), "acme", ci)
	if err != nil || d.Status != workflow.DeliveryMade || len(d.Attempts) != 2 || d.Attempts[1].Note != "200 OK" {
		t.Errorf("%+v, %v", d, err)
	}
	if lost, err := r.q.Lost(t.Context(), time.Now().Add(-time.Hour)); err != nil || len(lost) != 0 {
		t.Errorf("lost: %v, %v", lost, err)
	}
	if got := r.list(deliveries.Filter{}); got != "ci delivered, ci requested" {
		t.Errorf("there are %s", got)
	}
	_, err = r.n.Dispatch.Do(t.Context(), dispatch.Request{Stream: id, CommandID: uuid.New(), Workflow: &workflow.Redeliver{Delivery: uuid.New()}})
	if domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("one that is not there: %v", err)
	}
}
