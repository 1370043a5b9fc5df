package domain

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Kind names what a stream decides about.
type Kind string

// The kinds of stream this build knows.
const (
	KindWorkflow     Kind = "workflow"
	KindConversation Kind = "conversation"
	KindNamespace    Kind = "namespace"
	KindUser         Kind = "user"
)

// Valid says whether k may stand in a key. A kind this build does not know is
// valid: what the log admits must not depend on the build that reads it.
func (k Kind) Valid() bool {
	if k == "" || len(k) > 32 || k[0] == '_' {
		return false
	}
	for _, c := range []byte(k) {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}

// Tenant names the customer a stream belongs to: 1 to 63 characters of
// a-z, 0-9, "-" and "_", the first a letter or digit. It leads every key.
type Tenant string

// Valid says whether the name may lead a key.
func (t Tenant) Valid() bool {
	if t == "" || len(t) > 63 || t[0] == '-' || t[0] == '_' {
		return false
	}
	for _, c := range []byte(t) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

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
	tenant, rest, _ := strings.Cut(s, "/")
	kind, name, found := strings.Cut(rest, "/")
	if !found || strings.Contains(name, "/") {
		return StreamID{}, fmt.Errorf("stream %q is not tenant/kind/id", clip(s))
	}
	id, err := uuid.Parse(name)
	if err != nil {
		return StreamID{}, fmt.Errorf("stream %q: id is not a UUID", clip(s))
	}
	out := StreamID{Tenant: Tenant(tenant), Kind: Kind(kind), ID: id}
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
