package fleettest

import (
	"os"
	"path/filepath"
	"testing"
)

// Read is the content of a file.
func Read(tb testing.TB, path ...string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// Write makes a file and is its path.
func Write(tb testing.TB, content string, path ...string) string {
	tb.Helper()
	name := filepath.Join(path...)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// ReadOr is a file that may not be there.
func ReadOr(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}
