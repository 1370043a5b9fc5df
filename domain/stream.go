package domain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// Kind names what a stream decides about.
type Kind string

// The kinds of stream this build knows.
const (
	KindWorkflow     Kind = "workflow"
	KindConversation Kind = "conversation"
)

var kindPattern = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// Valid says whether k may stand in a key. A kind this build does not know is
// valid: what the log admits must not depend on the build that reads it.
func (k Kind) Valid() bool { return kindPattern.MatchString(string(k)) }

// Tenant names the customer a stream belongs to: 1 to 63 characters of
// a-z, 0-9, "-" and "_", the first a letter or digit. It leads every key.
type Tenant string

var tenantPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Valid says whether the name may lead a key.
func (t Tenant) Valid() bool { return tenantPattern.MatchString(string(t)) }

// StreamID names one stream: everything that decides together shares it, and
// with it a key and a partition of the journal.
type StreamID struct {
	Tenant Tenant
	Kind   Kind
	ID     uuid.UUID
}

// String is the record key: tenant/kind/id.
func (s StreamID) String() string {
	return string(s.Tenant) + "/" + string(s.Kind) + "/" + s.ID.String()
}

// MarshalText writes the record key.
func (s StreamID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a record key.
func (s *StreamID) UnmarshalText(b []byte) error {
	parsed, err := ParseStreamID(string(b))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// ParseStreamID reads the canonical form that String writes and refuses every
// other spelling, so that a stream has exactly one key.
func ParseStreamID(s string) (StreamID, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return StreamID{}, fmt.Errorf("stream %q is not tenant/kind/id", clip(s))
	}
	id, err := uuid.Parse(parts[2])
	if err != nil {
		return StreamID{}, fmt.Errorf("stream %q: id is not a UUID", clip(s))
	}
	out := StreamID{Tenant: Tenant(parts[0]), Kind: Kind(parts[1]), ID: id}
	switch {
	case !out.Tenant.Valid():
		return StreamID{}, fmt.Errorf("stream %q: bad tenant", clip(s))
	case !out.Kind.Valid():
		return StreamID{}, fmt.Errorf("stream %q: bad kind", clip(s))
	case out.String() != s:
		return StreamID{}, fmt.Errorf("stream %q is not in canonical form", clip(s))
	}
	return out, nil
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}
