package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Hash is the SHA-256 of the value bytes of a commit: what the next commit of
// the stream names as its parent. The zero hash is the parent of the first.
type Hash [sha256.Size]byte

// String is the hash in lower-case hex, or "" for the zero hash.
func (h Hash) String() string {
	if h == (Hash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// MarshalText writes what String returns.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what String writes.
func (h *Hash) UnmarshalText(b []byte) error {
	*h = Hash{}
	if len(b) == 0 {
		return nil
	}
	if len(b) != hex.EncodedLen(len(h)) || !bytes.Equal(b, bytes.ToLower(b)) {
		return errors.New("a hash is 64 lower-case hex digits")
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// Event is one thing that happened, as it stands in a commit. Type is stable
// and never derived from a Go type; V is the version of its data.
type Event struct {
	Type string          `json:"type"`
	V    int             `json:"v"`
	Data json.RawMessage `json:"data"`
}

// CommandRef says which command a commit carries out. ID is the memory of
// idempotency: unique per stream, for ever. Hash is the SHA-256 of what the
// client sent under a key of its own, so that the same key with another body
// can be told apart; it is zero where the client gave no key.
type CommandRef struct {
	ID   uuid.UUID `json:"id"`
	Type string    `json:"type"`
	Hash Hash      `json:"hash,omitzero"`
}

// Commit is one journal record: events of one stream that are accepted or
// ignored together.
type Commit struct {
	Stream    domain.StreamID
	Parent    Hash
	ID        uuid.UUID
	Time      time.Time
	Command   CommandRef
	Principal domain.Principal
	// Needs names the bytes that the events refer to and that do not ride in
	// this record: they stand in an earlier accepted commit or blob record.
	Needs  []value.Address
	Events []Event
}

// commitRecord is the JSON of a commit. Field order is part of nothing: the
// hash is over the bytes as they were written.
type commitRecord struct {
	V         int              `json:"v"`
	Stream    string           `json:"stream"`
	Parent    Hash             `json:"parent"`
	ID        uuid.UUID        `json:"id"`
	Time      time.Time        `json:"time"`
	Command   CommandRef       `json:"command"`
	Principal domain.Principal `json:"principal"`
	Needs     []value.Address  `json:"needs,omitempty"`
	Events    []Event          `json:"events"`
}

// Encode writes the value bytes of c.
func (c Commit) Encode() ([]byte, error) {
	out, err := encodeJSON(commitRecord{
		V: Version, Stream: c.Stream.String(), Parent: c.Parent, ID: c.ID, Time: c.Time.UTC(),
		Command: c.Command, Principal: c.Principal, Needs: c.Needs, Events: c.Events,
	})
	if err != nil {
		return nil, fmt.Errorf("encode commit %s of %s: %w", c.ID, c.Stream, err)
	}
	return out, nil
}

// HashOf is what the next commit names as its parent.
func HashOf(encoded []byte) Hash { return sha256.Sum256(encoded) }

// DecodeCommit reads the value bytes of an accepted commit, as they are kept in
// the read models.
func DecodeCommit(encoded []byte) (Commit, error) {
	var rec commitRecord
	if err := strictJSON(encoded, &rec); err != nil {
		return Commit{}, err
	}
	return rec.commit()
}

func (r commitRecord) commit() (Commit, error) {
	stream, err := domain.ParseStreamID(r.Stream)
	if err != nil {
		return Commit{}, err
	}
	switch {
	case r.V != Version:
		return Commit{}, fmt.Errorf("format %d is not %d", r.V, Version)
	case r.ID == uuid.Nil || r.Command.ID == uuid.Nil || r.Command.Type == "":
		return Commit{}, errors.New("id, command.id and command.type must be set")
	case r.Time.IsZero() || r.Time.UTC().Year() < 1 || r.Time.UTC().Year() > 9999:
		return Commit{}, errors.New("time must be set, in the years 1 to 9999")
	case len(r.Events) == 0 || len(r.Events) > domain.MaxItems:
		return Commit{}, fmt.Errorf("%d events are not 1 to %d", len(r.Events), domain.MaxItems)
	}
	for i, e := range r.Events {
		if e.Type == "" || e.V < 1 || len(e.Data) == 0 || e.Data[0] != '{' {
			return Commit{}, fmt.Errorf("event %d needs a type, a version and an object", i)
		}
	}
	return Commit{
		Stream: stream, Parent: r.Parent, ID: r.ID, Time: r.Time.UTC(), Command: r.Command,
		Principal: r.Principal, Needs: r.Needs, Events: r.Events,
	}, nil
}

// blobRecord is the JSON of a record that only carries bytes.
type blobRecord struct {
	V      int    `json:"v"`
	Stream string `json:"stream"`
	Blobs  int    `json:"blobs"`
}
