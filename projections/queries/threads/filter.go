package threads

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Filter is what metadata must say: each member equal to that of its name.
type Filter map[string]any

// NewFilter reads a filter, a JSON object.
func NewFilter(raw []byte) (Filter, error) {
	var f Filter
	return f, decode(raw, &f)
}

func (f Filter) matches(metadata []byte) bool {
	if len(f) == 0 {
		return true
	}
	var m map[string]any
	if decode(metadata, &m) != nil {
		return false
	}
	for name, want := range f {
		got, ok := m[name]
		if !ok || !equal(want, got) {
			return false
		}
	}
	return true
}

func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(into)
}

// equal compares JSON values: objects whatever the order of their members, numbers
// by what they are worth.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && len(a) == len(b) && equalMembers(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && worth(a) == worth(b)
	}
	return a == b
}

func equalMembers(a, b map[string]any) bool {
	for name := range a {
		other, ok := b[name]
		if !ok || !equal(a[name], other) {
			return false
		}
	}
	return true
}

// number is a decimal one: 0.digits × 10^exponent.
type number struct {
	negative bool
	digits   string
	exponent int64
	// raw is set where the exponent is past all reason.
	raw string
}

// worth makes equal numbers the same, however they are written, and keeps all their
// digits: 1, 1.0 and 10e-1 are, 9007199254740993 and 9007199254740992 are not.
func worth(n json.Number) number {
	mantissa, power, _ := strings.Cut(strings.ToLower(string(n)), "e")
	out := number{negative: strings.HasPrefix(mantissa, "-")}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	if power != "" {
		exponent, err := strconv.ParseInt(power, 10, 32)
		if err != nil {
			return number{raw: string(n)}
		}
		out.exponent = exponent
	}
	digits := whole + fraction
	significant := strings.TrimLeft(digits, "0")
	out.exponent += int64(len(whole) - (len(digits) - len(significant)))
	if out.digits = strings.TrimRight(significant, "0"); out.digits == "" {
		return number{}
	}
	return out
}
