package journal_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzRecord: any record is read within its bounds; what counts is of the stream
// that its key names, and is written the same way again.
func FuzzRecord(f *testing.F) {
	first := pack(f, commit(journal.Hash{}, 0), blob("new bytes"))
	f.Add(first.Commit.Key, first.Commit.Value, first.Commit.Headers[0].Key, first.Commit.Headers[0].Value)
	second := pack(f, commit(first.Hash, 1), blob(big(journal.MaxHeaderBytes-200, "x")), blob(big(1000, "y")))
	f.Add(second.Commit.Key, second.Commit.Value, "", []byte(nil))
	f.Add(second.Ahead[0].Key, second.Ahead[0].Value, second.Ahead[0].Headers[0].Key, second.Ahead[0].Headers[0].Value)
	several := pack(f, joint()).Commit
	f.Add(several.Key, several.Value, "", []byte(nil))
	for _, tt := range parseCases() {
		r := record(first.Commit, 7)
		r.Value, r.Headers = slices.Clone(r.Value), slices.Clone(r.Headers)
		for _, edit := range tt.edits {
			edit(&r)
		}
		if len(r.Value) < 4<<10 && len(r.Headers) > 0 {
			f.Add(r.Key, r.Value, r.Headers[0].Key, r.Headers[0].Value)
		}
	}
	f.Add([]byte(journal.GenesisKey), []byte(`{"v":1,"genesis":{}}`), "b:", []byte{})
	f.Fuzz(func(t *testing.T, key, value []byte, name string, bytes []byte) {
		r := journal.Record{Key: key, Value: value, Headers: []journal.Header{{Key: name, Value: bytes}}}
		r.Position.Partition = journal.PartitionOf(key, partitions)
		var p journal.Parsed
		fuzztest.Bounded(t, r.Size(), func() { p = journal.Parse(r, partitions) })
		reason, _ := journal.Admit(journal.Facts{Known: none}, p)
		if p.Reason != "" && reason != p.Reason {
			t.Errorf("ignored as %q when read, as %q when admitted", p.Reason, reason)
		}
		if p.What == journal.WhatCommit && p.Reason == "" {
			comesBack(t, p, key, value)
		}
	})
}

func comesBack(t *testing.T, p journal.Parsed, key, value []byte) {
	t.Helper()
	if p.Stream.String() != string(key) || p.Hash != journal.HashOf(value) {
		t.Errorf("key %q is read as %s", key, p.Stream)
	}
	once, err := p.Commit.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := journal.DecodeCommit(once)
	if err != nil {
		t.Fatalf("%s is read, but not as written again: %v", value, err)
	}
	if commands := p.Commit.Commands(); commands[0].CommandRef != p.Commit.Command {
		t.Errorf("the first command of %s is %v", value, commands[0])
	}
	if twice, err := again.Encode(); err != nil || !bytes.Equal(once, twice) {
		t.Errorf("%s is written as %s: %v", once, twice, err)
	}
}

// FuzzGenesis: what begins a partition is written the same way again, and an
// error is the one that callers ask for.
func FuzzGenesis(f *testing.F) {
	m, err := journal.Genesis{Log: stream(0).ID, Partition: 3, Partitions: 64, Partitioner: journal.Partitioner, Format: 1}.Message()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Value, int32(3))
	f.Add([]byte(`{"v":1,"genesis":null}`), int32(0))
	f.Fuzz(func(t *testing.T, value []byte, partition int32) {
		at := domain.Position{Partition: partition}
		g, err := journal.ParseGenesis(journal.Record{Position: at, Key: []byte(journal.GenesisKey), Value: value})
		if err != nil {
			if !errors.Is(err, journal.ErrNotGenesis) {
				t.Errorf("%v is another error", err)
			}
			return
		}
		m, err := g.Message()
		if err != nil {
			t.Fatal(err)
		}
		again, err := journal.ParseGenesis(record(m, 0))
		if err != nil || !reflect.DeepEqual(again, g) {
			t.Errorf("%+v is %+v: %v", g, again, err)
		}
	})
}
