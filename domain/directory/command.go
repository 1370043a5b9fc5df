package directory

import (
	"github.com/duolog/duolog/domain"
)

// Command is a request to change one namespace or one user.
type Command interface {
	CommandType() string
	// Kind is the kind of stream that takes it.
	Kind() domain.Kind
	// Want lists the entries it is decided on.
	Want() []Key
	// Decide is pure. Its error is a *domain.Error: the refusal. No events mean that it
	// was so already.
	Decide(s State, f *Facts, stream domain.StreamID) ([]Event, error)
}

// Commands is the registry: every command type of both kinds of stream, once.
func Commands() []CommandRow {
	return []CommandRow{
		{Type: "namespace.change", V: 1, New: func() Command { return &ChangeNamespace{} }},
		{Type: "user.change", V: 1, New: func() Command { return &ChangeUser{} }},
		{Type: "user.remove", V: 1, New: func() Command { return &RemoveUser{} }},
	}
}

// checkName refuses a command that was sent to the stream of another name.
func checkName(field string, is, want domain.StreamID) error {
	if is != want {
		return domain.InvalidField(field, field+" is not that of the stream", "send the command to the stream of its name")
	}
	return nil
}

// checkExpected refuses a command that was made on a state that is gone.
func checkExpected(s State, expect *int) error {
	if expect == nil || *expect == s.Events {
		return nil
	}
	return &domain.Error{Code: domain.CodeConflict, Field: "expect", Message: "it was changed meanwhile by somebody else", Fix: "look at what is there now and send it again"}
}

// conflict is the refusal of what stands against something that is there.
func conflict(field, message, fix string) error {
	return &domain.Error{Code: domain.CodeConflict, Field: field, Message: message, Fix: fix}
}

func missing(field, message, fix string) error {
	return &domain.Error{Code: domain.CodeNotFound, Field: field, Message: message, Fix: fix}
}
