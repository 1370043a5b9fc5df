package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/permission"
)

// asksForTools is a rig with a run under way whose tools are asked about at a directory,
// at one time of the clock that the test moves.
func asksForTools(t *testing.T) (r *rig, people *staff, now *time.Time, c created) {
	t.Helper()
	r, people = guarded(t)
	now = new(time.Date(2026, 11, 27, 10, 0, 30, 0, time.UTC))
	ask := permission.Asker{Directory: people, Places: people}
	r = r.with(func(cfg *api.Config) {
		cfg.Tools = permission.Guard{Next: r.node.Dispatch, States: snapshots(r), Asker: ask, Now: func() time.Time { return *now }}
	})
	return r, people, now, r.create("mia@acme", `{"goal":"x","start_workflow":true}`)
}

func (r *rig) tool(who string, c created, name string) reply {
	r.t.Helper()
	return r.send(who, "POST", c.path("/tool_calls"), `{"tool":"`+name+`"}`)
}

// tools are the decisions about tools in the log of a workflow.
func (r *rig) tools(c created) (out []string) {
	r.t.Helper()
	var line struct {
		Events []struct {
			Type      string
			Principal struct{ User string }
			Data      struct {
				Tool, Rule string
				Run        uuid.UUID
			}
		}
	}
	r.send("mia@acme", "GET", c.path("/timeline"), nil).want(http.StatusOK).into(&line)
	for _, e := range line.Events {
		if e.Type == "workflow.tool_decided" {
			out = append(out, e.Data.Tool+" "+e.Data.Rule)
			if e.Data.Run != c.Run.ID || e.Principal.User != "mia" {
				r.t.Errorf("%+v is of another run", e)
			}
		}
	}
	return out
}

// TestE4ToolsAreAskedForOneByOne: each use of a tool is decided anew from the human, the
// account, the flow and the namespace. What is allowed is recorded once for each run and
// tool, what is denied once a minute.
func TestE4ToolsAreAskedForOneByOne(t *testing.T) {
	r, people, now, c := asksForTools(t)
	run := runToken("acme", c, 1)
	people.set(func(s *staff) { s.tools = nil })
	var got struct {
		Allowed  bool
		Rule     string
		Valid    int `json:"valid_seconds"`
		Decision struct{ Action, Tool, User, Path string }
	}
	for range 2 {
		r.tool(run, c, "run_command").want(http.StatusOK).into(&got)
	}
	if !got.Allowed || got.Rule != "all" || got.Valid != 60 || got.Decision.Action != "use_tool" || got.Decision.Tool != "run_command" || got.Decision.User != "mia" {
		t.Errorf("%+v", got)
	}
	want := []string{"run_command all"}
	for _, lost := range []struct {
		rule, fix string
		change    func(*staff)
	}{
		{"human", "an owner of", func(s *staff) { s.levels["mia"] = directory.Reporter }},
		{"human", "an owner of", func(s *staff) { s.blocked["mia"], s.levels["mia"] = true, directory.Developer }},
		{"human", "an owner of", func(s *staff) { delete(s.levels, "mia") }},
		{"service_account", "developer access", func(s *staff) {
			s.levels["mia"], s.blocked = directory.Developer, map[string]bool{"duo-developer": true}
		}},
		{"namespace", "an owner of the group (noor) can take it off the list: duolog namespace set acme --policy denied_tools=", func(s *staff) {
			s.blocked, s.group = nil, access.Denial{Path: "acme", Owners: []string{"noor"}, Tools: []string{"run_command"}}
		}},
	} {
		people.set(lost.change)
		*now = now.Add(time.Minute)
		for range 2 {
			if e := r.tool(run, c, "run_command").refused(403, domain.CodeAccessDenied, ""); !strings.Contains(e.Fix, lost.fix) || !strings.Contains(e.Message, "may not use run_command") {
				t.Errorf("%+v", e)
			}
		}
		want = append(want, "run_command "+lost.rule)
	}
	r.tool(run, c, "read_file").want(http.StatusOK)
	people.set(func(s *staff) { s.group = access.Denial{} })
	r.tool(run, c, "run_command").want(http.StatusOK)
	if got := r.tools(c); !slices.Equal(got, append(want, "read_file all")) {
		t.Errorf("decided was\n%v, not\n%v", got, append(want, "read_file all"))
	}
	people.set(func(s *staff) {
		s.away = &domain.Error{Code: domain.CodeNotNow, Message: "GitLab is away", Fix: "wait"}
	})
	r.tool(run, c, "run_command").refused(503, domain.CodeNotNow, "")
}

