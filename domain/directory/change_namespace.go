package directory

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/duolog/duolog/domain"
)

// ChangeNamespace changes a root group and what is in it: all of it or nothing.
type ChangeNamespace struct {
	// Root is the path of the root group.
	Root    string   `json:"root"`
	Changes []Change `json:"changes"`
	// Expect is how many events the namespace must have had so far; nil for any.
	Expect *int `json:"expect,omitempty"`
}

// Change is one change; exactly one of its members is set.
type Change struct {
	CreateNamespace      *CreateNamespace      `json:"create_namespace,omitempty"`
	CreateGroup          *CreateGroup          `json:"create_group,omitempty"`
	CreateProject        *CreateProject        `json:"create_project,omitempty"`
	DeleteContainer      *DeleteContainer      `json:"delete_container,omitempty"`
	SetMember            *SetMember            `json:"set_member,omitempty"`
	RemoveMember         *RemoveMember         `json:"remove_member,omitempty"`
	CreateServiceAccount *CreateServiceAccount `json:"create_service_account,omitempty"`
	BlockServiceAccount  *BlockServiceAccount  `json:"block_service_account,omitempty"`
	RemoveServiceAccount *RemoveServiceAccount `json:"remove_service_account,omitempty"`
	ChangeSettings       *ChangeSettings       `json:"change_settings,omitempty"`
	SetFlow              *SetFlow              `json:"set_flow,omitempty"`
	SetFlag              *SetFlag              `json:"set_flag,omitempty"`
}

// part is what a change does.
type part interface {
	// want lists the entries that the change is decided on, but for the root group.
	want(root string) []Key
	decide(f *Facts, root string) ([]Event, error)
}

// part is the one member that is set, and its name; nil where that is not one.
func (c Change) part() (name string, p part) {
	for _, m := range []struct {
		name string
		set  bool
		part part
	}{
		{"create_namespace", c.CreateNamespace != nil, c.CreateNamespace},
		{"create_group", c.CreateGroup != nil, c.CreateGroup},
		{"create_project", c.CreateProject != nil, c.CreateProject},
		{"delete_container", c.DeleteContainer != nil, c.DeleteContainer},
		{"set_member", c.SetMember != nil, c.SetMember},
		{"remove_member", c.RemoveMember != nil, c.RemoveMember},
		{"create_service_account", c.CreateServiceAccount != nil, c.CreateServiceAccount},
		{"block_service_account", c.BlockServiceAccount != nil, c.BlockServiceAccount},
		{"remove_service_account", c.RemoveServiceAccount != nil, c.RemoveServiceAccount},
		{"change_settings", c.ChangeSettings != nil, c.ChangeSettings},
		{"set_flow", c.SetFlow != nil, c.SetFlow},
		{"set_flag", c.SetFlag != nil, c.SetFlag},
	} {
		switch {
		case !m.set:
		case p != nil:
			return "", nil
		default:
			name, p = m.name, m.part
		}
	}
	return name, p
}

// MaxChanges bounds the changes of one command: each makes at most two events, of
// which a commit has at most domain.MaxItems.
const MaxChanges = domain.MaxItems / 2

// CommandType names the command.
func (*ChangeNamespace) CommandType() string { return "namespace.change" }

// Kind is that of a namespace.
func (*ChangeNamespace) Kind() domain.Kind { return domain.KindNamespace }

// Want asks for what the changes are about.
func (c *ChangeNamespace) Want() []Key {
	keys := []Key{containerKey(c.Root)}
	for _, one := range c.Changes {
		if _, p := one.part(); p != nil {
			keys = append(keys, p.want(c.Root)...)
		}
	}
	return keys
}

// Validate checks what no state would take.
func (c *ChangeNamespace) Validate() error {
	if err := CheckPath("root", c.Root); err != nil {
		return err
	}
	if Parent(c.Root) != "" {
		return domain.InvalidField("root", fmt.Sprintf("root %.80q is not a root group", c.Root), "send the first part of the path")
	}
	if n := len(c.Changes); n == 0 || n > MaxChanges {
		return domain.InvalidField("changes", fmt.Sprintf("%d changes are not 1 to %d", n, MaxChanges), "send that many; a change can be repeated safely")
	}
	for i, one := range c.Changes {
		if _, p := one.part(); p == nil {
			return domain.InvalidField(fmt.Sprintf("changes[%d]", i), "a change has exactly one member", "send one, such as {\"set_member\": {…}}")
		}
	}
	return nil
}

// Decide decides the changes one after another, each on what the one before it left.
func (c *ChangeNamespace) Decide(s State, f *Facts, stream domain.StreamID) ([]Event, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := cmp.Or(checkName("root", stream, NamespaceStream(stream.Tenant, c.Root)), checkExpected(s, c.Expect)); err != nil {
		return nil, err
	}
	f = f.over()
	var out []Event
	for i, one := range c.Changes {
		name, p := one.part()
		if one.CreateNamespace == nil && !f.Get(containerKey(c.Root)).There() {
			return nil, missing("root", fmt.Sprintf("there is no namespace %s", c.Root), "create it first: duolog namespace create "+c.Root)
		}
		events, err := p.decide(f, c.Root)
		if err != nil {
			return nil, at(err, fmt.Sprintf("changes[%d].%s.", i, name))
		}
		for _, e := range events {
			f.Apply(s, e, 0)
			s.Events++
		}
		out = append(out, events...)
	}
	return out, nil
}

// at names the place of a refusal.
func at(err error, place string) error {
	e, ok := errors.AsType[*domain.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Field = place + e.Field
	return &out
}

// within refuses a path that is not below the root group.
func within(path, root string) error {
	if err := CheckPath("path", path); err != nil {
		return err
	}
	if Root(path) != root {
		return domain.InvalidField("path", fmt.Sprintf("%.80q is not in %s", path, root), "send it to its own root group")
	}
	return nil
}

// found is the container at a path of the root group.
func found(f *Facts, path, root string) (Entry, error) {
	if err := within(path, root); err != nil {
		return Entry{}, err
	}
	e := f.Get(containerKey(path))
	if !e.There() {
		return e, missing("path", fmt.Sprintf("there is no group or project %s", path), "create it first: duolog namespace create "+path)
	}
	return e, nil
}
