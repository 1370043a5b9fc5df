package values_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/values"
)

// TestRoundTrip: what is put into a document comes out of it, byte for byte.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			typ string
			raw []byte
		}
		var sent []pair
		var tail values.Tail
		var head bytes.Buffer
		head.WriteString("{\"values\" :\n [")
		for i := range rapid.IntRange(0, 8).Draw(t, "values") {
			p := pair{rapid.SampledFrom([]string{"json", "msgpack", "msgpack+aes", "é"}).Draw(t, "type"), rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")}
			if i > 0 {
				head.WriteByte(',')
				if rapid.Bool().Draw(t, "again") {
					p = sent[0]
				}
			}
			sent = append(sent, p)
			head.Write(tail.Add(p.typ, p.raw))
		}
		head.WriteString("]}")
		body := values.Split(tail.Document(head.Bytes()))
		doc, err := document.Parse(body.Head, 16)
		if err != nil {
			t.Fatal(err)
		}
		elements := document.Elements(doc["values"])
		if len(elements) != len(sent) {
			t.Fatalf("%d values, not %d", len(elements), len(sent))
		}
		for i, raw := range elements {
			v, err := body.Value("values", raw)
			if err != nil || v.Type != sent[i].typ || !bytes.Equal(v.Raw, sent[i].raw) {
				t.Fatalf("value %d is %q %x, not %q %x: %v", i, v.Type, v.Raw, sent[i].typ, sent[i].raw, err)
			}
		}
	})
}

// TestSharedSpans: the same bytes stand in the tail once.
func TestSharedSpans(t *testing.T) {
	var tail values.Tail
	raw := bytes.Repeat([]byte("same "), 100)
	first, second := tail.Add("json", raw), tail.Add("json", bytes.Clone(raw))
	if string(first) != string(second) || tail.Len() != len(raw) {
		t.Errorf("%s and %s over %d bytes", first, second, tail.Len())
	}
}

