package trigger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/projections"
)

// company is a directory in memory: mia and the account are developers of acme by its
// group, noor and sam own it, root administers everything.
type company struct {
	mu         sync.Mutex
	users      map[string]entities.User
	containers map[string]entities.Container
	members    map[string]map[string]entities.Level
	settings   entities.FlowSettings
	accounts   map[string]string
	// away is what a question by that name fails with.
	away map[string]error
	// asked are the questions and changes, in order.
	asked []string
}

func newCompany() *company {
	users := map[string]entities.User{
		"mia": {Login: "mia", DefaultNamespace: "acme/tools"}, "root": {Login: "root", Admin: true, DefaultNamespace: "acme"}, "kim": {Login: "kim", DefaultNamespace: "acme"},
		"duo-developer": {Login: "duo-developer", ServiceAccount: true},
	}
	return &company{
		users: users, containers: map[string]entities.Container{
			"acme": {ID: 1, Path: "acme", Root: "acme"}, "acme/tools": {ID: 2, Path: "acme/tools", Root: "acme"},
			"acme/shop": {ID: 3, Path: "acme/shop", Root: "acme", Project: true}, "other": {ID: 9, Path: "other", Root: "other"}, "other/site": {ID: 10, Path: "other/site", Root: "other", Project: true},
		},
		members:  map[string]map[string]entities.Level{"acme": {"mia": entities.Developer, "noor": entities.Owner, "kim": entities.Reporter}},
		settings: entities.FlowSettings{FoundationalAllowed: true, Enabled: []string{"developer/v1", "fix_pipeline/v1"}, Owners: []string{"noor", "sam"}, Plan: "premium"},
		accounts: map[string]string{"developer/v1": "duo-developer"}, away: map[string]error{},
	}
}

var basis = directory.Basis{Source: "directory", Position: "3:1042", At: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}

func (c *company) ask(what string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, what)
	name, _, _ := strings.Cut(what, " ")
	return c.away[name]
}

func gone() error { return &domain.Error{Code: domain.CodeNotFound, Message: "it is not there"} }

func (c *company) User(_ context.Context, _ domain.Tenant, login string) (entities.User, directory.Basis, error) {
	if err := c.ask("user " + login); err != nil {
		return entities.User{}, basis, err
	}
	u, ok := c.users[login]
	if !ok {
		return u, basis, gone()
	}
	return u, basis, nil
}

