package workflow

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/value"
)

func step() Checkpointed {
	parent := uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3c")
	base, _ := value.Build("json", []byte(`["one message that is longer than what stands inline, so that it is bytes of its own, apart from the others","two"]`))
	next, _ := value.Build("json", []byte(`["one message that is longer than what stands inline, so that it is bytes of its own, apart from the others","two","<é\"\\>"]`))
	spilled, _ := value.Spill(next)
	header, _ := value.Build("json", []byte(`{"v":4,"channel_values":{"messages":0}}`))
	return Checkpointed{
		ThreadTS: uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d"), ParentTS: &parent, Inherits: true, NS: "sub|é",
		Header: value.Diff(header, nil), Metadata: value.Diff(header, &header),
		Channels: []ChannelValue{{"messages", value.Diff(next, &base)}, {"plan", spilled}}, Removed: []string{"a", "b"},
		CurrentThread: 2, FlowMetadata: "{\"x\":1}", Epoch: 7, ParentMissing: true,
	}
}

// readAlike says that both ways to read an event read it alike, or refuse it.
func readAlike(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte,
) {
	t.Helper()
	slow, slowErr := decode[Checkpointed](data)
	fast, err := decodeCheckpointed(data)
	if (slowErr == nil) != (err == nil) {
		t.Fatalf("%v, but the decoder says %v\n%s", err, slowErr, data)
	}
	if d := cmp.Diff(slow, fast, cmpopts.EquateEmpty()); err == nil && d != "" {
		t.Fatalf("it reads something else:\n%s\n%s", d, data)
	}
}

func TestStepsAreReadAsTheDecoderReadsThem(t *testing.T) {
	t.Parallel()
	whole := step().AppendJSON(nil)
	readAlike(t, whole)
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, ` `, `0`, `9`, `"n":1,`, "\xff", `é`, `\u00e9`, `null`, `-`, `true`, `false`}
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(nil), whole...)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			piece := rapid.SampledFrom(pieces).Draw(t, "piece")
			cut := rapid.IntRange(0, 2).Draw(t, "cut")
			b = append(append(append([]byte(nil), b[:at]...), piece...), b[min(len(b), at+cut):]...)
		}
		readAlike(t, b)
	})
}

func FuzzCheckpointed(f *testing.F) {
	f.Add(step().AppendJSON(nil))
	f.Add([]byte(`{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","inherits":false,"header":{"type":"","size":0},"metadata":{"type":"","size":0}}`))
	f.Fuzz(func(t *testing.T, b []byte) { readAlike(t, b) })
}
