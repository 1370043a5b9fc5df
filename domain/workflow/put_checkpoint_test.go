package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// put is a checkpoint of a thread with these versions and values (name=bytes).
func put(n, parent int, versions string, values ...string) *workflow.PutCheckpoint {
	c := &workflow.PutCheckpoint{
		Thread: workflow.ThreadRef{ID: "t"}, TS: ts(n), Metadata: []byte(`{"step":1}`), Header: []byte(`{"v":4,"channel_versions":{` + versions + `}}`),
	}
	if parent > 0 {
		p := ts(parent)
		c.Parent = &p
	}
	for _, v := range values {
		name, raw, _ := strings.Cut(v, "=")
		c.Values = append(c.Values, workflow.NewValue{Channel: name, Type: "msgpack", Data: []byte(raw)})
	}
	return c
}

// channels are those of a stored checkpoint, name=bytes, in order.
func (s *story) channels(n int) []string {
	s.t.Helper()
	var out []string
	for name := range s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(n)}].Channels {
		out = append(out, name+"="+s.channel(n, name))
	}
	slices.Sort(out)
	return out
}

// last is the checkpoint among the events of the last command.
func (s *story) last() workflow.Checkpointed {
	s.t.Helper()
	if s.err != nil || len(s.out.Events) == 0 {
		s.t.Fatalf("no checkpoint: %v", s.err)
	}
	e, ok := s.out.Events[s.out.Item].(workflow.Checkpointed)
	if !ok {
		s.t.Fatalf("item %d is %T", s.out.Item, s.out.Events[s.out.Item])
	}
	return e
}

func TestTheFirstPutMakesTheWorkflow(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1`, "a=A"))
	if len(s.out.Events) != 3 || s.last().ThreadTS != ts(1) || s.out.Item != 2 {
		t.Fatalf("%+v", s.out)
	}
	c := s.state.Created
	if c == nil || c.Flow.Definition != "langgraph" || c.Engine != workflow.EngineNone || c.Trigger.Source != "thread" || s.state.Status != workflow.StatusCreated {
		t.Errorf("%+v", c)
	}
	if got := s.state.ThreadNow(); got.ID != "t" || got.Incarnation != 1 {
		t.Errorf("%+v", got)
	}
	given(t).when(&workflow.PutWrites{Thread: workflow.ThreadRef{ID: "t"}, TS: ts(1), Task: "x", Writes: []workflow.TaskWrite{{Channel: "c", Type: "json"}}})
	given(t).runless(false).when(put(1, 0, "")).refused(domain.CodeForbidden, "")
	given(t).as(run1, 1).when(put(1, 0, "")).refused(domain.CodeNotFound, "")
}

func TestValuesThatDidNotCome(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1,"b":1,"c":1`, "a=A", "b=B", "c=C")).when(put(2, 1, `"a":1,"b":2,"d":1.5`, "b=B2"))
	s.needs("d", "1.5").elsewhere("d", "1.5").when(put(2, 1, `"a":1,"b":2,"d":1.5`, "b=B2"))
	if e := s.last(); !e.Inherits || !slices.Equal(names(e), []string{"b"}) || !slices.Equal(e.Removed, []string{"c"}) {
		t.Errorf("%+v", e)
	}
	if got := s.channels(2); !slices.Equal(got, []string{"a=A", "b=B2"}) {
		t.Error(got)
	}
	// What is gone from the versions does not come back.
	s.when(put(3, 2, `"a":1,"b":2,"c":1`)).needs("c", "1").elsewhere("c", "1").when(put(3, 2, `"a":1,"b":2,"c":1`))
	if got := s.channels(3); !slices.Equal(got, []string{"a=A", "b=B2", "c=C"}) {
		t.Error(got) // but at the version that there is, it is found
	}
}

// needs says that the last command asked for that.
func (s *story) needs(channel, version string) *story {
	s.t.Helper()
	if want := (workflow.ChannelAt{Channel: channel, Version: version}); len(s.out.Events) > 0 || !slices.Contains(s.out.Needs, want) {
		s.t.Fatalf("needs %v, not %v", s.out.Needs, want)
	}
	return s
}

// elsewhere says that no stored checkpoint has it.
func (s *story) elsewhere(channel, version string) *story {
	s.facts.Elsewhere[workflow.ChannelAt{Channel: channel, Version: version}] = workflow.FoundAt{}
	return s
}

