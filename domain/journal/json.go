package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// strictJSON refuses what another reader could understand differently: bytes
// that are not UTF-8, fields the format does not have, names that come twice or
// in another spelling, and trailing data.
func strictJSON(b []byte, into any) error {
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the record")
	}
	return checkNames(json.NewDecoder(bytes.NewReader(b)), true)
}

// checkNames reads one value and refuses an object with the same name twice
// and, where spelled is set, names in another spelling than this format's,
// which encoding/json would take. The data of an event has names of its own.
func checkNames(dec *json.Decoder, spelled bool) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		for dec.More() {
			if err := checkNames(dec, spelled); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		if err := checkMembers(dec, spelled); err != nil {
			return err
		}
	default:
		return nil
	}
	_, err = dec.Token() // what closes it
	return err
}

func checkMembers(dec *json.Decoder, spelled bool) error {
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("the name %.80q comes twice", name)
		}
		if spelled && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return fmt.Errorf("the name %.80q is spelled otherwise", name)
		}
		seen[name] = true
		if err := checkNames(dec, spelled && name != "data"); err != nil {
			return err
		}
	}
	return nil
}
