package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

const tenant = domain.Tenant("acme")

// stand is a stream whose entries are all known.
type stand struct {
	t      *testing.T
	stream domain.StreamID
	state  directory.State
	facts  *directory.Facts
}

func namespace(t *testing.T, changes ...directory.Change) *stand {
	t.Helper()
	s := &stand{t: t, stream: directory.NamespaceStream(tenant, "acme"), facts: directory.NewFacts()}
	s.change(directory.Change{CreateNamespace: &directory.CreateNamespace{Owner: "noor"}})
	s.change(changes...)
	return s
}

func (s *stand) decide(c directory.Command) ([]directory.Event, error) {
	s.t.Helper()
	events, err := c.Decide(s.state, s.facts, s.stream)
	for _, e := range events {
		s.facts.Apply(s.state, e, 0)
		s.state = directory.Apply(s.state, directory.Recorded{Event: e, Time: time.Unix(1, 0)})
	}
	return events, err
}

// change makes changes that must be taken, and gives what happened.
func (s *stand) change(changes ...directory.Change) []string {
	s.t.Helper()
	if len(changes) == 0 {
		return nil
	}
	events, err := s.decide(&directory.ChangeNamespace{Root: "acme", Changes: changes})
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	var out []string
	for _, e := range events {
		out = append(out, e.EventType())
	}
	return out
}

func (s *stand) refused(code domain.Code, field string, changes ...directory.Change) {
	s.t.Helper()
	events, err := s.decide(&directory.ChangeNamespace{Root: "acme", Changes: changes})
	refusal(s.t, code, field, events, err)
}

func refusal(t *testing.T, code domain.Code, field string, events []directory.Event, err error) {
	t.Helper()
	e, ok := errors.AsType[*domain.Error](err)
	if !ok || e.Code != code || e.Field != field || e.Fix == "" || events != nil {
		t.Errorf("got %v %+v, want %s of %s with a fix", events, err, code, field)
	}
}

func (s *stand) level(login, path string) directory.Level {
	user := directory.Entry{Key: directory.Key{Kind: directory.UserEntry, Name: login}, Made: 1, User: &directory.Profile{}}
	return directory.StandingOf(user, s.facts, login, path).Level()
}

func group(path string) directory.Change {
	return directory.Change{CreateGroup: &directory.CreateGroup{Path: path}}
}

func project(path string) directory.Change {
	return directory.Change{CreateProject: &directory.CreateProject{Path: path}}
}

func gone(path string) directory.Change {
	return directory.Change{DeleteContainer: &directory.DeleteContainer{Path: path}}
}

func member(path, login string, level directory.Level) directory.Change {
	return directory.Change{SetMember: &directory.SetMember{Path: path, Login: login, Level: level}}
}

func leaves(path, login string) directory.Change {
	return directory.Change{RemoveMember: &directory.RemoveMember{Path: path, Login: login}}
}

func account(login, flow string) directory.Change {
	return directory.Change{CreateServiceAccount: &directory.CreateServiceAccount{Login: login, Flow: flow}}
}

func flag(path, name string, on *bool) directory.Change {
	return directory.Change{SetFlag: &directory.SetFlag{Path: path, Name: name, On: on}}
}

func flow(reference string, on bool) directory.Change {
	return directory.Change{SetFlow: &directory.SetFlow{Flow: reference, Enabled: on}}
}

