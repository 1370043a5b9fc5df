package answer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/answer"
	"github.com/duolog/duolog/projections/queries/cut"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		log  string
		want answer.Said
	}{
		"the last text that calls no tool": {
			`[{"message_type":"agent","content":"first"},{"message_type":"agent","content":"final","tool_calls":[]},
			  {"message_type":"agent","content":"calling","tool_calls":[{"id":1}]},{"message_type":"tool","content":"out"}]`,
			answer.Said{Answer: "final", Question: "calling"},
		},
		"a request is a question, not an answer": {
			`[{"message_type":"agent","content":"I would run rm"},{"message_type":"request","content":"May I run rm?"}]`,
			answer.Said{Answer: "I would run rm", Question: "May I run rm?"},
		},
		"blank text is none": {`[{"message_type":"agent","content":" \n"},{"message_type":"user","content":"hi"}]`, answer.Said{OldAnswer: true, OldQuestion: true}},
		"a person spoke since": {
			`[{"message_type":"agent","content":"Which one?"},{"message_type":"user","content":"that"}]`,
			answer.Said{Answer: "Which one?", Question: "Which one?", OldAnswer: true, OldQuestion: true},
		},
		"it asks anew": {
			`[{"message_type":"agent","content":"done"},{"message_type":"user","content":"more"},{"message_type":"request","content":"May I?"}]`,
			answer.Said{Answer: "done", Question: "May I?", OldAnswer: true},
		},
		"what is no entry is skipped": {
			`[{"message_type":"agent","content":"ok"},7,{"message_type":"agent","content":[{"type":"text"}]},{"message_type":3}]`,
			answer.Said{Answer: "ok", Question: "ok"},
		},
		"no list": {`{"a":1}`, answer.Said{}},
		"nothing": {``, answer.Said{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := answer.Parse([]byte(c.log)); got != c.want {
				t.Errorf("said %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestLongAnswerIsCut(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal([]map[string]string{{"message_type": "agent", "content": strings.Repeat("é", answer.MaxText)}})
	if err != nil {
		t.Fatal(err)
	}
	got := answer.Parse(raw).Answer
	if len(got) > answer.MaxText || !strings.HasSuffix(got, "session)") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("%d bytes, ends %q", len(got), got[len(got)-40:])
	}
}

func TestAnswerOfTheNewestCheckpoint(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	q := answer.New(cut.DB{Pool: n.DB.Read, Codec: codec, Partitions: nodetest.Partitions})
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
	do := func(c workflow.Command) {
		t.Helper()
		if _, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: id, Workflow: c, CommandID: uuid.New()}); err != nil {
			t.Fatal(err)
		}
	}
	do(&workflow.Start{Goal: "go", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local"})
	if said, err := q.Last(t.Context(), id); err != nil || said != (answer.Said{}) {
		t.Errorf("before any checkpoint: %+v, %v", said, err)
	}
	long := strings.Repeat("Ten commits touch 14 files. ", 500)
	var log []map[string]any
	var parent *uuid.UUID
	for _, text := range []string{"I look.", long} {
		log = append(log, map[string]any{"message_type": "agent", "content": text})
		do(save(t, parent, "", log))
		parent = newest
	}
	do(save(t, nil, "sub", []map[string]any{{"message_type": "agent", "content": "of a subgraph"}}))
	if said, err := q.Last(t.Context(), id); err != nil || said.Answer != long || said.Question != long {
		t.Errorf("said %.60q…, %v", said.Answer, err)
	}
}

// newest is the checkpoint that save made last.
var newest *uuid.UUID

func save(t *testing.T, parent *uuid.UUID, ns string, log []map[string]any) *workflow.SaveCheckpoint {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"v": 4, "channel_values": map[string]any{"ui_chat_log": log}})
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.Must(uuid.NewV7())
	newest = &id
	return &workflow.SaveCheckpoint{ThreadTS: id, ParentTS: parent, NS: ns, Checkpoint: raw, Metadata: []byte(`{}`)}
}
