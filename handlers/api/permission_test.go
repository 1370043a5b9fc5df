package api_test

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/configured"
	owndirectory "github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// staff is a directory that tests change: who has which level everywhere.
type staff struct {
	*configured.Directory

	mu      sync.Mutex
	levels  map[string]directory.Level
	blocked map[string]bool
	denied  []access.Action
	// tools are those of the flow, group what the root group denies.
	tools []string
	group access.Denial
	off   bool
	away  error
	// asked counts the questions.
	asked map[string]int
	// settings and policy change what the group and the tenant say of flows; nil for none.
	settings func(*directory.FlowSettings)
	policy   func(*flow.Policy)
}

func newCompany() *staff {
	return &staff{Directory: configured.New(theDirectory, time.Now), levels: map[string]directory.Level{
		"mia": directory.Developer, "sam": directory.Developer, "rita": directory.Reporter, "duo-developer": directory.Developer,
	}, blocked: map[string]bool{}, tools: []string{"read_file"}, asked: map[string]int{}}
}

func asker() permission.Asker { return newCompany().asker() }

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
	c.asked["user "+login]++
	if _, there := c.levels[login]; !there && c.away == nil {
		return directory.User{}, c.basis(), &domain.Error{Code: domain.CodeNotFound, Message: "there is no such user"}
	}
	return directory.User{Login: login, Blocked: c.blocked[login], DefaultNamespace: "acme"}, c.basis(), c.away
}

func (c *staff) ServiceAccount(ctx context.Context, tenant domain.Tenant, path, flow string) (directory.User, source.Basis, error) {
	account, _, err := c.Directory.ServiceAccount(ctx, tenant, path, flow)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked["account "+flow]++
	account.Blocked = c.blocked[account.Login]
	return account, c.basis(), cmp.Or(c.away, err)
}

func (c *staff) Level(_ context.Context, _ domain.Tenant, login, path string) (directory.Level, source.Basis, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked["level "+login+" "+path]++
	return c.levels[login], c.basis(), c.away
}

func (c *staff) Flows(ctx context.Context, tenant domain.Tenant, path string) (directory.FlowSettings, source.Basis, error) {
	settings, _, err := c.Directory.Flows(ctx, tenant, path)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked["flows "+path]++
	if c.off {
		settings.Enabled = nil
	}
	if c.settings != nil {
		c.settings(&settings)
	}
	return settings, c.basis(), cmp.Or(c.away, err)
}

// says is what the tenant says, and what it denies.
func (c *staff) says(name domain.Tenant, path string) (flow.Policy, access.Denial, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	says := flowPolicy(name)
	says.Where = directory.Root(path)
	if c.policy != nil {
		c.policy(&says)
	}
	return says, access.Denial{Actions: c.denied}, nil
}

func (c *staff) asker() permission.Asker {
	return permission.Asker{Directory: c, Places: c}
}

