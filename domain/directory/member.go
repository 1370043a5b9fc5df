package directory

import (
	"fmt"
	"slices"
)

// SetMember gives a login a level in a group or project.
type SetMember struct {
	Path  string `json:"path"`
	Login string `json:"login"`
	Level Level  `json:"level"`
}

func (c *SetMember) want(root string) []Key {
	return []Key{containerKey(c.Path), memberKey(c.Path, c.Login), accountKey(root, c.Login)}
}

func (c *SetMember) decide(f *Facts, root string) ([]Event, error) {
	if err := CheckLogin("login", c.Login); err != nil {
		return nil, err
	}
	if err := checkLevel("level", c.Level); err != nil {
		return nil, err
	}
	in, err := found(f, c.Path, root)
	if err != nil {
		return nil, err
	}
	account := f.Get(accountKey(root, c.Login)).LivesIn(f.Get(containerKey(root)))
	if c.Level == Owner && account {
		return nil, conflict("level", c.Login+" is a service account, which owns nothing", "give it at most maintainer")
	}
	member := f.Get(memberKey(c.Path, c.Login))
	if member.LivesIn(in) && member.Level == c.Level && !member.OutlivedBy(f.Get(accountKey(root, c.Login))) {
		return nil, nil
	}
	if err := keepsAnOwner(in, c.Login, c.Level); err != nil {
		return nil, err
	}
	if in.Top != nil && c.Level == Owner && len(in.Top.Owners) >= MaxOwners && !slices.Contains(in.Top.Owners, c.Login) {
		return nil, conflict("level", fmt.Sprintf("%s has %d owners, which is the most", c.Path, MaxOwners), "make them maintainers")
	}
	return []Event{MemberSet{Path: c.Path, Login: c.Login, Level: c.Level}}, nil
}

// OutlivedBy says that a membership is that of an account which had the login before.
func (e Entry) OutlivedBy(account Entry) bool { return account.There() && e.Made < account.Made }

// keepsAnOwner refuses to leave a root group to nobody.
func keepsAnOwner(in Entry, login string, level Level) error {
	if in.Top == nil || level == Owner || len(in.Top.Owners) != 1 || in.Top.Owners[0] != login {
		return nil
	}
	return conflict("login", fmt.Sprintf("%s is the last owner of %s", login, in.Path), "make somebody else an owner first: duolog member set "+in.Path+" LOGIN owner")
}

// RemoveMember takes the level of a login in a group or project away.
type RemoveMember struct {
	Path  string `json:"path"`
	Login string `json:"login"`
}

func (c *RemoveMember) want(string) []Key {
	return []Key{containerKey(c.Path), memberKey(c.Path, c.Login)}
}

func (c *RemoveMember) decide(f *Facts, root string) ([]Event, error) {
	in, err := found(f, c.Path, root)
	if err != nil {
		return nil, err
	}
	if !f.Get(memberKey(c.Path, c.Login)).LivesIn(in) {
		return nil, nil
	}
	if err := keepsAnOwner(in, c.Login, None); err != nil {
		return nil, err
	}
	return []Event{MemberRemoved{Path: c.Path, Login: c.Login}}, nil
}
