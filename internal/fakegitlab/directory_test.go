package fakegitlab_test

import (
	"slices"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// TestDirectory walks who is who with the official client.
func TestDirectory(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	root, olga := client(t, s, rootToken), client(t, s, "glpat-olga")

	if v := must[*gitlab.Version](t)(root.Version.GetVersion()); v.Version == "" {
		t.Error("no version")
	}
	me := must[*gitlab.User](t)(olga.Users.CurrentUser())
	found := must[[]*gitlab.User](t)(olga.Users.ListUsers(&gitlab.ListUsersOptions{Username: new("Dana")}))
	if me.Username != "olga" || me.Email == "" || len(found) != 1 || found[0].Name != "Dana Developer" || found[0].Email != "" {
		t.Errorf("me %+v, found %+v", me, found[0])
	}

	sub := must[*gitlab.Group](t)(olga.Groups.GetGroup("acme/tools", nil))
	top := must[*gitlab.Group](t)(olga.Groups.GetGroup(sub.ParentID, nil))
	if top.FullPath != "acme" || sub.FullPath != "acme/tools" || top.ParentID != 0 {
		t.Errorf("top %+v, sub %+v", top, sub)
	}
	below := must[[]*gitlab.Group](t)(olga.Groups.ListSubGroups("acme", nil))
	inAll := must[[]*gitlab.Project](t)(olga.Groups.ListGroupProjects("acme", &gitlab.ListGroupProjectsOptions{IncludeSubGroups: new(true)}))
	if len(below) != 1 || len(inAll) != 1 || inAll[0].PathWithNamespace != "acme/tools/site" || inAll[0].Namespace.FullPath != "acme/tools" {
		t.Errorf("below %+v, projects %+v", below, inAll)
	}

	// A direct member of the top group is a member below it, with that level.
	site := must[*gitlab.Project](t)(olga.Projects.GetProject("acme/tools/site", nil))
	direct := must[[]*gitlab.ProjectMember](t)(olga.ProjectMembers.ListProjectMembers(site.ID, nil))
	inherited := must[[]*gitlab.ProjectMember](t)(olga.ProjectMembers.ListAllProjectMembers(site.ID, nil))
	dana := must[*gitlab.ProjectMember](t)(olga.ProjectMembers.GetInheritedProjectMember(site.ID, found[0].ID))
	if len(direct) != 0 || len(inherited) != 2 || dana.AccessLevel != gitlab.DeveloperPermissions {
		t.Errorf("direct %d, inherited %d, dana %d", len(direct), len(inherited), dana.AccessLevel)
	}

	made := must[*gitlab.Group](t)(olga.Groups.CreateGroup(&gitlab.CreateGroupOptions{Name: new("Labs"), Path: new("labs"), ParentID: &top.ID}))
	if made.FullPath != "acme/labs" || made.ParentID != top.ID {
		t.Errorf("made %+v", made)
	}
	if _, err := root.Users.BlockUser(found[0].ID); err != nil {
		t.Error(err)
	}
	if _, r, _ := client(t, s, devToken).Users.CurrentUser(); status(r) != 403 {
		t.Errorf("blocked, and gets %d", status(r))
	}
	if _, err := root.Users.UnblockUser(found[0].ID); err != nil {
		t.Error(err)
	}
	must[*gitlab.User](t)(client(t, s, devToken).Users.CurrentUser())
}

// TestWorkspaceIsMadeOnce makes what a trigger makes: a private project with one
// commit, and a member; the second time GitLab says that they are there.
func TestWorkspaceIsMadeOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	olga := client(t, s, "glpat-olga")
	group := must[*gitlab.Group](t)(olga.Groups.GetGroup("acme", nil))
	want := &gitlab.CreateProjectOptions{
		Name: new("duo-workspace"), Path: new("duo-workspace"), NamespaceID: &group.ID, Visibility: new(gitlab.PrivateVisibility),
		InitializeWithReadme: new(true), WikiAccessLevel: new(gitlab.DisabledAccessControl), BuildsAccessLevel: new(gitlab.EnabledAccessControl),
	}
	made := must[*gitlab.Project](t)(olga.Projects.CreateProject(want))
	if made.PathWithNamespace != "acme/duo-workspace" || made.EmptyRepo || made.WikiAccessLevel != gitlab.DisabledAccessControl || made.DefaultBranch != "main" {
		t.Errorf("made %+v", made)
	}
	if log := must[[]*gitlab.Commit](t)(olga.Commits.ListCommits(made.ID, nil)); len(log) != 1 || log[0].Title != "Initial commit" {
		t.Errorf("log %+v", log)
	}
	if edited := must[*gitlab.Project](t)(olga.Projects.EditProject(made.ID, &gitlab.EditProjectOptions{Description: new("for agents")})); edited.Description != "for agents" {
		t.Errorf("edited %+v", edited)
	}
	if _, r, err := olga.Projects.CreateProject(want); status(r) != 400 || err == nil {
		t.Errorf("made twice: %v", err)
	}

	accounts := must[[]*gitlab.GroupServiceAccount](t)(olga.Groups.ListServiceAccounts("acme", nil))
	add := &gitlab.AddProjectMemberOptions{UserID: accounts[0].ID, AccessLevel: new(gitlab.DeveloperPermissions)}
	if m := must[*gitlab.ProjectMember](t)(olga.ProjectMembers.AddProjectMember(made.ID, add)); m.Username != "duo-developer-acme" || m.AccessLevel != gitlab.DeveloperPermissions {
		t.Errorf("member %+v", m)
	}
	if _, r, _ := olga.ProjectMembers.AddProjectMember(made.ID, add); status(r) != 409 {
		t.Errorf("added twice: %d", status(r))
	}
	me := must[*gitlab.User](t)(olga.Users.CurrentUser())
	if _, r, _ := olga.ProjectMembers.AddProjectMember(made.ID, &gitlab.AddProjectMemberOptions{UserID: me.ID, AccessLevel: new(gitlab.DeveloperPermissions)}); status(r) != 400 {
		t.Errorf("below what is inherited: %d", status(r))
	}
}

