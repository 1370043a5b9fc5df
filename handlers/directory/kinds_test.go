package directory_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/configured"
	"github.com/duolog/duolog/handlers/directory/gitlab"
	"github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/fakegitlab"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
	"github.com/duolog/duolog/schemas"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const (
	tenant    = domain.Tenant("acme")
	workspace = "acme/duo-workspace"
)

// source is one of the places that say who is who, of a company in which mia is a
// developer of acme, and what can be done there.
type source struct {
	directory interface {
		directory.Directory
		directory.Changer
	}
	// account is the login of the flow's own.
	account string
	// config is what the configuration says of the tenant, where it is asked.
	config *configured.Tenant
	// acts are what an owner can do; one that is not there cannot be done there.
	acts map[string]func(t *testing.T)
}

func config() *configured.Tenant {
	return &configured.Tenant{
		Namespace: entities.Container{Path: "acme"}, Project: entities.Container{Path: workspace}, Flows: []string{"developer/v1"}, ServiceAccount: "duo-developer",
	}
}

func ofConfig(c *configured.Tenant) *configured.Directory {
	return configured.New(func(domain.Tenant) (configured.Tenant, error) { return *c, nil }, time.Now)
}

// inConfig are the acts of a directory that reads flows and namespaces there.
func inConfig(c *configured.Tenant) map[string]func(t *testing.T) {
	return map[string]func(t *testing.T){
		"no namespace": func(*testing.T) { c.Namespace.Path = "" },
		"flow off":     func(*testing.T) { c.Flows = nil },
	}
}

func fromConfig(*testing.T) source {
	c := config()
	return source{directory: ofConfig(c), account: "duo-developer", config: c, acts: inConfig(c)}
}

func fromDuolog(t *testing.T) source {
	t.Helper()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	d, err := stored.New(t.Context(), stored.Config{
		Queries: querying.New(cut.DB{Pool: n.DB.Read, Partitions: nodetest.Partitions}), Dispatch: n.Dispatch, Gate: n.Visible,
		Log: n.Log.Genesis().Log, Now: time.Now, NewID: uuid.New,
	})
	must(t, err)
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	do := func(stream domain.StreamID, c entities.Command) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			_, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: stream, Directory: c, CommandID: uuid.New()})
			must(t, err)
		}
	}
	user := func(c entities.ChangeUser) func(*testing.T) { return do(entities.UserStream(tenant, c.Login), &c) }
	acme := func(changes ...entities.Change) func(*testing.T) {
		return do(entities.NamespaceStream(tenant, "acme"), &entities.ChangeNamespace{Root: "acme", Changes: changes})
	}
	yes, root, none := true, "acme", ""
	user(entities.ChangeUser{Login: "noor", Create: true})(t)
	user(entities.ChangeUser{Login: "mia", Create: true, DefaultNamespace: &root})(t)
	acme(
		entities.Change{CreateNamespace: &entities.CreateNamespace{Owner: "noor"}}, entities.Change{ChangeSettings: &entities.ChangeSettings{FoundationalAllowed: &yes}},
		entities.Change{SetMember: &entities.SetMember{Path: "acme", Login: "mia", Level: entities.Developer}}, entities.Change{SetFlow: &entities.SetFlow{Flow: "developer/v1", Enabled: true}},
		entities.Change{CreateServiceAccount: &entities.CreateServiceAccount{Login: "duo-developer", Flow: "developer/v1"}},
	)(t)
	return source{directory: d, account: "duo-developer", acts: map[string]func(*testing.T){
		"no namespace":     user(entities.ChangeUser{Login: "mia", DefaultNamespace: &none}),
		"flow off":         acme(entities.Change{SetFlow: &entities.SetFlow{Flow: "developer/v1"}}),
		"block mia":        user(entities.ChangeUser{Login: "mia", Blocked: &yes}),
		"remove mia":       do(entities.UserStream(tenant, "mia"), &entities.RemoveUser{Login: "mia"}),
		"mia leaves":       acme(entities.Change{RemoveMember: &entities.RemoveMember{Path: "acme", Login: "mia"}}),
		"delete project":   acme(entities.Change{DeleteContainer: &entities.DeleteContainer{Path: workspace}}),
		"account leaves":   acme(entities.Change{RemoveMember: &entities.RemoveMember{Path: workspace, Login: "duo-developer"}}),
		"block account":    acme(entities.Change{BlockServiceAccount: &entities.BlockServiceAccount{Login: "duo-developer", Blocked: true}}),
		"account is taken": acme(entities.Change{RemoveServiceAccount: &entities.RemoveServiceAccount{Login: "duo-developer"}}),
	}}
}

const botToken = "glpat-directory"

