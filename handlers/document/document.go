package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Object is the members of a JSON object, each with its bytes as they came.
type Object map[string]json.RawMessage

// Parse reads one JSON object. It refuses what another reader could understand
// differently, or could not hold: bytes that are not UTF-8, nesting that is too
// deep, a member that comes twice.
func Parse(body []byte, maxDepth int) (Object, error) {
	if err := CheckJSON("the body", body, maxDepth); err != nil {
		return nil, err
	}
	return Members(body)
}

// Members reads the members of valid JSON, which must be an object.
func Members(raw []byte) (Object, error) {
	s := scanner{raw: raw}
	s.space()
	if raw[s.at] != '{' {
		return nil, InvalidBody("it must be a JSON object", "send an object", nil)
	}
	doc := Object{}
	err := s.members(func(name string, value []byte) error {
		if _, twice := doc[name]; twice {
			return InvalidBody(fmt.Sprintf("the member %.80q comes twice", name), "send it once", nil)
		}
		doc[name] = value
		return nil
	})
	return doc, err
}

// Elements are those of valid JSON that is a list; nothing has none.
func Elements(raw []byte) [][]byte {
	var out [][]byte
	if len(raw) == 0 {
		return out
	}
	s := scanner{raw: raw, at: 1}
	for s.space(); s.raw[s.at] != ']'; s.space() {
		from := s.at
		s.skip()
		out = append(out, raw[from:s.at:s.at])
		if s.space(); s.raw[s.at] == ',' {
			s.at++
		}
	}
	return out
}

// What the state of an agent may hold below the names that are read here is its
// own affair: names that come twice, escapes of half a surrogate pair. It comes
// back as it was sent.
var anyNames, anyText = jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true) //nolint:gochecknoglobals // constants

// CheckJSON says whether raw is JSON that everybody reads alike. It is the only
// look at the whole of it.
func CheckJSON(what string, raw []byte, maxDepth int) error {
	if !utf8.Valid(raw) {
		return InvalidBody(what+" is not UTF-8", "encode it as UTF-8", nil)
	}
	if !jsontext.Value(raw).IsValid(anyNames, anyText) {
		return InvalidBody(what+" is not JSON: "+syntax(raw), "send valid JSON", nil)
	}
	if depth(raw) > maxDepth {
		return InvalidBody(fmt.Sprintf("%s nests deeper than %d", what, maxDepth), "send it flatter", nil)
	}
	return nil
}

// syntax says where JSON ends to be JSON.
func syntax(raw []byte) string {
	var v json.RawMessage
	err := json.Unmarshal(raw, &v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%s (byte %d)", e.Error(), e.Offset)
	}
	return "it cannot be read"
}

// depth is how deep valid JSON nests.
func depth(raw []byte) int {
	deepest, now := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i) - 1
		case '{', '[':
			if now++; now > deepest {
				deepest = now
			}
		case '}', ']':
			now--
		}
	}
	return deepest
}

// stringEnd is the offset after the string that begins at i. It looks for the
// quotes alone: most of a request is the inside of strings.
func stringEnd(raw []byte, i int) int {
	for from := i + 1; ; {
		n := bytes.IndexByte(raw[from:], '"')
		if n < 0 {
			return len(raw)
		}
		inside := raw[from : from+n]
		if escapes := len(inside) - len(bytes.TrimRight(inside, `\`)); escapes%2 == 0 {
			return from + n + 1
		}
		from += n + 1
	}
}

// scanner walks over JSON that is known to be valid.
type scanner struct {
	raw []byte
	at  int
}

func (s *scanner) space() {
	for s.at < len(s.raw) {
		switch s.raw[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// members tells each of the members of the object at hand.
func (s *scanner) members(each func(name string, value []byte) error) error {
	for s.at++; ; s.at++ {
		s.space()
		if s.raw[s.at] == '}' {
			return nil
		}
		end := stringEnd(s.raw, s.at)
		name, err := text(s.raw[s.at:end])
		if err != nil {
			return InvalidBody("a member's name cannot be read", "send plain names", err)
		}
		s.at = end
		s.space()
		s.at++ // the colon
		s.space()
		from := s.at
		s.skip()
		if err := each(name, s.raw[from:s.at:s.at]); err != nil {
			return err
		}
		if s.space(); s.raw[s.at] == '}' {
			return nil
		}
	}
}

// text is what encoding/json makes of a string. Nearly all say themselves.
func text(raw []byte) (s string, err error) {
	if n := len(raw) - 1; n > 0 && raw[0] == '"' && raw[n] == '"' && itself(raw[1:n]) {
		return string(raw[1:n]), nil
	}
	err = json.Unmarshal(raw, &s)
	return s, err
}

// itself says whether the inside of a string stands for itself.
func itself(inside []byte) bool {
	for _, c := range inside {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// skip goes past one value.
func (s *scanner) skip() {
	for open := 0; ; {
		switch s.raw[s.at] {
		case '"':
			s.at = stringEnd(s.raw, s.at)
		case '{', '[':
			open++
			s.at++
		case '}', ']':
			open--
			s.at++
		default:
			s.at++
		}
		if open == 0 && (s.at >= len(s.raw) || ends(s.raw[s.at])) {
			return
		}
	}
}

// ends says whether a value is over before c.
func ends(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}