// TestT8 access is inherited: a developer of the group is one of duo-workspace without
// being its direct member. Administrators pass, blocked users have nothing.
func TestT8(t *testing.T) {
	t.Parallel()
	s := namespace(t, group("acme/tools"), project("acme/duo-workspace"), project("acme/tools/site"),
		member("acme", "mia", directory.Developer), member("acme/tools", "mia", directory.Maintainer), member("acme/tools/site", "mia", directory.Guest),
		member("acme/tools/site", "you", directory.Reporter))
	for _, want := range []struct {
		login, path string
		level       directory.Level
	}{
		{"mia", "acme/duo-workspace", directory.Developer},
		{"mia", "acme/tools", directory.Maintainer},
		{"mia", "acme/tools/site", directory.Maintainer}, // the highest counts, not the nearest
		{"you", "acme/tools/site", directory.Reporter},
		{"you", "acme/tools", directory.None},
		{"noor", "acme/tools/site", directory.Owner},
		{"sam", "acme", directory.None},
	} {
		if got := s.level(want.login, want.path); got != want.level {
			t.Errorf("%s is %s in %s, want %s", want.login, got, want.path, want.level)
		}
	}
	user := directory.Entry{Made: 1, User: &directory.Profile{Admin: true}}
	if got := directory.StandingOf(user, s.facts, "sam", "acme/tools").Level(); got != directory.Owner {
		t.Errorf("an administrator is %s", got)
	}
	user.User.Blocked = true
	if got := directory.StandingOf(user, s.facts, "noor", "acme").Level(); got != directory.None {
		t.Errorf("who is blocked is %s", got)
	}
	if got := directory.StandingOf(directory.Entry{}, s.facts, "noor", "acme").Level(); got != directory.None {
		t.Errorf("who is not known is %s", got)
	}
}

// TestMadeAnew: what is made under a path or login that another had begins empty.
func TestMadeAnew(t *testing.T) {
	t.Parallel()
	on := true
	s := namespace(t, project("acme/shop"), member("acme/shop", "mia", directory.Developer), flag("acme/shop", "next", &on),
		account("duo-x", "x/v1"), member("acme", "duo-x", directory.Maintainer))
	if s.level("duo-x", "acme/shop") != directory.Maintainer {
		t.Fatal("the account is no maintainer")
	}
	s.change(gone("acme/shop"), project("acme/shop"),
		directory.Change{RemoveServiceAccount: &directory.RemoveServiceAccount{Login: "duo-x"}})
	if got := s.level("mia", "acme/shop"); got != directory.None {
		t.Errorf("in the new project mia is %s", got)
	}
	if _, set := directory.FlagAt(s.facts, "next", "acme/shop"); set {
		t.Error("the flag of the old project counts in the new one")
	}
	s.change(leaves("acme", "duo-x"), member("acme", "other", directory.Guest), account("duo-x", "x/v1"))
	if got := s.level("duo-x", "acme"); got != directory.None {
		t.Errorf("the new account is %s", got)
	}
}

// TestAccountAnew: the memberships of an account go with it, though they stand there.
func TestAccountAnew(t *testing.T) {
	t.Parallel()
	s := namespace(t, project("acme/shop"), account("duo-x", "x/v1"), member("acme/shop", "duo-x", directory.Developer))
	s.change(directory.Change{RemoveServiceAccount: &directory.RemoveServiceAccount{Login: "duo-x"}}, account("duo-x", "x/v1"))
	if got := s.level("duo-x", "acme/shop"); got != directory.None {
		t.Errorf("the new account is %s", got)
	}
	if got := s.change(member("acme/shop", "duo-x", directory.Developer)); len(got) != 1 || s.level("duo-x", "acme/shop") != directory.Developer {
		t.Errorf("given the same level it is %s after %v", s.level("duo-x", "acme/shop"), got)
	}
	s.change(directory.Change{BlockServiceAccount: &directory.BlockServiceAccount{Login: "duo-x", Blocked: true}})
	if got := s.level("duo-x", "acme/shop"); got != directory.None {
		t.Errorf("blocked it is %s", got)
	}
}

