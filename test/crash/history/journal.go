package history

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// Journal is the log, admitted from its first record by this build.
type Journal struct {
	Partitions int32
	// Accepted are the accepted commits of each partition, in order.
	Accepted map[int32][]journal.Parsed
	// Ignored counts the records that do not count, by reason.
	Ignored map[journal.Reason]int
	// Found is what a log of this product alone cannot have.
	Found []Violation

	heads map[domain.StreamID]journal.Hash
	known map[string]map[value.Address]bool
	next  map[int32]int64
}

// NewJournal is an empty log.
func NewJournal(partitions int32) *Journal {
	return &Journal{
		Partitions: partitions, Accepted: map[int32][]journal.Parsed{}, Ignored: map[journal.Reason]int{},
		heads: map[domain.StreamID]journal.Hash{}, known: map[string]map[value.Address]bool{}, next: map[int32]int64{},
	}
}

// Take admits the next record of its partition.
func (j *Journal) Take(r journal.Record) {
	at := r.Position
	if j.next[at.Partition] != at.Offset {
		j.Found = append(j.Found, Violation{"no gap in the log", fmt.Sprintf("%s follows on %d", at, j.next[at.Partition]-1)})
	}
	j.next[at.Partition] = at.Offset + 1
	p := journal.Parse(r, j.Partitions)
	key := p.Stream.String()
	reason, detail := journal.Admit(journal.Facts{Head: j.heads[p.Stream], Known: func(a value.Address) bool { return j.known[key][a] }}, p)
	if reason != "" {
		j.Ignored[reason]++
		// Nodes overtake each other, and two inits at once may each begin a
		// partition; nothing else is ever wrong with what this product writes.
		if reason != journal.ReasonStaleParent && (reason != journal.ReasonGenesis || at.Offset != 1) {
			j.Found = append(j.Found, Violation{"only overtaken commits are ignored", fmt.Sprintf("%s of %s: %s, %s", at, r.Key, reason, detail)})
		}
		return
	}
	if j.known[key] == nil {
		j.known[key] = map[value.Address]bool{}
	}
	for _, b := range p.Blobs {
		j.known[key][b.Address] = true
	}
	if p.What == journal.WhatCommit {
		j.heads[p.Stream] = p.Hash
		j.Accepted[at.Partition] = append(j.Accepted[at.Partition], p)
	}
}

// Commits counts the accepted ones.
func (j *Journal) Commits() int {
	n := 0
	for _, commits := range j.Accepted {
		n += len(commits)
	}
	return n
}

// commands are the accepted commits of each command.
func (j *Journal) commands() map[uuid.UUID][]journal.Parsed {
	out := map[uuid.UUID][]journal.Parsed{}
	for _, commits := range j.Accepted {
		for _, c := range commits {
			for _, command := range c.Commit.Commands() {
				out[command.ID] = append(out[command.ID], c)
			}
		}
	}
	return out
}
