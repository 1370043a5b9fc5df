package directory

import (
	"slices"
	"strings"
	"time"
)

// EntryKind is what an entry is about.
type EntryKind string

// The kinds of entry.
const (
	ContainerEntry EntryKind = "container"
	MemberEntry    EntryKind = "member"
	AccountEntry   EntryKind = "account"
	FlagEntry      EntryKind = "flag"
	UserEntry      EntryKind = "user"
)

// Key names an entry within its stream.
type Key struct {
	Kind EntryKind
	// Path is where it is; empty for a user.
	Path string
	// Name is a login or the name of a flag; empty for a container.
	Name string
}

// Keys of entries.
func containerKey(path string) Key     { return Key{Kind: ContainerEntry, Path: path} }
func memberKey(path, login string) Key { return Key{MemberEntry, path, login} }
func flagKey(path, name string) Key    { return Key{FlagEntry, path, name} }
func userKey(login string) Key         { return Key{UserEntry, "", login} }
func accountKey(root, login string) Key {
	return Key{AccountEntry, root, login}
}

// Entry is what stands at a key.
type Entry struct {
	Key `json:"-"`

	// ID is the number of the event that made a container, an account or a user; 0
	// while that has no position yet.
	ID int64 `json:"id,omitempty"`
	// Made is how many events the stream had then, and In that of the container the
	// entry was made in.
	Made int `json:"made,omitempty"`
	In   int `json:"in,omitempty"`
	// Removed says that it was there.
	Removed bool `json:"removed,omitempty"`

	// Project is set for a project, Children counts what a group holds, and Top is what
	// a root group says of all of it.
	Project  *ProjectSettings `json:"project,omitempty"`
	Children int              `json:"children,omitempty"`
	Top      *Top             `json:"top,omitempty"`
	// Level is a member's.
	Level Level `json:"level,omitempty"`
	// On is a flag's.
	On bool `json:"on,omitempty"`
	// Account and User are set for those.
	Account *Account `json:"account,omitempty"`
	User    *Profile `json:"user,omitempty"`

	// At is when it became so, where that was read from the log.
	At time.Time `json:"-"`
}

// Top is what a root group says of everything in it. It is bounded: changes of it do
// not cost more in a large company.
type Top struct {
	FoundationalAllowed bool     `json:"foundational_allowed,omitempty"`
	Plan                string   `json:"plan,omitempty"`
	Policies            []Policy `json:"policies,omitempty"`
	// Flows are those that are on or have an account, by reference.
	Flows []FlowEntry `json:"flows,omitempty"`
	// Owners are the direct owners of the root group, by login.
	Owners []string `json:"owners,omitempty"`
}

// FlowEntry is what a root group says of one flow.
type FlowEntry struct {
	Reference string `json:"reference"`
	Enabled   bool   `json:"enabled,omitempty"`
	// Account is the login of the service account that it acts as.
	Account string `json:"account,omitempty"`
}

// Bounds of Top.
const (
	MaxFlows    = 255
	MaxOwners   = 255
	MaxPolicies = 32
)

// Account is the service account of a flow.
type Account struct {
	Flow    string `json:"flow"`
	Name    string `json:"name,omitempty"`
	Blocked bool   `json:"blocked,omitempty"`
}

// Profile is who a user is.
type Profile struct {
	Name             string `json:"name,omitempty"`
	Email            string `json:"email,omitempty"`
	Admin            bool   `json:"admin,omitempty"`
	Blocked          bool   `json:"blocked,omitempty"`
	DefaultNamespace string `json:"default_namespace,omitempty"`
	Links            []Link `json:"links,omitempty"`
	// Since is set where somebody else had the login before, until then: nothing of
	// before is theirs.
	Since time.Time `json:"since,omitzero"`
}

// Administers says whether the user has all rights everywhere.
func (p *Profile) Administers() bool { return p.Admin && !p.Blocked }

// MaxLinks bounds the linked accounts of a user.
const MaxLinks = 32

// There says whether something stands at the key.
func (e Entry) There() bool { return e.Made > 0 && !e.Removed }

// LivesIn says whether the entry was made in the container as it is: not in one that
// had its path before.
func (e Entry) LivesIn(container Entry) bool {
	return e.There() && container.There() && e.In == container.Made
}

// Flow is what the root group says of a flow.
func (t *Top) Flow(reference string) FlowEntry {
	if t != nil {
		if i, found := t.find(reference); found {
			return t.Flows[i]
		}
	}
	return FlowEntry{Reference: reference}
}

// FlowSettings is what the root group says of flows.
func (t *Top) FlowSettings() FlowSettings {
	if t == nil {
		return FlowSettings{}
	}
	out := FlowSettings{FoundationalAllowed: t.FoundationalAllowed, Owners: slices.Clone(t.Owners), Plan: t.Plan, Policies: slices.Clone(t.Policies)}
	for _, f := range t.Flows {
		if f.Enabled {
			out.Enabled = append(out.Enabled, f.Reference)
		}
	}
	return out
}

func (t *Top) find(reference string) (int, bool) {
	return slices.BinarySearchFunc(t.Flows, reference, func(f FlowEntry, r string) int { return strings.Compare(f.Reference, r) })
}

// with is a copy with another flow entry; one that says nothing is left out.
func (t *Top) with(f FlowEntry) *Top {
	out := t.clone()
	i, found := out.find(f.Reference)
	switch {
	case found && !f.Enabled && f.Account == "":
		out.Flows = slices.Delete(out.Flows, i, i+1)
	case found:
		out.Flows[i] = f
	case f.Enabled || f.Account != "":
		out.Flows = slices.Insert(out.Flows, i, f)
	}
	return out
}

// withOwner is a copy in which a login is an owner, or none.
func (t *Top) withOwner(login string, is bool) *Top {
	out := t.clone()
	i, found := slices.BinarySearch(out.Owners, login)
	switch {
	case is && !found:
		out.Owners = slices.Insert(out.Owners, i, login)
	case !is && found:
		out.Owners = slices.Delete(out.Owners, i, i+1)
	}
	return out
}

// clone copies what is shared with states of before. A group that is not there has
// none to copy.
func (t *Top) clone() *Top {
	if t == nil {
		return &Top{}
	}
	out := *t
	out.Flows, out.Owners, out.Policies = slices.Clone(t.Flows), slices.Clone(t.Owners), slices.Clone(t.Policies)
	return &out
}

func (p *Profile) clone() *Profile {
	if p == nil {
		return &Profile{}
	}
	out := *p
	out.Links = slices.Clone(p.Links)
	return &out
}

// State is what a stream is beyond its entries.
type State struct {
	// Name is the path of a namespace, or the login of a user.
	Name      string    `json:"name,omitempty"`
	Events    int       `json:"events"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}