// TestT6aSettings: the switch of foundational flows and the list of those that are on
// are two things, each told by its own event.
func TestT6aSettings(t *testing.T) {
	t.Parallel()
	s := namespace(t)
	allowed, plan := true, "ultimate"
	settings := directory.Change{ChangeSettings: &directory.ChangeSettings{FoundationalAllowed: &allowed, Plan: &plan, Policies: []directory.Policy{{Name: directory.PolicyFollowUp, Value: "queue"}, {Name: directory.PolicyDeniedTools, Value: "run_command, use_git"}}}}
	got := s.change(settings, settings, flow("developer/v1", true), flow("developer/v1", true), flow("fix_pipeline/v1", true), account("duo-developer", "developer/v1"))
	want := []string{"namespace.settings_changed", "namespace.flow_enabled", "namespace.flow_enabled", "namespace.service_account_created"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events: %s", d)
	}
	s.change(flow("fix_pipeline/v1", false), directory.Change{ChangeSettings: &directory.ChangeSettings{Policies: []directory.Policy{{Name: directory.PolicyDeniedTools}}}})
	top := s.facts.Get(directory.Key{Kind: directory.ContainerEntry, Path: "acme"}).Top
	if d := cmp.Diff(&directory.Top{
		FoundationalAllowed: true, Plan: "ultimate", Policies: []directory.Policy{{Name: directory.PolicyFollowUp, Value: "queue"}}, Owners: []string{"noor"},
		Flows: []directory.FlowEntry{{Reference: "developer/v1", Enabled: true, Account: "duo-developer"}},
	}, top); d != "" {
		t.Errorf("settings: %s", d)
	}
}

// TestFlagsAreInherited: the nearest that is set counts.
func TestFlagsAreInherited(t *testing.T) {
	t.Parallel()
	on, off := true, false
	s := namespace(t, group("acme/tools"), project("acme/tools/site"), flag("acme", "next", &on), flag("acme/tools", "next", &off))
	check := func(path string, on, set bool) {
		t.Helper()
		if gotOn, gotSet := directory.FlagAt(s.facts, "next", path); gotOn != on || gotSet != set {
			t.Errorf("at %s it is %t, set %t", path, gotOn, gotSet)
		}
	}
	check("acme", true, true)
	check("acme/tools/site", false, true)
	s.change(flag("acme/tools", "next", nil))
	check("acme/tools/site", true, true)
	s.change(flag("acme", "next", nil), flag("acme", "next", nil))
	check("acme/tools/site", false, false)
}

func TestNamespaceRefuses(t *testing.T) {
	t.Parallel()
	s := namespace(t, group("acme/tools"), project("acme/shop"), account("duo-x", "x/v1"), member("acme", "mia", directory.Developer))
	const path = "changes[0].create_group.path"
	s.refused(domain.CodeNotFound, path, group("acme/none/deep"))
	s.refused(domain.CodeConflict, path, group("acme/shop/deep"))
	s.refused(domain.CodeConflict, path, group("acme/shop"))
	s.refused(domain.CodeConflict, "changes[0].create_project.path", project("acme/tools"))
	s.refused(domain.CodeConflict, path, group("acme"))
	s.refused(domain.CodeInvalidField, path, group("other/tools"))
	for _, bad := range []string{"", "acme/", "acme//x", "/acme", "acme/../x", "acme/X", "acme/x.git", "acme/x.", "acme/é", "acme/x\x00", strings.Repeat("a/", 20) + "a"} {
		s.refused(domain.CodeInvalidField, path, group(bad))
	}
	s.refused(domain.CodeTooLarge, path, group("acme/"+strings.Repeat("x", directory.MaxPath)))
	s.refused(domain.CodeConflict, "changes[0].delete_container.path", gone("acme"))
	s.refused(domain.CodeInvalidField, "changes[0].set_member.level", member("acme", "mia", 35))
	s.refused(domain.CodeInvalidField, "changes[0].set_member.level", member("acme", "mia", 0))
	s.refused(domain.CodeInvalidField, "changes[0].set_member.login", member("acme", "Mia", directory.Guest))
	s.refused(domain.CodeInvalidField, "changes[0].set_member.login", member("acme", "", directory.Guest))
	s.refused(domain.CodeNotFound, "changes[0].set_member.path", member("acme/none", "mia", directory.Guest))
	s.refused(domain.CodeConflict, "changes[0].set_member.level", member("acme", "duo-x", directory.Owner))
	s.refused(domain.CodeConflict, "changes[0].create_service_account.login", account("duo-x", "y/v1"))
	s.refused(domain.CodeConflict, "changes[0].create_service_account.flow", account("duo-y", "x/v1"))
	s.refused(domain.CodeConflict, "changes[0].create_service_account.login", account("mia", "y/v1"))
	s.refused(domain.CodeInvalidField, "changes[0].set_flow.flow", flow("developer v1", true))
	s.refused(domain.CodeNotFound, "changes[0].block_service_account.login", directory.Change{BlockServiceAccount: &directory.BlockServiceAccount{Login: "mia"}})
	s.refused(domain.CodeInvalidField, "changes[0].create_project.settings.visibility",
		directory.Change{CreateProject: &directory.CreateProject{Path: "acme/x", Settings: &directory.ProjectSettings{Visibility: "secret"}}})
	s.refused(domain.CodeInvalidField, "changes[0]", directory.Change{})
	s.refused(domain.CodeInvalidField, "changes[0]", directory.Change{SetFlow: &directory.SetFlow{}, CreateGroup: &directory.CreateGroup{}})
	s.refused(domain.CodeInvalidField, "changes")
	s.refused(domain.CodeInvalidField, "changes", make([]directory.Change, directory.MaxChanges+1)...)
}

