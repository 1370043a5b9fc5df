package value_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

const member = "channel_values"

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw, header string
		parts       []string
	}{
		"values":       {`{"v": 1, "channel_values" : {"a": [1, {"}":2}] , "b\u0041":"}\""}, "id":"x"}`, `{"v": 1, "channel_values" : {"a": 0 , "b\u0041":0}, "id":"x"}`, []string{`a=[1, {"}":2}]`, `bA="}\""`}},
		"absent":       {`{"v":1}`, `{"v":1}`, nil},
		"empty":        {` {"channel_values":{ }} `, ` {"channel_values":{ }} `, nil},
		"null":         {`{"channel_values":null}`, `{"channel_values":null}`, nil},
		"nested only":  {`{"x":{"channel_values":{"a":1}}}`, `{"x":{"channel_values":{"a":1}}}`, nil},
		"escaped name": {`{"channel\u005fvalues":{"a":1.0}}`, `{"channel\u005fvalues":{"a":0}}`, []string{`a=1.0`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, parts, err := value.Split([]byte(tt.raw), member)
			if err != nil || string(header) != tt.header {
				t.Fatalf("header %s, %v", header, err)
			}
			var got []string
			for _, p := range parts {
				got = append(got, p.Name+"="+string(p.Raw))
			}
			if d := cmp.Diff(tt.parts, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `[]`, `1`, `{`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1}}`, `{"a":1}{}`, `{"a":1,}`, `{a:1}`,
		`{"channel_values":{},"channel_values":1}`, `{"channel_values":{"a":1,"\u0061":2}}`, `{"channel_values":{"a":1,}}`,
	} {
		_, _, err := value.Split([]byte(raw), member)
		if domain.CodeOf(err) != domain.CodeInvalidField {
			t.Errorf("%s: got %v", raw, err)
		}
	}
}

func TestJoinTemplateRefuses(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	header := []byte(`{"channel_values":{"a":0}}`)
	if _, err := value.JoinTemplate(header, member, func(string) ([]byte, error) { return nil, down }); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	header = []byte(`{"channel_values":{"a":1}}`)
	if _, err := value.JoinTemplate(header, member, func(string) ([]byte, error) { return nil, nil }); err == nil {
		t.Error("joined what is no template")
	}
}

func TestTemplatesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var members []string
		for i, v := range rapid.SliceOfN(document(2), 0, 8).Draw(t, "values") {
			members = append(members, fmt.Sprintf(`"c%d"%s:%s%s`, i, space().Draw(t, "s"), space().Draw(t, "s"), v))
		}
		outer := []string{`"v":` + document(2).Draw(t, "v"), `"channel_values":` + sequence(t, '{', members, '}'), `"ts" : 1.0`}
		raw := []byte(sequence(t, '{', rapid.Permutation(outer).Draw(t, "outer"), '}'))
		if header := splitAndJoin(t, raw); !json.Valid(header) {
			t.Fatalf("header %s of %s", header, raw)
		}
	})
}

func splitAndJoin(t fataler, raw []byte) []byte {
	t.Helper()
	header, parts, err := value.Split(raw, member)
	if err != nil {
		t.Fatalf("split %s: %v", raw, err)
	}
	values := make(map[string][]byte)
	var names []string
	for _, p := range parts {
		values[p.Name] = p.Raw
		names = append(names, p.Name)
	}
	got, err := value.JoinTemplate(header, member, func(name string) ([]byte, error) { return values[name], nil })
	if err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("%s came back as %s, %v", raw, got, err)
	}
	if read, err := value.Names(header, member); len(parts) > 0 && (err != nil || !cmp.Equal(read, names)) {
		t.Fatalf("names %q, not %q, %v", read, names, err)
	}
	return header
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{}`, `{"channel_values":{"a":1,"b":[{}]}}`, `{"channel_values":"`, `{"channel_values":{"":"\\"} } `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, _, err := value.Split(raw, member); err != nil {
			return
		}
		if header := splitAndJoin(t, raw); json.Valid(raw) && !json.Valid(header) {
			t.Fatalf("header %s of %s", header, raw)
		}
	})
}

func TestWithout(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                        `{}`,
		`{"b":1}`:                   `{"b":1}`,
		` { "a" : {"a":1} } `:       ` {  } `,
		` { "b" : 1 , "a":2 } `:     ` { "b" : 1 } `,
		`{"a":1,"b" : 2}`:           `{"b" : 2}`,
		`{"b":2 , "a":[1,{"a":2}]}`: `{"b":2}`,
		`{"b":2,"\u0061":0,"c":3}`:  `{"b":2,"c":3}`,
		`{"a":1, "a":2}`:            `{}`,
		`{"a":1,"b":2,"a":3}`:       `{"b":2}`,
	} {
		got, err := value.Without([]byte(in), "a")
		if err != nil || string(got) != want {
			t.Errorf("%s becomes %s, not %s: %v", in, got, want, err)
		}
	}
	for _, in := range []string{``, `[]`, `{"a":1`, `{"a":1}x`} {
		if got, err := value.Without([]byte(in), "a"); err == nil {
			t.Errorf("%s becomes %s", in, got)
		}
	}
}
