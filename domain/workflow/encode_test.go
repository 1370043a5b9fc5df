package workflow_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// Events that write their own JSON write what encoding/json would: readers of
// the log, the schemas and golden files know no other.
func TestOwnJSONIsThatOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := workflow.Checkpointed{
			ThreadTS: anID.Draw(t, "ts"), ParentTS: rapid.Ptr(anID, true).Draw(t, "parent"), Inherits: rapid.Bool().Draw(t, "inherits"),
			NS: someText.Draw(t, "ns"), Header: aValue.Draw(t, "header"), Metadata: aValue.Draw(t, "metadata"),
			Channels: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) workflow.ChannelValue {
				return workflow.ChannelValue{Channel: someText.Draw(t, "channel"), Value: aValue.Draw(t, "value")}
			}), 0, 3).Draw(t, "channels"),
			Removed: rapid.SliceOfN(someText, 0, 3).Draw(t, "removed"), CurrentThread: rapid.IntRange(0, 9).Draw(t, "thread"),
			FlowMetadata: someText.Draw(t, "flow"), Epoch: rapid.IntRange(0, 9).Draw(t, "epoch"), ParentMissing: rapid.Bool().Draw(t, "missing"),
		}
		same(t, e, e.AppendJSON(nil))
		for _, v := range e.Values() {
			if most, size := v.EncodedMost(), v.EncodedSize(); size > most {
				t.Errorf("a value takes %d bytes, which was said to be at most %d", size, most)
			}
		}
		w := workflow.WritesRecorded{
			ThreadTS: anID.Draw(t, "ts"), NS: someText.Draw(t, "ns"), Epoch: rapid.IntRange(0, 9).Draw(t, "epoch"),
			Writes: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) workflow.Write {
				return workflow.Write{Task: someText.Draw(t, "task"), Idx: rapid.IntRange(-9, 9).Draw(t, "idx"), TaskPath: someText.Draw(t, "path"), Channel: someText.Draw(t, "channel"), Value: aValue.Draw(t, "value")}
			}), 1, 3).Draw(t, "writes"),
		}
		same(t, w, w.AppendJSON(nil))
		p := domain.Principal{User: someText.Draw(t, "user"), ServiceAccount: someText.Draw(t, "account"), System: someText.Draw(t, "system")}
		if rapid.Bool().Draw(t, "has a run") {
			p.Run = &domain.RunRef{ID: anID.Draw(t, "run"), Epoch: rapid.Int().Draw(t, "epoch")}
		}
		same(t, p, p.AppendJSON(nil))
	})
}

var (
	someText = rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringMatching(`[a-z<>&"\\\n\x{2028}\x00]{1,9}`))
	anID     = rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
	// aValue is the difference of two values that have a beginning in common.
	aValue = rapid.Custom(func(t *rapid.T) value.Value {
		typ := rapid.SampledFrom([]string{value.TypeJSON, value.TypeMsgpack, "<any>"}).Draw(t, "type")
		common := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "common")
		base, _ := value.Build(typ, append(bytes.Clone(common), rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "before")...))
		next, _ := value.Build(typ, append(bytes.Clone(common), rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "after")...))
		if rapid.Bool().Draw(t, "spilled") {
			v, _ := value.Spill(next)
			return v
		}
		return value.Diff(next, &base)
	})
)

func same(t *rapid.T, v any, own []byte) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if want := bytes.TrimRight(b.Bytes(), "\n"); !bytes.Equal(own, want) {
		t.Errorf("%T:\n got %s\nwant %s", v, own, want)
	}
}
