package fleettest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named is how the code names a point where a test may kill it.
var named = regexp.MustCompile(`\.(?:P|p)oint\("([^"]+)"\)`)

// Points are the named points of the code below root, in order.
func Points(tb testing.TB, root string) []string {
	tb.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			found = append(found, m[1])
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
