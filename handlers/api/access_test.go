package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/dispatch"
)

func TestAccess(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"without a token":                     refusesStrangers,
		"P5 another tenant's is not there":    hidesOtherTenants,
		"a run touches its own workflow only": bindsRuns,
		"a stale run writes nothing":          refusesStaleRuns,
		"unknown paths and methods":           refusesUnknownRoutes,
		"request ids":                         echoesRequestIDs,
		"one line says what was touched":      logsWhatWasTouched,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func refusesStrangers(r *rig) {
	for _, token := range []string{"", "nobody", "mia@", "mia@Not A Tenant"} {
		a := r.send(token, "GET", base, nil)
		a.refused(401, domain.CodeUnauthenticated, "")
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			r.t.Error("no WWW-Authenticate")
		}
		r.send(token, "POST", base, `{`).refused(401, domain.CodeUnauthenticated, "")
	}
	r.send("", "GET", base, nil, "Private-Token", "mia@acme").want(http.StatusOK)
	r.send("", "GET", base, nil, "Authorization", "bearer mia@acme").want(http.StatusOK)
	r.send("", "GET", base, nil, "Authorization", "Basic mia@acme").refused(401, domain.CodeUnauthenticated, "")
	r.send("", "GET", "/healthz", nil).want(http.StatusOK)
	r.send("", "GET", "/readyz", nil).want(http.StatusOK)
}

// paths are all that touch a workflow.
func (r *rig) paths(who string, c created) map[string]reply {
	r.t.Helper()
	ts := newTS()
	out := map[string]reply{}
	for _, id := range []string{fmt.Sprint(c.ID), c.UUID.String()} {
		p := base + "/" + id
		out["GET "+p] = r.send(who, "GET", p, nil)
		out["PATCH "+p] = r.send(who, "PATCH", p, `{"status_event":"start"}`)
		out["POST "+p] = r.send(who, "POST", p+"/checkpoints", `{"thread_ts":"`+ts+`","checkpoint":{},"metadata":{}}`)
		out["GET checkpoints "+p] = r.send(who, "GET", p+"/checkpoints", nil)
		out["POST writes "+p] = r.send(who, "POST", p+"/checkpoint_writes_batch", `{"thread_ts":"`+ts+`","checkpoint_writes":[{"task":"t","idx":0,"channel":"c"}]}`)
		out["GET by ts "+p] = r.send(who, "GET", p+"/checkpoints/by_thread_ts?thread_ts="+ts, nil)
		out["GET timeline "+p] = r.send(who, "GET", p+"/timeline", nil)
		out["POST events "+p] = r.send(who, "POST", p+"/events", `{"event_type":"message","message":"go"}`)
		out["GET events "+p] = r.send(who, "GET", p+"/events", nil)
	}
	return out
}

func hidesOtherTenants(r *rig) {
	c := r.create("mia@acme", `{"goal":"secret"}`)
	for what, a := range r.paths("eve@other", c) {
		if a.status != http.StatusNotFound || strings.Contains(string(a.body), "secret") {
			r.t.Errorf("%s is answered %d: %s", what, a.status, a.body)
		}
	}
	if rows := r.send("eve@other", "GET", base, nil).want(http.StatusOK); string(rows.body) != "[]" {
		r.t.Errorf("another tenant lists %s", rows.body)
	}
	for what, a := range r.paths("sam@acme", c) {
		if a.status >= 400 {
			r.t.Errorf("a member: %s is answered %d: %s", what, a.status, a.body)
		}
	}
}

