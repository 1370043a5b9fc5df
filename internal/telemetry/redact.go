package telemetry

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const redacted = "[redacted]"

// Redact is a slog.HandlerOptions.ReplaceAttr. It takes out what is named like
// a secret, alone or in a group of such a name, and what carries secrets by its
// type: headers, URLs with passwords. Types that hide themselves stay hidden.
func Redact(groups []string, a slog.Attr) slog.Attr {
	if isSecret(a.Key) || slices.ContainsFunc(groups, isSecret) {
		return slog.String(a.Key, redacted)
	}
	switch v := a.Value.Any().(type) {
	case http.Header:
		return slog.Any(a.Key, redactHeader(v))
	case *http.Request:
		return slog.String(a.Key, v.Method+" "+v.URL.Path)
	case *url.URL:
		return slog.String(a.Key, v.Redacted())
	case map[string]string:
		return slog.Any(a.Key, redactMap(v))
	case map[string]any:
		return slog.Any(a.Key, redactMap(v))
	}
	return a
}

// secretNames are the last words of names whose values are secrets: token,
// run_token and X-Run-Token alike. Counts of tokens are not.
func secretNames() []string {
	return []string{"token", "authorization", "cookie", "secret", "password", "passphrase", "api_key", "apikey", "private_key"}
}

func isSecret(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	return slices.ContainsFunc(secretNames(), func(word string) bool {
		return name == word || strings.HasSuffix(name, "_"+word)
	})
}

func redactHeader(h http.Header) http.Header {
	out := h.Clone()
	for name := range out {
		if isSecret(name) {
			out[name] = []string{redacted}
		}
	}
	return out
}

func redactMap[V any](m map[string]V) map[string]any {
	out := make(map[string]any, len(m))
	for name, value := range m {
		if out[name] = value; isSecret(name) {
			out[name] = redacted
		}
	}
	return out
}
