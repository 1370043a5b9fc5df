package journal

import (
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/domain/strictjson"
	"github.com/duolog/duolog/domain/value"
)

// Reason says why a record was ignored. Empty means it was not.
type Reason string

// The reasons. They are kept for ever, so they never change their meaning.
const (
	// ReasonMalformed: not a record of this format.
	ReasonMalformed Reason = "malformed"
	// ReasonGenesis: a genesis record that is not record 0.
	ReasonGenesis Reason = "genesis_again"
	// ReasonWrongKey: the key is not the stream the record speaks of.
	ReasonWrongKey Reason = "wrong_key"
	// ReasonWrongPartition: the key belongs to another partition.
	ReasonWrongPartition Reason = "wrong_partition"
	// ReasonTooLarge: above the limits of the format.
	ReasonTooLarge Reason = "too_large"
	// ReasonBadBytes: bytes whose hash is not their address.
	ReasonBadBytes Reason = "bad_bytes"
	// ReasonStaleParent: somebody else's commit came first, or this one came twice.
	ReasonStaleParent Reason = "stale_parent"
	// ReasonMissingBytes: it names bytes that the stream does not have.
	ReasonMissingBytes Reason = "missing_bytes"
)

// What a parsed record is.
type What int

// The three shapes of a record.
const (
	WhatNothing What = iota
	WhatGenesis
	WhatCommit
	WhatBlobs
)

// Parsed is a record after every check that needs the record alone.
type Parsed struct {
	Record Record
	What   What
	Stream domain.StreamID
	// Commit and Hash are set for a commit.
	Commit Commit
	Hash   Hash
	// Blobs are the bytes that ride in the record, checked against their address.
	Blobs []value.Blob
	// Reason and Detail are set when the record alone is enough to ignore it.
	Reason Reason
	Detail string
}

// Facts is what Admit must know of the stream before the record.
type Facts struct {
	// Head is the hash of the last accepted commit; zero when there is none.
	Head Hash
	// Known says whether the stream has the bytes already.
	Known func(value.Address) bool
}

// Admit decides whether a record counts. It is pure, so every node and every
// rebuild says the same of the same log: split ownership, zombies, late
// duplicates and two nodes that decided at once all end as an ignored commit.
func Admit(f Facts, p Parsed) (Reason, string) {
	if p.Reason != "" || p.What != WhatCommit {
		return p.Reason, p.Detail
	}
	if p.Commit.Parent != f.Head && !planted.Bug("no_parent_check") {
		return ReasonStaleParent, "its parent is " + nameOf(p.Commit.Parent) + ", the head is " + nameOf(f.Head)
	}
	for _, a := range p.Commit.Needs {
		if !f.Known(a) {
			return ReasonMissingBytes, "no bytes " + a.String()
		}
	}
	return "", ""
}

func nameOf(h Hash) string {
	if h == (Hash{}) {
		return "none"
	}
	return h.String()[:12]
}

// Parse reads one record of a journal with that many partitions. It never
// fails: what cannot be read is a record to ignore, with its reason.
func Parse(r Record, partitions int32) Parsed {
	p := Parsed{Record: r}
	if string(r.Key) == GenesisKey {
		return p.genesis()
	}
	blobs, reason, detail := blobsOf(r.Headers)
	p.Blobs = blobs
	if reason != "" {
		return p.ignored(reason, detail)
	}
	if len(r.Value) > MaxCommitJSON {
		return p.ignored(ReasonTooLarge, "the value passes 64 KiB")
	}
	if err := p.read(); err != nil {
		return p.ignored(ReasonMalformed, err.Error())
	}
	switch {
	case p.Stream.String() != string(r.Key):
		return p.ignored(ReasonWrongKey, "it speaks of "+p.Stream.String())
	case PartitionOf(r.Key, partitions) != r.Position.Partition:
		return p.ignored(ReasonWrongPartition, "its key belongs elsewhere")
	}
	return p
}

func (p Parsed) genesis() Parsed {
	if _, err := ParseGenesis(p.Record); err != nil {
		return p.ignored(ReasonMalformed, err.Error())
	}
	if p.Record.Position.Offset != 0 {
		return p.ignored(ReasonGenesis, "a partition begins once")
	}
	p.What = WhatGenesis
	return p
}

func (p Parsed) ignored(reason Reason, detail string) Parsed {
	p.What, p.Reason, p.Detail = WhatNothing, reason, detail
	p.Blobs = nil
	return p
}

// read reads the value: a commit, nearly always, or what says that bytes go
// ahead of one.
func (p *Parsed) read() error {
	c, err := DecodeCommit(p.Record.Value)
	if err == nil {
		p.What, p.Stream, p.Commit, p.Hash = WhatCommit, c.Stream, c, HashOf(p.Record.Value)
		return nil
	}
	var b blobRecord
	if strictjson.Unmarshal(p.Record.Value, &b) != nil || b.V != Version || b.Blobs <= 0 {
		return err
	}
	if p.Stream, err = domain.ParseStreamID(b.Stream); err != nil {
		return err
	}
	if b.Blobs != len(p.Blobs) {
		return errors.New("the count of blobs does not match the headers")
	}
	p.What = WhatBlobs
	return nil
}

// blobsOf reads the bytes in the headers. Headers of other names belong to
// others (tracing) and do not count.
func blobsOf(headers []Header) ([]value.Blob, Reason, string) {
	var out []value.Blob
	seen := map[value.Address]bool{}
	size := 0
	for _, h := range headers {
		name, ok := strings.CutPrefix(h.Key, BlobHeader)
		if !ok {
			continue
		}
		address, err := value.ParseAddress(name)
		if err != nil {
			return nil, ReasonBadBytes, err.Error()
		}
		if value.Address(sha256.Sum256(h.Value)) != address {
			return nil, ReasonBadBytes, "the bytes are not " + name
		}
		if seen[address] {
			return nil, ReasonBadBytes, "the bytes " + name + " ride twice"
		}
		seen[address] = true
		size += len(h.Key) + len(h.Value)
		out = append(out, value.Blob{Address: address, Bytes: h.Value})
	}
	if size > MaxHeaderBytes {
		return nil, ReasonTooLarge, "the bytes pass 512 KiB"
	}
	return out, "", ""
}