func fromGitLab(t *testing.T) source {
	t.Helper()
	s, err := fakegitlab.Start(fakegitlab.Config{StateDir: t.TempDir(), Now: time.Now, Seed: fakegitlab.Seed{
		Users: []fakegitlab.SeedUser{{Username: "bot", Admin: true, Token: botToken}, {Username: "mia"}},
		Groups: []fakegitlab.SeedGroup{
			{Path: "acme", Members: map[string]int{"mia": 30}, ServiceAccounts: []fakegitlab.SeedUser{{Username: "duo-developer-acme"}}},
		},
	}})
	must(t, err)
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := gl.NewClient(botToken, gl.WithBaseURL(s.URL()), gl.WithHTTPClient(&http.Client{Transport: transport}), gl.WithCustomRetryMax(0))
	must(t, err)
	c := config()
	c.ServiceAccount = ""
	// Each answer is as old as it may be a moment later.
	var asked atomic.Int64
	now := func() time.Time { return time.Unix(0, 0).Add(time.Duration(asked.Add(1)) * time.Hour) }
	d, err := gitlab.New(gitlab.Config{Client: client, Rest: ofConfig(c), Now: now})
	must(t, err)
	const account = "duo-developer-acme"
	acts := inConfig(c)
	// onUser does something to the user of a login.
	onUser := func(login string, do func(id int64) error) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			u, _, err := d.User(t.Context(), tenant, login)
			must(t, err)
			must(t, do(u.ID))
		}
	}
	block := func(id int64) error { _, err := client.Users.BlockUser(id); return err }
	acts["block mia"], acts["block account"] = onUser("mia", block), onUser(account, block)
	acts["mia leaves"] = onUser("mia", func(id int64) error { _, err := client.GroupMembers.RemoveGroupMember("acme", id, nil); return err })
	acts["account leaves"] = onUser(account, func(id int64) error { _, err := client.ProjectMembers.DeleteProjectMember(workspace, id); return err })
	acts["account is taken"] = onUser(account, func(id int64) error { _, err := client.Groups.DeleteServiceAccount("acme", id, nil); return err })
	acts["delete project"] = onUser("mia", func(int64) error { _, err := client.Projects.DeleteProject(workspace, nil); return err })
	return source{directory: d, account: account, config: c, acts: acts}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// one has the workflow that shall go on.
type one struct{ state workflow.State }

func (o *one) Load(_ context.Context, id domain.StreamID, _ projections.SnapshotWant) (*projections.Snapshot, error) {
	return &projections.Snapshot{Stream: id, Workflow: o.state}, nil
}

func (*one) Blob(context.Context, domain.StreamID, value.Address) ([]byte, error) {
	return nil, errors.New("no value is read")
}

func (s source) trigger(t *testing.T, states *one, catalog flow.Catalog) *trigger.Trigger {
	t.Helper()
	out, err := trigger.New(trigger.Config{
		Directory: s.directory, Changer: s.directory, States: states, Policy: func(domain.Tenant) (trigger.Policy, bool) { return trigger.Policy{}, true },
		Flows: flows.Resolver{Catalog: catalog, Flags: func(context.Context, domain.Tenant, string, string) (bool, error) { return false, nil }},
		Engine: func(context.Context, domain.Tenant, *workflow.Start) (placement.Decision, error) {
			return placement.Decision{Engine: "local"}, nil
		},
	})
	must(t, err)
	return out
}

func asks(user string) trigger.Ask {
	return trigger.Ask{Tenant: tenant, User: user, Entry: "api", Message: routing.Message{Task: "go"}, Start: workflow.Start{Goal: "go", Run: true}}
}

// refused is how something is refused: with what code, message and fix, each a part.
// The zero value is no refusal.
type refused struct {
	code      domain.Code
	says, fix string
}

func (r refused) check(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := errors.AsType[*domain.Error](err)
	switch {
	case err == nil && r.code == "":
	case !ok || e.Code != r.code || !strings.Contains(e.Message, r.says) || !strings.Contains(e.Fix, r.fix):
		t.Errorf("%s: %v %+v, want %+v", what, err, e, r)
	}
}

