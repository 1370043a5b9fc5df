package feed_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
)

func message(t *testing.T) (feed.Event, journal.Message) {
	t.Helper()
	c := journal.Commit{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}, ID: uuid.New(), Time: time.Unix(1_700_000_000, 0),
		Principal: domain.Principal{User: "mia"}, Command: journal.CommandRef{ID: uuid.New(), Type: "start"},
		Events: []journal.Event{{Type: "workflow.created", V: 1, Data: []byte(`{"a":1}`)}, {Type: "workflow.run_requested", V: 1, Data: []byte(`{}`)}},
	}
	e := feed.Of(c, domain.Position{Partition: 3, Offset: 1042})[1]
	m, err := e.Message(3, 4, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	return e, m
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	e, m := message(t)
	got, err := feed.Parse(e.ID, m.Value)
	if err != nil || got.ID != e.ID || got.Type != e.Type || got.Stream != e.Stream || got.Actor != e.Actor || got.Command != e.Command {
		t.Errorf("read %+v, %v; wrote %+v", got, err, e)
	}
	o, err := feed.OriginOf(journal.Record{Headers: m.Headers})
	want := feed.Origin{Position: domain.Position{Partition: 3, Offset: 1042}, Commit: o.Commit, Index: 1}
	if err != nil || o != want || o.Commit.String()+"/1" != e.ID {
		t.Errorf("origin %+v, %v; want %+v", o, err, want)
	}
	if string(m.Key) != e.Stream.String() || m.Partition != 3 || !m.Time.Equal(e.Time) {
		t.Errorf("message of %q in partition %d at %s", m.Key, m.Partition, m.Time)
	}
}

// TestForeignRecordsHaveNoOrigin: a record without usable headers is an error,
// never position 0:0, behind which everything would be published again.
func TestForeignRecordsHaveNoOrigin(t *testing.T) {
	t.Parallel()
	id := uuid.NewString()
	for name, headers := range map[string][2]string{
		"nothing":            {"", ""},
		"no position":        {"", id + "/0"},
		"no id":              {"1:2", ""},
		"garbage position":   {"\xff\x00", id + "/0"},
		"negative position":  {"1:-2", id + "/0"},
		"an id of its own":   {"1:2", "my-event"},
		"no index":           {"1:2", id},
		"a negative index":   {"1:2", id + "/-1"},
		"an index too large": {"1:2", id + "/99999999999999999999"},
	} {
		var r journal.Record
		for i, key := range []string{feed.HeaderPosition, feed.HeaderID} {
			if headers[i] != "" {
				r.Headers = append(r.Headers, journal.Header{Key: key, Value: []byte(headers[i])})
			}
		}
		if o, err := feed.OriginOf(r); err == nil {
			t.Errorf("%s: origin %+v, want an error", name, o)
		}
	}
}