// Place is what holds there, with the tools and the denials of the test.
func (c *staff) Place(ctx context.Context, q permission.Question) (permission.Place, error) {
	out, err := permission.Here{Switches: c, Flows: resolver(), Says: c.says}.Place(ctx, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	out.Flow.Tools, out.Group = c.tools, c.group
	return out, err
}

// guarded is a rig whose commands are asked about at a directory.
func guarded(t *testing.T) (*rig, *staff) {
	t.Helper()
	c := newCompany()
	r := newRig(t)
	guard := permission.Guard{Next: r.node.Dispatch, States: snapshots(r), Asker: c.asker(), Now: func() time.Time { return c.basis().At }}
	triggers, err := trigger.New(trigger.Config{
		Directory: c, Changer: c, States: r.states, Flows: resolver(), Denied: guard.Deny,
		Policy: func(name domain.Tenant) (trigger.Policy, bool) {
			says, denied, _ := c.says(name, string(name))
			return trigger.Policy{Policy: says, Denied: denied}, true
		},
		Engine: func(context.Context, domain.Tenant, *workflow.Start) (placement.Decision, error) {
			return placement.Decision{Engine: "local"}, nil
		},
	})
	must(t, err)
	return r.with(func(cfg *api.Config) {
		cfg.Permissions, cfg.Dispatch, cfg.Tools, cfg.Flows = guard.Asker, guard, guard, triggers
		cfg.FlowsOf = func(ctx context.Context, name domain.Tenant, path string) (flows.Tenant, error) {
			says, _, _ := c.says(name, path)
			here, _, err := resolver().At(ctx, c, name, says)
			return here, err
		}
	}), c
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

// TestE4TakenAgainAtEachTurn: who may start may not start again, resume, decide, steer,
// fork, branch or send again once they, or the account that acts for them, have lost
// their access; each decision about what is there stands in its log, once a minute, and
// what was allowed in the commit that it allowed.
func TestE4TakenAgainAtEachTurn(t *testing.T) {
	r, people := guarded(t)
	c, ids := r.told(3)
	ts := newTS()
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	r.send("mia@acme", "POST", c.path("/checkpoints"), `{"thread_ts":"`+ts+`","checkpoint":{},"metadata":{}}`).want(http.StatusCreated)
	want := []string{"mia start all"}
	if got := r.decided(c); !slices.Equal(got, want) {
		t.Fatalf("decided was %v", got)
	}
	const triggered, guarded = true, false
	turns := []struct {
		name, action, method, path, body string
		// by is who decides: a trigger, which has words of its own, or the guard alone.
		by bool
	}{
		{"start", "", "POST", base, `{"goal":"x","start_workflow":true}`, triggered},
		{"fork", "", "POST", c.path("/fork"), `{"checkpoint":"` + ts + `"}`, triggered},
		{"resume", "resume", "PATCH", c.path(""), `{"status_event":"retry","start_workflow":true}`, triggered},
		{"decide", "", "POST", c.path("/resume"), `{"human_approval":true}`, guarded}, // recorded as the resume before it
		{"steer", "steer", "POST", c.path("/events"), `{"event_type":"message","message":"go on"}`, guarded},
		{"branch", "fork", "POST", c.path("/branch"), `{"checkpoint":"` + ts + `"}`, guarded},
	}
	for _, lost := range []struct {
		rule   string
		change func(*staff)
		// status and code are what a trigger says of it.
		status int
		code   domain.Code
		// regained says that what starts is given it again.
		regained bool
	}{
		{"human", func(c *staff) { c.levels["mia"] = directory.Reporter }, 403, domain.CodeForbidden, false},
		{"service_account", func(c *staff) {
			c.levels["mia"], c.levels["duo-developer"] = directory.Developer, directory.None
		}, 422, domain.CodeServiceAccount, true},
		{"service_account", func(c *staff) {
			c.levels["duo-developer"], c.blocked["duo-developer"] = directory.Developer, true
		}, 422, domain.CodeServiceAccount, false},
		{"flow", func(c *staff) { c.blocked["duo-developer"], c.off = false, true }, 403, domain.CodeFlowNotEnabled, false},
		{"namespace", func(c *staff) {
			c.off, c.denied = false, []access.Action{access.Start, access.Steer, access.Resume, access.Fork}
		}, 403, domain.CodeAccessDenied, false},
	} {
		people.set(lost.change)
		for _, turn := range turns {
			if lost.regained && turn.by == triggered && turn.action == "" {
				continue
			}
			status, code, field := lost.status, lost.code, ""
			if turn.by == guarded {
				status, code = http.StatusForbidden, domain.CodeAccessDenied
			}
			if code == domain.CodeFlowNotEnabled {
				field = "workflow_definition"
			}
			for range 2 { // however often it is tried, it is recorded once
				if e := r.send("mia@acme", turn.method, turn.path, turn.body).refused(status, code, field); e.Fix == "" {
					t.Errorf("%s without %s: %+v", turn.name, lost.rule, e)
				}
			}
			if denied := "mia " + turn.action + " " + lost.rule; turn.action != "" && !slices.Contains(want, denied) {
				want = append(want, denied)
			}
		}
	}
	people.set(func(c *staff) { c.denied = nil })
	r.send("mia@acme", "POST", c.path("/events"), turns[4].body).want(http.StatusCreated)
	want = append(want, "mia steer all")

	// What is their own they stop, and have sent again, whatever their level; others need it.
	again := `{"ids":["` + ids[2].String() + `"]}`
	people.set(func(c *staff) { c.levels["mia"], c.levels["sam"] = directory.None, directory.Reporter })
	for range 2 {
		if body := string(r.send("sam@acme", "POST", "/v1/deliveries/redeliver", again).want(http.StatusOK).body); !strings.Contains(body, `"code":"access_denied"`) {
			t.Errorf("sam has it sent again: %s", body)
		}
	}
	if body := string(r.send("mia@acme", "POST", "/v1/deliveries/redeliver", again).want(http.StatusOK).body); !strings.Contains(body, `"left":[]`) {
		t.Errorf("mia has it not sent again: %s", body)
	}
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"stop"}`).want(http.StatusOK)
	want = append(want, "sam redeliver human", "mia redeliver all", "mia stop all")
	if got := r.decided(c); !slices.Equal(got, want) {
		t.Errorf("decided was\n%v, not\n%v", got, want)
	}
	people.set(func(c *staff) {
		c.levels["mia"], c.away = directory.Developer, &domain.Error{Code: domain.CodeNotNow, Message: "GitLab is away", Fix: "wait"}
	})
	r.send("mia@acme", "POST", base, `{"goal":"x"}`).refused(503, domain.CodeNotNow, "")
	r.send("mia@acme", "POST", c.path("/events"), turns[4].body).refused(503, domain.CodeNotNow, "")
	r.send("nobody@acme", "POST", base, `{"goal":"x"}`).refused(503, domain.CodeNotNow, "")
}

// TestT5OverTheAPIAsksOnce: what a request asked of the directory, its guard does not ask
// again.
func TestT5OverTheAPIAsksOnce(t *testing.T) {
	r, people := guarded(t)
	c := r.create("mia@acme", `{"goal":"x"}`)
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"pause"}`).want(http.StatusOK)
	for way, send := range map[string]func(){
		"start": func() { r.create("mia@acme", `{"goal":"x"}`) },
		"resume": func() {
			r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"resume","start_workflow":true}`).want(http.StatusOK)
		},
	} {
		people.set(func(c *staff) { clear(c.asked) })
		send()
		people.set(func(c *staff) {
			if len(c.asked) < 4 || slices.Max(slices.Collect(maps.Values(c.asked))) > 1 {
				t.Errorf("to %s it asks %v", way, c.asked)
			}
		})
	}
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
		From, Note string
		Recorded   []struct{ Allowed bool }
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
		now.Parts[2].Says != "developer/v1 may use the tools read_file" || now.Decided != nil || now.From != "directory" || len(now.Recorded) != 1 || len(now.Basis) != 1 || now.Basis[0].Position != "1:42" {
		t.Errorf("now it is %+v", now)
	}
	if stops := ask("&action=stop"); stops.Allowed || stops.Rule != "human" {
		t.Errorf("stopping is %+v", stops)
	}
	if then := ask("&at=" + before.Format(time.RFC3339Nano)); !then.Allowed || then.From != "record" || !strings.Contains(then.Note, "keeps no past") || then.Rule != "all" || then.Workflow == nil || *then.Workflow != c.UUID || then.Account != "duo-developer" {
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

// TestE4ExplainsWhoMightThen: a directory that is in the log says who might do what as of
// a moment, and what was recorded until then is shown beside it.
func TestE4ExplainsWhoMightThen(t *testing.T) {
	r := newRig(t)
	own := r.cfg.Directories.(*owndirectory.Directory) //nolint:forcetypeassert // it is that of the rig
	of := func(d *owndirectory.Directory) permission.Asker {
		return permission.Asker{Directory: d, Places: permission.Here{Switches: d, Flows: resolver(), Says: newCompany().says}}
	}
	r = r.with(func(c *api.Config) {
		guard := permission.Guard{Next: r.node.Dispatch, States: snapshots(r), Asker: of(own), Now: time.Now}
		c.Permissions, c.Dispatch, c.Flows = guard.Asker, guard, triggersOn(t, own, r.states)
		c.PermissionsAt = func(_ domain.Tenant, at cut.At) (api.Permissions, bool) { return of(own.At(at)), true }
	})
	r.settle("acme")
	c := r.create("mia@acme", `{"goal":"x"}`)
	moment := time.Now().UTC().Truncate(time.Microsecond)
	change := func(changes string) string {
		t.Helper()
		var out struct{ Position string }
		r.change("you@acme", "acme", changes).want(http.StatusOK).into(&out)
		return out.Position
	}
	off := change(`{"set_flow":{"flow":"developer/v1","enabled":false}}`)
	left := change(`{"remove_member":{"path":"acme","login":"mia"}}`)
	r.send("mia@acme", "POST", base, `{"goal":"x"}`).refused(403, domain.CodeFlowNotEnabled, "workflow_definition")
	for name, q := range map[string]struct {
		at, rule string
		says     string
	}{
		"before all of it": {moment.Format(time.RFC3339Nano), "all", ""},
		"the flow was off": {off, "flow", "The developer/v1 flow is not enabled in acme: it is not switched on"},
		"she had left":     {left, "human", "mia has level 0 in acme/duo-workspace"},
		"now":              {"", "human", "mia has level 0"},
		"before there was": {"2020-01-01T00:00:00Z", "human", "there is no user mia"},
	} {
		var got struct {
			Rule, From string
			Note       *string
			Parts      []struct{ Rule, Says string }
			Recorded   []struct {
				Rule     string
				Workflow uuid.UUID
			}
			Basis []struct {
				Source string
				At     time.Time
			}
		}
		query := url.Values{"flow": {"developer/v1"}, "project": {"acme/duo-workspace"}, "at": {q.at}}
		r.send("mia@acme", "GET", "/v1/access/explain?"+query.Encode(), nil).want(http.StatusOK).into(&got)
		said := ""
		for _, p := range got.Parts {
			if p.Rule == got.Rule {
				said = p.Says
			}
		}
		if got.Rule != q.rule || !strings.Contains(said, q.says) || got.From != "directory" || (got.Note == nil) != (q.at == "") {
			t.Errorf("%s: %+v", name, got)
		}
		if recorded := q.at != "2020-01-01T00:00:00Z"; recorded != (len(got.Recorded) == 1 && got.Recorded[0].Workflow == c.UUID && got.Recorded[0].Rule == "all") {
			t.Errorf("%s: recorded is %+v", name, got.Recorded)
		}
		if q.rule == "all" && (len(got.Basis) != 1 || !got.Basis[0].At.Equal(moment)) {
			t.Errorf("%s: it rests on %+v, not on %s", name, got.Basis, moment)
		}
	}
	r.send("mia@acme", "GET", "/v1/access/explain?flow=x/v1&project=acme&at="+c.UUID.String(), nil).refused(400, domain.CodeInvalidField, "at")
}
