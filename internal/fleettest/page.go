package fleettest

import (
	"strings"
	"testing"
)

// Blocks are the code blocks of a page that are marked as info says, such as sh: what
// tests run of the documentation.
func Blocks(tb testing.TB, page, info string) []string {
	tb.Helper()
	var out []string
	for _, block := range strings.Split(page, "```"+info+"\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		out = append(out, block)
	}
	if len(out) == 0 {
		tb.Fatalf("the page has no block of %s", info)
	}
	return out
}
