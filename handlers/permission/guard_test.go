package permission_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/projections"
)

// floor is a project with levels that change, a workflow that mia started in it, and what
// gets past the guard.
type floor struct {
	levels map[string]directory.Level
	taken  []dispatch.Request
}

func (*floor) User(_ context.Context, _ domain.Tenant, login string) (directory.User, source.Basis, error) {
	return directory.User{Login: login}, source.Basis{Source: "directory"}, nil
}

func (f *floor) Level(_ context.Context, _ domain.Tenant, login, _ string) (directory.Level, source.Basis, error) {
	return f.levels[login], source.Basis{Source: "directory"}, nil
}

func (*floor) ServiceAccount(context.Context, domain.Tenant, string, string) (directory.User, source.Basis, error) {
	return directory.User{Login: "duo-developer"}, source.Basis{}, nil
}

func (*floor) Place(_ context.Context, q permission.Question) (permission.Place, error) {
	return permission.Place{Flow: access.Flow{Reference: q.Flow, Enabled: true}}, nil
}

func (*floor) Load(context.Context, domain.StreamID, projections.SnapshotWant) (*projections.Snapshot, error) {
	return &projections.Snapshot{Workflow: workflow.State{
		Created: &workflow.Created{
			Principal: domain.Principal{User: "mia", ServiceAccount: "duo-developer"}, Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local",
			Project: &workflow.Container{Path: "acme/site"},
		},
		Owner: domain.Principal{User: "mia"},
	}}, nil
}

func (f *floor) Do(_ context.Context, r dispatch.Request) (dispatch.Result, error) {
	f.taken = append(f.taken, r)
	return dispatch.Result{}, nil
}

func (f *floor) DoAll(context.Context, []dispatch.Request) []dispatch.Answer { return nil }

// commandsAsked are those that somebody has to be allowed, and what they are for.
func commandsAsked() map[string]struct {
	action  access.Action
	command workflow.Command
} {
	type row = struct {
		action  access.Action
		command workflow.Command
	}
	start := workflow.Start{Project: &workflow.Container{Path: "acme/site"}, Flow: workflow.Flow{Definition: "developer/v1"}, ServiceAccount: "duo-developer"}
	return map[string]row{
		"workflow.start":           {access.Start, &start},
		"workflow.fork":            {access.Fork, &workflow.Fork{Start: start}},
		"workflow.branch":          {access.Fork, &workflow.Branch{}},
		"workflow.request_run":     {access.Resume, &workflow.RequestRun{}},
		"workflow.decide":          {access.Resume, &workflow.Decide{}},
		"workflow.queue_mail":      {access.Steer, &workflow.QueueMail{}},
		"workflow.receive_message": {access.Steer, &workflow.ReceiveMessage{}},
		"workflow.redeliver":       {access.Redeliver, &workflow.Redeliver{}},
		"workflow.update_status":   {access.Resume, &workflow.UpdateStatus{Event: workflow.EventResume, Run: true}},
	}
}

// TestE4EveryCommandIsAskedAboutOrNot: with the membership of the human revoked since, or
// that of the account, no command of theirs gets past the guard, unless it stands in the
// list of those that are not asked about. A command that is new has to be put somewhere.
func TestE4EveryCommandIsAskedAboutOrNot(t *testing.T) {
	t.Parallel()
	// What runs and Duolog itself do, what threads are written by tenants' own clients, and
	// what goes with a command that is asked about.
	free := map[string]bool{
		"workflow.attempt_run": true, "workflow.confirm_run": true, "workflow.finish_workload": true, "workflow.attempt_stop": true,
		"workflow.request_delivery": true, "workflow.attempt_delivery": true, "workflow.settle_delivery": true, "workflow.notify": true,
		"workflow.mark_mail": true, "workflow.settle_follow_ups": true, "workflow.expire_thread": true, "workflow.deny_access": true,
		"workflow.save_checkpoint": true, "workflow.record_writes": true, "workflow.put_checkpoint": true, "workflow.put_writes": true,
		"workflow.delete_thread": true, "workflow.prune_thread": true, "workflow.delete_runs": true, "workflow.set_retention": true,
		"workflow.pin_checkpoint": true, "workflow.import_commit": true, "workflow.end_import": true,
	}
	table := commandsAsked()
	for _, row := range workflow.Commands() {
		c, must := table[row.Type]
		if must == free[row.Type] {
			t.Errorf("%s is asked about: %t, and need not be: %t", row.Type, must, free[row.Type])
		}
		if !must {
			c.command = row.New()
		}
		for rule, lost := range map[access.Rule]string{access.RuleHuman: "sam", access.RuleAccount: "duo-developer"} {
			f := &floor{levels: map[string]directory.Level{"sam": directory.Developer, "duo-developer": directory.Developer}}
			guard := permission.Guard{Next: f, States: f, Asker: permission.Asker{Directory: f, Places: f}, Now: func() time.Time { return asked }}
			do := func() error {
				_, err := guard.Do(t.Context(), dispatch.Request{
					Stream:   domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()},
					Workflow: c.command, CommandID: uuid.New(), Principal: domain.Principal{User: "sam"}, Asked: &access.Facts{},
				})
				return err
			}
			if err := do(); err != nil || len(f.taken) != 1 || must != (f.taken[0].Access != nil) || must && f.taken[0].Access.Action != c.action {
				t.Fatalf("%s: %v, %+v", row.Type, err, f.taken)
			}
			f.levels[lost], f.taken = directory.Guest, nil
			denied := must && (rule == access.RuleHuman || c.action != access.Redeliver) // which needs no account
			if err := do(); (domain.CodeOf(err) == domain.CodeAccessDenied) != denied {
				t.Errorf("%s without %s: %v", row.Type, lost, err)
			}
			for _, r := range f.taken {
				if deny, ok := r.Workflow.(*workflow.DenyAccess); denied && (!ok || deny.Decision.Rule != rule) {
					t.Errorf("%s without %s: %s got past", row.Type, lost, r.Workflow.CommandType())
				}
			}
		}
	}
}
