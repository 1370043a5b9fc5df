package stored

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// OwnsAccount says whether somebody owns a service account: they are an owner of each
// root group that has one of that login, and no person has it. A token is of a login: it
// must not reach further than what its maker owns.
func (d *Directory) OwnsAccount(ctx context.Context, tenant domain.Tenant, owner, login string) (owns bool, err error) {
	_, err = d.read(ctx, tenant, func(v *querying.View) error {
		person, err := v.User(ctx, login)
		if err != nil || person.There() {
			return err
		}
		roots, err := v.Roots(ctx)
		if err != nil {
			return err
		}
		for _, root := range roots {
			account, err := v.AccountIn(ctx, root.Path, login)
			if err != nil {
				return err
			}
			if !account.There() {
				continue
			}
			standing, err := v.Standing(ctx, owner, root.Path)
			if err != nil {
				return err
			}
			if owns = standing.Level() == directory.Owner; !owns {
				return nil
			}
		}
		return nil
	})
	return owns && err == nil, err
}
