package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain"
)

// placeholder stands in a template where a value was: the header stays JSON.
const placeholder = '0'

// Part is one value taken out of a document.
type Part struct {
	// Name is the member's name, decoded.
	Name string
	// Raw are the bytes of its value, without the space around it.
	Raw []byte
}

// Split takes the values of the object that is raw's member out of raw, which
// is a JSON object. The header is raw with a 0 in place of each; it is raw
// itself where the member is absent or not an object. A name that comes twice
// is refused: only one of the two could be asked for.
func Split(raw []byte, member string) (header []byte, parts []Part, err error) {
	fields, err := innerFields(raw, member)
	if err != nil || len(fields) == 0 {
		return raw, nil, err
	}
	parts = make([]Part, len(fields))
	header = make([]byte, 0, len(raw))
	at := 0
	for i, f := range fields {
		parts[i] = Part{Name: f.name, Raw: raw[f.from:f.to]}
		header = append(append(header, raw[at:f.from]...), placeholder)
		at = f.to
	}
	return append(header, raw[at:]...), parts, nil
}

// JoinTemplate gives back the bytes that Split took apart. It asks value for
// each name, in order.
func JoinTemplate(header []byte, member string, value func(name string) ([]byte, error)) ([]byte, error) {
	fields, err := innerFields(header, member)
	if err != nil {
		return nil, err
	}
	var out []byte
	at := 0
	for _, f := range fields {
		if string(header[f.from:f.to]) != string(placeholder) {
			return nil, fmt.Errorf("join template: %s.%s is not a placeholder", member, f.name)
		}
		b, err := value(f.name)
		if err != nil {
			return nil, fmt.Errorf("join template: %s.%s: %w", member, f.name, err)
		}
		out = append(append(out, header[at:f.from]...), b...)
		at = f.to
	}
	return append(out, header[at:]...), nil
}

// Names are those of the values that Split took out, in order.
func Names(header []byte, member string) ([]string, error) {
	fields, err := innerFields(header, member)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out, err
}

// Without is raw, a JSON object, without a member. Names and values of the others
// keep their bytes.
func Without(raw []byte, member string) ([]byte, error) {
	fields, end, err := fieldsOf(raw, 0)
	if err != nil || skipSpace(raw, end) != len(raw) {
		return nil, invalid(member, "the document is not a JSON object", err)
	}
	var kept [][]byte
	for _, f := range fields {
		if f.name != member {
			kept = append(kept, raw[f.name0:f.to])
		}
	}
	if len(kept) == len(fields) {
		return raw, nil
	}
	last := fields[len(fields)-1].to
	return slices.Concat(raw[:fields[0].name0], bytes.Join(kept, []byte(",")), raw[last:]), nil
}

// field is a member of an object; its name begins at name0, and its value is the
// bytes from:to.
type field struct {
	name            string
	name0, from, to int
}

// innerFields are the members of the object that is raw's member.
func innerFields(raw []byte, member string) ([]field, error) {
	outer, end, err := fieldsOf(raw, 0)
	if err == nil && skipSpace(raw, end) != len(raw) {
		err = errors.New("bytes after the object")
	}
	if err != nil {
		return nil, invalid(member, "the document is not a JSON object", err)
	}
	var inner []field
	found := false
	for _, f := range outer {
		if f.name != member {
			continue
		}
		if found {
			return nil, invalid(member, "the member comes twice", nil)
		}
		found = true
		if raw[f.from] != '{' {
			continue
		}
		if inner, _, err = fieldsOf(raw[:f.to], f.from); err != nil {
			return nil, invalid(member, "the member is not a JSON object", err)
		}
	}
	return inner, unique(inner, member)
}

func unique(fields []field, member string) error {
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		if seen[f.name] {
			return invalid(member, fmt.Sprintf("the name %.80q comes twice", f.name), nil)
		}
		seen[f.name] = true
	}
	return nil
}

func invalid(member, message string, err error) error {
	refused := domain.InvalidField(member, message, "send one JSON object in which each name comes once")
	refused.Err = err
	return refused
}

// fieldsOf reads the members of the object at offset i and gives the offset
// after it. Values are not looked into.
func fieldsOf(raw []byte, i int) ([]field, int, error) {
	i = skipSpace(raw, i)
	if !has(raw, i, '{') {
		return nil, i, fmt.Errorf("no { at byte %d", i)
	}
	if i = skipSpace(raw, i+1); has(raw, i, '}') {
		return nil, i + 1, nil
	}
	var out []field
	for {
		f, err := fieldAt(raw, i)
		if err != nil {
			return nil, i, err
		}
		out = append(out, f)
		switch i = skipSpace(raw, f.to); {
		case has(raw, i, '}'):
			return out, i + 1, nil
		case !has(raw, i, ','):
			return nil, i, fmt.Errorf("neither , nor } at byte %d", i)
		}
		i = skipSpace(raw, i+1)
	}
}

func fieldAt(raw []byte, i int) (field, error) {
	if !has(raw, i, '"') {
		return field{}, fmt.Errorf("no name at byte %d", i)
	}
	end := stringEnd(raw, i)
	f := field{name0: i}
	if err := json.Unmarshal(raw[i:end], &f.name); err != nil {
		return field{}, fmt.Errorf("name at byte %d: %w", i, err)
	}
	colon := skipSpace(raw, end)
	if !has(raw, colon, ':') {
		return field{}, fmt.Errorf("no : at byte %d", colon)
	}
	f.from = skipSpace(raw, colon+1)
	if f.to = valueEnd(raw, f.from); f.to == f.from {
		return field{}, fmt.Errorf("no value at byte %d", f.from)
	}
	return f, nil
}

func has(raw []byte, i int, c byte) bool { return i < len(raw) && raw[i] == c }
