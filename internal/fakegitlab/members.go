package fakegitlab

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func memberRoutes() []route {
	var all []route
	for _, kind := range []string{instance.KindGroup, instance.KindProject} {
		at := api + "/" + kind + "s/{id}/members"
		all = append(
			all,
			route{pattern: "GET " + at, handle: listMembers(kind, false)},
			route{pattern: "GET " + at + "/all", handle: listMembers(kind, true)},
			route{pattern: "GET " + at + "/{user}", handle: getMember(kind, false)},
			route{pattern: "GET " + at + "/all/{user}", handle: getMember(kind, true)},
			route{pattern: "POST " + at, handle: addMember(kind)},
			route{pattern: "PUT " + at + "/{user}", handle: editMember(kind)},
			route{pattern: "DELETE " + at + "/{user}", handle: removeMember(kind)},
		)
	}
	return append(
		all,
		route{pattern: "GET " + api + "/groups/{id}/service_accounts", handle: listServiceAccounts},
		route{pattern: "POST " + api + "/groups/{id}/service_accounts", handle: createServiceAccount},
		route{pattern: "DELETE " + api + "/groups/{id}/service_accounts/{user}", handle: deleteServiceAccount},
		route{pattern: "POST " + api + "/groups/{id}/service_accounts/{user}/personal_access_tokens", handle: createServiceAccountToken},
	)
}

type memberWire struct {
	*basicUser
	AccessLevel int       `json:"access_level"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   *string   `json:"expires_at"`
}

func (s *Server) memberWire(m *instance.Member) memberWire {
	return memberWire{basicUser: s.basicUser(s.user(m.User)), AccessLevel: m.Level, CreatedAt: m.CreatedAt}
}

// container is the group or project of the path, for someone with a level.
func (c *call) container(kind string, need int) (int64, error) {
	if kind == instance.KindGroup {
		g, err := c.group(need)
		if err != nil {
			return 0, err
		}
		return g.ID, nil
	}
	p, err := c.project(need)
	if err != nil {
		return 0, err
	}
	return p.ID, nil
}

// manages is the level that changes memberships.
func manages(kind string) int {
	if kind == instance.KindGroup {
		return instance.Owner
	}
	return instance.Maintainer
}

func listMembers(kind string, inherited bool) handle {
	return func(c *call) (any, error) {
		id, err := c.container(kind, instance.Guest)
		if err != nil {
			return nil, err
		}
		members := c.s.members(kind, id, inherited)
		query, only := strings.ToLower(c.str("query")), c.list("user_ids")
		members = slices.DeleteFunc(members, func(m *instance.Member) bool {
			u := c.s.user(m.User)
			return query != "" && !strings.Contains(strings.ToLower(u.Username+" "+u.Name), query) || len(only) > 0 && !slices.Contains(only, number(m.User))
		})
		return wires(page(c, members), c.s.memberWire), nil
	}
}

func (s *Server) members(kind string, id int64, inherited bool) []*instance.Member {
	if inherited {
		return s.state.Inherited(kind, id)
	}
	return s.state.Direct(kind, id)
}

func getMember(kind string, inherited bool) handle {
	return func(c *call) (any, error) {
		id, err := c.container(kind, instance.Guest)
		if err != nil {
			return nil, err
		}
		for _, m := range c.s.members(kind, id, inherited) {
			if m.User == c.id("user") {
				return c.s.memberWire(m), nil
			}
		}
		return nil, refuse(http.StatusNotFound, "404 Not found")
	}
}

func level(c *call) (int, error) {
	if _, err := c.need("access_level"); err != nil {
		return 0, err
	}
	n := int(c.int("access_level"))
	if !slices.Contains([]int{5, instance.Guest, 15, instance.Reporter, instance.Developer, instance.Maintainer, instance.Owner}, n) {
		return 0, invalid("access_level", "is not included in the list")
	}
	return n, nil
}

// membership is the container and the level that somebody is to have there.
func (c *call) membership(kind string) (id int64, n int, err error) {
	if id, err = c.container(kind, manages(kind)); err == nil {
		n, err = level(c)
	}
	return id, n, err
}

func addMember(kind string) handle {
	return func(c *call) (any, error) {
		id, n, err := c.membership(kind)
		if err != nil {
			return nil, err
		}
		u := c.s.user(c.int("user_id"))
		if name := c.str("username"); name != "" {
			u = c.s.state.UserNamed(name)
		}
		switch {
		case u == nil && !c.has("user_id") && !c.has("username"):
			return nil, &refusal{http.StatusBadRequest, map[string]any{"error": "username, user_id are missing, exactly one parameter must be provided"}}
		case u == nil:
			return nil, notFound("User")
		case c.s.state.Member(kind, id, u.ID) != nil:
			return nil, refuse(http.StatusConflict, "Member already exists")
		}
		if above := c.inheritedLevel(kind, id, u); n < above {
			return nil, refuse(http.StatusBadRequest, map[string][]string{"access_level": {"should be greater than or equal to " + levelName(above) + " inherited membership from group " + c.groupName(kind, id)}})
		}
		c.created()
		return c.s.memberWire(c.s.state.SetMember(instance.Member{Kind: kind, Container: id, User: u.ID, Level: n}, c.now)), nil
	}
}

// inheritedLevel is what a user has from groups above a container.
func (c *call) inheritedLevel(kind string, id int64, u *instance.User) int {
	for _, m := range c.s.state.Inherited(kind, id) {
		if m.User == u.ID && (m.Kind != kind || m.Container != id) {
			return m.Level
		}
	}
	return 0
}

func (c *call) groupName(kind string, id int64) string {
	if kind == instance.KindProject {
		return c.s.state.Groups[c.s.state.Projects[id].Group].Name
	}
	return c.s.state.Groups[id].Name
}

func levelName(n int) string {
	switch {
	case n >= instance.Owner:
		return "Owner"
	case n >= instance.Maintainer:
		return "Maintainer"
	case n >= instance.Developer:
		return "Developer"
	case n >= instance.Reporter:
		return "Reporter"
	}
	return "Guest"
}

func editMember(kind string) handle {
	return func(c *call) (any, error) {
		id, n, err := c.membership(kind)
		if err != nil {
			return nil, err
		}
		m := c.s.state.Member(kind, id, c.id("user"))
		if m == nil {
			return nil, refuse(http.StatusNotFound, "404 Not found")
		}
		m.Level = n
		return c.s.memberWire(m), nil
	}
}

func removeMember(kind string) handle {
	return func(c *call) (any, error) {
		id, err := c.container(kind, manages(kind))
		if err != nil {
			return nil, err
		}
		if c.s.state.Member(kind, id, c.id("user")) == nil {
			return nil, refuse(http.StatusNotFound, "404 Not found")
		}
		c.s.state.RemoveMember(kind, id, c.id("user"))
		return nil, nil //nolint:nilnil // an answer without a body
	}
}
