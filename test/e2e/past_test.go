package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestReadModelsOfThePast builds the read models until a position, and until a time,
// beside those that serve, and reads them from a server of their own: it answers as the
// live one does as of then, takes no writes, and says so.
func TestReadModelsOfThePast(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 20*time.Millisecond)
	n := f.Node("a", "")
	n.Start()
	live := f.User(n.Base)
	w := began(t, live)
	id := fmt.Sprint(w.ID)
	events := fleettest.TimelineOf(t, live, id)
	at := events[len(events)-2] // the one before the last changed it once more
	before := f.Tool("projection", "rebuild", "--until", at.Position, "--into", "before")
	if before.Code != 0 || !strings.Contains(before.Out, "--read-schema before") {
		t.Fatalf("rebuild until %s: %s%s", at.Position, before.Out, before.Err)
	}
	if r := f.Tool("projection", "rebuild", "--until", at.Time.Format(time.RFC3339Nano), "--into", "then", "--json"); r.Code != 0 {
		t.Fatalf("rebuild until %s: %s%s", at.Time, r.Out, r.Err)
	}
	status, answer, err := live.Call(t.Context(), http.MethodPatch, "/workflows/"+id, map[string]string{"status_event": "stop"})
	if err != nil || status != http.StatusOK {
		t.Fatalf("stop it: %d %s %v", status, answer, err)
	}
	for schema, moment := range map[string]string{"before": at.Position, "then": at.Time.Format(time.RFC3339Nano)} {
		past := serving(t, f, schema)
		for _, path := range []string{"", "/checkpoints", "/timeline?limit=500", "/events"} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			want, got := live.Get(t, "/workflows/"+id+path+sep+"at="+moment), past.Get(t, "/workflows/"+id+path)
			if want, got = anywhere(want), anywhere(got); got != want {
				t.Errorf("%s of schema %s:\n%s\nwant\n%s", path, schema, got, want)
			}
		}
		refuses(t, past, id)
	}
	killed(t, f)
	removed(t, f)
	f.Clean()
}

// began is a workflow with a few steps.
func began(t *testing.T, u *fleettest.User) fleettest.WorkflowView {
	t.Helper()
	do := func(method, path string, body any, want int) string {
		status, answer, err := u.Call(t.Context(), method, path, body)
		if err != nil || status != want {
			t.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
		}
		return string(answer)
	}
	w := fleettest.Decode[fleettest.WorkflowView](t, do(http.MethodPost, "/workflows", map[string]any{"goal": "go back"}, http.StatusCreated))
	path := fmt.Sprintf("/workflows/%d", w.ID)
	for step := range 3 {
		do(http.MethodPost, path+"/checkpoints", map[string]any{
			"thread_ts": uuid.Must(uuid.NewV7()), "metadata": map[string]any{}, "checkpoint": map[string]any{"channel_values": map[string]any{"step": step}},
		}, http.StatusCreated)
	}
	do(http.MethodPost, path+"/events", map[string]any{"event_type": "message", "message": "look at the tests"}, http.StatusCreated)
	do(http.MethodPatch, path, map[string]string{"status_event": "start"}, http.StatusOK)
	return w
}

// serving is a server of the read models in a schema.
func serving(t *testing.T, f *fleettest.Fleet, schema string) *fleettest.User {
	t.Helper()
	address := fleettest.Address(t)
	p := fleettest.Launch(t, f.Dir, nil, fleettest.Duolog(t), "serve", "--config", f.Config, "--state-dir", filepath.Join(f.Dir, schema), "--listen", address, "--read-schema", schema)
	fleettest.Eventually(t, 30*time.Second, func() error {
		if !p.Alive() {
			return fleettest.FinalError{Err: fmt.Errorf("it ended: %s", p.Err.String())}
		}
		return fleettest.Answers("http://" + address + "/readyz")
	})
	return f.User("http://" + address)
}

// anywhere is an answer without the address of the server.
func anywhere(answer string) string {
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).ReplaceAllString(answer, "http://somewhere")
}

// refuses says that nothing can be written, and that the server says what it is.
func refuses(t *testing.T, past *fleettest.User, id string) {
	t.Helper()
	for method, path := range map[string]string{http.MethodPatch: "/workflows/" + id, http.MethodPost: "/workflows"} {
		status, answer, err := past.Call(t.Context(), method, path, map[string]string{"status_event": "stop", "goal": "go on"})
		if err != nil || status != http.StatusForbidden || !strings.Contains(string(answer), `"read_only"`) {
			t.Errorf("%s %s: %d %s %v", method, path, status, answer, err)
		}
	}
	res, err := past.HTTP.Get(past.Base + "/readyz")
	fleettest.OK(t, err)
	defer func() { _ = res.Body.Close() }()
	if answer, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(answer), `"read_only":"the read models until `) {
		t.Errorf("the readiness is %s (%v)", answer, err)
	}
}

// killed says that what is left of a rebuild that was killed is not served, and can be
// removed.
func killed(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	fleettest.Execute(t, f.Database, `CREATE SCHEMA half`, `COMMENT ON SCHEMA half IS 'Duolog read models that are not complete, until 1:2'`)
	r := fleettest.Command(t, f.Dir, nil, "serve", "--config", f.Config, "--listen", fleettest.Address(t), "--read-schema", "half")
	if r.Code == 0 || !strings.Contains(r.Err, "complete") {
		t.Errorf("serve what is not complete: exit code %d\n%s%s", r.Code, r.Out, r.Err)
	}
	if r := f.Tool("projection", "drop", "--schema", "half"); r.Code != 0 {
		t.Errorf("drop what is not complete: %s%s", r.Out, r.Err)
	}
}

// removed takes the schemas away, and nothing else.
func removed(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	for _, c := range []struct {
		want string
		args []string
	}{
		{"is there already", []string{"rebuild", "--until", "1h", "--into", "before"}},
		{"--into", []string{"rebuild", "--until", "1h"}},
		{"cannot be the name", []string{"rebuild", "--into", "Before"}},
		{"no time and no position", []string{"rebuild", "--until", "99:1", "--into", "other"}},
		{"is none that", []string{"drop", "--schema", "public"}},
		{"is none that", []string{"drop", "--schema", "other"}},
	} {
		if r := f.Tool(append([]string{"projection"}, c.args...)...); r.Code == 0 || !strings.Contains(r.Err, c.want) {
			t.Errorf("%v: exit code %d\n%s%s", c.args, r.Code, r.Out, r.Err)
		}
	}
	for _, schema := range []string{"before", "then"} {
		if r := f.Tool("projection", "drop", "--schema", schema); r.Code != 0 {
			t.Errorf("drop %s: %s%s", schema, r.Out, r.Err)
		}
	}
	if n := fleettest.Query[int](t, f.Database, `SELECT count(*) FROM pg_namespace WHERE nspname IN ('before', 'then', 'other')`); n != 0 {
		t.Errorf("%d schemas are left", n)
	}
}
