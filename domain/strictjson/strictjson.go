// Package strictjson reads the JSON of the log, once over the bytes. It refuses
// what another reader could understand differently: bytes that are not UTF-8,
// fields the format does not have, names that come twice or in another spelling,
// trailing data.
//
// Its errors are in words of its own: those of the decoder vary from one process
// to the next, and why a record was ignored is kept in the read models, which
// every process must derive alike.
package strictjson

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal reads one JSON value.
func Unmarshal(b []byte, into any) error {
	return explain(json.Unmarshal(b, into, json.RejectUnknownMembers(true)))
}

// UnmarshalDecode reads the next value of a decoder, for types that are part of
// something.
func UnmarshalDecode(d *jsontext.Decoder, into any) error {
	return explain(json.UnmarshalDecode(d, into, json.RejectUnknownMembers(true)))
}

func explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(e, jsontext.ErrDuplicateName) {
			return fmt.Errorf("the name %.80q comes twice%s", e.JSONPointer.LastToken(), in(e.JSONPointer.Parent()))
		}
		return fmt.Errorf("%w%s, at byte %d", e.Err, in(e.JSONPointer), e.ByteOffset)
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	switch {
	case !ok:
		return err
	case errors.Is(e, json.ErrUnknownName):
		return fmt.Errorf("unknown field %.80q%s", e.JSONPointer.LastToken(), in(e.JSONPointer.Parent()))
	case e.Err != nil:
		return fmt.Errorf("%w%s", e.Err, in(e.JSONPointer))
	}
	return fmt.Errorf("a value of another kind must stand there%s", in(e.JSONPointer))
}

func in(p jsontext.Pointer) string {
	if p == "" {
		return ""
	}
	return fmt.Sprintf(" in %.80q", string(p))
}
