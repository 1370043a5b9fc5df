package workflow_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

var forkID = uuid.MustParse("0198a400-5b20-7a10-8c3d-2f1e0d9c8b7a")

const langgraph = `{"v":4,"id":"1f0c2a10-0002-6b80-8000-0a1b2c3d4e5f","ts":"2026-11-21T10:00:00+00:00","channel_values":{"messages":0,"plan":0},` +
	`"channel_versions":{"messages":"00000000000000000000000000000003.0.5","plan":"00000000000000000000000000000001.0.9"},` +
	`"versions_seen":{"agent":{"messages":"00000000000000000000000000000002.0.1"}},"updated_channels":["branch:to:agent","messages"],"custom":{"kept":true}}`

// source is a workflow with two checkpoints, the second as LangGraph has them.
func source(t fataler) *story {
	t.Helper()
	s := given(t, createdEvent()).when(save(1, 0, `"messages":["a"]`, `"plan":"x"`))
	c := save(2, 1)
	c.Checkpoint = json.RawMessage(strings.NewReplacer(`"messages":0`, `"messages":["a","b"]`, `"plan":0`, `"plan":"x"`).Replace(langgraph))
	c.Metadata = json.RawMessage(`{"source":"loop","step":2,"run_id":"r","parents":{}}`)
	return s.when(c)
}

func createdEvent() workflow.Created {
	m, _ := value.Build("text", []byte("goal"))
	return workflow.Created{Goal: value.Diff(m, nil), Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Trigger: workflow.Trigger{Source: "api"}}
}

// whole is a stored checkpoint as a fork begins with it.
func (s *story) whole(n int) workflow.ForkedCheckpoint {
	c := s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(n)}]
	out := workflow.ForkedCheckpoint{ThreadTS: c.Key.TS, ParentTS: c.Parent, Header: c.Header, Metadata: c.Metadata}
	for _, name := range []string{"messages", "plan"} {
		out.Channels = append(out.Channels, workflow.ChannelValue{Channel: name, Value: value.Diff(s.facts.Values[c.Channels[name]], nil)})
	}
	return out
}

func forkOf(s *story, n int) *workflow.Fork {
	return &workflow.Fork{
		Start: workflow.Start{Goal: "another", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Trigger: workflow.Trigger{Source: "fork"}},
		Forked: workflow.Forked{
			Origin: workflow.Origin{Workflow: wfID, Position: "1:2", Checkpoint: ts(n)}, Lineage: []uuid.UUID{wfID},
			Checkpoints: []workflow.ForkedCheckpoint{s.whole(n)},
		},
	}
}

func TestForkBeginsWithTheCheckpoint(t *testing.T) {
	t.Parallel()
	from := source(t)
	fork := forkOf(from, 2)
	fork.Start.Run, fork.Told, fork.Model = true, true, `{"name":"m"}`
	s := given(t).when(fork)
	if len(s.out.Events) != 4 {
		t.Fatalf("%d events: %v", len(s.out.Events), s.err)
	}
	created, _ := s.out.Events[0].(workflow.Created)
	run, _ := s.out.Events[3].(workflow.RunRequested)
	if d := cmp.Diff([]workflow.Event{fork.Forked, workflow.ModelSelected{Metadata: fork.Model}}, s.out.Events[1:3]); d != "" {
		t.Error(d)
	}
	if run.Kind != workflow.RunResume || run.Input == nil || cmp.Diff(*run.Input, created.Goal) != "" {
		t.Errorf("the run is %+v", run)
	}
	if s.state.Status != workflow.StatusPaused || s.state.Origin == nil || s.state.Origin.Checkpoint != ts(2) || s.state.Checkpoints != 1 {
		t.Errorf("the state is %+v", s.state)
	}
	s.when(fork).refused(domain.CodeConflict, "")
}

func TestForkWithAnotherValue(t *testing.T) {
	t.Parallel()
	from := source(t)
	fork := forkOf(from, 2)
	fork.Edit = &workflow.Edit{
		Header: json.RawMessage(langgraph), Metadata: json.RawMessage(`{"source":"loop","step":2,"run_id":"r","parents":{}}`),
		Set: []workflow.SetChannel{{Channel: "messages", Value: json.RawMessage(`["a","c"]`)}, {Channel: "new", Value: json.RawMessage(`1`)}, {Channel: "plan", Value: json.RawMessage(`"x"`)}},
	}
	s := given(t).at(time.Hour).when(fork)
	if s.err != nil {
		t.Fatal(s.err)
	}
	e, _ := s.out.Events[2].(workflow.Checkpointed)
	if e.ParentTS == nil || *e.ParentTS != ts(2) || !e.Inherits || e.ThreadTS.Version() != 6 || e.ThreadTS.String() <= ts(2).String() {
		t.Errorf("the checkpoint is %+v", e)
	}
	header := read(t, s, e.Header)
	version := read1(t, header, "channel_versions", "messages")
	if !strings.HasPrefix(version, `"00000000000000000000000000000004.0.`) || version != read1(t, header, "channel_versions", "new") {
		t.Errorf("the version is %s", version)
	}
	for path, want := range map[[2]string]string{
		{"channel_versions", "plan"}: `"00000000000000000000000000000001.0.9"`, {"id", ""}: `"` + e.ThreadTS.String() + `"`,
		{"updated_channels", ""}: `["branch:to:agent","messages","new"]`, {"custom", "kept"}: `true`, {"channel_values", "new"}: `0`,
	} {
		if got := read1(t, header, path[0], path[1]); got != want {
			t.Errorf("%v is %s, not %s", path, got, want)
		}
	}
	if got := read(t, s, e.Metadata); string(got) != `{"source":"update","step":3,"parents":{}}` {
		t.Errorf("the metadata is %s", got)
	}
	if len(e.Channels) != 2 {
		t.Errorf("channels that did not change are in it: %+v", e.Channels)
	}
	stored := s.facts.Checkpoints[workflow.CheckpointKey{TS: e.ThreadTS}]
	if got := read(t, s, value.Diff(s.facts.Values[stored.Channels["messages"]], nil)); string(got) != `["a","c"]` {
		t.Errorf("messages are %s", got)
	}
}

