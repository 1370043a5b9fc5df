//go:build crash

package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/fakegitlab"
	gitlabfault "github.com/duolog/duolog/internal/fakegitlab/fault"
	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/test/crash/history"
)

// forge is a GitLab that nobody kills. Each of its groups is a tenant's, who is who
// there is what it says, and agents are its jobs: what a trigger needs and a run
// starts is made there, and counted there.
type forge struct {
	*fleettest.GitLab

	w      *world
	groups int
	mu     sync.Mutex
	// turns is how many groups had their turn; the last of them has it now. asked is
	// what was asked for so far.
	turns int
	asked []history.Order
	// pipelines is how many there were in the end.
	pipelines int
}

// newForge gives it so many groups, none of which has a project.
func newForge(w *world, groups int) *forge {
	f := &forge{w: w, groups: groups}
	seed := fakegitlab.Seed{Users: []fakegitlab.SeedUser{{Username: owner}}}
	var tenants, tokens strings.Builder
	for n := range groups {
		name := groupOf(n)
		seed.Groups = append(seed.Groups, fakegitlab.SeedGroup{
			Path: name, Members: map[string]int{owner: 30}, ServiceAccounts: []fakegitlab.SeedUser{{Username: accountOf(name)}},
		})
		fmt.Fprintf(&tenants, "  - name: %[1]s\n    directory: gitlab\n    engine: gitlab\n    namespace: {path: %[1]s}\n    flow: {definition: developer/v1, version: 2.0.0}\n    default_user: %[2]s\n", name, owner)
		fmt.Fprintf(&tokens, "  - {tenant: %s, user: %s, token_file: %s}\n", name, owner, fleettest.Write(w.t, tokenOf(name)+"\n", w.fleet.Dir, "token-"+name))
	}
	f.GitLab = w.fleet.NewGitLab(fleettest.GitLabConfig{Runners: 2, Seed: seed})
	config := strings.Replace(fleettest.Read(w.t, w.fleet.Config), "tokens:\n", tenants.String()+"tokens:\n"+tokens.String(), 1)
	w.fleet.Config = fleettest.Write(w.t, config, w.fleet.Config)
	return f
}

func groupOf(n int) string { return fmt.Sprintf("group-%d", n) }

// accountOf acts for the users of a group, as GitLab names it.
func accountOf(group string) string { return "duo-developer-" + group }

func tokenOf(group string) string { return "a-token-in-" + group + "-0123456789" }

// turn goes on to the next group, which is a fresh one as long as there are any.
func (f *forge) turn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turns++
}

// order notes that something is asked for in the group that has its turn.
func (f *forge) order(keyed bool) history.Order {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := history.Order{Tenant: domain.Tenant(groupOf(f.turns % f.groups)), Goal: fmt.Sprintf("what changed, asked of GitLab %d times of %d?", len(f.asked), f.w.seed)}
	if keyed {
		o.Command = dispatch.CommandID(o.Tenant, domain.Principal{User: owner}, o.Goal)
	}
	f.asked = append(f.asked, o)
	return o
}

// orders are all that were made.
func (f *forge) orders() []history.Order {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]history.Order(nil), f.asked...)
}

// write sends a message to the group.
func (f *forge) write(ctx context.Context) {
	o := f.order(false)
	f.insist(ctx, o, http.StatusAccepted, "/v1/messages", map[string]any{"message_id": o.Goal, "text": o.Goal}, f.w.front)
}

// start starts a workflow there, at a node and then at any: the whole trigger is the
// node's that answers.
func (f *forge) start(ctx context.Context, at ...string) {
	o := f.order(true)
	f.insist(ctx, o, http.StatusCreated, "/workflows", map[string]any{"goal": o.Goal, "start_workflow": true}, append(at, f.w.front)...)
}

// insist sends the same request to one address after another until it is answered.
func (f *forge) insist(ctx context.Context, o history.Order, want int, path string, body any, addresses ...string) {
	var status int
	var answer []byte
	var err error
	for _, base := range addresses {
		user := fleettest.NewUser(f.w.t, base, tokenOf(string(o.Tenant)))
		if status, answer, err = user.Insist(ctx, http.MethodPost, path, body, "Idempotency-Key", o.Goal); err == nil {
			break
		}
	}
	if err != nil || status != want {
		f.w.violated("what is asked of the forge is accepted", "%s: %d %s %v", o.Goal, status, answer, err)
	}
}

// busy asks for a little of everything at once, beside the caller, in a group of its
// own.
func (f *forge) busy(ctx context.Context) {
	f.turn()
	f.w.asking.Go(func() { f.write(ctx) })
	f.w.asking.Go(func() { f.write(ctx) })
	f.w.asking.Go(func() { f.start(ctx) })
}

// busyAt lets a node be the one that makes the project of a group, and two others come
// for it.
func (f *forge) busyAt(ctx context.Context, m *member) {
	f.turn()
	f.w.asking.Go(func() {
		f.start(ctx, "http://"+m.API)
		f.write(ctx)
	})
}

// trouble is what a GitLab is like in a round: the first is a good one.
func trouble() []gitlabfault.Rule {
	const all = "*"
	return []gitlabfault.Rule{
		{},
		{Kind: gitlabfault.Status, Status: http.StatusTooManyRequests, RetryAfter: 1, Path: all, Times: 3},
		{Kind: gitlabfault.TimeoutAfterSuccess, Method: http.MethodPost, Path: "*/repository/commits", Times: 1},
		{Kind: gitlabfault.Status, Status: http.StatusBadGateway, Path: all, Times: 5},
		{Kind: gitlabfault.TimeoutAfterSuccess, Method: http.MethodPost, Path: "*/projects", Times: 1},
		{Runner: gitlabfault.Lost, DelayMS: 500, Times: 1},
		{Kind: gitlabfault.TimeoutAfterSuccess, Method: http.MethodPost, Path: "*/members", Times: 1},
		{Kind: gitlabfault.Nonsense, Path: all, Times: 2},
		{Kind: gitlabfault.Slow, Method: http.MethodPost, Path: all, DelayMS: 2000, Times: 2},
	}
}

// fail makes the trouble of a round.
func (f *forge) fail(n int) {
	if rule := trouble()[n%len(trouble())]; rule.Times > 0 {
		f.Fails(f.w.t, rule)
	}
}

// recover ends it, and counts what was met of it.
func (f *forge) recover() {
	for _, r := range f.Works(f.w.t) {
		for range r.Hits {
			f.w.kills.add(strings.TrimSpace(fmt.Sprintf("GitLab: %s%s %s", r.Kind, lost(r), r.Method+r.Path)))
		}
	}
}

func lost(r gitlabfault.Rule) string {
	switch {
	case r.Runner != "":
		return "a runner is lost"
	case r.Kind == gitlabfault.Status:
		return fmt.Sprintf(" %d", r.Status)
	}
	return ""
}
