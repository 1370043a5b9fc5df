package saver_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/examples/saver"
	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// TestSaver puts two checkpoints, of which the second sends one channel of two, and
// reads back what it did not send.
func TestSaver(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 0)
	if r := f.Init(1); r.Code != 0 {
		t.Fatalf("journal init: %s%s", r.Out, r.Err)
	}
	n := f.Node("a", "")
	n.Start()
	s := saver.Saver{URL: n.Base, Token: f.Token}
	const thread = "support/4711 \U0001F600"
	if c, _, err := s.Get(t.Context(), thread); c != nil || err != nil {
		t.Fatalf("before the first: %v %v", c, err)
	}
	first := checkpoint(nil, `{"v":4,"channel_versions":{"messages":1,"plan":1}}`, value("messages", 0, 9), value("plan", 9, 2))
	fleettest.OK(t, s.Put(t.Context(), thread, uuid.NewString(), first, []byte(`["hello"][]`)))
	second := checkpoint(&first.ID, `{"v":4,"channel_versions":{"messages":2,"plan":1}}`, value("messages", 0, 15))
	key := uuid.NewString()
	for range 2 { // a repeat is no second one
		fleettest.OK(t, s.Put(t.Context(), thread, key, second, []byte(`["hello","you"]`)))
	}
	got, tail, err := s.Get(t.Context(), thread)
	if err != nil {
		t.Fatalf("%v\n%s", err, n.Proc.Err.String())
	}
	channels := map[string]string{}
	for _, v := range got.Values {
		channels[v.Channel] = string(tail[v.Value.At : v.Value.At+v.Value.Size])
	}
	if got.ID != second.ID || *got.Parent != first.ID || channels["messages"] != `["hello","you"]` || channels["plan"] != `[]` {
		t.Errorf("%+v %v", got, channels)
	}
	if err := s.Put(t.Context(), "", uuid.NewString(), first, []byte(`["hello"][]`)); err == nil {
		t.Error("a thread without a name is taken")
	}
}

func checkpoint(parent *string, header string, values ...saver.Value) saver.Checkpoint {
	return saver.Checkpoint{ID: uuid.Must(uuid.NewV7()).String(), Parent: parent, Header: json.RawMessage(header), Metadata: json.RawMessage(`{}`), Values: values}
}

func value(channel string, at, size int) saver.Value {
	v := saver.Value{Channel: channel}
	v.Value.Type, v.Value.At, v.Value.Size = "json", at, size
	return v
}
