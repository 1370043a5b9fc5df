package value_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/value"
)

func TestAnyBytesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]string{"json", "msgpack", "bytes"}).Draw(t, "typ")
		raw := []byte(document(3).Draw(t, "json"))
		if rapid.Bool().Draw(t, "opaque") {
			raw = rapid.SliceOf(rapid.Byte()).Draw(t, "raw")
		}
		s := store{}
		m, _ := s.write(t, typ, raw, nil)
		s.mustHold(t, m, raw)
		again, _ := value.Build(typ, bytes.Clone(raw))
		if d := cmp.Diff(m, again); d != "" {
			t.Fatalf("equal bytes, another manifest: %s", d)
		}
	})
}

func TestMsgpackListsComeBack(t *testing.T) {
	t.Parallel()
	s := store{}
	var base *value.Manifest
	body := []byte{}
	for n := 1; n <= 300; n++ {
		item := strings.Repeat("x", n%200)
		body = append(append(body, 0xd9, byte(len(item))), item...)
		raw := append([]byte{0xdc, byte(n >> 8), byte(n)}, body...)
		m, weight := s.write(t, "msgpack", raw, base)
		s.mustHold(t, m, raw)
		if n > 20 && n%64 > 0 && weight > 12000 {
			t.Fatalf("item %d of %d bytes cost %d", n, len(item), weight)
		}
		base = &m
	}
}

// What an earlier value was cut into changes nothing of what a value comes to, whatever
// the two have in common.
func TestBuildOverIsBuild(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(document(1), 0, 200).Draw(t, "items")
		_, before := value.Build("json", []byte(`[`+strings.Join(items, ",")+`]`))
		at := rapid.IntRange(0, len(items)).Draw(t, "at")
		items = slices.Replace(slices.Clone(items), at, rapid.IntRange(at, len(items)).Draw(t, "to"), rapid.SliceOfN(document(1), 0, 5).Draw(t, "new")...)
		raw := []byte(`[` + strings.Join(items, ",") + `]`)
		m, blobs := value.Build("json", raw)
		over, overBlobs := value.BuildOver("json", raw, before)
		if d := cmp.Diff(m, over) + cmp.Diff(blobs, overBlobs); d != "" {
			t.Fatal(d)
		}
		for _, b := range overBlobs {
			if value.AddressOf(b.Bytes) != b.Address {
				t.Fatalf("%q has the address of other bytes", b.Bytes)
			}
		}
	})
}

// BenchmarkBuildOver cuts a list of 1 MB to which 1 KB was added, and finds what is new.
func BenchmarkBuildOver(b *testing.B) {
	base, before := value.Build("json", list(1000, 1000, "[", "]"))
	next := list(1001, 1000, "[", "]")
	b.ReportAllocs()
	for b.Loop() {
		m, built := value.BuildOver("json", next, before)
		value.NewBlobs(built, value.Diff(m, &base), &base)
	}
}

// A chain of edits, each stored as its difference to the one before.
func TestChainsOfEdits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(document(1), 0, 200).Draw(t, "items")
		opaque := rapid.Bool().Draw(t, "opaque")
		s := store{}
		var base *value.Manifest
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			items = edit(t, items)
			raw, typ := []byte("["+strings.Join(items, ", ")+"]"), "json"
			if opaque {
				raw, typ = raw[:rapid.IntRange(0, len(raw)).Draw(t, "cut")], "bytes"
			}
			m, _ := s.write(t, typ, raw, base)
			s.mustHold(t, m, raw)
			base = &m
		}
	})
}

func edit(t *rapid.T, items []string) []string {
	at := rapid.IntRange(0, len(items)).Draw(t, "at")
	switch rapid.IntRange(0, 3).Draw(t, "edit") {
	case 0: // truncate
		return slices.Clone(items[:at])
	case 1: // delete or change one
		if at < len(items) {
			return append(slices.Clone(items[:at]), items[at+1:]...)
		}
		return items
	case 2: // insert
		return slices.Insert(slices.Clone(items), at, document(1).Draw(t, "new"))
	default: // append
		return append(slices.Clone(items), rapid.SliceOfN(document(1), 1, 70).Draw(t, "more")...)
	}
}

// Step 5,000 costs what step 10 cost.
func TestGrowth(t *testing.T) {
	t.Parallel()
	const window, steps = 640, 5000
	s, wrap := store{}, [2]string{`{"agent":[`, "]}"}
	early := growth(t, s, wrap, 1, window)
	// Around 4,096, where a node of level 2 is made.
	carry := growth(t, s, wrap, 3950, window/4)
	late := growth(t, s, wrap, steps-window+1, window)
	if late*10 > early*12 || carry*10 > early*12 {
		t.Errorf("bytes a step: %d at first, %d, %d at last", early, carry, late)
	}
	if late > 1400 {
		t.Errorf("a step of 1 KB costs %d bytes", late)
	}
}

