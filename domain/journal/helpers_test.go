package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

const partitions = 64

func stream(n int) domain.StreamID {
	return domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "stream %d", n))}
}

func commit(parent journal.Hash, n int) journal.Commit {
	return journal.Commit{
		Stream: stream(0), Parent: parent,
		ID:        uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "commit %d", n)),
		Time:      time.Date(2026, 11, 21, 10, 14, 2, 304000000, time.UTC).Add(time.Duration(n) * time.Second),
		Command:   journal.CommandRef{ID: uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "command %d", n)), Type: "workflow.confirm_run"},
		Principal: domain.Principal{System: "engine"},
		Events:    []journal.Event{{Type: "workflow.run_started", V: 1, Data: []byte(`{"run":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","workload":"pid:4711"}`)}},
	}
}

func blob(b string) value.Blob {
	return value.Blob{Address: value.AddressOf([]byte(b)), Bytes: []byte(b)}
}

func pack(tb testing.TB, c journal.Commit, blobs ...value.Blob) journal.Packed {
	tb.Helper()
	p, err := journal.Pack(c, blobs, partitions)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func record(m journal.Message, offset int64) journal.Record {
	return journal.Record{
		Position: domain.Position{Partition: m.Partition, Offset: offset}, Key: m.Key, Value: m.Value, Headers: m.Headers,
	}
}

// none says that the stream has no bytes.
func none(value.Address) bool { return false }

func codeOf(err error) domain.Code { return domain.CodeOf(err) }

func big(n int, fill string) string { return strings.Repeat(fill, n)[:n] }
