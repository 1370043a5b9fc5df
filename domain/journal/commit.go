package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/strictjson"
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

// Encode writes the value bytes of c. The data of its events goes in as it is:
// NewEvent made it.
func (c Commit) Encode() ([]byte, error) {
	if year := c.Time.UTC().Year(); year < 1 || year > 9999 {
		return nil, fmt.Errorf("encode commit %s of %s: year %d is not 1 to 9999", c.ID, c.Stream, year)
	}
	size := 512 + 67*len(c.Needs)
	for _, e := range c.Events {
		size += len(e.Data) + len(e.Type) + 32
	}
	b := append(make([]byte, 0, size), `{"v":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = domain.AppendText(append(b, `,"stream":`...), c.Stream.String())
	b = domain.AppendText(append(b, `,"parent":`...), c.Parent.String())
	b = domain.AppendText(append(b, `,"id":`...), c.ID.String())
	b = c.Time.UTC().AppendFormat(append(b, `,"time":"`...), time.RFC3339Nano)
	b = c.Command.appendJSON(append(b, `","command":`...))
	b = c.Principal.AppendJSON(append(b, `,"principal":`...))
	if len(c.Needs) > 0 {
		b = appendList(append(b, `,"needs":`...), c.Needs, func(b []byte, a value.Address) []byte { return domain.AppendText(b, a.String()) })
	}
	b = appendList(append(b, `,"events":`...), c.Events, func(b []byte, e Event) []byte { return e.appendJSON(b) })
	return append(b, '}'), nil
}

func (c CommandRef) appendJSON(b []byte) []byte {
	return append(c.appendMembers(append(b, '{')), '}')
}

func (c CommandRef) appendMembers(b []byte) []byte {
	b = domain.AppendText(append(b, `"id":`...), c.ID.String())
	b = domain.AppendText(append(b, `,"type":`...), c.Type)
	if c.Hash != (Hash{}) {
		b = domain.AppendText(append(b, `,"hash":`...), c.Hash.String())
	}
	return b
}

func (e Event) appendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `{"type":`...), e.Type)
	b = strconv.AppendInt(append(b, `,"v":`...), int64(e.V), 10)
	b = append(append(b, `,"data":`...), e.Data...)
	return append(b, '}')
}

func appendList[T any](b []byte, items []T, each func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(b, item)
	}
	return append(b, ']')
}

// HashOf is what the next commit names as its parent.
func HashOf(encoded []byte) Hash { return sha256.Sum256(encoded) }

// DecodeCommit reads the value bytes of an accepted commit, as they are kept in
// the read models.
func DecodeCommit(encoded []byte) (Commit, error) {
	rec, ok := canonical(encoded)
	if !ok {
		rec = commitRecord{}
		if err := strictjson.Unmarshal(encoded, &rec); err != nil {
			return Commit{}, err
		}
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
