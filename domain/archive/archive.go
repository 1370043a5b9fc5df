package archive

import (
	"bytes"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

const (
	// Format is what the header says that the file is.
	Format = "duolog-workflow"
	// Version is the form of the file that this build writes and reads.
	Version = 1
	// LineBytes bounds the bytes in one line, before they are written as text: as in
	// one record of the log.
	LineBytes = journal.MaxHeaderBytes
	// MaxAhead bounds the bytes of one commit, in all its lines: no request brings more.
	MaxAhead = 256 << 20
	// MaxLine bounds a line, in bytes: the bytes in base64, a record in a string that
	// may escape all of it, and room for what stands around.
	MaxLine = 4*LineBytes/3 + 6*journal.MaxCommitJSON + 64<<10
)

// Line is one line; exactly one member is set.
type Line struct {
	Header *Header `json:"header,omitempty"`
	Bytes  []Blob  `json:"bytes,omitempty"`
	Commit *Commit `json:"commit,omitempty"`
	End    *End    `json:"end,omitempty"`
}

// Header is the first line.
type Header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Log is the log that the workflow stands in, Stream its stream there.
	Log        uuid.UUID       `json:"log"`
	Stream     domain.StreamID `json:"stream"`
	Partitions int32           `json:"partitions"`
	// Head is the hash of the last commit, Commits how many there are.
	Head    journal.Hash `json:"head"`
	Commits int          `json:"commits"`
}

// Blob is bytes by their hash.
type Blob struct {
	Address value.Address `json:"address"`
	Data    []byte        `json:"data"`
}

// Commit is one accepted commit.
type Commit struct {
	// Position is where it stands in that log.
	Position string `json:"position"`
	// Record is the value of the record, and Hash its SHA-256.
	Record string       `json:"record"`
	Hash   journal.Hash `json:"hash"`
	Bytes  []Blob       `json:"bytes,omitempty"`
	// Gone are bytes that it names and that were removed since.
	Gone []value.Address `json:"gone,omitempty"`
}

// End is the last line.
type End struct {
	Head    journal.Hash `json:"head"`
	Commits int          `json:"commits"`
}

// Encode writes a line, with its end.
func (l Line) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(l)
	return b.Bytes(), err
}
