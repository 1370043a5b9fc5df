package values

import (
	"bytes"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
)

// Body is one document as it came.
type Body struct {
	// Head is the JSON, not looked at yet.
	Head []byte
	tail []byte
}

// Split finds head and tail. A body without a line's end is a head alone.
func Split(body []byte) Body {
	head, tail, _ := bytes.Cut(body, []byte{'\n'})
	return Body{head, tail}
}

// Value is a type and the bytes that belong to it, which alias the body.
type Value struct {
	Type string
	Raw  []byte
}

// MaxType bounds the name of a type, in bytes.
const MaxType = 64

// Value reads the value that stands in the head. Field is how refusals name it.
func (b Body) Value(field string, raw []byte) (Value, error) {
	doc, err := document.Members(raw)
	if err != nil {
		return Value{}, document.InField(field, err)
	}
	f := &document.Fields{Doc: doc}
	v := Value{Type: f.Text("type")}
	if f.Err != nil {
		return v, document.Inside(field, f.Err)
	}
	if v.Type == "" {
		return v, domain.InvalidField(field+".type", "a value has a type", "send the type that your serialiser gave the bytes")
	}
	if err := domain.CheckText(field+".type", v.Type, MaxType); err != nil {
		return v, err
	}
	v.Raw, err = b.Span(field, f)
	return v, err
}

// Span is the bytes of the tail that the members at and size name.
func (b Body) Span(field string, f *document.Fields) ([]byte, error) {
	at, size := f.Integer("at", 0), f.Integer("size", 0)
	if f.Err != nil {
		return nil, document.Inside(field, f.Err)
	}
	if !f.Has("at") || !f.Has("size") {
		return nil, domain.InvalidField(field, "it does not say where its bytes are", "send at and size, counted in the bytes after the first line")
	}
	if at > len(b.tail) || size > len(b.tail)-at {
		return nil, domain.InvalidField(field, fmt.Sprintf("bytes %d to %d are not among the %d that follow the line", at, at+size, len(b.tail)),
			"send all bytes after the first line, and count from its end")
	}
	return b.tail[at : at+size : at+size], nil
}
