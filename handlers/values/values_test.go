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
		heads = append(heads, tail.AddShared("msgpack", raw))
	}
	const short = 10 << 10 // those that are not looked at
	if most := len(states[0]) + 3*5000 + 100*len(states) + short; tail.Len() > most {
		t.Errorf("%d bytes, not %d, behind the head", tail.Len(), most)
	}
	_, all, _ := bytes.Cut(tail.Document([]byte("{}")), []byte("\n"))
	for i, head := range heads {
		var v struct {
			Type     string
			At, Size int
			Spans    [][2]int
		}
		if err := json.Unmarshal(head, &v); err != nil || v.Type != "msgpack" {
			t.Fatalf("%s: %v", head, err)
		}
		if v.Spans == nil {
			v.Spans = [][2]int{{v.At, v.Size}}
		}
		var got []byte
		for _, s := range v.Spans {
			got = append(got, all[s[0]:s[0]+s[1]]...)
		}
		if !bytes.Equal(got, states[i]) {
			t.Errorf("value %d: %s", i, head)
		}
	}
}

// FuzzShared: whatever the values, their pieces are they.
func FuzzShared(f *testing.F) {
	f.Add([]byte("ab"), []byte("b"), uint16(3000))
	f.Fuzz(func(t *testing.T, a, b []byte, times uint16) {
		whole := bytes.Repeat(append(a, 'x'), 1+int(times)%5000)
		var tail values.Tail
		for _, raw := range [][]byte{whole, append(bytes.Clone(b), whole...), append(bytes.Clone(whole), b...), append(bytes.Clone(whole[:len(whole)/2]), b...)} {
			head := tail.AddShared("t", raw)
			var v struct {
				At, Size int
				Spans    [][2]int
			}
			if err := json.Unmarshal(head, &v); err != nil {
				t.Fatal(err)
			}
			if v.Spans == nil {
				v.Spans = [][2]int{{v.At, v.Size}}
			}
			_, all, _ := bytes.Cut(tail.Document([]byte("{}")), []byte("\n"))
			var got []byte
			for _, s := range v.Spans {
				got = append(got, all[s[0]:s[0]+s[1]]...)
			}
			if !bytes.Equal(got, raw) {
				t.Fatalf("%d bytes became %d by %s", len(raw), len(got), head)
			}
		}
	})
}
