package answer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/answer"
	"github.com/duolog/duolog/projections/queries/cut"
)

func TestParseMessages(t *testing.T) {
	t.Parallel()
	call := `{"type":"constructor","lc":1,"id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"I look.","tool_calls":[{"name":"ls"}]}}`
	for name, c := range map[string]struct {
		raw  string
		want answer.Said
	}{
		"constructors": {
			`[{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi"}},
			  {"lc":1,"type":"constructor","id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"done","tool_calls":[]}},` + call + `]`,
			answer.Said{Answer: "done", Question: "I look."},
		},
		"objects of Python": {
			`[{"class":"langchain_core.messages.ai.AIMessageChunk","kwargs":{"content":[{"type":"text","text":"a"},"b",{"type":"image"}],"tool_calls":null,"type":"AIMessageChunk"}}]`,
			answer.Said{Answer: "ab", Question: "ab"},
		},
		"a snapshot":       {`{"class":"langgraph.checkpoint.serde.types._DeltaSnapshot","value":[{"type":"ai","content":"x","id":"1"}]}`, answer.Said{Answer: "x", Question: "x"}},
		"a person spoke":   {`[{"type":"ai","content":"x"},{"lc":1,"id":["HumanMessage"],"kwargs":{"content":"and?"}},{"type":"ai","content":"y","tool_calls":[{}]}]`, answer.Said{Answer: "x", Question: "y", OldAnswer: true}},
		"one":              {call, answer.Said{Question: "I look."}},
		"plain ones":       {`[{"role":"assistant","content":"x"},{"role":"user","content":"y"},{"type":"ai","data":{"content":"z"}},7,null,"text"]`, answer.Said{Answer: "z", Question: "z"}},
		"calls elsewhere":  {`[{"type":"ai","content":"x","additional_kwargs":{"tool_calls":[{}]}}]`, answer.Said{Question: "x"}},
		"blank":            {`[{"type":"ai","content":" "},{"type":"ai","content":[]}]`, answer.Said{}},
		"what is no list":  {`"x"`, answer.Said{}},
		"what is not JSON": {`{`, answer.Said{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := answer.ParseMessages([]byte(c.raw)); got != c.want {
				t.Errorf("said %+v, want %+v", got, c.want)
			}
		})
	}
}

// agent is a thread that a test writes.
type agent struct {
	t      *testing.T
	n      *nodetest.Node
	q      *answer.Queries
	id     domain.StreamID
	thread string
	last   *uuid.UUID
}

func newAgent(t *testing.T, n *nodetest.Node) *agent {
	t.Helper()
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	thread := "thread " + uuid.NewString()
	return &agent{
		t: t, n: n, thread: thread, id: workflow.ThreadStream("acme", thread),
		q: answer.New(cut.DB{Pool: n.DB.Read, Codec: codec, Partitions: nodetest.Partitions}),
	}
}

func (a *agent) do(c workflow.Command) {
	a.t.Helper()
	r := dispatch.Request{Stream: a.id, Workflow: c, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"}}
	if _, err := a.n.Dispatch.Do(a.t.Context(), r); err != nil {
		a.t.Fatal(err)
	}
}

// put saves a checkpoint with values; written are channels kept as changes.
func (a *agent) put(values ...workflow.NewValue) {
	a.t.Helper()
	id := uuid.Must(uuid.NewV7())
	a.do(&workflow.PutCheckpoint{
		Thread: workflow.ThreadRef{ID: a.thread}, TS: id, Parent: a.last, Values: values,
		Header: fmt.Appendf(nil, `{"v":4,"id":%q,"channel_versions":{}}`, id), Metadata: []byte(`{}`),
	})
	a.last = &id
}

func (a *agent) write(task string, idx int, channel, typ string, raw []byte) {
	a.t.Helper()
	a.do(&workflow.PutWrites{
		Thread: workflow.ThreadRef{ID: a.thread}, TS: *a.last, Task: task,
		Writes: []workflow.TaskWrite{{Idx: idx, Channel: channel, Type: typ, Data: raw}}, Special: idx < 0,
	})
}

func (a *agent) says(when string, want answer.Said) {
	a.t.Helper()
	if said, err := a.q.Last(a.t.Context(), a.id); err != nil || said != want {
		a.t.Errorf("%s: said %+v, want %+v, %v", when, said, want, err)
	}
}

// serialised are values of LangGraph's own serialiser.
func serialised(t *testing.T, name string) (string, []byte) {
	t.Helper()
	raw, err := os.ReadFile("../plain/testdata/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]struct {
		Type   string
		Base64 []byte
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all[name].Type, all[name].Base64
}

func TestAnswerOfAThread(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	typ, messages := serialised(t, "messages")
	a := newAgent(t, n)
	a.put(workflow.NewValue{Channel: "plan", Type: "json", Data: []byte(`[]`)})
	a.says("without messages", answer.Said{})
	a.put(workflow.NewValue{Channel: "messages", Type: typ, Data: messages})
	comment := answer.Said{Answer: "Only a comment.", Question: "Only a comment."}
	a.says("messages in MessagePack", comment)

	ityp, interrupts := serialised(t, "interrupt")
	a.write("t1", -3, "__interrupt__", ityp, interrupts)
	waits := answer.Said{Answer: comment.Answer, Question: "go on?", Waits: true}
	a.says("interrupted", waits)
	a.write("t1", -4, "__resume__", "json", []byte(`["yes"]`))
	a.says("answered", comment)
	a.write("t1", -3, "__interrupt__", "json", []byte(`[{"id":"i2","value":{"step":2}}]`))
	a.says("interrupted again", answer.Said{Answer: comment.Answer, Question: `{"step":2}`, Waits: true})
	a.write("00000000-0000-0000-0000-000000000000", -4, "__resume__", "json", []byte(`"yes"`))
	a.says("answered for all", comment)

	a.put(workflow.NewValue{Channel: "messages", Type: "msgpack+aes", Data: messages})
	a.says("encrypted", answer.Said{})
	a.put(
		workflow.NewValue{Channel: "messages", Type: typ, Data: messages},
		workflow.NewValue{Channel: "ui_chat_log", Type: "msgpack", Data: []byte("\x91\x82\xacmessage_type\xa5agent\xa7content\xa2hi")},
	)
	a.says("a chat log in MessagePack comes first", answer.Said{Answer: "hi", Question: "hi"})
}

// Messages that are kept as their changes stand in the writes of ancestors.
func TestAnswerOfADeltaChannel(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	a := newAgent(t, n)
	a.put(workflow.NewValue{Channel: "messages", Type: "json", Data: []byte(`{"class":"langgraph.checkpoint.serde.types._DeltaSnapshot","value":[{"type":"ai","content":"first"}]}`)})
	a.write("t1", 0, "messages", "json", []byte(`[{"type":"human","content":"and?"}]`))
	a.put()
	before := answer.Said{Answer: "first", Question: "first", OldAnswer: true, OldQuestion: true}
	a.says("the seed says it", before)
	a.write("t2", 0, "messages", "json", []byte(`{"type":"ai","content":"last"}`))
	a.says("a write that is not applied yet", before)
	a.put()
	a.says("a write says it", answer.Said{Answer: "last", Question: "last"})
}
