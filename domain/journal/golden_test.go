package journal_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

var update = flag.Bool("update", false, "write golden files that are not there; those that are never change")

// The bytes of the format are a promise.
func TestGolden(t *testing.T) {
	t.Parallel()
	genesis := journal.Genesis{Log: uuid.MustParse("0198a3ee-0000-7000-8000-00000000d0c0"), Partition: 3, Partitions: partitions, Partitioner: journal.Partitioner, Format: 1}
	first, err := genesis.Message()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "genesis", first)

	full := commit(journal.HashOf([]byte("before")), 1)
	full.Command.Hash = journal.HashOf([]byte("body"))
	full.Principal = domain.Principal{User: "ada <ada@example.com>", ServiceAccount: "duo-developer-acme", System: "callback", Run: &domain.RunRef{ID: uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d"), Epoch: 2}}
	full.Needs = append(full.Needs, value.AddressOf([]byte("stored before")))
	full.Events = append(full.Events, journal.Event{Type: "workflow.status_changed", V: 1, Data: []byte(`{"event":"start","from":"created","to":"running"}`)})
	golden(t, "commit", pack(t, full, blob("the first piece"), blob("\x00\xff")).Commit)
	golden(t, "commit_of_several_commands", pack(t, joint()).Commit)
	golden(t, "first_commit", pack(t, commit(journal.Hash{}, 0)).Commit)

	spilled := pack(t, commit(journal.Hash{}, 0), blob(big(300<<10, "a")), blob(big(300<<10, "b")))
	if len(spilled.Ahead) != 1 {
		t.Fatalf("%d records ahead", len(spilled.Ahead))
	}
	golden(t, "blobs", shortened(spilled.Ahead[0]))
	golden(t, "commit_after_blobs", shortened(spilled.Commit))
}

// shortened keeps golden files readable: bytes above 1 KiB by their length.
func shortened(m journal.Message) journal.Message {
	headers := append([]journal.Header(nil), m.Headers...)
	for i, h := range headers {
		if len(h.Value) > 1<<10 {
			headers[i].Value = fmt.Appendf(nil, "%d times %c", len(h.Value), h.Value[0])
		}
	}
	m.Headers = headers
	return m
}

func golden(t *testing.T, name string, m journal.Message) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "partition %d\nkey %s\nvalue %s\n", m.Partition, m.Key, m.Value)
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "header %s %s\n", h.Key, base64.StdEncoding.EncodeToString(h.Value))
	}
	fmt.Fprintf(&b, "hash %s\n", journal.HashOf(m.Value))
	file := "testdata/" + name + ".golden"
	want, err := os.ReadFile(file)
	if os.IsNotExist(err) && *update {
		want, err = b.Bytes(), os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the format changed: %s", d)
	}
}
