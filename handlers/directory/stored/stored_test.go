package stored_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const tenant = domain.Tenant("acme")

// own is Duolog's own directory with a namespace that has an owner and an account.
func own(t *testing.T) (*stored.Directory, *nodetest.Node) {
	t.Helper()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	d, err := stored.New(t.Context(), stored.Config{
		Queries: querying.New(cut.DB{Pool: n.DB.Read, Partitions: nodetest.Partitions}), Dispatch: n.Dispatch, Gate: n.Visible,
		Log: n.Log.Genesis().Log, Now: time.Now, NewID: uuid.New,
	})
	must(t, err)
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	yes := true
	do(t, n, directory.UserStream(tenant, "noor"), &directory.ChangeUser{Login: "noor", Create: true})
	do(t, n, directory.NamespaceStream(tenant, "acme"), &directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{
		{CreateNamespace: &directory.CreateNamespace{Owner: "noor"}},
		{CreateServiceAccount: &directory.CreateServiceAccount{Login: "duo-developer", Flow: "developer/v1"}},
		{SetFlow: &directory.SetFlow{Flow: "developer/v1", Enabled: true}},
		{ChangeSettings: &directory.ChangeSettings{FoundationalAllowed: &yes}},
		{SetFlag: &directory.SetFlag{Path: "acme", Name: "next", On: &yes}},
	}})
	return d, n
}

func do(t *testing.T, n *nodetest.Node, stream domain.StreamID, c directory.Command) {
	t.Helper()
	_, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: stream, Directory: c, CommandID: uuid.New()})
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rests(t *testing.T, n *nodetest.Node, b port.Basis) {
	t.Helper()
	if b.Source != stored.Source || !strings.HasSuffix(b.Position, "@"+n.Log.Genesis().Log.String()) || b.At.IsZero() {
		t.Errorf("it rests on %+v", b)
	}
}

// TestPort: each question has its answer with what it rests on, and what is not there
// is not_found with a fix.
func TestPort(t *testing.T) {
	t.Parallel()
	d, n := own(t)
	ctx := t.Context()
	user, basis, err := d.User(ctx, tenant, "noor")
	must(t, err)
	rests(t, n, basis)
	account, _, err := d.ServiceAccount(ctx, tenant, "acme", "developer/v1")
	must(t, err)
	found, _, err := d.User(ctx, tenant, "duo-developer")
	must(t, err)
	if user.ID == 0 || account.ID == 0 || account != found || !account.ServiceAccount || user.ServiceAccount {
		t.Errorf("user %+v, account %+v, found %+v", user, account, found)
	}
	flows, basis, err := d.Flows(ctx, tenant, "acme/any/thing")
	must(t, err)
	rests(t, n, basis)
	if !flows.FoundationalAllowed || len(flows.Enabled) != 1 || len(flows.Owners) != 1 {
		t.Errorf("flows %+v", flows)
	}
	on, basis, err := d.Flag(ctx, tenant, "next", "acme/any")
	must(t, err)
	rests(t, n, basis)
	off, _, err := d.Flag(ctx, tenant, "other", "acme")
	if !on || off || err != nil {
		t.Errorf("flags are %t and %t: %v", on, off, err)
	}
	for what, ask := range map[string]func() error{
		"user":      func() error { _, _, err := d.User(ctx, tenant, "nobody"); return err },
		"container": func() error { _, _, err := d.Container(ctx, tenant, "acme/none"); return err },
		"number":    func() error { _, _, err := d.Container(ctx, tenant, "1"); return err },
		"level":     func() error { _, _, err := d.Level(ctx, tenant, "noor", "acme/none"); return err },
		"flows":     func() error { _, _, err := d.Flows(ctx, tenant, "none"); return err },
		"account":   func() error { _, _, err := d.ServiceAccount(ctx, tenant, "acme", "none/v1"); return err },
		"tenant":    func() error { _, _, err := d.User(ctx, "other", "noor"); return err },
	} {
		if e, ok := errors.AsType[*domain.Error](ask()); !ok || e.Code != domain.CodeNotFound || e.Fix == "" {
			t.Errorf("%s that is not there: %v", what, ask())
		}
	}
}

// TestChanger: many that make the same make one, and a membership is never lowered.
func TestChanger(t *testing.T) {
	t.Parallel()
	d, _ := own(t)
	ctx, who := t.Context(), domain.Principal{System: "trigger"}
	var all sync.WaitGroup
	ids := make([]int64, 8)
	for i := range ids {
		all.Go(func() {
			c, err := d.EnsureProject(ctx, tenant, who, "acme", directory.Workspace)
			if err == nil {
				err = d.EnsureMember(ctx, tenant, who, c.Path, "duo-developer", directory.Developer)
			}
			if err != nil {
				t.Error(err)
			}
			ids[i] = c.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == 0 || id != ids[0] {
			t.Errorf("the projects are %v", ids)
		}
	}
	const path = "acme/" + directory.Workspace
	check := func(want directory.Level) {
		t.Helper()
		if got, _, err := d.Level(ctx, tenant, "duo-developer", path); got != want || err != nil {
			t.Errorf("it is %s: %v", got, err)
		}
	}
	check(directory.Developer)
	must(t, d.EnsureMember(ctx, tenant, who, path, "duo-developer", directory.Maintainer))
	must(t, d.EnsureMember(ctx, tenant, who, path, "duo-developer", directory.Guest))
	check(directory.Maintainer)
	if _, err := d.EnsureProject(ctx, tenant, who, "none", directory.Workspace); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("in a group that is not there: %v", err)
	}
}
