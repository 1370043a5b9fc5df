package value_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/value"
)

const big = `"0123456789012345678901234567890123456789012345678901234567890123"`

func TestCut(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		typ, raw string
		head     string
		body     []string
		tail     string
	}{
		"nothing":            {typ: "json"},
		"scalar":             {typ: "json", raw: ` 1.0 `, body: []string{` 1.0 `}},
		"string of brackets": {typ: "json", raw: `"[1,2]"`, body: []string{`"[1,2]"`}},
		"empty list":         {typ: "json", raw: `[ ]`, body: []string{`[`}, tail: ` ]`},
		"small items share":  {typ: "json", raw: `[1, 2 ,3]`, body: []string{`[1, 2 ,3`}, tail: `]`},
		"list":               {typ: "json", raw: `[` + big + ` , ` + big + "\n]\n", body: []string{`[`, big, ` , `, big}, tail: "\n]\n"},
		"items nest":         {typ: "json", raw: `[[` + big + `,` + big + `],` + big + `]`, body: []string{`[`, `[` + big + `,` + big + `]`, `,`, big}, tail: `]`},
		"list in an object":  {typ: "json", raw: `{"agent": [` + big + `,` + big + `] }`, body: []string{`{"agent": [`, big, `,`, big}, tail: `] }`},
		"two lists": {
			typ: "json", raw: `{"a":[` + big + `],"b":[` + big + `],"c":1}`,
			body: []string{`{"a":[`, big, `],"b":[`, big, `],"c":1`}, tail: `}`,
		},
		"empty list in an object": {typ: "json", raw: `{"agent":[]}`, body: []string{`{"agent":[`}, tail: `]}`},
		"deeper lists are whole":  {typ: "json", raw: `{"a":{"b":[` + big + `,` + big + `]}}`, body: []string{`{"a":{"b":[` + big + `,` + big + `]}`}, tail: `}`},
		"escaped quotes":          {typ: "json", raw: `["\\\",",` + big + `,"\\"]`, body: []string{`["\\\",",`, big, `,"\\"`}, tail: `]`},
		"not closed":              {typ: "json", raw: `[1,"2`, body: []string{`[1`}, tail: `,"2`},
		"closed too often":        {typ: "json", raw: `[1]],2`, body: []string{`[1`}, tail: `]],2`},
		"opaque":                  {typ: "bytes", raw: `[` + big + `,` + big + `]`, body: []string{`[` + big + `,` + big + `]`}},
		"msgpack":                 {typ: "msgpack", raw: "\x93\x01\xd9\x41" + big[:65] + "\x82\xa1a\x91\x01\xa1b\xc0", head: "\x93", body: []string{"\x01", "\xd9\x41" + big[:65], "\x82\xa1a\x91\x01\xa1b\xc0"}},
		"msgpack list, long form": {typ: "msgpack", raw: "\xdc\x00\x02\x01\xcb12345678", head: "\xdc\x00\x02", body: []string{"\x01\xcb12345678"}},
		"msgpack, not whole":      {typ: "msgpack", raw: "\x92\x01\xd9\xff", head: "\x92", body: []string{"\x01\xd9\xff"}},
		"msgpack, no list":        {typ: "msgpack", raw: "\x81\xa1a\x01", body: []string{"\x81\xa1a\x01"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := value.Cut(tt.typ, []byte(tt.raw))
			var body []string
			for _, p := range got.Body {
				body = append(body, string(p))
			}
			if d := cmp.Diff(tt.body, body); d != "" {
				t.Errorf("body: %s", d)
			}
			if string(got.Head) != tt.head || string(got.Tail) != tt.tail {
				t.Errorf("head %q and tail %q, not %q and %q", got.Head, got.Tail, tt.head, tt.tail)
			}
		})
	}
}

// A message is one piece wherever it stands: a task's write of it and the channel that
// it is added to share its bytes.
func TestAnItemIsTheSamePieceInEveryList(t *testing.T) {
	t.Parallel()
	message := `{"id":"1","content":"` + big[1:60] + `"}`
	for _, typ := range []string{"json", "msgpack"} {
		item, lists := message, []string{"[" + message + "]", "[1," + message + ", " + message + "]", `{"messages":[` + message + `,2]}`}
		if typ == "msgpack" {
			item = "\xd9" + string(rune(len(message))) + message
			lists = []string{"\x91" + item, "\x93\x01" + item + item}
		}
		for _, list := range lists {
			if body := value.Cut(typ, []byte(list)).Body; !slices.ContainsFunc(body, func(p []byte) bool { return string(p) == item }) {
				t.Errorf("%s: %q is cut to %q", typ, list, body)
			}
		}
	}
}

func TestCutChunksLongPieces(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 3<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	before := value.Cut("bytes", raw).Body
	if len(before) < 16 || len(before) > 40 {
		t.Errorf("%d chunks of 3 MiB", len(before))
	}
	edited := append(append(bytes.Clone(raw[:1<<20]), "an insertion"...), raw[1<<20:]...)
	known := make(map[value.Address]bool)
	for _, p := range before {
		if len(p) > value.MaxPiece {
			t.Errorf("a chunk of %d bytes", len(p))
		}
		known[value.AddressOf(p)] = true
	}
	fresh := 0
	for _, p := range value.Cut("bytes", edited).Body {
		if !known[value.AddressOf(p)] {
			fresh++
		}
	}
	if fresh > 4 {
		t.Errorf("an insertion made %d new chunks", fresh)
	}
}

// An append keeps every entry before it: what the format is for.
func TestAppendKeepsEarlierPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(document(1), 2, 40).Draw(t, "items")
		wrap := rapid.SampledFrom([][2]string{{"[", "]"}, {`{"a":1,"agent":[`, "]}"}, {"[\n ", "\n]"}}).Draw(t, "wrap")
		join := func(items []string) []byte {
			out := []byte(wrap[0])
			for i, item := range items {
				if i > 0 {
					out = append(out, ", "...)
				}
				out = append(out, item...)
			}
			return append(out, wrap[1]...)
		}
		before := value.Cut("json", join(items[:len(items)-1])).Body
		after := value.Cut("json", join(items)).Body
		for i := range len(before) - 1 {
			if !bytes.Equal(before[i], after[i]) {
				t.Fatalf("piece %d was %q and is %q", i, before[i], after[i])
			}
		}
	})
}

func FuzzCut(f *testing.F) {
	for _, s := range []string{``, `[1,2]`, `{"a":[1],"b":"\\\""}`, "\x93\x01\xa1a\xc0", `[[[`, `]]]`, `"`, `{"a":[1]]]`} {
		f.Add("json", []byte(s))
		f.Add("msgpack", []byte(s))
	}
	f.Fuzz(func(t *testing.T, typ string, raw []byte) {
		p := value.Cut(typ, raw)
		got := bytes.Clone(p.Head)
		for i, piece := range p.Body {
			if len(piece) == 0 || len(piece) > value.MaxPiece {
				t.Fatalf("piece %d has %d bytes", i, len(piece))
			}
			got = append(got, piece...)
		}
		if got = append(got, p.Tail...); !bytes.Equal(got, raw) {
			t.Fatalf("%q became %q", raw, got)
		}
		if typ == "json" && json.Valid(raw) && len(p.Tail) == 0 && len(raw) < value.InlineLimit && bytes.ContainsAny(bytes.TrimSpace(raw)[:1], "[{") {
			t.Fatalf("%q has no tail", raw)
		}
	})
}