// TestLastOwner: a root group is never left to nobody.
func TestLastOwner(t *testing.T) {
	t.Parallel()
	s := namespace(t, project("acme/shop"), member("acme/shop", "noor", directory.Owner))
	s.refused(domain.CodeConflict, "changes[0].remove_member.login", leaves("acme", "noor"))
	s.refused(domain.CodeConflict, "changes[0].set_member.login", member("acme", "noor", directory.Maintainer))
	s.change(leaves("acme/shop", "noor"))
	s.refused(domain.CodeConflict, "changes[2].remove_member.login", member("acme", "sam", directory.Owner), leaves("acme", "noor"), leaves("acme", "sam"))
	s.change(member("acme", "sam", directory.Owner), leaves("acme", "noor"))
	s.refused(domain.CodeConflict, "changes[0].remove_member.login", leaves("acme", "sam"))
}

// TestAllOrNothing: a change that is refused takes those before it back.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	s := namespace(t)
	s.refused(domain.CodeNotFound, "changes[1].create_group.path", group("acme/a"), group("acme/b/c"))
	if got := s.change(group("acme/a")); len(got) != 1 {
		t.Errorf("after it was refused: %v", got)
	}
}

// TestAlreadySo: what is so already makes no event.
func TestAlreadySo(t *testing.T) {
	t.Parallel()
	on := true
	changes := []directory.Change{
		{CreateNamespace: &directory.CreateNamespace{Owner: "mia"}},
		group("acme/tools"), project("acme/duo-workspace"), member("acme", "mia", directory.Developer),
		account("duo-x", "x/v1"), flow("x/v1", true), flag("acme", "next", &on), gone("acme/none"), leaves("acme", "nobody"),
		{RemoveServiceAccount: &directory.RemoveServiceAccount{Login: "nobody"}},
	}
	s := namespace(t, changes...)
	if got := s.change(changes...); len(got) > 0 {
		t.Errorf("again: %v", got)
	}
	events := s.state.Events
	if _, err := s.decide(&directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{group("acme/new")}, Expect: &events}); err != nil {
		t.Error(err)
	}
	got, err := s.decide(&directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{group("acme/newer")}, Expect: &events})
	refusal(t, domain.CodeConflict, "expect", got, err)
}

func TestNoNamespace(t *testing.T) {
	t.Parallel()
	s := &stand{t: t, stream: directory.NamespaceStream(tenant, "acme"), facts: directory.NewFacts()}
	s.refused(domain.CodeNotFound, "root", group("acme/tools"))
	events, err := s.decide(&directory.ChangeNamespace{Root: "other", Changes: []directory.Change{group("other/tools")}})
	refusal(t, domain.CodeInvalidField, "root", events, err)
	events, err = s.decide(&directory.ChangeNamespace{Root: "acme/tools", Changes: []directory.Change{group("acme/tools/x")}})
	refusal(t, domain.CodeInvalidField, "root", events, err)
}

