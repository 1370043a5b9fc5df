package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
)

// Action is what somebody wants to do to a workflow.
type Action string

// The actions.
const (
	ActionStart  Action = "start"
	ActionResume Action = "resume"
	ActionSteer  Action = "steer"
)

// Access is one thing that somebody wants to do in a place, themselves and by the
// account that acts for them.
type Access struct {
	Tenant domain.Tenant
	User   string
	// Admin passes the check of membership; the account does not.
	Admin bool
	// Account is empty where nobody acts for the user, or not yet.
	Account string
	// Flow is the reference of the flow.
	Flow   string
	Action Action
	// Path is that of the project or namespace.
	Path string
}

// allow asks whether the user, and the account, may start something in the place.
func (p *passage) allow(ctx context.Context, account string) error {
	return p.cfg.Allow(ctx, Access{
		Tenant: p.ask.Tenant, User: p.ask.User, Admin: p.user.Admin, Account: account, Flow: p.record.Routing.Flow, Action: ActionStart, Path: p.place.Path,
	})
}

// byLevel lets those work somewhere who are developers there, themselves or by a group
// above: the person and the account, each by their own level.
func (t *Trigger) byLevel(ctx context.Context, a Access) error {
	for _, who := range []struct {
		login string
		admin bool
		code  domain.Code
	}{{a.User, a.Admin, domain.CodeForbidden}, {a.Account, false, domain.CodeServiceAccount}} {
		if who.login == "" || who.admin {
			continue
		}
		level, basis, err := t.cfg.Directory.Level(ctx, a.Tenant, who.login, a.Path)
		if err != nil {
			return fmt.Errorf("find the level of %s in %s: %w", who.login, a.Path, err)
		}
		if level < entities.Developer {
			return &domain.Error{
				Code: who.code, Message: fmt.Sprintf("%s has no developer access to %s", who.login, a.Path),
				Fix: "ask an owner for it: " + byHand{
					command: fmt.Sprintf("duolog member set %s %s developer", a.Path, who.login),
					config:  "use a token of the tenant",
					gitlab:  "in GitLab, under the members of the project or its group",
				}.at(basis.Source),
			}
		}
	}
	return nil
}
