package projections_test

import (
	"fmt"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
)

// playDirectory leaves a company in the log: things made, changed, removed and made anew.
func playDirectory(t *testing.T, n *nodetest.Node) {
	t.Helper()
	const tenant = domain.Tenant("acme")
	yes, name := true, "Mia"
	change := func(root string, changes ...directory.Change) {
		do(t, n, dispatch.Request{Stream: directory.NamespaceStream(tenant, root), Directory: &directory.ChangeNamespace{Root: root, Changes: changes}})
	}
	for _, c := range []*directory.ChangeUser{
		{Login: "mia", Create: true, Name: &name}, {Login: "noor", Create: true, Admin: &yes}, {Login: "mia", Blocked: &yes, Link: []directory.Link{{Provider: "slack", ID: "U1"}}},
	} {
		do(t, n, dispatch.Request{Stream: directory.UserStream(tenant, c.Login), Directory: c})
	}
	for _, root := range []string{"acme", "other"} {
		change(root, directory.Change{CreateNamespace: &directory.CreateNamespace{Owner: "noor"}})
		project := directory.Change{CreateProject: &directory.CreateProject{Path: root + "/duo-workspace"}}
		account := directory.Change{CreateServiceAccount: &directory.CreateServiceAccount{Login: "duo-developer", Flow: "developer/v1"}}
		change(root, project, account, directory.Change{SetFlow: &directory.SetFlow{Flow: "developer/v1", Enabled: true}},
			directory.Change{SetFlag: &directory.SetFlag{Path: root + "/duo-workspace", Name: "next", On: &yes}}, directory.Change{ChangeSettings: &directory.ChangeSettings{FoundationalAllowed: &yes}})
		var members []directory.Change
		for i := range 40 {
			members = append(members, directory.Change{SetMember: &directory.SetMember{Path: root, Login: fmt.Sprintf("user%d", i), Level: directory.Developer}})
		}
		change(root, members...)
		change(root, directory.Change{DeleteContainer: &directory.DeleteContainer{Path: root + "/duo-workspace"}}, directory.Change{RemoveMember: &directory.RemoveMember{Path: root, Login: "user7"}},
			directory.Change{RemoveServiceAccount: &directory.RemoveServiceAccount{Login: "duo-developer"}})
		change(root, project, account)
	}
}