func bindsRuns(r *rig) {
	own := r.create("mia@acme", `{"goal":"own","start_workflow":true}`)
	other := r.create("mia@acme", `{"goal":"other"}`)
	token := runToken("acme", own, 1)
	for what, a := range r.paths(token, own) {
		if a.status >= 400 {
			r.t.Errorf("its own: %s is answered %d: %s", what, a.status, a.body)
		}
	}
	for what, a := range r.paths(token, other) {
		if a.status != http.StatusNotFound {
			r.t.Errorf("another's: %s is answered %d: %s", what, a.status, a.body)
		}
	}
	r.send(token, "GET", base, nil).refused(403, domain.CodeForbidden, "")
	r.send(token, "POST", base, `{}`).refused(403, domain.CodeForbidden, "")
	r.send(token, "POST", "/v1/messages", `{"text":"x"}`).refused(403, domain.CodeForbidden, "")
	r.send(token, "GET", "/v1/conversations/"+own.UUID.String(), nil).refused(403, domain.CodeForbidden, "")
	data := string(r.send("mia@acme", "GET", own.path("/timeline"), nil).want(http.StatusOK).body)
	if !strings.Contains(data, `"principal":{"user":"mia","service_account":"duo-developer","run":{"id":"`+own.Run.ID.String()) {
		r.t.Errorf("the run is not in the timeline: %s", data)
	}
}

func refusesStaleRuns(r *rig) {
	c := r.create("mia@acme", `{"goal":"stale","start_workflow":true}`)
	body := `{"thread_ts":"` + newTS() + `","checkpoint":{},"metadata":{}}`
	r.send(runToken("acme", c, 0), "POST", c.path("/checkpoints"), body).refused(409, domain.CodeStaleRun, "")
	r.send(runToken("acme", c, 1), "POST", c.path("/checkpoints"), body).want(http.StatusCreated)
}

func refusesUnknownRoutes(r *rig) {
	for _, path := range []string{"/", "/api/v4", base + "/1/unknown", base + "/", "//" + strings.TrimPrefix(base, "/"), base + "/1/../2", base + "/..%2f1", "/healthz/x", "/v1/conversations"} {
		r.send("mia@acme", "GET", path, nil).refused(404, domain.CodeNotFound, "")
	}
	for path, allow := range map[string]string{base: "GET, HEAD, POST", base + "/1/checkpoints": "GET, HEAD, POST", "/v1/messages": "POST", "/healthz": "GET, HEAD"} {
		a := r.send("mia@acme", "DELETE", path, nil)
		a.refused(405, "method_not_allowed", "")
		if a.header.Get("Allow") != allow {
			r.t.Errorf("%s allows %s", path, a.header.Get("Allow"))
		}
	}
}

func echoesRequestIDs(r *rig) {
	a := r.send("", "GET", base, nil, "X-Request-Id", "from-the-client-1")
	if e := a.refused(401, domain.CodeUnauthenticated, ""); e.RequestID != "from-the-client-1" {
		r.t.Errorf("the id is %s", e.RequestID)
	}
	if !strings.Contains(r.logs.String(), "request_id=from-the-client-1") {
		r.t.Error("the id is not logged")
	}
	for _, odd := range []string{"a b", strings.Repeat("x", 129), "\x7f", "é"} {
		if got := r.send("", "GET", base, nil, "X-Request-Id", odd).header.Get("X-Request-Id"); got == odd || got == "" {
			r.t.Errorf("%.20q is echoed", odd)
		}
	}
	if strings.Contains(r.logs.String(), "mia@acme") {
		r.t.Error("a token is in the log")
	}
}

type dispatchFunc func(context.Context, dispatch.Request) (dispatch.Result, error)

func (f dispatchFunc) Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error) {
	return f(ctx, r)
}

func (f dispatchFunc) DoAll(ctx context.Context, rs []dispatch.Request) []dispatch.Answer {
	out := make([]dispatch.Answer, len(rs))
	for i, r := range rs {
		out[i].Result, out[i].Err = f(ctx, r)
	}
	return out
}

type gateFunc func(context.Context) error

func (f gateFunc) Ready(ctx context.Context) error { return f(ctx) }

