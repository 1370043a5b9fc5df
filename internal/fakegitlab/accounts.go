package fakegitlab

import (
	"net/http"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// version is what /version says: the release that the wire format follows.
const version = "19.3.0-ee"

func accountRoutes() []route {
	return []route{
		{pattern: "GET " + api + "/version", handle: getVersion},
		{pattern: "GET " + api + "/metadata", handle: getVersion},
		{pattern: "GET " + api + "/user", handle: getSelf},
		{pattern: "GET " + api + "/users", handle: listUsers},
		{pattern: "POST " + api + "/users", handle: createUser},
		{pattern: "GET " + api + "/users/{user}", handle: getUser},
		{pattern: "POST " + api + "/users/{user}/block", handle: blockUser(true)},
		{pattern: "POST " + api + "/users/{user}/unblock", handle: blockUser(false)},
		{pattern: "POST " + api + "/users/{user}/personal_access_tokens", handle: createUserToken},
	}
}

// basicUser is a user as they stand within other things.
type basicUser struct {
	ID        int64     `json:"id"`
	Username  string    `json:"username"`
	Name      string    `json:"name"`
	State     string    `json:"state"`
	AvatarURL string    `json:"avatar_url"`
	WebURL    string    `json:"web_url"`
	CreatedAt time.Time `json:"created_at"`
}

func (s *Server) basicUser(u *instance.User) *basicUser {
	if u == nil {
		return nil
	}
	return &basicUser{ID: u.ID, Username: u.Username, Name: u.Name, State: userState(u), WebURL: s.url + "/" + u.Username, CreatedAt: u.CreatedAt}
}

func userState(u *instance.User) string {
	if u.Blocked {
		return "blocked"
	}
	return "active"
}

// fullUser is a user as they see themselves, or an administrator does.
type fullUser struct {
	*basicUser
	Bot         bool   `json:"bot"`
	PublicEmail string `json:"public_email"`
	Email       string `json:"email,omitempty"`
	IsAdmin     bool   `json:"is_admin,omitempty"`
}

// fullUser leaves out what only administrators and the user themselves see.
func (c *call) fullUser(u *instance.User) fullUser {
	out := fullUser{basicUser: c.s.basicUser(u), Bot: u.ServiceAccount}
	if c.actor.user.Admin || c.actor.user.ID == u.ID {
		out.Email, out.IsAdmin = u.Email, u.Admin
	}
	return out
}

func getVersion(*call) (any, error) {
	return map[string]any{"version": version, "revision": "fake", "enterprise": true}, nil
}

func getSelf(c *call) (any, error) { return c.fullUser(c.actor.user), nil }

// listUsers filters by exact name, by what is part of it, and by state.
func listUsers(c *call) (any, error) {
	found := []*instance.User{}
	for _, u := range instance.Sorted(c.s.state.Users) {
		search := strings.ToLower(c.str("search"))
		switch {
		case c.has("username") && !strings.EqualFold(u.Username, c.str("username")):
		case search != "" && !strings.Contains(strings.ToLower(u.Username+" "+u.Name+" "+u.Email), search):
		case c.flag("active", false) && u.Blocked, c.flag("blocked", false) && !u.Blocked:
		case c.flag("humans", false) && u.ServiceAccount:
		default:
			found = append(found, u)
		}
	}
	return wires(page(c, found), c.fullUser), nil
}

func (c *call) pathUser() (*instance.User, error) {
	if u := c.s.user(c.id("user")); u != nil {
		return u, nil
	}
	return nil, notFound("User")
}

func getUser(c *call) (any, error) {
	u, err := c.pathUser()
	if err != nil {
		return nil, err
	}
	return c.fullUser(u), nil
}

func createUser(c *call) (any, error) {
	if err := c.admin(); err != nil {
		return nil, err
	}
	username, err := c.need("username")
	if err != nil {
		return nil, err
	}
	if c.s.state.UserNamed(username) != nil {
		return nil, refuse(http.StatusConflict, "Username has already been taken")
	}
	u := c.s.state.AddUser(instance.User{Username: username, Name: c.str("name"), Email: c.str("email"), Admin: c.flag("admin", false)}, c.now)
	c.created()
	return c.fullUser(u), nil
}

func blockUser(blocked bool) handle {
	return func(c *call) (any, error) {
		if err := c.admin(); err != nil {
			return nil, err
		}
		u, err := c.pathUser()
		if err != nil {
			return nil, err
		}
		u.Blocked = blocked
		c.created()
		return true, nil
	}
}

func createUserToken(c *call) (any, error) {
	if err := c.admin(); err != nil {
		return nil, err
	}
	u, err := c.pathUser()
	if err != nil {
		return nil, err
	}
	return c.addToken(u)
}
