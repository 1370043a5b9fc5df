package domain_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
)

func TestCheckText(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]domain.Code{
		"":                      "",
		"héllo\n\t\x01":         "",
		strings.Repeat("x", 16): "",
		strings.Repeat("é", 9):  domain.CodeTooLarge,
		"a\x00b":                domain.CodeInvalidField,
		"a\xffb":                domain.CodeInvalidField,
		"\x00" + big(16):        domain.CodeTooLarge,
		"\xed\xa0\x80 surro":    domain.CodeInvalidField,
	} {
		err := domain.CheckText("title", s, 16)
		if got := domain.CodeOf(err); err != nil && got != want || err == nil && want != "" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func big(n int) string { return strings.Repeat("x", n) }

func TestCleanText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, most := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s")), rapid.IntRange(0, 20).Draw(t, "most")
		got := domain.CleanText(s, most)
		if err := domain.CheckText("x", got, most); err != nil || !utf8.ValidString(got) {
			t.Fatalf("%q: %v", got, err)
		}
		if domain.CheckText("x", s, most) == nil && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
