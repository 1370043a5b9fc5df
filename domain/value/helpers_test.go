package value_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/value"
)

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// store is a stream's blobs.
type store map[value.Address][]byte

func (s store) put(blobs ...value.Blob) {
	for _, b := range blobs {
		s[b.Address] = b.Bytes
	}
}

func (s store) fetch(want []value.Address) (map[value.Address][]byte, error) {
	out := make(map[value.Address][]byte, len(want))
	for _, a := range want {
		b, ok := s[a]
		if !ok {
			return nil, fmt.Errorf("no blob %s", a)
		}
		out[a] = b
	}
	return out, nil
}

func (s store) fetchOne(a value.Address) ([]byte, error) {
	found, err := s.fetch([]value.Address{a})
	return found[a], err
}

// write stores raw as the successor of base, as a commit and a reader would,
// and gives the manifest that was read and what the commit weighed.
func (s store) write(t fataler, typ string, raw []byte, base *value.Manifest) (value.Manifest, int) {
	t.Helper()
	next, built := value.Build(typ, raw)
	v := value.Diff(next, base)
	fresh := value.NewBlobs(built, v, base)
	s.put(fresh...)
	wire, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	if len(wire) != v.EncodedSize() {
		t.Fatalf("EncodedSize %d of %d bytes", v.EncodedSize(), len(wire))
	}
	var read value.Value
	if err := json.Unmarshal(wire, &read); err != nil {
		t.Fatalf("unmarshal %s: %v", wire, err)
	}
	got, err := read.Resolve(base, s.fetchOne)
	if err != nil {
		t.Fatalf("resolve %s: %v", wire, err)
	}
	if got.ID() != next.ID() {
		t.Fatalf("resolved to another manifest than was built")
	}
	weight := len(wire)
	for _, b := range fresh {
		weight += len(b.Bytes)
	}
	return got, weight
}

// mustHold checks that m is raw, that it has the shape it should have and that
// reading it takes one call a level.
func (s store) mustHold(t fataler, m value.Manifest, raw []byte) {
	t.Helper()
	calls := 0
	got, err := value.Assemble(m, func(want []value.Address) (map[value.Address][]byte, error) {
		calls++
		return s.fetch(want)
	})
	if err != nil {
		t.Fatalf("assemble: %v", err)
	}
	if !bytes.Equal(got, raw) {
		t.Fatalf("assembled %d other bytes than the %d written", len(got), len(raw))
	}
	levels := make(map[int]int)
	for _, e := range m.Entries {
		levels[e.Level]++
		if levels[e.Level] > 63 {
			t.Fatalf("over 63 entries of level %d", e.Level)
		}
	}
	if len(m.Entries) > 0 && calls > m.Entries[0].Level+1 {
		t.Fatalf("%d calls for %d levels", calls, m.Entries[0].Level+1)
	}
}

// space, scalar and document draw JSON as people write it, and worse.
func space() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "", "", " ", "\n  ", "\t", "\r\n"})
}

func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			`a`, `é`, `\"`, `\\`, `\u0041`, `\ud83d\ude00`, `\ud800`, `[`, `]`, `{`, `}`, `,`, `:`, ` `, `\/`, "\u2028", `<&>`, `\\\"`,
			strings.Repeat("long ", 40),
		}), 0, 12).Draw(t, "text")
		return `"` + strings.Join(parts, "") + `"`
	})
}

func scalar() *rapid.Generator[string] {
	return rapid.OneOf(text(), rapid.SampledFrom([]string{"null", "true", "false", "0", "1.0", "-1e+30", "1E400", "0.10", "123456789012345678901234567890"}))
}

func document(depth int) *rapid.Generator[string] {
	if depth == 0 {
		return scalar()
	}
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return scalar().Draw(t, "scalar")
		case 1, 2:
			items := rapid.SliceOfN(document(depth-1), 0, 90/(depth*depth)).Draw(t, "items")
			return sequence(t, '[', items, ']')
		default:
			items := rapid.SliceOfN(document(depth-1), 0, 8).Draw(t, "members")
			for i := range items {
				items[i] = text().Draw(t, "name") + space().Draw(t, "s") + ":" + space().Draw(t, "s") + items[i]
			}
			return sequence(t, '{', items, '}')
		}
	})
}

func sequence(t *rapid.T, first byte, items []string, last byte) string {
	var b strings.Builder
	b.WriteByte(first)
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(space().Draw(t, "s") + item + space().Draw(t, "s"))
	}
	b.WriteByte(last)
	return b.String()
}

// list is a JSON list of n items of about size bytes, inside what open and
// close say.
func list(n, size int, open, closing string) []byte {
	b := []byte(open)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item(i, size)...)
	}
	return append(b, closing...)
}

func item(i, size int) []byte {
	seed := fmt.Sprintf("message %d says ", i)
	return fmt.Appendf(nil, `{"id":%d,"content":%q}`, i, strings.Repeat(seed, size/len(seed)+1)[:size])
}