func TestAnotherBranchHasTheSameVersion(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1`, "a=A")).when(put(2, 1, `"a":2`, "a=left")).when(put(3, 1, `"a":2`, "a=right"))
	s.when(put(4, 2, `"a":2`))
	if got := s.channels(4); !slices.Equal(got, []string{"a=left"}) {
		t.Error(got)
	}
	// The parent has none at the version: nor has the child.
	c := put(5, 1, `"a":2`)
	c.Metadata = []byte(`{"counters_since_delta_snapshot":{"a":[1,1]}}`)
	s.when(c).when(put(6, 5, `"a":2`))
	if got := s.channels(6); len(got) != 0 {
		t.Error(got)
	}
	// 2 and "2" are not the same.
	s.when(put(7, 2, `"a":"2"`)).needs("a", `"2"`)
}

func TestAValueFoundBesideTheParent(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1`, "a=A")).when(put(2, 1, `"a":2`, "a=B"))
	id := s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(2)}].Channels["a"]
	s.facts.Elsewhere[workflow.ChannelAt{Channel: "a", Version: "2"}] = workflow.FoundAt{TS: ts(2), ID: id}
	s.when(put(3, 1, `"a":2`))
	if e := s.last(); len(e.Channels) != 1 || e.Channels[0].Value.Base != id || len(e.Channels[0].Value.Add) > 0 {
		t.Errorf("stored bytes are described anew: %+v", s.last())
	}
	if got := s.channels(3); !slices.Equal(got, []string{"a=B"}) {
		t.Error(got)
	}
}

