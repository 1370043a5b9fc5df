package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// command runs the program in the process.
func command(t *testing.T, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	a := app{out: &out, err: &complaints, getenv: func(string) string { return "" }, now: time.Now}
	if code := run(t.Context(), args, a); code != 0 {
		t.Fatalf("duolog %v: exit code %d\n%s", args, code, complaints.String())
	}
	return out.String()
}

func offered(t *testing.T, words ...string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(command(t, append([]string{"complete", "--"}, words...)...)) {
		word, _, _ := strings.Cut(line, "\t")
		out = append(out, word)
	}
	return out
}

// TestComplete: what is offered follows the grammar: commands, then flags, then the
// values of a flag.
func TestComplete(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"one.yaml", "other.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "older"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		words, want []string
	}{
		"a command":                {[]string{"proj"}, []string{"projection"}},
		"a command of another":     {[]string{"projection", ""}, []string{"status", "rebuild", "drop", "verify"}},
		"hidden ones are not told": {[]string{"engine"}, nil},
		"a flag":                   {[]string{"journal", "tail", "--fr"}, []string{"--from"}},
		"a flag behind a value":    {[]string{"journal", "tail", "--stream", "--json", "--fo"}, []string{"--follow"}},
		"a flag behind a short":    {[]string{"journal", "tail", "-n", "tail", "-f", "--fo"}, []string{"--follow"}},
		"a flag behind a switch":   {[]string{"journal", "tail", "--json", "--fo"}, []string{"--follow"}},
		"no value is known":        {[]string{"journal", "tail", "--stream", ""}, nil},
		"values of a flag":         {[]string{"serve", "--log-level", ""}, []string{"debug", "info", "warn", "error"}},
		"values of an argument":    {[]string{"completion", "b"}, []string{"bash"}},
		"nothing behind it":        {[]string{"completion", "bash", ""}, nil},
		"a file":                   {[]string{"doctor", "--config", dir + "/o"}, []string{dir + "/older/", dir + "/one.yaml", dir + "/other.yaml"}},
		"a directory":              {[]string{"doctor", "--state-dir", dir + "/o"}, []string{dir + "/older/"}},
		"no such directory":        {[]string{"doctor", "--config", dir + "/none/o"}, nil},
	} {
		if got := offered(t, c.words...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v offers %v, want %v", name, c.words, got, c.want)
		}
	}
	if got := offered(t); !slices.Contains(got, "doctor") {
		t.Errorf("without a word %v is offered", got)
	}
}
