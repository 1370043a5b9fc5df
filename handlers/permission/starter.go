package permission

import "context"

// started says whether the user is there still, and had the login when it began.
func (a Asker) started(ctx context.Context, q Question) (bool, error) {
	if !q.Starter {
		return false, nil
	}
	user, _, err := a.Directory.User(ctx, q.Tenant, q.User)
	if absent(err) {
		return false, nil
	}
	return user.Had(q.Began), err
}