func TestFaults(t *testing.T) {
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"faults"}`)
	body := `{"status_event":"start"}`
	fails := func(err error) *rig {
		return r.with(func(c *api.Config) {
			c.Dispatch = dispatchFunc(func(context.Context, dispatch.Request) (dispatch.Result, error) { return dispatch.Result{}, err })
		})
	}
	for code, status := range map[domain.Code]int{
		domain.CodeConflict: 409, domain.CodeWorkflowEnded: 409, domain.CodeKeyReused: 422, domain.CodeRateLimited: 429,
		domain.CodeNotNow: 503, domain.CodeStreamStopped: 503, domain.CodeLogUnsafe: 503, domain.CodeInternal: 500,
	} {
		a := fails(fmt.Errorf("do: %w", &domain.Error{Code: code, Message: "m", Fix: "f"})).send("mia@acme", "PATCH", c.path(""), body)
		a.refused(status, code, "")
		if again := status == 429 || status == 503; (a.header.Get("Retry-After") != "") != again {
			t.Errorf("%s: Retry-After is %q", code, a.header.Get("Retry-After"))
		}
	}
	a := fails(errors.New("password=hunter2")).send("mia@acme", "PATCH", c.path(""), body)
	if a.refused(500, domain.CodeInternal, ""); strings.Contains(string(a.body), "hunter2") || !strings.Contains(r.logs.String(), "hunter2") {
		t.Errorf("our own failure belongs in the log, not in the answer: %s", a.body)
	}
	t.Run("a panic is an answer, logged once", func(t *testing.T) {
		panics := r.on(t).with(func(c *api.Config) {
			c.Dispatch = dispatchFunc(func(context.Context, dispatch.Request) (dispatch.Result, error) { panic("boom") })
		})
		panics.send("mia@acme", "PATCH", c.path(""), body).refused(500, domain.CodeInternal, "")
		if n := strings.Count(panics.logs.String(), "panic: boom"); n != 1 {
			t.Errorf("logged %d times", n)
		}
	})
	t.Run("a deadline is not now", func(t *testing.T) {
		slow := r.on(t).with(func(c *api.Config) {
			c.Limits = api.Limits{AgentTime: 20 * time.Millisecond, GateTime: 20 * time.Millisecond}
			c.Dispatch = dispatchFunc(func(ctx context.Context, _ dispatch.Request) (dispatch.Result, error) {
				<-ctx.Done()
				return dispatch.Result{}, fmt.Errorf("await the verdict: %w", ctx.Err())
			})
			c.Gate = gateFunc(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		})
		slow.send("mia@acme", "PATCH", base+"/"+c.UUID.String(), body).refused(503, domain.CodeNotNow, "")
		for _, path := range []string{"", "/checkpoints", "/timeline"} {
			slow.send("mia@acme", "GET", base+"/"+c.UUID.String()+path, nil).refused(503, domain.CodeNotNow, "")
		}
	})
	t.Run("not ready says why", func(t *testing.T) {
		down := r.on(t).with(func(c *api.Config) { c.Ready = func(context.Context) error { return errors.New("postgres is away") } })
		if e := down.send("", "GET", "/readyz", nil).refused(503, domain.CodeNotNow, ""); e.Message != "postgres is away" {
			t.Error(e.Message)
		}
		down.send("", "GET", "/healthz", nil).want(http.StatusOK)
	})
	if _, err := api.New(api.Config{}); err == nil || !strings.Contains(err.Error(), "Dispatch is missing") {
		t.Errorf("an empty config gives %v", err)
	}
	if s := api.NewHTTPServer(r.api); s.ReadHeaderTimeout != 5*time.Second || s.MaxHeaderBytes != 32<<10 {
		t.Error("the server has no limits")
	}
}

// logsWhatWasTouched: the line of a request names the workflow, and where the
// commit of its command stands.
func logsWhatWasTouched(r *rig) {
	c := r.create("mia@acme", `{"goal":"look at the log"}`)
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`, "X-Request-Id", "start-it").want(http.StatusOK)
	r.send("mia@acme", "GET", c.path(""), nil, "X-Request-Id", "read-it").want(http.StatusOK)
	for request, said := range map[string][]string{
		"start-it": {"tenant=acme", "workflow=" + c.UUID.String(), "position=", "status=200"},
		"read-it":  {"tenant=acme", "workflow=" + c.UUID.String(), "status=200"},
	} {
		var lines []string
		for line := range strings.Lines(r.logs.String()) {
			if strings.Contains(line, "request_id="+request+" ") {
				lines = append(lines, line)
			}
		}
		if len(lines) != 1 {
			r.t.Errorf("%d lines of %s: %s", len(lines), request, lines)
			continue
		}
		for _, what := range said {
			if !strings.Contains(lines[0], what) {
				r.t.Errorf("no %s in %s", what, lines[0])
			}
		}
	}
}
