package workflow_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// ts is the nth checkpoint id in order of age.
func ts(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("1f0c2a10-%04x-6b80-8000-0a1b2c3d4e5f", n))
}

// save is a checkpoint with these channels, in order, after parent (0: none).
func save(n, parent int, channels ...string) *workflow.SaveCheckpoint {
	c := &workflow.SaveCheckpoint{
		ThreadTS: ts(n), Metadata: json.RawMessage(fmt.Sprintf(`{"step": %d}`, n)),
		Checkpoint: json.RawMessage(`{"v":4,"channel_values":{` + strings.Join(channels, ",") + `}}`),
	}
	if parent > 0 {
		p := ts(parent)
		c.ParentTS = &p
	}
	return c
}

func (s *story) checkpointed() workflow.Checkpointed {
	s.t.Helper()
	if s.err != nil {
		s.t.Fatalf("refused: %v", s.err)
	}
	if len(s.out.Events) == 0 {
		s.t.Fatalf("no events")
	}
	e, ok := s.out.Events[0].(workflow.Checkpointed)
	if !ok {
		s.t.Fatalf("not a checkpoint: %T", s.out.Events[0])
	}
	return e
}

// channel reads the bytes of a stored channel.
func (s *story) channel(n int, name string) string {
	s.t.Helper()
	stored := s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(n)}]
	id, ok := stored.Channels[name]
	if !ok {
		s.t.Fatalf("checkpoint %d has no channel %q", n, name)
	}
	raw, err := value.Assemble(s.facts.Values[id], func(want []value.Address) (map[value.Address][]byte, error) {
		return s.blobs, nil
	})
	if err != nil {
		s.t.Fatalf("channel %q: %v", name, err)
	}
	return string(raw)
}

func names(e workflow.Checkpointed) []string {
	var out []string
	for _, c := range e.Channels {
		out = append(out, c.Channel)
	}
	return out
}

func TestFirstCheckpoint(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).as(run1, 1).when(save(1, 0, `"__start__":{"a": 1.0}`))
	e := s.checkpointed()
	if e.Inherits || e.ParentMissing || e.ParentTS != nil || e.Epoch != 1 || !slices.Equal(names(e), []string{"__start__"}) {
		t.Errorf("%+v", e)
	}
	if got := s.channel(1, "__start__"); got != `{"a": 1.0}` {
		t.Error(got)
	}
	if s.state.Checkpoints != 1 {
		t.Errorf("%d checkpoints", s.state.Checkpoints)
	}
}

func TestTheSameCheckpointAgain(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(save(1, 0, `"a":1`, `"b":2`)).when(save(2, 1, `"a":1`, `"b":3`))
	key := workflow.CheckpointKey{TS: ts(2)}
	stored := s.facts.Checkpoints[key]
	stored.Number = 1067008
	s.facts.Checkpoints[key] = stored
	s.when(save(2, 1, `"a":1`, `"b":3`)).then()
	if s.out.Existing != 1067008 {
		t.Errorf("number %d", s.out.Existing)
	}
	s.when(save(1, 0, `"a":1`, `"b":2`)).then()
}

func TestTheSameIDWithOtherContent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*workflow.SaveCheckpoint{
		"another value":   save(2, 1, `"a":1`, `"b":4`),
		"another spacing": save(2, 1, `"a":1`, `"b": 3`, `"c":[ ]`),
		"one more":        save(2, 1, `"a":1`, `"b":3`, `"c":5`),
		"one less":        save(2, 1, `"a":1`),
		"another parent":  save(2, 0, `"a":1`, `"b":3`),
	} {
		s := given(t, running()...).when(save(1, 0, `"a":1`, `"b":2`)).when(save(2, 1, `"a":1`, `"b":3`)).when(c)
		if e := s.checkpointed(); e.ThreadTS != ts(2) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	meta := save(2, 1, `"a":1`, `"b":3`)
	meta.Metadata = json.RawMessage(`{"step": 2 }`)
	s := given(t, running()...).when(save(1, 0, `"a":1`, `"b":2`)).when(save(2, 1, `"a":1`, `"b":3`)).when(meta)
	if e := s.checkpointed(); len(e.Channels) != 1 { // b differs from the parent's
		t.Errorf("%v", names(e))
	}
}

func TestOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(save(1, 0, `"messages":["a"]`, `"plan":{}`, `"__start__":1`, `"x":1`))
	e := s.when(save(2, 1, `"messages":["a","b"]`, `"plan":{}`, `"new":true`)).checkpointed()
	if !e.Inherits || !slices.Equal(names(e), []string{"messages", "new"}) || !slices.Equal(e.Removed, []string{"__start__", "x"}) {
		t.Errorf("inherits %t, channels %v, removed %v", e.Inherits, names(e), e.Removed)
	}
	if got := s.channel(2, "plan") + s.channel(2, "messages"); got != `{}["a","b"]` {
		t.Error(got)
	}
	if _, has := s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(2)}].Channels["x"]; has {
		t.Error("a removed channel is there")
	}
	if e := s.when(save(3, 2, `"messages":["a","b"]`, `"plan":{}`, `"new":true`)).checkpointed(); len(e.Channels)+len(e.Removed) != 0 {
		t.Errorf("nothing changed, yet %v %v", names(e), e.Removed)
	}
}

func TestAStepCostsWhatIsNew(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	list := func(n int) string {
		return `"messages":[` + strings.Repeat(`"`+strings.Repeat("m", 900)+`",`, n) + `1]`
	}
	s.when(save(1, 0, list(500)))
	s.when(save(2, 1, list(501)))
	if s.packed > 4<<10 {
		t.Errorf("one more message takes %d bytes", s.packed)
	}
	for _, b := range s.out.Blobs {
		if len(b.Bytes) > 8<<10 {
			t.Errorf("a blob of %d bytes", len(b.Bytes))
		}
	}
}

func TestParentMissing(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(save(3, 2, `"a":1`))
	if e := s.checkpointed(); e.Inherits || !e.ParentMissing || *e.ParentTS != ts(2) || len(e.Channels) != 1 || e.Removed != nil {
		t.Errorf("%+v", e)
	}
	if !s.facts.Checkpoints[workflow.CheckpointKey{TS: ts(3)}].Missing {
		t.Error("it is not marked")
	}
	// The next one stands on it; the parent that comes later changes nothing.
	if e := s.when(save(4, 3, `"a":1`)).checkpointed(); !e.Inherits || e.ParentMissing || len(e.Channels) != 0 {
		t.Errorf("%+v", e)
	}
	s.when(save(2, 1, `"a":0`)).when(save(3, 2, `"a":1`)).then()
}

func TestWithoutAParentItStandsOnTheLatest(t *testing.T) {
	t.Parallel()
	big := `"messages":[` + strings.Repeat(`"`+strings.Repeat("m", 900)+`",`, 130) + `1]`
	s := given(t, running()...).when(save(1, 0, big))
	e := s.when(save(2, 0, big)).checkpointed()
	if e.Inherits || len(e.Channels) != 1 || e.Channels[0].Value.Keep == 0 || len(s.out.Blobs) != 0 {
		t.Errorf("%+v, %d blobs", e, len(s.out.Blobs))
	}
	want := save(3, 0, big).Want(s.state, s.env)
	if d := cmp.Diff(workflow.Want{Checkpoints: []workflow.CheckpointKey{{TS: ts(3)}}, Latest: []string{""}, Newest: []string{""}}, want); d != "" {
		t.Error(d)
	}
	want = save(3, 2, big).Want(s.state, s.env)
	if d := cmp.Diff(workflow.Want{Checkpoints: []workflow.CheckpointKey{{TS: ts(3)}}, Base: []workflow.CheckpointKey{{TS: ts(2)}}, Newest: []string{""}}, want); d != "" {
		t.Error(d)
	}
}

func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	child := save(2, 1, `"a":1`)
	child.NS = "child:1"
	s := given(t, running()...).when(save(1, 0, `"a":1`)).when(child)
	if e := s.checkpointed(); !e.ParentMissing || e.NS != "child:1" {
		t.Errorf("%+v", e)
	}
	if s.facts.Latest[""].TS != ts(1) || s.facts.Latest["child:1"].TS != ts(2) {
		t.Errorf("%v", s.facts.Latest)
	}
}

