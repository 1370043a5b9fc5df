package keystore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// keyBytes is how long a key is.
const keyBytes = 32

// key is a secret that the nodes share among themselves. Unlike a token's, its text
// is in the file: who may read the file may be a node.
type key struct {
	Purpose string `json:"purpose"`
	Secret  string `json:"secret"`
}

// Key is the secret of a purpose, the same on every node: the first one that asks
// makes it.
func (s *Store) Key(ctx context.Context, purpose string) ([]byte, error) {
	var k key
	err := s.locked(ctx, func() error {
		var there bool
		if k, there = s.key(purpose); there {
			return nil
		}
		var secret [keyBytes]byte
		_, _ = rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
		k = key{Purpose: purpose, Secret: base64.RawStdEncoding.EncodeToString(secret[:])}
		return s.append(line{Key: &k})
	})
	if err != nil {
		return nil, err
	}
	return k.decode()
}

func (s *Store) key(purpose string) (key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.index.keys[purpose]
	return k, ok
}

// keyLines are the lines of all keys: none is ever dropped.
func (s *Store) keyLines() []line {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]line, 0, len(s.index.keys))
	for _, k := range s.index.keys {
		out = append(out, line{Key: &k})
	}
	slices.SortFunc(out, func(a, b line) int { return strings.Compare(a.Key.Purpose, b.Key.Purpose) })
	for _, k := range s.index.signing {
		out = append(out, line{Signing: &k})
	}
	return out
}

func (x *index) addKey(k key) error {
	if _, err := k.decode(); err != nil {
		return err
	}
	x.keys[k.Purpose] = k
	return nil
}

func (k key) decode() ([]byte, error) {
	secret, err := base64.RawStdEncoding.DecodeString(k.Secret)
	if err != nil || len(secret) != keyBytes || k.Purpose == "" {
		return nil, fmt.Errorf("the key %.40q of the keystore is not %d bytes in base64", k.Purpose, keyBytes)
	}
	return secret, nil
}