func growth(t *testing.T, s store, wrap [2]string, from, steps int) int {
	t.Helper()
	open := list(from-1, 1000, wrap[0], "")
	before, built := value.Build("json", append(bytes.Clone(open), wrap[1]...))
	s.put(built...)
	base, total := &before, 0
	for n := from; n < from+steps; n++ {
		if n > 1 {
			open = append(open, ',')
		}
		open = append(open, item(n, 1000)...)
		raw := append(open, wrap[1]...)
		m, weight := s.write(t, "json", raw, base)
		if n%160 == 0 {
			s.mustHold(t, m, raw)
		}
		total += weight
		base = &m
	}
	return total / steps
}

func TestForkManifestIsSmall(t *testing.T) {
	t.Parallel()
	m, _ := value.Build("json", list(1000, 1000, "[", "]"))
	if v := value.Diff(m, nil); v.EncodedSize() > 8<<10 {
		t.Errorf("a fork of 1 MB takes %d bytes", v.EncodedSize())
	}
}

func TestSpill(t *testing.T) {
	t.Parallel()
	s := store{}
	m, built := value.Build("json", list(500, 200, `{"agent":[`, "]}"))
	s.put(built...)
	v, blob := value.Spill(m)
	if blob.Address != m.ID() || !slices.Equal(v.Named(), []value.Address{m.ID()}) {
		t.Errorf("spilled to %s, names %v", blob.Address, v.Named())
	}
	if _, err := v.Resolve(nil, s.fetchOne); err == nil {
		t.Error("resolved without the manifest")
	}
	s.put(blob)
	got, err := v.Resolve(nil, s.fetchOne)
	if d := cmp.Diff(m, got); err != nil || d != "" {
		t.Error(d, err)
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	s := store{}
	m, built := value.Build("json", list(5000, 100, "[", "]"))
	s.put(built...)
	got := map[value.Address]bool{}
	err := value.Reach(m, got, s.fetch)
	if err != nil || len(got) != len(s) {
		t.Errorf("%d of %d addresses, %v", len(got), len(s), err)
	}
}

func TestNewBlobsBringsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	base, _ := value.Build("json", list(126, 500, "[", "]"))
	next, built := value.Build("json", list(128, 500, "[", "]"))
	v := value.Diff(next, &base)
	got := value.NewBlobs(built, v, &base)
	// Two items and the node over 64 entries of which 60 are stored already.
	if v.Keep != 3 || len(v.Add) != 1 || len(got) != 3 {
		t.Errorf("keep %d, add %d, %d blobs", v.Keep, len(v.Add), len(got))
	}
	twice, built := value.Build("json", []byte(`[`+strings.Repeat(`,`+big, 30)+`]`))
	if got := value.NewBlobs(built, value.Diff(twice, nil), nil); len(got) != 1 {
		t.Errorf("%d blobs for the same item 30 times", len(got))
	}
}