// badInput are the things that go wrong in a directory, and what becomes of a start and
// of what goes on.
func badInput() map[string]struct {
	acts         []string
	user         string
	start, again map[string]refused
} {
	type row = struct {
		acts         []string
		user         string
		start, again map[string]refused
	}
	every := func(r refused) map[string]refused { return map[string]refused{"config": r, "duolog": r, "gitlab": r} }
	goesOn := every(refused{})
	noNamespace := map[string]refused{
		"config": {domain.CodeNamespaceMissing, "No default Duo namespace configured for mia", "set the namespace of the tenant in the configuration"},
		"duolog": {domain.CodeNamespaceMissing, "No default Duo namespace configured for mia", "choose one: duolog user set mia --default-namespace GROUP"},
		"gitlab": {domain.CodeNamespaceMissing, "No default Duo namespace configured for mia", "set the namespace of the tenant in the configuration"},
	}
	blocked := every(refused{domain.CodeForbidden, "user mia is blocked", "ask an administrator to unblock them"})
	accountBlocked := every(refused{domain.CodeServiceAccount, "is blocked", "to unblock it"})
	unknown := every(refused{domain.CodeForbidden, `the directory has no user`, "ask an administrator to add them"})
	off := map[string]refused{
		"config": {domain.CodeFlowNotEnabled, "it is not switched on", "add developer/v1 to the tenant's flows in the configuration"},
		"duolog": {domain.CodeFlowNotEnabled, "it is not switched on", "(noor) can enable it: duolog flow enable developer/v1 --in acme"},
		"gitlab": {domain.CodeFlowNotEnabled, "it is not switched on", "add developer/v1 to the tenant's flows in the configuration"},
	}
	noLevel := func(who, where string) map[string]refused {
		code := domain.CodeForbidden
		if who != "mia" {
			code = domain.CodeServiceAccount
		}
		return map[string]refused{
			"duolog": {code, "has no developer access to " + where, "duolog member set " + where},
			"gitlab": {code, "has no developer access to " + where, "in GitLab, under the members of the project or its group"},
		}
	}
	noAccount := map[string]refused{
		"duolog": {domain.CodeServiceAccount, "the developer/v1 flow has no service account in acme", "duolog namespace account create acme LOGIN --flow developer/v1"},
		"gitlab": {domain.CodeServiceAccount, "the developer/v1 flow has no service account in acme", "in GitLab, in the group's settings"},
	}
	return map[string]row{
		"a user without a namespace":               {[]string{"no namespace"}, "mia", noNamespace, goesOn},
		"a user whom nobody knows":                 {nil, "eve", map[string]refused{"duolog": unknown["duolog"], "gitlab": unknown["gitlab"]}, map[string]refused{"duolog": unknown["duolog"], "gitlab": unknown["gitlab"]}},
		"a user who was removed":                   {[]string{"remove mia"}, "mia", unknown, unknown},
		"a user who is blocked":                    {[]string{"block mia"}, "mia", blocked, blocked},
		"a user who left":                          {[]string{"mia leaves"}, "mia", noLevel("mia", workspace), noLevel("mia", workspace)},
		"a deleted project":                        {[]string{"delete project"}, "mia", goesOn, every(refused{domain.CodeWorkspaceProject, workspace + ", where the workflow is, is not there any more", "begin another workflow"})},
		"a service account without membership":     {[]string{"account leaves"}, "mia", goesOn, noLevel("the account", workspace)},
		"a service account that is blocked":        {[]string{"block account"}, "mia", accountBlocked, accountBlocked},
		"a service account that was removed":       {[]string{"account is taken"}, "mia", noAccount, every(refused{domain.CodeServiceAccount, "is not there any more", "begin another workflow"})},
		"a flow that is off":                       {[]string{"flow off"}, "mia", off, off},
		"a flow that was removed from the catalog": {[]string{"empty catalog"}, "mia", every(refused{domain.CodeFlowNotEnabled, "the catalog has no such flow", "duolog flow list"}), goesOn},
	}
}

// TestBadInputOfEachDirectory: what is wrong in a directory has its reason and its fix,
// whichever directory it is, for what starts and for what goes on; a fix names what can
// be done there.
func TestBadInputOfEachDirectory(t *testing.T) {
	t.Parallel()
	catalog, err := flows.Load(schemas.Flows)
	must(t, err)
	for kind, open := range map[string]func(*testing.T) source{"config": fromConfig, "duolog": fromDuolog, "gitlab": fromGitLab} {
		for name, c := range badInput() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				for _, act := range c.acts {
					if s.acts[act] == nil && act != "empty catalog" {
						t.Skipf("%s knows nothing of it", kind)
					}
				}
				began, _, err := s.trigger(t, nil, catalog).TriggerFlow(t.Context(), asks("mia"))
				must(t, err)
				states := &one{workflow.State{Status: workflow.StatusInputRequired, Owner: domain.Principal{User: "mia"}, CreatedAt: time.Now(), Created: &workflow.Created{
					Principal: domain.Principal{User: "mia", ServiceAccount: s.account}, Flow: began.Flow, Engine: "local", Namespace: began.Namespace, Project: began.Project,
				}}}
				now := catalog
				for _, act := range c.acts {
					if act == "empty catalog" {
						now = flow.Catalog{}
						continue
					}
					s.acts[act](t)
				}
				tr, id := s.trigger(t, states, now), domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: uuid.New()}
				// What goes on is asked first: a start mends what it can.
				_, err = tr.MayResume(t.Context(), id, c.user)
				c.again[kind].check(t, "resumed", err)
				_, err = tr.MaySteer(t.Context(), id, c.user)
				c.again[kind].check(t, "steered", err)
				_, _, err = tr.TriggerFlow(t.Context(), asks(c.user))
				c.start[kind].check(t, "started", err)
			})
		}
	}
}
