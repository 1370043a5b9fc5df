package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
)

// allow decides by what is known so far: whoever may not have it is refused before
// anything more is made for them. Whose account acts is known last.
func (p *passage) allow(ctx context.Context) error {
	p.facts.Path = p.place.Path
	if err := p.humanLevel(ctx); err != nil {
		return err
	}
	return refusal(access.Decide(p.facts), p.facts)
}

// humanLevel asks once for the level of the user in the place. It holds in the project
// that is made there for them as well: access is inherited.
func (p *passage) humanLevel(ctx context.Context) error {
	if p.levelIn != "" {
		return nil
	}
	level, basis, err := p.level(ctx, p.ask.User, p.place.Path)
	if err != nil {
		return err
	}
	p.stands(p.place.Path, level, basis)
	return nil
}

// stands notes the level of the user in a place.
func (p *passage) stands(path string, level entities.Level, basis directory.Basis) {
	p.levelIn, p.facts.Human.Level = path, level
	permission.Note(&p.facts.Basis, basis)
}

func (p *passage) level(ctx context.Context, login, path string) (entities.Level, directory.Basis, error) {
	level, basis, err := p.cfg.Directory.Level(ctx, p.ask.Tenant, login, path)
	if err != nil {
		return level, basis, fmt.Errorf("find the level of %s in %s: %w", login, path, err)
	}
	return level, basis, nil
}

// refusal is a decision that denies in the words of a trigger; nil for one that allows.
func refusal(d access.Decision, f access.Facts) error {
	switch {
	case d.Allowed:
		return nil
	case d.Rule == access.RuleHuman && f.Human.Blocked:
		return userBlocked(f.Human.Login)
	case d.Rule == access.RuleHuman:
		return noAccess(domain.CodeForbidden, f.Human.Login, f)
	case d.Rule == access.RuleAccount && f.Account.Blocked:
		return accountBlocked(f.Account.Login)
	case d.Rule == access.RuleAccount:
		return noAccess(domain.CodeServiceAccount, f.Account.Login, f)
	case d.Rule == access.RuleFlow && f.Flow.Off != nil:
		return f.Flow.Off
	}
	return d.Refusal()
}

func noAccess(code domain.Code, login string, f access.Facts) error {
	source := ""
	if len(f.Basis) > 0 {
		source = f.Basis[0].Source
	}
	return &domain.Error{
		Code: code, Message: fmt.Sprintf("%s has no developer access to %s", login, f.Path),
		Fix: "ask an owner for it: " + entities.ByHand{
			Command: fmt.Sprintf("duolog member set %s %s developer", f.Path, login),
			Config:  "use a token of the tenant",
			GitLab:  "in GitLab, under the members of the project or its group",
		}.At(source),
	}
}
