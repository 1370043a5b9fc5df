package journal_test

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/domain/journal"
)

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTraceParentIsReadFromTheHeaders(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		traceParent:                  traceParent,
		"":                           "",
		"01" + traceParent[2:]:       "",
		strings.ToUpper(traceParent): "",
		traceParent[:54] + "-":       "",
		strings.Replace(traceParent, "-", "0", 1): "",
		traceParent + "-more":                     "",
	} {
		headers := []journal.Header{{Key: "other", Value: []byte(traceParent)}, {Key: journal.TraceHeader, Value: []byte(value)}}
		if got := journal.TraceParent(headers); got != want {
			t.Errorf("%q is read as %q", value, got)
		}
	}
	if got := journal.TraceParent(nil); got != "" {
		t.Errorf("no header is read as %q", got)
	}
}

// TestAdmissionDoesNotSeeTheTrace: a record is the same with and without it.
func TestAdmissionDoesNotSeeTheTrace(t *testing.T) {
	t.Parallel()
	plain := record(pack(t, commit(journal.Hash{}, 0), blob("a")).Commit, 7)
	traced := plain
	traced.Headers = append([]journal.Header{{Key: journal.TraceHeader, Value: []byte(traceParent)}}, plain.Headers...)
	a, b := journal.Parse(plain, partitions), journal.Parse(traced, partitions)
	if a.Reason != "" || b.Reason != "" || a.Hash != b.Hash || len(a.Blobs) != len(b.Blobs) {
		t.Errorf("without: %q %s, with: %q %s", a.Reason, a.Hash, b.Reason, b.Hash)
	}
}
