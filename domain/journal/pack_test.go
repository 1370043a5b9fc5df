package journal_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

func TestPackFits(t *testing.T) {
	t.Parallel()
	p := pack(t, commit(journal.Hash{}, 0), blob("a"), blob("b"), blob("a"))
	if len(p.Ahead) != 0 || len(p.Commit.Headers) != 2 {
		t.Errorf("%d ahead, %d headers", len(p.Ahead), len(p.Commit.Headers))
	}
	if p.Hash != journal.HashOf(p.Commit.Value) {
		t.Error("the hash is not that of the value")
	}
	parsed := journal.Parse(record(p.Commit, 1), partitions)
	if parsed.Commit.Needs != nil || len(parsed.Blobs) != 2 {
		t.Errorf("%+v", parsed)
	}
}

func TestPackFillsTheRecord(t *testing.T) {
	t.Parallel()
	const name = len("b:") + 64
	exact := blob(big(journal.MaxHeaderBytes-name, "x"))
	if p := pack(t, commit(journal.Hash{}, 0), exact); len(p.Ahead) != 0 {
		t.Error("what fits exactly went ahead")
	}
	p, err := journal.Pack(commit(journal.Hash{}, 0), []value.Blob{exact, blob("y")}, partitions)
	if err != nil || len(p.Ahead) != 1 {
		t.Errorf("%d ahead, %v", len(p.Ahead), err)
	}
}

func TestPackTooLarge(t *testing.T) {
	t.Parallel()
	c := commit(journal.Hash{}, 0)
	c.Events[0].Data = fmt.Appendf(nil, `{"x":%q}`, big(journal.MaxCommitJSON, "x"))
	if _, err := journal.Pack(c, nil, partitions); codeOf(err) != domain.CodeTooLarge {
		t.Error(err)
	}
}

// Bytes that go ahead cost the commit one address a record, however many.
func TestPackManyBlobs(t *testing.T) {
	t.Parallel()
	var blobs []value.Blob
	for i := range 20_000 {
		blobs = append(blobs, blob(fmt.Sprintf("%0900d", i)))
	}
	p := pack(t, commit(journal.Hash{}, 0), blobs...)
	if len(p.Commit.Value) > 8<<10 {
		t.Errorf("the commit has %d bytes", len(p.Commit.Value))
	}
}

// Records that go ahead have room for their list.
func TestPackFillsTheRecordsAhead(t *testing.T) {
	t.Parallel()
	const name = len("b:") + 64
	for _, taken := range []int{name, name + 32} { // 8 fill a record to the byte, without and with their part of the list
		var blobs []value.Blob
		for i := range 25 {
			blobs = append(blobs, blob(fmt.Sprintf("%0*d", journal.MaxHeaderBytes/8-taken, i)))
		}
		p := pack(t, commit(journal.Hash{}, 0), blobs...)
		if len(p.Commit.Headers) != 8 || len(p.Ahead) != 3 {
			t.Errorf("%d headers, %d ahead", len(p.Commit.Headers), len(p.Ahead))
		}
		for i, m := range p.Ahead {
			if parsed := journal.Parse(record(m, int64(i)), partitions); parsed.Reason != "" {
				t.Errorf("ahead %d: %s", i, parsed.Detail)
			}
		}
	}
}

// admitted plays records of one stream as the projector does.
type admitted struct {
	head  journal.Hash
	known map[value.Address]bool
}

func (a *admitted) take(r journal.Record) journal.Reason {
	p := journal.Parse(r, partitions)
	reason, _ := journal.Admit(journal.Facts{Head: a.head, Known: func(x value.Address) bool { return a.known[x] }}, p)
	if reason != "" {
		return reason
	}
	for _, b := range p.Blobs {
		a.known[b.Address] = true
	}
	if p.What == journal.WhatCommit {
		a.head = p.Hash
	}
	return ""
}

// Whatever the bytes: every record is within the limits, the commit is accepted
// exactly when all that went ahead was, and then all bytes are there.
func TestPackAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 900, 40_000, 250_000, 256 << 10}), 0, 12).Draw(t, "sizes")
		var blobs []value.Blob
		for i, n := range sizes {
			blobs = append(blobs, blob(big(n, fmt.Sprint(i, " "))))
		}
		p, err := journal.Pack(commit(journal.Hash{}, 0), blobs, partitions)
		if err != nil {
			t.Fatal(err)
		}
		lost := -1
		if len(p.Ahead) > 0 && rapid.Bool().Draw(t, "loss") {
			lost = rapid.IntRange(0, len(p.Ahead)-1).Draw(t, "lost")
		}
		a := admitted{known: map[value.Address]bool{}}
		for i, m := range p.Ahead {
			if i == lost {
				continue
			}
			if reason := a.take(record(m, int64(i))); reason != "" {
				t.Fatalf("ahead %d: %s", i, reason)
			}
		}
		switch reason := a.take(record(p.Commit, 99)); {
		case lost >= 0 && reason != journal.ReasonMissingBytes:
			t.Fatalf("bytes were lost, yet %q", reason)
		case lost < 0 && reason != "":
			t.Fatalf("refused: %s", reason)
		case lost < 0:
			for _, b := range blobs {
				if !a.known[b.Address] {
					t.Fatalf("no bytes %s", b.Address)
				}
			}
		}
	})
}