func TestPutAgain(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1`, "a=A")).when(put(2, 1, `"a":1`))
	s.when(put(2, 1, `"a":1`)).then()
	s.when(put(1, 0, `"a":1`, "a=other"))
	if got := s.channels(1); !slices.Equal(got, []string{"a=other"}) {
		t.Error(got)
	}
	if got := s.channels(2); !slices.Equal(got, []string{"a=A"}) {
		t.Errorf("the child changed with its parent: %v", got)
	}
}

func TestPutOfAnOwnParent(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 1, `"a":1`, "a=A"))
	if e := s.last(); e.ParentTS != nil || e.ParentMissing {
		t.Errorf("a new one has a parent: %+v", e)
	}
	s.when(put(2, 1, `"a":1,"b":1`, "b=B"))
	s.when(put(2, 2, `"a":1,"b":2`, "b=B2"))
	if e := s.last(); e.ParentTS == nil || *e.ParentTS != ts(1) || e.ParentMissing {
		t.Errorf("the parent that was stored did not stay: %+v", e)
	}
	if got := s.channels(2); !slices.Equal(got, []string{"a=A", "b=B2"}) {
		t.Error(got)
	}
	s.when(put(2, 2, `"a":1,"b":2`, "b=B2")).then() // there is nothing new
	s.when(put(4, 3, `"a":9`, "a=A")).when(put(4, 4, `"a":9`, "a=A2"))
	if e := s.last(); e.ParentTS == nil || *e.ParentTS != ts(3) || !e.ParentMissing {
		t.Errorf("the parent that is missing did not stay so: %+v", e)
	}
}

func TestPutsThatAreNone(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, test := range []struct {
		change func(*workflow.PutCheckpoint)
		code   domain.Code
		field  string
	}{
		{func(c *workflow.PutCheckpoint) { c.Thread.ID = "" }, domain.CodeInvalidField, "thread_id"},
		{func(c *workflow.PutCheckpoint) { c.Thread.ID = "\xff" }, domain.CodeInvalidField, "thread_id"},
		{func(c *workflow.PutCheckpoint) { c.Thread.ID = strings.Repeat("x", 1025) }, domain.CodeTooLarge, "thread_id"},
		{func(c *workflow.PutCheckpoint) { c.NS = "\x00" }, domain.CodeInvalidField, "checkpoint_ns"},
		{func(c *workflow.PutCheckpoint) { c.Header = nil }, domain.CodeInvalidField, "checkpoint"},
		{func(c *workflow.PutCheckpoint) { c.Header = []byte(`{"channel_values":{}}`) }, domain.CodeInvalidField, "checkpoint.channel_values"},
		{func(c *workflow.PutCheckpoint) { c.Header = []byte(`{"channel_versions":[]}`) }, domain.CodeInvalidField, "checkpoint.channel_versions"},
		{func(c *workflow.PutCheckpoint) {
			c.Header = []byte(`{"a":"` + strings.Repeat("x", workflow.MaxHeader) + `"}`)
		}, domain.CodeTooLarge, "checkpoint"},
		{func(c *workflow.PutCheckpoint) { c.Metadata = []byte(`7`) }, domain.CodeInvalidField, "metadata"},
		{func(c *workflow.PutCheckpoint) { c.Metadata = []byte(`{"a":"\u0000"}`) }, domain.CodeInvalidField, "metadata"},
		{func(c *workflow.PutCheckpoint) {
			c.Metadata = []byte(`{"a":"` + strings.Repeat("x", workflow.MaxMetadata) + `"}`)
		}, domain.CodeTooLarge, "metadata"},
		{func(c *workflow.PutCheckpoint) { c.Values[0].Channel = long }, domain.CodeTooLarge, "values[0].channel"},
		{func(c *workflow.PutCheckpoint) { c.Values[0].Type = "" }, domain.CodeInvalidField, "values[0].type"},
		{func(c *workflow.PutCheckpoint) { c.Values[0].Type = long }, domain.CodeTooLarge, "values[0].type"},
		{func(c *workflow.PutCheckpoint) { c.Values = append(c.Values, c.Values[0]) }, domain.CodeInvalidField, "values[1].channel"},
		{func(c *workflow.PutCheckpoint) { c.Values[0].Data = make([]byte, workflow.MaxValue+1) }, domain.CodeTooLarge, "values[0].value"},
	} {
		c := put(1, 0, `"a":1`, "a=A")
		test.change(c)
		given(t).when(c).refused(test.code, test.field)
	}
	c := put(1, 0, `"a":1`, "a=A")
	c.Metadata = []byte(`{"a":"\\u0000 is text"}`)
	given(t).when(c).last()
}

func putWrites(special bool, writes ...workflow.TaskWrite) *workflow.PutWrites {
	return &workflow.PutWrites{Thread: workflow.ThreadRef{ID: "t"}, TS: ts(1), Task: "t", Writes: writes, Special: special}
}

func taskWrite(idx int, data string) workflow.TaskWrite {
	return workflow.TaskWrite{Idx: idx, Channel: "c", Type: "json", Data: []byte(data)}
}

func TestWritesOfATask(t *testing.T) {
	t.Parallel()
	s := given(t).when(putWrites(false, taskWrite(0, "1"), taskWrite(0, "2"), taskWrite(-1, "3")))
	s.when(putWrites(false, taskWrite(0, "4"), taskWrite(-1, "5"))).then()
	s.when(putWrites(true, taskWrite(-1, "6"), taskWrite(-1, "7")))
	s.when(putWrites(true, taskWrite(-1, "7"))).then()
	if got := s.written("t", 0) + s.written("t", -1); got != "17" {
		t.Error(got)
	}
	for _, test := range []struct {
		c     *workflow.PutWrites
		code  domain.Code
		field string
	}{
		{&workflow.PutWrites{Thread: workflow.ThreadRef{ID: "t"}}, domain.CodeInvalidField, "task_id"},
		{putWrites(false, make([]workflow.TaskWrite, 101)...), domain.CodeTooLarge, "writes"},
		{putWrites(false, workflow.TaskWrite{Type: "json"}), domain.CodeInvalidField, "writes[0].channel"},
		{putWrites(false, workflow.TaskWrite{Channel: "c"}), domain.CodeInvalidField, "writes[0].type"},
		{putWrites(false, workflow.TaskWrite{Channel: "c", Type: "json", Data: make([]byte, workflow.MaxValue+1)}), domain.CodeTooLarge, "writes[0].value"},
	} {
		given(t).when(test.c).refused(test.code, test.field)
	}
}

func TestALargeWriteFitsItsCommit(t *testing.T) {
	t.Parallel()
	var list []workflow.TaskWrite
	items := "[" + strings.Repeat(`"`+strings.Repeat("x", 90)+`",`, 4000) + "1]"
	for i := range 40 {
		list = append(list, taskWrite(i, items[:1]+`"`+string(rune('a'+i%26))+`",`+items[1:]))
	}
	s := given(t).when(putWrites(false, list...))
	if s.err != nil || len(s.written("t", 39)) != len(items)+4 {
		t.Errorf("%v", s.err)
	}
}

// TestNoWriteIsMissed: after a checkpoint that is newer than all there was, what is
// written of it is known without a look; of any other it is not.
func TestNoWriteIsMissed(t *testing.T) {
	t.Parallel()
	f := workflow.NewFacts()
	f.Newest[""] = ts(1)
	e := workflow.Checkpointed{ThreadTS: ts(2), Header: text("h"), Metadata: text("m")}
	if err := f.Apply(e, nil); err != nil {
		t.Fatal(err)
	}
	ask := func(n int) workflow.Want { return workflow.Want{Writes: []workflow.CheckpointKey{{TS: ts(n)}}} }
	if !f.Holds(ask(2)) || !f.Holds(ask(3)) || f.Holds(ask(1)) {
		t.Errorf("holds %t %t %t", f.Holds(ask(2)), f.Holds(ask(3)), f.Holds(ask(1)))
	}
	if err := f.Apply(workflow.WritesRecorded{ThreadTS: ts(2), Writes: []workflow.Write{{Task: "t", Channel: "c", Value: text("1")}}}, nil); err != nil {
		t.Fatal(err)
	}
	left := f.Trim()
	key := workflow.WriteKey{Checkpoint: workflow.CheckpointKey{TS: ts(2)}, Task: "t"}
	if _, there := left.Writes[key]; !there || !left.Holds(ask(2)) || left.Holds(ask(1)) {
		t.Errorf("%+v", left)
	}
}

// TestWritesAheadHideNoCheckpoint: an agent that does not wait writes for checkpoints
// that it puts later. They are known not to be there, and what was written for them is known.
func TestWritesAheadHideNoCheckpoint(t *testing.T) {
	t.Parallel()
	f := workflow.NewFacts()
	f.Newest[""], f.Highest[""] = uuid.Nil, uuid.Nil
	e := workflow.Checkpointed{ThreadTS: ts(1), Header: text("h"), Metadata: text("m")}
	if err := f.Apply(e, nil); err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 4; n++ {
		if err := f.Apply(workflow.WritesRecorded{ThreadTS: ts(n), Writes: []workflow.Write{{Task: "t", Channel: "c", Value: text("1")}}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	f = f.Trim()
	put := func(n int) workflow.Want {
		return workflow.Want{Checkpoints: []workflow.CheckpointKey{{TS: ts(n)}}, Base: []workflow.CheckpointKey{{TS: ts(1)}}}
	}
	if !f.Holds(put(2)) || !f.Holds(put(4)) || f.Holds(put(0)) {
		t.Errorf("holds %t %t %t", f.Holds(put(2)), f.Holds(put(4)), f.Holds(put(0)))
	}
	writes := func(n int) workflow.Want { return workflow.Want{Writes: []workflow.CheckpointKey{{TS: ts(n)}}} }
	if f.Holds(writes(0)) || !f.Holds(writes(3)) || !f.Holds(writes(4)) || !f.Holds(writes(5)) {
		t.Errorf("holds %t %t %t %t", f.Holds(writes(0)), f.Holds(writes(3)), f.Holds(writes(4)), f.Holds(writes(5)))
	}
}

// TestFactsAfterADeletion: what was there is not there, and its bytes have to come
// again.
func TestFactsAfterADeletion(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1`, "a="+strings.Repeat("long ", 1000)))
	s.facts.Tree = workflow.NewTree()
	s.facts.Tree.Written[ts(7)] = true
	s.facts.Newest[""], s.facts.Highest[""] = ts(7), ts(1)
	s.at(1e15).when(&workflow.DeleteThread{}).then(workflow.ThreadDeleted{Incarnation: 1, Newest: new(ts(7))})
	if len(s.facts.Checkpoints)+len(s.facts.Values)+len(s.facts.Blobs)+len(s.facts.Versions) > 0 || s.facts.Tree != nil || s.facts.Newest[""] != uuid.Nil || s.facts.Highest[""] != uuid.Nil {
		t.Errorf("%+v", s.facts)
	}
}

