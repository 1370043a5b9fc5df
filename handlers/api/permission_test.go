package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/api"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/projections"
)

// staff is a directory that tests change: who has which level everywhere.
type staff struct {
	mu      sync.Mutex
	levels  map[string]directory.Level
	blocked map[string]bool
	denied  []access.Action
	// tools are those of the flow, group what the root group denies.
	tools []string
	group access.Denial
	off   bool
	away  error
}

func newCompany() *staff {
	return &staff{levels: map[string]directory.Level{
		"mia": directory.Developer, "sam": directory.Developer, "rita": directory.Reporter, "duo-developer": directory.Developer,
	}, blocked: map[string]bool{}, tools: []string{"read_file"}}
}

func asker() permission.Asker {
	c := newCompany()
	return permission.Asker{Directory: c, Places: c}
}

func (c *staff) set(change func(*staff)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func (c *staff) basis() source.Basis {
	return source.Basis{Source: "directory", Position: "1:42", At: time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)}
}

func (c *staff) User(_ context.Context, _ domain.Tenant, login string) (directory.User, source.Basis, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.levels[login]; !there && c.away == nil {
		return directory.User{}, c.basis(), &domain.Error{Code: domain.CodeNotFound, Message: "there is no such user"}
	}
	return directory.User{Login: login, Blocked: c.blocked[login]}, c.basis(), c.away
}

func (c *staff) Level(_ context.Context, _ domain.Tenant, login, _ string) (directory.Level, source.Basis, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.levels[login], c.basis(), c.away
}

func (c *staff) Place(_ context.Context, _ domain.Tenant, _, flow string) (permission.Place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return permission.Place{ServiceAccount: "duo-developer", Flow: access.Flow{Reference: flow, Enabled: !c.off, Tools: c.tools}, Tenant: access.Denial{Actions: c.denied}, Group: c.group}, nil
}

// guarded is a rig whose commands are asked about at a directory.
func guarded(t *testing.T) (*rig, *staff) {
	t.Helper()
	c := newCompany()
	r := newRig(t)
	ask := permission.Asker{Directory: c, Places: c}
	r = r.with(func(cfg *api.Config) {
		cfg.Permissions = ask
		guard := permission.Guard{Next: r.node.Dispatch, States: snapshots(r), Asker: ask, Now: time.Now}
		cfg.Dispatch, cfg.Tools = guard, guard
	})
	return r, c
}

func snapshots(r *rig) permission.States {
	s, err := projections.NewSnapshots(r.node.DB.Read, 4)
	must(r.t, err)
	return s
}

// decisions are those in the log of a workflow: action, rule, who.
func (r *rig) decided(c created) (out []string) {
	r.t.Helper()
	var line struct {
		Events []struct {
			Type string
			Data struct{ Action, Rule, User string }
		}
	}
	r.send("mia@acme", "GET", base+"/"+c.UUID.String()+"/timeline", nil).want(http.StatusOK).into(&line)
	for _, e := range line.Events {
		if strings.HasPrefix(e.Type, "workflow.access_decided") {
			out = append(out, e.Data.User+" "+e.Data.Action+" "+e.Data.Rule)
		}
	}
	return out
}

