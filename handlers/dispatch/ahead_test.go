package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/cut"
)

// cutOff is a log that, while it is broken, takes so many records that go ahead
// of a commit and then nothing more, as where the process ended there.
type cutOff struct {
	dispatch.Log
	broken atomic.Bool
	takes  int
	// ahead counts what it took while it was broken.
	ahead atomic.Int32
}

func (l *cutOff) Append(ctx context.Context, m []journal.Message) ([]domain.Position, error) {
	if !l.broken.Load() {
		return l.Log.Append(ctx, m)
	}
	r := journal.Record{Position: domain.Position{Partition: m[0].Partition, Offset: 1}, Key: m[0].Key, Value: m[0].Value, Headers: m[0].Headers}
	if journal.Parse(r, nodetest.Partitions).What == journal.WhatCommit || int(l.ahead.Load()) >= l.takes {
		return nil, errors.New("the process ended")
	}
	n := min(l.takes, len(m))
	l.ahead.Add(int32(n))
	positions, err := l.Log.Append(ctx, m[:n])
	if err == nil && n < len(m) {
		return nil, errors.New("the process ended")
	}
	return positions, err
}

// bigCheckpoint has bytes that need several records ahead of the commit, among
// them what JSON may write in more than one way.
func bigCheckpoint() *workflow.SaveCheckpoint {
	random := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for text.Len() < 3<<19 {
		fmt.Fprintf(&text, `%016x \u00e9é\/`, random.Uint64())
	}
	ts := uuid.Must(uuid.NewV7())
	return &workflow.SaveCheckpoint{
		ThreadTS: ts, Metadata: json.RawMessage(`{ "step" : 1.0 }`),
		Checkpoint: json.RawMessage(`{"id":"` + ts.String() + `", "channel_values" : {"file":"` + text.String() + `","n":1e0}, "v":4 }`),
	}
}

// TestBytesAheadWithoutTheirCommit: a process that ends between the bytes that
// go ahead and their commit leaves bytes that nobody names; the same command,
// sent again to another node, is accepted once and reads back byte for byte.
func TestBytesAheadWithoutTheirCommit(t *testing.T) {
	t.Parallel()
	for _, takes := range []int{1, 2, 1000} {
		t.Run(fmt.Sprint(takes, " records"), func(t *testing.T) {
			t.Parallel()
			c := nodetest.NewCluster(t)
			var log *cutOff
			first := c.Start(t, nodetest.Options{Log: func(l dispatch.Log) dispatch.Log {
				log = &cutOff{Log: l, takes: takes}
				return log
			}})
			id := stream()
			do(t, first, id, start())
			log.broken.Store(true)
			command := dispatch.Request{Stream: id, Workflow: bigCheckpoint(), CommandID: uuid.New()}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if _, err := first.Dispatch.Do(ctx, command); domain.CodeOf(err) != domain.CodeNotNow {
				t.Fatalf("without a commit: %v", err)
			}
			first.Stop()
			if n := int(log.ahead.Load()); n == 0 || n > takes {
				t.Fatalf("%d records went ahead, want 1 to %d", n, takes)
			}
			acceptedOnce(t, c.Start(t, nodetest.Options{}), command)
		})
	}
}

func acceptedOnce(t *testing.T, n *nodetest.Node, command dispatch.Request) {
	t.Helper()
	var results [2]dispatch.Result
	for i := range results {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var err error
		if results[i], err = n.Dispatch.Do(ctx, command); err != nil {
			t.Fatal(err)
		}
	}
	if !results[0].Changed || results[1].Changed || results[0].Position != results[1].Position || results[0].Workflow.Checkpoints != 1 {
		t.Errorf("sent twice: %+v and %+v", results[0], results[1])
	}
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	want, ok := command.Workflow.(*workflow.SaveCheckpoint)
	if !ok {
		t.Fatalf("%T is no checkpoint", command.Workflow)
	}
	queries := checkpoints.New(cut.DB{Pool: n.DB.Read, Codec: codec, Partitions: nodetest.Partitions})
	got, err := queries.ByThreadTS(t.Context(), command.Stream, nil, want.ThreadTS)
	if err != nil || !bytes.Equal(got.JSON, want.Checkpoint) || !bytes.Equal(got.Metadata, want.Metadata) {
		t.Errorf("read back %d bytes, %d of metadata, %v; saved %d and %d", len(got.JSON), len(got.Metadata), err, len(want.Checkpoint), len(want.Metadata))
	}
}
