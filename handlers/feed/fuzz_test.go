package feed_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzParse: any record of the events topic is read or refused; what is read of
// one that names its place is published as the same.
func FuzzParse(f *testing.F) {
	f.Add("id", []byte(`{"stream":"acme/workflow/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a","position":"3:1042","index":1,"type":"workflow.created","v":1,"time":"2026-11-21T10:00:00Z","principal":{"user":"mia"},"command_id":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","data":{"a":1}}`))
	f.Add("", []byte(`{}`))
	f.Add("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d/7", []byte(`null`))
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		_, _ = feed.OriginOf(journal.Record{Headers: []journal.Header{{Key: feed.HeaderID, Value: []byte(id)}, {Key: feed.HeaderPosition, Value: value}}})
		var e feed.Event
		var err error
		fuzztest.Bounded(t, len(value), func() { e, err = feed.Parse(id, value) })
		if err != nil || len(e.Data) == 0 || e.Time.Year() < 0 || e.Time.Year() > 9999 {
			return
		}
		at, err := domain.ParsePosition(e.Position)
		if err != nil {
			return
		}
		m, err := e.Message(at.Partition, 4, uuid.Max)
		if err != nil {
			t.Fatal(err)
		}
		again, err := feed.Parse(id, m.Value)
		if err != nil || again.Stream != e.Stream || again.Type != e.Type || !again.Time.Equal(e.Time) || string(again.Data) != string(e.Data) {
			t.Errorf("%s is published as %s: %v", value, m.Value, err)
		}
	})
}