// TestSpansAreBounded: a value reaches no byte that did not come with it.
func TestSpansAreBounded(t *testing.T) {
	body := values.Split([]byte("{}\n0123456789"))
	for _, test := range []struct {
		at, size, want string
		code           domain.Code
	}{
		{"0", "10", "0123456789", ""},
		{"10", "0", "", ""},
		{"3", "2", "34", ""},
		{"3", "8", "", domain.CodeInvalidField},
		{"11", "0", "", domain.CodeInvalidField},
		{"-1", "2", "", domain.CodeInvalidField},
		{"2147483647", "2147483647", "", domain.CodeInvalidField},
		{"99999999999", "1", "", domain.CodeInvalidField},
		{"null", "1", "", domain.CodeInvalidField},
		{"0", "1.5", "", domain.CodeInvalidField},
	} {
		v, err := body.Value("v", fmt.Appendf(nil, `{"type":"bytes","at":%s,"size":%s}`, test.at, test.size))
		if got := codeOf(err); got != test.code || err == nil && string(v.Raw) != test.want {
			t.Errorf("at %s size %s: %q, %v", test.at, test.size, v.Raw, err)
		}
	}
	for _, raw := range []string{`{"at":0,"size":1}`, `7`, `{"type":"a\u0000","at":0,"size":1}`, `{"type":7,"at":0,"size":1}`} {
		if _, err := body.Value("v", []byte(raw)); codeOf(err) != domain.CodeInvalidField {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if alone := values.Split([]byte(`{"a":1}`)); string(alone.Head) != `{"a":1}` {
		t.Errorf("a head alone is %s", alone.Head)
	}
}

func codeOf(err error) domain.Code {
	if err == nil {
		return ""
	}
	return domain.CodeOf(err)
}

// TestSpansAreShared: the states of a list that grows share its bytes in any order, and
// read as they were; values that have nothing in common stand there whole.
func TestSpansAreShared(t *testing.T) {
	item := func(n int) string {
		return fmt.Sprintf(`{"n":%d,"text":%q}`, n, bytes.Repeat([]byte{byte('a' + n%26)}, 900))
	}
	var states [][]byte
	list := []byte(`["` + string(rune('a')))
	for n := range 20 {
		list = append(append(list, ','), item(n)...)
		states = append(states, append(append([]byte{0xdc, 0, byte(n)}, list...), ']'))
	}
	slices.Reverse(states)
	random := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		other := make([]byte, 5000)
		for i := range other {
			other[i] = byte(random.Uint32())
		}
		states = append(states, other)
	}
	edited := bytes.Clone(states[0])
	copy(edited[9000:], "edited, and as long as before")
	states = append(states, edited, states[0], []byte("short"), nil)
	var tail values.Tail
	var heads [][]byte
	for _, raw := range states {
		heads = append(heads, tail.AddShared("msgpack", [][]byte{raw}))
	}
	const short = 10 << 10 // those that are not looked at
	if most := len(states[0]) + 3*5000 + 100*len(states) + short; tail.Len() > most {
		t.Errorf("%d bytes, not %d, behind the head", tail.Len(), most)
	}
	for i, head := range heads {
		if got := read(t, &tail, head); !bytes.Equal(got, states[i]) {
			t.Errorf("value %d: %s", i, head)
		}
	}
}

// read is what the JSON of a value names.
func read(t *testing.T, tail *values.Tail, head []byte) (raw []byte) {
	t.Helper()
	var v struct {
		At, Size int
		Spans    [][2]int
	}
	if err := json.Unmarshal(head, &v); err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	if v.Spans == nil {
		v.Spans = [][2]int{{v.At, v.Size}}
	}
	_, all, _ := bytes.Cut(tail.Document([]byte("{}")), []byte("\n"))
	for _, s := range v.Spans {
		raw = append(raw, all[s[0]:s[0]+s[1]]...)
	}
	return raw
}

// TestPartsAreShared: lists that have parts in common are a head of their own and a run of
// the longest one's items, also where two items are the same.
func TestPartsAreShared(t *testing.T) {
	var items [][]byte
	for n := range 40 {
		items = append(items, bytes.Repeat([]byte{byte('a' + n%26)}, 150))
	}
	items[7] = items[3]
	size := 0
	for _, item := range items {
		size += len(item)
	}
	var tail values.Tail
	for n := len(items); n > 30; n-- {
		parts := append([][]byte{{0xdc, 0, byte(n)}}, items[:n]...)
		head := tail.AddShared("msgpack", parts)
		want := fmt.Sprintf(`{"type":"msgpack","spans":[[%d,3],[3,%d]]}`, size+3*(len(items)-n), 150*n)
		if n == len(items) {
			want = fmt.Sprintf(`{"type":"msgpack","at":0,"size":%d}`, 3+size)
		}
		if string(head) != want {
			t.Errorf("%d items: %s, not %s", n, head, want)
		}
		if got := read(t, &tail, head); !bytes.Equal(got, bytes.Join(parts, nil)) {
			t.Errorf("%d items: %s", n, head)
		}
	}
	edited := slices.Concat([][]byte{{0xdc, 0, 40}}, items[:20], [][]byte{bytes.Repeat([]byte("new"), 50)}, items[21:])
	before := tail.Len()
	if head := tail.AddShared("msgpack", edited); tail.Len() != before+3+150 || !bytes.Equal(read(t, &tail, head), bytes.Join(edited, nil)) {
		t.Errorf("an edited list is %s, and %d bytes", head, tail.Len()-before)
	}
}

// FuzzShared: whatever the values and their parts, their spans are they.
func FuzzShared(f *testing.F) {
	f.Add([]byte("ab"), []byte("b"), uint16(3000))
	f.Fuzz(func(t *testing.T, a, b []byte, times uint16) {
		whole := bytes.Repeat(append(a, 'x'), 1+int(times)%5000)
		half := len(whole) / 2
		one := func(raws ...[]byte) [][]byte { return [][]byte{slices.Concat(raws...)} }
		apart := func(raws ...[]byte) [][]byte {
			return slices.DeleteFunc(raws, func(raw []byte) bool { return len(raw) == 0 })
		}
		var tail values.Tail
		for _, parts := range [][][]byte{
			one(whole), one(b, whole), one(whole, b), one(whole[:half], b),
			apart(b, whole[:half], whole[half:]), apart(whole[half:], b, whole[:half]), apart(whole[half:], whole[half:], b, b), apart(whole),
		} {
			head := tail.AddShared("t", parts)
			if got, want := read(t, &tail, head), bytes.Join(parts, nil); !bytes.Equal(got, want) {
				t.Fatalf("%d bytes became %d by %s", len(want), len(got), head)
			}
		}
	})
}