func read(t *testing.T, s *story, v value.Value) []byte {
	t.Helper()
	m, err := v.Resolve(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := value.Assemble(m, func([]value.Address) (map[value.Address][]byte, error) { return s.blobs, nil })
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func read1(t *testing.T, raw []byte, name, below string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if below == "" {
		return string(fields[name])
	}
	return read1(t, fields[name], below, "")
}

// What a base of a fork names stands in another stream: a commit that names it
// would never be taken.
func TestForkBringsWhatItsBaseNames(t *testing.T) {
	t.Parallel()
	long := func(c string) string { return `"` + strings.Repeat(c, 900) + `"` }
	from := given(t, createdEvent()).when(save(1, 0, `"messages":[`+long("a")+`,`+long("b")+`,`+long("c")+`]`, `"plan":1`))
	s := given(t).when(forkOf(from, 1))
	s.when(save(2, 1, `"messages":[`+long("a")+`,`+long("x")+`,`+long("c")+`]`, `"plan":1`))
	if s.err != nil || len(s.out.Blobs) != 2 {
		t.Errorf("%d blobs, not the two behind the first: %v", len(s.out.Blobs), s.err)
	}
}

func TestLargeForkSpills(t *testing.T) {
	t.Parallel()
	var channels []string
	for i := range 60 {
		channels = append(channels, `"c`+strings.Repeat("n", i)+`":`+`[`+strings.Repeat(`"`+strings.Repeat("v", 200)+`",`, 9)+`1]`)
	}
	from := given(t, createdEvent()).when(save(1, 0, append(channels, `"messages":[]`, `"plan":1`)...))
	fork := forkOf(from, 1)
	c := &fork.Forked.Checkpoints[0]
	c.Channels = nil
	for name, id := range from.facts.Checkpoints[workflow.CheckpointKey{TS: ts(1)}].Channels {
		c.Channels = append(c.Channels, workflow.ChannelValue{Channel: name, Value: value.Diff(from.facts.Values[id], nil)})
	}
	s := given(t).when(fork)
	if s.err != nil || len(s.out.Blobs) == 0 {
		t.Fatalf("%d blobs: %v", len(s.out.Blobs), s.err)
	}
	if got, want := s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(1)}].Channels, from.facts.Checkpoints[workflow.CheckpointKey{TS: ts(1)}].Channels; cmp.Diff(want, got) != "" {
		t.Error("the channels are others")
	}
}

func pin(fork uuid.UUID, n int, number int64) *workflow.PinCheckpoint {
	return &workflow.PinCheckpoint{Fork: fork, CheckpointPin: workflow.CheckpointPin{ThreadTS: ts(n), Number: number}}
}

func TestPinIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	s := source(t)
	s.when(pin(forkID, 9, 0)).refused(domain.CodeNotFound, "checkpoint")
	s.when(pin(forkID, 1, 7)).refused(domain.CodeConflict, "checkpoint")
	s.when(pin(forkID, 1, 0)).then(workflow.Pinned{Fork: forkID, ThreadTS: ts(1)})
	s.when(pin(run1, 1, 0)).then(workflow.Pinned{Fork: run1, ThreadTS: ts(1)})
	given(t).when(pin(forkID, 1, 0)).refused(domain.CodeNotFound, "")
}

func TestBranchBecomesTheNewest(t *testing.T) {
	t.Parallel()
	s := source(t).at(time.Minute)
	s.when(&workflow.UpdateStatus{Event: workflow.EventStart}).when(&workflow.UpdateStatus{Event: workflow.EventFinish})
	branch := &workflow.Branch{ThreadTS: ts(1), Edit: workflow.Edit{
		Header: json.RawMessage(`{"v":4,"channel_values":{"messages":0,"plan":0}}`), Metadata: json.RawMessage(`{"step": 1}`),
		Set: []workflow.SetChannel{{Channel: "plan", Value: json.RawMessage(`"y"`)}},
	}, Run: true}
	s.when(branch)
	if s.err != nil || len(s.out.Events) != 3 {
		t.Fatalf("%d events: %v", len(s.out.Events), s.err)
	}
	if d := cmp.Diff(workflow.Branched{ThreadTS: ts(1), From: workflow.StatusFinished}, s.out.Events[0]); d != "" {
		t.Error(d)
	}
	e, _ := s.out.Events[1].(workflow.Checkpointed)
	run, _ := s.out.Events[2].(workflow.RunRequested)
	if e.ThreadTS.String() <= ts(2).String() || *e.ParentTS != ts(1) || run.Kind != workflow.RunResume || s.state.Status != workflow.StatusPaused {
		t.Errorf("%+v %+v %s", e, run, s.state.Status)
	}
	s.when(branch).refused(domain.CodeConflict, "")
}

