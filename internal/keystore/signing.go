package keystore

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
)

// SigningOverlap is how long a key is believed after another took its place. What
// it signed MUST not live longer.
const SigningOverlap = 2 * time.Hour

// SigningKey signs the tokens of runs. The nodes of a deployment share it.
type SigningKey struct {
	// ID is what signatures and the published set call the key.
	ID string `json:"id"`
	// Seed is that of an Ed25519 key.
	Seed      []byte    `json:"seed"`
	CreatedAt time.Time `json:"created_at"`
	// Alone says that the keys before it are not believed from then on.
	Alone bool `json:"alone,omitempty"`
}

// Private is the key that signs; its Public half checks.
func (k SigningKey) Private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Seed) }

// SigningKey is the newest key: the one that signs. Where there is none it makes one.
func (s *Store) SigningKey(ctx context.Context) (SigningKey, error) {
	if keys, err := s.SigningKeys(); err != nil || len(keys) > 0 {
		return first(keys), err
	}
	var out SigningKey
	err := s.locked(ctx, func() error {
		if keys := s.believed(s.now()); len(keys) > 0 {
			out = keys[0]
			return nil
		}
		out = s.newSigningKey(false)
		return s.append(line{Signing: &out})
	})
	return out, err
}

// RotateSigningKey makes another key sign. The ones before it are believed for
// SigningOverlap, or no longer if it shall stand alone: then every run needs a new
// token, which only a new run gets.
func (s *Store) RotateSigningKey(ctx context.Context, alone bool) (SigningKey, error) {
	var out SigningKey
	err := s.locked(ctx, func() error {
		out = s.newSigningKey(alone)
		return s.append(line{Signing: &out})
	})
	return out, err
}

// SigningKeys are those that are believed, as all nodes together know them, the
// newest first.
func (s *Store) SigningKeys() ([]SigningKey, error) {
	now := s.now()
	if err := s.look(now, true); err != nil {
		return nil, err
	}
	return s.believed(now), nil
}

// FindSigningKey is one of the keys that are believed. One that another node made
// just now is found as well.
func (s *Store) FindSigningKey(id string) (SigningKey, bool, error) {
	now := s.now()
	named := func(k SigningKey) bool { return k.ID == id }
	known := slices.ContainsFunc(s.believed(now), named)
	if err := s.look(now, known); err != nil {
		return SigningKey{}, false, err
	}
	keys := s.believed(now)
	if i := slices.IndexFunc(keys, named); i >= 0 {
		return keys[i], true, nil
	}
	return SigningKey{}, false, nil
}

// believed walks back from the newest key: the age of its successor says whether a
// key still counts.
func (s *Store) believed(now time.Time) []SigningKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []SigningKey
	for i, k := range slices.Backward(s.index.signing) {
		if i+1 < len(s.index.signing) {
			if next := s.index.signing[i+1]; next.Alone || now.Sub(next.CreatedAt) > SigningOverlap {
				break
			}
		}
		out = append(out, k)
	}
	return out
}

func (s *Store) newSigningKey(alone bool) SigningKey {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails: crypto/rand ends the process instead
	return SigningKey{ID: "duolog-" + uuid.NewString(), Seed: seed, CreatedAt: s.stamp(), Alone: alone}
}

func (x *index) addSigning(k SigningKey) error {
	if k.ID == "" || len(k.Seed) != ed25519.SeedSize {
		return errors.New("a signing key of the keystore has no id, or no seed of 32 bytes")
	}
	x.signing = append(x.signing, k)
	return nil
}

func first(keys []SigningKey) SigningKey {
	if len(keys) == 0 {
		return SigningKey{}
	}
	return keys[0]
}
