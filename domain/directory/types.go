package directory

import "time"

// User is a person, or the service account of a flow.
type User struct {
	// ID is the number that wires with integers use; 0 where there is none.
	ID int64
	// Login names the user within the tenant; principals carry it.
	Login string
	Name  string
	Email string
	// Admin passes every check of membership.
	Admin bool
	// Blocked users may nothing.
	Blocked bool
	// ServiceAccount says that no person is behind it.
	ServiceAccount bool
	// DefaultNamespace is the path of the group the user works in unless they
	// say otherwise; empty where they chose none.
	DefaultNamespace string
	// Since is set where somebody else had the login before, until then.
	Since time.Time
}

// Had says whether the user had the login then.
func (u User) Had(then time.Time) bool { return u.Since.IsZero() || then.After(u.Since) }

// Container is a group or a project of the tree.
type Container struct {
	// ID is the number that wires with integers use.
	ID int64
	// Path is the whole path: acme, acme/tools, acme/tools/site.
	Path string
	// Root is the path of the outermost group: acme.
	Root string
	// Project says that it is a project, not a group.
	Project bool
}

// FlowSettings is what a root group says of flows.
type FlowSettings struct {
	// FoundationalAllowed is the group's switch for the flows that come with the
	// product.
	FoundationalAllowed bool
	// Enabled lists the references that are on: developer/v1, code_review/v1.
	Enabled []string
	// Owners are the logins of those who can change this.
	Owners []string
	// Plan is the licence of the group, for gates beside the access level; empty
	// where there are none.
	Plan string
	// Policies are what else the group says, by name.
	Policies []Policy
}

// Policy is one setting of a group by its name.
type Policy struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ProjectSettings is how a project is made.
type ProjectSettings struct {
	// Visibility is private, internal or public.
	Visibility string `json:"visibility"`
	// Readme says that it begins with a commit.
	Readme bool `json:"readme"`
	// What is on.
	Builds   bool `json:"builds"`
	Registry bool `json:"registry"`
	Packages bool `json:"packages"`
	Wiki     bool `json:"wiki"`
	Snippets bool `json:"snippets"`
}

// WorkspaceSettings are those of duo-workspace: private, with one commit, builds on and
// everything else off.
func WorkspaceSettings() ProjectSettings {
	return ProjectSettings{Visibility: Private, Readme: true, Builds: true}
}

// What Visibility may be.
const (
	Private  = "private"
	Internal = "internal"
	Public   = "public"
)
