package document

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestDocument holds the scanner against encoding/json: the same members, and
// the bytes of each as they came.
func TestDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := drawObject(t, 3)
		doc, err := Parse(raw, 128)
		var want map[string]json.RawMessage
		if json.Unmarshal(raw, &want) != nil {
			t.Fatalf("drew %s, which is no JSON", raw)
		}
		if err != nil {
			t.Fatalf("parse %s: %v", raw, err)
		}
		if len(doc) != len(want) {
			t.Fatalf("%s has %d members, not %d", raw, len(doc), len(want))
		}
		for name, value := range want {
			if !bytes.Equal(doc[name], value) {
				t.Fatalf("%q of %s is %s, not %s", name, raw, doc[name], value)
			}
		}
	})
}

// TestText does the same for strings.
func TestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(`"` + rapid.StringOf(rapid.SampledFrom([]rune(`ab \nu0041é😀/"`+"\t\x00\x7f"))).Draw(t, "inside") + `"`)
		var want string
		wantErr := json.Unmarshal(raw, &want)
		got, err := text(raw)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s is %q (%v), not %q (%v)", raw, got, err, want, wantErr)
		}
	})
}

// TestElements does the same for lists.
func TestElements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := drawList(t, 3)
		var want []json.RawMessage
		if json.Unmarshal(raw, &want) != nil {
			t.Fatalf("drew %s, which is no JSON", raw)
		}
		got := Elements(raw)
		if len(got) != len(want) {
			t.Fatalf("%s has %d elements, not %d", raw, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("element %d of %s is %s, not %s", i, raw, got[i], want[i])
			}
		}
	})
}

// TestAnyBytes feeds the parser what nobody should send: it answers, it does
// not panic.
func TestAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.SampledFrom([]byte(`{}[]:,"\u0dD8 1eE+-.tfnull`+"\n\x00\xff"))).Draw(t, "raw")
		doc, err := Parse(raw, 8)
		if (err == nil) != (doc != nil) {
			t.Fatalf("%q gives %v, %v", raw, doc, err)
		}
		for _, value := range doc {
			if value[0] == '"' {
				_, _ = DecodeText(value)
			}
		}
	})
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", " ", "\n\t ", "\r"}).Draw(t, "space")
}

func drawValue(t *rapid.T, depth int) []byte {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return []byte(rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "literal"))
	case 1:
		return []byte(rapid.SampledFrom([]string{"0", "-1.50e+7", "12345678901234567890", "1E-2"}).Draw(t, "number"))
	case 2:
		return []byte(rapid.SampledFrom([]string{`""`, `"\\"`, `"\""`, `"}],:"`, `"\u0000\ud83d\ude00"`, `"é<&"`}).Draw(t, "text"))
	case 3:
		text, err := json.Marshal(rapid.String().Draw(t, "string"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	case 4:
		return drawList(t, depth-1)
	}
	return drawObject(t, depth-1)
}

func drawList(t *rapid.T, depth int) []byte {
	b := []byte("[" + space(t))
	for i := range rapid.IntRange(0, 4).Draw(t, "length") {
		if i > 0 {
			b = append(b, space(t)+","+space(t)...)
		}
		b = append(b, drawValue(t, depth)...)
	}
	return append(b, space(t)+"]"...)
}

func drawObject(t *rapid.T, depth int) []byte {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "A", "", `"`, `\`, "é", "}", "goal"}), 0, 4, rapid.ID[string]).Draw(t, "names")
	b := []byte("{" + space(t))
	for i, name := range names {
		if i > 0 {
			b = append(b, space(t)+","+space(t)...)
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(b, quoted...), space(t)+":"+space(t)...)
		b = append(b, drawValue(t, depth)...)
	}
	return append(b, space(t)+"}"...)
}
