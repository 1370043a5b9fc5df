package value_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain/value"
)

var update = flag.Bool("update", false, "write the golden files that are missing")

// TestGolden holds the format: a file that differs means that values written by
// earlier builds are no longer found. Files are added, never edited; TestGoldenOfBefore
// reads those of cuts that are made otherwise now.
func TestGolden(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 700<<10)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for name, c := range map[string]struct{ typ, raw string }{
		"empty":    {"json", ""},
		"scalar":   {"json", " 1.0\n"},
		"text":     {"json", `["<é>","\"` + "\u2028\t\x01" + `"]`},
		"binary":   {"bytes", "\x00\xff\xfe"},
		"msgpack":  {"msgpack", "\x92\x01\xd9\x41" + big[:65]},
		"object.2": {"json", goldenObject},
		"list.2":   {"json", goldenList()},
		"carry.2":  {"json", goldenCarry()},
		"chunks":   {"bytes", string(noise)},
	} {
		m, built := value.Build(c.typ, []byte(c.raw))
		mustBeGolden(t, name, describe(t, m, built))
	}
}

const goldenObject = `{"a":1,"agent": [` + big + ` , ` + big + `], "b":{"c":[` + bigs20 + `0]}}`

const (
	bigs5  = big + "," + big + "," + big + "," + big + "," + big + ","
	bigs20 = bigs5 + bigs5 + bigs5 + bigs5
)

func goldenList() string { return string(list(130, 300, `{"agent":[`, "]}")) }

func goldenCarry() string { return "[" + strings.Repeat(big+",", 4200) + "1]" }

// TestGoldenOfBefore: values that were cut with the comma in front of an item in its
// piece are read as ever.
func TestGoldenOfBefore(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{"object": goldenObject, "list": goldenList(), "carry": goldenCarry()} {
		golden, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(golden), "\n")
		m, err := value.ReadManifest([]byte(lines[1]), nil)
		if err != nil || m.ID().String() != lines[0] {
			t.Fatalf("%s: manifest %s, %v", name, m.ID(), err)
		}
		s := store{}
		for _, line := range lines[2:] {
			s.put(value.Blob{Address: value.AddressOf([]byte(line)), Bytes: []byte(line)}) // the nodes; the others are no harm
		}
		at := len(m.Head)
		for _, e := range s.leaves(t, m.Entries) {
			piece := []byte(raw[at : at+int(e.Size)])
			s.put(value.Blob{Address: value.AddressOf(piece), Bytes: piece})
			at += len(piece)
		}
		if got, err := value.Assemble(m, s.fetch); err != nil || string(got) != raw {
			t.Errorf("%s: %d bytes, not %d, %v", name, len(got), len(raw), err)
		}
	}
}

// leaves are the entries below nodes that are there.
func (s store) leaves(t *testing.T, entries []value.Entry) (out []value.Entry) {
	t.Helper()
	for _, e := range entries {
		below, err := e.Children(s[e.Address])
		if err != nil {
			t.Fatal(err)
		}
		if below == nil {
			out = append(out, e)
			continue
		}
		out = append(out, s.leaves(t, below)...)
	}
	return out
}

// TestGoldenDiff holds what an event says.
func TestGoldenDiff(t *testing.T) {
	t.Parallel()
	base, _ := value.Build("json", list(10, 300, `{"agent":[`, "]}"))
	next, _ := value.Build("json", list(11, 300, `{"agent":[`, "]}"))
	spilled, _ := value.Spill(next)
	var out strings.Builder
	for _, v := range []value.Value{value.Diff(next, &base), value.Diff(base, &base), spilled} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", b)
	}
	mustBeGolden(t, "diff.2", out.String())
}

// describe is the ID, the manifest and the blobs; those that are nodes in full.
func describe(t *testing.T, m value.Manifest, built []value.Blob) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if m.ID() != value.AddressOf(b) {
		t.Errorf("the JSON of manifest %s is not its canonical form", m.ID())
	}
	out := fmt.Sprintf("%s\n%s\n", m.ID(), b)
	for _, blob := range value.NewBlobs(built, value.Diff(m, nil), nil) {
		out += fmt.Sprintf("%s %d\n", blob.Address, len(blob.Bytes))
		if strings.HasPrefix(string(blob.Bytes), `[{"b"`) || strings.HasPrefix(string(blob.Bytes), `[{"i"`) {
			out += string(blob.Bytes) + "\n"
		}
	}
	return out
}

func mustBeGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	want, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}