func (c *company) Container(_ context.Context, _ domain.Tenant, ref string) (entities.Container, directory.Basis, error) {
	if err := c.ask("container " + ref); err != nil {
		return entities.Container{}, basis, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.containers[ref]
	if !ok {
		return found, basis, gone()
	}
	return found, basis, nil
}

func (c *company) Level(_ context.Context, _ domain.Tenant, login, path string) (entities.Level, directory.Basis, error) {
	if err := c.ask("level " + login + " " + path); err != nil {
		return entities.None, basis, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	most := entities.None
	for at := path; at != ""; at = at[:max(strings.LastIndexByte(at, '/'), 0)] {
		most = max(most, c.members[at][login])
	}
	return most, basis, nil
}

func (c *company) Flows(context.Context, domain.Tenant, string) (entities.FlowSettings, directory.Basis, error) {
	return c.settings, basis, c.ask("flows")
}

func (c *company) ServiceAccount(_ context.Context, _ domain.Tenant, _, flow string) (entities.User, directory.Basis, error) {
	if err := c.ask("account " + flow); err != nil {
		return entities.User{}, basis, err
	}
	login, ok := c.accounts[flow]
	if !ok {
		return entities.User{}, basis, gone()
	}
	return c.users[login], basis, nil
}

func (c *company) Flag(context.Context, domain.Tenant, string, string) (bool, directory.Basis, error) {
	return false, basis, errors.New("no flag is asked for")
}

func (c *company) EnsureProject(_ context.Context, _ domain.Tenant, _ domain.Principal, group, name string) (entities.Container, error) {
	path := group + "/" + name
	if err := c.ask("project " + path); err != nil {
		return entities.Container{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.containers[path]; !there {
		c.containers[path] = entities.Container{ID: 100, Path: path, Root: group, Project: true}
	}
	return c.containers[path], nil
}

func (c *company) EnsureMember(_ context.Context, _ domain.Tenant, _ domain.Principal, path, login string, level entities.Level) error {
	if err := c.ask("member " + login + " " + path); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members[path] == nil {
		c.members[path] = map[string]entities.Level{}
	}
	c.members[path][login] = max(level, c.members[path][login])
	return nil
}

// changes are the changes that were made, in order.
func (c *company) changes() []string {
	return slices.DeleteFunc(slices.Clone(c.asked), func(s string) bool {
		return !strings.HasPrefix(s, "project ") && !strings.HasPrefix(s, "member ")
	})
}

// world is a trigger on a company, and what the tenant says of it.
type world struct {
	*company

	policy  trigger.Policy
	unknown bool
	// catalog is how mature each flow of it is.
	catalog map[string]string
	// place is where flags were asked for.
	place  string
	states map[uuid.UUID]workflow.State
	engine error
	denied []access.Decision
}

func newWorld() *world {
	catalog := map[string]string{"developer/v1": "stable", "fix_pipeline/v1": "beta", "off/v1": "stable"}
	return &world{company: newCompany(), catalog: catalog, states: map[uuid.UUID]workflow.State{}}
}

func (w *world) Load(_ context.Context, id domain.StreamID, _ projections.SnapshotWant) (*projections.Snapshot, error) {
	return &projections.Snapshot{Stream: id, Workflow: w.states[id.ID]}, w.ask("state")
}

func (w *world) Blob(context.Context, domain.StreamID, value.Address) ([]byte, error) {
	return nil, errors.New("no value is read")
}

func (w *world) trigger(t *testing.T) *trigger.Trigger {
	t.Helper()
	out, err := trigger.New(trigger.Config{
		Directory: w.company, Changer: w.company, States: w,
		Policy: func(domain.Tenant) (trigger.Policy, bool) { return w.policy, !w.unknown },
		Flows:  w.flows(t),
		Denied: func(_ context.Context, _ domain.StreamID, _ domain.Principal, d access.Decision) {
			w.denied = append(w.denied, d)
		},
		Engine: func(context.Context, domain.Tenant, *workflow.Start) (placement.Decision, error) {
			return placement.Decision{Engine: "local", Reason: "the first that is allowed", Candidates: []placement.Candidate{{Engine: "local"}}}, w.engine
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// flows has each flow of the catalog in one version, and another configuration of it
// behind a flag.
func (w *world) flows(t *testing.T) flows.Resolver {
	t.Helper()
	var list []flow.Flow
	for reference, maturity := range w.catalog {
		f := flow.Flow{Reference: reference, Maturity: maturity, Config: flow.Config{
			Definition: reference, ConfigID: "one", SchemaVersion: "v1", Versions: []string{"2.0.0", "2.1.0"}, DefaultVersion: "2.0.0",
		}}
		f.Variants = []flow.Variant{{Flag: "next", Config: flow.Config{Definition: "next/" + reference}}}
		if reference == "fix_pipeline/v1" {
			f.PreApproved = []int{2, 8}
		}
		list = append(list, f)
	}
	catalog, err := flow.NewCatalog(list)
	if err != nil {
		t.Fatal(err)
	}
	return flows.Resolver{Catalog: catalog, Flags: func(_ context.Context, _ domain.Tenant, _, path string) (bool, error) {
		w.place = path
		return false, nil
	}}
}

// asks is a message of somebody.
func asks(user string) trigger.Ask {
	return trigger.Ask{
		Tenant: "acme", User: user, Entry: "message", Message: routing.Message{Adapter: "console", Place: "#general", Task: "what changed?"},
		Start: workflow.Start{Goal: "what changed?", CallbackContext: []byte(`{"adapter":"console", "n":1.0}`), Run: true},
	}
}
