//go:build crash

package crash_test

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/test/crash/history"
)

// settled waits until each order is a workflow that has ended, and each message is
// answered.
func (f *forge) settled() {
	var messages, tenants []string
	for _, o := range f.orders() {
		if tenants = append(tenants, string(o.Tenant)); !o.Keyed() {
			messages = append(messages, o.Goal)
		}
	}
	f.w.eventually("every question is answered", f.w.settle, unanswered, messages)
	f.w.eventually("every workflow of the forge ends", f.w.settle, `SELECT string_agg(stream || ' is ' || status, ', ') FROM workflows WHERE tenant = ANY($1) AND active`, tenants)
}

// answers counts, from outside, how often each message was answered, and how many jobs
// ran for it.
func (f *forge) answers() {
	for _, o := range f.orders() {
		if !o.Keyed() {
			f.w.answeredOnce(o.Goal)
		}
		if n := f.w.fleet.Agent.Starts(f.w.t, o.Goal); n > 1 {
			f.w.violated("each run is started once", "%d jobs ran for %q", n, o.Goal)
		}
	}
}

// commands are those of the starts.
func (f *forge) commands() []uuid.UUID {
	var out []uuid.UUID
	for _, o := range f.orders() {
		if o.Keyed() {
			out = append(out, o.Command)
		}
	}
	return out
}

// check compares what GitLab has with the log.
func (f *forge) check(j *history.Journal) {
	orders := f.orders()
	f.w.add(history.Begun(j, orders)...)
	seen := map[domain.Tenant]bool{}
	var made []history.Pipeline
	for _, o := range orders {
		if seen[o.Tenant] {
			continue
		}
		seen[o.Tenant] = true
		pipelines, err := f.examine(string(o.Tenant))
		if err != nil {
			f.w.violated("the harness works", "look at %s: %v", o.Tenant, err)
		}
		made = append(made, pipelines...)
	}
	f.pipelines = len(made)
	f.w.add(history.Workloads(j, made)...)
}

// examine says what is wrong with a group in which something was asked for, and which
// pipelines it has.
func (f *forge) examine(group string) ([]history.Pipeline, error) {
	projects, _, err := f.Client.Groups.ListGroupProjects(group, nil)
	if err != nil {
		return nil, err
	}
	if len(projects) != 1 || projects[0].Path != "duo-workspace" {
		var paths []string
		for _, p := range projects {
			paths = append(paths, p.Path)
		}
		f.w.violated("one workspace project for each group", "%s has the projects %v", group, paths)
	}
	var made []history.Pipeline
	for _, p := range projects {
		if err := f.members(p, accountOf(group)); err != nil {
			return nil, err
		}
		if err := f.leavings(p); err != nil {
			return nil, err
		}
		list, _, err := f.Client.Pipelines.ListProjectPipelines(p.ID, &gl.ListProjectPipelinesOptions{ListOptions: gl.ListOptions{PerPage: 100}})
		if err != nil {
			return nil, err
		}
		for _, one := range list {
			made = append(made, f.pipeline(one))
		}
	}
	return made, nil
}

// members holds a project to one membership: the flow's account is a developer.
func (f *forge) members(p *gl.Project, account string) error {
	members, _, err := f.Client.ProjectMembers.ListProjectMembers(p.ID, nil)
	if err != nil {
		return err
	}
	var have []string
	for _, m := range members {
		have = append(have, fmt.Sprintf("%s %d", m.Username, m.AccessLevel))
	}
	if want := account + " 30"; len(have) != 1 || have[0] != want {
		f.w.violated("one membership for each account", "%s has the members %v, want %s", p.PathWithNamespace, have, want)
	}
	return nil
}

// leavings looks for what ended runs have left behind.
func (f *forge) leavings(p *gl.Project) error {
	branches, _, err := f.Client.Branches.ListBranches(p.ID, nil)
	if err != nil {
		return err
	}
	variables, _, err := f.Client.ProjectVariables.ListVariables(p.ID, nil)
	if err != nil {
		return err
	}
	for _, b := range branches {
		if b.Name != p.DefaultBranch {
			f.w.violated("runs leave nothing in GitLab", "%s has the branch %s", p.PathWithNamespace, b.Name)
		}
	}
	for _, v := range variables {
		f.w.violated("runs leave nothing in GitLab", "%s has the variable %s of %s", p.PathWithNamespace, v.Key, v.EnvironmentScope)
	}
	return nil
}

// pipeline is one as its branch says: whose run it is.
func (f *forge) pipeline(p *gl.PipelineInfo) history.Pipeline {
	out := history.Pipeline{At: fmt.Sprintf("pipeline %d of %s", p.ID, p.Ref)}
	parts := strings.Split(p.Ref, "/")
	if len(parts) != 4 {
		return out
	}
	workflow, bad := uuid.Parse(parts[2])
	run, worse := uuid.Parse(parts[3])
	if bad == nil && worse == nil {
		out.Stream, out.Run = domain.StreamID{Tenant: domain.Tenant(parts[1]), Kind: domain.KindWorkflow, ID: workflow}, run
	}
	return out
}
