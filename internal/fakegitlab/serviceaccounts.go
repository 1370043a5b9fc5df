package fakegitlab

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func number(id int64) string { return strconv.FormatInt(id, 10) }

func serviceAccountWire(u *instance.User) map[string]any {
	return map[string]any{"id": u.ID, "username": u.Username, "name": u.Name, "email": u.Email}
}

// serviceAccounts lists the accounts that a group made.
func (s *Server) serviceAccounts(group int64) []*instance.User {
	found := []*instance.User{}
	for _, u := range instance.Sorted(s.state.Users) {
		if u.ServiceAccount && u.Group == group {
			found = append(found, u)
		}
	}
	return found
}

func listServiceAccounts(c *call) (any, error) {
	g, err := c.group(instance.Owner)
	if err != nil {
		return nil, err
	}
	return wires(page(c, c.s.serviceAccounts(g.ID)), serviceAccountWire), nil
}

func createServiceAccount(c *call) (any, error) {
	g, err := c.group(instance.Owner)
	if err != nil {
		return nil, err
	}
	if g.Parent != 0 {
		return nil, refuse(http.StatusBadRequest, "Group provided is not a top-level group")
	}
	username := cmp.Or(c.str("username"), "service_account_group_"+number(g.ID)+"_"+strings.ToLower(newToken("")[:12]))
	if c.s.state.UserNamed(username) != nil {
		return nil, refuse(http.StatusBadRequest, "Username has already been taken")
	}
	u := c.s.state.AddUser(instance.User{
		Username: username, Name: cmp.Or(c.str("name"), "Service account user"), Email: cmp.Or(c.str("email"), username+"@noreply.example.com"),
		ServiceAccount: true, Group: g.ID,
	}, c.now)
	c.created()
	return serviceAccountWire(u), nil
}

// serviceAccount is the account of the path, one of the path's group.
func (c *call) serviceAccount() (*instance.User, error) {
	g, err := c.group(instance.Owner)
	if err != nil {
		return nil, err
	}
	u := c.s.user(c.id("user"))
	if u == nil || !u.ServiceAccount || u.Group != g.ID {
		return nil, notFound("User")
	}
	return u, nil
}

func deleteServiceAccount(c *call) (any, error) {
	u, err := c.serviceAccount()
	if err != nil {
		return nil, err
	}
	c.s.state.RemoveUser(u.ID)
	return nil, nil //nolint:nilnil // an answer without a body
}

func createServiceAccountToken(c *call) (any, error) {
	u, err := c.serviceAccount()
	if err != nil {
		return nil, err
	}
	return c.addToken(u)
}
