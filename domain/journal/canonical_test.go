package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/strictjson"
	"github.com/duolog/duolog/domain/value"
)

func written(tb interface{ Fatal(...any) }, c Commit) []byte {
	b, err := c.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func full() Commit {
	id := uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d")
	return Commit{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: id}, Parent: HashOf(nil), ID: id,
		Time: time.Date(2026, 11, 21, 10, 14, 2, 304000000, time.UTC), Command: CommandRef{ID: id, Type: "workflow.start", Hash: HashOf([]byte("x"))},
		Principal: domain.Principal{User: "mia \"<é", ServiceAccount: "duo", System: "engine", Run: &domain.RunRef{ID: id, Epoch: 3}},
		Needs:     []value.Address{value.AddressOf(nil), value.AddressOf([]byte("y"))},
		Events:    []Event{{Type: "a", V: 1, Data: []byte(`{"t":"}\"{","n":[{},1.5]}`)}, {Type: "b", V: 2, Data: []byte(`{}`)}},
	}
}

// alike says that what canonical reads, the decoder reads alike.
func alike(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte,
) (ok bool) {
	t.Helper()
	fast, ok := canonical(b)
	if !ok {
		return false
	}
	var slow commitRecord
	if err := strictjson.Unmarshal(b, &slow); err != nil {
		t.Fatalf("canonical reads what the decoder refuses: %v\n%s", err, b)
	}
	if d := cmp.Diff(slow, fast, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("canonical reads something else:\n%s\n%s", d, b)
	}
	return true
}

// TestWhatIsWrittenIsReadAtOnce: the decoder of any form is for others' records.
func TestWhatIsWrittenIsReadAtOnce(t *testing.T) {
	t.Parallel()
	c := full()
	if !alike(t, written(t, c)) {
		t.Error("a commit with everything is left to the decoder")
	}
	c.Principal, c.Needs, c.Parent, c.Command.Hash = domain.Principal{}, nil, Hash{}, Hash{}
	if !alike(t, written(t, c)) {
		t.Error("a commit with little is left to the decoder")
	}
}

func TestCanonicalNeverReadsOtherwise(t *testing.T) {
	t.Parallel()
	whole := written(t, full())
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, ` `, `0`, `"a":1,`, "\xff", `é`, `\u00e9`, `\ud800`, `null`, `-`, `e1`, `Z`, `+00:00`, "\n"}
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(nil), whole...)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			piece := rapid.SampledFrom(pieces).Draw(t, "piece")
			cut := rapid.IntRange(0, 2).Draw(t, "cut")
			b = append(append(append([]byte(nil), b[:at]...), piece...), b[min(len(b), at+cut):]...)
		}
		alike(t, b)
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add(written(f, full()))
	f.Add([]byte(`{"v":1,"stream":"a","parent":"","id":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","time":"2026-11-21T10:14:02Z","command":{"id":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","type":""},"principal":{},"events":[{"type":"","v":0,"data":{}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) { alike(t, b) })
}
