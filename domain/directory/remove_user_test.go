package directory_test

import (
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// TestUserRemoved: a login is nobody's once it was removed, and taken again it is
// another identity, which has nothing of before.
func TestUserRemoved(t *testing.T) {
	t.Parallel()
	key := directory.Key{Kind: directory.UserEntry, Name: "mia"}
	u := &stand{t: t, stream: directory.UserStream(tenant, "mia"), facts: directory.NewFacts()}
	remove := &directory.RemoveUser{Login: "mia"}
	events, err := u.decide(remove)
	refusal(t, domain.CodeNotFound, "login", events, err)
	admin, in := true, "acme"
	create := &directory.ChangeUser{Login: "mia", Create: true, Admin: &admin, DefaultNamespace: &in, Link: []directory.Link{{Provider: "slack", ID: "U1"}}}
	if _, err := u.decide(create); err != nil {
		t.Fatal(err)
	}
	first := u.facts.Get(key)
	if events, err := u.decide(remove); err != nil || len(events) != 1 || u.facts.Get(key).There() {
		t.Errorf("removed: %v, %v", events, err)
	}
	if events, err := u.decide(remove); err != nil || len(events) != 0 {
		t.Errorf("removed again: %v, %v", events, err)
	}
	events, err = u.decide(&directory.ChangeUser{Login: "mia", Admin: &admin})
	refusal(t, domain.CodeNotFound, "login", events, err)
	if _, err := u.decide(&directory.ChangeUser{Login: "mia", Create: true}); err != nil {
		t.Fatal(err)
	}
	second := u.facts.Get(key)
	if !second.There() || second.User.Admin || second.User.DefaultNamespace != "" || len(second.User.Links) > 0 || second.User.Since.IsZero() {
		t.Errorf("taken again the login has %+v", second.User)
	}
	if directory.Identity(u.stream, first) == directory.Identity(u.stream, second) {
		t.Error("it is the same identity")
	}
	events, err = u.decide(&directory.RemoveUser{Login: "noor"})
	refusal(t, domain.CodeInvalidField, "login", events, err)
}

// TestMembershipsOfBefore: what somebody had who had the login before is not theirs who
// have it now, though it stands there.
func TestMembershipsOfBefore(t *testing.T) {
	t.Parallel()
	removed := time.Unix(100, 0)
	s := namespace(t, member("acme", "mia", directory.Maintainer))
	m := s.facts.Get(directory.Key{Kind: directory.MemberEntry, Path: "acme", Name: "mia"})
	user := directory.Entry{Made: 3, User: &directory.Profile{Since: removed}}
	for at, want := range map[time.Time]directory.Level{
		removed.Add(-time.Second): directory.None, removed: directory.None, removed.Add(time.Second): directory.Maintainer,
	} {
		m.At = at
		s.facts.Put(m)
		if got := directory.StandingOf(user, s.facts, "mia", "acme").Level(); got != want {
			t.Errorf("a membership of %s makes %s, want %s", at, got, want)
		}
	}
	if had := (directory.User{Since: removed}); had.Had(removed) || !had.Had(removed.Add(1)) || !(directory.User{}).Had(removed) {
		t.Error("who had the login when is not told")
	}
}