func TestManifestKeepsNothingOfRaw(t *testing.T) {
	t.Parallel()
	raw := list(3, 20, "[", "]")
	m, _ := value.Build("json", raw)
	id := m.ID()
	clear(raw)
	if m.ID() != id {
		t.Error("the manifest aliases its input")
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	base, _ := value.Build("json", list(70, 100, "[", "]"))
	good := value.Diff(base, nil)
	next, _ := value.Build("json", list(71, 100, "[", "]"))
	on := value.Diff(next, &base)
	tests := map[string]struct {
		v    value.Value
		edit func(v *value.Value)
		base *value.Manifest
		want string
	}{
		"base missing":     {on, func(*value.Value) {}, nil, "is not there"},
		"other base":       {on, func(*value.Value) {}, &next, "was given as"},
		"keep too many":    {on, func(v *value.Value) { v.Keep = 15 }, &base, "keep 15 of the 14"},
		"keep none":        {on, func(v *value.Value) { v.Keep = 0 }, &base, "does not go"},
		"keep of nothing":  {good, func(v *value.Value) { v.Keep = 2 }, nil, "does not go"},
		"other type":       {on, func(v *value.Value) { v.Type = "bytes" }, &base, "has type"},
		"other key":        {on, func(v *value.Value) { v.Key = "k" }, &base, "key"},
		"size":             {good, func(v *value.Value) { v.Size++ }, nil, "for a value of"},
		"levels rise":      {good, func(v *value.Value) { slices.Reverse(v.Add) }, nil, "after level"},
		"too many":         {good, func(v *value.Value) { v.Add = slices.Repeat(v.Add[:1], 64) }, nil, "should be a node"},
		"level":            {good, func(v *value.Value) { v.Add[0].Level = 1 << 40 }, nil, "is not 0 to"},
		"size of a node":   {good, func(v *value.Value) { v.Add[0].Size = 63 }, nil, "is not one of level 1"},
		"nothing inline":   {good, func(v *value.Value) { v.Add[0] = value.Entry{Inline: []byte{}} }, nil, "0 bytes inline"},
		"empty entry":      {good, func(v *value.Value) { v.Add[0] = value.Entry{} }, nil, "neither"},
		"long tail":        {good, func(v *value.Value) { v.Tail = strings.Repeat("]", 65) }, nil, "is over"},
		"NUL in tail":      {good, func(v *value.Value) { v.Tail = "\x00" }, nil, "not text"},
		"spilled and more": {good, func(v *value.Value) { v.Manifest = base.ID() }, nil, "does not go with entries"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tt.v
			v.Add = slices.Clone(v.Add)
			tt.edit(&v)
			if _, err := v.Resolve(tt.base, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEntryRefuses(t *testing.T) {
	t.Parallel()
	a := value.AddressOf(nil).String()
	for _, s := range []string{
		`{}`, `null`, `{"i":""}`, `{"i":"a","x":"YQ=="}`, `{"i":"a","n":1}`, `{"i":"a","b":"` + a + `"}`, `{"i":"a","l":1}`,
		`{"b":"` + a + `"}`, `{"b":"` + a + `","n":-1}`, `{"b":"` + strings.ToUpper(a) + `","n":1}`, `{"b":"ab","n":1}`, `{"i":"a","z":1}`,
	} {
		var e value.Entry
		if err := json.Unmarshal([]byte(s), &e); err == nil {
			t.Errorf("%s was read as %+v", s, e)
		}
	}
}

func TestAssembleRefuses(t *testing.T) {
	t.Parallel()
	raw := list(200, 100, "[", "]")
	m, built := value.Build("json", raw)
	whole := store{}
	whole.put(built...)
	node, piece := m.Entries[0].Address, m.Entries[len(m.Entries)-1].Address
	if _, err := value.Assemble(value.Manifest{Key: "k"}, nil); err == nil {
		t.Error("gave back ciphertext")
	}
	down := errors.New("down")
	tests := map[string]struct {
		fetch value.Fetch
		want  string
	}{
		"error":       {func([]value.Address) (map[value.Address][]byte, error) { return nil, down }, "down"},
		"missing":     {func([]value.Address) (map[value.Address][]byte, error) { return nil, nil }, "is not there"},
		"other node":  {whole.with(node, []byte("[]")).fetch, "has other bytes"},
		"other piece": {whole.with(piece, []byte("x")).fetch, "has other bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := value.Assemble(m, tt.fetch); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A node that lists something else than its entry says, under its right address.
func TestAssembleRefusesFalseNodes(t *testing.T) {
	t.Parallel()
	entries := func(e string, n int) []byte { return []byte("[" + strings.Repeat(e+",", n-1) + e + "]") }
	piece := `{"b":"` + value.AddressOf([]byte("x")).String() + `","n":1}`
	for name, tt := range map[string]struct {
		node []byte
		want string
	}{
		"too few":  {entries(piece, 63), "has 63 entries"},
		"no list":  {[]byte(`{}`), "another kind"},
		"unknown":  {entries(`{"i":"a","q":1}`, 64), "unknown field"},
		"null":     {entries(`null`, 64), "neither"},
		"level":    {entries(strings.Replace(piece, `1}`, `64,"l":1}`, 1), 64), "has level 1"},
		"sizes":    {entries(strings.Replace(piece, `1}`, `2}`, 1), 64), "of 128 bytes"},
		"trailing": {append(entries(piece, 64), '1'), "after top-level value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := value.AddressOf(tt.node)
			m := value.Manifest{Type: "json", Entries: []value.Entry{{Address: a, Size: 64, Level: 1}}, Size: 64}
			s := store{a: tt.node}
			if _, err := value.Assemble(m, s.fetch); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func (s store) with(a value.Address, b []byte) store {
	out := store{a: b}
	for k, v := range s {
		if k != a {
			out[k] = v
		}
	}
	return out
}

func FuzzResolve(f *testing.F) {
	base, _ := value.Build("json", list(150, 100, "[", "]"))
	next, _ := value.Build("json", list(151, 100, "[", "]"))
	small, _ := value.Build("json", []byte(`{"a":[1,"\u0000<é"]}`))
	spilled, _ := value.Spill(base)
	for _, v := range []value.Value{value.Diff(base, nil), value.Diff(next, &base), value.Diff(small, nil), spilled} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, wire, blob []byte) {
		var v value.Value
		if json.Unmarshal(wire, &v) != nil {
			return
		}
		m, err := v.Resolve(&base, func(value.Address) ([]byte, error) { return blob, nil })
		if err != nil {
			return
		}
		again, err := value.Diff(m, &base).Resolve(&base, nil)
		if err != nil || again.ID() != m.ID() {
			t.Fatalf("%s resolves, but not its own difference: %v", wire, err)
		}
		_, _ = value.Assemble(m, func([]value.Address) (map[value.Address][]byte, error) {
			return map[value.Address][]byte{value.AddressOf(blob): blob}, nil
		})
	})
}

func BenchmarkBuild1MB(b *testing.B) {
	raw := list(1000, 1000, "[", "]")
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		value.Build("json", raw)
	}
}
