package workflow_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func longList(items, size int) string {
	return "[" + strings.Repeat(`"`+strings.Repeat("m", size)+`",`, items) + "1]"
}

// distinct is a list in which no item comes twice, nor in another one.
func distinct(items, seed int) string {
	var b strings.Builder
	for i := range items {
		fmt.Fprintf(&b, `"%0*d",`, 80, seed*items+i)
	}
	return "[" + b.String() + "1]"
}

// story.pack fails where a commit passes the log's limit, and where it names
// bytes that are nowhere.
func TestManyChannels(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 100, 150} {
		var channels []string
		for i := range n {
			channels = append(channels, fmt.Sprintf(`"channel %d":%s`, i, distinct(100, i)))
		}
		s := given(t, running()...).when(save(1, 0, channels...))
		s.checkpointed()
		if got := s.channel(1, "channel 7"); got != distinct(100, 7) {
			t.Errorf("%d channels: other bytes", n)
		}
		s.when(save(2, 1, channels...))
		if len(s.checkpointed().Channels) != 0 || s.packed > 2<<10 {
			t.Errorf("nothing changed, yet %d bytes", s.packed)
		}
		s.when(save(2, 1, channels...)).then()
	}
}

func TestTooManyChannels(t *testing.T) {
	t.Parallel()
	var channels []string
	for i := range 2000 {
		channels = append(channels, fmt.Sprintf(`"channel %d":%s`, i, longList(20, 80)))
	}
	given(t, running()...).when(save(1, 0, channels...)).refused(domain.CodeTooLarge, "checkpoint.channel_values")

	// Few enough to name, but their manifests do not fit the commit's record.
	channels = nil
	for i := range 250 {
		channels = append(channels, fmt.Sprintf(`"channel %d":%s`, i, distinct(60, i)))
	}
	given(t, running()...).when(save(1, 0, channels...)).refused(domain.CodeTooLarge, "checkpoint.channel_values")
}

func TestLargeFirstCheckpoint(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(save(1, 0, `"messages":`+distinct(20_000, 1), `"log":"`+strings.Repeat("x", 3<<20)+`"`))
	if s.checkpointed(); s.packed > 16<<10 {
		t.Errorf("the commit has %d bytes", s.packed)
	}
	if got := s.channel(1, "messages"); got != distinct(20_000, 1) {
		t.Error("other bytes")
	}
}

// The state that is known already, sent again without its parent.
func TestKnownBytesSentAgain(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5, 6, 7, 8, 9, 40} {
		var channels []string
		for i := range n {
			channels = append(channels, fmt.Sprintf(`"channel %d":%s`, i, longList(62, 80+i)))
		}
		s := given(t, running()...).when(save(1, 0, channels...))
		for again := 2; again < 4; again++ {
			s.facts.Checkpoints, s.facts.Latest = map[workflow.CheckpointKey]workflow.Checkpoint{}, map[string]workflow.CheckpointKey{}
			s.when(save(again, 9, channels...)).checkpointed()
			for _, b := range s.out.Blobs {
				if !strings.HasPrefix(string(b.Bytes), `{"type":"json"`) {
					t.Errorf("known bytes are sent again: %.60s", b.Bytes)
				}
			}
			if got := s.channel(again, "channel 3"); got != longList(62, 83) {
				t.Error("other bytes")
			}
		}
	}
}

// Any tree of checkpoints: each is taken or refused by name, fits its commit
// and reads back as it was sent.
func TestCheckpointsOfAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := given(t, running()...)
		sent := map[int]map[string]string{}
		for n := 1; n <= rapid.IntRange(1, 6).Draw(t, "steps"); n++ {
			state := map[string]string{}
			for i := range rapid.SampledFrom([]int{0, 1, 3, 15}).Draw(t, "channels") {
				items, size := rapid.SampledFrom([]int{0, 1, 63, 64, 200}).Draw(t, "items"), rapid.SampledFrom([]int{0, 20, 70, 200}).Draw(t, "size")
				state[fmt.Sprintf("%s%d", strings.Repeat("\x01", i%9), i)] = longList(items, size)
			}
			values, err := json.Marshal(raws(state))
			if err != nil {
				t.Fatalf("%v", err)
			}
			c := save(n, rapid.IntRange(0, n-1).Draw(t, "parent"))
			c.Checkpoint = json.RawMessage(`{"x":` + longList(rapid.SampledFrom([]int{0, 200}).Draw(t, "header"), 80) + `,"channel_values":` + string(values) + `}`)
			c.Metadata = json.RawMessage(`{"m":` + longList(rapid.SampledFrom([]int{0, 200}).Draw(t, "metadata"), 80) + `}`)
			c.NS = ""
			if s.when(c); s.err != nil {
				t.Fatalf("%v", s.err)
			}
			sent[n] = state
		}
		for n, state := range sent {
			for name, want := range state {
				if got := s.channel(n, name); got != want {
					t.Fatalf("%q of %d: %.80s, not %.80s", name, n, got, want)
				}
			}
		}
	})
}

func raws(state map[string]string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for k, v := range state {
		out[k] = json.RawMessage(v)
	}
	return out
}

func TestWorstTextsFit(t *testing.T) {
	t.Parallel()
	worst := func(n int) string { return strings.Repeat("\x01", n) }
	c := save(1, 0, `"messages":`+longList(6000, 70))
	c.NS, c.FlowMetadata, c.Model = worst(4096), worst(1024), worst(1024)
	given(t, running()...).when(c).checkpointed()
}
