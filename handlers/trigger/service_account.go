package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	entities "github.com/duolog/duolog/domain/directory"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
)

// serviceAccount finds the account that the flow acts as: its own, whichever surface
// the request came from.
func (p *passage) serviceAccount(ctx context.Context) error {
	flow := p.record.Routing.Flow
	account, basis, err := p.cfg.Directory.ServiceAccount(ctx, p.ask.Tenant, p.root.Path, flow)
	switch {
	case missing(err):
		return &domain.Error{
			Code: domain.CodeServiceAccount, Message: fmt.Sprintf("the %.80s flow has no service account in %s", flow, p.root.Path),
			Fix: "an owner of the group can make it: " + entities.ByHand{
				Command: fmt.Sprintf("duolog namespace account create %s LOGIN --flow %s", p.root.Path, flow),
				Config:  "set service_account of the tenant in the configuration",
				GitLab:  "in GitLab, in the group's settings under GitLab Duo",
			}.At(basis.Source),
		}
	case err != nil:
		return wrapped(domain.CodeServiceAccount, fmt.Sprintf("the service account of the %.80s flow in %s could not be told", flow, p.root.Path), err)
	case account.Blocked:
		return accountBlocked(account.Login)
	case account.Login == "":
		p.took(words.Found, "none is configured: the user acts alone", basis)
		return nil
	}
	p.account, p.start.ServiceAccount = account, account.Login
	p.took(words.Found, account.Login, basis)
	return nil
}

func accountBlocked(login string) error {
	return &domain.Error{
		Code: domain.CodeServiceAccount, Message: fmt.Sprintf("service account %s is blocked", login), Fix: "ask an owner of the group, or an administrator, to unblock it",
	}
}

// membership gives the account developer access to the place, unless it has that,
// itself or by a group above. Then both may work there, or neither does.
func (p *passage) membership(ctx context.Context) error {
	login, path := p.account.Login, p.place.Path
	if login == "" {
		p.took(words.Found, "nobody acts for the user", directory.Basis{})
		return p.allow(ctx)
	}
	level, basis, err := p.level(ctx, login, path)
	if err != nil {
		return err
	}
	permission.Note(&p.facts.Basis, basis)
	outcome := words.Found
	if level < entities.Developer {
		outcome, level = words.Made, entities.Developer
		err := p.cfg.Changer.EnsureMember(ctx, p.ask.Tenant, p.who(), path, login, level)
		p.cfg.Point("trigger.after_membership")
		if err != nil {
			return wrapped(domain.CodeServiceAccount, fmt.Sprintf("service account %s could not be given developer access to %s", login, path), err)
		}
	}
	p.facts.Account = access.Member{Login: login, Level: level}
	p.took(outcome, fmt.Sprintf("%s has developer access to %s", login, path), basis)
	return p.allow(ctx)
}