func TestWantBlobs(t *testing.T) {
	t.Parallel()
	s := given(t, running()...)
	small, large := save(1, 0, `"a":"`+strings.Repeat("x", 2000)+`"`), save(2, 0, `"a":"`+strings.Repeat("y", 9000)+`"`)
	if got := small.WantBlobs(s.facts); got != nil {
		t.Errorf("asks for %d", len(got))
	}
	asked := large.WantBlobs(s.facts)
	if len(asked) != 1 {
		t.Fatalf("asks for %d", len(asked))
	}
	s.facts.Blobs[asked[0]] = true
	s.blobs[asked[0]] = []byte(`"` + strings.Repeat("y", 9000) + `"`)
	if s.when(large); len(s.out.Blobs) != 0 {
		t.Errorf("brings %d", len(s.out.Blobs))
	}
	if got := (&workflow.SaveCheckpoint{}).WantBlobs(s.facts); got != nil {
		t.Error("a bad request asks for bytes")
	}
}

func TestWhoMayWriteState(t *testing.T) {
	t.Parallel()
	replaced := append(running(), workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "failed"}, requested(run2, 2))
	writes := &workflow.RecordWrites{ThreadTS: ts(1), Writes: []workflow.NewWrite{{Task: "t", Channel: "c", Data: "1"}}}
	for _, c := range []workflow.Command{save(1, 0, `"a":1`), writes} {
		s := given(t, replaced...).as(run1, 1).when(c).refused(domain.CodeStaleRun, "")
		if e, ok := s.err.(*domain.Error); !ok || !strings.Contains(e.Fix, run2.String()) { //nolint:errorlint // the shape is the point
			t.Errorf("%+v", s.err)
		}
		given(t, replaced...).as(run1, -1).when(c).refused(domain.CodeStaleRun, "")
		given(t, created()).as(run1, -1).when(c)
		given(t, replaced...).runless(false).when(c).refused(domain.CodeForbidden, "")
		if given(t, replaced...).runless(true).when(c); len(given(t, replaced...).when(c).out.Events) != 1 {
			t.Error("a client without a run was refused")
		}
		given(t, replaced...).runless(false).as(run2, 2).when(c)
	}
}

func TestCheckpointRefuses(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n+1) }
	for name, tt := range map[string]struct {
		edit  func(*workflow.SaveCheckpoint)
		code  domain.Code
		field string
	}{
		"a random id":     {func(c *workflow.SaveCheckpoint) { c.ThreadTS = uuid.New() }, domain.CodeInvalidField, "thread_ts"},
		"no id":           {func(c *workflow.SaveCheckpoint) { c.ThreadTS = uuid.Nil }, domain.CodeInvalidField, "thread_ts"},
		"its own parent":  {func(c *workflow.SaveCheckpoint) { p := c.ThreadTS; c.ParentTS = &p }, domain.CodeInvalidField, "parent_ts"},
		"no checkpoint":   {func(c *workflow.SaveCheckpoint) { c.Checkpoint = nil }, domain.CodeInvalidField, "checkpoint"},
		"a list":          {func(c *workflow.SaveCheckpoint) { c.Checkpoint = json.RawMessage(`[]`) }, domain.CodeInvalidField, "checkpoint"},
		"broken":          {func(c *workflow.SaveCheckpoint) { c.Checkpoint = json.RawMessage(`{"channel_values":{"a"`) }, domain.CodeInvalidField, "checkpoint"},
		"a channel twice": {func(c *workflow.SaveCheckpoint) { c.Checkpoint = json.RawMessage(`{"channel_values":{"a":1,"a":2}}`) }, domain.CodeInvalidField, "checkpoint"},
		"channel name":    {func(c *workflow.SaveCheckpoint) { c.Checkpoint = save(1, 0, `"`+long(256)+`":1`).Checkpoint }, domain.CodeTooLarge, "checkpoint.channel_values"},
		"channel NUL":     {func(c *workflow.SaveCheckpoint) { c.Checkpoint = save(1, 0, `"\u0000":1`).Checkpoint }, domain.CodeInvalidField, "checkpoint.channel_values"},
		"no metadata":     {func(c *workflow.SaveCheckpoint) { c.Metadata = nil }, domain.CodeInvalidField, "metadata"},
		"metadata null":   {func(c *workflow.SaveCheckpoint) { c.Metadata = json.RawMessage("null") }, domain.CodeInvalidField, "metadata"},
		"metadata":        {func(c *workflow.SaveCheckpoint) { c.Metadata = json.RawMessage(`{"a":"` + long(64<<10) + `"}`) }, domain.CodeTooLarge, "metadata"},
		"namespace":       {func(c *workflow.SaveCheckpoint) { c.NS = long(4096) }, domain.CodeTooLarge, "checkpoint_ns"},
		"namespace NUL":   {func(c *workflow.SaveCheckpoint) { c.NS = "\x00" }, domain.CodeInvalidField, "checkpoint_ns"},
		"flow metadata":   {func(c *workflow.SaveCheckpoint) { c.FlowMetadata = long(1024) }, domain.CodeTooLarge, "flow_metadata_json"},
		"thread below 0":  {func(c *workflow.SaveCheckpoint) { c.CurrentThread = -1 }, domain.CodeInvalidField, "current_thread"},
		"thread too high": {func(c *workflow.SaveCheckpoint) { c.CurrentThread = 1 << 40 }, domain.CodeInvalidField, "current_thread"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := save(1, 0, `"a":1`)
			tt.edit(c)
			given(t, running()...).when(c).refused(tt.code, tt.field)
		})
	}
	for _, id := range []string{"c232ab00-9414-11ec-b3c8-9f6bdeced846", "1ec9414c-232a-6b00-b3c8-9f6bdeced846", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"} {
		c := save(1, 0, `"a":1`)
		c.ThreadTS = uuid.MustParse(id)
		given(t, running()...).when(c).checkpointed()
	}
}

