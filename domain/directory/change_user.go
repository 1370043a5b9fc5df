package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
)

// ChangeUser changes one user; what is left out stays.
type ChangeUser struct {
	Login string `json:"login"`
	// Create makes a login that is not there; without it that is refused.
	Create  bool    `json:"create,omitempty"`
	Name    *string `json:"name,omitempty"`
	Email   *string `json:"email,omitempty"`
	Admin   *bool   `json:"admin,omitempty"`
	Blocked *bool   `json:"blocked,omitempty"`
	// DefaultNamespace is the path of a group; empty for none.
	DefaultNamespace *string `json:"default_namespace,omitempty"`
	// Link and Unlink are accounts elsewhere.
	Link   []Link `json:"link,omitempty"`
	Unlink []Link `json:"unlink,omitempty"`
	// Expect is how many events the user must have had so far; nil for any.
	Expect *int `json:"expect,omitempty"`
}

// CommandType names the command.
func (*ChangeUser) CommandType() string { return "user.change" }

// Kind is that of a user.
func (*ChangeUser) Kind() domain.Kind { return domain.KindUser }

// Want asks for the user.
func (c *ChangeUser) Want() []Key { return []Key{userKey(c.Login)} }

// Validate checks what no state would take.
func (c *ChangeUser) Validate() error {
	if err := CheckLogin("login", c.Login); err != nil {
		return err
	}
	for _, text := range []struct {
		field string
		value *string
	}{{"name", c.Name}, {"email", c.Email}} {
		if text.value == nil {
			continue
		}
		if err := domain.CheckText(text.field, *text.value, MaxName); err != nil {
			return err
		}
	}
	if c.Email != nil && *c.Email != "" && !strings.Contains(*c.Email, "@") {
		return domain.InvalidField("email", fmt.Sprintf("email %.80q is no address", *c.Email), "write it like mia@example.com")
	}
	if c.DefaultNamespace != nil && *c.DefaultNamespace != "" {
		if err := CheckPath("default_namespace", *c.DefaultNamespace); err != nil {
			return err
		}
	}
	for _, l := range slices.Concat(c.Link, c.Unlink) {
		if err := checkForm("link.provider", l.Provider, segmentForm, "write it like slack"); err != nil {
			return err
		}
		if err := domain.CheckText("link.id", l.ID, MaxName); err != nil {
			return err
		}
		if l.ID == "" {
			return domain.InvalidField("link.id", "link.id must not be empty", "send the provider's own id of the account")
		}
	}
	return nil
}

// Decide makes an event of each thing that is another.
func (c *ChangeUser) Decide(s State, f *Facts, stream domain.StreamID) ([]Event, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := cmp.Or(checkName("login", stream, UserStream(stream.Tenant, c.Login)), checkExpected(s, c.Expect)); err != nil {
		return nil, err
	}
	was := f.Get(userKey(c.Login))
	if was.There() {
		return c.changes(*was.User.clone(), nil)
	}
	if !c.Create {
		return nil, missing("login", fmt.Sprintf("there is no user %s", c.Login), "create it: duolog user create "+c.Login)
	}
	made := UserCreated{Login: c.Login, Name: valueOf(c.Name), Email: valueOf(c.Email), Admin: c.Admin != nil && *c.Admin}
	return c.changes(Profile{Name: made.Name, Email: made.Email, Admin: made.Admin}, []Event{made})
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// changes adds what is another than in p.
func (c *ChangeUser) changes(p Profile, out []Event) ([]Event, error) {
	name, email := p.Name, p.Email
	if c.Name != nil {
		name = *c.Name
	}
	if c.Email != nil {
		email = *c.Email
	}
	if name != p.Name || email != p.Email {
		out = append(out, UserChanged{Login: c.Login, Name: name, Email: email})
	}
	if c.Admin != nil && *c.Admin != p.Admin {
		out = append(out, UserAdminChanged{Login: c.Login, Admin: *c.Admin})
	}
	switch {
	case c.Blocked == nil || *c.Blocked == p.Blocked:
	case *c.Blocked:
		out = append(out, UserBlocked{Login: c.Login})
	default:
		out = append(out, UserUnblocked{Login: c.Login})
	}
	if c.DefaultNamespace != nil && *c.DefaultNamespace != p.DefaultNamespace {
		out = append(out, UserDefaultNamespaceChanged{Login: c.Login, Namespace: *c.DefaultNamespace})
	}
	return c.links(p.Links, out)
}

// links adds what is another among the linked accounts.
func (c *ChangeUser) links(has []Link, out []Event) ([]Event, error) {
	for _, l := range c.Unlink {
		if i := slices.Index(has, l); i >= 0 {
			has = slices.Delete(has, i, i+1)
			out = append(out, UserAccountUnlinked{Login: c.Login, Account: l})
		}
	}
	for _, l := range c.Link {
		if !slices.Contains(has, l) {
			has = append(has, l)
			out = append(out, UserAccountLinked{Login: c.Login, Account: l})
		}
	}
	if len(has) > MaxLinks {
		return nil, domain.InvalidField("link", fmt.Sprintf("%d linked accounts are more than %d", len(has), MaxLinks), "unlink some first")
	}
	return out, nil
}
