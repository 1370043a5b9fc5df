package plain

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/duolog/duolog/domain"
)

// MaxDepth bounds how deep what is shown nests.
const MaxDepth = 128

// How much longer a value may become.
const (
	growth = 8
	room   = 1 << 10
)

// JSON shows a value.
func JSON(typ string, raw []byte) []byte {
	switch {
	case strings.Contains(typ, "+"):
	case typ == "null" && len(raw) == 0:
		return []byte("null")
	case typ == "json" && isJSON(raw):
		return bytes.TrimSpace(raw)
	case typ == "msgpack":
		d := decoder{raw: raw, most: growth*len(raw) + room}
		if out, err := d.whole(); err == nil {
			return out
		}
	}
	return opaque(nil, typ, raw)
}

func isJSON(raw []byte) bool {
	if !utf8.Valid(raw) {
		return false
	}
	any := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	return jsontext.Value(raw).IsValid(any...) && depth(raw) <= MaxDepth
}

// depth is how deep valid JSON nests.
func depth(raw []byte) int {
	deepest, now, inText := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// opaque appends a type and its bytes.
func opaque(out []byte, typ string, raw []byte) []byte {
	out = domain.AppendText(append(out, `{"type":`...), typ)
	out = base64.StdEncoding.AppendEncode(append(out, `,"base64":"`...), raw)
	return append(out, `"}`...)
}

// Why MessagePack is not shown as JSON.
var (
	errShort = errors.New("it ends early")
	errDeep  = fmt.Errorf("it nests deeper than %d", MaxDepth)
	errLong  = errors.New("it becomes too long")
	errRest  = errors.New("there are bytes after it")
	errByte  = errors.New("0xc1 begins nothing")
	errShape = errors.New("an extension has another shape")
)