// TestP1 records the latest model that is not blank, byte for byte.
func TestP1(t *testing.T) {
	t.Parallel()
	odd := `{"provider" : "anthropic","name":"x","n":1.0}`
	for name, tt := range map[string]struct{ sent, want string }{
		"none":         {"", ""},
		"blank":        {" \n\t", ""},
		"as it came":   {odd, odd},
		"not JSON":     {"gpt", "gpt"},
		"exactly 1024": {strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		"too long":     {strings.Repeat("x", 1025), ""},
		"an api_key":   {`{"provider":"openai","api_key":"secret","n":1.0}`, `{"provider":"openai","n":1.0}`},
		"only the key": {`{"api_key":"secret"}`, `{}`},
		"escaped key":  {`{"api\u005fkey":"secret"}`, `{}`},
		"no text":      {"a\x00", ""},
		"the last one": {` {"provider" : "openai" ,  "api_key" : "secret" } `, ` {"provider" : "openai"    } `},
		"the first":    {"{\n\t\"api_key\": [1, {\"a\": 2}],\n\t\"n\":1e0\n}", "{\n\t\n\t\"n\":1e0\n}"},
		"twice":        {`{"a":1,"api_key":1,"api_key":2}`, `{"a":1}`},
		"both ends":    {`{"api_key":1,"a":"\u00e9","api_key":2}`, `{"a":"\u00e9"}`},
		"deeper":       {`{"a":[{"api_key":"s","b":2},{"api_key":"s"}],"b":{"c":3,"api_key":null}}`, `{"a":[{"b":2},{}],"b":{"c":3}}`},
		"as a value":   {`{"name":"api_key"}`, `{"name":"api_key"}`},
		"a broken key": {`{"api_key":"secret"`, ""},
		"and escaped":  {`{"api\u005fkey":"secret"`, ""},
		"two of them":  {`{"a":1} {"api_key":"secret"}`, ""},
		"before as is": {"before", "before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := save(2, 1, `"a":1`)
			c.Model = tt.sent
			s := given(t, running()...).when(save(1, 0, `"a":1`)).when(c)
			if s.checkpointed(); s.state.Model != tt.want {
				t.Fatalf("%q, not %q", s.state.Model, tt.want)
			}
			next := save(3, 2, `"a":1`)
			next.Model = tt.sent
			if s.when(next); len(s.out.Events) != 1 {
				t.Errorf("the same model is recorded again: %+v", s.out.Events)
			}
			blank := save(4, 3, `"a":1`)
			if s.when(blank); s.state.Model != tt.want {
				t.Errorf("a blank one changed it to %q", s.state.Model)
			}
		})
	}
}

func TestFlowMetadataOfTheFirst(t *testing.T) {
	t.Parallel()
	one, two := save(1, 0, `"a":1`), save(2, 1, `"a":2`)
	one.FlowMetadata, two.FlowMetadata = `{"flow_version":"1"}`, `{"flow_version":"2"}`
	if s := given(t, running()...).when(one).when(two); s.state.FlowMeta != one.FlowMetadata {
		t.Error(s.state.FlowMeta)
	}
}
