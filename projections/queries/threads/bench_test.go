package threads_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/threads"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// messages is a MessagePack list of n texts of 1 KB.
func messages(n int) []byte {
	out := []byte{0xdc, byte(n >> 8), byte(n)}
	for i := range n {
		text := fmt.Sprintf("%06d", i)
		for len(text) < 1000 {
			text += uuid.NewString() + " some text of a message. "
		}
		out = append(append(out, 0xda, byte(len(text)>>8), byte(len(text))), text...)
	}
	return out
}

// BenchmarkRead reads the newest checkpoint of a state of 1 MB, as its bytes are, and a
// list of 20 of them that differ in one message each.
func BenchmarkRead(b *testing.B) {
	n := nodetest.NewCluster(b).Start(b, nodetest.Options{})
	codec, err := projections.NewCodec()
	if err != nil {
		b.Fatal(err)
	}
	db := cut.DB{Pool: n.DB.Read, Codec: codec, Partitions: nodetest.Partitions}
	cold := threads.New(db)
	db.Cache = cut.NewCache(64 << 20)
	warm := threads.New(db)
	stream := workflow.ThreadStream("acme", "bench")
	var parent *uuid.UUID
	all := messages(1020)
	for i := range 20 {
		id := uuid.Must(uuid.NewV7())
		list := append([]byte{0xdc, byte((1000 + i) >> 8), byte(1000 + i)}, all[3:]...)
		_, err := n.Dispatch.Do(b.Context(), dispatch.Request{Stream: stream, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"}, Workflow: &workflow.PutCheckpoint{
			Thread: workflow.ThreadRef{ID: "bench"}, TS: id, Parent: parent, Header: []byte(`{"v":4,"channel_versions":{}}`), Metadata: []byte(`{}`),
			Values: []workflow.NewValue{{Channel: "messages", Type: "msgpack", Data: list[:len(list)-(20-i)*1040]}},
		}})
		if err != nil {
			b.Fatal(err)
		}
		parent = &id
	}
	for name, q := range map[string]*threads.Queries{"cold": cold, "warm": warm} {
		b.Run("get/"+name, func(b *testing.B) { readOne(b, q, stream) })
		b.Run("list/"+name, func(b *testing.B) { readList(b, q, stream) })
	}
}

func readOne(b *testing.B, q *threads.Queries, stream domain.StreamID) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		_, t, err := q.Get(b.Context(), stream, "", nil)
		if err != nil {
			b.Fatal(err)
		}
		var tail values.Tail
		tail.AddParts("msgpack", t.Values[0].Parts)
		b.SetBytes(int64(tail.Len()))
	}
}

func readList(b *testing.B, q *threads.Queries, stream domain.StreamID) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		page, err := q.List(b.Context(), threads.Listing{Tenant: "acme", Stream: &stream, Limit: 20})
		if err != nil || len(page.Tuples) != 20 {
			b.Fatal(err)
		}
		var tail values.Tail
		for _, t := range page.Tuples {
			tail.AddShared("msgpack", t.Values[0].Parts)
		}
		b.SetBytes(int64(tail.Len()))
	}
}
