package ci

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader turns what YAML gives into values and keeps the first error.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = wrong(format, args...)
	}
}

// when refuses what is not known of when.
func (r *reader) when(at, value string, known ...string) {
	if value != "" && !slices.Contains(known, value) {
		r.fail("%s: when: %s is not known to this GitLab", at, value)
	}
}

// text is a scalar as GitLab would give it to a shell.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// list reads one string, or a list of them, nested as anchors make it.
func (r *reader) list(at string, v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, item := range v {
			out = append(out, r.list(at, item)...)
		}
		return out
	case map[string]any:
		r.fail("%s config should be a string or a nested array of strings", at)
		return nil
	default:
		return []string{text(v)}
	}
}

// named reads a string, or a hash that has it under a key.
func (*reader) named(key string, v any) string {
	if hash, ok := v.(map[string]any); ok {
		return text(hash[key])
	}
	return text(v)
}

func (r *reader) variables(at string, v any) []Variable {
	if v == nil {
		return nil
	}
	hash, ok := v.(map[string]any)
	if !ok {
		r.fail("%s config should be a hash of key value pairs", at)
		return nil
	}
	out := make([]Variable, 0, len(hash))
	for _, key := range slices.Sorted(maps.Keys(hash)) {
		one := Variable{Key: key, Value: r.named("value", hash[key])}
		if more, ok := hash[key].(map[string]any); ok {
			expand, given := more["expand"].(bool)
			one.Raw = given && !expand
		}
		out = append(out, one)
	}
	return out
}

// duration reads 90, "2h", "1h 30m", "30 minutes", "1 hour 5 seconds".
func (r *reader) duration(at string, v any) time.Duration {
	if v == nil {
		return DefaultTimeout
	}
	said := text(v)
	rest, total := strings.TrimSpace(said), time.Duration(0)
	for rest != "" {
		digits := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
		if digits < 0 {
			digits = len(rest)
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil {
			break
		}
		rest = strings.TrimSpace(rest[digits:])
		end := strings.IndexFunc(rest, func(c rune) bool { return c < 'a' || c > 'z' })
		if end < 0 {
			end = len(rest)
		}
		unit, ok := unit(rest[:end])
		if !ok {
			break
		}
		total += time.Duration(n) * unit
		rest = strings.TrimSpace(rest[end:])
	}
	if rest != "" || total <= 0 {
		r.fail("%s config should be a duration", at)
		return DefaultTimeout
	}
	return total
}

func unit(name string) (time.Duration, bool) {
	switch strings.TrimSuffix(name, "s") {
	case "", "sec", "second":
		return time.Second, true
	case "m", "min", "minute":
		return time.Minute, true
	case "h", "hr", "hour":
		return time.Hour, true
	case "d", "day":
		return 24 * time.Hour, true
	}
	return 0, false
}
