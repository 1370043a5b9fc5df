package threads

import (
	"encoding/base64"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Cursor is the place of a checkpoint in a list.
type Cursor struct {
	TS, Workflow uuid.UUID
	NSHash       [16]byte
}

func cursorOf(c stored.Checkpoint) *Cursor {
	out := &Cursor{TS: c.ThreadTS}
	if id, err := domain.ParseStreamID(c.Stream); err == nil { // the row was found under it
		out.Workflow = id.ID
	}
	copy(out.NSHash[:], projections.NSHash(c.NS))
	return out
}

func (c *Cursor) stream(tenant domain.Tenant) string {
	return domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: c.Workflow}.String()
}

// String is what a client gets and gives back.
func (c *Cursor) String() string {
	b := append(append(c.TS[:], c.Workflow[:]...), c.NSHash[:]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads what String wrote.
func ParseCursor(s string) (*Cursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(Cursor{}.TS)*2+len(Cursor{}.NSHash) {
		return nil, domain.InvalidField("cursor", "cursor is none that a list gave", "send next of the page before, or leave it out")
	}
	return &Cursor{TS: uuid.UUID(b[:16]), Workflow: uuid.UUID(b[16:32]), NSHash: [16]byte(b[32:])}, nil
}
