package directory

import (
	"encoding/json"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Event is one thing that happened in a namespace or to a user.
//
//sumtype:decl
type Event interface {
	// EventType is the stable name of the type, without its version.
	EventType() string
	event()
}

// What happens in a namespace. Paths are whole.
type (
	// NamespaceCreated begins a root group.
	NamespaceCreated struct {
		Path string `json:"path"`
	}
	// GroupCreated adds a group below another.
	GroupCreated struct {
		Path string `json:"path"`
	}
	// ProjectCreated adds a project to a group.
	ProjectCreated struct {
		Path     string          `json:"path"`
		Settings ProjectSettings `json:"settings"`
	}
	// ContainerDeleted takes a group or project away, and with it what was made in it.
	ContainerDeleted struct {
		Path string `json:"path"`
	}
	// MemberSet gives a login a level, which what is below the path inherits.
	MemberSet struct {
		Path  string `json:"path"`
		Login string `json:"login"`
		Level Level  `json:"level"`
	}
	// MemberRemoved takes the level away.
	MemberRemoved struct {
		Path  string `json:"path"`
		Login string `json:"login"`
	}
	// ServiceAccountCreated is the account that a flow acts as.
	ServiceAccountCreated struct {
		Namespace string `json:"namespace"`
		Login     string `json:"login"`
		Flow      string `json:"flow"`
		Name      string `json:"name,omitempty"`
	}
	// ServiceAccountBlocked says that the account may nothing, or again what it may.
	ServiceAccountBlocked struct {
		Namespace string `json:"namespace"`
		Login     string `json:"login"`
		Blocked   bool   `json:"blocked"`
	}
	// ServiceAccountRemoved takes the account away, and with it its memberships.
	ServiceAccountRemoved struct {
		Namespace string `json:"namespace"`
		Login     string `json:"login"`
		Flow      string `json:"flow"`
	}
	// SettingsChanged is what the root group says from now on.
	SettingsChanged struct {
		Namespace           string   `json:"namespace"`
		FoundationalAllowed bool     `json:"foundational_allowed"`
		Plan                string   `json:"plan,omitempty"`
		Policies            []Policy `json:"policies,omitempty"`
	}
	// FlowEnabled puts a flow on the root group's list.
	FlowEnabled struct {
		Namespace string `json:"namespace"`
		Flow      string `json:"flow"`
	}
	// FlowDisabled takes it off.
	FlowDisabled struct {
		Namespace string `json:"namespace"`
		Flow      string `json:"flow"`
	}
	// FlagSet switches a flag at a path and below it.
	FlagSet struct {
		Path string `json:"path"`
		Name string `json:"name"`
		On   bool   `json:"on"`
	}
	// FlagCleared leaves it to the groups above.
	FlagCleared struct {
		Path string `json:"path"`
		Name string `json:"name"`
	}
)

// What happens to a user.
type (
	// UserCreated makes a login known. Where somebody had it before, it is another person.
	UserCreated struct {
		Login string `json:"login"`
		Name  string `json:"name,omitempty"`
		Email string `json:"email,omitempty"`
		Admin bool   `json:"admin,omitempty"`
	}
	// UserChanged is what the user is called from now on.
	UserChanged struct {
		Login string `json:"login"`
		Name  string `json:"name,omitempty"`
		Email string `json:"email,omitempty"`
	}
	// UserAdminChanged makes an administrator, or none.
	UserAdminChanged struct {
		Login string `json:"login"`
		Admin bool   `json:"admin"`
	}
	// UserBlocked says that the user may nothing.
	UserBlocked struct {
		Login string `json:"login"`
	}
	// UserUnblocked says that the user may again what they may.
	UserUnblocked struct {
		Login string `json:"login"`
	}
	// UserRemoved says that the login is nobody's any more.
	UserRemoved struct {
		Login string `json:"login"`
	}
	// UserDefaultNamespaceChanged is the group the user works in; empty for none.
	UserDefaultNamespaceChanged struct {
		Login     string `json:"login"`
		Namespace string `json:"namespace,omitempty"`
	}
	// UserAccountLinked says that an account elsewhere is the user's.
	UserAccountLinked struct {
		Login   string `json:"login"`
		Account Link   `json:"account"`
	}
	// UserAccountUnlinked says that it is not any more.
	UserAccountUnlinked struct {
		Login   string `json:"login"`
		Account Link   `json:"account"`
	}
)

// Link is an account of a user elsewhere.
type Link struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`
}

// EventType names the type of the event in the log.
func (NamespaceCreated) EventType() string            { return "namespace.created" }
func (GroupCreated) EventType() string                { return "namespace.group_created" }
func (ProjectCreated) EventType() string              { return "namespace.project_created" }
func (ContainerDeleted) EventType() string            { return "namespace.container_deleted" }
func (MemberSet) EventType() string                   { return "namespace.member_set" }
func (MemberRemoved) EventType() string               { return "namespace.member_removed" }
func (ServiceAccountCreated) EventType() string       { return "namespace.service_account_created" }
func (ServiceAccountBlocked) EventType() string       { return "namespace.service_account_blocked" }
func (ServiceAccountRemoved) EventType() string       { return "namespace.service_account_removed" }
func (SettingsChanged) EventType() string             { return "namespace.settings_changed" }
func (FlowEnabled) EventType() string                 { return "namespace.flow_enabled" }
func (FlowDisabled) EventType() string                { return "namespace.flow_disabled" }
func (FlagSet) EventType() string                     { return "namespace.flag_set" }
func (FlagCleared) EventType() string                 { return "namespace.flag_cleared" }
func (UserCreated) EventType() string                 { return "user.created" }
func (UserChanged) EventType() string                 { return "user.changed" }
func (UserAdminChanged) EventType() string            { return "user.admin_changed" }
func (UserBlocked) EventType() string                 { return "user.blocked" }
func (UserUnblocked) EventType() string               { return "user.unblocked" }
func (UserRemoved) EventType() string                 { return "user.removed" }
func (UserDefaultNamespaceChanged) EventType() string { return "user.default_namespace_changed" }
func (UserAccountLinked) EventType() string           { return "user.account_linked" }
func (UserAccountUnlinked) EventType() string         { return "user.account_unlinked" }

// Recorded is an event with what its commit says of it.
type Recorded struct {
	Event     Event
	Time      time.Time
	Principal domain.Principal
}

// EventRow is the registry entry of one event version of the directory.
type EventRow = journal.EventRow[Event]

// CommandRow is the registry entry of one command version of the directory.
type CommandRow = journal.CommandRow[Command]

// Decoder reads the events of the directory.
type Decoder = journal.Decoder[Event]

// NewDecoder reads every event of the registry.
func NewDecoder() Decoder { return journal.NewDecoder(Events()) }

// Events is the registry: every event type of both kinds of stream, once.
func Events() []EventRow {
	return []EventRow{
		row[NamespaceCreated](1), row[GroupCreated](1), row[ProjectCreated](1), row[ContainerDeleted](1),
		row[MemberSet](1), row[MemberRemoved](1),
		row[ServiceAccountCreated](1), row[ServiceAccountBlocked](1), row[ServiceAccountRemoved](1),
		row[SettingsChanged](1), row[FlowEnabled](1), row[FlowDisabled](1), row[FlagSet](1), row[FlagCleared](1),
		row[UserCreated](1), row[UserChanged](1), row[UserAdminChanged](1), row[UserBlocked](1), row[UserUnblocked](1), row[UserRemoved](1),
		row[UserDefaultNamespaceChanged](1), row[UserAccountLinked](1), row[UserAccountUnlinked](1),
	}
}

func row[E Event](v int) EventRow {
	var none E
	return EventRow{Type: none.EventType(), V: v, Decode: decode[E]}
}

func decode[E Event](data json.RawMessage) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}

// Only events of this package are events of the directory.
func (NamespaceCreated) event()            {}
func (GroupCreated) event()                {}
func (ProjectCreated) event()              {}
func (ContainerDeleted) event()            {}
func (MemberSet) event()                   {}
func (MemberRemoved) event()               {}
func (ServiceAccountCreated) event()       {}
func (ServiceAccountBlocked) event()       {}
func (ServiceAccountRemoved) event()       {}
func (SettingsChanged) event()             {}
func (FlowEnabled) event()                 {}
func (FlowDisabled) event()                {}
func (FlagSet) event()                     {}
func (FlagCleared) event()                 {}
func (UserCreated) event()                 {}
func (UserChanged) event()                 {}
func (UserAdminChanged) event()            {}
func (UserBlocked) event()                 {}
func (UserUnblocked) event()               {}
func (UserRemoved) event()                 {}
func (UserDefaultNamespaceChanged) event() {}
func (UserAccountLinked) event()           {}
func (UserAccountUnlinked) event()         {}
