package cloudevent

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzRead: any record is an event or refused as people can understand, and what
// is read of it stays within bounds.
func FuzzRead(f *testing.F) {
	for _, data := range fuzztest.Seeds(f, "../../schemas/inbox/testdata/*.json") {
		f.Add("application/json", "1.0", data)
		f.Add("application/cloudevents+json", "", append(append([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","replyto":"r","data":`), data...), '}'))
	}
	f.Add("application/cloudevents+json; charset=utf-8", "", []byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"e30="}`))
	f.Fuzz(func(t *testing.T, content, version string, value []byte) {
		m := message.NewMessage("m", value)
		m.Metadata = message.Metadata{HeaderContent: content, Attribute + "specversion": version, Attribute + "id": "1", Attribute + "source": "s", Attribute + "type": "t"}
		var e Event
		var err error
		fuzztest.Bounded(t, len(value), func() { e, err = Read(m) })
		switch {
		case err != nil && domain.CodeOf(err) == domain.CodeInternal:
			t.Errorf("refused with %v", err)
		case err == nil && (e.ID == "" || e.Source == "" || e.Type == "" || len(e.ID) > maxAttribute || len(e.Data) == 0):
			t.Errorf("taken as %+v", e)
		}
	})
}
