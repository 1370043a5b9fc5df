package keystore_test

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/keystore"
)

// TestKeyIsOneForAllNodes: whoever asks first makes it, however many ask at once, and
// it stays when the file is written anew.
func TestKeyIsOneForAllNodes(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	stores := []*keystore.Store{open(t, p, c), open(t, p, c), open(t, p, c)}
	keys := make([][]byte, len(stores))
	var asked sync.WaitGroup
	for i, s := range stores {
		asked.Go(func() {
			var err error
			if keys[i], err = s.Key(t.Context(), "commands"); err != nil {
				t.Error(err)
			}
		})
	}
	asked.Wait()
	for range 3000 {
		add(t, stores[0], until(c.Now().Add(time.Minute)))
	}
	c.Add(48 * time.Hour)
	size := len(read(t, p))
	again := open(t, p, c) // sweeps the tokens that have expired
	if now := len(read(t, p)); now > size/2 {
		t.Fatalf("the file was not written anew: %d bytes of %d", now, size)
	}
	for i, s := range append(stores, again) {
		k, err := s.Key(t.Context(), "commands")
		if err != nil || len(k) != 32 || !bytes.Equal(k, keys[0]) || i < len(keys) && !bytes.Equal(keys[i], keys[0]) {
			t.Errorf("store %d has another key: %v", i, err)
		}
	}
	other, err := again.Key(t.Context(), "something else")
	if err != nil || bytes.Equal(other, keys[0]) {
		t.Errorf("the key of another purpose is the same: %v", err)
	}
}

// TestDamagedKey: nothing is let in while a key cannot be read.
func TestDamagedKey(t *testing.T) {
	t.Parallel()
	p := path(t)
	if err := os.WriteFile(p, []byte(`{"key":{"purpose":"commands","secret":"c2hvcnQ"}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keystore.Open(p, newClock().Now); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("opened with %v", err)
	}
}

func read(t *testing.T, p string) []byte {
	t.Helper()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