// TestBytesOfWritesAheadComeOnce: the checkpoints that follow are made of what was
// written for them; how far an agent is ahead of them does not matter.
func TestBytesOfWritesAheadComeOnce(t *testing.T) {
	t.Parallel()
	message := func(n int) string { return `"` + strings.Repeat(string(rune('a'+n)), 3000) + `"` }
	s := given(t).when(put(1, 0, `"c":1`, "c=[]"))
	s.facts.Newest[""], s.facts.Highest[""] = ts(1), ts(1)
	for n := 2; n <= 5; n++ {
		w := putWrites(false, taskWrite(0, "["+message(n)+"]"))
		w.TS = ts(n)
		if s.when(w); s.err != nil || len(s.out.Blobs) != 1 {
			t.Fatalf("writes of %d bring %d blobs, %v", n, len(s.out.Blobs), s.err)
		}
		s.facts = s.facts.Trim()
	}
	values := "["
	for n := 2; n <= 5; n++ {
		values += message(n)
		c := put(n, n-1, fmt.Sprintf(`"c":%d`, n))
		c.Values = []workflow.NewValue{{Channel: "c", Type: "json", Data: []byte(values + "]")}}
		if s.when(c); s.err != nil || len(s.out.Blobs) != 0 {
			t.Errorf("checkpoint %d brings %d blobs, %v", n, len(s.out.Blobs), s.err)
		}
		s.facts = s.facts.Trim()
		values += ","
	}
}