// TestE4TakenAgainAtEachTurn: who may start may not resume, steer, fork or send again
// once they, or the account that acts for them, have lost their access; each decision
// stands in the log of the workflow, and what was allowed in the commit that it allowed.
func TestE4TakenAgainAtEachTurn(t *testing.T) {
	r, people := guarded(t)
	r.send("rita@acme", "POST", base, `{"goal":"x","start_workflow":true}`).refused(403, domain.CodeAccessDenied, "")
	r.send("nobody@acme", "POST", base, `{"goal":"x"}`).refused(403, domain.CodeAccessDenied, "")
	c := r.create("mia@acme", `{"goal":"x"}`)
	ts := newTS()
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	r.send("mia@acme", "POST", c.path("/checkpoints"), `{"thread_ts":"`+ts+`","checkpoint":{},"metadata":{}}`).want(http.StatusCreated)
	if got := r.decided(c); !slices.Equal(got, []string{"mia start all"}) {
		t.Fatalf("decided was %v", got)
	}
	turns := []struct{ action, method, path, body string }{
		{"steer", "POST", c.path("/events"), `{"event_type":"message","message":"go on"}`},
		{"resume", "PATCH", c.path(""), `{"status_event":"retry","start_workflow":true}`},
		{"fork", "POST", c.path("/branch"), `{"checkpoint":"` + ts + `"}`},
	}
	want := []string{"mia start all"}
	for _, lost := range []struct {
		rule   string
		change func(*staff)
	}{
		{"human", func(c *staff) { c.levels["mia"] = directory.Reporter }},
		{"service_account", func(c *staff) { c.levels["mia"], c.blocked["duo-developer"] = directory.Developer, true }},
		{"namespace", func(c *staff) {
			c.blocked["duo-developer"], c.denied = false, []access.Action{access.Steer, access.Resume, access.Fork}
		}},
	} {
		people.set(lost.change)
		for _, turn := range turns {
			for range 2 { // however often it is tried, it is recorded once
				e := r.send("mia@acme", turn.method, turn.path, turn.body).refused(403, domain.CodeAccessDenied, "")
				if e.Fix == "" || !strings.Contains(e.Message, turn.action) {
					t.Errorf("%s: %+v", turn.action, e)
				}
			}
			want = append(want, "mia "+turn.action+" "+lost.rule)
		}
	}
	r.send("mia@acme", "POST", c.path("/fork"), `{"checkpoint":"`+ts+`"}`).refused(403, domain.CodeAccessDenied, "")
	people.set(func(c *staff) { c.denied = nil })
	r.send("mia@acme", turns[0].method, turns[0].path, turns[0].body).want(http.StatusCreated)
	want = append(want, "mia steer all")
	people.set(func(c *staff) { c.levels["mia"] = directory.None })
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"stop"}`).want(http.StatusOK) // it is their own
	want = append(want, "mia stop all")
	if got := r.decided(c); !slices.Equal(got, want) {
		t.Errorf("decided was\n%v, not\n%v", got, want)
	}
	people.set(func(c *staff) {
		c.levels["mia"], c.away = directory.Developer, &domain.Error{Code: domain.CodeNotNow, Message: "GitLab is away", Fix: "wait"}
	})
	r.send("mia@acme", "POST", base, `{"goal":"x"}`).refused(503, domain.CodeNotNow, "")
	people.set(func(c *staff) { c.away, c.off = nil, true })
	r.send("mia@acme", "POST", base, `{"goal":"x"}`).refused(403, domain.CodeAccessDenied, "")
}

// TestE4ExplainsWhoMay: what each of the five parts says now, and what was decided
// before; of others only to administrators.
func TestE4ExplainsWhoMay(t *testing.T) {
	r, people := guarded(t)
	c := r.create("mia@acme", `{"goal":"x"}`)
	before := time.Now().UTC()
	people.set(func(c *staff) { c.levels["mia"] = directory.Guest })
	type explained struct {
		User, Rule string
		Account    string `json:"service_account"`
		Allowed    bool
		Parts      []struct {
			Rule, Says string
			Allowed    bool
		}
		Basis    []struct{ Source, Position string }
		Decided  *time.Time `json:"decided_at"`
		Workflow *uuid.UUID
	}
	ask := func(query string) (out explained) {
		t.Helper()
		r.send("mia@acme", "GET", "/v1/access/explain?flow=developer/v1&project=acme/duo-workspace"+query, nil).want(http.StatusOK).into(&out)
		return out
	}
	now := ask("")
	if now.Allowed || now.Rule != "human" || len(now.Parts) != 5 || now.Parts[0].Says != "mia has level 10 in acme/duo-workspace, 30 is needed" ||
		now.Parts[2].Says != "developer/v1 may use the tools read_file" || now.Decided != nil || len(now.Basis) != 1 || now.Basis[0].Position != "1:42" {
		t.Errorf("now it is %+v", now)
	}
	if stops := ask("&action=stop"); stops.Allowed || stops.Rule != "human" {
		t.Errorf("stopping is %+v", stops)
	}
	if then := ask("&at=" + before.Format(time.RFC3339Nano)); !then.Allowed || then.Rule != "all" || then.Workflow == nil || *then.Workflow != c.UUID || then.Account != "duo-developer" {
		t.Errorf("then it was %+v", then)
	}
	explain := "/v1/access/explain?flow=developer/v1&project=acme/duo-workspace"
	r.send("mia@acme", "GET", explain+"&at=2020-01-01T00:00:00Z", nil).refused(404, domain.CodeNotFound, "")
	r.send("mia@acme", "GET", explain+"&user=sam", nil).refused(403, domain.CodeScope, "")
	for field, query := range map[string]string{
		"flow": "?project=acme", "project": "?flow=x/v1", "action": "?project=acme&flow=x/v1&action=fly", "scope": "?project=acme&flow=x/v1&scope=root",
		"at": "?project=acme&flow=x/v1&at=yesterday",
	} {
		r.send("mia@acme", "GET", "/v1/access/explain"+query, nil).refused(400, domain.CodeInvalidField, field)
	}
}
