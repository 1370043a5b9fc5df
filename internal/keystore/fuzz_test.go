package keystore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/fuzztest"
	"github.com/duolog/duolog/internal/keystore"
)

// FuzzLines: a file of any content is opened or said to be damaged; one that is
// opened takes a token, which works after it is opened again.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"add":{"id":"0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a","kind":"user","tenant":"acme","user":"mia","created_at":"2026-11-21T10:00:00Z","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}` + "\n" + `{"revoke":"0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a","at":"2026-11-21T10:00:00Z"}` + "\n"))
	f.Add([]byte(`{"add":{"sha256":"zz"}}` + "\n"))
	f.Add([]byte(`{"revoke":"0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a"}` + "\n{"))
	path := filepath.Join(f.TempDir(), "keystore.jsonl")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var s *keystore.Store
		var err error
		fuzztest.Bounded(t, len(content), func() { s, err = keystore.Open(path, time.Now) })
		if err != nil {
			if _, ok := err.(*domain.Error); !ok { //nolint:errorlint // the shape is the point
				t.Errorf("%T is no refusal: %v", err, err)
			}
			return
		}
		secret, err := s.Add(t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: "mia"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = keystore.Open(path, time.Now); err != nil {
			t.Fatalf("it cannot be opened again: %v", err)
		}
		defer func() { _ = s.Close() }()
		if found, err := s.Lookup(t.Context(), secret); err != nil || found.User != "mia" {
			t.Errorf("the token is %v: %v", found, err)
		}
	})
}