// TestE6AFlowThatOnlyReadsWritesNothing: the agent of a flow that only reads is denied
// what writes, and what nobody knows; it reads.
func TestE6AFlowThatOnlyReadsWritesNothing(t *testing.T) {
	r, people, _, c := asksForTools(t)
	listed, there := resolver().Catalog.Find("recommend_reviewers/v1")
	people.set(func(s *staff) { s.tools = listed.Tools.Allowed() })
	run := runToken("acme", c, 1)
	r.tool(run, c, "read_file").want(http.StatusOK)
	for _, tool := range []string{"edit_file", "run_command", "create_merge_request", "something_new"} {
		if e := r.tool(run, c, tool).refused(403, domain.CodeAccessDenied, ""); !there || !strings.Contains(e.Message, tool+" is none of them") || !strings.Contains(e.Fix, "duolog flow show") {
			t.Errorf("%+v", e)
		}
	}
	if got := r.tools(c); !slices.Equal(got, []string{"read_file all", "edit_file flow", "run_command flow", "create_merge_request flow", "something_new flow"}) {
		t.Errorf("decided was %v", got)
	}
}

// TestE4OnlyTheRunAsksForTools: not one that was replaced or is over, nor a person; what
// is asked is checked.
func TestE4OnlyTheRunAsksForTools(t *testing.T) {
	r, people, _, c := asksForTools(t)
	people.set(func(s *staff) { s.tools = nil })
	run := runToken("acme", c, 1)
	r.tool(run, c, "read_file").want(http.StatusOK)
	r.tool("mia@acme/"+c.UUID.String()+"/"+uuid.NewString()+"/0", c, "read_file").refused(409, domain.CodeStaleRun, "")
	r.tool("mia@acme", c, "read_file").refused(403, domain.CodeForbidden, "")
	r.tool(run, r.create("mia@acme", `{"goal":"other"}`), "read_file").refused(404, domain.CodeNotFound, "")
	for body, field := range map[string]string{
		`{}`: "tool", `{"tool":""}`: "tool", `{"tool":7}`: "tool", `{"tool":"rm -rf"}`: "tool", `{"tool":"` + strings.Repeat("a", 256) + `"}`: "tool",
		`{"tool":"a","call_id":"` + strings.Repeat("a", 256) + `"}`: "call_id", `{"tool":"a","arguments":"` + strings.Repeat("a", 1025) + `"}`: "arguments", `{"tool":"a","arguments":{}}`: "arguments",
	} {
		if e := r.send(run, "POST", c.path("/tool_calls"), body).refusal(); e.Field != field || e.Fix == "" {
			t.Errorf("%.40s: %+v", body, e)
		}
	}
	r.send(run, "POST", c.path("/tool_calls"), `{"tool":"grep","call_id":"call_1","arguments":"for what"}`).want(http.StatusOK)
	if line := r.send("mia@acme", "GET", c.path("/timeline"), nil); !strings.Contains(string(line.body), `"arguments":"for what"`) {
		t.Errorf("the arguments are not shown: %s", line.body)
	}
	r.loseRun(c)
	r.tool(run, c, "read_file").refused(409, domain.CodeStaleRun, "")
	if got := r.tools(c); !slices.Equal(got, []string{"read_file all", "grep all"}) {
		t.Errorf("decided was %v", got)
	}
}

// TestE4ExplainsTools: what holds for a tool now, and what was decided last until a time.
func TestE4ExplainsTools(t *testing.T) {
	r, people, _, c := asksForTools(t)
	r.tool(runToken("acme", c, 1), c, "read_file").want(http.StatusOK)
	r.tool(runToken("acme", c, 1), c, "run_command").refused(403, domain.CodeAccessDenied, "")
	at := "&at=" + time.Now().UTC().Format(time.RFC3339Nano)
	people.set(func(s *staff) { s.tools = nil })
	explain := "/v1/access/explain?flow=developer/v1&project=acme/duo-workspace"
	ask := func(query string) (out struct {
		Allowed            bool
		Action, Tool, Rule string
	},
	) {
		t.Helper()
		r.send("mia@acme", "GET", explain+query, nil).want(http.StatusOK).into(&out)
		if out.Action != "use_tool" {
			t.Errorf("%+v", out)
		}
		return out
	}
	if now := ask("&tool=run_command"); !now.Allowed || now.Tool != "run_command" {
		t.Errorf("now it is %+v", now)
	}
	if then := ask("&tool=run_command" + at); then.Allowed || then.Rule != "flow" || then.Tool != "run_command" {
		t.Errorf("then it was %+v", then)
	}
	if then := ask("&tool=read_file" + at); !then.Allowed {
		t.Errorf("then it was %+v", then)
	}
	if last := ask("&action=use_tool" + at); last.Tool != "run_command" {
		t.Errorf("the last was %+v", last)
	}
	r.send("mia@acme", "GET", explain+"&action=start&tool=run_command", nil).refused(400, domain.CodeInvalidField, "tool")
	r.send("mia@acme", "GET", explain+"&tool=rm%20-rf", nil).refused(400, domain.CodeInvalidField, "tool")
}