func TestUser(t *testing.T) {
	t.Parallel()
	s := &stand{t: t, stream: directory.UserStream(tenant, "mia"), facts: directory.NewFacts()}
	name, email, yes, no, path, none := "Mia", "mia@example.com", true, false, "acme", ""
	slack := directory.Link{Provider: "slack", ID: "U1"}
	for i, step := range []struct {
		do   directory.ChangeUser
		want []string
	}{
		{directory.ChangeUser{Create: true, Name: &name, Email: &email}, []string{"user.created"}},
		{directory.ChangeUser{Create: true, Name: &name, Email: &email, Admin: &no, Blocked: &no, DefaultNamespace: &none}, nil},
		{directory.ChangeUser{Email: &none}, []string{"user.changed"}},
		{directory.ChangeUser{Admin: &yes, DefaultNamespace: &path, Link: []directory.Link{slack, slack}}, []string{"user.admin_changed", "user.default_namespace_changed", "user.account_linked"}},
		{directory.ChangeUser{Blocked: &yes, Unlink: []directory.Link{slack}}, []string{"user.blocked", "user.account_unlinked"}},
		{directory.ChangeUser{Blocked: &no, DefaultNamespace: &none}, []string{"user.unblocked", "user.default_namespace_changed"}},
	} {
		step.do.Login = "mia"
		events, err := s.decide(&step.do)
		var got []string
		for _, e := range events {
			got = append(got, e.EventType())
		}
		if d := cmp.Diff(step.want, got); d != "" || err != nil {
			t.Errorf("step %d: %v %s", i, err, d)
		}
	}
	got := s.facts.Get(directory.Key{Kind: directory.UserEntry, Name: "mia"})
	if d := cmp.Diff(directory.Profile{Name: name, Admin: true, Links: []directory.Link{}}, *got.User); d != "" {
		t.Errorf("the profile: %s", d)
	}
}

func TestUserRefuses(t *testing.T) {
	t.Parallel()
	s := &stand{t: t, stream: directory.UserStream(tenant, "mia"), facts: directory.NewFacts()}
	long, bad, path := strings.Repeat("x", 256), "nobody", "ACME"
	var many []directory.Link
	for i := range directory.MaxLinks + 1 {
		many = append(many, directory.Link{Provider: "slack", ID: fmt.Sprint(i)})
	}
	for _, c := range []struct {
		code  domain.Code
		field string
		do    directory.ChangeUser
	}{
		{domain.CodeNotFound, "login", directory.ChangeUser{Login: "mia"}},
		{domain.CodeInvalidField, "login", directory.ChangeUser{Login: "sam", Create: true}},
		{domain.CodeInvalidField, "login", directory.ChangeUser{Login: "a b", Create: true}},
		{domain.CodeTooLarge, "name", directory.ChangeUser{Login: "mia", Create: true, Name: &long}},
		{domain.CodeInvalidField, "email", directory.ChangeUser{Login: "mia", Create: true, Email: &bad}},
		{domain.CodeInvalidField, "default_namespace", directory.ChangeUser{Login: "mia", Create: true, DefaultNamespace: &path}},
		{domain.CodeInvalidField, "link", directory.ChangeUser{Login: "mia", Create: true, Link: many}},
		{domain.CodeInvalidField, "link.id", directory.ChangeUser{Login: "mia", Create: true, Link: []directory.Link{{Provider: "slack"}}}},
	} {
		events, err := s.decide(&c.do)
		refusal(t, c.code, c.field, events, err)
	}
}

// TestApplyTakesAnything: events that no decision of ours made, such as of a foreign
// writer, are folded without a panic.
func TestApplyTakesAnything(t *testing.T) {
	t.Parallel()
	for _, row := range directory.Events() {
		e, err := row.Decode([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		directory.NewFacts().Apply(directory.State{}, e, 1)
		directory.Apply(directory.State{}, directory.Recorded{Event: e})
	}
}
