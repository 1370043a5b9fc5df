package keystore_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/keystore"
)

func ids(t *testing.T, s *keystore.Store) []string {
	t.Helper()
	keys, err := s.SigningKeys()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range keys {
		out = append(out, k.ID)
	}
	return out
}

func rotate(t *testing.T, s *keystore.Store, alone bool) string {
	t.Helper()
	k, err := s.RotateSigningKey(t.Context(), alone)
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
}

// TestSigningKeysAreExchanged: all nodes sign with one key, another takes its place at
// once, and the one before it is believed as long as what it signed may live.
func TestSigningKeysAreExchanged(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	a, b := open(t, p, c), open(t, p, c)
	var first, same keystore.SigningKey
	var asked sync.WaitGroup
	asked.Go(func() { first, _ = a.SigningKey(t.Context()) })
	asked.Go(func() { same, _ = b.SigningKey(t.Context()) })
	asked.Wait()
	if first.ID == "" || first.ID != same.ID || !slices.Equal(first.Seed, same.Seed) {
		t.Fatalf("two nodes sign with %s and %s", first.ID, same.ID)
	}
	second := rotate(t, a, false)
	if k, ok, err := b.FindSigningKey(second); err != nil || !ok || k.ID != second {
		t.Errorf("another node does not know the new key: %v", err)
	}
	for _, s := range []*keystore.Store{a, b, open(t, p, c)} {
		if got := ids(t, s); !slices.Equal(got, []string{second, first.ID}) {
			t.Errorf("believed are %v", got)
		}
	}
	c.Add(keystore.SigningOverlap + time.Second)
	if got := ids(t, b); !slices.Equal(got, []string{second}) {
		t.Errorf("after the overlap %v", got)
	}
	third := rotate(t, b, true)
	if got := ids(t, a); !slices.Equal(got, []string{third}) {
		t.Errorf("beside one that stands alone %v", got)
	}
	fourth := rotate(t, b, false)
	if got := ids(t, a); !slices.Equal(got, []string{fourth, third}) {
		t.Errorf("after it %v", got)
	}
}

// TestLinesOfEarlierVersions: what was written for runs is passed over, and goes when
// the file is written anew; keys stay.
func TestLinesOfEarlierVersions(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	old := `{"add":{"id":"0198c2a4-0000-7000-8000-000000000000","kind":"run","tenant":"acme","user":"mia","workflow":"0198c2a4-0000-7000-8000-000000000001","run":"0198c2a4-0000-7000-8000-000000000002","epoch":1,"created_at":"2026-03-01T10:00:00Z","expires_at":"2026-03-02T10:00:00Z","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}` + "\n"
	if err := os.WriteFile(p, []byte(strings.Repeat(old, 1101)), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(read(t, p))
	s := open(t, p, c)
	wantCount(t, s, 0)
	key, err := s.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mine := add(t, s, user())
	again := open(t, p, c)
	wantKnown(t, again, mine)
	if got := ids(t, again); !slices.Equal(got, []string{key.ID}) {
		t.Errorf("the keys are %v", got)
	}
	if now := len(read(t, p)); now > before/10 {
		t.Errorf("the lines are still there: %d bytes of %d", now, before)
	}
}