func TestBranchWithoutAChangeIsACopy(t *testing.T) {
	t.Parallel()
	s := source(t)
	s.when(&workflow.Branch{ThreadTS: ts(1), Edit: workflow.Edit{Header: json.RawMessage(`{"v":4,"channel_values":{"messages":0,"plan":0}}`), Metadata: json.RawMessage(`{"step": 1}`)}})
	e, _ := s.out.Events[1].(workflow.Checkpointed)
	if got := read(t, s, e.Metadata); len(e.Channels) != 0 || string(got) != `{"step":2,"source":"fork"}` {
		t.Errorf("%s %+v", got, e.Channels)
	}
	s.when(&workflow.Branch{ThreadTS: ts(1), Edit: workflow.Edit{Header: json.RawMessage(`{}`), Metadata: json.RawMessage(`{}`)}}).refused(domain.CodeConflict, "checkpoint")
	s.when(&workflow.Branch{ThreadTS: ts(7)}).refused(domain.CodeNotFound, "checkpoint")
}

func TestNewVersionsAreAboveAll(t *testing.T) {
	t.Parallel()
	for versions, want := range map[string]string{
		`{"plan":3,"messages":11}`: `12`, `{"plan":1.5,"messages":2}`: `3.0`, `{}`: `1`, `{"plan":"9","messages":"10"}`: `"11"`, `{"plan":"abc"}`: `"abc.1"`,
	} {
		s := given(t, createdEvent())
		c := save(1, 0)
		c.Checkpoint = json.RawMessage(`{"channel_values":{"messages":1},"channel_versions":` + versions + `}`)
		s.when(c)
		s.when(&workflow.Branch{ThreadTS: ts(1), Edit: workflow.Edit{
			Header: json.RawMessage(`{"channel_values":{"messages":0},"channel_versions":` + versions + `}`), Metadata: json.RawMessage(`{"step": 1}`),
			Set: []workflow.SetChannel{{Channel: "messages", Value: json.RawMessage(`2`)}},
		}})
		if s.err != nil {
			t.Fatal(s.err)
		}
		e, _ := s.out.Events[1].(workflow.Checkpointed)
		if got := read1(t, read(t, s, e.Header), "channel_versions", "messages"); got != want {
			t.Errorf("%s: %s, not %s", versions, got, want)
		}
	}
}

func TestRestartAsksForARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		end, again workflow.StatusEvent
		kind       workflow.RunKind
	}{
		{workflow.EventStop, workflow.EventRetry, workflow.RunRetry},
		{workflow.EventDrop, workflow.EventRetry, workflow.RunRetry},
		{workflow.EventPause, workflow.EventResume, workflow.RunResume},
		{workflow.EventRequireInput, workflow.EventResume, workflow.RunResume},
	} {
		s := given(t, createdEvent()).when(&workflow.UpdateStatus{Event: workflow.EventStart}).when(&workflow.UpdateStatus{Event: c.end})
		from := s.state.Status
		s.when(&workflow.UpdateStatus{Event: c.again, Run: true})
		if s.err != nil || len(s.out.Events) != 2 {
			t.Fatalf("%s: %d events: %v", from, len(s.out.Events), s.err)
		}
		run, _ := s.out.Events[1].(workflow.RunRequested)
		if run.Kind != c.kind || s.state.Status != workflow.StatusRunning {
			t.Errorf("%s: %+v, %s", from, run, s.state.Status)
		}
		s.when(&workflow.UpdateStatus{Event: c.again, Run: true}).then()
		s.when(&workflow.UpdateStatus{Event: workflow.EventStop}).when(&workflow.UpdateStatus{Event: workflow.EventStop, Run: true}).refused(domain.CodeInvalidField, "start_workflow")
	}
}

// What was looked up of a checkpoint says more than what is remembered of it: a pin is
// of the version that was read.
func TestMergedFactsKeepNumbers(t *testing.T) {
	t.Parallel()
	key := workflow.CheckpointKey{TS: ts(1)}
	found, remembered := workflow.NewFacts(), workflow.NewFacts()
	found.Checkpoints[key] = workflow.Checkpoint{Key: key, Number: 7}
	remembered.Checkpoints[key] = workflow.Checkpoint{Key: key}
	found.Merge(remembered)
	if got := found.Checkpoints[key].Number; got != 7 {
		t.Errorf("number %d", got)
	}
}
