package fakegitlab

import "github.com/duolog/duolog/internal/fakegitlab/instance"

// Names of the small company below.
const (
	CompanyGroup   = "acme"
	CompanyProject = "acme/site"
	// CompanyAdmin administers the instance, CompanyUser develops in the group.
	CompanyAdmin = "root"
	CompanyUser  = "you"
	// CompanyAgent is the service account of developer/v1.
	CompanyAgent = "duo-developer"
)

// Company is a small company to try things on: a group with a project, an owner,
// two developers, a guest, a maintainer of the one project, and the service
// account of a flow. It has no duo-workspace: that is made when it is needed.
func Company() Seed {
	return Seed{
		Users: []SeedUser{
			{Username: CompanyAdmin, Name: "Administrator", Admin: true},
			{Username: CompanyUser, Name: "You"},
			{Username: "olivia", Name: "Olivia Owner"},
			{Username: "dana", Name: "Dana Developer"},
			{Username: "mara", Name: "Mara Maintainer"},
			{Username: "gus", Name: "Gus Guest"},
			{Username: "nina", Name: "Nina of nowhere"},
			{Username: "bo", Name: "Bo, who left", Blocked: true},
		},
		Groups: []SeedGroup{{
			Path: CompanyGroup,
			Members: map[string]int{
				CompanyUser: instance.Developer, "olivia": instance.Owner, "dana": instance.Developer, "gus": instance.Guest, "bo": instance.Developer,
			},
			ServiceAccounts: []SeedUser{{Username: CompanyAgent, Name: "GitLab Duo Developer"}},
		}},
		Projects: []SeedProject{{
			Path: CompanyProject, Members: map[string]int{"mara": instance.Maintainer, CompanyAgent: instance.Developer},
			Files: map[string]string{
				"README.md":  "# Site\n\nThe public site of Acme.\n",
				"index.html": "<!doctype html>\n<title>Acme</title>\n<h1>We makes everything</h1>\n",
			},
		}},
	}
}
