package admin

import (
	"maps"
	"slices"

	"github.com/duolog/duolog/domain/directory"
)

// comeAnew notes which logins of the document somebody had who was removed.
func (p *planner) comeAnew(d Document) error {
	named := d.logins()
	former, err := p.view.Former(p.ctx)
	for _, e := range former {
		if named[e.Name] {
			p.plan.anew = append(p.plan.anew, e.Name)
		}
	}
	return err
}

func (d Document) logins() map[string]bool {
	out := map[string]bool{}
	for _, u := range d.Users {
		out[u.Login] = true
	}
	return out
}

// pruneUsers blocks the users that the document leaves out, or removes them.
func (p *planner) pruneUsers(d Document) error {
	named, yes := d.logins(), true
	for _, login := range slices.Sorted(maps.Keys(p.users)) {
		switch {
		case named[login]:
		case p.remove:
			delete(p.users, login)
			p.plan.removed = append(p.plan.removed, login)
			p.plan.steps = append(p.plan.steps, Step{Action: "remove", Kind: "user", Name: login})
		default:
			if err := p.changeUser(&p.plan.users, &directory.ChangeUser{Login: login, Blocked: &yes}); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepsEnough refuses a plan after which nobody administers, or owns a root group that
// somebody leaves who is removed.
func (p *planner) keepsEnough(before []directory.Entry) error {
	had := slices.IndexFunc(before, administers)
	if had >= 0 && !slices.ContainsFunc(slices.Collect(maps.Values(p.users)), administers) {
		return lastAdmin("users", before[had].Name)
	}
	if len(p.plan.removed) == 0 {
		return nil
	}
	roots, err := p.view.Roots(p.ctx)
	if err != nil {
		return err
	}
	for _, root := range roots {
		owners, planned := p.owners[root.Path]
		if !planned {
			owners = root.Top.Owners
		}
		if len(owners) > 0 && !slices.ContainsFunc(owners, func(login string) bool { return !slices.Contains(p.plan.removed, login) }) {
			return lastOwner(owners[0], root.Path)
		}
	}
	return nil
}
