package workflow_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// BenchmarkSaveCheckpoint cuts a checkpoint, decides it on the one before and packs
// its commit: all that a step costs between the body and the log.
func BenchmarkSaveCheckpoint(b *testing.B) {
	for name, c := range map[string]struct{ state, fresh int }{
		"2KB":        {2000, 2000},
		"20KB":       {20000, 20000},
		"20KB_2Knew": {20000, 2000},
	} {
		b.Run(name, func(b *testing.B) {
			parent := uuid.Must(uuid.NewV7())
			s := decidedOn(b, checkpointOf(parent, nil, c.state, c.fresh, 0))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				command := checkpointOf(uuid.Must(uuid.NewV7()), &parent, c.state, c.fresh, n)
				if err := command.Prepare(); err != nil {
					b.Fatal(err)
				}
				out, err := command.Decide(s.state, s.facts, s.env)
				if err != nil {
					b.Fatal(err)
				}
				commit := journal.Commit{Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: wfID}, ID: run1, Time: epoch, Command: journal.CommandRef{ID: run2, Type: command.CommandType()}}
				for _, e := range out.Events {
					encoded, err := journal.NewEvent(e.EventType(), 1, e)
					if err != nil {
						b.Fatal(err)
					}
					commit.Events = append(commit.Events, encoded)
				}
				if _, err := journal.Pack(commit, out.Blobs, 4); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// decidedOn is a workflow with one checkpoint.
func decidedOn(b *testing.B, first *workflow.SaveCheckpoint) *story {
	b.Helper()
	s := given(b, created())
	s.when(first)
	return s
}

// checkpointOf has messages of 2,000 bytes that stay and a channel that is new.
func checkpointOf(ts uuid.UUID, parent *uuid.UUID, state, fresh, n int) *workflow.SaveCheckpoint {
	var kept []string
	for i := range (state - fresh) / 2000 {
		kept = append(kept, fmt.Sprintf(`{"type":"human","content":"%d%s"}`, i, strings.Repeat("x", 2000)))
	}
	return &workflow.SaveCheckpoint{
		ThreadTS: ts, ParentTS: parent, Metadata: json.RawMessage(`{"source":"loop"}`),
		Checkpoint: json.RawMessage(fmt.Sprintf(`{"v":4,"channel_values":{"messages":[%s],"state":"%d%s"}}`, strings.Join(kept, ","), n, strings.Repeat("y", fresh))),
	}
}
