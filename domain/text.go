package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckSize is the refusal of a field above its limit, in bytes, or nil.
func CheckSize(field string, got, most int) error {
	if got <= most {
		return nil
	}
	return &Error{
		Code: CodeTooLarge, Field: field,
		Message: fmt.Sprintf("%s has %d bytes; the limit is %d", field, got, most), Fix: "send less",
	}
}

// CheckText refuses a field that is too long, or that could not come back as it
// was sent: a column of text holds neither U+0000 nor bytes that are not UTF-8.
func CheckText(field, s string, most int) error {
	if err := CheckSize(field, len(s), most); err != nil {
		return err
	}
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return InvalidField(field, field+" holds U+0000 or is not UTF-8", "send text")
	}
	return nil
}

// CleanText is s made fit for a column of text, at most that many bytes, cut
// between characters. It is for what machines report: refusing that would lose
// the fact with its wording.
func CleanText(s string, most int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// AppendText appends a JSON string as encoding/json writes it without escaping
// for HTML: plain text goes as it is, which is nearly always.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string cannot fail
		return append(b, `""`...)
	}
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}
