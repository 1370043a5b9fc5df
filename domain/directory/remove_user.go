package directory

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// RemoveUser makes a login nobody's. What happened stays in the log as it was.
type RemoveUser struct {
	Login string `json:"login"`
}

// CommandType names the command.
func (*RemoveUser) CommandType() string { return "user.remove" }

// Kind is that of a user.
func (*RemoveUser) Kind() domain.Kind { return domain.KindUser }

// Want asks for the user.
func (c *RemoveUser) Want() []Key { return []Key{userKey(c.Login)} }

// Decide removes a user who is there, once.
func (c *RemoveUser) Decide(_ State, f *Facts, stream domain.StreamID) ([]Event, error) {
	if err := CheckLogin("login", c.Login); err != nil {
		return nil, err
	}
	if err := checkName("login", stream, UserStream(stream.Tenant, c.Login)); err != nil {
		return nil, err
	}
	switch was := f.Get(userKey(c.Login)); {
	case was.There():
		return []Event{UserRemoved{Login: c.Login}}, nil
	case was.Removed:
		return nil, nil
	}
	return nil, missing("login", fmt.Sprintf("there is no user %s", c.Login), "duolog user list shows those there are")
}

// Identity is who has a login: another where somebody else has it.
func Identity(stream domain.StreamID, user Entry) uuid.UUID {
	return uuid.NewSHA1(stream.ID, fmt.Appendf(nil, "identity:%d", user.Made))
}