// TestServiceAccounts makes one, gives it a token and comes as it.
func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	olga := client(t, s, "glpat-olga")
	made := must[*gitlab.GroupServiceAccount](t)(olga.Groups.CreateServiceAccount("acme", &gitlab.CreateServiceAccountOptions{Name: new("Reviewer"), Username: new("duo-review-acme")}))
	until := gitlab.ISOTime(time.Now().AddDate(0, 0, 7))
	token := must[*gitlab.PersonalAccessToken](t)(olga.Groups.CreateServiceAccountPersonalAccessToken("acme", made.ID, &gitlab.CreateServiceAccountPersonalAccessTokenOptions{
		Name: new("run"), Scopes: &[]string{"api"}, ExpiresAt: &until,
	}))
	me := must[*gitlab.User](t)(client(t, s, token.Token).Users.CurrentUser())
	if me.ID != made.ID || !me.Bot || token.ExpiresAt == nil {
		t.Errorf("me %+v, token %+v", me, token)
	}
	all := must[[]*gitlab.GroupServiceAccount](t)(olga.Groups.ListServiceAccounts("acme", nil))
	if !slices.ContainsFunc(all, func(a *gitlab.GroupServiceAccount) bool { return a.UserName == "duo-review-acme" }) {
		t.Errorf("listed %+v", all)
	}
	if _, r, _ := client(t, s, devToken).Groups.CreateServiceAccount("acme", nil); status(r) != 403 {
		t.Errorf("a developer made one: %d", status(r))
	}
}

// TestPages pages through a list as the client does.
func TestPages(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), rootToken)
	var names []string
	opt := &gitlab.ListUsersOptions{ListOptions: gitlab.ListOptions{PerPage: 2}}
	for {
		users, r, err := c.Users.ListUsers(opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			names = append(names, u.Username)
		}
		if r.NextPage == 0 {
			break
		}
		opt.Page = r.NextPage
	}
	if !slices.Equal(names, []string{"root", "dana", "guy", "olga", "duo-developer-acme"}) {
		t.Errorf("paged through %v", names)
	}
}
