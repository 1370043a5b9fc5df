package schemas_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "add the sums of new golden files; those of old ones never change")

func TestEveryTypeHasASchemaAndGoldens(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, r := range rows() {
		want[r.folder+"/"+r.name+".json"] = true
		for _, kind := range []string{"minimal", "full"} {
			if _, err := os.Stat(filepath.Join(r.folder, "testdata", r.name+"."+kind+".json")); err != nil {
				t.Errorf("%s has no golden: %v", r.name, err)
			}
		}
	}
	for folder, files := range folders() {
		if folder == "journal" || folder == "inbox" || folder == "flows/schema" {
			continue
		}
		for _, name := range names(t, files, folder) {
			if key := folder + "/" + name; !want[key] {
				t.Errorf("%s is of no type", key)
			} else {
				delete(want, key)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("no schema: %v", slices.Sorted(maps.Keys(want)))
	}
}

func TestGoldensComeBack(t *testing.T) {
	t.Parallel()
	of := map[string]row{}
	for _, r := range rows() {
		of[r.folder+"/"+r.name] = r
	}
	for _, file := range goldens(t) {
		if strings.HasPrefix(file, "inbox/") {
			continue // documents of others, which no type of ours writes: see TestInbox
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			folder, name := filepath.Dir(filepath.Dir(file)), filepath.Base(file)
			parts := strings.Split(name, ".") // workflow.created.v1.full.json
			if len(parts) != 5 {
				t.Fatalf("%s is not <type>.v<n>.<name>.json", name)
			}
			r, ok := of[folder+"/"+strings.Join(parts[:3], ".")]
			if !ok {
				t.Fatalf("%s is of no type", file)
			}
			comesBack(t, r, file)
		})
	}
}

func comesBack(t *testing.T, r row, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	schema, golden := compile(t, r.url()), parse(t, raw)
	if err := schema.Validate(golden); err != nil {
		t.Fatalf("the golden: %v", err)
	}
	decoded, err := r.decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	again := parse(t, encode(t, r.name, decoded))
	if err := schema.Validate(again); err != nil {
		t.Fatalf("encoded again: %v", err)
	}
	if d := cmp.Diff(golden, again); d != "" {
		t.Errorf("encoded again it differs: %s", d)
	}
	object, ok := golden.(map[string]any)
	if !ok {
		t.Fatal("not an object")
	}
	object["a_field_nobody_knows"] = true
	if schema.Validate(object) == nil {
		t.Error("an unknown field is valid")
	}
}

func goldens(t *testing.T) []string {
	t.Helper()
	out, err := filepath.Glob("*/testdata/*.json")
	if err != nil || len(out) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	return out
}

const sums = "testdata/SHA256SUMS"

// A golden file is a promise: it is never edited or removed, only added.
func TestGoldensNeverChange(t *testing.T) {
	t.Parallel()
	now := map[string][]byte{}
	for _, file := range goldens(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		now[file] = raw
	}
	promised(t, sums, now)
}

// promised holds files against the sums that were recorded of them, and with -update
// records those of new ones.
func promised(t *testing.T, sums string, now map[string][]byte) {
	t.Helper()
	known := readSums(t, sums)
	var added []string
	for _, file := range slices.Sorted(maps.Keys(now)) {
		sum := sha256.Sum256(now[file])
		got, want := hex.EncodeToString(sum[:]), known[file]
		switch {
		case want == "" && *update:
			added = append(added, got+"  "+file)
		case want == "":
			t.Errorf("%s is new: run go test ./schemas -update", file)
		case want != got:
			t.Errorf("%s was edited: add another file instead", file)
		}
		delete(known, file)
	}
	for file := range known {
		t.Errorf("%s was removed", file)
	}
	appendSums(t, sums, added)
}

func readSums(t *testing.T, sums string) map[string]string {
	t.Helper()
	out := map[string]string{}
	f, err := os.Open(sums)
	if err != nil {
		if *update && os.IsNotExist(err) {
			return out
		}
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		sum, file, _ := strings.Cut(scan.Text(), "  ")
		out[file] = sum
	}
	return out
}

func appendSums(t *testing.T, sums string, lines []string) {
	t.Helper()
	if len(lines) == 0 {
		return
	}
	f, err := os.OpenFile(sums, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
}
