package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/schemas"
)

type feedPage struct {
	Events []event `json:"events"`
	Next   string  `json:"next"`
	More   bool    `json:"more"`
}

func (r *rig) events(who, query string) feedPage {
	r.t.Helper()
	var out feedPage
	r.send(who, "GET", "/v1/events"+query, nil).want(http.StatusOK).into(&out)
	return out
}

// all reads the feed from a place to its end, some commits at a time, and gives the
// ids of its events.
func (r *rig) all(who, after, query string) (ids []string) {
	r.t.Helper()
	for {
		page := r.events(who, "?after="+url.QueryEscape(after)+query)
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		if after = page.Next; !page.More {
			return ids
		}
	}
}

// TestEventsOfATenant: everything that happened in it, in the order of the log within
// each partition, in pages of any size, and nothing of another tenant.
func TestEventsOfATenant(t *testing.T) {
	r := newRig(t)
	end := r.events("mia@acme", "?after=end")
	if len(end.Events) != 0 || end.More {
		t.Fatalf("at the end is %+v", end)
	}
	var want []string
	for i := range 12 {
		c := r.create("mia@acme", map[string]any{"goal": fmt.Sprintf("one of many %d", i), "start_workflow": true})
		r.create("eve@globex", map[string]any{"goal": "another tenant's"})
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
		for _, e := range r.timeline(c, "").Events {
			want = append(want, e.ID)
		}
	}
	slices.Sort(want)
	for _, query := range []string{"", "&limit=1", "&limit=3"} {
		if got := slices.Sorted(slices.Values(r.all("mia@acme", end.Next, query))); !slices.Equal(got, want) {
			t.Errorf("with %q there are %d events, not %d", query, len(got), len(want))
		}
	}
	page := r.events("mia@acme", "?after="+url.QueryEscape(end.Next)+"&type=workflow.status_changed&limit=500")
	if len(page.Events) != 12 || slices.ContainsFunc(page.Events, func(e event) bool { return e.Type != "workflow.status_changed" }) {
		t.Errorf("of one type there are %d", len(page.Events))
	}
	t.Run("a stream goes on where it was cut off", func(t *testing.T) { resumes(r.on(t), end.Next, want) })
	t.Run("bad questions", func(t *testing.T) {
		r := r.on(t)
		for query, field := range map[string]string{"after=x": "after", "after=0:1": "after", "after=99:1@" + r.cfg.Log.String(): "after", "limit=0": "limit", "after=end&after=end": "after"} {
			r.send("mia@acme", "GET", "/v1/events?"+query, nil).refused(400, domain.CodeInvalidField, field)
		}
		r.send("", "GET", "/v1/events", nil).refused(401, domain.CodeUnauthenticated, "")
	})
}

// resumes reads the stream an event at a time, each over a connection of its own.
func resumes(r *rig, from string, want []string) {
	address := r.listen()
	var got []string
	for place := from; len(got) < len(want); {
		s := follow(r.t, address+"/v1/events?limit=2", "mia@acme", place)
		for s.lastID == place {
			_, e, more := s.next()
			if !more {
				r.t.Fatalf("the stream ends after %d events", len(got))
			}
			got = append(got, e.ID)
		}
		place = s.lastID
		_ = s.res.Body.Close()
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		r.t.Errorf("%d events came, not %d, or others", len(got), len(want))
	}
	s := follow(r.t, address+"/v1/events?after=end&type=workflow.created", "mia@acme", "")
	c := r.create("mia@acme", map[string]any{"goal": "just now"})
	if kind, e, _ := s.next(); kind != "workflow.created" || e.ID != r.timeline(c, "").Events[0].ID {
		r.t.Errorf("what happens now comes as %s %+v", kind, e)
	}
}

// TestSchemasAreServed: what ce_dataschema of an event names is there, for anybody.
func TestSchemasAreServed(t *testing.T) {
	r := newRig(t)
	for path, kind := range map[string]string{
		"/schemas/events/workflow.created.v1.json": "application/schema+json", "/schemas/commands/workflow.start.v1.json": "application/schema+json",
		"/schemas/openapi.yaml": "application/yaml",
	} {
		a := r.send("", "GET", path, nil).want(http.StatusOK)
		want, err := schemas.Public.ReadFile(path[len("/schemas/"):])
		if err != nil || string(a.body) != string(want) || a.header.Get("Content-Type") != kind {
			t.Errorf("%s is %d bytes of %s: %v", path, len(a.body), a.header.Get("Content-Type"), err)
		}
	}
	for _, path := range []string{"/schemas/", "/schemas/events", "/schemas/events/none.json", "/schemas/postgres/0001_read_models.sql"} {
		r.send("", "GET", path, nil).refused(404, domain.CodeNotFound, "")
	}
}
