package admin_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/directory/admin"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// commits counts what is appended to a stream, and may hold the first of it back.
type commits struct {
	to     *dispatch.Dispatcher
	before func()

	mu   sync.Mutex
	most int
	n    int
}

func (c *commits) Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error) {
	if c.before != nil && r.Stream.Kind == domain.KindNamespace {
		c.before()
	}
	was := 0
	if command, ok := r.Directory.(*directory.ChangeNamespace); ok {
		was = *command.Expect
	}
	out, err := c.to.Do(ctx, r)
	if r.Stream.Kind == domain.KindNamespace && err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n, c.most = c.n+1, max(c.most, out.Directory.Events-was)
	}
	return out, err
}

func queriesOf(n *nodetest.Node) *querying.Queries {
	return querying.New(cut.DB{Pool: n.DB.Read, Partitions: nodetest.Partitions})
}

func service(n *nodetest.Node, c *commits) *admin.Service {
	c.to = n.Dispatch
	return admin.New(queriesOf(n), c, &book{}, uuid.New)
}

func request(stream domain.StreamID, c directory.Command) dispatch.Request {
	return dispatch.Request{Stream: stream, Directory: c, CommandID: uuid.New(), Fresh: true, Principal: domain.Principal{User: "you"}}
}

func document(t *testing.T, text string) admin.Document {
	t.Helper()
	d, err := admin.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func apply(t *testing.T, s *admin.Service, tenant domain.Tenant, d admin.Document, o admin.Options) []admin.Step {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	steps, err := s.Apply(ctx, tenant, domain.Principal{User: "you"}, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

const company = `{"users":[{"login":"noor"},{"login":"mia"}],"namespaces":[{"path":"acme","members":{"noor":"owner","mia":"developer"},
	"flows":["a/v1","b/v1"],"policies":{"follow_up":"queue"},"service_accounts":[{"login":"duo-a","flow":"a/v1"}],"flags":{"x":true},
	"groups":[{"path":"acme/g"}],"projects":[{"path":"acme/g/p","members":{"mia":"maintainer"}}]}]}`

// TestApply: a document is applied once; a repeat changes nothing. Without prune what
// it leaves out stays, with prune it goes, but for what it says nothing about.
func TestApply(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	s := service(n, &commits{})
	if steps := apply(t, s, "acme", document(t, company), admin.Options{DryRun: true}); len(steps) < 10 {
		t.Errorf("the plan has %d steps", len(steps))
	}
	apply(t, s, "acme", document(t, company), admin.Options{})
	if steps := apply(t, s, "acme", document(t, company), admin.Options{Prune: true}); len(steps) > 0 {
		t.Errorf("again: %+v", steps)
	}
	less := document(t, `{"users":[{"login":"noor"}],"namespaces":[{"path":"acme","members":{"noor":"owner"},"flows":["b/v1"],"policies":{},
		"service_accounts":[{"login":"duo-new","flow":"a/v1"}],"flags":{},"groups":[],"projects":[]}]}`)
	if _, err := s.Apply(t.Context(), "acme", domain.Principal{User: "you"}, less, admin.Options{}); domain.CodeOf(err) != domain.CodeConflict {
		t.Errorf("two accounts of one flow: %v", err)
	}
	var got []string
	for _, step := range apply(t, s, "acme", less, admin.Options{Prune: true}) {
		got = append(got, step.Action+" "+step.Kind+" "+step.Name+step.In)
	}
	want := []string{
		"change user mia", "change settings acme", "remove service account duo-aacme", "create service account duo-newacme", "remove member miaacme",
		"remove flag xacme", "remove flow a/v1acme", "remove project acme/g/p", "remove group acme/g",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("pruned\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if steps := apply(t, s, "acme", document(t, `{"namespaces":[{"path":"acme"}]}`), admin.Options{Prune: true}); len(steps) > 0 {
		t.Errorf("a document that says nothing: %+v", steps)
	}
}

// TestTwoAppliesAtOnce: of two that change a namespace, one finds it changed and plans
// anew: what is there at the end is what one document says, not parts of both.
func TestTwoAppliesAtOnce(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	apply(t, service(n, &commits{}), "acme", document(t, company), admin.Options{})
	doc := func(level string) admin.Document {
		return document(t, `{"namespaces":[{"path":"acme","members":{"noor":"owner","mia":"`+level+`"},"projects":[{"path":"acme/g/p","members":{"mia":"`+level+`"}}]}]}`)
	}
	// Both have planned before either commits.
	var planned sync.WaitGroup
	planned.Add(2)
	var done sync.WaitGroup
	for _, level := range []string{"guest", "reporter"} {
		first := sync.OnceFunc(func() { planned.Done(); planned.Wait() })
		done.Go(func() { apply(t, service(n, &commits{before: first}), "acme", doc(level), admin.Options{}) })
	}
	done.Wait()
	levels := map[directory.Level]bool{}
	err := queriesOf(n).Read(t.Context(), "acme", func(v *querying.View) error {
		members, err := v.AllMembers(t.Context(), "acme")
		for _, m := range members {
			if m.Name == "mia" {
				levels[m.Level] = true
			}
		}
		return err
	})
	if err != nil || len(levels) != 1 || levels[directory.Developer] {
		t.Errorf("mia has the levels %v: %v", levels, err)
	}
}

// TestApplyLarge: a large company is applied in few commits, none with more events than
// one may have, and a change of one member is decided on as much as in a small one.
func TestApplyLarge(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	c := &commits{}
	s := service(n, c)
	const projects = 1200
	d := document(t, company)
	for i := range projects {
		d.Namespaces[0].Projects = append(d.Namespaces[0].Projects, admin.Project{Place: admin.Place{Path: fmt.Sprintf("acme/g/p%d", i), Members: map[string]admin.Level{"mia": admin.Level(directory.Guest)}}})
	}
	if steps := apply(t, s, "acme", d, admin.Options{}); len(steps) < 2*projects {
		t.Errorf("%d steps", len(steps))
	}
	if c.most > domain.MaxItems || c.n > 20 {
		t.Errorf("%d commits with up to %d events", c.n, c.most)
	}
	if steps := apply(t, s, "acme", d, admin.Options{}); len(steps) > 0 {
		t.Errorf("again: %d steps", len(steps))
	}
	one := directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{{SetMember: &directory.SetMember{Path: "acme", Login: "mia", Level: directory.Guest}}}}
	if facts := len(one.Want()); facts > 4 {
		t.Errorf("one change is decided on %d entries", facts)
	}
}
