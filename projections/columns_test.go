package projections

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

func testCodec(t *testing.T) *Codec {
	t.Helper()
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestColumnsComeBackAsTheyWere: whatever they hold.
func TestColumnsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	c := testCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(dictionaryRows)-1).Draw(t, "from")
		like := dictionaryRows[from:min(len(dictionaryRows), from+rapid.IntRange(0, 12<<10).Draw(t, "like"))]
		b := append([]byte("{"), like...)
		b = append(b, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "other")...)
		packed := c.packColumn(b)
		got, err := c.unpackColumn(packed)
		if err != nil || !bytes.Equal(got, b) || len(packed) > len(b) {
			t.Fatalf("%d bytes came back as %d by way of %d: %v", len(b), len(got), len(packed), err)
		}
	})
}

// TestAStepsRowsArePacked: a checkpoint's header and metadata as LangGraph makes them, and
// a task's writes, take two fifths of their JSON and less.
func TestAStepsRowsArePacked(t *testing.T) {
	t.Parallel()
	c := testCodec(t)
	version := func(n int) string { return fmt.Sprintf("%010d.%012x", n, n*7919) }
	header := fmt.Appendf(nil, `{"v":4,"ts":"2026-03-05T11:12:13.141516+00:00","id":%q,"channel_versions":{"__start__":%q,"answers":%q,"branch:to:writer":%q},"versions_seen":{"__input__":{},"__start__":{"__start__":%q},"writer":{"branch:to:writer":%q}},"updated_channels":["answers","branch:to:writer"]}`,
		uuid.New(), version(2), version(31), version(31), version(1), version(30))
	task := uuid.New().String()
	message, _ := value.Build("msgpack", append([]byte{0x91, 0xd9, 200}, bytes.Repeat([]byte("long "), 400)...))
	none, _ := value.Build("null", nil)
	writes := []workflow.Write{
		{Task: task, TaskPath: "~__pregel_pull, writer", Channel: "answers", Value: value.Diff(message, nil)},
		{Task: task, Idx: 1, TaskPath: "~__pregel_pull, writer", Channel: "branch:to:writer", Value: value.Diff(none, nil)},
	}
	of := func(raw []byte) value.Value { m, _ := value.Build("json", raw); return value.Diff(m, nil) }
	for name, v := range map[string]value.Value{"header": of(header), "metadata": of([]byte(`{"source":"loop","step":29,"parents":{}}`))} {
		packed, plain := c.packValue(v), v.AppendJSON(nil)
		if 3*len(packed) > len(plain) {
			t.Errorf("a %s of %d bytes is packed into %d", name, len(plain), len(packed))
		}
		for _, column := range [][]byte{packed, plain} { // rows of before are JSON
			if got, err := c.ReadValue(column); err != nil || cmp.Diff(v, got) != "" {
				t.Errorf("%s: %v %s", name, err, cmp.Diff(v, got))
			}
		}
	}
	if packed, plain := c.packWrites(writes), workflow.AppendWrites(nil, writes); 5*len(packed) > 2*len(plain) {
		t.Errorf("writes of %d bytes are packed into %d", len(plain), len(packed))
	}
}

// TestTheLastOfEachWriteCounts: among rows that have the writes of an event and rows of
// before, which have one.
func TestTheLastOfEachWriteCounts(t *testing.T) {
	t.Parallel()
	c := testCodec(t)
	write := func(task string, idx int, text string) workflow.Write {
		m, _ := value.Build("text", []byte(text))
		return workflow.Write{Task: task, Idx: idx, TaskPath: "path", Channel: "c\x00", Value: value.Diff(m, nil)}
	}
	before := func(number int64, w workflow.Write) WriteRow {
		idx := int32(w.Idx)
		return WriteRow{Number: number, task: []byte(w.Task), idx: &idx, path: []byte(w.TaskPath), channel: []byte(w.Channel), value: w.Value.AppendJSON(nil)}
	}
	got, err := c.LatestWrites([]WriteRow{
		{Number: 9, packed: c.packWrites([]workflow.Write{write("b", 1, "new"), write("a", -1, "newest")})},
		before(3, write("b", 0, "only")),
		{Number: 5, packed: c.packWrites([]workflow.Write{write("a", -1, "newer"), write("a", 2, "alone")})},
		before(4, write("a", -1, "old")),
	})
	want := []NumberedWrite{
		{write("a", -1, "newest"), 10}, {write("a", 2, "alone"), 6}, {write("b", 0, "only"), 3}, {write("b", 1, "new"), 9},
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for _, broken := range [][]byte{{markRow}, {markRow, 0xff, 0xff}, []byte("{"), {}} {
		if _, err := c.LatestWrites([]WriteRow{{packed: broken}}); err == nil {
			t.Errorf("%x was read", broken)
		}
	}
}
